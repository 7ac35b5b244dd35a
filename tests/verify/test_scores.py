"""Where pictures are compared, and what becomes of scores: a stand-in for ffmpeg notes its words and leaves logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import Recipe
from pipeline.errors import ToolFailed
from pipeline.model.facts import AudioStream, Kind, MediaInfo, Size, VideoStream
from pipeline.model.results import Part, Proof
from pipeline.model.rules import Role
from pipeline.probe.av.timeline import Timeline
from pipeline.rules import presets
from pipeline.tools import programs
from pipeline.verify import quality

# --- where --------------------------------------------------------------------------------------------
# Two frames lead in, so that 25 a second want 0.08 s before a span; a span begins 0.4 of a frame, 0.016 s, before the
# frame it is meant for; six frames are 0.24 s. In 30 s that leaves 30 - 0.24 - 0.08 = 29.68 s to spread over.

LINE = Timeline(750, Fraction(0), Fraction(30), True, None, (Fraction(0), Fraction(10), Fraction(20)))
F = Fraction


def places(line: Timeline = LINE, origin: int = 0, length: Fraction | None = None, **how: Any) -> list[tuple[Any, ...]]:
    """Entry and begin of every span, at 25 frames a second."""
    asked = {"variable": False, "counted": True, **how}
    return [(s.enter, s.begin) for s in quality.spans(line, F(origin), F(25), length or F(30), **asked)]


def at(*entries: str) -> Timeline:
    times = tuple(F(entry) for entry in entries)
    return LINE._replace(entries=times, start=times[0] if times else F(0))


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (places(), [("0", None), ("10", "10.064"), ("20", "20.064")]),
        # The middle one is at 14.84 s: an entry at that very time is taken, one just after is not.
        (places(at("0", "14.84", "20")), [("0", None), ("14.84", "14.904"), ("20", "20.064")]),
        (places(at("0", "14.841", "20")), [("0", None), ("20", "20.064")]),
        (places(at("0", "29.68")), [("0", None), ("29.68", "29.744")]),
        (places(at("0", "29.69")), [("0", None)]),
        # A variable source leads in for a second: 28.76 s to spread over, 14.38 the middle.
        (places(variable=True), [("0", None), ("10", "10.984"), ("20", "20.984")]),
        (places(at("0", "14.38"), variable=True), [("0", None), ("14.38", "15.384")]),
        (places(at("0", "14.39"), variable=True), [("0", None), ("14.39", "15.384")]),
        # Frames of a kept rate are counted from the first, which is shown at 0.03 s here.
        (places(at("0.03", "10.01"), counted=False), [("0.03", None), ("10.01", "10.094")]),
        (places(at("0.03", "10.01"), counted=True), [("0.03", None), ("10.01", "10.104")]),
        # A clock that shows 100 s at the start.
        (places(LINE._replace(start=F(100), entries=(F(100), F(110))), 100), [("0", None), ("10", "10.064")]),
        # Shorter than a span: all of it, once.
        (places(length=F(1, 5)), [("0", None)]),
        # Nowhere to enter but the beginning.
        (places(at()), [("0", None)]),
        # From 4 s on: entered before, and begun at that time.
        (places(at("0", "3"), shift=F(4), length=F(6)), [("3", "3.984")]),
        (places(at("0", "6.84"), shift=F(4), length=F(6)), [("0", "3.984"), ("6.84", "6.904")]),
        (places(at("0", "6.85"), shift=F(4), length=F(6)), [("0", "3.984"), ("6.85", "6.944")]),
        (places(at("0"), shift=F(4), length=F(6), counted=False), [("0", "3.984")]),
    ],
)
def test_spans_are_spread_and_entered_where_decoding_can(
    found: list[tuple[Any, ...]], right: list[tuple[str, str | None]]
) -> None:
    assert found == [(F(enter), None if begin is None else F(begin)) for enter, begin in right]


# --- what is asked of ffmpeg --------------------------------------------------------------------------

PICTURE = VideoStream(
    index=2, codec="h264", size=Size(1920, 1080), frame_rate=F(25), variable=False, alpha=False, frames=750, start=F(0),
    duration=F(30),
)  # fmt: skip
CLIP = MediaInfo(
    name="clip.mp4", kind=Kind.VIDEO, size=1, extension="mp4", container="mp4", start=F(0), duration=F(30),
    video=(PICTURE,),
)  # fmt: skip
MADE = replace(CLIP, video=(replace(PICTURE, index=0),))
PLAIN = Picture(codec="h264", pixel_format="yuv420p")
RECIPE = Recipe(container="mp4", source="mp4", video=PICTURE, picture=PLAIN)
CLEAR = Recipe(
    container="mov", source="webm", video=replace(PICTURE, codec="vp9", alpha=True),
    picture=Picture(codec="prores", pixel_format="yuva444p10le", alpha=True, decoder="libvpx-vp9"),
)  # fmt: skip
Measure = Callable[..., dict[str, Proof]]


def role(**deliver: Any) -> Role:
    found = presets.load("convert/h264-1080p").role_for(Kind.VIDEO)
    assert found is not None
    return replace(found, deliver=tuple(sorted(deliver.items())))


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """The proofs when ffmpeg leaves these scores; its words are in `words`."""
    script, media, work = tmp_path / "script", tmp_path / "media", tmp_path / "work"
    media.touch()
    work.mkdir()
    script.touch(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(script))

    def measure(
        vmaf: Sequence[float | None] | str = (90, 80), ssim: Sequence[float] = (0.9,),
        alpha: Sequence[float] | None = None,
        *, recipe: Recipe = RECIPE, output: MediaInfo = MADE, info: MediaInfo = CLIP, line: Timeline | None = LINE,
        **deliver: Any,
    ) -> dict[str, Proof]:  # fmt: skip
        frames = ",".join('{"metrics":{%s}}' % ("" if v is None else f'"vmaf":{v}') for v in vmaf)
        logs = {
            "scores.json": vmaf if isinstance(vmaf, str) else f'{{"frames":[{frames}]}}',
            "ssim.log": "".join(f"n:1 Y:0.1 U:0.2 All:{score} (9.9)\n" for score in ssim),
        }
        if alpha is not None:
            logs["alpha.log"] = "".join(f"n:1 mse_avg:{square} mse_y:7 psnr_avg:50\n" for square in alpha)
        written = "".join(f"cat > {name} <<'END'\n{text}\nEND\n" for name, text in logs.items())
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > words\n{written}echo odd >&2\n')
        try:
            found = list(quality.measure(media, info, line, recipe, media, output, role(**deliver), work))
        finally:
            if (work / "words").exists():
                (tmp_path / "words").write_text((work / "words").read_text())
                (work / "words").unlink()
            assert list(work.iterdir()) == []
        return {proof.name.en: proof for proof in found}

    return measure  # type: ignore[return-value]  # its arguments are named above


def words(folder: Path) -> tuple[str, list[str]]:
    """The graph that ffmpeg was given, and what opens each input: the words from the allow-lists to its name."""
    said = (folder / "words").read_text().splitlines()
    opened: list[str] = []
    now: list[str] = []
    for word in said[: said.index("-filter_complex")]:
        now.append(word)
        if word.startswith("file:"):
            opened.append(" ".join(now[now.index("-max_streams") + 2 :]))
            now = []
    return said[said.index("-filter_complex") + 1], opened


def test_both_files_are_entered_alike_and_six_frames_of_each_span_are_compared(
    measure: Measure, tmp_path: Path
) -> None:
    measure()
    graph, opened = words(tmp_path)
    # 2 ms behind the entry, or rounding would lead to the one before.
    assert opened == [
        f"{seek}-i file:{name}"
        for name in ("made0", "in0")
        for seek in ("", "-noaccurate_seek -ss 10.002000 ", "-noaccurate_seek -ss 20.002000 ")
    ]
    assert re.findall(r"trim=start=([\d.]+)", graph) == ["10.064000", "20.064000"] * 2
    assert graph.count("trim=end_frame=6") == 6
    assert [graph.count(f"[{number}:{index}]") for number, index in enumerate((0, 0, 0, 2, 2, 2))] == [1] * 6
    assert graph.count("concat=a=0:n=3:v=1") == 2
    # libvmaf and ssim take the output first and the source, which went through the same filters, as the reference.
    assert graph.index("setparams") > graph.index("concat")
    assert "alphaextract" not in graph
    assert "n_subsample=2" in graph
    assert "copyts" in (tmp_path / "words").read_text()


def test_of_several_pictures_the_first_is_compared(measure: Measure, tmp_path: Path) -> None:
    measure(output=replace(MADE, video=(replace(MADE.video[0], index=3), replace(PICTURE, index=7, size=Size(16, 16)))))
    graph, _ = words(tmp_path)
    assert [graph.count(f"[{number}:3]") for number in range(3)] == [1] * 3
    assert ":7]" not in graph


def test_one_span_needs_no_joining(measure: Measure, tmp_path: Path) -> None:
    measure(line=at())
    graph, opened = words(tmp_path)
    assert opened == ["-i file:made0", "-i file:in0"]
    assert "concat" not in graph


def test_clocks_that_start_elsewhere_are_brought_together(measure: Measure, tmp_path: Path) -> None:
    """The source shows 100 s at its start, the output 3 s; a span that begins 10 s later is entered there in both."""
    late = LINE._replace(start=F(100), entries=(F(100), F(110), F(120)))
    measure(line=late, info=replace(CLIP, start=F(100)), output=replace(MADE, start=F(3)))
    graph, opened = words(tmp_path)
    # Seeking counts from the start of each file for the source; the output is entered at 10 - 3 s of its own.
    assert opened == [
        "-i file:made0",
        "-noaccurate_seek -ss 7.002000 -i file:made0",
        "-noaccurate_seek -ss 17.002000 -i file:made0",
        "-itsoffset -100.000000 -i file:in0",
        "-noaccurate_seek -ss 10.002000 -itsoffset -100.000000 -i file:in0",
        "-noaccurate_seek -ss 20.002000 -itsoffset -100.000000 -i file:in0",
    ]
    assert re.findall(r"trim=start=([\d.]+)", graph) == ["10.064000", "20.064000"] * 2


def test_a_broadcast_is_entered_ten_seconds_early_and_counted_from_what_is_used(
    measure: Measure, tmp_path: Path
) -> None:
    """No index: ffmpeg enters late. Its clock is that of the first stream used, 101 s, one after the file's own."""
    picture = replace(PICTURE, start=F(102))
    followed = replace(
        RECIPE, source="mpegts", video=picture, audio=(AudioStream(index=1, start=F(101)), AudioStream(index=3)),
        sounds=(None, None),
    )  # fmt: skip
    source = replace(CLIP, container="mpegts", start=F(100), video=(picture,))
    measure(line=LINE._replace(start=F(102), entries=(F(102), F(115))), info=source, recipe=followed)
    _, opened = words(tmp_path)
    # 115 s are 14 s of the clock: 14 + 1 - 10 from the start of the source, 14 of the output.
    assert opened == [
        "-i file:made0",
        "-noaccurate_seek -ss 14.002000 -i file:made0",
        "-itsoffset -101.000000 -i file:in0",
        "-noaccurate_seek -ss 5.002000 -itsoffset -101.000000 -i file:in0",
    ]
    # Ten seconds in, there is nothing to seek to.
    measure(line=LINE._replace(start=F(102), entries=(F(102), F(110))), info=source, recipe=followed)
    assert words(tmp_path)[1][-1] == "-itsoffset -101.000000 -i file:in0"
    # Other containers count from the file's start, whatever is used.
    measure(info=replace(source, container="mp4"), recipe=followed, line=LINE._replace(start=F(100), entries=(F(100),)))
    assert words(tmp_path)[1][-1] == "-itsoffset -100.000000 -i file:in0"


def test_a_part_is_compared_with_its_stretch(measure: Measure, tmp_path: Path) -> None:
    """From 12 s on, a thousandth early: span at 11.999 s of the source, at the very start of the part."""
    part = Part(number=2, of=2, start=F(12), length=None)
    measure(recipe=replace(RECIPE, part=part), output=replace(MADE, video=(replace(MADE.video[0], duration=F(6)),)))
    graph, opened = words(tmp_path)
    assert opened == ["-i file:made0", "-noaccurate_seek -ss 10.002000 -itsoffset -11.999000 -i file:in0"]
    assert re.findall(r"trim=start=([-\d.]+)", graph)[0] == re.findall(r"trim=start=([-\d.]+)", graph)[1]
    measure(recipe=replace(RECIPE, part=replace(part, start=F(0))))
    assert words(tmp_path)[1][3] == "-i file:in0"


def test_transparency_is_decoded_by_who_sees_it_and_compared_apart(measure: Measure, tmp_path: Path) -> None:
    clear = replace(MADE, video=(replace(MADE.video[0], codec="prores", alpha=True),))
    measure(alpha=(1.0,), recipe=CLEAR, output=clear, line=at())
    graph, opened = words(tmp_path)
    assert opened == ["-i file:made0", "-c:2 libvpx-vp9 -i file:in0"]
    assert graph.count("alphaextract") == 2
    assert graph.count("format=pix_fmts=yuva444p10le") >= 2
    assert graph.count("format=pix_fmts=yuv444p10le") == 2  # what VMAF and SSIM see has no alpha
    assert "psnr=stats_file=alpha.log" in graph
    webm = replace(clear, video=(replace(clear.video[0], codec="vp9"),))
    measure(alpha=(1.0,), recipe=CLEAR, output=webm, line=at())
    assert words(tmp_path)[1][0] == "-c:0 libvpx-vp9 -i file:made0"


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
    measure(output=replace(MADE, video=(replace(MADE.video[0], size=size),)))
    assert re.findall(r"vmaf_\w+\.6\.1", words(tmp_path)[0]) == [model]


# --- scores -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "right", "said"),
    [
        ((70, 70), True, "70.0 (mean of 2 frames, worst 70.0)"),
        ((100, 40), True, "70.0 (mean of 2 frames, worst 40.0)"),
        ((69, None, 70.9, None), False, "70.0 (mean of 2 frames, worst 69.0)"),  # 69.95; motion alone gives no score
        ((90, 95, 100), True, "95.0 (mean of 3 frames, worst 90.0)"),
    ],
)
def test_vmaf_is_a_mean_held_to_70(scores: Sequence[float | None], right: bool, said: str, measure: Measure) -> None:
    found = measure(scores)["VMAF"]
    assert (found.passed, found.found.en, found.expected.en) == (right, said, "at least 70")


@pytest.mark.parametrize(
    ("scores", "right", "said"),
    [
        ((0.8501,), True, "0.8501 (mean of 1 frames, worst 0.8501)"),
        ((0.8499,), False, "0.8499 (mean of 1 frames, worst 0.8499)"),
        ((0.9, 0.79), False, "0.8450 (mean of 2 frames, worst 0.7900)"),
        ((1.0, 0.71), True, "0.8550 (mean of 2 frames, worst 0.7100)"),
    ],
)
def test_ssim_is_a_mean_held_to_085(scores: Sequence[float], right: bool, said: str, measure: Measure) -> None:
    found = measure(ssim=scores)["SSIM"]
    assert (found.passed, found.found.en, found.expected.en) == (right, said, "at least 0.85")


def test_a_preset_may_set_both_floors(measure: Measure) -> None:
    low = measure((60, 60), (0.6,), min_vmaf=60, min_ssim=F(1, 2))
    assert [(p.passed, p.expected.en) for p in low.values()] == [(True, "at least 60"), (True, "at least 0.5")]
    high = measure((90, 90), (0.9,), min_vmaf=F(181, 2), min_ssim=F(91, 100))
    assert [(p.passed, p.expected.en) for p in high.values()] == [(False, "at least 90.5"), (False, "at least 0.91")]


@pytest.mark.parametrize(("size", "names"), [
    (Size(64, 64), ["VMAF", "SSIM"]), (Size(64, 63), ["SSIM"]), (Size(63, 900), ["SSIM"]), (None, ["VMAF", "SSIM"]),
])  # fmt: skip
def test_a_picture_too_small_for_vmaf_has_its_ssim(size: Size | None, names: list[str], measure: Measure) -> None:
    output = replace(MADE, video=(replace(MADE.video[0], size=size),))
    assert list(measure(output=output)) == names
    if "VMAF" not in names:
        assert list(measure((), output=output)) == names


@pytest.mark.parametrize(("vmaf", "ssim"), [
    ((), (0.9,)), ((None,), (0.9,)), ("no report", (0.9,)), ('{"pooled": 1}', (0.9,)), ((90,), ()), ((), ()),
])  # fmt: skip
def test_no_score_is_no_proof_and_no_pass(vmaf: Any, ssim: Sequence[float], measure: Measure) -> None:
    with pytest.raises(ToolFailed, match=r"could not be compared with its source: .*odd"):
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
    found = measure(alpha=squares, recipe=replace(CLEAR, picture=picture), line=at())["alpha plane"]
    assert (found.passed, found.found.en) == (right, said)
    assert found.expected.en == f"within {1 if codec == 'prores' else 3}/255 of the source"


def test_a_codec_of_which_nothing_is_known_keeps_alpha_within_one(measure: Measure) -> None:
    unknown = replace(CLEAR, picture=Picture(codec="h264", pixel_format="yuva420p", alpha=True))
    assert measure(alpha=(1.0,), recipe=unknown, line=at())["alpha plane"].passed
    assert not measure(alpha=(1.1,), recipe=unknown, line=at())["alpha plane"].passed


def test_what_cannot_be_aligned_is_not_compared(measure: Measure, tmp_path: Path) -> None:
    def output(**changes: Any) -> MediaInfo:
        return replace(MADE, duration=None, video=(replace(MADE.video[0], **changes),))

    assert measure(line=None) == {}
    assert measure(output=output(frame_rate=None)) == {}
    assert measure(output=output(duration=None)) == {}
    assert not (tmp_path / "words").exists()
    assert list(measure(output=replace(output(duration=None), duration=F(30)))) == ["VMAF", "SSIM"]
    assert list(measure(output=output())) == ["VMAF", "SSIM"]


def test_a_source_whose_rate_may_vary_is_given_a_second(measure: Measure, tmp_path: Path) -> None:
    for variable, begins in ((False, "10.064000"), (True, "10.984000"), (None, "10.984000")):
        measure(recipe=replace(RECIPE, video=replace(PICTURE, variable=variable)))
        assert re.findall(r"trim=start=([\d.]+)", words(tmp_path)[0])[0] == begins


def test_a_new_rate_counts_its_frames_from_zero(measure: Measure, tmp_path: Path) -> None:
    line = at("0.03", "10.01")
    for rate, begins in ((None, "10.094000"), (F(25), "10.104000")):
        measure(recipe=replace(RECIPE, picture=replace(PLAIN, rate=rate)), line=line)
        assert re.findall(r"trim=start=([\d.]+)", words(tmp_path)[0])[0] == begins
