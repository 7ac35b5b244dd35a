"""Crops around a face: the share wanted, the face whole, nothing enlarged; and the advice for people."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.checks import CHECKS
from pipeline.convert.image import convert as converter
from pipeline.convert.image.crop import face_crop
from pipeline.convert.image.recipe import recipe
from pipeline.errors import AssetError
from pipeline.model.facts import Face, MediaInfo, Size
from pipeline.model.limits import Aspect, Between, OneOf
from pipeline.model.results import Finding, Fix, Plan
from pipeline.model.rules import Limit, Safety
from pipeline.probe import probe
from pipeline.probe.face.crop import TIGHTEST, WIDEST, crop_for, suggested
from pipeline.rules.judge import judge
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
    left=st.integers(0, 700),
    top=st.integers(0, 500),
    width=st.integers(20, 300),
    share=st.sampled_from([WIDEST, TIGHTEST, Fraction(3, 10)]),
    ratio=st.sampled_from([Fraction(1), Fraction(4, 3), Fraction(9, 16)]),
)
def test_a_crop_keeps_the_face_whole_inside_the_picture_and_at_its_share(
    left: int, top: int, width: int, share: Fraction, ratio: Fraction
) -> None:
    face = box(left, top, width, round(width * 1.15))
    got = crop_for(Size(1000, 800), face, share, ratio)
    if got is None:
        return
    x, y, wide, tall = got
    assert x >= 0
    assert y >= 0
    assert x + wide <= 1000
    assert y + tall <= 800
    assert x <= left
    assert y <= top
    assert x + wide >= face[0] + face[2]
    assert y + tall >= face[1] + face[3]
    assert float(face[2] * face[3] / (wide * tall)) == pytest.approx(float(share), rel=0.08)


def test_a_face_too_large_for_the_crop_has_none() -> None:
    assert crop_for(Size(500, 500), box(10, 10, 460, 480), Fraction(1, 2)) is None


# ---------------------------------------------------------------------------------------------- repair


def test_a_ratio_is_cut_around_the_face_and_not_around_the_middle() -> None:
    info = _sized(Face(box=box(700, 100, 150, 180), score=Fraction(1), share=Fraction(27, 800)), Size(1000, 800))
    ask = fix("image.aspect", Fraction(5, 4), Fraction(9, 16))
    assert face_crop(info, [ask], factory.role()) == (550, 0, 450, 800)


def test_a_ratio_that_would_cut_the_face_is_refused() -> None:
    info = _sized(Face(box=box(200, 100, 600, 620), score=Fraction(1), share=Fraction(465, 1000)), Size(1000, 800))
    with pytest.raises(AssetError, match="without cutting the face"):
        face_crop(info, [fix("image.aspect", Fraction(5, 4), Fraction(9, 16))], factory.role())


def test_what_the_edge_cuts_off_already_is_no_reason_to_refuse_a_ratio() -> None:
    info = _sized(Face(box=box(-40, 100, 300, 400), score=Fraction(1), share=Fraction(13, 100)), Size(1000, 800))
    assert face_crop(info, [fix("image.aspect", Fraction(5, 4), Fraction(1))], factory.role()) == (0, 0, 800, 800)


def test_a_crop_is_suggested_in_the_proportions_of_the_picture_else_in_others() -> None:
    upright = suggested(Size(900, 1600), box(300, 500, 300, 400), WIDEST)
    assert upright is not None
    assert upright[2] / upright[3] == pytest.approx(9 / 16, abs=0.01)
    lying = suggested(Size(1600, 700), box(500, 40, 500, 620), WIDEST)
    assert lying is not None
    assert lying[2] / lying[3] == pytest.approx(4 / 3, abs=0.01), "a square would be higher than the picture"


def test_a_face_at_the_edge_cannot_be_brought_closer() -> None:
    info = _sized(Face(box=box(-20, 100, 150, 180), score=Fraction(1), share=Fraction(3, 100)), Size(1000, 800))
    with pytest.raises(AssetError, match="cannot be cropped"):
        face_crop(info, [fix("face.share", Fraction(3, 100), Fraction(1, 2))], factory.role())


def test_without_faces_nothing_is_decided_here() -> None:
    assert face_crop(factory.image(), [fix("image.aspect", Fraction(5, 4), Fraction(1))], factory.role()) is None


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_small_face_is_brought_to_its_share_and_stays_whole(tmp_path: Path, orientation: int) -> None:
    source = tmp_path / "in.jpg"
    with Image.open(build(["images/head-small.jpg"], CACHE)["images/head-small.jpg"]) as picture:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = picture.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else picture
        stored.save(source, exif=exif, quality=95)
    info = probe(source, frozenset({"faces"}))
    role = factory.role(factory.rule("face.share", Between(Fraction(1, 2), Fraction(7, 10), type="share")))
    (finding,) = judge(info, role)
    assert finding.fix is not None
    made = converter.convert(source, info, Plan(fixes=(finding.fix,)), role, tmp_path, lambda _: None)
    after = probe(Path(made[0].path), frozenset({"faces"}))
    (again,) = judge(after, role)
    assert again.verdict.value == "pass"
    assert after.faces
    assert after.faces[0].complete
    assert after.image is not None
    assert after.image.size.width <= 1280


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
