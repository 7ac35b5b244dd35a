"""Content-MD5 as RFC 1864 has it: base64 of the raw sixteen bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.digest import CONTENT_TYPES, content_md5, content_type, file_state, strict_state

CONTENTS = {
    "empty": b"",
    "abc": b"abc",
    "one block and a byte": bytes(range(256)) * 1024 + b"\0",
    "larger than any buffer": b"media preflight\n" * 300_000,
}
# The digests of RFC 1321, A.5, in base64.
KNOWN = {"empty": "1B2M2Y8AsgTpgAmY7PhCfg==", "abc": "kAFQmDzST7DWlj99KOF/cg=="}


@pytest.fixture(params=CONTENTS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENTS[request.param])
    return path


def test_it_is_what_hashlib_says(file: Path) -> None:
    raw = hashlib.md5(file.read_bytes(), usedforsecurity=False).digest()
    assert content_md5(file) == base64.b64encode(raw).decode("ascii")


def test_it_is_what_openssl_says(file: Path) -> None:
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    raw = subprocess.run([openssl, "md5", "-binary", str(file)], capture_output=True, check=True).stdout
    told = subprocess.run([openssl, "base64"], input=raw, capture_output=True, check=True).stdout
    assert content_md5(file) == told.decode("ascii").strip()


def test_it_is_24_characters_of_the_raw_bytes_and_never_of_their_hexadecimal_form(file: Path) -> None:
    digest = content_md5(file)
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", digest)
    assert len(base64.b64decode(digest, validate=True)) == 16


@pytest.mark.parametrize(("name", "digest"), KNOWN.items())
def test_published_digests_are_met(tmp_path: Path, name: str, digest: str) -> None:
    (tmp_path / "file").write_bytes(CONTENTS[name])
    assert content_md5(tmp_path / "file") == digest


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        content_md5(tmp_path / "nosuch")


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("a.mp4", "video/mp4"),
        ("a.JPG", "image/jpeg"),
        ("a.b.wav", "audio/wav"),
        ("a.mov", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("mp4", "application/octet-stream"),
    ],
)
def test_the_media_type_is_the_platforms_own_or_octet_stream(name: str, type_: str) -> None:
    assert content_type(Path(name)) == type_


def test_every_listed_type_is_a_media_type() -> None:
    assert all(re.fullmatch(r"(image|video|audio)/[a-z0-9]+", type_) for type_ in CONTENT_TYPES.values())


# --- whether a file was written to --------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [file_state, lambda path: strict_state(path.stat())], ids=["within a run", "beyond it"]
)
def test_what_was_written_to_has_another_state(tmp_path: Path, state: Callable[[Path], str]) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1_000_000_000))
    first = state(file)
    assert state(file) == first
    assert re.fullmatch(r"3( \d+)+", first)
    seen = {first}
    file.write_bytes(b"longer")
    os.utime(file, ns=(1, 1_000_000_000))
    seen.add(state(file))
    file.write_bytes(b"two")  # as long as the first
    os.utime(file, ns=(1, 1_000_000_001))  # a nanosecond later
    seen.add(state(file))
    other = tmp_path / "other"  # of the same size and time
    other.write_bytes(b"one")
    os.utime(other, ns=(1, 1_000_000_000))
    other.replace(file)
    seen.add(state(file))
    assert len(seen) == 4


def test_a_new_name_is_no_change_within_a_run_and_one_beyond_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1_000_000_000))
    within, beyond, changed = file_state(file), strict_state(file.stat()), file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == changed:  # the clock of the file system may stand for a moment
        file.chmod(0o600)
        file.chmod(0o644)
    assert file_state(file) == within
    assert strict_state(file.stat()) != beyond


def test_it_is_digested_where_md5_is_no_longer_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines under FIPS refuse it unless the caller says that nothing is kept secret with it."""
    real = hashlib.md5

    def strict(data: bytes = b"", *, usedforsecurity: bool = True) -> Any:
        if usedforsecurity:
            raise ValueError("disabled for FIPS")
        return real(data, usedforsecurity=False)

    monkeypatch.setattr(hashlib, "md5", strict)
    (tmp_path / "file").write_bytes(b"abc")
    assert content_md5(tmp_path / "file") == KNOWN["abc"]
