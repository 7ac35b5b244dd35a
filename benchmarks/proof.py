"""What the proof of a picture sees: its mean beside that of every frame, and one second that was ruined on purpose.

Two scenes of a minute at 720p are converted; then ten times each one second of what was made is blurred, made of blocks
or green, somewhere else each time, and the proof is asked again. `PREFLIGHT_BENCH_MEDIA` keeps the scenes.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from benchmarks._run import table
from benchmarks._scenes import ffmpeg, make
from pipeline.convert.av import video
from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import recipe
from pipeline.model.facts import Kind
from pipeline.model.results import Made
from pipeline.model.rules import Role
from pipeline.probe import probe
from pipeline.rules import judge, plan, presets
from pipeline.verify import quality

SECONDS = 60
RUINS = {"blurred": "gblur=sigma=4", "of blocks": "pixelize=w=12:h=12", "green": "lutyuv=y=145:u=54:v=34"}


def converted(source: Path, folder: Path) -> tuple[Made, Picture, Role]:
    """H.264 of an H.265 source, with the frames kept for its proof."""
    role = presets.load("convert/h264-1080p").role_for(Kind.VIDEO)
    info = probe(source)
    if role is None:
        raise SystemExit("convert/h264-1080p takes no video")
    planned = plan.plan(judge.judge(info, role))
    (made,) = video.convert(source, info, planned, role, folder, lambda _: None)
    picture = recipe(info, planned, role).picture
    if picture is None:
        raise SystemExit("nothing was encoded")
    return made, picture, role


def proven(path: Path, made: Made, picture: Picture, role: Role, folder: Path) -> dict[str, tuple[bool, str]]:
    """Each proof of the picture in `path`: whether it passed, and its words."""
    if made.reference is None:
        raise SystemExit("no frames were kept")
    found = quality.measure(path, probe(path), picture, made.reference, role, folder)
    return {proof.name.en: (proof.passed, proof.found.en) for proof in found}


def whole(made: Path, source: Path, folder: Path) -> float:
    """Mean VMAF of every frame."""
    log = folder / "vmaf.json"
    graph = f"[0:v][1:v]libvmaf=n_threads=2:log_fmt=json:log_path={log}"
    ffmpeg("-i", made, "-i", source, "-lavfi", graph, "-f", "null", "-")
    return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def main() -> None:
    """Entry point."""
    means = [("scene", "VMAF of every frame", "mean of the proof")]
    found = [("one second of 60", "tries", "failed its proof", "at the right second")]
    tried: dict[str, list[tuple[bool, bool]]] = {name: [] for name in RUINS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = Path(os.environ.get("PREFLIGHT_BENCH_MEDIA", name))
        media.mkdir(parents=True, exist_ok=True)
        for scene in ("street", "talk"):
            source = make(scene, 1280, 720, SECONDS, media)
            made, picture, role = converted(source, folder)
            said = proven(Path(made.path), made, picture, role, folder)
            means.append((scene, f"{whole(Path(made.path), source, folder):.2f}", said["VMAF"][1].partition(" ")[0]))
            for number in range(10):
                ruin = list(RUINS)[number % len(RUINS)]
                begin = (3.7 + number * 17.31) % (SECONDS - 1)  # no multiple of how far pairs are apart
                bad = folder / "bad.mp4"
                how = f"{RUINS[ruin]}:enable='between(t,{begin:.2f},{begin + 1:.2f})'"
                ffmpeg("-i", made.path, "-vf", how, "-c:v", "libx264", "-crf", "14", "-preset", "ultrafast", bad)
                told = [words for passed, words in proven(bad, made, picture, role, folder).values() if not passed]
                seconds = {60 * int(m) + int(s) for words in told for m, s in re.findall(r"at (\d+):(\d\d)\)", words)}
                tried[ruin].append((bool(told), bool(seconds & {int(begin), int(begin) + 1})))
    for ruin, results in tried.items():
        found.append((ruin, str(len(results)), str(sum(r for r, _ in results)), str(sum(s for _, s in results))))
    table(means)
    print()
    table(found)
