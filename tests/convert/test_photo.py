"""What is done to photos on request only, and pictures of phones."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from pipeline.convert.image import convert as converter
from pipeline.convert.image.recipe import recipe
from pipeline.convert.image.straighten import upright
from pipeline.documents.facts import facts
from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo, Size
from pipeline.model.job import Job
from pipeline.model.limits import AtLeastBox, Between, OneOf
from pipeline.model.measured import Face
from pipeline.model.results import Status
from pipeline.probe import heic, probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.rules.plan import ON_REQUEST
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from tests import factory

Sampled = Callable[[str], Path]
FAST = "tencent/photo-fast"
STRAIGHTEN, ENLARGE = frozenset({"face.roll"}), frozenset({"image.enlarge"})
CROP = frozenset({"face.framed", "face.share"})


# ------------------------------------------------------------------------------------------ straightening


def portrait(roll: int, box: tuple[int, int, int, int], size: Size) -> MediaInfo:
    info = factory.image()
    assert info.image is not None
    left, top, width, height = (Fraction(side) for side in box)
    share = width * height / (size.width * size.height)
    face = Face(box=(left, top, width, height), score=Fraction(1), share=share, roll=Fraction(roll))
    return replace(info, image=replace(info.image, size=size, stored=size), faces=(face,))


@pytest.mark.parametrize("roll", [-45, -10, 10, 30])
def test_the_picture_that_is_left_lies_wholly_inside_the_turned_one(roll: int) -> None:
    how, after = upright(portrait(roll, (450, 350, 100, 120), Size(1000, 800)), factory.role())
    assert how.size.width / how.size.height == pytest.approx(1000 / 800, abs=0.01)
    white = Image.new("L", (1000, 800), 255).rotate(roll)
    left, top = (1000 - how.size.width) // 2, (800 - how.size.height) // 2
    assert white.crop((left, top, left + how.size.width, top + how.size.height)).getextrema() == (255, 255)
    assert after.faces
    assert after.faces[0].roll == 0


def test_a_face_that_straightening_would_cut_is_refused() -> None:
    with pytest.raises(AssetError, match="without cutting the face"):
        upright(portrait(20, (0, 0, 300, 350), Size(1000, 800)), factory.role())


def test_a_face_that_would_fill_too_much_is_refused() -> None:
    role = factory.role(factory.rule("face.share", Between(None, Fraction(3, 10), type="share")))
    with pytest.raises(AssetError, match="more than is allowed"):
        upright(portrait(20, (350, 200, 350, 400), Size(1000, 800)), role)


def test_a_tilted_head_is_straightened_on_request_only(sample: Sampled, tmp_path: Path) -> None:
    job = Job(path=str(sample("images/head-tilted.jpg")), stem="tilted", preset=FAST, out=str(tmp_path))
    findings = check(job).findings
    assert planning.plan(findings).empty
    assert planning.plan(findings, allow=STRAIGHTEN).fixes
    outcome = prepare(check(replace(job, allow=STRAIGHTEN)), lambda _: None)
    assert outcome.status is Status.FIXED
    assert "upright" in outcome.steps[0].does.en
    faces = outcome.outputs[0].facts.faces
    assert faces
    assert faces[0].roll is not None
    assert abs(faces[0].roll) < 2
    assert faces[0].complete


def test_the_whole_head_goes_along_when_a_picture_is_turned() -> None:
    info = portrait(10, (450, 350, 100, 120), Size(1000, 800))
    assert info.faces
    how, after = upright(replace(info, faces=(replace(info.faces[0], head=(430, 300, 140, 180)),)), factory.role())
    assert after.faces
    assert after.faces[0].head is not None
    left, top, width, height = after.faces[0].head
    # Another program turns a picture of that head, and keeps the middle.
    drawn = Image.new("L", (1000, 800))
    drawn.paste(255, (430, 300, 570, 480))
    corner = ((1000 - how.size.width) // 2, (800 - how.size.height) // 2)
    turned = drawn.rotate(10).crop((*corner, corner[0] + how.size.width, corner[1] + how.size.height)).getbbox()
    assert turned is not None
    assert (left, top, left + width, top + height) == pytest.approx(turned, abs=2)


def test_a_head_that_lies_on_its_side_is_left_as_it_is() -> None:
    role = factory.role(factory.rule("face.roll", Between(Fraction(-8), Fraction(8), type="number")))
    (finding,) = judging.judge(portrait(80, (450, 350, 100, 120), Size(1000, 800)), role)
    assert finding.fix is None


# ---------------------------------------------------------------------------------------------- enlarging


def test_a_picture_is_enlarged_on_request_only_and_in_proportion(tmp_path: Path) -> None:
    source = tmp_path / "small.png"
    Image.linear_gradient("L").resize((60, 90)).save(source)
    info = probe(source)
    role = factory.role(factory.rule("image.size", AtLeastBox(Size(80, 80))))
    findings = judging.judge(info, role)
    (blocked,) = planning.plan(findings).blocked
    assert blocked.reason == ON_REQUEST["image.enlarge"]
    plan = planning.plan(findings, allow=ENLARGE)
    (made,) = converter.convert(source, info, plan, role, tmp_path, lambda _: None)
    after = probe(Path(made.path)).image
    assert after is not None
    assert after.size == Size(80, 120)
    assert any("enlarged from 60x90" in step.does.en for step in converter.steps(info, plan, role))


def test_a_crop_is_enlarged_where_it_leaves_too_little(sample: Sampled) -> None:
    info = probe(sample("images/head-small.jpg"), frozenset({"faces"}))
    role = factory.role(
        factory.rule("face.framed", OneOf((True,), "flag")),
        factory.rule("image.size", AtLeastBox(Size(700, 700))),
    )
    plan = planning.plan(judging.judge(info, role), allow=ENLARGE | CROP)
    assert min(recipe(info, plan, role).size) >= 700
    assert min(recipe(info, replace(plan, allowed=frozenset()), role).size) < 700


def test_who_asks_for_enlarging_still_has_what_is_too_large_made_smaller() -> None:
    role = presets.load("metastudio/asset-library").role("image")
    assert role is not None
    info = factory.image()
    assert info.image is not None
    info = replace(info, image=replace(info.image, size=Size(9900, 9900), stored=Size(9900, 9900)))
    plan = planning.plan(judging.judge(info, role), allow=ENLARGE)
    assert max(recipe(info, plan, role).size) <= 2160


def test_a_picture_that_is_too_large_still_shrinks_unasked() -> None:
    role = presets.load("metastudio/asset-library").role("image")
    assert role is not None
    info = factory.image()
    assert info.image is not None
    size = Size(9000, 4500)
    plan = planning.plan(judging.judge(replace(info, image=replace(info.image, size=size, stored=size)), role))
    assert [fix.check for fix in plan.fixes if fix.check.startswith("image.")]


# --------------------------------------------------------------------------------------------------- HEIC


def test_a_heic_of_a_phone_becomes_an_upright_srgb_jpeg(sample: Sampled, tmp_path: Path) -> None:
    job = Job(path=str(sample("images/phone.heic")), stem="phone", preset=FAST, out=str(tmp_path))
    outcome = prepare(check(job), lambda _: None)
    assert outcome.facts is not None
    before = outcome.facts.image
    assert before is not None
    assert (before.format, before.size, before.icc, before.has_location) == ("heif", (720, 960), "Display P3", True)
    assert outcome.status is Status.FIXED
    after = outcome.outputs[0].facts
    assert after.image is not None
    assert (after.image.format, after.image.icc, after.image.has_location) == ("jpeg", None, False)
    assert after.faces
    assert after.faces[0].roll is not None
    assert abs(after.faces[0].roll) < 3


def test_without_its_decoder_a_heic_has_its_boxes_and_no_measured_face(
    sample: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sample("images/phone.heic")
    monkeypatch.setattr(heic, "readable", lambda: False)
    info = probe(path, frozenset({"faces"}))
    assert info.image is not None
    assert (info.image.format, info.image.size, info.image.has_location) == ("heif", Size(720, 960), None)
    assert info.faces is None
    assert any(heic.INSTALL in remark.en and heic.INSTALL in remark.zh for remark in info.remarks)
    for preset in (FAST, "metastudio/asset-library"):  # with rules about faces and with none
        case = check(Job(path=str(path), stem="phone", preset=preset))
        assert case.error is not None
        assert case.error.type == "ToolMissing"
        assert heic.INSTALL in case.error.message.en
        assert heic.INSTALL in case.error.message.zh


def test_a_heic_that_is_cut_short_does_not_decode(sample: Sampled, tmp_path: Path) -> None:
    whole = sample("images/phone.heic").read_bytes()
    (tmp_path / "cut.heic").write_bytes(whole[: len(whole) // 2])
    info = probe(tmp_path / "cut.heic", frozenset({"decode"}))
    assert info.image is not None
    assert info.image.size == (720, 960)
    assert info.image.decodes is False
    assert "BufferedReader" not in info.remarks[0].en


# --------------------------------------------------------------------------------------------------- JSON


def test_a_face_is_also_told_in_the_words_of_the_platforms_detection(sample: Sampled) -> None:
    told = facts(probe(sample("images/portrait-1x1.jpg"), frozenset({"faces"})))
    (face,) = json.loads(json.dumps(told))["faces"]
    words = face["detection"]
    assert list(words) == [
        *("Box", "Rotation", "Score", "AreaRatio", "FaceRadio", "FeatureRadio", "Yaw", "Pitch", "MaxCrop", "MinCrop"),
    ]
    assert words["Box"]["Width"] == face["box"][2]
    assert words["MaxCrop"]["Width"] > words["MinCrop"]["Width"] > words["Box"]["Width"]
    assert 0 < words["AreaRatio"] < 0.5


def test_what_is_not_known_of_a_face_is_null_in_those_words() -> None:
    info = replace(factory.image(), faces=(Face(box=(Fraction(1),) * 4, score=Fraction(1, 2)),))
    words = facts(info)["faces"][0]["detection"]
    assert words["Yaw"] is None
    assert words["MaxCrop"] is None
