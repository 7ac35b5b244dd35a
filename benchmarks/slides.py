"""Decks: one office for many against one start for each, a poisoned deck among them, and pages a second."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image
from pptx import Presentation
from pptx.oxml import parse_xml
from pptx.util import Inches

from benchmarks._run import PREFLIGHT, command, table
from samples import build

DECKS = 20
NAMES = ("good.pptx", "notes.pptx", "good.ppt", "good.odp", "hidden-slide.pptx")
PRESET = """schema = 1
id = "bench/pdf"
title = { en = "PDF", zh = "PDF" }
[role.slides]
kinds = ["slides"]
title = { en = "slides", zh = "slides" }
[[rule]]
id = "bench.pdf"
role = "slides"
check = "slides.format"
in = ["pdf"]
sources = ["media-preflight benchmark (2026-11-21)"]
"""


def poisoned(path: Path) -> None:
    """A deck that keeps LibreOffice busy for minutes: soft edges as wide as the slide, drawn hundreds of times."""
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    space = "http://schemas.openxmlformats.org/drawingml/2006/main"
    for number in range(600):
        shape: Any = slide.shapes.add_shape(1, Inches(0.005 * number), 0, Inches(8), Inches(6))
        effects = f'<a:effectLst xmlns:a="{space}"><a:softEdge rad="2000000"/></a:effectLst>'
        shape._element.spPr.append(parse_xml(effects))  # noqa: SLF001  the library offers no effects
    deck.save(str(path))


def distinct(source: Path, target: Path, number: int) -> None:
    """A copy with other bytes: equal files might be done once."""
    target.write_bytes(source.read_bytes())
    if zipfile.is_zipfile(target):
        with zipfile.ZipFile(target, "a") as package:
            package.comment = str(number).encode()
    else:
        with target.open("ab") as file:
            file.write(number.to_bytes(512, "little"))


def pages(folder: Path) -> int:
    """Pages of all PDFs below a folder."""
    total = 0
    for path in folder.rglob("*.pdf"):
        with pypdfium2.PdfDocument(path) as document:
            total += len(document)
    return total


def many(top: Path, decks: Path, preset: Path) -> None:
    """The whole command on mixed decks against one `soffice --convert-to pdf` for each."""
    rows = [("20 mixed decks to PDF", "s", "share", "pages")]
    files = sorted(decks.iterdir())
    profile = f"-env:UserInstallation=file://{top}/profile"
    # The first start makes the profile; that one is not counted.
    command(["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", top / "warm", files[0]])
    theirs, out = 0.0, top / "each"
    for file in files:
        theirs += command(["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", out, file])
    rows.append(("soffice, one start for each", f"{theirs:.2f}", "1", str(pages(out))))
    for words, label in (((), "preflight prepare"), (("-j", "1"), "preflight prepare -j 1")):
        ours_out = top / f"ours{len(words)}"
        ours = command([*PREFLIGHT, "prepare", decks, "-p", preset, "-o", ours_out, *words])
        rows.append((label, f"{ours:.2f}", f"{ours / theirs:.3f}", str(pages(ours_out))))
    table(rows)


def poison(top: Path, decks: Path, preset: Path) -> None:
    """The same with one deck that never ends: what became of the others, and when."""
    poisoned(decks / "poisoned.pptx")
    started = time.perf_counter()
    out = top / "poison"
    subprocess.run(
        [*PREFLIGHT, "prepare", str(decks), "-p", str(preset), "-o", str(out), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    taken = time.perf_counter() - started
    assets = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["assets"]
    bad = [a for a in assets if a["status"] not in {"fixed", "ready"}]
    others = [a["seconds"] for a in assets if a not in bad]
    table(
        [
            ("21 decks, one poisoned", ""),
            ("the whole command, s", f"{taken:.1f}"),
            ("finished", str(len(others))),
            ("the slowest of these, s", f"{max(others):.1f}"),
            ("failed", ", ".join(f"{Path(a['source']).name}: {a['error']['type']}, {a['seconds']:.0f} s" for a in bad)),
        ]
    )


def photo_deck(path: Path) -> None:
    """Ten slides filled by a photograph."""
    from samples._pictures import scene

    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    for number in range(10):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        data = io.BytesIO()
        scene(1920, 1080).rotate(number * 3, Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
        data.seek(0)
        slide.shapes.add_picture(data, 0, 0, deck.slide_width)
    deck.save(str(path))


def rendering(top: Path, decks: dict[str, Path]) -> None:
    """Pages drawn and packed at 1080p, in one process kept to one core."""
    from pipeline.convert.slides.pages import pictures
    from pipeline.model.facts import Size
    from pipeline.tools.office import Deck, to_pdf
    from pipeline.tools.office_shared import close

    if hasattr(os, "sched_setaffinity"):
        every = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(every)})
    photo_deck(top / "photos.pptx")
    rows = [("1920x1080 PNG pages, one core", "pages", "pages/s (processor time)", "pages/s (wall)", "kB a page")]
    for name, path in {**decks, "photos.pptx": top / "photos.pptx"}.items():
        work = top / f"work-{name}"
        work.mkdir()
        pdf = to_pdf(Deck(path, "pptx", None), work)
        wall, cpu = time.perf_counter(), time.process_time()
        made = pictures(pdf, name, None, None, Size(1920, 1080), work, lambda _: None)[1:]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        size = sum(Path(page.path).stat().st_size for page in made) / len(made) / 1000
        rows.append((name, str(len(made)), f"{len(made) / cpu:.1f}", f"{len(made) / wall:.1f}", f"{size:.0f}"))
    close()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, every)
    table(rows)


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        made = build([f"decks/{deck}" for deck in (*NAMES, "50-slides.pptx")], top / "samples")
        decks, preset = top / "decks", top / "pdf.toml"
        decks.mkdir()
        preset.write_text(PRESET, encoding="utf-8")
        for number in range(DECKS):
            source = made[f"decks/{NAMES[number % len(NAMES)]}"]
            distinct(source, decks / f"{number:02}-{source.name}", number)
        many(top, decks, preset)
        print()
        rendering(top, {n: made[f"decks/{n}"] for n in ("good.pptx", "50-slides.pptx")})
        print()
        poison(top, decks, preset)
