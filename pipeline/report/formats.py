"""A report or manifest as HTML, JSON, JUnit XML, CSV or Markdown. The ending decides."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from xml.sax.saxutils import escape, quoteattr

from pipeline.documents.entry import MANIFEST, REPORT
from pipeline.errors import UsageError
from pipeline.report.html import Source
from pipeline.report.labels import UNSEEN, WORDS
from pipeline.storage import urls
from pipeline.storage.atomic import replacing

Document = Mapping[str, Any]
Write = Callable[[IO[str], Sequence[Source], str], None]

_MARKS: Final = {
    "pass": "✅",
    "ready": "✅",
    "fixed": "🔧",
    "fixable": "🟡",
    "blocked": "🟠",
    "error": "🔴",
    "failed": "🔴",
}
_MOST: Final = 256 << 20  # characters of a report that are read


def read(name: str) -> Document:
    """A report or manifest from a file, or from standard input for "-". Raises UsageError when it is neither."""
    try:
        if name == "-":
            text = sys.stdin.read(_MOST + 1)
        else:
            with Path(urls.near(name)).open(encoding="utf-8") as file:
                text = file.read(_MOST + 1)
        data = json.loads(text) if len(text) <= _MOST else None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not a report or manifest: {error}", f"{name}：不是报告或清单：{error}") from None
    if not isinstance(data, dict) or data.get("schema") not in {REPORT, MANIFEST}:
        raise UsageError(
            f"{name}: schema is neither {REPORT!r} nor {MANIFEST!r}. Make one with `preflight check --json`.",
            f"{name}：schema 不是 {REPORT!r} 或 {MANIFEST!r}。可用 `preflight check --json` 生成。",
        )
    return data


# --- flat formats -------------------------------------------------------------------------------------


def _shown(text: object) -> str:
    """Control and direction characters as escapes: a reader's eyes and programs are not to be turned."""
    return UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", "" if text is None else str(text))


def _assets(sources: Sequence[Source]) -> Iterator[tuple[str, Document]]:
    for source in sources:
        preset = (source.document.get("preset") or {}).get("id", "-")
        for entry in source.document["assets"]:
            yield preset, entry


def _said(entry: Document, lang: str, key: str = "message") -> str:
    said = entry.get("said")
    return str(said[lang] if isinstance(said, Mapping) else entry.get(key, ""))


def _wrong(entry: Document) -> list[Document]:
    return [f for f in entry["findings"] if f["verdict"] == "fail" or (f["verdict"] == "unknown" and f["blocks"])]


_COLUMNS: Final = (
    "preset", "source", "kind", "role", "status", "verdict", "level", "rule", "where", "actual", "limit", "unit",
    "message", "fix", "document", "section", "date", "code", "outputs",
)  # fmt: skip


def _cell(value: object) -> str:
    """A cell that a spreadsheet takes as text: one that begins a formula gets an apostrophe in front (OWASP)."""
    text = _shown(value).replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_csv(out: IO[str], sources: Sequence[Source], lang: str) -> None:
    """One row a finding that is not in order, one row an asset without any. Excel needs the mark in front."""
    out.write("\ufeff")
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_COLUMNS)
    for preset, entry in _assets(sources):
        head = [preset, entry["source"], entry["kind"], entry["role"], entry["status"]]
        outputs = "; ".join(output["path"] for output in entry.get("outputs") or ())
        wrong = _wrong(entry)
        for f in wrong:
            cited = f["source"]
            where = f["where"] or ("" if f["stream"] is None else f"stream {f['stream']}")
            fix = _said(f["fix"], lang, "does") if f["fix"] else ""
            row = [*head, f["verdict"], f["level"], f["rule"], where, f["actual"], f["limit"], f["unit"]]
            row += [_said(f, lang), fix, cited["document"], cited["section"], cited["date"], f["code"], outputs]
            rows.writerow(map(_cell, row))
        if not wrong:
            said = _said(entry["error"], lang) if entry["error"] else ""
            rows.writerow(map(_cell, [*head, *[""] * 7, said, *[""] * 5, outputs]))


def write_junit(out: IO[str], sources: Sequence[Source], lang: str) -> None:
    """One test case an asset: what blocks is a failure, what could not be read an error."""
    total = [entry for _, entry in _assets(sources)]
    failed = sum(_stuck(entry) and not entry["error"] for entry in total)
    errors = sum(bool(entry["error"]) for entry in total)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f'<testsuites name="media-preflight" tests="{len(total)}" failures="{failed}" errors="{errors}">\n')
    for source in sources:
        preset = (source.document.get("preset") or {}).get("id", "-")
        assets = source.document["assets"]
        counts = (sum(_stuck(e) and not e["error"] for e in assets), sum(bool(e["error"]) for e in assets))
        out.write(f'<testsuite name={_attribute(preset)} tests="{len(assets)}" failures="{counts[0]}"')
        out.write(f' errors="{counts[1]}">\n')
        for entry in assets:
            _case(out, preset, entry, lang)
        out.write("</testsuite>\n")
    out.write("</testsuites>\n")


def _stuck(entry: Document) -> bool:
    return entry["status"] in {"fixable", "blocked", "failed"}


def _attribute(text: object) -> str:
    return quoteattr(_xml(text))


def _xml(text: object) -> str:
    """Text without what XML 1.0 (2.2) cannot hold, escaped or not: controls, surrogates, U+FFFE, U+FFFF."""
    kept = _shown(text)
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in kept
    )


def _case(out: IO[str], preset: str, entry: Document, lang: str) -> None:
    name = f"{preset}.{entry['role'] or entry['kind']}"
    seconds = f' time="{entry["seconds"]}"' if "seconds" in entry else ""
    out.write(f"<testcase classname={_attribute(name)} name={_attribute(entry['source'])}{seconds}>")
    if entry["error"]:
        said = _said(entry["error"], lang)
        out.write(f"<error type={_attribute(entry['error']['type'])} message={_attribute(said)}/>")
    elif _stuck(entry):
        lines = [f"[{f['rule']}] {_said(f, lang)}" for f in _wrong(entry) if f["blocks"]]
        first = lines[0] if lines else WORDS[entry["status"]].of(lang)
        kind = next((f["rule"] for f in _wrong(entry) if f["blocks"]), entry["status"])
        out.write(f"<failure type={_attribute(kind)} message={_attribute(first)}>")
        out.write(escape(_xml("\n".join(lines))) + "</failure>")
    else:
        warned = [f"[{f['rule']}] {_said(f, lang)}" for f in _wrong(entry)]
        if warned:
            out.write(f"<system-out>{escape(_xml(chr(10).join(warned)))}</system-out>")
    out.write("</testcase>\n")


def _markdown(text: object) -> str:
    """A table cell in which nothing of a stranger's is markup or HTML."""
    flat = _shown(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~@" else c for c in flat)


def write_markdown(out: IO[str], sources: Sequence[Source], lang: str) -> None:
    """A comment for a pull request: the summary, then what is not in order, worst first."""
    from pipeline.report.card import ORDER

    pairs = sorted(_assets(sources), key=lambda pair: ORDER.index(pair[1]["status"]))
    counts: dict[str, int] = {}
    for _, entry in pairs:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    summary = ", ".join(f"{_MARKS[s]} {n} {WORDS[s].of(lang)}" for s, n in counts.items())
    out.write(f"### {WORDS['title'].of(lang)}: {len(pairs)} {WORDS['assets'].of(lang)}\n\n{summary}\n")
    told = [(p, e) for p, e in pairs if e["error"] or _wrong(e)]
    if not told:
        return
    heads = {"en": ("", "asset", "scenario", "what"), "zh": ("", "素材", "场景", "问题")}[lang]
    out.write(f"\n| {' | '.join(heads)} |\n|---|---|---|---|\n")
    for preset, entry in told[:_ROWS]:
        lines = [_said(entry["error"], lang)] if entry["error"] else []
        solved = entry["status"] == "fixed"
        for f in _wrong(entry)[:_CELLS]:
            mark = "✓ " if solved and f["fix"] and f["blocks"] else ""
            fix = f" → {_said(f['fix'], lang, 'does')}" if f["fix"] else ""
            lines.append(f"{mark}{WORDS['level-' + f['level']].of(lang)}: {_said(f, lang)}{fix}")
        rest = len(_wrong(entry)) - _CELLS
        lines += [f"+{rest}"] if rest > 0 else []
        cells = (
            _MARKS[entry["status"]],
            _markdown(entry["source"]),
            _markdown(preset),
            "<br>".join(map(_markdown, lines)),
        )
        out.write(f"| {' | '.join(cells)} |\n")
    if len(told) > _ROWS:
        out.write(f"\n+{len(told) - _ROWS} {WORDS['assets'].of(lang)}\n")


_ROWS: Final = 200  # a comment on GitHub holds 65,536 characters
_CELLS: Final = 5


def write_json(out: IO[str], sources: Sequence[Source], lang: str) -> None:
    """The document itself; several under one roof."""
    del lang
    documents = [source.document for source in sources]
    told = documents[0] if len(documents) == 1 else {"schema": "media-preflight/reports/1", "reports": documents}
    json.dump(told, out, ensure_ascii=False, indent=1)
    out.write("\n")


# --- endings ------------------------------------------------------------------------------------------

FLAT: Final[dict[str, Write]] = {
    ".json": write_json,
    ".xml": write_junit,
    ".csv": write_csv,
    ".md": write_markdown,
}
ENDINGS: Final = (".html", *FLAT)


def publish(target: Path, fill: Callable[[IO[str]], None]) -> None:
    """A text file that appears complete or not at all. Raises UsageError when its folder cannot be written."""
    try:
        with replacing(target, errors="backslashreplace") as file:
            fill(file)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}", f"{target}：{error.strerror}") from None


def as_text(write_: Write, sources: Sequence[Source], lang: str) -> str:
    """What one of the flat formats writes, as a string."""
    out = io.StringIO()
    write_(out, sources, lang)
    return out.getvalue()
