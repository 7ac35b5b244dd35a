"""Videos that show a deck, with the times at which its pages change: what a program that finds them is held against."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Picture = Image.Image
_WORDS: Final = (
    *("revenue", "growth", "market", "quarter", "plan", "team", "model", "data", "cloud", "training", "avatar"),
    *("voice", "lesson", "summary", "risk", "budget", "customer", "launch", "design", "review", "quality", "support"),
    *("region", "partner", "product", "roadmap", "metric", "service", "result", "method"),
)
_INKS: Final = ("#1f3864", "#7f1d1d", "#14532d", "#3b0764", "#0f172a")
_GROUNDS: Final = ("#ffffff", "#f8fafc", "#fff7ed", "#0b1220")


@dataclass(frozen=True)
class Page:
    """A page of which more and more is shown: a title, and lines or bars that come one after the other."""

    title: str
    lines: tuple[str, ...]
    bars: tuple[float, ...] = ()  # shares of the height
    ground: str = "#ffffff"
    ink: str = "#1f3864"


def page(number: int, chance: random.Random) -> Page:
    """A page like those of talks: a title and three to six lines, or a chart. Neighbours may be much alike."""
    dark = chance.random() < 0.15
    ground = _GROUNDS[-1] if dark else chance.choice(_GROUNDS[:-1])
    said = [" ".join(chance.choices(_WORDS, k=chance.randint(3, 7))) for _ in range(chance.randint(3, 6))]
    chart = chance.random() < 0.25
    return Page(
        title=f"{number}  {' '.join(chance.choices(_WORDS, k=3))}".title(),
        lines=() if chart else tuple(said),
        bars=tuple(chance.uniform(0.1, 0.9) for _ in range(6)) if chart else (),
        ground=ground,
        ink="#e2e8f0" if dark else chance.choice(_INKS),
    )


def drawn(one: Page, size: tuple[int, int], shown: int | None = None, off: float = 0.0) -> Picture:
    """The page with its first `shown` lines or bars (None: all); `off` is how far letters stand elsewhere (a share).

    Another program sets type a little wider and a little lower: what stands in a video is never to the pixel what
    stands in the pages that we draw.
    """
    width, height = size
    picture = Image.new("RGB", size, one.ground)
    draw = ImageDraw.Draw(picture)

    def font(share: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=height * share * (1 + off))

    left, top = width * (0.07 + off / 10), height * (0.07 + off / 10)
    draw.text((left, top), one.title, fill=one.ink, font=font(0.07))
    draw.rectangle((left, height * 0.19, width * 0.93, height * 0.195), fill=one.ink)
    for number, line in enumerate(one.lines[:shown]):
        at = height * (0.25 + 0.11 * number + off / 10)
        draw.ellipse((left, at + height * 0.02, left + height * 0.015, at + height * 0.035), fill=one.ink)
        draw.text((left + height * 0.04, at), line, fill=one.ink, font=font(0.045))
    for number, bar in enumerate(one.bars[:shown]):
        across = width * (0.12 + 0.13 * number)
        draw.rectangle((across, height * (0.9 - 0.6 * bar), across + width * 0.08, height * 0.9), fill=one.ink)
    return picture


@dataclass
class Scene:
    """One page in the video."""

    page: int | None  # from 1, as the deck without its hidden slides counts; None: a slide that the deck hides
    look: Page
    seconds: float
    builds: int = 0  # so many of its lines come one after the other
    change: str = "cut"  # how it comes: cut, fade, black, push
    takes: float = 0.0  # seconds of that


@dataclass
class Video:
    """A video to make, and the truth about it."""

    size: tuple[int, int]
    rate: Fraction
    scenes: Sequence[Scene]
    shape: tuple[int, int] | None = None  # of the deck, where bars are beside it or above
    bit_rate: int = 1_000_000
    codec: str = "libx264"
    group: int = 250  # frames between entry points
    off: float = 0.015
    truth: list[tuple[int | None, int]] = field(default_factory=list)  # page and its first frame

    def frames(self) -> Iterator[tuple[Picture, int]]:
        """Pictures and for how many frames each is shown; fills in the truth."""
        at, before = 0, Image.new("RGB", self.size)
        for scene in self.scenes:
            self.truth.append((scene.page, at))
            parts = len(scene.look.lines) or len(scene.look.bars)
            steps = [*range(parts - min(scene.builds, parts), parts), None] if scene.builds else [None]
            whole = max(len(steps), round(scene.seconds * self.rate))
            first = self._fitted(drawn(scene.look, self._inner(), steps[0], self.off))
            moving = min(round(scene.takes * self.rate), whole // 2) if scene.change != "cut" else 0
            for number in range(moving):
                yield _between(before, first, (number + 1) / (moving + 1), scene.change), 1
            rest = whole - moving
            for number, shown in enumerate(steps):
                before = self._fitted(drawn(scene.look, self._inner(), shown, self.off)) if number else first
                yield before, rest * (number + 1) // len(steps) - rest * number // len(steps)
            at += whole

    def _inner(self) -> tuple[int, int]:
        if self.shape is None:
            return self.size
        scale = min(self.size[0] / self.shape[0], self.size[1] / self.shape[1])
        return round(self.shape[0] * scale), round(self.shape[1] * scale)

    def _fitted(self, picture: Picture) -> Picture:
        if picture.size == self.size:
            return picture
        whole = Image.new("RGB", self.size)
        whole.paste(picture, ((self.size[0] - picture.width) // 2, (self.size[1] - picture.height) // 2))
        return whole

    def write(self, path: Path) -> None:
        """Encode it, with a tone beside it."""
        import av
        import numpy as np

        with av.open(str(path), "w") as out:
            stream = out.add_stream(self.codec, rate=self.rate)
            stream.width, stream.height = self.size
            stream.pix_fmt, stream.bit_rate, stream.gop_size = "yuv420p", self.bit_rate, self.group
            stream.options = {"preset": "ultrafast", "bf": "2"}
            sound = out.add_stream("aac", rate=48000, layout="mono")
            at = 0
            for picture, count in self.frames():
                shown = av.VideoFrame.from_image(picture).reformat(format="yuv420p")
                for _ in range(count):
                    shown.pts, shown.time_base = at, 1 / self.rate
                    out.mux(stream.encode(shown))
                    at += 1
            samples = int(at / self.rate * 48000)
            tone = (np.sin(np.arange(48000) * 2 * np.pi * 220 / 48000) * 3000).astype(np.int16)
            for start in range(0, samples, 1024):
                count = min(1024, samples - start)
                heard = av.AudioFrame.from_ndarray(
                    np.take(tone, range(start, start + count), mode="wrap")[None], layout="mono"
                )
                heard.sample_rate, heard.pts, heard.time_base = 48000, start, Fraction(1, 48000)
                out.mux(sound.encode(heard))
            out.mux(stream.encode(None))
            out.mux(sound.encode(None))


def _between(before: Picture, after: Picture, share: float, change: str) -> Picture:
    """One picture of a change."""
    if change == "fade":
        return Image.blend(before, after, share)
    if change == "black":
        black = Image.new("RGB", after.size)
        return Image.blend(before, black, share * 2) if share < 0.5 else Image.blend(black, after, share * 2 - 1)
    picture, across = before.copy(), round(after.width * share)
    picture.paste(after, (after.width - across, 0))
    return picture


def deck(pages: Sequence[Page], path: Path, shape: tuple[int, int] = (1280, 720)) -> None:
    """The pages as a PDF of pictures, as the deck shows them: whole, and without what it hides."""
    drawn_ = [drawn(one, shape) for one in pages]
    drawn_[0].save(path, save_all=True, append_images=drawn_[1:], resolution=72, quality=92)
