"""Tencent's tasks: checks, make requests, progress to the end, demos confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qcloud_cos")

from pipeline.cli import main as cli
from pipeline.errors import UsageError
from pipeline.upload.destination import Tools
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.journal import UploadJournal
from pipeline.upload.protocol import Reply
from pipeline.upload.tencent.evaluation import shortcomings
from pipeline.upload.tencent.protocol import TABLES
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
    assert told[0]["ids"]["checks"]["face000.png"]["IsPassDetect"] is True
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
    ("preset", "role", "name", "order", "wants"),
    [
        ("avatar-dedicated", "video", "a.mp4", {"MakeType": "IMAGE"}, "IdentityCosUrl"),
        ("voice-instant", "audio", "a.wav", {"MakeType": "ZERO_SHOT_VOICE"}, "AudioId"),
        ("avatar-dedicated", "video", "a.mp4", {"MakeType": "IMAGE_4K"}, "which is for MakeType = 'IMAGE'"),
        ("photo-fast", "photo", "a.png", {"MakeType": "IMAGE"}, "which is for MakeType = 'IMAGE_PHOTO'"),
        ("photo-premium", "photo", "a.png", {"PhotoVersion": 0}, "which is for PhotoVersion = 1"),
        ("avatar-4k", "alpha", "a.mov", {"IdentityCosUrl": "https://x.example/a.mp4"}, "MaterialCosUrl"),
        ("avatar-4k", "video", "a.mp4", {"MaterialCosUrl": "https://x.example/a.mp4"}, "would fill MaterialCosUrl"),
    ],
)
def test_an_order_that_does_not_fit_its_files_fails_before_anything_is_sent(
    near: Path, running: Emulator, preset: str, role: str, name: str, order: dict[str, Any], wants: str
) -> None:
    asset = made.asset("video", role, [made.output(near, name, b"bytes")])
    manifest = made.write(near, f"tencent/{preset}", [asset])
    with pytest.raises(UsageError, match=wants):
        made.deliver(made.tencent(running, {"make": {"AnchorName": "ab", "SexType": "MALE"} | order}), manifest)
    assert running.backend.calls == []


def test_two_files_for_one_field_are_refused(near: Path, running: Emulator) -> None:
    with pytest.raises(UsageError, match=r"which face000\.png fills already"):
        _make(near, running, {"make": PHOTO}, count=2)
    assert running.backend.calls == []


def test_an_avatar_of_footage_matte_and_letter_fills_every_field(near: Path, running: Emulator) -> None:
    """The presets decide make type and field; several manifests may come together."""
    given = [("avatar-4k", "video", "a.mp4"), ("avatar-4k", "alpha", "b.mov"), ("authorization", "letter", "c.pdf")]
    given += [
        ("authorization", "video", "d.mp4"),
        ("driver-audio", "audio", "e.wav"),
        ("driver-audio", "text", "f.txt"),
    ]
    items = []
    for preset, role, name in given:
        asset = made.asset("video", role, [made.output(near, name, b"Hello, I am new.")])
        items += made.items_of(made.write(near, f"tencent/{preset}", [asset]))
    order = {"make": {"AnchorName": "ab", "SexType": "MALE", "Speed": 1, "IsWithTimbre": True, "RemoveBackground": 2}}
    place = made.tencent(running, order)
    (unit,) = place.units(items)
    with UploadJournal(near, place.place) as journal:
        tools = Tools(journal=journal, sent=lambda _: None, bandwidth=None, wait=5.0, told=lambda *_: None)
        receipt = place.send(unit, tools)
    place.close()
    asked = next(task["asked"] for task in running.backend.tasks.values() if task.get("AnchorName"))
    assert receipt.status == "waiting"
    assert (asked["MakeType"], asked["TextDriver"]) == ("IMAGE_4K", "Hello, I am new.")
    assert asked["TimbreInfo"] == {"Speed": "1.0", "IsWithTimbre": True}
    ends = {key: value.rsplit("/", 2)[1:] for key, value in asked.items() if str(value).startswith("https://")}
    assert ends == {
        "MaterialCosUrl": ["video", "a.mp4"],
        "AlphaCosUrl": ["video", "b.mov"],
        "IdentityWrittenCosUrl": ["idcard", "c.pdf"],
        "IdentityCosUrl": ["idcard", "d.mp4"],
        "VoiceDriverCosFile": ["audio", "e.wav"],
    }


def test_a_premium_photo_orders_the_premium_edition_and_its_check(near: Path, running: Emulator) -> None:
    asset = made.asset("image", "photo", [made.output(near, "a.png", b"face")])
    manifest = made.write(near, "tencent/photo-premium", [asset])
    order = {"make": {"AnchorName": "ab", "SexType": "MALE"}, "check": {"face": True}}
    assert made.deliver(made.tencent(running, order), manifest)[0]["status"] == "sent"
    asked = [task["asked"] for task in running.backend.tasks.values()]
    assert [one.get("CheckerVersion") for one in asked] == [2, None]
    assert (asked[1]["MakeType"], asked[1]["PhotoVersion"]) == ("IMAGE_PHOTO", 1)
    assert len(asked[0]["RequestId"]) == 36, "Face detection task creation: RequestId is mandatory"


def test_a_face_that_did_not_pass_stops_the_order(near: Path, running: Emulator) -> None:
    asset = made.asset("image", "photo", [made.output(near, "turnedaway.png", b"face")])
    manifest = made.write(near, "tencent/photo-fast", [asset])
    told = made.deliver(made.tencent(running, {"make": PHOTO, "check": {"face": True}}), manifest)
    assert "the photo did not pass (1 faces: Rotation -7)" in told[0]["message"]
    assert not [call for call in running.backend.calls if "/make " in call]


@pytest.mark.parametrize(
    ("order", "said"),
    [({"audio": True}, "is a package"), ({"audio": True, "TextId": "t"}, "TextId is for zeroshot alone")],
)
def test_what_a_check_does_not_take_is_said_before_anything_is_sent(
    near: Path, running: Emulator, order: dict[str, Any], said: str
) -> None:
    kind = "audio" if "TextId" in order else "archive"
    asset = made.asset(kind, "package", [made.output(near, "a.zip", b"PK")])
    with pytest.raises(UsageError, match=said):
        made.deliver(made.tencent(running, {"check": order}), made.write(near, "tencent/voice", [asset]))
    assert running.backend.calls == []


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
    tables["make"] = {"AnchorName": "voice", "MakeType": "ZERO_SHOT_VOICE", "SexType": "MALE"}
    tables["check"] = {"zeroshot": True}
    return made.deliver(made.tencent(running, tables), manifest)


def test_a_demo_waits_for_a_decision_which_is_told_once(near: Path, running: Emulator) -> None:
    told = _voice(near, running)
    assert told[0]["status"] == "waiting"
    assert "[confirm]" in told[0]["message"]
    (shown,) = told[0]["ids"]["demo"]
    assert shown in told[0]["message"]
    assert Path(shown).parent == near / "demo"
    assert Path(shown).read_bytes() == b"demo"
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
    assert [task["decided"] for task in running.backend.tasks.values() if "decided" in task] == ["AGREE"]


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


@pytest.mark.parametrize("name", ["samplestate-badquality.wav", "badquality.wav"])
def test_a_recording_that_falls_short_is_told_whichever_way_its_state_is_named(
    near: Path, running: Emulator, name: str
) -> None:
    manifest = made.write(near, "tencent/voice", [made.asset("audio", "recording", [made.output(near, name, b"a")])])
    told = made.deliver(made.tencent(running, {"check": {"audio": True}}), manifest)
    assert "Snr is 10, wanted >= 25" in told[0]["message"]
    assert "quieter room" in told[0]["message"]


GOOD: dict[str, Any] = {name: {"Value": value} for name, value in (("Snr", 25), ("C50", 30), ("Clipping", 10))}
GOOD["Duration"] = {"Value": 300}


@pytest.mark.parametrize(
    ("result", "language", "text", "short"),
    [
        ({}, "chi", False, []),
        ({"Snr": {"Value": 24.9}, "C50": {"Value": "29"}, "Clipping": {"Value": 11}}, "chi", False, 3),
        ({"Duration": {"Value": 299}}, "chi", False, ["Duration"]),
        ({"Wer": {"Value": 0.84}}, "chi", True, ["Wer"]),
        ({"Wer": {"Value": 0.84}}, "chi", False, []),
        ({"Wer": {"Value": 85}}, "chi", True, []),
        ({"Wer": {"Value": 0.49}}, "eng", True, ["Wer"]),
        ({"Wer": {"Value": 0.70}}, "can", True, []),
        ({"Snr": {"Value": 26, "QualifiedRange": [30, 2147483600]}}, "chi", False, ["Snr"]),
        ({"Snr": {"Value": 21, "QualifiedRange": [20, 2147483600]}}, "chi", False, []),
        ({"Clipping": {"Value": 1, "QualifiedRange": [-2147483600, 0]}}, "chi", False, ["Clipping"]),
        ({"Snr": {"Value": 40, "QualifiedRange": [25, 39]}}, "chi", False, ["Snr"]),
        ({"Snr": {"Value": None}, "C50": {}}, "chi", False, ["Snr", "C50"]),
    ],
)
def test_limits_of_an_evaluation(result: dict[str, Any], language: str, text: bool, short: list[str] | int) -> None:
    fields, table = TABLES.rows("AudioResult")
    found = shortcomings(Reply(TABLES, fields, GOOD | result, table), language, text=text)
    assert (len(found) if isinstance(short, int) else [one.en.split()[0] for one in found]) == short
    assert all(one.zh != one.en for one in found)


@pytest.mark.parametrize(
    ("preset", "role", "order", "said"),
    [
        ("voice", "recording", {"check": {"face": True}}, "face has no effect: no file here"),
        ("photo-fast", "photo", {"check": {"audio": True}}, "audio has no effect: no file here"),
        ("driver-audio", "audio", {"check": {"audio": True}}, "audio has no effect: no file here"),
        ("photo-fast", "photo", {"check": {"CheckerVersion": 2}}, "CheckerVersion has no effect: it wants face = true"),
        ("voice", "recording", {"check": {"Language": "chi"}}, "Language has no effect: it wants audio = true"),
        ("photo-fast", "photo", {"confirm": {"Operate": "AGREE"}}, r"\[confirm\] wants the \[make\]"),
        ("voice", "recording", {"make": {"PhotoVersion": 1}}, "PhotoVersion means something for IMAGE_PHOTO alone"),
        ("voice", "recording", {"make": {"IsHaveBackground": True}}, "a background is of avatars alone"),
        ("voice", "recording", {"make": {"IsWithTimbre": True}}, "of avatars alone"),
        ("photo-fast", "photo", {"make": {"AudioId": "a"}}, "ZERO_SHOT_VOICE alone"),
        ("photo-fast", "photo", {"make": {"ZeroshortLang": "chi"}}, "ZERO_SHOT_VOICE alone"),
    ],
)
def test_nothing_of_an_order_is_ignored_in_silence(
    near: Path, running: Emulator, preset: str, role: str, order: dict[str, dict[str, Any]], said: str
) -> None:
    manifest = made.write(near, f"tencent/{preset}", [made.asset("audio", role, [made.output(near, "a.wav", b"a")])])
    if "make" in order:
        order = {"make": {"AnchorName": "ab", "SexType": "MALE"} | order["make"]}
    with pytest.raises(UsageError, match=said):
        made.deliver(made.tencent(running, order), manifest)
    assert running.backend.calls == []


@pytest.mark.parametrize(("preset", "version"), [("photo-fast", 1), ("photo-premium", 2)])
def test_a_photo_is_checked_by_the_version_of_its_edition(
    near: Path, running: Emulator, preset: str, version: int
) -> None:
    """The document advises CheckerVersion 1 for the fast edition and 2 for the premium one (Customisation API)."""
    asset = made.asset("image", "photo", [made.output(near, "face.png", b"face")])
    told = made.deliver(
        made.tencent(running, {"check": {"face": True}}), made.write(near, f"tencent/{preset}", [asset])
    )
    assert told[0]["status"] == "sent"
    asked = [body for name, body, _, _ in running.backend.transcript if name == "facedetect"]
    assert [body["CheckerVersion"] for body in asked] == [version]
