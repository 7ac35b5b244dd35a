"""Builds what the measurement of faces knows about faces in general. Run only to change it.

    pip install --no-deps -r benchmarks/requirements.txt
    python -m benchmarks._face_data

Writes pipeline/probe/face/head.csv (mean head), face_turn.csv (what the mesh hides of a turn, learned from all
processors for some minutes) and face_mean.csv (mean look), and prints the weights of
pipeline/probe/face/occlusion.py. Everything comes from heads of MakeHuman (CC0) and from NASA's portrait (public
domain), see `benchmarks/_people.py`; no other picture of a person takes part.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from benchmarks._people import Person, draw, painted, people, person
from benchmarks.face import AREAS, KINDS, lit, patched, view
from pipeline.probe.face import occlusion
from pipeline.probe.face import pose as face_pose
from pipeline.probe.face import texture as face_unwrap
from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import LEFT_EYE, LIPS, RIGHT_EYE, fit
from samples._tools import SampleError
from samples.heads import Drawn, View
from samples.heads import draw as draw_portrait

_HERE = Path(occlusion.__file__).parent
_HEADS = 32
_DRAWN = 96  # heads, each clean and with every patch
_TURNED, _VIEWS = 160, 20  # heads that teach what the mesh hides of a turn, and drawings of each
_HOLD = 0.0003  # the ridge that holds those weights small, of the weight of all examples
_NEAR = 15.0  # degrees, from which on a drawing has half the say: what is refused begins there
_OF = {"right eye": ("right eye", "both eyes"), "left eye": ("left eye", "both eyes")}
_SHARED = (("right eye", "left eye"), ("nose",), ("mouth",))  # one set of weights each
_KEEP = 0.02  # weight of the ridge that holds the logistic weights small
# What an error costs: a false alarm more than a miss, a miss of the kinds that look most like a face more than others.
_COSTS = {"clean": 12.0, "one colour": 1.5, "black": 1.5, "cloth": 4.0, "hand of skin colour": 3.0}
# Heads that wear the portrait are more alike to the mean look, which they made, and to their own mirror image than
# other people are. By up to so much less alike is every uncovered feature made that they teach.
_UNLIKE = (0.6, 0.4)


def mesh_of(picture: np.ndarray) -> np.ndarray | None:
    """The mesh of the surest face, where the network is sure of it."""
    finds = candidates(picture)
    mesh = fit(picture, finds[0]) if finds else None
    return mesh.points if mesh and mesh.presence >= 0.5 else None


def twins() -> np.ndarray:
    """For each point of the mesh the one on the other side: a fact of the topology, read off the head there is."""
    twin = np.linalg.norm((face_pose.head() * [-1, 1, 1])[:, None] - face_pose.head()[None], axis=2).argmin(axis=1)
    assert (twin[twin] == np.arange(len(twin))).all(), "every point has one twin"
    return twin


def mean_head(heads: list[Person]) -> np.ndarray:
    """Mean of the points on all heads, made symmetric; eye widths, looking ahead as MakeHuman's people do."""
    mean = np.mean([one.mesh for one in heads], axis=0)
    twin = twins()
    even = (mean + mean[twin] * [-1, 1, 1]) / 2
    return (even - (even[33] + even[263]) / 2) / np.linalg.norm(even[33] - even[263])


Turned = tuple[np.ndarray, np.ndarray, np.ndarray]


def turned(seed: int) -> list[Turned]:
    """One head at many angles: shape of the mesh, yaw and pitch drawn, and what solvePnP misses of them, degrees."""
    try:
        one = person(np.random.default_rng(seed))
    except SampleError:
        return []
    rng, made = np.random.default_rng(seed + 1), []
    for number in range(_VIEWS):
        seen = view(rng, 42, 42, 40)
        points = mesh_of(lit(draw(painted(one) if number % 3 == 2 else one, seen).picture, rng))
        if points is not None:
            true, found = np.array([seen.yaw, seen.pitch]), face_pose.turned(points)
            made.append((face_pose.shape(points), true, true - [found.yaw, found.pitch]))
    return made


def leaning(examples: list[Turned]) -> np.ndarray:
    """Weights by ridge regression, of every example and its mirror image."""
    shapes, true, missed = (np.array(column) for column in zip(*examples, strict=True))
    place = {row: n for n, row in enumerate(face_pose.steady())}
    twin = [place[row] for row in twins()[face_pose.steady()]]
    points = shapes[:, :-1].reshape(len(shapes), -1, 3)
    other = (points[:, twin] * [-1, 1, 1]).reshape(len(shapes), -1)
    x = np.concatenate([shapes[:, :-1], other])
    y = np.concatenate([missed, missed * [-1, 1]])
    say = np.tile(1 / (1 + (abs(true).max(axis=1) / _NEAR) ** 2), 2)[:, None]
    middle, level = (x * say).sum(axis=0) / say.sum(), (y * say).sum(axis=0) / say.sum()
    z = x - middle
    bend = (z * say).T @ z + _HOLD * say.sum() * np.eye(z.shape[1])
    weights = np.linalg.solve(bend, (z * say).T @ (y - level))
    return np.concatenate([weights, (level - middle @ weights)[None]])


def mean_look(heads: list[Person]) -> np.ndarray:
    """The left half of the mean of all flat faces, each with mean 0 and spread 1."""
    inside = face_unwrap.inside()
    looks = []
    for one in heads:
        for dressed in (one, painted(one)):
            picture = draw(dressed, View(size=(480, 480), eye_width=150.0)).picture
            points = mesh_of(picture)
            if points is not None:
                light = cv2.cvtColor(face_unwrap.unwrapped(picture, points)[0], cv2.COLOR_RGB2GRAY).astype(float)
                looks.append((light - light[inside].mean()) / light[inside].std())
    mean = np.mean(looks, axis=0)
    mean = np.where(inside, (mean + mean[:, ::-1]) / 2, 0)
    print(f"mean look: {len(looks)} faces")
    return mean[:, : face_unwrap.SIDE // 2]


def small(drawn: Drawn) -> Drawn:
    """The same, grey and of 25 pixels a face, enlarged again: what a thumbnail leaves of a face."""
    tall = float(np.ptp(drawn.points[:, 1]))
    grey = cv2.cvtColor(drawn.picture, cv2.COLOR_RGB2GRAY)
    little = cv2.resize(grey, None, fx=22 / tall, fy=22 / tall, interpolation=cv2.INTER_AREA)
    large = cv2.resize(little, None, fx=180 / 22, fy=180 / 22, interpolation=cv2.INTER_CUBIC)
    return Drawn(np.repeat(large[..., None], 3, axis=2), drawn.points * 180 / tall)


def shaded(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """The same head with deeper or flatter tones, eyes and mouth in the soft shadows of light from above.

    The portrait's eyes are open, bright and evenly lit; other people's are deeper, darker and less alike.
    """
    tall, wide = drawn.picture.shape[:2]
    down, across = np.mgrid[0:tall, 0:wide].astype(np.float32)
    width = float(np.hypot(*(drawn.points[33] - drawn.points[263])))
    made = 255 * (drawn.picture / 255.0) ** rng.uniform(0.7, 1.6)
    both, below = rng.uniform(0, 0.6), rng.uniform(0, 0.55)
    for rows, deep, spread in (
        (RIGHT_EYE, both * rng.uniform(0.7, 1), 0.18),
        (LEFT_EYE, both * rng.uniform(0.7, 1), 0.18),
        (LIPS, below, 0.2),
    ):
        x, y = drawn.points[rows].mean(axis=0) + rng.normal(0, 0.05 * width, 2)
        far = ((across - x) / (1.4 * spread * width)) ** 2 + ((down - y) / (spread * width)) ** 2
        made *= 1 - deep * np.exp(-far / 2)[..., None]
    return Drawn(np.clip(made, 0, 255).astype(np.uint8), drawn.points)


def examples(drawn: Drawn, rng: np.random.Generator, tiny: bool) -> list[tuple[str, str, dict[str, np.ndarray]]]:
    """Figures of a clean face and of one with each patch in each place."""
    made = []
    pictures = [("clean", "", drawn.picture)]
    pictures += [(kind, area, patched(drawn.picture, drawn, area, kind, rng)) for kind in KINDS for area in AREAS]
    for kind, area, picture in pictures:
        seen = small(Drawn(picture, drawn.points)).picture if tiny else picture
        points = mesh_of(seen)
        if points is not None:
            made.append((kind, area, occlusion.figures(*face_unwrap.unwrapped(seen, points))))
    return made


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Intercept and weights by Newton's method with a ridge."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.column_stack([np.ones(len(x)), (x - mean) / spread])
    ridge = np.eye(z.shape[1]) * _KEEP * weight.sum() / 50
    ridge[0, 0] = 0
    b = np.zeros(z.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -30, 30)))
        bend = (z * (weight * p * (1 - p))[:, None]).T @ z + ridge + 1e-6 * np.eye(len(b))
        b = b + np.linalg.solve(bend, z.T @ (weight * (y - p)) - ridge @ b)
    return np.concatenate([[b[0] - (b[1:] * mean / spread).sum()], b[1:] / spread])


def weights(heads: list[Person]) -> None:
    """Learn and print the weights."""
    rng = np.random.default_rng(5)
    told = []
    for number in range(_DRAWN):
        seen, one = view(rng, 25, 18, 15), heads[number % len(heads)]
        drawn = draw_portrait(seen) if number % 8 < 2 else draw(painted(one) if number % 8 > 5 else one, seen)
        bare = shaded(Drawn(lit(drawn.picture, rng), drawn.points), rng)
        told += examples(bare, rng, tiny=number % 2 == 1)
    rng = np.random.default_rng(1)
    for names in _SHARED:
        rows, hits, costs = [], [], []
        for kind, area, figures in told:
            for name in names:
                hit, row = area in _OF.get(name, (name,)), figures[name].copy()
                if not hit:
                    row[:2] -= [rng.uniform(0, most) for most in _UNLIKE]
                rows.append(row)
                hits.append(float(hit))
                costs.append(_COSTS.get(kind, 1.0) if hit or kind == "clean" else 1.0)
        found = logistic(np.array(rows), np.array(hits), np.array(costs))
        for name in names:
            print(f'    "{name}": ({", ".join(f"{w:.2f}" for w in found)}),')


def main() -> None:
    """Everything, in the order in which each needs the one before."""
    heads = people(_HEADS, 1000)
    head = np.round(mean_head(heads) * 1000).astype(int)
    np.savetxt(_HERE / "face_head.csv", head, fmt="%d", delimiter=",")
    face_pose.head.cache_clear()
    face_pose.steady.cache_clear()
    with ProcessPoolExecutor() as pool:
        told = list(chain.from_iterable(pool.map(turned, range(1000, 1000 + _TURNED))))
    np.savetxt(_HERE / "face_turn.csv", np.round(leaning(told) * 1000).astype(int), fmt="%d", delimiter=",")
    np.savetxt(_HERE / "face_mean.csv", np.round(mean_look(heads) * 100).astype(int), fmt="%d", delimiter=",")
    face_unwrap.look.cache_clear()
    weights(heads)


if __name__ == "__main__":
    main()
