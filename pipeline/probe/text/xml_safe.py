"""Reading XML from strangers: no document type, no entities, bounded size and depth.

Expat is driven directly: a document type is refused the moment it begins, so nothing it declares is ever
read, and memory stays at what the handlers keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from xml.parsers import expat

from pipeline.model.ceilings import MAX_XML, MAX_XML_DEPTH
from pipeline.model.facts import Text


class BadXml(Exception):
    """Not well-formed, or more than a document from a stranger may hold. `reason` and `text` say which."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{reason} (line {line}, column {column})")
        self.reason = reason
        self.text = Text(str(self), f"XML 有误：{reason}（第 {line} 行第 {column} 列）")
        self.line = line
        self.column = column


class Position(NamedTuple):
    """A position in the text, both from 1."""

    line: int
    column: int


Start = Callable[[str, dict[str, str], Position], None]
End = Callable[[str], None]
Words = Callable[[str], None]


def read(data: bytes | str, start: Start, end: End | None = None, words: Words | None = None) -> None:
    """Call `start`, `end` and `words` for each element and text run; names are as written, prefix included.

    Raises BadXml for anything that is not well-formed, has a document type, is over MAX_XML bytes or nests
    deeper than MAX_XML_DEPTH.
    """
    if len(data) > MAX_XML:
        raise BadXml(f"larger than {MAX_XML} bytes")
    # An encoding of None lets the document speak for itself; a str is always handed over as UTF-8.
    parser = expat.ParserCreate("utf-8" if isinstance(data, str) else None)
    parser.buffer_text = True
    depth = 0

    def place() -> Position:
        return Position(parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_XML_DEPTH:
            raise BadXml(f"nested deeper than {MAX_XML_DEPTH} elements", *place())
        start(name, attributes, place())

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    def refuse(*_: object) -> None:
        raise BadXml("a document type (DTD) or an entity is declared", *place())

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    if words is not None:
        parser.CharacterDataHandler = words
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadXml(expat.ErrorString(error.code), error.lineno, error.offset + 1) from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not have
        raise BadXml(str(error), *place()) from error


def local(name: str) -> str:
    """An element's or attribute's name without its prefix."""
    return name.rpartition(":")[2]
