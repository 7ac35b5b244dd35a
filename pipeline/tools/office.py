"""LibreOffice, supervised: decks in, PDFs out, nothing fetched, no macro run.

Decks of one worker share an office (`office_shared`), whose profile is thrown away with its folder. What counts as
success is a PDF that opens and has as many pages as the deck has visible slides: soffice ends with code 0 whatever
happened, makes a one-page PDF from an empty file and leaves out the text of a slide it cannot parse.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.errors import ProofFailed, ToolFailed
from pipeline.model.ceilings import OFFICE
from pipeline.tools import office_shared, pdfium, process
from pipeline.tools.programs import soffice

# The import filter is forced: left to itself soffice opens anything under any name, web pages included.
# Templates and shows share the filter of their family.
OPEN_XML: Final = ("pptx", "pptm", "ppsx", "ppsm", "potx", "potm")
FILTERS: Final = {
    **dict.fromkeys(OPEN_XML, "Impress MS PowerPoint 2007 XML"),
    "ppt": "MS PowerPoint 97",
    "odp": "impress8",
}
_HEADS: Final = dict.fromkeys(FILTERS, b"PK\x03\x04") | {"ppt": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}

_EXPORT_OPTIONS: Final = json.dumps(
    {
        # A hidden slide is not shown, so it has no page, no page picture and no narration.
        "ExportHiddenSlides": {"type": "boolean", "value": "false"},
        "ExportNotesPages": {"type": "boolean", "value": "false"},
        # A picture that packs better than it compresses, a screenshot say, stays exact; of a photograph JPEG 95
        # cannot be told from it. Passing JPEG files through as they are (no reduction) would be better still, but
        # LibreOffice as a library leaves them out of the PDF then (seen with 7.4).
        "Quality": {"type": "long", "value": "95"},
        "ReduceImageResolution": {"type": "boolean", "value": "true"},
        "MaxImageResolution": {"type": "long", "value": "1200"},  # per inch: a page of 16,000 pixels
    },
    separators=(",", ":"),
)
_EXPORT: Final = "pdf:impress_pdf_Export:" + _EXPORT_OPTIONS

_SCRIPTING: Final = "/org.openoffice.Office.Common/Security/Scripting"
_PROXIES: Final = "/org.openoffice.Inet/Settings"
_NOWHERE: Final = (("Name", "127.0.0.1"), ("Port", "9"))  # "discard" (RFC 863), where nobody listens
_SETTINGS: Final = (
    (_SCRIPTING, "DisableMacrosExecution", "true"),
    (_SCRIPTING, "MacroSecurityLevel", "3"),
    # Pictures, sounds and objects that a deck only points to, on the network or on this disk, stay outside.
    (_SCRIPTING, "BlockUntrustedRefererLinks", "true"),
    (_SCRIPTING, "DisableActiveContent", "true"),  # newer versions; older ones pass over it
    # What it asks for all the same, linked objects and templates (seen with 7.4), it asks of nobody.
    (_PROXIES, "ooInetProxyType", "2"),
    (_PROXIES, "ooInetNoProxy", ""),
    *((_PROXIES, f"ooInet{of}Proxy{key}", value) for of in ("HTTP", "HTTPS", "FTP") for key, value in _NOWHERE),
    ("/org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("/org.openoffice.Office.Common/Save/Document", "CreateBackup", "false"),
    ("/org.openoffice.Office.Recovery/AutoSave", "Enabled", "false"),
)

# Said on every start without Java, which converting needs nowhere.
_HARMLESS: Final = ("javaldx",)


class Deck(Struct, frozen=True):
    """A deck to convert. `pages` is the number of visible slides, None where it could not be read."""

    path: Path
    format: str  # by content; a key of FILTERS
    pages: int | None
    controls: bool = False  # which an office that is loaded as a library leaves out
    named: str = ""  # what people call it, where that is not its file's name

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.named or self.path.name


def command(format_: str, program: str = "soffice") -> tuple[str, ...]:
    """The command that converts a deck of this format into `pdf/` of the folder it runs in."""
    return (
        program,
        # The home of a program we start is its working folder.
        "-env:UserInstallation=$SYSUSERHOME/profile",
        "--headless",
        "--norestore",
        "--nologo",
        "--nodefault",
        "--nofirststartwizard",
        f"--infilter={FILTERS[format_]}",
        "--convert-to",
        _EXPORT,
        "--outdir",
        "pdf",
        neutral_name(format_),
    )


def neutral_name(format_: str) -> str:
    """What a deck is called while soffice reads it."""
    return f"in0.{'pptx' if format_ in OPEN_XML else format_}"


def page_count(pdf: Path) -> int:
    """Pages of a PDF. Raises ToolFailed when it is not there, empty or does not open."""
    import pypdfium2

    try:
        document = pdfium.opened(pdf)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise ToolFailed(
            f"{pdf.name} does not open as a PDF: {error}", f"{pdf.name} 无法作为 PDF 打开：{error}"
        ) from None
    with document:
        return len(document)


def to_pdf(deck: Deck, work: Path) -> Path:
    """Convert `deck` inside the private folder `work`: a PDF of its visible slides.

    By the office that this process keeps running, where LibreOffice can be loaded and draws all of it; else one is
    started for it.
    The deck is copied: soffice locks the file it reads by writing beside it, and finds files next to it.

    Raises ToolMissing without LibreOffice, TimedOut, ToolFailed when the deck is not what its format says or no
    PDF is made or it does not open, and ProofFailed when it has another number of pages than the deck has
    visible slides.
    """
    program = soffice()
    _is_really(deck)
    if office_shared.library(program) and not deck.controls:

        def proven(pdf: Path) -> None:
            _proven(pdf, deck, "")

        wanted = office_shared.Wanted(deck.path, deck.format, deck.name, _EXPORT_OPTIONS, _registry())
        with contextlib.suppress(office_shared.Unusable):  # then as where there is none to load
            return office_shared.convert(program, wanted, work, proven)
    return _started(program, deck, work)


def _is_really(deck: Deck) -> None:
    """The first bytes are those of the format: soffice opens anything under any name, web pages included."""
    with deck.path.open("rb") as file:
        head = file.read(8)
    if not head.startswith(_HEADS[deck.format]):
        raise ToolFailed(
            f"{deck.name} does not begin like a {deck.format} deck. Save it again from its own program.",
            f"{deck.name} 的开头不是 {deck.format} 演示文稿。请在原软件中重新保存。",
        )


def _started(program: str, deck: Deck, work: Path) -> Path:
    """As `to_pdf`, by an office of its own."""
    profile = work / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_registry(), encoding="utf-8")
    name = neutral_name(deck.format)
    shutil.copyfile(deck.path, work / name)
    # It makes a socket there, and nowhere else, to hear of further starts.
    ended = process.run(command(deck.format, program), cwd=work, ceiling=OFFICE, writable=("/tmp",))  # noqa: S108  its choice
    (work / name).unlink()
    said = " | ".join(
        line for line in ended.stderr.strip().splitlines()[-4:] if not any(word in line for word in _HARMLESS)
    )
    pdf = work / "pdf" / "in0.pdf"
    _proven(pdf, deck, said, ended.code)
    return pdf


def _proven(pdf: Path, deck: Deck, said: str, code: int = 0) -> None:
    name = deck.name
    if not pdf.is_file() or pdf.stat().st_size == 0:
        tail = f" It said: {said}." if said else ""
        zh_tail = f"其输出：{said}。" if said else ""
        raise ToolFailed(
            f"{name}: LibreOffice made no PDF of it (code {code}).{tail} "
            "Open the deck in its own program, save it again, or export it to PDF there.",
            f"{name}：LibreOffice 未能生成 PDF（退出码 {code}）。{zh_tail}"
            "请在原软件中打开并重新保存，或直接从中导出 PDF。",
        )
    pages = page_count(pdf)
    if pages < 1 or (deck.pages is not None and pages != deck.pages):
        raise ProofFailed(
            f"{name}: the PDF has {pages} pages where the deck has {deck.pages} visible slides. "
            "Export it to PDF from its own program.",
            f"{name}：生成的 PDF 有 {pages} 页，而文稿有 {deck.pages} 张可见幻灯片。请从原软件导出 PDF。",
        )


def _registry() -> str:
    items = "".join(
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>\n'
        for path, name, value in _SETTINGS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f"{items}</oor:items>\n"
    )
