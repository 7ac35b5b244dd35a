"""The fields of MetaStudio's requests: what the documents allow, checked before anything is sent.

Each table row names where the limit is written. Text that people did not choose (a name made from a file name) is
made to fit; what they wrote themselves is refused with a sentence instead of being changed behind their back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.fields import Fields
from pipeline.upload.items import File, Item, digest_ok

# MS-API 4.1.1 Table 4-3
TYPES: Final = frozenset(
    {"VIDEO", "IMAGE", "PPT", "MUSIC", "AUDIO", "COMMON_FILE"}
    | {"BUSINESS_CARD_TEMPLET", "HUMAN_MODEL", "SCENE", "ANIMATION", "MATERIAL", "NORMAL_MODEL"}
)
BY_KIND: Final = {"video": "VIDEO", "image": "IMAGE", "slides": "PPT", "audio": "AUDIO"}
# MS-API 4.2.1 Table 4-178; for IMAGE and VIDEO the stricter reading of its two (C42)
CATEGORIES: Final = {
    "PPT": frozenset({"MAIN", "COVER", "PAGE", "OTHER"}),
    "HUMAN_MODEL": frozenset({"MAIN", "COVER", "WHOLE_MODEL", "USER_MODIFIED_MODEL", "OTHER"}),
    "BUSINESS_CARD_TEMPLET": frozenset({"MAIN", "COVER"}),
    "SCENE": frozenset({"MAIN", "COVER", "OTHER"}),
    "ANIMATION": frozenset({"MAIN", "COVER", "OTHER"}),
    "MATERIAL": frozenset({"MAIN", "COVER", "OTHER"}),
    "IMAGE": frozenset({"MAIN"}),
    "VIDEO": frozenset({"MAIN", "COVER"}),
    "MUSIC": frozenset({"MAIN"}),  # no subset is listed for these three; a main file is asked of every asset
    "AUDIO": frozenset({"MAIN"}),
    "COMMON_FILE": frozenset({"MAIN", "OTHER"}),
}
THERE: Final = frozenset({"UPLOADED", "REVIEW", "CREATED"})  # states of a file after a good confirm (Table 4-56)
VOICE: Final = ("voice_asset_id", "speed", "pitch", "volume")  # who speaks, and how (Table 5-10)
SERVICES: Final = frozenset({"VIDEO_2D", "LIVE_2D", "CHAT_2D"})  # Table 4-3
NAME: Final = 256  # characters of asset_name (Table 4-3) and of file_name (Table 4-178)
DESCRIPTION: Final = 4096  # characters, Table 4-3
TAGS: Final = 50  # and the same for system_properties, Table 4-3
TAG: Final = 128  # characters, Table 4-3
PROPERTY: Final = 1024  # characters, at least 1, Table 4-24
ORDER: Final = 32767  # asset_order, Table 4-3
FILE: Final = 5 * (1 << 30)  # bytes of file_size, Table 4-178
LARGE: Final = 500 * (1 << 30)  # bytes of file_size of large-files, Table 4-198
PARTS: Final = 100  # file_multipart_count, Table 4-198
LARGE_CATEGORIES: Final = frozenset({"MAIN", "OTHER"})  # Table 4-198
FILE_TYPE: Final = 64  # characters, Table 4-178
ASSET_ID: Final = 64  # characters, Table 4-178
SIGNED_BODY: Final = 12 * 10**6  # bytes of a body under AK/SK; "12 MB", the smaller reading (3.2)

# "Chinese and English characters only"; digits, underscore and hyphen are named neither way and kept, because names
# that differ in a digit alone would become the same name, which is refused.
_STRANGE: Final = re.compile(r"[^0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]+")
# In a description also what sentences need.
_STRANGE_TEXT: Final = re.compile(r"[^\x20-\x7e\n\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")
# field of the order -> field of the platform, where it goes as it is
_SAID: Final = {
    "supported_service": "supported_service",
    "description": "asset_description",
    "asset_order": "asset_order",
}
_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def asset_name(text: str) -> str:
    """A name the library accepts, made from a file's stem; `asset` when nothing of it is left."""
    return _STRANGE.sub("_", text).strip("_")[:NAME].strip("_") or "asset"


def _usage(en: str, zh: str) -> UsageError:
    return UsageError(f"order: {en}", f"订单：{zh}")


def asset_body(item: Item, order: Mapping[str, Any]) -> Fields:
    """The body of "create asset". `order` is the table [asset] of the order file. Raises UsageError, UploadError."""
    kind = str(order.get("asset_type") or item.asset_type or BY_KIND.get(item.kind, ""))
    if kind not in TYPES:
        raise UploadError(
            f"{item.source}: the library has no asset type for {item.kind} in role {item.role}; it has "
            f"{', '.join(sorted(TYPES))}. Prepare it with a MetaStudio preset, or set asset_type in the order.",
            f"{item.source}：资产库没有适合 {item.kind}（角色 {item.role}）的资产类型；"
            f"可用：{'、'.join(sorted(TYPES))}。请使用 MetaStudio 预设，或在订单中设置 asset_type。",
        )
    checked(order)
    properties = _properties(kind, order)
    body: Fields = {
        "asset_name": asset_name(item.name),
        "asset_type": kind,
        "tags": [*order.get("tags", ()), item.marker],
        "system_properties": [{"key": key, "value": value} for key, value in properties.items()],
    }
    for field, key in _SAID.items():
        if field in order:
            body[key] = order[field]
    if kind == "PPT":  # without one or the other a deck is only a file: its pages are sent, or the platform makes them
        parsed = order.get("auto_analysis", not any(file.category == "PAGE" for file in item.files))
        body["asset_extra_meta"] = {"ppt_meta": {"auto_analysis": parsed}}
    if kind == "VIDEO" and order.get("generate_cover"):  # for VIDEO alone (Table 4-3)
        body["is_need_generate_cover"] = True
    return body


def checked(order: Mapping[str, Any]) -> None:
    """Whether the platform takes what the table [asset] says, whatever the asset. Raises UsageError."""
    tags, most = order.get("tags", ()), TAGS - 1  # one is ours, of tags and of properties
    if len(tags) > most or any(not 1 <= len(tag) <= TAG for tag in tags):
        raise _usage(
            f"at most {most} tags (one is ours) of 1 to {TAG} characters",
            f"标签最多 {most} 个，每个 1–{TAG} 字符",
        )
    services = order.get("supported_service", ())
    if not set(services) <= SERVICES:
        raise _usage(
            f"supported_service is of {', '.join(sorted(SERVICES))}",
            f"supported_service 可取 {'、'.join(sorted(SERVICES))}",
        )
    place = order.get("asset_order", 0)
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= ORDER:
        raise _usage(f"asset_order is a whole number of 0 to {ORDER}", f"asset_order 为 0–{ORDER} 的整数")
    text = str(order.get("description", ""))
    if len(text) > DESCRIPTION or _STRANGE_TEXT.search(text):
        raise _usage(
            f"description has at most {DESCRIPTION} Chinese and English characters",
            f"description 最多 {DESCRIPTION} 个中英文字符",
        )
    properties = order.get("system_properties", {})
    if len(properties) > most or any(not 1 <= len(str(value)) <= PROPERTY for value in properties.values()):
        raise _usage(
            f"at most {most} system_properties with values of 1 to {PROPERTY} characters",
            f"system_properties 最多 {most} 个，值长 1–{PROPERTY} 字符",
        )


def _properties(kind: str, order: Mapping[str, Any]) -> dict[str, str]:
    """The markers without which the console does not show an asset, and what the order adds (Table 4-24, FAQ 8.8)."""
    found: dict[str, str] = {}
    if kind == "IMAGE":
        found["BACKGROUND_IMG" if order.get("image_use") == "background" else "MATERIAL_IMG"] = "Yes"
    if kind == "VIDEO":
        found["MATERIAL_VIDEO"] = "Yes"
    return found | {str(key): str(value) for key, value in order.get("system_properties", {}).items()}


def file_body(file: File, kind: str, asset_id: str) -> Fields:
    """The body of "create file", or of "create large file" above 5 GiB. Raises UploadError."""
    allowed = CATEGORIES.get(kind, frozenset({"MAIN"}))
    kind_of = Path(file.name).suffix.lower().lstrip(".")
    large = file.size > FILE
    if large:
        allowed = allowed & LARGE_CATEGORIES
    wrong = [
        (file.category not in allowed, f"category {file.category} is not of {', '.join(sorted(allowed))} for {kind}"),
        (not 1 <= file.size <= LARGE, f"{file.size} bytes are not within 1 to {LARGE}"),
        (not 1 <= len(kind_of) <= FILE_TYPE, f"its extension has not 1 to {FILE_TYPE} characters"),
        (not 1 <= len(file.name) <= NAME, f"its name has not 1 to {NAME} characters"),
        (not digest_ok(file.md5), "its MD5 is not 24 characters of base64"),
        (not 1 <= len(asset_id) <= ASSET_ID, f"the asset id {asset_id!r} has not 1 to {ASSET_ID} characters"),
    ]
    for failed, why in wrong:
        if failed:
            raise UploadError(f"{file.path}: cannot be uploaded: {why}", f"{file.path}：无法上传：{why}")
    body = {
        "file_name": file.name,
        "file_size": file.size,
        "file_type": kind_of,
        "asset_id": asset_id,
        "asset_file_category": file.category,
    }
    return body | ({"file_multipart_count": parts(file.size)} if large else {"file_md5": file.md5})


def parts(size: int) -> int:
    """How many parts a large file is sent in: at most 5 GiB each, better 256 MiB, at most 100 of them."""
    return max(1, min(PARTS, -(-size // (256 << 20))))


def stretches(size: int, count: int) -> list[tuple[int, int]]:
    """Start and length of every part: equal, the rest in the last. Exactly `count` of them for count² <= size."""
    step = -(-size // count)
    return [(start, min(step, size - start)) for start in range(0, size, step)]


def user_id(text: str) -> str:
    """The value of X-App-UserId. Raises UsageError when it holds Chinese characters (Table 4-2)."""
    if _CHINESE.search(text) or not text.isascii() or not text.isprintable():
        raise UsageError("X-App-UserId must not hold Chinese characters", "X-App-UserId 不能包含中文")
    return text
