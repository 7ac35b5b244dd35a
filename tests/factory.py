"""Plausible facts and rules. Each test varies what it is about and leaves the rest as it is here."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from msgspec.structs import replace

from pipeline.model.facts import (
    ArchiveEntry,
    ArchiveInfo,
    AudioStream,
    ImageInfo,
    Kind,
    MediaInfo,
    Size,
    SlidesInfo,
    Text,
    TextInfo,
    VideoStream,
)
from pipeline.model.rules import Level, Limit, Role, Rule, Source

SOURCE = Source("DOC", "1.2 Table 3", "2025-02-07")


def video_stream(**overrides: Any) -> VideoStream:
    """H.264, 1080p, 25 fps, ten seconds."""
    stream = VideoStream(
        index=0,
        codec="h264",
        profile="High",
        pixel_format="yuv420p",
        bit_depth=8,
        chroma="4:2:0",
        coded=Size(1920, 1080),
        size=Size(1920, 1080),
        sample_aspect=Fraction(1),
        rotation=0,
        frame_rate=Fraction(25),
        variable=False,
        interlaced=False,
        alpha=False,
        frames=250,
        start=Fraction(0),
        duration=Fraction(10),
        bit_rate=4_000_000,
    )
    return replace(stream, **overrides)


def audio_stream(**overrides: Any) -> AudioStream:
    """AAC, 48 kHz, stereo, ten seconds."""
    stream = AudioStream(
        index=1,
        codec="aac",
        sample_rate=48_000,
        channels=2,
        layout="stereo",
        sample_format="fltp",
        start=Fraction(0),
        duration=Fraction(10),
        bit_rate=128_000,
        default=True,
    )
    return replace(stream, **overrides)


def video(**overrides: Any) -> MediaInfo:
    """An MP4 with one picture and one sound stream."""
    info = MediaInfo(
        name="clip.mp4",
        kind=Kind.VIDEO,
        size=5_000_000,
        extension="mp4",
        container="mp4",
        brand="isom",
        faststart=True,
        start=Fraction(0),
        duration=Fraction(10),
        bit_rate=4_128_000,
        video=(video_stream(),),
        audio=(audio_stream(),),
    )
    return replace(info, **overrides)


def audio(**overrides: Any) -> MediaInfo:
    """A mono 16-bit WAV of ten seconds."""
    stream = audio_stream(
        index=0,
        codec="pcm_s16le",
        channels=1,
        layout="mono",
        sample_format="s16",
        bit_depth=16,
        bit_rate=768_000,
    )
    info = MediaInfo(
        name="voice.wav",
        kind=Kind.AUDIO,
        size=960_044,
        extension="wav",
        container="wav",
        start=Fraction(0),
        duration=Fraction(10),
        bit_rate=768_000,
        audio=(stream,),
    )
    return replace(info, **overrides)


def image(**overrides: Any) -> MediaInfo:
    """An upright 1080p JPEG."""
    size = Size(1920, 1080)
    info = MediaInfo(
        name="photo.jpg",
        kind=Kind.IMAGE,
        size=400_000,
        extension="jpg",
        image=ImageInfo(format="jpeg", stored=size, size=size, mode="RGB", bit_depth=8, frames=1, alpha=False),
    )
    return replace(info, **overrides)


def slides(**overrides: Any) -> MediaInfo:
    """A deck of ten 16:9 slides."""
    info = MediaInfo(
        name="talk.pptx",
        kind=Kind.SLIDES,
        size=2_000_000,
        extension="pptx",
        slides=SlidesInfo(
            format="pptx",
            pages=10,
            hidden=0,
            page_size=(Fraction(960), Fraction(540)),
            encrypted=False,
            valid=True,
            fonts=("Arial",),
            macros=False,
        ),
    )
    return replace(info, **overrides)


def archive(**overrides: Any) -> MediaInfo:
    """A zip of twenty numbered recordings with their texts."""
    clip = audio_stream(index=0, codec="pcm_s16le", channels=1, layout="mono", bit_depth=16)
    entries = tuple(
        entry
        for number in range(1, 21)
        for entry in (
            ArchiveEntry(name=f"{number}.wav", size=960_044, packed=900_000, format="wav", audio=clip),
            ArchiveEntry(name=f"{number}.txt", size=30, packed=28, format="plain", text="你好", encoding="utf-8"),
        )
    )
    info = MediaInfo(
        name="package.zip",
        kind=Kind.ARCHIVE,
        size=18_000_000,
        extension="zip",
        container="zip",
        archive=ArchiveInfo(valid=True, entries=entries, unpacked=19_201_480, ratio=Fraction(11, 10)),
    )
    return replace(info, **overrides)


def text(**overrides: Any) -> MediaInfo:
    """A plain script of one paragraph."""
    info = MediaInfo(
        name="script.txt",
        kind=Kind.TEXT,
        size=300,
        extension="txt",
        text=TextInfo(format="plain", encoding="utf-8", characters=100, spoken=100, paragraphs=(100,)),
    )
    return replace(info, **overrides)


def subtitle(**overrides: Any) -> MediaInfo:
    """An SRT file."""
    info = MediaInfo(
        name="clip.srt",
        kind=Kind.SUBTITLE,
        size=200,
        extension="srt",
        text=TextInfo(format="srt", encoding="utf-8", characters=120, spoken=60, paragraphs=(30, 30)),
    )
    return replace(info, **overrides)


def rule(check: str, limit: Limit, **overrides: Any) -> Rule:
    """A rule of level error on `check`; its id is the check's name unless given."""
    made = Rule(id=f"test.{check}", check=check, limit=limit, level=Level.ERROR, sources=(SOURCE,))
    return replace(made, **overrides)


def role(*rules: Rule, **overrides: Any) -> Role:
    """A role for every kind of file that holds these rules."""
    made = Role(name="role", title=Text("role", "角色"), kinds=frozenset(Kind), rules=rules)
    return replace(made, **overrides)
