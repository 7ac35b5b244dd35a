"""Ends of footage that show nothing of use, cut off on request: what is between them stays, picture by picture.

What is black, what sounds when and how many pictures there are is said by ffmpeg.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.checks.person import ENDS, left, within
from pipeline.cli.main import main
from pipeline.engine import tasks as run
from pipeline.model.job import Job
from pipeline.model.measured import Person, Span
from pipeline.model.results import Outcome, Status, Verdict
from pipeline.model.rules import Safety
from pipeline.rules.plan import PARTS
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.tools import programs
from samples._footage import Pixels, film, person, plain

TRIM = frozenset({"media.duration", *ENDS})  # what --trim asks for
RATE, BLACK, GONE, SECONDS = 10, 3.0, 8.0, 10.0
TONE = 5  # seconds from which a tone is heard


def ffmpeg(*args: str | Path) -> tuple[bytes, str]:
    command = [programs.ffmpeg(), "-nostdin", "-hide_banner", "-y", *map(str, args)]
    ended = subprocess.run(command, check=True, capture_output=True)
    return ended.stdout, ended.stderr.decode()


def pictures(path: Path) -> list[bytes]:
    """A digest of every decoded picture."""
    lines = ffmpeg("-v", "error", "-i", path, "-map", "0:v", "-f", "framemd5", "-")[0].splitlines()
    return [line.rsplit(b",", 1)[1] for line in lines if not line.startswith(b"#")]


def black(path: Path) -> list[float]:
    """How long each black stretch is, in seconds."""
    said = ffmpeg("-i", path, "-an", "-vf", "blackdetect=d=0.05", "-f", "null", "-")[1]
    return [float(found) for found in re.findall(r"black_duration:([\d.]+)", said)]


def shot(t: float) -> Pixels:
    """Black, then a person, then the empty screen."""
    return plain(0) if t < BLACK else person(t) if t < GONE else person(t, middles=())


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Its entry points are where the person comes, or only at the beginning."""
    folder = tmp_path_factory.mktemp("footage")
    bare = film(
        folder / "bare.mp4",
        shot,
        SECONDS,
        rate=RATE,
        options=("-force_key_frames", f"{BLACK}", "-g", "300", "-bf", "2"),
    )
    once = film(folder / "once.mp4", shot, SECONDS, rate=RATE, options=("-g", "300", "-sc_threshold", "0"))

    def made(name: str) -> Path:
        path = folder / f"{name}.mp4"
        if not path.exists():
            tone = f"aevalsrc='if(gte(t,{TONE}),0.2*sin(2*PI*440*t),0)':s=44100:d={SECONDS}"
            source = {"entered": bare, "once": once}[name]
            ffmpeg("-v", "error", "-i", source, "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a", "aac", path)
        return path

    return made


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., str]:
    """One that takes a person in H.264, from `least` to `most` seconds."""

    def write(least: int = 1, most: int = 600) -> str:
        def rule(check: str, limit: str, level: str = "error") -> str:
            return (
                f'[[rule]]\nid = "test.{check}"\nrole = "video"\ncheck = "{check}"\n{limit}\nlevel = "{level}"\n'
                'sources = ["TEST 1 (2026-01-01)"]\n'
            )

        path = tmp_path / "footage.toml"
        path.write_text(
            'schema = 1\nid = "test/footage"\ntitle = { en = "s", zh = "s" }\nextends = "convert/h264-1080p"\n'
            'drop = ["convert.h264-1080p.frame-rate"]\n'
            + rule("media.duration", f'min = "{least} s"\nmax = "{most} s"')
            + rule("person.black", 'max = "1 s"')
            + rule("person.nobody", 'max = "1 s"', "warning")
        )
        return str(path)

    return write


def prepared(source: Path, out: Path, preset: str, allow: frozenset[str] = TRIM) -> Outcome:
    case = check(Job(path=str(source), stem="clip", preset=preset, out=str(out), allow=allow))
    return prepare(case, lambda _: None)


def test_ends_are_cut_off_without_encoding_where_the_person_comes_at_an_entry_point(
    footage: Callable[[str], Path], scenario: Callable[..., str], tmp_path: Path
) -> None:
    source = footage("entered")
    outcome = prepared(source, tmp_path / "out", scenario())
    assert outcome.status is Status.FIXED, outcome.error
    (output,), (step,) = outcome.outputs, outcome.steps
    assert "picture copied, sound 1 copied, kept: 0:03.00 to 0:08" in step.does.en
    assert output.path == "clip.mp4"
    made = tmp_path / "out" / output.path
    whole, kept = pictures(source), pictures(made)
    begin = whole.index(kept[0])
    assert kept == whole[begin : begin + len(kept)]
    # All of the person, and at most half a second of what was to go.
    assert (BLACK - 0.5) * RATE <= begin <= BLACK * RATE
    assert GONE * RATE <= begin + len(kept) <= (GONE + 0.5) * RATE
    assert black(source) == [pytest.approx(BLACK)]
    assert black(made) == []
    heard = ffmpeg("-i", made, "-vn", "-af", "silencedetect=d=0.2", "-f", "null", "-")[1]
    assert float(re.findall(r"silence_end: ([\d.]+)", heard)[0]) == pytest.approx(TONE - begin / RATE, abs=0.1)
    assert {"copied streams", "frames", "decodes whole"} <= {proof.name.en for proof in outcome.proof if proof.passed}
    assert all(f.verdict is Verdict.PASS for f in output.findings if f.rule.check in ENDS)
    # What was wrong with the source, and what cutting it off does about it.
    mended = {f.rule.check: f.fix.value for f in outcome.findings if f.fix and f.rule.check in ENDS}
    assert mended == {"person.black": 0, "person.nobody": 0}


def test_elsewhere_the_picture_is_encoded_and_no_more_is_cut(
    footage: Callable[[str], Path], scenario: Callable[..., str], tmp_path: Path
) -> None:
    outcome = prepared(footage("once"), tmp_path / "out", scenario())
    assert outcome.status is Status.FIXED, outcome.error
    (output,), (step,) = outcome.outputs, outcome.steps
    assert "picture encoded as h264 (no entry point" in step.does.en
    made = tmp_path / "out" / output.path
    assert abs(len(pictures(made)) - (GONE - BLACK) * RATE) <= 0.5 * RATE
    assert all(length <= 0.5 for length in black(made))
    assert {"VMAF", "frames"} <= {proof.name.en for proof in outcome.proof if proof.passed}


def test_nothing_is_cut_unasked_and_it_is_said_how_to_ask(
    footage: Callable[[str], Path], scenario: Callable[..., str], tmp_path: Path
) -> None:
    outcome = prepared(footage("entered"), tmp_path / "out", scenario(), frozenset({"media.duration"}))
    assert outcome.status is Status.BLOCKED
    (said,) = [f.advice for f in outcome.blocked if f.rule.check == "person.black"]
    assert said is not None
    assert "--trim" in said.en
    assert "--trim" in said.zh


def test_where_too_little_is_left_it_is_said_and_nothing_is_made(
    footage: Callable[[str], Path], scenario: Callable[..., str], tmp_path: Path
) -> None:
    outcome = prepared(footage("entered"), tmp_path / "out", scenario(least=7))
    assert outcome.status is Status.BLOCKED
    assert outcome.outputs == ()
    (told,) = [f for f in outcome.blocked if f.rule.check == "media.duration"]
    assert told in outcome.findings
    assert told.actual == 5
    assert told.reason is not None
    assert told.reason.en == "That is what is left once its ends are cut off (--trim): 3-8 s."


def test_where_nothing_is_left_it_is_said(tmp_path: Path, scenario: Callable[..., str]) -> None:
    path = film(tmp_path / "a.mp4", lambda _: plain(0), 3)
    case = check(Job(path=str(path), stem="a", preset=scenario(), allow=TRIM))
    assert case.status is Status.BLOCKED
    assert "nothing would be left" in str([f.reason.en for f in case.plan.blocked if f.reason])


def test_a_picture_that_may_not_be_encoded_is_not_cut(
    footage: Callable[[str], Path], scenario: Callable[..., str]
) -> None:
    job = Job(path=str(footage("once")), stem="a", preset=scenario(), allow=TRIM, at_least=Safety.LOSSLESS)
    case = check(job)
    assert (case.status, case.plan.parts) == (Status.BLOCKED, ())
    assert "--at-least" in str([f.reason.en for f in case.plan.blocked if f.reason])


def test_what_is_left_and_still_too_long_is_cut_off_at_the_limit_or_goes_on_in_parts(
    footage: Callable[[str], Path], scenario: Callable[..., str]
) -> None:
    job = Job(path=str(footage("once")), stem="a", preset=scenario(most=4), allow=TRIM)
    (one,) = run.plan_entry(job, lambda _: None).parts
    assert one.length is not None
    assert 2.5 <= one.length <= 4
    whole = run.plan_entry(Job(path=job.path, stem="a", preset=job.preset, allow=TRIM | {PARTS}), lambda _: None).parts
    assert [part.number for part in whole] == [1, 2]
    assert whole[0].start == one.start
    assert sum(part.length or 0 for part in whole) == pytest.approx(GONE - BLACK, abs=0.5)


def test_the_command_says_where_nobody_is_looked_for(
    footage: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", str(footage("entered")), "-p", "convert/h264-1080p", "--trim", "--no-resume"])
    assert "--trim: convert/h264-1080p does not ask who is seen" in capsys.readouterr().err
    main(["plan", str(footage("entered")), "-p", "tencent/avatar-general", "--trim", "--no-resume"])
    assert "--trim" not in capsys.readouterr().err


# --- what is an end ---------------------------------------------------------------------------------


def seen(**spans: Sequence[tuple[float, float]]) -> Person:
    exact = {name: tuple(Span(Fraction(a), Fraction(b)) for a, b in each) for name, each in spans.items()}
    return Person(step=Fraction(1, 2), pictures=40, looked=40, seen=20, **exact)


@pytest.mark.parametrize(
    ("person", "kept"),
    [
        (seen(), (0, 20)),
        (seen(black=[(8, 12)]), (0, 20)),  # cutting that out would join two takes
        (seen(black=[(0, 1)]), (0, 20)),  # not longer than it may be
        (seen(black=[(0, 3)]), (3, 20)),
        (seen(frozen=[(16, 20)]), (0, 16)),
        (seen(black=[(0, 3), (6, 9)], white=[(3, 3.5)], nobody=[(3.5, 5)]), (5, 20)),  # one after the other
        (seen(black=[(0, 0.5)], nobody=[(0.5, 4)], frozen=[(2, 5)]), (5, 20)),
        (seen(nobody=[(0.5, 4)]), (0, 20)),  # somebody was there before
        (seen(nobody=[(0, 4), (17, 19.5)], black=[(19.5, 20)]), (4, 17)),
        (seen(turned=[(0, 9)], several=[(12, 20)]), (0, 20)),  # of no use either, and yet footage
        (seen(black=[(0, 12)], nobody=[(12, 20)]), (20, 0)),
    ],
)
def test_an_end_is_what_shows_nothing_from_the_first_picture_on(person: Person, kept: tuple[float, float]) -> None:
    assert left(person, lambda _, lasts: lasts > 1) == kept


def test_of_what_is_left_stretches_keep_their_places() -> None:
    whole = seen(black=[(0, 3), (8, 10)], turned=[(2.9, 3.2), (11, 19)], several=[(15, 16)])
    rest = within(whole, Span(Fraction(3), Fraction(18)))
    assert (rest.pictures, rest.black, rest.turned, rest.several) == (30, ((5, 7),), ((8, 15),), ((12, 13),))
