"""What is said of a file does not depend on the one that was read before it: no library keeps the state of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipeline.errors import AssetError
from pipeline.probe import probe

Find = Callable[[str], Path]

GROUPS = {  # of one reader: good ones, locked ones, damaged ones; decks are in test_slides.py
    "films": ["video/h264.mkv", "video/vp9-alpha.webm", "broken/half.mp4", "broken/truncated.mkv"],
    "sounds": ["audio/good.mp3", "audio/speech-24k.wav", "broken/truncated.mp3", "broken/truncated.wav"],
    "pictures": ["images/good.jpeg", "images/alpha.png", "broken/truncated.jpg", "broken/bomb.png"],
    "newer pictures": ["images/phone.heic", "images/photo.avif", "images/alpha.webp", "images/scan.tiff"],
    "packages": ["packages/basic-good.zip", "packages/encrypted.zip", "packages/damaged.zip", "packages/truncated.zip"],
    "texts": ["texts/good.txt", "texts/gbk.txt", "texts/bom.txt", "texts/good.ssml", "texts/unclosed.ssml"],
    "subtitles": ["texts/good.srt", "texts/gbk.srt", "texts/utf16.srt", "texts/bad-times.srt"],
}  # fmt: skip


def said(path: Path) -> bytes:
    """Facts, decoding included, or what stands in their way."""
    try:
        return msgspec.json.encode(probe(path, frozenset({"decode"})), enc_hook=str)
    except AssetError as error:
        return error.text.en.encode()


@pytest.mark.every(3)
@pytest.mark.parametrize("group", GROUPS)
def test_nothing_of_one_file_is_left_for_the_next(group: str, sample: Find, tmp_path: Path) -> None:
    files = [sample(name) for name in GROUPS[group]]
    if group == "newer pictures":
        for whole in tuple(files):
            files.append(tmp_path / whole.name)
            files[-1].write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    alone = {path: said(path) for path in files}
    assert len(set(alone.values())) == len(files)
    for first in files:
        for second in files:
            assert (said(first), said(second)) == (alone[first], alone[second]), (first.name, second.name)
