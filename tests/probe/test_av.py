"""Facts about video and audio: one table of files and what is true of each, then what goes wrong."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.facts import Kind, MediaInfo, Size
from pipeline.probe import probe
from pipeline.probe.av import read as media
from pipeline.probe.av.h264 import read_extradata
from pipeline.probe.sniff.mpeg_audio import adts_frame, count
from samples import build
from tests import ROOT

OUT = ROOT / "samples" / "out"
DECODE = frozenset({"decode"})
Sample = Callable[[str], Path]


@pytest.fixture(scope="session")
def sample() -> Sample:
    return lambda name: build([name], OUT)[name]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A file made by ffmpeg from a test picture and a tone, for what the samples do not hold."""

    def make(name: str, *args: str, source: Path | None = None) -> Path:
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
        inputs = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1"]
        if source:
            inputs = ["-i", str(source)]
        subprocess.run([*ffmpeg, *inputs, *args, str(tmp_path / name)], check=True, timeout=60)
        return tmp_path / name

    return make


# name: container, then what the first picture and the first sound are; "s." means the sound.
FACTS: dict[str, tuple[str, dict[str, object]]] = {
    "video/good-1080p25.mp4": (
        "mp4",
        {
            "codec": "h264", "profile": "High", "pixel_format": "yuv420p", "bit_depth": 8, "chroma": "4:2:0",
            "color_primaries": "bt709", "color_transfer": "bt709", "color_matrix": "bt709",
            "color_range": "tv", "hdr": False, "coded": Size(1920, 1080), "size": Size(1920, 1080),
            "sample_aspect": 1, "rotation": 0, "frame_rate": 25, "variable": False, "interlaced": False,
            "alpha": False, "frames": 50, "start": 0, "duration": 2, "s.codec": "aac", "s.profile": "LC",
            "s.sample_rate": 48000, "s.channels": 1, "s.layout": "mono", "s.bit_depth": None, "s.start": 0,
            "s.duration": 2, "s.default": True, "s.language": None,
        },
    ),
    "video/good.mov": ("mov", {"codec": "h264", "color_range": "tv", "size": Size(1280, 720)}),
    # No colr box: the colours come from the parameter set.
    "video/good.m4v": ("m4v", {"color_primaries": "bt709", "color_transfer": "bt709", "color_range": "tv"}),
    "video/hevc8.mp4": ("mp4", {"codec": "hevc", "profile": "Main", "bit_depth": 8, "hdr": False}),
    "video/hevc10-hlg.mp4": (
        "mp4",
        {
            "profile": "Main 10", "pixel_format": "yuv420p10le", "bit_depth": 10, "hdr": True,
            "color_primaries": "bt2020", "color_transfer": "arib-std-b67", "color_matrix": "bt2020nc",
        },
    ),
    "video/dolby-vision-8.4.mp4": ("mp4", {"dolby_vision": "8.4", "color_transfer": "arib-std-b67", "hdr": True}),
    "video/dolby-vision-5.mp4": ("mp4", {"dolby_vision": "5.0"}),
    "video/hevc10-pq.mp4": ("mp4", {"color_transfer": "smpte2084", "hdr": True}),
    "video/60fps.mp4": ("mp4", {"frame_rate": 60, "variable": False, "frames": 60}),
    "video/59.94fps.mp4": ("mp4", {"frame_rate": Fraction(60000, 1001), "variable": False}),
    "video/24fps.mp4": ("mp4", {"frame_rate": 24}),
    "video/15fps.mp4": ("mp4", {"frame_rate": 15}),
    "video/variable-rate.mp4": ("mp4", {"variable": True, "frames": 45}),
    "video/4k.mp4": ("mp4", {"size": Size(3840, 2160), "profile": "Constrained Baseline"}),
    "video/rotated90.mp4": ("mp4", {"coded": Size(640, 360), "size": Size(360, 640), "rotation": 270}),
    "video/rotated180.mp4": ("mp4", {"size": Size(640, 360), "rotation": 180}),
    "video/anamorphic.mp4": (
        "mp4",
        {"coded": Size(1440, 1080), "size": Size(1920, 1080), "sample_aspect": Fraction(4, 3)},
    ),
    "video/interlaced.mp4": ("mp4", {"interlaced": True, "frame_rate": 25}),
    "video/odd-size.mp4": ("mp4", {"codec": "mpeg4", "size": Size(321, 181), "interlaced": False}),
    "video/yuv444.mp4": ("mp4", {"chroma": "4:4:4", "pixel_format": "yuv444p"}),
    "video/yuv422-10.mp4": ("mp4", {"chroma": "4:2:2", "bit_depth": 10, "pixel_format": "yuv422p10le"}),
    "video/vp8.webm": ("webm", {"codec": "vp8", "alpha": False, "frames": 25, "duration": 1}),
    "video/vp8-alpha.webm": ("webm", {"codec": "vp8", "alpha": True, "pixel_format": "yuv420p"}),
    "video/vp9-alpha.webm": ("webm", {"codec": "vp9", "alpha": True, "s.codec": "opus"}),
    "video/vp9.mp4": ("mp4", {"codec": "vp9", "alpha": False}),
    "video/av1.webm": ("webm", {"codec": "av1", "frame_rate": 25, "variable": False}),
    "video/av1.mp4": ("mp4", {"codec": "av1"}),
    "video/prores4444-alpha.mov": (
        "mov",
        {"codec": "prores", "profile": "4444", "alpha": True, "chroma": "4:4:4", "s.bit_depth": 16},
    ),
    "video/h264.mkv": ("mkv", {"codec": "h264", "pixel_format": "yuv420p", "frames": 25, "variable": False}),
    "video/mpeg4.avi": ("avi", {"codec": "mpeg4", "s.codec": "mp3", "variable": False}),
    "video/mjpeg.avi": ("avi", {"codec": "mjpeg", "color_range": "pc", "s.codec": "pcm_s16le"}),
    "video/flv1.flv": ("flv", {"codec": "flv1", "duration": None, "variable": False}),
    "video/h264.flv": ("flv", {"codec": "h264", "pixel_format": "yuv420p"}),
    "video/h263.3gp": ("3gp", {"codec": "h263", "s.codec": "amr_nb", "s.sample_rate": 8000}),
    "video/wmv2.wmv": ("wmv", {"codec": "wmv2", "s.codec": "wmav2"}),
    "video/mpeg2.ts": ("mpegts", {"codec": "mpeg2video", "s.codec": "mp2", "frames": 25}),
    "audio/mono.wav": (
        "wav",
        {
            "s.codec": "pcm_s16le", "s.bit_depth": 16, "s.channels": 1, "s.layout": "mono",
            "s.sample_rate": 48000, "s.duration": 2, "s.bit_rate": 768000,
        },
    ),
    "audio/stereo.wav": ("wav", {"s.channels": 2, "s.layout": "stereo"}),
    "audio/surround.wav": ("wav", {"s.channels": 6, "s.layout": "5.1"}),
    "audio/24bit.wav": ("wav", {"s.codec": "pcm_s24le", "s.bit_depth": 24}),
    "audio/float.wav": ("wav", {"s.codec": "pcm_f32le", "s.bit_depth": 32}),
    "audio/8bit.wav": ("wav", {"s.codec": "pcm_u8", "s.bit_depth": 8}),
    "audio/alaw.wav": ("wav", {"s.codec": "pcm_alaw", "s.bit_depth": 8}),
    "audio/192k.wav": ("wav", {"s.sample_rate": 192000}),
    "audio/one-sample.wav": ("wav", {"s.duration": Fraction(1, 48000)}),
    "audio/no-samples.wav": ("wav", {"s.duration": None, "s.sample_rate": 48000}),
    "audio/good.mp3": ("mp3", {"s.codec": "mp3", "s.bit_rate": 128000, "s.duration": 2}),
    "audio/good.m4a": ("m4a", {"s.codec": "aac", "s.profile": "LC"}),
    "audio/good.aac": ("aac", {"s.codec": "aac", "s.sample_rate": 48000, "s.duration": Fraction(152, 75)}),
    "audio/good.wma": ("wma", {"s.codec": "wmav2", "s.bit_rate": 128000}),
    "audio/good.asf": ("wma", {"s.codec": "wmav2"}),
    "audio/other.flac": ("flac", {"s.codec": "flac", "s.bit_depth": 16}),
    "audio/other.ogg": ("ogg", {"s.codec": "vorbis", "s.bit_depth": None}),
    "audio/other.opus": ("ogg", {"s.codec": "opus"}),
    "audio/other.aiff": ("aiff", {"s.codec": "pcm_s16be", "s.bit_depth": 16}),
    # The name says otherwise.
    "broken/mp4-named.mov": ("mp4", {"codec": "h264"}),
    "broken/wav-named.mp3": ("wav", {"s.codec": "pcm_s16le"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTS)
def test_facts(name: str, sample: Sample) -> None:
    container, facts = FACTS[name]
    info = probe(sample(name))
    assert info.container == container
    assert info.kind is (Kind.AUDIO if all(key.startswith("s.") for key in facts) else Kind.VIDEO)
    read = {
        key: getattr(info.audio[0], key[2:]) if key.startswith("s.") else getattr(info.video[0], key) for key in facts
    }
    assert read == facts
    assert info.intact is None
    assert info.size == sample(name).stat().st_size


@pytest.mark.parametrize("name", [name for name in FACTS if "no-samples" not in name])
def test_good_files_decode_whole(name: str, sample: Sample) -> None:
    info = probe(sample(name), DECODE)
    assert (info.intact, info.remarks) == (True, ())


def test_index_before_or_behind_the_media_data(sample: Sample) -> None:
    assert probe(sample("video/good-1080p25.mp4")).faststart is True
    assert probe(sample("video/good-no-faststart.mp4")).faststart is False
    assert probe(sample("video/h264.mkv")).faststart is None


def test_cover_art_is_not_a_moving_picture(sample: Sample) -> None:
    info = probe(sample("video/cover-art.mp4"))
    assert (len(info.video), info.covers, info.others) == (1, 1, ())


def test_a_recording_with_cover_art_is_audio(made: Callable[..., Path], sample: Sample) -> None:
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-map", "0", "-map", "1"]
    args = [*picture, "-c:a", "copy", "-c:v", "mjpeg", "-frames:v", "1", "-disposition:v", "attached_pic"]
    info = probe(made("song.mp3", *args, source=sample("audio/good.mp3")))
    assert (info.kind, info.container, info.video, info.covers) == (Kind.AUDIO, "mp3", (), 1)


def test_every_sound_stream_has_its_language(sample: Sample) -> None:
    info = probe(sample("video/two-languages.mp4"))
    assert [(s.index, s.language, s.default) for s in info.audio] == [(1, "chi", True), (2, "eng", False)]


def test_streams_that_are_neither_picture_nor_sound_are_named(made: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "cue.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHi\n")
    args = ["-i", str(tmp_path / "cue.srt"), "-map", "0", "-map", "1", "-c:s", "mov_text", "-timecode", "01:00:00:00"]
    assert sorted(probe(made("sub.mov", *args)).others) == ["data", "mov_text"]


def test_rates_rounded_to_milliseconds_are_constant(made: Callable[..., Path]) -> None:
    """29.97 fps in Matroska lasts 33 or 34 ms a frame, and still does when it is moved to MP4."""
    mkv = made("ntsc.mkv", "-r", "30000/1001", "-c:v", "libx264", "-preset", "ultrafast")
    mp4 = made("ntsc.mp4", "-c", "copy", source=mkv)
    assert [probe(f).video[0].variable for f in (mkv, mp4)] == [False, False]
    assert probe(mkv).video[0].frame_rate == Fraction(30000, 1001)


@pytest.mark.parametrize("name", ["v.mkv", "v.flv", "v.webm"])
def test_variable_rate_shows_in_containers_without_a_table(name: str, made: Callable[..., Path]) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    args = ["-vf", "select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr", "-c:v", codec]
    assert probe(made(name, *args)).video[0].variable is True


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("angle", "clockwise"), [(0, 0), (90, 270), (180, 180), (-90, 90)])
def test_rotation_is_clockwise(angle: int, clockwise: int, container: str, sample: Sample, tmp_path: Path) -> None:
    """ffmpeg's -display_rotation counts the other way round."""
    source = sample("video/24fps.mp4")
    turned = tmp_path / f"turned.{container}"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-display_rotation", str(angle)]
    subprocess.run([*ffmpeg, "-i", str(source), "-c", "copy", str(turned)], check=True, timeout=60)
    assert probe(turned).video[0].rotation == clockwise


def test_a_mirrored_picture_is_remarked(sample: Sample, tmp_path: Path) -> None:
    mirrored = tmp_path / "mirrored.mp4"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-display_hflip"]
    command = [*ffmpeg, "-i", str(sample("video/24fps.mp4")), "-c", "copy", str(mirrored)]
    subprocess.run(command, check=True, timeout=60)
    assert any("mirrored" in remark.en for remark in probe(mirrored).remarks)


def test_full_range_and_rgb_h264_are_read_from_the_parameter_set(made: Callable[..., Path]) -> None:
    full = made("full.mp4", "-c:v", "libx264", "-pix_fmt", "yuvj420p", "-color_range", "pc")
    rgb = made("rgb.mp4", "-c:v", "libx264rgb", "-qp", "0")
    gray = made("gray.mp4", "-c:v", "libx264", "-pix_fmt", "gray")
    assert (probe(full).video[0].pixel_format, probe(full).video[0].color_range) == ("yuvj420p", "pc")
    assert (probe(rgb).video[0].pixel_format, probe(rgb).video[0].chroma) == ("gbrp", "rgb")
    assert (probe(gray).video[0].pixel_format, probe(gray).video[0].chroma) == ("gray", "gray")


@pytest.mark.parametrize("name", [name for name, (_, facts) in FACTS.items() if facts.get("codec") == "h264"])
def test_what_the_parameter_set_says_is_what_a_decoder_says(name: str, sample: Sample) -> None:
    import av

    with av.open(str(sample(name))) as container:
        context = container.streams.video[0].codec_context
        found = read_extradata(context.extradata)
        assert found is not None
        assert (found.pixel_format, found.aspect) == (context.pix_fmt, context.sample_aspect_ratio)


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_damaged_parameter_set_never_raises(cut: int, sample: Sample) -> None:
    import av

    with av.open(str(sample("video/good-1080p25.mp4"))) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    read_extradata(extradata[:cut])
    read_extradata(extradata[:cut] + bytes([255]) * 40)
    assert read_extradata(extradata[: min(cut, 8)]) is None


# --- cut short, damaged, something else ---------------------------------------------------------------

CUT = [
    "video/good-1080p25.mp4", "video/h264.mkv", "video/vp8.webm", "video/mpeg4.avi", "video/h264.flv",
    "video/wmv2.wmv", "video/mpeg2.ts", "audio/mono.wav", "audio/good.mp3", "audio/good.aac",
    "audio/good.wma", "audio/other.ogg", "audio/other.aiff",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "share"),
    # Half of this Ogg file is less than its one page of sound.
    [(name, share) for name in CUT for share in (0.5, 0.99) if (name, share) != ("audio/other.ogg", 0.5)],
)
def test_a_cut_file_is_found_without_decoding(name: str, share: float, sample: Sample, tmp_path: Path) -> None:
    data = sample(name).read_bytes()
    keep = int(len(data) * share)
    if name.endswith(".ts"):
        keep = keep // 188 * 188 + 100  # between two packets nothing would tell
    file = tmp_path / Path(name).name
    file.write_bytes(data[:keep])
    info = probe(file)
    assert info.intact is False
    assert any("cut short" in remark.en for remark in info.remarks)


def test_a_file_without_its_index_cannot_be_read(sample: Sample) -> None:
    with pytest.raises(Unreadable, match=r"truncated\.mp4 has no whole index \(moov\).*export it again"):
        probe(sample("broken/truncated.mp4"))


def test_damage_in_the_middle_needs_decoding_to_be_found(sample: Sample) -> None:
    path = sample("broken/garbage.mp4")
    assert probe(path).intact is None
    info = probe(path, DECODE)
    assert info.intact is False
    assert "near 0.8" in info.remarks[0].en


def test_a_live_recording_without_lengths_is_not_called_cut(sample: Sample, tmp_path: Path) -> None:
    """Recorders that cannot go back leave the length of RIFF and Matroska open."""
    wav, data = tmp_path / "live.wav", bytearray(sample("audio/mono.wav").read_bytes())
    struct.pack_into("<I", data, 4, 0xFFFFFFFF)
    wav.write_bytes(data)
    assert probe(wav).intact is None
    mkv, data = tmp_path / "live.mkv", bytearray(sample("video/h264.mkv").read_bytes())
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + b"\xff" * 7
    mkv.write_bytes(data)
    assert probe(mkv).intact is None


def test_bytes_behind_the_last_box_are_no_missing_data(sample: Sample, tmp_path: Path) -> None:
    file = tmp_path / "padded.mp4"
    file.write_bytes(sample("video/24fps.mp4").read_bytes() + b"\x7f\xff\xff\xff\0\0\0\0" * 4)
    assert probe(file).intact is None


def test_fragmented_mp4_is_timed_by_its_packets(made: Callable[..., Path], sample: Sample) -> None:
    args = ["-c", "copy", "-movflags", "frag_keyframe+empty_moov"]
    fragmented = made("frag.mp4", *args, source=sample("video/variable-rate.mp4"))
    assert b"moof" in fragmented.read_bytes()
    assert (probe(fragmented).video[0].variable, probe(fragmented).video[0].frames) == (True, 45)


def test_a_stream_that_turns_up_late_is_left_out(made: Callable[..., Path], sample: Sample) -> None:
    picture = made("picture.ts", "-c:v", "mpeg2video", "-q:v", "1")
    late = picture.with_name("late.ts")
    silent, sounding = picture.read_bytes(), sample("video/mpeg2.ts").read_bytes()
    # FFmpeg looks at the head for the streams and at the tail for the length; neither has the sound.
    silent *= 1 + (6 << 20) // len(silent)
    late.write_bytes(silent + sounding + silent)
    info = probe(late, DECODE)
    assert (len(info.video), info.audio) == (1, ())


@pytest.mark.parametrize(
    ("name", "format_"),
    [("html-named.mp4", "html"), ("hls-named.mp4", "hls"), ("ffconcat-named.mp4", "ffconcat")],
)
def test_text_that_poses_as_video_reaches_no_demuxer(
    name: str, format_: str, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened by FFmpeg")

    monkeypatch.setattr(av, "open", refuse)
    path = tmp_path / name
    shutil.copy(sample(f"broken/{name}"), path)
    shutil.copy(sample("video/mpeg2.ts"), tmp_path / "neighbour.ts")
    info = probe(path)
    assert info.kind is Kind.TEXT
    assert info.text is not None
    assert info.text.format == format_


@pytest.mark.parametrize("name", ["hls-named.mp4", "ffconcat-named.mp4"])
@pytest.mark.parametrize("format_", sorted({"mp4", "mkv", "avi", "mpegts", "mp3", "flv"}))
def test_even_unsniffed_a_playlist_opens_nothing(name: str, format_: str, sample: Sample, tmp_path: Path) -> None:
    shutil.copy(sample("video/mpeg2.ts"), tmp_path / "neighbour.ts")
    path = tmp_path / name
    shutil.copy(sample(f"broken/{name}"), path)
    try:
        info = media.read(path, path.stat().st_size, format_)
    except Unreadable:
        return
    assert (info.video, info.duration) == ((), None)


def test_a_decoder_off_the_list_never_runs(made: Callable[..., Path]) -> None:
    info = probe(made("rare.avi", "-c:v", "magicyuv", "-pix_fmt", "yuv420p"), DECODE)
    assert info.video[0].codec == "magicyuv"
    assert info.video[0].pixel_format is None  # only its decoder knows
    assert info.intact is None
    assert ["not on the allow-list" in info.remarks[0].en, "Not decoded" in info.remarks[1].en] == [True, True]


def test_names_are_never_taken_for_patterns_options_or_addresses(sample: Sample, tmp_path: Path) -> None:
    for name in ("a%03d.mp4", "a:b.mp4", "-version.mp4", "http:x.mp4", "名 字.mp4", "bad\udcff.mp4"):
        path = tmp_path / name
        shutil.copy(sample("video/24fps.mp4"), path)
        assert probe(path).video[0].frame_rate == 24


def test_ceilings_hold_before_anything_is_decoded(sample: Sample, tmp_path: Path) -> None:
    data = bytearray(sample("audio/mono.wav").read_bytes())
    struct.pack_into("<H", data, 22, 200)  # channels
    file = tmp_path / "many.wav"
    file.write_bytes(data)
    with pytest.raises(CeilingExceeded, match="200 channels"):
        probe(file)


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\x24\0\0\0WAVE",
        b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
        struct.pack(">I4s4s4x", 16, b"ftyp", b"isom") + struct.pack(">I4s", 8, b"moov"),
        struct.pack(">I4s4s4x", 16, b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"moov", 1 << 63),
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(40),
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm\x18\x53\x80\x67\x01",
        b"OggS\0" + bytes(60),
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        b"FORM\0\0\0\x04AIFF",
    ],
    ids=["wav", "flv", "moov", "huge moov", "asf", "webm", "ogg", "id3", "aiff"],
)
def test_heads_without_bodies_are_refused_in_words(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "head"
    file.write_bytes(data)
    with pytest.raises(Unreadable) as caught:
        probe(file)
    assert "head" in caught.value.text.en
    assert "head" in caught.value.text.zh


def test_frames_are_counted_over_debris_and_tags(sample: Sample, tmp_path: Path) -> None:
    whole = sample("audio/good.aac").read_bytes()
    file = tmp_path / "tagged.aac"
    file.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + whole + b"TAG" + bytes(125))
    counted = count(file, file.stat().st_size, adts_frame)
    assert counted == (Fraction(152, 75), False, False)
    assert probe(file).audio[0].duration == Fraction(152, 75)
    half = len(whole) // 2
    at = next(i for i in range(half, len(whole)) if adts_frame(whole, i))
    file.write_bytes(whole[:at] + b"garbage" + whole[at:])
    assert probe(file).intact is False


def test_facts_cross_process_borders(sample: Sample) -> None:
    import pickle

    info = probe(sample("video/two-languages.mp4"))
    assert isinstance(info, MediaInfo)
    assert pickle.loads(pickle.dumps(info)) == info  # noqa: S301  our own bytes
