"""What is in the library already: replaced, changed, deleted by name, restored, copied; a voice listened to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main as cli
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.items import MARKER
from pipeline.upload.metastudio.protocol import TABLES
from tests.upload import made


@pytest.fixture
def there(near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an asset that an upload has made."""
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    asset = made.asset("video", "video", [made.output(near / "old", "intro.mp4", b"old film")])
    manifest = made.write(near / "old", "metastudio/asset-library", [asset])
    assert cli.main(["upload", str(manifest), "--to", "metastudio", "-q"]) == 0
    return next(iter(running.backend.assets))


def _do(*words: str) -> int:
    return cli.main(["platform", "metastudio", *words])


def _order(near: Path, text: str) -> str:
    (near / "order.toml").write_text(text, encoding="utf-8")
    return str(near / "order.toml")


def _changes(running: Emulator) -> list[tuple[str, Any]]:
    """The calls that change something, each kept to the documents' tables by both sides."""
    found = []
    for name, body, status, answer in running.backend.transcript:
        assert not TABLES.wrong(name, "body", body), name
        wrong = [one.place for one in TABLES.wrong(name, "answer", answer)] if status == 200 else []
        assert [place for place in wrong if place != "encryption_info.key_id"] == [], "a number in the sample of 4.1.9"
        if TABLES.calls[name].method != "GET":
            found.append((name, body))
    running.backend.transcript.clear()
    return found


def test_a_main_file_is_replaced_in_its_asset_and_found_again(near: Path, running: Emulator, there: str) -> None:
    _changes(running)
    asset = made.asset("video", "video", [made.output(near / "new", "intro.mp4", b"new film")])
    manifest = made.write(near / "new", "metastudio/asset-library", [asset])
    words = ["upload", str(manifest), "--to", "metastudio", "-q"]
    order = _order(near, f'[asset.replaces]\n"intro.mp4" = "{there}"\n')
    assert cli.main([*words, "--order", order]) == 0
    names = [name for name, _ in _changes(running)]
    assert names == ["delete_file", "create_file", "confirm_file_upload", "update_digital_asset"]
    held = running.backend.assets[there]
    assert [file["file_md5"] for file in held["files"]] == [made.md5(b"new film")]
    assert len(running.backend.assets) == 1
    assert [bool(MARKER.fullmatch(tag)) for tag in held["tags"]] == [True], "one marker, of what is there now"
    assert cli.main([*words, "--order", order]) == 0
    (near / "new" / ".preflight-upload.sqlite").unlink()
    assert cli.main(words) == 0, "found by its marker, from anywhere"
    assert _changes(running) == []


@pytest.mark.parametrize(("kind", "said"), [("IMAGE", "is IMAGE"), ("gone", "WAITING_DELETE")])
def test_only_an_asset_in_use_and_of_its_type_is_replaced(
    near: Path, running: Emulator, there: str, kind: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change = {"asset_state": "WAITING_DELETE"} if kind == "gone" else {"asset_type": kind}
    running.backend.assets[there] |= change
    asset = made.asset("video", "video", [made.output(near / "new", "intro.mp4", b"new film")])
    manifest = made.write(near / "new", "metastudio/asset-library", [asset])
    order = _order(near, f'[asset.replaces]\n"intro.mp4" = "{there}"\n')
    _changes(running)
    assert cli.main(["upload", str(manifest), "--to", "metastudio", "--order", order]) == 5
    assert said in capsys.readouterr().out.replace("\n", "")
    assert _changes(running) == []


def test_a_cover_of_ones_own_takes_the_place_of_another(near: Path, running: Emulator, there: str) -> None:
    manifest = str(near / "old" / "manifest.json")
    for turn, name in enumerate(("one.png", "two.png", "two.png")):
        (near / name).write_bytes(name.encode())
        order = _order(near, f'[asset.covers]\n"intro.mp4" = "{near / name}"\n')
        assert cli.main(["upload", manifest, "--to", "metastudio", "--order", order, "-q"]) == 0
        covers = [f for f in running.backend.assets[there]["files"] if f["asset_file_category"] == "COVER"]
        assert [file["file_md5"] for file in covers] == [made.md5(name.encode())], turn
    assert len(running.backend.assets) == 1


def test_what_an_update_says_is_changed_and_nothing_else(
    near: Path, running: Emulator, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(running.backend.assets[there])
    _changes(running)
    text = '[update]\nasset_name = "opening"\ntags = ["news"]\nsystem_properties = { MATERIAL_VIDEO = "" }\n'
    assert _do("update", there, "--order", _order(near, text), "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ACTIVED"
    after = running.backend.assets[there]
    assert (after["asset_name"], after["system_properties"]) == ("opening", [])
    assert after["tags"] == ["news", *before["tags"]], "the tag by which it is found again stays"
    assert after["files"] == before["files"]
    ((name, body),) = _changes(running)
    assert (name, body["system_properties"]) == (
        "update_digital_asset",
        [{"key": "MATERIAL_VIDEO", "action": "DELETE"}],
    )


@pytest.mark.parametrize("more", [[], ["--name", "Intro"], ["--name", ""]])
def test_nothing_is_deleted_that_is_not_named(
    running: Emulator, there: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _changes(running)
    assert _do("delete", there, *more) == 2
    assert "is 'intro' (VIDEO, ACTIVED); nothing was deleted" in capsys.readouterr().err
    assert _changes(running) == []


@pytest.mark.parametrize("fault", [None, "lost-answer", "500-after", "429"])
def test_an_asset_goes_into_the_bin_comes_back_and_goes_for_good(
    running: Emulator, there: str, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.upload.metastudio.upkeep.Patience", lambda: made.QUICK)
    states = []
    steps = (
        ["delete", there, "--name", "intro"],
        ["restore", there],
        ["delete", there, "--name", "intro", "--for-good"],
    )
    for words in steps:
        if fault:
            running.backend.faults.order("DELETE" if words[0] == "delete" else "/restore", fault)
        assert _do(*words, "-q") == 0
        states.append(running.backend.assets[there]["asset_state"])
    assert states == ["WAITING_DELETE", "ACTIVED", "DELETED"]
    assert _do("restore", there, "-q") == 5, "what is gone for good does not come back"


def test_an_asset_is_copied_as_the_documents_hand_it_over(running: Emulator, there: str) -> None:
    _changes(running)
    assert _do("copy", there, "--into", "cn-east-3", "-q") == 0
    ((name, body),) = _changes(running)
    assert name == "create_asset_by_replication_info"
    assert body["encryption_info"] == {"algorithm": "AES128_GCM", "key_id": "1", "iv": "sandbox"}, (
        "a text (Table 4-173)"
    )
    assert len(running.backend.assets) == 2
    running.backend.faults.order("by-replication-info", "lost-answer")
    assert _do("copy", there, "--into", "cn-east-3", "-q") == 5
    assert len(running.backend.assets) == 3, "made, and not a second time"


def test_a_voice_is_listened_to_before_it_speaks(near: Path, running: Emulator, there: str, capsys: Any) -> None:
    _changes(running)
    script = near / "script.txt"
    script.write_text("大家好，我是小花", encoding="utf-8")
    order = _order(near, '[audition]\nvoice_asset_id = "voice1"\nspeed = 120\n')
    assert _do("audition", str(script), "--order", order, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    ((name, body),) = _changes(running)
    assert (name, body) == ("create_tts_audition", {"text": "大家好，我是小花", "emotion": "voice1", "speed": 120})
    files = [Path(one) for one in told["message"].split(", ")]
    assert [one.parent for one in files] == [near / "audition"] * len(files)
    assert len(files) == 1
    assert files[0].read_bytes() in {one.path.read_bytes() for one in running.backend.objects.values()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["destroy", "a"], "has no action 'destroy'; there are show, update, delete, restore, copy, audition"),
        (["delete"], "delete takes ASSET_ID --name NAME"),
        (["delete", "a", "b"], "delete takes ASSET_ID --name NAME"),
        (["show", "a", "--for-good"], "--for-good means nothing to it"),
        (["update", "a"], r"update wants \\[update\\] in --order"),
        (["copy", "a"], "copy wants --into REGION"),
        (["audition", "none.txt", "--order", "{order}"], "none.txt: No such file"),
    ],
)
def test_mistakes_are_named_and_nothing_is_asked(
    near: Path, running: Emulator, there: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    order = _order(near, '[audition]\nvoice_asset_id = "voice1"\n')
    before = len(running.backend.calls)
    assert _do(*(word.format(order=order) for word in words)) == 2
    assert said.replace("\\", "") in capsys.readouterr().err
    assert len(running.backend.calls) == before


def test_the_actions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _do("list") == 0
    said = capsys.readouterr().out
    assert "--for-good" in said
    assert "# voice_asset_id = " in said, "the tables of an order that they want, too"
    assert cli.main(["platform", "file:///tmp", "list"]) == 2


def test_the_texts_of_an_instant_voice_are_told(running: Emulator, there: str, capsys: Any) -> None:
    capsys.readouterr()
    assert cli.main(["platform", "tencent", "texts", "eng", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["what"], told["message"]) == ("text-1", "one sentence to read")
    assert running.backend.transcript[-1][:2] == ("gettext", {"Language": "eng"})
    assert cli.main(["platform", "tencent", "texts", "klingon"]) == 2
