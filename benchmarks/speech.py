"""What the quality figures of recordings are worth, on speech whose quality was put in, and what they cost.

The takes, noises and rooms of the table were not used for tuning. The two figures of the C50 line come from other
voices too (`python -m benchmarks.speech tune` fits them again); the speech detector's range and the pauses of the
sentence matcher were chosen with the table's voices in view, on other takes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks._run import PREFLIGHT, command, peak_memory, table
from benchmarks._voices import (
    HELD_OUT,
    LINES,
    TUNED,
    Signal,
    Take,
    active_mask,
    noisy,
    reverberant,
    room,
    said,
    take,
)
from pipeline.model.measured import Speech

_RATES = (16000, 24000, 48000)
_PASS_SNR = (20.0, 25.0)  # pass marks of the platforms, rules.snr
_PASS_C50 = (20.0, 30.0)
_ROUNDS = 5  # of the race, everybody in another place each time
_NEAR = 3.0  # dB around a mark within which no verdict is counted


@dataclass(frozen=True)
class Case:
    """What was put in, and what was found."""

    group: str
    truth: float
    found: float | None

    @property
    def error(self) -> float:
        """Absolute; of what was not told, endless."""
        return abs(self.found - self.truth) if self.found is not None else float("inf")


def write(path: Path, signal: Signal, rate: int) -> None:
    """A 16-bit WAV."""
    data = np.round(np.clip(signal, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if data.ndim == 1 else data.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(data.tobytes())


def measured(signal: Signal, rate: int) -> Speech:
    """The package's own figures for a signal, through a file as a user has it."""
    from pipeline.probe import probe

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "take.wav"
        write(path, signal, rate)
        speech = probe(path, frozenset({"speech"})).speech
    assert speech is not None
    return speech


def level(signal: Signal) -> Signal:
    """With its peak at -1 dBFS."""
    return signal * (0.89 / np.max(np.abs(signal)))


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def noise_cases() -> Iterator[tuple[Case, Case]]:
    """SNR and speech duration of every voice in every noise."""
    seed = 1000
    for kind in ("white", "pink", "babble", "hum"):
        for snr in (0, 5, 10, 15, 18, 22, 25, 30, 35, 40):
            for voice in HELD_OUT:
                seed += 1
                rate = _RATES[seed % 3]
                clean = take(voice, rate, 6, seed)
                got = measured(level(noisy(clean, kind, snr, seed)), rate)
                group = f"{kind}"
                yield Case(group, snr, _number(got.snr)), Case(f"{snr}", clean.seconds, _number(got.speech))


def room_cases() -> Iterator[tuple[Case, Case]]:
    """C50 and speech duration of every voice in rooms, quiet and with noise 30 dB below the voice."""
    seed = 5000
    for c50 in (10, 15, 20, 25, 30, 35, 40, 45, 50):
        for decay in (0.2, 0.45, 0.8):
            for voice in HELD_OUT:
                seed += 1
                rate = _RATES[seed % 3]
                clean = take(voice, rate, 6, seed)
                response, truth = room(c50, decay, rate, seed)
                wet = Take(reverberant(clean.signal, response), rate, clean.active)
                signal, group = wet.signal, "quiet"
                if seed % 3 == 1:
                    signal, group = noisy(wet, "pink", 30, seed), "noise at 30 dB"
                got = measured(level(signal), rate)
                yield Case(group, truth, _number(got.c50)), Case(f"{c50}", clean.seconds, _number(got.speech))


def clip_cases() -> Iterator[Case]:
    """Speech driven into the ceiling until a known share of its samples is cut off."""
    seed = 9000
    for share in (0.0005, 0.002, 0.01, 0.03, 0.08, 0.12, 0.2):
        for voice in HELD_OUT:
            for ceiling in (1.0, 0.6):
                seed += 1
                rate = _RATES[seed % 3]
                clean = take(voice, rate, 5, seed).signal
                edge = float(np.quantile(np.abs(clean), 1 - share))
                truth = 100 * float(np.mean(np.abs(clean) >= edge))
                got = measured(np.clip(clean * (ceiling / edge), -ceiling, ceiling), rate)
                yield Case(f"{share:.2%}", truth, _number(got.clipping))


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _verdicts(cases: list[Case], marks: tuple[float, ...]) -> tuple[int, int, int]:
    """Right, all told, and not told, of cases that are not near a mark."""
    right = told = silent = 0
    for mark in marks:
        for case in cases:
            if abs(case.truth - mark) <= _NEAR:
                continue
            if case.found is None:
                silent += 1
                continue
            told += 1
            right += (case.found >= mark) == (case.truth >= mark)
    return right, told, silent


def _row(name: str, cases: list[Case], error: Callable[[Case], float], unit: str, target: str) -> tuple[str, ...]:
    errors = [error(case) for case in cases]
    return (
        name,
        str(len(cases)),
        f"{_median(errors):.2f} {unit}",
        f"{float(np.percentile(errors, 90)):.2f} {unit}",
        target,
    )


def quality() -> None:
    """Truth against figures."""
    pairs = list(noise_cases())
    snr = [case for case, _ in pairs]
    within = [case for case in snr if 5 <= case.truth <= 35]
    rows = [("figure", "cases", "median error", "90th percentile", "target")]
    rows.append(_row("SNR, 5 to 35 dB, all noises", within, lambda c: c.error, "dB", "2 dB"))
    rows.extend(
        _row(f"SNR, {kind}", [c for c in within if c.group == kind], lambda c: c.error, "dB", "2 dB")
        for kind in ("white", "pink", "babble", "hum")
    )
    outside = [case for case in snr if not 5 <= case.truth <= 35]
    rows.append(_row("SNR, 0 and 40 dB", outside, lambda c: c.error, "dB", "-"))

    def relative(case: Case) -> float:
        return 100 * case.error / case.truth

    spoken = [case for _, case in pairs if 5 <= int(case.group) <= 35]
    rows.append(_row("speech duration, SNR 5 to 35 dB", spoken, relative, "%", "5 %"))
    rows.extend(
        _row(f"speech duration, SNR {snr_} dB", [c for c in spoken if c.group == snr_], relative, "%", "5 %")
        for snr_ in ("5", "10", "25")
    )
    rooms = list(room_cases())
    c50 = [case for case, _ in rooms]
    for group in ("quiet", "noise at 30 dB"):
        told = [case for case in c50 if case.group == group and case.found is not None]
        untold = sum(case.group == group and case.found is None for case in c50)
        name = f"C50, 10 to 50 dB, {group}" + (f" ({untold} more not told)" if untold else "")
        rows.append(_row(name, told, lambda c: c.error, "dB", "4 dB"))
    dry = [case for _, case in rooms if int(case.group) >= 20]
    rows.append(_row("speech duration, C50 20 dB and more", dry, relative, "%", "5 %"))
    wet = [case for _, case in rooms if int(case.group) < 20]
    rows.append(_row("speech duration, C50 10 and 15 dB", wet, relative, "%", "5 %"))
    clips = list(clip_cases())
    rows.append(_row("clipped share, 0.05 to 20 %", clips, relative, "% of it", "10 %"))
    table(rows)
    print()
    rows = [("verdict, truth more than 3 dB from the mark", "right", "target")]
    for name, cases, marks in (("SNR 20 and 25", snr, _PASS_SNR), ("C50 20 and 30", c50, _PASS_C50)):
        right, told, silent = _verdicts(cases, marks)
        rows.append((name, f"{right} of {told} ({right / told:.1%}), {silent} not told", "95 %"))
    right = sum((case.found or 0) <= 10 if case.truth <= 9 else (case.found or 0) > 10 for case in clips)
    rows.append(("clipping 10", f"{right} of {len(clips)} ({right / len(clips):.1%})", "95 %"))
    table(rows)


_MONO = """
schema = 1
id = "bench/mono-24k"
title = { en = "mono, 24 kHz", zh = "mono, 24 kHz" }
[role.audio]
kinds = ["audio"]
title = { en = "sound", zh = "sound" }
deliver = { container = "wav", audio_codec = "pcm_s16le", channels = 1, sample_rate = 24000 }
[[rule]]
id = "bench.mono"
role = "audio"
check = "audio.channels"
is = 1
sources = ["media-preflight benchmark (2026-11-21)"]
"""


def speed() -> None:
    """An hour of 48 kHz stereo, measured and converted by `prepare`, against ffmpeg doing both in turn."""
    from pipeline.tools.programs import ffmpeg

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        path, preset = folder / "take.wav", folder / "mono.toml"
        preset.write_text(_MONO, encoding="utf-8")
        clean = take(HELD_OUT[0], 48000, 40, 1)
        voice = level(np.resize(noisy(clean, "pink", 30, 1), 600 * 48000))
        block = np.round(np.clip(np.stack([voice, 0.7 * voice], axis=1), -1, 1) * 32767).astype("<i2").tobytes()
        with wave.open(str(path), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(48000)
            for _ in range(6):
                out.writeframes(block)

        def prepare(number: int) -> tuple[str | Path, ...]:
            return (*PREFLIGHT, "prepare", path, "-p", preset, "-o", folder / f"out{number}", "-q")

        mono = (ffmpeg(), "-v", "error", "-y", "-i", path, "-ac", "1", "-ar", "24000", folder / "o.wav")
        stats = (ffmpeg(), "-v", "error", "-i", path, "-af", "astats", "-f", "null", "-")
        command(mono)  # the file is in memory for everybody
        rounds = []
        for number in range(_ROUNDS):
            turns = [("ours", prepare(number)), ("mono", mono), ("stats", stats)]
            taken = {name: command(words) for name, words in (*turns[number % 3 :], *turns[: number % 3])}
            rounds.append((taken["ours"] / (taken["mono"] + taken["stats"]), taken))
            shutil.rmtree(folder / f"out{number}")
        rounds.sort(key=lambda one: one[0])
        share, taken = rounds[len(rounds) // 2]
        converting, asking, ours = taken["mono"], taken["stats"], taken["ours"]
        main_, worker = peak_memory(prepare(_ROUNDS))
        table(
            [
                ("an hour of 48 kHz stereo", "seconds", "times real time"),
                ("ffmpeg -ac 1 -ar 24000", f"{converting:.2f}", f"{3600 / converting:.0f}"),
                ("ffmpeg -af astats", f"{asking:.2f}", f"{3600 / asking:.0f}"),
                ("preflight prepare, all of it", f"{ours:.2f}", f"{3600 / ours:.0f} (target 100)"),
                (
                    f"its share of both of ffmpeg's in turn, middle of {_ROUNDS} rounds",
                    f"{share:.2f} (target 1.5)",
                    f"{rounds[0][0]:.2f} to {rounds[-1][0]:.2f}",
                ),
                ("peak memory: main process; largest other", f"{main_ >> 20} MB; {worker >> 20} MB (target 150)", ""),
            ]
        )


_OUTCOMES = ("cut right", "doubtful", "asks", "wrong unsaid")


def _read_wrong(lines: list[str], how: str, rng: np.random.Generator) -> list[str]:
    """What a reader makes of the script."""
    spoken, at = list(lines), int(rng.integers(len(lines) - 1))
    if how == "a sentence left out":
        del spoken[at]
    elif how == "a sentence read twice":
        spoken.insert(at, spoken[at])
    elif how == "two sentences exchanged":
        spoken[at], spoken[at + 1] = spoken[at + 1], spoken[at]
    elif how == "begun one line late":
        spoken = [*spoken[1:], spoken[0]]
    return spoken


def takes() -> None:
    """Twenty sentences in one take, cut at the pauses, and whether a package would be built of it.

    Right: every clip is the sentence that was read in this place. Doubtful: blocked. Asks: blocked until somebody says
    that the lines were read in order. Wrong unsaid: built without a word, though a clip is not what its line says.
    """
    from pipeline.convert.package.align import match
    from pipeline.errors import AssetError
    from pipeline.probe.speech.activity import find
    from pipeline.probe.speech.spectra import FRAMES, BandLevels
    from samples._speech import LINES as CHINESE

    rows = [("forty takes of 20 sentences, pauses 0.4 to 2 s, noise at 15 to 40 dB", *_OUTCOMES)]
    ways = ("read as written", "a sentence left out", "a sentence read twice", "begun one line late")
    for way in (*ways, "two sentences exchanged"):
        counts = dict.fromkeys(_OUTCOMES, 0)
        for seed in range(2000, 2040):
            rng = np.random.default_rng(seed)
            language, voice, speed = HELD_OUT[(0, 1, 4)[seed % 3]]
            lines = list(CHINESE) if language == "zh" else [*LINES["en"], *LINES["long"]]
            rng.shuffle(lines)
            parts, places, at = [np.zeros(12000)], [], 12000
            spoken = _read_wrong(lines, way, rng)
            for line in spoken:
                heard = said(line, voice, speed, 24000)
                places.append((at / 24000, (at + len(heard)) / 24000))
                gap = np.zeros(int(rng.uniform(0.4, 2) * 24000))
                parts += [heard, gap]
                at += len(heard) + len(gap)
            clean = np.concatenate(parts)
            noise = ("pink", "white", "babble", "hum")[seed % 4]
            mixed = noisy(Take(clean, 24000, active_mask(clean, 24000)), noise, float(rng.uniform(15, 40)), seed)
            frames = BandLevels(24000)
            frames.add(level(mixed).astype(np.float32))
            runs = [(start / FRAMES, end / FRAMES) for start, end in find(frames.levels).runs]
            try:
                cuts = match(runs, lines, "take")
            except AssetError:
                counts["doubtful"] += 1
                continue
            fits = all(
                before - 0.05 <= cut.start <= start + 0.05 and end - 0.05 <= cut.end <= after + 0.05
                for cut, (start, end), before, after in zip(
                    cuts,
                    places,
                    [0.0, *(end for _, end in places)],
                    [*(start for start, _ in places[1:]), at / 24000],
                    strict=False,
                )
            )
            counts["cut right"] += fits
            if any(cut.doubts for cut in cuts):
                counts["doubtful"] += 1
            elif any(cut.alike for cut in cuts):
                counts["asks"] += 1
            elif not fits or spoken != lines:
                counts["wrong unsaid"] += 1
        rows.append((way, *map(str, counts.values())))
    table(rows)


def tune() -> None:
    """Fit C50 against the steepest falls on the tuning half and print the line."""
    from pipeline.probe.speech import reverb
    from pipeline.probe.speech.spectra import BandLevels

    found, truth, seed = [], [], 100
    for voice in TUNED:
        for c50 in (10, 15, 20, 25, 30, 35, 40, 45, 50):
            for decay in (0.15, 0.3, 0.6, 1.0):
                seed += 1
                rate = _RATES[seed % 3]
                response, true = room(c50, decay, rate, seed)
                frames = BandLevels(rate)
                wet = level(reverberant(take(voice, rate, 6, seed).signal, response))
                frames.add((np.round(wet * 32767) / 32768).astype(np.float32))
                fall = reverb.fall(frames.levels)
                if fall is not None:
                    found.append(fall.steepest)
                    truth.append(true)
    slope, offset = np.polyfit(found, truth, 1)
    print(f"C50 = {slope:.3f} x fall {offset:+.2f} dB, from {len(found)} cases")


def main() -> None:
    """Entry point."""
    quality()
    print()
    takes()
    print()
    speed()


if __name__ == "__main__":
    {"tune": tune, "quality": quality, "takes": takes, "speed": speed}.get(" ".join(sys.argv[1:]), main)()
