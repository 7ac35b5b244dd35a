"""Facts about slide decks: which reader fits, and what is common to all of them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pipeline.errors import Unreadable
from pipeline.model.facts import Kind, MediaInfo, SlidesInfo, Text
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.slides.odp import read_odp
from pipeline.probe.slides.ole import BadOle, Ole
from pipeline.probe.slides.ppt import read_ppt
from pipeline.probe.slides.pptx import read_pptx
from pipeline.probe.sniff.names import OLE
from pipeline.probe.text.xml_safe import BadXml
from pipeline.probe.unopened import unopened

_Read = tuple[SlidesInfo, list[Text]]


def read(path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the deck at `path` (pptx, ppt, odp), without running or rendering anything in it.

    Raises Unreadable when its list of slides cannot be read, CeilingExceeded above a ceiling. One slide that
    cannot be parsed is a fact (`valid`) with a remark that names it.
    """
    with path.open("rb") as file:
        compound = file.read(8) == OLE
    try:
        slides, remarks = _compound(path, format) if compound else _package(path, format)
    except (BadZip, BadXml, BadOle) as error:
        reason = error.text
        raise Unreadable(
            f"{path.name} cannot be read as a {format} deck: {reason.en}. Save it anew from its own program.",
            f"{path.name} 无法作为 {format} 演示文稿读取：{reason.zh}。请在原软件中重新保存。",
        ) from error
    return replace(unopened(path, Kind.SLIDES, size), slides=slides, remarks=tuple(remarks))


def _package(path: Path, format_: str) -> _Read:
    with Zip(path) as archive:
        return read_odp(archive) if format_ == "odp" else read_pptx(archive)


def _rights(ole: Ole) -> bool | None:
    """True for digital rights; None otherwise: what a password hides may hold more."""
    return True if any("drmencrypted" in name.lower() for name in ole.names) else None


def _compound(path: Path, format_: str) -> _Read:
    with Ole(path) as ole:
        # [MS-OFFCRYPTO] 2.3.4: a deck with a password is wrapped whole, and nothing else about it is known.
        if "EncryptedPackage" in ole.names:
            # 2.2.4: with rights management, a transform of this name does the encrypting; else a password does.
            return SlidesInfo(format=format_, encrypted=True, restricted=_rights(ole)), []
        # 1.3.3: the same for the old formats; the slides one finds are a notice that the deck is protected.
        if "\tDRMContent" in ole.names:
            return SlidesInfo(format=format_, encrypted=True, restricted=True), []
        return read_ppt(ole)
