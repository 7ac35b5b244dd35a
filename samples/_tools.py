"""What the makers share: the `Sample` record, outside programs, and plain file writers."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
import wave
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
"""Mono samples in -1..1, shape (n,), or (n, channels)."""

TOOLS = {"soffice": ("soffice", "libreoffice"), "espeak": ("espeak-ng",)}
"""Optional programs by the word used in `Sample.needs`, with the names they go by on PATH."""


class SampleError(Exception):
    """A sample could not be made. The message names the sample or the program, and the reason."""


@dataclass(frozen=True)
class Sample:
    """One file that can be made.

    `name` is the path below the output folder, with `/` between the parts. `kind` is the kind of media
    that the name claims (video, audio, image, slides, archive, text, subtitle), also where the bytes say
    otherwise.
    """

    name: str
    kind: str
    note: str
    make: Callable[[Path], None]
    needs: frozenset[str] = field(default_factory=frozenset)
    slow: bool = False


def tool(word: str) -> str | None:
    """The path of an optional program, or None where it is not installed."""
    return next((found for name in TOOLS[word] if (found := shutil.which(name))), None)


def run(args: list[str], seconds: float = 120, env: dict[str, str] | None = None) -> None:
    """Run a program to its end, at most `seconds` long. Raises SampleError with the end of its messages."""
    try:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, env=env)
    except subprocess.TimeoutExpired as late:
        raise SampleError(f"{Path(args[0]).name} took more than {seconds:g} s: {' '.join(args[-6:])}") from late
    if done.returncode:
        tail = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-800:]
        raise SampleError(f"{Path(args[0]).name} ended with {done.returncode}: {tail}\n  {' '.join(args)}")


@cache
def ffmpeg_exe() -> str:
    """The one FFmpeg that every machine has: the build inside the imageio-ffmpeg wheel."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def ffmpeg(*args: str | Path, to: Path) -> None:
    """Write `to` with ffmpeg, the same bytes each time: one thread, no clock, no encoder version."""
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-threads", "1"]
    head = [ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-filter_threads", "1", "-y"]
    run([*head, *map(str, args), *exact, str(to)], seconds=300)


@contextmanager
def workdir() -> Iterator[Path]:
    """A folder for intermediate files, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        yield Path(folder)


def made(make: Callable[[Path], None], suffix: str) -> bytes:
    """The bytes that a maker writes, for makers that start from another sample."""
    with workdir() as folder:
        make(folder / f"made{suffix}")
        return (folder / f"made{suffix}").read_bytes()


_CLOCK_IN_PDF = (
    (rb"/CreationDate\(D:\d{14}", b"/CreationDate(D:20250101000000"),
    (rb"/ID \[ <[0-9A-F]{32}>\s<[0-9A-F]{32}>", b"/ID [ <" + b"0" * 32 + b">\n<" + b"0" * 32 + b">"),
    (rb"/DocChecksum /[0-9A-F]{32}", b"/DocChecksum /" + b"0" * 32),
)


def soffice(source: Path, suffix: str, to: Path, infilter: str | None = None) -> None:
    """Convert an office file with LibreOffice in a throwaway profile and an almost empty environment.

    Raises SampleError where nothing came out: soffice ends with 0 then too. An .odp differs a little from
    run to run (the order of its font names); .ppt and .pdf do not.
    """
    program = tool("soffice")
    if program is None:
        raise SampleError("LibreOffice (soffice) is not installed: run `make setup`")
    with workdir() as folder:
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        args = [
            program,
            f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            "--headless",
            "--norestore",
        ]
        args += [f"--infilter={infilter}"] if infilter else []
        run(
            [*args, "--convert-to", suffix, "--outdir", str(folder / "out"), str(source)],
            seconds=180,
            env=env,
        )
        found = folder / "out" / f"{source.stem}.{suffix.split(':')[0]}"
        if not found.is_file() or not found.stat().st_size:
            raise SampleError(f"soffice wrote no .{suffix} from {source.name}")
        data = found.read_bytes()
        # LibreOffice 7.4 writes the clock into a PDF whatever SOURCE_DATE_EPOCH says; as many bytes
        # replace it, so that the table of places in the file stays right.
        for pattern, fixed in _CLOCK_IN_PDF if suffix == "pdf" else ():
            data = re.sub(pattern, fixed, data)
        to.write_bytes(data)


# ---------------------------------------------------------------------------------------------- WAV


def wav_bytes(signal: Signal, rate: int) -> bytes:
    """A 16-bit PCM WAV of `signal` at `rate` Hz; louder than full scale is clipped."""
    pcm = np.round(np.clip(signal, -1.0, 1.0) * 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return out.getvalue()


# ---------------------------------------------------------------------------------------------- ZIP

_DOS_DATE = (2025 - 1980) << 9 | 1 << 5 | 1
_NAME_IS_UTF8 = 0x800


@dataclass(frozen=True)
class Entry:
    """One file in a zip archive. `name` is bytes so that any encoding, and any mischief, can be written.

    `mode` is the Unix file mode; `password` encrypts with the traditional PKWARE cipher (APPNOTE.TXT 6.1).
    """

    name: bytes
    data: bytes
    utf8: bool = False
    stored: bool = False
    mode: int = 0o100644
    password: bytes = b""


def _pkware(data: bytes, password: bytes, check: int) -> bytes:
    """Encrypt as APPNOTE.TXT 6.1 says; `check`, the CRC's high byte, ends the 12 bytes in front."""
    table = [zlib.crc32(bytes([n]), 0xFFFFFFFF) ^ 0xFFFFFFFF for n in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value: int, byte: int) -> int:
        return value >> 8 ^ table[(value ^ byte) & 0xFF]

    def turn(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        turn(byte)
    out = bytearray()
    for byte in bytes(11) + bytes([check]) + data:
        mask = (keys[2] & 0xFFFF) | 2
        out.append(byte ^ (mask * (mask ^ 1) >> 8 & 0xFF))
        turn(byte)
    return bytes(out)


def zip_bytes(entries: Iterable[Entry]) -> bytes:
    """A zip of `entries` in the order given, also of those that no tool would write; dated 2025-01-01."""
    body, index, count = bytearray(), bytearray(), 0
    for entry in entries:
        crc, data = zlib.crc32(entry.data), entry.data
        if not entry.stored:
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = deflate.compress(data) + deflate.flush()
        if entry.password:
            data = _pkware(data, entry.password, crc >> 24)
        flags = (_NAME_IS_UTF8 if entry.utf8 else 0) | (1 if entry.password else 0)
        common = b"".join(
            value.to_bytes(size, "little")
            for value, size in (
                (20, 2), (flags, 2), (0 if entry.stored else 8, 2), (0, 2), (_DOS_DATE, 2),
                (crc, 4), (len(data), 4), (len(entry.data), 4), (len(entry.name), 2), (0, 2),
            )
        )  # fmt: skip
        tail = bytes(6) + (entry.mode << 16).to_bytes(4, "little") + len(body).to_bytes(4, "little")
        index += b"PK\x01\x02\x14\x03" + common + tail + entry.name
        body += b"PK\x03\x04" + common + entry.name + data
        count += 1
    end = count.to_bytes(2, "little") * 2 + len(index).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    return bytes(body + index + b"PK\x05\x06" + bytes(4) + end + bytes(2))


def same_zip(data: bytes, edit: Callable[[str, bytes], bytes] = lambda _, content: content) -> bytes:
    """A zip written again with fixed dates, each member passed through `edit(name, content)`."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as old:
        names = [(info.filename, info.compress_type == zipfile.ZIP_STORED) for info in old.infolist()]
        return zip_bytes(
            Entry(name.encode(), edit(name, old.read(name)), utf8=not name.isascii(), stored=stored)
            for name, stored in names
        )
