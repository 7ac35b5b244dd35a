"""Moving scenes as H.265 sources: two that look like footage, made from photographs, a fractal, and drawn worlds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks._worlds import WORLDS
from pipeline.tools import programs
from samples._pictures import picture_file
from samples._speech import passage
from samples._tools import wav_bytes

RATE = 25


def _head() -> list[str]:
    return [programs.ffmpeg(), "-nostdin", "-hide_banner", "-v", "error", "-y"]


def ffmpeg(*words: str | Path) -> None:
    """One plain run of the pinned ffmpeg. Raises CalledProcessError."""
    subprocess.run([*_head(), *map(str, words)], check=True)


def _texture(width: int, height: int) -> np.ndarray:
    """Detail with the 1/f spectrum of photographs, zero mean, shape (height, width, 1)."""
    rng = np.random.default_rng(7)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / max(width, height))
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) * falling, s=(height, width))
    return (noise / noise.std())[..., None]


def _photo(name: str, size: tuple[int, int]) -> np.ndarray:
    """A photograph of this size in 0..255; what enlarging leaves soft gets fine texture."""
    picture = Image.open(picture_file(name)).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return np.clip(np.asarray(picture, float) + 6 * _texture(*size), 0, 255)


def _save(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, compress_level=1)
    return path


def _street(width: int, height: int, folder: Path) -> tuple[list[str | Path], str]:
    """A camera that pans and lifts over a picture while a smaller thing crosses it, with sensor noise."""
    wide = _save(_photo("motorcycle_left.png", (width * 5 // 4, height * 5 // 4)), folder / "wide.png")
    thing = _save(_photo("coffee.png", (width // 4, height // 4)), folder / "thing.png")
    pan = f"crop={width}:{height}:x='(iw-ow)/2*(1+sin(2*PI*t/23))':y='(ih-oh)/2*(1+sin(2*PI*t/17))'"
    cross = "overlay=x='mod(t*W/12,W+w)-w':y='H/2+H/6*sin(2*PI*t/3)'"
    inputs: list[str | Path] = []
    for picture in (wide, thing):
        inputs += ["-loop", "1", "-framerate", str(RATE), "-i", picture]
    return inputs, f"[0:v]{pan}[a];[a][1:v]{cross},noise=alls=5:allf=t"


def _talk(width: int, height: int, folder: Path) -> tuple[list[str | Path], str]:
    """A person in front of a room out of focus, swaying, the mouth moving, with sensor noise."""
    photo = Image.fromarray(_photo("coffee.png", (width, height)).astype(np.uint8))
    room = _save(np.asarray(photo.filter(ImageFilter.GaussianBlur(height / 60)), float), folder / "room.png")
    side = height * 9 // 10 // 2 * 2
    person = _photo("astronaut.png", (side, side))
    down, across = np.mgrid[0:side, 0:side] / side
    # Head and shoulders: an ellipse that stands on a wider one, soft at the edge.
    inside = np.maximum(1 - np.hypot((across - 0.44) / 0.24, (down - 0.26) / 0.28), 1 - np.hypot(
        (across - 0.45) / 0.48, (down - 0.95) / 0.48))  # fmt: skip
    mask = np.clip(inside * 12, 0, 1)[..., None] * 255
    cut = _save(np.concatenate([person, mask], axis=-1), folder / "person.png")
    sway = f"x='(W-w)/2+{width / 60:.0f}*sin(2*PI*t/4.3)':y='H-h+{height / 120:.0f}*(1+sin(2*PI*t/2.9))'"
    # The mouth: a strip of the face, shifted up and down four times a second.
    mouth = (
        f"x='(W-{side})/2+{width / 60:.0f}*sin(2*PI*t/4.3)+{side * 0.385:.0f}'"
        f":y='H-{side}+{height / 120:.0f}*(1+sin(2*PI*t/2.9))+{side * 0.345:.0f}+{side / 110:.1f}*sin(8*PI*t)'"
    )
    graph = (
        f"[1:v]split[p][q];[q]crop={side // 10}:{side // 24}:{side * 0.385:.0f}:{side * 0.345:.0f}[m];"
        f"[0:v][p]overlay={sway}[a];[a][m]overlay={mouth},noise=alls=3:allf=t"
    )
    inputs: list[str | Path] = []
    for picture in (room, cut):
        inputs += ["-loop", "1", "-framerate", str(RATE), "-i", picture]
    return inputs, graph


def _fractal(width: int, height: int, _: Path) -> tuple[list[str | Path], str]:
    """A zoom into the Mandelbrot set: detail everywhere, and all of it moves."""
    return ["-f", "lavfi", "-i", f"mandelbrot=s={width}x{height}:r={RATE}:maxiter=500:end_pts=400"], "[0:v]null"


SCENES = {"street": _street, "talk": _talk, "fractal": _fractal}
TEN = ("talk", "street", "water", "grain", "dark", "scroll", "slides", "confetti", "fractal", "gradient")
_COLOURS = "format=yuv420p,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
_CODING = "-c:v libx265 -preset ultrafast -crf 20 -x265-params log-level=error -tag:v hvc1 -c:a aac -b:a 128k"


def make(scene: str, width: int, height: int, seconds: int, folder: Path) -> Path:
    """The scene as H.265 and AAC in MP4, as a phone would record it; made once for each folder."""
    path = folder / f"{scene}-{height}-{seconds}.mp4"
    if path.exists():
        return path
    speech = folder / f"speech-{seconds}.wav"
    speech.write_bytes(wav_bytes(passage(seconds, 48000), 48000))
    if scene in SCENES:
        inputs, graph = SCENES[scene](width, height, folder)
        heard = len([word for word in inputs if word == "-i"])
        maps = ["-filter_complex", f"{graph},{_COLOURS}[v]", "-map", "[v]", "-map", f"{heard}:a", "-t", str(seconds)]
        ffmpeg(*inputs, "-i", speech, *maps, *_CODING.split(), path)
        return path
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-"]
    words = [*_head(), *raw, "-i", speech, "-vf", f"scale=out_color_matrix=bt709,{_COLOURS}", *_CODING.split(), path]
    draw = WORLDS[scene](width, height)
    with subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE) as running:
        if running.stdin is None:
            raise OSError("no pipe")
        for number in range(seconds * RATE):
            running.stdin.write(draw(number / RATE).tobytes())
    if running.returncode:
        raise SystemExit(f"{scene} was not made")
    return path
