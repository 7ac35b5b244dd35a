"""What an order may say to Tencent. The names of tables and fields are the platform's own."""

from __future__ import annotations

from typing import Final

from pipeline.model.facts import Text
from pipeline.upload import order
from pipeline.upload.order import Relation, Table

CHECK: Final = Table(
    "check",
    {
        "face": order.YES,
        "CheckerVersion": order.one_of(1, 2),
        "audio": order.YES,
        "zeroshot": order.YES,
        "Language": order.one_of("chi", "eng", "can"),
        "ReferenceText": order.text(1, 2000),
        "TextId": order.text(1, 128),
    },
    (
        Relation(
            lambda v: not {"ReferenceText", "TextId"} <= v.keys(),
            Text("ReferenceText or TextId, not both", "ReferenceText 与 TextId 二选一"),
        ),
    ),
)
MAKE: Final = Table(
    "make",
    {  # TX-Custom Customisation API, request parameters (2025-12-19)
        "AnchorName": order.plain(2, 50),
        # of the preset, where it is not written
        "MakeType": order.one_of("IMAGE", "IMAGE_GENERAL", "IMAGE_4K", "IMAGE_PHOTO", "VOICE", "ZERO_SHOT_VOICE"),
        "SexType": order.one_of("MALE", "FEMALE", needed=True),
        "Notes": order.text(0, 100),
        "MaterialCosUrl": order.url(),
        "IdentityCosUrl": order.url(),
        "IdentityWrittenCosUrl": order.url(),
        "AlphaCosUrl": order.url(),
        "AudioId": order.text(1, 200),
        "IsHaveBackground": order.YES,
        "RemoveBackground": order.one_of(1, 2),
        "PhotoVersion": order.one_of(0, 1),
        "ZeroshortLang": order.one_of("chi", "eng", "can"),
        "TimbreCode": order.text(1, 128),
        "Speed": order.number(0.5, 1.5),
        "IsWithTimbre": order.YES,
        "TextDriver": order.text(4, 1000),
        "VoiceDriverCosFile": order.url(),
    },
    (
        Relation(
            lambda v: "RemoveBackground" not in v or not v.get("IsHaveBackground", False),  # false unless written
            Text(
                "RemoveBackground means nothing with IsHaveBackground = true",
                "IsHaveBackground = true 时 RemoveBackground 无效",
            ),
        ),
        Relation(
            lambda v: (
                not {"RemoveBackground", "IsHaveBackground"} & v.keys()
                or str(v.get("MakeType", "IMAGE")).startswith("IMAGE")
            ),
            Text("a background is of avatars alone, not of voices", "背景参数仅用于形象定制，不用于声音"),
        ),
        Relation(
            lambda v: "PhotoVersion" not in v or v.get("MakeType", "IMAGE_PHOTO") == "IMAGE_PHOTO",
            Text("PhotoVersion means something for IMAGE_PHOTO alone", "PhotoVersion 仅用于 IMAGE_PHOTO"),
        ),
        Relation(
            lambda v: "ZeroshortLang" not in v or v.get("MakeType", "ZERO_SHOT_VOICE") == "ZERO_SHOT_VOICE",
            Text("ZeroshortLang means something for ZERO_SHOT_VOICE alone", "ZeroshortLang 仅用于 ZERO_SHOT_VOICE"),
        ),
    ),
)
CONFIRM: Final = Table(
    "confirm",
    {  # TX-Custom Effect confirmation API (2024-11-13)
        "Operate": order.one_of("AGREE", "REJECT", needed=True),
        "Reason": order.text(1, 300),
    },
    (
        Relation(
            lambda v: v.get("Operate") != "REJECT" or "Reason" in v, Text("REJECT wants a Reason", "REJECT 需要 Reason")
        ),
    ),
)
TABLES: Final = (CHECK, MAKE, CONFIRM)


def takes(preset: str) -> frozenset[str]:
    """The tables that mean something to what this preset leads to: all of them."""
    del preset
    return frozenset(table.name for table in TABLES)
