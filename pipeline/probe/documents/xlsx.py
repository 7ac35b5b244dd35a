"""The words of an Excel workbook (ECMA-376 part 1, chapter 18): its visible sheets, row by row, as cells show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model.facts import Text
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.documents.sections import Sections
from pipeline.probe.slides.opc import Package
from pipeline.probe.text.xml_safe import BadXml, Position, local

_MOST: Final = 200_000  # cells with words
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
# Number formats that every program knows by number (18.8.30): dates, times, shares.
_DATES: Final = frozenset((*range(14, 18), 22, *range(27, 37), *range(50, 59)))
_TIMES: Final = frozenset((18, 19, 20, 21, 45, 46, 47))
_SHARES: Final = frozenset((9, 10))
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_DAY_0: Final = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001  a cell has no zone
_MOST_DAYS: Final = 2_958_465  # the last day of 9999
_COLUMNS: Final = 16_384


@dataclass(slots=True)
class _Book:
    """What all sheets share."""

    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)  # of each cell style: date, time, share, or nothing of these
    from_1904: bool = False


def read_xlsx(archive: Zip) -> Sections:
    """Its words. Raises BadZip, BadXml, CeilingExceeded."""
    package = Package(archive)
    main = next((link.target for link in package.links("") if link.type == "officeDocument"), "xl/workbook.xml")
    links = {link.id: link for link in package.links(main)}
    book, sheets = _Book(), list[tuple[str, str, bool]]()

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        name = local(element)
        if name == "sheet":
            id_ = next((value for key, value in attributes.items() if local(key) == "id"), "")
            sheets.append((attributes.get("name", ""), id_, attributes.get("state", "visible") == "visible"))
        elif name == "workbookPr":
            book.from_1904 = attributes.get("date1904") in {"1", "true"}

    package.xml(main, start)
    for link in links.values():
        if link.type == "sharedStrings":
            book.strings = _strings(package, link.target)
        elif link.type == "styles":
            book.formats = _formats(package, link.target)
    sections = Sections()
    for name, id_, visible in sheets:
        if id_ not in links or links[id_].type != "worksheet":
            continue  # a chart on a sheet of its own
        if visible:
            sections.table(_rows(package, links[id_].target, book))
            sections.page()
        else:
            sections.left_out(Text(f'the hidden sheet "{name}" is not read', f"未读取隐藏的工作表“{name}”"))
    return sections


def _strings(package: Package, part: str) -> list[str]:
    """The shared strings, without the readings above their words (18.4.6)."""
    found: list[str] = []
    path: list[str] = []

    def start(element: str, _: dict[str, str], __: Position) -> None:
        path.append(local(element))
        if path[-1] == "si":
            found.append("")

    def words(run: str) -> None:
        if path and path[-1] == "t" and "rPh" not in path and found:
            found[-1] += run

    package.xml(part, start, lambda _: _drop(path), words)
    return found


def _drop(path: list[str]) -> None:
    path.pop()


def _formats(package: Package, part: str) -> list[str]:
    """What each cell style shows a number as; nothing where they cannot be read: numbers stay numbers."""
    own: dict[str, str] = {}
    found: list[str] = []
    path: list[str] = []

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        path.append(local(element))
        if path[-1] == "numFmt":
            own[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif path[-2:] == ["cellXfs", "xf"]:
            id_ = attributes.get("numFmtId", "0")
            found.append(_shown_as(own[id_]) if id_ in own else _known(int(id_) if id_.isdecimal() else 0))

    try:
        package.xml(part, start, lambda _: _drop(path))
    except (BadXml, BadZip):
        return []  # the words are whole without them
    return found


def _known(number: int) -> str:
    return "date" if number in _DATES else "time" if number in _TIMES else "share" if number in _SHARES else ""


def _shown_as(code: str) -> str:
    """Of a format that is written out, such as `yyyy"年"m"月"` or `0.0%`."""
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    if "y" in bare or "d" in bare:
        return "date"
    return "time" if "h" in bare or "s" in bare else "share" if "%" in bare else ""


def _rows(package: Package, part: str, book: _Book) -> Sequence[tuple[str, ...]]:
    reader = _Sheet(book)
    package.xml(part, reader.start, reader.end, reader.words)
    width = max((max(row, default=-1) for row in reader.rows), default=-1) + 1
    used = [n for n in range(width) if any(n in row for row in reader.rows)]
    return [tuple(row.get(n, "") for n in used) for row in reader.rows]


class _Sheet:
    """Handlers for one sheet."""

    def __init__(self, book: _Book) -> None:
        self.book = book
        self.rows: list[dict[int, str]] = []  # cells by column
        self.unseen: list[range] = []  # columns
        self.path: list[str] = []
        self.row: dict[int, str] | None = None  # None: hidden
        self.column = -1
        self.type = self.style = self.value = ""
        self.cells = 0

    def start(self, element: str, attributes: dict[str, str], _: Position) -> None:
        self.path.append(local(element))
        match self.path[-1]:
            case "col" if attributes.get("hidden") in {"1", "true"}:
                first, last = (attributes.get(key, "0") for key in ("min", "max"))
                if first.isdecimal() and last.isdecimal():
                    self.unseen.append(range(int(first) - 1, int(last)))
            case "row":
                self.row = None if attributes.get("hidden") in {"1", "true"} else {}
                self.column = -1
            case "c":
                found = _REFERENCE.fullmatch(attributes.get("r", ""))
                self.column = _column(found[1]) if found else self.column + 1
                self.type, self.style, self.value = attributes.get("t", "n"), attributes.get("s", ""), ""

    def words(self, run: str) -> None:
        if "c" in self.path and (
            self.path[-1] == "v" or (self.path[-1] == "t" and "is" in self.path and "rPh" not in self.path)
        ):
            self.value += run

    def end(self, _: str) -> None:
        name = self.path.pop()
        if name == "row" and self.row:
            self.rows.append(self.row)
        elif name == "c" and self.row is not None and not any(self.column in one for one in self.unseen):
            shown = self._shown()
            if shown.strip() and self.column < _COLUMNS:
                self.row[self.column] = shown
                self.cells += 1
                if self.cells > _MOST:
                    raise CeilingExceeded(
                        f"A sheet holds more than {_MOST} cells with words. Keep the script alone in the workbook.",
                        f"工作表中有内容的单元格超过 {_MOST} 个。请仅保留文案。",
                    )

    def _shown(self) -> str:
        """The value as a cell shows it, as far as words go."""
        if self.type == "s":
            number = int(self.value) if self.value.isdecimal() else -1
            return self.book.strings[number] if 0 <= number < len(self.book.strings) else ""
        if self.type in {"n", "d"}:
            style = int(self.style) if self.style.isdecimal() else -1
            as_ = self.book.formats[style] if 0 <= style < len(self.book.formats) else ""
            return _number(self.value, as_, from_1904=self.book.from_1904)
        return "" if self.type in {"b", "e"} else self.value  # a truth or an error is no word


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _number(raw: str, shown_as: str, *, from_1904: bool) -> str:
    try:
        value = float(raw)
    except ValueError:
        return raw  # a date in words (18.18.11)
    if shown_as in {"date", "time"} and 0 <= value < _MOST_DAYS:
        at = _DAY_0[from_1904] + timedelta(seconds=round(value * 86400))
        return f"{at:%H:%M}" if shown_as == "time" else f"{at:%Y-%m-%d}"
    if shown_as == "share":
        return f"{value * 100:.10g}%"
    return f"{value:.15g}"
