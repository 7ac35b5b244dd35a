"""The words of a document as they come, cut into what becomes a scene: at pages, at headings, at rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import Text
from pipeline.probe.documents.rows import Row, spoken

BREAK: Final = "\f"  # between two sections of a text
_TOLD: Final = 5  # remarks


class Sections:
    """Takes paragraphs, headings, page breaks and tables in their order.

    Raises CeilingExceeded for more than MAX_TEXT characters.
    """

    def __init__(self) -> None:
        self.notes = 0  # footnotes and endnotes that the words refer to
        self._done: list[str] = []
        self._lines: list[str] = []
        self._spoken = False  # something but headings stands in the section that is open
        self._tables: list[list[list[list[str]]]] = []  # open tables: rows of cells of lines
        self._said: list[Text] = []
        self._size = 0

    @property
    def in_table(self) -> bool:
        """Whether what comes belongs to a cell."""
        return bool(self._tables)

    def paragraph(self, words: str) -> None:
        """One paragraph; a page break in it ends the section."""
        self._size += len(words) + 1
        if self._size > MAX_TEXT:
            raise CeilingExceeded(
                f"The document holds more than {MAX_TEXT} characters. Split it into parts.",
                f"文档超过 {MAX_TEXT} 个字符。请拆分。",
            )
        if self._tables:
            if self._tables[-1] and self._tables[-1][-1]:
                self._tables[-1][-1][-1].append(words.replace(BREAK, "\n"))
            return
        first, *others = words.split(BREAK)
        self._line(first)
        for part in others:
            self.page()
            self._line(part)

    def _line(self, words: str) -> None:
        self._lines.append(words.rstrip())
        self._spoken |= bool(words.strip())

    def heading(self, words: str) -> None:
        """A heading, which begins a section; several above one another begin one."""
        if self._tables:
            self.paragraph(words)
            return
        if self._spoken:
            self.page()
        self.paragraph(words)
        self._spoken = False

    def page(self) -> None:
        """The section ends here."""
        text = "\n".join(self._lines).strip("\n ")
        if text:
            self._done.append(text)
        self._lines, self._spoken = [], False

    def opened(self, what: str) -> None:
        """A table ("tbl"), a row ("tr") or a cell ("tc") begins."""
        if what == "tbl":
            self._tables.append([])
        elif what == "tr" and self._tables:
            self._tables[-1].append([])
        elif what == "tc" and self._tables and self._tables[-1]:
            self._tables[-1][-1].append([])

    def closed(self, what: str) -> None:
        """It ends."""
        if what != "tbl" or not self._tables:
            return
        table = self._tables.pop()
        rows = [tuple("\n".join(line for line in cell if line.strip()) for cell in row) for row in table]
        if self._tables:  # inside a cell its words are those of the cell
            self.paragraph("\n".join(" ".join(filter(None, row)) for row in rows))
        elif len(rows) == 1 and len(rows[0]) == 1:  # a frame around words
            self.paragraph(rows[0][0])
        else:
            self.table(rows)

    def table(self, rows: Sequence[Row]) -> None:
        """A whole table: each row of spoken words is a section."""
        found = spoken(rows)
        for words in found.rows:
            self.page()
            self.paragraph(words)
        if found.rows:
            self.page()
        if found.left_out:
            self.left_out(found.left_out)

    def left_out(self, what: Text) -> None:
        """Something that is not read."""
        if what not in self._said and len(self._said) < _TOLD:
            self._said.append(what)

    @property
    def said(self) -> tuple[Text, ...]:
        """What is not read."""
        if self.notes:
            self.left_out(Text(f"{self.notes} footnotes are not read", f"未读取 {self.notes} 条脚注"))
        return tuple(self._said)

    @property
    def text(self) -> str:
        """All sections, BREAK between them."""
        self.page()
        return BREAK.join(self._done)
