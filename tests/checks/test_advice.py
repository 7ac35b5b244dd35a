"""What a person is told to do about a picture. Signs are those of docs/faces.md; right and left are one's own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.checks import face_advice as advice
from pipeline.checks.face import CHECKS
from pipeline.model.facts import ImageInfo, Kind, MediaInfo, Size, Text
from pipeline.model.limits import Between, OneOf
from pipeline.model.measured import Face
from pipeline.model.rules import Safety

F = Fraction
AT_MOST = Between(None, F(1, 10), type="share")
AT_LEAST = Between(F(9, 10), None, type="share")
NO_NUMBER = OneOf(("none",))


def face(**values: Any) -> Face:
    return Face(**{"box": (F(100), F(100), F(200), F(200)), "score": F(9, 10), **values})


def picture(*faces: Face) -> MediaInfo:
    size = Size(1000, 800)
    return MediaInfo(
        name="a.jpg", kind=Kind.IMAGE, size=1, extension="jpg", faces=faces,
        image=ImageInfo(format="jpeg", stored=size, size=size),
    )  # fmt: skip


def said(advise: advice.Advise, limit: Any = AT_MOST, **values: Any) -> str | None:
    told = advise(picture(face(**values)), limit)
    if told:
        assert told.zh
        assert told.zh.endswith("。")
    return told.en if told else None


def test_of_several_faces_the_one_that_fills_most_is_spoken_of() -> None:
    small, large, unknown = face(share=F(1, 10)), face(share=F(2, 10)), face()
    for faces in ((small, large, unknown), (unknown, large, small), (large, small)):
        assert advice.largest(picture(*faces)) == large
    assert advice.largest(picture()) is None
    assert advice.mouth(picture(), AT_MOST) is None


def test_too_many_and_too_few() -> None:
    nobody = advice.count(picture(), AT_MOST)
    assert nobody is not None
    assert nobody.en.startswith("No face is seen.")
    cropped = face(max_crop=(10, 20, 300, 400), min_crop=(1, 2, 3, 4))
    beside, within = face(box=(F(310), F(100), F(200), F(200))), face(box=(F(309), F(100), F(200), F(200)))
    left = face(box=(F(0), F(100), F(10), F(200)))  # it ends where the crop begins
    for first, second, ending in (
        (cropped, beside, "Take the picture alone, or crop it to 300x400+10+20 around the largest face."),
        (cropped, left, "Take the picture alone, or crop it to 300x400+10+20 around the largest face."),
        (cropped, within, "Take the picture alone."),
        (replace(cropped, max_crop=None), beside, "Take the picture alone."),
        (face(), beside, "Take the picture alone."),
    ):
        told = advice.count(picture(first, second), AT_MOST)
        assert told is not None
        assert told.en == f"2 faces are seen. {ending}"


def test_step_closer_or_back() -> None:
    wanted = Between(F(1, 4), F(1, 2), type="share")
    assert said(advice.share, wanted, share=F(6, 10)) == (
        "Step back: the face fills 60 % of the picture, at most 50 % is wanted."
    )
    near = "Step closer: the face fills 5 % of the picture, 25 % is wanted"
    assert said(advice.share, wanted, share=F(1, 20)) == f"{near}."
    # 200 x 200 of 400 x 400 is a quarter, of 300 x 300 four ninths, of 500 x 500 less than a quarter.
    wide, fits, tight = (0, 0, 500, 500), (7, 8, 400, 400), (9, 9, 300, 300)
    assert said(advice.share, wanted, share=F(1, 20), max_crop=fits, min_crop=tight) == (
        f"{near}; cropping to 400x400+7+8 would do."
    )
    assert said(advice.share, wanted, share=F(1, 20), max_crop=wide, min_crop=tight) == (
        f"{near}; cropping to 300x300+9+9 would do."
    )
    assert said(advice.share, wanted, share=F(1, 20), max_crop=wide) == f"{near}."
    assert said(advice.share, wanted) is None
    assert said(advice.share, NO_NUMBER, share=F(1, 20)) is None


@pytest.mark.parametrize(
    ("yaw", "pitch", "right"),
    [
        # To the picture's right is to one's own left: back to the right. Looking up: chin down.
        (20, 0, "Turn your head 20° to your right."),
        (-20, 0, "Turn your head 20° to your left."),
        (0, 20, "Lower your chin by 20°."),
        (0, -20, "Raise your chin by 20°."),
        (F(-303, 10), F(151, 10), "Turn your head 30° to your left and lower your chin by 15°."),
        (F(1, 2), F(1, 2), None),
        (None, 20, None),
        (20, None, None),
    ],
)
def test_which_way_to_turn(yaw: Any, pitch: Any, right: str | None) -> None:
    values = {"yaw": None if yaw is None else F(yaw), "pitch": None if pitch is None else F(pitch)}
    assert said(advice.turn, Between(None, F(10)), **values) == right


def test_small_turns_and_tilts_have_their_side_too() -> None:
    assert said(advice.yaw, yaw=F(1, 2)) == "Turn your head 0° to your right."
    assert said(advice.yaw, yaw=F(-1, 2)) == "Turn your head 0° to your left."
    assert said(advice.pitch, pitch=F(3, 4)) == "Lower your chin by 1°."
    assert said(advice.pitch, pitch=F(-3, 4)) == "Raise your chin by 1°."
    assert said(advice.yaw, yaw=F(0)) == "Turn your head 0° to your left."
    assert said(advice.pitch, pitch=F(0)) == "Raise your chin by 0°."
    assert (said(advice.yaw), said(advice.pitch), said(advice.tilt)) == (None, None, None)
    for roll, side in ((F(12), "right"), (F(-12), "left"), (F(1, 2), "right"), (F(-1, 2), "left")):
        told = said(advice.tilt, roll=roll)
        assert told is not None
        assert told.startswith(f"Tilt your head {abs(round(roll))}° towards your {side} shoulder")


@pytest.mark.parametrize(
    ("box", "edges"),
    [
        ((0, 0, 1000, 800), None),
        ((-1, 0, 500, 500), "left"),
        ((0, -1, 500, 500), "upper"),
        ((501, 0, 500, 500), "right"),
        ((0, 301, 500, 500), "lower"),
        ((500, 300, 500, 500), None),
        ((-1, -1, 1002, 802), "left and right and upper and lower"),
    ],
)
def test_where_a_face_is_cut(box: tuple[int, ...], edges: str | None) -> None:
    told = said(advice.complete, box=tuple(map(F, box)))
    assert told == (edges and f"Move so that the whole face is seen: it is cut at the {edges} edge.")
    assert advice.complete(replace(picture(face(box=(F(-1), F(0), F(1), F(1)))), image=None), AT_MOST) is None


@pytest.mark.parametrize(
    ("x", "y", "right"),
    [
        (F(2, 10), F(0), "20 % to the right"),
        (F(-2, 10), F(0), "20 % to the left"),
        (F(0), F(2, 10), "20 % too low"),
        (F(0), F(-2, 10), "20 % too high"),
        (F(-3, 10), F(2, 10), "30 % to the left and 20 % too low"),
        (F(1, 10), F(-1, 10), None),
    ],
)
def test_where_the_middle_is(x: Fraction, y: Fraction, right: str | None) -> None:
    told = said(advice.centre, off_centre=(x, y))
    assert told == (right and f"Put the face in the middle: it is {right} of the picture.")
    assert said(advice.centre) is None


def test_what_covers_it_is_named() -> None:
    assert said(advice.covered, covered=("nose", "left eye")) == "Uncover the nose and the left eye."
    for covered in (None, (), ("ear",)):
        told = said(advice.covered, covered=covered)
        assert told is not None
        assert told.startswith("Uncover eyes, nose and mouth:")


def test_mouth_light_and_gaze() -> None:
    assert said(advice.mouth, mouth_open=F(1, 4)) == ("Close your mouth, no teeth: it is 25 % open.")
    wanted = Between(F(4, 10), F(6, 10), type="share")
    assert said(advice.brightness, wanted, brightness=F(2, 10)) == (
        "Put more light on the face: its brightness is 20 %."
    )
    assert said(advice.brightness, wanted, brightness=F(8, 10)) == (
        "Put less light on the face: its brightness is 80 %."
    )
    for gaze, way in ((F(3, 10), "left"), (F(-3, 10), "right")):
        assert said(advice.gaze, gaze=gaze) == (
            f"Look into the camera: your eyes look to your {way}, by 30 % of half the width of an eye."
        )
    assert [said(one) for one in (advice.mouth, advice.brightness, advice.gaze)] == [None, None, None]


FIGURES = {
    "eyes_open": (advice.eyes, "Open both eyes", "Relax your eyes"),
    "red_eyes": (advice.red_eyes, "Use a photo with redder", "Light the face without a flash"),
    "outline_share": (advice.outline_share, "Step closer", "Step back"),
    "contrast": (advice.contrast, "Use clearer light", "Use softer light"),
    "over_exposed": (advice.over_exposed, "Put more light", "Put less light"),
    "under_exposed": (advice.under_exposed, "Put less light", "Put more light"),
    "evenness": (advice.evenness, "Light both halves", "Light the face more from one side"),
    "sharpness": (advice.sharpness, "Focus on the eyes", "Sharpen less"),
    "background_evenness": (advice.background, "Stand before a plain", "Stand before something less plain"),
    "drawing": (advice.drawing, "Use a drawing", "Use a photo of a real person"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_more_or_less_of_it(name: str) -> None:
    advise, more, less = FIGURES[name]
    low, high = said(advise, AT_LEAST, **{name: F(1, 2)}), said(advise, AT_MOST, **{name: F(1, 2)})
    assert low is not None
    assert high is not None
    assert low.startswith(more)
    assert low.endswith(" 50 %, 90 % is wanted.")
    assert high.startswith(less)
    assert high.endswith(" 50 %, 10 % is wanted.")
    assert said(advise, AT_MOST) is None
    assert said(advise, NO_NUMBER, **{name: F(1, 2)}) is None


def test_the_distance_of_the_eyes_is_in_pixels() -> None:
    wide = said(advice.eye_distance, Between(F(90), None), eye_distance=F(40))
    assert (
        wide == "Step closer or use a camera with more pixels: the distance between the eyes is 40 px, 90 px is wanted."
    )
    near = said(advice.eye_distance, Between(None, F(90)), eye_distance=F(140))
    assert near == "Step back: the distance between the eyes is 140 px, 90 px is wanted."


# --- what is read of it, and what can be done without the person ------------------------------------------

BY_NAME = {check.name: check for check in CHECKS}


def read(name: str, info: MediaInfo) -> list[Any]:
    return [reading.value for reading in BY_NAME[name].read(info)]


def test_what_is_read_of_a_face() -> None:
    one = picture(face(yaw=F(-12), pitch=F(5), off_centre=(F(-1, 4), F(1, 8)), gaze=F(-1, 3)))
    assert [read(name, one) for name in ("face.turn", "face.off_centre", "face.gaze", "face.count")] == [
        [12], [F(1, 4)], [F(1, 3)], [1],
    ]  # fmt: skip
    assert read("face.turn", picture(face(yaw=F(3), pitch=F(-30)))) == [30]
    for untold in (face(), face(yaw=F(3)), face(pitch=F(3))):
        assert read("face.turn", picture(untold)) == [None]
    assert [read(name, picture(face())) for name in ("face.off_centre", "face.gaze")] == [[None], [None]]
    assert read("face.turn", picture()) == []
    assert (read("face.count", picture()), read("face.count", replace(picture(), faces=None))) == ([0], [None])


def test_a_face_is_made_larger_by_cropping_and_upright_by_turning() -> None:
    share, roll = BY_NAME["face.share"].safety, BY_NAME["face.roll"].safety
    assert share is not None
    assert roll is not None
    # With hair and shoulders a head is half of a portrait at most: no crop of ours makes a face fill that.
    assert [share(F(1, 50), wanted) for wanted in (F(2, 100), F(3, 100), F(1, 2), F(1, 100), "x")] == [
        Safety.MANUAL, Safety.LOSSY, Safety.MANUAL, Safety.MANUAL, Safety.MANUAL,
    ]  # fmt: skip
    assert share("x", F(1)) is Safety.MANUAL
    # Turned by more than 45 degrees less than half of the picture is left.
    assert [roll(F(at), F(0)) for at in (45, -45, F(451, 10), -90)] == [
        Safety.LOSSY, Safety.LOSSY, Safety.MANUAL, Safety.MANUAL,
    ]  # fmt: skip
    assert roll("x", F(0)) is Safety.MANUAL
    says = BY_NAME["face.roll"].says
    assert says is not None
    assert says(F(-124, 10), F(0)) == Text("turned by 12° so that the head is upright", "旋转 12° 使头部端正")
    assert says("x", F(0)).en == "turned by ?° so that the head is upright"
