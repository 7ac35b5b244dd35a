"""What is taken out of a deck, and the parts a long one is split into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.convert.slides.pages import opened
from pipeline.errors import PreflightError, Unreadable
from pipeline.model.facts import Embedded, Kind
from pipeline.probe import probe
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.slides.ppt_sounds import read_sounds
from pipeline.probe.sniff.names import OLE

_SUFFIX: Final = re.compile(r"\.([a-z0-9]{1,5})$")
_P14: Final = "{http://schemas.microsoft.com/office/powerpoint/2010/main}"


def media(source: Path, listed: Sequence[Embedded], work: Path) -> list[tuple[Embedded, Path]]:
    """Those of the listed videos and sounds that can be read, as files in `work` named by the slide they are on."""
    folder = work / "media"
    folder.mkdir()
    made: list[tuple[Embedded, Path]] = []
    with _parts(source) as blocks:
        for number, one in enumerate(listed, 1):
            suffix = _SUFFIX.search(one.part.lower())
            path = folder / f"slide-{one.slide:03}-{number}{suffix[0] if suffix else ''}"
            try:
                with path.open("wb") as file:
                    for block in blocks(one.part):
                        file.write(block)
                kind = probe(path).kind
            except (BadZip, KeyError, PreflightError):
                # what cannot be read goes into no package; the check of the deck names it
                kind = Kind.UNKNOWN
            if kind in {Kind.VIDEO, Kind.AUDIO}:
                made.append((one, path))
            else:
                path.unlink(missing_ok=True)
    return made


@contextmanager
def _parts(deck: Path) -> Iterator[Callable[[str], Iterable[bytes]]]:
    """What gives the bytes of a part, in blocks. Raises KeyError for one that is not there, BadZip for damage."""
    with deck.open("rb") as file:
        compound = file.read(8) == OLE
    if compound:
        held = read_sounds(deck)
        yield lambda name: (held[name],)
        return
    with Zip(deck) as archive:
        members = {member.name.lower(): member for member in archive.members}
        yield lambda name: archive.unpack(members[name.lower()])


def groups(pages: Sequence[bool], limit: int) -> Iterator[range]:
    """Runs of slides with at most `limit` shown ones each, as even as they can be; `pages` says which are shown.

    Hidden slides stay with those before them.
    """
    shown = sum(pages)
    parts = -(-shown // limit)
    first = 0
    for part in range(parts):
        quota = shown * (part + 1) // parts - shown * part // parts
        end = first
        while end < len(pages) and quota > 0:
            quota -= pages[end]
            end += 1
        while end < len(pages) and (part == parts - 1 or not pages[end]):
            end += 1
        yield range(first, end)
        first = end


def split_pdf(pdf: Path, name: str, limit: int, work: Path) -> list[Path]:
    """Parts of at most `limit` pages. Raises Unreadable."""
    import pypdfium2

    made = []
    with opened(pdf, name) as document:
        for number, pages in enumerate(groups([True] * len(document), limit), 1):
            part = pypdfium2.PdfDocument.new()
            part.import_pages(document, list(pages))
            path = work / f"part{number}.pdf"
            part.save(path)
            part.close()
            made.append(path)
    return made


def split_pptx(source: Path, name: str, limit: int, work: Path) -> list[Path]:
    """Decks of at most `limit` shown slides, otherwise as they were. Raises Unreadable."""
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    made: list[Path] = []
    try:
        with source.open("rb") as file:
            shown = [slide.element.get("show", "1") not in {"0", "false"} for slide in Presentation(file).slides]
        for number, kept in enumerate(groups(shown, limit), 1):
            with source.open("rb") as file:
                deck = Presentation(file)
            _keep(deck, kept)
            path = work / f"part{number}.pptx"
            deck.save(str(path))
            made.append(path)
    except (PythonPptxError, KeyError, ValueError, AttributeError):
        raise Unreadable(
            f"{name} cannot be split here. Split it in PowerPoint.",
            f"{name} 无法在此拆分。请在 PowerPoint 中拆分。",
        ) from None
    return made


def _keep(deck: Any, kept: range) -> None:
    """Drop all slides but these, with everything only they refer to."""
    listed = deck.slides._sldIdLst  # noqa: SLF001  the library has no public way to remove a slide
    gone = set()
    for number, entry in enumerate(list(listed)):
        if number not in kept:
            gone.add(entry.get("id"))
            listed.remove(entry)
            deck.part.drop_rel(entry.rId)
    # Sections name their slides by number; one that is gone makes PowerPoint repair the file.
    for entry in list(deck.element.iter(f"{_P14}sldId")):
        if entry.get("id") in gone:
            entry.getparent().remove(entry)
