"""The person on the card and the person in the footage. Who is on them is known from how they were drawn: the portrait
that comes with scikit-image, or that face with eyes, nose and mouth pulled apart until it is nobody's.
`python -m benchmarks identity` compares photos of real people, with labels.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.cli.compared import beside
from pipeline.cli.main import main
from pipeline.errors import ToolMissing
from pipeline.model.job import Job
from pipeline.model.results import Verdict
from pipeline.probe import probe
from pipeline.probe.person import identity
from pipeline.rules import presets
from pipeline.stages.check import check
from samples import _papers as papers
from samples._footage import film, person, plain

PRESET = "metastudio/avatar-training"
RULE = "metastudio.avatar-training.video.person.identity"


COMPARES = pytest.mark.skipif(
    not identity.comparable(), reason="faces are compared by dlib and its network, not installed"
)


def nobody() -> papers.Pixels:
    """The portrait of the card with the middle of its face grown."""
    shown = np.asarray(papers._portrait().resize((370, 462)), np.uint8)
    down, right = np.mgrid[0:462, 0:370].astype(np.float32)
    across, along = right - 185, down - 194
    away = np.maximum(np.hypot(across, along) / 148, 0.01)
    pull = np.where(away < 1, away**-0.35, 1).astype(np.float32)
    return np.asarray(cv2.remap(shown, 185 + across * pull, 194 + along * pull, cv2.INTER_LINEAR), np.uint8)


def card(path: Path, *, other: bool = False) -> Path:
    """A photo of the front of a card, with the portrait of who is filmed or of somebody else."""
    rng = papers.seeded(5)
    drawn = papers.front(rng)
    if other:
        drawn.paste(Image.fromarray(nobody()), (940, 110))
    Image.fromarray(papers.photographed(drawn, rng, size=(1200, 900), share=0.7, angle=6)).save(path, quality=92)
    return path


def footage(path: Path) -> Path:
    return film(path, lambda t: person(t, tall=0.9), 6)


def asked(video: Path, *cards: Path) -> tuple[str | None, Verdict | None]:
    """What is told of the person in the footage, and what the rule says."""
    case = check(Job(path=str(video), stem="a", preset=PRESET, role="video", cards=tuple(map(str, cards))))
    assert case.error is None, case.error
    assert case.facts is not None
    assert case.facts.person is not None
    verdicts = [finding.verdict for finding in case.findings if finding.rule.id == RULE]
    return case.facts.person.identity, verdicts[0] if verdicts else None


@COMPARES
def test_the_person_on_the_card_is_told_from_another(tmp_path: Path) -> None:
    video = footage(tmp_path / "a.mp4")
    own, other = card(tmp_path / "own.jpg"), card(tmp_path / "other.jpg", other=True)
    assert asked(video, own) == ("same", Verdict.PASS)
    assert asked(video, other) == ("different", Verdict.FAIL)
    assert asked(video, other, own) == ("same", Verdict.PASS)  # of two cards beside it, one is enough


@COMPARES
def test_without_a_face_to_compare_nothing_is_said(tmp_path: Path) -> None:
    video, back = footage(tmp_path / "a.mp4"), tmp_path / "back.jpg"
    rng = papers.seeded(6)
    Image.fromarray(papers.photographed(papers.back(rng), rng, size=(1200, 900))).save(back)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    for cards in [(), (back,), (tmp_path / "gone.jpg",), (tmp_path / "broken.jpg",), (video,), (back,) * 9]:
        assert asked(video, *cards) == ("cannot tell", Verdict.UNKNOWN)
    black = film(tmp_path / "black.mp4", lambda _: plain(0), 4)
    assert asked(black, card(tmp_path / "own.jpg")) == ("cannot tell", Verdict.UNKNOWN)


def test_who_is_not_asked_about_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "add", lambda *_: pytest.fail("compared unasked"))
    case = check(Job(path=str(footage(tmp_path / "a.mp4")), stem="a", preset=PRESET, role="video"))
    assert all(finding.rule.id != RULE for finding in case.findings)


def test_where_dlib_is_missing_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    identity._net.cache_clear()
    try:
        with pytest.raises(ToolMissing, match=r"media-preflight\[identity\]"):
            identity.load()
    finally:
        identity._net.cache_clear()


def test_between_near_and_far_nothing_is_said() -> None:
    said = [identity.verdict(apart) for apart in (0.0, 0.5, 0.51, 0.59, 0.6, 1.2)]
    assert said == ["same", "same", "cannot tell", "cannot tell", "different", "different"]


def test_points_are_brought_where_the_network_wants_them() -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(5, 2)) * 40 + 200
    turned = 1.7 * source @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + np.array([12, -5])
    matrix = identity._similar(source, turned)
    assert np.allclose(source @ matrix[:, :2].T + matrix[:, 2], turned)


def test_cards_are_those_in_the_folder_of_the_footage() -> None:
    def job(path: str, role: str | None = None) -> Job:
        return Job(path=path, stem="", preset=PRESET, role=role)

    jobs = [job("a/film.mp4"), job("a/front.jpg"), job("b/film.mov"), job("b/x.bin", "id-card"), job("c/film.mp4")]
    jobs += [job("a/letter.png", "grant-file"), job("https://host/a/front.jpg")]
    (group,), asks = beside(presets.load(PRESET), (jobs,))
    assert asks
    named = {one.path: one.cards for one in group}
    here = str(Path.cwd())
    assert named["a/film.mp4"] == ("a/front.jpg",), here
    assert named["b/film.mov"] == ("b/x.bin",)
    assert named["c/film.mp4"] == ()
    assert named["a/front.jpg"] is None
    assert named["a/letter.png"] is None
    assert beside(presets.load("tencent/avatar-general"), (jobs,)) == ((jobs,), False)


@COMPARES
def test_only_the_verdict_is_told_and_nothing_else_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    footage(folder / "film.mp4")
    card(folder / "front.jpg", other=True)
    assert main(["check", str(folder), "-p", PRESET, "--identity", "--json"]) == 1
    told = {asset["source"].rsplit("/", 1)[-1]: asset for asset in json.loads(capsys.readouterr().out)["assets"]}
    assert told["film.mp4"]["facts"]["person"]["identity"] == "different"
    (finding,) = [one for one in told["film.mp4"]["findings"] if one["rule"] == RULE]
    assert (finding["verdict"], finding["code"]) == ("fail", "~MSS.41000005")
    assert main(["check", str(folder), "-p", PRESET, "--json"]) == 1  # asked without it, no verdict is remembered
    again = {asset["source"].rsplit("/", 1)[-1]: asset for asset in json.loads(capsys.readouterr().out)["assets"]}
    assert again["film.mp4"]["facts"]["person"]["identity"] is None


@COMPARES
def test_moments_with_a_fault_are_not_compared(tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", lambda t: plain(0) if t < 5 else person(t, tall=0.9), 6)
    info = probe(video, frozenset({"person"}))
    assert info.person is not None
    assert info.person.black[0].end >= Fraction(9, 2)
    pictures = list(identity._pictures(video, info.video[0], info.person))
    assert pictures
    assert all(picture.mean() > 30 for picture in pictures)
