"""Names and things in the file system that are not what a tool expects."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

from tests.attack.table import JUDGED, REFUSED, Attack, Ground, sample, wav

NAMES = "a name runs, hides and leads nowhere"
THINGS = "what is no regular file is refused without waiting"
MOVING = "a file that changes is read to an end"

_NAMES: dict[str, str | bytes] = {
    "newline": "a\nb.jpg",
    "return": "a\rb.jpg",
    "escape codes": "\x1b[2J\x1b]0;owned\x07.jpg",
    "right to left": "\u202egpj.exe.jpg",
    "no width": "a\u200b\u2060\ufeff.jpg",
    "255 bytes": "x" * 251 + ".jpg",
    "255 bytes of Chinese": "数" * 83 + "ab.jpg",
    "leading dash": "-o.jpg",
    "an option": "--json.jpg",
    "no text": b"\xff\xfe\x80.jpg",
    "half a character": b"\xe6\x95.jpg",
    "a surrogate": b"\xed\xa0\x80.jpg",
    "a space": " .jpg",
    "dots": "...jpg",
    "a command": "$(touch owned);`touch owned`.jpg",
    "a pipe": "|touch owned;.jpg",
    "a format": "%s%n%d{0}{name}%(x)s.jpg",
    "quotes": "a\"b'c.jpg",
    "markup": "<img src=x onerror=alert(1)>[bold].jpg",
    "a formula": "=cmd|' calc'!A0.jpg",
    "a pattern": "*[a-z]?.jpg",
    "a home": "~root.jpg",
    "a device of Windows": "CON.jpg",
    "a demuxer's word": "concat:a|b.jpg",
    "an image sequence": "%04d.jpg",
    "our own": ".preflight-work-1-x.jpg",
    "a manifest": "manifest.json.jpg",
    "a backslash": "..\\..\\x.jpg",
    "two forms": unicodedata.normalize("NFD", "é") + ".jpg",
}


def _named(name: str | bytes) -> Callable[[Ground], str]:
    return lambda ground: ground.file(name, sample("images/good.jpeg"))


def _pipe(ground: Ground) -> str:
    os.mkfifo(ground.folder / "a.mp4")
    return str(ground.folder / "a.mp4")


def _socket(ground: Ground) -> str:
    path = ground.folder / "a.jpg"
    one = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # a path of a socket is short
    try:
        one.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)
        one.close()
    return str(path)


def _linked(to: str) -> Callable[[Ground], str]:
    def make(ground: Ground) -> str:
        path = ground.folder / "a.mp4"
        path.symlink_to(to or path)
        return str(path)

    return make


def _folder(ground: Ground) -> str:
    """A folder that holds itself, a way up, a pipe, a device, and one picture."""
    top = ground.folder / "top"
    (top / "below").mkdir(parents=True)
    (top / "below" / "again").symlink_to("..")
    (top / "up").symlink_to("/")
    (top / "victim.jpg").symlink_to(ground.victim)
    (top / "zero.mp4").symlink_to("/dev/zero")
    os.mkfifo(top / "pipe.wav")
    (top / "good.jpg").write_bytes(sample("images/good.jpeg"))
    return str(top)


def _deep(ground: Ground) -> str:
    here = os.open(".", os.O_RDONLY)
    os.chdir(ground.folder)
    try:
        for number in range(400):  # a path of more than 4,096 bytes: it can be made, and not be named
            name = f"folder-{number:03d}"
            os.mkdir(name)  # noqa: PTH102  the path is too long for a path
            os.chdir(name)
        Path("good.jpg").write_bytes(sample("images/good.jpeg"))
    finally:
        os.fchdir(here)
        os.close(here)
    return str(ground.folder)


def _locked(ground: Ground) -> str:
    path = ground.file("a.jpg", sample("images/good.jpeg"))
    os.chmod(path, 0)  # noqa: PTH101
    return path


def _sparse(name: str, head: bytes) -> Callable[[Ground], str]:
    def make(ground: Ground) -> str:
        path = ground.file(name, head)
        os.truncate(path, 1 << 40)
        return path

    return make


def _names() -> list[Attack]:
    return [Attack(NAMES, name, _named(file)) for name, file in _NAMES.items()]


def _things() -> list[Attack]:
    links = ("/dev/zero", "/dev/random", "/dev/full", "/dev/stdin", "/dev/tty", "/proc/self/mem", "/proc/self/environ")
    links += ("/proc/kmsg", "/sys/kernel/profiling", "nowhere", "")
    made = [
        Attack(THINGS, f"a link to {to or 'itself'}", _linked(to), codes=JUDGED | REFUSED, complies=False, steady=False)
        for to in links
    ]
    return [
        Attack(THINGS, "a named pipe", _pipe, codes=REFUSED, complies=False),
        Attack(THINGS, "a socket", _socket, codes=REFUSED, complies=False),
        *made,
        Attack(THINGS, "a folder that holds itself", _folder, named=False),
        Attack(THINGS, "folders without end", _deep, codes=JUDGED | REFUSED, named=False),
        Attack(THINGS, "a file that nobody may read", _locked, codes=JUDGED | REFUSED),
    ]


def _moving() -> list[Attack]:
    sparse = {
        "a.mp4": sample("video/odd-size.mp4")[:2000],
        "a.wav": wav(claims=0xFFFFFFFF),
        "a.png": sample("images/alpha.png"),
        "a.jpg": sample("images/good.jpeg"),
        "a.mp3": sample("audio/good.mp3"),
        "a.mkv": sample("video/h264.mkv")[:4000],
        "a.pdf": sample("decks/good.pdf"),
        "a.zip": b"PK\3\4" + bytes(26),
        "a.srt": sample("texts/good.srt"),
        "a.bin": b"",
    }
    return [
        Attack(MOVING, f"a tebibyte of nothing after {name[2:]}", _sparse(name, head), complies=False)
        for name, head in sparse.items()
    ]


ATTACKS = (*_names(), *_things(), *_moving())
