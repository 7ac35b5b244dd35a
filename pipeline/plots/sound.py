"""A recording as a picture: its outline with speech, silence and clipping marked, and its spectrogram below."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.model.facts import AudioStream, MediaInfo, default_sound
from pipeline.probe.speech.measure import Heard, listen
from pipeline.probe.speech.spectra import FRAMES
from pipeline.probe.speech.trace import COLUMNS, ROWS

Pixels = npt.NDArray[np.uint8]

_LEFT, _RIGHT, _TOP, _GAP, _FOOT = 56, 16, 28, 10, 24  # pixels around the two drawings
_WAVE: Final = 240  # pixels, height
_SPECTRUM: Final = 2 * ROWS
_TIP: Final = 8  # pixels of a clipped column that are marked
_RANGE: Final = 80.0  # dB that the colours span below the strongest
_PAPER, _INK, _LINE = (255, 255, 255), (40, 44, 52), (205, 209, 216)
_SPEECH, _SILENCE, _WAVE_INK, _CLIPPED = (226, 240, 230), (244, 244, 246), (58, 94, 150), (200, 30, 30)
# Dark to bright, told apart by lightness alone.
_RAMP: Final = ((13, 8, 40), (70, 20, 110), (150, 40, 110), (220, 90, 60), (250, 180, 60), (252, 250, 190))
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)  # seconds


def _colours(share: npt.NDArray[np.floating]) -> Pixels:
    place = np.clip(share, 0, 1) * (len(_RAMP) - 1)
    ramp = np.asarray(_RAMP, dtype=np.float32)
    at = np.arange(len(_RAMP))
    return np.stack([np.interp(place, at, ramp[:, n]) for n in range(3)], axis=-1).astype(np.uint8)


def _columns(values: npt.NDArray[np.floating], count: int, how: np.ufunc) -> npt.NDArray[np.floating]:
    """`values` gathered into `count` columns by `how` (np.minimum, np.maximum), repeated where there are fewer."""
    values = np.repeat(values, -(-count // len(values)))
    starts = np.linspace(0, len(values), count, endpoint=False).astype(int)
    result: npt.NDArray[np.floating] = how.reduceat(values, starts)
    return result


def _wave(heard: Heard, low: npt.NDArray[np.float32], high: npt.NDArray[np.float32], width: int) -> Pixels:
    picture = np.empty((_WAVE, width, 3), np.uint8)
    spoken = np.zeros(len(low), np.float32)
    flags = heard.activity.speech[: len(low)]
    spoken[: len(flags)] = flags
    picture[:] = np.where(_columns(spoken, width, np.maximum)[None, :, None] > 0, _SPEECH, _SILENCE)
    bottom, top = _columns(low, width, np.minimum), _columns(high, width, np.maximum)
    limit = max(1.0, heard.levels.peak)
    rows = np.arange(_WAVE)[:, None]
    upper = np.round((1 - top / limit) * (_WAVE - 1) / 2)
    lower = np.round((1 - bottom / limit) * (_WAVE - 1) / 2)
    inside = (rows >= upper) & (rows <= lower)
    picture[inside] = _WAVE_INK
    if heard.levels.clipped_share > 0:  # the tips alone, so that the outline stays to be seen
        edge = heard.levels.peak * 0.9995
        picture[(top >= edge)[None, :] & (rows >= upper) & (rows < upper + _TIP)] = _CLIPPED
        picture[(bottom <= -edge)[None, :] & (rows <= lower) & (rows > lower - _TIP)] = _CLIPPED
    return picture


def _spectrum(levels: npt.NDArray[np.float32], width: int) -> Pixels:
    top = float(levels.max())
    shown = _colours((levels.T[::-1] - top + _RANGE) / _RANGE)
    image = Image.fromarray(shown).resize((width, _SPECTRUM), Image.Resampling.BILINEAR)
    return np.asarray(image)


def draw(heard: Heard, title: str) -> Image.Image:
    """The picture. `heard` must have its trace (`listen(..., seconds=...)`). Raises ValueError without one."""
    if heard.trace is None:
        raise ValueError("the recording was heard without gathering a trace")
    low, high = heard.trace.outline
    levels = heard.trace.spectrogram
    width = COLUMNS
    image = Image.new("RGB", (_LEFT + width + _RIGHT, _TOP + _WAVE + _GAP + _SPECTRUM + _FOOT), _PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    pen.text((_LEFT, 6), title, _INK, font)
    below = _TOP + _WAVE + _GAP
    _legend(pen, font, _LEFT + width)
    if len(low) and len(levels):
        image.paste(Image.fromarray(_wave(heard, low, high, width)), (_LEFT, _TOP))
        image.paste(Image.fromarray(_spectrum(levels, width)), (_LEFT, below))
    else:
        pen.text((_LEFT + width // 2, _TOP + _WAVE // 2), "shorter than 20 ms", _INK, font, anchor="mm")
    edges = heard.trace.edges
    for hertz in (100, 200, 500, 1000, 2000, 4000, 8000, 16000):
        if edges[0] <= hertz <= edges[-1]:
            share = np.log(hertz / edges[0]) / np.log(edges[-1] / edges[0])
            y = below + round((1 - share) * (_SPECTRUM - 1))
            name = f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz"
            pen.text((_LEFT - 6, y), name, _INK, font, anchor="rm")
    for decibels in (0, -6, -12):
        share = 10 ** (decibels / 20) / max(1.0, heard.levels.peak)
        y = _TOP + round((1 - share) * (_WAVE - 1) / 2)
        pen.text((_LEFT - 6, y), f"{decibels} dB", _INK, font, anchor="rm")
    seconds = max(float(heard.seconds), 1 / FRAMES)
    step = next((s for s in _STEPS if seconds / s <= 16), _STEPS[-1])
    for number in range(int(seconds / step) + 1):
        x = _LEFT + round(number * step / seconds * (width - 1))
        pen.line([(x, below + _SPECTRUM), (x, below + _SPECTRUM + 4)], _LINE)
        pen.text((x, below + _SPECTRUM + 6), _clock(number * step), _INK, font, anchor="ma")
    return image


def _legend(pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, right: int) -> None:
    """What the colours say, in the right corner above the drawings."""
    for name, colour in (("clipped", _CLIPPED), ("silence", _SILENCE), ("speech", _SPEECH)):
        pen.text((right, 6), name, _INK, font, anchor="ra")
        right -= round(pen.textlength(name, font)) + 18
        pen.rectangle((right, 8, right + 12, 18), colour, _LINE)
        right -= 16


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def of_file(path: Path, info: MediaInfo, target: Path) -> bool:
    """Write the PNG `target` of the default sound stream of a file; whether there was one. Raises as `plot` does."""
    if info.audio:
        stream = default_sound(info.audio)
        plot(path, stream, float(stream.duration or info.duration or 0), target)
    return bool(info.audio)


def plot(path: Path, stream: AudioStream, seconds: float, target: Path) -> None:
    """Write the PNG `target` of sound stream `stream` of the file at `path`, which lasts about `seconds`.

    Raises what `pipeline.probe.speech.measure.listen` raises.
    """
    heard = listen(path, stream, seconds=max(seconds, 0.1))
    name = f"{path.name}   " if path.name.isascii() else ""  # the font has no other letters; the PNG has the name
    title = f"{name}{heard.rate} Hz   speech {heard.activity.seconds:.1f} s"
    if heard.levels.clipped_share > 0:
        title += f"   clipped {100 * heard.levels.clipped_share:.3g} %"
    draw(heard, title).save(target, format="PNG")  # to optimize costs eight times as long for a tenth of the bytes
