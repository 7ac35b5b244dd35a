"""The tables of both platforms' documents, held against witnesses that were not written from our code: the documents'
own samples, the models of the official SDK, and the list of disagreements in docs/upload.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UploadError
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.protocol import ApiField, ApiTables, Reply, Unexpected
from pipeline.upload.tencent.protocol import TABLES as TENCENT
from tests.upload import made

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "upload.md"
PLAIN = {"String", "Integer", "Long", "Float", "Double", "Boolean"}


METASTUDIO, OTHERS = made.samples("metastudio"), made.samples("tencent")
GOOD = [one for one in METASTUDIO if one.get("status", 200) == 200]
# Where a sample of the documents does not keep to their own tables: place -> why.
ODD = {
    "animation_config": "of 3D avatars, in no table",
    "background_type": "AUDIO, of 3D avatars",
    "model_version": "V3, which the table calls retired",
    "log_type": "words that the SDK has and the table lacks",
    "frame_rate": "a number where the table has a text",
    "error_info": "null",
    "key_id": "a number where the table has a text",
}


def test_there_are_as_many_samples_as_the_documents_print() -> None:
    assert (len(METASTUDIO), len(GOOD), len(OTHERS)) == (123, 49, 24)


@pytest.mark.parametrize("one", GOOD, ids=lambda one: f"{one['section']}-{one['side']}")
def test_every_sample_of_metastudio_keeps_to_its_table(one: dict[str, Any]) -> None:
    wrong = [w for w in TABLES.wrong(one["call"], one["side"], one["value"]) if w.place.rsplit(".", 1)[-1] not in ODD]
    assert [w.text.en for w in wrong] == []


def test_no_sample_is_excused_that_needs_no_excuse() -> None:
    found = {w.place.rsplit(".", 1)[-1] for s in GOOD for w in TABLES.wrong(s["call"], s["side"], s["value"])}
    assert found == ODD.keys()


@pytest.mark.parametrize("one", OTHERS, ids=lambda one: f"{one['call']}-{one['side']}")
def test_every_sample_of_tencent_keeps_to_its_table(one: dict[str, Any]) -> None:
    assert one["value"].keys() == {"Header", "Payload"}
    assert [w.text.en for w in TENCENT.wrong(one["call"], one["side"], one["value"]["Payload"])] == []


def test_every_sample_request_is_taken_by_the_sandbox(running: Emulator) -> None:
    """It may say that there is no such asset or job; it may not say that the documents' own request is wrong."""
    place = made.api(running)
    for one in METASTUDIO:
        if one["side"] != "body":
            continue
        row = TABLES.calls[one["call"]]
        path = re.sub(r"\{\w+\}", "nobody", row.path)
        status, told = made.raw(place, row.method, path, one["value"])
        said = str(told.get("error_msg", ""))
        assert status == 200 or told["error_code"] != "MSS.10000003" or any(odd in said for odd in ODD), (one, told)
    place.caller.close()


# --- the tables themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("tables", [TABLES, TENCENT], ids=["metastudio", "tencent"])
def test_every_type_is_spelled_out_and_used(tables: ApiTables) -> None:
    named = {"CustomerConfirmContent"} if tables is TENCENT else set()
    for row in tables.calls.values():
        named |= {field.inner for side in (row.query, row.body, row.answer) for field in side.values()}
    for kind in tables.types.values():
        named |= {field.inner for field in kind.fields.values()}
    assert named - PLAIN == set(tables.types)


# --- the official SDK -----------------------------------------------------------------------------------

sdk = pytest.importorskip("huaweicloudsdkmetastudio.v1")
client = pytest.importorskip("huaweicloudsdkmetastudio.v1.metastudio_client")
_TYPES = {"String": "str", "Integer": "int", "Long": "int", "Boolean": "bool", "Float": "float", "Double": "float"}


def _rows() -> dict[str, tuple[str, str, str]]:
    """SDK method -> HTTP method, path, name of the answer."""
    text = Path(client.__file__).read_text(encoding="utf-8")
    found = re.findall(
        r'def _(\w+)_http_info\(cls, request\):\s*http_info = \{\s*"method": "(\w+)",\s*"resource_path": "([^"]+)",'
        r'\s*"request_type": [^\n]+\s*"response_type": "(\w+)"',
        text,
    )
    return {name: (method, path, answer) for name, method, path, answer in found}


SDK = _rows()


@pytest.mark.parametrize("name", TABLES.calls)
def test_method_and_path_are_those_of_the_sdk(name: str) -> None:
    row = TABLES.calls[name]
    assert SDK[name][:2] == (row.method, "/v1/{project_id}" + row.path)


def _model(name: str) -> Any:
    return getattr(sdk, name, None)


def _request(name: str) -> Any:
    wanted = f"{name.replace('_', '')}request"
    return next(getattr(sdk, one) for one in dir(sdk) if one.lower() == wanted)


def _compared() -> Iterator[tuple[str, Mapping[str, ApiField], Any]]:
    """Every table with the SDK's model of the same thing: where, rows, model."""
    seen: set[str] = set()

    def inside(fields: Mapping[str, ApiField], model: Any) -> Iterator[tuple[str, Mapping[str, ApiField], Any]]:
        keys = {value: key for key, value in model.attribute_map.items()}
        for name, field in fields.items():
            rows, _ = TABLES.rows(field.inner)
            if rows and name in keys and field.inner not in seen:
                seen.add(field.inner)
                other = _model(re.sub(r"^\w+\[(?:str, ?)?(.*)\]$", r"\1", model.openapi_types[keys[name]]))
                if other is not None:
                    yield field.inner, rows, other
                    yield from inside(rows, other)

    for name, row in TABLES.calls.items():
        request, sides = _request(name), [("answer", row.answer, _model(SDK[name][2]))]
        sides.append(("query", row.query, request))
        if row.body:
            sides.append(("body", row.body, _model(request.openapi_types["body"])))
        for side, fields, model in sides:
            if fields:
                yield f"{name}.{side}", fields, model
                yield from inside(fields, model)


def _words(model: Any, key: str) -> set[str]:
    """The words that the SDK's text about a property lists."""
    return set(re.findall(r"[*-] *`?([A-Za-z0-9_.]+)`? *[:：]", getattr(model, key).__doc__ or ""))


def _disagreements() -> set[str]:
    found: set[str] = set()
    for where, fields, model in _compared():
        keys = {value: key for key, value in model.attribute_map.items()}
        for name, field in fields.items():
            if name not in keys:
                found.add(name)
                continue
            told = model.openapi_types[keys[name]]
            inner = re.sub(r"^\w+\[(?:str, ?)?(.*)\]$", r"\1", told)
            shape = "[" if told.startswith("list") else "{" if told.startswith("dict") else ""
            assert shape == (field.type[0] if field.type[0] in "[{" else ""), (where, name, told)
            enumerated = _model(inner) is not None and not getattr(_model(inner), "openapi_types", {"": ""})
            if field.inner in PLAIN and inner != _TYPES[field.inner] and not enumerated:
                found.add(name)
            words = _words(model, keys[name])
            if field.values and words and not set(field.values) <= words:
                found.add(name)
    return found


def _listed() -> set[str]:
    """The fields that docs/upload.md names in its list of disagreements."""
    text = PAGE.read_text(encoding="utf-8").split("## Where documents disagree", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_types_and_words_are_those_of_the_sdk_except_where_the_page_says_so() -> None:
    assert _disagreements() <= _listed()


# --- reading --------------------------------------------------------------------------------------------


def _reply(call: str, **told: Any) -> Reply:
    fields, table = TABLES.calls[call].side("answer")
    return Reply(TABLES, fields, told, table)


def test_what_is_written_as_a_text_or_as_a_number_is_the_same() -> None:
    parts = _reply(
        "execute2d_model_training_command_by_user", multipart_data=[{"part_number": 1}, {"part_number": "1"}]
    )
    assert [part.text("part_number") for part in parts.many("multipart_data")] == ["1", "1"]
    assert _reply("list_assets", count="12").number("count") == 12
    assert _reply("confirm_training_segment", confirm_result="true").flag("confirm_result") is True


@pytest.mark.parametrize("told", [{}, {"asset_state": None}, {"asset_state": "PUBLISHED"}, {"asset_state": 7}])
def test_a_missing_or_unknown_word_is_told_with_its_table_and_is_no_success(told: dict[str, Any]) -> None:
    with pytest.raises(Unexpected, match=r"Table 4-118 wants one of CREATING"):
        _reply("show_asset", **told).word("asset_state")


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"files": {"file_id": "a"}}, lambda r: r.many("files")),
        ({"files": ["a"]}, lambda r: r.many("files")),
        ({"asset_order": "first"}, lambda r: r.number("asset_order")),
        ({"asset_order": "--5"}, lambda r: r.number("asset_order")),
        ({"asset_order": "9" * 5000}, lambda r: r.number("asset_order")),
        ({"asset_extra_meta": []}, lambda r: r.one("asset_extra_meta")),
        ({"asset_id": ["a"]}, lambda r: r.must("asset_id")),
        ({"asset_id": ""}, lambda r: r.must("asset_id")),
    ],
)
def test_another_type_is_told(told: dict[str, Any], read: Any) -> None:
    with pytest.raises(Unexpected, match="Table 4-1"):
        read(_reply("show_asset", **told))


def test_nobody_can_rely_on_what_no_table_has() -> None:
    with pytest.raises(KeyError):
        _reply("show_asset", asset_colour="red").text("asset_colour")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"state": "DONE"}, "state is 'DONE'; Table 4-191 wants one of CREATED, FAILED, CANCELLED"),
        ({}, "state is missing; Table 4-191"),
        ({"state": "CREATED", "note": 1}, "note is 1; Table 4-191 wants no such field"),
    ],
)
def test_what_does_not_keep_to_the_table_is_not_sent(running: Emulator, body: dict[str, Any], said: str) -> None:
    place = made.api(running)
    with pytest.raises(UploadError, match=said):
        place.call("confirm_file_upload", body, what="complete", file_id="a")
    place.caller.close()
    assert running.backend.calls == []


def test_an_id_cannot_leave_its_place_in_a_path(running: Emulator) -> None:
    place = made.api(running)
    assert place.path("show_asset", asset_id="../files/a?b").endswith("/digital-assets/..%2Ffiles%2Fa%3Fb")
    place.caller.close()
