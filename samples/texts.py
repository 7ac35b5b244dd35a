"""Subtitles, scripts and SSML: good, too long, badly encoded, badly formed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from samples._speech import LINES
from samples._tools import Sample


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02}:{whole // 60000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"


def _srt(times: list[tuple[float, float]]) -> str:
    cues = (
        f"{number}\n{_clock(start)} --> {_clock(end)}\n{LINES[number % len(LINES)]}\n"
        for number, (start, end) in enumerate(times, 1)
    )
    return "\n".join(cues)


def _prose(letters: int) -> str:
    """Exactly `letters` characters of Chinese prose, each sentence numbered so that no two are alike."""
    lines: list[str] = []
    total = 0
    while total < letters:
        lines.append(f"第{len(lines) + 1}句，{LINES[len(lines) % len(LINES)]}")
        total += len(lines[-1])
    return "".join(lines)[:letters]


def _write(data: bytes, to: Path) -> None:
    to.write_bytes(data)


_EVEN = [(2.0 * n, 2.0 * n + 1.8) for n in range(10)]
_GOOD_SRT = _srt(_EVEN)
_GOOD_SSML = (
    '<speak>欢迎<break time="500ms"/><phoneme ph="chong2">重</phoneme>来，'
    '电话<say-as interpret-as="phone">12345</say-as>，<sub alias="数字人">虚拟人</sub>说，'
    '<prosody rate="120">快一点</prosody>，<word>慢慢</word>来<break strength="medium"/>。</speak>'
)
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

# By name: kind, note, contents.
_TEXTS: dict[str, tuple[str, str, bytes]] = {
    "texts/good.srt": ("subtitle", "ten cues in order, UTF-8", _GOOD_SRT.encode()),
    "texts/overlapping.srt": (
        "subtitle",
        "each cue begins before the one before ends",
        _srt([(2.0 * n, 2.0 * n + 3) for n in range(5)]).encode(),
    ),
    "texts/bad-order.srt": ("subtitle", "cues in the wrong order", _srt(_EVEN[::-1]).encode()),
    "texts/backwards.srt": ("subtitle", "a cue that ends before it begins", _srt([(0, 1), (5, 3)]).encode()),
    "texts/bad-times.srt": ("subtitle", "times that are none", b"1\n00:00:0x,000 -> 00:00:02\nHello\n"),
    "texts/utf16.srt": (
        "subtitle",
        "UTF-16 with a byte order mark",
        b"\xff\xfe" + _GOOD_SRT.encode("utf-16-le"),
    ),
    "texts/gbk.srt": ("subtitle", "GBK", _GOOD_SRT.encode("gbk")),
    "texts/over-1mb.srt": (
        "subtitle",
        "over 1 MiB",
        _srt([(2.0 * n, 2.0 * n + 1.8) for n in range(16000)]).encode(),
    ),
    "texts/empty.srt": ("subtitle", "no bytes", b""),
    "texts/good.txt": ("text", "600 characters of Chinese, UTF-8", _prose(600).encode()),
    "texts/over-10000.txt": ("text", "10,001 characters", _prose(10001).encode()),
    "texts/over-2000.txt": ("text", "2,001 characters", _prose(2001).encode()),
    "texts/under-200.txt": ("text", "150 characters", _prose(150).encode()),
    "texts/three-letters.txt": ("text", "3 characters", "你好。".encode()),
    "texts/empty.txt": ("text", "no bytes", b""),
    "texts/blank.txt": ("text", "white space only", b" \r\n\t\n"),
    "texts/bom.txt": ("text", "UTF-8 with a byte order mark", b"\xef\xbb\xbf" + _prose(600).encode()),
    "texts/gbk.txt": ("text", "GBK", _prose(600).encode("gbk")),
    "texts/control-characters.txt": (
        "text",
        "NUL and escape among the words",
        ("你好\0世界\x1b[31m。" + "今天我们学习如何准备素材。" * 20).encode(),
    ),
    "texts/good.ssml": ("text", "every tag of the closed list", _GOOD_SSML.encode()),
    "texts/unclosed.ssml": ("text", "a tag left open", b'<speak>Hello <prosody rate="120">there</speak>'),
    "texts/unknown-tag.ssml": (
        "text",
        "a tag outside the list",
        b"<speak>Hello <blink>there</blink></speak>",
    ),
    "texts/short-break.ssml": ("text", "a break of 50 ms", b'<speak>Hello<break time="50ms"/>there</speak>'),
    "texts/long-break.ssml": ("text", "a break of 11 s", b'<speak>Hello<break time="11s"/>there</speak>'),
    "texts/fast.ssml": (
        "text",
        "prosody rate 250",
        b'<speak><prosody rate="250">Hello there</prosody></speak>',
    ),
    "texts/nested.ssml": (
        "text",
        "a tag inside one that holds text only",
        b'<speak><prosody rate="120">Hello<break time="500ms"/></prosody></speak>',
    ),
    "texts/no-root.ssml": ("text", "tags without speak around them", b'Hello<break time="500ms"/>there'),
    "texts/entity-bomb.ssml": (
        "text",
        "nested entities: ten to the ninth power laughs",
        f'<!DOCTYPE speak [<!ENTITY l0 "lol">{_LAUGHS}]><speak>&l9;</speak>'.encode(),
    ),
    "texts/external-entity.ssml": (
        "text",
        "an entity that names a local file",
        b'<!DOCTYPE speak [<!ENTITY x SYSTEM "file:///etc/hostname">]><speak>&x;</speak>',
    ),
}

SAMPLES = tuple(Sample(name, kind, note, partial(_write, data)) for name, (kind, note, data) in _TEXTS.items())
