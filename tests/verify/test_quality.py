"""The proofs of a new video that need the files at hand: its quality, its transparency, its copied streams."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.cli import main as cli
from pipeline.convert.av import video
from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import Recipe, recipe
from pipeline.engine import tasks as run
from pipeline.errors import ProofFailed
from pipeline.model.facts import Kind, MediaInfo, Value, VideoStream
from pipeline.model.job import Job
from pipeline.model.results import Made, Outcome, Plan, Proof, Status
from pipeline.model.rules import Role
from pipeline.probe import probe
from pipeline.probe.av import timeline
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages import prepare as stage
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.tools import programs
from pipeline.verify import media as proving
from pipeline.verify import quality
from pipeline.verify.decode import decoded
from tests import ROOT

Find = Callable[[str], Path]


def ffmpeg(*args: str | Path) -> None:
    subprocess.run([programs.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def prepared(source: Path, out: Path, preset: str, **more: object) -> Outcome:
    """The file through every stage."""
    job = Job(path=str(source), stem="clip", preset=preset, out=str(out))
    return prepare(check(replace(job, **more)), lambda _: None)  # type: ignore[arg-type]  # fields by name


def proof(outcome: Outcome, name: str) -> Proof:
    return next(p for p in outcome.proof if p.name.en == name)


def planned(info: MediaInfo, preset: str) -> tuple[Plan, Role]:
    role = presets.load(preset).role_for(Kind.VIDEO)
    assert role is not None
    return planning.plan(judging.judge(info, role)), role


def converted(source: Path, work: Path, preset: str) -> tuple[Made, Recipe, Role]:
    """What the scenario makes of it, with the frames that its encoder was given."""
    info = probe(source)
    plan, role = planned(info, preset)
    (made,) = video.convert(source, info, plan, role, work, lambda _: None)
    return made, recipe(info, plan, role), role


def measured(source: Path, other: Path | None, work: Path, preset: str, **deliver: Value) -> dict[str, Proof]:
    """The picture in `other`, as if the scenario had made it of `source`; None: what it did make."""
    made, followed, role = converted(source, work, preset)
    asked = replace(role, deliver=tuple(sorted({**dict(role.deliver), **deliver}.items())))
    assert followed.picture is not None
    assert made.reference is not None
    path = other or Path(made.path)
    return {p.name.en: p for p in quality.measure(path, probe(path), followed.picture, made.reference, asked, work)}


PLAIN = "convert/h264-1080p"
TINY = ("-f", "lavfi", "-i", "testsrc2=r=1:d=5", "-vf")


# --- pictures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["video/59.94fps.mp4", "video/wmv2.wmv", "video/rotated90.mp4", "video/hevc10-pq.mp4"])
def test_an_encoded_picture_is_compared_with_its_source(name: str, sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample(name), tmp_path / "out", PLAIN)
    assert outcome.status is Status.FIXED, outcome.error
    assert float(proof(outcome, "VMAF").found.en.split()[0]) > 85
    assert float(proof(outcome, "SSIM").found.en.split()[0]) > 0.97


def test_another_picture_of_the_same_shape_is_found_out(sample: Find, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    ffmpeg("-i", sample("video/60fps.mp4"), "-vf", "hflip,fps=30", "-c:a", "copy", other)
    found = measured(sample("video/60fps.mp4"), other, tmp_path, PLAIN)
    assert not found["VMAF"].passed
    assert not found["SSIM"].passed


def test_frames_one_too_late_are_found_out(sample: Find, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    ffmpeg(
        "-i", sample("video/60fps.mp4"), "-vf", "trim=start_frame=4,fps=30,setpts=PTS-STARTPTS", "-c:a", "copy", late
    )
    assert not measured(sample("video/60fps.mp4"), late, tmp_path, PLAIN)["VMAF"].passed


def test_the_preset_sets_the_floor(sample: Find, tmp_path: Path) -> None:
    source = sample("video/60fps.mp4")
    low = measured(source, None, tmp_path, PLAIN, min_vmaf=Fraction(50))
    high = measured(source, None, tmp_path, PLAIN, min_vmaf=Fraction(999, 10), min_ssim=Fraction(9999, 10000))
    assert low["VMAF"].passed
    assert not high["VMAF"].passed
    assert not high["SSIM"].passed


# What a broken encoder, a full disk or a bad cable makes of one second.
RUINS = {
    "blurred": "gblur=sigma=8:enable='{when}'",
    "blocky": "pixelize=w=16:h=16:enable='{when}'",
    "green": "lutyuv=y=145:u=54:v=34:enable='{when}'",
    "grey": "hue=s=0:enable='{when}'",
    "upside down": "vflip,split[a][b];[a]vflip[c];[c][b]overlay=enable='{when}'",
    "frozen": "loop=loop=25:size=1:start={first},setpts=N/25/TB,trim=end_frame=300",
    "late by a frame": "setpts=PTS+0.04/TB,fps=25:start_time=0,trim=end_frame=300",
}


@pytest.fixture(scope="module")
def twelve_seconds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Recipe, Role]:
    """Moving noise with structure that has one entry point, as telephones and screen recorders write it; made anew."""
    folder = tmp_path_factory.mktemp("ruins")
    source = folder / "source.mp4"
    moving = "testsrc2=s=320x180:r=25:d=12,rotate=a=t/3,noise=alls=8:allf=t"
    ffmpeg("-f", "lavfi", "-i", moving, "-c:v", "libx265", "-preset", "ultrafast", "-g", "999", "-x265-params",
           "log-level=error:scenecut=0", "-pix_fmt", "yuv420p", source)  # fmt: skip
    return converted(source, folder, PLAIN)


@pytest.mark.every(5)
@pytest.mark.parametrize("ruin", RUINS)
def test_one_ruined_second_is_found_where_it_is(
    ruin: str, twelve_seconds: tuple[Made, Recipe, Role], tmp_path: Path
) -> None:
    made, followed, role = twelve_seconds
    assert followed.picture is not None
    assert made.reference is not None
    bad = tmp_path / "bad.mp4"
    how = RUINS[ruin].format(when="between(t,8.5,9.5)", first=212)
    ffmpeg("-i", made.path, "-filter_complex", how, "-c:v", "libx264", "-crf", "12", "-preset", "ultrafast", bad)
    good, found = (
        {p.name.en: p for p in quality.measure(p, probe(p), followed.picture, made.reference, role, tmp_path)}
        for p in (Path(made.path), bad)
    )
    assert all(one.passed for one in good.values())
    wrong = [one.found.en for one in found.values() if not one.passed]
    assert wrong
    if ruin != "late by a frame":  # everywhere
        assert any(f"at 0:0{second})" in said for said in wrong for second in (8, 9)), wrong


@pytest.mark.parametrize("size", ["1x1", "2x2", "6x200", "8x8", "14x30"])
def test_a_picture_of_a_few_pixels_is_compared_all_the_same(size: str, tmp_path: Path) -> None:
    source = tmp_path / "tiny.mp4"
    ffmpeg(*TINY, f"scale={size},setsar=1", "-pix_fmt", "yuv444p", "-c:v", "libx264", source)
    outcome = prepared(source, tmp_path / "out", PLAIN)
    assert outcome.status is Status.FIXED, outcome.error
    assert float(proof(outcome, "SSIM").found.en.split()[0]) > 0.9


@pytest.mark.parametrize("size", ["8x8", "14x30"])
def test_another_picture_of_a_few_pixels_is_found_out(size: str, tmp_path: Path) -> None:
    source, other = tmp_path / "tiny.mp4", tmp_path / "other.mp4"
    ffmpeg(*TINY, f"scale={size},setsar=1", "-pix_fmt", "yuv444p", "-c:v", "libx264", source)
    ffmpeg("-i", source, "-vf", "negate", "-pix_fmt", "yuv420p", "-c:v", "libx264", other)
    assert not measured(source, other, tmp_path, PLAIN)["SSIM"].passed


@pytest.mark.every(2)
@pytest.mark.parametrize("told", ["by the file", "by nobody"])
def test_a_film_whose_stream_does_not_say_how_long_it_is_is_looked_at_as_often(told: str, tmp_path: Path) -> None:
    """Most WebM tell the length of the file alone, and one that was written into a pipe tells none."""
    source = tmp_path / "film.webm"
    made = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=14", "-c:v", "libvpx", "-cpu-used", "-8"]
    if told == "by nobody":
        head = [programs.ffmpeg(), "-nostdin", "-v", "error"]
        source.write_bytes(
            subprocess.run([*head, *made, "-f", "webm", "pipe:1"], capture_output=True, check=True).stdout
        )
    else:
        ffmpeg(*made, source)
        source.write_bytes(source.read_bytes().replace(b"DURATION", b"DURATIOX"))  # the tag of the stream
    info = probe(source)
    assert (info.video[0].duration, info.duration is None) == (None, told == "by nobody")
    outcome = prepared(source, tmp_path / "out", PLAIN)
    assert outcome.status is Status.FIXED, outcome.error
    assert "(mean of 17 frames" in proof(outcome, "VMAF").found.en  # 350 frames, every 21st


# --- transparency -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["video/vp9-alpha.webm", "video/vp8-alpha.webm"])
def test_the_alpha_plane_reaches_quicktime_unchanged(name: str, sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample(name), tmp_path / "out", "convert/webm-to-mov")
    assert outcome.status is Status.FIXED, outcome.error
    assert float(proof(outcome, "alpha plane").found.en.split("/")[0]) < 0.5
    assert outcome.outputs[0].facts.video[0].alpha is True


def test_an_alpha_plane_that_stands_still_is_found_out(sample: Find, tmp_path: Path) -> None:
    still = tmp_path / "still.mov"
    hold = (
        "[0:v]split[a][b];[b]alphaextract,loop=loop=-1:size=1,trim=end_frame=25[c];[a][c]alphamerge,format=yuva444p10le"
    )
    coding = ["-c:v", "prores_aw", "-profile:v", "4", "-c:a", "pcm_s16le"]
    ffmpeg("-c:v", "libvpx-vp9", "-i", sample("video/vp9-alpha.webm"), "-filter_complex", hold, *coding, still)
    found = measured(sample("video/vp9-alpha.webm"), still, tmp_path, "convert/webm-to-mov")
    assert not found["alpha plane"].passed


def test_transparency_stays_where_the_scenario_has_a_home_for_it(sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample("video/prores4444-alpha.mov"), tmp_path / "out", "metastudio/video-production")
    assert outcome.status is Status.FIXED, outcome.error
    facts = outcome.outputs[0].facts
    assert (facts.container, facts.video[0].codec, facts.video[0].alpha) == ("webm", "vp9", True)
    assert proof(outcome, "alpha plane").passed


def test_transparency_that_must_go_is_said_to_go(sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample("video/prores4444-alpha.mov"), tmp_path / "out", "metastudio/livestream")
    assert outcome.status is Status.FIXED, outcome.error
    assert "transparency is lost: laid over #FFFFFF" in outcome.steps[0].does.en


def test_colour_and_name_can_be_asked_for(sample: Find, tmp_path: Path) -> None:
    source = sample("video/vp8-alpha.webm")
    asked = ("--background", "#00b140", "--plain-names")
    assert cli.main(["plan", str(source), "-p", "metastudio/livestream", "--json", *asked]) == 1
    assert cli.main(["plan", str(source), "-p", "metastudio/livestream", "--background", "green"]) == 2
    job = Job(path=str(source), stem="clip", preset="metastudio/livestream", deliver=(("background", "#00B140"),))
    assert "laid over #00B140" in run.plan_entry(job, lambda _: None).steps[0].does
    plain = prepared(source, tmp_path, "convert/webm-to-mov", deliver=(("stamped_name", False),))
    stamped = prepared(source, tmp_path, "convert/webm-to-mov")
    assert [output.path for output in plain.outputs] == ["clip.mov"]
    assert re.fullmatch(r"clip_\d{14}\.mov", stamped.outputs[0].path)


# --- copies -----------------------------------------------------------------------------------------


def test_a_copied_stream_is_proven_by_its_bytes_and_not_decoded(sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample("video/h264.mkv"), tmp_path / "out", PLAIN)
    assert proof(outcome, "copied streams").found.en == "2 with the same coded frames"
    assert {p.name.en for p in outcome.proof} & {"decodes whole", "VMAF"} == set()


def test_an_encoded_stream_is_no_copy(sample: Find, tmp_path: Path) -> None:
    again = tmp_path / "again.mp4"
    ffmpeg("-i", sample("video/h264.mkv"), "-c:v", "libx264", "-c:a", "copy", again)
    before, after = (timeline.read(path, 0, [0, 1]) for path in (sample("video/h264.mkv"), again))
    found = proving.identical(before, after, ((0, 0), (1, 1)))
    assert (found.passed, found.found.en) == (False, "1 with the same coded frames")


def test_frames_that_an_edit_list_hides_are_not_missed(sample: Find, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", "0.5", "-i", sample("video/60fps.mp4"), "-c", "copy", cut)
    info = probe(cut)
    line = timeline.read(cut, info.video[0].index)
    assert line is not None
    assert line.frames < (info.video[0].frames or 0)
    outcome = prepared(cut, tmp_path / "out", PLAIN)
    assert outcome.status is Status.FIXED, outcome.error
    assert proof(outcome, "frames").passed


def test_a_range_that_the_new_container_has_no_word_for_is_not_missed(sample: Find, tmp_path: Path) -> None:
    source = tmp_path / "limited.mkv"
    silent = "h264_metadata=video_full_range_flag=0:colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2"
    ffmpeg("-i", sample("video/h264.mkv"), "-c", "copy", "-bsf:v", silent, "-color_range", "tv", source)
    outcome = prepared(source, tmp_path / "out", PLAIN)
    assert outcome.status is Status.FIXED, outcome.error


def _as_if(tags: tuple[str | None, ...]) -> list[Proof]:
    """The proof of colours of an encoded picture that is tagged like this."""
    keys = ("color_primaries", "color_transfer", "color_matrix", "color_range")
    stream = VideoStream(index=0, codec="h264", **dict(zip(keys, tags, strict=True)))  # type: ignore[arg-type]  # by name
    info = MediaInfo(name="a.mp4", kind=Kind.VIDEO, size=1, extension="mp4", container="mp4", video=(stream,))
    followed = Recipe(container="mp4", video=stream, picture=Picture(codec="h264", pixel_format="yuv420p"))
    return list(proving._tags(followed, info, info))


@pytest.mark.parametrize(
    ("tags", "right"),
    [
        (("bt709", "bt709", "bt709", "tv"), True),
        (("bt709", "bt709", "bt709", None), True),  # limited range is what no word means
        (("bt709", "bt709", "bt709", "pc"), False),
        (("bt2020", "bt709", "bt709", "tv"), False),
        (("bt709", "arib-std-b67", "bt709", "tv"), False),
        (("bt709", "bt709", "smpte170m", "tv"), False),
        ((None, "bt709", "bt709", "tv"), False),
    ],
)
def test_colours_that_are_told_wrong_fail_their_proof(tags: tuple[str | None, ...], right: bool) -> None:
    assert [proof.passed for proof in _as_if(tags)] == [right]


def test_damage_is_found_without_the_deblocking_filter(sample: Find, tmp_path: Path) -> None:
    whole = sample("video/4k.mp4")
    info = probe(whole)
    assert decoded(whole, info, tmp_path).passed
    data = bytearray(whole.read_bytes())
    for number, damage in enumerate((bytes(40), bytes([0xFF]) * 40, bytes(n * 73 % 251 for n in range(40)))):
        bad = tmp_path / f"bad{number}.mp4"
        middle = data.find(b"mdat") + len(data) // 3
        bad.write_bytes(data[:middle] + damage + data[middle + len(damage) :])
        assert not decoded(bad, info, tmp_path).passed


def test_the_peak_memory_of_ffmpeg_is_told(sample: Find, tmp_path: Path) -> None:
    """By the program itself: this process is too large for its own memory to be told from that of ffmpeg."""
    words = ["prepare", sample("video/hevc8.mp4"), "-p", PLAIN, "-o", tmp_path / "out", "--json"]
    done = subprocess.run([sys.executable, "-m", "pipeline", *map(str, words)], capture_output=True, check=True)
    (asset,) = json.loads(done.stdout)["assets"]
    assert 5e6 < asset["outputs"][0]["peak_memory"] < 500e6


# --- what is given up -------------------------------------------------------------------------------


@pytest.fixture
def short_limit(tmp_path: Path) -> str:
    """A scenario of at most one second."""
    path = tmp_path / "short.toml"
    path.write_text(
        'schema = 1\nid = "test/short"\ntitle = { en = "s", zh = "s" }\nextends = "convert/h264-1080p"\n'
        '[[rule]]\nid = "test.short"\nrole = "video"\ncheck = "media.duration"\nmax = "1 s"\n'
        'sources = ["TEST 1 (2026-01-01)"]\n'
    )
    return str(path)


def test_too_long_is_cut_only_on_request(short_limit: str, sample: Find, tmp_path: Path) -> None:
    source = sample("video/good-1080p25.mp4")
    refused = prepared(source, tmp_path / "a", short_limit)
    assert refused.status is Status.BLOCKED
    assert any("--trim" in (finding.reason.en if finding.reason else "") for finding in refused.blocked)
    cut = prepared(source, tmp_path / "b", short_limit, allow=frozenset({"media.duration"}))
    assert cut.status is Status.FIXED, cut.error
    assert cut.outputs[0].facts.duration is not None
    assert Fraction(3, 4) < cut.outputs[0].facts.duration <= 1
    assert "cut off after 0.88 s" in cut.steps[0].does.en


def test_a_source_damaged_inside_is_not_painted_over(sample: Find, tmp_path: Path) -> None:
    data = bytearray(sample("video/4k.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    outcome = prepared(bad, tmp_path / "out", PLAIN)
    assert outcome.status is Status.BLOCKED
    assert "media.intact" in {finding.rule.check for finding in outcome.blocked}
    assert list((tmp_path / "out").rglob("*.mp4")) == []


# --- what few tools look at -------------------------------------------------------------------------


def test_an_animated_gif_is_a_short_video_where_only_video_is_taken(sample: Find, tmp_path: Path) -> None:
    outcome = prepared(sample("video/animation.gif"), tmp_path / "out", PLAIN)
    assert (outcome.kind, outcome.status) == (Kind.VIDEO, Status.FIXED), outcome.error
    assert outcome.outputs[0].facts.video[0].frames == 10


def _with_clean_aperture(source: Path, made: Path, width: int, height: int) -> None:
    """A copy whose sample entry carries `clap` (ISO/IEC 14496-12, 12.1.4); the index must be the last box."""
    data = bytearray(source.read_bytes())
    entry = data.rfind(b"avc1") - 4
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    places = [
        entry,
        *(data.rfind(name, 0, entry) - 4 for name in (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")),
    ]
    data[end:end] = box
    for at in places:
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(box)).to_bytes(4, "big")
    made.write_bytes(data)


def test_a_cropping_rectangle_is_seen_and_baked_in(tmp_path: Path) -> None:
    plain, cropped = tmp_path / "plain.mp4", tmp_path / "cropped.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=50:duration=1", "-pix_fmt", "yuv420p", plain)
    _with_clean_aperture(plain, cropped, 160, 90)
    matroska = tmp_path / "cropped.mkv"
    ffmpeg("-apply_cropping", "none", "-i", cropped, "-c", "copy", matroska)
    for number, source in enumerate((cropped, matroska)):
        assert probe(source).video[0].size == (160, 90)
        outcome = prepared(source, tmp_path / str(number), PLAIN)
        assert outcome.status is Status.FIXED, outcome.error
        assert outcome.outputs[0].facts.video[0].coded == (160, 90)


FRACTAL = (
    "mandelbrot=s=320x240:r=25:end_scale=0.05,format=yuv420p"  # detail everywhere and moving: hard for any encoder
)


def fractal(folder: Path, seconds: int) -> Path:
    make = f"-f lavfi -i {FRACTAL} -t {seconds} -c:v libx265 -preset ultrafast -crf 5"
    subprocess.run([programs.ffmpeg(), "-v", "error", *make.split(), folder / "film.mkv"], check=True)
    return folder / "film.mkv"


@pytest.mark.parametrize(("aim", "crf"), [(60, "17"), (100, "12")])
def test_what_falls_short_of_its_aim_is_encoded_once_more_and_finer(aim: int, crf: str, tmp_path: Path) -> None:
    source, rules = fractal(tmp_path, 2), tmp_path / "rules.toml"
    text = (ROOT / "presets/convert/h264-1080p.toml").read_text("utf-8")
    rules.write_text(text.replace('video_codec = "h264"', f'video_codec = "h264"\naim_vmaf = {aim}'), encoding="utf-8")
    job = Job(path=str(source), stem="film", preset=str(rules), out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert outcome.status is Status.FIXED, outcome.error
    (step,) = outcome.steps
    command = list(step.command)
    assert command[command.index("-crf:0") + 1] == crf
    assert ("finer than usual" in step.does.en) is (crf == "12")
    assert not any(proof.short for proof in outcome.proof)


def test_what_is_finer_and_not_right_gives_way_to_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fractal(tmp_path, 1)
    honest, tries = stage._judged, list[bool]()

    def judged(made: tuple[Made, ...], job: Job, role: Role, info: MediaInfo, plan: Plan, work: Path) -> Any:
        tries.append(plan.finer)
        outputs, proofs = honest(made, job, role, info, plan, work)
        if plan.finer:
            raise ProofFailed("too large", "过大", proofs)
        return outputs, tuple(replace(proof, short=proof.name.en == "VMAF" and len(tries) == 1) for proof in proofs)

    monkeypatch.setattr(stage, "_judged", judged)
    job = Job(path=str(source), stem="film", preset="convert/h264-1080p", out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert (outcome.status, tries) == (Status.FIXED, [False, True, False])
    assert "-crf:0 20.3" in " ".join(outcome.steps[0].command)
