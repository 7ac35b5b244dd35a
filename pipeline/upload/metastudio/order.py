"""What an order may say to MetaStudio. The names of tables and fields are the platform's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from pipeline.model.facts import Text
from pipeline.upload import order
from pipeline.upload.metastudio.fields import TYPES
from pipeline.upload.metastudio.protocol import TABLES as DOCUMENTS
from pipeline.upload.order import Field, Relation, Table

_SCENE: Final = 2147483647  # sequence_no, Table 5-9
_NUMBERS: Final = Field(
    lambda v: isinstance(v, dict) and all(type(n) is int and 0 <= n <= _SCENE for n in v.values()),
    Text("a table of whole numbers of 0 and more", "由 0 及以上整数组成的表"),
    '{ "outro.mp3" = 5 }',
)


def _scene(key: str) -> bool:
    """Whether a key is the number of a scene, written in the one way in which it is looked up."""
    return key.isdecimal() and len(key) <= len(str(_SCENE)) and str(int(key)) == key and int(key) <= _SCENE


_NUMBERED: Final = Field(
    lambda v: isinstance(v, dict) and all(_scene(k) and isinstance(w, str) for k, w in v.items()),
    Text("a table of texts by the number of their scene", "以场景序号为键的文本表"),
    '{ 0 = "intro.srt" }',
    opens=True,
)


def _documented(kind: str, example: str) -> Field:
    """A table of an order that is one of the documents', field by field."""
    rows, table = DOCUMENTS.rows(kind)
    needed = [name for name, row in rows.items() if row.needed]
    names = ", ".join([*needed, *(f"{name} (optional)" for name in rows if name not in needed)])
    wants = Text(
        f"a table as MS-API {table} has it: {names}",
        f" MS-API {table.replace('Table', '表')} 所述的表：{names.replace('optional', '可选').replace(', ', '、')}",
    )

    def wrong(value: Any) -> Text | None:
        found = DOCUMENTS.fits(kind, value)
        return found[0].text if found else None

    return Field(lambda v: not DOCUMENTS.fits(kind, v), wants, example, wrong=wrong)


def _of_scenes(kind: str, example: str) -> Field:
    """By the number of their scene, lists of tables of the documents."""
    one = _documented(kind, example)

    def accepts(v: Any) -> bool:
        return isinstance(v, dict) and all(
            _scene(number) and isinstance(rows, list) and all(map(one.accepts, rows)) for number, rows in v.items()
        )

    def wrong(v: Any) -> Text | None:
        lists = [rows for rows in v.values() if isinstance(rows, list)] if isinstance(v, dict) else []
        return next((said for said in (one.wrong(row) for rows in lists for row in rows) if said), None)

    wants = Text(f"by the number of a scene a list of {one.wants.en}", f"以场景序号为键的列表，每项为{one.wants.zh}")
    return Field(accepts, wants, f"{{ 0 = [{example}] }}", wrong=wrong)


def _listed(kind: str, example: str) -> Field:
    """A list of tables of the documents."""
    one = _documented(kind, example)

    def wrong(v: Any) -> Text | None:
        return next((said for said in (one.wrong(row) for row in v) if said), None) if isinstance(v, list) else None

    wants = Text(f"a list of {one.wants.en}", f"列表，每项为{one.wants.zh}")
    return Field(lambda v: isinstance(v, list) and all(map(one.accepts, v)), wants, f"[{example}]", wrong=wrong)


_SERVICES: Final = order.words("VIDEO_2D", "LIVE_2D", "CHAT_2D")
_VIDEO: Final = '{ codec = "H264", bitrate = 4000, width = 1920, height = 1080 }'
_MUSIC: Final = '{ music_asset_id = "6a3f0d", volume = 20 }'
_BACKGROUND: Final = '{ background_type = "COLOR", background_color_config = "#FFFFFF" }'
_LAYER: Final = (
    '{ layer_type = "HUMAN", position = { dx = 656, dy = 0, layer_index = 1 }, size = { width = 607, height = 1080 } }'
)

ASSET: Final = Table(
    "asset",
    {  # MS-API 4.1.1 Table 4-3; limits in `pipeline.upload.metastudio.fields`
        "asset_type": order.one_of(*sorted(TYPES)),
        "tags": order.words(),
        "description": order.text(0, 4096),
        "supported_service": _SERVICES,
        "system_properties": order.pairs('{ "MATERIAL_IMG" = "Yes" }'),
        "image_use": order.one_of("background", "material"),
        "generate_cover": order.YES,
        "covers": replace(
            order.pairs('{ "intro.mp4" = "cover.png" }'), opens=True
        ),  # output -> a picture (category COVER, Table 4-178)
        "replaces": order.pairs('{ "intro.mp4" = "6a3f0e" }'),  # output -> id of the asset whose main file it becomes
        "auto_analysis": order.YES,  # of a deck (Table 4-11)
        "asset_order": order.whole(0, 32767),
    },
)
UPDATE: Final = Table(
    "update",
    {  # MS-API 4.1.3 Table 4-61; of an asset that is there already
        "asset_name": replace(order.plain(1, 256), needed=False),
        "description": order.text(0, 4096),
        "asset_state": order.one_of("ACTIVED", "UNACTIVED"),
        "tags": order.words(),
        "system_properties": order.pairs('{ "MATERIAL_IMG" = "Yes" }'),  # an empty text takes one away (Table 4-24)
        "supported_service": _SERVICES,
        "asset_order": order.whole(0, 32767),
    },
)
AUDITION: Final = Table(
    "audition",
    {  # MS-API 10.1 Table 10-3
        "voice_asset_id": replace(order.text(1, 64, "6a3f0c"), needed=True),
        "speed": order.whole(50, 200),
        "pitch": order.whole(50, 200),
        "volume": order.whole(90, 240),
    },
)
SCRIPT: Final = Table(
    "script",
    {  # MS-API 5.1.1 Tables 5-3, 5-4
        "script_name": order.plain(1, 256),
        "script_description": order.text(0, 1024),
        "view_mode": order.one_of("LANDSCAPE", "VERTICAL"),
        "model_asset_id": order.text(1, 64, "6a3f0b"),
        "voice_asset_id": order.text(1, 64, "6a3f0c"),
        "speed": order.whole(50, 200),
        "pitch": order.whole(50, 200),
        "volume": order.whole(90, 240),
        "scenes": _NUMBERS,  # output path -> number of the scene
        "subtitles": _NUMBERED,  # number of the scene -> path of a subtitle file
        "video_config": _documented("VideoConfig", _VIDEO),
        "background_music_config": _documented("BackgroundMusicConfig", _MUSIC),
        "background_config": _of_scenes("BackgroundConfigInfo", _BACKGROUND),
        "layer_config": _of_scenes("LayerConfig", _LAYER),
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
_ROOM_LAYER: Final = (
    '{ layer_type = "IMAGE", asset_id = "logo.png", position = { dx = 0, dy = 0, layer_index = 2 } }'  # by its file
)
_LIVE: Final = '{ codec = "H264", bitrate = 4000, width = 1080, height = 1920 }'


def _streams(v: Mapping[str, Any]) -> bool:
    """Whether a room takes this picture: upright or wide at 1080, 1000 to 8000 kbps, no VP8 (Table 6-27)."""
    said = v.get("video_config", {})
    size = {said.get("width", 1080), said.get("height", 1920)}
    return size == {1080, 1920} and 1000 <= said.get("bitrate", 1000) <= 8000 and said.get("codec", "H264") == "H264"


ROOM: Final = Table(
    "room",
    {  # MS-API 6.1.1 Tables 6-3, 6-4
        "room_name": replace(order.text(1, 256, "autumn sale"), needed=True),
        "room_description": order.text(0, 1024),
        "room_type": order.one_of("NORMAL", "TEMP", "TEMPLATE"),
        "model_asset_id": order.text(1, 64, "6a3f0b"),
        "voice_asset_id": order.text(1, 64, "6a3f0c"),
        "speed": order.whole(50, 200),
        "pitch": order.whole(50, 200),
        "volume": order.whole(90, 240),
        "scenes": _NUMBERS,  # output path -> number of what is said
        "background": order.text(1, 1024, "shop.png"),  # output path of a picture, or the id of an asset
        "layers": _listed("LayerConfig", _ROOM_LAYER),  # their asset_id an output path, or the id of an asset
        "replies": order.pairs('{ "price.txt" = "price|cost" }'),  # output path of a reply -> which comments it answers
        "video_config": _documented("VideoConfig", _LIVE),
        "play_policy": _documented("PlayPolicy", "{ repeat_count = -1 }"),
        "interaction_config": _documented("LiveRoomInteractionConfig", '{ play_type = "INSERT" }'),
    },
    (
        Relation(
            lambda v: "voice_asset_id" in v or not {"speed", "pitch", "volume"} & v.keys(),
            Text(
                "speed, pitch and volume want voice_asset_id (Table 6-34)",
                "speed、pitch、volume 需要同时写 voice_asset_id（表 6-34）",
            ),
        ),
        Relation(
            _streams,
            Text(
                "video_config of a room is 1080x1920 or 1920x1080, H264, 1000 to 8000 kbps (Table 6-27)",
                "直播间的 video_config 应为 1080x1920 或 1920x1080、H264、1000–8000 kbps（表 6-27）",
            ),
        ),
    ),
)
VIDEO: Final = Table(
    "video",
    {  # MS-API 5.3.1 Table 5-122
        "asset_name": order.text(1, 256),  # of the finished video in the library (Table 5-139)
        "video_config": _documented("VideoConfig", _VIDEO),
        "background_music_config": _documented("BackgroundMusicConfig", _MUSIC),
    },
)
PHOTO: Final = Table(
    "photo",
    {  # the SDK's CreatePhotoDigitalHumanVideoReq
        "asset_name": replace(order.plain(1, 256), needed=True),  # of the finished video, and of its script
        # that the person of the photo allows it: a person has to say so
        "authorize_use_human_image": replace(order.YES, needed=True),
        "voice_asset_id": order.text(1, 64, "6a3f0c"),  # who speaks a text
        "speed": order.whole(50, 200),
        "pitch": order.whole(50, 200),
        "volume": order.whole(90, 240),
        "video_config": _documented("PhotoVideoConfig", '{ codec = "H264", bitrate = 4000 }'),
        "background_music_config": _documented("BackgroundMusicConfig", _MUSIC),
    },
    SCRIPT.relations,
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
        "files": order.pairs('{ "scan1.jpg" = "id_card_image1" }'),  # output path -> slot
        "multipart_commands": order.one_of("UPLOADED", "UPLOAD"),  # the documents have both spellings (C44)
        "tags": order.words(),
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
        "letter": replace(order.text(1, 4096, "letter.pdf"), opens=True),  # path of the authorisation letter
    },
)
TABLES: Final = (ASSET, SCRIPT, ROOM, VIDEO, PHOTO, TRAINING, VOICE, UPDATE, AUDITION)


def takes(preset: str) -> frozenset[str]:
    """The tables that mean something to what this preset leads to."""
    if "training" in preset:
        return frozenset({TRAINING.name})
    if "/voice-" in preset:
        return frozenset({VOICE.name})
    more = {"video-production": {SCRIPT.name, VIDEO.name}, "livestream": {ROOM.name}, "photo-avatar": {PHOTO.name}}
    return frozenset({ASSET.name} | more.get(preset.rpartition("/")[2], set()))


def shown(preset: str) -> tuple[Table, ...]:
    """The tables that mean something to what this preset leads to."""
    return tuple(table for table in TABLES if table.name in takes(preset))
