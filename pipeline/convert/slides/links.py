"""What a deck only points to, taken out of the copy that LibreOffice reads, which follows some of it in spite of all.

Seen with 7.4 and every setting against it: linked OLE objects of both formats, pictures and the template of an .odp,
from the network and from this disk. Where the kernel fences the office in they lead nowhere; here they are gone.
What is followed only when somebody clicks stays, and becomes a link of the PDF.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from pipeline.model.ceilings import MAX_XML
from pipeline.probe.archive.zip import Zip
from pipeline.probe.slides.odp import FOLLOWED_BY_PEOPLE, outside
from pipeline.probe.slides.opc import CLICKED
from pipeline.probe.text import xml_safe
from pipeline.probe.text.xml_safe import Position, local

_RELATIONSHIPS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_LOADED: Final = frozenset({"content.xml", "styles.xml", "meta.xml", "settings.xml"})  # of an open document
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def of_pptx(archive: Zip) -> dict[str, bytes]:
    """The parts with relationships that lead outside, without those. Raises BadZip, BadXml, CeilingExceeded."""
    changed = {}
    for member in archive.members:
        if member.name.lower().endswith(".rels"):
            new = _relationships(archive.content(member, MAX_XML))
            if new is not None:
                changed[member.name] = new
    return changed


def _relationships(data: bytes) -> bytes | None:
    """Written anew, so that no spelling hides one; None where all may stay."""
    kept: list[dict[str, str]] = []
    dropped = False

    def start(name: str, attributes: dict[str, str], _: Position) -> None:
        nonlocal dropped
        if local(name) == "Relationship":
            external = attributes.get("TargetMode", "").strip().lower() == "external"
            followed = attributes.get("Type", "").rpartition("/")[2] not in CLICKED
            dropped = dropped or (external and followed)
            kept.extend([] if external and followed else [attributes])

    xml_safe.read(data, start)
    if not dropped:
        return None
    body = "".join(f"<Relationship {_attributes(one)}/>" for one in kept)
    return f'{_HEAD}<Relationships xmlns="{_RELATIONSHIPS}">{body}</Relationships>'.encode()


def of_odp(archive: Zip) -> dict[str, bytes]:
    """The parts with addresses outside, with those empty. Raises BadZip, BadXml, CeilingExceeded."""
    changed = {}
    for member in archive.members:
        # Also those of charts and formulas inside; other parts may be empty, and lead nowhere.
        if member.name.lower().rpartition("/")[2] in _LOADED:
            data = archive.content(member, MAX_XML)
            if _leads_outside(data):
                changed[member.name] = _emptied(data)
    return changed


def _follows(name: str, key: str, value: str) -> bool:
    return local(key) == "href" and outside(value) and name not in FOLLOWED_BY_PEOPLE


def _leads_outside(data: bytes) -> bool:
    found = False

    def start(name: str, attributes: dict[str, str], _: Position) -> None:
        nonlocal found
        found = found or any(_follows(name, key, value) for key, value in attributes.items())

    xml_safe.read(data, start)
    return found


def _emptied(data: bytes) -> bytes:
    out = [_HEAD]

    def start(name: str, attributes: dict[str, str], _: Position) -> None:
        kept = {key: "" if _follows(name, key, value) else value for key, value in attributes.items()}
        out.append(f"<{name} {_attributes(kept)}>" if kept else f"<{name}>")

    xml_safe.read(data, start, lambda name: out.append(f"</{name}>"), lambda words: out.append(escape(words)))
    return "".join(out).encode()


def _attributes(values: dict[str, str]) -> str:
    return " ".join(f"{key}={quoteattr(value)}" for key, value in values.items())
