"""What a script marked up with SSML holds, each thing with its line and column.

The platforms read a small closed set of elements (rules in the presets); what is found is only noted here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from pipeline.errors import CeilingExceeded
from pipeline.model.facts import Mark, Text, Value
from pipeline.probe.text.xml_safe import DECLARED, BadXml, Position, read

# Elements that tell SSML from plain text; the presets say which of them are allowed.
TAGS: Final = ("speak", "break", "phoneme", "say-as", "sub", "prosody", "word", "emotion", "insert-action")
TEXT_ONLY: Final = frozenset({"phoneme", "say-as", "sub", "prosody", "word"})
# Elements whose attributes the documents list; those of `speak` are XML's own.
_ATTRIBUTED: Final = frozenset({"break", "phoneme", "say-as", "sub", "prosody", "word", "emotion"})
_HEARD: Final = frozenset({"break", "phoneme", "word"})  # whose words are looked at
_LONG: Final = 100  # characters of an attribute that are looked at and shown
MAX_MARKS: Final = 200_000  # a script of MAX_TEXT bytes of tags would hold millions

_KNOWN: Final = re.compile(rf"</?(?:{'|'.join(TAGS)})(?=[\s/>])")
_ROOTED: Final = re.compile(r"\s*<([A-Za-z][\w.-]*)(?=[\s/>])")
_TAG: Final = re.compile(r"<[^<>]*>")
_HEAD: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_TYPE: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)\b")
_TIME: Final = re.compile(r"\+?(\d*\.?\d+)(ms|s)")
_NUMBER: Final = re.compile(r"\+?(\d*\.?\d+)%?")
# A syllable of pinyin with its tone, 5 being the neutral one: initial, final, tone.
_PINYIN: Final = re.compile(
    r"(?:(?:[zcs]h?|[bpmfdtnlgkhjqxryw])?(?:i[ae]ng?|iang?|iong|i[aeu]|iao|ian|in|ing|iu|i|u[aeo]|uai|uan|uang|ui|un|u|"
    r"[vü](?:e|an|n)?|ue|a[ion]?|ang|ao|e[inr]?|eng|o|ong|ou)|er|ng|n|m|hm|hng)r?[1-5]"
)
# The phonemes of the CMU dictionary, vowels with their stress.
_CMU: Final = re.compile(
    r"(?:A[AEHOWY]|E[HRY]|I[HY]|O[WY]|U[HW])[0-2]?|B|CH|DH?|F|G|HH|JH|K|L|M|NG?|P|R|SH?|TH?|V|W|Y|ZH?", re.IGNORECASE
)
_IPA: Final = frozenset("ˈˌːˑ.‿͡")
_WRITTEN: Final = (
    (
        re.compile(r"&(?!(?:#\d+|#x[0-9A-Fa-f]+|[A-Za-z]\w*);)"),
        'write "&" as "&amp;"',
        "请将“&”写作“&amp;”",
    ),
    (re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z]\w*;"), "write the character itself", "请直接写出该字符"),
    (re.compile(r"<(?![A-Za-z/!?_])"), 'write "<" as "&lt;"', "请将“<”写作“&lt;”"),
)
# A root of our own around the text, so that a script without one can still be read to its end.
_ROOT: Final = "preflight-root"


class Ssml(NamedTuple):
    """The result of reading one script."""

    well_formed: bool
    marks: tuple[Mark, ...]
    spoken: str
    remarks: tuple[Text, ...]


def looks_like_ssml(text: str) -> bool:
    """Whether the text holds an element that only SSML has, or stands between two tags of one name."""
    rooted = _ROOTED.match(text)
    return _KNOWN.search(text) is not None or (rooted is not None and text.rstrip().endswith(f"</{rooted[1]}>"))


def seconds(raw: str) -> Value:
    """A time as CSS writes it; what is none stays as written, so that a limit on it fails and shows it."""
    found = _TIME.fullmatch(raw.strip()) if len(raw) <= _LONG else None
    return Fraction(found[1]) / (1000 if found[2] == "ms" else 1) if found else raw[:_LONG]


def number(raw: str) -> Value:
    """A number or percentage; what is none stays as written."""
    found = _NUMBER.fullmatch(raw.strip()) if len(raw) <= _LONG else None
    return Fraction(found[1]) if found else raw[:_LONG]


def pronounceable(ph: str) -> bool:
    """Whether `ph` can be read as pinyin with tones, as CMU phonemes, or as the IPA (which is not all ASCII)."""
    tokens = ph.split()
    if all(_PINYIN.fullmatch(token.lower()) for token in tokens) or all(_CMU.fullmatch(token) for token in tokens):
        return True
    letters = "".join(tokens)
    return not letters.isascii() and all(c.isalpha() or c in _IPA or unicodedata.combining(c) for c in letters)


@dataclass(slots=True)
class _Open:
    """An element that has begun and not ended."""

    name: str
    place: Position
    words: list[str] = field(default_factory=list)
    children: int = 0


class _Reader:
    """Collects marks while the text is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: list[Mark] = []
        self.stack: list[_Open] = []
        self.spoken: list[str] = []
        self.top: list[_Open] = []
        self.loose = False  # words outside every element

    def mark(self, what: str, value: Value, place: Position) -> None:
        if len(self.marks) >= MAX_MARKS:
            raise CeilingExceeded(
                f"{self.name} holds more than {MAX_MARKS} SSML elements and attributes. Split the script.",
                f"{self.name} 含超过 {MAX_MARKS} 个 SSML 元素与属性。请拆分脚本。",
            )
        self.marks.append(Mark(what=what, value=value, line=place.line, column=place.column))

    def start(self, name: str, attributes: dict[str, str], place: Position) -> None:
        if not self.stack:
            self.stack.append(_Open(name, place))
            return
        place = Position(place.line - 1, place.column)  # our root stands on a line of its own
        parent = self.stack[-1]
        parent.children += 1
        this = _Open(name, place)
        if len(self.stack) == 1:
            self.top.append(this)
        self.stack.append(this)
        self.mark("tag", name, place)
        if name == "speak" and len(self.stack) > 2:
            self.mark("nesting", False, place)
        self._attributes(name, attributes, place)

    def _attributes(self, name: str, attributes: dict[str, str], place: Position) -> None:
        for attribute in attributes:
            if name in _ATTRIBUTED and not attribute.startswith("xml"):
                self.mark("attribute", f"{name} {attribute}"[:_LONG], place)
        if name == "break":
            if "time" in attributes:
                self.mark("break.time", seconds(attributes["time"]), place)
            if "strength" in attributes:
                self.mark("break.strength", attributes["strength"][:_LONG], place)
        elif name == "phoneme":
            said = attributes.get("ph", "").strip()
            self.mark("phoneme.ph", bool(said), place)
            if said:
                self.mark("phoneme.plausible", pronounceable(said), place)
        elif name == "say-as":
            self.mark("interpret-as", attributes.get("interpret-as", "")[:_LONG], place)
        elif name == "sub":
            self.mark("sub.alias", bool(attributes.get("alias", "").strip()), place)
        elif name == "prosody":
            self.mark("prosody.rate", number(attributes.get("rate", "")), place)
        elif name == "emotion":
            self.mark("emotion.type", attributes.get("type", "")[:_LONG], place)

    def words(self, text: str) -> None:
        self.spoken.append(text)
        for element in self.stack:
            if element.name in _HEARD:
                element.words.append(text)
        if len(self.stack) == 1 and text.strip():
            self.loose = True

    def end(self, _: str) -> None:
        this = self.stack.pop()
        if not self.stack:
            return
        held = "".join(this.words)
        if this.name == "break":
            self.mark("break.empty", not this.children and not held, this.place)
        elif this.name == "phoneme":
            self.mark("phoneme.characters", len(held.strip()), this.place)
        elif this.name == "word":
            self.mark("word", held, this.place)
        if this.name in TEXT_ONLY:
            self.mark("nesting", this.children == 0, this.place)
        elif this.name == "speak" and len(self.stack) == 1:
            self.mark("nesting", True, this.place)


def _refuse_types(text: str) -> None:
    """Inside our root a document type is only an "invalid token"; say what it is instead."""
    found = _TYPE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
        raise BadXml(DECLARED, line + 1, column)


def _plainer(error: BadXml, text: str) -> Text:
    """Why the text is not well-formed, for who does not know XML: signs that must be written otherwise."""
    line = text.split("\n")[max(0, error.line - 2) :][:1]
    for signs, en, zh in _WRITTEN:
        if error.reason != DECLARED and line and signs.search(line[0]):
            return Text(en, zh)
    return error.reason


def read_ssml(name: str, text: str) -> Ssml:
    """Every element and attribute of interest in `text`, in order of place.

    A root element that stands alone is reported as such; several, none, or words beside it are "none".
    Text that is not well-formed keeps the marks up to the fault, and a remark says where the fault is.
    Raises CeilingExceeded above MAX_MARKS.
    """
    head = _HEAD.match(text)
    if head:  # a declaration may not stand inside our root; blanks keep the columns
        text = " " * head.end() + text[head.end() :] if "\n" not in head[0] else "\n" + text[head.end() :]
    reader = _Reader(name)
    remarks: tuple[Text, ...] = ()
    try:
        _refuse_types(text)
        read(f"<{_ROOT}>\n{text}\n</{_ROOT}>", reader.start, reader.end, reader.words)
        well_formed = True
        spoken = "".join(reader.spoken)
    except BadXml as error:
        well_formed, reason = False, _plainer(error, text)
        spoken = _TAG.sub("", text)
        line = max(1, error.line - 1)
        reader.marks.append(Mark(what="fault.xml", value=None, line=line, column=error.column, why=reason))
        remarks = (
            Text(
                f"{name}, line {line}, column {error.column}: not well-formed ({reason.en}).",
                f"{name} 第 {line} 行第 {error.column} 列：SSML 格式有误（{reason.zh}）。",
            ),
        )
    lone = reader.top[0] if len(reader.top) == 1 and not reader.loose else None
    place = lone.place if lone else Position(1, 1)
    root = Mark(what="root", value=lone.name if lone else "none", line=place.line, column=place.column)
    marks = [root, *reader.marks]
    # Marks that are known only when an element ends go back to where it begins.
    marks.sort(key=lambda mark: (mark.line, mark.column))
    return Ssml(well_formed, tuple(marks), spoken.strip(), remarks)
