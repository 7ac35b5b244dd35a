"""A report or manifest as HTML, JSON, JUnit XML, CSV or Markdown. The ending decides."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

import msgspec

from pipeline.documents.facts import encode
from pipeline.documents.types import REPORTS, AssetEntry, FindingEntry, OutputEntry, PreparedAsset
from pipeline.errors import UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.model.results import Status
from pipeline.report.findings import stream_of, wrong
from pipeline.report.labels import UNSEEN, WORDS
from pipeline.report.summary import LocatedDocument
from pipeline.storage.atomic import replacing
from pipeline.storage.state import replaceable

Write = Callable[[IO[str], Sequence[LocatedDocument], str], None]

_MARKS: Final = {
    "pass": "✅",
    "ready": "✅",
    "fixed": "🔧",
    "fixable": "🟡",
    "blocked": "🟠",
    "error": "🔴",
    "failed": "🔴",
}
# --- flat formats -------------------------------------------------------------------------------------


def _shown(text: object) -> str:
    """Control and direction characters as escapes: a reader's eyes and programs are not to be turned."""
    return UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", "" if text is None else str(text))


def _assets(sources: Sequence[LocatedDocument]) -> Iterator[tuple[str, AssetEntry]]:
    for source in sources:
        for entry in source.document.assets:
            yield _preset(source), entry


def _preset(source: LocatedDocument) -> str:
    return source.document.preset.id if source.document.preset else "-"


def _outputs(entry: AssetEntry) -> tuple[OutputEntry, ...]:
    return entry.outputs if isinstance(entry, PreparedAsset) else ()


def _said(found: FindingEntry, lang: str) -> str:
    return found.said.of(lang) if found.said else found.message


_COLUMNS: Final = (
    Text("preset", "场景"),
    Text("source", "源文件"),
    Text("kind", "类型"),
    Text("role", "角色"),
    Text("status", "状态"),
    Text("verdict", "结论"),
    Text("level", "级别"),
    Text("rule", "规则"),
    Text("where", "位置"),
    Text("actual", "实测"),
    Text("limit", "要求"),
    Text("unit", "单位"),
    Text("message", "说明"),
    Text("fix", "修复"),
    Text("document", "文档"),
    Text("section", "章节"),
    Text("date", "日期"),
    Text("code", "错误码"),
    Text("outputs", "输出文件"),
)


def _word(word: str, lang: str, of: str = "") -> str:
    """A fixed word of a document: in English as it is written there, in Chinese as a person has it."""
    return word if lang == "en" else WORDS[of + word].of(lang)


def _cell(value: object) -> str:
    """A cell that a spreadsheet takes as text: one that begins a formula gets an apostrophe in front (OWASP)."""
    text = _shown(value).replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:  # this is how a number is told from text
        return False
    return True


def _written(found: FindingEntry, lang: str) -> str | float | None:
    return _word("yes" if found.actual else "no", lang) if isinstance(found.actual, bool) else found.actual


def write_csv(out: IO[str], sources: Sequence[LocatedDocument], lang: str) -> None:
    """One row a finding that is not in order, one row an asset without any. Excel needs the mark in front."""
    out.write("\ufeff")
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow([column.of(lang) for column in _COLUMNS])
    for preset, entry in _assets(sources):
        kind = "unknown-kind" if entry.kind == "unknown" and lang == "zh" else entry.kind
        head = [preset, entry.source, _word(kind, lang), entry.role, _word(entry.status, lang)]
        outputs = "; ".join(output.path for output in _outputs(entry))
        found = wrong(entry.findings)
        for f in found:
            place = f.where or stream_of(f)
            row: list[object] = [*head, _word(f.verdict, lang), _word(f.level, lang, "level-"), f.rule]
            row += [place.of(lang) if place else "", _written(f, lang), f.limit, f.unit]
            row += [_said(f, lang), f.fix.said.of(lang) if f.fix else "", f.source.document, f.source.section]
            rows.writerow(map(_cell, [*row, f.source.date, f.code, outputs]))
        if not found:
            said = entry.error.said.of(lang) if entry.error else ""
            rows.writerow(map(_cell, [*head, *[""] * 7, said, *[""] * 5, outputs]))


def write_junit(out: IO[str], sources: Sequence[LocatedDocument], lang: str) -> None:
    """One test case an asset: what blocks is a failure, what could not be read an error."""
    total = [entry for _, entry in _assets(sources)]
    failed = sum(_stuck(entry) and not entry.error for entry in total)
    errors = sum(bool(entry.error) for entry in total)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f'<testsuites name="media-preflight" tests="{len(total)}" failures="{failed}" errors="{errors}">\n')
    for source in sources:
        preset, assets = _preset(source), source.document.assets
        counts = (sum(_stuck(e) and not e.error for e in assets), sum(bool(e.error) for e in assets))
        out.write(f'<testsuite name={_attribute(preset)} tests="{len(assets)}" failures="{counts[0]}"')
        out.write(f' errors="{counts[1]}">\n')
        for entry in assets:
            _case(out, preset, entry, lang)
        out.write("</testsuite>\n")
    out.write("</testsuites>\n")


def _stuck(entry: AssetEntry) -> bool:
    return entry.status in {Status.FIXABLE, Status.BLOCKED, Status.FAILED}


def _attribute(text: object) -> str:
    return quoteattr(_xml(text))


def _xml(text: object) -> str:
    """Text without what XML 1.0 (2.2) cannot hold, escaped or not: controls, surrogates, U+FFFE, U+FFFF."""
    kept = _shown(text)
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in kept
    )


def _case(out: IO[str], preset: str, entry: AssetEntry, lang: str) -> None:
    name = f"{preset}.{entry.role or entry.kind}"
    seconds = f' time="{entry.seconds}"' if isinstance(entry, PreparedAsset) else ""
    out.write(f"<testcase classname={_attribute(name)} name={_attribute(entry.source)}{seconds}>")
    found = wrong(entry.findings)
    if entry.error:
        out.write(f"<error type={_attribute(entry.error.type)} message={_attribute(entry.error.said.of(lang))}/>")
    elif _stuck(entry):
        lines = [f"[{f.rule}] {_said(f, lang)}" for f in found if f.blocks]
        first = lines[0] if lines else WORDS[entry.status].of(lang)
        kind = next((f.rule for f in found if f.blocks), entry.status)
        out.write(f"<failure type={_attribute(kind)} message={_attribute(first)}>")
        out.write(escape(_xml("\n".join(lines))) + "</failure>")
    elif found:
        warned = "\n".join(f"[{f.rule}] {_said(f, lang)}" for f in found)
        out.write(f"<system-out>{escape(_xml(warned))}</system-out>")
    out.write("</testcase>\n")


def _markdown(text: object) -> str:
    """A table cell in which nothing of a stranger's is markup or HTML."""
    flat = _shown(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~@" else c for c in flat)


def write_markdown(out: IO[str], sources: Sequence[LocatedDocument], lang: str) -> None:
    """A comment for a pull request: the summary, then what is not in order, worst first."""
    from pipeline.report.card import ORDER

    pairs = sorted(_assets(sources), key=lambda pair: ORDER.index(pair[1].status))
    counts = Counter(entry.status for _, entry in pairs)
    summary = ", ".join(f"{_MARKS[s]} {n} {WORDS[s].of(lang)}" for s, n in counts.items())
    out.write(f"### {WORDS['title'].of(lang)}: {len(pairs)} {WORDS['assets'].of(lang)}\n\n{summary}\n")
    told = [(p, e, found) for p, e in pairs if (found := wrong(e.findings)) or e.error]
    if not told:
        return
    heads = {"en": ("", "asset", "scenario", "what"), "zh": ("", "素材", "场景", "问题")}[lang]
    out.write(f"\n| {' | '.join(heads)} |\n|---|---|---|---|\n")
    for preset, entry, found in told[:_ROWS]:
        lines = [entry.error.said.of(lang)] if entry.error else []
        for f in found[:_CELLS]:
            mark = "✓ " if entry.status is Status.FIXED and f.fix and f.blocks else ""
            fix = f" → {f.fix.said.of(lang)}" if f.fix else ""
            lines.append(f"{mark}{WORDS['level-' + f.level].of(lang)}: {_said(f, lang)}{fix}")
        rest = len(found) - _CELLS
        lines += [f"+{rest}"] if rest > 0 else []
        what = "<br>".join(map(_markdown, lines))
        out.write(f"| {_MARKS[entry.status]} | {_markdown(entry.source)} | {_markdown(preset)} | {what} |\n")
    if len(told) > _ROWS:
        out.write(f"\n+{len(told) - _ROWS} {WORDS['assets'].of(lang)}\n")


_ROWS: Final = 200  # a comment on GitHub holds 65,536 characters
_CELLS: Final = 5


def write_json(out: IO[str], sources: Sequence[LocatedDocument], lang: str) -> None:
    """The document itself; several under one roof."""
    del lang
    texts = [encode(source.document) for source in sources]
    whole = texts[0] if len(texts) == 1 else b'{"schema":"%s","reports":[%s]}' % (REPORTS.encode(), b",".join(texts))
    out.write(msgspec.json.format(whole, indent=1).decode() + "\n")


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
    replaceable(target)
    try:
        with replacing(target, errors="backslashreplace") as file:
            fill(file)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}", f"{target}：{in_chinese(error)}") from None
