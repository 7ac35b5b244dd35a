"""`preflight status UPLOAD.json`: how everything that was delivered stands now; asked again and again, nothing sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, access
from pipeline.cli.output import print_line
from pipeline.documents.upload import UploadRecord
from pipeline.errors import UploadError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.upload import destinations
from pipeline.upload.credentials import Secrets, hush
from pipeline.upload.destination import Target

_FAILED: Final = frozenset({"FAILED", "FAIL", "AUDIT_FAILED", "BLOCK", "CANCELED", "DELETED"})
_LARGEST: Final = 64 << 20  # bytes of a record


@dataclass(frozen=True, kw_only=True)
class StatusOptions(Options):
    """Of `preflight status`."""

    record: str
    secrets: str | None
    region: str | None
    project: str | None


def declare(parser: Parser) -> type[StatusOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument("record", metavar="UPLOAD.json", help=Text("the record of an upload", "上传记录"))
    access(parser)
    Options.declare(parser)
    return StatusOptions


def run(options: StatusOptions) -> int:
    """Ask about every id of the record once; 5 where something failed or could not be asked."""
    hush()
    record, lang = _read(Path(options.record)), options.lang
    secrets = Secrets(Path(options.secrets) if options.secrets else None)
    preset = record.preset.id if record.preset else ""
    target = Target(record.destination, preset, region=options.region, project=options.project)
    asked: dict[bytes, list[tuple[str, Text]]] = {}
    with destinations.standing(record.destination).looked(target, secrets) as look:
        for entry in record.assets:
            known = msgspec.json.encode(entry.ids, order="sorted")
            if known in asked:
                continue
            try:
                asked[known] = look(entry.ids)
            except UploadError as error:  # the others are asked all the same; this one is told
                asked[known] = [("FAILED", Text(secrets.redact(error.text.en), secrets.redact(error.text.zh)))]
    rows, bad = [], False
    for entry in record.assets:
        known = msgspec.json.encode(entry.ids, order="sorted")
        nothing = Text(f"{entry.status}; nothing to ask", f"{entry.status}；无需查询")
        for state, words in asked[known] or [(entry.status, nothing)]:
            bad = bad or state in _FAILED or state.endswith("FAILED")
            rows.append((state, entry.source, words.of(lang)))
            if options.json or options.jsonl:
                print_line({"source": entry.source, "state": state, "message": words.of(lang)})
    if not (options.json or options.jsonl):
        console.console().print(console.rows_table(rows))
    return 5 if bad else 0


def _read(path: Path) -> UploadRecord:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path}: too large for a record", f"{path}：文件过大，不是上传记录")
        return msgspec.json.decode(path.read_bytes(), type=UploadRecord)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", f"{path}：{in_chinese(error)}") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: is no upload.json ({error})", f"{path}：不是 upload.json（{error}）") from None
