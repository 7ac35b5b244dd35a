"""What an order may say to MetaStudio. The names of tables and fields are the platform's own."""

from __future__ import annotations

from typing import Any, Final

from pipeline.model.facts import Text
from pipeline.upload import order
from pipeline.upload.metastudio.protocol import TABLES as DOCUMENTS
from pipeline.upload.order import Field, Relation, Table

_SCENE: Final = 2147483647  # sequence_no, Table 5-9
_NUMBERS: Final = Field(
    lambda v: isinstance(v, dict) and all(type(n) is int and 0 <= n <= _SCENE for n in v.values()),
    "a table of whole numbers of 0 and more",
)
_NUMBERED: Final = Field(
    lambda v: isinstance(v, dict) and all(k.isdecimal() and isinstance(w, str) for k, w in v.items()),
    "a table of texts by the number of their scene",
)


def _documented(kind: str) -> Field:
    """A table of an order that is one of the documents', field by field."""
    _, table = DOCUMENTS.rows(kind)
    return Field(lambda v: not DOCUMENTS.fits(kind, v), f"a table as MS-API {table} ({kind}) has it")


def _of_scenes(kind: str) -> Field:
    """By the number of their scene, lists of tables of the documents."""

    def accepts(v: Any) -> bool:
        return isinstance(v, dict) and all(
            number.isdecimal() and isinstance(rows, list) and not any(DOCUMENTS.fits(kind, row) for row in rows)
            for number, rows in v.items()
        )

    _, table = DOCUMENTS.rows(kind)
    return Field(accepts, f"by the number of a scene lists of tables as MS-API {table} ({kind}) has them")


_SERVICES: Final = Field(
    lambda v: isinstance(v, list) and set(v) <= {"VIDEO_2D", "LIVE_2D", "CHAT_2D"}, "of VIDEO_2D, LIVE_2D, CHAT_2D"
)

ASSET: Final = Table(
    "asset",
    {  # MS-API 4.1.1 Table 4-3; limits in `pipeline.upload.metastudio.fields`
        "asset_type": order.text(1, 64),
        "tags": order.WORDS,
        "description": order.text(0, 4096),
        "supported_service": _SERVICES,
        "system_properties": order.PAIRS,
        "image_use": order.one_of("background", "material"),
        "generate_cover": order.YES,
        "covers": order.PAIRS,  # output path -> path of a picture of one's own (category COVER, Table 4-178)
        "auto_analysis": order.YES,  # of a deck (Table 4-11)
        "asset_order": order.whole(0, 32767),
    },
)
SCRIPT: Final = Table(
    "script",
    {  # MS-API 5.1.1 Tables 5-3, 5-4
        "script_name": order.plain(1, 256),
        "script_description": order.text(0, 1024),
        "view_mode": order.one_of("LANDSCAPE", "VERTICAL"),
        "model_asset_id": order.text(1, 64),
        "voice_asset_id": order.text(1, 64),
        "speed": order.whole(50, 200),
        "pitch": order.whole(50, 200),
        "volume": order.whole(90, 240),
        "scenes": _NUMBERS,  # output path -> number of the scene
        "subtitles": _NUMBERED,  # number of the scene -> path of a subtitle file
        "video_config": _documented("VideoConfig"),
        "background_music_config": _documented("BackgroundMusicConfig"),
        "background_config": _of_scenes("BackgroundConfigInfo"),
        "layer_config": _of_scenes("LayerConfig"),
    },
    (
        Relation(
            lambda v: "voice_asset_id" in v or not {"speed", "pitch", "volume"} & v.keys(),
            Text(
                "speed, pitch and volume want voice_asset_id (Table 5-4)",
                "speed、pitch、volume 需要同时写 voice_asset_id（表 5-4）",
            ),
        ),
    ),
)
VIDEO: Final = Table(
    "video",
    {  # MS-API 5.3.1 Table 5-122
        "asset_name": order.text(1, 256),  # of the finished video in the library (Table 5-139)
        "video_config": _documented("VideoConfig"),
        "background_music_config": _documented("BackgroundMusicConfig"),
    },
)
TRAINING: Final = Table(
    "training",
    {  # MS-API 8.1 Tables 8-3, 8-4
        "name": order.plain(1, 256),
        "job_id": order.text(1, 64),  # of a job that review refused: its files are sent anew
        "contact": order.text(1, 64),
        "is_background_replacement": order.YES,
        "batch_name": order.text(1, 128),
        "is_flexus": order.YES,
        "beauty_level": order.whole(0, 3),
        "job_tag": order.one_of("ECOMMERCE", "NEWS", "MARKETING"),
        "sex": order.one_of("FEMALE", "MALE"),
        "language": order.one_of("CN"),  # EN is in the enum and does not train (C30)
        "files": order.PAIRS,  # output path -> slot
        "multipart_commands": order.one_of("UPLOADED", "UPLOAD"),  # the documents have both spellings (C44)
        "tags": order.WORDS,
        "supported_service": _SERVICES,
        "decision": order.one_of("ACCEPT", "REJECT", "REPAIR"),  # about a finished model (Table 8-48)
        "comment": order.text(1, 1024),  # that goes with it (Table 8-49)
    },
)
VOICE: Final = Table(
    "voice",
    {  # MS-API 9.1 Table 9-3
        "voice_name": order.plain(1, 256),
        "create_type": order.one_of("PACKAGE", "SEGMENT"),  # one package, or sentence by sentence
        "tag": order.one_of("ECOMMERCE", "NEWS", "MARKETING"),
        "sex": order.one_of("FEMALE", "MALE"),
        "language": order.one_of("CN"),
        "description": order.text(0, 4096),
        "phone": order.text(1, 32),
        "letter": order.text(1, 4096),  # path of the authorisation letter
    },
)
TABLES: Final = (ASSET, SCRIPT, VIDEO, TRAINING, VOICE)


def takes(preset: str) -> frozenset[str]:
    """The tables that mean something to what this preset leads to."""
    if "training" in preset:
        return frozenset({TRAINING.name})
    if "/voice-" in preset:
        return frozenset({VOICE.name})
    return frozenset({ASSET.name, SCRIPT.name, VIDEO.name} if "video-production" in preset else {ASSET.name})
