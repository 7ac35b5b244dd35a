"""Every code of photo avatars, once with a file that earns it and once with one that does not.

MSS.50001003, 50001007, 50001008, 50001010 and 50001011 (a picture sent as base64, uploads and downloads of the service
itself), 100001, 100002 and 2000xx (parameters, downloads and tasks of Tencent's service) are no property of a file;
100004 (dimensions) has no published figure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.checking import Job, check
from pipeline.model import Report, Status, Verdict
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
    ("100003 format", PREMIUM, "tencent.image-photo.formats", "images/scan.tiff"),
    ("100005 ratio", PREMIUM, "tencent.image-photo.aspect", "images/portrait-3x4.jpg"),
    ("not from the front", FAST, "tencent.photo.frontal", "images/head-turned.jpg"),
    ("tilted to one side", FAST, "tencent.photo.upright", "images/head-tilted.jpg"),
    ("tilted to one side", PHOTO, "metastudio.photo-avatar.photo.upright", "images/head-tilted.jpg"),
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


# What a photo avatar is made to speak, and files that are too large: rule, passes, does not, grown to so many bytes.
SPOKEN = [
    ("MSS.50001002", "audio.formats", "audio/mono.wav", "audio/other.flac", 0),
    ("MSS.50001004", "audio.min-duration", "audio/mono.wav", "audio/no-samples.wav", 0),
    ("MSS.50001012", "text.max-chars-render", "texts/good.txt", "texts/over-2000.txt", 0),
    ("MSS.50001013", "audio.max-bytes-render", "audio/good.mp3", "audio/good.mp3", 11 << 20),
    ("MSS.50001014", "photo.max-bytes-render", PASSING, PASSING, 48 << 20),
]


@pytest.mark.parametrize(("code", "rule", "good", "bad", "grown"), SPOKEN, ids=[row[0] for row in SPOKEN])
def test_a_code_is_earned_by_its_file_only(
    sample: Sampled, tmp_path: Path, code: str, rule: str, good: str, bad: str, grown: int
) -> None:
    rule = f"metastudio.photo-avatar.{rule}"
    assert verdict(sample(good), PHOTO, rule) is Verdict.PASS
    wrong = tmp_path / Path(bad).name
    shutil.copyfile(sample(bad), wrong)
    if grown:
        os.truncate(wrong, grown)  # of no bytes that take room on the disk
    (failed,) = [f for f in judged(wrong, PHOTO).findings if f.rule.id == rule]
    assert failed.verdict is Verdict.FAIL
    assert failed.blocks or "max-bytes" in rule
    assert failed.rule.code == code


def test_a_picture_that_cannot_be_decoded_has_no_verdict(sample: Sampled) -> None:
    """Sent as base64 it would earn MSS.50001003."""
    report = judged(sample("broken/truncated.jpg"), PHOTO)
    assert report.status is Status.ERROR
    assert report.error is not None
    assert "cannot be decoded" in report.error.message.en


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
