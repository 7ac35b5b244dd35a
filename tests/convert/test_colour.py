"""Transparency and colours of video, as far as they survive a repair with the real ffmpeg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.probe import probe
from tests.repairing import MP4, Find, ffmpeg, frame, repair, role


def test_transparency_survives_in_quicktime(sample: Find, tmp_path: Path) -> None:
    asked = role(container="mov", video_codec="prores", audio_codec="pcm_s16le")
    done = repair(sample("video/vp9-alpha.webm"), tmp_path, asked, container__format="mov")
    stream = done.after.video[0]
    assert (stream.codec, stream.alpha) == ("prores", True)
    before = frame(done.source, decoder="libvpx-vp9", pixels="rgba")[..., 3]
    after = frame(done.path, pixels="rgba")[..., 3]
    assert before.min() < 5
    assert before.max() > 250
    assert np.abs(before - after).mean() < 2


@pytest.mark.parametrize("name", ["video/vp9-alpha.webm", "video/vp8-alpha.webm"])
def test_transparency_survives_a_new_webm(name: str, sample: Find, tmp_path: Path) -> None:
    done = repair(sample(name), tmp_path, role(**MP4), video__width=160)
    assert (done.after.container, done.after.video[0].alpha) == ("webm", True)
    after = frame(done.path, decoder="libvpx-vp9", pixels="rgba")[..., 3]
    assert after.min() < 10
    assert after.max() > 245


def test_transparency_without_a_place_is_laid_over_black(sample: Find, tmp_path: Path) -> None:
    done = repair(sample("video/vp9-alpha.webm"), tmp_path, container__format="mp4")
    assert (done.after.video[0].codec, done.after.video[0].alpha) == ("h264", False)
    assert frame(done.path)[5, 5].max() <= 4


@pytest.mark.parametrize("name", ["video/vp9-alpha.webm", "video/vp8-alpha.webm", "video/prores4444-alpha.mov"])
def test_transparency_is_laid_over_the_background(name: str, sample: Find, tmp_path: Path) -> None:
    asked = role(**MP4, background="#00B140")
    done = repair(sample(name), tmp_path, asked, video__alpha=False)
    shown = frame(done.path)
    assert np.abs(shown[5, 5] - (0x00, 0xB1, 0x40)).max() <= 4
    assert np.abs(shown[90, 130] - (0x00, 0xB1, 0x40)).max() > 60


@pytest.mark.parametrize("name", ["video/hevc10-hlg.mp4", "video/hevc10-pq.mp4"])
def test_high_dynamic_range_is_brought_down_not_washed_out(name: str, sample: Find, tmp_path: Path) -> None:
    done = repair(sample(name), tmp_path, video__hdr=False)
    stream = done.after.video[0]
    tags = (stream.color_primaries, stream.color_transfer, stream.color_matrix, stream.color_range)
    assert tags == ("bt709", "bt709", "bt709", "tv")
    assert stream.bit_depth == 8
    bars = frame(done.path)[330, 53::107].tolist()  # the middle of each bar of the test picture
    expected = [(255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255)]
    for shown, wanted in zip(bars, expected, strict=True):
        assert np.abs(np.array(shown) - wanted).max() < 60


def _hlg(shown: tuple[int, int, int]) -> np.ndarray:
    """The HLG signal (0 to 1) that a display of 1000 cd/m2 shows like this colour of BT.709 (BT.1886, 8 bits).

    By hand from BT.2087 (primaries), BT.2408 (white at 203 cd/m2) and BT.2100-2, table 5 (gamma 1.2, on luminance).
    """
    light = (np.array(shown) / 255) ** 2.4
    primaries = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    display = primaries @ light * 203 / 1000
    scene = display * (display @ (0.2627, 0.6780, 0.0593)) ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


@pytest.mark.parametrize(
    "colour", [(194, 150, 130), (180, 50, 50), (60, 160, 70), (50, 70, 170), (128, 128, 128), (90, 60, 45)]
)
def test_hlg_keeps_its_colours_by_the_formulas_of_the_standard(colour: tuple[int, int, int], tmp_path: Path) -> None:
    red, green, blue = (np.full(64 * 64, round(float(part) * 65535), "<u2").tobytes() for part in _hlg(colour))
    (tmp_path / "raw").write_bytes((green + blue + red) * 5)
    told = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=gbr:range=pc"
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "gbrp16le", "-s", "64x64", "-r", "25", "-i", tmp_path / "raw",
        "-vf", f"{told},zscale=matrix=bt2020nc:range=tv,format=yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast",
        "-x265-params", "log-level=error:pools=none:frame-threads=1", "-crf", "4", tmp_path / "hlg.mp4",
    )  # fmt: skip
    done = repair(tmp_path / "hlg.mp4", tmp_path, video__hdr=False)
    assert np.abs(frame(done.path, at=0)[32, 32] - colour).max() <= 4


@pytest.mark.parametrize("name", ["video/mjpeg.mov", "video/flv1.flv", "video/yuv444.mp4", "video/av1.mp4"])
def test_colours_stay_whatever_matrix_and_range_the_source_has(name: str, sample: Find, tmp_path: Path) -> None:
    done = repair(sample(name), tmp_path, role(**MP4), video__codec="h264", container__format="mp4")
    before, after = (frame(path, at=0)[160, 27::53] for path in (done.source, done.path))
    assert np.abs(before - after).max() <= 6


def test_high_dynamic_range_with_half_its_tags_is_taken_for_bt2020(sample: Find, tmp_path: Path) -> None:
    bare = tmp_path / "bare.mp4"
    tags = "log-level=error:colorprim=unknown:transfer=arib-std-b67:colormatrix=unknown"
    untag = "setparams=color_primaries=unknown:colorspace=unknown:color_trc=arib-std-b67"
    coding = f"-vf {untag} -c:v libx265 -preset ultrafast -crf 8 -pix_fmt yuv420p10le -x265-params {tags}"
    ffmpeg("-i", sample("video/hevc10-hlg.mp4"), *coding.split(), bare)
    assert probe(bare).video[0].color_matrix is None
    (tmp_path / "half").mkdir()
    (tmp_path / "full").mkdir()
    half = repair(bare, tmp_path / "half", video__hdr=False)
    full = repair(sample("video/hevc10-hlg.mp4"), tmp_path / "full", video__hdr=False)
    bars = [frame(one.path)[330, 53::107] for one in (half, full)]
    assert np.abs(bars[0] - bars[1]).max() <= 12


@pytest.mark.parametrize("space", ["t=2020_10:m=2020_ncl:p=2020", "t=709:m=709:p=smpte432"])
def test_wide_colours_are_brought_back_to_bt709(space: str, tmp_path: Path) -> None:
    wide = tmp_path / "wide.mp4"
    source = "testsrc2=size=320x180:rate=25:duration=0.4,eq=saturation=0.5"
    narrow = tmp_path / "narrow.mp4"
    for path, to in ((wide, space), (narrow, "t=709:m=709:p=709")):
        convert = f"zscale=tin=709:min=709:pin=709:rin=tv:{to}:r=tv,format=yuv420p"
        coding = f"-c:v libx264 -preset veryfast -crf 8 -vf {convert}"
        ffmpeg("-f", "lavfi", "-i", source, *coding.split(), path)
    done = repair(wide, tmp_path, video__pixel_format="yuv420p")
    assert done.before.video[0].color_primaries in {"bt2020", "smpte432"}
    assert done.after.video[0].color_primaries == "bt709"
    shown, wanted = (frame(path, at=0)[160, 27::53] for path in (done.path, narrow))
    assert np.abs(shown - wanted).max() <= 8
