"""Every sample that the documents print, over a wire: their requests to the sandbox, their answers and refusals to the
client, which is asked to read them. What is in the samples was written by neither of the two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.errors import UploadError
from pipeline.upload.credentials import Secrets
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.protocol import ApiField, ApiTables, Reply
from pipeline.upload.retry import Patience
from pipeline.upload.tencent.destination import Tencent
from pipeline.upload.tencent.protocol import TABLES as TENCENT
from pipeline.upload.transfer import Refused
from tests.upload import made
from tests.upload.test_hostile_servers import serving

ONCE = Patience(attempts=1, first=0.0, cap=0.0)
METASTUDIO, OTHERS = made.samples("metastudio"), made.samples("tencent")
REFUSED = [one for one in METASTUDIO if one.get("status", 200) != 200]
ANSWERS = [one for one in METASTUDIO if one.get("status") == 200]
PLAIN = {"String", "Integer", "Long", "Float", "Double", "Boolean"}
# What Tencent answers to a request that does not keep to its tables, and to one whose signature is wrong.
WRONG = {"100001", "100005"}


def read(tables: ApiTables, reply: Reply, fields: Mapping[str, ApiField]) -> int:
    """Everything that an answer tells, read as a client reads; how many values there were."""
    count = 0
    for name, field in fields.items():
        inner, _ = tables.rows(field.inner)
        if inner:
            parts = reply.many(name) if field.type.startswith("[") else [reply.one(name)]
            count += sum(read(tables, part, inner) for part in parts)
        elif field.inner in PLAIN and name in reply.raw:
            count += len(reply.each(name))
    return count


@contextmanager
def answering(status: int, value: Any) -> Iterator[str]:
    """A far end on loopback that gives this answer to everything."""
    body = json.dumps(value, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(lambda wire, _: wire.sendall(head.encode() + body)) as url:
        yield url.removesuffix("/v1/thing")


def asked(url: str, name: str) -> Any:
    """A call of MetaStudio, whatever its path has in braces."""
    settings = {"METASTUDIO_ENDPOINT": url, "METASTUDIO_PROJECT": "p", "METASTUDIO_AK": "a", "METASTUDIO_SK": "s"}
    place = Api(Secrets(environment={f"PREFLIGHT_{k}": v for k, v in settings.items()}), ONCE, None, None)
    try:
        return place.call(name, {}, what="ask")
    finally:
        place.caller.close()


@pytest.fixture
def unheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is not held against the tables: only the answer counts here."""
    monkeypatch.setattr(ApiTables, "wrong", lambda *_: [])


@pytest.mark.usefixtures("unheld")
@pytest.mark.parametrize("one", ANSWERS, ids=lambda one: f"{one['section']}-{one['call']}")
def test_an_answer_of_metastudio_arrives(one: dict[str, Any]) -> None:
    with answering(200, one["value"]) as url:
        reply = asked(url, one["call"])
    assert reply.raw == one["value"]
    assert read(TABLES, reply, TABLES.calls[one["call"]].side("answer")[0]) > 0


@pytest.mark.usefixtures("unheld")
@pytest.mark.parametrize("one", REFUSED, ids=lambda one: f"{one['section']}-{one['status']}")
def test_a_refusal_of_metastudio_is_told_with_its_code(one: dict[str, Any]) -> None:
    with answering(one["status"], one["value"]) as url, pytest.raises(UploadError) as caught:
        asked(url, one["call"])
    assert one["value"]["error_code"] in caught.value.text.en
    assert one["value"]["error_code"] in caught.value.text.zh


@pytest.mark.usefixtures("unheld")
@pytest.mark.parametrize("one", [s for s in OTHERS if s["side"] == "answer"], ids=lambda one: str(one["call"]))
def test_an_answer_of_tencent_arrives(one: dict[str, Any]) -> None:
    settings = {"TENCENT_ENDPOINT": None, "TENCENT_APPKEY": "a", "TENCENT_ACCESSTOKEN": "b"}
    with answering(200, one["value"]) as url:
        environment = {f"PREFLIGHT_{key}": value or url for key, value in settings.items()}
        place = Tencent(Secrets(environment=environment), {}, ONCE)
        reply = place.call(one["call"], {})
        place.close()
    assert reply.raw == one["value"]["Payload"]
    fields, _ = TENCENT.calls[one["call"]].side("answer")
    assert read(TENCENT, reply, fields) > 0 or not fields


@pytest.mark.parametrize("one", [s for s in OTHERS if s["side"] == "body"], ids=lambda one: str(one["call"]))
def test_a_request_of_tencent_is_taken_by_the_sandbox(running: Emulator, one: dict[str, Any]) -> None:
    """It may say that there is no such file or task; it may not say that the documents' own request is wrong."""
    place, said = made.tencent(running), ""
    try:
        place.call(one["call"], one["value"]["Payload"])
    except Refused as error:
        said = error.code
    finally:
        place.close()
    assert said not in WRONG
    assert [name for name, *_ in running.backend.transcript] == [one["call"]]


def test_all_of_them_were_tried() -> None:
    """Those of MetaStudio's requests are in `test_protocol`."""
    bodies = sum(one["side"] == "body" for one in METASTUDIO)
    others = len(OTHERS)
    assert (bodies, len(ANSWERS), len(REFUSED), others) == (18, 31, 74, 24)
    assert bodies + len(ANSWERS) + len(REFUSED) + others == len(METASTUDIO) + len(OTHERS) == 147
