"""Heads whose pose is known: the mesh fitted to the portrait, with a sculpted depth, textured with the portrait.

What every test of face geometry is held against. The head is drawn through a pinhole at a stated distance, which
differs from the one the measurement assumes; its shape can be altered, so that the mean head the measurement uses is
never the one that is drawn. Where it looks when it is not turned is the network's own opinion of the portrait; the
truth of that, and of other people, are the sculpted heads of `benchmarks/_people.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import ToolMissing
from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import INNER_LIPS, NOSE, OUTLINE, fit
from pipeline.probe.face.pose import aligned, head, steady, turn
from pipeline.probe.face.texture import triangles
from samples._tools import Sample, SampleError
from samples.images import display_p3, person

Numbers = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_ENLARGED = 4  # the portrait's face is 100 pixels wide
# Rings around the mesh that carry hair, ears and neck: how much wider than the outline and how much deeper.
RINGS = ((1.12, 0.10), (1.3, 0.35), (1.55, 0.75), (1.8, 1.25))
_GROUND = (186, 180, 172)  # RGB, near the portrait's own background


class Model(NamedTuple):
    """A textured head: `points` in eye widths (x right, y down, z away), `seen` the same in the texture."""

    points: Numbers  # (n, 3); the first 468 are the mesh
    seen: Numbers  # (n, 2) pixels of the texture
    triangles: NDArray[np.int64]  # (m, 3)
    texture: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a head is drawn. Angles in degrees as `pipeline.probe.face.pose` has them."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 14.0  # eye widths from the camera
    size: tuple[int, int] = (640, 640)
    eye_width: float = 150.0  # pixels between the outer corners of the eyes, when looking into the camera
    middle: tuple[float, float] = (0.5, 0.5)  # of the face, as shares of the picture
    shape: tuple[float, float, float] = (1.0, 1.0, 1.0)  # width, height and depth of the head, factors
    mouth: float = 1.0  # gap between the lips, as a factor of the portrait's smile; 0 closes the mouth


class Drawn(NamedTuple):
    """A picture and where the mesh truly is in it."""

    picture: Pixels  # RGB
    points: Numbers  # (468, 2) pixels

    @property
    def outline(self) -> Numbers:
        """The hull of the mesh: the outline of the face, pixels."""
        return np.asarray(cv2.convexHull(self.points.astype(np.float32))[:, 0], float)


_ONE_AT_A_TIME = Lock()  # samples are made in threads, and a network serves one at a time


def model() -> Model:
    """The portrait as a head. Raises SampleError where the networks are not installed."""
    with _ONE_AT_A_TIME:
        return _model()


@cache
def _model() -> Model:
    picture = np.asarray(person())
    texture = np.asarray(cv2.resize(picture, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC), np.uint8)
    try:
        finds = candidates(texture)
    except ToolMissing as missing:
        raise SampleError(str(missing)) from missing
    if not finds:
        raise SampleError("no face was found in the portrait")
    points = fit(texture, finds[0]).points
    width = float(np.linalg.norm(points[33] - points[263]))
    # By the points that a smile does not move: she smiles, the mean head does not.
    rotation = aligned(head()[steady()], points[steady()])
    middle = (points[33] + points[263]) / 2
    inner = (points - middle) @ rotation / width
    outline = inner[OUTLINE]
    centre = outline.mean(axis=0)
    rings = []
    for wider, deeper in RINGS:
        ring = centre + (outline - centre) * wider
        ring[:, 2] = outline[:, 2] + deeper
        rings.append(ring)
    every = np.concatenate([inner, *rings])
    seen = (every * width) @ rotation.T + middle
    # The network guesses heads too flat: a drawing turned by 20 degrees would look like one turned by 17. The depth is
    # that of the sculpted heads which the mean head was made of.
    deeper_by = head()[:, 2] - inner[:, 2]
    every[:, 2] += np.concatenate([deeper_by, *[deeper_by[OUTLINE]] * len(rings)])
    return Model(every, seen[:, :2], _fronts(every), texture)


def _fronts(points: Numbers) -> NDArray[np.int64]:
    """Triangles between the points as they are seen from the front, their corners clockwise in the picture."""
    flat = points[:, :2] * (View().distance / (points[:, 2] + View().distance))[:, None]
    rows = triangles(flat)
    a, b, c = (flat[rows[:, k]] for k in range(3))
    turned = (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1] < 0
    rows[turned] = rows[turned][:, ::-1]
    return rows


def draw(view: View, head_model: Model | None = None) -> Drawn:
    """The head in this pose on an even ground; nearer triangles hide farther ones."""
    made = head_model or model()
    turned = (_mouthed(made.points, view.mouth) * np.array(view.shape)) @ turn(view.yaw, view.pitch, view.roll).T
    width, height = view.size
    factor = view.eye_width * view.distance / (turned[:, 2] + view.distance)
    flat = turned[:, :2] * factor[:, None]
    face = flat[:468]
    centre = (face.min(axis=0) + face.max(axis=0)) / 2
    flat = flat - centre + np.array([view.middle[0] * width, view.middle[1] * height])
    picture: Any = np.full((height, width, 3), _GROUND, np.uint8)
    depth = turned[made.triangles, 2].mean(axis=1)
    for corners in made.triangles[np.argsort(-depth)]:
        _paint(picture, made.texture, made.seen[corners], flat[corners])
    return Drawn(picture, flat[:468])


def _mouthed(points: Numbers, factor: float) -> Numbers:
    """The head with the gap between its lips made `factor` times as wide; the chin follows the lower lip."""
    if factor == 1.0:
        return points
    made = points.copy()
    upper, lower = INNER_LIPS[1:10], INNER_LIPS[:10:-1]
    gap = points[lower] - points[upper]
    made[lower] = points[upper] + gap * factor
    # The lower lip and the chin keep their shape: they move by as much as the middle of the inner rim.
    shift = (factor - 1) * gap[len(gap) // 2]
    corner_left, corner_right = points[61, 0], points[291, 0]
    line = points[[61, 291], 1].mean()
    fixed = set(upper) | set(lower) | {61, 291, 78, 308}
    for row, (x, y, _) in enumerate(points):
        if row not in fixed and y > line and row < 468:
            across = np.clip((x - corner_left) / (corner_right - corner_left), 0, 1)
            below = np.clip((y - line) / 0.12, 0, 1)
            made[row] += shift * np.sin(np.pi * across) * below
    return made


def _paint(picture: Any, texture: Pixels, source: Numbers, target: Numbers) -> None:
    """One textured triangle, seen from the front only."""
    (ax, ay), (bx, by), (cx, cy) = target
    if (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) <= 0:
        return
    low = np.maximum(np.floor(target.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(target.max(axis=0)).astype(int) + 2, [picture.shape[1], picture.shape[0]])
    if (high <= low).any():
        return
    matrix = cv2.getAffineTransform((target - low).astype(np.float32), source.astype(np.float32))
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    patch = cv2.warpAffine(
        texture, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.round((target - low) * 16).astype(np.int32), 255, cv2.LINE_8, 4)
    # Sixteenths of a pixel leave hairlines between neighbours; an edge drawn on top closes them.
    cv2.polylines(mask, [np.round((target - low) * 16).astype(np.int32)], True, 255, 1, cv2.LINE_8, 4)
    region = picture[low[1] : high[1], low[0] : high[0]]
    region[mask > 0] = patch[mask > 0]


# ---------------------------------------------------------------------------------------------- samples


def _save(view: View, to: Path) -> None:
    Image.fromarray(draw(view).picture).save(to, quality=92)


def _save_covered(view: View, rows: list[int], to: Path) -> None:
    drawn = draw(view)
    low, high = drawn.points[rows].min(axis=0).astype(int) - 3, drawn.points[rows].max(axis=0).astype(int) + 3
    drawn.picture[low[1] : high[1], low[0] : high[0]] = (40, 60, 150)
    Image.fromarray(drawn.picture).save(to, quality=92)


def _save_drawing(view: View, to: Path) -> None:
    """The head in ten flat colours with dark lines, as a cartoon is coloured."""
    smooth = np.asarray(cv2.pyrMeanShiftFiltering(draw(view).picture, 20, 40), np.uint8)
    flat = np.array(Image.fromarray(smooth).quantize(10, dither=Image.Dither.NONE).convert("RGB"))
    flat[cv2.Canny(smooth, 50, 120) > 0] = 20
    Image.fromarray(flat).save(to)


def _save_phone(view: View, to: Path) -> None:
    """As a phone saves it: HEIC, Display P3, stored lying on its side with a place and a camera in its EXIF."""
    try:
        import pillow_heif
    except ImportError:
        raise SampleError("HEIC is written by pillow-heif, which is not installed: run `make setup`") from None
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise
    exif[0x010F] = "Camera X"
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 0.0), 3: "E", 4: (121.0, 28.0, 0.0)})
    picture = Image.fromarray(draw(view).picture).transpose(Image.Transpose.ROTATE_90)
    heif = pillow_heif.from_pillow(picture)
    heif.save(to, quality=80, exif=exif.tobytes(), icc_profile=display_p3())


# 720x720, closed mouth, 58 % of the picture by box.
_FIT = View(size=(720, 720), eye_width=340.0, mouth=0.0, distance=16.0)
_PHONE = replace(_FIT, size=(720, 960), eye_width=300.0)
_VIEWS: dict[str, tuple[str, View]] = {
    "images/head-front.jpg": ("a face as a photo avatar wants it: frontal, mouth closed, 60 % of the picture", _FIT),
    "images/head-small.jpg": (
        "the same, 12 % of a 16:9 picture, left of its middle",
        replace(_FIT, size=(1280, 720), eye_width=205.0, middle=(0.4, 0.5)),
    ),
    "images/head-large.jpg": ("the same, over 70 % of the picture", replace(_FIT, eye_width=398.0)),
    "images/head-turned.jpg": ("turned 28 degrees to the picture's right", replace(_FIT, yaw=28.0)),
    "images/head-chin-up.jpg": ("looking up 26 degrees", replace(_FIT, pitch=26.0)),
    "images/head-tilted.jpg": ("tilted 20 degrees clockwise", replace(_FIT, roll=20.0, eye_width=262.0)),
    "images/head-mouth-open.jpg": ("mouth wide open", replace(_FIT, mouth=2.0, eye_width=325.0)),
    "images/head-off-centre.jpg": ("face in the lower right", replace(_FIT, eye_width=150.0, middle=(0.78, 0.75))),
}
SAMPLES = (
    *(Sample(name, "image", note, partial(_save, view)) for name, (note, view) in _VIEWS.items()),
    Sample(
        "images/head-nose-covered.jpg",
        "image",
        "a blue patch on the nose",
        partial(_save_covered, _FIT, NOSE),
    ),
    Sample("images/phone.heic", "image", "a photo as a phone stores it", partial(_save_phone, _PHONE)),
    Sample("images/head-drawn.png", "image", "a face in flat colours", partial(_save_drawing, _FIT)),
)
