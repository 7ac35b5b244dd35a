"""Reading XML from strangers: no document type, no entities, bounded size and depth.

Expat is driven directly: a document type is refused the moment it begins, so nothing it declares is ever
read, and memory stays at what the handlers keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from xml.parsers import expat

from pipeline.model.ceilings import MAX_XML, MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS
from pipeline.model.facts import Text
from pipeline.probe.opened import Damaged


class BadXml(Damaged):
    """Not well-formed, or more than a document from a stranger may hold. `reason` and `text` say which."""

    def __init__(self, reason: Text, line: int = 1, column: int = 1) -> None:
        super().__init__(
            f"{reason.en} (line {line}, column {column})", f"XML 有误：{reason.zh}（第 {line} 行第 {column} 列）"
        )
        self.reason = reason
        self.line = line
        self.column = column


DECLARED: Final = Text("a document type (DTD) or an entity is declared", "声明了文档类型（DTD）或实体")
# What Expat finds in a file (expat.h, XML_Error) in Chinese; its other codes are of a parser that is used wrongly.
_FAULTS: Final = {
    2: "语法错误",
    3: "标签未闭合",
    4: "此处的字符无效",
    5: "标签未写完",
    6: "字符不完整",
    7: "标签不配对",
    8: "属性重复",
    9: "根元素之后还有内容",
    11: "未定义的实体",
    14: "引用了无效的字符编号",
    17: "XML 声明不在开头",
    18: "未知的编码",
    19: "XML 声明中的编码不正确",
    20: "CDATA 段未写完",
    27: "前缀未绑定命名空间",
    28: "前缀不能取消声明",
    30: "XML 声明格式有误",
    38: "保留的前缀 xml 不能另作声明",
    39: "保留的前缀 xmlns 不能声明",
    40: "前缀不能绑定保留的命名空间",
}


class Position(NamedTuple):
    """A position in the text, both from 1."""

    line: int
    column: int


Start = Callable[[str, dict[str, str], Position], None]
End = Callable[[str], None]
Words = Callable[[str], None]


def read(data: bytes | str, start: Start, end: End | None = None, words: Words | None = None) -> int:
    """Call `start`, `end` and `words` for each element and text run; names are as written, prefix included.

    Returns the number of elements. Raises BadXml for anything that is not well-formed, has a document type, is over
    MAX_XML bytes, nests deeper than MAX_XML_DEPTH, or has more than MAX_XML_ELEMENTS elements or
    MAX_XML_ATTRIBUTES attributes of one of them.
    """
    if len(data) > MAX_XML:
        raise BadXml(Text(f"larger than {MAX_XML} bytes", f"大于 {MAX_XML} 字节"))
    # An encoding of None lets the document speak for itself; a str is always handed over as UTF-8.
    parser = expat.ParserCreate("utf-8" if isinstance(data, str) else None)
    parser.buffer_text = True
    depth = elements = 0

    def place() -> Position:
        return Position(parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > MAX_XML_DEPTH:
            deep = Text(f"nested deeper than {MAX_XML_DEPTH} elements", f"嵌套超过 {MAX_XML_DEPTH} 层")
            raise BadXml(deep, *place())
        if len(attributes) > MAX_XML_ATTRIBUTES:
            en = f"an element has {len(attributes)} attributes; more than {MAX_XML_ATTRIBUTES} are not read"
            raise BadXml(Text(en, f"一个元素有 {len(attributes)} 个属性，超过上限 {MAX_XML_ATTRIBUTES}"), *place())
        if elements > MAX_XML_ELEMENTS:
            en = f"there are more than {MAX_XML_ELEMENTS} elements"
            raise BadXml(Text(en, f"元素超过 {MAX_XML_ELEMENTS} 个"), *place())
        start(name, attributes, place())

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    def refuse(*_: object) -> None:
        raise BadXml(DECLARED, *place())

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    if words is not None:
        parser.CharacterDataHandler = words
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        said = Text(expat.ErrorString(error.code) or "not XML", _FAULTS.get(error.code, f"解析器错误 {error.code}"))
        raise BadXml(said, error.lineno, error.offset + 1) from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not have
        raise BadXml(Text(str(error), f"编码无法读取：{error}"), *place()) from error
    return elements


def local(name: str) -> str:
    """An element's or attribute's name without its prefix."""
    return name.rpartition(":")[2]
