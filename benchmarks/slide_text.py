"""Decks: where text is drawn, against where the file says it stands."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pypdfium2
from pptx import Presentation
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from benchmarks._run import table
from samples._tools import soffice

WIDTH, HEIGHT = 13.333, 7.5  # inches
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
FONT = "Noto Sans CJK SC"
ROOM = 5.0  # inches that every line has
INSET = 0.1, 0.05  # inches between a box and its text (ECMA-376 21.1.2.1.1)
LINE = 1.448  # of the size: ascent and descent of the font together
# Words, and their size in points.
TEXTS = (("Left and right", 18), ("欢迎来到数字人课堂", 24), ("Mixed 混排 text", 32), ("第一页", 40))
PLACES = ((0.3, 0.2), (2.5, 2.0), (5.0, 4.1), (8.0, 6.3))  # inches from the left and the top


def deck(path: Path, *, wrap: bool) -> Path:
    """One slide for each text in each place."""
    made = Presentation()
    made.slide_width, made.slide_height = Inches(WIDTH), Inches(HEIGHT)
    for words, size in TEXTS:
        for left, top in PLACES:
            slide = made.slides.add_slide(made.slide_layouts[6])
            box: Any = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(ROOM), Inches(1))
            box.text_frame.word_wrap = wrap
            run = box.text_frame.paragraphs[0].add_run()
            run.text, run.font.size, run.font.name = words, Pt(size), FONT
            for style in box.element.iter(f"{{{_A}}}rPr"):
                style.append(parse_xml(f'<a:ea xmlns:a="{_A}" typeface="{FONT}"/>'))
    made.save(str(path))
    return path


def deviations(pdf: Path) -> list[float]:
    """Of each page, the greater of both: how far left edge and middle of the line are off, as a share of the slide."""
    wanted = [(words, size, *place) for words, size in TEXTS for place in PLACES]
    out = []
    with pypdfium2.PdfDocument(pdf) as document:
        for page, (words, size, left, top) in zip(document, wanted, strict=True):
            width, height = page.get_size()
            text = page.get_textpage()
            boxes = [text.get_charbox(n) for n, letter in enumerate(words) if letter != " "]
            x = min(box[0] for box in boxes) / width - (left + INSET[0]) / WIDTH
            middle = height - (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
            y = middle / height - (top + INSET[1] + LINE * size / 72 / 2) / HEIGHT
            out.append(max(abs(x), abs(y)))
    return out


def main() -> None:
    """Entry point."""
    from pipeline.convert.slides.convert import as_pdf
    from pipeline.probe import probe
    from pipeline.tools.office_shared import close

    rows = [("text against the file, 16 lines", "median", "greatest")]
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        for wrap, suffix in ((True, "pptx"), (False, "pptx"), (True, "ppt"), (True, "odp")):
            source = deck(top / f"{wrap}.pptx", wrap=wrap)
            path = source
            if suffix != "pptx":
                path = top / f"deck.{suffix}"
                soffice(source, suffix, path)
            work = top / f"work-{wrap}-{suffix}"
            work.mkdir()
            found = sorted(deviations(as_pdf(path, probe(path), work)))
            label = f".{suffix}" + ("" if wrap else ", boxes that do not wrap")
            rows.append((label, f"{found[len(found) // 2]:.2%}", f"{found[-1]:.2%}"))
        close()
    table(rows)


if __name__ == "__main__":
    main()
