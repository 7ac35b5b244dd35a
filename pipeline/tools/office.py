"""LibreOffice, supervised: decks in, PDFs out, nothing fetched, no macro run.

One start has its own profile, made here and thrown away with the working folder. What counts as success is a
PDF that opens and has as many pages as the deck has visible slides: soffice ends with code 0 whatever
happened, makes a one-page PDF from an empty file and leaves out the text of a slide it cannot parse.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.errors import ProofFailed, ToolFailed
from pipeline.tools import process
from pipeline.tools.ceilings import OFFICE
from pipeline.tools.programs import soffice

# The import filter is forced: left to itself soffice opens anything under any name, web pages included.
# Templates and shows share the filter of their family.
FILTERS: Final = {
    "pptx": "Impress MS PowerPoint 2007 XML",
    "ppt": "MS PowerPoint 97",
    "odp": "impress8",
}

_EXPORT: Final = "pdf:impress_pdf_Export:" + json.dumps(
    {
        # A hidden slide is not shown, so it has no page, no page picture and no narration.
        "ExportHiddenSlides": {"type": "boolean", "value": "false"},
        "ExportNotesPages": {"type": "boolean", "value": "false"},
        # JPEG at 90 would soften screenshots; the PDF is an original to the platform that receives it.
        "UseLosslessCompression": {"type": "boolean", "value": "true"},
        "ReduceImageResolution": {"type": "boolean", "value": "false"},
    },
    separators=(",", ":"),
)

_SCRIPTING: Final = "/org.openoffice.Office.Common/Security/Scripting"
_SETTINGS: Final = (
    (_SCRIPTING, "DisableMacrosExecution", "true"),
    (_SCRIPTING, "MacroSecurityLevel", "3"),
    # Pictures, sounds and objects that a deck only points to, on the network or on this disk, stay outside.
    (_SCRIPTING, "BlockUntrustedRefererLinks", "true"),
    (_SCRIPTING, "DisableActiveContent", "true"),  # newer versions; older ones pass over it
    ("/org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("/org.openoffice.Office.Common/Save/Document", "CreateBackup", "false"),
    ("/org.openoffice.Office.Recovery/AutoSave", "Enabled", "false"),
)

# Said on every start without Java, which converting needs nowhere.
_HARMLESS: Final = ("javaldx",)


@dataclass(frozen=True, slots=True)
class Deck:
    """A deck to convert. `pages` is the number of visible slides, None where it could not be read."""

    path: Path
    format: str  # by content; a key of FILTERS
    pages: int | None


def command(format_: str, names: Sequence[str], program: str = "soffice") -> tuple[str, ...]:
    """The command that converts `names`, all of one format, into `pdf/` of the folder it runs in."""
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
        *names,
    )


def neutral_name(number: int, format_: str) -> str:
    """What the deck with this number is called while soffice reads it."""
    return f"in{number}.{format_}"


def page_count(pdf: Path) -> int:
    """Pages of a PDF. Raises ToolFailed when it is not there, empty or does not open."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(pdf)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise ToolFailed(
            f"{pdf.name} does not open as a PDF: {error}", f"{pdf.name} 无法作为 PDF 打开：{error}"
        ) from None
    with document:
        return len(document)


def to_pdf(decks: Sequence[Deck], work: Path, progress: Callable[[float], None] = lambda _: None) -> tuple[Path, ...]:
    """Convert `decks` inside the private folder `work`: one PDF each, in their order, visible slides only.

    The decks are copied: soffice locks the file it reads by writing beside it, and finds files next to it.
    `progress` gets the share of decks done, from 0 to 1.

    Raises ToolMissing without LibreOffice, TimedOut, ToolFailed when a PDF is missing or does not open, and
    ProofFailed when it has another number of pages than the deck has visible slides.
    """
    program = soffice()
    profile = work / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_registry(), encoding="utf-8")
    numbered = list(enumerate(decks))
    made: dict[int, Path] = {}
    for number, deck in numbered:
        shutil.copyfile(deck.path, work / neutral_name(number, deck.format))
    for format_ in dict.fromkeys(deck.format for deck in decks):
        group = [(number, deck) for number, deck in numbered if deck.format == format_]
        names = [neutral_name(number, format_) for number, _ in group]
        ceiling = replace(OFFICE, wall=OFFICE.wall * len(group), cpu=OFFICE.cpu * len(group))
        ended = process.run(command(format_, names, program), cwd=work, ceiling=ceiling)
        for number, deck in group:
            made[number] = _proven(work / "pdf" / f"in{number}.pdf", deck, ended)
            (work / neutral_name(number, format_)).unlink()
            progress(len(made) / len(decks))
    return tuple(made[number] for number, _ in numbered)


def _proven(pdf: Path, deck: Deck, ended: process.Completed) -> Path:
    name = deck.path.name
    said = " | ".join(
        line for line in ended.stderr.strip().splitlines()[-4:] if not any(word in line for word in _HARMLESS)
    )
    if not pdf.is_file() or pdf.stat().st_size == 0:
        tail = f" It said: {said}." if said else ""
        zh_tail = f"其输出：{said}。" if said else ""
        raise ToolFailed(
            f"{name}: LibreOffice made no PDF of it (code {ended.code}).{tail} "
            "Open the deck in its own program, save it again, or export it to PDF there.",
            f"{name}：LibreOffice 未能生成 PDF（退出码 {ended.code}）。{zh_tail}"
            "请在原软件中打开并重新保存，或直接从中导出 PDF。",
        )
    pages = page_count(pdf)
    if pages < 1 or (deck.pages is not None and pages != deck.pages):
        raise ProofFailed(
            f"{name}: the PDF has {pages} pages where the deck has {deck.pages} visible slides. "
            "Export it to PDF from its own program.",
            f"{name}：生成的 PDF 有 {pages} 页，而文稿有 {deck.pages} 张可见幻灯片。请从原软件导出 PDF。",
        )
    return pdf


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
