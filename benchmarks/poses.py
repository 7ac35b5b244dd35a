"""Angles of heads in photos against those published with them. No photo is kept here.

    FOLDER=FOLDER python -m benchmarks poses

FOLDER holds pairs `name.jpg` and `name.mat` of AFLW2000-3D (YadiraF/PRNet carries 16 in TestImages/AFLW2000): its
`Pose_Para` begins with pitch, yaw and roll in radians, its `pt3d_68` are points of the face that is meant.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.model.measured import Face
from pipeline.probe import probe

_MATRIX, _PACKED = 14, 15  # types of elements of a MATLAB 5 file
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_HEAD = 128  # bytes before the first element


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each element, those that are packed unpacked."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:  # a small one: its size and its type share four bytes
            yield kind & 0xFFFF, data[at + 4 : at + 4 + (kind >> 16)]
            at += 8
            continue
        body = data[at + 8 : at + 8 + size]
        at += 8 + size if kind == _PACKED else 8 + (size + 7) // 8 * 8
        if kind == _PACKED:
            yield from _elements(zlib.decompress(body))
        else:
            yield kind, body


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers of a MATLAB 5 file (little end first), by name."""
    found = {}
    for kind, body in _elements(path.read_bytes()[_HEAD:]):
        if kind == _MATRIX:
            (_, _), (_, shape), (_, name), (of, numbers), *_ = _elements(body)
            sides = np.frombuffer(shape, "<i4")
            found[name.decode()] = np.frombuffer(numbers, f"<{_NUMBERS[of]}").reshape(sides, order="F").astype(float)
    return found


def _off(face: Face, middle: np.ndarray) -> float:
    left, top, width, height = (float(number) for number in face.box or ())
    return float(np.hypot(left + width / 2 - middle[0], top + height / 2 - middle[1]))


def main() -> None:
    """The table, where there are photos."""
    folder = os.environ.get("FOLDER")
    if not folder:
        print("No photos: set FOLDER to a folder of AFLW2000-3D.")
        return
    errors, unknown = [], 0
    for path in sorted(Path(folder).glob("*.jpg")):
        told = arrays(path.with_suffix(".mat"))
        pitch, yaw, roll = np.degrees(told["Pose_Para"].ravel()[:3])
        middle = told["pt3d_68"][:2].mean(axis=1)
        faces = probe(path, frozenset({"faces"})).faces or ()
        face = min(faces, key=lambda one: _off(one, middle), default=None)
        if face is None or face.yaw is None or face.pitch is None or face.roll is None:
            unknown += 1
            continue
        found = np.array([float(face.yaw), float(face.pitch), float(face.roll)])
        errors.append(abs(found - [-yaw, pitch, roll]))
    print(f"\n{len(errors)} photos, of {unknown} more no pose was measured. Absolute error, degrees:\n")
    print("| angle | median | 90th percentile |\n|---|---|---|")
    for name, column in zip(("yaw", "pitch", "roll"), np.array(errors).T, strict=True):
        print(f"| {name} | {np.median(column):.1f} | {np.percentile(column, 90):.1f} |")
