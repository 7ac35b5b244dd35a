"""`preflight upload MANIFEST --to DEST`."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pipeline
from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, access, workers
from pipeline.cli.output import print_line
from pipeline.documents import read
from pipeline.documents.entry import plain
from pipeline.documents.read import ReadDocument
from pipeline.documents.types import ManifestDocument
from pipeline.documents.upload import (
    STATUSES,
    LongTaskEvent,
    RefusedAsset,
    UploadEntry,
    UploadPlan,
    UploadRecord,
    UploadSummary,
    Writer,
    event,
)
from pipeline.errors import UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.storage import urls
from pipeline.storage.atomic import replacing
from pipeline.storage.state import replaceable
from pipeline.upload import destinations
from pipeline.upload import items as entries
from pipeline.upload.credentials import Secrets, hush
from pipeline.upload.deliver import How, planned, send_all
from pipeline.upload.destination import Destination, Target
from pipeline.upload.items import Item
from pipeline.upload.journal import UploadJournal
from pipeline.upload.rate_limit import amount

RECORD: Final = "upload.json"
# bytes that went out, an entry that has ended, how far a long task is
_Watch = tuple[Callable[[int], None], Callable[[UploadEntry], None], Callable[[str, Text], None]]


@dataclass(frozen=True, kw_only=True)
class UploadOptions(Options):
    """Of `preflight upload`."""

    manifests: list[str]
    to: str
    order: str | None
    secrets: str | None
    region: str | None
    project: str | None
    jobs: int | None
    bandwidth: str | None
    wait: float  # seconds
    dry_run: bool
    force: bool


def declare(parser: Parser) -> type[UploadOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "manifests",
        nargs="+",
        metavar="MANIFEST",
        help=Text("manifest.json of a run of prepare", "prepare 生成的 manifest.json"),
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="DEST",
        help=Text(
            "file:///folder, a platform, an fsspec URL; see docs/upload.md",
            "file:///目录、平台名或 fsspec 网址；见 docs/zh/upload.md",
        ),
    )
    parser.add_argument(
        "--order",
        metavar="FILE",
        help=Text(
            "what no file can say: names, tags, make request (TOML)",
            "文件本身说明不了的内容：名称、标签、制作请求（TOML）",
        ),
    )
    access(parser)
    workers(parser, Text("transfers at a time (default: 4)", "同时传输数（默认：4）"))
    parser.add_argument(
        "--bandwidth",
        metavar="RATE",
        help=Text("bytes a second in all, like 500k or 10M", "总带宽，每秒字节数，如 500k 或 10M"),
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help=Text("for the platform's verdict", "等待平台结果的时间"),
    )
    parser.add_argument(
        "--dry-run", action="store_true", help=Text("print every call, send nothing", "打印每个调用，不发送任何内容")
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help=Text("send what changed or did not pass; is recorded", "已变更或未通过的文件也发送；会记录在案"),
    )
    Options.declare(parser)
    return UploadOptions


def run(options: UploadOptions) -> int:
    """Deliver what the manifest holds; the record goes to standard output and to upload.json beside the manifest."""
    hush()
    names, lang = [urls.near(one) for one in options.manifests], options.lang
    readings = [read.manifest(name) for name in names]
    manifest, doubtful = readings[0].document, sum(_doubtful(reading, lang) for reading in readings) > 0
    folders = [Path(os.path.realpath(name)).parent for name in names]
    secrets = Secrets(Path(options.secrets) if options.secrets else None)
    order = destinations.read_order(Path(options.order) if options.order else None)
    pairs = zip(readings, folders, strict=True)
    items = [item for reading, folder in pairs for item in entries.items(reading.document, folder)]
    _apart(items, options.to)
    how = How(
        jobs=_jobs(options.jobs),
        force=options.force,
        wait=options.wait,
        bandwidth=amount("--bandwidth", options.bandwidth) if options.bandwidth else None,
        lang=lang,
    )
    presets = dict.fromkeys(one.document.preset.id if one.document.preset else "" for one in readings)
    preset, *also = presets
    target = Target(
        where=options.to,
        preset=preset,
        order=order,
        region=options.region,
        project=options.project,
        also=tuple(also),
        dry=options.dry_run,
    )
    with closing(destinations.opened(target, secrets)) as place:
        if options.dry_run:
            return _dry_run(place, items, how, options) or (5 if doubtful else 0)
        for one in dict.fromkeys(folders):
            replaceable(one / RECORD)
        found: list[UploadEntry | None] = [None] * len(items)
        # The entries' source is closed before the journal: on Ctrl-C its threads still write how far they came.
        with (
            UploadJournal(folders[0], place.place) as journal,
            _progress(options, items) as (sent, ended, words),
            closing(send_all(place, items, journal, secrets, how, sent, words)) as ending,
        ):
            for number, entry in ending:
                found[number] = entry
                ended(entry)
                if options.jsonl:
                    print_line(event(number, entry))
        told = tuple(entry for entry in found if entry is not None)
        document = UploadRecord(
            tool=Writer(version=pipeline.__version__),
            preset=manifest.preset,
            manifest=names[0],
            manifests=tuple(names),
            destination=place.place,
            forced=options.force,
            assets=told,
            summary={status: sum(entry.status == status for entry in told) for status in STATUSES},
        )
    _record(folders[0], document)
    _tell(document, options)
    return 5 if doubtful else _exit_code({entry.status for entry in told})


def _apart(items: Sequence[Item], where: str) -> None:
    """Whether no two files of several manifests would have the same place in a folder. Raises UsageError."""
    if ":" not in where:
        return  # a platform tells equal names apart
    seen: dict[str, Path] = {}
    for file in (file for item in items for file in item.files):
        if seen.setdefault(file.place, file.path) != file.path:
            raise UsageError(
                f"{file.place}: {seen[file.place]} and {file.path} would both be it; send their manifests to folders "
                f"of their own",
                f"{file.place}：{seen[file.place]} 与 {file.path} 会互相覆盖；请将各清单发往不同目录",
            )


def _exit_code(statuses: set[str]) -> int:
    """0 delivered; 5 something failed or is undecided; 6 a person is waited for; 1 our own rules refused something."""
    if statuses & {"failed", "pending"}:
        return 5
    return 1 if "refused" in statuses else 6 if "waiting" in statuses else 0


def _doubtful(reading: ReadDocument[ManifestDocument], lang: str) -> bool:
    """Whether the manifest as a whole is, which is told; what is doubtful about an asset stands with it."""
    about = [doubt for doubt in reading.doubts if doubt.asset is None]
    for doubt in about:
        said = console.clean(f"preflight: {doubt.source}: {doubt.text.of(lang)}")
        console.console(error=True).print(said, soft_wrap=True)
    return bool(about)


def _jobs(asked: int | None) -> int:
    if asked is not None and not 1 <= asked <= 64:
        raise UsageError("-j needs a number of 1 to 64", "-j 需要 1–64 的数")
    return asked or 4


def _dry_run(place: Destination, items: Sequence[Item], how: How, options: UploadOptions) -> int:
    """Every call that would be made; nothing is sent and nothing is written."""
    units, left = planned(place, items, force=how.force)
    refused = [RefusedAsset(source=item.source, why=item.refusal.of(how.lang)) for item in left if item.refusal]
    if options.json or options.jsonl:
        print_line(UploadPlan(destination=place.place, units=tuple(units), refused=tuple(refused)))
    else:
        out = console.console()
        for unit in units:
            out.print(f"[bold]{console.clean(', '.join(unit.sources))}[/bold]  {unit.bytes} {_BYTES.of(how.lang)}")
            for call in unit.calls:
                out.print(f"  {console.clean(call)}", soft_wrap=True)
        for one in refused:
            out.print(f"[red]{console.clean(one.why)}[/red]", soft_wrap=True)
    return 1 if refused else 0


@contextmanager
def _progress(options: UploadOptions, items: Sequence[Item]) -> Iterator[_Watch]:
    """A bar with bytes and time left on a terminal. How far long tasks are: above it, else as lines or as events."""
    guard, done, lang = threading.Lock(), 0, options.lang

    def line(name: str, words: Text) -> None:
        with guard:
            if options.jsonl:
                print_line(LongTaskEvent(name=name, message=words.of(lang)))
            elif not (options.quiet or options.json):
                sys.stderr.write(f"{console.clean(name)}: {console.clean(words.of(lang))}\n")

    if options.quiet or options.json or options.jsonl or not sys.stderr.isatty():
        yield (lambda _: None), (lambda _: None), line
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console.console(error=True), transient=True) as bar:
        task = bar.add_task("upload", total=sum(item.size for item in items if not item.refusal))

        def ended(entry: UploadEntry) -> None:
            """What was skipped or failed will not go: the time that is left is that of the rest."""
            nonlocal done
            with guard:
                done += 1
                now = bar.tasks[0]
                gone = 0 if entry.status in ("sent", "pending", "waiting", "refused") else _bytes(entry)
                total = max(now.completed, (now.total or 0) - gone)
                bar.update(task, description=f"upload {done}/{len(items)}", total=total)

        def above(name: str, words: Text) -> None:
            bar.console.print(console.clean(f"{name}: {words.of(lang)}"), soft_wrap=True)

        yield (lambda count: bar.advance(task, count)), ended, above


def _bytes(entry: UploadEntry) -> int:
    return sum(file.size for file in entry.files)


def _record(folder: Path, document: UploadRecord) -> None:
    """upload.json, whole or not at all. Raises UsageError: what cannot be recorded must be said."""
    try:
        with replacing(folder / RECORD, mode=0o600) as file:
            json.dump(plain(document), file, ensure_ascii=False, indent=1)
    except OSError as error:
        raise UsageError(
            f"{folder / RECORD}: the record could not be written: {error.strerror}",
            f"{folder / RECORD}：无法写入记录：{in_chinese(error)}",
        ) from None


_BYTES: Final = Text("bytes", "字节")
_STATUSES: Final = {
    "sent": Text("sent", "已送达"),
    "skipped": Text("skipped", "已存在"),
    "pending": Text("pending", "审核中"),
    "waiting": Text("waiting", "等待人工确认"),
    "refused": Text("refused", "被拒绝"),
    "failed": Text("failed", "失败"),
}


def _tell(document: UploadRecord, options: UploadOptions) -> None:
    if options.json:
        json.dump(plain(document), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return
    if options.jsonl:
        print_line(UploadSummary(destination=document.destination, summary=document.summary))
        return
    out, lang = console.console(), options.lang
    if not options.quiet:
        few = len(document.assets) <= 500
        shown = [e for e in document.assets if few or e.status not in ("sent", "skipped")]
        rows = []
        for entry in shown:
            left = "; ".join(f"{a['asset_id']}: {a['state']}" for a in entry.abandoned)
            ids = " ".join(str(value) for value in entry.ids.values() if isinstance(value, str))
            said = " · ".join(part for part in (entry.message, ids, left) if part)
            rows.append((_STATUSES[entry.status].of(lang), entry.source, said))
        out.print(console.rows_table(rows))
    parts = [f"{count} {_STATUSES[status].of(lang)}" for status, count in document.summary.items() if count]
    out.print(console.clean(f"{document.destination}: {', '.join(parts) or '0'}"))
