"""An emulator, a manifest of made-up outputs, and everything needed to send one to the other in this process."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.documents import read
from pipeline.documents.entry import plain
from pipeline.upload import items as entries
from pipeline.upload import rate_limit
from pipeline.upload.credentials import Secrets
from pipeline.upload.deliver import How, send_all
from pipeline.upload.destination import Destination
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.faults import KINDS as KINDS_OF_FAULT
from pipeline.upload.emulator.faults import LASTING, Faults, fits
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.journal import UploadJournal
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.retry import Patience
from pipeline.upload.tencent.destination import Tencent

if TYPE_CHECKING:
    import pytest

QUICK = Patience(attempts=8, first=0.01, cap=0.05)
KINDS = (("video", "video", "mp4"), ("image", "image", "png"), ("audio", "audio", "wav"))


def samples(platform: str) -> list[dict[str, Any]]:
    """The requests and answers that its documents print."""
    text = Path(__file__).with_name("samples").joinpath(f"{platform}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


def output(folder: Path, name: str, data: bytes, category: str = "MAIN") -> dict[str, Any]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return entry(name, len(data), md5(data), category)


def entry(name: str, size: int, digest: str, category: str = "MAIN") -> dict[str, Any]:
    """A file as a manifest names it."""
    return {
        "path": name,
        "category": category,
        "size": size,
        "md5": digest,
        "content_type": "application/octet-stream",
        "facts": {},
        "findings": [],
        "text": None,
        "part": None,
        "peak_memory": None,
    }


def asset(kind: str, role: str, outputs: list[dict[str, Any]], status: str = "ready") -> dict[str, Any]:
    source = outputs[0]["path"] if outputs else "source"
    return {
        "source": source,
        "id": "0" * 16,
        "kind": kind,
        "role": role,
        "status": status,
        "facts": {},
        "findings": [],
        "error": None,
        "source_md5": None,
        "steps": [],
        "outputs": outputs,
        "proof": [],
        "seconds": 0.0,
        "blocked": [],
    }


def finding(verdict: str, level: str = "error") -> dict[str, Any]:
    """What a rule says, as a manifest has it."""
    said = {"en": "too long", "zh": "过长"}
    return {
        "rule": "r",
        "check": "media.duration",
        "stream": None,
        "where": None,
        "verdict": verdict,
        "blocks": verdict == "fail" and level == "error",
        "level": level,
        "actual": 7,
        "limit": "<= 5",
        "unit": "s",
        "message": said["en"],
        "said": said,
        "told": None,
        "fix": None,
        "source": {"document": "D", "section": "1", "date": "2024-01-01"},
        "also": [],
        "code": None,
    }


def write(folder: Path, preset: str, assets: list[dict[str, Any]]) -> Path:
    summary = Counter(one["status"] for one in assets)
    whole = {
        "schema": "media-preflight/manifest/2",
        "tool": {"version": "0", "ffmpeg": None},
        "preset": {"id": preset, "sha256": ""},
        "assets": assets,
        "batch": [],
        "summary": {status: summary[status] for status in ("ready", "fixed", "blocked", "failed")},
        "reasons": [],
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    return path


def mixed(folder: Path, count: int, size: int = 20_000, seed: int = 1) -> Path:
    """A manifest of `count` videos, pictures and recordings (random bytes: no one here looks inside)."""
    dice = random.Random(seed)  # noqa: S311  reproducible is what is wanted
    assets = []
    for number in range(count):
        kind, role, suffix = KINDS[number % 3]
        data = dice.randbytes(dice.randint(1, 2 * size))
        assets.append(asset(kind, role, [output(folder, f"clip{number:03d}.{suffix}", data)]))
    return write(folder, "metastudio/asset-library", assets)


def photos(folder: Path, count: int, size: int = 20_000, seed: int = 2) -> Path:
    """A manifest for Tencent."""
    dice = random.Random(seed)  # noqa: S311  reproducible is what is wanted
    assets = [
        asset("image", "photo", [output(folder, f"face{n:03d}.png", dice.randbytes(dice.randint(1, 2 * size)))])
        for n in range(count)
    ]
    return write(folder, "tencent/photo-fast", assets)


@contextmanager
def emulator(folder: Path, **backend: Any) -> Iterator[Emulator]:
    """A running emulator whose rate limits do not slow a test down."""
    faults = backend.pop("faults", None) or Faults()
    with Emulator(Backend(folder=folder, faults=faults, pace=backend.pop("pace", 1000.0), **backend)) as running:
        yield running


def library(running: Emulator, order: dict[str, Any] | None = None, **environment: str) -> AssetLibrary:
    return AssetLibrary(api(running, **environment), order or {})


def api(running: Emulator, **environment: str) -> Api:
    settings = running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"} | environment
    return Api(Secrets(environment={k: v for k, v in settings.items() if v}), QUICK, None, None)


def raw(place: Api, method: str, path: str, body: dict[str, Any] | None = None, **query: str) -> tuple[int, Any]:
    """A signed call as somebody else might make it, nothing checked: status and answer."""
    url = f"{place.endpoint}/v1/{place.project}{path}" + (f"?{urlencode(query)}" if query else "")
    sent = json.dumps(body).encode() if body is not None else b""
    answer = place.caller.once(method, url, place._headers(method, url, sent), sent)
    return answer.status, answer.json()


def tencent(running: Emulator, order: dict[str, dict[str, Any]] | None = None, **environment: str) -> Tencent:
    made = Tencent(Secrets(environment=running.settings() | environment), order or {}, QUICK)
    made._bucket = rate_limit.Bucket(1000.0, depth=100.0)
    return made


def deliver(
    place: Destination, manifest: Path, *, force: bool = False, jobs: int = 4, wait: float = 5.0, keep: bool = False
) -> list[dict[str, Any]]:
    """Send a manifest; the entries in its order, as the record has them. `keep` leaves the place open."""
    try:
        return _deliver(place, manifest, How(jobs=jobs, force=force, wait=wait, bandwidth=None, lang="en"))
    finally:
        if not keep:
            place.close()


def _deliver(place: Destination, manifest: Path, how: How) -> list[dict[str, Any]]:
    items = items_of(manifest)
    found: list[dict[str, Any] | None] = [None] * len(items)
    secrets = Secrets(environment={})
    with UploadJournal(manifest.parent, place.place) as journal:
        for number, entry in send_all(place, items, journal, secrets, how, lambda _: None):
            found[number] = plain(entry)
    assert None not in found
    return [entry for entry in found if entry is not None]


def items_of(manifest: Path) -> list[entries.Item]:
    """What a manifest has to send."""
    return entries.items(read.manifest(str(manifest)).document, manifest.parent)


def statuses(told: list[dict[str, Any]]) -> dict[str, int]:
    return {status: sum(e["status"] == status for e in told) for status in {e["status"] for e in told}}


def live(backend: Backend) -> list[dict[str, Any]]:
    """The assets of the library that are in use."""
    return [one for one in backend.assets.values() if one["asset_state"] not in ("FAILED", "DELETED")]


def held(backend: Backend) -> dict[str, str]:
    """What the library holds: file name to MD5, checked against the bytes on disk."""
    found: dict[str, str] = {}
    for one in live(backend):
        for file in one["files"]:
            if file["state"] in ("CREATED", "UPLOADED"):
                assert file["file_name"] not in found, f"{file['file_name']} is there twice"
                found[file["file_name"]] = md5(backend.objects[file["file_id"]].path.read_bytes())
    return found


def wanted(manifest: Path) -> dict[str, str]:
    """What the manifest says: file name to MD5."""
    data = json.loads(manifest.read_text(encoding="utf-8"))
    return {Path(o["path"]).name: o["md5"] for one in data["assets"] for o in one["outputs"]}


class Killed(BaseException):
    """Stands for the end of the process."""


def until_done(
    make: Callable[[], Destination], manifest: Path, monkeypatch: pytest.MonkeyPatch, *, jobs: int = 4
) -> int:
    """Killed at its first, second, third... row of the journal, always continued; how many rows there were."""
    written = UploadJournal._write
    for rows in range(1, 300):
        count = 0

        def write(
            self: UploadJournal, key: str, step: str, phase: str, facts: dict[str, Any], stop: int = rows
        ) -> None:
            nonlocal count
            count += 1
            if count == stop:
                raise Killed
            written(self, key, step, phase, facts)

        with monkeypatch.context() as patch:
            patch.setattr(UploadJournal, "_write", write)
            try:
                deliver(make(), manifest, jobs=jobs)
            except Killed:
                continue
            return rows
    raise AssertionError("never done")


def ways(*calls: str) -> list[tuple[str, str]]:
    """Each of these calls with each way in which it can go wrong and pass; some ways are those of bytes alone."""
    puts = {call: call.startswith(("PUT /obs", "PUT /cos")) for call in calls}
    return [(c, kind) for c in calls for kind in KINDS_OF_FAULT if kind not in LASTING and fits(kind, c, puts[c])]
