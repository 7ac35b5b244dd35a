"""Facts about the script in a document, and its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import DOCUMENTS, Kind, MediaInfo
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.documents.docx import read_docx
from pipeline.probe.documents.odf import read_odf
from pipeline.probe.documents.rtf import read_rtf
from pipeline.probe.documents.sections import BREAK, Sections
from pipeline.probe.documents.xlsx import read_xlsx
from pipeline.probe.opened import Damaged
from pipeline.probe.slides.odp import encrypted
from pipeline.probe.slides.opc import Package
from pipeline.probe.text.read import info_of, load
from pipeline.probe.unopened import unopened


def _zipped(read_one: Callable[[Zip], Sections]) -> Callable[[Path], Sections]:
    def read_it(path: Path) -> Sections:
        with Zip(path) as archive:
            if encrypted(Package(archive)):
                raise Damaged("it has a password; remove that", "文件有密码；请移除密码")
            return read_one(archive)

    return read_it


def _rich(path: Path) -> Sections:
    size = path.stat().st_size
    if size > 4 * MAX_TEXT:  # a letter takes up to eight bytes, and pictures stand between them
        raise CeilingExceeded(
            f"{path.name} is {size} bytes of rich text, above the ceiling of {4 * MAX_TEXT}. Take its pictures out.",
            f"{path.name} 为 {size} 字节 RTF，超过上限 {4 * MAX_TEXT}。请移除其中的图片。",
        )
    return read_rtf(path.read_bytes())


_READERS: Final[dict[str, Callable[[Path], Sections]]] = {
    "docx": _zipped(read_docx),
    "xlsx": _zipped(read_xlsx),
    "odt": _zipped(read_odf),
    "ods": _zipped(read_odf),
    "rtf": _rich,
}


def sections(path: Path, format_: str) -> Sections:
    """The words of the document at `path`. Raises Unreadable for damage, CeilingExceeded."""
    try:
        return _READERS[format_](path)
    except (BadZip, Damaged) as error:
        reason = error.text
        raise Unreadable(
            f"{path.name} cannot be read as {format_}: {reason.en}. Save it anew from its own program, or save its "
            "words as plain text (.txt, UTF-8).",
            f"{path.name} 无法作为 {format_} 读取：{reason.zh}。请在原软件中重新保存，"
            "或将文字另存为纯文本（.txt，UTF-8）。",
        ) from error


def words(path: Path, info: MediaInfo) -> str | None:
    """The text of the script at `path`, a document's or a plain one, cut by BREAK where its pages end.

    None where its encoding is not known. `info` are its facts. Raises Unreadable, CeilingExceeded.
    """
    if info.container in DOCUMENTS:
        return sections(path, info.container).text
    return load(path, info.size, info.text.encoding if info.text else None).text


def read(path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the words of the document at `path`: those of a text whose encoding is the document.

    Remarks tell what of it is not read. Raises Unreadable, CeilingExceeded.
    """
    found = sections(path, format)
    info, remarks = info_of(path.name, found.text.replace(BREAK, "\n\n"), "plain", format, bom=False)
    known = replace(unopened(path, Kind.TEXT, size), container=format, text=info)
    return replace(known, remarks=(*remarks, *found.said))
