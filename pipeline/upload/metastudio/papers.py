"""Which file of a manifest goes to which place of a training job (MS-API 8.1, Table 8-6); files that an order names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError, in_chinese
from pipeline.storage.digest import content_md5, content_type
from pipeline.upload.items import File, Item

OCTETS: Final = "application/octet-stream"
# role -> places, in order
_PLACES: Final = {
    "video": ("training_video",),
    "action-video": ("action_video",),
    "id-card": ("id_card_image1", "id_card_image2"),
    "grant-file": ("grant_file",),
    "audio": ("audio",),
}
_NEEDED: Final = ("training_video", "id_card_image1", "id_card_image2", "grant_file")
# The last three are placed by the order alone (8.1).
KNOWN: Final = frozenset(place for places in _PLACES.values() for place in places) | {
    "cover",
    "pre_beauty_image",
    "post_beauty_image",
}
# Sides of an identity card by what people call their pictures. In the document image 1 is the front (正面), image 2 the
# back (反面); what the law calls the front differs, so a name that says 正面 counts as the document has it.
_FRONT: Final = (("front", "face", "portrait", "obverse"), ("正面", "人像", "头像", "正"))
_BACK: Final = (("back", "rear", "reverse", "emblem", "verso"), ("反面", "背面", "国徽", "反", "背"))


def placed(items: Sequence[Item], asked: Mapping[str, str]) -> dict[str, File]:
    """Place -> file: as the order says (`asked`: output path -> place), else by role. Raises UsageError."""
    found: dict[str, File] = {}
    left: list[Item] = []
    strangers = sorted(set(asked) - {item.files[0].place for item in items})
    if strangers:
        raise UsageError(
            f"order: [training.files] names {strangers[0]}, which is not in the manifest",
            f"订单：[training.files] 中的 {strangers[0]} 不在清单中",
        )
    for item in items:
        file = item.files[0]
        if file.place not in asked:
            left.append(item)
        elif asked[file.place] not in KNOWN or asked[file.place] in found:
            raise _no_place(file)
        else:
            found[asked[file.place]] = file
    cards = [item for item in left if item.role == "id-card"]
    found |= _cards(cards, [place for place in _PLACES["id-card"] if place not in found])
    for item in left:
        if item.role == "id-card":
            continue
        free = [place for place in _PLACES.get(str(item.role), ()) if place not in found]
        if not free:
            raise _no_place(item.files[0])
        found[free[0]] = item.files[0]
    missing = [place for place in _NEEDED if place not in found]
    if missing:
        raise UsageError(
            f"a training job needs {', '.join(missing)}: prepare them with the same preset into one manifest",
            f"训练任务缺少 {'、'.join(missing)}：请用同一预设一起 prepare",
        )
    return {place: found[place] for place in [*_NEEDED, *sorted(set(found) - set(_NEEDED))] if place in found}


def _no_place(file: File) -> UsageError:
    return UsageError(
        f"{file.place}: no place for it in a training job; name one of {', '.join(sorted(KNOWN))} under "
        f"[training.files] in the order, each once",
        f"{file.place}：训练任务中没有它的位置；请在订单 [training.files] 中指定 {'、'.join(sorted(KNOWN))}，每项一次",
    )


def _cards(cards: Sequence[Item], free: Sequence[str]) -> dict[str, File]:
    """The sides of the identity card, by the names of their pictures; never by their order. Raises UsageError."""
    if not cards or len(cards) > len(free):
        if cards:
            raise _no_place(cards[len(free)].files[0])
        return {}
    if len(free) == 1:
        return {free[0]: cards[0].files[0]}
    sides = {side(item): item for item in cards}
    told = set(sides) - {""}
    if len(cards) == 2 and len(sides) == 2 and told:
        other = {"id_card_image1": "id_card_image2", "id_card_image2": "id_card_image1"}
        known = next(iter(sorted(told)))
        second = next(item for word, item in sides.items() if word != known)
        return {known: sides[known].files[0], other[known]: second.files[0]}
    if len(cards) == 1 and told:
        known = next(iter(told))
        return {known: cards[0].files[0]}
    names = ", ".join(item.files[0].place for item in cards)
    example = f'"{cards[0].files[0].place}" = "id_card_image1"'
    raise UsageError(
        f"{names}: their names do not say which side of the identity card is which; name them front and back, or write "
        f"{example} under [training.files] in the order (image1 is the front, image2 the back)",
        f"{names}：文件名未说明身份证的正反面；请命名为 front/back 或 正面/反面，"
        f"或在订单 [training.files] 中写 {example}（image1 为正面，image2 为反面）",
    )


def named(path: Path, category: str = "OTHER") -> File:
    """A file that the order names; a cover goes with the type of its ending. Raises UsageError."""
    try:
        size, md5 = path.stat().st_size, content_md5(path)
    except OSError as error:
        raise UsageError(
            f"order: {path}: {error.strerror}; paths are those seen from where the command runs",
            f"订单：{path}：{in_chinese(error)}；路径以运行命令的目录为准",
        ) from None
    if not size:
        raise UsageError(f"order: {path}: is empty", f"订单：{path}：文件为空")
    kind = content_type(path) if category == "COVER" else OCTETS
    return File(path=path, name=path.name, place=str(path), category=category, size=size, md5=md5, content_type=kind)


def side(item: Item) -> str:
    """The place that the names of a card's picture, its own or its source's, speak of; empty where they do not."""
    for name in (item.files[0].name, item.source):
        stem = Path(name).stem.lower()
        words = {word.removeprefix("id").removeprefix("card") for word in re.findall("[a-z]+", stem)}
        front = bool(words & set(_FRONT[0])) or any(word in stem for word in _FRONT[1])
        back = bool(words & set(_BACK[0])) or any(word in stem for word in _BACK[1])
        if front != back:
            return "id_card_image1" if front else "id_card_image2"
    return ""
