"""`preflight prepare`: repair, prove, digest; sources are never touched."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.check import judge
from pipeline.cli.options import OUTPUT, Drawn, Judged, Options, Repairs, overwriting
from pipeline.model.facts import Text


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(Judged, Repairs, Drawn):
    """Of `preflight prepare`."""

    out: str
    overwrite: str
    dry_run: bool


def declare(parser: Parser) -> type[PrepareOptions]:
    """Add the arguments; they become what is returned."""
    Judged.declare(parser)
    Repairs.declare(parser)
    Drawn.declare(parser)
    parser.group(OUTPUT).add_argument(
        "-o", "--out", required=True, metavar="OUT", help=Text("output folder, or its address", "输出目录，或其网址")
    )
    overwriting(parser)
    parser.group(OUTPUT).add_argument("--dry-run", action="store_true", help=Text("plan only", "只给出计划"))
    Options.declare(parser)
    return PrepareOptions


def run(options: PrepareOptions) -> int:
    """Prepare all that was named, and tell how it ended. Raises UsageError."""
    _warm(options)
    if options.dry_run:
        return judge(options, "plan", "planned", plots=options.plots, repairs=options)
    # Imported while the server of the workers loads them too.

    from pipeline.cli import inputs, output
    from pipeline.documents.spool import Spool
    from pipeline.documents.types import PREPARED, PreparedAsset
    from pipeline.engine.prepare import prepare
    from pipeline.errors import UsageError
    from pipeline.storage import urls

    preset, out = inputs.preset_of(options), urls.local(options.out)
    jobs = inputs.jobs_of(
        options,
        rules=options,
        repairs=options,
        plots=options.plots,
        out=out,
        replace=options.overwrite == "always",
    )
    if options.plots and not urls.is_url(out) and os.path.realpath(options.plots) == os.path.realpath(out):
        raise UsageError(
            f"{out} is the output folder; choose another one for --plots",
            f"{out} 是输出目录；请为 --plots 选择其他目录",
        )
    running = options.running(output.watch(options, "prepare"), resume=not options.no_resume)
    with Spool(len(jobs), PreparedAsset) as spool:
        keep = output.keeping(spool, options, "prepared", fail_fast=options.fail_fast)
        made = prepare(jobs, preset, out, running, options.lang, spool, keep)
        output.tell(made.head, spool, made.batch, PREPARED, options, full=options.explain)
        return output.exit_code(spool, made.batch)


def _warm(options: PrepareOptions) -> None:
    """Let the server of the workers load what they need while this process does, unless none may be needed."""
    from pipeline.storage.publish import LOCK

    # Where an earlier run was, its journal may know everything.
    if options.executor == "local" and not os.path.exists(os.path.join(options.out, LOCK)):  # noqa: PTH110, PTH118  before anything is imported
        from pipeline.engine.pool import warm

        warm()
