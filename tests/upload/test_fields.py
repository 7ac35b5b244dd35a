"""What is asked of request fields before anything is sent (the rows that presets/coverage.toml hands to the upload)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.errors import PreflightError, UsageError
from pipeline.upload import destinations
from pipeline.upload import order as orders
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields, training
from pipeline.upload.metastudio import order as metastudio_order
from pipeline.upload.tencent import order as tencent_order

FILE = File(
    path=Path("clip.mp4"),
    name="clip.mp4",
    place="clip.mp4",
    category="MAIN",
    size=10,
    md5="kAFQmDzST7DWlj99KOF/cg==",
    content_type="video/mp4",
)
ITEM = Item(key="0123456789abcdef" * 4, source="clip.mp4", kind="video", role="video", name="clip", files=(FILE,))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("clip", "clip"),
        ("片头 01（终稿）", "片头_01_终稿"),
        ("a/b\\c:d*e", "a_b_c_d_e"),
        ("😀", "asset"),
        ("", "asset"),
        ("x" * 300, "x" * 256),
        ("a\u202eb", "a_b"),
    ],
)
def test_names_are_made_of_what_the_library_accepts(text: str, name: str) -> None:
    assert fields.asset_name(text) == name


def test_a_marker_is_letters_only_and_fits_a_tag() -> None:
    assert ITEM.marker.isalpha()
    assert ITEM.marker.isascii()
    assert len(ITEM.marker) <= fields.TAG


@pytest.mark.parametrize(
    ("kind", "order", "key"),
    [
        ("video", {}, "MATERIAL_VIDEO"),
        ("image", {}, "MATERIAL_IMG"),
        ("image", {"image_use": "background"}, "BACKGROUND_IMG"),
    ],
)
def test_pictures_and_videos_carry_the_marker_the_console_looks_for(kind: str, order: dict[str, Any], key: str) -> None:
    body = fields.asset_body(replace(ITEM, kind=kind), order)
    assert {"key": key, "value": "Yes"} in body["system_properties"]


def test_a_cover_is_asked_for_videos_alone() -> None:
    assert fields.asset_body(ITEM, {"generate_cover": True})["is_need_generate_cover"] is True
    assert "is_need_generate_cover" not in fields.asset_body(replace(ITEM, kind="audio"), {"generate_cover": True})


@pytest.mark.parametrize(
    "order",
    [
        {"tags": ["t"] * 50},
        {"tags": ["t" * 129]},
        {"tags": [""]},
        {"system_properties": {f"K{n}": "v" for n in range(50)}},
        {"system_properties": {"K": "v" * 1025}},
        {"system_properties": {"K": ""}},
        {"description": "x" * 4097},
        {"description": "heart ❤"},
        {"asset_order": 32768},
        {"asset_order": -1},
        {"supported_service": ["VIDEO_3D"]},
    ],
)
def test_what_the_documents_forbid_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        fields.asset_body(ITEM, order)


def test_what_the_documents_just_allow_is_sent() -> None:
    order = {
        "tags": ["标签" * 64] * 49,
        "system_properties": {f"K{n}": "v" * 1024 for n in range(49)},
        "description": "片头，终稿。" * 682,
        "asset_order": 32767,
        "supported_service": ["VIDEO_2D", "LIVE_2D", "CHAT_2D"],
    }
    body = fields.asset_body(ITEM, order)
    assert (len(body["tags"]), len(body["system_properties"]), body["asset_order"]) == (50, 50, 32767)


def test_an_unknown_asset_type_is_refused() -> None:
    with pytest.raises(PreflightError, match="no asset type"):
        fields.asset_body(replace(ITEM, kind="text"), {})
    with pytest.raises(PreflightError, match="no asset type"):
        fields.asset_body(ITEM, {"asset_type": "VOICE_MODEL"})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"category": "PAGE"}, "VIDEO"),
        ({"category": "COVER"}, "IMAGE"),
        ({"category": "SAMPLE"}, "PPT"),
        ({"size": 0}, "VIDEO"),
        ({"size": fields.LARGE + 1}, "VIDEO"),
        ({"size": fields.FILE + 1, "category": "COVER"}, "VIDEO"),
        ({"name": "x" * 253 + ".mp4"}, "VIDEO"),
        ({"name": "no-extension"}, "VIDEO"),
        ({"name": "a." + "x" * 65}, "VIDEO"),
        ({"md5": "900150983cd24fb0d6963f7d28e17f72"}, "VIDEO"),
    ],
)
def test_a_file_the_platform_would_refuse_is_not_sent(change: dict[str, Any], kind: str) -> None:
    with pytest.raises(PreflightError, match="cannot be uploaded"):
        fields.file_body(replace(FILE, **change), kind, "asset")


def test_an_asset_id_has_1_to_64_characters() -> None:
    with pytest.raises(PreflightError, match="asset id"):
        fields.file_body(FILE, "VIDEO", "x" * 65)


def test_five_gibibytes_are_the_last_that_go_in_one_piece() -> None:
    assert "file_md5" in fields.file_body(replace(FILE, size=5_368_709_120), "VIDEO", "a")
    large = fields.file_body(replace(FILE, size=5_368_709_121), "VIDEO", "a")
    assert "file_md5" not in large
    assert 1 <= large["file_multipart_count"] <= 100


@pytest.mark.parametrize("size", [1, 1000, 5 << 30, (5 << 30) + 1, 63_100 << 20, (64_000 << 20) + 1, 500 << 30])
@pytest.mark.parametrize("count", [fields.parts, training._count])
def test_parts_cover_a_file_once_and_are_as_many_as_were_said(size: int, count: Callable[[int], int]) -> None:
    stretches = fields.stretches(size, count(size))
    assert len(stretches) == count(size)
    ends = [start + length for start, length in stretches]
    assert [start for start, _ in stretches] == [0, *ends[:-1]]
    assert ends[-1] == size
    assert max(length for _, length in stretches) <= fields.FILE


def test_the_user_id_has_no_chinese() -> None:
    assert fields.user_id("user-1") == "user-1"
    with pytest.raises(UsageError):
        fields.user_id("用户")


# --- orders ---------------------------------------------------------------------------------------------

TABLES = {table.name: table for table in (*metastudio_order.TABLES, *tencent_order.TABLES)}
MAKE = {"AnchorName": "小美_1", "MakeType": "VOICE", "SexType": "FEMALE"}
VOICE = {"voice_name": "voice", "tag": "NEWS", "sex": "MALE"}
AVATAR = {"name": "avatar"}


@pytest.mark.parametrize(("table", "values"), [("make", MAKE), ("voice", VOICE), ("training", AVATAR), ("asset", {})])
def test_a_short_order_is_accepted(table: str, values: dict[str, Any]) -> None:
    before = dict(values)
    TABLES[table].check("order", values)
    assert values == before


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("make", MAKE | {"AnchorName": "x"}),
        ("make", MAKE | {"AnchorName": "x" * 51}),
        ("make", MAKE | {"AnchorName": "two words"}),
        ("make", MAKE | {"MakeType": "IMAGE_8K"}),
        ("make", MAKE | {"SexType": "female"}),
        ("make", MAKE | {"Notes": "n" * 101}),
        ("make", MAKE | {"Speed": 1.6}),
        ("make", MAKE | {"PhotoVersion": 2}),
        ("make", MAKE | {"PhotoVersion": True}),
        ("make", MAKE | {"ZeroshortLang": "deu"}),
        ("make", MAKE | {"TextDriver": "abc"}),
        ("make", {"MakeType": "VOICE", "SexType": "FEMALE"}),
        ("make", MAKE | {"AnchorNam": "x"}),
        ("voice", VOICE | {"language": "EN"}),
        ("voice", VOICE | {"tag": "SPORT"}),
        ("training", AVATAR | {"beauty_level": 4}),
        ("training", {"name": "a b"}),
        ("check", {"CheckerVersion": 3}),
        ("check", {"ReferenceText": "a", "TextId": "b"}),
        ("make", MAKE | {"PhotoVersion": 1}),
        ("make", MAKE | {"ZeroshortLang": "chi"}),
        ("make", MAKE | {"RemoveBackground": 1}),
        ("make", MAKE | {"MakeType": "IMAGE", "IsHaveBackground": True, "RemoveBackground": 1}),
        ("make", MAKE | {"MaterialCosUrl": "http://elsewhere/a.mp4"}),
        ("confirm", {"Operate": "REJECT"}),
        ("confirm", {"Operate": "REJECT", "Reason": "r" * 301}),
        ("confirm", {"Operate": "MAYBE"}),
    ],
)
def test_an_order_the_platform_would_refuse_is_not_sent(table: str, values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"\[" + table):
        TABLES[table].check("order", values)


def test_an_order_file_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "order.toml"
    file.write_text('[asset]\ntags = ["a"]\n', encoding="utf-8")
    assert destinations.read_order(file) == {"asset": {"tags": ["a"]}}
    file.write_text("[aset]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="Did you mean 'asset'"):
        destinations.read_order(file)
    file.write_text("[asset\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"order\.toml"):
        destinations.read_order(file)
    with pytest.raises(UsageError, match="No such file"):
        destinations.read_order(tmp_path / "none.toml")


def test_what_a_field_accepts() -> None:
    length = 2000 - len("https://")
    assert orders.url().accepts("https://" + "x" * length)
    assert not orders.url().accepts("https://" + "x" * (length + 1))
    assert [orders.YES.accepts(value) for value in (True, False, 1, 0)] == [True, True, False, False]
    assert [value for value in (0, 1, 3, 4, 2.5) if orders.whole(1, 3).accepts(value)] == [1, 3]
    assert [value for value in (0.9, 1, 2.5, 3, 3.1) if orders.number(1, 3).accepts(value)] == [1, 2.5, 3]
    assert not orders.whole(1, 3).accepts(True)
    assert not orders.number(1, 3).accepts(True)
    assert (orders.one_of("a", "b").example, orders.one_of("a", "b").values) == ('"a"', ('"a"', '"b"'))
