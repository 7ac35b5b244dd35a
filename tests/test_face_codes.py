"""Every face code of the platforms, once with a picture that earns it and once with one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.checking import Job, check
from pipeline.model import Report, Verdict
from pipeline.run import check_entry

Sampled = Callable[[str], Path]

PHOTO, FAST, PREMIUM = "metastudio/photo-avatar", "tencent/photo-fast", "tencent/photo-premium"
COUNT = "metastudio.photo-avatar.photo.face-count"
SHARE = "metastudio.photo-avatar.photo.face-area-"
PASSING = "images/head-front.jpg"

# What it means, preset, rule, sample that fails it.
CODES = [
    ("MSS.50001001 no face", PHOTO, COUNT, "images/portrait-no-face.jpg"),
    ("MSS.50001015 several faces", PHOTO, COUNT + ".several", "images/portrait-two-faces.jpg"),
    ("MSS.50001005 format", PHOTO, "metastudio.photo-avatar.photo.formats", "images/good.bmp"),
    ("MSS.50001006 too small", PHOTO, SHARE + "range", "images/portrait-tiny-face.jpg"),
    ("MSS.50001006 too large", PHOTO, SHARE + "range", "images/head-large.jpg"),
    ("MSS.50001006 below a half", PHOTO, SHARE + "min", "images/portrait-1x1.jpg"),
    ("MSS.50001016 turned aside", PHOTO, "metastudio.photo-avatar.photo.yaw-pitch", "images/head-turned.jpg"),
    ("MSS.50001016 looking up", PHOTO, "metastudio.photo-avatar.photo.yaw-pitch", "images/head-chin-up.jpg"),
    ("MSS.50001017 cut off", PHOTO, "metastudio.photo-avatar.photo.real-person", "images/portrait-cut.jpg"),
    ("MSS.50001017 drawn", PHOTO, "metastudio.photo-avatar.photo.no-drawing", "images/head-drawn.png"),
    ("MSS.50001018 mouth open", PHOTO, "metastudio.photo-avatar.photo.mouth-closed", "images/head-mouth-open.jpg"),
    ("MSS.50001018 teeth show", PHOTO, "metastudio.photo-avatar.photo.mouth-closed", "images/portrait-closeup.jpg"),
    ("nose covered", PHOTO, "metastudio.photo-avatar.photo.unoccluded", "images/head-nose-covered.jpg"),
    ("eyes covered", PHOTO, "metastudio.photo-avatar.photo.unoccluded", "images/portrait-eyes-covered.jpg"),
    ("300001 no face", FAST, "tencent.face-detect.face-count", "images/portrait-no-face.jpg"),
    ("300002 several faces", PREMIUM, "tencent.face-detect.face-count.several", "images/portrait-two-faces.jpg"),
    ("300003 box too small", FAST, "tencent.face-detect.face-box-size", "images/portrait-tiny-face.jpg"),
    ("300003 box too large", PREMIUM, "tencent.face-detect.face-box-size", "images/head-large.jpg"),
    ("100003 format", FAST, "tencent.face-detect.format", "images/good.bmp"),
    ("100005 ratio", FAST, "tencent.face-detect.v1.aspect", "images/portrait-3x4.jpg"),
    ("not from the front", FAST, "tencent.photo.frontal", "images/head-turned.jpg"),
    ("not in the middle", FAST, "tencent.photo.centred", "images/head-off-centre.jpg"),
    ("not clear", FAST, "tencent.photo.clear", "images/portrait-blurred.jpg"),
]


def judged(path: Path, preset: str) -> Report:
    return check(Job(path=str(path), stem=path.stem, preset=preset))


def verdict(path: Path, preset: str, rule: str) -> Verdict:
    (found,) = [f.verdict for f in judged(path, preset).findings if f.rule.id == rule]
    return found


@pytest.mark.parametrize(("name", "preset", "rule", "bad"), CODES, ids=[row[0] for row in CODES])
def test_a_code_is_earned_by_its_picture_only(sample: Sampled, name: str, preset: str, rule: str, bad: str) -> None:
    assert verdict(sample(PASSING), preset, rule) is Verdict.PASS
    (failed,) = [f for f in judged(sample(bad), preset).findings if f.rule.id == rule]
    assert failed.verdict is Verdict.FAIL
    code = name.partition(" ")[0]
    if code[-1].isdigit():  # a drawing is only suspected: the code it may earn is marked as a guess
        assert str(failed.rule.code).endswith(code)


@pytest.mark.parametrize("preset", [PHOTO, FAST, PREMIUM])
def test_a_good_photo_passes_whole(sample: Sampled, preset: str) -> None:
    report = judged(sample(PASSING), preset)
    assert [f.rule.id for f in report.findings if f.blocks] == []
    faces = [f for f in report.findings if f.rule.check.startswith("face.")]
    assert faces
    assert {f.verdict for f in faces} == {Verdict.PASS}


def test_what_cannot_be_measured_never_passes(sample: Sampled) -> None:
    report = judged(sample("images/portrait-blurred.jpg"), PHOTO)
    (pose,) = [f for f in report.findings if f.rule.id.endswith("yaw-pitch")]
    assert pose.verdict is Verdict.UNKNOWN
    assert pose.blocks


def test_plots_draw_the_verdict_on_the_photo(sample: Sampled, tmp_path: Path) -> None:
    photo = sample("images/head-turned.jpg")
    check_entry(Job(path=str(photo), stem="turned", preset=PHOTO, plots=str(tmp_path)), lambda _: None)
    with Image.open(tmp_path / "turned.png") as drawn:
        assert drawn.size == (720, 720)
        assert (255, 212, 0) in {colour for _, colour in drawn.convert("RGB").getcolors(1 << 24) or []}
