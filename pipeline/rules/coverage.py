"""Where every row of the platforms' documents is taken care of; prints docs/rules-coverage.md.

A row of presets/rows.json is held by rules or notes of presets, or presets/coverage.toml says which request
of the upload enforces it, that only the server can decide it, or that it is a field of a script.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from pipeline.checks import CHECKS
from pipeline.model.rules import Level
from pipeline.rules import presets
from pipeline.rules.catalogue import rows


class Keeper(StrEnum):
    """Who takes care of a row, the strictest first."""

    ERROR = "error"  # a rule that rejects
    ADVICE = "advice"  # a rule that warns or tells
    NOTE = "note"
    UPLOAD = "upload"
    SCRIPT = "script"
    SERVER = "server"


_HEADINGS: Final = {
    Keeper.ERROR: "rule that rejects",
    Keeper.ADVICE: "rule that advises",
    Keeper.NOTE: "note only",
    Keeper.UPLOAD: "upload stage",
    Keeper.SCRIPT: "field of a script or job",
    Keeper.SERVER: "platform alone",
}
ELSEWHERE: Final = (Keeper.UPLOAD, Keeper.SERVER, Keeper.SCRIPT)


class RowKeeper(Struct, frozen=True, kw_only=True):
    """One place that takes care of a row."""

    keeper: Keeper
    preset: str = ""  # of a rule or note
    role: str = ""  # of a rule
    check: str = ""  # of a rule
    level: str = ""  # of a rule
    rule: str = ""  # its id, which may be the row's with a suffix
    measured: bool = False  # the rule needs a face or speech measurement, or a full decode
    text: str = ""  # of an entry in coverage.toml


class RowCoverage(Struct, frozen=True, kw_only=True):
    """One row of the documents and every place that takes care of it; none means that it was forgotten."""

    id: str
    scenario: str
    level: str  # H, S, V or R, see the head of the document
    statement: str
    places: tuple[RowKeeper, ...]

    @property
    def keeper(self) -> Keeper | None:
        """The strictest of its keepers."""
        return min((place.keeper for place in self.places), key=list(Keeper).index, default=None)


def elsewhere() -> dict[Keeper, dict[str, str]]:
    """The entries of presets/coverage.toml: table -> row id -> sentence."""
    data = tomllib.loads((presets.folder() / "coverage.toml").read_text(encoding="utf-8"))
    return {keeper: data[keeper.value] for keeper in ELSEWHERE}


def row_of(rule: str, known: Iterable[str]) -> str | None:
    """The row a rule or note belongs to: the longest id among `known` it equals or extends by a suffix."""
    ids = set(known)
    parts = rule.split(".")
    tries = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((each for each in tries if each in ids), None)


def _places(known: set[str]) -> Iterator[tuple[str, RowKeeper]]:
    for name in presets.names():
        preset = presets.load(name)
        for role in preset.roles:
            for rule in role.rules:
                if row := row_of(rule.id, known):
                    yield (
                        row,
                        RowKeeper(
                            keeper=Keeper.ERROR if rule.level is Level.ERROR else Keeper.ADVICE,
                            preset=name,
                            role=role.name,
                            check=rule.check,
                            level=rule.level.value,
                            rule=rule.id,
                            measured=bool(CHECKS[rule.check].needs),
                        ),
                    )
        for note in preset.notes:
            if row := row_of(note.id, known):
                yield row, RowKeeper(keeper=Keeper.NOTE, preset=name, rule=note.id)
    for keeper, entries in elsewhere().items():
        for row, text in entries.items():
            yield row, RowKeeper(keeper=keeper, text=text)


def account() -> list[RowCoverage]:
    """All rows in the order of the documents, each with every place that takes care of it."""
    catalogue = rows()
    places: dict[str, list[RowKeeper]] = {row.id: [] for row in catalogue}
    for row, place in _places(set(places)):
        places.setdefault(row, []).append(place)
    return [
        RowCoverage(
            id=row.id,
            scenario=row.scenario,
            level=row.level,
            statement=f"{row.property}: {row.op} {row.value}",
            places=tuple(places[row.id]),
        )
        for row in catalogue
    ]


# --- the document -------------------------------------------------------------------------------------

_HEAD: Final = """\
# Where every platform rule is taken care of

Written by `make coverage` from `presets/`; do not edit. One line for each of the {count} statements in the
platforms' documents; `preflight explain ID` shows limit, document, section, date and code of any of them.

The level is that of the statement: **H** a stated limit, **S** a recommendation or a behaviour, **V** a
stated limit that takes a face, speech or human check, **R** decided on the platform. *Measured* rules need
the faces, the sound or the decoded picture, which `check` measures where a rule asks; where that cannot be
done the answer is *unknown*.

"""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _rules(places: Iterable[RowKeeper]) -> Iterator[str]:
    """Rules of one check and level in one sentence, with all presets and roles that have it."""
    grouped: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for place in places:
        if place.check:
            measured = ", measured" if place.measured else ""
            suffix = ".decimal" if place.rule.endswith(".decimal") else ""
            roles = grouped.setdefault((place.check, place.level + measured, suffix), {})
            roles.setdefault(place.preset, []).append(place.role)
    for (check, level, suffix), users in grouped.items():
        who = "; ".join(f"{preset} ({', '.join(dict.fromkeys(roles))})" for preset, roles in users.items())
        decimal = " between the decimal and the binary reading" if suffix else ""
        yield f"`{check}` {level}{decimal}: {who}"


def _where(entry: RowCoverage) -> str:
    told = list(_rules(entry.places))
    notes = [place.preset for place in entry.places if place.keeper is Keeper.NOTE]
    if notes:
        told.append(f"note: {', '.join(notes)}")
    told += [f"{place.keeper.value}: {place.text}" for place in entry.places if place.keeper in ELSEWHERE]
    return "<br>".join(map(_cell, told)) or "**nowhere**"


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def _summary(scenarios: Mapping[str, list[RowCoverage]]) -> Iterator[str]:
    yield _line(["scenario", "statements", *_HEADINGS.values()])
    yield _line(["---"] + ["---:"] * (len(_HEADINGS) + 1))
    counted = {title: Counter(entry.keeper for entry in entries) for title, entries in scenarios.items()}
    for title, count in counted.items():
        yield _line([_cell(title), count.total(), *(count[keeper] or "" for keeper in _HEADINGS)])
    whole = sum(counted.values(), Counter[Keeper | None]())
    yield _line(["**all**", *(f"**{n}**" for n in (whole.total(), *(whole[keeper] for keeper in _HEADINGS)))])
    yield "\nEach statement is counted once, under the leftmost heading that applies.\n"


def document(entries: Iterable[RowCoverage]) -> str:
    """The coverage document as Markdown."""
    scenarios: dict[str, list[RowCoverage]] = {}
    for entry in entries:
        scenarios.setdefault(entry.scenario, []).append(entry)
    lines = [_HEAD.format(count=sum(map(len, scenarios.values()))), *_summary(scenarios)]
    for title, members in scenarios.items():
        lines += [f"\n## {title}\n\n", _line(["statement", "level", "taken care of by"]), "|---|---|---|\n"]
        for entry in members:
            lines.append(_line([f"`{entry.id}`<br>{_cell(entry.statement)}", entry.level, _where(entry)]))
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document(account()))
