"""`preflight explain` leads from whatever somebody holds to the rule: a code, a check, the end of a name, words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pipeline.cli.main import main
from pipeline.rules import presets
from tests import ROOT


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["explain", *words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def codes() -> set[str]:
    """Codes of platforms as the texts of the presets have them."""
    texts = "".join(path.read_text("utf-8") for path in presets.folder().rglob("*.toml"))
    rows = (ROOT / "presets" / "rows.json").read_text("utf-8")
    return set(re.findall(r"(?:MSS|APIGW?)\.\d{4,}", texts + rows))


def test_every_code_that_the_documents_name_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    named = sorted(codes())
    assert len(named) > 100
    for code in named[::7]:  # each costs a look at every preset
        found = told(capsys, code)
        assert found["meaning"], code
        assert all(code in (one["code"] or code) for one in found["matches"]), code


def test_a_code_leads_to_the_rules_that_it_is_answered_for(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "MSS.45000003", "--lang", "zh")
    assert re.search("[一-鿿]", found["meaning"])
    assert found["matches"]
    assert all("MSS.45000003" in one["code"] for one in found["matches"] if one["code"])


@pytest.mark.parametrize("word", ["max-fps", "video.frame_rate", "frame rate", "帧率"])
def test_so_do_a_short_name_a_check_and_words_of_both_languages(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [one["rule"] for one in told(capsys, word)["matches"]]
    assert "metastudio.video-production.video.max-fps" in ids
    assert len(ids) == len(set(ids))


def test_a_note_is_told_with_the_scenarios_that_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    preset = next(preset for preset in map(presets.load, presets.names()) if preset.notes)
    note = preset.notes[0]
    found = told(capsys, note.id)
    assert preset.id in [one["preset"] for one in found["notes"]]
    assert note.text.en in [one["text"] for one in found["notes"]]
    assert main(["explain", note.id, "--lang", "zh"]) == 0
    assert "no preset" not in capsys.readouterr().out


@pytest.mark.parametrize("word", ["MSS.99999999", "no such words at all", "metastudio.video-production.video.max-fp"])
def test_what_leads_nowhere_is_a_mistake(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 2
    assert word in capsys.readouterr().err
