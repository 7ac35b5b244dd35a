"""What verbs without a schema print as JSON: the same members in the same order, with the values of the model."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import asdict

from pipeline.checks import CHECKS
from pipeline.cli import package
from pipeline.cli.main import main
from pipeline.documents.messages import limit
from pipeline.engine.pool import WorkerEvent
from pipeline.errors import TimedOut
from pipeline.model.limits import Size
from pipeline.rules import presets
from samples._speech import LINES, speech
from tests import ROOT
from tests.probe.test_speech import RATE, save

HEAD: Final = ["schema", "tool", "preset"]
PACKAGE: Final = [*HEAD, "source", "cuts", "outputs", "findings", "error", "status"]
RULE: Final = ["id", "check", "limit", "level", "sources", "code", "note"]
FINDING: Final = [
    *("rule", "check", "stream", "where", "verdict", "blocks", "level", "actual", "limit", "unit", "message", "said"),
    *("told", "fix", "source", "also", "code"),
]


def printed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    """The exit code and the one document on standard output."""
    code = main([*map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


# --- presets, explain, doctor -------------------------------------------------------------------------


def plain(value: object) -> object:
    """A delivered value as JSON holds it: what is exact is a string, a size its two numbers."""
    if isinstance(value, Size):
        return list(value)
    return str(value) if isinstance(value, Fraction) else value


def test_the_list_of_presets(capsys: pytest.CaptureFixture[str]) -> None:
    _, told = printed(capsys, "presets", "list", "--lang", "zh")
    assert told == {
        "presets": [
            {
                "id": one.id,
                "title": one.title.zh,
                "roles": [role.name for role in one.roles],
                "rules": sum(len(role.rules) for role in one.roles),
            }
            for one in map(presets.load, presets.names())
        ]
    }


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_is_shown_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = printed(capsys, "presets", "show", name)
    preset = presets.load(name)
    assert list(told) == ["id", "title", "sha256", "roles", "notes"]
    assert told["notes"] == [{"id": note.id, "text": note.text.en} for note in preset.notes]
    assert [role["name"] for role in told["roles"]] == [role.name for role in preset.roles]
    for shown, role in zip(told["roles"], preset.roles, strict=True):
        assert list(shown) == ["name", "title", "kinds", "deliver", "rules"]
        assert shown["kinds"] == sorted(kind.value for kind in role.kinds)
        assert shown["deliver"] == {key: plain(value) for key, value in role.deliver}
        for line, rule in zip(shown["rules"], role.rules, strict=True):
            assert list(line) == RULE
            assert line["limit"].startswith(limit(rule, "en"))
            assert (line["id"], line["check"], line["level"]) == (rule.id, rule.check, rule.level.value)
            assert line["sources"] == [asdict(source) for source in rule.sources]
            assert (line["code"], line["note"]) == (rule.code, rule.note.en if rule.note else None)


def test_a_statement_is_explained_in_the_words_of_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads((ROOT / "presets" / "rows.json").read_text(encoding="utf-8"))
    ruled = {rule.id for name in presets.names() for role in presets.load(name).roles for rule in role.rules}
    kept = next(row for row in rows if row["id"] in ruled)
    other = next(row for row in rows if row["id"] not in ruled)
    for row in (kept, other):
        code, told = printed(capsys, "explain", row["id"])
        assert code == 0
        assert list(told) == ["rule", "stated", "enforced"]
        assert list(told["stated"].items()) == list(row.items())
    assert told["enforced"] == []
    _, told = printed(capsys, "explain", kept["id"])
    for one in told["enforced"]:
        assert list(one) == [*RULE, "preset", "role", "repair", "advice"]
        told_help = CHECKS[one["check"]].help
        assert one["advice"] == (told_help.en if told_help else None)


def test_doctor_says_the_same_of_every_tool(capsys: pytest.CaptureFixture[str]) -> None:
    _, told = printed(capsys, "doctor")
    assert list(told) == ["tools"]
    for tool in told["tools"]:
        assert list(tool) == ["name", "title", "state", "found", "needed", "advice"]
        assert tool["state"] in ({"on", "off"} if tool["name"].startswith("isolation: ") else {"ok", "missing"})
        assert (tool["advice"] is None) == (tool["state"] in {"ok", "on"})


# --- scenes -------------------------------------------------------------------------------------------


def test_scenes_are_printed_as_they_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "<speak>你好<audio src='x'>世界</audio>。</speak>"
    (tmp_path / "a.ssml").write_text(text, encoding="utf-8")
    words = ("scenes", tmp_path / "a.ssml", "-p", "metastudio/video-production", "-o", tmp_path / "out")
    code, told = printed(capsys, *words)
    assert code == 1
    assert (tmp_path / "out" / "scenes.json").read_text(encoding="utf-8") == (
        json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    )
    assert list(told) == [*HEAD, "source", "role", "request", "scenes", "findings", "summary"]
    assert told["request"] is None  # what would be refused
    assert told["schema"] == "media-preflight/scenes/1"
    (scene,) = told["scenes"]
    found = scene.pop("findings")
    assert any(one["check"] == "ssml.tag" and one["blocks"] for one in found)
    assert all(list(one) == FINDING for one in found)
    assert list(scene.items()) == [
        ("sequence_no", 0),
        ("title", "你好世界。"),
        ("text_config", {"text": text}),
        ("subtitle", "你好世界"),
        ("characters", scene["characters"]),
        ("spoken", scene["spoken"]),
        ("seconds", round(scene["spoken"] * 60 / 250, 1)),
        ("background", None),
    ]
    assert told["summary"] == {"scenes": 1, "characters": scene["spoken"], "seconds": scene["seconds"]}
    number, total = told["findings"]
    assert list(number.items()) == [("check", "scenes"), ("verdict", "pass"), ("actual", 1), ("limit", "<= 50")]
    assert list(total) == ["check", "rule", "verdict", "actual", "limit"]


# --- packages -----------------------------------------------------------------------------------------


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder of recordings without texts."""
    (tmp_path / "clips").mkdir()
    for number in range(5):
        save(tmp_path / "clips" / f"{number}.wav", speech(LINES[number], RATE))
    return tmp_path / "clips"


def test_a_package_is_told_with_its_file(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = printed(capsys, "package", clips, "-p", "tencent/voice-instant", "-o", tmp_path / "out")
    assert list(told) == PACKAGE
    assert all(list(found) == FINDING for found in told["findings"])
    assert (code, told["schema"], told["cuts"], told["error"]) == (0, "media-preflight/package/1", None, None)
    (made,) = told["outputs"]
    assert list(made) == ["path", "size", "md5"]
    assert (made["path"], made["size"]) == ("clips.wav", (tmp_path / "out" / "clips.wav").stat().st_size)


def test_a_blocked_package_is_told_with_its_reason(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = printed(capsys, "package", clips, "-p", "metastudio/voice-basic", "-o", tmp_path / "out")
    assert (code, list(told), told["status"], told["outputs"], told["findings"]) == (1, PACKAGE, "blocked", [], [])
    assert list(told["error"]) == ["type", "message", "said"]
    assert told["error"]["message"] == told["error"]["said"]["en"]


@pytest.mark.parametrize("flag", ["--json", "-q"])
def test_a_lost_package_is_told_as_every_other(
    flag: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Lost(package.Pool):  # type: ignore[type-arg]
        def run(self, jobs: Any) -> Any:
            yield WorkerEvent(0, error=TimedOut("stopped after 9 s", "9 秒后已终止"))

    monkeypatch.setattr(package, "Pool", Lost)
    code = main(
        ["package", str(clips), "-p", "metastudio/voice-basic", "-o", str(tmp_path / "out"), "--lang", "zh", flag]
    )
    said = capsys.readouterr().out
    assert code == 4
    if flag == "-q":
        assert said == "9 秒后已终止\n"
        return
    told = json.loads(said)
    assert list(told) == PACKAGE
    assert (told["source"], told["status"], told["cuts"], told["outputs"], told["findings"]) == (
        *(str(clips), "failed", None),
        *([], []),
    )
    assert told["error"] == {
        "type": "TimedOut",
        "message": "9 秒后已终止",
        "said": {"en": "stopped after 9 s", "zh": "9 秒后已终止"},
    }
