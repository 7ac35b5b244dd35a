"""Builds what the measurement of faces knows about faces in general. Run only to change it.

    python -m benchmarks._face_data

Writes pipeline/probe/face_head.csv (mean head) and face_mean.csv (mean look) from the 100 small grey faces that
come with scikit-image (a part of "Labeled Faces in the Wild") and the portrait: only means leave this script.
Prints the weights of pipeline/probe/face_cover.py, learned from drawn heads and every second of those faces,
clean and with patches; `benchmarks/face.py` measures them on other heads.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.face import AREAS, KINDS, lit, patched, view
from pipeline.probe import face_cover, face_unwrap
from pipeline.probe.face_find import candidates
from pipeline.probe.face_mesh import fit
from samples._pictures import picture_file
from samples.heads import Drawn, draw
from samples.images import person

_HERE = Path(face_cover.__file__).parent
# In MediaPipe's canonical face model the chin lies forward of the outer corners of the eyes by this angle.
_LEAN = np.arctan2(4.264492 - 3.173422, 9.403378 + 2.663991)
_OF = {"right eye": ("right eye", "both eyes"), "left eye": ("left eye", "both eyes")}
_SHARED = (("right eye", "left eye"), ("nose",), ("mouth",))  # one set of weights each
_KEEP = 0.02  # weight of the ridge that holds the logistic weights small
_CLEAN = 4.0  # a false alarm costs as much as four misses ...
_HAND = 0.6  # ... and a missed hand less than one


def small_faces() -> list[np.ndarray]:
    """The grey faces, enlarged, with room around them."""
    made = []
    for face in np.load(picture_file("lfw_subset.npy"))[:100]:
        large = cv2.resize(np.clip(face * 255, 0, 255).astype(np.uint8), (200, 200), interpolation=cv2.INTER_CUBIC)
        made.append(np.repeat(cv2.copyMakeBorder(large, 60, 60, 60, 60, cv2.BORDER_REPLICATE)[..., None], 3, axis=2))
    return made


def mesh_of(picture: np.ndarray) -> np.ndarray | None:
    """The mesh of the surest face, where the network is sure of it."""
    finds = candidates(picture)
    mesh = fit(picture, finds[0]) if finds else None
    return mesh.points if mesh and mesh.presence >= 0.5 else None


def moved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`one` turned, shifted and scaled onto `other` (Umeyama, 1991)."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    left, size, right = np.linalg.svd(a.T @ b)
    flip = np.diag([1, 1, np.sign(np.linalg.det(left @ right))])
    scale = np.trace(np.diag(size) @ flip) / (a**2).sum()
    return scale * a @ left @ flip @ right + other.mean(axis=0)


def mean_head(pictures: list[np.ndarray]) -> np.ndarray:
    """Mean of all meshes and of those of the mirrored pictures, made symmetric; eye widths, pitch zeroed."""
    pairs = [(mesh_of(p), mesh_of(np.ascontiguousarray(p[:, ::-1]))) for p in pictures]
    both = [pair for pair in pairs if pair[0] is not None and pair[1] is not None]
    meshes = [m for m, _ in both] + [m for _, m in both]
    mean = meshes[0] - meshes[0].mean(axis=0)
    for _ in range(6):
        mean = np.mean([moved(m, mean / np.linalg.norm(mean)) for m in meshes], axis=0)
        mean -= mean.mean(axis=0)
    mirrored = mean * [-1, 1, 1]
    laid = mirrored
    for _ in range(30):
        twin = np.linalg.norm(laid[:, None] - mean[None], axis=2).argmin(axis=1)
        laid = moved(mirrored, mean[twin])
    twin = np.linalg.norm(laid[:, None] - mean[None], axis=2).argmin(axis=1)
    assert (twin[twin] == np.arange(len(mean))).all(), "every point has one twin"
    even = (mean + moved(mirrored[twin], mean)) / 2
    middle, width = (even[33] + even[263]) / 2, np.linalg.norm(even[33] - even[263])
    x = (even[263] - even[33]) / width
    y = even[152] - middle
    y = (y - y @ x * x) / np.linalg.norm(y - y @ x * x)
    upright = (even - middle) @ np.stack([x, y, np.cross(x, y)]).T / width
    c, s = np.cos(_LEAN), np.sin(_LEAN)
    upright = upright @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
    print(f"mean head: {len(both)} faces")
    return (upright + upright[twin] * [-1, 1, 1]) / 2


def mean_look(pictures: list[np.ndarray]) -> np.ndarray:
    """The left half of the mean of all flat faces, each with mean 0 and spread 1."""
    inside = face_unwrap.inside()
    looks = []
    for picture in pictures:
        points = mesh_of(picture)
        if points is not None:
            flat = face_unwrap.unwrapped(picture, points)[0][..., 0].astype(float)
            looks.append((flat - flat[inside].mean()) / flat[inside].std())
    mean = np.mean(looks, axis=0)
    mean = np.where(inside, (mean + mean[:, ::-1]) / 2, 0)
    print(f"mean look: {len(looks)} faces")
    return mean[:, : face_unwrap.SIDE // 2]


def examples(drawn: Drawn, clean: np.ndarray, rng: np.random.Generator) -> list[tuple[str, str, dict[str, np.ndarray]]]:
    """Figures of a clean face and of one with each patch in each place."""
    made = []
    pictures = [("clean", "", clean)]
    pictures += [(kind, area, patched(clean, drawn, area, kind, rng)) for kind in KINDS for area in AREAS]
    for kind, area, picture in pictures:
        points = mesh_of(picture)
        if points is not None:
            made.append((kind, area, face_cover.figures(*face_unwrap.unwrapped(picture, points))))
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


def weights(pictures: list[np.ndarray]) -> None:
    """Learn and print the weights."""
    rng = np.random.default_rng(5)
    told = []
    for _ in range(45):
        drawn = draw(view(rng, 25, 18, 15))
        told += examples(drawn, lit(drawn.picture, rng), rng)
    for picture in pictures[::2]:
        points = mesh_of(picture)
        if points is not None:
            told += examples(Drawn(picture, points[:, :2]), picture, rng)
    for names in _SHARED:
        rows = [(figures[name], area in _OF.get(name, (name,)), kind) for kind, area, figures in told for name in names]
        cost = [_CLEAN if k == "clean" else _HAND if hit and k.startswith("hand") else 1.0 for _, hit, k in rows]
        found = logistic(np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows]), np.array(cost))
        for name in names:
            print(f'    "{name}": ({", ".join(f"{w:.2f}" for w in found)}),')


def main() -> None:
    """Everything, in the order in which each needs the one before."""
    grey = small_faces()
    portrait = cv2.resize(np.asarray(person())[20:260, 120:360], (720, 720), interpolation=cv2.INTER_CUBIC)
    head = np.round(mean_head([np.asarray(portrait, np.uint8), *grey]) * 1000).astype(int)
    np.savetxt(_HERE / "face_head.csv", head, fmt="%d", delimiter=",")
    np.savetxt(_HERE / "face_mean.csv", np.round(mean_look(grey) * 100).astype(int), fmt="%d", delimiter=",")
    weights(grey)


if __name__ == "__main__":
    main()
