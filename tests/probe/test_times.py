"""Facts that packets tell and headers do not: each file is made with a header that is wrong or silent."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from pipeline.errors import Unreadable
from pipeline.model.facts import Size
from pipeline.probe import probe
from tests.repairing import ffmpeg

_PICTURE = "testsrc2=size=160x120:rate={}:duration=2"
_DURATION = b"\x23\xe3\x83\x84"  # DefaultDuration, four bytes of nanoseconds (RFC 9559, 5.1.4.1.13)


@pytest.mark.parametrize("rate", [24, 25, 30, 50])
@pytest.mark.parametrize("stated", [b"", (1_000_000).to_bytes(4, "big"), (1_666_666).to_bytes(4, "big")])
def test_the_rate_of_matroska_is_that_of_its_frames(rate: int, stated: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", _PICTURE.format(rate), "-c:v", "mpeg4", path)
    data = bytearray(path.read_bytes())
    at = data.index(_DURATION)
    data[at : at + 8] = _DURATION + stated if stated else b"\xec\x86" + bytes(6)  # Void, of six bytes
    path.write_bytes(data)
    picture = probe(path).video[0]
    assert (picture.frame_rate, picture.variable, picture.frames) == (rate, False, 2 * rate)


@pytest.mark.parametrize("name", ["a.flv", "a.webm", "a.ts", "a.mkv"])
def test_what_is_left_out_leaves_the_rate_and_makes_it_variable(name: str, tmp_path: Path) -> None:
    codec = {"a.flv": "flv", "a.webm": "libvpx", "a.ts": "mpeg2video", "a.mkv": "mpeg4"}[name]
    left = ("-vf", "select=lt(n\\,20)+gt(n\\,24)", "-fps_mode", "vfr")
    ffmpeg("-f", "lavfi", "-i", _PICTURE.format(25), *left, "-c:v", codec, tmp_path / name)
    picture = probe(tmp_path / name).video[0]
    assert (picture.frame_rate, picture.variable, picture.frames) == (25, True, 45)


@pytest.mark.parametrize(
    ("name", "picture", "sound"), [("a.flv", "flv", "libmp3lame"), ("a.webm", "libvpx", "libopus")]
)
def test_sound_that_ends_before_the_picture_has_its_own_length(
    name: str, picture: str, sound: str, tmp_path: Path
) -> None:
    tone = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=44100")
    ffmpeg(
        "-f", "lavfi", "-i", _PICTURE.format(25), *tone, "-c:v", picture, "-c:a", sound, "-live", "1", tmp_path / name
    )
    (heard,) = probe(tmp_path / name).audio
    assert heard.duration is not None
    assert abs(heard.duration - 1) <= Fraction(2 * 1152, 44100)  # what encoders add at both ends


def test_the_pixel_aspect_of_the_container_wins(tmp_path: Path) -> None:
    narrow, wide = tmp_path / "narrow.mp4", tmp_path / "wide.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:duration=0.2", "-vf", "setsar=27/64", "-c:v", "libx264", narrow)
    ffmpeg("-i", narrow, "-c", "copy", "-aspect", "4:3", wide)
    assert probe(narrow).video[0].size == Size(135, 240)
    picture = probe(wide).video[0]
    assert (picture.size, picture.sample_aspect) == (Size(320, 240), 1)


@pytest.mark.parametrize("frames", [0, 1, 90_000])
def test_an_mp3_is_as_long_as_its_frames_whatever_its_header_says(frames: int, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=8:sample_rate=44100", "-c:a", "libmp3lame", path)
    data = bytearray(path.read_bytes())
    at = max(data.find(b"Info"), data.find(b"Xing"))
    assert data[at + 7] & 1  # the count of frames is there
    data[at + 8 : at + 12] = frames.to_bytes(4, "big")
    path.write_bytes(data)
    info = probe(path)
    assert info.duration is not None
    assert info.audio[0].duration == info.duration
    assert abs(info.duration - 8) <= Fraction(1, 100)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_a_single_frame_claims_no_rate_of_a_clock(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"one.{suffix}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "1", "-c:v", "mpeg4", path)
    if suffix == "mp4":  # stts (8.6.1.2): its one frame lasts a single tick
        data = bytearray(path.read_bytes())
        at = data.index(b"stts")
        data[at + 16 : at + 20] = (1).to_bytes(4, "big")
        data[data.index(b"mdhd") + 16 : data.index(b"mdhd") + 20] = (90_000).to_bytes(4, "big")
        path.write_bytes(data)
    rate = probe(path).video[0].frame_rate
    assert rate is None or rate <= 60


def test_pictures_that_all_have_one_time_are_no_film(tmp_path: Path) -> None:
    """As in two test files of androidx/media; stts (8.6.1.2) holds how many frames are shown for how long."""
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "5", "-c:v", "mpeg4", "-bf", "0", path)
    assert probe(path).video[0].frame_rate == 25
    data = bytearray(path.read_bytes())
    at = data.index(b"stts")
    assert struct.unpack_from(">2I", data, at + 8) == (1, 5)
    data[at + 16 : at + 20] = bytes(4)
    length = data.index(b"mdhd") + 20  # of the whole, from which FFmpeg would make up times
    data[length : length + 4] = bytes(4)
    path.write_bytes(data)
    with av.open(path) as container:
        assert {packet.pts for packet in container.demux(video=0) if packet.size} == {0}
    with pytest.raises(Unreadable, match="at one time"):
        probe(path)


def test_a_rounded_clock_makes_no_rate_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    late = ("-vf", "settb=1/1000,setpts=floor(N*33.3266)", "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    ffmpeg("-f", "lavfi", "-i", _PICTURE.format(30), *late, "-c:v", "mpeg4", "-video_track_timescale", "1000", path)
    assert probe(path).video[0].frame_rate == 30


@pytest.mark.parametrize(("own", "locked"), [(b"mp4a", b"drms"), (b"mp4v", b"drmi")])
def test_what_a_shop_has_locked_is_called_encrypted(own: bytes, locked: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.2", "-f", "lavfi", "-i", "sine=duration=0.2",
        "-c:v", "mpeg4", "-c:a", "aac", path,
    )  # fmt: skip
    data = path.read_bytes()
    at = data.index(own, data.index(b"stsd"))
    path.write_bytes(data[:at] + locked + data[at + 4 :])
    with pytest.raises(Unreadable, match="encrypted"):
        probe(path)


def test_a_clean_aperture_is_told_and_leaves_what_is_stored(tmp_path: Path) -> None:
    """12.1.4 of ISO/IEC 14496-12, by hand: 300/1 by 200/1, in the middle."""
    path = tmp_path / "a.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:duration=0.2", "-c:v", "mpeg4", path)
    data = bytearray(path.read_bytes())
    clap = (40).to_bytes(4, "big") + b"clap" + b"".join(n.to_bytes(4, "big") for n in (300, 1, 200, 1, 0, 1, 0, 1))
    entry = data.index(b"mp4v", data.index(b"stsd")) - 4
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    data[end:end] = clap
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4v"):
        at = data.index(name, data.index(b"moov") if name != b"minf" else data.index(b"mdhd")) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(clap)).to_bytes(4, "big")
    path.write_bytes(data)
    info = probe(path)
    assert (info.video[0].coded, info.video[0].size) == (Size(320, 240), Size(300, 200))
    assert any("300x200" in remark.en for remark in info.remarks)


def test_a_picture_of_matroska_starts_with_its_first_frame(tmp_path: Path) -> None:
    """Whatever FFmpeg makes of a wrong duration of frames: it takes the first of them for later than the sound."""
    path, clip = tmp_path / "late.mkv", tmp_path / "clip.mkv"
    tone = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=44100")
    ffmpeg("-f", "lavfi", "-i", _PICTURE.format(30), *tone, "-c:v", "libx264", "-bf", "3", "-c:a", "ac3", clip)
    ffmpeg(
        "-itsoffset",
        "0.1",
        "-i",
        clip,
        "-itsoffset",
        "0.2",
        "-i",
        clip,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c",
        "copy",
        path,
    )
    data = bytearray(path.read_bytes())
    at = data.index(_DURATION)
    data[at + 4 : at + 8] = (1_000_000).to_bytes(4, "big")
    path.write_bytes(data)
    info = probe(path)
    (picture,), (sound,) = info.video, info.audio
    assert picture.start is not None
    assert sound.start is not None
    assert abs(sound.start - picture.start - Fraction(1, 10)) <= Fraction(2, 1000)
    assert info.start == picture.start


def test_pictures_that_are_announced_and_never_come_have_no_rate(tmp_path: Path) -> None:
    """As in a test file of androidx/media: FFmpeg guesses its clock, of 90 kHz, for their rate."""
    whole, path = tmp_path / "whole.ts", tmp_path / "a.ts"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=2",
        "-c:v", "mpeg2video", "-c:a", "ac3", whole,
    )  # fmt: skip
    data = whole.read_bytes()
    packets = (data[at : at + 188] for at in range(0, len(data), 188))
    path.write_bytes(b"".join(one for one in packets if int.from_bytes(one[1:3], "big") & 0x1FFF != 0x100))
    with av.open(path) as container:
        assert [packet.stream.type for packet in container.demux() if packet.size].count("video") == 0
    info = probe(path)
    assert [(stream.frames, stream.frame_rate) for stream in info.video] == [(0, None)]
    assert info.audio[0].sample_rate == 44100


@pytest.mark.parametrize("muxer", ["adts", "mp3"])
def test_tags_between_frames_of_sound_are_passed_over(muxer: str, tmp_path: Path) -> None:
    """Streaming servers tell the time in them (RFC 8216, 3.4)."""
    plain, path = tmp_path / "plain.bin", tmp_path / "a.bin"
    bare = ("-id3v2_version", "0", "-write_xing", "0") if muxer == "mp3" else ()
    ffmpeg("-f", "lavfi", "-i", "sine=duration=3:sample_rate=44100", *bare, "-f", muxer, plain)
    data = plain.read_bytes()
    with av.open(plain, format="aac" if muxer == "adts" else "mp3") as container:
        frames = [packet.pos for packet in container.demux(audio=0) if packet.size]
    tag = b"ID3\4\0\0\0\0\0\x14" + b"PRIV" + bytes((0, 0, 0, 10, 0, 0)) + b"x\0" + bytes(8)
    cuts = [0, *frames[1:30], len(data)]
    path.write_bytes(b"".join(tag + data[a:b] for a, b in pairwise(cuts)))
    found, true = probe(path), probe(plain)
    assert (found.container, found.duration) == (true.container, true.duration)
    assert found.intact is not False


def test_what_looks_like_a_frame_in_front_of_the_first_counts_for_nothing(tmp_path: Path) -> None:
    """As in test files of taglib; FFmpeg's length is that of what it decodes."""
    plain, path = tmp_path / "plain.mp3", tmp_path / "a.mp3"
    bare = ("-id3v2_version", "0", "-write_xing", "0")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=3:sample_rate=44100", *bare, plain)
    # Layer III at another bit rate, and no frame behind it.
    path.write_bytes(b"e" * 50 + b"\xff\xfb\xb4\x64" + b"\xfe" * 333 + plain.read_bytes())
    with av.open(path, format="mp3") as container:
        heard = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert float(probe(path).duration or 0) == pytest.approx(heard, abs=0.06)  # two frames
