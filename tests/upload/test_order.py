"""Orders as a person meets them: those of the page, those that the verb prints, and how things stand afterwards."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from pipeline.cli import main as cli
from pipeline.errors import UsageError
from pipeline.rules import presets
from pipeline.upload import destinations
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Target
from pipeline.upload.emulator.server import Emulator
from tests import ROOT
from tests.upload import made

PAGE = (ROOT / "docs" / "upload.md").read_text(encoding="utf-8")
PRINTED = re.findall(r"```toml\n(.*?)```", PAGE.split("## Orders", 1)[1].split("\n## ", 1)[0], re.DOTALL)
PRESETS = {
    "asset": "metastudio/asset-library",
    "training": "metastudio/avatar-training",
    "script": "metastudio/video-production",
    "voice": "metastudio/voice-basic",
    "room": "metastudio/livestream",
    "photo": "metastudio/photo-avatar",
    "check": "tencent/photo-fast",
}


@pytest.mark.parametrize("text", PRINTED, ids=lambda text: str(next(iter(tomllib.loads(text)))))
def test_the_orders_of_the_page_can_be_used_as_printed(near: Path, text: str) -> None:
    file = near / "order.toml"
    file.write_text(text, encoding="utf-8")
    order = destinations.read_order(file)
    preset = PRESETS[next(iter(order))]
    target = Target(preset.partition("/")[0], preset, order, dry=True)
    destinations.opened(target, Secrets(environment={})).close()


def test_every_kind_of_order_is_printed() -> None:
    assert {next(iter(tomllib.loads(text))) for text in PRINTED} == PRESETS.keys()


EVERY = [name for name in presets.names() if not name.startswith("convert/")]
# a field that means something only with another
WITH = {"speed": ["voice_asset_id"], "pitch": ["voice_asset_id"], "volume": ["voice_asset_id"]}
KINDS = {"jpg": "image", "png": "image", "mp4": "video", "wav": "audio", "mp3": "audio", "pptx": "slides"}
# preset -> role and name of what is sent, fields of the printed order that are kept, exit code
AVATAR = [("video", "take.mp4"), ("id-card", "front.jpg"), ("id-card", "back.jpg"), ("grant-file", "grant.pdf")]
SENT: dict[str, tuple[list[tuple[str, str]], str, int]] = {
    "metastudio/asset-library": ([("video", "a.mp4"), ("image", "b.png")], "asset.tags asset.description", 0),
    "metastudio/livestream": ([("text", "a.txt"), ("image", "shop.png")], "room.room_name room.background", 0),
    "metastudio/interaction": ([("image", "b.png")], "asset.image_use", 0),
    "metastudio/photo-avatar": (
        [("photo", "b.png"), ("text", "a.txt")],
        "photo.asset_name photo.authorize_use_human_image photo.voice_asset_id",
        0,
    ),
    "metastudio/video-production": (
        [("text", "a.txt")],
        "script.script_name script.model_asset_id script.layer_config video.asset_name",
        0,
    ),
    "metastudio/avatar-training": (AVATAR, "training.name training.tags", 0),
    "metastudio/flexus-training": (AVATAR, "training.name training.job_tag training.sex", 0),
    "metastudio/voice-basic": ([("package", "v.zip")], "voice.voice_name voice.letter voice.tag", 0),
    "metastudio/voice-middle": ([("package", "v.zip")], "voice.voice_name voice.letter voice.sex", 0),
    "metastudio/voice-advanced": ([("package", "v.zip")], "voice.voice_name voice.letter voice.phone", 0),
    "tencent/photo-fast": ([("photo", "face.png")], "check.face make.AnchorName make.SexType", 0),
    "tencent/photo-premium": (
        [("photo", "face.png")],
        "check.face check.CheckerVersion make.AnchorName make.SexType",
        0,
    ),
    "tencent/avatar-dedicated": ([("video", "a.mp4")], "make.AnchorName make.SexType make.RemoveBackground", 6),
    "tencent/avatar-general": ([("video", "a.mp4")], "make.AnchorName make.SexType make.IsHaveBackground", 6),
    "tencent/avatar-4k": ([("video", "a.mp4"), ("alpha", "b.mov")], "make.AnchorName make.SexType make.Speed", 6),
    "tencent/voice": ([("recording", "a.wav")], "check.audio make.AnchorName make.SexType confirm.Operate", 0),
    "tencent/voice-instant": ([("audio", "a.wav")], "check.zeroshot make.AnchorName make.SexType", 6),
}


def _uncommented(printed: str, kept: set[str]) -> str:
    """The printed order with these fields (table.field) taken out of their comments, and the heads of their tables."""
    lines, table = [], ""
    for line in printed.splitlines():
        head = re.fullmatch(r"# \[(\w+)\]", line)
        table = head[1] if head else table
        name = re.match(r"# (\w+) = ", line)
        wanted = f"{table}.{name[1]}" in kept if name else head and any(one.startswith(f"{table}.") for one in kept)
        lines.append(line[2:] if wanted else line)
    return "\n".join(lines)


@pytest.mark.parametrize("preset", EVERY)
def test_every_printed_field_can_be_used_as_it_stands(
    near: Path, preset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["order", preset]) == 0
    printed, file, count = capsys.readouterr().out, near / "order.toml", 0
    for table in destinations.tables(preset.partition("/")[0].removesuffix("-intl"), preset):
        needed = {name for name, field in table.fields.items() if field.needed}
        for name in table.fields:
            kept = {f"{table.name}.{one}" for one in {name, *needed, *WITH.get(name, ())}}
            file.write_text(_uncommented(printed, kept), encoding="utf-8")
            assert destinations.read_order(file)[table.name].keys() == {one.partition(".")[2] for one in kept}
            count += 1
    assert count > 5


@pytest.mark.every(4)
@pytest.mark.parametrize("preset", SENT)
def test_a_printed_order_is_filled_in_and_sent(
    near: Path, preset: str, settings: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(near)
    files, kept, code = SENT[preset]
    (near / "letter.pdf").write_bytes(b"letter")
    assert cli.main(["order", preset]) == 0
    (near / "order.toml").write_text(_uncommented(capsys.readouterr().out, set(kept.split())), encoding="utf-8")
    groups = {preset: files}
    if preset.startswith("tencent/avatar") or preset == "tencent/voice":
        groups["tencent/authorization"] = [("letter", "grant.pdf")]
    manifests = []
    for number, (one, listed) in enumerate(groups.items()):
        folder = near / str(number)
        assets = [
            made.asset(KINDS.get(name.rpartition(".")[2], "archive"), role, [made.output(folder, name, name.encode())])
            for role, name in listed
        ]
        manifests.append(str(made.write(folder, one, assets)))
    to = preset.partition("/")[0]
    assert cli.main(["upload", *manifests, "--to", to, "--order", "order.toml", "--dry-run", "-q"]) == 0
    assert settings.backend.calls == []
    assert cli.main(["upload", *manifests, "--to", to, "--order", "order.toml", "-q"]) == code


def test_there_is_an_order_for_every_preset() -> None:
    apart = {"tencent/authorization", "tencent/driver-audio"}  # go with another manifest
    assert {one for one in EVERY if "-intl/" not in one} == SENT.keys() | apart


@pytest.mark.parametrize("preset", EVERY)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_verb_prints_every_field_that_is_taken(preset: str, lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["order", preset, "--lang", lang]) == 0
    said = capsys.readouterr().out
    assert tomllib.loads(said) == {}, "all of it is commented out"
    for table in destinations.tables(preset.partition("/")[0].removesuffix("-intl"), preset):
        assert f"# [{table.name}]" in said
        assert all(f"# {name} = " in said for name in table.fields)


def test_the_verb_says_where_no_order_means_anything(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["order", "metastudio/asset-library", "--to", "tencent"]) == 2
    assert "cannot go to tencent" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["metastudio", "tencent"])
def test_a_dry_run_needs_neither_project_nor_keys_nor_network(
    near: Path, to: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PREFLIGHT_METASTUDIO_PROJECT", "PREFLIGHT_METASTUDIO_AK", "PREFLIGHT_TENCENT_APPKEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a dry run went out"))
    manifest = (made.mixed if to == "metastudio" else made.photos)(near, 1)
    assert cli.main(["upload", str(manifest), "--to", to, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["units"][0]["calls"]


def test_manifests_that_lead_to_different_things_do_not_go_together(near: Path) -> None:
    target = Target("metastudio", "metastudio/asset-library", also=("metastudio/voice-basic",), dry=True)
    with pytest.raises(UsageError, match="one by one"):
        destinations.opened(target, Secrets(environment={}))


def test_files_of_two_manifests_do_not_overwrite_each_other(near: Path, tmp_path: Path) -> None:
    manifests = []
    for folder in (near / "a", near / "b"):
        folder.mkdir()
        manifests.append(str(made.mixed(folder, 1, seed=len(manifests))))
    assert cli.main(["upload", *manifests, "--to", f"file://{tmp_path}/there", "-q"]) == 2
    assert not (tmp_path / "there").exists()
    assert cli.main(["upload", manifests[0], manifests[0], "--to", f"file://{tmp_path}/there", "-q"]) == 0


@pytest.fixture
def settings(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("pipeline.upload.tencent.destination.Patience", lambda *_, **__: made.QUICK)
    return running


def test_an_instant_voice_waits_for_a_person_and_the_status_says_so(
    near: Path, settings: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    asset = made.asset("audio", "audio", [made.output(near, "voice.wav", b"hello")])
    manifest, order = made.write(near, "tencent/voice-instant", [asset]), near / "order.toml"
    text = '[check]\nzeroshot = true\n[make]\nAnchorName = "voice"\nSexType = "MALE"\n'
    order.write_text(text, encoding="utf-8")
    words = ["upload", str(manifest), "--to", "tencent", "--order", str(order), "-q"]
    assert cli.main(words) == 6
    capsys.readouterr()
    before = len(settings.backend.calls)
    assert cli.main(["status", str(near / "upload.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "MAKING"
    assert "CONFIRM WAITS" in told["message"]
    asked = settings.backend.calls[before:]
    assert [call.split("/")[-1].split()[0] for call in asked] == ["getprogress"], "asked, and nothing sent"
    order.write_text(text + '[confirm]\nOperate = "AGREE"\n', encoding="utf-8")
    assert cli.main(words) == 0


def test_an_order_without_an_audio_id_is_a_mistake_before_anything_is_sent(near: Path, settings: Emulator) -> None:
    asset = made.asset("audio", "audio", [made.output(near, "voice.wav", b"hello")])
    manifest, order = made.write(near, "tencent/voice-instant", [asset]), near / "order.toml"
    order.write_text('[make]\nAnchorName = "voice"\nSexType = "MALE"\n', encoding="utf-8")
    assert cli.main(["upload", str(manifest), "--to", "tencent", "--order", str(order), "-q"]) == 2
    assert settings.backend.calls == []


def test_what_our_own_rules_refused_is_1_and_the_rest_is_sent(near: Path, settings: Emulator) -> None:
    outputs = [made.output(near, name, name.encode()) for name in ("a.mp4", "b.mp4")]
    assets = [made.asset("video", "video", [one]) for one in outputs[:1]]
    assets.append(made.asset("video", "video", outputs[1:], "blocked"))
    manifest = made.write(near, "metastudio/asset-library", assets)
    assert cli.main(["upload", str(manifest), "--to", "metastudio", "-q"]) == 1
    assert set(made.held(settings.backend)) == {"a.mp4"}


def test_the_status_of_assets_and_of_nonsense(
    near: Path, settings: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["upload", str(made.mixed(near, 1)), "--to", "metastudio", "-q"]) == 0
    capsys.readouterr()
    assert cli.main(["status", str(near / "upload.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ACTIVED"
    (near / "odd.json").write_text("[]", encoding="utf-8")
    assert cli.main(["status", str(near / "odd.json")]) == 2
    assert cli.main(["status", str(near / "none.json")]) == 2
