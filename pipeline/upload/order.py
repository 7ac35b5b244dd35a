"""The order file: a small TOML file with what no media file can say (names, sex, language, which make type).

[asset]       tags, description, supported_service, system_properties, image_use, generate_cover, ...
[script]      a MetaStudio video script
[training]    a MetaStudio avatar training job
[voice]       a MetaStudio voice training job
[check]       Tencent pre-checks
[make]        a Tencent make request
[confirm]     what is thought of the demo it led to
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UsageError, nearest_word


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it accepts, in code and in words; where that is written stands beside its row."""

    accepts: Callable[[Any], bool]
    wants: str
    needed: bool = False


def _text(least: int, most: int, *, needed: bool = False) -> Field:
    return Field(lambda v: isinstance(v, str) and least <= len(v) <= most, f"{least} to {most} characters", needed)


def _of(*words: object, needed: bool = False) -> Field:
    return Field(lambda v: v in words and type(v) in {type(w) for w in words}, " or ".join(map(str, words)), needed)


def _number(least: float, most: float) -> Field:
    def accepts(v: Any) -> bool:
        return isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most

    return Field(accepts, f"a number of {least:g} to {most:g}")


def _whole(least: int, most: int) -> Field:
    def accepts(v: Any) -> bool:
        return isinstance(v, int) and not isinstance(v, bool) and least <= v <= most

    return Field(accepts, f"a whole number of {least} to {most}")


def _url() -> Field:
    return Field(lambda v: isinstance(v, str) and v.startswith("https://") and len(v) <= 2000, "a URL of https")


_YES: Final = _of(True, False)
_WORDS: Final = Field(lambda v: isinstance(v, list) and all(isinstance(w, str) for w in v), "a list of texts")
_PAIRS: Final = Field(lambda v: isinstance(v, dict) and all(isinstance(w, str) for w in v.values()), "a table of texts")
_SCENE: Final = 2147483647  # sequence_no, Table 5-9
_NUMBERS: Final = Field(
    lambda v: isinstance(v, dict) and all(type(n) is int and 0 <= n <= _SCENE for n in v.values()),
    "a table of whole numbers of 0 and more",
)
_NUMBERED: Final = Field(
    lambda v: isinstance(v, dict) and all(k.isdecimal() and isinstance(w, str) for k, w in v.items()),
    "a table of texts by the number of their scene",
)
_PLAIN: Final = re.compile(r"[0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]+")


def _plain(least: int, most: int) -> Field:
    def accepts(v: Any) -> bool:
        return isinstance(v, str) and least <= len(v) <= most and _PLAIN.fullmatch(v) is not None

    return Field(accepts, f"{least} to {most} Chinese characters, letters, digits, underscores, hyphens", needed=True)


# The names of the fields are the platforms' own.
FIELDS: Final[dict[str, dict[str, Field]]] = {
    "asset": {  # MS-API 4.1.1 Table 4-3; limits in `pipeline.upload.metastudio.fields`
        "asset_type": _text(1, 64),
        "tags": _WORDS,
        "description": _text(0, 4096),
        "supported_service": _WORDS,
        "system_properties": _PAIRS,
        "image_use": _of("background", "material"),
        "generate_cover": _YES,
        "asset_order": _whole(0, 32767),
    },
    "script": {  # MS-API 5.1.1 Tables 5-3, 5-4
        "script_name": _plain(1, 256),
        "script_description": _text(0, 1024),
        "view_mode": _of("LANDSCAPE", "VERTICAL"),
        "model_asset_id": _text(1, 64),
        "voice_asset_id": _text(1, 64),
        "speed": _whole(50, 200),
        "pitch": _whole(50, 200),
        "volume": _whole(90, 240),
        "scenes": _NUMBERS,  # output path -> number of the scene
        "subtitles": _NUMBERED,  # number of the scene -> path of a subtitle file
    },
    "training": {  # MS-API 8.1 Tables 8-3, 8-4
        "name": _plain(1, 256),
        "job_id": _text(1, 64),  # of a job that review refused: its files are sent anew
        "contact": _text(1, 64),
        "is_background_replacement": _YES,
        "batch_name": _text(1, 128),
        "is_flexus": _YES,
        "beauty_level": _whole(0, 3),
        "job_tag": _of("ECOMMERCE", "NEWS", "MARKETING"),
        "sex": _of("FEMALE", "MALE"),
        "language": _of("CN"),  # EN is in the enum and does not train (C30)
        "files": _PAIRS,  # output path -> slot
        "multipart_commands": _of("UPLOADED", "UPLOAD"),  # the documents have both spellings (C44)
    },
    "voice": {  # MS-API 9.1 Table 9-3
        "voice_name": _plain(1, 256),
        "create_type": _of("PACKAGE", "SEGMENT"),  # one package, or sentence by sentence
        "tag": _of("ECOMMERCE", "NEWS", "MARKETING", needed=True),
        "sex": _of("FEMALE", "MALE", needed=True),
        "language": _of("CN"),
        "description": _text(0, 4096),
        "phone": _text(1, 32),
        "letter": _text(1, 4096),  # path of the authorisation letter
    },
    "check": {
        "face": _YES,
        "CheckerVersion": _of(1, 2),
        "audio": _YES,
        "zeroshot": _YES,
        "Language": _of("chi", "eng", "can"),
        "ReferenceText": _text(1, 2000),
        "TextId": _text(1, 128),
    },
    "make": {  # TX-Custom Customisation API, request parameters (2025-12-19)
        "AnchorName": _plain(2, 50),
        "MakeType": _of("IMAGE", "IMAGE_GENERAL", "IMAGE_4K", "IMAGE_PHOTO", "VOICE", "ZERO_SHOT_VOICE", needed=True),
        "SexType": _of("MALE", "FEMALE", needed=True),
        "Notes": _text(0, 100),
        "MaterialCosUrl": _url(),
        "IdentityCosUrl": _url(),
        "IdentityWrittenCosUrl": _url(),
        "AudioId": _text(1, 200),
        "IsHaveBackground": _YES,
        "RemoveBackground": _of(1, 2),
        "PhotoVersion": _of(0, 1),
        "ZeroshortLang": _of("chi", "eng", "can"),
        "Speed": _number(0.5, 1.5),
        "TextDriver": _text(4, 1000),
        "VoiceDriverCosFile": _url(),
    },
    "confirm": {  # TX-Custom Effect confirmation API (2024-11-13)
        "Operate": _of("AGREE", "REJECT", needed=True),
        "Reason": _text(1, 300),
    },
}
# table -> what must hold between its fields, and what to say where it does not
_TOGETHER: Final[dict[str, list[tuple[Callable[[Mapping[str, Any]], bool], str, str]]]] = {
    "check": [
        (
            lambda v: not {"ReferenceText", "TextId"} <= v.keys(),
            "ReferenceText or TextId, not both",
            "ReferenceText 与 TextId 二选一",
        ),
    ],
    "make": [
        (
            lambda v: "RemoveBackground" not in v or v.get("IsHaveBackground") is False,
            "RemoveBackground means something with IsHaveBackground = false alone",
            "RemoveBackground 仅在 IsHaveBackground = false 时有效",
        ),
        (
            lambda v: "PhotoVersion" not in v or v.get("MakeType") == "IMAGE_PHOTO",
            "PhotoVersion means something for IMAGE_PHOTO alone",
            "PhotoVersion 仅用于 IMAGE_PHOTO",
        ),
        (
            lambda v: "ZeroshortLang" not in v or v.get("MakeType") == "ZERO_SHOT_VOICE",
            "ZeroshortLang means something for ZERO_SHOT_VOICE alone",
            "ZeroshortLang 仅用于 ZERO_SHOT_VOICE",
        ),
    ],
    "confirm": [
        (lambda v: v.get("Operate") != "REJECT" or "Reason" in v, "REJECT wants a Reason", "REJECT 需要 Reason"),
    ],
}


def read(file: Path | None) -> dict[str, dict[str, Any]]:
    """The order; every table that is not written is empty. Raises UsageError naming table, key and what it accepts."""
    if file is None:
        return {}
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", f"{file}：{error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}", f"{file}：{error}") from None
    for table, values in data.items():
        if table not in FIELDS or not isinstance(values, dict):
            hint = nearest_word(table, FIELDS)
            raise UsageError(
                f"{file}: no table [{table}] in an order.{hint.en}", f"{file}：没有表 [{table}]。{hint.zh}"
            )
        check(str(file), table, values)
    return data


def fits(order: Mapping[str, Any], where: str, tables: frozenset[str]) -> None:
    """Whether what is delivered takes every table of the order. Raises UsageError: nothing is ignored in silence."""
    for table in order:
        if table not in tables:
            takes = ", ".join(f"[{one}]" for one in sorted(tables)) or "no order"
            raise UsageError(
                f"order: [{table}] has no effect on {where}, which takes {takes}",
                f"订单：[{table}] 不适用于 {where}；可用：{takes}",
            )


def check(where: str, table: str, values: Mapping[str, Any]) -> None:
    """Whether every field of a table is known and accepted. Raises UsageError."""
    fields = FIELDS[table]
    for key, value in values.items():
        if key not in fields:
            hint = nearest_word(key, fields)
            raise UsageError(
                f"{where}: [{table}] has no field {key}.{hint.en}", f"{where}：[{table}] 没有字段 {key}。{hint.zh}"
            )
        if not fields[key].accepts(value):
            raise UsageError(
                f"{where}: [{table}] {key} = {value!r}: wants {fields[key].wants}",
                f"{where}：[{table}] {key} = {value!r}：应为 {fields[key].wants}",
            )
    for key, one in fields.items():
        if one.needed and key not in values:
            raise UsageError(
                f"{where}: [{table}] wants {key}: {one.wants}", f"{where}：[{table}] 缺少 {key}：{one.wants}"
            )
    for holds, en, zh in _TOGETHER.get(table, ()):
        if not holds(values):
            raise UsageError(f"{where}: [{table}]: {en}", f"{where}：[{table}]：{zh}")
