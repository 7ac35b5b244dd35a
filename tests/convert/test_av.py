"""Repairs of video and audio with the real ffmpeg: the output obeys, and nothing else changed."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.checks import CHECKS
from pipeline.checks.speech import SILENCES
from pipeline.convert.av import audio, video
from pipeline.convert.av import run as av
from pipeline.convert.av.recipe import recipe
from pipeline.errors import AssetError, ToolFailed
from pipeline.model.facts import Kind, Size, Value
from pipeline.probe import probe
from pipeline.probe.av.decode import decode_all
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.stages.prepare import NAMING
from tests.repairing import MP4, Find, at_most, ffmpeg, frame, packets, plan_for, repair, role

# check, sample, value wanted and found afterwards, what the role delivers
REPAIRS: tuple[tuple[str, str, Value, dict[str, Value]], ...] = (
    ("container.format", "video/h264.mkv", "mp4", {}),
    ("file.format", "video/h264.flv", "mp4", {}),
    ("container.faststart", "video/good-no-faststart.mp4", True, {}),
    ("media.other_streams", "video/cover-art.mp4", 0, {}),
    ("audio.count", "video/two-languages.mp4", 1, {}),
    ("video.codec", "video/vp8.webm", "h264", MP4),
    ("video.codec_in_container", "video/vp9.mp4", "h264 in mp4", {}),
    ("video.size", "video/good.mov", Size(640, 360), {}),
    ("video.width", "video/yuv444.mp4", 160, {}),
    ("video.height", "video/yuv444.mp4", 90, {}),
    ("video.even", "video/odd-size.mp4", True, {}),
    ("video.frame_rate", "video/60fps.mp4", 30, {}),
    ("video.rate_mode", "video/variable-rate.mp4", "constant", {}),
    ("video.pixel_format", "video/yuv444.mp4", "yuv420p", {}),
    ("video.chroma", "video/yuv422-10.mp4", "4:2:0", {}),
    ("video.bit_depth", "video/yuv422-10.mp4", 8, {}),
    ("video.hdr", "video/hevc10-hlg.mp4", False, {}),
    ("video.alpha", "video/vp9-alpha.webm", False, MP4),
    ("video.interlaced", "video/interlaced.mp4", False, {}),
    ("video.square_pixels", "video/anamorphic.mp4", True, {}),
    ("video.rotation", "video/rotated90.mp4", 0, {}),
    ("audio.codec", "video/mjpeg.mov", "aac", {}),
    ("audio.channels", "video/stereo.mp4", 1, {}),
    ("audio.sample_rate", "video/stereo.mp4", 16000, {}),
    ("audio.bit_depth", "audio/24bit.wav", 16, {}),
    ("audio.channels", "audio/surround.wav", 2, {}),
    ("audio.sample_rate", "audio/192k.wav", 48000, {}),
    ("audio.codec", "audio/float.wav", "pcm_s16le", {}),
    ("audio.codec", "audio/good.m4a", "mp3", {"container": "mp3", "audio_codec": "mp3"}),
    ("container.format", "audio/good.wma", "wav", {}),
    ("container.format", "audio/good.aac", "m4a", {}),
)
# These bound a figure, see below: video.bit_rate, audio.bit_rate, file.size; video.count needs its own file, and
# silence is cut off in tests/convert/test_sound.py, sizes of a WAV are set right in tests/convert/test_wav_sizes.py.
BOUNDED = {
    "video.bit_rate",
    "audio.bit_rate",
    "file.size",
    "video.count",
    "media.duration",
    "container.sizes",
    *SILENCES,
}


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("check", "name", "value", "deliver"), REPAIRS, ids=[f"{row[0]}-{Path(row[1]).name}" for row in REPAIRS]
)
def test_repair_gives_the_wanted_value(
    check: str, name: str, value: Value, deliver: dict[str, Value], sample: Find, tmp_path: Path
) -> None:
    done = repair(sample(name), tmp_path, role(**deliver), **{check.replace(".", "__"): value})
    assert done.read(check) == [value]


def test_every_repairable_check_is_handled_and_tried() -> None:
    for module, kind in ((video, Kind.VIDEO), (audio, Kind.AUDIO)):
        assert {check.name for check in CHECKS.values() if kind in check.repairs} == module.HANDLES
    assert {row[0] for row in REPAIRS} | BOUNDED | NAMING == video.HANDLES | audio.HANDLES


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds that compress badly."""
    path = tmp_path_factory.mktemp("noise") / "noise.mp4"
    source = "color=gray:size=320x180:rate=25:duration=3,noise=alls=60:allf=t"
    tone = "sine=frequency=440:sample_rate=48000:duration=3"
    coding = "-c:v libx264 -preset ultrafast -crf 12 -c:a aac -b:a 96k"
    ffmpeg("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone, *coding.split(), path)
    return path


def test_byte_limit_is_kept(noise: Path, tmp_path: Path) -> None:
    assert probe(noise).size > 900_000
    assert repair(noise, tmp_path, file__size=300_000).after.size <= 300_000


def test_byte_limit_of_the_role_binds_other_repairs_too(noise: Path, tmp_path: Path) -> None:
    done = repair(noise, tmp_path, role(at_most("file.size", 400_000)), video__pixel_format="yuv420p")
    assert done.after.size <= 400_000


def test_bit_rate_limits_are_kept(noise: Path, sample: Find, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rate = repair(noise, tmp_path / "a", video__bit_rate=800_000).after.video[0].bit_rate
    assert rate is not None
    assert rate <= 800_000
    heard = repair(sample("audio/speech-stereo-44k.mp3"), tmp_path / "b", audio__bit_rate=128_000)
    assert heard.after.audio[0].bit_rate == 128_000


def test_byte_limit_too_small_for_the_length_is_refused(noise: Path) -> None:
    info = probe(noise)
    with pytest.raises(AssetError, match="shorter"):
        video.steps(info, plan_for(info, file__size=20_000), role())


def test_second_picture_is_dropped(sample: Find, tmp_path: Path) -> None:
    two = tmp_path / "two.mp4"
    maps = ["-map", "0:v", "-map", "0:v", "-map", "0:a", "-c", "copy", "-disposition:v:1", "0"]
    ffmpeg("-i", sample("video/24fps.mp4"), *maps, two)
    assert len(probe(two).video) == 2
    done = repair(two, tmp_path, video__count=1)
    assert done.read("video.count") == [1]
    assert packets(two, "v") == packets(done.path, "v")


def test_wrong_container_only_copies_both_streams(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/good.mov"), tmp_path, container__format="mp4")
    assert packets(done.source, "v") == packets(done.path, "v")
    assert packets(done.source, "a") == packets(done.path, "a")
    assert done.after.faststart is True


def test_wrong_sound_leaves_the_picture_alone(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/stereo.mp4"), tmp_path, audio__channels=1)
    assert packets(done.source, "v") == packets(done.path, "v")


def test_wrong_picture_leaves_the_sound_alone(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/60fps.mp4"), tmp_path, video__frame_rate=30)
    assert packets(done.source, "a") == packets(done.path, "a")


def test_default_sound_is_the_one_kept(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/two-languages.mp4"), tmp_path, audio__count=1)
    assert done.before.audio[0].language in {"chi", "zho"}
    assert [stream.language for stream in done.after.audio] == [done.before.audio[0].language]


def test_a_cover_that_cannot_be_read_takes_nothing_with_it(sample: Find, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    data = sample("video/cover-art.mp4").read_bytes()
    at, end = data.index(b"\xff\xd8\xff"), data.index(b"\xff\xd9", data.index(b"\xff\xd8\xff"))
    source.write_bytes(data[:at] + bytes([5]) * (end - at) + data[end:])
    done = repair(source, tmp_path, video__height=64)
    assert "cover cannot be read" in done.before.remarks[0].en
    assert (done.before.covers, done.before.others) == (0, ("unknown",))
    assert (done.after.covers, done.after.others) == (0, ())
    assert decode_all(source, "mp4") == (True, ())


def test_cover_stays_when_nobody_asks_for_it_to_go(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/cover-art.mp4"), tmp_path, container__faststart=True)
    assert done.after.covers == done.before.covers == 1


def test_chapters_and_time_code_do_not_come_back(sample: Find, tmp_path: Path) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=one\n")
    marked = tmp_path / "marked.mov"
    ffmpeg(
        "-i", sample("video/24fps.mp4"), "-i", chapters, "-map_metadata", "1", "-map_chapters", "1",
        "-c", "copy", "-timecode", "01:00:00:00", marked,
    )  # fmt: skip
    assert len(probe(marked).others) == 2
    done = repair(marked, tmp_path, media__other_streams=0)
    assert done.after.others == ()


@pytest.mark.parametrize(
    ("name", "limit", "rate"),
    [
        ("video/60fps.mp4", 30, Fraction(30)),
        ("video/59.94fps.mp4", 30, Fraction(30000, 1001)),  # every second frame, not 30 with a stutter
        ("video/60fps.mp4", 25, Fraction(25)),  # 20 would be even but below film
    ],
)
def test_rate_falls_in_whole_steps_down_to_that_of_film(
    name: str, limit: int, rate: Fraction, sample: Find, tmp_path: Path
) -> None:
    asked = role(at_most("video.frame_rate", limit))
    (fix,) = planning.plan(judging.judge(probe(sample(name)), asked)).fixes
    assert fix.value == rate
    assert repair(sample(name), tmp_path, asked, video__frame_rate=fix.value).after.video[0].frame_rate == rate


def test_rotation_is_baked_in_the_way_players_show_it(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/rotated90.mp4"), tmp_path, video__rotation=0)
    assert done.after.video[0].coded == done.before.video[0].size == Size(360, 640)
    flat = tmp_path / "flat.mp4"
    ffmpeg("-display_rotation", "0", "-i", done.source, "-c", "copy", flat)
    stored = frame(flat)
    turned = np.rot90(stored, k=-done.before.video[0].rotation // 90)  # type: ignore[operator]  # known above
    assert np.abs(turned - frame(done.path)).mean() < 3


def test_picture_is_never_enlarged(sample: Find) -> None:
    info = probe(sample("video/yuv444.mp4"))
    made = recipe(info, plan_for(info, video__size=Size(1920, 1080)), role()).picture
    assert made
    assert made.size == Size(320, 180)


def test_other_shape_is_framed_not_stretched(sample: Find, tmp_path: Path) -> None:
    asked = role(background="#FF0000")
    done = repair(sample("video/good.mov"), tmp_path, asked, video__size=Size(640, 480))
    assert done.after.video[0].size == Size(640, 480)
    assert np.abs(frame(done.path)[10, 320] - (255, 0, 0)).max() <= 6


def test_sound_alone_is_taken_from_a_video(sample: Find, tmp_path: Path) -> None:
    asked = role(container="wav", audio_codec="pcm_s16le", channels=1, sample_rate=16000)
    done = repair(sample("video/stereo.mp4"), tmp_path, asked, container__format="wav")
    heard = done.after.audio[0]
    assert (done.after.kind, done.after.container) == (Kind.AUDIO, "wav")
    assert (heard.codec, heard.channels, heard.sample_rate) == ("pcm_s16le", 1, 16000)


def test_sound_from_a_silent_video_is_refused(sample: Find) -> None:
    info = probe(sample("video/no-audio.mp4"))
    with pytest.raises(AssetError, match="none"):
        video.steps(info, plan_for(info, container__format="wav"), role(container="wav"))


def test_mono_is_never_made_stereo_nor_a_rate_raised(sample: Find, tmp_path: Path) -> None:
    asked = role(container="wav", audio_codec="pcm_s16le", channels=2, sample_rate=48000)
    done = repair(sample("audio/16k.wav"), tmp_path, asked, audio__codec="pcm_s16le")
    assert (done.after.audio[0].channels, done.after.audio[0].sample_rate) == (1, 16000)


def test_tags_of_recordings_are_removed(sample: Find, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp3"
    ffmpeg("-i", sample("audio/good.mp3"), "-c", "copy", "-metadata", "artist=Somebody", tagged)
    assert b"Somebody" in tagged.read_bytes()
    done = repair(tagged, tmp_path, container__format="wav")
    assert b"Somebody" not in done.path.read_bytes()


def test_wav_too_big_loses_rate_before_anything_else(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("audio/96k.wav"), tmp_path, file__size=200_000)
    assert done.after.size <= 200_000
    assert (done.after.audio[0].codec, done.after.audio[0].sample_rate) == ("pcm_s16le", 48000)


def test_unwritable_codec_names_the_ones_that_work(sample: Find) -> None:
    info = probe(sample("video/24fps.mp4"))
    with pytest.raises(AssetError, match="h264, vp9, prores"):
        video.steps(info, plan_for(info, video__codec="dirac"), role())


def test_steps_show_the_command_that_runs(sample: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = sample("video/60fps.mp4")
    info = probe(source)
    plan = plan_for(info, video__frame_rate=30)
    ran: list[tuple[str, ...]] = []
    real = av.process.run

    def spy(command: tuple[str, ...], **rest: object) -> object:
        ran.append(command)
        return real(command, **rest)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(av.process, "run", spy)
    seen: list[float] = []
    before = source.read_bytes()
    video.convert(source, info, plan, role(), tmp_path, seen.append)
    steps = video.steps(info, plan, role())
    assert ran == [step.command for step in steps]
    assert source.name not in " ".join(ran[0])
    assert "-format_whitelist" in ran[0]
    assert "frame rate" in steps[0].does.en
    assert "帧率" in steps[0].does.zh
    assert source.read_bytes() == before
    assert all(a <= b for a, b in itertools.pairwise(seen))
    assert seen[-1] > 0.9


@pytest.mark.parametrize(
    ("name", "fixes", "said", "told"),
    [
        ("video/two-languages.mp4", {"audio__count": 1}, "left out: 1 sound", "舍弃：1 条声音"),
        ("video/cover-art.mp4", {"media__other_streams": 0}, "left out: 1 cover", "舍弃：1 张封面"),
        ("video/good.mov", {"video__frame_rate": 5}, "", ""),
    ],
)
def test_streams_that_do_not_go_on_are_told(
    sample: Find, name: str, fixes: dict[str, Value], said: str, told: str
) -> None:
    info = probe(sample(name))
    (step,) = video.steps(info, plan_for(info, **fixes), role())
    assert step.does.en.partition(", left out")[2] == said.removeprefix("left out")
    assert step.does.zh.partition("，舍弃")[2] == told.removeprefix("舍弃")


def test_a_time_code_does_not_come_back_with_a_cover(sample: Find, tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    ffmpeg("-i", sample("video/cover-art.mp4"), "-map", "0", "-c", "copy", "-timecode", "01:00:00:00", source)
    assert (probe(source).others, probe(source).covers) == (("data",), 1)
    done = repair(source, tmp_path, container__faststart=True)
    assert (done.after.others, done.after.covers) == ((), 1)


@pytest.mark.usefixtures("liar")
def test_ffmpeg_that_writes_nothing_and_says_all_is_well(sample: Find, tmp_path: Path) -> None:
    source = sample("video/60fps.mp4")
    info = probe(source)
    with pytest.raises(ToolFailed, match="without writing"):
        video.convert(source, info, plan_for(info, video__frame_rate=30), role(), tmp_path, lambda _: None)


def test_damaged_source_gives_the_reason(sample: Find, tmp_path: Path) -> None:
    source = sample("video/h264.mkv")
    info = probe(source)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(2000))
    with pytest.raises(ToolFailed, match="gave up"):
        video.convert(broken, info, plan_for(info, container__format="mp4"), role(), tmp_path, lambda _: None)
