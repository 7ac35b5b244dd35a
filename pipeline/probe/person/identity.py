"""Whether the person in footage is the one on an identity card: asked for, told in one word, and nothing else is kept.

The network is that of dlib (`face-recognition-models`, CC0), 128 numbers for a face; it is given pixels that were cut
out here, around points of the mesh, and never a file. The numbers are compared in the process that made them and end
with the function that asked for them.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
from msgspec.structs import asdict, replace

from pipeline.errors import PreflightError, ToolMissing
from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo, Size, Text, VideoStream
from pipeline.model.measured import Person
from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import Mesh, fit
from pipeline.probe.face.models import Numbers, Pixels, Wheel, file_of
from pipeline.probe.face.models import load as load_faces
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.image.read import read as read_image
from pipeline.probe.person.frames import small
from pipeline.probe.sniff import sniff
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, reading

SAME, CANNOT_TELL, DIFFERENT = "same", "cannot tell", "different"
INSTALL: Final = "pip install 'media-preflight[identity]'"
_USE: Final = Text("whether two faces are of one person is told with it", "用于判断两张人脸是否为同一人")
_WHEEL: Final = Wheel("face_recognition_models", "models", INSTALL, _USE)
_FILE: Final = "dlib_face_recognition_resnet_model_v1.dat"

# Distances between two faces, up to which and from which on it is said. Between them nothing is: `docs/papers.md`.
_SAME: Final = 0.50
_OTHER: Final = 0.60
_CERTAIN: Final = 0.5  # presence from which on the mesh's points are believed
_PICTURES: Final = 5  # of the footage that are compared
_SIDE: Final = 1280  # pixels on their longer side
_CARD: Final = 2000  # ... and on that of a picture of a card
MOST: Final = 8  # pictures beside the footage that a portrait is looked for in
# Where dlib's network wants corners of the eyes and the foot of the nose, in shares of the face it is given (its mean
# face of five points), the margin around it and its side in pixels; and which points of the mesh those are.
_PLACES: Final = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
_MARGIN, _SQUARE = 0.25, 150
_POINTS: Final = [263, 362, 33, 133, 2]

_MISSING: Final = Text(
    f"dlib is missing; {_USE.en}. Install it with: {INSTALL}", f"缺少 dlib（{_USE.zh}）。安装命令：{INSTALL}"
)
_NO_CARD: Final = Text(
    "Nobody to compare with: no picture of an identity card with a face lies beside the footage. "
    "Name both in one run, in one folder.",
    "没有可比对的证件：素材所在文件夹中没有带人像的身份证照片。请将两者放在同一文件夹，并在同一次运行中给出。",
)
_MANY: Final = Text(
    f"More than {MOST} pictures lie beside the footage. Keep those of one person in a folder of their own.",
    f"素材旁的图片超过 {MOST} 张。请将同一人的材料放在单独的文件夹中。",
)
_NO_FACE: Final = Text(
    "No face in the footage is clear enough to be compared with a card.", "素材中没有足够清晰、可供比对的人脸。"
)


@cache
def _net() -> Any:
    try:
        dlib = importlib.import_module("dlib")
    except ImportError:
        raise ToolMissing(_MISSING.en, _MISSING.zh) from None
    return dlib.face_recognition_model_v1(str(file_of(_WHEEL, _FILE)))


def load() -> None:
    """Read the networks now. Raises ToolMissing, with what to run."""
    load_faces()
    _net()


def comparable() -> bool:
    """Whether faces can be compared here."""
    try:
        load()
    except ToolMissing:  # an extra; who asks for it is told how to install it
        return False
    return True


def add(path: Path, info: MediaInfo, cards: Sequence[str]) -> MediaInfo:
    """The facts of footage with whether the person in it is the one on one of the `cards`, paths of pictures.

    Where nothing can be compared it is told, with a remark. Raises ToolMissing, and TimedOut as ffmpeg does.
    """
    if info.person is None:
        return info
    load()
    if len(cards) > MOST:
        return _told(info, CANNOT_TELL, _MANY)
    known = [face for card in cards if (face := portrait(Path(card))) is not None]
    if not known:
        return _told(info, CANNOT_TELL, _NO_CARD)
    faces = [face for pixels in _pictures(path, info.video[0], info.person) if (face := vector(pixels)) is not None]
    if not faces:
        return _told(info, CANNOT_TELL, _NO_FACE)
    nearest = min(median(distance(face, one) for face in faces) for one in known)
    return _told(info, verdict(nearest))


def _told(info: MediaInfo, word: str, *why: Text) -> MediaInfo:
    person = replace(info.person, identity=word) if info.person else None
    return replace(info, person=person, remarks=(*info.remarks, *why))


def verdict(apart: float) -> str:
    """What is said of two faces that are so far apart."""
    return SAME if apart <= _SAME else DIFFERENT if apart >= _OTHER else CANNOT_TELL


def distance(one: Numbers, other: Numbers) -> float:
    """How far two faces are apart: 0 for one picture and itself, of two people mostly above 0.7."""
    return float(np.linalg.norm(one - other))


def vector(pixels: Pixels) -> Numbers | None:
    """What the network says of the largest face in an RGB picture; None where no face is sure."""
    fitted = [mesh for found in candidates(pixels, briefly=False) if (mesh := fit(pixels, found)).presence >= _CERTAIN]
    if not fitted:
        return None
    square = _square(pixels, max(fitted, key=_area))
    # A face and its mirror image are of one person: the mean of both varies less with light and pose.
    both = [np.asarray(_net().compute_face_descriptor(one)) for one in (square, np.ascontiguousarray(square[:, ::-1]))]
    return np.asarray((both[0] + both[1]) / 2)


def _area(mesh: Mesh) -> float:
    return float(np.prod(np.ptp(mesh.points[:, :2], axis=0)))


def _square(pixels: Pixels, mesh: Mesh) -> Pixels:
    """The face as the network wants it: upright, its eyes and nose where those of every face are."""
    target = (_PLACES + _MARGIN) / (1 + 2 * _MARGIN) * _SQUARE
    points = mesh.points[_POINTS, :2]
    matrix = _similar(points, target)
    while np.hypot(*matrix[:, 0]) < 0.5:  # in steps: sampling every n-th pixel would alias
        pixels, points = np.asarray(cv2.pyrDown(pixels), np.uint8), points / 2
        matrix = _similar(points, target)
    return np.asarray(cv2.warpAffine(pixels, matrix, (_SQUARE, _SQUARE), flags=cv2.INTER_LINEAR), np.uint8)


def _similar(source: Numbers, target: Numbers) -> Numbers:
    """The turn, scale and shift (2x3) that bring points closest to others, by least squares."""
    one, other = source - source.mean(axis=0), target - target.mean(axis=0)
    along = float((one * other).sum())
    across = float((one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum())
    turn = np.array([[along, -across], [across, along]]) / float((one**2).sum())
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def portrait(path: Path) -> Numbers | None:
    """What the network says of the face in a picture that may be a card; None where there is none to see."""
    try:
        format_ = sniff(path)[1] or ""
        image = read_image(path, path.stat().st_size, format_).image if format_ in READABLE else None
        return vector(picture_of(path, image, _CARD)) if image else None
    except (PreflightError, OSError):  # it is an asset of its own, whose entry says what is wrong with it
        return None


def _pictures(path: Path, stream: VideoStream, person: Person) -> Iterator[Pixels]:
    """Pictures of the footage, at even distances where nothing is wrong with who is seen."""
    if stream.size is None:
        return
    wrong = [span for of in asdict(person).values() if isinstance(of, tuple) for span in of]
    times = [person.step * index for index in range(person.pictures)]
    clear = [time for time in times if not any(span.start <= time < span.end for span in wrong)] or times
    size = small(stream.size, _SIDE)
    for number in range(min(_PICTURES, len(clear))):
        time = clear[(2 * number + 1) * len(clear) // (2 * min(_PICTURES, len(clear)))]
        poured = bytearray()
        with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
            link_input(path, Path(folder), "in0")
            command = _command(stream, size, time)
            process.run(command, cwd=Path(folder), ceiling=ceilings.FFMPEG, sink=poured.extend)
        if len(poured) == size.width * size.height * 3:
            yield np.frombuffer(bytes(poured), np.uint8).reshape(size.height, size.width, 3)


def _command(stream: VideoStream, size: Size, time: Fraction) -> tuple[str, ...]:
    scaled = f"scale={size.width}:{size.height}:flags=area,format=rgb24"
    return (
        *(programs.ffmpeg(), *HEAD[:-2], *reading("in0", "-ss", f"{float(time):.3f}"), "-map", f"0:{stream.index}"),
        *("-an", "-frames:v", "1", "-vf", scaled, "-f", "rawvideo", "pipe:1"),
    )
