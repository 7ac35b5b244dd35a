"""Tencent's tasks: checks, make requests, progress to the end, demos confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qcloud_cos")

from pipeline.cli import main as cli
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.tencent.evaluation import shortcomings
from tests.upload import made

PHOTO = {"AnchorName": "小美", "MakeType": "IMAGE_PHOTO", "SexType": "FEMALE", "PhotoVersion": 0}


def _make(near: Path, running: Emulator, order: dict[str, dict[str, Any]], count: int = 1) -> list[dict[str, Any]]:
    return made.deliver(made.tencent(running, order), made.photos(near, count))


def test_an_order_is_made_once(near: Path, running: Emulator) -> None:
    told = _make(near, running, {"make": PHOTO})
    assert (told[0]["status"], told[0]["ids"]["progress"]["Status"]) == ("sent", "SUCCESS")
    again = _make(near, running, {"make": PHOTO})
    assert again[0]["status"] == "skipped"
    assert again[0]["ids"]["task_id"] == told[0]["ids"]["task_id"]
    assert len([call for call in running.backend.calls if call.startswith("POST") and "/make " in call]) == 1


def test_the_checks_are_asked_first_where_the_order_says_so(near: Path, running: Emulator) -> None:
    told = _make(near, running, {"make": PHOTO, "check": {"face": True, "CheckerVersion": 1}})
    assert told[0]["ids"]["checks"]["face000.png"]["Status"] == "SUCCESS"
    order = [call for call in running.backend.calls if "facedetect" in call or "make " in call]
    assert "facedetect" in order[0]
    assert "make" in order[-1]


def test_a_failed_check_stops_the_order(near: Path, running: Emulator) -> None:
    asset = made.asset("image", "photo", [made.output(near, "badquality.png", b"no face")])
    manifest = made.write(near, "tencent/photo-fast", [asset])
    told = made.deliver(made.tencent(running, {"make": PHOTO, "check": {"face": True}}), manifest)
    assert "no face was found" in told[0]["message"]
    assert not [call for call in running.backend.calls if "/make " in call]


def test_an_instant_voice_takes_its_audio_id_from_the_check(near: Path, running: Emulator) -> None:
    asset = made.asset("audio", "audio", [made.output(near, "voice.wav", b"hello")])
    manifest = made.write(near, "tencent/voice-instant", [asset])
    order = {"AnchorName": "voice", "MakeType": "ZERO_SHOT_VOICE", "SexType": "MALE", "ZeroshortLang": "chi"}
    tables = {"make": order, "check": {"zeroshot": True}, "confirm": {"Operate": "AGREE"}}
    told = made.deliver(made.tencent(running, tables), manifest)
    assert told[0]["status"] == "sent"
    assert told[0]["ids"]["checks"]["voice.wav"]["AudioId"].startswith("audio-")


@pytest.mark.parametrize(
    ("order", "wants"),
    [
        ({"AnchorName": "ab", "MakeType": "IMAGE", "SexType": "MALE"}, "IdentityCosUrl"),
        ({"AnchorName": "ab", "MakeType": "ZERO_SHOT_VOICE", "SexType": "MALE"}, "AudioId"),
    ],
)
def test_an_incomplete_order_fails_before_anything_is_sent(
    near: Path, running: Emulator, order: dict[str, Any], wants: str
) -> None:
    told = _make(near, running, {"make": order})
    assert wants in told[0]["message"]
    assert running.backend.objects == {}


@pytest.mark.parametrize("kind", ["refuse", "429", "slow"])
def test_an_order_that_was_certainly_not_taken_is_repeated(near: Path, running: Emulator, kind: str) -> None:
    running.backend.faults.order("/make", kind)
    assert _make(near, running, {"make": PHOTO})[0]["status"] == "sent"


@pytest.mark.parametrize("kind", ["lost-answer", "500-after"])
def test_an_order_whose_answer_was_lost_is_not_doubled_and_said(near: Path, running: Emulator, kind: str) -> None:
    running.backend.faults.order("/make", kind)
    told = _make(near, running, {"make": PHOTO})
    assert "look for '小美' in the console" in told[0]["message"]
    assert len([task for task in running.backend.tasks.values() if task.get("AnchorName")]) == 1


def test_a_failed_task_is_told_with_the_platforms_words(near: Path, running: Emulator) -> None:
    told = _make(near, running, {"make": PHOTO | {"AnchorName": "failme"}})
    assert "failed in AUDIT: material" in told[0]["message"]
    assert "under another AnchorName" in told[0]["message"]


# --- progress -------------------------------------------------------------------------------------------


def _voice(near: Path, running: Emulator, name: str = "voice.wav", **tables: Any) -> list[dict[str, Any]]:
    assets = [made.asset("audio", "audio", [made.output(near, name, b"hello")])]
    manifest = made.write(near, "tencent/voice-instant", assets)
    tables["make"] = {"AnchorName": "voice", "MakeType": "ZERO_SHOT_VOICE", "SexType": "MALE", "AudioId": "a1"}
    return made.deliver(made.tencent(running, tables), manifest)


def test_a_demo_waits_for_a_decision_which_is_told_once(near: Path, running: Emulator) -> None:
    told = _voice(near, running)
    assert told[0]["status"] == "pending"
    assert "[confirm]" in told[0]["message"]
    told = _voice(near, running, confirm={"Operate": "AGREE"})
    assert (told[0]["status"], told[0]["ids"]["progress"]["StageV2"]) == ("sent", "END")
    assert len([call for call in running.backend.calls if "customerconfirm" in call]) == 1
    assert len([call for call in running.backend.calls if "/make " in call]) == 1


def test_a_rejected_demo_ends_the_order(near: Path, running: Emulator) -> None:
    told = _voice(near, running, confirm={"Operate": "REJECT", "Reason": "too fast"})
    assert "failed in CONFIRM: rejected" in told[0]["message"]


@pytest.mark.parametrize("kind", ["lost-answer", "500-after", "500", "429"])
def test_a_decision_through_a_bad_network_is_taken_once(near: Path, running: Emulator, kind: str) -> None:
    running.backend.faults.order("customerconfirm", kind)
    assert _voice(near, running, confirm={"Operate": "AGREE"})[0]["status"] == "sent"
    assert [task["decided"] for task in running.backend.tasks.values()] == ["AGREE"]


def test_every_stage_is_told_and_a_task_that_takes_longer_is_pending(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in running.settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("pipeline.upload.tencent.destination.Patience", lambda: made.QUICK)
    manifest, order = made.photos(near, 1), near / "order.toml"
    text = "\n".join(f"{key} = {value!r}" for key, value in PHOTO.items())
    order.write_text(f"[make]\n{text}\n", encoding="utf-8")
    words = ["upload", str(manifest), "--to", "tencent", "--order", str(order)]
    assert cli.main([*words, "--wait", "0"]) == 5
    captured = capsys.readouterr()
    assert "run again to ask" in captured.out.replace("\n", " ")
    assert cli.main(words) == 0
    captured = capsys.readouterr()
    stages = [line.rsplit("(", 1)[1].rstrip(")") for line in captured.err.splitlines() if "make" in line]
    assert stages == ["AUDIT PROCESSING", "AUDIT SUCCESS", "TRAIN PROCESSING", "END SUCCESS"]


# --- evaluation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numbers-badquality.wav", "badquality.wav"])
def test_a_recording_that_falls_short_is_told_by_verdict_and_by_number(
    near: Path, running: Emulator, name: str
) -> None:
    manifest = made.write(near, "tencent/driver-audio", [made.asset("audio", "audio", [made.output(near, name, b"a")])])
    told = made.deliver(made.tencent(running, {"check": {"audio": True}}), manifest)
    assert "Snr is 10, wanted >= 25" in told[0]["message"]
    assert "quieter room" in told[0]["message"]


@pytest.mark.parametrize(
    ("folder", "result", "language", "text", "short"),
    [
        ("audio", {"Snr": 25, "C50": 30, "Clipping": 10, "Duration": 300}, "chi", False, []),
        ("audio", {"Snr": 24.9, "C50": "29", "Clipping": 11, "Duration": 299}, "chi", False, 4),
        ("zeroshot", {"Snr": 20, "C50": 20, "Clipping": 10, "Duration": 5}, "chi", False, []),
        ("zeroshot", {"Snr": 19, "C50": 19, "Clipping": 10.5, "Duration": 4}, "chi", False, 4),
        ("audio", {"Wer": 0.84}, "chi", True, ["Wer"]),
        ("audio", {"Wer": 0.84}, "chi", False, []),
        ("audio", {"Wer": 85}, "chi", True, []),
        ("audio", {"Wer": 0.49}, "eng", True, ["Wer"]),
        ("zeroshot", {"Wer": 0.70}, "can", True, []),
        ("audio", {"Snr": {"Value": 40, "Passed": False}}, "chi", False, ["Snr"]),
        ("audio", {"Snr": {"Value": 10, "Passed": True}}, "chi", False, []),
        ("audio", {"Snr": {"Value": 26, "QualifiedRange": "30-100"}}, "chi", False, ["Snr"]),
        ("audio", {"Duration": {"Value": 400, "QualifiedRange": [600, None]}}, "chi", False, ["Duration"]),
        ("audio", {"Snr": None, "C50": "?", "Clipping": True}, "chi", False, []),
        ("photo", {"Snr": 1}, "chi", True, []),
    ],
)
def test_limits_of_an_evaluation(
    folder: str, result: dict[str, Any], language: str, text: bool, short: list[str] | int
) -> None:
    found = shortcomings(folder, result, language, text=text)
    assert (len(found) if isinstance(short, int) else [one.en.split()[0] for one in found]) == short
    assert all(one.zh != one.en for one in found)
