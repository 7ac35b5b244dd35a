"""What a person in front of a camera can do about a failed check, with the number. Pure; one sentence each.

Right and left are the person's own; a face turned to the picture's right is turned to its own left.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from pipeline.model import Face, Limit, MediaInfo, Text

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


def _crop(face: Face) -> str | None:
    box = face.max_crop or face.min_crop
    return f"{box[2]}x{box[3]}+{box[0]}+{box[1]}" if box else None


def count(info: MediaInfo, _: Limit) -> Text | None:
    """Nobody, or somebody too many."""
    if not info.faces:
        return Text(
            "No face is seen. Take a picture of one person from the front, in even light, the face at least a "
            "tenth of the picture wide.",
            "未检测到人脸。请在均匀光线下正面拍摄一人，脸宽至少为画面的十分之一。",
        )
    crop = _crop(info.faces[0])
    return Text(
        f"{len(info.faces)} faces are seen. Take the picture alone"
        + (f", or crop it to {crop} around the largest face." if crop else "."),
        f"检测到 {len(info.faces)} 张人脸。请单人拍摄" + (f"，或裁剪为最大人脸周围的 {crop}。" if crop else "。"),
    )


def _share(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.share is None:
        return None
    wanted = limit.nearest(face.share)
    if not isinstance(wanted, int | Fraction):
        return None
    is_, to_be, crop = _percent(face.share), _percent(Fraction(wanted)), _crop(face)
    if wanted < face.share:
        return Text(
            f"Step back: the face fills {is_} % of the picture, at most {to_be} % is wanted.",
            f"请后退：人脸占画面 {is_}%，要求不超过 {to_be}%。",
        )
    return Text(
        f"Step closer: the face fills {is_} % of the picture, {to_be} % is wanted"
        + (f"; cropping to {crop} would do." if crop else "."),
        f"请靠近：人脸占画面 {is_}%，要求 {to_be}%" + (f"；裁剪为 {crop} 即可。" if crop else "。"),
    )


def _turn(_: MediaInfo, face: Face, limit: Limit) -> Text | None:
    if face.yaw is None or face.pitch is None:
        return None
    en, zh = [], []
    if not limit.accepts(abs(face.yaw)):
        en.append(f"turn your head {abs(round(face.yaw))}° to your {'right' if face.yaw > 0 else 'left'}")
        zh.append(f"头部向{'右' if face.yaw > 0 else '左'}转 {abs(round(face.yaw))}°")
    if not limit.accepts(abs(face.pitch)):
        en.append(f"{'lower' if face.pitch > 0 else 'raise'} your chin by {abs(round(face.pitch))}°")
        zh.append(f"下巴{'压低' if face.pitch > 0 else '抬高'} {abs(round(face.pitch))}°")
    if not en:
        return None
    said = " and ".join(en)
    return Text(f"{said[0].upper()}{said[1:]}.", f"请{'，'.join(zh)}。")


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
    gap = _percent(face.mouth_open)
    return Text(
        f"Close your mouth, no teeth: the lips are apart by {gap} % of the width of the mouth.",
        f"请闭上嘴、不露齿：双唇间距为嘴宽的 {gap}%。",
    )


def _covered(_: MediaInfo, face: Face, __: Limit) -> Text | None:
    names = [_FEATURES[name] for name in face.covered or () if name in _FEATURES]
    if not names:
        return Text(
            "Uncover eyes, nose and mouth: hair, hands, mask and dark glasses out of the way.",
            "请露出眼睛、鼻子和嘴：移开头发、手、口罩和墨镜。",
        )
    return Text(
        f"Uncover the {' and the '.join(name.en for name in names)}.",
        f"请露出{'、'.join(name.zh for name in names)}。",
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
    wanted = limit.nearest(face.brightness)
    dark = isinstance(wanted, int | Fraction) and wanted > face.brightness
    is_ = _percent(face.brightness)
    return Text(
        f"Put {'more' if dark else 'less'} light on the face: its brightness is {is_} %.",
        f"请{'增强' if dark else '减弱'}面部光线：亮度为 {is_}%。",
    )


share = about(_share)
turn = about(_turn)
tilt = about(_tilt)
complete = about(_complete)
mouth = about(_mouth)
covered = about(_covered)
centre = about(_centre)
brightness = about(_brightness)
