"""Which scenario `fit` names first: samples that were made for one, by content alone (under names that say nothing).

Clips, stills and sounds that were made to try rules belong to no scenario more than to another, and are not counted.
What is counted was made for one scenario, or for one use that several have alike: no file tells which of those is
meant, and each of them is right.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks._run import table
from pipeline.errors import AssetError
from pipeline.model.job import Job
from pipeline.stages.fit import fit

_SITES: Final = ("metastudio", "metastudio-intl")


def _uses(role: str, *scenarios: str) -> frozenset[str]:
    return frozenset(f"{site}/{scenario}#{role}" for site in _SITES for scenario in scenarios)


# What samples were made for, each with the scenarios and roles that are right and the samples: those that these take.
BELONGS: Final = (
    (
        "package of 20 clips and texts",
        {"metastudio/voice-basic#package"},
        (
            "basic-good basic-one-folder wrong-names from-one two-directories nested-directory extras gbk-texts "
            "stereo-inside"
        ),
        "packages/{}.zip",
    ),
    ("package of 100", {"metastudio/voice-middle#package"}, "middle-good", "packages/{}.zip"),
    ("package of an hour", {"metastudio/voice-advanced#package"}, "advanced-good", "packages/{}.zip"),
    (
        "package of one voice",
        {"tencent/voice#package"},
        "tencent-good tencent-11-clips tencent-space",
        "packages/{}.zip",
    ),
    ("seconds of speech", {"tencent/voice-instant#audio"}, "16k.wav 24k.wav 48k.wav stereo-44k.mp3", "audio/speech-{}"),
    (
        "head as a photo avatar wants it",
        {"metastudio/photo-avatar#photo"},
        "front.jpg small.jpg tilted.jpg off-centre.jpg nose-covered.jpg drawn.png",
        "images/head-{}",
    ),
    (
        "portrait of one person",
        {"tencent/photo-fast#photo", "tencent/photo-premium#photo"},
        "1x1 closeup 4x3 16x9 9x16 upscaled-4k rolled sideways cut tiny-face dark blurred eyes-covered mouth-covered",
        "images/portrait-{}.jpg",
    ),
    (
        "footage of a person, 1080p",
        {"metastudio/avatar-training#video", "metastudio/flexus-training#video"},
        "1080p25",
        "video/training-{}.mp4",
    ),
    ("footage of a person, 4K", {"tencent/avatar-4k#video"}, "4k25", "video/training-{}.mp4"),
    ("subtitles", _uses("subtitle", "livestream"), "good overlapping bad-order utf16 gbk", "texts/{}.srt"),
    (
        "script with markup",
        _uses("text", "video-production"),
        "good short-break long-break fast no-root",
        "texts/{}.ssml",
    ),
    (
        "script",
        _uses("text", "video-production", "livestream"),
        "good over-10000 over-2000 bom gbk control-characters",
        "texts/{}.txt",
    ),
    (
        "deck",
        _uses("slides", "video-production", "asset-library"),
        (
            "good.pptx 4x3.pptx notes.pptx animated.pptx transition.pptx hidden-slide.pptx video.pptx linked-file.pptx "
            "linked-picture.pptx missing-font.pptx 50-slides.pptx 51-slides.pptx 100-slides.pptx template.potx "
            "from-powerpoint.pdf from-acrobat.pdf unknown-maker.pdf script.pdf good.ppt good.odp good.pdf"
        ),
        "decks/{}",
    ),
)


def first(path: Path) -> str:
    """The scenario and role that comes first, or why there is none."""
    try:
        _, cases, _ = fit(Job(path=str(path), stem=path.stem))
    except AssetError as error:
        return str(error)
    return f"{cases[0].job.preset}#{cases[0].job.role}" if cases else "none"


def named(samples: Iterable[Path], folder: Path) -> Iterable[tuple[Path, Path]]:
    """Each sample, and a link to it whose name says nothing."""
    for number, sample in enumerate(samples):
        link = folder / f"{number:03}{sample.suffix}"
        link.symlink_to(sample.resolve())
        yield sample, link


def main() -> None:
    """Entry point. PREFLIGHT_SAMPLES is the folder of the samples (samples/out)."""
    root = Path(os.environ.get("PREFLIGHT_SAMPLES", "samples/out"))
    rows = [("made for", "named first", "of them right by one of", "not there")]
    right = every = 0
    for what, answers, names, where in BELONGS:
        wanted = [root / where.format(name) for name in names.split()]
        there = [path for path in wanted if path.is_file()]
        hits = 0
        with tempfile.TemporaryDirectory() as name:
            for sample, link in named(there, Path(name)):
                found = first(link)
                hits += found in answers
                if found not in answers:
                    sys.stderr.write(f"{sample.name}: {found}\n")
        right, every = right + hits, every + len(there)
        rows.append((what, f"{hits} of {len(there)}", str(len(answers)), str(len(wanted) - len(there))))
    rows.append(("all", f"{right} of {every} ({right / every:.1%})", "", ""))
    table(rows)
