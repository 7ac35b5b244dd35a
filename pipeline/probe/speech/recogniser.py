"""Text accuracy, when the user has plugged in a speech recogniser. None comes with this package.

A recogniser is an object with one method, `transcribe(path) -> str`, that an installed package offers as an entry
point of the group `media_preflight.recognisers` (the entry point is called without arguments to get it, once in each
worker process). The text that should have been read lies beside the recording: `clip.txt` beside `clip.wav`.
"""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast

import numpy as np

from pipeline.errors import ToolFailed
from pipeline.probe.text.encoding import decode

GROUP: Final = "media_preflight.recognisers"
_LONGEST: Final = 100_000  # characters of a text that are compared


class Recogniser(Protocol):
    """Turns speech into text."""

    def transcribe(self, path: Path) -> str:
        """What is said in the recording at `path`."""


@cache
def installed() -> Recogniser | None:
    """The recogniser that the user has installed (the first by name), or None. Loaded once in a process.

    Raises ToolFailed where it does not load.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    if not found:
        return None
    try:
        return cast(Recogniser, found[0].load()())
    except Exception as error:
        raise _failed(found[0].name, "could not be loaded", "无法加载", error) from error


def transcribed(path: Path) -> str:
    """What the installed recogniser hears in the recording at `path`; empty without one.

    Raises ToolFailed where it fails or answers with anything but text.
    """
    listener = installed()
    if listener is None:
        return ""
    name = type(listener).__name__
    try:
        said: object = listener.transcribe(path)
    except Exception as error:
        raise _failed(name, f"failed on {path.name}", f"处理 {path.name} 时失败", error) from error
    if not isinstance(said, str):
        answer = TypeError(type(said).__name__)
        raise _failed(name, f"gave no text for {path.name}", f"未返回 {path.name} 的文本", answer)
    return said


def _failed(name: str, en: str, zh: str, error: Exception) -> ToolFailed:
    why = f"{type(error).__name__}: {error}"
    return ToolFailed(
        f"The recogniser {name} {en} ({why}). Mend or uninstall it.", f"识别器 {name} {zh}（{why}）。请修复或卸载。"
    )


def plain(text: str) -> str:
    """What counts of a text: letters and digits, in one width and one case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def distance(one: str, other: str) -> int:
    """Characters to insert, remove or exchange to get from one text to the other (Levenshtein)."""
    column = np.arange(len(other) + 1)
    letters = np.array([ord(letter) for letter in other], dtype=np.int64)
    places = np.arange(len(other) + 1)
    for letter in one:
        best = np.minimum(column[1:] + 1, column[:-1] + (letters != ord(letter)))
        row = np.concatenate([[column[0] + 1], best])
        # An insertion continues from the left: the running minimum of what is left over.
        column = np.minimum.accumulate(row - places) + places
    return int(column[-1])


def accuracy(wanted: str, heard: str) -> Fraction | None:
    """Share of the characters of `wanted` that were read, 0 to 1; None without any."""
    reference = plain(wanted)[:_LONGEST]
    if not reference:
        return None
    wrong = distance(reference, plain(heard)[: 2 * _LONGEST])
    return max(Fraction(0), 1 - Fraction(wrong, len(reference)))


def measure(path: Path) -> Fraction | None:
    """Text accuracy of the recording at `path`; None without a recogniser or without a text beside it."""
    script = path.with_suffix(".txt")
    if not script.is_file() or script.stat().st_size > 4 * _LONGEST:
        return None
    if installed() is None:
        return None
    wanted = decode(script.read_bytes()).text
    return None if wanted is None else accuracy(wanted, transcribed(path))
