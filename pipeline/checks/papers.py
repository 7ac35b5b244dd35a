"""Checks on identity cards and letters. They need the `card` and `letter` measurements; see `docs/papers.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pipeline.checks.base import Read, check, of_file
from pipeline.model.facts import Kind, MediaInfo, Text, Value
from pipeline.model.measured import Card, Letter
from pipeline.model.rules import Reading

_PICTURE = frozenset({Kind.IMAGE})
_PAPER = frozenset({Kind.IMAGE, Kind.SLIDES})
_UNREAD = Text(
    "its words were not read; with pip install 'media-preflight[ocr]' they are",
    "未识读文字；执行 pip install 'media-preflight[ocr]' 后可识读",
)


def _of(value: Callable[[Card], Value | None]) -> Read:
    """Nothing to read where it was looked and there is no card."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        if info.card is None or info.card.side != "no card":
            yield Reading(None if info.card is None else value(info.card))

    return read


def _number(info: MediaInfo) -> Iterator[Reading]:
    if info.card is not None and info.card.number is not None:
        yield Reading(info.card.number)


def _written(value: Callable[[Letter], Value | None]) -> Read:
    """Nothing to read where it was looked and every page is blank."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        if info.letter is None or info.letter.written:
            yield Reading(None if info.letter is None else value(info.letter))

    return read


def _company(info: MediaInfo) -> Iterator[Reading]:
    """Nothing to read where nobody says to whom it is to grant, or every page is blank."""
    if info.letter is not None and info.letter.written and info.letter.expected is not None:
        yield Reading(info.letter.company)


_card = partial(check, kinds=_PICTURE, needs=frozenset({"card"}))
_letter = partial(check, kinds=_PAPER, needs=frozenset({"letter"}))

CHECKS = (
    _card(
        "card.side",
        "side of an identity card",
        "证件的哪一面",
        "word",
        read=of_file(lambda i: i.card.side if i.card else None),
        untold=Text(
            "whether this is a card takes reading it; with pip install 'media-preflight[ocr]' it is read",
            "需识读文字才能判断是否为证件；请执行 pip install 'media-preflight[ocr]'",
        ),
        help=Text(
            "Photograph one side of the card from straight above, on a plain dark ground, filling most of the picture.",
            "请将证件的一面置于纯色深色背景上，从正上方拍摄，并占满大部分画面。",
        ),
    ),
    _card(
        "card.portraits",
        "portraits on the card",
        "证件上的人像数",
        "count",
        read=_of(lambda c: c.portraits),
        help=Text(
            "Photograph the card again, without a reflection on the portrait and in focus.",
            "请重新拍摄证件，避免人像反光，并对焦清晰。",
        ),
    ),
    _card(
        "card.edges",
        "all edges of the card in the picture",
        "证件四边完整在画面内",
        "flag",
        read=_of(lambda c: c.edges),
        help=Text("Leave some of the table around the card.", "请在证件四周留出一些背景。"),
    ),
    _card(
        "card.width",
        "longer side of the card",
        "证件长边",
        "number",
        unit="pixels",
        read=_of(lambda c: c.width),
        help=Text("Step closer, or do not scale the picture down.", "请靠近拍摄，或勿缩小图片。"),
    ),
    _card(
        "card.glare",
        "share of the card that is burnt out",
        "证件反光占比",
        "share",
        read=_of(lambda c: c.glare),
        help=Text(
            "Tilt the card or move the lamp until nothing is mirrored in it.", "请倾斜证件或移动灯光，直至无反光。"
        ),
    ),
    _card(
        "card.sharpness",
        "sharpness of the card",
        "证件清晰度",
        "share",
        read=_of(lambda c: c.sharpness),
        help=Text("Focus on the card and hold still.", "请对焦证件并保持静止。"),
    ),
    _card(
        "card.legible",
        "what matters on the card can be read",
        "证件关键信息可识读",
        "flag",
        read=_of(lambda c: c.legible),
        untold=_UNREAD,
        help=Text(
            "Photograph it again in even light, in focus, close enough to read the smallest letters.",
            "请在均匀光线下重新对焦拍摄，距离以能看清最小的字为准。",
        ),
    ),
    _card(
        "card.number",
        "last figure of the number follows from the others",
        "号码校验位正确",
        "flag",
        read=_number,
        help=Text(
            "A figure was read wrongly, or the number is no such number: compare it, and photograph the card again.",
            "有数字被误读，或号码本身不成立：请核对并重新拍摄。",
        ),
    ),
    _letter(
        "letter.written",
        "pages with words on them",
        "有文字的页数",
        "count",
        read=of_file(lambda i: i.letter.written if i.letter else None),
        help=Text("Scan the letter again, the written side to the light.", "请重新扫描有文字的一面。"),
    ),
    _letter(
        "letter.legible",
        "the letter can be read",
        "授权书可识读",
        "flag",
        read=_written(lambda letter: letter.legible),
        untold=_UNREAD,
        help=Text("Scan it again at 150 dots to the inch or more.", "请以 150 dpi 或更高分辨率重新扫描。"),
    ),
    _letter(
        "letter.signed",
        "something stands where it is to be signed",
        "签字处有内容",
        "flag",
        read=_written(lambda letter: letter.signed),
        untold=Text(
            "no place to sign was found in it, or its words were not read (pip install 'media-preflight[ocr]')",
            "未找到签字处，或未识读文字（pip install 'media-preflight[ocr]'）",
        ),
        help=Text("Have it signed or sealed, and scan it again.", "请签字或盖章后重新扫描。"),
    ),
    _letter(
        "letter.company",
        "granted to the company of preflight.toml",
        "被授权人为 preflight.toml 中的公司",
        "flag",
        read=_company,
        untold=Text(
            "the grantee was not found, or reads nearly like the company that preflight.toml names: compare them",
            "未找到被授权人，或与 preflight.toml 中的公司仅略有出入：请自行核对",
        ),
        help=Text(
            "Have the letter made out to your company, or correct `company` in preflight.toml.",
            "请将授权书开具给贵公司，或更正 preflight.toml 中的 company。",
        ),
    ),
    _letter(
        "letter.grantee",
        "to whom the letter grants",
        "被授权人",
        "text",
        read=_written(lambda letter: letter.grantee),
        untold=Text(
            "the line that names the grantee was not found, or its words were not read "
            "(pip install 'media-preflight[ocr]')",
            "未找到被授权人一行，或未识读文字（pip install 'media-preflight[ocr]'）",
        ),
        help=Text(
            "Name the company that the person works for, and have it signed anew.",
            "请填写授权人所在单位，并重新签署。",
        ),
    ),
)
