"""Every code that a preset or a statement of the documents names is explained, in both languages."""

from __future__ import annotations

import re
import tomllib

import pytest

from pipeline.model.facts import Text
from pipeline.upload import error_codes as shared
from pipeline.upload.metastudio import error_codes as metastudio
from pipeline.upload.tencent import error_codes as tencent
from tests import ROOT

PRESETS = ROOT / "presets"
_CODE = re.compile(r"(?:MSS|APIGW?)\.\d{4,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _named() -> set[str]:
    """Codes in every preset and in the rows of the documents."""
    texts = [file.read_text(encoding="utf-8") for file in PRESETS.rglob("*.toml")]
    return set(_CODE.findall("\n".join([*texts, (PRESETS / "rows.json").read_text(encoding="utf-8")])))


def test_every_code_that_a_rule_names_is_explained() -> None:
    named = _named()
    assert len(named) > 100
    assert sorted(named - metastudio.MEANINGS.keys()) == []


def test_rules_of_presets_name_codes_that_this_test_reads() -> None:
    rules = [
        rule for file in PRESETS.rglob("*.toml") for rule in tomllib.loads(file.read_text("utf-8")).get("rule", ())
    ]
    told = {code for rule in rules for code in _CODE.findall(str(rule.get("code", "")))}
    assert told
    assert told <= _named()


@pytest.mark.parametrize(
    "table",
    [metastudio.MEANINGS, tencent.GENERAL, tencent.FACE, tencent.DETECTION, shared.STORES, shared.STATUS],
)
def test_every_code_is_explained_in_both_languages(table: dict[object, Text]) -> None:
    for code, said in table.items():
        assert said.en.isascii(), code
        assert _CHINESE.search(said.zh), code


def test_one_code_with_two_meanings_is_told_apart_by_its_status() -> None:
    assert "review" in metastudio.CODES.told("MSS.20010115", 200).en
    assert "let in" in metastudio.CODES.told("MSS.20010115", 403).en
    assert metastudio.CODES.told("MSS.99999999", 403).en.startswith("no right")


def test_a_status_alone_is_told_by_its_meaning() -> None:
    """RFC 9110, 15.5 and 15.6; RFC 6585, 4; RFC 4918, 11.5."""
    codes = shared.ErrorCodes()
    said = {
        status: codes.told("nosuch", status).en for status in (200, 400, 401, 402, 403, 404, 429, 499, 500, 503, 507)
    }
    words = {
        400: "not accepted",
        401: "not signed in",
        403: "no right",
        404: "not found",
        429: "too many",
        507: "disk is",
    }
    assert {status: word in said[status] for status, word in words.items()} == dict.fromkeys(words, True)
    assert {said[status] for status in (200, 402, 499)} == {"refused"}
    assert {said[status] for status in (500, 503)} == {"the far end failed"}
    assert codes.told("nosuch").en == "refused"


def test_a_platforms_own_meaning_goes_before_that_of_all_stores() -> None:
    own, two = Text("own", "自有"), Text("of two", "二选一")
    codes = shared.ErrorCodes({"NoSuchUpload": own, "E.1": own, "E.1/403": two})
    assert codes.told("NoSuchUpload", 404) == own
    assert shared.ErrorCodes().told("NoSuchUpload", 404) == shared.STORES["NoSuchUpload"]
    assert (codes.told("E.1", 403), codes.told("E.1", 400)) == (two, own)


@pytest.mark.parametrize(
    ("codes", "code", "right"),
    [
        (shared.ErrorCodes(), "E.1", True),  # nothing is known to be final
        (shared.ErrorCodes(final="E."), "E.1", False),
        (shared.ErrorCodes(final="E."), "F.1", True),
        (shared.ErrorCodes(final="E."), "", True),
        (shared.ErrorCodes(final="E.", passing=frozenset({"E.1"})), "E.1", True),
        (shared.ErrorCodes(final="E.", passing=frozenset({"E.1"})), "E.2", False),
    ],
)
def test_which_server_errors_may_pass(codes: shared.ErrorCodes, code: str, right: bool) -> None:
    assert codes.may_pass(code) is right


def test_codes_are_not_changed() -> None:
    with pytest.raises(AttributeError):
        metastudio.CODES.busy = frozenset()  # type: ignore[misc]  # it is frozen
