"""Each fault of a voice package: which rule tells it, with which verdict, and what a script learns of it.

Rules whose limits are sizes of gigabytes have their cases in tests/rules/cases alone.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pipeline.cli.output import exit_code as code_of
from pipeline.documents import entry, read
from pipeline.documents.spool import Spool, line
from pipeline.documents.types import AssetEntry
from pipeline.model.job import Job
from pipeline.probe.archive import voices
from pipeline.stages.check import check
from samples._speech import LINES, speech
from samples._tools import Entry as Put
from samples._tools import wav_bytes, zip_bytes
from tests import ROOT
from tests.probe.test_archive import wav

Puts = list[Put]


def spoken(rate: int, channels: int = 1) -> bytes:
    """The first second of a sentence, alike in all channels."""
    said = speech(LINES[0], rate)[:rate]
    return wav_bytes(said if channels == 1 else np.stack([said] * channels, axis=1), rate)


CLIP, WIDE = spoken(16000), spoken(24000)
HEARD: dict[tuple[int, int], Any] = {}  # by checksum and size


@pytest.fixture(autouse=True)
def heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twenty recordings are one, so that one is heard."""
    hear = voices._heard

    def once(archive: Any, member: Any, *more: Any) -> Any:
        key = (member.crc, member.size)
        if key not in HEARD:
            HEARD[key] = hear(archive, member, *more)
        return HEARD[key]

    monkeypatch.setattr(voices, "_heard", once)


def pairs(count: int = 20, name: str = "{}") -> Puts:
    """Recordings with their texts, as the basic edition wants them."""
    return [
        one
        for n in range(count)
        for one in (
            Put(f"{name.format(n)}.wav".encode(), CLIP, stored=True),
            Put(f"{name.format(n)}.txt".encode(), f"第{n}句".encode(), stored=True),
        )
    ]


def without(name: str) -> Puts:
    return [put for put in pairs() if put.name != name.encode()]


def instead(name: str, data: bytes, **more: Any) -> Puts:
    return [*without(name), Put(name.encode(), data, **more)]


def more(name: bytes, data: bytes = CLIP, **how: Any) -> Puts:
    return [*pairs(), Put(name, data, **how)]


def clips(*names: str, data: bytes = WIDE) -> Puts:
    """Recordings alone, as Tencent takes them."""
    return [Put(name.encode(), data, stored=True) for name in names]


def flipped(entries: Puts) -> bytes:
    """With one byte of the last recording turned."""
    data = bytearray(zip_bytes(entries))
    at = data.rindex(b"RIFF") + 1000
    data[at] ^= 0xFF
    return bytes(data)


def overlapping() -> bytes:
    """The last entry's bytes are those of the first."""
    data = bytearray(zip_bytes(pairs()))
    last = data.rindex(b"PK\x01\x02")
    data[last + 42 : last + 46] = bytes(4)
    return bytes(data)


def many(count: int) -> bytes:
    """A zip of so many empty entries: 9.6 MB for 100,000."""
    local = struct.Struct("<4s5H3I2H")
    central = struct.Struct("<4s6H3I5H2I")
    body, index = bytearray(), bytearray()
    for number in range(count):
        name, at = b"%05d.wav" % number, len(body)
        body += local.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
        index += central.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at) + name
    # More than 65,535 entries take the end record of ZIP64 (APPNOTE 4.3.14, 4.3.15).
    where = len(body) + len(index)
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(index), len(body))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, where, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(index), len(body), 0)
    return bytes(body + index + end64 + locator + end)


def bomb() -> bytes:
    """A recording of 20 MB in 20 kB."""
    return zip_bytes(instead("0.wav", wav(48000, 2, seconds=104)))


class Fault(NamedTuple):
    """What is wrong, what it is called, and what comes of it."""

    what: str
    made: Puts | bytes | Callable[[], bytes]
    rule: str  # the end of its name; or the error's type
    verdict: str = "fail"
    code: int = 1


BASIC = (
    Fault("nothing at all", pairs(), "basic.names", "pass", 0),
    Fault("in one folder", pairs(name="voice/{}"), "zip.max-dirs", "pass", 0),
    # layout
    Fault("in a folder in a folder", pairs(name="a/b/{}"), "zip.max-dirs"),
    Fault("in two folders", [*pairs(10, "a/{}"), *pairs(20, "b/{}")[20:]], "zip.max-dirs"),
    Fault("in two places", [*pairs(10, "a/{}"), *pairs()[20:]], "zip.max-dirs.same-directory"),
    Fault("19 recordings", pairs(19), "basic.clip-count"),
    Fault("21 recordings", pairs(21), "basic.clip-count"),
    Fault("no recordings", b"PK\x05\x06" + bytes(18), "basic.clip-count"),
    Fault("counted from one", pairs(21)[2:], "basic.names"),
    Fault("other names", pairs(name="clip_{}"), "basic.names"),
    # pairing
    Fault("a text is missing", without("11.txt"), "basic.txt-per-wav"),
    Fault("a recording is missing", without("11.wav"), "basic.txt-per-wav"),
    Fault("a text of another name", [*without("3.txt"), Put(b"33.txt", b"x")], "basic.txt-per-wav"),
    # encodings of texts
    Fault("a text in GBK", instead("4.txt", "你好".encode("gbk")), "text.encoding", code=0),
    Fault("a text in UTF-16", instead("4.txt", "你好".encode("utf-16")), "text.encoding", code=0),
    Fault("a byte order mark", instead("4.txt", "你好".encode("utf-8-sig")), "text.encoding", code=0),
    Fault("a text in no encoding", instead("4.txt", bytes(range(128, 256)) * 4), "text.words", "unknown"),
    Fault("a text without words", instead("4.txt", "。".encode()), "text.words"),
    Fault("an empty text", instead("4.txt", b""), "text.words"),
    # entries that should not be there
    Fault("a name twice", more(b"5.wav"), "zip.problems"),
    Fault("a name twice, in capitals", more(b"5.WAV"), "zip.problems"),
    Fault("a package in the package", more(b"inner.zip", zip_bytes(pairs(1))), "zip.problems"),
    Fault("a package of another type", more(b"inner.zip", zip_bytes(pairs(1))), "zip.file-types"),
    Fault("what macOS adds", more(b"__MACOSX/._0.wav", bytes(120)), "zip.extra-files"),
    Fault("what Windows adds", more(b"Thumbs.db", bytes(120)), "zip.extra-files"),
    Fault("a hidden file", more(b".take.wav"), "zip.hidden"),
    Fault("a file of another type", more(b"readme.md", b"# Voice"), "zip.file-types"),
    Fault(
        "an MP3 called WAV", instead("3.wav", b"ID3\4" + bytes(6) + b"\xff\xfb\x90\x64" + bytes(413)), "wav.parseable"
    ),
    # forbidden names, and names that lead elsewhere
    *(Fault(f"a name with {mark!r}", more(b"2%c.wav" % mark), "zip.name-chars") for mark in b':*?"<>|\x07'),
    Fault("a name that climbs out", more(b"../x.wav"), "zip.safe-paths"),
    Fault("a name that climbs out in the middle", more(b"a/../../x.wav"), "zip.safe-paths"),
    Fault("an absolute name", more(b"/etc/x.wav"), "zip.safe-paths"),
    Fault("a drive letter", more(b"C:/x.wav"), "zip.safe-paths"),
    Fault("backslashes", more(rb"..\..\x.wav"), "zip.safe-paths"),
    Fault("a share", more(rb"\\host\x.wav"), "zip.safe-paths"),
    Fault("a nought in a name", more(b"x.wav\0.txt"), "zip.safe-paths"),
    Fault("a name that turns around", more("gnp\u202evaw.txt".encode(), utf8=True), "zip.safe-paths"),
    Fault("a symbolic link", more(b"x.wav", b"/etc/hostname", mode=0o120777), "zip.safe-paths"),
    # what cannot be opened, or only at a price
    Fault("a password", instead("0.wav", CLIP, password=b"secret"), "zip.encrypted"),
    Fault("cut short", zip_bytes(pairs())[:-2000], "zip.valid"),
    Fault("a byte turned", flipped(pairs()), "zip.valid"),
    Fault("two entries on the same bytes", overlapping(), "zip.valid"),
    Fault("not a zip", b"no zip at all. " * 20, "kind"),
    Fault("100,000 entries", lambda: many(100_000), "CeilingExceeded", code=4),
    Fault("1000 to one", bomb, "CeilingExceeded", code=4),
    # each recording
    Fault("a recording without samples", instead("7.wav", CLIP[:40] + bytes(4)), "clips.min-length"),
    Fault("a recording of one sample", instead("7.wav", wav(16000, seconds=1 / 16000)), "clips.min-length"),
    Fault("a recording in stereo", instead("7.wav", spoken(16000, 2)), "clips.mono", code=0),
)
ADVANCED = (
    Fault("two long recordings", [Put(b"a.wav", CLIP), Put(b"b.wav", CLIP)], "advanced.clip-count"),
    Fault("shorter than an hour", [Put(b"a.wav", CLIP)], "advanced.min-duration"),
    Fault("a text", [Put(b"a.wav", CLIP), Put(b"a.txt", b"text")], "zip.file-types"),
)
TENCENT = (
    Fault("nothing at all", clips("a.wav", "录音_1-b.wav"), "voice.zip.safe", "pass", 0),
    Fault("11 recordings", clips(*(f"{n}.wav" for n in range(11))), "zip.max-clips", code=0),
    Fault("no recordings", b"PK\x05\x06" + bytes(18), "zip.min-clips"),
    Fault("a name with a space", clips("my clip.wav"), "name.charset"),
    Fault("a name with brackets", clips("clip(1).wav"), "name.charset"),
    Fault("16 kHz", clips("a.wav", data=CLIP), "min-sample-rate"),
    Fault("a text", [*clips("a.wav"), Put(b"a.txt", b"text")], "formats"),
    Fault("a folder", clips("voice/a.wav"), "zip.flat", code=0),
    Fault("a name twice", clips("a.wav", "a.wav"), "zip.problems"),
    Fault("a hidden file", clips("a.wav", ".b.wav"), "zip.hidden"),
    Fault("one sample", clips("a.wav", data=wav(24000, seconds=1 / 24000)), "zip.clip-length"),
    Fault("stereo", clips("a.wav", data=spoken(24000, 2)), "zip.mono", code=0),
    Fault("a name that climbs out", clips("../a.wav"), "zip.safe"),
    Fault("a password", [Put(b"a.wav", WIDE, password=b"secret")], "zip.encrypted"),
    Fault("a byte turned", flipped(clips("a.wav")), "voice.container"),
    Fault("what macOS adds", [*clips("a.wav"), Put(b".DS_Store", b"x")], "zip.litter", code=0),
)
FAULTS = [
    pytest.param(preset, fault, id=f"{preset}: {fault.what}")
    for preset, faults in (
        ("metastudio/voice-basic", BASIC),
        ("metastudio/voice-advanced", ADVANCED),
        ("tencent/voice", TENCENT),
    )
    for fault in faults
]


def written(fault: Fault, path: Path) -> Path:
    made = fault.made() if callable(fault.made) else fault.made
    path.write_bytes(made if isinstance(made, bytes) else zip_bytes(made))
    return path


def told(asset: AssetEntry, rule: str) -> set[str]:
    """The verdicts of the rule whose name ends so."""
    return {f.verdict.value for f in asset.findings if f.rule.endswith(f".{rule}")}


def exit_code(asset: AssetEntry) -> int:
    """Of a batch of this one."""
    with Spool(1, AssetEntry) as spool:
        spool.put(0, line(asset))
        return code_of(spool)


@pytest.mark.parametrize(("preset", "fault"), FAULTS)
def test_a_fault_has_its_rule_its_verdict_and_its_exit_code(preset: str, fault: Fault, tmp_path: Path) -> None:
    path = written(fault, tmp_path / "a.zip")
    asset = entry.report(check(Job(path=str(path), stem="a", preset=preset)).report, "en")
    assert exit_code(asset) == fault.code
    if fault.code == 4:
        assert asset.error is not None
        assert asset.error.type == fault.rule
        assert "a.zip" in asset.error.message
    else:
        assert asset.error is None
        assert fault.verdict in told(asset, fault.rule)
        assert told(asset, fault.rule) <= {"pass", fault.verdict}
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"], "nothing is extracted"


def run(paths: Iterable[Path], tmp_path: Path) -> tuple[int, list[AssetEntry]]:
    command = [sys.executable, "-m", "pipeline", "check", *map(str, paths), "-p", "metastudio/voice-basic", "--json"]
    done = subprocess.run(command, cwd=ROOT, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assets = json.loads(done.stdout)["assets"]
    return done.returncode, [read.entry(json.dumps(asset).encode(), AssetEntry) for asset in assets]


def test_one_bad_package_stops_no_other(tmp_path: Path) -> None:
    wanted = ("nothing at all", "a hidden file", "100,000 entries", "1000 to one", "not a zip")
    faults = [fault for fault in BASIC if fault.what in wanted]
    paths = [written(fault, tmp_path / f"{n}.zip") for n, fault in enumerate(faults)]
    code, assets = run(paths, tmp_path)
    assert code == 4
    assert [exit_code(asset) for asset in assets] == [fault.code for fault in faults]


def test_sound_that_no_header_tells_of_is_opened(sample: Callable[[str], Path], tmp_path: Path) -> None:
    names = ("audio/speech-stereo-44k.mp3", "audio/good.m4a", "audio/good.wma", "audio/good.aac")
    sounds = [sample(name).read_bytes() for name in names]
    entries = [
        Put(f"{n}{Path(name).suffix}".encode(), data) for n, (name, data) in enumerate(zip(names, sounds, strict=True))
    ]
    (tmp_path / "a.zip").write_bytes(zip_bytes([*entries, Put(b"4.m4a", sounds[1][:1000])]))
    asset = entry.report(check(Job(path=str(tmp_path / "a.zip"), stem="a", preset="tencent/voice")).report, "en")
    for rule in ("min-sample-rate", "zip.clip-length"):
        found = {f.where.en: f.verdict for f in asset.findings if f.rule.endswith(f".{rule}") and f.where}
        whole = dict.fromkeys(("0.mp3", "1.m4a", "2.wma", "3.aac"), "pass")
        assert found == {**whole, "4.m4a": "unknown"}, "what does not open is not known"
    assert asset.status == "blocked"
