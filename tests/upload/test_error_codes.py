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
