"""Facts about one file: what it is by content, then the reader of that kind."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Final, Protocol, cast

from msgspec.structs import replace

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_FILE
from pipeline.model.facts import DOCUMENTS, Kind, MediaInfo
from pipeline.model.measures import MEASURES
from pipeline.probe.sniff import sniff
from pipeline.probe.unopened import unopened

# Readers are imported when a file of their kind turns up: the libraries behind them are heavy.
_READERS: Final[dict[Kind, str]] = {
    Kind.VIDEO: "av.read",
    Kind.AUDIO: "av.read",
    Kind.IMAGE: "image.read",
    Kind.SLIDES: "slides.read",
    Kind.ARCHIVE: "archive.read",
    Kind.TEXT: "text.read",
    Kind.SUBTITLE: "text.subtitle",
}
# Formats with a reader of their own: a PDF is a deck, and words in documents are a script.
_OWN_READERS: Final = {"pdf": "slides.pdf", **dict.fromkeys(DOCUMENTS, "documents.read")}


_WRITTEN: Final = frozenset({Kind.TEXT, Kind.SUBTITLE, Kind.ARCHIVE})  # readers that take an encoding


class Reader(Protocol):
    """What every reader offers."""

    def __call__(self, path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
        """Facts about the file at `path` of `size` bytes, which sniffing found to be a `format`."""


class Written(Protocol):
    """What readers of the kinds in _WRITTEN offer beside."""

    def __call__(self, path: Path, size: int, format: str, said: str) -> MediaInfo:  # noqa: A002  the word of the interface
        """The same, its words in the encoding that is `said`."""


def reader(kind: Kind, format_: str) -> Reader:
    """The reader for a kind of file."""
    module = _OWN_READERS.get(format_) or _READERS[kind]
    return cast(Reader, import_module(f"pipeline.probe.{module}").read)


def probe(
    path: Path, needs: frozenset[str] = frozenset(), *, moving: bool = False, encoding: str | None = None
) -> MediaInfo:
    """All facts about the file at `path`.

    `needs` names costly measurements, keys of MEASURES; what is not asked for stays None. With `moving` an animated
    GIF is read as a video. `encoding` is what texts, subtitles and names in zips are said to be in; None: what they
    show.
    A file of an unknown kind has no facts but its name, its size and, where it was recognised, its format.
    Raises Unreadable and CeilingExceeded (`pipeline.errors`).
    """
    kind, format_ = sniff(path, encoding)
    if format_ == "gif" and moving:
        kind = Kind.VIDEO
    size = path.stat().st_size
    if size > MAX_FILE:
        raise CeilingExceeded(
            f"{path.name} has {size} bytes, above the ceiling of {MAX_FILE}. Export it smaller, or in parts.",
            f"{path.name} 为 {size} 字节，超过上限 {MAX_FILE}。请导出更小的文件，或拆分。",
        )
    if format_ is None or kind is Kind.UNKNOWN:
        return replace(unopened(path, kind, size), container=format_)
    read = reader(kind, format_)
    if encoding and kind in _WRITTEN and format_ not in _OWN_READERS:
        return measure(path, cast(Written, read)(path, size, format_, encoding), needs)
    return measure(path, read(path, size, format_), needs)


def measure(path: Path, info: MediaInfo, needs: frozenset[str]) -> MediaInfo:
    """`info`, what the headers of the file at `path` tell, and the blocks of MEASURES that `needs` names.

    What the file has nothing of is left out. Raises what their readers raise: Unreadable, CeilingExceeded,
    ToolMissing, TimedOut.
    """
    for name, one in MEASURES.items():
        if name in needs and any(getattr(info, fact) for fact in one.needs):
            info = resolve_name(one.reader)(path, info)
    return info
