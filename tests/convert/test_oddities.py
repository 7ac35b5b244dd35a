"""Clips that are not what a camera writes: each gets an answer that says what is wrong, or is made right."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import samples
from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_STREAMS
from pipeline.model.job import Job
from pipeline.model.results import Outcome, Status
from pipeline.model.rules import Safety
from pipeline.probe import probe
from pipeline.probe.av import matroska
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.tools import programs

PLAIN = "convert/h264-1080p"
KEY = "76a6c65c5ea762046bd749a2e632ccbb"


def ffmpeg(*args: str | Path) -> None:
    subprocess.run([programs.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of picture and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    inputs = "-f lavfi -i testsrc2=size=64x64:rate=25:duration=3 -f lavfi -i sine=duration=3:sample_rate=16000"
    ffmpeg(*inputs.split(), *["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"], path)
    return path


def prepared(source: Path, out: Path) -> Outcome:
    return prepare(check(Job(path=str(source), stem="clip", preset=PLAIN, out=str(out))), lambda _: None)


# --- refused, with the reason -----------------------------------------------------------------------


def test_what_is_encrypted_is_not_called_damaged(clip: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.mp4"
    ffmpeg("-i", clip, "-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY,
           "-encryption_kid", KEY, locked)  # fmt: skip
    windows = tmp_path / "locked.wmv"
    plain = samples.build(["video/wmv2.wmv"], tmp_path)["video/wmv2.wmv"].read_bytes()
    windows.write_bytes(plain[:40_000] + uuid.UUID("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E").bytes_le)
    for path in (locked, windows):
        with pytest.raises(Unreadable, match="encrypted"):
            probe(path)


def test_encryption_in_matroska_is_seen(tmp_path: Path) -> None:
    def element(name: int, content: bytes) -> bytes:
        return name.to_bytes((name.bit_length() + 7) // 8, "big") + bytes([0x80 | len(content)]) + content

    encoding = element(0x6D80, element(0x6240, element(0x5035, element(0x47E1, b"\x05"))))
    for inner, encrypted in ((encoding, True), (element(0x6D80, element(0x6240, element(0x5034, b"\x00"))), False)):
        head = element(0x1A45DFA3, b"") + element(0x18538067, element(0x1654AE6B, element(0xAE, inner)))
        (tmp_path / "head").write_bytes(head)
        tracks = matroska.read_tracks(tmp_path / "head")
        assert any(track.encrypted for track in tracks.values()) is encrypted


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_more_streams_than_anybody_needs_are_not_opened(suffix: str, clip: Path, tmp_path: Path) -> None:
    many = tmp_path / f"many{suffix}"
    ffmpeg("-i", clip, "-map", "0:v", *["-map", "0:a"] * MAX_STREAMS, "-t", "0.2", "-c", "copy", many)
    with pytest.raises(CeilingExceeded, match=f"more than {MAX_STREAMS} are not opened"):
        probe(many)


def test_pictures_too_large_to_open_are_told_by_their_size(clip: Path, tmp_path: Path) -> None:
    data = bytearray(clip.read_bytes())
    at = data.find(b"avc1", data.find(b"stsd")) + 4 + 24
    data[at : at + 4] = (20000).to_bytes(2, "big") * 2
    sps = data.find(b"avcC")
    data[sps + 8 : sps + 40] = bytes(32)  # the codec's own account is gone
    (tmp_path / "large.mp4").write_bytes(data)
    with pytest.raises(CeilingExceeded, match="400000000 pixels"):
        probe(tmp_path / "large.mp4")


@pytest.mark.parametrize(("rate", "wrong"), [("100000", "100000 frames per second"), ("1/100", "")])
def test_absurd_rates_end_in_bounded_time(rate: str, wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "rate.mp4"
    picture = f"testsrc2=size=64x64:rate={rate}"
    ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", "3", "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    told = check(Job(path=str(path), stem="clip", preset=PLAIN))
    assert (wrong in told.error.message.en) if told.error else not wrong


def test_a_codec_that_is_not_decoded_is_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "rare.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "3", "-c:v", "cinepak", path)
    outcome = prepared(path, tmp_path / "out")
    assert outcome.status is Status.BLOCKED
    assert any("none that is decoded here" in (f.reason.en if f.reason else "") for f in outcome.blocked)


def test_two_recordings_in_one_stream_are_told(clip: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.ts", tmp_path / "two.ts"
    ffmpeg("-i", clip, "-c", "copy", one)
    two.write_bytes(one.read_bytes() * 2)
    outcome = prepared(two, tmp_path / "out")
    assert outcome.status is Status.BLOCKED
    (damaged,) = [finding for finding in outcome.blocked if finding.rule.check == "media.intact"]
    assert damaged.advice is not None
    assert "damaged packet" in damaged.advice.en


# --- made right -------------------------------------------------------------------------------------


def test_frames_that_a_copy_would_show_at_other_times_are_encoded(tmp_path: Path) -> None:
    """A wrong duration of frames in Matroska lets what copies them guess when they are decoded."""
    source = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=30:d=1", "-c:v", "libx264", "-bf", "3", "-f", "matroska", source)
    data = source.read_bytes()
    at = data.index(b"\x23\xe3\x83\x84")  # DefaultDuration, four bytes of nanoseconds (RFC 9559, 5.1.4.1.13)
    source.write_bytes(data[: at + 4] + (1_000_000).to_bytes(4, "big") + data[at + 8 :])
    outcome = prepared(source, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    (made,) = outcome.outputs
    (picture,) = made.facts.video
    assert (picture.frames, picture.frame_rate, picture.variable) == (30, 30, False)
    assert "were not shown when they should be" in outcome.steps[0].does.en
    assert {finding.fix.safety for finding in outcome.findings if finding.fix} == {Safety.LOSSY}  # and it is told so
    lossless = Job(path=str(source), stem="clip", preset=PLAIN, out=str(tmp_path / "no"), at_least=Safety.LOSSLESS)
    assert prepare(check(lossless), lambda _: None).status is Status.FAILED


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("edit-list.mp4", ("-ss", "0.7"), ()),
        ("sound-late.mp4", ("-itsoffset", "0.7"), ()),
        ("an-hour-late.mkv", (), ("-output_ts_offset", "3600")),
        ("an-hour-late.ts", (), ("-output_ts_offset", "3600")),
    ],
)
def test_whatever_the_clock_shows_pictures_and_sound_stay_together(
    name: str, before: tuple[str, ...], after: tuple[str, ...], clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    late = ("-i", clip, "-map", "0:v", "-map", "1:a") if name.startswith("sound") else ()
    ffmpeg(*late[:2], *before, "-i", clip, *late[2:], "-c", "copy", *after, path)
    info = probe(path)
    assert info.duration is not None
    assert Fraction(2) < info.duration < Fraction(4)
    outcome = prepared(path, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    assert {"sound after picture", "frames"} <= {proof.name.en for proof in outcome.proof}


def test_one_frame_is_a_video_too(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "1", "-c:v", "mpeg4", path)
    outcome = prepared(path, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    assert outcome.outputs[0].facts.video[0].frames == 1


def test_a_file_of_a_camera_that_is_not_read_says_what_to_export(tmp_path: Path) -> None:
    path = tmp_path / "shot.mxf"
    coding = "-f lavfi -i testsrc2=s=256x144:r=25:d=0.08 -c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p"
    ffmpeg(*coding.split(), path)
    report = check(Job(path=str(path), stem="shot", preset="metastudio/video-production"))
    assert report.status is Status.BLOCKED
    assert report.facts is not None
    assert report.facts.container == "mxf"
    assert [finding.rule.check for finding in report.findings] == ["file.kind"]
    assert "export it as MOV or MP4" in report.findings[0].rule.note.en


# --- sound, and what stands behind it ---------------------------------------------------------------


def heard(path: Path) -> int:
    """Samples that ffmpeg makes of a mono recording."""
    command = [programs.ffmpeg(), "-nostdin", "-v", "quiet", "-i", str(path), "-f", "s16le", "-"]
    return len(subprocess.run(command, capture_output=True, check=True).stdout) // 2


def _odd(data: bytes) -> bytes:
    """An AIFF of which half a sample is left at its end."""
    at = data.index(b"SSND") + 4
    longer = (int.from_bytes(data[at : at + 4], "big") + 1).to_bytes(4, "big")
    return data[:4] + (len(data) - 6).to_bytes(4, "big") + data[8:at] + longer + data[at + 4 :] + b"\1\0"


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("a.flac", lambda data: data + b"TAG" + b"A Kind of Name".ljust(125, b"\0")),  # ID3v1
        ("a.flac", lambda data: data + b"\0" * 7),
        ("a.mp3", lambda data: data + b"\0"),
        ("a.mp3", lambda data: data + b"TAG" + b"A Kind of Name".ljust(125, b"\0")),
        ("a.aiff", _odd),
    ],
)
def test_what_stands_behind_the_last_frame_of_sound_is_no_damage(
    name: str, behind: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    source = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2:sample_rate=16000", source)
    whole = heard(source)
    source.write_bytes(behind(source.read_bytes()))
    job = Job(path=str(source), stem="a", preset="convert/mono-wav", out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert outcome.status is Status.FIXED, outcome.error
    assert heard(tmp_path / "out" / outcome.outputs[0].path) == whole


@pytest.mark.parametrize("codec", ["mp2", "aac"])
def test_a_transport_stream_of_sound_alone_is_as_long_as_it_sounds(codec: str, tmp_path: Path) -> None:
    """Its last packet holds many frames."""
    source = tmp_path / "a.ts"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=3.3:sample_rate=48000", "-c:a", codec, source)
    info = probe(source)
    assert info.duration is not None
    assert abs(info.duration * 48000 - heard(source)) <= 1
    assert info.audio[0].duration == info.duration
