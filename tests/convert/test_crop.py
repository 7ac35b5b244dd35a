"""Crops around a face: the share wanted, the face whole, nothing enlarged; and the advice for people."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from pipeline.checks import CHECKS
from pipeline.convert.image import convert as converter
from pipeline.convert.image.crop import face_crop
from pipeline.convert.image.recipe import recipe
from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo, Size
from pipeline.model.limits import Aspect, Between, OneOf
from pipeline.model.measured import Face
from pipeline.model.results import Finding, Fix, Plan
from pipeline.model.rules import Limit, Safety
from pipeline.probe import probe
from pipeline.probe.face.crop import PORTRAIT, SHAPES, TIGHT, Framing, loose, portrait
from pipeline.rules import plan as planning
from pipeline.rules.judge import judge
from pipeline.rules.plan import ON_REQUEST
from samples import build
from tests import factory
from tests.conftest import CACHE

Box = tuple[Fraction, Fraction, Fraction, Fraction]


def box(*sides: int) -> Box:
    left, top, width, height = (Fraction(side) for side in sides)
    return left, top, width, height


def _sized(face: Face, size: Size) -> MediaInfo:
    info = factory.image()
    assert info.image is not None
    return replace(info, image=replace(info.image, size=size, stored=size), faces=(face,))


def fix(check: str, actual: Fraction, value: Fraction) -> Fix:
    return Fix(check=check, stream=None, actual=actual, value=value, safety=Safety.LOSSY)


# ------------------------------------------------------------------------------------------ arithmetic


@given(
    left=st.integers(0, 1900),
    top=st.integers(0, 1400),
    width=st.integers(20, 900),
    tall=st.integers(30, 1100),
    frame=st.sampled_from([PORTRAIT, TIGHT]),
    shape=st.sampled_from([*SHAPES, Fraction(16, 9), Fraction(9, 16)]),
)
def test_a_crop_keeps_the_head_whole_inside_the_picture_and_has_pixels_enough(
    left: int, top: int, width: int, tall: int, frame: Framing, shape: Fraction
) -> None:
    size = Size(2000, 1500)
    head = left, top, min(width, size.width - left), min(tall, size.height - top)
    got = portrait(size, head, frame, (shape,))
    if got is None:
        return
    x, y, wide, high = got
    assert 0 <= x <= head[0]
    assert 0 <= y <= head[1]
    assert head[0] + head[2] <= x + wide <= size.width
    assert head[1] + head[3] <= y + high <= size.height
    assert min(wide, high) >= 256
    assert wide / high == pytest.approx(float(shape), rel=0.02)


def test_a_portrait_stands_has_air_over_the_hair_and_more_below_the_chin() -> None:
    # A head of 600x800: 1.9 heads high, 3:4, a quarter of the 720 that are free above.
    assert portrait(Size(3000, 4000), (1000, 1000, 600, 800)) == (730, 820, 1140, 1520)


def test_a_small_picture_gives_all_it_has() -> None:
    crop = portrait(Size(240, 200), (90, 60, 60, 80))
    assert crop is not None
    assert crop[3] == 200


def test_a_head_that_no_shape_holds_has_no_crop() -> None:
    assert portrait(Size(900, 300), (100, 10, 700, 280)) is None


def test_a_crop_that_would_keep_nearly_everything_is_not_worth_making() -> None:
    assert not loose(Size(1000, 1000), (0, 0, 900, 900))
    assert loose(Size(1000, 1000), (0, 0, 600, 800))
    assert not loose(Size(1000, 1000), None)


# ---------------------------------------------------------------------------------------------- repair


def test_a_ratio_is_cut_around_the_face_and_not_around_the_middle() -> None:
    info = _sized(Face(box=box(700, 100, 150, 180), score=Fraction(1), share=Fraction(27, 800)), Size(1000, 800))
    ask = fix("image.aspect", Fraction(5, 4), Fraction(9, 16))
    assert face_crop(info, [ask], factory.role()) == (550, 0, 450, 800)


def test_a_ratio_that_would_cut_the_head_is_refused() -> None:
    face = Face(box=box(250, 200, 500, 450), score=Fraction(1), share=Fraction(28, 100), head=(200, 50, 600, 600))
    info = _sized(face, Size(1000, 800))
    with pytest.raises(AssetError, match="without cutting the head"):
        face_crop(info, [fix("image.aspect", Fraction(5, 4), Fraction(9, 16))], factory.role())


def test_hair_that_is_wider_than_the_ratio_allows_loses_at_the_sides_only() -> None:
    face = Face(box=box(350, 200, 300, 400), score=Fraction(1), share=Fraction(15, 100), head=(250, 0, 500, 600))
    crop = face_crop(
        _sized(face, Size(1000, 800)), [fix("image.aspect", Fraction(5, 4), Fraction(9, 16))], factory.role()
    )
    assert crop == (275, 0, 450, 800)


def test_a_ratio_keeps_hair_that_the_face_alone_would_lose() -> None:
    face = Face(box=box(400, 500, 300, 300), score=Fraction(1), share=Fraction(9, 80), head=(380, 100, 340, 700))
    left, top, width, height = face_crop(
        _sized(face, Size(1000, 1000)), [fix("image.aspect", Fraction(1), Fraction(4, 3))], factory.role()
    ) or (0, 0, 0, 0)
    assert (left, width, height) == (0, 1000, 750)
    assert top <= 100
    assert top + height >= 800


def test_what_the_edge_cuts_off_already_is_no_reason_to_refuse_a_ratio() -> None:
    info = _sized(Face(box=box(-40, 100, 300, 400), score=Fraction(1), share=Fraction(13, 100)), Size(1000, 800))
    assert face_crop(info, [fix("image.aspect", Fraction(5, 4), Fraction(1))], factory.role()) == (0, 0, 800, 800)


def test_a_portrait_has_a_shape_that_the_role_takes() -> None:
    face = Face(box=box(700, 300, 200, 260), score=Fraction(1), share=Fraction(4, 100), head=(680, 220, 240, 350))
    role = factory.role(factory.rule("image.aspect", Aspect((Fraction(1), Fraction(16, 9)))))
    crop = face_crop(_sized(face, Size(1600, 900)), [fix("face.share", Fraction(1, 100), Fraction(2, 100))], role)
    assert crop is not None
    assert crop[2] == crop[3]


def test_a_face_that_the_edge_cuts_off_has_no_portrait() -> None:
    info = _sized(Face(box=box(-20, 100, 150, 180), score=Fraction(1), share=Fraction(1, 100)), Size(1000, 800))
    with pytest.raises(AssetError, match="cannot be cropped"):
        face_crop(info, [fix("face.share", Fraction(1, 100), Fraction(2, 100))], factory.role())


def test_without_faces_nothing_is_decided_here() -> None:
    assert face_crop(factory.image(), [fix("image.aspect", Fraction(5, 4), Fraction(1))], factory.role()) is None


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_portrait_is_cut_out_on_request_only_and_the_head_stays_whole(tmp_path: Path, orientation: int) -> None:
    source = tmp_path / "in.jpg"
    with Image.open(build(["images/portrait-4x3.jpg"], CACHE)["images/portrait-4x3.jpg"]) as picture:
        wide = Image.new("RGB", (picture.width * 2, picture.height * 2), (90, 110, 130))
        wide.paste(picture, (picture.width // 2, picture.height))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = wide.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else wide
    stored.save(source, exif=exif, quality=95)
    info = probe(source, frozenset({"faces"}))
    role = factory.role(factory.rule("face.framed", OneOf((True,), "flag")))
    findings = judge(info, role)
    assert [finding.reason for finding in planning.plan(findings).blocked] == [ON_REQUEST["face.framed"]]
    plan = planning.plan(findings, allow=frozenset({"face.framed"}))
    made = converter.convert(source, info, plan, role, tmp_path, lambda _: None)
    after = probe(Path(made[0].path), frozenset({"faces"}))
    assert after.faces
    assert after.image is not None
    assert judge(after, role)[0].verdict.value == "pass"
    assert after.faces[0].complete
    assert Fraction(after.image.size.width, after.image.size.height) == pytest.approx(Fraction(3, 4), rel=0.01)
    assert after.faces[0].head is not None
    assert after.faces[0].head[1] > 0, "air over the hair"


# ---------------------------------------------------------------------------------------------- advice


def said(check: str, limit: Limit, **facts: Any) -> str:
    face = Face(box=box(100, 100, 200, 240), score=Fraction(1), **({"share": Fraction(3, 50)} | facts))
    (finding,) = judge(_sized(face, Size(1000, 800)), factory.role(factory.rule(check, limit)))
    return _both(finding)


def _both(finding: Finding) -> str:
    assert finding.advice is not None
    assert finding.advice.zh
    return finding.advice.en


DEGREES = Between(None, Fraction(15), type="number")


def test_advice_says_which_way_and_how_far() -> None:
    assert said("face.turn", DEGREES, yaw=Fraction(24), pitch=Fraction(2)) == "Turn your head 24° to your right."
    assert said("face.turn", DEGREES, yaw=Fraction(-24), pitch=Fraction(-20)) == (
        "Turn your head 24° to your left and raise your chin by 20°."
    )


def test_advice_names_the_crop_that_would_do() -> None:
    text = said(
        "face.share", Between(Fraction(1, 2), None, type="share"), share=Fraction(6, 100), max_crop=(50, 60, 307, 307)
    )
    assert text == "Step closer: the face fills 6 % of the picture, 50 % is wanted; cropping to 307x307+50+60 would do."


def test_a_share_is_told_in_both_readings() -> None:
    text = said("face.share", Between(Fraction(1, 2), None, type="share"), head=(50, 40, 300, 400))
    assert text == (
        "Step closer: the face fills 6 % of the picture from hair line to chin, the whole head with hair 15 %, "
        "50 % is wanted."
    )


def test_a_crop_is_proposed_and_small_ones_are_told() -> None:
    crop = said("face.framed", OneOf((True,), "flag"), complete=True, framed=False, max_crop=(50, 60, 300, 400))
    assert "--crop, such as 300x400+50+60 of 1000x800." in crop
    assert "less than 256 pixels" in said(
        "face.framed", OneOf((True,), "flag"), complete=True, framed=False, max_crop=(50, 60, 200, 270)
    )


def test_a_crop_around_one_of_several_is_named_only_where_it_shows_no_other() -> None:
    first = Face(box=box(100, 100, 200, 240), score=Fraction(1), share=Fraction(6, 100), max_crop=(50, 40, 400, 500))
    other = Face(box=box(600, 100, 150, 200), score=Fraction(1), share=Fraction(3, 100))
    near = replace(other, box=box(400, 100, 150, 200))
    role = factory.role(factory.rule("face.count", OneOf((1,), "count")))
    texts = []
    for second in (other, near):
        (finding,) = judge(replace(_sized(first, Size(1000, 800)), faces=(first, second)), role)
        texts.append(_both(finding))
    assert "crop it to 400x500+50+40" in texts[0]
    assert "crop it" not in texts[1]


def test_a_crop_that_would_not_do_is_not_named() -> None:
    crops = {"max_crop": (50, 60, 307, 307), "min_crop": (90, 90, 272, 272)}
    closer = said("face.share", Between(Fraction(3, 5), None, type="share"), **crops)
    assert "272x272+90+90 would do" in closer
    assert "would do" not in said("face.share", Between(Fraction(9, 10), None, type="share"), **crops)


# Check, limit, what is measured, words of the advice: each with its number, and the way where there is one.
FIGURES: list[tuple[str, Limit, dict[str, Any], str]] = [
    ("face.yaw", DEGREES, {"yaw": Fraction(24)}, "24° to your right."),
    (
        "face.pitch",
        Between(Fraction(-15), Fraction(15), type="number"),
        {"pitch": Fraction(-21)},
        "Raise your chin by 21°.",
    ),
    ("face.gaze", Between(None, Fraction(1, 5), type="number"), {"gaze": Fraction(2, 5)}, "to your left, by 40 %"),
    ("face.gaze", Between(None, Fraction(1, 5), type="number"), {"gaze": Fraction(-2, 5)}, "to your right, by 40 %"),
    ("face.eyes_open", Between(Fraction(1, 5), None, type="number"), {"eyes_open": Fraction(1, 20)}, "5 %, 20 % is"),
    (
        "face.eye_distance",
        Between(Fraction(90), None, type="number"),
        {"eye_distance": Fraction(40)},
        "40 px, 90 px is",
    ),
    (
        "face.outline_share",
        Between(Fraction(1, 2), None, type="share"),
        {"outline_share": Fraction(1, 4)},
        "closer: the share",
    ),
    (
        "face.outline_share",
        Between(None, Fraction(1, 2), type="share"),
        {"outline_share": Fraction(3, 4)},
        "back: the share",
    ),
    ("face.contrast", Between(Fraction(1, 5), None, type="share"), {"contrast": Fraction(1, 10)}, "10 %, 20 % is"),
    ("face.over_exposed", Between(None, Fraction(1, 20), type="share"), {"over_exposed": Fraction(1, 2)}, "less light"),
    (
        "face.under_exposed",
        Between(None, Fraction(1, 20), type="share"),
        {"under_exposed": Fraction(1, 2)},
        "more light",
    ),
    (
        "face.evenness",
        Between(Fraction(3, 5), None, type="share"),
        {"evenness": Fraction(1, 4)},
        "25 %, 60 % is wanted.",
    ),
    ("face.sharpness", Between(Fraction(3, 10), None, type="share"), {"sharpness": Fraction(1, 5)}, "20 %, 30 % is"),
    (
        "face.background",
        Between(Fraction(1, 2), None, type="share"),
        {"background_evenness": Fraction(0)},
        "plain, evenly",
    ),
    ("face.drawing", Between(None, Fraction(3, 10), type="share"), {"drawing": Fraction(9, 10)}, "real person"),
]


@pytest.mark.parametrize(("check", "limit", "facts", "words"), FIGURES)
def test_advice_on_every_figure_has_its_number(check: str, limit: Limit, facts: dict[str, Any], words: str) -> None:
    text = said(check, limit, **facts)
    assert words in text
    assert any(sign.isdigit() for sign in text)


def test_every_check_on_faces_has_advice() -> None:
    assert [name for name, one in CHECKS.items() if name.startswith("face.") and one.advise is None] == []


def test_advice_for_a_face_too_large_is_to_step_back() -> None:
    limit = Between(None, Fraction(7, 10), type="share")
    assert said("face.share", limit, share=Fraction(8, 10)) == (
        "Step back: the face fills 80 % of the picture, at most 70 % is wanted."
    )


def test_advice_for_nobody_and_for_several() -> None:
    limit = OneOf((1,), "count")
    for count, start in ((0, "No face"), (2, "2 faces")):
        face = Face(box=box(0, 0, 9, 9), score=Fraction(1), share=Fraction(1, 10))
        info = _sized(face, Size(1000, 800))
        (finding,) = judge(replace(info, faces=(face,) * count), factory.role(factory.rule("face.count", limit)))
        assert _both(finding).startswith(start)


def test_every_advice_has_both_languages_and_ends() -> None:
    facts = {
        "roll": Fraction(20),
        "complete": False,
        "mouth_open": Fraction(3, 10),
        "covered": ("mouth",),
        "feature_occlusion": Fraction(1),
        "off_centre": (Fraction(3, 10), Fraction(-4, 10)),
        "brightness": Fraction(1, 10),
    }
    limits = {
        "face.roll": Between(None, Fraction(10), type="number"),
        "face.mouth_open": Between(None, Fraction(1, 10), type="number"),
        "face.feature_occlusion": Between(None, Fraction(1, 2), type="share"),
        "face.off_centre": Between(None, Fraction(1, 4), type="share"),
        "face.brightness": Between(Fraction(1, 4), None, type="share"),
    }
    for check, limit in limits.items():
        assert CHECKS[check].advise is not None
        assert said(check, limit, **facts).endswith(".")


def test_aspect_is_still_cut_in_the_middle_without_faces() -> None:
    info = factory.image()
    plan = Plan(fixes=(fix("image.aspect", Fraction(16, 9), Fraction(1)),))
    role = factory.role(factory.rule("image.aspect", Aspect((Fraction(1),))))
    assert recipe(info, plan, role).crop is None
