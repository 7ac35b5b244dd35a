"""Every face in a picture, measured. Entry point: `measure`.

The picture is decoded no larger than the measurement needs: JPEG at an eighth, a quarter or half of its sides
where that suffices, and again at a larger scale only where the face turns out to be small in it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pipeline.errors import ToolMissing, Unreadable
from pipeline.model.facts import ImageInfo, MediaInfo, Size, Text
from pipeline.model.measured import Face
from pipeline.probe.face import lighting
from pipeline.probe.face.crop import SHAPES, TIGHT, loose, portrait
from pipeline.probe.face.detect import DetectedFace, candidates, overlap
from pipeline.probe.face.hair import whole_head
from pipeline.probe.face.mesh import OUTLINE, Expression, Mesh, express, fit, gaze
from pipeline.probe.face.models import Numbers, Pixels, load
from pipeline.probe.face.occlusion import COVERED, covered_share, covers
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.face.pose import pose
from pipeline.probe.face.texture import Mask, unwrapped

_FIRST: Final = 480  # pixels on the longer side that finding a face takes
_FINE: Final = 130  # pixels of detector box that measuring it takes (the mesh network sees the face at about 130)
_MOST: Final = 4096  # pixels on the longer side that are ever looked at
_CERTAIN: Final = 0.5  # presence from which on the mesh's points are believed
# A blurred face frightens the mesh network before the detectors: both together still tell it from a clock.
_DOUBTFUL, _DETECTED = 0.05, 0.8
_MANY: Final = 20  # faces that are measured; a picture with more has too many anyway
_SAME: Final = 0.4  # overlap from which two meshes are of one face
_ENOUGH: Final = 0.95  # of the box, that has to be in the picture for pose and expression to be measured
_AWAKE: Final = 0.5  # opening of the eyes from which on their pupils are seen
_EDGE: Final = 0.01  # of the box, by which the outline may pass the edge of the picture: the mesh is no finer

Closer = Callable[[int], Pixels]


def measure(path: Path, image: ImageInfo) -> tuple[Face, ...]:
    """The faces in the picture, largest first; () when there is none.

    Raises ToolMissing without the networks' files, Unreadable for a picture that cannot be decoded,
    CeilingExceeded for one that must not be.
    """
    load()
    return measured(picture_of(path, image, _FIRST), image.size, lambda side: picture_of(path, image, side))


def try_measure(path: Path, image: ImageInfo, remarks: list[Text]) -> tuple[Face, ...] | None:
    """As `measure`; None where it cannot be done here, and in `remarks` why. None is never a pass."""
    if image.format not in READABLE:
        remarks.append(
            Text(
                f"Faces are not measured in {image.format} pictures. Export it as JPEG or PNG.",
                f"无法在 {image.format} 图片中测量人脸。请导出为 JPEG 或 PNG。",
            )
        )
        return None
    try:
        return measure(path, image)
    except ToolMissing as missing:
        remarks.append(missing.text)
        return None


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a picture with its faces; where they cannot be measured, with a remark that says why.

    Raises CeilingExceeded for a picture that must not be decoded.
    """
    image, remarks = info.image, list[Text]()
    if image is None:
        return info
    try:
        faces = try_measure(path, image, remarks)
    except Unreadable as error:  # it is said, and a face is unknown then
        return replace(info, image=replace(image, decodes=False), remarks=(*info.remarks, error.text))
    if faces is not None and image.frames == 1:
        # Every byte of a single picture has then been read: to decode it again would find nothing else.
        image = replace(image, decodes=True)
    return replace(info, image=image, faces=faces, remarks=(*info.remarks, *remarks))


class _View(Struct, frozen=True, kw_only=True):
    """A decoded picture and how many pixels of the whole picture one of its own is."""

    pixels: Pixels
    size: Size  # of the whole picture
    scale: float


def measured(pixels: Pixels, size: Size, closer: Closer | None = None, *, briefly: bool = False) -> tuple[Face, ...]:
    """The faces in RGB `pixels` of a picture that measures `size`, largest first.

    `closer(side)` gives the picture again with a longer side of at least `side` pixels. With `briefly` only faces
    that are upright and not tiny are found, and of the main one neither head nor crops are told.
    """
    view = _View(pixels=pixels, size=size, scale=max(size) / max(pixels.shape[:2]))
    finds = candidates(pixels, briefly=briefly)[:_MANY]
    widest = max((float(f.box[2] - f.box[0]) for f in finds), default=0.0)
    if closer and finds and widest < _FINE and view.scale > 1:
        side = min(_MOST, max(size), round(max(pixels.shape[:2]) * _FINE / max(widest, 1.0)))
        near = closer(side)
        grown = max(near.shape[:2]) / max(pixels.shape[:2])
        view = replace(view, pixels=near, scale=view.scale / grown)
        finds = [f._replace(box=f.box * grown, points=f.points * grown) for f in finds]
    faces: list[tuple[Numbers, Face]] = []
    for found in finds:
        mesh = fit(view.pixels, found)
        blurred = mesh.presence >= _DOUBTFUL and found.score >= _DETECTED and not found.turned
        if mesh.presence < _CERTAIN and not blurred:
            continue
        box = _bounds(mesh) if mesh.presence >= _CERTAIN else found.box
        if all(overlap(box, other) < _SAME for other, _ in faces):
            faces.append((box, _face(view, found, mesh, box)))
    faces.sort(key=lambda found: -(found[1].share or 0))
    if faces and not briefly:
        faces[0] = faces[0][0], _framed(faces[0][1], faces[0][0], view)
    return tuple(face for _, face in faces)


def _framed(face: Face, bounds: Numbers, view: _View) -> Face:
    """The main face with its whole head and the crops around it. A face that is cut off has none."""
    if not face.complete:
        return face
    head = whole_head(view.pixels, bounds, view.scale, view.size)
    shapes = (*SHAPES, Fraction(view.size.width, view.size.height))
    widest = portrait(view.size, head, shapes=shapes)
    return replace(
        face,
        head=head,
        framed=not loose(view.size, widest),
        max_crop=widest,
        min_crop=portrait(view.size, head, TIGHT, shapes),
    )


def _bounds(mesh: Mesh) -> Numbers:
    outline = mesh.points[OUTLINE, :2]
    return np.concatenate([outline.min(axis=0), outline.max(axis=0)])


def _exact(value: float, digits: int = 4) -> Fraction:
    return Fraction(round(value * 10**digits), 10**digits)


def _known(value: float | None) -> Fraction | None:
    return None if value is None else _exact(value)


def _face(view: _View, found: DetectedFace, mesh: Mesh, bounds: Numbers) -> Face:
    height, width = view.pixels.shape[:2]
    whole = bounds * view.scale
    box = (
        _exact(whole[0], 1),
        _exact(whole[1], 1),
        _exact(whole[2] - whole[0], 1),
        _exact(whole[3] - whole[1], 1),
    )
    cut = np.clip(bounds, 0, [width, height, width, height])
    slack = _EDGE * (bounds[2:] - bounds[:2])
    complete = bool((bounds[:2] >= -slack).all() and (bounds[2:] <= np.array([width, height]) + slack).all())
    middle = (bounds[:2] + bounds[2:]) / 2 / np.array([width, height]) - 0.5
    close = lighting.crop(view.pixels, bounds)
    face = Face(
        box=box,
        score=_exact(found.score),
        share=_exact(float(np.prod(cut[2:] - cut[:2])) / (width * height)),
        complete=complete,
        off_centre=(_exact(middle[0]), _exact(middle[1])),
        sharpness=_exact(lighting.sharpness(close)),
        background_evenness=_known(lighting.background_evenness(view.pixels, bounds)),
    )
    if mesh.presence < _CERTAIN:
        return face
    seen = float(np.prod(cut[2:] - cut[:2]) / np.prod(bounds[2:] - bounds[:2]))
    shown = express(view.pixels, mesh) if seen > _ENOUGH else None
    face = _lit(face, view, mesh, shown, close)
    return _posed(face, view, mesh, shown) if shown else face


def _lit(face: Face, view: _View, mesh: Mesh, shown: Expression | None, close: Pixels) -> Face:
    """With what the surface inside the mesh tells."""
    flat, known = unwrapped(view.pixels, mesh.points)
    lit = lighting.light(flat, known)
    outline = mesh.points[OUTLINE, :2]
    if shown:
        face = _covered(face, flat, known, covers(shown.points))
        if shown.eyes_open >= _AWAKE:
            face = replace(face, red_eyes=_known(lighting.red_eyes(view.pixels, shown.irises, flat, known)))
    return replace(
        face,
        outline_share=_exact(_area_inside(outline, view.pixels)),
        brightness=_known(lit.brightness if lit else None),
        contrast=_known(lit.contrast if lit else None),
        over_exposed=_known(lit.over_exposed if lit else None),
        under_exposed=_known(lit.under_exposed if lit else None),
        evenness=_known(lit.evenness if lit else None),
        drawing=_exact(lighting.drawing(close)),
        outline=tuple((round(x * view.scale), round(y * view.scale)) for x, y in outline),
    )


def _covered(face: Face, flat: Pixels, known: Mask, shares: dict[str, float]) -> Face:
    return replace(
        face,
        occlusion=_exact(covered_share(flat, known, shares)),
        covered=tuple(name for name, share in shares.items() if share > COVERED),
        feature_occlusion=_exact(max(shares.values())),
    )


def _posed(face: Face, view: _View, mesh: Mesh, shown: Expression) -> Face:
    """With what the places of the points tell; of a face that is cut off they are guesses."""
    eyes = shown.irises
    head = pose(mesh.points, shown.placed)
    return replace(
        face,
        yaw=_exact(head.yaw, 1),
        pitch=_exact(head.pitch, 1),
        roll=_exact(head.roll, 1),
        mouth_open=_exact(shown.mouth_open),
        eye_distance=_exact(float(np.hypot(*(eyes[0][0] - eyes[1][0]))) * view.scale, 1),
        eyes_open=_exact(shown.eyes_open),
        gaze=_exact(gaze(mesh.points, eyes)),
    )


def _area_inside(outline: Numbers, pixels: Pixels) -> float:
    """Share of the picture inside the outline, what lies beyond the edges left out."""
    height, width = pixels.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0]
    area = float(cv2.intersectConvexConvex(hull, frame)[0])
    return area / float(width * height)
