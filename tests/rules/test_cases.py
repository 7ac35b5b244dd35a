"""Every rule of every shipped preset accepts what it should and refuses what it should.

The cases are tables in tests/rules/cases/*.toml, written from the documents and not from the presets:

    [good.video]                        facts that every rule of the role is content with
    kind = "video"                      the names are those of pipeline.model.results
    name = "clip.mp4"
    video.size = "1920x1080"

    [[cases]]
    presets = ["convert/h264-1080p"]
    roles = ["video"]                   `good` names facts that are not called like the role, or a list one
                                        for each preset
    lines = [
        # rule                             accepts                       refuses
        ["convert.h264-1080p.frame-rate", { video.frame_rate = 30 },    { video.frame_rate = 30.001 }],
    ]

A line changes the good facts, once so that the rule passes and once so that it fails; both are mostly the last
value on their side of the limit. A rule with a condition has a fourth entry, facts of which it is not asked.
`{ container = { any = ["mp4", "mov"] } }` stands for one set of facts per value, and text such as "{33*x}" or the
entry "{0-19}.wav" for what it says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from msgspec.structs import replace

from pipeline.model.facts import (
    ArchiveEntry,
    ArchiveInfo,
    AudioStream,
    FontSwap,
    ImageInfo,
    Kind,
    Mark,
    MediaInfo,
    OnSlide,
    Size,
    SlidesInfo,
    Stated,
    TextInfo,
    VideoStream,
)
from pipeline.model.measured import Card, Face, Letter, Person, Span, Speech
from pipeline.model.results import Finding, Verdict
from pipeline.model.rules import Level, Role
from pipeline.rules import presets
from pipeline.rules.judge import judge

Table = Mapping[str, Any]
FOLDER = Path(__file__).parent / "cases"

# --- facts --------------------------------------------------------------------------------------------


@cache
def hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def text(raw: str) -> str:
    """Text with "{n*c}" written out."""
    return re.sub(r"\{(\d+)\*(.)\}", lambda found: found[2] * int(found[1]), raw)


def value(hint: Any, raw: Any) -> Any:
    """A value of a table as the model holds it."""
    if isinstance(raw, str) and "Size" in str(hint):
        width, _, height = raw.partition("x")
        return Size(int(width), int(height))
    if isinstance(raw, str) and "Stated" in str(hint):
        return Stated(raw)
    if isinstance(raw, str):
        return Fraction(raw) if "Fraction" in str(hint) else text(raw)
    if isinstance(raw, list):
        return tuple(Fraction(str(each)) for each in raw) if "Fraction" in str(hint) else tuple(raw)
    return Fraction(str(raw)) if "Fraction" in str(hint) and not isinstance(raw, bool) else raw


def block(class_: type, table: Table, **more: Any) -> Any:
    """One dataclass of the model; a key it does not have is an error."""
    return class_(**{key: value(hints(class_).get(key), raw) for key, raw in table.items()} | more)


def several(raw: Any) -> list[Table]:
    """One table or a list of them."""
    return [raw] if isinstance(raw, Mapping) else list(raw)


def entries(raw: list[Any]) -> Iterator[ArchiveEntry]:
    """Entries of a package: names, or tables with more facts; "{0-19}" in a name counts."""
    for each in raw:
        table = {"name": each} if isinstance(each, str) else dict(each)
        audio, speech = table.pop("audio", None), table.pop("speech", None)
        table.setdefault("format", table["name"].rpartition(".")[2])
        counted = re.search(r"\{(\d+)-(\d+)\}", table["name"])
        numbers = range(int(counted[1]), int(counted[2]) + 1) if counted else [0]
        for number in numbers:
            name = table["name"].replace(counted[0], str(number)) if counted else table["name"]
            sound = block(AudioStream, audio, index=0) if audio else None
            heard = block(Speech, speech) if speech else None
            yield block(ArchiveEntry, table | {"name": name}, audio=sound, speech=heard)


def info(table: Table) -> MediaInfo:
    """The facts about one file."""
    plain = dict(table)
    video, audio, face = (several(plain.pop(key, [])) for key in ("video", "audio", "face"))
    faces = tuple(block(Face, each, box=(Fraction(0),) * 4, score=Fraction(1)) for each in face)
    blocks: dict[str, Any] = {
        "kind": Kind(plain.pop("kind")),
        "extension": plain["name"].rpartition(".")[2],
        "video": tuple(block(VideoStream, each, index=n) for n, each in enumerate(video)),
        "audio": tuple(block(AudioStream, each, index=len(video) + n) for n, each in enumerate(audio)),
        "faces": faces if "face" in table else None,
    }
    if "image" in plain:
        image = plain.pop("image")
        blocks["image"] = block(ImageInfo, {"stored": image["size"]} | image)
    if "archive" in plain:
        archive = dict(plain.pop("archive"))
        blocks["archive"] = block(ArchiveInfo, archive, entries=tuple(entries(archive.pop("entries"))))
    if "text" in plain:
        words = dict(plain.pop("text"))
        marks = tuple(
            Mark(what=what, value=value(Fraction if isinstance(raw, float) else None, raw), line=1, column=1)
            for what, raw in words.pop("marks", {}).items()
        )
        blocks["text"] = block(TextInfo, words, marks=marks)
    if "swaps" in plain.get("slides", {}):
        swaps = tuple(FontSwap(each["font"], each.get("by")) for each in plain["slides"]["swaps"])
        plain["slides"] = dict(plain["slides"]) | {"swaps": swaps}
    if "places" in plain.get("slides", {}):
        places = tuple(OnSlide(each["slide"], each["what"]) for each in plain["slides"]["places"])
        plain["slides"] = dict(plain["slides"]) | {"places": places}
    if "person" in plain:  # spans are pairs of seconds
        seen = {
            key: tuple(Span(*(Fraction(str(each)) for each in pair)) for pair in raw)
            if isinstance(raw, list)
            else value(hints(Person)[key], raw)
            for key, raw in plain.pop("person").items()
        }
        blocks["person"] = replace(Person(step=Fraction(1, 2), pictures=480, looked=120, seen=120), **seen)
    for key, kind in (("slides", SlidesInfo), ("speech", Speech), ("card", Card), ("letter", Letter)):
        if key in plain:
            blocks[key] = block(kind, plain.pop(key))
    assert plain.keys() <= set(MediaInfo.__struct_fields__), f"unknown facts in {sorted(plain)}"
    return block(MediaInfo, plain, **blocks)


def laid(under: Any, over: Any) -> Any:
    """`over` laid on `under`, table by table."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        both = dict(under)
        for key, raw in over.items():
            both[key] = laid(under[key], raw) if key in under else raw
        return both
    return over


def each_of(change: Any) -> list[Any]:
    """A change with every combination of what `any` lists."""
    if isinstance(change, Mapping):
        if change.keys() == {"any"}:
            return list(change["any"])
        combined = product(*(each_of(raw) for raw in change.values()))
        return [dict(zip(change, values, strict=True)) for values in combined]
    return [change]


# --- cases --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One line of a table for one preset and role."""

    preset: str
    role: str
    rule: str
    good: Table
    accepts: Table
    refuses: Table
    unasked: Table | None

    def __str__(self) -> str:
        return f"{self.preset}:{self.role}:{self.rule}"

    def answers(self, change: Table) -> Iterator[tuple[Table, list[Finding]]]:
        """Every set of facts of a change with what the rule says about it."""
        for each in each_of(change):
            found = judge(info(laid(self.good, each)), role_of(self.preset, self.role))
            yield each, [finding for finding in found if finding.rule.id == self.rule]


def role_of(preset: str, role: str) -> Role:
    found = presets.load(preset).role(role)
    assert found, f"{preset} has no role {role}"
    return found


def goods(group: Table, preset: str, role: str) -> str:
    """The name of the good facts of a group."""
    named = group.get("good", role)
    return named if isinstance(named, str) else named[group["presets"].index(preset)]


def read() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        for group in data["cases"]:
            for preset, role, (rule, accepts, refuses, *unasked) in product(
                group["presets"], group["roles"], group["lines"]
            ):
                good = data["good"][goods(group, preset, role)]
                yield Case(preset, role, rule, good, accepts, refuses, unasked[0] if unasked else None)


CASES = list(read())
GOOD = list({(case.preset, case.role, id(case.good)): case for case in CASES}.values())
CONDITIONAL = [case for case in CASES if case.unasked is not None]
RULES = {
    (name, role.name, rule.id): rule
    for name in (*presets.names(), presets.COMMON)
    for role in presets.load(name).roles
    for rule in role.rules
}


@pytest.mark.parametrize("case", GOOD, ids=lambda case: f"{case.preset}:{case.role}")
def test_good_facts_pass_every_rule(case: Case) -> None:
    found = judge(info(case.good), role_of(case.preset, case.role))
    assert [f"{f.rule.id}: {f.verdict}, {f.actual}" for f in found if f.verdict is not Verdict.PASS] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_accepts_and_refuses(case: Case) -> None:
    for change, found in case.answers(case.accepts):
        assert found, f"not asked of {change}"
        assert {f.verdict for f in found} == {Verdict.PASS}, f"{change}: {found[0].actual}"
    for change, found in case.answers(case.refuses):
        assert Verdict.FAIL in {f.verdict for f in found}, f"{change}: {found and found[0].actual}"


@pytest.mark.parametrize("case", CONDITIONAL, ids=str)
def test_rule_is_not_asked_where_its_condition_does_not_hold(case: Case) -> None:
    assert case.unasked is not None
    for change, found in case.answers(case.unasked):
        assert not found, f"asked of {change}"


def test_every_rule_has_a_case() -> None:
    covered = {(case.preset, case.role, case.rule) for case in CASES}
    assert sorted(covered - RULES.keys()) == [], "cases of rules that no preset has"
    assert sorted(RULES.keys() - covered) == [], "rules without a case in tests/rules/cases"


def test_every_rule_with_a_condition_has_a_case_in_which_it_is_not_asked() -> None:
    covered = {(case.preset, case.role, case.rule) for case in CONDITIONAL}
    assert sorted(key for key, rule in RULES.items() if rule.when and key not in covered) == []


@pytest.mark.parametrize(("preset", "role"), sorted({key[:2] for key in RULES}))
def test_what_a_role_delivers_its_rules_name_first(preset: str, role: str) -> None:
    """A repair takes the first of a list and a file made anew the role's container: they must be the same."""
    checks = {"container.format", "file.format", "image.format", "slides.format", "subtitle.format"}
    delivered = {role_of(preset, role).wants("container"), role_of(preset, role).wants("format")} - {None}
    for rule in role_of(preset, role).rules:
        if rule.check in checks and delivered and rule.level is Level.ERROR:
            assert rule.limit.nearest("none of them") in delivered, rule.id


@pytest.mark.parametrize(("preset", "role"), sorted({key[:2] for key in RULES}))
def test_sound_under_a_byte_limit_is_made_anew_small(preset: str, role: str) -> None:
    """Uncompressed sound soon outgrows a limit: five minutes that a role allows must fit what it delivers."""
    found = role_of(preset, role)
    limits = [r.limit for r in found.rules if r.check == "file.size" and r.level is Level.ERROR]
    if found.kinds != {Kind.AUDIO} or not limits:
        return
    rate = found.wants("audio_bit_rate")
    if rate is None:  # 16-bit
        samples, channels = found.wants("sample_rate"), found.wants("channels")
        assert isinstance(samples, int), f"{preset} {role}"
        assert isinstance(channels, int), f"{preset} {role}"
        rate = samples * channels * 16
    assert isinstance(rate, int)
    assert all(limit.accepts(rate * 300 // 8) for limit in limits)
