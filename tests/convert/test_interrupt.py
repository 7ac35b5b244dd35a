"""Ctrl-C while a video is made: ffmpeg ends, nothing half-made stays, the exit code says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.tools import programs

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def _working(folders: set[tuple[int, int]]) -> list[int]:
    """The processes whose working folder is one of these, by device and number: of one in another root, the kernel
    does not tell the name.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            here = (entry / "cwd").stat()
            if (here.st_dev, here.st_ino) in folders:
                found.append(int(entry.name))
        except OSError:  # ended meanwhile, or not ours
            continue
    return found


def _until(condition: object, seconds: float = 120.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of film that is cheap to make and takes long to encode anew."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    second = path.with_name("second.mkv")
    head = [programs.ffmpeg(), "-nostdin", "-v", "error"]
    picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=60:duration=0.25"]
    subprocess.run([*head, *picture, "-c:v", "mpeg4", "-q:v", "4", second], check=True)
    subprocess.run([*head, "-stream_loop", "119", "-i", second, "-c", "copy", path], check=True)
    return path


def test_ctrl_c_stops_ffmpeg_and_removes_what_it_wrote(long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "pipeline", "prepare", str(long_clip), "-p", "convert/h264-1080p", "-o", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert _until(lambda: any(part.stat().st_size > 0 for part in out.glob(".preflight-work-*/out.mp4")))
        below = {(one.st_dev, one.st_ino) for one in (path.stat() for path in out.rglob("*") if path.is_dir())}
        assert _working(below)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everyone in the group
        _, said = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 130, said
    assert b"interrupted" in said
    assert b"Traceback" not in said
    assert _until(lambda: not _working(below), 10)
    assert [path.name for path in out.rglob("*") if path.suffix == ".mp4" or "work" in path.name] == []
