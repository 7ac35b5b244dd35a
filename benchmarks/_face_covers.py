"""Builds pipeline/probe/face/covers.csv: what tells a covered eye, nose or mouth. Run only to change it.

    FOLDER=FOLDER python -m benchmarks._face_covers

FOLDER holds photos of faces and `labels.tsv` with a head line and the columns `file`, `dark` (1 dark glasses, 0 eyes
that are seen, ? neither) and `mask` (1 a mask over the mouth, 0 nothing over the face). A face under a mask teaches as
it is; one with nothing over it as it is and with things drawn over it: glasses of both kinds, fingers and fists in the
colour of its skin, cloth, pieces of other photos, hair. A third of all are made small or hard-pressed first. Printed is
how many are told by weights that were learned from the other half of the photos. docs/faces.md says what was used.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.probe.face import occlusion
from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import fit, square_of
from pipeline.probe.face.models import MESH_SIDE, POINTS_SIDE, mesh, points
from pipeline.probe.face.occlusion import PLACES, figures

Picture = np.ndarray
_SIDE = POINTS_SIDE
_LONGEST = 640  # pixels of a photo's longer side
_CHEEKS = [50, 280, 101, 330]
_KEEP = 0.005  # weight of the ridge that holds the weights small
_FALSE = 0.004  # share of the uncovered features above which half of certainty is set
_LEAN = 1.5  # logits by which that level is lowered again: dark glasses and fringes are among what passes for free
_TRUE = 6  # times that true dark glasses are used, each time worn another way: they are few
_CLEAR = 2.0  # what a false alarm costs, in misses


class Example(NamedTuple):
    """One face: what was seen of it, and for each feature 1 covered, 0 not, -1 not known."""

    photo: str
    kind: str
    seen: np.ndarray  # (4, 320)
    truth: tuple[int, int, int, int]


def laid(picture: Picture, shape: np.ndarray, colour: np.ndarray, strength: float = 1.0, soft: float = 1.0) -> Picture:
    """The picture with a filled shape (n, 2) of that colour, or of that picture."""
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.fillPoly(mask, [shape.astype(np.int32)], 1.0, cv2.LINE_AA)
    mask = (cv2.GaussianBlur(mask, (0, 0), soft) * strength)[..., None]
    return np.clip(picture * (1 - mask) + colour * mask, 0, 255).astype(np.uint8)


def oval(middle: np.ndarray, wide: float, tall: float, turn: float = 0.0, square: float = 2.0) -> np.ndarray:
    """The outline of an ellipse; the larger `square`, the more of a rectangle."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = np.sign(np.cos(t)) * abs(np.cos(t)) ** (2 / square) * wide
    y = np.sign(np.sin(t)) * abs(np.sin(t)) ** (2 / square) * tall
    return middle + np.stack([x, y], 1) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def colour_of(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    """Any colour."""
    return tuple(int(one) for one in rng.integers(low, high, 3))  # type: ignore[return-value]


def glasses(picture: Picture, at: np.ndarray, rng: np.random.Generator, *, dark: bool) -> Picture:
    """Two lenses and their frame."""
    across = at[263] - at[33]
    width = float(np.hypot(*across))
    turn, down = float(np.arctan2(across[1], across[0])), np.array([-across[1], across[0]]) / width
    wide, tall, square = width * rng.uniform(0.25, 0.37), width * rng.uniform(0.17, 0.3), rng.uniform(2, 4)
    tint = np.array(colour_of(rng, 0, 60) if rng.random() < 0.8 else colour_of(rng, 30, 160), float)
    frame = colour_of(rng, 0, 80) if rng.random() < 0.7 else colour_of(rng)
    thick = max(1, int(width * rng.uniform(0.012, 0.05)))
    brighter, strength, gleam = (
        rng.uniform(1, 2.4),
        rng.choice((rng.uniform(0.75, 1), 1)),
        rng.normal(0, 0.07, 2) * width,
    )
    for rows in (PLACES["right eye"], PLACES["left eye"]):
        middle = at[rows].mean(0) + down * width * 0.03
        lens = oval(middle, wide, tall, turn, square)
        if dark:
            glass = np.linspace(1, brighter, _SIDE)[:, None, None] * tint + np.zeros(picture.shape)
            picture = laid(picture, lens, np.clip(glass, 0, 255), strength, 0.7)
            if rng.random() < 0.5:
                shine = oval(middle + gleam, wide * 0.4, tall * 0.25, rng.uniform(-1, 1))
                picture = laid(picture, shine, np.array([255.0] * 3), rng.uniform(0.1, 0.6), 2)
        picture = cv2.polylines(picture.copy(), [lens.astype(np.int32)], True, frame, thick, cv2.LINE_AA)
    ends = [
        at[PLACES["right eye"]].mean(0) + across / width * wide,
        at[PLACES["left eye"]].mean(0) - across / width * wide,
    ]
    first, last = ((int(x), int(y)) for x, y in ends)
    return np.asarray(cv2.line(picture, first, last, frame, thick, cv2.LINE_AA), np.uint8)


def finger(picture: Picture, base: np.ndarray, tip: np.ndarray, wide: float, skin: np.ndarray, lit: float) -> Picture:
    """A rounded finger with joints, shaded across."""
    down, across = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    length = float(np.hypot(*(tip - base)))
    along = (tip - base) / length
    run = np.clip((across - base[0]) * along[0] + (down - base[1]) * along[1], 0, length)
    aside = (down - base[1]) * along[0] - (across - base[0]) * along[1]
    far = np.hypot(across - base[0] - run * along[0], down - base[1] - run * along[1]) / (wide / 2)
    shade = (0.62 + 0.42 * np.sqrt(np.clip(1 - far**2, 0, 1))) * (1 + 0.25 * lit * aside / (wide / 2))
    for joint in (0.33, 0.66):
        shade *= 1 - 0.12 * np.exp(-(((run - length * joint) / (wide * 0.08 + 1)) ** 2))
    mask = np.clip((1 - far) * wide / 4, 0, 1)[..., None]
    return np.clip(picture * (1 - mask) + skin * shade[..., None] * mask, 0, 255).astype(np.uint8)


def hand(picture: Picture, at: np.ndarray, rows: list[int], rng: np.random.Generator) -> Picture:
    """Three or four fingers that end on the feature, from half of them a fist."""
    width = float(np.hypot(*(at[33] - at[263])))
    middle = at[rows].mean(0) + rng.normal(0, 0.05, 2) * width
    turn = rng.uniform(0, 2 * np.pi)
    along, beside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    cheeks = np.clip(at[_CHEEKS].astype(int), 4, _SIDE - 5)
    tone = np.median(np.concatenate([picture[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3) for x, y in cheeks]), axis=0)
    skin = np.clip(tone * rng.uniform(0.75, 1.15) + rng.normal(0, 5, 3), 5, 250)
    wide, count = width * rng.uniform(0.17, 0.24), int(rng.integers(3, 5))
    if rng.random() < 0.5:
        half = width * rng.uniform(0.35, 0.5)
        picture = laid(picture, oval(middle - along * half * 0.7, half, half * 0.9, turn, 2.6), skin * 0.95)
    for number in range(count):
        off = beside * (number - (count - 1) / 2) * wide
        base, tip = middle - along * width * rng.uniform(0.7, 1.6), middle + along * width * rng.uniform(0.12, 0.4)
        picture = finger(picture, base + off * 1.1, tip + off, wide, skin * rng.uniform(0.92, 1.08), rng.uniform(-1, 1))
    return picture


def cloth(picture: Picture, at: np.ndarray, rows: list[int], rng: np.random.Generator, other: Picture) -> Picture:
    """A patch of one colour, of folds or of another photo."""
    width = float(np.hypot(*(at[33] - at[263])))
    low = at[rows].min(0) - width * rng.uniform(0.04, 0.3, 2)
    high = at[rows].max(0) + width * rng.uniform(0.04, 0.3, 2)
    half = (high - low) / 2
    shape = oval((low + high) / 2, half[0], half[1], rng.uniform(-0.3, 0.3), rng.uniform(2, 8))
    down, across = np.mgrid[0:_SIDE, 0:_SIDE]
    made = np.zeros(picture.shape) + np.array(colour_of(rng))
    chance = rng.random()
    if 0.35 < chance < 0.7:
        folds = np.sin((across * rng.normal() + down * rng.normal()) / rng.uniform(3, 12))[..., None]
        made = made * (1 + rng.uniform(0.03, 0.15) * folds) + rng.normal(0, 4, made.shape)
    elif chance >= 0.7:
        left, top, side = (int(one) for one in (*rng.integers(0, _SIDE - 56, 2), rng.integers(24, 56)))
        made = cv2.resize(other[top : top + side, left : left + side], (_SIDE, _SIDE)).astype(float)
    return laid(picture, shape, np.clip(made, 0, 255), 1.0, rng.uniform(0.5, 2))


def hair(picture: Picture, at: np.ndarray, rows: list[int], rng: np.random.Generator) -> Picture:
    """Strands from above the forehead over one eye."""
    width = float(np.hypot(*(at[33] - at[263])))
    top, eye = at[10] + (at[10] - at[1]) * 0.4, at[rows].mean(0)
    tone = rng.integers(5, 60, 3) if rng.random() < 0.6 else rng.integers(20, 150) * np.array([1, 0.75, 0.5])
    away, t = np.sign(eye[0] - at[1][0]) * width * 0.15, np.linspace(0, 1, 16)[:, None]
    picture = picture.copy()
    for _ in range(int(rng.integers(18, 40))):
        off = rng.uniform(-1, 1) * width * 0.27
        first = top + np.array([off * 0.8, 0])
        last = eye + np.array([off + rng.normal(0, 0.1) * width + away, width * rng.uniform(0.25, 0.8)])
        line = (1 - t) ** 2 * first + 2 * t * (1 - t) * (eye + np.array([off, 0])) + t * t * last
        shade = tuple(float(one) for one in np.clip(tone * rng.uniform(0.6, 1.4), 0, 255))
        cv2.polylines(picture, [line.astype(np.int32)], False, shade, int(max(1, width * rng.uniform(0.02, 0.06))), 16)
    return picture


Made = tuple[str, Picture, tuple[int, int, int, int]]


def drawn_over(face: Picture, rng: np.random.Generator, other: Picture) -> Iterator[Made]:
    """The face as it is and covered, with what is then known of eyes, nose and mouth."""
    at = points(face).places
    yield "clean", face, (0, 0, 0, 0)
    yield "clear glasses", glasses(face, at, rng, dark=False), (0, 0, 0, 0)
    for _ in range(2):
        yield "dark glasses", glasses(face, at, rng, dark=True), (1, 1, -1, 0)
    kinds = (
        (PLACES["right eye"], (1, -1, -1, -1)),
        (PLACES["left eye"], (-1, 1, -1, -1)),
        (PLACES["nose"], (-1, -1, 1, -1)),
        (PLACES["mouth"], (-1, -1, -1, 1)),
        (PLACES["right eye"] + PLACES["left eye"], (1, 1, -1, 0)),
    )
    rows, truth = kinds[rng.integers(4)]
    yield "hand", hand(face, at, rows, rng), truth
    rows, truth = kinds[rng.integers(5)]
    yield "cloth", cloth(face, at, rows, rng, other), truth
    rows, truth = kinds[rng.integers(2)]
    yield "hair", hair(face, at, rows, rng), truth


def worn(picture: Picture, rng: np.random.Generator) -> Picture:
    """A third of the pictures smaller, pressed or grey."""
    if rng.random() < 0.67:
        return picture
    small = cv2.resize(picture, None, fx=(factor := rng.uniform(0.3, 1)), fy=factor, interpolation=cv2.INTER_AREA)
    _, pressed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
    again = cv2.resize(cv2.imdecode(pressed, cv2.IMREAD_COLOR), (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.2:
        again = cv2.cvtColor(cv2.cvtColor(again, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(again, np.uint8)


def face_in(path: Path) -> Picture | None:
    """The largest face of a photo as the networks get it, 256 pixels a side."""
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if photo is None:
        return None
    scale = min(1.0, _LONGEST / max(photo.shape[:2]))
    photo = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    fitted = [fit(photo, found) for found in candidates(photo, briefly=True)]
    sure = [one for one in fitted if one.presence >= 0.5]
    return square_of(max(sure, key=lambda one: np.ptp(one.points[:, 0])).points).view(photo, _SIDE) if sure else None


def seen_of(picture: Picture) -> np.ndarray:
    """What the network sees once the face is placed again, as it would be with the cover on."""
    _, placed = mesh(np.asarray(cv2.resize(picture, (MESH_SIDE, MESH_SIDE), interpolation=cv2.INTER_AREA), np.uint8))
    return figures(points(square_of(placed * (_SIDE / MESH_SIDE)).view(picture, _SIDE)))


def examples(folder: Path) -> list[Example]:
    """Of every photo that is labelled."""
    rng, made, other = np.random.default_rng(12), list[Example](), np.full((_SIDE, _SIDE, 3), 128, np.uint8)
    with (folder / "labels.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    known = {"1": 1, "0": 0}
    for row in rows:
        face = face_in(folder / row["file"])
        if face is None:
            continue
        if row["mask"] == "1":
            dark = known.get(row["dark"], -1)
            shown: list[Made] = [("mask, dark glasses" if dark == 1 else "mask", face, (dark, dark, 1, 1))]
        elif row["dark"] == "1":
            shown = [("true dark glasses", face, (1, 1, -1, 0))]
        else:
            shown = list(drawn_over(face, rng, other))
        shown *= _TRUE if row["dark"] == "1" else 1
        made += [Example(row["file"], kind, seen_of(worn(one, rng)), truth) for kind, one, truth in shown]
        other = face
    return made


def logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Intercept and weights by Newton's method with a ridge, both sides of equal weight but for `_CLEAR`."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.column_stack([np.ones(len(x)), (x - mean) / spread])
    say = np.where(y == 1, 1 / y.sum(), _CLEAR / (1 - y).sum()) * len(y)
    ridge = _KEEP * say.sum() * np.eye(z.shape[1])
    ridge[0, 0] = 1e-9
    b = np.zeros(z.shape[1])
    for _ in range(10):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -30, 30)))
        bend = (z * (say * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ z + ridge
        b = b + np.linalg.solve(bend, z.T @ (say * (y - p)) - ridge @ b)
    return np.concatenate([[b[0] - (b[1:] * mean / spread).sum()], b[1:] / spread])


def learned(told: list[Example], number: int) -> np.ndarray:
    """The weights of one feature; of what is free in photos not learned from, `_FALSE` lies above half of certainty."""
    use = [one for one in told if one.truth[number] >= 0]
    x, y = np.array([one.seen[number] for one in use]), np.array([float(one.truth[number]) for one in use])
    photos = {photo: place % 2 for place, photo in enumerate(sorted({one.photo for one in use}))}
    half, score = np.array([photos[one.photo] for one in use]), np.zeros(len(use))
    for side in (0, 1):
        b = logistic(x[half != side], y[half != side])
        score[half == side] = b[0] + x[half == side] @ b[1:]
    level = float(np.quantile(score[y == 0], 1 - _FALSE)) - _LEAN
    kinds = np.array([one.kind for one in use])
    found = {kind: score[(kinds == kind) & (y == 1)] > level for kind in dict.fromkeys(kinds[y == 1])}
    print(
        f"| {list(PLACES)[number]} | " + ", ".join(f"{k} {f.mean():.0%} of {len(f)}" for k, f in found.items()) + " |"
    )
    b = logistic(x, y)
    b[0] -= level
    return b


def main() -> None:
    """Learn, print, write."""
    told = examples(Path(os.environ["FOLDER"]))
    print("| feature | told of photos not learned from |\n|---|---|")
    weights = [learned(told, number) for number in range(len(PLACES))]
    target = Path(occlusion.__file__).parent / "covers.csv"
    target.write_text("".join(",".join(f"{one:.4g}" for one in row) + "\n" for row in weights), encoding="ascii")


if __name__ == "__main__":
    main()
