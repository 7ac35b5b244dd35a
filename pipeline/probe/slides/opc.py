"""Parts and relationships of an Open Packaging file (ECMA-376 part 2), read without trusting it."""

from __future__ import annotations

import io
import posixpath
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_DECK_ELEMENTS, MAX_XML, MiB
from pipeline.model.facts import Text
from pipeline.probe.archive.zip import Member, Zip
from pipeline.probe.image.headers import gif_frames
from pipeline.probe.text.xml_safe import BadXml, End, Position, Start, Words, local, read

_MAX_GIF: Final = 64 * MiB


class Link(Struct, frozen=True):
    """One relationship: its type's last word, its target as a part name or, when external, as written."""

    id: str
    type: str
    target: str
    external: bool


class Package:
    """The parts of an open zip. Part names have no leading slash and are compared without case (6.2.2.3)."""

    def __init__(self, archive: Zip) -> None:
        self.archive = archive
        self.parts: dict[str, Member] = {m.name.lower(): m for m in archive.members if not m.directory}
        self.elements = 0  # read so far, also of a part that is read again

    def has(self, name: str) -> bool:
        """Whether there is a part of this name."""
        return name.lower() in self.parts

    def content(self, name: str, limit: int = MAX_XML) -> bytes:
        """The bytes of a part. Raises BadZip (damage), KeyError (absent), CeilingExceeded (above `limit`)."""
        return self.archive.content(self.parts[name.lower()], limit)

    def xml(self, name: str, start: Start, end: End | None = None, words: Words | None = None) -> None:
        """Read a part as XML. Raises BadXml, also for a part that is absent, BadZip for damage, CeilingExceeded."""
        if not self.has(name):
            raise BadXml(Text(f"the part {name} is missing", f"缺少部件 {name}"))
        self.elements += read(self.content(name), start, end, words)
        if self.elements > MAX_DECK_ELEMENTS:
            raise CeilingExceeded(
                f"{self.archive.name} takes more than {MAX_DECK_ELEMENTS} XML elements to read ({self.elements}). "
                "Split the deck, or save it anew.",
                f"{self.archive.name} 需读取的 XML 元素超过 {MAX_DECK_ELEMENTS} 个（{self.elements}）。"
                "请拆分或重新保存。",
            )

    def links(self, name: str) -> tuple[Link, ...]:
        """Relationships of a part ("" for the package); none when it has none. Raises BadXml, BadZip."""
        folder, base = posixpath.split(name)
        where = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(where):
            return ()
        found: list[Link] = []

        def start(element: str, attributes: dict[str, str], _: Position) -> None:
            if local(element) != "Relationship":
                return
            external = attributes.get("TargetMode") == "External"
            target = attributes.get("Target", "")
            if not external:
                joined = posixpath.normpath(posixpath.join("/", folder, unquote(target)))
                target = joined.lstrip("/")
            type_ = attributes.get("Type", "").rpartition("/")[2]
            found.append(Link(attributes.get("Id", ""), type_, target, external))

        self.xml(where, start)
        return tuple(found)

    def moving_gif(self, name: str) -> bool:
        """Whether this part is a GIF of more than one frame; a damaged one does not move."""
        if not self.has(name):
            return False
        return (gif_frames(io.BytesIO(self.content(name, _MAX_GIF)), 2) or 0) > 1


MOVING: Final = frozenset({"video", "audio", "media"})  # relationship types of films and sounds
# What is only followed when somebody clicks; everything else that points outside is fetched by a renderer.
CLICKED: Final = frozenset({"hyperlink"})
