"""Checks on the faces in a picture. All need the `faces` measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.checks.base import Read, check, of_file
from pipeline.model import Face, Kind, MediaInfo, Reading, Text, Value

FACES = frozenset({"faces"})
PICTURE = frozenset({Kind.IMAGE})


def _of(value: Callable[[Face], Value | None]) -> Read:
    """Read from the largest face; nothing when none was found or none was looked for."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        if info.faces:
            yield Reading(value(max(info.faces, key=lambda face: face.share or 0)))

    return read


def _turn(face: Face) -> Value | None:
    if face.yaw is None or face.pitch is None:
        return None
    return max(abs(face.yaw), abs(face.pitch))


CHECKS = (
    check(
        "face.count",
        "faces",
        "人脸数量",
        "count",
        PICTURE,
        of_file(lambda i: None if i.faces is None else len(i.faces)),
        needs=FACES,
        help=Text("Use a picture that shows exactly one person.", "请使用只有一位人物的照片。"),
    ),
    check(
        "face.share",
        "share of the picture that the face fills",
        "人脸占画面比例",
        "share",
        PICTURE,
        _of(lambda f: f.share),
        needs=FACES,
        help=Text("Step closer to or away from the camera, or crop.", "请靠近或远离镜头，或裁剪照片。"),
    ),
    check(
        "face.turn",
        "head turned or tilted away (yaw, pitch)",
        "头部偏转角（偏航、俯仰）",
        "number",
        PICTURE,
        _of(_turn),
        needs=FACES,
        unit="degrees",
        help=Text("Look straight into the camera, chin level.", "请正视镜头，下巴放平。"),
    ),
    check("face.yaw", "yaw", "偏航角", "number", PICTURE, _of(lambda f: f.yaw), needs=FACES, unit="degrees"),
    check(
        "face.pitch",
        "pitch",
        "俯仰角",
        "number",
        PICTURE,
        _of(lambda f: f.pitch),
        needs=FACES,
        unit="degrees",
    ),
    check("face.roll", "roll", "滚转角", "number", PICTURE, _of(lambda f: f.roll), needs=FACES, unit="degrees"),
    check(
        "face.complete",
        "face wholly inside the picture",
        "人脸完整在画面内",
        "flag",
        PICTURE,
        _of(lambda f: f.complete),
        needs=FACES,
    ),
    check(
        "face.mouth_open",
        "mouth opening (lip gap / mouth width)",
        "张嘴程度（唇间距/嘴宽）",
        "number",
        PICTURE,
        _of(lambda f: f.mouth_open),
        needs=FACES,
        help=Text("Close the mouth.", "请闭上嘴。"),
    ),
    check(
        "face.occlusion",
        "face covered",
        "人脸遮挡度",
        "share",
        PICTURE,
        _of(lambda f: f.occlusion),
        needs=FACES,
    ),
    check(
        "face.feature_occlusion",
        "eyes, nose or mouth covered",
        "五官遮挡度",
        "share",
        PICTURE,
        _of(lambda f: f.feature_occlusion),
        needs=FACES,
        help=Text("Uncover eyes, nose and mouth.", "请露出眼睛、鼻子和嘴。"),
    ),
)
