"""Video scripts of MetaStudio: sound and text of scenes, subtitles, everything else to the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main as cli
from pipeline.errors import UsageError
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import scripts, videos
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.scripts import Production
from pipeline.upload.retry import Waiting
from tests.upload import made

ORDER = {"script_name": "autumn"}
SOUND = {"scene0": b"first " * 500, "scene1": b"second " * 500}


@pytest.fixture
def near(near: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (scripts, videos):
        monkeypatch.setattr(module, "Waiting", lambda seconds: Waiting(seconds, 0.01, 0.01))
    return near


def _manifest(near: Path, first: bytes = SOUND["scene0"]) -> Path:
    """Two scenes that sound drives, one that text drives, and a picture that is no scene."""
    assets = [
        made.asset("audio", "audio-drive", [made.output(near, f"{n}.mp3", data)])
        for n, data in (SOUND | {"scene0": first}).items()
    ]
    assets.append(made.asset("text", "text", [made.output(near, "scene2.txt", "大家好".encode())]))
    assets.append(made.asset("image", "image", [made.output(near, "wall.png", b"wall")]))
    return made.write(near, "metastudio/video-production", assets)


def _place(running: Emulator, order: dict[str, Any] = ORDER) -> Production:
    api = made.api(running)
    return Production(api, order, AssetLibrary(api, {}))


def _subtitled(near: Path) -> dict[str, Any]:
    for number in (0, 2):
        (near / f"{number}.srt").write_bytes(b"1\n00:00:00,000 --> 00:00:01,000\nscene %d\n" % number)
    return ORDER | {"subtitles": {str(number): str(near / f"{number}.srt") for number in (0, 2)}}


def _stored(running: Emulator) -> dict[str, bytes]:
    """What the one script holds: slot to bytes."""
    (script,) = running.backend.scripts
    objects = running.backend.objects.items()
    return {k.removeprefix(f"{script}-"): one.path.read_bytes() for k, one in objects if k.startswith(f"{script}-")}


SCENES = {"audio-0": SOUND["scene0"], "audio-1": SOUND["scene1"]}


def test_scenes_become_one_script_and_the_rest_goes_to_the_library(near: Path, running: Emulator) -> None:
    told = made.deliver(_place(running), _manifest(near))
    assert made.statuses(told) == {"sent": 4}
    assert _stored(running) == SCENES
    (script,) = running.backend.scripts.values()
    kinds = [scene["shoot_script"]["script_type"] for scene in script["shoot_scripts"]]
    assert kinds == ["AUDIO", "AUDIO", "TEXT"]
    assert script["shoot_scripts"][2]["shoot_script"]["text_config"] == {"text": "大家好"}
    assert [one["asset_name"] for one in made.live(running.backend)] == ["wall"]
    assert told[0]["ids"]["script_id"] == script["script_id"]


def test_subtitles_are_made_by_the_platform_and_replaced(near: Path, running: Emulator) -> None:
    order = _subtitled(near)
    assert made.deliver(_place(running, order), _manifest(near))[0]["status"] == "sent"
    assert _stored(running) == SCENES | {f"subtitle-{n}": (near / f"{n}.srt").read_bytes() for n in (0, 2)}


@pytest.mark.parametrize("journal", [True, False])
def test_again_it_is_skipped_from_another_machine_too(near: Path, running: Emulator, journal: bool) -> None:
    order, manifest = _subtitled(near), _manifest(near)
    made.deliver(_place(running, order), manifest)
    if not journal:
        (near / ".preflight-upload.sqlite").unlink()
    puts = len([call for call in running.backend.calls if call.startswith("PUT /obs")])
    assert made.statuses(made.deliver(_place(running, order), manifest)) == {"skipped": 4}
    assert len([call for call in running.backend.calls if call.startswith("PUT /obs")]) == puts
    assert len(running.backend.scripts) == 1


def test_a_script_is_found_behind_more_than_a_hundred_others(near: Path, running: Emulator) -> None:
    """Names are searched by part: the list has those of every autumn, page after page."""
    made.deliver(_place(running), _manifest(near))
    (mine,) = running.backend.scripts.items()
    others = {f"s{n}": mine[1] | {"script_id": f"s{n}", "script_name": f"autumn {n}"} for n in range(230)}
    running.backend.scripts = others | dict([mine])
    (near / ".preflight-upload.sqlite").unlink()
    assert made.statuses(made.deliver(_place(running), _manifest(near))) == {"skipped": 4}
    assert len(running.backend.scripts) == 231


def test_a_name_that_another_script_has_gets_a_suffix(near: Path, running: Emulator) -> None:
    made.deliver(_place(running), _manifest(near))
    told = made.deliver(_place(running), _manifest(near, b"other"))
    assert told[0]["ids"]["script_name"].startswith("autumn_")
    assert len(running.backend.scripts) == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_script_through_a_bad_network(near: Path, tmp_path: Path, seed: int) -> None:
    """Every way to go wrong that passes comes in turn."""
    with made.emulator(tmp_path / "bad", faults=Faults(rate=0.4, seed=seed, slow=0.01)) as running:
        told = made.deliver(_place(running, _subtitled(near)), _manifest(near))
        assert made.statuses(told) == {"sent": 4}
        assert len(running.backend.faults.injected) > 5
        assert len(_stored(running)) == 4
        assert len(running.backend.scripts) == 1, "a script was left behind"


def test_killed_anywhere_it_is_one_script(near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    order, manifest = _subtitled(near), _manifest(near)
    assert made.until_done(lambda: _place(running, order), manifest, monkeypatch) > 3
    assert len(running.backend.scripts) == 1
    assert len(_stored(running)) == 4
    assert max(running.backend.stored.values()) == 1, "a body was sent twice"


def test_subtitles_that_cannot_be_made_are_told_with_the_platforms_reason(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store loses the sound between the upload and the making of subtitles."""
    order, manifest = _subtitled(near), _manifest(near)
    call = Api.call

    def lost(self: Api, name: str, *rest: Any, **more: Any) -> Any:
        if name == "create_subtitle_file":
            running.backend.objects.clear()
        return call(self, name, *rest, **more)

    monkeypatch.setattr(Api, "call", lost)
    told = made.deliver(_place(running, order), manifest)
    assert "scene 0: GENERATE_FAILED" in told[0]["message"]
    assert "MSS.20010067" in told[0]["message"]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"script_name": "a b"}, "script_name"),
        ({}, "script_name"),
        (ORDER | {"speed": 20}, "speed"),
        (ORDER | {"subtitles": {"first": "a.srt"}}, "subtitles"),
        (ORDER | {"subtitles": {"7": "a.srt"}}, "names scene 7"),
        (ORDER | {"subtitles": {"0": "none.srt"}}, "none.srt: No such file"),
        (ORDER | {"subtitles": {"00": "a.srt"}}, "by the number of their scene"),
        (ORDER | {"subtitles": {"9" * 5000: "a.srt"}}, "by the number of their scene"),
        (ORDER | {"scenes": {"scene0.mp3": 1, "scene1.mp3": 1}}, "number 1 twice"),
    ],
)
def test_an_order_is_checked_before_anything_is_sent(
    near: Path, running: Emulator, order: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made.deliver(_place(running, order), _manifest(near))
    assert running.backend.calls == []


@pytest.mark.parametrize("change", ["gbk", "empty"])
def test_what_a_scene_cannot_take_is_named(near: Path, running: Emulator, change: str) -> None:
    manifest = _manifest(near)
    if change == "gbk":
        made.output(near, "scene2.txt", "大家好".encode("gbk"))
    elif change == "empty":
        made.output(near, "scene2.txt", b" "[:0] + b"\xef\xbb\xbf")
    told = made.deliver(_place(running, ORDER), manifest, force=True)
    assert "scene2.txt" in told[0]["message"]
    assert told[3]["status"] == "sent", "the rest is sent"


def test_the_verb_plans_and_sends_a_script(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    manifest, order = _manifest(near), near / "order.toml"
    _subtitled(near)
    order.write_text(f'[script]\nscript_name = "autumn"\nsubtitles = {{ 0 = "{near / "0.srt"}" }}\n', encoding="utf-8")
    words = ["upload", str(manifest), "--to", "metastudio", "--order", str(order)]
    assert cli.main([*words, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["units"][0]["calls"]
    assert [call for call in planned if "subtitle_file_upload_url" in call]
    assert running.backend.calls == []
    assert cli.main([*words, "-q"]) == 0
    writes = [
        call.split()[0] for call in running.backend.calls if "/digital-assets" not in call and "/files" not in call
    ]
    assert [verb for verb in writes if verb == "POST"] == ["POST"] * sum(c.startswith("POST") for c in planned)
    order.write_text('[voice]\nvoice_name = "a"\ntag = "NEWS"\nsex = "MALE"\n', encoding="utf-8")
    assert cli.main(words) == 2
    assert "[voice] has no effect" in capsys.readouterr().err


# --- the video of a script ------------------------------------------------------------------------------

SHAPE = {"codec": "H264", "bitrate": 4000, "width": 1920, "height": 1080}
LAYER = {
    "layer_type": "HUMAN",
    "position": {"dx": 656, "dy": 0, "layer_index": 1},
    "size": {"width": 607, "height": 1080},
}
FILMED = ORDER | {
    "model_asset_id": "model1",
    "video_config": SHAPE,
    "background_music_config": {"music_asset_id": "music1", "volume": 20},
    "background_config": {"2": [{"background_type": "COLOR", "background_color_config": "#FFFFFF"}]},
    "layer_config": {"0": [LAYER]},
}


def _film(near: Path, running: Emulator, name: str = "film", order: dict[str, Any] = FILMED) -> list[dict[str, Any]]:
    api = made.api(running)
    place = Production(api, order, AssetLibrary(api, {}), {"asset_name": name, "video_config": SHAPE})
    return made.deliver(place, _manifest(near))


def test_a_script_goes_all_the_way_to_the_finished_video(near: Path, running: Emulator) -> None:
    told = _film(near, running)
    assert made.statuses(told) == {"sent": 4}
    (script,) = running.backend.scripts.values()
    assert script["background_music_config"] == {"music_asset_id": "music1", "volume": 20}
    assert script["shoot_scripts"][0]["shoot_script"]["layer_config"] == [LAYER]
    assert script["shoot_scripts"][2]["shoot_script"]["background_config"][0]["background_type"] == "COLOR"
    film = Path(told[0]["ids"]["video"])
    assert (film.parent, film.read_bytes()) == (near / "video", b"a film of film")
    assert told[0]["verified"][-1]["md5"] == made.md5(b"a film of film")
    again = _film(near, running)
    assert again[0]["ids"]["video_job_id"] == told[0]["ids"]["video_job_id"]
    assert len(running.backend.videos) == 1, "one video of a script"


def test_a_video_is_found_behind_more_than_a_hundred_that_failed(near: Path, running: Emulator) -> None:
    _film(near, running)
    (mine,) = running.backend.videos.items()
    others = {f"v{n}": mine[1] | {"job_id": f"v{n}", "state": "FAILED"} for n in range(230)}
    running.backend.videos = others | dict([mine])
    (near / ".preflight-upload.sqlite").unlink()
    assert _film(near, running)[0]["ids"]["video_job_id"] == mine[0]
    assert len(running.backend.videos) == 231


@pytest.mark.parametrize("kind", ["lost-answer", "500-after", "500", "429"])
def test_a_video_through_a_bad_network_is_ordered_once(near: Path, running: Emulator, kind: str) -> None:
    running.backend.faults.order("POST /v1/sandboxproject/2d-digital-human-videos", kind)
    assert made.statuses(_film(near, running)) == {"sent": 4}
    assert len(running.backend.videos) == 1


def test_a_video_that_failed_is_told_with_the_platforms_reason(near: Path, running: Emulator) -> None:
    told = _film(near, running, "failme")
    assert "the platform says FAILED: MSS.20010112 no text" in told[0]["message"]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"video_config": {"codec": "H264"}}, "Table 5-5"),
        ({"layer_config": {"0": [{"layer_type": "PERSON"}]}}, "Table 5-14"),
        ({"speed": 120}, "want voice_asset_id"),
        ({"layer_config": {"9": [LAYER]}}, "layer_config. names scene 9"),
        ({"background_config": {"0": [{"background_type": "SOUND"}]}}, "Table 5-13"),
    ],
)
def test_what_the_documents_do_not_have_is_an_order_mistake(
    near: Path, running: Emulator, order: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        _film(near, running, order=ORDER | order)
    assert running.backend.calls == []
