"""Repairs of video and audio with the real ffmpeg, each through every proof."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.checks import CHECKS
from pipeline.convert.av import audio, video
from pipeline.model.facts import Kind, MediaInfo, Text, Value
from pipeline.model.limits import Between
from pipeline.model.results import Fix, Plan
from pipeline.model.rules import Level, Role, Rule, Safety, Source
from pipeline.probe import probe
from pipeline.tools import programs
from pipeline.verify.compare import prove
from pipeline.verify.decode import decoded

Find = Callable[[str], Path]


def ffmpeg(*args: str | Path) -> bytes:
    """Run ffmpeg plainly and give what it wrote to standard output."""
    command = [programs.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def frame(path: Path, *, at: float = 0.2, decoder: str = "", pixels: str = "rgb24") -> np.ndarray:
    """One decoded picture as rows x columns x components, in 0..255."""
    info = probe(path).video[0]
    assert info.size
    before = ["-c:v", decoder] if decoder else []
    shape = ["-vf", f"scale={info.size.width}:{info.size.height}:flags=accurate_rnd+full_chroma_int"]
    seek = ["-ss", str(at)] if at else []
    raw = ffmpeg(*before, *seek, "-i", path, *shape, "-frames:v", "1", "-pix_fmt", pixels, "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(info.size.height, info.size.width, -1).astype(float)


def packets(path: Path, kind: str) -> str:
    """A digest of the coded bytes of one stream."""
    return ffmpeg("-i", path, "-map", f"0:{kind}:0", "-c", "copy", "-f", "md5", "-").decode()


def role(*rules: Rule, **deliver: Value) -> Role:
    """A role that delivers what is asked for."""
    kinds = frozenset({Kind.VIDEO, Kind.AUDIO})
    wanted = tuple(sorted(deliver.items()))
    return Role(name="test", title=Text("test", "测试"), kinds=kinds, rules=rules, deliver=wanted)


def at_most(check: str, high: int | Fraction) -> Rule:
    """An error rule with an upper bound."""
    source = (Source("TEST", "1", "2026-01-01"),)
    return Rule(id=f"test.{check}", check=check, limit=Between(None, high), level=Level.ERROR, sources=source)


def plan_for(info: MediaInfo, **wanted: Value) -> Plan:
    """A plan that wants these values (`video__codec="h264"`), on the first stream that `check` reads."""
    fixes = []
    for key, value in wanted.items():
        check = key.replace("__", ".")
        reading = next(iter(CHECKS[check].read(info)))
        assert reading.value is not None
        fixes.append(Fix(check=check, stream=reading.stream, actual=reading.value, value=value, safety=Safety.LOSSY))
    return Plan(fixes=tuple(fixes))


@dataclass(frozen=True)
class Repaired:
    """A source, what was made of it, and the proofs."""

    source: Path
    before: MediaInfo
    path: Path
    after: MediaInfo

    def read(self, check: str) -> list[Value | None]:
        """What `check` reads from the output."""
        return [reading.value for reading in CHECKS[check].read(self.after)]


def repair(source: Path, work: Path, wanted: Role | None = None, **fixes: Value) -> Repaired:
    """Convert and prove. Every repair goes through every proof."""
    info, asked = probe(source), wanted or role()
    plan = plan_for(info, **fixes)
    module = video if info.kind is Kind.VIDEO else audio
    made = module.convert(source, info, plan, asked, work, lambda _: None)
    assert len(made) == 1
    path = Path(made[0].path)
    after = probe(path)
    proofs = [*prove(info, after, plan), decoded(path, after, work)]
    assert [proof for proof in proofs if not proof.passed] == []
    return Repaired(source, info, path, after)


MP4 = {"container": "mp4", "video_codec": "h264", "audio_codec": "aac"}
