"""The stories of Tencent's pages, told by our client to the sandbox and written down: every request and every answer is
held against the tables of the documents field by field, and the calls come in the order that the pages give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qcloud_cos")

from pipeline.upload.destination import Tools
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.journal import UploadJournal
from pipeline.upload.protocol import ApiField
from pipeline.upload.tencent.protocol import TABLES
from tests.upload import made

MAKE = {"AnchorName": "小美", "SexType": "FEMALE"}
AGREE = {"confirm": {"Operate": "AGREE"}}
LETTER = ("authorization", "letter", "grant.pdf")
UP = "getuploadcredentials"
# story -> what is sent (preset, role, name), order, the calls in their order with questions asked again counted once
STORIES: dict[str, tuple[list[tuple[str, str, str]], dict[str, Any], list[str]]] = {
    "photo": (
        [("photo-premium", "photo", "face.png")],
        {"check": {"face": True}, "make": MAKE},
        [UP, "facedetect", "getfacedetectstate", "make", "getprogress"],
    ),
    "zero-shot": (
        [("voice-instant", "audio", "said.wav")],
        {"check": {"zeroshot": True, "TextId": "text-1", "Language": "chi"}, "make": MAKE | {"ZeroshortLang": "chi"}}
        | AGREE,
        [UP, "detectaudioquality", "getdetectprogress", "make", "getprogress", "customerconfirm", "getprogress"],
    ),
    "voice": (
        [("voice", "recording", "take.wav"), LETTER],
        {"check": {"audio": True, "ReferenceText": "大家好"}, "make": MAKE | {"Notes": "for the news"}} | AGREE,
        [UP, "audioevaluation", "getaudioevaluationstate", "make", "getprogress", "customerconfirm", "getprogress"],
    ),
    "avatar": (
        [
            ("avatar-4k", "video", "a.mp4"),
            ("avatar-4k", "alpha", "b.mov"),
            LETTER,
            ("authorization", "video", "d.mp4"),
            ("driver-audio", "audio", "e.wav"),
            ("driver-audio", "text", "f.txt"),
        ],
        {"make": MAKE | {"TimbreCode": "t1", "Speed": 1.2, "IsWithTimbre": True, "RemoveBackground": 2}} | AGREE,
        [UP, "make", "getprogress", "customerconfirm", "getprogress"],
    ),
}


def _told(near: Path, running: Emulator, story: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The transcript of a story: call, payload of the request, payload of the answer."""
    files, order, _ = STORIES[story]
    items = []
    for number, (preset, role, name) in enumerate(files):
        folder = near / str(number)
        asset = made.asset("audio", role, [made.output(folder, name, b"Hello, I am new.")])
        items += made.items_of(made.write(folder, f"tencent/{preset}", [asset]))
    place = made.tencent(running, order)
    (unit,) = place.units(items)
    with UploadJournal(near, place.place) as journal:
        tools = Tools(journal=journal, sent=lambda _: None, bandwidth=None, wait=5.0, told=lambda *_: None)
        assert place.send(unit, tools).status == "sent"
    place.close()
    return [(name, body, answer["Payload"]) for name, body, _, answer in running.backend.transcript]


def _fields(rows: dict[str, ApiField], value: dict[str, Any]) -> int:
    """Every field of an object, each in a row of its table; how many there were, those inside included."""
    count = 0
    for key, one in value.items():
        field = rows[key]  # a field that no table has is a KeyError
        inner, _ = TABLES.rows(field.inner)
        listed = one if isinstance(one, list) else [one]
        count += 1 + sum(_fields(dict(inner), part) for part in listed if inner)
    return count


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told_as_the_documents_have_it(near: Path, running: Emulator, story: str) -> None:
    told, count = _told(near, running, story), 0
    for name, body, answer in told:
        row = TABLES.calls[name]
        assert [wrong.text.en for wrong in TABLES.wrong(name, "body", body)] == [], name
        assert [wrong.text.en for wrong in TABLES.wrong(name, "answer", answer)] == [], name
        count += _fields(row.body, body) + _fields(row.answer, answer)
    names = [name for place, (name, _, _) in enumerate(told) if place == 0 or told[place - 1][0] != name]
    assert names == STORIES[story][2]
    assert count > 25


def test_what_is_ordered_names_every_file_and_every_wish(near: Path, running: Emulator) -> None:
    body = next(body for name, body, _ in _told(near, running, "avatar") if name == "make")
    assert body["TimbreInfo"] == {"TimbreCode": "t1", "Speed": "1.2", "IsWithTimbre": True}
    assert body["TextDriver"] == "Hello, I am new."
    urls = {"MaterialCosUrl", "AlphaCosUrl", "IdentityCosUrl", "IdentityWrittenCosUrl", "VoiceDriverCosFile"}
    assert {key for key, value in body.items() if str(value).startswith("https://")} == urls
