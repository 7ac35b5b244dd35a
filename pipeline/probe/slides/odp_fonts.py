"""Which fonts the text of an OpenDocument presentation is drawn with: styles followed to their roots.

OpenDocument 1.3 part 3: 16.2 (styles and their parents), 20.269 on (names of fonts by script).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pipeline.probe.slides.reflow import scripts

# Attributes that name a font, by script; a name refers to a font face, a family is the font itself.
_KEYS: Final = {
    "style:font-name": "latin",
    "style:font-name-asian": "ea",
    "style:font-name-complex": "cs",
    "fo:font-family": "latin",
    "style:font-family-asian": "ea",
    "style:font-family-complex": "cs",
}
_MAX_PARENTS: Final = 32  # a chain longer than that is a loop

Style = tuple[str, str]  # family and name


@dataclass(slots=True)
class Styles:
    """Handlers for the styles of content.xml and styles.xml, and what they say."""

    faces: dict[str, str] = field(default_factory=dict)  # name of a font face, and its family
    carried: set[str] = field(default_factory=set)  # families that come with the deck
    _fonts: dict[Style, dict[str, str]] = field(default_factory=dict)
    _parents: dict[Style, str] = field(default_factory=dict)
    _open: Style = ("", "")
    _face: str = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name in {"style:style", "style:default-style"}:
            self._open = attributes.get("style:family", ""), attributes.get("style:name", "")
            if "style:parent-style-name" in attributes:
                self._parents[self._open] = attributes["style:parent-style-name"]
        elif name == "style:text-properties":
            # The first text properties are the style's own; those of its list levels come under other elements.
            named = {script: attributes[key] for key, script in _KEYS.items() if key in attributes}
            self._fonts.setdefault(self._open, {}).update(named)
        elif name == "style:font-face":
            self._face = attributes.get("svg:font-family", "").strip("'\"")
            self.faces[attributes.get("style:name", "")] = self._face
        elif name == "svg:font-face-uri":
            self.carried.add(self._face)

    def end(self, name: str) -> None:
        """An element ends; what stands outside styles belongs to none."""
        if name in {"style:style", "style:default-style"}:
            self._open = ("", "")

    def used(self, words: str, styles: Iterable[Style]) -> frozenset[str]:
        """Families for the letters of `words`; `styles` from the innermost (the span) to the outermost (the frame)."""
        wanted = scripts(words)
        named: dict[str, str] = {}
        for style in styles:
            family, name = style
            for _ in range(_MAX_PARENTS):
                for script, font in self._fonts.get((family, name), {}).items():
                    named.setdefault(script, font)
                if wanted <= named.keys() or (family, name) not in self._parents:
                    break
                name = self._parents[family, name]
        # Nothing drawn names a default style of its own: shapes, presentation objects and text share one (16.4).
        for script, font in self._fonts.get(("graphic", ""), {}).items():
            named.setdefault(script, font)
        fonts = (named[script] for script in wanted if script in named)
        return frozenset(self.faces.get(font, font.strip("'\"")) for font in fonts if font)
