"""The make request: which file fills which field, and whether its make type is what the files were prepared for.

Every file has one field and every field one file: what has none, or a taken one, is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError
from pipeline.model.fields import Fields
from pipeline.upload.items import Item
from pipeline.upload.tencent.order import MADE, MAKE, TIMBRE

_FREE: Final = frozenset({"IMAGE_PHOTO", "ZERO_SHOT_VOICE"})  # make types that need no authorisation
# preset/role -> field of the make request; of the roles that are not here
_FIELDS: Final = {
    "tencent/authorization/video": "IdentityCosUrl",
    "tencent/authorization/letter": "IdentityWrittenCosUrl",
    "tencent/driver-audio/audio": "VoiceDriverCosFile",
    "tencent/driver-audio/text": "TextDriver",
    "tencent/voice-instant/audio": "AudioId",
}
_ALPHA: Final = "AlphaCosUrl"
_MATERIAL: Final = "MaterialCosUrl"


def field(item: Item) -> str:
    """The field that a file of this role fills."""
    return _FIELDS.get(f"{item.preset}/{item.role}", _ALPHA if item.role == "alpha" else _MATERIAL)


def is_text(item: Item) -> bool:
    """Whether a file goes into the request itself instead of the store."""
    return field(item) == "TextDriver"


def made(order: Fields, items: Sequence[Item]) -> Fields:
    """The make request without what files fill in: type and edition from the presets where the order leaves them open.

    Raises UsageError where the order and the presets disagree.
    """
    body = {key: value for key, value in order.items() if key not in TIMBRE}
    timbre = {key: order[key] for key in TIMBRE if key in order}
    if "Speed" in timbre:
        timbre["Speed"] = str(float(timbre["Speed"]))  # a text in the documents
    if timbre:
        body["TimbreInfo"] = timbre
    for item in items:
        if item.preset not in MADE:
            continue
        kind, edition = MADE[item.preset]
        for key, wanted in (("MakeType", kind), ("PhotoVersion", edition)):
            if wanted is None:
                continue
            if body.setdefault(key, wanted) != wanted:
                raise UsageError(
                    f"order: [make] {key} = {body[key]!r}, but {item.source} was prepared with {item.preset}, which is "
                    f"for {key} = {wanted!r}. Prepare it with the preset of that kind, or take {key} out of the order.",
                    f"订单：[make] {key} = {body[key]!r}，但 {item.source} 是按 {item.preset} 准备的，"
                    f"对应 {key} = {wanted!r}。请改用相应预设重新 prepare，或从订单中删除 {key}。",
                )
    if "MakeType" not in body:
        raise UsageError("order: [make] wants MakeType", "订单：[make] 缺少 MakeType")
    MAKE.check("order", order | {key: body[key] for key in ("MakeType", "PhotoVersion") if key in body})
    return body


def payload(order: dict[str, Fields], items: Sequence[Item], given: dict[str, str]) -> Fields:
    """The whole make request; `given` is what each file became: its path -> URL, AudioId or text.

    Raises UsageError: a field that is missing, two files for one field, a file for a field that the order has.
    """
    body, filled = made(order["make"], items), dict[str, str]()
    for item in items:
        for file in item.files:
            name = field(item)
            if name in filled or name in order["make"]:
                raise _unused(file.place, name, filled.get(name, "the order"))
            if str(file.path) not in given:
                continue  # a voice without its check: what is missing is said below
            filled[name] = file.place
            body[name] = given[str(file.path)]
    kind = body["MakeType"]
    wrong = [
        (kind not in _FREE and not {"IdentityCosUrl", "IdentityWrittenCosUrl"} & set(body), "IdentityCosUrl"),
        (kind != "ZERO_SHOT_VOICE" and _MATERIAL not in body, _MATERIAL),
        (kind == "ZERO_SHOT_VOICE" and "AudioId" not in body, "AudioId (or [check] zeroshot = true)"),
    ]
    for missing, name in wrong:
        if missing:
            raise UsageError(
                f"order: [make] {kind} wants {name}: a file of the manifests or a URL in the order",
                f"订单：[make] {kind} 缺少 {name}：可来自清单中的文件或在订单中填写",
            )
    return body


def _unused(place: str, name: str, by: str) -> UsageError:
    return UsageError(
        f"{place}: would fill {name} of the make request, which {by} fills already: one file for each field. Make "
        f"another manifest without it, or take the field out of the order.",
        f"{place}：应填入定制请求的 {name}，该字段已由 {by} 填写：每个字段只能对应一个文件。"
        f"请用不含该文件的清单，或从订单中删除该字段。",
    )


def read(path: Path) -> str:
    """The text that a demo speaks. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: {said}", f"{path}：{said}") from None
