"""Every code of photo avatars, once with a file that earns it and once with one that does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from pipeline.engine.tasks import check_entry, probe_entry
from pipeline.model.job import Job
from pipeline.model.results import Report, Status, Verdict
from pipeline.model.rules import Safety
from pipeline.stages.check import check

Sampled = Callable[[str], Path]

PHOTO, FAST, PREMIUM = "metastudio/photo-avatar", "tencent/photo-fast", "tencent/photo-premium"
COUNT = "metastudio.photo-avatar.photo.face-count"
SHARE = "metastudio.photo-avatar.photo.face-area-"
PASSING = "images/head-front.jpg"

# What it means, preset, rule, sample that fails it.
CODES = [
    ("MSS.50001001 no face", PHOTO, COUNT, "images/portrait-no-face.jpg"),
    ("MSS.50001015 several faces", PHOTO, COUNT + ".several", "images/portrait-two-faces.jpg"),
    ("MSS.50001003 not a picture inside", PHOTO, "metastudio.photo-avatar.photo.decodable", "broken/truncated.jpg"),
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
    ("too dark", FAST, "tencent.photo.lit", "images/portrait-dark.jpg"),
    ("too dark", PHOTO, "metastudio.photo-avatar.photo.lit", "images/portrait-dark.jpg"),
    ("not clear", FAST, "tencent.photo.clear", "images/portrait-blurred.jpg"),
]


def judged(path: Path, preset: str) -> Report:
    return check(Job(path=str(path), stem=path.stem, preset=preset)).report


def verdict(path: Path, preset: str, rule: str) -> Verdict:
    (found,) = [f.verdict for f in judged(path, preset).findings if f.rule.id == rule]
    return found


@pytest.mark.every(3)
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


# Of both lists, what is no property of a file: uploads and downloads of MetaStudio itself (50001009 it does not list);
# parameters, downloads and tasks of Tencent; for its dimensions no figure is published.
NOT_OF_A_FILE = {
    *(f"MSS.500010{n}" for n in ("07", "08", "09", "10", "11")),
    *("100001", "100002", "100004", "200001", "200002", "200003"),
}
ALL = {*(f"MSS.500010{n:02}" for n in range(1, 19)), *(f"10000{n}" for n in range(1, 6))}
ALL |= {f"{hundred}00{n:03}" for hundred in (2, 3) for n in (1, 2, 3)}


def test_every_code_has_its_pictures_or_is_no_property_of_a_file() -> None:
    shown = {name.partition(" ")[0] for name, *_ in (*CODES, *SPOKEN)}
    coded = {code for code in shown if code[-1].isdigit()}
    assert coded | NOT_OF_A_FILE == ALL
    assert not coded & NOT_OF_A_FILE


def test_a_picture_that_cannot_be_decoded_is_blocked_and_says_so_everywhere(sample: Sampled) -> None:
    report = judged(sample("broken/truncated.jpg"), PHOTO)
    assert report.status is Status.BLOCKED
    (count,) = [f for f in report.findings if f.rule.id == COUNT]
    assert count.reason is not None
    assert "cannot be decoded (it is cut short)" in count.reason.en
    assert "文件不完整" in count.reason.zh


def test_a_place_in_a_photo_that_complies_is_taken_out(sample: Sampled, tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 10.0, 0.0), 3: "E", 4: (121.0, 1.0, 2.0)})
    with Image.open(sample(PASSING)) as photo:
        photo.save(source, exif=exif)
    for preset in (PHOTO, FAST, "metastudio/asset-library"):
        report = judged(source, preset)
        assert report.status is Status.FIXABLE
        assert [(f.rule.id, f.fix and f.fix.safety) for f in report.findings if f.blocks] == [
            ("preflight.no-location", Safety.LOSSLESS)
        ]


def known(job: Job) -> dict[str, Any]:
    """The facts that `probe` tells."""
    told: dict[str, Any] = msgspec.json.decode(probe_entry(job, lambda _: None).facts)
    return told


def test_probe_measures_faces_when_it_decodes_anyway(sample: Sampled) -> None:
    path = str(sample(PASSING))
    (face,) = known(Job(path=path, stem="front", deep=True))["faces"]
    assert set(face["detection"]) >= {"Box", "Rotation", "Score", "AreaRatio", "FaceRadio", "FeatureRadio", "Yaw"}
    assert known(Job(path=path, stem="front")).get("faces") is None


@pytest.mark.parametrize("preset", [PHOTO, FAST, PREMIUM])
def test_a_good_photo_passes_whole(sample: Sampled, preset: str) -> None:
    report = judged(sample(PASSING), preset)
    assert [f.rule.id for f in report.findings if f.blocks] == []
    faces = [f for f in report.findings if f.rule.check.startswith("face.")]
    assert faces
    assert {f.verdict for f in faces} == {Verdict.PASS}


def test_what_cannot_be_measured_never_passes(sample: Sampled) -> None:
    report = judged(sample("images/portrait-blurred.jpg"), PHOTO)
    (pose,) = [f for f in report.findings if f.rule.id.endswith("yaw-pitch.surely")]
    assert pose.verdict is Verdict.UNKNOWN
    assert pose.blocks


def test_plots_draw_the_verdict_on_the_photo(sample: Sampled, tmp_path: Path) -> None:
    photo = sample("images/head-turned.jpg")
    check_entry(Job(path=str(photo), stem="turned", preset=PHOTO, plots=str(tmp_path)), lambda _: None)
    with Image.open(tmp_path / "turned.png") as drawn:
        assert drawn.size == (720, 720)
        assert (255, 212, 0) in {colour for _, colour in drawn.convert("RGB").getcolors(1 << 24) or []}
