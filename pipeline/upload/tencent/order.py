"""What an order may say to Tencent. The names of tables and fields are the platform's own."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.model.facts import Text
from pipeline.upload import order
from pipeline.upload.order import Relation, Table

TIMBRE: Final = ("TimbreCode", "Speed", "IsWithTimbre")  # of TimbreInfo
CHECK: Final = Table(
    "check",
    {
        "face": order.YES,
        "CheckerVersion": order.one_of(1, 2),
        "audio": order.YES,
        "zeroshot": order.YES,
        "Language": order.one_of("chi", "eng", "can"),
        "ReferenceText": order.text(1, 2000, "the text that was read"),
        "TextId": order.text(1, 128, "text-1"),
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
        "AudioId": order.text(1, 200, "audio-1"),
        "IsHaveBackground": order.YES,
        "RemoveBackground": order.one_of(1, 2),
        "PhotoVersion": order.one_of(0, 1),
        "ZeroshortLang": order.one_of("chi", "eng", "can"),
        "TimbreCode": order.text(1, 128, "timbre-1"),
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
            lambda v: not {*TIMBRE, "AlphaCosUrl"} & v.keys() or str(v.get("MakeType", "IMAGE")).startswith("IMAGE"),
            Text(
                "TimbreCode, Speed, IsWithTimbre and AlphaCosUrl are of avatars alone",
                "TimbreCode、Speed、IsWithTimbre、AlphaCosUrl 仅用于形象定制",
            ),
        ),
        Relation(
            lambda v: "AudioId" not in v or v.get("MakeType", "ZERO_SHOT_VOICE") == "ZERO_SHOT_VOICE",
            Text("AudioId means something for ZERO_SHOT_VOICE alone", "AudioId 仅用于 ZERO_SHOT_VOICE"),
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
# preset -> what it was made for: make type, PhotoVersion where that is told apart by the preset
MADE: Final[dict[str, tuple[str, int | None]]] = {
    "tencent/avatar-dedicated": ("IMAGE", None),
    "tencent/avatar-general": ("IMAGE_GENERAL", None),
    "tencent/avatar-4k": ("IMAGE_4K", None),
    "tencent/photo-fast": ("IMAGE_PHOTO", 0),
    "tencent/photo-premium": ("IMAGE_PHOTO", 1),
    "tencent/voice": ("VOICE", None),
    "tencent/voice-instant": ("ZERO_SHOT_VOICE", None),
}


# preset -> the check that its files may be given before they are ordered from, and the fields that go with it
CHECKS: Final = {
    "tencent/photo-fast": ("face", "CheckerVersion"),
    "tencent/photo-premium": ("face", "CheckerVersion"),
    "tencent/voice": ("audio", "Language", "ReferenceText"),
    "tencent/voice-instant": ("zeroshot", "Language", "ReferenceText", "TextId"),
}


def takes(preset: str) -> frozenset[str]:
    """The tables that mean something to what this preset leads to: all of them, as manifests come together."""
    del preset
    return frozenset(table.name for table in TABLES)


def shown(preset: str) -> tuple[Table, ...]:
    """The tables with the fields that mean something to files of this preset."""
    kind = MADE.get(preset, ("", None))[0]
    checks = {name: CHECK.fields[name] for name in CHECKS.get(preset, ())}
    makes = {name: field for name, field in MAKE.fields.items() if not kind or _of(kind, name)}
    about_checks = CHECK.relations if "TextId" in checks else ()
    about_makes = MAKE.relations[: 1 if "RemoveBackground" in makes else 0] if kind else MAKE.relations
    tables = (replace(CHECK, fields=checks, relations=about_checks), replace(MAKE, fields=makes, relations=about_makes))
    return tuple(table for table in (*tables, CONFIRM) if table.fields)


def _of(kind: str, name: str) -> bool:
    """Whether a field is left to say for a make type, which says the type and the edition itself."""
    if name in ("MakeType", "PhotoVersion"):
        return False
    values = {"MakeType": kind, name: True}
    return all(relation.holds(values) for relation in MAKE.relations)
