"""`preflight upload MANIFEST --to DEST`."""

from __future__ import annotations

import json
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pipeline
from pipeline.documents import manifest as manifests
from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.storage import urls
from pipeline.storage.atomic import replacing
from pipeline.upload import items as entries
from pipeline.upload import order as orders
from pipeline.upload.credentials import Secrets, hush
from pipeline.upload.deliver import STATUSES, Entry, How, send_all
from pipeline.upload.destination import Destination
from pipeline.upload.items import Item
from pipeline.upload.journal import Journal
from pipeline.upload.rate_limit import amount

SCHEMA: Final = "media-preflight/upload/1"
RECORD: Final = "upload.json"
# bytes that went out, an entry that has ended, how far a long task is
_Watch = tuple[Callable[[int], None], Callable[[Entry], None], Callable[[str, Text], None]]


def upload_verb(options: Namespace, lang: str) -> int:
    """Deliver what the manifest holds; the record goes to standard output and to upload.json beside the manifest."""
    hush()
    options.manifest = urls.near(options.manifest)
    manifest = manifests.read(options.manifest)
    folder = Path(options.manifest).resolve().parent
    secrets = Secrets(Path(options.secrets) if options.secrets else None)
    order = orders.read(Path(options.order) if options.order else None)
    items = entries.items(manifest, folder)
    how = How(
        jobs=_jobs(options.jobs),
        force=options.force,
        wait=options.wait,
        bandwidth=amount("--bandwidth", options.bandwidth) if options.bandwidth else None,
        lang=lang,
    )
    with closing(_destination(options, secrets, order, manifest)) as place:
        if options.dry_run:
            return _dry_run(place, items, how, options)
        found: list[Entry | None] = [None] * len(items)
        # The entries' source is closed before the journal: on Ctrl-C its threads still write how far they came.
        with (
            Journal(folder, place.place) as journal,
            _progress(options, items, lang) as (sent, ended, words),
            closing(send_all(place, items, journal, secrets, how, sent, words)) as ending,
        ):
            for number, entry in ending:
                found[number] = entry
                ended(entry)
                if options.jsonl:
                    _line({"event": "uploaded", "index": number, **entry})
        told = [entry for entry in found if entry is not None]
        document = {
            "schema": SCHEMA,
            "tool": {"version": pipeline.__version__},
            "preset": manifest.get("preset"),
            "manifest": options.manifest,
            "destination": place.place,
            "forced": options.force,
            "assets": told,
            "summary": {status: sum(entry["status"] == status for entry in told) for status in STATUSES},
        }
    _record(folder, document)
    _tell(document, options)
    return 5 if any(entry["status"] in {"failed", "refused", "pending"} for entry in told) else 0


def _jobs(asked: int | None) -> int:
    if asked is not None and not 1 <= asked <= 64:
        raise UsageError("-j needs a number of 1 to 64", "-j 需要 1–64 的数")
    return asked or 4


def _destination(
    options: Namespace, secrets: Secrets, order: dict[str, dict[str, Any]], manifest: dict[str, Any]
) -> Destination:
    """The place that --to names; its module is imported here and nowhere else. Raises UsageError."""
    where, preset = str(options.to), str((manifest.get("preset") or {}).get("id", ""))
    known = ("file:///folder", "metastudio", "tencent", "any URL of fsspec")
    try:
        if where in ("metastudio", "tencent"):
            _fits(where, preset)
        orders.fits(order, f"{preset} -> {where}", _takes(where, preset))
        if where == "metastudio":
            from pipeline.upload.metastudio.api import Api
            from pipeline.upload.metastudio.library import Library
            from pipeline.upload.metastudio.training import Avatar
            from pipeline.upload.metastudio.voice import Voice
            from pipeline.upload.transfer import Patience

            api = Api(secrets, Patience(), options.region, options.project, abroad="-intl/" in preset)
            if "training" in preset:
                return Avatar(api, order.get("training", {}), flexus="flexus" in preset)
            if "/voice-" in preset:
                return Voice(api, order.get("voice", {}), preset.rsplit("-", 1)[-1])
            library = Library(api, order.get("asset", {}))
            if "script" in order:
                from pipeline.upload.metastudio.scripts import Production

                return Production(api, order["script"], library)
            return library
        if where == "tencent":
            from pipeline.upload.tencent.destination import Tencent

            return Tencent(secrets, order)
        from pipeline.upload.filesystem import Anywhere, Folder

        if where.startswith("file:"):
            return Folder(where)
        if urlsplit(where).scheme and "://" in where:
            return Anywhere(where)
    except ImportError as error:
        raise UsageError(
            f"--to {where} needs a package that is not installed ({error.name}): `pip install media-preflight[upload]`",
            f"--to {where} 需要未安装的软件包（{error.name}）：`pip install media-preflight[upload]`",
        ) from None
    hint = nearest_word(where, ("metastudio", "tencent", "file:///"))
    raise UsageError(
        f"--to {where!r} is no destination; there are {', '.join(known)}.{hint.en}",
        f"--to {where!r} 不是目的地；可用：{'、'.join(known)}。{hint.zh}",
    )


def _takes(where: str, preset: str) -> frozenset[str]:
    """The tables of an order that mean something there."""
    if where == "tencent":
        return frozenset({"check", "make", "confirm"})
    if where != "metastudio":
        return frozenset()
    if "training" in preset:
        return frozenset({"training"})
    if "/voice-" in preset:
        return frozenset({"voice"})
    return frozenset({"asset", "script"} if "video-production" in preset else {"asset"})


def _fits(where: str, preset: str) -> None:
    """Files that were prepared by one platform's rules do not go to the other."""
    platform = preset.split("/")[0].removesuffix("-intl")
    if platform in ("metastudio", "tencent") and platform != where:
        raise UsageError(
            f"the manifest was prepared for {preset}; it cannot go to {where}. Prepare it with a {where} preset.",
            f"清单按 {preset} 准备，不能发往 {where}；请使用 {where} 预设重新 prepare。",
        )


def _dry_run(place: Destination, items: Sequence[Item], how: How, options: Namespace) -> int:
    """Every call that would be made; nothing is sent and nothing is written."""
    calls: list[dict[str, Any]] = []
    sendable = [item for item in items if not item.refusal or (how.force and item.files)]
    for unit in place.units(sendable):
        sources = [item.source for item in unit.items]
        calls.append({"sources": sources, "bytes": unit.size, "calls": place.plan(unit)})
    refused = [{"source": i.source, "why": i.refusal.of(how.lang)} for i in items if i not in sendable and i.refusal]
    told = {"schema": SCHEMA, "dry_run": True, "destination": place.place, "units": calls, "refused": refused}
    if options.json or options.jsonl:
        _line(told)
    else:
        out = console.console()
        for unit_told in calls:
            out.print(f"[bold]{console.clean(', '.join(unit_told['sources']))}[/bold]  {unit_told['bytes']} bytes")
            for call in unit_told["calls"]:
                out.print(f"  {console.clean(call)}", soft_wrap=True)
        for one in refused:
            out.print(f"[red]{console.clean(one['why'])}[/red]", soft_wrap=True)
    return 5 if refused else 0


@contextmanager
def _progress(options: Namespace, items: Sequence[Item], lang: str) -> Iterator[_Watch]:
    """A bar with bytes and time left on a terminal. How far long tasks are: above it, else as lines or as events."""
    guard, done = threading.Lock(), 0

    def line(name: str, words: Text) -> None:
        with guard:
            if options.jsonl:
                _line({"event": "progress", "name": name, "message": words.of(lang)})
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

        def ended(entry: Entry) -> None:
            """What was skipped or failed will not go: the time that is left is that of the rest."""
            nonlocal done
            with guard:
                done += 1
                now = bar.tasks[0]
                gone = 0 if entry["status"] in ("sent", "pending", "refused") else _bytes(entry)
                total = max(now.completed, (now.total or 0) - gone)
                bar.update(task, description=f"upload {done}/{len(items)}", total=total)

        def above(name: str, words: Text) -> None:
            bar.console.print(console.clean(f"{name}: {words.of(lang)}"), soft_wrap=True)

        yield (lambda count: bar.advance(task, count)), ended, above


def _bytes(entry: Entry) -> int:
    return sum(int(file["size"]) for file in entry["files"])


def _record(folder: Path, document: dict[str, Any]) -> None:
    """upload.json, whole or not at all. Raises UsageError: what cannot be recorded must be said."""
    try:
        with replacing(folder / RECORD, mode=0o600) as file:
            json.dump(document, file, ensure_ascii=False, indent=1)
    except OSError as error:
        raise UsageError(
            f"{folder / RECORD}: the record could not be written: {error.strerror}",
            f"{folder / RECORD}：无法写入记录：{error.strerror}",
        ) from None


def _line(told: object) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _tell(document: dict[str, Any], options: Namespace) -> None:
    if options.json:
        json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return
    if options.jsonl:
        _line({"event": "summary"} | {key: document[key] for key in ("schema", "destination", "summary")})
        return
    out = console.console()
    if not options.quiet:
        shown = [
            e for e in document["assets"] if len(document["assets"]) <= 500 or e["status"] not in ("sent", "skipped")
        ]
        rows = []
        for entry in shown:
            left = "; ".join(f"{a['asset_id']}: {a['state']}" for a in entry["abandoned"])
            ids = " ".join(str(value) for value in entry["ids"].values() if isinstance(value, str))
            said = " · ".join(part for part in (entry["message"], ids, left) if part)
            rows.append((entry["status"], entry["source"], said))
        out.print(console.rows_table(rows))
    parts = [f"{count} {status}" for status, count in document["summary"].items() if count]
    out.print(console.clean(f"{document['destination']}: {', '.join(parts) or '0'}"))
