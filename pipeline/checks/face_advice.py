"""What a person in front of a camera can do about a failed check, with the number. Pure; one sentence each.

Right and left are the person's own; a face turned to the picture's right is turned to its own left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from pipeline.model.facts import MediaInfo, Text
from pipeline.model.measured import LEAST_PORTRAIT, Face
from pipeline.model.rules import Limit

Advise = Callable[[MediaInfo, Limit], Text | None]

_FEATURES = {
    "right eye": Text("right eye", "右眼"),
    "left eye": Text("left eye", "左眼"),
    "nose": Text("nose", "鼻子"),
    "mouth": Text("mouth", "嘴"),
}


def largest(info: MediaInfo) -> Face | None:
    """The face that fills most of the picture."""
    return max(info.faces, key=lambda face: face.share or 0) if info.faces else None


def about(sentence: Callable[[MediaInfo, Face, Limit], Text | None]) -> Advise:
    """Advice about the largest face; none where there is no face."""

    def advise(info: MediaInfo, limit: Limit) -> Text | None:
        face = largest(info)
        return sentence(info, face, limit) if face else None

    return advise


def _percent(value: Fraction) -> str:
    return f"{float(value) * 100:.3g}"


def _crop(face: Face, limit: Limit | None = None) -> str | None:
    """The suggested crop that needs least cutting, of those in which the face has an accepted share."""
    for box in (face.max_crop, face.min_crop):
        if box and (limit is None or limit.accepts(face.box[2] * face.box[3] / (box[2] * box[3]))):
            return f"{box[2]}x{box[3]}+{box[0]}+{box[1]}"
    return None


def count(info: MediaInfo, _: Limit) -> Text | None:
    """Nobody, or somebody too many."""
    if not info.faces:
        return Text(
            "No face is seen. Take a picture of one person from the front, in even light, the face at least a "
            "tenth of the picture wide.",
            "未检测到人脸。请在均匀光线下正面拍摄一人，脸宽至少为画面的十分之一。",
        )
    crop = _crop(info.faces[0]) if _alone(info.faces) else None
    return Text(
        f"{len(info.faces)} faces are seen. Take the picture alone"
        + (f", or crop it to {crop} around the largest face." if crop else "."),
        f"检测到 {len(info.faces)} 张人脸。请单人拍摄" + (f"，或裁剪为最大人脸周围的 {crop}。" if crop else "。"),
    )


def _alone(faces: Sequence[Face]) -> bool:
    """Whether the crop around the first face shows nothing of the others."""
    if not faces[0].max_crop:
        return False
    left, top, width, height = faces[0].max_crop
    return all(
        box[0] >= left + width or box[0] + box[2] <= left or box[1] >= top + height or box[1] + box[3] <= top
        for box in (face.box for face in faces[1:])
    )


def _share(info: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.share is None:
        return None
    target = limit.nearest(face.share)
    if not isinstance(target, int | Fraction):
        return None
    is_, to_be, crop = _percent(face.share), _percent(Fraction(target)), _crop(face, limit)
    if target < face.share:
        return Text(
            f"Step back: the face fills {is_} % of the picture, at most {to_be} % is wanted.",
            f"请后退：人脸占画面 {is_}%，要求不超过 {to_be}%。",
        )
    whole = _whole(info, face)
    return Text(
        f"Step closer: the face fills {is_} % of the picture{whole.en}, {to_be} % is wanted"
        + (f"; cropping to {crop} would do." if crop else "."),
        f"请靠近：人脸占画面 {is_}%{whole.zh}，要求 {to_be}%" + (f"；裁剪为 {crop} 即可。" if crop else "。"),
    )


def _whole(info: MediaInfo, face: Face) -> Text:
    """The other reading of a share: not hair line to chin but the whole head."""
    if info.image is None or face.head is None:
        return Text("", "")
    share = _percent(Fraction(face.head[2] * face.head[3], info.image.size.width * info.image.size.height))
    return Text(
        f" from hair line to chin, the whole head with hair {share} %", f"（发际线至下巴），含头发的整个头部占 {share}%"
    )


def _framed(info: MediaInfo, face: Face, _: Limit) -> Text | None:
    crop = face.max_crop
    if info.image is None or crop is None:
        return None
    small = min(crop[2:]) < LEAST_PORTRAIT
    return Text(
        f"Step closer, or have it cropped to head and shoulders with --crop, such as {_crop(face)} of {info.image.size}"
        + (f", less than {LEAST_PORTRAIT} pixels on a side: a larger photo is better." if small else "."),
        f"请靠近，或用 --crop 裁剪为头肩像，例如 {info.image.size} 中的 {_crop(face)}"
        + (f"，不足 {LEAST_PORTRAIT} 像素，建议换用更大的照片。" if small else "。"),
    )


def _turn(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.yaw is None or face.pitch is None:
        return None
    ways = []
    if not limit.accepts(abs(face.yaw)):
        ways.append(_sideways(face.yaw))
    if not limit.accepts(abs(face.pitch)):
        ways.append(_nod(face.pitch))
    return _sentence(ways) if ways else None


def _sideways(yaw: Fraction) -> Text:
    way, degrees = Text("right", "右") if yaw > 0 else Text("left", "左"), abs(round(yaw))
    return Text(f"turn your head {degrees}° to your {way.en}", f"头部向{way.zh}转 {degrees}°")


def _nod(pitch: Fraction) -> Text:
    way, degrees = Text("lower", "压低") if pitch > 0 else Text("raise", "抬高"), abs(round(pitch))
    return Text(f"{way.en} your chin by {degrees}°", f"下巴{way.zh} {degrees}°")


def _sentence(ways: list[Text]) -> Text:
    said = " and ".join(way.en for way in ways)
    return Text(f"{said[0].upper()}{said[1:]}.", f"请将{'，'.join(way.zh for way in ways)}。")


def _tilt(_: MediaInfo, face: Face, __: Limit) -> Text | None:
    if face.roll is None:
        return None
    side = Text("right", "右") if face.roll > 0 else Text("left", "左")
    degrees = abs(round(face.roll))
    return Text(
        f"Tilt your head {degrees}° towards your {side.en} shoulder, or have the picture turned with --straighten.",
        f"请将头向{side.zh}肩倾斜 {degrees}°，或使用 --straighten 将照片转正。",
    )


def _complete(info: MediaInfo, face: Face, _: Limit) -> Text | None:
    if info.image is None:
        return None
    left, top, width, height = face.box
    size = info.image.size
    cut = [
        word
        for word, out in (
            (Text("left", "左"), left < 0),
            (Text("right", "右"), left + width > size.width),
            (Text("upper", "上"), top < 0),
            (Text("lower", "下"), top + height > size.height),
        )
        if out
    ]
    if not cut:
        return None
    return Text(
        f"Move so that the whole face is seen: it is cut at the {' and '.join(c.en for c in cut)} edge.",
        f"请让整张脸进入画面：{'、'.join(c.zh for c in cut)}侧被截断。",
    )


def _mouth(_: MediaInfo, face: Face, __: Limit) -> Text | None:
    if face.mouth_open is None:
        return None
    return Text(
        f"Close your mouth, no teeth: it is {_percent(face.mouth_open)} % open.",
        f"请闭上嘴、不露齿：目前张开 {_percent(face.mouth_open)}%。",
    )


def _covered(_: MediaInfo, face: Face, __: Limit) -> Text | None:
    names = [_FEATURES[name] for name in face.covered or () if name in _FEATURES]
    if not names:
        return Text(
            "Uncover eyes, nose and mouth: hair, hands, mask and dark glasses out of the way.",
            "请露出眼睛、鼻子和嘴：移开头发、手、口罩和墨镜。",
        )
    return Text(
        f"Uncover the {' and the '.join(name.en for name in names)}.", f"请露出{'、'.join(name.zh for name in names)}。"
    )


def _centre(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.off_centre is None:
        return None
    x, y = face.off_centre
    en, zh = [], []
    if not limit.accepts(abs(x)):
        en.append(f"{_percent(abs(x))} % to the {'right' if x > 0 else 'left'}")
        zh.append(f"偏{'右' if x > 0 else '左'} {_percent(abs(x))}%")
    if not limit.accepts(abs(y)):
        en.append(f"{_percent(abs(y))} % too {'low' if y > 0 else 'high'}")
        zh.append(f"偏{'下' if y > 0 else '上'} {_percent(abs(y))}%")
    if not en:
        return None
    return Text(
        f"Put the face in the middle: it is {' and '.join(en)} of the picture.",
        f"请将人脸置于中央：目前{'、'.join(zh)}。",
    )


def _brightness(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.brightness is None:
        return None
    target = limit.nearest(face.brightness)
    dark = isinstance(target, int | Fraction) and target > face.brightness
    is_ = _percent(face.brightness)
    return Text(
        f"Put {'more' if dark else 'less'} light on the face: its brightness is {is_} %.",
        f"请{'增强' if dark else '减弱'}面部光线：亮度为 {is_}%。",
    )


def _gaze(_: MediaInfo, face: Face, __: Limit) -> Text | None:
    if face.gaze is None:
        return None
    way, by = Text("left", "左") if face.gaze > 0 else Text("right", "右"), _percent(abs(face.gaze))
    return Text(
        f"Look into the camera: your eyes look to your {way.en}, by {by} % of half the width of an eye.",
        f"请目视镜头：视线偏向您的{way.zh}侧，偏离半眼宽的 {by}%。",
    )


def _figure(of: Callable[[Face], Fraction | None], low: Text, high: Text, shown: Callable[[Fraction], Text]) -> Advise:
    """Advice by a figure: `low` where more of it is wanted, `high` where less is, then what is and what is wanted."""

    def advise(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
        is_ = of(face)
        target = None if is_ is None else limit.nearest(is_)
        if is_ is None or not isinstance(target, int | Fraction):
            return None
        act = low if target > is_ else high
        now, then = shown(is_), shown(Fraction(target))
        return Text(f"{act.en} {now.en}, {then.en} is wanted.", f"{act.zh}{now.zh}，要求 {then.zh}。")

    return about(advise)


def _share_of(value: Fraction) -> Text:
    return Text(f"{_percent(value)} %", f"{_percent(value)}%")


def _pixels(value: Fraction) -> Text:
    return Text(f"{float(value):.0f} px", f"{float(value):.0f} 像素")


eyes = _figure(
    lambda f: f.eyes_open,
    Text("Open both eyes: the one that is less open is open to", "请睁开双眼：较闭的一只睁开程度为 "),
    Text("Relax your eyes: the one that is less open is open to", "请放松双眼：较闭的一只睁开程度为 "),
    _share_of,
)
red_eyes = _figure(
    lambda f: f.red_eyes,
    Text("Use a photo with redder pupils: they are red to", "请使用瞳孔更红的照片：发红程度为 "),
    Text(
        "Light the face without a flash on the camera: the pupils are red to", "请不要使用机顶闪光灯：瞳孔发红程度为 "
    ),
    _share_of,
)
eye_distance = _figure(
    lambda f: f.eye_distance,
    Text(
        "Step closer or use a camera with more pixels: the distance between the eyes is",
        "请靠近镜头或使用更高像素的相机：双眼间距 ",
    ),
    Text("Step back: the distance between the eyes is", "请后退：双眼间距 "),
    _pixels,
)
outline_share = _figure(
    lambda f: f.outline_share,
    Text("Step closer: the share of the picture inside the outline of the face is", "请靠近：人脸轮廓占画面 "),
    Text("Step back: the share of the picture inside the outline of the face is", "请后退：人脸轮廓占画面 "),
    _share_of,
)
contrast = _figure(
    lambda f: f.contrast,
    Text("Use clearer light from the front: the contrast of the face is", "请使用更明确的正面光：面部对比度为 "),
    Text(
        "Use softer light, as from a window: the contrast of the face is", "请使用更柔和的光线，如窗光：面部对比度为 "
    ),
    _share_of,
)
over_exposed = _figure(
    lambda f: f.over_exposed,
    Text("Put more light on the face: its white share is", "请增强面部光线：过曝部分占 "),
    Text("Put less light on the face or expose shorter: its white share is", "请减弱面部光线或降低曝光：过曝部分占 "),
    _share_of,
)
under_exposed = _figure(
    lambda f: f.under_exposed,
    Text("Put less light on the face: its black share is", "请减弱面部光线：欠曝部分占 "),
    Text("Put more light on the face or expose longer: its black share is", "请增强面部光线或提高曝光：欠曝部分占 "),
    _share_of,
)
evenness = _figure(
    lambda f: f.evenness,
    Text(
        "Light both halves of the face alike: the darker half's light, as a share of the brighter one's, is",
        "请让脸部两侧光线一致：较暗一侧的亮度为较亮一侧的 ",
    ),
    Text(
        "Light the face more from one side: the darker half's light, as a share of the brighter one's, is",
        "请增加侧光：较暗一侧的亮度为较亮一侧的 ",
    ),
    _share_of,
)
sharpness = _figure(
    lambda f: f.sharpness,
    Text("Focus on the eyes, hold still and use more light: sharpness is", "请对焦眼睛、保持静止并增加光线：清晰度为 "),
    Text("Sharpen less: sharpness is", "请减少锐化：清晰度为 "),
    _share_of,
)
background = _figure(
    lambda f: f.background_evenness,
    Text(
        "Stand before a plain, evenly lit wall: the background is even to", "请站在光线均匀的纯色墙面前：背景均匀度为 "
    ),
    Text("Stand before something less plain: the background is even to", "请更换不那么单调的背景：背景均匀度为 "),
    _share_of,
)
drawing = _figure(
    lambda f: f.drawing,
    Text("Use a drawing: suspicion of one is", "请使用绘制的人脸：疑似程度为 "),
    Text(
        "Use a photo of a real person, without filters: suspicion of a drawing is",
        "请使用真人照片，且不加滤镜：疑似绘制程度为 ",
    ),
    _share_of,
)
gaze = about(_gaze)
yaw = about(lambda _, face, __: None if face.yaw is None else _sentence([_sideways(face.yaw)]))
pitch = about(lambda _, face, __: None if face.pitch is None else _sentence([_nod(face.pitch)]))
share = about(_share)
framed = about(_framed)
turn = about(_turn)
tilt = about(_tilt)
complete = about(_complete)
mouth = about(_mouth)
covered = about(_covered)
centre = about(_centre)
brightness = about(_brightness)
