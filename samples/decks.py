"""Slide decks: PowerPoint with everything that conversion stumbles over, other office formats, and PDF."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from samples._pictures import scene
from samples._speech import LINES
from samples._tools import Sample, ffmpeg, made, same_zip, soffice, workdir

Deck = Any
"""A python-pptx presentation; the library has no types."""

_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_BLANK = 6  # the layout without placeholders in python-pptx's own template

# A click makes shape {id} appear: the least that PowerPoint writes for one entrance effect (ECMA-376 19.5).
_TIMING = """<p:timing xmlns:p="{p}"><p:tnLst><p:par>
<p:cTn id="1" dur="indefinite" restart="never" nodeType="tmRoot">
<p:childTnLst><p:seq concurrent="1" nextAc="seek">
<p:cTn id="2" dur="indefinite" nodeType="mainSeq"><p:childTnLst>
<p:par><p:cTn id="3" fill="hold"><p:stCondLst><p:cond delay="indefinite"/></p:stCondLst><p:childTnLst>
<p:par><p:cTn id="4" fill="hold"><p:stCondLst><p:cond delay="0"/></p:stCondLst><p:childTnLst>
<p:par><p:cTn id="5" presetID="1" presetClass="entr" presetSubtype="0" fill="hold" grpId="0"
nodeType="clickEffect">
<p:stCondLst><p:cond delay="0"/></p:stCondLst><p:childTnLst><p:set><p:cBhvr><p:cTn id="6" dur="1" fill="hold">
<p:stCondLst><p:cond delay="0"/></p:stCondLst></p:cTn><p:tgtEl><p:spTgt spid="{id}"/></p:tgtEl>
<p:attrNameLst><p:attrName>style.visibility</p:attrName></p:attrNameLst></p:cBhvr>
<p:to><p:strVal val="visible"/></p:to></p:set></p:childTnLst></p:cTn></p:par></p:childTnLst></p:cTn></p:par>
</p:childTnLst></p:cTn></p:par></p:childTnLst></p:cTn>
<p:prevCondLst><p:cond evt="onPrev" delay="0"><p:tgtEl><p:sldTgt/></p:tgtEl></p:cond></p:prevCondLst>
<p:nextCondLst><p:cond evt="onNext" delay="0"><p:tgtEl><p:sldTgt/></p:tgtEl></p:cond></p:nextCondLst></p:seq>
</p:childTnLst></p:cTn></p:par></p:tnLst></p:timing>"""


def _new(width: float = 13.333, height: float = 7.5) -> Deck:
    """An empty deck of `width` x `height` inches with nothing of today in it."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(width), Inches(height)
    then = datetime(2025, 1, 1, tzinfo=UTC)
    about = deck.core_properties
    about.author = about.last_modified_by = "samples"
    about.created = about.modified = about.last_printed = then
    about.title, about.revision = "Sample deck", 1
    return deck


def _slide(deck: Deck, title: str, font: str = "Noto Sans CJK SC") -> Any:
    slide = deck.slides.add_slide(deck.slide_layouts[_BLANK])
    box = slide.shapes.add_textbox(Inches(0.6), Inches(0.5), Inches(8), Inches(1.2))
    box.text_frame.word_wrap = True  # else the formats below are written with the box where LibreOffice shrank it to
    run = box.text_frame.paragraphs[0].add_run()
    run.text, run.font.size, run.font.name = title, Pt(32), font
    # python-pptx names the Latin font only; Chinese text takes its face from the East Asian one.
    for style in box.element.iter(f"{{{_A}}}rPr"):
        style.append(parse_xml(f'<a:ea xmlns:a="{_A}" typeface="{font}"/>'))
    return slide


def _picture(slide: Any) -> Any:
    data = io.BytesIO()
    scene(640, 360).save(data, "PNG")
    data.seek(0)
    return slide.shapes.add_picture(data, Inches(1), Inches(2), Inches(6))


def _good() -> Deck:
    deck = _new()
    for number in range(3):
        slide = _slide(deck, f"{number + 1}. {LINES[number]}")
        _picture(slide)
        slide.notes_slide.notes_text_frame.text = LINES[number + 3]
    return deck


def _count(slides: int) -> Deck:
    deck = _new()
    for number in range(slides):
        _slide(deck, f"{number + 1}. {LINES[number % len(LINES)]}")
    return deck


def _four_by_three() -> Deck:
    deck = _new(10, 7.5)
    _slide(deck, LINES[0])
    return deck


def _notes() -> Deck:
    """Speaker notes on the first and third slide of three; the first is over 2,000 characters long."""
    deck = _count(3)
    deck.slides[0].notes_slide.notes_text_frame.text = "".join(LINES) * 12
    deck.slides[2].notes_slide.notes_text_frame.text = LINES[0]
    return deck


def _animated() -> Deck:
    deck = _count(2)
    slide = deck.slides[0]
    slide.element.append(parse_xml(_TIMING.format(p=_P, id=slide.shapes[0].shape_id)))
    return deck


def _transition() -> Deck:
    deck = _count(2)
    deck.slides[0].element.append(parse_xml(f'<p:transition xmlns:p="{_P}"><p:fade/></p:transition>'))
    return deck


def _hidden() -> Deck:
    deck = _count(3)
    deck.slides[1].element.set("show", "0")
    return deck


def _video() -> Deck:
    def movie(to: Path) -> None:
        source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"]
        ffmpeg(*source, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", to=to)

    deck, poster = _count(2), io.BytesIO()
    scene(320, 180).save(poster, "PNG")
    poster.seek(0)
    place = (Inches(1), Inches(2), Inches(6), Inches(3.375))
    deck.slides[0].shapes.add_movie(io.BytesIO(made(movie, ".mp4")), *place, poster, "video/mp4")
    return deck


def _linked(target: str) -> Deck:
    """A picture that is not in the deck but fetched from `target` by whoever opens it."""
    deck = _count(1)
    slide = deck.slides[0]
    blip = _picture(slide).element.find(f".//{{{_A}}}blip")
    del blip.attrib[f"{{{_R}}}embed"]
    blip.set(f"{{{_R}}}link", slide.part.relate_to(target, RELATIONSHIP_TYPE.IMAGE, is_external=True))
    return deck


def _missing_font() -> Deck:
    deck = _new()
    _slide(deck, LINES[0], font="Kein Solcher Font")
    return deck


def _bytes(deck: Deck) -> bytes:
    data = io.BytesIO()
    deck.save(data)
    return same_zip(data.getvalue())


def _write(deck: Callable[[], Deck], to: Path) -> None:
    to.write_bytes(_bytes(deck()))


def _write_template(to: Path) -> None:
    """A template is a deck whose main part says so."""

    def edit(name: str, content: bytes) -> bytes:
        if name != "[Content_Types].xml":
            return content
        return content.replace(b"presentationml.presentation.main", b"presentationml.template.main")

    to.write_bytes(same_zip(_bytes(_good()), edit))


def _write_broken_slide(to: Path) -> None:
    """The second slide's XML ends too early; LibreOffice shows it empty and reports success."""

    def edit(name: str, content: bytes) -> bytes:
        return content[: len(content) // 2] if name == "ppt/slides/slide2.xml" else content

    to.write_bytes(same_zip(_bytes(_count(3)), edit))


def _write_entity(to: Path) -> None:
    """The first slide's XML defines nested entities and uses them."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]>'.encode()

    def edit(name: str, content: bytes) -> bytes:
        if name != "ppt/slides/slide1.xml":
            return content
        return head + content[content.index(b"?>") + 2 :].replace(b"1. ", b"&l9;", 1)

    to.write_bytes(same_zip(_bytes(_count(1)), edit))


def _converted(deck: Callable[[], Deck], suffix: str, to: Path) -> None:
    with workdir() as folder:
        (folder / "deck.pptx").write_bytes(_bytes(deck()))
        soffice(folder / "deck.pptx", suffix, to)


# ----------------------------------------------------------------------- encrypted (compound file)

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_MS = "http://schemas.microsoft.com/office/2006"
_CIPHER = (
    'blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" '
    'hashAlgorithm="SHA512" saltSize="16" saltValue="{salt}"'
)
_AGILE = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    f'<encryption xmlns="{_MS}/encryption" xmlns:p="{_MS}/keyEncryptor/password"><keyData {_CIPHER}/>'
    '<dataIntegrity encryptedHmacKey="{long}" encryptedHmacValue="{long}"/>'
    f'<keyEncryptors><keyEncryptor uri="{_MS}/keyEncryptor/password">'
    f'<p:encryptedKey spinCount="100000" {_CIPHER} encryptedVerifierHashInput="{{salt}}" '
    'encryptedVerifierHashValue="{long}" encryptedKeyValue="{half}"/>'
    "</keyEncryptor></keyEncryptors></encryption>"
)


def compound_file(streams: dict[str, bytes]) -> bytes:
    """A compound file (MS-CFB, version 3, 512-byte sectors) with `streams`, each of 4,096 bytes or more.

    At most three streams, and 62 kB in all: one sector of directory and one of allocation table.
    """

    def number(value: int, size: int = 4) -> bytes:
        return value.to_bytes(size, "little")

    def entry(name: str, kind: int, start: int, size: int, right: int = _FREE, child: int = _FREE) -> bytes:
        letters = (name + "\0").encode("utf-16-le")
        head = letters.ljust(64, b"\0") + number(len(letters), 2) + bytes([kind, 1])
        return head + b"".join(map(number, (_FREE, right, child))) + bytes(36) + number(start) + number(size, 8)

    # Siblings form a tree ordered by length of name, then letters; a chain to the right is the simplest one.
    names = sorted(streams, key=lambda name: (len(name), name.upper()))
    table, body, entries = [_FAT, _END], b"", []
    for place, name in enumerate(names, 1):
        start, sectors = len(table), -(-len(streams[name]) // _SECTOR)
        table += [*range(start + 1, start + sectors), _END]
        body += streams[name].ljust(sectors * _SECTOR, b"\0")
        entries.append(entry(name, 2, start, len(streams[name]), right=place + 1 if place < len(names) else _FREE))
    unused = bytes(68) + b"\xff" * 12 + bytes(48)
    directory = entry("Root Entry", 5, _END, 0, child=1) + b"".join(entries) + unused * (3 - len(entries))
    fat = b"".join(map(number, table)).ljust(_SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + number(0x3E, 2) + number(3, 2) + b"\xfe\xff"
    head += number(9, 2) + number(6, 2) + bytes(10) + number(1) + number(1) + bytes(4) + number(4096)
    head += number(_END) + number(0) + number(_END) + number(0) + number(0) + b"\xff" * (4 * 108)
    return head + fat + directory + body


def _write_encrypted(to: Path) -> None:
    """What Office writes for a deck with a password: its envelope is exact, what is inside is noise."""
    import base64
    import random

    noise = random.Random(12)
    salt, half, long = (base64.b64encode(noise.randbytes(size)).decode() for size in (16, 32, 64))
    info = b"\4\0\4\0\x40\0\0\0" + _AGILE.format(salt=salt, half=half, long=long).encode()
    package = (30000).to_bytes(8, "little") + noise.randbytes(30000 // 16 * 16)
    # Streams below 4,096 bytes would need the second, finer table; white space after the XML is harmless.
    to.write_bytes(compound_file({"EncryptionInfo": info.ljust(4096), "EncryptedPackage": package}))


# ------------------------------------------------------------------------------------------- PDF


def pdf_bytes(pages: int, producer: str, creator: str = "", catalog: str = "") -> bytes:
    """A PDF 1.7 written by hand: `pages` of 960 x 540 points with a title and a coloured bar.

    `catalog` goes into the document catalog as it is, so that actions can be planted.
    """

    def text(value: str) -> bytes:
        return b"<" + (b"\xfe\xff" + value.encode("utf-16-be")).hex().encode() + b">"

    about = b"/Producer " + text(producer) + (b"/Creator " + text(creator) if creator else b"")
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(pages))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        f"<</Type/Pages/Count {pages}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<<" + about + b"/CreationDate(D:20250101000000Z)>>",
    ]
    for number in range(pages):
        draw = f"0.1 0.3 {0.3 + 0.6 * number / max(1, pages):.2f} rg 60 120 840 60 re f "
        draw += f"BT /F1 40 Tf 60 420 Td (Page {number + 1} of {pages}) Tj ET"
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 960 540]/Contents {6 + 2 * number} 0 R"
        objects.append((page + "/Resources<</Font<</F1 3 0 R>>>>>>").encode())
        objects.append(f"<</Length {len(draw)}>>stream\n{draw}\nendstream".encode())
    out, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer<</Size %d/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def _write_pdf(pages: int, producer: str, creator: str, catalog: str, to: Path) -> None:
    to.write_bytes(pdf_bytes(pages, producer, creator, catalog))


_POWERPOINT = "Microsoft® PowerPoint® 2019"

_DECKS: dict[str, tuple[str, Callable[[], Deck]]] = {
    "good.pptx": ("three slides with pictures, Chinese text and speaker notes", _good),
    "4x3.pptx": ("10 x 7.5 inches", _four_by_three),
    "notes.pptx": ("notes on slides 1 and 3; the first over 2,000 characters", _notes),
    "animated.pptx": ("an entrance effect on slide 1", _animated),
    "transition.pptx": ("a fade between slides", _transition),
    "hidden-slide.pptx": ("slide 2 of 3 is hidden", _hidden),
    "video.pptx": ("an embedded MP4", _video),
    "linked-picture.pptx": (
        "a picture linked from a web address (loopback, nobody listens)",
        partial(_linked, "http://127.0.0.1:9/picture.png"),
    ),
    "linked-file.pptx": ("a picture linked from a local file", partial(_linked, "file:///etc/hostname")),
    "missing-font.pptx": ("Chinese text in a font nobody has", _missing_font),
    "50-slides.pptx": ("the most slides advised", partial(_count, 50)),
    "51-slides.pptx": ("one more than advised", partial(_count, 51)),
    "100-slides.pptx": ("the most slides allowed", partial(_count, 100)),
    "101-slides.pptx": ("one more than allowed", partial(_count, 101)),
    "no-slides.pptx": ("no slide at all", _new),
}

# By name: note, pages, producer, creator, catalog.
_PDFS: dict[str, tuple[str, int, str, str, str]] = {
    "from-powerpoint.pdf": ("three pages, says PowerPoint saved it", 3, _POWERPOINT, _POWERPOINT, ""),
    "from-acrobat.pdf": (
        "three pages, says Acrobat made it",
        3,
        "Adobe PDF Library 15.0",
        "Acrobat PDFMaker",
        "",
    ),
    "unknown-maker.pdf": ("three pages, says nothing of its maker", 3, "", "", ""),
    "101-pages.pdf": ("101 pages, says PowerPoint saved it", 101, _POWERPOINT, _POWERPOINT, ""),
    "script.pdf": (
        "a script that runs on opening",
        1,
        "",
        "",
        "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>",
    ),
}

_SOFFICE = frozenset({"soffice"})

SAMPLES = (
    *(Sample(f"decks/{name}", "slides", note, partial(_write, deck)) for name, (note, deck) in _DECKS.items()),
    Sample("decks/template.potx", "slides", "a template", _write_template),
    Sample("decks/broken-slide.pptx", "slides", "slide 2 of 3 is not well-formed", _write_broken_slide),
    Sample("decks/entity-bomb.pptx", "slides", "nested entities in slide 1", _write_entity),
    Sample("decks/encrypted.pptx", "slides", "locked with a password (envelope only)", _write_encrypted),
    *(
        Sample(f"decks/{name}", "slides", note, partial(_write_pdf, pages, producer, creator, catalog))
        for name, (note, pages, producer, creator, catalog) in _PDFS.items()
    ),
    Sample(
        "decks/good.ppt",
        "slides",
        "the good deck, PowerPoint 97",
        partial(_converted, _good, "ppt"),
        _SOFFICE,
    ),
    Sample("decks/good.odp", "slides", "the good deck, OpenDocument", partial(_converted, _good, "odp"), _SOFFICE),
    Sample(
        "decks/good.pdf",
        "slides",
        "the good deck as LibreOffice prints it",
        partial(_converted, _good, "pdf"),
        _SOFFICE,
    ),
)
