"""`preflight prepare`: repair, prove, digest; sources are never touched."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.check import judge
from pipeline.cli.options import OUTPUT, Compared, Drawn, Judged, Options, Repairing, overwriting
from pipeline.model.facts import Text


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(Judged, Compared, Repairing, Drawn):
    """Of `preflight prepare`."""

    out: str | None
    overwrite: str
    dry_run: bool


def declare(parser: Parser) -> type[PrepareOptions]:
    """Add the arguments; they become what is returned."""
    Judged.declare(parser)
    Compared.declare(parser)
    Repairing.declare(parser)
    Drawn.declare(parser)
    parser.group(OUTPUT).add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help=Text(
            "output folder, or its address (default: what preflight.toml says)",
            "输出目录，或其网址（默认：按 preflight.toml）",
        ),
    )
    overwriting(parser)
    parser.group(OUTPUT).add_argument("--dry-run", action="store_true", help=Text("plan only", "只给出计划"))
    Options.declare(parser)
    return PrepareOptions


def run(options: PrepareOptions) -> int:
    """Prepare all that was named, and tell how it ended. Raises UsageError."""
    _warm(options)
    if options.dry_run:
        return judge(
            options, "plan", "planned", identity=options.identity, plots=options.plots, repairs=options.repairs
        )
    # Imported while the server of the workers loads them too.

    from pipeline.cli import inputs, output
    from pipeline.documents.types import PREPARED, PreparedAsset
    from pipeline.engine.prepare import prepare
    from pipeline.errors import UsageError
    from pipeline.storage import urls

    asked = inputs.run_of(
        options,
        repairs=options.repairs,
        plots=options.plots,
        out=urls.local(options.out or ""),
        anew=options.overwrite == "always",
        identity=options.identity,
    )
    with output.Ending(
        options, PREPARED, roof=asked.roof, matrix=asked.matrix, explain=options.explain, fail_fast=options.fail_fast
    ) as told:
        for part in asked.parts:
            if (
                options.plots
                and not urls.is_url(part.out)
                and os.path.realpath(options.plots) == os.path.realpath(part.out)
            ):
                raise UsageError(
                    f"{part.out} is the output folder; choose another one for --plots",
                    f"{part.out} 是输出目录；请为 --plots 选择其他目录",
                )
            running = options.running(output.watch(options, "prepare"), resume=not options.no_resume)
            spool = told.spool(len(part.jobs), PreparedAsset, part.preset)
            keep = told.keeping(spool, "prepared")
            made = prepare(part.jobs, part.preset, part.out, running, options.lang, spool, keep)
            told.add(made.head, made.batch, part.why)
            if told.stopped:
                break
        return told.end()


def _warm(options: PrepareOptions) -> None:
    """Let the server of the workers load what they need while this process does, unless none may be needed."""
    from pipeline.storage.publish import LOCK

    # Where an earlier run was, its journal may know everything.
    if options.executor == "local" and not (options.out and os.path.exists(os.path.join(options.out, LOCK))):  # noqa: PTH110, PTH118  before anything is imported
        from pipeline.engine.fork_server import warm

        warm()
