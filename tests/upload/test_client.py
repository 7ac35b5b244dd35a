"""The one way to the far end: what it follows, how long it waits, and when it tries again."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UploadError
from pipeline.upload.client import Answer, Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.metastudio import protocol
from pipeline.upload.metastudio.error_codes import CODES
from pipeline.upload.rate_limit import BELOW, Bucket
from pipeline.upload.retry import Patience
from pipeline.upload.transfer import Body, Refused, Unknown

QUICK = Patience(attempts=3, first=0.01, cap=0.01)


@contextmanager
def _serving(answer: Callable[[BaseHTTPRequestHandler, int], None]) -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(f"{self.command} {self.path}")
            answer(self, len(seen))

        do_PUT = do_GET = do_POST  # noqa: N815  the names the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the base class
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


def _say(status: int, body: bytes = b"{}", **headers: str) -> Callable[[BaseHTTPRequestHandler, int], None]:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def caller() -> Iterator[Caller]:
    made = Caller(Secrets(environment={}), QUICK, CODES, timeout=0.5)
    yield made
    made.close()


def _call(caller: Caller, url: str, *, again: bool) -> Any:
    return caller.call("POST", url, lambda _: {}, {"a": 1}, bucket=Bucket(1e6, 1e6), again=again, what="call")


def test_a_file_is_fetched_piece_by_piece_and_no_page_in_its_place(caller: Caller) -> None:
    pieces: list[bytes] = []
    with _serving(_say(200, b"a film")) as (url, _):
        assert caller.fetch(url, pieces.append, 1 << 20, what="film") == 6
        assert b"".join(pieces) == b"a film"
    with _serving(_say(404, b"gone")) as (url, _), pytest.raises(UploadError, match="HTTP 404"):
        caller.fetch(url, pieces.append, 1 << 20, what="film")


def test_redirects_are_not_followed(caller: Caller) -> None:
    with _serving(_say(200)) as (elsewhere, reached), _serving(_say(307, Location=elsewhere)) as (url, _):
        with pytest.raises(Refused):
            _call(caller, url, again=True)
        assert reached == []


@pytest.mark.parametrize(("again", "calls"), [(True, 3), (False, 1)])
@pytest.mark.parametrize("answer", ["silence", "500"])
def test_what_may_have_happened_is_repeated_only_where_that_does_no_harm(
    caller: Caller, again: bool, calls: int, answer: str
) -> None:
    release = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, _: int) -> None:
        release.wait(5)
        handler.close_connection = True

    with _serving(_say(500) if answer == "500" else silent) as (url, seen):
        with pytest.raises(Unknown):
            _call(caller, url, again=again)
        release.set()
        assert len(seen) == calls


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_no_is_not_asked_again(caller: Caller, status: int) -> None:
    with _serving(_say(status, b'{"error_code": "MSS.10000003", "error_msg": "bad"}')) as (url, seen):
        with pytest.raises(Refused, match=r"MSS\.10000003: a parameter breaks a constraint"):
            _call(caller, url, again=True)
        assert len(seen) == 1


@pytest.mark.parametrize(("code", "calls"), [("MSS.20010019", 1), ("MSS.10000102", 3), ("APIGW.0106", 3)])
def test_a_500_with_a_lasting_reason_is_a_no(caller: Caller, code: str, calls: int) -> None:
    with _serving(_say(500, f'{{"error_code": "{code}", "error_msg": ""}}'.encode())) as (url, seen):
        with pytest.raises(UploadError, match=code):
            _call(caller, url, again=True)
        assert len(seen) == calls


def test_too_many_requests_are_waited_out_even_for_what_creates(caller: Caller) -> None:
    def busy_twice(handler: BaseHTTPRequestHandler, number: int) -> None:
        busy = number < 3
        _say(429 if busy else 200, b'{"error_code": "APIGW.0308"}' if busy else b"{}")(handler, number)

    with _serving(busy_twice) as (url, seen):
        assert _call(caller, url, again=False).status == 200
        assert len(seen) == 3


def test_an_endless_answer_is_not_read(caller: Caller) -> None:
    with _serving(_say(200, b"x" * (9 << 20))) as (url, _), pytest.raises(UploadError, match="too long"):
        _call(caller, url, again=True)


def test_a_put_sends_exactly_its_stretch(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    got: list[bytes] = []

    class Kept(Body):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in super().__iter__():
                got.append(chunk)
                yield chunk

    with _serving(_say(200, b"", ETag="tag")) as (url, _):
        caller.put(url, {}, lambda: Kept(path, 3, 4, lambda _: None, None), expected="tag", what="PUT")
    assert b"".join(got) == b"3456"


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with pytest.raises(UploadError, match="became shorter"):
        list(Body(path, 0, 10, lambda _: None, None))


# Calls a second as MS-API Table 1-2 prints them for the three regions.
PRINTED = {
    "create_digital_asset": (10, 5, 5),
    "show_asset": (20, 10, 10),
    "confirm_file_upload": (10, 5, 5),
    "create2d_model_training_job": (10, 3, 3),
    "show_job_uploading_address": (20, 10, 10),
    "create2_d_digital_human_video": (5, 3, 3),
    "create_tts_audition": (5, 3, 3),
}

# --- rates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1.0, 4.5, 9.0, 18.0])
def test_a_bucket_never_lets_more_through_than_its_rate(rate: float) -> None:
    now = 0.0
    taken: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    bucket = Bucket(rate, clock=lambda: now, sleep=sleep)
    for _ in range(200):
        bucket.take()
        taken.append(now)
    for start in taken:
        assert sum(start <= at < start + 1.0 for at in taken) <= rate + 1
    assert taken[-1] <= 200 / rate


@pytest.mark.parametrize("region", ["cn-north-4", "cn-east-3", "ap-southeast-3", "eu-west-0"])
def test_every_group_of_calls_stays_below_what_the_region_states(region: str) -> None:
    buckets = protocol.buckets(region)
    assert set(buckets) == set(protocol.TABLES.calls)
    stated = {"cn-north-4": 0, "cn-east-3": 1, "ap-southeast-3": 2}
    for call, rates in PRINTED.items():
        rate = rates[stated[region]] if region in stated else min(rates)
        assert buckets[call].rate == pytest.approx(BELOW * rate)


def test_a_clock_that_another_thread_found_wrong_is_no_refusal(caller: Caller) -> None:
    """Two calls dated by the wrong clock are out at once; the second answer comes when the first has been heeded."""
    date = email.utils.formatdate(time.time() + 1200, usegmt=True)
    answer = Answer(401, {"date": date}, b"")
    used = caller.skew
    assert caller.catch_up(answer, used)
    assert caller.catch_up(answer, used), "this call knew no better"
    assert not caller.catch_up(answer, caller.skew), "this one did: its keys are wrong"


# --- what an answer says ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error_code": "MSS.1", "error_msg": "no"}', "MSS.1"),
        (b'{"error_code": 17}', "17"),
        (b'{"error_code": ["MSS.1"]}', ""),
        (b"{}", ""),
        (b"<Error><Code>NoSuchKey</Code><Message>x</Message></Error>", "NoSuchKey"),
        (b"<Error><Code></Code></Error>", ""),
        (b"<Error><Code>cut off", "cut off"),
        (b"<Error>none</Error>", ""),
        (b"", ""),
        (b"\xff", ""),
        (b"[1]", ""),
    ],
)
def test_the_code_of_an_answer_is_found_in_both_languages_of_platforms(body: bytes, code: str) -> None:
    assert Answer(400, {}, body).code == code


@pytest.mark.parametrize(
    ("tag", "said"), [('"FF"', "ETag ff where 00 was sent"), (None, "ETag none where 00 was sent")]
)
def test_a_store_that_says_another_digest_is_not_believed(
    caller: Caller, tmp_path: Path, tag: str | None, said: str
) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    headers = {} if tag is None else {"ETag": tag}

    def body() -> Body:
        return Body(tmp_path / "a", 0, 3, lambda _: None, None)

    with _serving(_say(200, b"", **headers)) as (url, seen), pytest.raises(UploadError) as told:
        caller.put(url, {}, body, expected="00", what="part 1")
    assert said in told.value.text.en
    assert "00" in told.value.text.zh
    assert ("无" in told.value.text.zh) is (tag is None)
    assert len(seen) == QUICK.attempts
