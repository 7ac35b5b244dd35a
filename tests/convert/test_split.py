"""A video that is too long, split on request: nothing lost between its parts, each proven against its own stretch."""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.convert.av import split as parts
from pipeline.engine import tasks as run
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.results import Outcome, Status
from pipeline.probe.av import timeline
from pipeline.probe.av.packets import Coded, excerpt
from pipeline.rules import plan as planning
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.tools import programs

SPLIT = frozenset({planning.PARTS, "slides.pages"})  # what --split asks for


def ffmpeg(*args: str | Path) -> bytes:
    command = [programs.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Eight seconds with an entry point every two, in the container that the suffix names."""
    folder = tmp_path_factory.mktemp("clip")
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=50:duration=8"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=8", "-c:a", "aac", "-b:a", "96k"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "100", "-flags", "+cgop"]
    ffmpeg(*picture, *sound, *coding, "-pix_fmt", "yuv420p", folder / "clip.mp4")

    def wrapped(suffix: str) -> Path:
        path = folder / f"clip{suffix}"
        if not path.exists():
            ffmpeg("-i", folder / "clip.mp4", "-c", "copy", path)
        return path

    return wrapped


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[[str], str]:
    """A scenario of at most five seconds that otherwise drops some rules of the conversion."""

    def write(drop: str) -> str:
        path = tmp_path / "short.toml"
        dropped = f"drop = [{drop}]\n" if drop else ""
        path.write_text(
            'schema = 1\nid = "test/short"\ntitle = { en = "s", zh = "s" }\nextends = "convert/h264-1080p"\n'
            f'{dropped}[[rule]]\nid = "test.short"\nrole = "video"\ncheck = "media.duration"\nmax = "5 s"\n'
            'sources = ["TEST 1 (2026-01-01)"]\n'
        )
        return str(path)

    return write


ANY_RATE = '"convert.h264-1080p.frame-rate"'


def prepared(source: Path, out: Path, preset: str, **more: object) -> Outcome:
    job = Job(path=str(source), stem="clip", preset=preset, out=str(out), allow=SPLIT)
    return prepare(check(replace(job, **more)), lambda _: None)  # type: ignore[arg-type]  # fields by name


def pictures(*paths: Path) -> list[bytes]:
    """A digest of every decoded frame."""
    lines = [ffmpeg("-i", path, "-map", "0:v", "-f", "framemd5", "-").splitlines() for path in paths]
    return [line.rsplit(b",", 1)[1] for part in lines for line in part if not line.startswith(b"#")]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_where_it_costs_nothing_parts_are_cut_without_encoding(
    suffix: str, clip: Callable[[str], Path], scenario: Callable[[str], str], tmp_path: Path
) -> None:
    source = clip(suffix)
    outcome = prepared(source, tmp_path / "out", scenario(ANY_RATE))
    assert outcome.status is Status.FIXED, outcome.error
    assert [output.path for output in outcome.outputs] == ["clip-part1.mp4", "clip-part2.mp4"]
    told = [(o.part.number, o.part.of, o.part.start, o.part.length) for o in outcome.outputs if o.part]
    assert told == [(1, 2, 0, 4), (2, 2, 4, None)]
    assert all("picture copied, sound 1 copied, part" in step.does.en for step in outcome.steps)
    assert all(o.facts.duration is not None and o.facts.duration < 5 for o in outcome.outputs)
    named = {proof.name.en for proof in outcome.proof}
    assert {"part 1: copied streams", "part 2: decodes whole", "all parts together"} <= named
    made = [tmp_path / "out" / output.path for output in outcome.outputs]
    assert pictures(*made) == pictures(source)


def test_elsewhere_it_is_encoded_and_each_part_compared_with_its_stretch(
    clip: Callable[[str], Path], scenario: Callable[[str], str], tmp_path: Path
) -> None:
    source = clip(".ts")  # starts neither at zero nor with its sound, and is entered by guessing
    outcome = prepared(source, tmp_path / "out", scenario(""))
    assert outcome.status is Status.FIXED, outcome.error
    assert [o.facts.video[0].frame_rate for o in outcome.outputs] == [25, 25]
    assert sum(o.facts.video[0].frames or 0 for o in outcome.outputs) in {200, 201}
    scores = [float(p.found.en.split()[0]) for p in outcome.proof if p.name.en.endswith(": VMAF")]
    assert len(scores) == 2
    assert min(scores) > 90


def test_only_videos_are_split_and_only_on_request(clip: Callable[[str], Path], scenario: Callable[[str], str]) -> None:
    job = Job(path=str(clip(".mp4")), stem="clip", preset=scenario(ANY_RATE))
    findings = check(job).findings
    assert not planning.plan(findings, allow=SPLIT, kind=Kind.VIDEO).blocked
    assert planning.plan(findings, allow=SPLIT, kind=Kind.VIDEO).split
    assert not planning.plan(findings, allow=frozenset({"media.duration"}), kind=Kind.VIDEO).split
    for blocked in (
        planning.plan(findings, allow=SPLIT, kind=Kind.AUDIO).blocked,
        planning.plan(findings, kind=Kind.VIDEO).blocked,
    ):
        assert "--split" in (blocked[0].reason.en if blocked[0].reason else "")


def test_the_plan_tells_the_parts(clip: Callable[[str], Path], scenario: Callable[[str], str]) -> None:
    job = Job(path=str(clip(".mp4")), stem="clip", preset=scenario(ANY_RATE), allow=SPLIT)
    told = run.plan_entry(job, lambda _: None)
    assert [(part.number, part.start, part.frames) for part in told.parts] == [(1, 0, 200), (2, 4, 200)]
    assert "part 2 of 2: 0:04.00 to the end" in told.steps[1].does


# --- where it is cut --------------------------------------------------------------------------------


def test_parts_are_few_and_about_equal() -> None:
    entries = tuple(Fraction(n) for n in range(2, 60, 2))
    assert parts._chosen(entries, Fraction(60), Fraction(25)) == (20, 40)
    assert parts._chosen(entries, Fraction(25), Fraction(25)) == ()
    assert parts._chosen((Fraction(2), Fraction(50)), Fraction(60), Fraction(25)) is None


def test_frames_that_need_what_comes_before_are_no_place_to_cut() -> None:
    def free(*times: int, hidden: bool = False, container: str = "mp4") -> list[Fraction]:
        frames = timeline.FrameTimes(
            Fraction(1, 25), array("q", times), array("L"), array("q", (0, 3)), Fraction(1), hidden
        )
        return list(parts._free(frames, Fraction(0), container))

    closed, opened = (0, 2, 1, 5, 7, 6), (0, 2, 1, 5, 4, 3)  # the last two are shown before the entry point
    assert free(*closed) == [Fraction(5, 25)]
    assert free(*opened) == free(*closed, hidden=True) == free(*closed, container="mpegts") == []


# --- what the proof of a copied part notices --------------------------------------------------------

WHOLE = Coded(Fraction(1, 25), array("q", range(100)), array("Q", range(1000, 1100)))


@pytest.mark.parametrize(
    ("first", "last", "change", "said"),
    [
        (50, 100, {}, None),
        (48, 100, {}, None),  # what a decoder needs before the part
        (51, 100, {}, "1 frames left out"),
        (50, 98, {}, "2 frames left out"),
        (50, 100, {"digests": array("Q", range(50))}, "other bytes than the source"),
        (50, 100, {"times": array("q", (*range(49), 50))}, "shown 0.040 s off their time"),
        (50, 50, {}, "no frames"),
    ],
)
def test_every_loss_in_a_copied_part_is_found(
    first: int, last: int, change: dict[str, array[int]], said: str | None
) -> None:
    times = array("q", (n - 50 for n in range(first, last)))
    part = Coded(Fraction(1, 25), times, WHOLE.digests[first:last])._replace(**change)  # type: ignore[arg-type]  # by name
    found = excerpt(WHOLE, part, Fraction(2), Fraction(2), None)
    assert (found.en if found else None) == said
