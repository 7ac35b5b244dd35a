"""Videos and sounds inside decks: assets of their own, with the number of their slide."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pptx import Presentation
from pptx.util import Inches

from pipeline.cli.main import main
from pipeline.engine.tasks import plan_entry, prepare_entry
from pipeline.errors import ToolFailed
from pipeline.model.job import Job
from pipeline.serve.sessions import Room
from pipeline.stages import prepare as preparing
from tests.serve.test_serve import OURS, finished, opened, put, served

Sample = Callable[[str], Path]
PRODUCTION = "metastudio/video-production"


@pytest.fixture
def deck(sample: Sample, tmp_path: Path) -> Path:
    """Slide 1 holds a fine video, slide 2 a sound of a format that is not taken, slide 3 no video at all."""
    video = sample("decks/video.pptx")
    fine = tmp_path / "fine.mp4"
    with zipfile.ZipFile(video) as package:
        fine.write_bytes(package.read(next(name for name in package.namelist() if name.endswith(".mp4"))))
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"no video")
    made = Presentation()
    made.slide_width, made.slide_height = Inches(13.333), Inches(7.5)
    for path, kind in ((fine, "video/mp4"), (sample("audio/other.flac"), "audio/flac"), (junk, "video/mp4")):
        shapes: Any = made.slides.add_slide(made.slide_layouts[6]).shapes
        shapes.add_movie(str(path), Inches(1), Inches(1), Inches(3), Inches(2), mime_type=kind)
    (tmp_path / "in").mkdir()
    made.save(str(tmp_path / "in" / "talk.pptx"))
    return tmp_path / "in" / "talk.pptx"


def prepared(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    main(["prepare", *words, "-p", PRODUCTION, "--json", "-j", "1"])
    assets: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["assets"]
    return assets


def told(assets: list[dict[str, Any]]) -> list[tuple[str, str, str | None, list[str]]]:
    return [(Path(a["source"]).name, a["status"], a["role"], [o["path"] for o in a["outputs"]]) for a in assets]


ALL = [
    ("talk.pptx", "ready", "slides", ["talk.pptx"]),
    ("talk.pptx#slide-001-1.mp4", "ready", "video", ["talk/media/talk-slide-001-1.mp4"]),
    ("talk.pptx#slide-002-2.flac", "fixed", "audio", ["talk/media/talk-slide-002-2.mp3"]),
]


def test_they_are_checked_and_prepared_by_the_roles_of_the_scenario_and_remembered(
    deck: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = prepared(capsys, str(deck.parent), "-o", str(out))
    assert told(first) == ALL
    assert [a["inside"]["slide"] for a in first if "inside" in a] == [1, 2]
    assert [o["category"] for a in first for o in a["outputs"]] == ["MAIN"] * 3
    assert all(
        f["verdict"] != "fail" or f["level"] != "error" for a in first for o in a["outputs"] for f in o["findings"]
    )
    assert [p["found"]["en"] for p in first[0]["proof"]] == ["2; 1 cannot be read and stay in the deck only"]
    assert not list(out.glob(".preflight-work*"))
    written = (out / "talk/media/talk-slide-002-2.mp3").stat()
    assert prepared(capsys, str(deck.parent), "-o", str(out)) == first, "from the journal"
    assert main(["verify", str(out / "manifest.json"), "-q"]) == 0
    capsys.readouterr()
    (out / "talk/media/talk-slide-002-2.mp3").unlink()
    assert told(prepared(capsys, str(deck.parent), "-o", str(out))) == ALL
    assert (out / "talk/media/talk-slide-002-2.mp3").stat().st_size == written.st_size


def test_they_are_delivered_with_their_deck(deck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [remote] is not installed")
    memory, top = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    memory.pipe_file(f"{top}/in/talk.pptx", deck.read_bytes())
    for _ in range(2):  # the second time from the journal
        assert told(prepared(capsys, f"memory:/{top}/in", "-o", f"memory:/{top}/out")) == ALL
    there = {name.removeprefix(f"{top}/out/") for name in memory.find(f"{top}/out")}
    assert {path for _, _, _, paths in ALL for path in paths} <= there
    assert not [name for name in there if "preflight-work" in name]


def test_what_cannot_be_repaired_comes_out_as_it_is(
    deck: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, sound = prepared(capsys, str(deck), "-o", str(tmp_path / "out"), "--at-least", "lossless")
    assert told([sound]) == [("talk.pptx#slide-002-2.flac", "blocked", "audio", ["talk/media/talk-slide-002-2.flac"])]
    assert sound["outputs"][0]["category"] == "OTHER"
    assert not (tmp_path / "out" / "quarantine.list").exists(), "it has no path of its own"


def test_one_that_fails_costs_itself_and_is_tried_again(
    deck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = preparing.converter

    def broken(kind: Any) -> Any:
        if kind.value == "audio":
            raise ToolFailed("no sound today", "今天没有声音")
        return real(kind)

    monkeypatch.setattr(preparing, "converter", broken)
    out = tmp_path / "out"
    entry = prepare_entry(Job(path=str(deck), stem="talk", preset=PRODUCTION, out=str(out)), lambda _: None)
    assert entry.asset.status == "ready"
    assert [one.status for one in entry.found] == ["ready", "failed"]
    assert entry.found[1].error is not None
    assert entry.found[1].error.message == "no sound today"
    assert (out / "talk/media/talk-slide-002-2.flac").is_file()
    assert not list(out.glob(".preflight-work*"))


def test_a_plan_says_so_and_a_scenario_that_takes_decks_apart_does_the_same(deck: Path) -> None:
    for preset in (PRODUCTION, "metastudio/asset-library", "metastudio-intl/asset-library", "convert/slides-to-pages"):
        steps = plan_entry(Job(path=str(deck), stem="talk", preset=preset), lambda _: None).steps
        assert steps[-1].does.endswith("as an asset of its own: slides 1, 2, 3"), preset


def test_the_local_page_tells_them_too(deck: Path, tmp_path: Path) -> None:
    held = Room(tmp_path, max_size=2_000_000)
    with served(held) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        batch = opened(client)
        put(client, batch, "talk.pptx", deck.read_bytes())
        asked = json.dumps({"preset": PRODUCTION, "verb": "prepare"})
        client.post(f"{batch}/run", content=asked, headers=OURS)
        assert finished(client, batch)["state"] == "done"
        with zipfile.ZipFile(io.BytesIO(client.get(f"{batch}/all.zip").content)) as packed:
            assets = json.loads(packed.read("manifest.json"))["assets"]
            assert {Path(name).name for name in packed.namelist()} >= {Path(p).name for *_, ps in ALL for p in ps}
    assert [(name, status) for name, status, _, _ in told(assets)] == [(name, status) for name, status, _, _ in ALL]
