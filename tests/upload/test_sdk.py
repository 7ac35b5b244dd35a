"""The official SDK, untouched, tells the same stories to the sandbox as our client: avatar training, a voice in
sentences, a deck with its pages, a script and its video, a live room, a photo that speaks, an asset deleted and
restored. What either sends differs in nothing that matters."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import ActionInput, Target
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import photos, scripts, training, upkeep, videos
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.photos import PhotoVideo
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.metastudio.rooms import Rooms
from pipeline.upload.metastudio.scripts import Production
from pipeline.upload.metastudio.training import Avatar
from pipeline.upload.metastudio.voice import Voice
from pipeline.upload.retry import Waiting
from tests.upload import made

sdk: Any = pytest.importorskip("huaweicloudsdkmetastudio.v1")
core: Any = pytest.importorskip("huaweicloudsdkcore.auth.credentials")
pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
OCTETS = "application/octet-stream"
# Fields that only we send: what finds a job again, defaults written out, what tells where an asset is shown.
OURS = {"tags", "batch_name", "priv_data", "system_properties", "language", "is_flexus", "audio_source_type"}
Story = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Emulator]:
    """A second sandbox, for the SDK."""
    with made.emulator(tmp_path / "other") as running:
        yield running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(training, "_PART", 20_000)
    for module in (photos, scripts, videos):
        monkeypatch.setattr(module, "Waiting", lambda seconds: Waiting(seconds, 0.01, 0.01))


def _client(running: Emulator) -> Any:
    account = running.backend.account
    credentials = core.BasicCredentials(account.access, account.secret, account.project)
    return sdk.MetaStudioClient.new_builder().with_credentials(credentials).with_endpoint(running.url).build()


def _put(url: str, data: bytes, kind: str) -> None:
    assert httpx.put(url, content=data, headers={"Content-Type": kind}, trust_env=False).status_code == 200


def _told(running: Emulator) -> Story:
    """The calls of a story that change something, each with its body; every answer keeps to the documents' tables."""
    found: Story = []
    for name, body, status, answer in running.backend.transcript:
        assert status == 200, (name, answer)
        assert [wrong.text.en for wrong in TABLES.wrong(name, "answer", answer)] == [], name
        assert [wrong.text.en for wrong in TABLES.wrong(name, "body", body)] == [], name
        if TABLES.calls[name].method != "GET":
            found.append((name, body))
    return found


def _plain(value: Any) -> Any:
    """A body without what is ours alone, and without ids, which the platform gives."""
    if isinstance(value, dict):
        kept = {key: _plain(one) for key, one in value.items() if key not in OURS and one not in (None, [], {})}
        return {key: "id" if key.endswith("_id") else one for key, one in kept.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _same(ours: Story, theirs: Story) -> None:
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (name, mine), (_, other) in zip(ours, theirs, strict=True):
        assert _plain(mine) == _plain(other), name


def test_an_avatar(near: Path, running: Emulator, other: Emulator) -> None:
    files = {"training_video": b"green screen" * 8000, "id_card_image1": b"front", "id_card_image2": b"back"}
    files |= {"grant_file": b"letter"}
    roles = {"take.mp4": "video", "front.jpg": "id-card", "back.jpg": "id-card", "letter.pdf": "grant-file"}
    pairs = zip(roles.items(), files.values(), strict=True)
    assets = [made.asset("video", role, [made.output(near, name, data)]) for (name, role), data in pairs]
    manifest = made.write(near, "metastudio/avatar-training", assets)
    order = {"name": "avatar", "supported_service": ["VIDEO_2D"]}
    assert made.statuses(made.deliver(Avatar(made.api(running), order, flexus=False), manifest)) == {"sent": 4}

    client = _client(other)
    body = sdk.Create2dModelTrainingJobReq(
        name="avatar", model_version="V3.2", video_multipart_count=5, supported_service=["VIDEO_2D"]
    )
    job = client.create2d_model_training_job(sdk.Create2dModelTrainingJobRequest(body=body))
    step = -(-len(files["training_video"]) // 5)
    for number, url in enumerate(job.training_video_upload_url):
        _put(url, files["training_video"][number * step : (number + 1) * step], OCTETS)

    def command(word: str) -> Any:
        asked = sdk.Execute2dModelTrainingCommandByUserReq(command=word)
        request = sdk.Execute2dModelTrainingCommandByUserRequest(job_id=job.job_id, body=asked)
        told = client.execute2d_model_training_command_by_user(request)
        assert told.commond_result == "EXCUTE_SUCCESS"
        return told

    held = command("GET_MULTIPART_UPLOADED").multipart_data
    assert [part.part_number for part in held] == ["1", "2", "3", "4", "5"]
    del other.backend.transcript[-1]  # a question, which our client only asks after a lost answer
    command("CONFIRM_MULTIPART_UPLOADED")
    for slot in ("id_card_image1", "id_card_image2", "grant_file"):
        _put(getattr(job, f"{slot}_upload_url"), files[slot], OCTETS)
    command("SUBMITVERIFYING")
    shown = client.show2d_model_training_job(sdk.Show2dModelTrainingJobRequest(job_id=job.job_id))
    assert shown.state == "MANUAL_VERIFYING"
    _same(_told(running), _told(other))


def test_a_voice_in_sentences(near: Path, running: Emulator, other: Emulator) -> None:
    (near / "letter.pdf").write_bytes(b"letter")
    with zipfile.ZipFile(near / "take.zip", "w") as package:
        for number in range(20):
            package.writestr(f"{number}.wav", b"RIFF%d" % number)
            package.writestr(f"{number}.txt", f"sentence {number}")
    output = made.output(near, "take.zip", (near / "take.zip").read_bytes())
    manifest = made.write(near, "metastudio/voice-basic", [made.asset("archive", "package", [output])])
    order = {"voice_name": "voice", "letter": str(near / "letter.pdf"), "create_type": "SEGMENT"}
    assert made.deliver(Voice(made.api(running), order, "basic"), manifest)[0]["status"] == "sent"

    client = _client(other)
    body = sdk.CreateTrainingJobReq(voice_name="voice", create_type="SEGMENT")
    job = client.create_training_basic_job(sdk.CreateTrainingBasicJobRequest(body=body))
    for number in range(20):
        told = client.show_job_uploading_address(sdk.ShowJobUploadingAddressRequest(job_id=job.job_id))
        _put(told.segment_url.audio_uploading_url[number], b"RIFF%d" % number, "audio/wav")
        _put(told.segment_url.txt_uploading_url[number], b"sentence %d" % number, "text/plain")
        heard = client.confirm_training_segment(sdk.ConfirmTrainingSegmentRequest(job_id=job.job_id, index=number))
        assert heard.confirm_result is True
    _put(told.authorization_letter_uploading_url, b"letter", OCTETS)
    commit = sdk.CommitJobReq(voice_name="voice")
    client.commit_voice_training_job(sdk.CommitVoiceTrainingJobRequest(job_id=job.job_id, body=commit))
    shown = client.show_voice_training_job(sdk.ShowVoiceTrainingJobRequest(job_id=job.job_id))
    assert str(shown.to_json_object()["state"]) == "AUDITING"
    _same(_told(running), _told(other))


def test_a_deck_with_its_pages(near: Path, running: Emulator, other: Emulator) -> None:
    deck, page = b"%PDF deck", b"page one"
    outputs = [made.output(near, "deck.pdf", deck), made.output(near, "d/0001.png", page, "PAGE") | {"text": "words"}]
    manifest = made.write(near, "metastudio/asset-library", [made.asset("slides", "slides", outputs)])
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}

    client = _client(other)
    meta = sdk.AssetExtraMeta(ppt_meta=sdk.PPTAssetMeta(auto_analysis=False))
    body = sdk.CreateDigitalAssetRequestBody(asset_name="deck", asset_type="PPT", asset_extra_meta=meta)
    asset = client.create_digital_asset(sdk.CreateDigitalAssetRequest(body=body)).asset_id
    ids = []
    for name, data, category, kind in (("deck.pdf", deck, "MAIN", OCTETS), ("0001.png", page, "PAGE", "image/png")):
        asked = sdk.FilesCreateReq(
            file_name=name,
            file_md5=made.md5(data),
            file_size=len(data),
            file_type=name.rsplit(".", 1)[1],
            asset_id=asset,
            asset_file_category=category,
        )
        file = client.create_file(sdk.CreateFileRequest(body=asked))
        headers = {"Content-MD5": made.md5(data), "Content-Type": kind}
        assert httpx.put(file.upload_url, content=data, headers=headers, trust_env=False).status_code == 200
        done = sdk.ConfirmFileUploadRequestBody(state="CREATED")
        client.confirm_file_upload(sdk.ConfirmFileUploadRequest(file_id=file.file_id, body=done))
        ids.append(file.file_id)
    pages = [sdk.PPTPageInfo(page_no=1, file_id=ids[1], page_content="words")]
    meta = sdk.AssetExtraMeta(ppt_meta=sdk.PPTAssetMeta(page_count=1, pages=pages))
    update = sdk.UpdateDigitalAssetRequestBody(asset_extra_meta=meta)
    client.update_digital_asset(sdk.UpdateDigitalAssetRequest(asset_id=asset, body=update))
    shown = client.show_asset(sdk.ShowAssetRequest(asset_id=asset))
    assert shown.asset_extra_meta.ppt_meta.pages[0].page_content == "words"
    _same(_told(running), _told(other))


def test_a_script_and_its_video(near: Path, running: Emulator, other: Emulator) -> None:
    asset = made.asset("text", "text", [made.output(near, "scene0.txt", b"hello")])
    manifest = made.write(near, "metastudio/video-production", [asset])
    shape = {"codec": "H264", "bitrate": 4000, "width": 1920, "height": 1080}
    api = made.api(running)
    order = {"script_name": "autumn", "model_asset_id": "m1", "voice_asset_id": "v1", "speed": 110}
    place = Production(api, order, AssetLibrary(api, {}), {"asset_name": "film", "video_config": shape})
    told = made.deliver(place, manifest)
    assert Path(told[0]["ids"]["video"]).read_bytes() == b"a film of film"

    client = _client(other)
    shot = sdk.ShootScript(script_type="TEXT", text_config=sdk.TextConfig(text="hello"))
    body = sdk.CreateVideoScriptsReq(
        script_name="autumn",
        model_asset_id="m1",
        model_asset_type="HUMAN_MODEL_2D",
        voice_config=sdk.VoiceConfig(voice_asset_id="v1", speed=110),
        shoot_scripts=[sdk.ShootScriptItem(sequence_no=0, shoot_script=shot)],
    )
    script = client.create_video_scripts(sdk.CreateVideoScriptsRequest(body=body)).script_id
    video = sdk.Create2DDigitalHumanVideoReq(
        script_id=script,
        video_config=sdk.VideoConfig(**shape),
        output_asset_config=sdk.OutputAssetConfig(asset_name="film"),
    )
    job = client.create2_d_digital_human_video(sdk.Create2DDigitalHumanVideoRequest(body=video)).job_id
    for state in ("WAITING", "PROCESSING", "SUCCEED"):
        shown = client.show2_d_digital_human_video(sdk.Show2DDigitalHumanVideoRequest(job_id=job))
        assert shown.state == state
    film = client.show_asset(sdk.ShowAssetRequest(asset_id=shown.output_asset_config.asset_id)).files[0]
    assert httpx.get(film.download_url, trust_env=False).content == b"a film of film"
    _same(_told(running), _told(other))


def test_a_live_room(near: Path, running: Emulator, other: Emulator) -> None:
    asset = made.asset("text", "text", [made.output(near, "a.txt", b"hello")])
    manifest = made.write(near, "metastudio/livestream", [asset])
    api = made.api(running)
    order = {"room_name": "sale", "model_asset_id": "m1", "voice_asset_id": "v1", "play_policy": {"repeat_count": -1}}
    assert made.statuses(made.deliver(Rooms(api, order, AssetLibrary(api, {})), manifest)) == {"sent": 1}

    client = _client(other)
    shot = sdk.LiveShootScriptItem(sequence_no=0, text_config=sdk.TextConfig(text="hello"))
    script = sdk.LiveVideoScriptInfo(
        script_name="sale",
        model_asset_id="m1",
        voice_config=sdk.VoiceConfig(voice_asset_id="v1"),
        shoot_scripts=[shot],
    )
    body = sdk.CreateSmartLiveRoomReq(
        room_name="sale", scene_scripts=[script], play_policy=sdk.PlayPolicy(repeat_count=-1)
    )
    room = client.create_smart_live_room(sdk.CreateSmartLiveRoomRequest(body=body)).room_id
    shown = client.show_smart_live_room(sdk.ShowSmartLiveRoomRequest(room_id=room))
    assert (shown.room_state, shown.scene_scripts[0].shoot_scripts[0].text_config.text) == ("ENABLE", "hello")
    _same(_told(running), _told(other))


def test_a_photo_that_speaks(near: Path, running: Emulator, other: Emulator) -> None:
    rows = [
        ("image", "photo", made.output(near, "f.png", b"face")),
        ("text", "text", made.output(near, "a.txt", b"hi")),
    ]
    manifest = made.write(near, "metastudio/photo-avatar", [made.asset(kind, role, [one]) for kind, role, one in rows])
    api = made.api(running)
    order = {"asset_name": "film", "authorize_use_human_image": True, "voice_asset_id": "v1"}
    told = made.deliver(PhotoVideo(api, order, AssetLibrary(api, {})), manifest)
    assert Path(told[0]["ids"]["video"]).read_bytes() == b"a film of film"

    client, image = _client(other), base64.b64encode(b"face").decode()
    asked = sdk.CreatePhotoDetectionReq(human_image=image)
    check = client.create_photo_detection(sdk.CreatePhotoDetectionRequest(body=asked)).job_id
    for state in ("WAITING", "PROCESSING", "SUCCEED"):
        assert client.show_photo_detection(sdk.ShowPhotoDetectionRequest(job_id=check)).state == state
    voice = sdk.VoiceConfig(voice_asset_id="v1")
    shot = sdk.ShootScript(script_type="TEXT", text_config=sdk.TextConfig(text="hi"))
    scenes = [sdk.ShootScriptItem(sequence_no=0, shoot_script=shot)]
    script = sdk.CreateVideoScriptsReq(script_name="film", voice_config=voice, shoot_scripts=scenes)
    script_id = client.create_video_scripts(sdk.CreateVideoScriptsRequest(body=script)).script_id
    video = sdk.CreatePhotoDigitalHumanVideoReq(
        script_id=script_id,
        human_image=image,
        voice_config=voice,
        shoot_scripts=scenes,
        output_asset_config=sdk.OutputAssetConfig(asset_name="film"),
        authorize_use_human_image=True,
    )
    job = client.create_photo_digital_human_video(sdk.CreatePhotoDigitalHumanVideoRequest(body=video)).job_id
    for state in ("WAITING", "PROCESSING", "SUCCEED"):
        shown = client.show_photo_digital_human_video(sdk.ShowPhotoDigitalHumanVideoRequest(job_id=job))
        assert shown.state == state
    film = client.show_asset(sdk.ShowAssetRequest(asset_id=shown.output_asset_config.asset_id)).files[0]
    assert httpx.get(film.download_url, trust_env=False).content == b"a film of film"
    _same(_told(running), _told(other))


def test_what_is_in_the_library_already(near: Path, running: Emulator, other: Emulator) -> None:
    script = near / "said.txt"
    script.write_text("hello", encoding="utf-8")
    for sandbox in (running, other):
        sandbox.backend.assets["a1"] = {"asset_id": "a1", "asset_name": "intro", "asset_type": "VIDEO", "tags": []}
        sandbox.backend.assets["a1"] |= {"asset_state": "ACTIVED", "files": [], "asset_extra_meta": {}}
        sandbox.backend.assets["a1"]["system_properties"] = []
    secrets = Secrets(environment=running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"})

    def asked(what: str, order: dict[str, Any], *, for_good: bool = False) -> ActionInput:
        return ActionInput((what,), order, name="intro", for_good=for_good, into=None, wait=20.0)

    with upkeep.doing(Target("metastudio", ""), secrets) as do:
        do("update", asked("a1", {"asset_state": "UNACTIVED"}))
        do("delete", asked("a1", {}))
        do("restore", asked("a1", {}))
        do("delete", asked("a1", {}, for_good=True))
        do("audition", asked(str(script), {"voice_asset_id": "v1", "speed": 90}))

    client = _client(other)
    change = sdk.UpdateDigitalAssetRequestBody(asset_state="UNACTIVED")
    client.update_digital_asset(sdk.UpdateDigitalAssetRequest(asset_id="a1", body=change))
    client.delete_asset(sdk.DeleteAssetRequest(asset_id="a1"))
    client.restore_asset(sdk.RestoreAssetRequest(asset_id="a1"))
    client.delete_asset(sdk.DeleteAssetRequest(asset_id="a1", mode="force"))
    body = sdk.CreateTtsAuditionRequestBody(text="hello", emotion="v1", speed=90)
    job = client.create_tts_audition(sdk.CreateTtsAuditionRequest(body=body)).job_id
    while not (told := client.show_tts_audition_file(sdk.ShowTtsAuditionFileRequest(job_id=job))).is_file_complete:
        pass
    assert httpx.get(told.files[0].download_url, trust_env=False).content == b"the sound of hello"
    assert other.backend.assets["a1"]["asset_state"] == running.backend.assets["a1"]["asset_state"] == "DELETED"
    _same(_told(running), _told(other))
