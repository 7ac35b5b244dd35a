"""Builds what the measurement of faces knows about faces in general. Run only to change it.

    pip install --no-deps -r benchmarks/requirements.txt
    python -m benchmarks._face_data

Writes pipeline/probe/face/head.csv (mean head) and turn.csv (what the mesh hides of a turn, learned on all
processors for some minutes). Everything comes from heads of MakeHuman (CC0) and from NASA's portrait (public
domain), see `benchmarks/_people.py`; no other picture of a person takes part.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks._people import Person, draw, painted, people, person
from benchmarks.face import lit, view
from pipeline.probe.face import pose as face_pose
from pipeline.probe.face.detect import candidates
from pipeline.probe.face.mesh import fit
from samples._tools import SampleError

_HERE = Path(face_pose.__file__).parent
_HEADS = 32
_TURNED, _VIEWS = 160, 20  # heads that teach what the mesh hides of a turn, and drawings of each
_HOLD = 0.0003  # the ridge that holds those weights small, of the weight of all examples
_NEAR = 15.0  # degrees, from which on a drawing has half the say: what is refused begins there


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


def main() -> None:
    """Everything, in the order in which each needs the one before."""
    heads = people(_HEADS, 1000)
    head = np.round(mean_head(heads) * 1000).astype(int)
    np.savetxt(_HERE / "head.csv", head, fmt="%d", delimiter=",")
    face_pose.head.cache_clear()
    face_pose.steady.cache_clear()
    with ProcessPoolExecutor() as pool:
        told = list(chain.from_iterable(pool.map(turned, range(1000, 1000 + _TURNED))))
    np.savetxt(_HERE / "turn.csv", np.round(leaning(told) * 1000).astype(int), fmt="%d", delimiter=",")


if __name__ == "__main__":
    main()
