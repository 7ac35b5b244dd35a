"""Foreign decks: what a plain LibreOffice shows of each page, and what we do.

    CORPUS=FOLDER python -m benchmarks pages

Each deck goes through `prepare` with `convert/slides-to-pages`, and by itself through `soffice --convert-to pdf` with a
profile of its own. Counted: decks of which only one of the two makes pages, other numbers of pages, pages whose
pictures differ (mean over all colours, of 255; both drawn by PDFium), and pages that are of one colour with us alone.
They are taken in a random order, always the same, so that what was done when it is stopped is a fair part.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image

from benchmarks._run import PREFLIGHT

_TOGETHER: Final = 24  # decks in one run
_TIME: Final = 120  # seconds for one deck of a plain soffice
_ALIKE: Final = 2.0  # mean difference of a page, of 255
_PLAIN: Final = 1.0  # standard deviation of a page of one colour
_ENDINGS: Final = {".ppt", ".pptx", ".pptm", ".ppsx", ".potx", ".odp", ".fodp"}

Picture = NDArray[np.float32]


def theirs(deck: Path, folder: Path) -> Path | None:
    """The PDF that a plain LibreOffice makes of it, if any."""
    profile = f"-env:UserInstallation=file://{tempfile.gettempdir()}/pages-office"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(deck)]
    try:
        subprocess.run(command, capture_output=True, timeout=_TIME, check=False)
    except subprocess.TimeoutExpired:
        return None
    return next(iter(folder.glob("*.pdf")), None)


def drawn(document: Any, number: int, size: tuple[int, int]) -> Picture:
    """A page of a PDF at a size."""
    page = document[number]
    picture = page.render(scale=size[0] / page.get_width()).to_pil().convert("RGB")
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR), np.float32)


def compared(name: str, pictures: list[Path], plain: Path, counts: Counter[str], apart: list[float]) -> None:
    """Our pictures of a deck against a plain PDF of it."""
    with pypdfium2.PdfDocument(plain) as document:
        if len(document) != len(pictures):
            counts["other number of pages"] += 1
            print(f"{name}: {len(pictures)} pages, soffice {len(document)}", flush=True)
            return
        counts["same number of pages"] += 1
        for number, path in enumerate(pictures):
            with Image.open(path) as opened:
                mine = np.asarray(opened.convert("RGB"), np.float32)
                other = drawn(document, number, opened.size)
            far = float(abs(mine - other).mean())
            apart.append(far)
            blank = float(mine.std()) < _PLAIN <= float(other.std())
            counts["pages"] += 1
            counts["pages of one colour with us alone"] += blank
            if far > _ALIKE or blank:
                counts["pages that differ"] += far > _ALIKE
                print(f"{name}: page {number + 1} differs by {far:.1f}{', and is blank' if blank else ''}", flush=True)


def some(decks: list[Path], work: Path, counts: Counter[str], apart: list[float]) -> None:
    """These decks, in one run of ours."""
    source, out = work / "in", work / "out"
    source.mkdir()
    for deck in decks:
        shutil.copy(deck, source)
    words = ("prepare", source, "-o", out, "--preset", "convert/slides-to-pages", "--no-resume")
    subprocess.run([*PREFLIGHT, *map(str, words)], capture_output=True, check=False)
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    made = {Path(asset["source"]).name: asset for asset in told["assets"]}
    for deck in decks:
        asset = made[deck.name]
        pictures = [out / one["path"] for one in asset["outputs"] if "/page-" in one["path"]]
        (work / "plain").mkdir()
        plain = theirs(deck, work / "plain")
        counts["decks"] += 1
        if plain is None:
            counts["soffice makes nothing of it" + (", we do" if pictures else "")] += 1
        elif not pictures:
            counts["only soffice makes pages"] += 1
            why = [one["rule"] for one in asset["blocked"]] or asset["error"]
            print(f"{deck.name}: {asset['status']}: {why}", flush=True)
        else:
            compared(deck.name, pictures, plain, counts, apart)
        shutil.rmtree(work / "plain")


def main() -> None:
    """The counts, after each run too."""
    folder = os.environ.get("CORPUS")
    if not folder:
        print("No files: set CORPUS to a folder of foreign decks.")
        return
    decks = sorted(one for one in Path(folder).rglob("*") if one.suffix.lower() in _ENDINGS)
    random.Random(20).shuffle(decks)  # noqa: S311
    counts, apart = Counter[str](), list[float]()
    for first in range(0, len(decks), _TOGETHER):
        with tempfile.TemporaryDirectory() as work:
            some(decks[first : first + _TOGETHER], Path(work), counts, apart)
        print(
            dict(counts), f"middle {np.median(apart or [0]):.2f}, most {max(apart, default=0):.1f} of 255", flush=True
        )
