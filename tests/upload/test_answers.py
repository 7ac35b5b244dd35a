"""What follows from each answer of the far end: done, tried again, a no, or not known. Nothing is sent here.

The statuses are those of RFC 9110 and of the stores: 429 too many requests, 507 no room, 206 a part of the whole.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.documents.facts import Misfit
from pipeline.errors import UploadError
from pipeline.upload.client import Answer, Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.metastudio.error_codes import CODES
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.retry import Patience
from pipeline.upload.transfer import Body, Refused, Unknown

URL = "https://far.example/there"
NOON = 1_700_000_000.0  # seconds; what our clock shows


def said(status: int, body: bytes = b"{}", **headers: str) -> Answer:
    return Answer(status, httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), body)


def coded(status: int, code: str, **headers: str) -> Answer:
    return said(status, b'{"error_code": "%s", "error_msg": "why"}' % code.encode(), **headers)


class Told(Caller):
    """A caller that is told what comes back; the last answer is given for ever."""

    def __init__(self, *answers: Answer | Exception, read: int | None = None) -> None:
        super().__init__(Secrets(environment={}), Patience(attempts=3, first=0.0), CODES)
        self.answers, self.read = list(answers), read
        self.calls: list[tuple[str, str, dict[str, str], Any]] = []

    def once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> Answer:
        if isinstance(body, Body):
            pieces = iter(body)
            body_sent = b"".join(pieces if self.read is None else [next(pieces) for _ in range(self.read)])
            self.calls.append((method, url, dict(headers), body_sent))
        else:
            self.calls.append((method, url, dict(headers), body))
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(now, Exception):
            raise now
        return now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON)
    monkeypatch.setattr(time, "sleep", lambda _: None)


def call(told: Told, *, again: bool = True, payload: Any = None) -> Answer:
    return told.call("POST", URL, lambda _: {}, payload, bucket=Bucket(1e9, 1e9), again=again, what="ask")


def ends(action: Callable[[], object]) -> str:
    """How it ends: "done", or the class of the error."""
    try:
        action()
    except UploadError as error:
        return type(error).__name__
    return "done"


# --- what is read of an answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "data", "code", "message"),
    [
        (b'{"error_code": "A.1", "error_msg": "bad"}', {"error_code": "A.1", "error_msg": "bad"}, "A.1", "bad"),
        (b'{"error_code": 7}', {"error_code": 7}, "7", '{"error_code": 7}'),
        (b'{"error_code": ""}', {"error_code": ""}, "", '{"error_code": ""}'),
        (b"<Error><Code>NoSuchKey</Code><Message>x</Message></Error>", None, "NoSuchKey",
         "<Error><Code>NoSuchKey</Code><Message>x</Message></Error>"),
        (b"", {}, "", ""),
        (b" \n", {}, "", " \n"),
        (b"[1]", None, "", "[1]"),
        (b"oops", None, "", "oops"),
        (b"\xff", None, "", "\ufffd"),
        (b"x" * 400, None, "", "x" * 300),
        (b" " * 4090 + b"<Code>Late</Code>", None, "", " " * 300),
    ],
)  # fmt: skip
def test_an_answer_is_read_as_far_as_it_makes_sense(body: bytes, data: Any, code: str, message: str) -> None:
    answer = Answer(400, {}, body)
    assert (answer.message, answer.code.strip()) == (message, code)
    if data is None:  # no object, whatever it is
        with pytest.raises(Misfit):
            answer.json()
    else:
        assert answer.json() == data


# --- calls ------------------------------------------------------------------------------------------

REACH = httpx.ConnectError("no route")
LOST = httpx.ReadTimeout("silence")
FAR = email.utils.formatdate(NOON + 60, usegmt=True)  # a minute ahead: a signature dated by our clock is refused
NEAR = email.utils.formatdate(NOON + 59, usegmt=True)


@pytest.mark.parametrize(
    ("answer", "again", "end", "calls"),
    [
        (said(200), False, "done", 1),
        (said(299), False, "done", 1),
        (said(300), True, "Refused", 1),
        (said(400), True, "Refused", 1),
        (said(404), True, "Refused", 1),
        (said(429), False, "Refused", 3),
        (coded(400, "APIGW.0308"), False, "Refused", 3),  # too many requests, by its code
        (coded(200, "APIGW.0308"), False, "done", 1),
        (said(499), True, "Refused", 1),
        (said(500), True, "Unknown", 3),
        (said(500), False, "Unknown", 1),
        (said(503), True, "Unknown", 3),
        (coded(500, "MSS.20010019"), True, "Refused", 1),  # a 500 with a lasting reason
        (REACH, True, "UploadError", 3),
        (REACH, False, "UploadError", 3),  # nothing was sent
        (LOST, True, "Unknown", 3),
        (LOST, False, "Unknown", 1),
        (said(401), True, "Refused", 1),
        (said(401, date=NEAR), True, "Refused", 1),
        (said(401, date=FAR), False, "Refused", 2),  # once more by the far end's clock; if that is no better, a no
        (said(403, date=FAR), False, "Refused", 2),
        (said(404, date=FAR), False, "Refused", 1),
        (said(402, date=FAR), False, "Refused", 1),
    ],
)
def test_what_follows_from_an_answer(answer: Answer | Exception, again: bool, end: str, calls: int) -> None:
    told = Told(answer)
    assert ends(lambda: call(told, again=again)) == end
    assert len(told.calls) == calls


@pytest.mark.parametrize("first", [said(429), said(500), REACH, LOST, said(401, date=FAR)])
def test_it_ends_well_when_a_later_attempt_does(first: Answer | Exception) -> None:
    told = Told(first, said(200, b'{"id": 1}'))
    assert call(told).json() == {"id": 1}
    assert len(told.calls) == 2


def test_each_attempt_is_signed_counted_and_addressed_anew() -> None:
    told = Told(said(500), said(500), said(200))
    signed: list[bytes] = []
    spent: list[float] = []
    addresses = iter(["https://a.example", "https://b.example", "https://c.example"])

    def sign(body: bytes) -> dict[str, str]:
        signed.append(body)
        return {"n": str(len(signed))}

    class Counting(Bucket):
        def take(self, amount: float = 1.0) -> None:
            spent.append(amount)

    told.call("PUT", lambda: next(addresses), sign, {"名": [1]}, bucket=Counting(1.0), again=True, what="ask")
    body = '{"名": [1]}'.encode()
    assert told.calls == [("PUT", f"https://{x}.example", {"n": str(n)}, body) for n, x in enumerate("abc", 1)]
    assert (signed, spent) == ([body] * 3, [1.0] * 3)
    call(told, payload=None)
    assert told.calls[-1][3] == b""


def test_a_clock_that_is_a_minute_off_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, heeded in ((60, True), (-60, True), (59, False), (-59, False), (0, False)):
        told = Told(said(200))
        answer = said(401, date=email.utils.formatdate(NOON + seconds, usegmt=True))
        assert told.catch_up(answer, 0.0) is heeded
        assert told.now() == NOON + (seconds if heeded else 0)
    told = Told(said(200))
    assert not told.catch_up(said(401), 0.0)
    # Another thread has learnt it already: this call knew no better, the next one does.
    assert told.catch_up(said(401, date=FAR), 0.0)
    assert told.catch_up(said(401, date=FAR), 0.0)
    assert not told.catch_up(said(401, date=FAR), 60.0)


def test_errors_name_the_call_the_code_and_the_host() -> None:
    refused = Told(coded(400, "MSS.10000003"))
    with pytest.raises(Refused, match=r"^ask: MSS\.10000003: .* \(why\)$") as found:
        call(refused)
    assert (found.value.status, found.value.code) == (400, "MSS.10000003")
    with pytest.raises(Refused, match=r"^ask: HTTP 404: "):
        call(Told(said(404)))
    with pytest.raises(UploadError, match=r"^ask: far\.example cannot be reached \(no route\)"):
        call(Told(REACH))
    with pytest.raises(Unknown, match=r"^ask: no answer \(not within its time: silence\)"):
        call(Told(LOST))


# --- looking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (said(206, b"x", content_range="bytes 0-0/12345", content_length="1", etag='"ABC"'), (12345, "abc")),
        (said(200, b"x", content_length="7", etag="abc"), (7, "abc")),
        (said(206, b"x", content_range="bytes 0-0/*", content_length="1"), (-1, "")),
        (said(200, b"x"), (-1, "")),
        (said(404), None),
    ],
)
def test_what_is_there_is_known_by_size_and_etag(answer: Answer, seen: tuple[int, str] | None) -> None:
    told = Told(answer)
    assert told.look(URL, bucket=Bucket(1e9, 1e9)) == seen
    assert told.calls == [("GET", URL, {"Range": "bytes=0-0"}, b"")]


def test_looking_is_repeated_and_a_no_is_a_no() -> None:
    told = Told(said(500), said(200, content_length="7"))
    assert told.look(URL, bucket=Bucket(1e9, 1e9)) == (7, "")
    for status in (403, 400, 410):
        with pytest.raises(Refused):
            Told(said(status)).look(URL, bucket=Bucket(1e9, 1e9))


# --- putting ----------------------------------------------------------------------------------------

KMS = {"x_amz_server_side_encryption": "aws:kms"}


@pytest.mark.parametrize(
    ("answer", "read", "end", "calls"),
    [
        (said(200, etag='"TAG"'), None, "done", 1),
        (said(200, etag="tag"), None, "done", 1),
        (said(200, etag="other"), None, "UploadError", 3),
        (said(200), None, "UploadError", 3),
        (said(200, etag="other", **KMS), None, "done", 1),  # encrypted with a key of the store: no MD5
        (said(200, etag="other", x_obs_server_side_encryption="kms"), None, "done", 1),
        (said(200, etag="other", x_amz_server_side_encryption="AES256"), None, "UploadError", 3),
        (said(200, etag="other", x_other="kms"), None, "UploadError", 3),
        (said(299, etag="tag"), None, "done", 1),
        (said(300, etag="tag"), None, "Refused", 1),
        (said(403), None, "Refused", 1),
        (said(429), None, "UploadError", 3),
        (said(499), None, "Refused", 1),
        (said(500), None, "Unknown", 1),  # every byte went out: it may be there
        (said(500), 0, "UploadError", 3),
        (said(507), None, "Refused", 1),
        (said(507), 0, "Refused", 1),
        (said(506), None, "Unknown", 1),
        (said(400, b"<Code>BadDigest</Code>"), None, "UploadError", 3),
        (said(400, b"<Code>IncompleteBody</Code>"), None, "UploadError", 3),
        (said(400, b"<Code>InvalidPart</Code>"), None, "Refused", 1),
        (LOST, None, "Unknown", 1),
        (LOST, 0, "UploadError", 3),
    ],
)
def test_what_follows_from_the_answer_to_a_put(
    answer: Answer | Exception, read: int | None, end: str, calls: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    told = Told(answer, read=read)
    make = lambda: Body(path, 0, 10, lambda _: None, None)  # noqa: E731  one body for each attempt
    assert ends(lambda: told.put(URL, {"a": "b"}, make, expected="tag", what="PUT")) == end
    assert len(told.calls) == calls
    assert told.calls[0][:3] == ("PUT", URL, {"a": "b"})
    assert told.calls[0][3] == (b"0123456789" if read is None else b"")


def test_without_an_expected_tag_none_is_compared(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    told = Told(said(200, etag="whatever"))
    told.put(URL, {}, lambda: Body(tmp_path / "file", 0, 1, lambda _: None, None), expected=None, what="PUT")
    assert len(told.calls) == 1
