"""Voice packages: zips as the two platforms want them, and each way of being bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np

from samples._speech import passage, speech
from samples._tools import Entry, Sample, ffmpeg, wav_bytes, workdir, zip_bytes

Entries = list[Entry]

_WHO = ("老师", "同学", "我们", "大家", "医生", "主播", "工人", "司机", "学生", "朋友")
_DOES = ("来了", "走了", "笑了", "说话", "唱歌", "看书", "写字", "吃饭", "喝水", "跑步")
PHRASES = tuple(f"{who}{does}。" for does in _DOES for who in _WHO)
"""A hundred short sentences, no two alike: about one second each when spoken."""


@cache
def _clip(number: int, rate: int = 16000) -> bytes:
    return wav_bytes(speech(PHRASES[number], rate), rate)


def _pair(number: int, stem: str | None = None, rate: int = 16000) -> Entries:
    """A clip and its text, which is what the clip says."""
    name = str(number) if stem is None else stem
    text = PHRASES[number].encode()
    return [Entry(f"{name}.wav".encode(), _clip(number, rate)), Entry(f"{name}.txt".encode(), text)]


def _pairs(count: int = 20) -> Entries:
    return [entry for number in range(count) for entry in _pair(number)]


def _clips(names: Iterable[str], rate: int = 24000) -> Entries:
    """Clips alone, as Tencent takes them."""
    return [Entry(f"{name}.wav".encode(), _clip(n, rate)) for n, name in enumerate(names)]


def _renamed(change: Callable[[bytes], bytes]) -> Entries:
    return [Entry(change(entry.name), entry.data) for entry in _pairs()]


def _with(*extra: Entry) -> Entries:
    return [*_pairs(), *extra]


def _instead(number: int, *other: Entry) -> Entries:
    """Twenty pairs with `other` in the place of clip `number`."""
    return [entry for entry in _pairs() if entry.name != f"{number}.wav".encode()] + list(other)


def _without(name: bytes) -> Entries:
    return [entry for entry in _pairs() if entry.name != name]


def _two_directories() -> Entries:
    return [Entry((b"first/" if number < 20 else b"second/") + e.name, e.data) for number, e in enumerate(_pairs())]


def _gbk_names() -> Entries:
    words = ("开场", "问候", "介绍")
    pairs = [e for number, word in enumerate(words) for e in _pair(number, word)]
    return [Entry(entry.name.decode().encode("gbk"), entry.data) for entry in pairs]


def _utf8_names() -> Entries:
    pairs = [e for number, word in enumerate(("开场", "问候", "介绍")) for e in _pair(number, word)]
    return [Entry(entry.name, entry.data, utf8=True) for entry in pairs]


def _mp3_inside() -> Entries:
    with workdir() as folder:
        (folder / "clip.wav").write_bytes(_clip(3))
        ffmpeg("-i", folder / "clip.wav", "-c:a", "libmp3lame", to=folder / "clip.mp3")
        return _instead(3, Entry(b"3.wav", (folder / "clip.mp3").read_bytes()))


def _gbk_texts() -> Entries:
    return [Entry(e.name, e.data.decode().encode("gbk") if e.name.endswith(b".txt") else e.data) for e in _pairs()]


def _stereo_clip() -> Entries:
    both = np.stack([speech(PHRASES[4], 16000)] * 2, axis=1)
    return _instead(4, Entry(b"4.wav", wav_bytes(both, 16000)))


def _bomb() -> Entries:
    return _instead(0, Entry(b"0.wav", _clip(0)[:44] + bytes(200_000_000)))


def _long_wav(seconds: int) -> bytes:
    """Speech for a tenth of each 20 s and silence for the rest, so that an hour of it still zips to a few MB.

    8 kHz and 2,048 levels; every stretch of speech differs, so it zips about 18:1, not 1000:1.
    """
    rate, block = 8000, 20
    parts = []
    for number in range(seconds // block):
        said = passage(2, rate, start=number)
        loudness = 0.9 + 0.1 * (number % 7) / 7
        parts += [np.round(said * loudness * 1024) / 1024, np.zeros((block - 2) * rate)]
    return wav_bytes(np.concatenate(parts), rate)


def _advanced(seconds: int) -> Entries:
    return [Entry(b"long.wav", _long_wav(seconds))]


def _write(entries: Callable[[], Entries], to: Path) -> None:
    to.write_bytes(zip_bytes(entries()))


def _write_truncated(to: Path) -> None:
    data = zip_bytes(_pairs())
    to.write_bytes(data[: len(data) * 6 // 10])


def _write_damaged(to: Path) -> None:
    """One clip's compressed bytes overwritten: the list of files still reads, that clip's CRC does not."""
    data = bytearray(zip_bytes(_pairs()))
    start = data.index(b"7.wav") + 2000
    data[start : start + 64] = bytes(64)
    to.write_bytes(data)


def _write_text(to: Path) -> None:
    to.write_bytes(b"This is not a zip archive.\n" * 100)


# By name below packages/: note, entries.
_PACKAGES: dict[str, tuple[str, Callable[[], Entries]]] = {
    "basic-good.zip": ("MetaStudio basic: 20 clips and texts", _pairs),
    "basic-one-folder.zip": ("the same in one folder", lambda: _renamed(lambda name: b"voice/" + name)),
    "middle-good.zip": ("MetaStudio middle: 100 clips and texts", partial(_pairs, 100)),
    "advanced-short.zip": ("MetaStudio advanced: one WAV, but only one minute", partial(_advanced, 60)),
    "tencent-good.zip": ("Tencent: three clips at 24 kHz", lambda: _clips(("clip01", "clip02", "clip03"))),
    "missing-txt.zip": ("a clip without its text", lambda: _without(b"11.txt")),
    "missing-wav.zip": ("a text without its clip", lambda: _without(b"11.wav")),
    "19-clips.zip": ("one clip too few", partial(_pairs, 19)),
    "21-clips.zip": ("one clip too many", partial(_pairs, 21)),
    "wrong-names.zip": ("audio_0.wav and so on", lambda: _renamed(lambda name: b"audio_" + name)),
    "from-one.zip": ("numbered from 1 to 20", lambda: [e for n in range(20) for e in _pair(n, str(n + 1))]),
    "two-directories.zip": ("files in two folders", _two_directories),
    "nested-directory.zip": (
        "a folder in a folder",
        lambda: _renamed(lambda name: b"voice/session1/" + name),
    ),
    "extras.zip": (
        "a Mac's leavings: __MACOSX, .DS_Store",
        lambda: _with(
            Entry(b"__MACOSX/._0.wav", b"\0\5\x16\7" + bytes(116)),
            Entry(b".DS_Store", b"\0\0\0\1Bud1" + bytes(6140)),
        ),
    ),
    "readme-inside.zip": ("a file that does not belong", lambda: _with(Entry(b"readme.md", b"# Voice\n"))),
    "forbidden-character.zip": ("a name with * and ?", lambda: _instead(2, Entry(b"2*?.wav", _clip(2)))),
    "traversal.zip": ("a name that climbs out: ../x.wav", lambda: _with(Entry(b"../x.wav", _clip(0)))),
    "absolute.zip": ("an absolute name", lambda: _with(Entry(b"/absolute/x.wav", _clip(0)))),
    "drive-letter.zip": ("a name with a drive letter", lambda: _with(Entry(b"C:/x.wav", _clip(0)))),
    "backslash.zip": ("a name with backslashes", lambda: _with(Entry(rb"..\..\x.wav", _clip(0)))),
    "symlink.zip": ("a symbolic link", lambda: _with(Entry(b"x.wav", b"/etc/hostname", mode=0o120777))),
    "duplicate.zip": ("one name twice, two contents", lambda: _with(Entry(b"5.wav", _clip(6)))),
    "case-duplicate.zip": ("0.wav and 0.WAV", lambda: _with(Entry(b"0.WAV", _clip(1)))),
    "encrypted.zip": (
        "a clip that needs a password",
        lambda: _instead(0, Entry(b"0.wav", _clip(0), password=b"preflight")),
    ),
    "zip-in-zip.zip": (
        "a good package inside a zip",
        lambda: [Entry(b"basic.zip", zip_bytes(_pairs()), stored=True)],
    ),
    "bomb.zip": ("a clip of 200 MB that packs 1000:1", _bomb),
    "gbk-names.zip": ("Chinese names in GBK, not marked UTF-8", _gbk_names),
    "utf8-names.zip": ("Chinese names, marked UTF-8", _utf8_names),
    "gbk-texts.zip": ("texts in GBK", _gbk_texts),
    "empty-text.zip": ("a text without words", lambda: [*_without(b"8.txt"), Entry(b"8.txt", b"")]),
    "mp3-inside.zip": ("an MP3 named .wav", _mp3_inside),
    "stereo-inside.zip": ("a stereo clip among mono ones", _stereo_clip),
    "empty.zip": ("a zip of nothing", list),
    "tencent-11-clips.zip": (
        "Tencent: 11 clips where 10 are advised",
        lambda: _clips(f"clip{n:02}" for n in range(11)),
    ),
    "tencent-space.zip": ("Tencent: a name with a space", lambda: _clips(("clip 01", "clip02"))),
    "tencent-16k.zip": (
        "Tencent: 16 kHz where 24 kHz is the least",
        lambda: _clips(("clip01", "clip02"), 16000),
    ),
}

SAMPLES = (
    *(Sample(f"packages/{name}", "archive", note, partial(_write, make)) for name, (note, make) in _PACKAGES.items()),
    Sample(
        "packages/advanced-good.zip",
        "archive",
        "MetaStudio advanced: one WAV of an hour",
        partial(_write, partial(_advanced, 3600)),
        slow=True,
    ),
    Sample("packages/truncated.zip", "archive", "cut at 60 %", _write_truncated),
    Sample("packages/damaged.zip", "archive", "a clip whose bytes are damaged", _write_damaged),
    Sample("packages/not-a-zip.zip", "archive", "plain text named .zip", _write_text),
)
