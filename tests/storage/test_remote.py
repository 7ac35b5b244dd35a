"""Sources and outputs at addresses: fetched whole, delivered whole, nothing done twice, nothing lost between."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from pipeline.cli.main import main
from pipeline.engine import staging as moving
from pipeline.engine.journal import NAME
from pipeline.engine.remote_output import LOCK
from pipeline.errors import AssetError, CeilingExceeded, UsageError
from pipeline.model.job import Job
from pipeline.storage import pace, remote, urls
from pipeline.storage.digest import content_md5
from pipeline.storage.inputs import find
from pipeline.storage.publish import WORK

fsspec = pytest.importorskip("fsspec", reason="the extra [remote] is not installed")
Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


@pytest.fixture
def top() -> str:
    """A folder of its own in the memory of this process."""
    return f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def memory() -> Any:
    return fsspec.filesystem("memory")


def put(system: Any, top: str, **files: Path | bytes) -> None:
    for name, data in files.items():
        body = data if isinstance(data, bytes) else data.read_bytes()
        system.pipe_file(f"{top.removeprefix('memory:/')}/{name.replace('__', '/').replace('_', '.')}", body)


def below(system: Any, url: str) -> dict[str, int]:
    path = url.removeprefix("memory:/")
    found = system.find(path, detail=True)
    return {name.removeprefix(f"{path}/"): info["size"] for name, info in found.items()}


def prepare(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["prepare", *words, "-p", PICTURES, "--json", "-j", "1"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


# --- the whole way ----------------------------------------------------------------------------------


def test_from_an_address_to_an_address_and_nothing_twice(
    top: str, memory: Any, sample: Sample, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(memory, top, in__a__good_jpeg=sample("images/good.jpeg"), in__scan_tiff=sample("images/scan.tiff"))
    put(memory, top, in__bad_jpg=sample("broken/truncated.jpg"))
    code, told = prepare(capsys, f"{top}/in", "-o", f"{top}/out")
    assert code == 1
    assert {Path(a["source"]).name: a["status"] for a in told["assets"]} == {
        "good.jpeg": "ready",
        "scan.tiff": "fixed",
        "bad.jpg": "blocked",
    }
    there = below(memory, f"{top}/out")
    assert set(there) == {"a/good.jpeg", "scan.png", "manifest.json", "quarantine.list", NAME}
    listed = {o["path"]: o["size"] for a in told["assets"] for o in a["outputs"]}
    assert listed == {name: there[name] for name in listed}
    assert json.loads(memory.cat(f"{top.removeprefix('memory:/')}/out/manifest.json"))["assets"] == told["assets"]

    fetched = []
    real = remote.fetch
    monkeypatch.setattr(remote, "fetch", lambda url, folder: fetched.append(url) or real(url, folder))
    again = prepare(capsys, f"{top}/in", "-o", f"{top}/out")[1]
    assert [url for url in fetched if "/in/" in url] == [f"memory://{top.removeprefix('memory:/')}/in/bad.jpg"]
    assert [a["outputs"] for a in again["assets"]] == [a["outputs"] for a in told["assets"]]

    put(memory, top, in__scan_tiff=sample("images/pages.tiff"))
    changed = prepare(capsys, f"{top}/in", "-o", f"{top}/out")[1]
    assert [a["status"] for a in changed["assets"]] == [a["status"] for a in told["assets"]]
    assert below(memory, f"{top}/out")["scan.png"] != there["scan.png"]


def test_from_an_address_into_a_folder_that_is_here(
    top: str, memory: Any, sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(memory, top, in__good_jpeg=sample("images/good.jpeg"))
    code, told = prepare(capsys, f"{top}/in/good.jpeg", "-o", str(tmp_path / "out"))
    assert code == 0
    assert (tmp_path / "out" / told["assets"][0]["outputs"][0]["path"]).read_bytes() == memory.cat(
        f"{top.removeprefix('memory:/')}/in/good.jpeg"
    )


def test_what_somebody_put_there_stays(
    top: str, memory: Any, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    put(memory, top, out__scan_png=b"theirs")
    code, told = prepare(capsys, str(sample("images/scan.tiff")), "-o", f"{top}/out")
    assert code == 4
    assert "exists and is not of this run" in told["assets"][0]["error"]["message"]
    assert memory.cat(f"{top.removeprefix('memory:/')}/out/scan.png") == b"theirs"
    assert prepare(capsys, str(sample("images/scan.tiff")), "-o", f"{top}/out", "--overwrite", "always")[0] == 0


def test_a_run_killed_between_delivery_and_journal_is_taken_back(
    top: str, memory: Any, sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made" / "scan.png"
    made.parent.mkdir()
    made.write_bytes(b"of another encoder")
    job = Job(path=str(sample("images/scan.tiff")), stem="scan", far=f"{top}/out")
    promise = SimpleNamespace(path="scan.png", size=made.stat().st_size, md5=content_md5(made))
    receipt = moving.deliver(job, made.parent, [promise])
    put(memory, top, out__other_jpg=b"not in the receipt")
    assert {receipt, "scan.png"} <= set(below(memory, f"{top}/out"))
    assert prepare(capsys, job.path, "-o", f"{top}/out")[0] == 0
    there = below(memory, f"{top}/out")
    assert there["scan.png"] != promise.size
    assert "other.jpg" in there
    assert not [name for name in there if name.startswith(WORK) or name == LOCK]


def test_all_outputs_of_an_asset_arrive_or_none(
    top: str, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(name.encode())
    promises = [SimpleNamespace(path=n, size=5, md5=content_md5(tmp_path / n)) for n in ("1.png", "2.png")]
    real = type(memory).put_file

    def full(self: Any, source: str, path: str, **more: Any) -> None:
        if path.endswith("2.png"):
            raise OSError(28, "No space left on device")
        real(self, source, path, **more)

    monkeypatch.setattr(type(memory), "put_file", full)
    with pytest.raises(AssetError, match="No space left"):
        moving.deliver(Job(path="x", stem="x", far=f"{top}/out"), tmp_path, promises)
    assert below(memory, f"{top}/out") == {}

    def kept(self: Any, path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(type(memory), "rm_file", kept)
    with pytest.raises(AssetError, match="No space left"):
        moving.deliver(Job(path="x", stem="x", far=f"{top}/out"), tmp_path, promises)
    left = set(below(memory, f"{top}/out"))
    assert len(left) == 2, "the receipt stays for the next run, which takes back what could not be removed"
    assert "1.png" in left


def test_one_run_at_a_time(top: str, memory: Any, sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prepare", str(sample("images/good.jpeg")), "-p", PICTURES, "-o", f"{top}/out"]
    put(memory, top, out__x_jpg=b"")
    lock = f"{top.removeprefix('memory:/')}/out/{LOCK}"
    memory.pipe_file(lock, b'{"process": 1, "machine": "another", "seen": 9e12}')
    assert main(words) == 2
    assert "another run is at work" in capsys.readouterr().err
    memory.pipe_file(lock, b'{"process": 1, "machine": "another", "seen": 0}')
    assert main(words) == 0, "nothing was heard of it for long"


def test_sources_in_the_output_folder_are_refused(
    top: str, memory: Any, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    put(memory, top, in__good_jpeg=sample("images/good.jpeg"))
    assert main(["prepare", f"{top}/in", "-p", PICTURES, "-o", f"{top}/in"]) == 2
    assert "lies in the output folder" in capsys.readouterr().err


# --- what is there ----------------------------------------------------------------------------------


def test_folders_and_patterns_elsewhere(top: str, memory: Any) -> None:
    put(memory, top, in__a_png=b"1", in__sub__b_png=b"2", in__sub__c_wav=b"3", in___DS__Store=b"4", in___x_png=b"5")

    def stems(name: str, **more: Any) -> list[str]:
        return [one.stem for one in find([f"{top}/{name}"], **more)]

    assert stems("in") == ["a", "sub/b", "sub/c"]
    assert stems("in", include=["*.png"], exclude=["sub/*"]) == ["a"]
    assert stems("in/*.png") == ["a"]
    assert stems("in/**/*.png") == ["a", "sub/b"]
    assert all(one.state for one in find([f"{top}/in"]))
    with pytest.raises(UsageError, match="nosuch"):
        find([f"{top}/nosuch"])


def test_an_address_on_this_machine_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a b.wav").write_bytes(b"x")
    assert find([(tmp_path / "a b.wav").as_uri()])[0].path == str(tmp_path / "a b.wav")


@pytest.mark.parametrize("url", ["simplecache::memory://x/y", "memory://x/y::http://127.0.0.1/z"])
def test_no_name_leads_through_another_file_system(url: str, tmp_path: Path) -> None:
    """An object's name is its sender's: after '::' it could lead anywhere."""
    with pytest.raises(AssetError, match="chains"):
        remote.fetch(url, tmp_path)


def test_a_file_system_nobody_knows_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(UsageError, match="nosuch"):
        remote.system("nosuch://bucket/x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:key@host/a/b.mp4?X-Signature=secret#t", "https://host/a/b.mp4"),
        ("https://host?token=secret", "https://host"),
        ("sftp://user:key@host/a?b.mp4", "sftp://host/a?b.mp4"),
        ("s3://bucket/名字.mp4", "s3://bucket/名字.mp4"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, shown: str) -> None:
    assert urls.shown(url) == shown


# --- fetching and storing ---------------------------------------------------------------------------


def test_what_grows_beyond_its_ceiling_is_not_fetched(
    top: str, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(memory, top, in__a_bin=bytes(100))
    monkeypatch.setattr(pace, "MAX_FILE", 99)
    with pytest.raises(CeilingExceeded):
        remote.fetch(f"{top}/in/a.bin", tmp_path)


def test_what_changes_while_it_is_fetched_is_told(
    top: str, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(memory, top, in__a_bin=b"one")
    real = type(memory).get_file

    def get(self: Any, path: str, target: str, **more: Any) -> None:
        real(self, path, target, **more)
        self.pipe_file(path, b"two")

    monkeypatch.setattr(type(memory), "get_file", get)
    with pytest.raises(AssetError, match="changed while it was read"):
        remote.fetch(f"{top}/in/a.bin", tmp_path)


def test_what_was_stored_is_read_back(top: str, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"right")
    monkeypatch.setattr(type(memory), "put_file", lambda self, _, path, **__: self.pipe_file(path, b"wrong"))
    with pytest.raises(AssetError, match="not what was written"):
        remote.store(tmp_path / "a", f"{top}/a", content_md5(tmp_path / "a"))


def test_where_there_are_no_objects_a_file_is_moved_to_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system of this machine, under fsspec's other name for it, stands in for all that have partial files."""
    (tmp_path / "a").write_bytes(b"data")
    md5, there = content_md5(tmp_path / "a"), tmp_path / "there"
    local = type(fsspec.filesystem("file"))
    real = local.mv
    seen: list[list[str]] = []

    def mv(self: Any, one: str, other: str, **more: Any) -> None:
        seen.append([path.name for path in there.iterdir()])
        real(self, one, other, **more)

    monkeypatch.setattr(local, "mv", mv)
    remote.store(tmp_path / "a", f"local://{there}/b.bin", md5)
    assert [path.name for path in there.iterdir()] == ["b.bin"]
    assert len(seen) == 1
    assert all(name.endswith(".part") for name in seen[0])


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://h/a/clip%20one.mp4?x=/y", "clip one.mp4"), ("https://h/", "file"), ("https://h/%2e%2e", "file"),
     ("https://h/a%2Fb.mp4", "b.mp4"), ("s3://b/a/..", "file"), ("s3://b/100%.png", "100%.png")],
)  # fmt: skip
def test_the_name_of_a_fetched_file_stays_in_its_folder(url: str, name: str) -> None:
    assert remote._name(url, url.partition("://")[2]) == name


@pytest.mark.parametrize(
    "words",
    [("upload", "--to", "file:///nowhere")],
    ids=lambda words: words[0],
)
def test_a_manifest_elsewhere_is_to_be_copied_first(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([words[0], "s3://key:secret@bucket/out/manifest.json", *words[1:]]) == 2
    said = capsys.readouterr().err
    assert "copy its folder here first" in said
    assert "secret" not in said


def test_a_run_elsewhere_is_verified_and_reported(
    top: str, memory: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a b.png", "c.png"):
        Image.new("RGB", (320, 240), (200, 30, len(name))).save(tmp_path / name)
    words = ["prepare", str(tmp_path / "a b.png"), str(tmp_path / "c.png"), "-p", "metastudio/asset-library"]
    assert main([*words, "-o", str(tmp_path / "out"), "-q"]) == 0
    there = f"{top}/out"
    for path in (tmp_path / "out").glob("[!.]*"):
        memory.pipe_file(f"{there.removeprefix('memory:/')}/{path.name}", path.read_bytes())
    capsys.readouterr()
    assert main(["verify", f"{there}/manifest.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["manifest"] == f"{there}/manifest.json"
    assert told["summary"] == {"ok": 2, "changed": 0, "error": 0}
    assert main(["report", f"{there}/manifest.json", "-o", str(tmp_path / "r.csv"), "-q"]) == 0
    assert "c.png" in (tmp_path / "r.csv").read_text("utf-8")
    memory.pipe_file(f"{there.removeprefix('memory:/')}/c.png", b"other bytes")
    memory.rm(f"{there.removeprefix('memory:/')}/a b.png")
    assert main(["verify", f"{there}/manifest.json", "--json"]) == 4
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert summary == {"ok": 0, "changed": 1, "error": 1}
    assert main(["verify", f"{there}/nosuch.json"]) == 4


@pytest.mark.parametrize(
    ("url", "path", "there"),
    [
        ("s3://b/out/manifest.json", "a/b #1.png", "s3://b/out/a/b #1.png"),
        ("https://h/out/manifest.json", "a/b #1.png", "https://h/out/a/b%20%231.png"),
    ],
)
def test_what_lies_beside_an_address(url: str, path: str, there: str) -> None:
    """RFC 3986: in a web address a blank and a hash are escaped; a store takes names as they are."""
    assert remote.beside(url, path) == there


def test_a_signed_address_is_of_one_file() -> None:
    with pytest.raises(UsageError, match="one file only"):
        remote.beside("https://h/out/manifest.json?signature=1", "a.png")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.mp4", "memory://nobody/x.mp4", "nope://a/b.mp4"])
def test_what_fails_there_is_told_without_names_of_exceptions(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", address]) == 2
    assert not re.search(r"Error\b|Exception\b", capsys.readouterr().err)
