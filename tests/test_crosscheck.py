"""The comparison with other readers: a small set that agrees, and differences that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import crosscheck
from benchmarks.crosscheck import Witness, compare
from pipeline.model.facts import Kind

OPENCV = next(one for one in crosscheck.WITNESSES if one.name == "OpenCV")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two sides, upright and turned, deep and shallow, clear and opaque."""
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "plain.jpg")
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.save(tmp_path / "turned.tif", tiffinfo={274: 8})
    picture.save(tmp_path / "still.webp")
    picture.convert("RGBA").save(tmp_path / "clear.png")
    Image.fromarray(np.zeros((9, 7), np.uint16)).save(tmp_path / "deep.png")
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def test_our_readings_are_those_of_opencv(folder: Path) -> None:
    counts, rows = compare(folder, (OPENCV,))
    assert rows == []
    assert counts["OpenCV", "agrees"] >= 5  # its version 5 reads no TIFF that lies on its side
    assert (counts["we", "read"], counts["we", "refused"]) == (7, 1)


def test_what_differs_and_what_a_witness_cannot_read_is_counted(folder: Path) -> None:
    def other(path: Path) -> crosscheck.Facts:
        if path.suffix == ".webp":
            raise OSError("not today")
        if path.name == "broken.png":  # of which it tells nothing
            return {}
        return {"size": (31, 20), "frames": 1} if path.name == "plain.jpg" else {"frames": None}

    counts, rows = compare(folder, (Witness("another", frozenset({Kind.IMAGE}), other, lambda: True),))
    assert rows == ["| plain.jpg | size | (30, 20) | (31, 20) (another) |"]
    assert (counts["another", "differs"], counts["another", "could not read"], counts["another", "agrees"]) == (1, 1, 4)
