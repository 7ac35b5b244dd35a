"""What a recording sounds like, on signals whose quality was put in. The full table is in benchmarks/speech.py."""

from __future__ import annotations

import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.convert.package.align import syllables
from pipeline.errors import Unreadable
from pipeline.model import ceilings
from pipeline.model.facts import AudioStream
from pipeline.model.measured import Speech
from pipeline.plots.sound import plot
from pipeline.probe import probe
from pipeline.probe.speech.measure import listen, measure
from pipeline.tools import process
from samples._speech import LINES, speech

Signal = npt.NDArray[np.float64]
RATE = 16000


def voice(sentences: int = 4, pause: float = 0.8, start: int = 0) -> Signal:
    """Clean sentences with pauses between and around them."""
    gap = np.zeros(round(pause * RATE))
    said = [speech(LINES[(start + n) % len(LINES)], RATE) for n in range(sentences)]
    return np.concatenate([gap, *(part for one in said for part in (one, gap))])


def noise(count: int, level: float, seed: int = 1) -> Signal:
    """White noise of an RMS of `level` dB of full scale."""
    return np.random.default_rng(seed).standard_normal(count) * 10 ** (level / 20)


def save(path: Path, signal: Signal, rate: int = RATE) -> Path:
    """A 16-bit WAV; a row a channel."""
    rows = np.atleast_2d(signal)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(rows))
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(np.clip(rows, -1, 1) * 32767).astype("<i2").T.tobytes())
    return path


@pytest.fixture
def heard(tmp_path: Path) -> Callable[..., Speech]:
    """Measure a signal as a file."""

    def hear(signal: Signal, rate: int = RATE) -> Speech:
        info = probe(save(tmp_path / "take.wav", signal, rate), frozenset({"speech"}))
        assert info.speech is not None
        return info.speech

    return hear


def near(value: Fraction | int | None, wanted: float, within: float) -> bool:
    return value is not None and abs(float(value) - wanted) <= within


def active_power(signal: Signal) -> float:
    """Mean power of the frames within 40 dB of the loudest."""
    frames = signal[: len(signal) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    return float(power[power > power.max() / 1e4].mean())


def test_measuring_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "take.wav", voice(1))
    assert probe(path).speech is None


@pytest.mark.parametrize("wanted", [8, 20, 32])
def test_the_noise_that_was_put_in_is_found(wanted: int, heard: Callable[..., Speech]) -> None:
    clean = voice()
    level = 10 * np.log10(active_power(clean)) - wanted
    assert near(heard(clean + noise(len(clean), level)).snr, wanted, 2)


def test_a_longer_echo_has_a_lower_clarity(heard: Callable[..., Speech]) -> None:
    clean, found = voice(), []
    for decay in (0.1, 0.4, 1.2):
        time = np.arange(round(decay * RATE)) / RATE
        tail = 0.05 * np.random.default_rng(2).standard_normal(len(time)) * 10 ** (-3 * time / decay)
        tail[0] = 1
        size = 1 << (len(clean) + len(tail)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(tail, size))[: len(clean)]
        c50 = heard(0.7 * wet / np.abs(wet).max()).c50
        assert c50 is not None
        found.append(c50)
    assert found == sorted(found, reverse=True)
    assert found[0] - found[2] > 10


def test_clarity_is_not_told_where_noise_hides_it(heard: Callable[..., Speech]) -> None:
    clean = voice()
    assert heard(clean + noise(len(clean), 10 * np.log10(active_power(clean)) - 8)).c50 is None


@pytest.mark.parametrize("ceiling", [1.0, 0.5])
def test_clipped_samples_are_counted_at_any_level(ceiling: float, heard: Callable[..., Speech]) -> None:
    clean = voice()
    edge = np.quantile(np.abs(clean), 0.97)
    share = 100 * np.mean(np.abs(clean) >= edge)
    assert near(heard(np.clip(clean * ceiling / edge, -ceiling, ceiling)).clipping, float(share), 0.1 * float(share))


def test_a_clean_voice_is_not_clipped(heard: Callable[..., Speech]) -> None:
    assert near(heard(voice()).clipping, 0, 0.01)


def test_speech_is_timed_without_its_pauses(heard: Callable[..., Speech]) -> None:
    short, long = heard(voice(pause=0.5)), heard(voice(pause=2.5))
    assert near(short.speech, float(long.speech or 0), 0.15)
    assert (short.long_silences, long.long_silences) == (0, 3)
    assert near(long.leading_silence, 2.6, 0.3)  # the voice has a little silence of its own
    assert near(long.trailing_silence, 2.6, 0.3)


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(np.zeros(RATE), id="digital silence"),
        pytest.param(noise(3 * RATE, -30), id="noise"),
        pytest.param(0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE), id="a tone"),
        pytest.param(np.full(RATE, 0.25), id="nothing but an offset"),
        pytest.param(np.full(1, 0.5), id="one sample"),
    ],
)
def test_without_speech_there_is_none_and_no_ratio(signal: Signal, heard: Callable[..., Speech]) -> None:
    found = heard(signal)
    assert found.speech == 0
    assert (found.snr, found.c50) == (None, None)
    assert near(found.clipping, 0, 0.7)


def test_level_offset_and_peak_are_told(heard: Callable[..., Speech]) -> None:
    sine = 0.5 * np.sin(2 * np.pi * 997 * np.arange(5 * RATE) / RATE) + 0.1
    found = heard(sine)
    # EBU Tech 3341: a 1 kHz sine in one channel reads 3.01 LU below its peak level.
    assert near(found.loudness, 20 * np.log10(0.5) - 3.01, 0.3)
    assert near(found.dc_offset, 0.1, 0.001)
    assert near(found.true_peak, 20 * np.log10(0.6), 0.1)


def test_a_peak_between_the_samples_is_found(heard: Callable[..., Speech]) -> None:
    # A quarter of the sample rate at 45 degrees: every sample is at 0.707 of the peak.
    sine = 0.5 * np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)
    assert near(heard(sine).true_peak, 20 * np.log10(0.5), 0.2)


def test_channels_that_cancel_are_heard_all_the_same(heard: Callable[..., Speech]) -> None:
    clean = voice()
    found = heard(np.stack([clean, -clean]))
    assert found.mid_loss is not None
    assert found.mid_loss > 20
    assert near(found.speech, float(heard(clean).speech or 0), 0.05)


def test_a_dead_channel_is_named(heard: Callable[..., Speech]) -> None:
    clean = voice(2)
    found = heard(np.stack([np.zeros(len(clean)), clean]))
    assert (found.dead_channels, found.best_channel) == ((0,), 1)
    assert near(found.mid_loss, 6.02, 0.05)


def test_channels_that_change_in_the_middle_are_heard_to_the_end(tmp_path: Path) -> None:
    start, rest = voice(1), voice(10)
    # In step for the first seconds, in opposition for the rest: what was right at first is not in the end.
    quiet = np.zeros(21 * RATE)
    left = np.concatenate([0.05 * start, quiet, rest])
    right = np.concatenate([0.05 * start, quiet, -rest])
    path = save(tmp_path / "turn.wav", np.stack([left, right]))
    found = measure(path, probe(path).audio[0])
    assert found.speech is not None
    assert found.speech > 5


def test_an_upsampled_recording_does_not_pass_for_a_wide_one(heard: Callable[..., Speech]) -> None:
    clean = voice()
    wide = np.fft.irfft(np.fft.rfft(clean), 3 * len(clean)) * 3
    found = heard(0.8 * wide / np.abs(wide).max(), 48000)
    assert found.bandwidth is not None
    assert found.bandwidth <= 8400


@pytest.mark.parametrize("mains", [50, 60])
def test_mains_hum_is_suspected(mains: int, heard: Callable[..., Speech]) -> None:
    clean = voice()
    time = np.arange(len(clean)) / RATE
    hum = sum(0.01 / n * np.sin(2 * np.pi * mains * n * time) for n in range(1, 7))
    assert (heard(clean + hum).hum, heard(clean).hum) == (mains, 0)


def test_music_behind_the_voice_is_suspected(heard: Callable[..., Speech]) -> None:
    clean = voice()
    time = np.arange(len(clean)) / RATE
    chords = [(262, 330, 392), (294, 370, 440), (220, 277, 330)]
    bed = np.zeros(len(clean))
    for number, chord in enumerate(chords):
        on = (time * 2).astype(int) % 3 == number
        bed += on * sum(np.sin(2 * np.pi * pitch * n * time) / n for pitch in chord for n in (1, 2, 3))
    level = noise(len(clean), -65)
    assert heard(clean + level + 0.005 * bed).music is True
    assert heard(clean + noise(len(clean), -50)).music is False


def test_many_channels_and_absurd_rates_have_figures_or_a_reason(heard: Callable[..., Speech]) -> None:
    crowd = heard(np.tile(voice(1)[: 2 * RATE], (32, 1)))
    assert near(crowd.mid_loss, 0, 0.1)
    slow = heard(noise(4000, -20), 1000)
    assert (slow.snr, slow.speech) == (None, None)
    assert slow.clipping is not None


def test_a_stream_that_gives_no_sound_has_a_reason(sample: Callable[[str], Path], tmp_path: Path) -> None:
    empty = sample("audio/no-samples.wav")
    with pytest.raises(Unreadable, match="no sound when decoded"):
        measure(empty, probe(empty).audio[0])
    with pytest.raises(Unreadable, match="no sample rate"):
        measure(empty, AudioStream(index=0))


def test_lossy_and_video_files_are_measured_too(sample: Callable[[str], Path]) -> None:
    for name in ("audio/speech-stereo-44k.mp3", "audio/good.m4a"):
        found = probe(sample(name), frozenset({"speech"})).speech
        assert found is not None
        assert found.speech is not None
        assert found.speech > 1


# --- texts and pictures ----------------------------------------------------------------------------


def test_syllables_are_counted_roughly() -> None:
    assert syllables("欢迎来到数字人课堂。") == 9
    assert syllables("Please keep the room quiet") == 5
    assert syllables("...") == 0


def test_a_picture_marks_speech_silence_and_clipping(tmp_path: Path) -> None:
    from PIL import Image

    path = save(tmp_path / "take.wav", np.clip(8 * voice(2), -1, 1))
    info = probe(path)
    plot(path, info.audio[0], float(info.duration or 0), tmp_path / "take.png")
    with Image.open(tmp_path / "take.png") as image:
        drawn = image.convert("RGB").crop((0, 28, *image.size))  # without the legend, which has every colour
        colours = {colour for _, colour in drawn.getcolors(1 << 20) or []}
    assert {(226, 240, 230), (244, 244, 246), (58, 94, 150), (200, 30, 30)} <= colours


def test_a_trace_is_gathered_only_when_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "take.wav", voice(1))
    stream = probe(path).audio[0]
    assert listen(path, stream).trace is None
    traced = listen(path, stream, seconds=2).trace
    assert traced is not None
    assert traced.spectrogram.shape[0] == pytest.approx(len(voice(1)) / RATE * 100, abs=2)


# --- samples from a program to us -------------------------------------------------------------------


def count_bytes(script: str, tmp_path: Path, sink: Callable[[bytes], None]) -> process.Completed:
    return process.run([sys.executable, "-c", script], cwd=tmp_path, ceiling=ceilings.ASK, sink=sink)


def test_every_byte_a_program_writes_reaches_the_sink_in_order(tmp_path: Path) -> None:
    got = bytearray()
    script = "import sys\nfor n in range(300): sys.stdout.buffer.write(bytes([n % 256]) * 10_000)"
    ended = count_bytes(script, tmp_path, got.extend)
    assert bytes(got) == b"".join(bytes([n % 256]) * 10_000 for n in range(300))
    assert ended.stdout == ""


def test_a_sink_that_fails_ends_the_program(tmp_path: Path) -> None:
    def full(block: bytes) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        count_bytes("import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 16))", tmp_path, full)
