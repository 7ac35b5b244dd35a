"""Checks on the faces in a picture. All need the `faces` measurement; see `docs/faces.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from pipeline.checks import face_advice as advice
from pipeline.checks.base import Read, check, of_file
from pipeline.checks.face_advice import largest
from pipeline.model.facts import Kind, MediaInfo, Text, Value
from pipeline.model.measured import Face
from pipeline.model.rules import Reading, Safety

FACES = frozenset({"faces"})
PICTURE = frozenset({Kind.IMAGE})
_PORTRAIT = Fraction(5, 100)  # share of the picture that a face fills at least once its head and shoulders are cut out
_STEEPEST = 45  # degrees of tilt; turned further, less than half of the picture would be left


def _of(value: Callable[[Face], Value | None]) -> Read:
    """Read from the largest face; nothing when none was found or none was looked for."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        face = largest(info)
        if face:
            yield Reading(value(face))

    return read


def _turn(face: Face) -> Value | None:
    if face.yaw is None or face.pitch is None:
        return None
    return max(abs(face.yaw), abs(face.pitch))


def _off_centre(face: Face) -> Value | None:
    return max(abs(part) for part in face.off_centre) if face.off_centre else None


def _by_cropping(actual: Value, target: Value) -> Safety:
    """A face fills more of the picture once the rest is cut off, as much as on a portrait; it never fills less."""
    if isinstance(actual, int | Fraction) and isinstance(target, int | Fraction) and actual < target <= _PORTRAIT:
        return Safety.LOSSY
    return Safety.MANUAL


def _to_a_portrait(actual: Value, target: Value) -> Safety:
    return Safety.LOSSY if target is True and actual is False else Safety.MANUAL


def _by_turning(actual: Value, _: Value) -> Safety:
    """A tilt is undone by turning the picture; a head that lies on its side was photographed so on purpose."""
    if isinstance(actual, int | Fraction) and abs(Fraction(actual)) <= _STEEPEST:
        return Safety.LOSSY
    return Safety.MANUAL


def _upright(actual: Value, _: Value) -> Text:
    degrees = f"{abs(float(actual)):.0f}" if isinstance(actual, int | Fraction) else "?"
    return Text(f"turned by {degrees}° so that the head is upright", f"旋转 {degrees}° 使头部端正")


_check = partial(check, kinds=PICTURE, needs=FACES)

CHECKS = (
    _check(
        "face.count",
        "faces",
        "人脸数量",
        "count",
        read=of_file(lambda i: None if i.faces is None else len(i.faces)),
        help=Text("Use a picture that shows exactly one person.", "请使用只有一位人物的照片。"),
        advise=advice.count,
    ),
    _check(
        "face.share",
        "share of the picture that the face fills",
        "人脸占画面比例",
        "share",
        read=_of(lambda f: f.share),
        help=Text("Step closer to or away from the camera, or crop.", "请靠近或远离镜头，或裁剪照片。"),
        advise=advice.share,
        safety=_by_cropping,
    ),
    _check(
        "face.framed",
        "framed as a portrait",
        "构图为头肩像",
        "flag",
        read=_of(lambda f: f.framed if f.complete else True),
        help=Text(
            "Step closer, or have it cropped to head and shoulders with --crop.", "请靠近，或用 --crop 裁剪为头肩像。"
        ),
        advise=advice.framed,
        safety=_to_a_portrait,
        says=lambda _, __: Text("cropped to head and shoulders", "裁剪为头肩像"),
    ),
    _check(
        "face.outline_share",
        "share of the picture inside the outline of the face",
        "人脸轮廓占画面比例",
        "share",
        read=_of(lambda f: f.outline_share),
        advise=advice.outline_share,
    ),
    _check(
        "face.turn",
        "head turned or tilted away (yaw, pitch)",
        "头部偏转角（偏航、俯仰）",
        "number",
        read=_of(_turn),
        unit="degrees",
        help=Text("Look straight into the camera, chin level.", "请正视镜头，下巴放平。"),
        advise=advice.turn,
    ),
    _check("face.yaw", "yaw", "偏航角", "number", read=_of(lambda f: f.yaw), unit="degrees", advise=advice.yaw),
    _check("face.pitch", "pitch", "俯仰角", "number", read=_of(lambda f: f.pitch), unit="degrees", advise=advice.pitch),
    _check(
        "face.roll",
        "roll",
        "滚转角",
        "number",
        read=_of(lambda f: f.roll),
        unit="degrees",
        advise=advice.tilt,
        safety=_by_turning,
        says=_upright,
    ),
    _check(
        "face.complete",
        "face wholly inside the picture",
        "人脸完整在画面内",
        "flag",
        read=_of(lambda f: f.complete),
        advise=advice.complete,
    ),
    _check(
        "face.off_centre",
        "face off the middle of the picture",
        "人脸偏离画面中心",
        "share",
        read=_of(_off_centre),
        help=Text("Put the face in the middle.", "请将人脸置于画面中央。"),
        advise=advice.centre,
    ),
    _check(
        "face.mouth_open",
        "mouth opening (0 closed, to 1)",
        "张嘴程度（0 为闭合，最大 1）",
        "number",
        read=_of(lambda f: f.mouth_open),
        help=Text("Close the mouth.", "请闭上嘴。"),
        advise=advice.mouth,
    ),
    _check(
        "face.eyes_open",
        "eye opening (0 closed, to 1)",
        "睁眼程度（0 为闭合，最大 1）",
        "number",
        read=_of(lambda f: f.eyes_open),
        help=Text("Open both eyes.", "请睁开双眼。"),
        advise=advice.eyes,
    ),
    _check(
        "face.red_eyes",
        "redness of the pupils (0 dark, to 1)",
        "瞳孔发红程度（0 为黑，最大 1）",
        "number",
        read=_of(lambda f: f.red_eyes),
        help=Text("Light the face without a flash on the camera.", "请不要使用机顶闪光灯。"),
        advise=advice.red_eyes,
    ),
    _check(
        "face.gaze",
        "gaze beside the camera (half eye widths)",
        "视线偏离（半眼宽）",
        "number",
        read=_of(lambda f: None if f.gaze is None else abs(f.gaze)),
        help=Text("Look into the camera.", "请目视镜头。"),
        advise=advice.gaze,
    ),
    _check(
        "face.eye_distance",
        "distance of the eyes",
        "双眼间距",
        "number",
        read=_of(lambda f: f.eye_distance),
        unit="pixels",
        help=Text("Step closer or use a camera with more pixels.", "请靠近镜头，或使用更高像素的相机。"),
        advise=advice.eye_distance,
    ),
    _check(
        "face.occlusion",
        "face covered",
        "人脸遮挡度",
        "share",
        read=_of(lambda f: f.occlusion),
        help=Text("Uncover the face.", "请露出整张脸。"),
        advise=advice.covered,
    ),
    _check(
        "face.feature_occlusion",
        "eyes, nose or mouth covered",
        "五官遮挡度",
        "share",
        read=_of(lambda f: f.feature_occlusion),
        help=Text("Uncover eyes, nose and mouth.", "请露出眼睛、鼻子和嘴。"),
        advise=advice.covered,
    ),
    _check(
        "face.brightness",
        "brightness of the face",
        "面部亮度",
        "share",
        read=_of(lambda f: f.brightness),
        help=Text("Light the face evenly from the front.", "请从正面均匀照亮面部。"),
        advise=advice.brightness,
    ),
    _check(
        "face.contrast",
        "contrast of the face",
        "面部对比度",
        "share",
        read=_of(lambda f: f.contrast),
        advise=advice.contrast,
    ),
    _check(
        "face.over_exposed",
        "share of the face that is white",
        "面部过曝比例",
        "share",
        read=_of(lambda f: f.over_exposed),
        help=Text("Put less light on the face.", "请减弱面部光线。"),
        advise=advice.over_exposed,
    ),
    _check(
        "face.under_exposed",
        "share of the face that is black",
        "面部欠曝比例",
        "share",
        read=_of(lambda f: f.under_exposed),
        help=Text("Put more light on the face.", "请增强面部光线。"),
        advise=advice.under_exposed,
    ),
    _check(
        "face.evenness",
        "evenness of the light on the face",
        "面部光线均匀度",
        "share",
        read=_of(lambda f: f.evenness),
        help=Text("Light both sides of the face alike.", "请让脸两侧光线一致。"),
        advise=advice.evenness,
    ),
    _check(
        "face.sharpness",
        "sharpness of the face",
        "面部清晰度",
        "share",
        read=_of(lambda f: f.sharpness),
        help=Text("Focus on the eyes and hold still.", "请对焦眼睛并保持静止。"),
        advise=advice.sharpness,
    ),
    _check(
        "face.background",
        "evenness of the background",
        "背景均匀度",
        "share",
        read=_of(lambda f: f.background_evenness),
        help=Text("Stand before a plain wall.", "请站在纯色墙面前。"),
        advise=advice.background,
    ),
    _check(
        "face.drawing",
        "suspicion that the face is drawn",
        "疑似绘制人脸",
        "share",
        read=_of(lambda f: f.drawing),
        help=Text("Use a photo of a real person.", "请使用真人照片。"),
        advise=advice.drawing,
    ),
)
