"""Every statement of the platforms' documents has its place, and presets cite the documents truly.

presets/rows.json holds the statements. A row is level H (stated limit), S (advice or behaviour), V (stated, but
takes a face, speech or human check) or R (only the platform can decide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.rules import Level, Preset, Rule, Source
from pipeline.rules import coverage, presets
from pipeline.rules.catalogue import Statement, rows
from pipeline.rules.coverage import Keeper

ROWS: dict[str, Statement] = {row.id: row for row in rows()}
ACCOUNT = coverage.account()
PRESETS = [presets.load(name) for name in presets.names()]
RULES = [(preset, role, rule) for preset in PRESETS for role in preset.roles for rule in role.rules]

DOCUMENT = re.compile(r"(MS-Intro|MS-FAQ|MS-Overview|MS-API|TX-Custom) (.+)")
OWN_DATE = re.compile(r"(.+) \((\d{4}-\d{2}-\d{2})\)")

# Rows that state one limit for two documents which word it differently; the presets cite each with its own.
SPLIT = {
    ("metastudio/video-production", "metastudio.video-production.text.ssml-max-size"),  # counts characters
    ("metastudio-intl/video-production", "metastudio.video-production.text.ssml-max-size"),  # counts bytes
    ("metastudio-intl/video-production", "metastudio.asset.ppt.animation-absent"),  # cites its own site's document
    ("metastudio-intl/asset-library", "metastudio.asset.ppt.animation-absent"),  # as above
}
# Citations beyond those of the row, and why.
MORE_SOURCES = {
    "metastudio.asset.ppt.file-type": {("MS-FAQ", "4.3", "2025-09-19")},  # that PDF stands in for a deck
    "metastudio.video-production.ppt.fonts": {("MS-API", "12.9 Table 12-15", "2024-11-14")},  # the list of fonts
}
# The row prints one date for two pages of their own dates.
OTHER_DATE = {"tencent.face-detect.v2.crop"}
# Stated limits that only warn: where two documents disagree the stricter one rejects, and others have a reason.
ONLY_ADVISED = {
    "metastudio.asset.ppt.page-content.max-len": "the text of a page is cut when pages are delivered",
    "metastudio.asset.ppt.pdf-origin": "one of three documents says so, and the producer is only what a file claims",
    "metastudio.live.text.api-max-len": "the console's limits on a paragraph are stricter",
    "metastudio.photo-avatar.photo.formats-base64": "only where the photo travels as base64",
    "metastudio.photo-avatar.photo.max-bytes-render": "the 16 MB of the product document are stricter",
    "metastudio.photo-avatar.photo.face-area-min": "of what is not said; the range of the error table is what rejects",
    "metastudio.photo-avatar.photo.unoccluded": "no figure is stated; ours is a guess",
    "metastudio.photo-avatar.audio.max-bytes": "the 11 M of the render stage are stricter",
    "metastudio.photo-avatar.text.max-chars": "the 1800 characters of the render stage are stricter",
    "metastudio.photo-avatar.text.max-tts-duration": "the speaking time is an estimate",
    "metastudio.avatar-training.video.green-screen": "only where the order has the background replaced",
    "tencent.make.background.removal": "as above",
    "tencent.face-detect.face-box-size": "no figures are stated; ours are those of the other platform",
    "tencent.auth-video.path": "the upload stage writes the key; mp4 is only seen in examples",
    "tencent.voice.quality.text-accuracy.chi": "the language is not known; the least pass mark rejects",
    "tencent.voice.quality.text-accuracy.can": "as above",
    "tencent.zero-shot-voice.quality.text-accuracy.chi": "as above",
    "tencent.zero-shot-voice.quality.text-accuracy.can": "as above",
}


def cited(row: Statement) -> set[tuple[str, str, str]]:
    """(document, section, date) of each citation of a row; dates are in the order of the documents."""
    dates, found, date, document = iter(row.date), set(), "", ""
    for piece in row.source.split("; "):
        named = DOCUMENT.fullmatch(piece)
        if named and named[1] != document:
            document, date = named[1], next(dates, date)
        section = named[2] if named else piece
        own = OWN_DATE.fullmatch(section)
        found.add((document, own[1], own[2]) if own else (document, section, date))
    return found


def citing(sources: tuple[Source, ...]) -> set[tuple[str, str, str]]:
    """The same of a rule or note; our own sources are none of the platforms'."""
    return {
        (source.document, piece.removeprefix(f"{source.document} "), source.date)
        for source in sources
        if source.document != "media-preflight"
        for piece in source.section.split("; ")
    }


def codes(row: Statement) -> list[str]:
    """The codes a row names, in order."""
    if row.code.startswith(("none", "no code", "see ")):
        return []
    return re.findall(r"~?(?:MSS\.\d+|(?:face code )?\b\d{6}|DetectionCode -\d|Result\.\w+|TOO_[A-Z_]+)", row.code)


def test_every_statement_is_taken_care_of() -> None:
    assert len(ACCOUNT) == len(ROWS) == 412
    assert [entry.id for entry in ACCOUNT if entry.keeper is None] == []


def test_elsewhere_names_only_statements_that_exist_and_says_how() -> None:
    for table, entries in coverage.elsewhere().items():
        for row, sentence in entries.items():
            assert row in ROWS, f"presets/coverage.toml [{table}]: no such row {row}"
            assert len(sentence) > 30, f"presets/coverage.toml [{table}]: {row}: too short to be a reason"


def test_a_statement_stands_in_one_table_only() -> None:
    tables = [set(entries) for entries in coverage.elsewhere().values()]
    assert sum(map(len, tables)) == len(set().union(*tables))


def test_what_only_the_platform_can_decide_is_no_rule() -> None:
    for entry in ACCOUNT:
        rules = [place.preset for place in entry.places if place.check]
        if entry.level == "R" or any(place.keeper is Keeper.SERVER for place in entry.places):
            assert not rules, f"{entry.id} is decided by the platform and still a rule in {rules}"


def test_what_a_file_can_break_and_the_platform_states_is_a_rule() -> None:
    """A stated limit is enforced by a rule, by the upload stage or in a script; a note is not enough."""
    only_noted = {entry.id for entry in ACCOUNT if entry.level == "H" and entry.keeper is Keeper.NOTE}
    assert only_noted == {
        "metastudio.video-production.script.max-scenes-cn",  # a script is no file
        "metastudio.video-production.script.max-scenes-intl",
        "metastudio.video-production.script.single-model",
        "metastudio.video-production.video.max-overlays",  # how many at once, not how many files
        "metastudio.video-production.image.max-count",
        "metastudio.live.video.max-overlays",
        "metastudio.live.background.transparent",  # a setting of the scene
    }


def test_a_stated_limit_rejects_unless_there_is_a_reason() -> None:
    stated = [entry for entry in ACCOUNT if entry.level in {"H", "V"}]
    assert {entry.id for entry in stated if entry.keeper is Keeper.ADVICE} == ONLY_ADVISED.keys()


def test_advice_never_rejects() -> None:
    for preset, role, rule in RULES:
        row = coverage.row_of(rule.id, ROWS)
        if row is not None and ROWS[row].level == "S":
            assert rule.level is not Level.ERROR, f"{preset.id} {role.name} {rule.id} is advice in the documents"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.id)
def test_rules_and_notes_cite_what_the_row_cites(preset: Preset) -> None:
    for told in [*(rule for role in preset.roles for rule in role.rules), *preset.notes]:
        if told.id not in ROWS:
            continue
        expected, found = cited(ROWS[told.id]), citing(told.sources)
        if told.id in OTHER_DATE:
            expected, found = ({(d, s, "") for d, s, _ in each} for each in (expected, found))
        if (preset.id, told.id) in SPLIT:
            assert found, told.id
            assert found < expected, told.id
        else:
            assert found == expected | MORE_SOURCES.get(told.id, set()), told.id


def test_rules_carry_the_code_of_their_row() -> None:
    for preset, role, rule in RULES:
        if rule.id in ROWS:
            named = codes(ROWS[rule.id])
            assert rule.code == (named[0] if named else None), f"{preset.id} {role.name} {rule.id}"


def test_warnings_and_infos_give_their_reason_in_both_languages() -> None:
    for preset, role, rule in RULES:
        if rule.level is not Level.ERROR:
            assert rule.note, f"{preset.id} {role.name} {rule.id}"
            assert rule.note.en.strip(), rule.id
            assert re.search(r"[\u4e00-\u9fff]", rule.note.zh), rule.id


def own() -> Iterator[tuple[str, Rule]]:
    for preset, _, rule in RULES:
        if coverage.row_of(rule.id, ROWS) is None:
            yield preset.id, rule


def test_rules_of_our_own_say_so() -> None:
    """A rule that extends no row of the documents cites ourselves, or says itself which page it comes from."""
    from_older_pages = {"tencent.voice.zip.flat"}
    for preset, rule in own():
        if rule.id not in from_older_pages:
            assert rule.sources[0].document == "media-preflight", f"{preset} {rule.id}"


def test_the_document_is_what_the_presets_say() -> None:
    written = (Path(presets.folder()).parent / "docs" / "rules-coverage.md").read_text(encoding="utf-8")
    assert written == coverage.document(ACCOUNT), "docs/rules-coverage.md is out of date; run `make coverage`"


def test_the_document_is_the_same_every_time() -> None:
    assert coverage.document(coverage.account()) == coverage.document(ACCOUNT)
