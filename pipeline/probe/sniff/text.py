"""Telling text from other bytes, and one sort of text from another.

Playlists, pages and scripts that pose as media are named for what they are, so that nobody plays them.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.probe.text.encoding import MARKS, decoded, likeliest

# Control characters that no text holds: C0 without tab, line feed, form feed, carriage return and escape.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CUE: Final = re.compile(
    r"^\s*\d{1,3}[:：]\d{1,2}([:：]\d{1,2})?([,.，．]\d{1,3})?\s*(?:-{1,3}>|→)\s*\d{1,3}[:：]", re.MULTILINE
)
# A cue by its number and arrow, when its times cannot be read.
_NUMBERED: Final = re.compile(r"\d+[ \t]*\n[^\n]{0,60}-+>[^\n]{0,60}(?:\n|$)")
# What programs keep for themselves: an object whose first key is a text, or a list of objects, texts or numbers.
_JSON: Final = re.compile(
    r'(?:\[\s*)?\{\s*"[^"\n]{1,200}"\s*:|\[\s*"[^"\n]{0,200}"\s*(?:,\s*"|\]\s*\Z)|\[[\s\d.,-]{1,4096}\]\s*\Z'
)
_MOST: Final = 50  # one control character in so many is damage to a text; more is no text
_LOGGED: Final = 3  # lines at the top with a date and a time make a log
_WORD: Final = 20  # letters of a word, on the average, at the most
_ROOT: Final = re.compile(r"<(?:\w+:)?([A-Za-z]\w*)[\s/>]")
_STAMPED: Final = re.compile(r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d")  # how a line of a log begins
_SSML: Final = re.compile(r"<(speak|break|phoneme|say-as|sub|prosody|word|emotion|insert-action)\b[^<>]*>")
_ROOTS: Final = {"svg": "svg", "speak": "ssml", "html": "html", "mpd": "dash", "smil": "smil", "tt": "ttml"}
_HTML: Final = ("<!doctype html", "<html", "<head", "<body", "<script", "<title", "<meta")
# What FFmpeg takes for a playlist or a script, by its first line.
_OPENINGS: Final = (
    ("#extm3u", "hls"),
    ("ffconcat version", "ffconcat"),
    ("webvtt", "vtt"),
    ("[script info]", "ass"),
    ("[v4 styles]", "ass"),
    ("[v4+ styles]", "ass"),
    ("[events]\nformat:", "ass"),
    ("v=0\n", "sdp"),
    ("[playlist]", "pls"),
    ("#!", "script"),
)


def text_of(data: bytes, *, whole: bool, said: str | None = None) -> str | None:
    """`data` as text, or None when it is none. Damaged by at most one control character in _MOST, it still is.

    UTF-8, UTF-16 and UTF-32 with a mark or without, and every encoding of `probe.text.encoding` in which the letters
    make sense, or the one that it is `said` to be in. `whole` says that `data` is everything there is.
    """
    for mark, _, codec in MARKS:
        if data.startswith(mark):
            text = decoded(data[len(mark) :], codec, whole=whole)
            return None if text is None or _CONTROLS.search(text) else text
    texts = [decoded(data, encoding, whole=whole) for encoding in ("utf-8", "utf-32-le", "utf-32-be")]
    if texts[0] is None or b"\0" in data:
        # Any bytes are letters in an encoding of one byte each; a text in one has blanks between its words.
        texts += [one.text for one in likeliest(data, whole=whole) if one.sense and (one.wide or _spaced(one.text))]
    if said:
        texts.insert(0, decoded(data, said, whole=whole))
    # A text with a few stray bytes is still one; a rule names them.
    return next((one for one in texts if one and len(_CONTROLS.findall(one)) * _MOST <= len(one)), None)


def _spaced(text: str) -> bool:
    return len(text.split()) * _WORD >= len(text)


def sniff_text(data: bytes, *, whole: bool, said: str | None = None) -> str | None:
    """Which sort of text `data` is (plain, ssml, srt, vtt, svg, html, hls, ffconcat, ...), or None."""
    text = text_of(data, whole=whole, said=said)
    if text is None:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff \t\n")
    start = text[:2048].lower()
    for opening, format_ in _OPENINGS:
        if start.startswith(opening):
            return format_
    if start.startswith(_HTML):
        return "html"
    if start.startswith("<"):
        bare = re.sub(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(\[.*?\]\s*)?>", "", text[:4096], flags=re.DOTALL)
        root = _ROOT.match(bare.lstrip())
        if root and root[1].lower() in _ROOTS:
            return _ROOTS[root[1].lower()]
        if start.startswith("<?xml"):
            return "xml"
    if _JSON.match(text):
        return "json"
    lines = [line for line in text[:4096].split("\n") if line.strip()]
    if len(lines) >= _LOGGED and all(map(_STAMPED.match, lines[:_LOGGED])):
        return "log"
    if _CUE.search(text, 0, 4096) or _NUMBERED.match(text):
        return "srt"
    return "ssml" if _SSML.search(text) else "plain"
