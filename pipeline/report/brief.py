"""A run in few lines: one for each file, then what is wrong with how many of them and what to do about it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text as Line

from pipeline.checks import CHECKS
from pipeline.documents.types import AssetEntry, FindingEntry, PlannedAsset, PreparedAsset
from pipeline.model.facts import Text
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level
from pipeline.report.console import COLOURS, say, visible

_CAUSES: Final = 17  # lines that causes take where there are several files
_NAMED: Final = 0.45  # of the width, at most, for names
_ORDER: Final = ("level-error", "unknown", "fixable", "fixed", "level-warning")  # of causes, the worst first
_STUCK: Final = frozenset({Status.BLOCKED, Status.ERROR, Status.FAILED})
_WANTED: Final = Text("wanted", "要求")
_STOPS: Final = {"en": ("; ", ". ", ": "), "zh": ("；", "。", "：")}


Key = tuple[str, str, str]


class _Cause(Struct, frozen=True):
    """Why a file is not in order, or what is worth knowing of it."""

    label: str  # a word of the tables
    title: str
    limit: str = ""
    found: str = ""
    does: str = ""  # what was or would be done about it
    rest: str = ""  # note, advice, reason
    help: str = ""  # what helps with any file

    @property
    def key(self) -> Key:
        """What tells whether two are one: they may differ in what was found, and in what is said of that."""
        return self.label, self.title, self.limit

    def joined(self, other: _Cause, stop: str) -> _Cause:
        """What holds for both."""
        if self == other:
            return self
        said = [one for one in self.rest.split(stop) if one in other.rest.split(stop)]
        said += [self.help] if self.help and self.help not in said else []
        return replace(
            self,
            found=self.found if self.found == other.found else "",
            does=self.does if self.does == other.does else "",
            rest=stop.join(filter(None, said)),
        )

    def sentence(self, lang: str) -> str:
        """All of it."""
        then, stop, colon = _STOPS[lang]
        values = [self.found] if self.found else []
        values += [f"{_WANTED.of(lang)} {self.limit}"] if self.limit else []
        said = self.title + (colon if values else "") + then.join(values) + (f" → {self.does}" if self.does else "")
        return said + (stop + self.rest if self.rest else "")


class _Row(Struct, frozen=True):
    """A file on its line."""

    status: Status
    name: str
    causes: tuple[_Cause, ...]
    made: str  # its first output

    def told(self, lang: str) -> str:
        """The first cause and what was made of it, with what is done first where something is."""
        made = f"→ {self.made}" if self.made else ""
        if not self.causes:
            return made
        first, (_, _, colon) = self.causes[0], _STOPS[lang]
        if first.label in ("fixable", "fixed"):
            return f"{first.title}{colon}{first.does or first.found} {made}".rstrip()
        warned = f"{say(first.label, lang)}{colon}" if first.label == "level-warning" else ""
        return f"{made} {warned}{first.sentence(lang)}".lstrip()


def _causes(asset: AssetEntry, lang: str) -> tuple[tuple[_Cause, ...], int, bool]:
    """The causes, worst first, each once; how much was not measured; whether damage was not looked for."""
    if asset.error:
        said, name = asset.error.said.of(lang), os.path.basename(asset.source)  # noqa: PTH119  also of addresses
        # The name stands on the line already, and what went wrong alike is one cause.
        return (_Cause("level-error", said.removeprefix(name).lstrip(" :：") or said),), 0, False
    stuck = {f.place for f in asset.blocked} if isinstance(asset, PlannedAsset | PreparedAsset) else set()
    found: dict[Key, _Cause] = {}
    unmeasured, unseen = 0, False
    for f in sorted(
        asset.findings, key=lambda f: (f.place not in stuck, f.fix is not None)
    ):  # what decides comes first
        if f.verdict is Verdict.PASS:
            continue
        if f.verdict is Verdict.UNKNOWN and not f.blocks:
            unseen |= f.check == "media.intact"
            unmeasured += f.check != "media.intact"
        elif f.blocks or f.level is not Level.INFO:
            cause = _cause(f, asset.status, lang)
            found.setdefault(cause.key, cause)
    return tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.label))), unmeasured, unseen


def _cause(f: FindingEntry, status: Status, lang: str) -> _Cause:
    """A finding in words. Nothing is promised of a file that stays as it is, whatever one repair could do."""
    mended = f.fix if status not in _STUCK else None
    if mended and f.blocks:
        label = "fixed" if status is Status.FIXED else "fixable"
    else:
        label = "unknown" if f.verdict is Verdict.UNKNOWN else "level-error" if f.blocks else "level-warning"
    told = f.told
    assert told is not None  # noqa: S101  only of what passed there is none
    limit, rest = (one.of(lang) if one else "" for one in (told.limit, told.rest))
    does = mended.said.of(lang) if mended else ""
    check = CHECKS.get(f.check)
    help_ = check.help.of(lang).rstrip(".。") if check and check.help and not mended else ""
    return _Cause(label, told.title.of(lang), limit, told.found.of(lang), does, rest, help_)


def matrix(columns: Sequence[tuple[str, Iterable[AssetEntry]]], lang: str, out: Console) -> Iterator[Line]:
    """A line for each asset and a column for each scenario: where it stands. What no scenario lists has a dash."""
    stands: dict[str, dict[int, Status]] = {}
    for number, (_, assets) in enumerate(columns):
        for asset in assets:
            stands.setdefault(asset.source, {})[number] = asset.status
    heads = [chr(ord("A") + number) if number < 26 else str(number + 1) for number in range(len(columns))]
    for head, (preset, _) in zip(heads, columns, strict=True):
        yield Line(f"{head} {visible(preset)}", style="bold")
    words = {status: say(status, lang) for row in stands.values() for status in row.values()}
    column = max([cell_len(word) for word in words.values()] + [2]) + 2
    room = max(12, out.width - column * len(columns))
    names = [_tail(visible(source), room) for source in stands]
    left = max((cell_len(name) for name in names), default=0)
    yield Line((" " * left + "".join(f"  {head:<{column - 2}}" for head in heads)).rstrip(), style="dim")
    for name, row in zip(names, stands.values(), strict=True):
        line = Line(name)
        for number in range(len(columns)):
            line.pad_right(left + column * number + 2 - line.cell_len)
            status = row.get(number)
            line.append(words[status] if status else "-", style=COLOURS[status] if status else "dim")
        yield line


def lines(assets: Iterable[AssetEntry], lang: str, out: Console, *, listed: bool = True) -> Iterator[Line]:
    """One line for each asset where they are `listed`, as wide as `out` at most; below, equal causes with their counts.

    Of one asset alone all causes are told; of several the most frequent ones, in a few lines.
    """
    rows: list[_Row] = []
    counts: Counter[Key] = Counter()
    joined: dict[Key, _Cause] = {}
    unmeasured, unseen = 0, False
    for asset in assets:
        causes, left, blind = _causes(asset, lang)
        unmeasured, unseen = unmeasured + (left > 0), unseen or blind
        made = asset.outputs[0].path if isinstance(asset, PreparedAsset) and asset.outputs else ""
        rows.append(_Row(asset.status, asset.source, causes, made))
        for cause in causes:
            counts[cause.key] += 1
            joined[cause.key] = joined[cause.key].joined(cause, _STOPS[lang][1]) if cause.key in joined else cause
    yield from _files(rows, lang, out.width) if listed else ()
    alone = len(rows) == 1
    open_ = [key for key in counts if alone or key[0] != "fixed"]  # of what was done, the line of its file is enough
    ordered = sorted(open_, key=lambda key: (_ORDER.index(key[0]), -counts[key]))
    told = [(counts[key], joined[key].sentence(lang), key[0]) for key in ordered]
    yield from _told(told, lang, out, alone=alone)
    if unmeasured:
        yield Line(f"{say('unmeasured', lang)}: {unmeasured}", style="dim")
    if unseen:
        yield Line(say("unseen", lang), style="dim")


def _files(rows: list[_Row], lang: str, width: int) -> Iterator[Line]:
    """The lines of files; the folder that all are in stands above them."""
    top = os.path.commonpath([os.path.dirname(row.name) for row in rows]) if len(rows) > 1 else ""  # noqa: PTH120  also of addresses
    cut = len(top.rstrip("/")) + 1 if top else 0
    if cut:
        yield Line(visible(rows[0].name[:cut]), style="dim")
    names = [visible(row.name[cut:]) for row in rows]
    word = max((cell_len(say(row.status, lang)) for row in rows), default=0)
    most = width if len(rows) == 1 else int(width * _NAMED)
    room = min(max((cell_len(name) for name in names), default=0), most)
    for row, name in zip(rows, names, strict=True):
        line = Line(say(row.status, lang), style=COLOURS[row.status])
        line.pad_right(word + 2 - line.cell_len)
        line.stylize("default", word)
        line.append(_tail(name, room))
        if len(rows) == 1:
            line.append(f"  → {visible(row.made)}" if row.made else "")
            line.truncate(width, overflow="ellipsis")
            yield line
            continue
        line.pad_right(word + 2 + room - line.cell_len)
        more = f" +{len(row.causes) - 1}" if len(row.causes) > 1 else ""
        line.append("  " + visible(row.told(lang)))
        line.truncate(width - len(more), overflow="ellipsis")
        line.append(more, style="dim")
        line.rstrip()
        yield line


def _tail(name: str, room: int) -> str:
    """The name, or as much of its end as there is room for: what tells files apart."""
    if cell_len(name) <= room:
        return name
    while name and cell_len(name) >= room:
        name = name[1:]
    return "…" + name


def _told(told: list[tuple[int, str, str]], lang: str, out: Console, *, alone: bool) -> Iterator[Line]:
    """Causes with their counts, until their lines are used up."""
    used, digits = 0, max((len(str(count)) for count, _, _ in told), default=0)
    for number, (count, sentence, label) in enumerate(told):
        head = "  " if alone else f"{count:>{digits}} × "
        line = Line(head).append(say(label, lang), style=COLOURS[label]).append(" " + visible(sentence))
        wrapped = line.wrap(out, max(20, out.width - len(head)))
        if not alone and number and used + len(wrapped) > _CAUSES:
            yield Line(f"{' ' * digits}   +{len(told) - number} {say('causes', lang)}", style="dim")
            return
        used += len(wrapped)
        for place, one in enumerate(wrapped):
            one.rstrip()
            yield one if place == 0 else Line(" " * len(head)).append_text(one)
