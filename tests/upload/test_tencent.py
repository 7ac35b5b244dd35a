"""Tencent: signed calls, the store through its own SDK, checks and make requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("qcloud_cos")

from pipeline.errors import UploadError, UsageError
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.tencent import cos, error_codes
from tests.upload import made

KEY = "customer-pipeline/1000/"


def _held(running: Emulator) -> dict[str, str]:
    return {key.rsplit("/", 1)[1]: made.md5(one.path.read_bytes()) for key, one in running.backend.objects.items()}


def test_every_file_lands_in_the_folder_of_its_role(near: Path, running: Emulator) -> None:
    manifest = made.photos(near, 5)
    told = made.deliver(made.tencent(running), manifest)
    assert made.statuses(told) == {"sent": 5}
    assert _held(running) == made.wanted(manifest)
    assert all(key.startswith(KEY) and "/photo/" in key and "//" not in key for key in running.backend.objects)
    url = told[0]["ids"]["urls"]["photo/face000.png"]
    assert url.startswith("https://sandbox-cos-1250000000.cos.accelerate.myqcloud.com/customer-pipeline/")


@pytest.mark.parametrize(
    ("preset", "role", "kind", "name", "folder"),
    [
        ("tencent/avatar-dedicated", "video", "video", "a.mp4", "video"),
        ("tencent/avatar-4k", "alpha", "video", "a.mov", "video"),
        ("tencent/authorization", "video", "video", "a.mp4", "idcard"),
        ("tencent/authorization", "letter", "slides", "a.pdf", "idcard"),
        ("tencent/voice", "package", "archive", "a.zip", "audio"),
        ("tencent/voice-instant", "audio", "audio", "a.mp3", "zeroshot"),
        ("tencent/driver-audio", "audio", "audio", "a.wav", "audio"),
    ],
)
def test_folders(near: Path, running: Emulator, preset: str, role: str, kind: str, name: str, folder: str) -> None:
    manifest = made.write(near, preset, [made.asset(kind, role, [made.output(near, name, b"bytes")])])
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 1}
    assert [key.rsplit("/", 2)[1:] for key in running.backend.objects] == [[folder, name]]


def test_a_role_without_a_folder_is_refused(near: Path, running: Emulator) -> None:
    text = made.asset("text", "text", [made.output(near, "a.txt", b"words")])
    with pytest.raises(UsageError, match="has no folder"):
        made.deliver(made.tencent(running), made.write(near, "tencent/driver-audio", [text]))


def test_equal_names_with_other_bytes_are_told_apart(near: Path, running: Emulator) -> None:
    assets = [made.asset("image", "photo", [made.output(near, f"{n}/face.png", b"face" * n)]) for n in (1, 2)]
    made.deliver(made.tencent(running), made.write(near, "tencent/photo-fast", assets))
    assert sorted(_held(running).values()) == sorted(made.md5(b"face" * n) for n in (1, 2))


def test_the_same_again_is_skipped_also_without_a_journal(near: Path, running: Emulator) -> None:
    manifest = made.photos(near, 3)
    made.deliver(made.tencent(running), manifest)
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"skipped": 3}
    (near / ".preflight-upload.sqlite").unlink()
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"skipped": 3}
    assert set(running.backend.stored.values()) == {1}


@pytest.mark.every(5)
@pytest.mark.parametrize(("call", "kind"), made.ways("getuploadcredentials", "HEAD /cos", "PUT /cos"))
def test_each_call_going_wrong_in_each_way_changes_nothing(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 2)
    manifest = made.photos(near, 1)
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 1}
    assert _held(running) == made.wanted(manifest)
    assert set(running.backend.faults.injected) == {kind}


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cos, "PART", 10_000)


@pytest.mark.every(5)
@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize(("call", "kind"), made.ways("POST /cos", "PUT /cos", "GET /cos"))
def test_parts_through_a_bad_network(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 2)
    data = bytes(range(250)) * 260
    manifest = made.write(
        near, "tencent/photo-fast", [made.asset("image", "photo", [made.output(near, "a.png", data)])]
    )
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 1}
    assert _held(running) == made.wanted(manifest)
    assert running.backend.uploads == {}, "an upload was left open"


@pytest.mark.usefixtures("parts")
def test_a_store_that_does_not_let_parts_be_listed_is_named_with_its_reason(near: Path, running: Emulator) -> None:
    running.backend.faults.order("GET /cos", "no-rights")
    output = made.output(near, "a.png", bytes(range(250)) * 260)
    manifest = made.write(near, "tencent/photo-fast", [made.asset("image", "photo", [output])])
    told = made.deliver(made.tencent(running), manifest)
    assert told[0]["status"] == "failed"
    assert "list parts" in told[0]["message"]
    assert "AccessDenied" in told[0]["message"]
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 1}


@pytest.mark.usefixtures("parts")
def test_killed_between_parts_no_part_is_sent_twice(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(250)) * 260
    manifest = made.write(
        near, "tencent/photo-fast", [made.asset("image", "photo", [made.output(near, "a.png", data)])]
    )
    rows = made.until_done(lambda: made.tencent(running), manifest, monkeypatch, jobs=1)
    assert rows > 5
    assert _held(running) == made.wanted(manifest)
    assert set(running.backend.stored.values()) == {1}


@pytest.mark.usefixtures("parts")
def test_credentials_that_lapse_in_the_middle_are_renewed(near: Path, running: Emulator) -> None:
    running.backend.credential_age = 250.0  # below the five minutes at which new ones are asked for
    manifest = made.photos(near, 3)
    assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 3}
    asked = [call for call in running.backend.calls if "getuploadcredentials" in call]
    assert len(asked) > 3


@pytest.mark.parametrize("seed", range(2))
def test_a_batch_through_a_bad_network_arrives_once_and_whole(near: Path, tmp_path: Path, seed: int) -> None:
    manifest = made.photos(near, 20)
    with made.emulator(tmp_path / "bad", faults=Faults(rate=0.25, seed=seed, slow=0.01)) as running:
        assert made.statuses(made.deliver(made.tencent(running), manifest)) == {"sent": 20}
        assert _held(running) == made.wanted(manifest)


def test_a_full_store_is_said(near: Path, running: Emulator) -> None:
    running.backend.account.quota = 10
    told = made.deliver(made.tencent(running), made.photos(near, 1))
    assert "disk is full" in told[0]["message"]


def test_a_wrong_clock_is_noticed(near: Path, running: Emulator) -> None:
    running.backend.clock_offset = -3000.0
    place = made.tencent(running)
    assert place.call("getuploadcredentials", {}).must("PathPrefix")
    place.close()
    told = made.deliver(made.tencent(running), made.photos(near, 1))
    assert "clock is wrong" in told[0]["message"]


@pytest.mark.parametrize(
    "environment", [{"PREFLIGHT_TENCENT_APPKEY": "nobody"}, {"PREFLIGHT_TENCENT_ACCESSTOKEN": "wrong-token"}]
)
def test_wrong_keys_are_explained_and_not_shown(near: Path, running: Emulator, environment: dict[str, str]) -> None:
    told = made.deliver(made.tencent(running, **environment), made.photos(near, 1))
    assert "100005" in told[0]["message"]
    assert "wrong-token" not in json.dumps(told)


def test_no_keys(running: Emulator) -> None:
    with pytest.raises(UsageError, match="TENCENT_APPKEY"):
        made.tencent(running, PREFLIGHT_TENCENT_APPKEY="")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (
            "https://virtualhuman-cos-prod-1251316161.cos.accelerate.myqcloud.com/customer-pipeline/1/ab/",
            ("virtualhuman-cos-prod-1251316161", "accelerate", "customer-pipeline/1/ab/"),
        ),
        ("https://b-1.cos.ap-guangzhou.myqcloud.com/p", ("b-1", "ap-guangzhou", "p/")),
        ("https://b-1.cos.ap-guangzhou.myqcloud.com/", ("b-1", "ap-guangzhou", "")),
    ],
)
def test_a_path_prefix_is_taken_apart(url: str, found: tuple[str, str, str]) -> None:
    assert cos.prefix(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://b-1.cos.ap-guangzhou.myqcloud.com/p/",
        "https://b-1.cos.ap-guangzhou.evil.example/p/",
        "https://evil.example/b.cos.x.myqcloud.com/",
    ],
)
def test_a_path_prefix_of_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(UploadError, match="PathPrefix"):
        cos.prefix(url)


def test_a_code_means_what_its_endpoint_says() -> None:
    """T22: 100003 is a format in face detection and a parameter elsewhere."""
    assert "format" in error_codes.told("/v2/ivh/facedetectserver/facedetectservice/facedetect", "100003").en
    assert "parameter" in error_codes.told("/v2/ivh/assetmanager/customservice/make", "100003").en
