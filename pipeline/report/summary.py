"""What stands above the cards of the HTML report: where things stand, what to decide, which rules are broken most."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from pipeline.documents.types import AssetEntry, Document, FindingEntry, PlannedAsset, PreparedAsset
from pipeline.model.facts import Text
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level
from pipeline.report.findings import Shown, loadable, rule_of, rules_of, shown, solved
from pipeline.report.labels import WORDS

_TOP: Final = 8  # rules of each list
_DECISIONS: Final = 8  # that are shown at once; the others fold
_NAMED: Final = 5  # assets of a decision that are named
_STUCK: Final = frozenset({Status.FAILED, Status.ERROR, Status.BLOCKED})


class LocatedDocument(Struct, frozen=True):
    """One report or manifest, and where it came from."""

    document: Document
    folder: Path  # where its outputs lie
    name: str = ""  # what the batch is called where its sources have no folder in common
    sha256: str = ""  # of its bytes, in hex


def preset_of(document: Document) -> tuple[str, str]:
    """Id and digest of the rules it was judged by."""
    return (document.preset.id, document.preset.sha256) if document.preset else ("-", "")


def batch_name(sources: Sequence[LocatedDocument]) -> str:
    """What people call these files: the folder that they came from, or the only one of them; empty where unknown."""
    named = [entry.source for source in sources for entry in source.document.assets]
    if len(named) == 1:
        return posixpath.basename(named[0])
    try:
        folder = posixpath.commonpath([posixpath.dirname(name.partition("#")[0]) for name in named])
    except ValueError:  # absolute and relative paths: no folder holds both
        folder = ""
    return posixpath.basename(folder) or next((source.name for source in sources if source.name), "")


def headline(statuses: Mapping[str, int]) -> Text:
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
        count = sum(statuses.get(one, 0) for one in key.split())
        if count:
            en.append(f"{count} {words.en}")
            zh.append(f"{count} 个{words.zh}")
    return Text(f"{total} asset{'' if total == 1 else 's'}: {', '.join(en)}", f"共 {total} 个素材：{'，'.join(zh)}")


# --- rules --------------------------------------------------------------------------------------------


class BrokenRule(Struct, frozen=True):
    """A rule in the summary: how many sources break it."""

    number: int
    title: Text
    limit: Text
    level: str
    count: int
    share: float  # of the most frequent one of its list


Fate = Literal["open", "repaired"]
FATES: Final[tuple[Fate, ...]] = ("open", "repaired")


def broken(entry: AssetEntry) -> set[tuple[Fate, str]]:
    """The rules that matter and that the source breaks: still open, or kept by what was made of it."""
    mended = solved(entry)
    return {
        ("repaired" if f.rule in mended else "open", f.rule)
        for f in entry.findings
        if f.verdict is not Verdict.PASS and f.level is not Level.INFO and (f.blocks or f.verdict is Verdict.FAIL)
    }


def most_broken(
    sources: Sequence[LocatedDocument],
) -> tuple[dict[Fate, list[BrokenRule]], dict[tuple[Fate, str], int]]:
    """The rules broken most, those that are open apart from those that were repaired; and the number of each."""
    counts: Counter[tuple[Fate, str]] = Counter()
    samples: dict[str, Shown] = {}
    for source in sources:
        rules = rules_of(preset_of(source.document)[0])
        for entry in source.document.assets:
            counts.update(broken(entry))
            for f in entry.findings:
                if f.rule not in samples and f.verdict is not Verdict.PASS:
                    samples[f.rule] = shown(f, rule_of(f, rules))
    rows: dict[Fate, list[BrokenRule]] = {}
    numbers: dict[tuple[Fate, str], int] = {}
    for fate in FATES:
        most = sorted((pair for pair in counts.items() if pair[0][0] == fate), key=lambda pair: (-pair[1], pair[0]))
        for key, count in most[:_TOP]:
            numbers[key], one = len(numbers) + 1, samples[key[1]]
            row = BrokenRule(numbers[key], one.title, one.limit, one.level, count, count / most[0][1])
            rows.setdefault(fate, []).append(row)
    return rows, numbers


# --- decisions ----------------------------------------------------------------------------------------


class Decision(Struct, frozen=True):
    """What somebody has to decide, and for which assets."""

    status: Status
    reason: Text
    action: Text
    assets: tuple[tuple[int, str, Text], ...]  # number of the card, name, what was found there
    more: int  # assets that are not named


# What to do where an asset has no answer, by the type of its error.
_AGAIN: Final = Text(
    "Run it again by itself. If it ends so again, report it with the file's name and this report",
    "请单独重新运行；若结果相同，请附文件名与本报告反馈",
)
_REPLACE: Final = Text("Get the file again and put it in the place of this one", "重新获取该文件并替换")
_ACTIONS: Final[dict[str, Text]] = {
    "Unreadable": _REPLACE,
    "CeilingExceeded": Text("Export it smaller, or take it out of the batch", "导出更小的文件，或将其移出批次"),
    "Doubtful": Text(
        "Run prepare or check again; do not edit its document", "重新运行 prepare 或 check；请勿修改其文档"
    ),
    "NeedsReview": Text(
        "Look through its list of cuts, correct it or empty the column doubts, and prepare it again",
        "请核对其切分清单，修正或清空 doubts 列后重新处理",
    ),
    "ProofFailed": Text(
        "Nothing was delivered. See the proof in its card; export the source anew and prepare it again",
        "未交付任何文件。请查看卡片中的验证结果，重新导出源文件后再处理",
    ),
}
_ELSEWHERE: Final = Text(
    "Take it out of the batch, or choose a scenario that takes it (preflight fit)",
    "将其移出批次，或改选适用的场景（preflight fit）",
)


def decisions(cards: Iterable[tuple[int, str, AssetEntry]]) -> tuple[list[Decision], list[Decision]]:
    """What to decide, worst first, one line for one reason: those that are shown at once, and the others.

    `cards` are number, preset and entry of each asset, worst first.
    """
    groups: dict[tuple[Status, str, str], tuple[Text, Text, list[tuple[int, str, Text]]]] = {}
    for number, preset, entry in cards:
        if entry.status in _STUCK:
            reason, action, found = _reason(entry, preset)
            key = entry.status, reason.en, action.en
            groups.setdefault(key, (reason, action, []))[2].append((number, Path(entry.source).name, found))
    made = [
        Decision(status, reason, action, tuple(named[:_NAMED]), max(0, len(named) - _NAMED))
        for (status, *_), (reason, action, named) in groups.items()
    ]
    return made[:_DECISIONS], made[_DECISIONS:]


def _reason(entry: AssetEntry, preset: str) -> tuple[Text, Text, Text]:
    """Why it is stuck, what to do, and what was found in this one."""
    nothing = Text("", "")
    if entry.error:
        type_ = entry.error.type
        return WORDS[entry.status], _ACTIONS.get(type_, _AGAIN), entry.error.said
    blocked = entry.blocked if isinstance(entry, PlannedAsset | PreparedAsset) else ()
    stuck = [f for f in blocked if f.verdict is not Verdict.PASS]
    stuck = stuck or [f for f in entry.findings if f.blocks and not f.fix] or [f for f in entry.findings if f.blocks]
    if not stuck:
        return WORDS[entry.status], _AGAIN, nothing
    first = stuck[0]
    one = shown(first, rule_of(first, rules_of(preset)))
    wanted = _wanted(one)
    if one.verdict is Verdict.UNKNOWN:
        action = Text(f"See for yourself: {one.title.en}{wanted.en}", f"请人工确认：{one.title.zh}{wanted.zh}")
        return one.title.plus(Text(" is not known", "未知")), action, one.rest
    value = nothing if first.actual is None or isinstance(first.actual, bool) else one.found
    told = [text for text in (value, first.where) if text and text.en]
    found = Text(" · ".join(text.en for text in told), " · ".join(text.zh for text in told))
    return one.title.plus(wanted), _action(first, one), found


def _wanted(one: Shown) -> Text:
    if not one.limit.en or one.limit.en in {"yes", "no"}:
        return Text("", "")
    return Text(f", {WORDS['wanted'].en} {one.limit.en}", f"，{WORDS['wanted'].zh} {one.limit.zh}")


def _action(finding: FindingEntry, one: Shown) -> Text:
    if finding.check == "file.kind":
        return _ELSEWHERE
    if one.rest.en:
        return one.rest
    limit = one.limit if one.limit.en not in {"yes", "no", ""} else None
    if limit is None:
        return Text(f"Put it right at its source: {one.title.en}", f"请在源文件中改正：{one.title.zh}")
    return Text(f"Change it at its source: {one.title.en} {limit.en}", f"请在源文件中修改：{one.title.zh} {limit.zh}")


# --- the foot -----------------------------------------------------------------------------------------


def tools(sources: Sequence[LocatedDocument]) -> list[str]:
    """What wrote the documents, each once."""
    out = []
    for source in sources:
        tool, (preset, sha256) = source.document.tool, preset_of(source.document)
        out.append(f"media-preflight {tool.version} · FFmpeg {tool.ffmpeg} · {preset} {sha256[:12]}")
    return list(dict.fromkeys(out))


def stale(document: Document) -> bool:
    """Whether the preset is not the one that the run was judged by."""
    name, sha256 = preset_of(document)
    found = loadable(name)
    return found is None or found.sha256 != sha256


def of_all(sources: Sequence[LocatedDocument]) -> Iterator[Shown]:
    """What is not in order about all files of a document together."""
    for source in sources:
        for f in source.document.batch:
            if f.verdict is not Verdict.PASS:
                rules = rules_of(preset_of(source.document)[0])
                yield shown(f, rule_of(f, rules), (f.where,) if f.where else ())
