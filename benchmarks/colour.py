"""Colours after conversion to sRGB against a reference computed from the standards, as CIEDE2000 differences."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.convert.image.pixels import opened, seen
from pipeline.model.facts import Size
from samples import build

# Linear RGB to XYZ (D65): IEC 61966-2-1 and SMPTE EG 432-1.
_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_P3 = np.array([[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(value: np.ndarray) -> np.ndarray:
    """sRGB's curve undone; Display P3 has the same."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of sRGB values 0..1, shape (n, 3)."""
    ratio = linear(rgb) @ _SRGB.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIEDE2000 between Lab colours (Sharma, Wu and Dalal, 2005)."""
    l1, a1, b1 = one.T
    l2, a2, b2 = other.T
    mean = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(mean / (mean + 25.0**7)))
    c1, c2 = np.hypot(a1 * (1 + g), b1), np.hypot(a2 * (1 + g), b2)
    h1 = np.degrees(np.arctan2(b1, a1 * (1 + g))) % 360
    h2 = np.degrees(np.arctan2(b2, a2 * (1 + g))) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where(c1 * c2 == 0, 0, turn)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = np.where(c1 * c2 == 0, h1 + h2, (h1 + turn / 2) % 360)
    t = 1 - 0.17 * np.cos(np.radians(hm - 30)) + 0.24 * np.cos(np.radians(2 * hm))
    t = t + 0.32 * np.cos(np.radians(3 * hm + 6)) - 0.20 * np.cos(np.radians(4 * hm - 63))
    sl = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    rotation = -2 * np.sqrt(cm**7 / (cm**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hm - 275) / 25) ** 2))))
    return np.sqrt(((l2 - l1) / sl) ** 2 + ((c2 - c1) / sc) ** 2 + (dh / sh) ** 2 + rotation * (c2 - c1) / sc * dh / sh)


def _display_p3(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        stored = np.asarray(picture.convert("RGB"), float).reshape(-1, 3) / 255
    light = np.clip(linear(stored) @ _P3.T @ np.linalg.inv(_SRGB).T, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _cmyk(path: Path) -> np.ndarray:
    """Without a profile: what is left of white by each ink, then by black."""
    with Image.open(path) as picture:
        inks = np.asarray(picture, float).reshape(-1, 4) / 255
    return (1 - inks[:, :3]) * (1 - inks[:, 3:])


def _deep(path: Path) -> np.ndarray:
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.dtype == np.uint16
    colour = stored if stored.ndim == 3 else np.repeat(stored[..., None], 3, axis=2)
    return colour[..., ::-1].reshape(-1, 3) / 65535


def main() -> None:
    """The table."""
    samples = {
        "Display P3 JPEG": ("images/display-p3.jpg", "jpeg", _display_p3),
        "CMYK JPEG, no profile": ("images/cmyk.jpg", "jpeg", _cmyk),
        "16-bit RGB PNG": ("images/deep-colour.png", "png", _deep),
        "16-bit grey PNG": ("images/gray-16bit.png", "png", _deep),
    }
    made = build([name for name, _, _ in samples.values()], Path(__file__).parent.parent / "samples" / "out")
    print("CIEDE2000 between the converted picture and the reference:\n")
    print("| sample | mean | 99th percentile |\n|---|---|---|")
    for title, (name, format_, reference) in samples.items():
        with opened(made[name], name, format_) as picture:
            ours = seen(picture, Size(*picture.size), 1, "#FFFFFF").convert("RGB")
        got = np.asarray(ours, float).reshape(-1, 3) / 255
        apart = difference(lab(got), lab(reference(made[name])))
        print(f"| {title} | {apart.mean():.2f} | {np.percentile(apart, 99):.2f} |")


if __name__ == "__main__":
    main()
