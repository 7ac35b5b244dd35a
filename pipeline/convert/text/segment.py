"""Cutting a script at the ends of its sentences. Pure, and no character is ever lost, added or moved.

A text is a row of atoms: a character, an entity, or an SSML element with all it holds. Between two atoms a cut is
more or less welcome; inside an atom there is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Final, NamedTuple

from msgspec import Struct

from pipeline.errors import ToolFailed

# How welcome a cut after an atom is.
_NEVER: Final = -1
_ANYWHERE, _WORD, _CLAUSE, _SENTENCE = range(4)

_ENDS: Final = frozenset("。！？!?…\n\r\u2028\u2029\u0085")
_CLAUSES: Final = frozenset("，、；：,;:—")
_CLOSING: Final = frozenset("”’」』）》】)]}\"'〉")
# Tokens of a text that is known to be well-formed XML: comments, sections, instructions, tags, words.
_TOKEN: Final = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>|[^<]+", re.DOTALL
)
_TAG: Final = re.compile(r"<(/?)([^\s/>]+)")
_ATOM: Final = re.compile(r"&[^;\s]{1,32};|\r\n|.", re.DOTALL)


class Budget(Struct, frozen=True):
    """What one part may hold; None: no limit. `around` is what is put around it, in characters."""

    characters: int | None = None
    bytes: int | None = None  # in UTF-8
    around: int = 0

    @property
    def most(self) -> tuple[int | None, int | None]:
        """Characters and bytes."""
        return self.characters, self.bytes

    @property
    def empty(self) -> bool:
        """Whether there is no limit at all."""
        return self.characters is None and self.bytes is None

    def holds(self, characters: int, size: int) -> bool:
        """Whether so many characters and bytes fit."""
        within = self.characters is None or characters + self.around <= self.characters
        return within and (self.bytes is None or size + self.around <= self.bytes)


class Atom(NamedTuple):
    """A piece that is never cut, and how welcome a cut after it is."""

    text: str
    cut: int


class Script(NamedTuple):
    """A script taken apart: what stands before and after, which every part gets, and what is cut."""

    head: str
    body: tuple[Atom, ...]
    tail: str


def _closes(text: str, at: int) -> bool:
    """Whether the full stop at `at` ends a sentence: white space or the end follows."""
    return at + 1 >= len(text) or text[at + 1].isspace()


def atoms(text: str, *, entities: bool = False) -> Iterator[Atom]:
    """The atoms of running text. A closing quote or blank after a sentence's end belongs to that sentence."""
    pieces = _ATOM.findall(text) if entities else re.findall(r"\r\n|.", text, re.DOTALL)
    mood, at = _ANYWHERE, 0
    for number, piece in enumerate(pieces):
        last = piece[-1]
        if last in _ENDS or (last == "." and _closes(text, at + len(piece) - 1)):
            mood = _SENTENCE
        elif piece in _CLOSING or piece.isspace():
            # Anywhere but after an end, a blank is only the end of a word.
            mood = mood if mood >= _CLAUSE else _WORD if piece.isspace() else _ANYWHERE
        else:
            mood = _CLAUSE if last in _CLAUSES else _ANYWHERE
        at += len(piece)
        following = pieces[number + 1] if number + 1 < len(pieces) else ""
        yield Atom(piece, _NEVER if _joins(piece, following) else _before(mood, following))


def _before(mood: int, following: str) -> int:
    """No sentence begins with a closing quote or a blank: the cut comes after those."""
    return _ANYWHERE if mood >= _CLAUSE and following and (following in _CLOSING or following.isspace()) else mood


def _joins(one: str, other: str) -> bool:
    """Whether two characters are one to the reader: marks above or below, variation selectors, joined emoji."""
    if not other:
        return False
    return one == "\u200d" or other == "\u200d" or unicodedata.category(other[0]) in {"Mn", "Me", "Mc"}


def plain(text: str) -> Script:
    """A script without markup."""
    return Script("", tuple(atoms(text)), "")


def ssml(text: str) -> Script:
    """A well-formed script with one root: each part is to have a root of its own."""
    tokens = _TOKEN.findall(text)
    opening = next(i for i, token in enumerate(tokens) if _name(token))
    closings = [i for i, token in enumerate(tokens) if token.startswith("</")]
    if not closings:
        return Script(text, (), "")  # a root closed in itself holds nothing to divide
    closing = closings[-1]
    body: list[Atom] = []
    held, depth = "", 0
    for token in tokens[opening + 1 : closing]:
        name = _name(token)
        if not name and depth == 0 and not token.startswith("<"):
            body.extend(atoms(token, entities=True))
            continue
        held += token
        if name and not token.endswith("/>"):
            depth += -1 if token.startswith("</") else 1
        if depth == 0:
            body.append(Atom(held, _WORD))
            held = ""
    return Script("".join(tokens[: opening + 1]), tuple(body), "".join(tokens[closing:]))


def _name(token: str) -> str | None:
    """The element's name if the token is a tag."""
    if token.startswith(("<!", "<?")):
        return None
    found = _TAG.match(token)
    return found[2] if found else None


def parts(body: Sequence[Atom], budget: Budget) -> list[str]:
    """The atoms in as few and as even parts as their sentences allow; joined they are the text again.

    Raises ToolFailed for an atom that no part can hold.
    """
    cuts, at = [], 0
    sizes = [len(atom.text.encode("utf-8", "surrogatepass")) for atom in body]
    left = [sum(len(atom.text) for atom in body), sum(sizes)]
    while at < len(body):
        end, used = _reach(body, sizes, at, budget)
        if end < len(body):
            end = _welcome(body, at, end, _target(left, budget))
            used = [sum(len(a.text) for a in body[at:end]), sum(sizes[at:end])]
        left = [left[0] - used[0], left[1] - used[1]]
        cuts.append("".join(atom.text for atom in body[at:end]))
        at = end
    return _without_blanks(cuts)


def _reach(body: Sequence[Atom], sizes: Sequence[int], at: int, budget: Budget) -> tuple[int, list[int]]:
    """How far the budget goes, in atoms, characters and bytes."""
    used = [0, 0]
    for number in range(at, len(body)):
        more = [used[0] + len(body[number].text), used[1] + sizes[number]]
        if not budget.holds(*more):
            if number == at:
                shown = body[at].text[:40]
                raise ToolFailed(
                    f"{shown!r}... alone is longer than the limit. Shorten it or split it by hand.",
                    f"“{shown}……”本身已超过限制。请缩短或手动拆分。",
                )
            return number, used
        used = more
    return len(body), used


def _target(left: Sequence[int], budget: Budget) -> float:
    """The share of a full part that makes all parts even."""
    shares = [1.0]
    for amount, most in zip(left, (budget.characters, budget.bytes), strict=True):
        if most is not None:
            full = most - budget.around
            count = -(-amount // full)
            shares.append(amount / count / full)
    return min(shares[1:], default=1.0)


def _welcome(body: Sequence[Atom], at: int, end: int, share: float) -> int:
    """The best place to cut: the most welcome sort there is, nearest to the even share."""
    middle = at + (end - at) * share
    lowest = at + max(1, int((middle - at) / 2))
    for mood in (_SENTENCE, _CLAUSE, _WORD, _ANYWHERE):
        places = [n for n in range(lowest, end + 1) if body[n - 1].cut >= mood]
        if places:
            return min(places, key=lambda n: abs(n - middle))
    return end


def _without_blanks(cuts: list[str]) -> list[str]:
    """Parts that hold only blanks are no scenes: they go to their neighbour."""
    out: list[str] = []
    for cut in cuts:
        if out and (not cut.strip() or not out[-1].strip()):
            out[-1] += cut
        else:
            out.append(cut)
    return out


def broken_lines(script: Script, most: int) -> str:
    """The script with line breaks put in, so that no line is longer than `most`. Nothing else changes.

    Raises ToolFailed for what cannot be broken.
    """
    row: list[Atom] = [Atom(script.head, _WORD)] if script.head else []
    out: list[str] = []
    for atom in (*script.body, *([Atom(script.tail, _SENTENCE)] if script.tail else ())):
        if atom.text in {"\n", "\r", "\r\n"}:
            out += [_broken(row, most), atom.text]
            row = []
        else:
            row.append(atom)
    return "".join([*out, _broken(row, most)])


def _broken(row: Sequence[Atom], most: int) -> str:
    return "\n".join(parts(row, Budget(most))) if _wide(row) > most else "".join(atom.text for atom in row)


def _wide(row: Sequence[Atom]) -> int:
    return len("".join(atom.text for atom in row).strip())


def split(text: str, budget: Budget, *, tagged: bool) -> list[str]:
    """The text as parts within the budget; SSML parts get the root of the whole. Raises ToolFailed.

    The bodies of the parts, joined, are the body of the text: looked at here, before anybody relies on it.
    """
    script = ssml(text) if tagged else plain(text)
    around = len((script.head + script.tail).encode())
    cut = parts(script.body, Budget(budget.characters, budget.bytes, around))
    if "".join(cut) != "".join(atom.text for atom in script.body):
        raise ToolFailed("the parts do not make the text again", "拆分后的内容与原文不一致")
    return [f"{script.head}{part}{script.tail}" for part in cut]


# --- edits of tags ------------------------------------------------------------------------------------


def wrapped(text: str) -> str:
    """The text inside one `speak`, whatever root it had: one that only differs in case is written right."""
    tokens = _TOKEN.findall(text)
    names = [i for i, token in enumerate(tokens) if _name(token)]
    first = next((i for i in names), None)
    if first is not None and (_name(tokens[first]) or "").lower() == "speak":
        for i in (first, names[-1]):
            tokens[i] = re.sub(r"^(</?)\w+", r"\1speak", tokens[i])
        return "".join(tokens)
    head = re.match(r"\s*<\?xml[^>]*\?>\s*", text)
    at = head.end() if head else 0
    return f"{text[:at]}<speak>{text[at:].strip()}</speak>\n"


def with_attribute(text: str, element: str, attribute: str, values: dict[str, str]) -> str:
    """The text with values of one attribute of one element replaced: written value to new one."""

    def changed(token: str) -> str:
        if _name(token) != element or token.startswith("</"):
            return token
        return re.sub(
            rf"(\b{attribute}\s*=\s*)([\"'])(.*?)\2",
            lambda found: f"{found[1]}{found[2]}{values.get(found[3], found[3])}{found[2]}",
            token,
        )

    return "".join(changed(token) for token in _TOKEN.findall(text))


def attribute_values(text: str, element: str, attribute: str) -> list[str]:
    """The values of one attribute of one element as they are written."""
    found = []
    for token in _TOKEN.findall(text):
        if _name(token) == element and not token.startswith("</"):
            found += [each[2] for each in re.findall(rf"(\b{attribute}\s*=\s*)([\"'])(.*?)\2", token)]
    return found


def without_tags(text: str, gone: frozenset[str]) -> str:
    """The text without the tags of these elements; what stands between them stays."""
    return "".join(token for token in _TOKEN.findall(text) if _name(token) not in gone)


def bare(text: str) -> str:
    """The words of a well-formed text alone: no tags, no comments, entities as the characters they stand for."""
    words = []
    for token in _TOKEN.findall(text):
        if token.startswith("<![CDATA["):
            words.append(token[9:-3])
        elif not token.startswith("<"):
            words.append(unescape(token))
    return "".join(words)
