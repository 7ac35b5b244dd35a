"""A team's server: who is let in, under which name, what each may see and have, and what a restart leaves."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.main import main
from pipeline.errors import UsageError
from pipeline.serve import sessions as rooms
from pipeline.serve.app import application
from pipeline.serve.batches import DroppedBatch
from pipeline.serve.door import Door, Misled, forwarded, trusted
from pipeline.serve.messages import Asked
from pipeline.serve.people import Team, add, listed, remove
from pipeline.serve.sessions import Room, kept_room
from pipeline.serve.turns import Slice, Turns
from tests.serve.answering import answering, asking

PRESET = "metastudio/video-production"
OURS = {"x-preflight": "1"}
NAME = "preflight.example"
NEAR = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@contextmanager
def serving(room: Room, tokens: Path, proxies: Any = (), header: str = "") -> Iterator[httpx.Client]:
    """A team's server on a free port; its clients ask by its name."""
    door = Door(Team(tokens), frozenset({NAME}), proxies, team=True, header=header)
    with answering(lambda _: application(room, door, workers=1, lang="en")) as port, asking(port, NAME) as client:
        yield client


def finished(client: httpx.Client, batch: str) -> dict[str, Any]:
    for _ in range(600):
        told: dict[str, Any] = client.get(batch).json()
        if told["state"] in {"done", "failed", "stopped"}:
            return told
        threading.Event().wait(0.05)
    raise AssertionError("the run does not end")


def batch_of(client: httpx.Client, token: str, content: bytes = "你好世界。".encode()) -> str:
    answer = client.post(f"/{token}/batches", headers=OURS)
    path = f"/{token}/batches/{answer.json()['id']}"
    assert client.put(f"{path}/files", params={"name": "a.txt"}, content=content, headers=OURS).status_code == 201
    return path


def run(client: httpx.Client, batch: str) -> int:
    return client.post(
        f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "prepare"}), headers=OURS
    ).status_code


def test_a_book_of_version_0_1_is_read(tmp_path: Path) -> None:
    """Its rows are of before files knew what fits them, and `asked` named its scenario first."""
    body = (
        b'{"id":"b","person":"anna","folder":"f","state":"collecting","made":1.0,"files":[{"name":"a.txt","number":1,'
        b'"size":2}],"last":1,"asked":{"preset":"convert/mono-wav","verb":"check","role":null,"lang":"en"},'
        b'"error":null,"statuses":{}}'
    )
    place = tmp_path / "data"
    with kept_room(place, 1000, 1000, 3600) as room:
        (room.folder / "f" / "in" / "0001").mkdir(parents=True)
        (room.folder / "f" / "in" / "0001" / "a.txt").write_bytes(b"ab")
    with sqlite3.connect(place / "batches.sqlite") as db:
        db.execute("INSERT INTO batches VALUES ('b', ?)", (body,))
    db.close()
    with kept_room(place, 1000, 1000, 3600) as room:
        (file,) = room.batches["b"].files
        assert (file.name, file.whole, file.fits) == ("a.txt", True, ())
        assert room.batches["b"].asked == Asked(preset="convert/mono-wav", verb="check")


def test_runs_are_told_one_a_line_without_names_of_files(
    tmp_path: Path, tokens: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens) as client:
        batch = batch_of(client, token)
        assert run(client, batch) == 202
        assert finished(client, batch)["state"] == "done"
        said = ""
        while said.count("\n") < 2:  # the second comes right after the state that was waited for
            said += capfd.readouterr().err
            threading.Event().wait(0.02)
    told, id_ = [json.loads(line) for line in said.splitlines()], batch.rpartition("/")[2]
    common = {"batch": id_, "person": "anna", "verb": "prepare", "preset": PRESET}
    common |= {"files": 1, "bytes": 15, "error": None}
    assert [{**one, "time": ""} for one in told] == [
        {"time": "", **common, "state": "waiting", "summary": None},
        {"time": "", **common, "state": "done", "summary": told[-1]["summary"]},
    ]
    assert sum(told[-1]["summary"].values()) == 1
    assert all(datetime.fromisoformat(one["time"]).tzinfo for one in told)


# --- people -------------------------------------------------------------------------------------------


def test_only_digests_of_tokens_are_kept(tokens: Path) -> None:
    token = add(tokens, "anna")
    assert token not in tokens.read_text()
    assert tokens.read_text() == f"anna\t{hashlib.sha256(token.encode()).hexdigest()}\n"
    assert tokens.stat().st_mode & 0o777 == 0o600
    assert Team(tokens).named(token) == "anna"


@pytest.mark.parametrize("given", ["", "x" * 43, "anna", "\ud800", "\x00"])
def test_a_stranger_has_no_name(tokens: Path, given: str) -> None:
    add(tokens, "anna")
    assert Team(tokens).named(given) is None
    assert Team(tokens).named(listed(tokens)["anna"]) is None  # who reads the file cannot come in by it


def test_who_is_added_or_removed_is_known_at_once(tokens: Path) -> None:
    first = add(tokens, "anna")
    team = Team(tokens)
    second = add(tokens, "李雷")
    assert team.named(second) == "李雷"
    remove(tokens, "anna")
    assert team.named(first) is None
    assert team.named(second) == "李雷"


def test_while_the_file_is_not_to_be_believed_nobody_is_let_in(
    tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = add(tokens, "anna")
    team = Team(tokens)
    tokens.write_text("anna\tnone\n")
    assert team.named(token) is None
    assert "line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["anna\n", "anna\t123\n", "anna " + "0" * 64 + "\n", ("anna\t" + "0" * 64 + "\n") * 2, "\t" + "0" * 64]
)
def test_a_file_of_another_form_is_refused(tokens: Path, text: str) -> None:
    tokens.write_text(text)
    tokens.chmod(0o600)
    with pytest.raises(UsageError, match="line"):
        listed(tokens)


def test_a_file_that_others_may_write_is_refused(tokens: Path) -> None:
    add(tokens, "anna")
    tokens.chmod(0o666)
    with pytest.raises(UsageError, match="written to by others"):
        Team(tokens)


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "a\nb", "../x", "x" * 65, "a\u202eb"])
def test_what_is_no_name(tokens: Path, name: str) -> None:
    with pytest.raises(UsageError):
        add(tokens, name)


def test_tokens_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path / "team")]
    assert main(["serve", "token", "add", "anna", *data]) == 0
    token = capsys.readouterr().out.strip()
    assert Team(tmp_path / "team" / "tokens").named(token) == "anna"
    assert main(["serve", "token", "add", "anna", *data]) == 2  # she has one
    assert main(["serve", "token", "list", *data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"people": ["anna"]}
    assert main(["serve", "token", "remove", "anna", *data]) == 0
    assert main(["serve", "token", "remove", "anna", *data]) == 2
    assert (tmp_path / "team").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "words",
    [
        ["token"],
        ["token", "add"],
        ["token", "add", "anna"],
        ["token", "list", "anna", "--data", "DIR"],
        ["--name", "a.example"],
        ["--person-header", "X-User", "--proxy", "10.0.0.5"],  # one machine, one person
        ["--data", "DIR"],  # nobody has a token
        ["--data", "DIR", "--keep", "0"],
        ["--data", "DIR", "--keep", "nan"],
        ["--data", "DIR", "--quota", "much"],
        ["--data", "/proc/nothing"],
    ],
)
def test_usage(words: list[str], tmp_path: Path) -> None:
    assert main(["serve", *[str(tmp_path / "team") if word == "DIR" else word for word in words]]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--name", "http://a.example"],
        ["--name", "a b"],
        ["--proxy", "a.example"],
        ["--person-header", "X-Forwarded-User"],  # whose word is it?
        ["--person-header", "X-Forwarded-User", "--proxy", "0.0.0.0/0"],
        ["--person-header", "X-Forwarded-User", "--proxy", "10.0.0.5", "--proxy", "::/0"],
        *(["--proxy", "10.0.0.5", "--person-header", one] for one in ("", "X User", "X_User", "用户", "x" * 65, "a:")),
        # Browsers set these themselves, or they mean something else.
        *(
            ["--proxy", "10.0.0.5", "--person-header", one]
            for one in ("Authorization", "cookie", "HOST", "User-Agent", "Forwarded", "X-Forwarded-For", "X-Preflight")
        ),
    ],
)
def test_names_and_proxies_of_another_form(wrong: list[str], tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "team")]
    assert main(["serve", "token", "add", "anna", *data]) == 0
    assert main(["serve", "--port", "0", *data, *wrong]) == 2


# --- the door -----------------------------------------------------------------------------------------


def test_forwarded_as_its_document_writes_it() -> None:
    """Examples of RFC 7239, 4 and 6."""
    assert forwarded('for="_gazonk"') == [{"for": "_gazonk"}]
    assert forwarded('For="[2001:db8:cafe::17]:4711"') == [{"for": "[2001:db8:cafe::17]:4711"}]
    assert forwarded("for=192.0.2.60;proto=http;by=203.0.113.43") == [
        {"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}
    ]
    assert forwarded("for=192.0.2.43, for=198.51.100.17") == [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]


@pytest.mark.parametrize("header", ["for", "for=a;for=b", 'for="a', "for=a b", "=a", ";", "for=a;;host=b"])
def test_forwarded_of_another_form(header: str) -> None:
    with pytest.raises(Misled):
        forwarded(header)


@pytest.mark.parametrize(
    ("peer", "near"),
    [
        ("127.0.0.1", True),
        ("::ffff:127.0.0.9", True),
        ("10.0.0.1", False),
        ("::1", False),
        ("", False),
        ("unix", False),
    ],
)
def test_whose_word_counts(peer: str, near: bool) -> None:
    assert trusted(peer, NEAR) is near


@pytest.mark.every(4)
@pytest.mark.parametrize(
    ("proxies", "headers", "status"),
    [
        ((), {}, 201),
        ((), {"host": "127.0.0.1"}, 421),
        # Nobody here is a proxy: what callers say of one counts for nothing.
        ((), {"host": "evil.example", "x-forwarded-host": NAME}, 421),
        ((), {"x-forwarded-proto": "https", "origin": f"https://{NAME}"}, 403),
        (NEAR, {"host": "inner:8765", "x-forwarded-host": NAME}, 201),
        (NEAR, {"host": "inner:8765", "forwarded": f"for=1.2.3.4;host={NAME};proto=https"}, 201),
        (NEAR, {"x-forwarded-proto": "https", "origin": f"https://{NAME}"}, 201),
        (NEAR, {"x-forwarded-proto": "https", "origin": f"http://{NAME}"}, 403),
        (NEAR, {"x-forwarded-proto": "https", "origin": "https://evil.example"}, 403),
        (NEAR, {"forwarded": f'host="{NAME}";proto=https', "origin": f"https://{NAME}"}, 201),
        # The nearest hop is the one that is trusted; what came to it is the caller's own.
        (NEAR, {"x-forwarded-host": f"{NAME}, evil.example"}, 421),
        (NEAR, {"x-forwarded-host": f"evil.example, {NAME}"}, 201),
        (NEAR, {"forwarded": f"host={NAME}, host=evil.example"}, 421),
        (NEAR, {"forwarded": f"host={NAME}", "x-forwarded-host": "evil.example"}, 400),
        (NEAR, {"forwarded": "host"}, 400),
        (NEAR, {"x-forwarded-proto": "gopher"}, 400),
        (NEAR, {"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_names_and_proxies(tmp_path: Path, tokens: Path, proxies: Any, headers: dict[str, str], status: int) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens, proxies) as client:
        assert client.post(f"/{token}/batches", headers=OURS | headers).status_code == status


# --- who a proxy says one is --------------------------------------------------------------------------

HEADER = "x-forwarded-user"
FAR = (ipaddress.ip_network("10.0.0.0/8"),)  # nobody asks from there


def test_whom_a_proxy_names_has_the_room_of_her_token(tmp_path: Path, tokens: Path) -> None:
    anna = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens, NEAR, HEADER) as client:
        batch = batch_of(client, anna).rpartition("/")[2]
        hers, other = {HEADER: "anna"}, {HEADER: "ben"}
        assert client.get("/", headers=hers).headers["location"] == "/me/"
        assert "<h1>" in client.get("/me/", headers=hers).text
        for base in ("/me", "/api/v1", f"/{anna}"):
            shown = hers if base != f"/{anna}" else {}
            assert [one["id"] for one in client.get(f"{base}/batches", headers=shown).json()] == [batch]
        for base in ("/me", "/api/v1"):
            assert client.get(f"{base}/batches", headers=other).json() == []
            assert client.get(f"{base}/batches/{batch}", headers=other).status_code == 404
            assert client.delete(f"{base}/batches/{batch}", headers=OURS | other).status_code == 404
        made = client.post("/me/batches", headers={"x-preflight": b"1", HEADER: "李雷".encode()})
        assert made.status_code == 201
        assert client.get(f"/me/batches/{made.json()['id']}", headers=hers).status_code == 404


def test_who_has_no_token_needs_no_file_of_tokens(tmp_path: Path, tokens: Path) -> None:
    with serving(Room(tmp_path, 1000), tokens, NEAR, HEADER) as client:
        assert client.get("/me/batches", headers={HEADER: "anna@example.org"}).json() == []
        assert client.get(f"/{'x' * 43}/batches").status_code == 404
    assert not tokens.exists()


@pytest.mark.parametrize(
    ("proxies", "header", "words"),
    [
        (FAR, HEADER, {HEADER: "anna"}),  # whoever asks is no proxy
        ((), HEADER, {HEADER: "anna"}),
        (NEAR, "", {HEADER: "anna"}),  # nothing was said of headers
        (NEAR, HEADER, {}),
        (NEAR, HEADER, {"x_forwarded_user": "anna"}),
        (NEAR, HEADER, {"x-forwarded-user-": "anna"}),
        (FAR, HEADER, {HEADER: "anna", "x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1"}),
    ],
)
def test_nobody_names_himself(tmp_path: Path, tokens: Path, proxies: Any, header: str, words: dict[str, str]) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens, proxies, header) as client:
        for path in ("/", "/me/", "/me/batches", "/api/v1/batches", "/me/../me/batches", "//batches"):
            assert client.get(path, headers=words).status_code in {401, 404}, path
        # What counts for nothing takes nothing away either: a token is one as before.
        assert client.get(f"/{token}/batches", headers=words).status_code == 200


@pytest.mark.every(4)
@pytest.mark.parametrize(
    "said",
    [
        [""], ["x" * 65], ["anna ben"], ["anna,ben"], ["anna\tben"], ["../anna"], ["anna/"], ["CORP\\anna"], ["<b>"],
        ["anna\u202e"], ["a\u0301"], ["anna\u00a0"], ["\ufeffanna"], [b"\xff\xfe"], [b"\xc3"], [b"anna\xe9"],
        ["anna", "ben"], ["anna", "anna"], ["anna", ""], ["anna;q=1"], ['"anna"'], ["accounts.example.com:anna"],
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_person_is_told(tmp_path: Path, tokens: Path, said: list[str | bytes]) -> None:
    """Also beside a token that is in order: what the proxy meant cannot be known."""
    token = add(tokens, "anna")
    values = [one.encode() if isinstance(one, str) else one for one in said]
    with serving(Room(tmp_path, 1000), tokens, NEAR, HEADER) as client:
        for path in ("/me/", "/me/batches", f"/{token}/batches", "/api/v1/batches"):
            words = [(b"host", NAME.encode()), *((HEADER.encode(), one) for one in values)]
            answer = client.get(path, headers=words)
            assert answer.status_code == 400
            assert "proxy" in answer.text
            assert "代理" in answer.text


def test_two_who_say_who_asks_have_to_agree(tmp_path: Path, tokens: Path) -> None:
    anna, ben = add(tokens, "anna"), add(tokens, "ben")
    with serving(Room(tmp_path, 1000), tokens, NEAR, HEADER) as client:
        for token, named, status in (
            (anna, "anna", 200),
            (anna, "ben", 403),
            (ben, "anna", 403),
            ("x" * 43, "anna", 0),
        ):
            words = {HEADER: named}
            assert client.get(f"/{token}/batches", headers=words).status_code == (status or 404)
            shown = words | {"authorization": f"Bearer {token}"}
            assert client.get("/api/v1/batches", headers=shown).status_code == (status or 401)
        # Words that a proxy was given by somebody who signed on there are none of ours.
        assert client.get("/api/v1/batches", headers={HEADER: "anna", "authorization": "Basic YTpi"}).status_code == 200
        assert client.get("/api/v1/batches", headers={"authorization": "Basic YTpi"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "words", "status"),
    [
        ("POST", "/api/v1/batches", {}, 403),  # a form of another site sends the cookies of the proxy with it
        ("POST", "/api/v1/batches", OURS, 201),
        ("POST", "/api/v1/batches", OURS | {"origin": "https://evil.example"}, 403),
        ("POST", "/me/batches", {}, 403),
        ("POST", "/me/batches", OURS | {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/api/v1/batches", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/me/batches", {"sec-fetch-site": "same-site"}, 403),
        # From where one signs on, a browser comes to the page itself, and to nothing else.
        (
            "GET",
            "/me/",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            200,
        ),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 307),
        (
            "GET",
            "/me/",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            403,
        ),
        ("GET", "/me/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, 403),
        (
            "GET",
            "/me/batches",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            403,
        ),
    ],
)
def test_no_other_site_asks_in_the_name_of_whom_the_proxy_knows(
    tmp_path: Path, tokens: Path, method: str, path: str, words: dict[str, str], status: int
) -> None:
    with serving(Room(tmp_path, 1000), tokens, NEAR, HEADER) as client:
        assert client.request(method, path, headers={HEADER: "anna"} | words).status_code == status


def test_a_page_without_its_last_stroke_is_found_by_the_address_that_was_asked_for(
    tmp_path: Path, tokens: Path
) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens, NEAR) as client:
        words = {"host": "inner:8765", "x-forwarded-host": NAME, "x-forwarded-proto": "https"}
        assert client.get(f"/{token}", headers=words).headers["location"] == f"https://{NAME}/{token}/"


def test_whether_it_is_well_can_be_asked_by_anybody_and_nothing_else(tmp_path: Path, tokens: Path) -> None:
    add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens) as client:
        answer = client.get("/health", headers={"host": "10.0.0.7"})
        assert (answer.status_code, answer.text) == (200, "well\n")
        assert client.post("/health", headers=OURS).status_code == 404
        assert client.get("/").status_code == 404


# --- whose it is --------------------------------------------------------------------------------------


def test_nobody_reaches_what_is_another_ones(tmp_path: Path, tokens: Path) -> None:
    anna, eve = add(tokens, "anna"), add(tokens, "eve")
    with serving(Room(tmp_path, 1000), tokens) as client:
        batch = batch_of(client, anna)
        assert run(client, batch) == 202
        finished(client, batch)
        assert [one["id"] for one in client.get(f"/{anna}/batches").json()] == [batch.rpartition("/")[2]]
        assert client.get(f"/{eve}/batches").json() == []
        hers = batch.replace(anna, eve)
        for path in ("", "/report.html", "/outputs/0", "/all.zip"):
            assert client.get(batch + path).status_code == 200
            assert client.get(hers + path).status_code == 404
        assert client.put(f"{hers}/files", params={"name": "b"}, content=b"x", headers=OURS).status_code == 404
        for path in ("/run", "/stop"):
            assert client.post(hers + path, content=b"{}", headers=OURS).status_code == 404
        for path in ("", "/files/1"):
            assert client.delete(hers + path, headers=OURS).status_code == 404
        remove(tokens, "anna")
        assert client.get(batch).status_code == 404


def test_a_person_has_a_quota_of_her_own(tmp_path: Path, tokens: Path) -> None:
    anna, ben = add(tokens, "anna"), add(tokens, "ben")

    def pieces() -> Iterator[bytes]:
        for _ in range(4):
            yield b"x" * 100

    with serving(Room(tmp_path, 1000, quota=500), tokens) as client:
        batch = batch_of(client, anna, b"x" * 300)
        other = batch_of(client, anna, b"x" * 10)
        words = {"params": {"name": "b"}, "headers": OURS}
        assert client.put(f"{other}/files", content=b"x" * 300, **words).status_code == 413
        assert client.put(f"{other}/files", content=pieces(), **words).status_code == 413  # says no length before
        assert batch_of(client, ben, b"x" * 400)
        assert client.delete(batch, headers=OURS).status_code == 204
        assert client.put(f"{other}/files", content=b"x" * 300, **words).status_code == 201


def test_one_person_does_not_take_the_batches_of_all(
    tmp_path: Path, tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MAX_BATCHES", 1)
    anna, ben = add(tokens, "anna"), add(tokens, "ben")
    with serving(Room(tmp_path, 1000), tokens) as client:
        assert client.post(f"/{anna}/batches", headers=OURS).status_code == 201
        assert client.post(f"/{anna}/batches", headers=OURS).status_code == 429
        assert client.post(f"/{ben}/batches", headers=OURS).status_code == 201


# --- again --------------------------------------------------------------------------------------------


def test_batches_are_there_again(tmp_path: Path, tokens: Path) -> None:
    anna = add(tokens, "anna")
    place = tmp_path / "data"
    with kept_room(place, 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        batch = batch_of(client, anna)
        assert run(client, batch) == 202
        told = finished(client, batch)
        report = client.get(f"{batch}/report.html").content
        waiting = batch_of(client, anna)
    with kept_room(place, 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        assert client.get(batch).json() == told
        assert client.get(f"{batch}/report.html").content == report
        assert client.get(f"{batch}/outputs/0").status_code == 200
        assert {one["state"] for one in client.get(f"/{anna}/batches").json()} == {"done", "collecting"}
        # More can be sent, and it can be run; the other one can be run again, without its files being sent again.
        more = client.put(f"{waiting}/files", params={"name": "b.txt"}, content=b"words", headers=OURS)
        assert more.json()["number"] == 2
        for path in (waiting, batch):
            assert run(client, path) == 202
            assert finished(client, path)["error"] is None


def test_what_was_at_work_is_begun_anew(tmp_path: Path, tokens: Path) -> None:
    anna = add(tokens, "anna")
    place = tmp_path / "data"
    with kept_room(place, 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        batch = batch_of(client, anna)
        (held,) = room.batches.values()
        held.asked, held.state = Asked(preset=PRESET, verb="prepare"), "running"
        (held.folder / "out").mkdir()
        (held.folder / "out" / "half.txt").write_text("of a run that was killed")
        room.note(held)
    with kept_room(place, 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        told = finished(client, batch)
        assert (told["state"], [one["name"] for one in told["outputs"]]) == ("done", ["a.txt"])
        assert not (held.folder / "out" / "half.txt").exists()


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        kept_room(tmp_path / "data", 1, 1, 1.0),
        pytest.raises(UsageError, match="another server"),
        kept_room(tmp_path / "data", 1, 1, 1.0),
    ):
        pass


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(UsageError, match="folder of our own"), kept_room(place, 1, 1, 1.0):
        pass
    link = tmp_path / "link"
    place.chmod(0o700)
    link.symlink_to(place)
    with pytest.raises(UsageError, match="folder of our own"), kept_room(link, 1, 1, 1.0):
        pass


def test_what_is_swept_is_forgotten_and_strays_are_removed(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with kept_room(place, 1, 1, keep=1e-9) as room:
        room.open("anna")
        (room.folder / "stray").mkdir()
        room.sweep()
        assert room.of("anna") == []
    with kept_room(place, 1, 1, 3600) as room:
        assert room.batches == {}
        assert list(room.folder.iterdir()) == []


# --- turns --------------------------------------------------------------------------------------------


def test_each_person_has_a_turn_after_a_slice(tmp_path: Path) -> None:
    """Anna's batches are long, and there are two of them; Ben comes later and waits for one slice."""
    done: list[str] = []
    ended = threading.Event()
    batches = {name: DroppedBatch(name, tmp_path, person=name[:-1]) for name in ("anna1", "anna2", "ben1", "carl1")}
    slices = {"anna1": 4, "anna2": 1, "ben1": 2, "carl1": 1}
    most: list[int] = []

    def begin(batch: DroppedBatch, size: Slice) -> Iterator[None]:
        for number in range(slices[batch.id]):
            most.append(size())
            done.append(batch.id)
            if len(done) == 1:
                turns.add(batches["anna2"])
                turns.add(batches["ben1"])
                turns.add(batches["carl1"])
                assert [turns.place(batches[name]) for name in ("ben1", "carl1", "anna1", "anna2")] == [0, 1, 2, 3]
            if number + 1 < slices[batch.id]:
                yield
        batch.state = "done"

    def saved(batch: DroppedBatch) -> None:
        if all(one.state == "done" for one in batches.values()):
            ended.set()

    turns = Turns(begin, saved, workers=2)
    turns.add(batches["anna1"])
    assert ended.wait(20)
    assert done == ["anna1", "ben1", "carl1", "anna1", "ben1", "anna1", "anna1", "anna2"]
    assert most[0] == most[-1] > most[1] == 2  # alone, a turn is longer
    assert turns.place(batches["anna1"]) is None


def test_as_root_or_not_the_data_is_private(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        with kept_room(tmp_path / "data", 1, 1, 1.0) as room:
            room.open("anna")
    finally:
        os.umask(mask)
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "batches.sqlite").stat().st_mode & 0o077 == 0
