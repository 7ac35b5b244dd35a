"""Which scenario a file fits: as `check` says of each, best first, from one look."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.checks import CHECKS
from pipeline.cli.main import main
from pipeline.documents import entry
from pipeline.engine.tasks import fit_entry
from pipeline.errors import TimedOut
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.measured import Person, Span
from pipeline.model.results import Finding, Status
from pipeline.probe.papers import card, letter
from pipeline.probe.person import measure as person
from pipeline.rules import presets
from pipeline.stages import check as checking
from pipeline.stages import fit as fitting
from pipeline.stages.check import check
from pipeline.stages.fit import fit

Sample = Callable[[str], Path]
# A file of each kind, among them one that is a picture to some and a video to others, and one that is broken.
EVERY_KIND = [
    "video/60fps.mp4",
    "video/animation.gif",
    "audio/stereo.wav",
    "images/portrait.png",
    "decks/good.pptx",
    "packages/wrong-names.zip",
    "texts/good.ssml",
    "texts/good.srt",
    "broken/wav-named.mp3",
]

# Roles that one or two scenarios have, for which only a name or what is in a file can speak.
FEW = {"id-card", "grant-file", "letter", "sticker", "music", "recording", "audio-url"}


def roles_by_hand() -> list[tuple[str, str]]:
    return [(name, role.name) for name in presets.names() for role in presets.load(name).roles]


def of_people(finding: Finding) -> bool:
    return "person" in CHECKS[finding.rule.check].needs


@pytest.mark.every(3)
@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_role_that_takes_it_is_told_as_check_tells_it(
    name: str, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Fraction(1, 2)  # nobody is in test pictures, and looking for somebody takes long
    seen = Person(step=step, pictures=2, looked=2, seen=0, nobody=(Span(Fraction(0), 2 * step),))
    monkeypatch.setattr(person, "measure", lambda *_: seen)
    for paper in (card, letter):  # which are not read here
        monkeypatch.setattr(paper, "add", lambda _, info: info)
    path = str(sample(name))
    _, cases, _ = fit(Job(path=path, stem="x"))
    told = {(case.job.preset, case.job.role): case for case in cases}
    assert len(told) == len(cases)
    for preset, role in roles_by_hand():
        alone = check(Job(path=path, stem="x", preset=preset, role=role))
        if alone.role is None:  # it takes no such file
            assert (preset, role) not in told
            continue
        case = told[preset, role]
        assert case.status == alone.status
        # Who is seen in footage takes long to find out, and is left out where something else stands in the way.
        looked = case.status is not Status.BLOCKED or len(case.findings) == len(alone.findings)
        heard = [f for f in alone.findings if looked or not of_people(f)]
        assert [(f.rule, f.verdict, f.actual) for f in case.findings] == [(f.rule, f.verdict, f.actual) for f in heard]
        assert case.plan.fixes == alone.plan.fixes
        assert case.plan.blocked == tuple(f for f in alone.plan.blocked if looked or not of_people(f))
        assert looked or case.plan.blocked


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("images/head-front.jpg", {("tencent/photo-fast", "photo"), ("metastudio/photo-avatar", "photo")}),
        ("images/head-small.jpg", {("tencent/photo-fast", "photo"), ("metastudio/photo-avatar", "photo")}),
        ("packages/wrong-names.zip", {("metastudio/voice-basic", "package")}),
        ("packages/tencent-space.zip", {("tencent/voice", "package")}),
        ("audio/speech-48k.wav", {("tencent/voice-instant", "audio")}),
        ("texts/good.srt", {("metastudio/livestream", "subtitle")}),
        ("decks/good.pptx", {("metastudio/asset-library", "slides"), ("metastudio/video-production", "slides")}),
        ("video/good-1080p25.mp4", {("metastudio/asset-library", "video"), ("metastudio/video-production", "video")}),
    ],
)
def test_what_a_file_was_made_for_comes_first(name: str, first: set[tuple[str, str]], sample: Sample) -> None:
    _, cases, _ = fit(Job(path=str(sample(name)), stem="x"))
    assert (cases[0].job.preset, cases[0].job.role) in first


@pytest.mark.parametrize("name", ["video/60fps.mp4", "images/still.webp", "audio/good.m4a"])
def test_as_it_is_before_repaired_before_blocked_and_conversions_last_of_what_works(name: str, sample: Sample) -> None:
    """Of uses that few scenarios have the same holds, after those that many have."""
    _, cases, _ = fit(Job(path=str(sample(name)), stem="x"))
    place = {Status.PASS: 0, Status.FIXABLE: 1, Status.BLOCKED: 5}
    ours = [case.job.preset.startswith("convert/") and case.status is not Status.BLOCKED for case in cases]
    places = [
        4 if own else place[case.status] + (2 if case.job.role in FEW and case.status is not Status.BLOCKED else 0)
        for case, own in zip(cases, ours, strict=True)
    ]
    assert places == sorted(places)
    assert {one % 2 for one in places if one < 4} == {0, 1}


def test_one_look_answers_all(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            calls.append(name)
            return function(*given, **more)

        return call

    monkeypatch.setattr(fitting, "probe", counted("probe", fitting.probe))
    monkeypatch.setattr(checking, "measure", counted("measure", checking.measure))
    _, cases, _ = fit(Job(path=str(sample("images/portrait.png")), stem="x"))
    assert calls == ["probe", "measure"]
    assert len(cases) > 10


# --- what is told ---------------------------------------------------------------------------------------


def test_what_nobody_takes_is_told_with_what_helps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(64))
    (tmp_path / "b.bin").write_bytes(bytes(range(128, 256)) * 8)
    assert main(["fit", str(tmp_path), "--json", "-j", "1"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "media-preflight/fit/1"
    rar, nothing = told["assets"]
    assert (rar["fits"], rar["status"], nothing["fits"], nothing["status"]) == ([], "blocked", [], "blocked")
    assert "RAR" in rar["advice"]["en"]
    assert "No scenario takes such a file" in nothing["advice"]["en"]
    assert told["summary"]["blocked"] == 2


def test_several_files_show_their_best_and_one_shows_all(
    sample: Sample, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    one, other = str(sample("texts/good.txt")), str(sample("audio/stereo.wav"))
    assert main(["fit", one, other, "-j", "1"]) == 0
    brief = capsys.readouterr().out
    assert "more; -v shows all" in brief
    assert len(brief.splitlines()) <= 14
    assert main(["fit", one, other, "-v", "-j", "1"]) == 0
    whole = capsys.readouterr().out
    assert "more; -v shows all" not in whole
    taken = {case.job.preset for path in (one, other) for case in fit(Job(path=path, stem="x"))[1]}
    assert all(name in whole for name in taken)
    assert main(["fit", one, "-j", "1", "--lang", "zh"]) == 0
    assert "合格" in capsys.readouterr().out


def test_what_cannot_be_read_is_an_error_and_not_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{tmp_path}/gone.mp4\n", encoding="utf-8")
    assert main(["fit", "--from-file", str(listed), "--json", "-j", "1"]) == 4
    (asset,) = json.loads(capsys.readouterr().out)["assets"]
    assert (asset["status"], asset["fits"]) == ("error", [])
    assert "gone.mp4" in asset["error"]["message"]


def test_without_the_networks_a_photo_is_not_called_unfit(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.probe.face import models

    gone = {name: wheel._replace(package="no_such_package") for name, wheel in models.FILES.items()}
    monkeypatch.setattr(models, "FILES", gone)
    models._net.cache_clear()
    told = fit_entry(Job(path=str(sample("images/portrait.png")), stem="x"), lambda _: None)
    models._net.cache_clear()
    assert told.error is not None
    assert (told.error.type, told.status, told.fits) == ("ToolMissing", Status.ERROR, ())


def test_a_lost_worker_costs_its_file() -> None:
    told = entry.unfitted(Job(path="a.mp4", stem="a", lang="zh"), TimedOut("stopped after 9 s", "9 秒后已终止"))
    assert (told.kind, told.status, told.error and told.error.message) == (Kind.UNKNOWN, Status.ERROR, "9 秒后已终止")


@pytest.mark.parametrize(
    ("path", "preset", "role", "words"),
    [
        ("drafts/training-1.mp4", "metastudio/avatar-training", "video", 1),
        ("drafts/Avatar Training/1.mp4", "metastudio/avatar-training", "video", 2),
        ("voice_basic/a.zip", "metastudio/voice-basic", "package", 2),
        ("photos/ID card.png", "metastudio/avatar-training", "id-card", 2),
        ("photos/1.png", "tencent/photo-fast", "photo", 1),
        ("training/of/old/1.mp4", "metastudio/avatar-training", "video", 0),
        ("videos/video.mp4", "metastudio/asset-library", "video", 0),  # the word for a kind of file says nothing
        ("slides/audio.wav", "convert/mono-wav", "audio", 0),
        ("decks/linked-file.pptx", "metastudio/avatar-training", "grant-file", 0),
        ("tencent/1.wav", "tencent/voice", "recording", 1),  # the platform
        ("tencent/1.wav", "metastudio/voice-basic", "package", 0),
        ("素材/授权书.pdf", "tencent/authorization", "letter", 1),  # of Chinese titles three characters, or all of two
        ("照片数字人/1.png", "metastudio/photo-avatar", "photo", 2),
        ("张三/身份证正面.jpg", "metastudio/avatar-training", "id-card", 1),
        ("视频/视频.mp4", "metastudio/asset-library", "video", 0),
        ("中国站/1.mp4", "metastudio/asset-library", "video", 0),  # what stands in brackets is no title
    ],
)
def test_words_of_scenario_and_role_in_the_name_are_counted(path: str, preset: str, role: str, words: int) -> None:
    from pipeline.model.case import Case
    from pipeline.model.results import Plan
    from tests import factory

    job = Job(path=path, stem="x", preset=preset, role=role)
    case = Case(job=job, role=None, facts=factory.video(), findings=(), plan=Plan())
    assert fitting._named(case) == words


def test_what_its_name_says_it_is_comes_first_of_equals(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "stickers" / "1.png"
    path.parent.mkdir()
    path.symlink_to(sample("images/alpha.png"))
    _, cases, _ = fit(Job(path=str(path), stem="x"))
    assert cases[0].job.role == "sticker"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("images/head-front.jpg", ("metastudio/photo-avatar", "photo")),  # whose limits on a face are the narrowest
        ("texts/fast.ssml", ("metastudio/video-production", "text")),  # repaired, not read aloud with its tags
        ("decks/linked-file.pptx", ("metastudio/asset-library", "slides")),  # "file" in a name is no "grant-file"
        ("decks/good.odp", ("metastudio/asset-library", "slides")),  # repaired: it is a deck before it is a letter
    ],
)
def test_what_it_is_comes_before_what_would_take_it_too(name: str, first: tuple[str, str], sample: Sample) -> None:
    _, cases, _ = fit(Job(path=str(sample(name)), stem="x"))
    assert (cases[0].job.preset, cases[0].job.role) == first


def test_a_paper_is_no_guess_for_a_picture(sample: Sample) -> None:
    """An identity card is a picture like any other by its headers: only its name, or what is in it, can tell."""
    path = str(sample("images/good-1080p.jpg"))
    _, cases, _ = fit(Job(path=path, stem="x"))
    passing = [case.job.role for case in cases if case.status is Status.PASS]
    assert "id-card" in passing
    assert passing.index("image") < passing.index("id-card")
