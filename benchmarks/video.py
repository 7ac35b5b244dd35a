"""What repairing video costs against the commands people are told to use. Whole processes, proof included.

`PREFLIGHT_BENCH_SECONDS` (20) and `PREFLIGHT_BENCH_SCENES` (ten at 1080p, two at 4K: "talk-1080 ... talk-2160") choose
what is measured; `PREFLIGHT_BENCH_MEDIA` keeps the scenes from run to run. Processor seconds are told beside wall
time because they are what another load on the machine changes least.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks._run import PREFLIGHT, command, peaks, table
from benchmarks._scenes import RATE, TEN, ffmpeg, make
from pipeline.tools import programs

SECONDS = int(os.environ.get("PREFLIGHT_BENCH_SECONDS", "20"))
_ALL = " ".join((*(f"{scene}-1080" for scene in TEN), "street-2160", "talk-2160"))
SCENES = os.environ.get("PREFLIGHT_BENCH_SCENES", _ALL).split()

# The size is left alone, so that both commands encode the same number of pixels.
PRESET = """schema = 1
id = "bench/h264"
title = { en = "H.264 of any size", zh = "任意尺寸 H.264" }
extends = "convert/h264-1080p"
drop = ["convert.h264-1080p.size"]
"""


class Cost(NamedTuple):
    """Seconds of wall time and of all processors together."""

    wall: float
    cpu: float


_CHILD_SUBREAPER = 36  # linux/prctl.h


def cost(words: Sequence[str | Path]) -> Cost:
    """Of one command and all it starts, workers of workers included: the orphans among them come to us."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = command(words)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


class Score(NamedTuple):
    """VMAF over the whole clip: its mean, the value that one frame in twenty lies below, the worst second's mean."""

    mean: float
    low: float
    worst: float


def vmaf(made: Path, source: Path, folder: Path) -> Score:
    """Of every frame, by the pinned ffmpeg; above 1440 rows of every fifteenth, by the model for 4K screens."""
    log = folder / "vmaf.json"
    fine = "2160" in source.name
    model, every = ("vmaf_4k_v0.6.1", 15) if fine else ("vmaf_v0.6.1", 1)
    graph = f"[0:v][1:v]libvmaf=model=version={model}:n_threads=2:n_subsample={every}:log_fmt=json:log_path={log}"
    ffmpeg("-i", made, "-i", source, "-lavfi", graph, "-f", "null", "-")
    frames = [(one["frameNum"], one["metrics"]["vmaf"]) for one in json.loads(log.read_text())["frames"]]
    values = [value for _, value in frames]
    seconds = [[value for number, value in frames if number // RATE == second] for second in range(SECONDS)]
    return Score(statistics.fmean(values), sorted(values)[len(values) // 20], min(map(statistics.fmean, seconds)))


def prepared(source: Path, preset: str | Path, folder: Path) -> tuple[Cost, Path]:
    """`preflight prepare`, whole process."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    spent = cost([*PREFLIGHT, "prepare", source, "-p", preset, "-o", out, "--json"])
    made = [path for path in out.iterdir() if path.suffix in {".mp4", ".mov"}]
    if len(made) != 1:
        raise SystemExit(f"{source.name}: nothing was made: {(out / 'manifest.json').read_text()[:2000]}")
    return spent, made[0]


HEADS = (
    "H.265 to H.264",
    "s",
    "CPU s",
    "of wall",
    "of CPU",
    "decoding",
    "VMAF",
    "lowest 5 %",
    "worst s",
    "of size",
    "proof",
)


def transcode(name: str, media: Path, folder: Path) -> tuple[list[tuple[str, ...]], Cost]:
    """Two rows: what people are told to do, and ours; and what the first costs. What was made is kept in the folder."""
    scene, height = name.split("-")
    source = make(scene, int(height) * 16 // 9, int(height), SECONDS, media)
    preset = folder / "bench.toml"
    preset.write_text(PRESET)
    plain = folder / "plain.mp4"
    peer = cost([programs.ffmpeg(), "-nostdin", "-v", "error", "-y", "-i", source, "-c:v", "libx264", plain])
    ours, made = prepared(source, preset, folder)
    decoding = cost([programs.ffmpeg(), "-nostdin", "-v", "error", "-i", source, "-f", "null", "-"])
    manifest = json.loads((made.parent / "manifest.json").read_text())
    said = {one["name"]["en"]: one["found"]["en"] for one in manifest["assets"][0]["proof"]}["VMAF"]
    rows = []
    for label, spent, file, proof in (
        (f"{name}: `ffmpeg -c:v libx264`", peer, plain, ""),
        ("`preflight prepare`", ours, made, said.partition(" ")[0]),
    ):
        shares = (f"{spent.wall / peer.wall:.2f}", f"{spent.cpu / peer.cpu:.2f}", f"{decoding.wall / peer.wall:.2f}")
        quality = tuple(f"{value:.2f}" for value in vmaf(file, source, folder))
        size = f"{file.stat().st_size / plain.stat().st_size:.2f}"
        rows.append((label, f"{spent.wall:.1f}", f"{spent.cpu:.1f}", *shares, *quality, size, proof))
    shutil.move(made, folder / f"kept-{name}.mp4")
    return rows, peer


def remux(made: Path, encoding: Cost, folder: Path) -> None:
    """The same picture in the wrong container, against encoding it."""
    wrong = folder / "wrong.mkv"
    ffmpeg("-i", made, "-map", "0", "-c", "copy", wrong)
    ours, _ = prepared(wrong, folder / "bench.toml", folder)
    rows = [("remux, Matroska to MP4", "wall s", "times faster than encoding")]
    rows.append(("preflight prepare", f"{ours.wall:.2f}", f"{encoding.wall / ours.wall:.0f}"))
    table(rows)
    print()


def compliant(kept: Path, folder: Path) -> None:
    """A file that needs nothing, against the digest alone."""
    from pipeline.model.job import Job
    from pipeline.stages.check import check
    from pipeline.stages.prepare import prepare
    from pipeline.storage.digest import content_md5

    job = Job(path=str(kept), stem="kept", preset=str(folder / "bench.toml"), out=str(folder / "kept"))
    prepare(check(job), lambda _: None)
    shutil.rmtree(folder / "kept")
    started = time.perf_counter()
    prepare(check(job), lambda _: None)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    content_md5(kept)
    digest = time.perf_counter() - started
    shutil.rmtree(folder / "kept")
    rows = [("compliant file, past start-up", "ms"), ("digest alone", f"{digest * 1000:.1f}")]
    table([*rows, ("prepare: check, link, digest, publish", f"{ours * 1000:.1f}")])
    print()


def alpha(media: Path, folder: Path) -> None:
    """WebM with alpha to ProRes 4444."""
    seconds = min(SECONDS, 10)
    picture = make("talk", 1920, 1080, seconds, media)
    source = media / f"alpha-{seconds}.webm"
    if not source.exists():
        disc = "geq=lum='255*clip((130-hypot(X-240-60*sin(2*PI*T/2)\\,Y-150))/20\\,0\\,1)'"
        mask = f"color=gray:s=480x270:r=25:d={seconds},{disc},scale=1920:1080"
        graph = "[0:v]format=yuv420p[a];[1:v]format=gray[m];[a][m]alphamerge,format=yuva420p[v]"
        coding = "-an -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1 -crf 24 -b:v 0 -auto-alt-ref 0"
        tag = ["-metadata:s:v", "alpha_mode=1"]
        maps = ["-filter_complex", graph, "-map", "[v]"]
        ffmpeg("-i", picture, "-f", "lavfi", "-i", mask, *maps, *coding.split(), *tag, source)
    plain = folder / "plain.mov"
    head = [programs.ffmpeg(), "-nostdin", "-v", "error", "-y", "-c:v", "libvpx-vp9", "-i", source]
    peer = cost([*head, "-c:v", "prores_ks", "-profile:v", "4444", plain])
    ours, made = prepared(source, "convert/webm-to-mov", folder)
    rows = [(f"WebM alpha to MOV, 1080p, {seconds} s", "wall s", "CPU s", "of wall", "of CPU", "MB")]
    for label, spent, file in (("ffmpeg prores_ks 4444", peer, plain), ("preflight prepare", ours, made)):
        shares = (f"{spent.wall / peer.wall:.2f}", f"{spent.cpu / peer.cpu:.2f}")
        rows.append((label, f"{spent.wall:.1f}", f"{spent.cpu:.1f}", *shares, f"{file.stat().st_size / 1e6:.0f}"))
    table(rows)
    manifest = json.loads((made.parent / "manifest.json").read_text())
    print(
        "\nproof:",
        next(p["found"]["en"] for p in manifest["assets"][0]["proof"] if p["name"]["en"] == "alpha plane"),
        "\n",
    )


def memory(name: str, media: Path, folder: Path) -> None:
    """The largest processes of one run: ours, and ffmpeg's, which work in a folder below the output folder."""
    scene, height = name.split("-")
    source = make(scene, int(height) * 16 // 9, int(height), SECONDS, media)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)

    def ffmpeg_of(entry: Path) -> bool:
        return (entry / "cwd").readlink().is_relative_to(out)

    words = [*PREFLIGHT, "prepare", source, "-p", "convert/h264-1080p", "-o", out, "--json"]
    _, ours = peaks(words, lambda entry, main: os.getsid(int(entry.name)) == main and not ffmpeg_of(entry))
    shutil.rmtree(out)
    _, theirs = peaks(words, lambda entry, _: ffmpeg_of(entry))
    encoding = json.loads((out / "manifest.json").read_text())["assets"][0]["outputs"][0]["peak_memory"]
    plain = [programs.ffmpeg(), "-nostdin", "-v", "error", "-y", "-i", source, "-c:v", "libx264", folder / "plain.mp4"]
    alone, found = peaks(plain, lambda entry, main: int(entry.name) == main)
    rows = [(f"{name}, prepare", "peak MB"), ("largest process of ours", f"{max(ours.values()) / 1e6:.0f}")]
    rows.append(("ffmpeg, encoding, by the manifest", f"{encoding / 1e6:.0f}"))
    rows.append(("ffmpeg, the largest run, proofs included", f"{max(theirs.values()) / 1e6:.0f}"))
    table([*rows, ("`ffmpeg -i in -c:v libx264 out.mp4`", f"{found[alone] / 1e6:.0f}")])
    print()


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = Path(os.environ.get("PREFLIGHT_BENCH_MEDIA", name))
        media.mkdir(parents=True, exist_ok=True)
        rows, peers = [HEADS], {}
        for scene in SCENES:
            told, peers[scene] = transcode(scene, media, folder)
            rows += told
        table(rows)
        print()
        for scene in SCENES[:2]:
            remux(folder / f"kept-{scene}.mp4", peers[scene], folder)
            compliant(folder / f"kept-{scene}.mp4", folder)
        alpha(media, folder)
        for scene in SCENES[:1] + SCENES[-1:]:
            memory(scene, media, folder)
