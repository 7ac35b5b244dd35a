"""Damage to documents that knows their structure: types, depth, sizes, paths, encodings; then cuts and flipped bits."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Tree = Any  # what a JSON document holds
_RAW = "\ue000raw%d\ue001"  # stands for text that json.dumps cannot write


@dataclass(frozen=True)
class Lure:
    """Another person's file, and every way to name it: a path attack says its true size and digest."""

    paths: tuple[str, ...]
    size: int
    md5: str  # base64


NAMES = (
    "",
    ".",
    "..",
    "//x",
    "a/../../x",
    "../" * 40 + "etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "C:\\x",
    "C:x",
    "\\\\host\\share\\x",
    "..\\x",
    "a::b",
    "http://127.0.0.1:9/x",
    "file:///etc/passwd",
    "a\0b",
    "a\nb",
    "\x1b[31mred",
    "\u202egpj.exe",
    "CON",
    "~root/x",
    "-rf",
    "a" * 300,
    "a/" * 3000,
    ".preflight-journal.sqlite",
    "manifest.json",
)
TEXTS = ("", " ", "\0", "x" * 100_000, "\x1b]0;x\x07", "\u202e", "=cmd()", "<script>", "{{7*7}}", "%s%n", "NaN", "0")
NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, 1e308, -0.0, True, False)
RAW = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "[" * 300 + "]" * 300,
    "[" * 200_000,
    '{"a":' * 5000 + "1" + "}" * 5000,
    "[" + "0," * 200_000 + "0]",
    '"\\ud800"',
    '"\\u0000"',
    "01",
    "1" * 5000,
    "{'a': 1}",
    '{"path": "a", "path": "b"}',
)


def _places(tree: Tree, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _at(tree: Tree, path: Sequence[Any]) -> Tree:
    for key in path:
        tree = tree[key]
    return tree


@dataclass
class _Hand:
    """What an edit works with: the document, where, dice, and text to be put in literally."""

    tree: Tree
    path: tuple[Any, ...]
    rng: random.Random
    lure: Lure
    raw: list[str]

    @property
    def holder(self) -> Tree:
        return _at(self.tree, self.path[:-1])

    @property
    def value(self) -> Tree:
        return _at(self.tree, self.path)

    def put(self, value: Tree) -> None:
        self.holder[self.path[-1]] = value

    def literally(self, text: str) -> str:
        self.raw.append(text)
        return _RAW % (len(self.raw) - 1)


def _gone(hand: _Hand) -> None:
    del hand.holder[hand.path[-1]]


def _null(hand: _Hand) -> None:
    hand.put(None)


def _typed(hand: _Hand) -> None:
    """Another type."""
    others: list[Any] = [7, 0.5, True, "x", [], {}, [1], {"a": 1}, [hand.value], {"a": hand.value}]
    hand.put(hand.rng.choice([one for one in others if type(one) is not type(hand.value)]))


def _number(hand: _Hand) -> None:
    hand.put(hand.rng.choice(NUMBERS))


def _text(hand: _Hand) -> None:
    hand.put(hand.rng.choice(TEXTS))


def _raw(hand: _Hand) -> None:
    hand.put(hand.literally(hand.rng.choice(RAW)))


def _named(hand: _Hand) -> None:
    """A path that leads elsewhere."""
    hand.put(hand.rng.choice(NAMES + hand.lure.paths))


def _lured(hand: _Hand) -> None:
    """A file of the document is another person's, with its true size and digest."""
    files = [path[:-1] for path in _places(hand.tree) if path[-1] == "path"] or [hand.path[:-1]]
    where = _at(hand.tree, hand.rng.choice(files))
    lured = {"path": hand.rng.choice(hand.lure.paths), "size": hand.lure.size, "md5": hand.lure.md5}
    if isinstance(where, dict):
        where |= lured
    elif where and all(isinstance(one, str | int) for one in where):  # a promise of a receipt
        where[:] = lured.values()
    else:
        where[:] = [list(lured.values())]


def _swapped(hand: _Hand) -> None:
    """A value from elsewhere in the document."""
    places = list(_places(hand.tree))
    hand.put(json.loads(json.dumps(_at(hand.tree, hand.rng.choice(places)))))


def _many(hand: _Hand) -> None:
    """One thing many times."""
    value = hand.value
    if isinstance(hand.holder, list):
        hand.holder.extend([value] * hand.rng.choice((1, 3, 500)))
    else:
        hand.put([value] * hand.rng.choice((2, 500)))


def _renamed(hand: _Hand) -> None:
    """A key by another name."""
    if isinstance(hand.holder, dict):
        hand.holder[hand.rng.choice(("x", "", "path ", "__proto__", "a" * 10_000))] = hand.holder.pop(hand.path[-1])
    else:
        hand.holder.reverse()


def _twice(hand: _Hand) -> None:
    """A key twice, with two values."""
    if isinstance(hand.holder, dict):
        key = json.dumps(hand.path[-1])
        body = json.dumps(hand.value)
        hand.put(hand.literally(f"null, {key}: {body}"))
    else:
        hand.holder.append(hand.value)


def _emptied(hand: _Hand) -> None:
    """All that is in it is gone."""
    hand.put(type(hand.value)())


EDITS: Sequence[Callable[[_Hand], None]] = (
    _gone,
    _null,
    _typed,
    _typed,
    _number,
    _text,
    _raw,
    _named,
    _lured,
    _swapped,
    _many,
    _renamed,
    _twice,
    _emptied,
)


def edited(text: bytes, rng: random.Random, lure: Lure) -> bytes:
    """A JSON document with one to three values that are wrong."""
    raw: list[str] = []
    tree = json.JSONDecoder().decode(text.decode("utf-8"))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        # What stands high decides more and there is less of it: half of all edits go there.
        high = [path for path in places if len(path) < 4]
        path = rng.choice(high if high and rng.random() < 0.5 else places)
        rng.choice(EDITS)(_Hand(tree, path, rng, lure, raw))
    told = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    for number, one in enumerate(raw):
        for stands in (json.dumps(_RAW % number), json.dumps(_RAW % number, ensure_ascii=False)):
            told = told.replace(stands, one)
    return told.encode("utf-8", "surrogatepass")


# --- documents that are lines ---------------------------------------------------------------------------

_VALUES = (
    "1", "-1", "0", "1e400", "nan", "inf", "true", '""', '"x"', "[]", "[[[[1]]]]", "{}", "{ a = 1 }", "1979-05-27",
    "07:32:00", "9" * 30, '"' + "x" * 100_000 + '"', "[" * 3000 + "]" * 3000, "'''\n'''", '"\\u0000"', '"a::b"',
    '"../../x"', '"/dev/zero"', '"(a+)+$"', '"{{7*7}}"',
)  # fmt: skip
_LINES = ("[x]", "[[x]]", "x.y.z = 1", "[a.b.c]", "=", "x =", "\ufeff", "#" * 70_000)
_LINE = re.compile(r"^(\s*[\w\"'.-]+\s*=\s*)(.*)$")


def lined(text: bytes, rng: random.Random, lure: Lure) -> bytes:
    """A document of lines (TOML, a list of paths) with some of them wrong."""
    lines = text.decode("utf-8").split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(lines))
        found = _LINE.match(lines[place])
        choice = rng.randrange(8)
        if choice < 4 and found:
            lines[place] = found[1] + rng.choice(_VALUES)
        elif choice == 4:
            del lines[place]
        elif choice == 5:
            lines.insert(place, lines[rng.randrange(len(lines))])
        elif choice == 6:
            lines.insert(place, rng.choice((*NAMES, *lure.paths, *lure.paths)))
        else:
            lines.insert(place, rng.choice(_LINES))
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


# --- bytes ----------------------------------------------------------------------------------------------


def _flipped(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 3, 30))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data) + 1)])


def _followed(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data) + rng.choice((b"}", b"\0", b"x", bytes(data), b" " * 100_000, b"\xff"))


def _otherwise(data: bytearray, rng: random.Random) -> bytes:
    """In another encoding, or after a mark of one."""
    text = bytes(data).decode("utf-8", "replace")
    return rng.choice(
        (
            b"\xef\xbb\xbf" + bytes(data),
            text.encode("utf-16"),
            text.encode("utf-32-le"),
            text.encode("gbk", "replace"),
            bytes(data).replace(b'"', b'"\xff\xfe', 1),
            bytes(data).replace(b'"', b'"\xed\xa0\x80', 1),
        )
    )


def _nothing(_: bytearray, rng: random.Random) -> bytes:
    return rng.choice((b"", b"\n", b"null", b"[]", b"{}", b'""', b"0", b"\0" * 1000, rng.randbytes(500)))


DAMAGES: Sequence[Callable[[bytearray, random.Random], bytes]] = (_flipped, _cut, _followed, _otherwise, _nothing)


def damaged(text: bytes, rng: random.Random) -> bytes:
    """Bytes that are wrong, whatever they mean."""
    return rng.choice(DAMAGES)(bytearray(text), rng)
