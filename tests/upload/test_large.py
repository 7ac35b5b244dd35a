"""Files that are too large to be read twice: digested while they go out, and never there whole if they changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("qcloud_cos")

from pipeline.upload import transfer
from pipeline.upload.destination import Destination
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.filesystem import Anywhere, Folder
from pipeline.upload.metastudio import fields
from pipeline.upload.tencent import cos
from tests.upload import made

DATA = bytes(range(250)) * 200


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "AHEAD", 1000)


def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cos, "PART", 16_384)
    monkeypatch.setattr(fields, "FILE", 10_000)
    monkeypatch.setattr(fields, "parts", lambda _: 4)


def _places(running: Emulator, folder: Path) -> dict[str, Callable[[], Destination]]:
    return {
        "metastudio": lambda: made.library(running),
        "tencent": lambda: made.tencent(running),
        "folder": lambda: Folder(f"file://{folder}"),
        "fsspec": lambda: Anywhere(f"memory://{folder.name}{id(folder)}"),
    }


def _manifest(near: Path, place: str) -> Path:
    preset, role = ("tencent/photo-fast", "photo") if place == "tencent" else ("metastudio/asset-library", "image")
    return made.write(near, preset, [made.asset("image", role, [made.output(near, "clip.png", DATA)])])


PLACES = [("metastudio", False), ("metastudio", True), ("tencent", False), ("tencent", True)]
PLACES += [("folder", False), ("fsspec", False)]


@pytest.mark.parametrize(("place", "parts"), PLACES)
def test_it_arrives_and_a_file_that_changed_does_not(
    near: Path, tmp_path: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch, place: str, parts: bool
) -> None:
    if parts:
        _parts(monkeypatch)
    far = _places(running, tmp_path / "there")[place]
    manifest = _manifest(near, place)
    (near / "clip.png").write_bytes(DATA[:-2] + b"!!")  # the same size, other bytes
    told = made.deliver(far(), manifest)[0]
    assert told["status"] == "failed"
    assert "changed since prepare: MD5" in told["message"]
    assert running.backend.objects == {}
    assert list((tmp_path / "there").glob("*")) == []
    if place == "metastudio":
        assert [one["state"] for one in told["abandoned"]] == ["FAILED"]
    (near / "clip.png").write_bytes(DATA)
    assert made.statuses(made.deliver(far(), manifest)) == {"sent": 1}
    assert made.statuses(made.deliver(far(), manifest)) == {"skipped": 1}


def test_a_part_of_other_bytes_is_not_taken_for_sent(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the file was damaged, continued after it was restored: the damaged part is sent again."""
    _parts(monkeypatch)
    manifest = _manifest(near, "metastudio")
    (near / "clip.png").write_bytes(b"!" + DATA[1:])
    with monkeypatch.context() as patch:
        patch.setattr(made.AssetLibrary, "_give_up", lambda _self, _item, _id, error, _tools: error)  # as a kill would
        assert made.deliver(made.library(running), manifest)[0]["status"] == "failed"
    (near / "clip.png").write_bytes(DATA)
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
    assert made.held(running.backend) == made.wanted(manifest)
    assert sorted(running.backend.stored.values()) == [1, 1, 1, 2]


def test_by_force_it_is_read_before(near: Path, running: Emulator) -> None:
    manifest = _manifest(near, "metastudio")
    (near / "clip.png").write_bytes(DATA[:-2] + b"!!")
    told = made.deliver(made.library(running), manifest, force=True)[0]
    assert (told["status"], told["forced"]) == ("sent", ["changed: clip.png"])
