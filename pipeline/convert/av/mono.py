"""Making mono of several channels, which must be heard first: most of the time in the same run that converts.

The mix of all channels is made while the source is measured. Where it turns out to lose too much (out of phase, or a
channel that is dead), it is thrown away and the better channel is taken in a second run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from pipeline.convert.av import command
from pipeline.convert.av import run as av
from pipeline.convert.av.recipe import recipe
from pipeline.convert.av.sound import listens
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.results import Made, Plan, Step
from pipeline.model.rules import Role
from pipeline.probe import measure
from pipeline.tools.ffmpeg import Share


def wanted(info: MediaInfo, plan: Plan, role: Role) -> bool:
    """Whether the sound must be heard before it is known how it is converted."""
    return info.kind in (Kind.VIDEO, Kind.AUDIO) and listens(info, plan, role)


def heard(source: Path, info: MediaInfo, plan: Plan, role: Role) -> MediaInfo:
    """The facts with those about the sound that a converter must know; measured only where it must."""
    if wanted(info, plan, role):
        return measure(source, info, frozenset({"speech"}))
    return info


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[MediaInfo, tuple[Step, ...], tuple[Made, ...]]:
    """Convert and measure: the facts with those about the sound, what was done, and what was made.

    Raises as `av.convert` does, and Unreadable where nothing is heard.
    """
    chosen = recipe(info, plan, role)
    stream = chosen.listened
    if stream is None:
        info = heard(source, info, plan, role)
        return info, av.steps(info, plan, role), av.convert(source, info, plan, role, work, progress)
    from pipeline.probe.speech import measure as speech

    started = time.monotonic()
    ear = speech.Ear(*speech.shape(source, stream))

    def sink(block: bytes) -> None:
        ear.pour(block)
        if info.duration:
            progress(Share(float(ear.seconds / info.duration), float(ear.seconds) / (time.monotonic() - started)))

    made, said = av.run(source, info, chosen, work, sink=sink)
    found = ear.heard(said)
    told = speech.judge(found) if found.settled else speech.measure(source, stream)
    info = replace(info, speech=told)
    followed = recipe(info, plan, role)
    ran = command.steps(chosen)
    if followed.sounds == chosen.sounds:
        return (
            info,
            tuple(replace(a, command=b.command) for a, b in zip(command.steps(followed), ran, strict=True)),
            made,
        )
    return info, (*ran, *command.steps(followed)), av.convert(source, info, plan, role, work, progress)
