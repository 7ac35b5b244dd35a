"""Small files that claim much are refused by what they claim, before memory or time is spent on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from pipeline.documents.types import AssetEntry
from pipeline.engine.pool import Pool
from pipeline.engine.tasks import check_entry
from pipeline.model.ceilings import CHECK, MiB
from pipeline.model.job import Job
from tests.tools.bombs import BOMBS

# What each claims too much of, in the words of its maker: the number that was found must be told.
REFUSED: Final = {
    "rate-738-mhz.wav": "738000000",
    "rate-times-channels.wav": "49152000",
    "rate-1-ghz.aiff": "1000000000",
    "rate-1-mhz.flac": "1048575",
    "tags-50000.mp3": "50000",
    "picture-packed.mp3": "209715200",
    "tags-60000.flac": "60000",
    "streams-9000.ogg": "more than 64 streams",
    "ctts-runs.mp4": "60000000",
    "fragment-samples.mp4": "60000000",
    "fragments-9000.mp4": "45000000",
    "tracks-900.mp4": "900 streams",
    "frame-65535.mp4": "4294836225",
    "rate-500-of-100-mp.mp4": "5e+10",
    "attachments-5000.mkv": "65 streams",
    "frame-16383.mkv": "268402689",
    "streams-900.avi": "more than 64 streams",
    "canvas-times-frames.gif": "199880010000",
    "frames-40000.gif": "2001",
    "canvas-65535.gif": "4294836225",
    "pages-7000.tiff": "2001",
    "pages-of-100-mp.tiff": "199900000000",
    "frames-2-thousand-million.png": "2147483648",
    "canvas-times-frames.png": "200000000000",
    "sides-60000.png": "3600000000",
    "canvas-times-frames.webp": "199860021999",
    "canvas-16384.webp": "268435456",
    "sides-65500.jpg": "4290250000",
    "scans-9000.jpg": "more than 100 scans",
    "sides-30000.bmp": "900000000",
    "picture-60000.ico": "3600000000",
    "sides-60000.jp2": "3600000000",
    "grid-65535.heic": "65535x65535",
    "attributes-80000.svg": "80001 attributes",
    "attributes-300000.odp": "300000 attributes",
    "attributes-350000.pptx": "350003 attributes",
    "elements-2-million.pptx": "more than 1000000 elements",
    "pages-100000.pdf": "100000 pages",
    "one-to-1000.zip": "100 times",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AssetEntry]:
    """What checking them says, each with a quarter of a GiB and no more."""
    folder = tmp_path_factory.mktemp("bombs")
    jobs = []
    for name in REFUSED:
        (folder / name).write_bytes(made := BOMBS[name]())
        assert len(made) <= MiB, name
        jobs.append(Job(path=str(folder / name), stem=name, preset=_preset(name)))
    with Pool(check_entry, 2, CHECK) as pool:
        pool._room, pool._part, pool._most = 512 * MiB, 256 * MiB, 256 * MiB
        return {Path(jobs[event.index].path).name: _entry(event) for event in pool.run(jobs) if event.ended}


def _preset(name: str) -> str:
    """A scenario that measures most of such a file."""
    if name.endswith((".wav", ".aiff", ".mp3", ".flac", ".ogg")):
        return "tencent/voice"
    pictures = (".gif", ".tiff", ".png", ".webp", ".jpg", ".bmp", ".ico", ".jp2", ".heic", ".svg")
    return "metastudio/photo-avatar" if name.endswith(pictures) else "metastudio/video-production"


def _entry(event: Any) -> AssetEntry:
    assert event.error is None, event.error
    entry: AssetEntry = event.result
    return entry


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_claimed_is_refused_and_told(name: str, found: dict[str, AssetEntry]) -> None:
    entry = found[name]
    facts = msgspec.json.decode(entry.facts) or {}
    told = [entry.error.message] if entry.error else facts.get("remarks", [])
    assert entry.status in {"error", "blocked"}
    assert any(REFUSED[name] in str(one) for one in told), told
