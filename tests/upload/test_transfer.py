"""Bytes on their way: where they may go, in which steps, at which rate, and never whole when they are other ones."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UploadError, UsageError
from pipeline.upload import multipart, transfer
from pipeline.upload.items import File
from pipeline.upload.rate_limit import BELOW, Bucket, amount
from pipeline.upload.transfer import Body, Changed, late, secure, what

DATA = bytes(range(256)) * 40  # 10,240 bytes
MIB = 1 << 20


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


# --- where ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://a.example/x", "http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]:8/x"]
)
def test_bytes_go_where_they_are_encrypted_or_stay_here(url: str) -> None:
    assert secure(url) == url


@pytest.mark.parametrize(
    "url", ["http://a.example/x?sig=1", "ftp://localhost/x", "http://127.0.0.2/x", "//a.example/x"]
)
def test_bytes_go_nowhere_else(url: str) -> None:
    with pytest.raises(UsageError, match="only https is used") as found:
        secure(url)
    assert "sig=1" not in found.value.text.en


# --- how much at a time -----------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [
    ("7", 7), ("500k", 500e3), ("10M", 10e6), ("2.5g", 2.5e9), (" 1K ", 1e3), ("0.5m", 0.5e6),
])  # fmt: skip
def test_a_bandwidth_is_written_as_it_is_sold(text: str, value: float) -> None:
    assert amount("--bandwidth", text) == value


@pytest.mark.parametrize("text", ["0", "0k", "-1", "k", "1t", "1.k", "1kb", "", "much", "1e3"])
def test_what_is_no_bandwidth_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--bandwidth .*wants bytes"):
        amount("--bandwidth", text)


def test_a_bucket_waits_as_long_as_its_debt_lasts() -> None:
    """Two a second, one at once: on a clock that stands still each further one is half a second later."""
    now, waited = [0.0], []
    bucket = Bucket(2.0, clock=lambda: now[0], sleep=waited.append)
    for _ in range(4):
        bucket.take()
    assert waited == [0.5, 1.0, 1.5]
    now[0] = 1.5  # paid
    bucket.take()
    assert waited == [0.5, 1.0, 1.5, 0.5]
    now[0] = 100.0  # no more than one is saved up, however long nobody came
    bucket.take()
    assert len(waited) == 4
    bucket.take()
    assert waited[4:] == [0.5]
    now[0] = 200.0
    bucket.take(5.0)  # four more than are there
    assert waited[5:] == [2.0]


def test_what_is_there_is_not_waited_for() -> None:
    waited: list[float] = []
    Bucket(2.0, depth=1.5, clock=lambda: 0.0, sleep=waited.append).take()  # half of one is left
    assert waited == []
    assert 0.5 < BELOW < 1, "several machines share the rate that is stated"


def test_a_deep_bucket_gives_a_burst() -> None:
    waited: list[float] = []
    bucket = Bucket(10.0, depth=3.0, clock=lambda: 7.0, sleep=waited.append)
    for _ in range(5):
        bucket.take()
    assert waited == pytest.approx([0.1, 0.2])


# --- a stretch of a file ------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_bytes(DATA)
    return made


@pytest.mark.parametrize(("start", "length"), [(0, 10_240), (5, 100), (10_239, 1), (0, 1), (7, 0)])
def test_a_body_is_its_stretch_and_says_when_all_of_it_is_out(path: Path, start: int, length: int) -> None:
    sent: list[int] = []
    body = Body(path, start, length, sent.append, None, md5(DATA[start : start + length]) if length else None)
    assert (len(body), body.position, body.whole) == (length, 0, False)
    assert b"".join(body) == DATA[start : start + length]
    assert (sum(sent), body.position, body.whole) == (length, length, length > 0)


@pytest.mark.parametrize(
    ("rate", "steps"),
    [
        (None, [MIB, MIB, 5]),
        (4.0 * MIB, [MIB, MIB, 5]),  # a quarter of a second's worth
        (8.0 * MIB, [MIB, MIB, 5]),  # and never more than without a rate
        (2.0 * MIB, [MIB // 2] * 4 + [5]),
        (4000.0, [4096] * 512 + [5]),  # and never less than 4 KiB
    ],
)
def test_slow_bytes_go_in_small_steps(tmp_path: Path, rate: float | None, steps: list[int]) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(2 * MIB + 5))
    paid: list[float] = []

    class Counting(Bucket):
        def take(self, amount: float = 1.0) -> None:
            paid.append(amount)

    body = Body(large, 0, 2 * MIB + 5, lambda _: None, None if rate is None else Counting(rate))
    assert [len(chunk) for chunk in body] == steps
    assert paid == ([] if rate is None else steps)


def test_a_body_is_whole_only_with_its_last_step(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(MIB + 5))
    body = Body(large, 0, MIB + 5, lambda _: None, None, md5(bytes(MIB + 5)))
    assert [(len(chunk), body.whole) for chunk in body] == [(MIB, False), (5, True)]


def test_other_bytes_than_expected_never_go_out_whole(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(MIB + 5))
    body = Body(large, 0, MIB + 5, lambda _: None, None, md5(b"other"))
    pieces = iter(body)
    assert len(next(pieces)) == MIB
    with pytest.raises(Changed, match=r"changed since prepare: MD5 .*; the manifest says MD5 ") as found:
        next(pieces)
    assert not body.whole
    assert md5(b"other") in found.value.text.en
    assert md5(bytes(MIB + 5)) in found.value.text.en
    unasked = Body(large, 0, MIB + 5, lambda _: None, None)
    assert sum(map(len, unasked)) == MIB + 5


def test_a_file_that_ends_early_is_told(path: Path) -> None:
    with pytest.raises(UploadError, match="became shorter"):
        list(Body(path, 10_000, 241, lambda _: None, None))
    assert sum(map(len, Body(path, 10_000, 240, lambda _: None, None))) == 240


def test_from_64_mib_on_a_file_is_digested_on_its_way() -> None:
    assert [late(size) for size in (0, 64 * MIB, 64 * MIB + 1)] == [False, False, True]


def test_a_digest_in_words() -> None:
    assert what("abc==").en == "MD5 abc=="
    assert (what("abc==", 0).en, what("abc==", 5).zh) == ("0 bytes, MD5 abc==", "5 字节，MD5 abc==")


# --- parts ------------------------------------------------------------------------------------------

STRETCHES = [(0, 4000), (4000, 4000), (8000, 2240)]


def file(path: Path, **changes: Any) -> File:
    known = {"size": len(DATA), "md5": md5(DATA), **changes}
    return File(path=path, name="file", place="file", category="MAIN", content_type="x/y", **known)


@pytest.fixture(params=[False, True], ids=["small", "large"])
def ahead(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the whole is digested in the same pass."""
    monkeypatch.setattr(transfer, "AHEAD", 1000 if request.param else MIB)
    return bool(request.param)


def test_parts_are_digested_one_by_one(path: Path, ahead: bool) -> None:
    alive: list[int] = []
    parts = multipart.Parts(file(path), STRETCHES, lambda: alive.append(1))
    assert len(parts) == 3
    found = list(parts)
    assert [(part.number, part.start, part.length) for part in found] == [
        (1, 0, 4000),
        (2, 4000, 4000),
        (3, 8000, 2240),
    ]
    for part in found:
        data = DATA[part.start : part.start + part.length]
        assert (part.md5, part.tag) == (md5(data), hashlib.md5(data, usedforsecurity=False).hexdigest())
    read = len(alive)
    assert read == 3
    assert list(parts) == found
    assert len(alive) == read  # not read again
    tags = b"".join(bytes.fromhex(part.tag) for part in found)
    assert parts.etag == f"{hashlib.md5(tags, usedforsecurity=False).hexdigest()}-3"


def test_the_last_part_of_a_large_file_that_changed_is_not_given_out(path: Path, ahead: bool) -> None:
    parts = multipart.Parts(file(path, md5=md5(b"other")), STRETCHES, lambda: None)
    got = []
    try:
        for part in parts:
            got.append(part.number)  # noqa: PERF401  what came before the error is wanted
    except Changed:
        assert ahead
    assert got == ([1, 2] if ahead else [1, 2, 3])  # what is small was digested before


def test_a_part_that_ends_early_is_told(path: Path) -> None:
    with pytest.raises(UploadError, match="became shorter"):
        list(multipart.Parts(file(path), [(0, 4000), (4000, 6241)], lambda: None))


def test_a_single_part_is_the_last_one(path: Path, ahead: bool) -> None:
    assert [part.number for part in multipart.Parts(file(path), [(0, 10_240)], lambda: None)] == [1]
    if ahead:
        with pytest.raises(Changed):
            list(multipart.Parts(file(path, md5=md5(b"x")), [(0, 10_240)], lambda: None))
