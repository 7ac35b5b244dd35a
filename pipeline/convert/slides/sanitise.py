"""The copy of a deck that LibreOffice reads: without what it only points to, and with text where PowerPoint puts it.

PowerPoint begins the line of a text box without wrapping at its left edge; LibreOffice (seen with 7.4) centres it
between the edges, a tenth of the slide away in a wide box. A box that wraps is drawn alike by both, and where every
line fits, wrapping changes nothing. Programs that write decks, python-pptx among them, leave boxes wide and unwrapped.
"""

from __future__ import annotations

import html
import re
import zipfile
from pathlib import Path
from typing import Final

from pipeline.convert.slides import links as deck_links
from pipeline.model.ceilings import MAX_XML
from pipeline.probe.archive.zip import Zip

_SLIDE: Final = re.compile(r"ppt/slides/slide\d+\.xml", re.IGNORECASE)
_SHAPE, _SHAPE_END = b"<p:sp>", b"</p:sp>"
_LOOSE: Final = b' wrap="none"'
_BODY: Final = re.compile(rb"<a:bodyPr\b[^<>]*>")
_WIDTH: Final = re.compile(rb'<a:ext cx="(\d{1,12})" cy="\d{1,12}"\s*/>')
_INSET: Final = re.compile(rb'\b[lr]Ins="(\d{1,9})"')
_SIZE: Final = re.compile(rb'\bsz="(\d{1,6})"')
_WORDS: Final = re.compile(rb"<a:t>([^<]*)</a:t>")
_LINES: Final = re.compile(rb"</a:p>|<a:br\b")
_DEFAULT_INSET: Final = 2 * 91440  # English metric units, both sides (ECMA-376 21.1.2.1.1)
_POINT: Final = 127  # units in a hundredth of a point
_PLAIN_SIZE: Final = 1800  # hundredths of a point: text of a text box that names none (21.1.2.3.9)
# Of the size: no common font is wider on the average of a line, not even in capitals.
_LATIN: Final = 0.75
_EAST: Final = 0x2E80


def for_office(source: Path, work: Path) -> Path:
    """`source` itself where nothing is to be changed, else a copy inside `work`.

    Raises BadZip, BadXml, CeilingExceeded.
    """
    with Zip(source) as archive:
        changed = deck_links.of_pptx(archive)
        for member in archive.members:
            if _SLIDE.fullmatch(member.name):
                xml = archive.content(member, MAX_XML)
                new = wrapped(xml)
                if new != xml:
                    changed[member.name] = new
        return _copied(archive, changed, work / "office.pptx") if changed else source


def odp_for_office(source: Path, work: Path) -> Path:
    """The same for an .odp, which loses what it points to outside."""
    with Zip(source) as archive:
        changed = deck_links.of_odp(archive)
        return _copied(archive, changed, work / "office.odp") if changed else source


def _copied(archive: Zip, changed: dict[str, bytes], target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for member in archive.members:
            if member.directory:
                continue
            if member.name in changed:
                out.writestr(member.name, changed[member.name])
                continue
            entry = zipfile.ZipInfo(member.name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if member.packed >= member.size else zipfile.ZIP_DEFLATED
            with out.open(entry, "w") as part:
                for block in archive.unpack(member):
                    part.write(block)
    return target


def wrapped(xml: bytes) -> bytes:
    """The slide with wrapping in every loose text box whose lines all fit."""
    if _LOOSE not in xml:
        return xml
    before, *shapes = xml.split(_SHAPE)
    out = [before]
    for piece in shapes:
        shape, end, after = piece.partition(_SHAPE_END)
        out += [_SHAPE, _wrapped(shape) if end else shape, end, after]
    return b"".join(out)


def _wrapped(shape: bytes) -> bytes:
    body, width = _BODY.search(shape), _WIDTH.search(shape)
    if not body or not width or b'txBox="1"' not in shape or _LOOSE not in body[0] or b" vert=" in body[0]:
        return shape
    insets = [int(inset) for inset in _INSET.findall(body[0])]
    room = int(width[1]) - (sum(insets) if len(insets) == 2 else _DEFAULT_INSET)
    if any(_length(line) > room for line in _LINES.split(shape[body.end() :])):
        return shape
    return shape[: body.start()] + body[0].replace(_LOOSE, b' wrap="square"') + shape[body.end() :]


def _length(line: bytes) -> float:
    """How long a line is at most, in English metric units."""
    sizes = [int(size) for size in _SIZE.findall(line)]
    texts = (html.unescape(words.decode("utf-8", "replace")) for words in _WORDS.findall(line))
    return sum(map(ems, texts)) * max(sizes, default=_PLAIN_SIZE) * _POINT


def ems(text: str) -> float:
    """How long a text is at most, in sizes of its font."""
    return sum(1.0 if ord(letter) >= _EAST else _LATIN for letter in text)
