"""The words of a rich text file (RTF 1.9.1), cut where a page or a chapter begins.

Only words and what breaks them are read; pictures, objects and everything that says of itself that it may be left out
are passed over.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.probe.documents.rows import Row
from pipeline.probe.documents.sections import BREAK, Sections
from pipeline.probe.opened import Damaged

_TOKEN: Final = re.compile(
    rb"\\([A-Za-z]{1,32})(-?[0-9]{1,10})?[ ]?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL
)
_MOST_GROUPS: Final = 1000  # within each other
# Character sets of fonts (\fcharset) and code pages that are not called cp and their number.
_SETS: Final = {
    0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255,
    178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250,
}  # fmt: skip
_PAGES: Final = {936: "gb18030", 950: "big5hkscs", 10000: "mac_roman", 65001: "utf-8", 1361: "johab"}
# Groups whose words are not those of the text.
_UNSEEN: Final = frozenset(
    {"colortbl", "info", "pict", "object", "shprslt", "footnote", "annotation", "atnid", "atnauthor", "fldinst"}
    | {"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "filetbl", "revtbl"}
    | {"listtable", "listoverridetable", "sn", "sv", "bkmkstart", "bkmkend", "tc", "xe", "pntext", "pntxtb", "pntxta"}
    | {"private1", "themedata", "datastore"}
)
_SIGNS: Final = {
    "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": " ", "nestrow": "\n",
    "column": "\n",
}  # fmt: skip
_SYMBOLS: Final = {b"~": "\u00a0", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}


class _State(Struct, frozen=True):
    """What holds inside a group."""

    codec: str
    into: str = "text"  # or fonts, styles, nothing
    skipped: int = 1  # characters after a \u that stand in for it
    hidden: bool = False


@dataclass(slots=True)
class _Words:
    """The paragraph that is being read: bytes that are still to be decoded behind characters that are."""

    done: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    heading: bool = False
    in_table: bool = False


def read_rtf(data: bytes) -> Sections:
    """Its words. Raises Damaged for what ends before it should, CeilingExceeded."""
    return _Reader(data).sections


class _Reader:
    """Reads a file from its first byte to its last."""

    def __init__(self, data: bytes) -> None:
        self.sections = Sections()
        self.state = _State(codec="cp1252")
        self.stack: list[_State] = []
        self.words = _Words()
        self.fonts: dict[int, str] = {}
        self.headings: set[int] = set()
        self.number = 0  # of the font or style that is being declared
        self.pending = 0  # stand-ins still to be passed over
        self.star = False  # the group may be left out by who does not know it
        self.cells: list[str] = []
        self.rows: list[Row] = []
        self.new_page = True  # a section of the document begins on a page of its own
        self._read(data)

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end and (found := _TOKEN.match(data, at)):
            at = found.end()
            word, number, byte, symbol, brace, run = found.groups()
            if word == b"bin" and number:
                at += max(0, int(number))
            elif brace:
                self._group(brace == b"{")
                if brace == b"}" and not self.stack:
                    break
            elif word:
                self._control(word.decode(), int(number) if number else None)
            elif byte:
                self._bytes(bytes.fromhex(byte.decode()))
            elif symbol:
                self._symbol(symbol)
            elif run:
                self._bytes(run)
        if self.stack:
            raise Damaged("it ends before its text does: it was cut short", "内容未结束：文件被截断")
        self._paragraph()
        self._table()

    def _group(self, opens: bool) -> None:
        self.pending = 0
        if opens:
            if len(self.stack) >= _MOST_GROUPS:
                raise Damaged("its groups are nested too deep", "嵌套过深")
            self.stack.append(self.state)
            self.number = -1 if self.state.into == "styles" else self.number
        elif self.stack:
            self._decoded()
            self.state = self.stack.pop()
        self.star = False

    def _bytes(self, run: bytes) -> None:
        self.star = False
        if self.pending:
            passed = min(self.pending, len(run))
            self.pending -= passed
            run = run[passed:]
        if self.state.into == "text" and not self.state.hidden:
            self.words.raw += run
        elif self.state.into == "styles" and run.lower().lstrip().startswith((b"heading ", b"title;")):
            self.headings.add(self.number)

    def _decoded(self) -> None:
        """Bytes of one encoding end here."""
        if self.words.raw:
            self.words.done.append(bytes(self.words.raw).decode(self.state.codec, "replace"))
            self.words.raw.clear()

    def _said(self, words: str) -> None:
        if self.state.into == "text" and not self.state.hidden:
            self._decoded()
            self.words.done.append(words)

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.star = True
        elif self.pending:
            self.pending -= 1
        elif symbol in {b"\n", b"\r"}:
            self._control("par", None)
        else:
            self._said(_SYMBOLS.get(symbol, ""))

    def _control(self, word: str, number: int | None) -> None:
        star, self.star = self.star, False
        if word == "u" and number is not None:
            self._said(chr(number & 0xFFFF))
            self.pending = self.state.skipped
        elif self.pending and word not in {"uc", "par"}:
            self.pending -= 1
        elif word in _UNSEEN or (star and word not in {"shpinst"}):
            self._become(into="nothing")
            self.sections.notes += word == "footnote"
        elif word in {"fonttbl", "stylesheet"}:
            self._become(into="fonts" if word == "fonttbl" else "styles")
        elif word in _SIGNS:
            self._said(_SIGNS[word])
        elif self.state.into == "text":
            self._in_text(word, number)
        elif word in {"f", "s"}:
            self.number = number or 0
        elif word == "fcharset":
            self.fonts[self.number] = _codec(_SETS.get(number or 0, 1252))
        elif word == "outlinelevel" and (number or 0) < 9:
            self.headings.add(self.number)

    def _become(self, **changed: Any) -> None:
        self._decoded()
        self.state = replace(self.state, **changed)

    def _in_text(self, word: str, number: int | None) -> None:
        match word:
            case "ansicpg" if number is not None:
                self._become(codec=_codec(number))
            case "mac":
                self._become(codec="mac_roman")
            case "f":
                self._become(codec=self.fonts.get(number or 0, self.state.codec))
            case "uc":
                self._become(skipped=max(0, number or 0))
            case "v" | "deleted":
                self._become(hidden=number != 0)
            case "plain":
                self._become(hidden=False)
            case "par":
                self._paragraph()
            case "page" | "pagebb":
                self._said(BREAK)
            case "sbknone" | "sbkcol":
                self.new_page = False
            case "sectd":
                self.new_page = True
            case "sect":
                self._paragraph()
                if self.new_page:
                    self.sections.page()
            case "pard":
                self.words.heading = self.words.in_table = False
            case "outlinelevel":
                self.words.heading = (number or 0) < 9
            case "s":
                self.words.heading = (number or 0) in self.headings
            case "intbl":
                self.words.in_table = True
            case "cell":
                self.cells.append(self._taken().replace(BREAK, "\n"))
            case "row":
                self.rows.append(tuple(self.cells))
                self.cells = []

    def _taken(self) -> str:
        """The words so far; surrogates that came one by one are the letters they stand for."""
        self._decoded()
        words = "".join(self.words.done)
        self.words.done.clear()
        return words.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")

    def _paragraph(self) -> None:
        if self.words.in_table or self.cells:
            self._said("\n")  # of a cell, which goes on
            return
        self._table()
        words = self._taken()
        if self.words.heading and words.strip():
            self.sections.heading(words)
        else:
            self.sections.paragraph(words)

    def _table(self) -> None:
        if self.rows:
            self.sections.table(self.rows)
            self.rows = []


def _codec(page: int) -> str:
    name = _PAGES.get(page, f"cp{page}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"  # a code page that Python does not have
    return name
