"""What a new picture is compared with, and what becomes of scores: a stand-in for ffmpeg leaves logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.convert.av import reference
from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import Recipe
from pipeline.errors import ToolFailed
from pipeline.model.facts import Kind, MediaInfo, Size, VideoStream
from pipeline.model.results import Part, Proof, Reference
from pipeline.model.rules import Role
from pipeline.rules import presets
from pipeline.tools import programs
from pipeline.verify import quality

F = Fraction

# --- which frames -------------------------------------------------------------------------------------


def recipe(
    seconds: str | None, size: Size | None = None, rate: int | None = 25, group: int | None = None, **more: Any
) -> Recipe:
    """A picture of so many seconds, encoded."""
    lasts = F(seconds) if seconds else None
    picture = Picture(
        codec="h264", pixel_format="yuv420p", playing=F(rate) if rate else None, shown=size, group=group, lasts=lasts
    )
    return Recipe(container="mp4", video=VideoStream(index=0), picture=picture, **more)


@pytest.mark.parametrize(
    ("asked", "step"),
    [
        # No second without a frame that is looked at: 0.9 s are 22 frames of 25, and 21 an odd number.
        (recipe("60"), 21),
        (recipe("540"), 21),
        # 1,250 million pixels are 602 pairs of 1080p; an hour has one in 5.98 s, in 149 frames of 25.
        (recipe("3600", Size(1920, 1080)), 149),
        # ... and 150 of 4K: ten minutes have one in 4 s.
        (recipe("600", Size(3840, 2160)), 99),
        # One in ten seconds at least; one in two where it is not known how long it is.
        (recipe("36000", Size(1920, 1080)), 249),
        (recipe(None), 49),
        # Entry points, every 250 frames, are not met more often than chance has it: 250 has the divisors 2 and 5.
        (recipe("36000", Size(1920, 1080), group=250), 249),
        (recipe("600", Size(3840, 2160), group=250), 99),
        (recipe("60", group=250), 21),
        (recipe("0.5", group=250), 2),
        # Twelve where there are as many: 4 s of 100 frames, every seventh. A second has two neighbours.
        (recipe("4"), 7),
        (recipe("0.5"), 2),
        (recipe("0"), 49),
        # Pictures so large that there would be fewer than twelve.
        (recipe("60", Size(12000, 12000)), 125),
        # Its own rate; where none is known, 25.
        (recipe("60", rate=50), 45),
        (recipe("60", rate=None), 21),
        # What is cut off does not count, nor do the other parts of a source that is split.
        (recipe("60", length=F(4)), 7),
        (recipe(None, length=F(4)), 7),
        (recipe("4", length=F(60)), 7),
        (recipe("60", part=Part(number=1, of=2, start=F(0), length=F(4))), 7),
        (recipe("60", part=Part(number=2, of=2, start=F(56))), 7),
        (recipe(None, part=Part(number=2, of=2, start=F(56))), 49),
    ],
)
def test_pairs_lie_evenly_over_the_whole_length(asked: Recipe, step: int) -> None:
    assert reference.every(asked) == step


def test_what_was_copied_has_no_frames_to_keep() -> None:
    with pytest.raises(ValueError, match="only an encoded picture"):
        reference.every(replace(recipe("60"), picture=None))


# --- how ----------------------------------------------------------------------------------------------

STREAM = VideoStream(
    index=2, codec="h264", size=Size(1920, 1080), frame_rate=F(25), variable=False, frames=750, duration=F(30)
)
MADE = MediaInfo(
    name="clip.mp4", kind=Kind.VIDEO, size=1, extension="mp4", container="mp4", duration=F(30), video=(STREAM,)
)
PLAIN = Picture(codec="h264", pixel_format="yuv420p", playing=F(25))
CLEAR = Picture(codec="prores", pixel_format="yuva444p10le", alpha=True, playing=F(25))
Measure = Callable[..., dict[str, Proof]]


def planes(score: float | str) -> str:
    """SSIM as ffmpeg writes it; a number stands for all planes."""
    return score if isinstance(score, str) else f"Y:{score} U:{score} V:{score} All:{score}"


def role(**deliver: Any) -> Role:
    found = presets.load("convert/h264-1080p").role_for(Kind.VIDEO)
    assert found is not None
    return replace(found, deliver=tuple(sorted(deliver.items())))


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """The proofs when ffmpeg counts so many frames and leaves these scores; its words are in `words`."""
    script, media, work = tmp_path / "script", tmp_path / "media", tmp_path / "work"
    media.touch()
    work.mkdir()
    script.touch(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(script))

    def measure(
        vmaf: Sequence[float | None] | str = (90, 80), ssim: Sequence[float | str] = (0.9,),
        alpha: Sequence[float] | None = None,
        *, made: Picture = PLAIN, output: MediaInfo = MADE, every: int = 22, frames: int = 750, **deliver: Any,
    ) -> dict[str, Proof]:  # fmt: skip
        listed = ",".join('{"metrics":{%s}}' % ("" if v is None else f'"vmaf":{v}') for v in vmaf)
        logs = {
            "scores.json": vmaf if isinstance(vmaf, str) else f'{{"frames":[{listed}]}}',
            "ssim.log": "".join(f"n:1 {planes(score)} (9.9)\n" for score in ssim),
        }
        if alpha is not None:
            logs["alpha.log"] = "".join(f"n:1 mse_avg:{square} mse_y:7 psnr_avg:50\n" for square in alpha)
        written = "".join(f"cat > {name} <<'END'\n{text}\nEND\n" for name, text in logs.items())
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > words\n{written}echo frame={frames}\n')
        try:
            kept = Reference(str(media), every)
            found = list(quality.measure(media, output, made, kept, role(**deliver), work))
        finally:
            if (work / "words").exists():
                (tmp_path / "words").write_text((work / "words").read_text())
                (work / "words").unlink()
            assert list(work.iterdir()) == []
        return {proof.name.en: proof for proof in found}

    return measure  # type: ignore[return-value]  # its arguments are named above


def words(folder: Path) -> tuple[str, list[str]]:
    """The graph that ffmpeg was given, and all its words."""
    said = (folder / "words").read_text().splitlines()
    return said[said.index("-filter_complex") + 1], said


def test_while_it_is_decoded_once_its_frames_are_held_against_those_kept(measure: Measure, tmp_path: Path) -> None:
    measure()
    graph, said = words(tmp_path)
    assert [word for word in said if word.startswith("file:")] == ["file:decode0", "file:kept0"]
    # All frames go where they are counted, the first output, which the progress report speaks of.
    assert said[said.index("-map") + 1] == "[whole]"
    assert graph.startswith("[0:2]split[whole][some];[some]select='lt(mod(n,22),2)',")
    # libvmaf and ssim take the output first and the reference after it.
    assert "[mades0][kepts0]ssim=stats_file=ssim.log[compared0]" in graph
    assert "[mades1][kepts1]libvmaf=model=version=vmaf_v0.6.1:n_subsample=2:" in graph
    assert "alphaextract" not in graph
    # What complains ends it; nothing is left out of the pictures that are compared.
    assert "-xerror" in said
    assert "explode" in said
    assert "-skip_loop_filter" not in said
    # Foreign files are opened behind the allow-lists, our own behind a shorter one.
    assert said[said.index("file:kept0") - 2] == "ffvhuff"


def test_of_several_pictures_the_first_is_compared(measure: Measure, tmp_path: Path) -> None:
    measure(output=replace(MADE, video=(replace(STREAM, index=3), replace(STREAM, index=7, size=Size(16, 16)))))
    graph, _ = words(tmp_path)
    assert graph.count("[0:3]") == 1
    assert ":7]" not in graph
    assert "libvmaf" in graph


def test_transparency_is_decoded_by_who_sees_it_and_compared_apart(measure: Measure, tmp_path: Path) -> None:
    clear = replace(MADE, video=(replace(STREAM, codec="prores", alpha=True),))
    measure(alpha=(1.0,), made=CLEAR, output=clear)
    graph, said = words(tmp_path)
    assert graph.count("alphaextract") == 2
    assert graph.count("format=yuva444p10le") == 2
    assert graph.count("format=yuv444p[") == 4  # what VMAF and SSIM see has no alpha, and eight bits
    assert "psnr=stats_file=alpha.log" in graph
    assert "-c:2" not in said
    webm = replace(clear, video=(replace(STREAM, codec="vp9"),))
    measure(alpha=(1.0,), made=CLEAR, output=webm)
    said = words(tmp_path)[1]
    assert said[said.index("-c:2") + 1] == "libvpx-vp9"


@pytest.mark.parametrize(
    ("size", "model"),
    [
        (Size(2560, 1440), "vmaf_v0.6.1"),
        (Size(2560, 1442), "vmaf_4k_v0.6.1"),
        (Size(2562, 1440), "vmaf_4k_v0.6.1"),
        (Size(1440, 2560), "vmaf_v0.6.1"),
        (Size(3840, 2160), "vmaf_4k_v0.6.1"),
        (None, "vmaf_v0.6.1"),
    ],
)
def test_large_pictures_are_judged_as_on_large_screens(
    size: Size | None, model: str, measure: Measure, tmp_path: Path
) -> None:
    measure(output=replace(MADE, video=(replace(STREAM, size=size),)))
    assert f"version={model}:" in words(tmp_path)[0]


def test_pictures_too_small_for_ssim_are_shown_larger(measure: Measure, tmp_path: Path) -> None:
    for size, scaled in ((Size(16, 16), None), (Size(15, 900), "w=30:h=900"), (Size(6, 1), "w=18:h=16")):
        measure((), output=replace(MADE, video=(replace(STREAM, size=size),)))
        graph = words(tmp_path)[0]
        assert graph.count("scale=") == (2 if scaled else 0)
        assert scaled is None or f"scale={scaled}:flags=neighbor" in graph


def test_what_does_not_decode_whole_is_not_scored(measure: Measure) -> None:
    found = measure(frames=749)
    assert [(name, proof.passed) for name, proof in found.items()] == [("decodes whole", False)]


# --- scores -------------------------------------------------------------------------------------------
# Pairs 22 frames apart at 25 a second: pair 0 and 1 (0.88 s) in the first second, 2 (1.76 s) in the next, 3 at 2.64 s.


def summed(mean: str, count: int, low: str, worst: str, lowest: str | None = None) -> str:
    held = f"95 % of them at least {low}, the lowest {lowest or low}"
    return f"{mean} (mean of {count} frames over the whole length; {held}; worst second {worst})"


@pytest.mark.parametrize(
    ("scores", "right", "said"),
    [
        ((70, 70), True, summed("70.0", 2, "70.0", "70.0 at 0:00")),
        ((100, 40), True, summed("70.0", 2, "40.0", "70.0 at 0:00")),
        # 69.95; motion alone gives no score.
        ((69, None, 70.9, None), False, summed("70.0", 2, "69.0", "70.0 at 0:00")),
        ((99, 99, 50), True, summed("82.7", 3, "50.0", "50.0 at 0:01")),
        # One bad second among good ones: the mean is fine.
        ((99, 99, 49.9), False, summed("82.6", 3, "49.9", "49.9 at 0:01")),
        ((99,) * 80 + (10,), False, summed("97.9", 81, "99.0", "10.0 at 1:10", "10.0")),
        ((99,) * 69 + (10,) + (99,) * 11, False, summed("97.9", 81, "99.0", "10.0 at 1:00", "10.0")),
        # Of 20 the lowest; of 21 the second lowest, which one in 21 lies below.
        ((60, *(90,) * 19), True, summed("88.5", 20, "60.0", "75.0 at 0:00")),
        ((60, *(90,) * 20), True, summed("88.6", 21, "90.0", "75.0 at 0:00", "60.0")),
        # A spoilt pair in a second whose other is whole.
        ((99, 30, 99, 99), True, summed("81.8", 4, "30.0", "64.5 at 0:00")),
        ((99, 29.9, 99, 99), False, summed("81.7", 4, "29.9", "64.5 at 0:00")),
    ],
)  # fmt: skip
def test_vmaf_is_held_to_70_and_each_second_to_50(
    scores: Sequence[float | None], right: bool, said: str, measure: Measure
) -> None:
    found = measure(scores)["VMAF"]
    assert (found.passed, found.found.en, found.expected.en) == (
        right,
        said,
        "at least 70, no second below 50, no frame below 30",
    )


@pytest.mark.parametrize(
    ("scores", "right", "worst"),
    [
        ((0.8501,), True, "worst second 0.8501 at 0:00"),
        ((0.8499,), False, "worst second 0.8499 at 0:00"),
        ((0.95, 0.95, 0.95, 0.95, 0.75, 0.75), True, "worst second 0.7500 at 0:01"),
        ((0.95, 0.95, 0.95, 0.95, 0.75, 0.74), False, "worst second 0.7450 at 0:01"),  # both of a pair count
        ((1.0, 0.71), True, "worst second 0.8550 at 0:00"),
    ],
)
def test_ssim_is_held_to_085_and_each_second_to_075(
    scores: Sequence[float], right: bool, worst: str, measure: Measure
) -> None:
    found = measure(ssim=scores)["SSIM"]
    assert (found.passed, found.expected.en) == (right, "at least 0.85, no second below 0.75, no frame below 0.65")
    assert worst in found.found.en


@pytest.mark.parametrize(
    ("planes", "right"),
    [
        ("Y:0.99 U:0.86 V:0.86 All:0.95", {"SSIM": True, "SSIM of colour": True}),
        ("Y:0.99 U:0.86 V:0.83 All:0.95", {"SSIM": True, "SSIM of colour": False}),
        ("Y:0.99 U:0.83 V:0.88 All:0.95", {"SSIM": True, "SSIM of colour": True}),
        ("Y:0.80 U:0.99 V:0.99 All:0.84", {"SSIM": False, "SSIM of colour": True}),
    ],
)
def test_colour_is_judged_by_itself_too(planes: str, right: dict[str, bool], measure: Measure) -> None:
    found = measure(ssim=(planes,))
    assert {name: found[name].passed for name in right} == right


def test_where_no_rate_is_known_frames_are_named(measure: Measure) -> None:
    output = replace(MADE, video=(replace(STREAM, frame_rate=None),))
    assert "worst second 60.0 at 0:01)" in measure((90, 90, 60), output=output)["VMAF"].found.en
    assert "worst second 60.0 at frame 44)" in measure(
        (90, 90, 60), output=output, made=replace(PLAIN, playing=None)
    )["VMAF"].found.en  # fmt: skip


FINER = replace(PLAIN, crf=PLAIN.encoder.finer)
EVEN = Picture(codec="prores", pixel_format="yuv422p10le", playing=F(25))


@pytest.mark.parametrize(
    ("scores", "made", "asked", "short"),
    [
        ((96, 96), PLAIN, {"aim_vmaf": 96}, False),
        ((95, 96), PLAIN, {"aim_vmaf": 96}, True),
        ((99, 99, 91.9, 99), PLAIN, {"aim_vmaf": 96}, True),  # the worst second by more than 4
        ((99, 99, 92, 99), PLAIN, {"aim_vmaf": 96}, False),
        ((60, 60), PLAIN, {}, True),
        ((80, 80), PLAIN, {}, False),
        ((80, 80), PLAIN, {"min_vmaf": 90, "aim_vmaf": 50}, True),
        ((60, 60), FINER, {"aim_vmaf": 96}, False),  # there is no third try
        ((60, 60), EVEN, {"aim_vmaf": 96}, False),  # and nothing to set
    ],
)
def test_what_falls_short_can_be_tried_again(
    scores: Sequence[float], made: Picture, asked: dict[str, int], short: bool, measure: Measure
) -> None:
    assert measure(scores, made=made, **asked)["VMAF"].short is short


def test_a_preset_may_set_both_floors(measure: Measure) -> None:
    low = measure((60, 60), (0.6,), min_vmaf=60, min_ssim=F(1, 2))
    assert [(p.passed, p.expected.en.partition(",")[0]) for p in list(low.values())[1:]] == [
        (True, "at least 60"),
        (True, "at least 0.5"),
        (True, "at least 0.5"),
    ]
    high = measure((90, 90), (0.9,), min_vmaf=F(181, 2), min_ssim=F(91, 100))
    assert [(p.passed, p.expected.en) for p in list(high.values())[1:]] == [
        (False, "at least 90.5, no second below 70.5, no frame below 50.5"),
        (False, "at least 0.91, no second below 0.81, no frame below 0.71"),
        (False, "at least 0.91, no second below 0.81, no frame below 0.71"),
    ]


@pytest.mark.parametrize(
    ("size", "scored"), [(Size(64, 64), True), (Size(64, 63), False), (Size(63, 900), False), (None, True)]
)
def test_a_picture_too_small_for_vmaf_has_its_ssim(size: Size | None, scored: bool, measure: Measure) -> None:
    output = replace(MADE, video=(replace(STREAM, size=size),))
    assert list(measure(output=output))[1:] == ["VMAF"] * scored + ["SSIM", "SSIM of colour"]
    if not scored:
        assert list(measure((), output=output))[1:] == ["SSIM", "SSIM of colour"]


@pytest.mark.parametrize(("vmaf", "ssim"), [
    ((), (0.9,)), ((None,), (0.9,)), ("no report", (0.9,)), ('{"pooled": 1}', (0.9,)), ((90,), ()), ((), ()),
])  # fmt: skip
def test_no_score_is_no_proof_and_no_pass(vmaf: Any, ssim: Sequence[float], measure: Measure) -> None:
    with pytest.raises(ToolFailed, match="could not be compared with its source: no score"):
        measure(vmaf, ssim)


@pytest.mark.parametrize(
    ("codec", "squares", "right", "said"),
    [
        ("prores", (1.0, 1.0), True, "1.000/255 (root mean square of 2 frames)"),
        ("prores", (0.0, 2.0), True, "1.000/255 (root mean square of 2 frames)"),
        ("prores", (1.01,), False, "1.005/255 (root mean square of 1 frames)"),
        ("vp9", (9.0,), True, "3.000/255 (root mean square of 1 frames)"),
        ("vp9", (9.01,), False, "3.002/255 (root mean square of 1 frames)"),
        ("vp9", (), False, "not compared"),
    ],
)
def test_the_alpha_plane_is_held_to_its_root_mean_square(
    codec: str, squares: Sequence[float], right: bool, said: str, measure: Measure
) -> None:
    picture = Picture(codec=codec, pixel_format="yuva420p", alpha=True)
    found = measure(alpha=squares, made=picture)["alpha plane"]
    assert (found.passed, found.found.en) == (right, said)
    assert found.expected.en == f"within {1 if codec == 'prores' else 3}/255 of the source"


def test_a_codec_of_which_nothing_is_known_keeps_alpha_within_one(measure: Measure) -> None:
    unknown = Picture(codec="h264", pixel_format="yuva420p", alpha=True)
    assert measure(alpha=(1.0,), made=unknown)["alpha plane"].passed
    assert not measure(alpha=(1.1,), made=unknown)["alpha plane"].passed
