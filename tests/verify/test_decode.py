"""A full decode tells a whole file from one that is cut short or damaged."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.errors import TimedOut
from pipeline.model import ceilings
from pipeline.model.facts import AudioStream, Kind, MediaInfo, VideoStream
from pipeline.model.results import Proof
from pipeline.probe import probe
from pipeline.tools import programs
from pipeline.verify import decode
from pipeline.verify.decode import decoded

Find = Callable[[str], Path]


# --- what a decoder's count is held to --------------------------------------------------------------

PICTURE = VideoStream(index=3, codec="h264", frame_rate=Fraction(25), variable=False, duration=Fraction(10))
SOUND = AudioStream(index=5, codec="aac", duration=Fraction(10))
CLIP = MediaInfo(
    name="clip.mp4", kind=Kind.VIDEO, size=1, extension="mp4", container="mp4", duration=Fraction(20), video=(PICTURE,),
    audio=(SOUND,),
)  # fmt: skip
VOICE = replace(CLIP, kind=Kind.AUDIO, video=())
Say = Callable[..., Proof]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """What is proven of a file when ffmpeg says this: lines of its progress, complaints, and its code at the end."""
    said, script, media = tmp_path / "said", tmp_path / "script", tmp_path / "media"
    media.touch()
    script.touch(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(script))

    def say(info: MediaInfo, *lines: str, complaint: str = "", code: int = 0, **more: Any) -> Proof:
        printed = "".join(f"echo '{line}'\n" for line in lines)
        script.write_text(f"#!/bin/sh\necho \"$*\" > words\n{printed}printf '{complaint}' >&2\nexit {code}\n")
        proof = decoded(media, info, work, **more)
        said.write_text((work / "words").read_text())
        (work / "words").unlink()
        assert list(work.iterdir()) == []
        return proof

    return say


def counted(**changes: Any) -> MediaInfo:
    return replace(CLIP, video=(replace(PICTURE, **changes),))


@pytest.mark.parametrize(
    ("info", "frames", "right"),
    [
        (counted(frames=250), (249, 250, 251), "250"),
        # 10 s at 25 are 250, give or take one.
        (CLIP, (248, 249, 250, 251, 252), "249 250 251"),
        (counted(duration=Fraction(101, 10), frame_rate=Fraction(30)), (301, 302, 304, 305), "302 304"),
        # What is not known, or varies, is only wanted at all.
        *(
            (counted(**gone), (0, 1, 9), "1 9")
            for gone in ({"duration": None}, {"frame_rate": None}, {"variable": True})
        ),
    ],
)
def test_frames_are_counted_against_what_the_container_says(
    info: MediaInfo, frames: tuple[int, ...], right: str, say: Say
) -> None:
    found = {count: say(info, "frame=7", f"frame={count}", "out_time_us=1", "progress=end") for count in frames}
    assert " ".join(str(count) for count, proof in found.items() if proof.passed) == right
    assert [proof.found.en for proof in found.values()] == [f"{count} frames" for count in frames]


@pytest.mark.parametrize(
    ("info", "last", "right"),
    [
        # 10 s, with the tenth that encoders pad.
        (VOICE, (9_899_999, 9_900_000, 10_100_000, 10_100_001), "9900000 10100000"),
        # The stream does not tell, the container does: 20 s.
        (replace(VOICE, audio=(AudioStream(index=0),)), (10_000_000, 20_000_000), "20000000"),
        # Nobody tells, or nobody knows: some sound is wanted.
        (replace(VOICE, duration=None, audio=(AudioStream(index=0),)), (0, 1), "1"),
        (replace(VOICE, container="aac"), (0, 1, 10_000_000), "1 10000000"),
        (replace(VOICE, container="amr"), (0, 1), "1"),
        (replace(VOICE, audio=()), (0, 1), "1"),
    ],
)
def test_sound_is_timed_against_what_the_file_says(
    info: MediaInfo, last: tuple[int, ...], right: str, say: Say
) -> None:
    found = {at: say(info, f"out_time_us={at // 2}", f"out_time_us={at}", "out_time_us=N/A", "frame=9") for at in last}
    assert " ".join(str(at) for at, proof in found.items() if proof.passed) == right


def test_a_decoder_that_tells_no_time_decoded_nothing(say: Say) -> None:
    proof = say(replace(VOICE, container="aac"), "frame=9", "out_time_us=N/A")
    assert (proof.passed, proof.found.en) == (False, "0.000 s")


def test_sound_alone_is_decoded_where_only_sound_is_new(say: Say, tmp_path: Path) -> None:
    assert say(CLIP, "frame=0", "out_time_us=10000000", sound_only=True).passed
    assert "-map 0:5 -f null" in (tmp_path / "said").read_text()
    assert not say(CLIP, "frame=0", "out_time_us=10000000").passed
    # The picture, and all sound there may be beside it: damage is looked for in both.
    assert "-map 0:3 -map 0:a? -fps_mode passthrough -f null" in (tmp_path / "said").read_text()
    assert "-xerror" in (tmp_path / "said").read_text()
    assert say(replace(VOICE, audio=()), "out_time_us=1").passed
    assert "-map 0 -f null" in (tmp_path / "said").read_text()


def test_a_complaint_or_a_code_fails_what_was_counted_right(say: Say) -> None:
    right = ("frame=250", "progress=end")
    assert say(CLIP, *right).found.en == "250 frames"
    loud = say(CLIP, *right, complaint="corrupt input")
    assert (loud.passed, loud.found.en) == (False, "250 frames; code 0: corrupt input")
    ended = say(CLIP, *right, code=3)
    assert not ended.passed
    assert ended.found.en.startswith("250 frames; code 3")


# --- real files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["video/60fps.mp4", "video/h264.mkv", "video/vp9-alpha.webm", "video/no-audio.mp4", "audio/good.mp3",
             "audio/good.aac", "audio/mono.wav", "audio/good.m4a"]
)  # fmt: skip
def test_sound_files_decode_whole(name: str, sample: Find, tmp_path: Path) -> None:
    proof = decoded(sample(name), probe(sample(name)), tmp_path)
    assert proof.passed, proof
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["video/60fps.mp4", "video/h264.mkv", "video/vp8.webm", "audio/mono.wav"])
def test_a_cut_file_does_not(name: str, sample: Find, tmp_path: Path) -> None:
    whole = sample(name)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert not decoded(cut, probe(whole), tmp_path).passed


def test_garbage_in_the_middle_is_noticed(sample: Find, tmp_path: Path) -> None:
    whole = sample("video/good-1080p25.mp4")
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(range(256)) * 16
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    proof = decoded(bad, probe(whole), tmp_path)
    assert not proof.passed
    assert "code" in proof.found.en


@pytest.mark.usefixtures("liar")
def test_a_decoder_that_counts_nothing_proves_nothing(sample: Find, tmp_path: Path) -> None:
    for name in ("video/60fps.mp4", "audio/mono.wav"):
        assert not decoded(sample(name), probe(sample(name)), tmp_path).passed


def test_a_decoder_that_hangs_is_stopped(sample: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(stuck))
    monkeypatch.setattr(ceilings, "FFMPEG", replace(ceilings.FFMPEG, quiet=0.3))
    with pytest.raises(TimedOut):
        decoded(sample("audio/mono.wav"), probe(sample("audio/mono.wav")), tmp_path)


@pytest.mark.parametrize(
    ("line", "grave"),
    [
        ("[dvdsub @ 0x558882c6da80] Codec (dvdsub) not on whitelist 'h264,hevc,aac'", False),
        ("[h264 @ 0x558882c6da80] error while decoding MB 12 7", True),
    ],
)
def test_what_is_said_of_subtitles_that_are_not_decoded_is_no_damage(line: str, grave: bool) -> None:
    assert decode._grave(line) is grave
