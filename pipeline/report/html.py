"""The HTML report: one file, no network, from any report or manifest."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from markupsafe import Markup

from pipeline.documents.types import AssetEntry, Document, FindingEntry, PlannedAsset, PreparedAsset
from pipeline.model.facts import Text
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level
from pipeline.report.card import ORDER, TEMPLATES, CardJob, environment
from pipeline.report.findings import Shown, loadable, rule_of, rules_of, shown
from pipeline.report.labels import WORDS

Cards = Callable[[Sequence[CardJob]], Iterator[str]]
"""Makes the card of every job, in order."""

_TOP: Final = 12  # rules in the summary
_FIRST: Final = 8  # assets that are named at the top
_GROUPS: Final = (
    ("bad", ("failed", "error")),
    ("person", ("blocked",)),
    ("can", ("fixable",)),
    ("fixed", ("fixed",)),
    ("fine", ("pass", "ready")),
)


@dataclass(frozen=True, slots=True)
class LocatedDocument:
    """One report or manifest and the folder it came from (where its outputs lie)."""

    document: Document
    folder: Path


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule in the summary: how many assets break it."""

    number: int
    title: Text
    limit: Text
    level: str
    count: int
    share: float  # of the most frequent one


def _preset(document: Document) -> tuple[str, str]:
    return (document.preset.id, document.preset.sha256) if document.preset else ("-", "")


def _broken(entry: AssetEntry) -> set[str]:
    """Rules of an asset that are not in order and matter."""
    return {
        f.rule
        for f in entry.findings
        if f.verdict is not Verdict.PASS and f.level is not Level.INFO and (f.blocks or f.verdict is Verdict.FAIL)
    }


def _top(sources: Sequence[LocatedDocument]) -> tuple[list[BrokenRule], dict[str, int]]:
    """The rules broken most, and the number of each."""
    counts: Counter[str] = Counter()
    samples: dict[str, Shown] = {}
    for source in sources:
        rules = rules_of(_preset(source.document)[0])
        for entry in source.document.assets:
            counts.update(_broken(entry))
            for f in entry.findings:
                if f.rule not in samples and f.verdict is not Verdict.PASS:
                    samples[f.rule] = shown(f, rule_of(f, rules))
    most = counts.most_common(_TOP)
    rows = [
        BrokenRule(number, samples[rule].title, samples[rule].limit, samples[rule].level, count, count / most[0][1])
        for number, (rule, count) in enumerate(most, 1)
    ]
    return rows, {rule: number for number, (rule, _) in enumerate(most, 1)}


def jobs(sources: Sequence[LocatedDocument], numbers: Mapping[str, int], pictures: bool) -> list[CardJob]:
    """The cards, worst first."""
    pairs = [(source, entry) for source in sources for entry in source.document.assets]
    pairs.sort(key=lambda pair: _rank(pair[1]))
    out = []
    for number, (source, entry) in enumerate(pairs, 1):
        preset, _ = _preset(source.document)
        out.append(
            CardJob(
                number=number,
                entry=entry,
                preset=preset,
                rules=tuple((rule, numbers[rule]) for rule in sorted(_broken(entry)) if rule in numbers),
                folders=(str(Path.cwd()), str(source.folder)),
                outputs=str(source.folder),
                pictures=pictures,
            )
        )
    return out


def _rank(entry: AssetEntry) -> tuple[int, bool]:
    warned = any(f.verdict is Verdict.FAIL and f.level is Level.WARNING for f in entry.findings)
    return ORDER.index(entry.status), not warned


def _headline(statuses: Counter[str]) -> Text:
    """One sentence that says where things stand."""
    total = sum(statuses.values())
    en, zh = list[str](), list[str]()
    for key, words in (
        ("failed", Text("failed", "失败")),
        ("error", Text("unreadable", "无法读取")),
        ("blocked", Text("need a person", "需人工处理")),
        ("fixable", Text("can be repaired", "可自动修复")),
        ("fixed", Text("repaired and proven", "已修复并验证")),
        ("ready pass", Text("in order as they are", "本已合规")),
    ):
        count = sum(statuses[one] for one in key.split())
        if count:
            en.append(f"{count} {words.en}")
            zh.append(f"{count} 个{words.zh}")
    return Text(f"{total} asset{'' if total == 1 else 's'}: {', '.join(en)}", f"共 {total} 个素材：{'，'.join(zh)}")


def _context(
    sources: Sequence[LocatedDocument], rows: list[BrokenRule], lang: str, todo: Sequence[CardJob]
) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    table: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    for source in sources:
        preset, _ = _preset(source.document)
        for entry in source.document.assets:
            statuses[entry.status] += 1
            table[preset][entry.status] += 1
            kinds[entry.kind] += 1
    stages = [status for status in ORDER if statuses[status]]
    titles = {p: found.title if (found := loadable(p)) else Text(p, p) for p in table}
    style, script = (asset(name) for name in ("report.css", "report.js"))
    return {
        "lang": lang,
        "headline": _headline(statuses),
        "statuses": [(status, statuses[status]) for status in stages],
        "bar": [(name, n, n / max(1, len(todo))) for name, keys in _GROUPS if (n := sum(statuses[k] for k in keys))],
        "table": {preset: [counts[s] for s in stages] for preset, counts in sorted(table.items())},
        "titles": titles,
        "kinds": sorted(kinds.items()),
        "rows": rows,
        "first": _first(todo),
        "batch": [
            shown(f, rule_of(f, rules_of(_preset(s.document)[0])), (f.where,) if f.where else ())
            for s, f in _batch(sources)
        ],
        "tools": _tools(sources),
        "written": datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M %z"),
        "stale": sorted({_preset(s.document)[0] for s in sources if _stale(s.document)}),
        "style": Markup(style),  # noqa: S704  our own file
        "script": Markup(script),  # noqa: S704  our own file
        "policy": f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
    }


def _stale(document: Document) -> bool:
    """Whether the preset is not the one that the run was judged by."""
    name, sha256 = _preset(document)
    found = loadable(name)
    return found is None or found.sha256 != sha256


def _batch(sources: Sequence[LocatedDocument]) -> Iterator[tuple[LocatedDocument, FindingEntry]]:
    for source in sources:
        for finding in source.document.batch:
            if finding.verdict is not Verdict.PASS:
                yield source, finding


def _first(todo: Sequence[CardJob]) -> list[tuple[int, str, str, Text]]:
    """The assets that need somebody most: number, status, name, the main reason."""
    out: list[tuple[int, str, str, Text]] = []
    for job in todo:
        if job.entry.status not in {Status.FAILED, Status.ERROR, Status.BLOCKED} or len(out) == _FIRST:
            break
        out.append((job.number, job.entry.status, Path(job.entry.source).name, _reason(job)))
    return out


def _reason(job: CardJob) -> Text:
    entry, rules = job.entry, rules_of(job.preset)
    if entry.error:
        return entry.error.said
    blocked = entry.blocked if isinstance(entry, PlannedAsset | PreparedAsset) else ()
    stuck = [f for f in blocked if f.verdict is not Verdict.PASS]
    stuck = stuck or [f for f in entry.findings if f.blocks and not f.fix]
    if not stuck:
        return Text("", "")
    one = shown(stuck[0], rule_of(stuck[0], rules))
    if one.verdict is Verdict.UNKNOWN:
        return Text(f"{one.title.en}: {one.rest.en}", f"{one.title.zh}：{one.rest.zh}")
    at = stuck[0].where or Text("", "")
    wanted = Text("", "") if one.found.en == "no" or not one.limit.en else one.limit
    return Text(
        f"{one.title.en}: {one.found.en}" + (f", {WORDS['wanted'].en} {wanted.en}" if wanted.en else "") + _at(at.en),
        f"{one.title.zh}：{one.found.zh}" + (f"，{WORDS['wanted'].zh} {wanted.zh}" if wanted.zh else "") + _at(at.zh),
    )


def _at(place_: str) -> str:
    return f" · {place_}" if place_ else ""


def _tools(sources: Sequence[LocatedDocument]) -> list[str]:
    out = []
    for source in sources:
        tool, (preset, sha256) = source.document.tool, _preset(source.document)
        out.append(f"media-preflight {tool.version} · FFmpeg {tool.ffmpeg} · {preset} {sha256[:12]}")
    return list(dict.fromkeys(out))


def asset(name: str) -> str:
    """A style sheet or script of ours."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write(out: IO[str], sources: Sequence[LocatedDocument], lang: str, cards: Cards, *, pictures: bool = True) -> None:
    """Write the report. Cards are written as `cards` makes them, in workers or here."""
    rows, numbers = _top(sources)
    todo = jobs(sources, numbers, pictures)
    page = environment().get_template("page.html.jinja").render(_context(sources, rows, lang, todo))
    head, _, tail = page.partition("<!--cards-->")
    out.write(head)
    for card in cards(todo):
        out.write(card)
    out.write(tail)
