"""Values as presets write them and as people read them: exact both ways, and nothing guessed."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.facts import Size, Text, Value
from pipeline.model.units import PARSERS, STEADY, bare, both, byte_readings, exact, parse, show
from pipeline.tools import programs

READ: list[tuple[str, object, Value]] = [
    ("bytes", 5368709120, 5368709120),
    ("bytes", "5 GiB", 5 << 30),
    ("bytes", "1.5 MiB", 3 << 19),
    ("bytes", "17 B", 17),
    ("seconds", "30 min", Fraction(1800)),
    ("seconds", "1 h", Fraction(3600)),
    ("seconds", "200 ms", Fraction(1, 5)),
    ("seconds", 2.5, Fraction(5, 2)),
    ("rate", 30, Fraction(30)),
    ("rate", 29.97, Fraction(2997, 100)),
    ("rate", "30000/1001", Fraction(30000, 1001)),
    ("rate", "25 fps", Fraction(25)),
    ("hertz", "22.05 kHz", 22050),
    ("hertz", 16000, 16000),
    ("bits", "128 kbps", 128_000),
    ("bits", "1.5 Mbps", 1_500_000),
    ("share", "50 %", Fraction(1, 2)),
    ("share", 0.2, Fraction(1, 5)),
    ("number", 0.1, Fraction(1, 10)),
    ("number", -40, Fraction(-40)),
    ("count", 50, 50),
    ("count", 2.0, 2),
    ("size", "1920x1080", Size(1920, 1080)),
    ("size", "1920 × 1080", Size(1920, 1080)),
    ("ratio", "16:9", Fraction(16, 9)),
    ("text", "h264", "h264"),
    ("flag", True, True),
]

REFUSED: list[tuple[str, object]] = [
    *((kind, raw) for kind in PARSERS for raw in (None, [], {"a": 1}, ("1",))),
    *((kind, True) for kind in PARSERS if kind != "flag"),
    *((kind, "much") for kind in PARSERS if kind not in {"text", "word"}),
    *((kind, "3 parsec") for kind in PARSERS if kind not in {"text", "word"}),
    *((kind, "") for kind in PARSERS if kind not in {"text", "word"}),
    *((kind, raw) for kind in ("bytes", "seconds", "rate") for raw in (float("inf"), float("nan"), "1/0")),
    ("bytes", "1 mb"),  # neither MB nor MiB
    ("seconds", "5 m"),  # minutes or metres
    ("number", "35 %"),
    ("count", 2.5),
    ("count", "3 pages"),
    ("size", 1080),
    ("size", "1920"),
    ("size", "0x1080"),
    ("ratio", 1.777),
    ("ratio", "16:0"),
    ("ratio", "0:9"),
    ("text", 5),
    ("flag", 1),
    ("flag", "yes"),
]


def test_steady_rates_are_those_that_mpeg_numbers() -> None:
    """Table 6-4 of ISO/IEC 13818-2 with what encoders added to it, as FFmpeg has them; five a second is no film."""
    told = subprocess.run(
        [programs.ffmpeg(), "-hide_banner", "-h", "encoder=mpeg1video"], capture_output=True, text=True, check=True
    )
    (rates,) = re.findall(r"Supported framerates: (.+)", told.stdout)
    assert set(STEADY) == {Fraction(rate) for rate in rates.split()} - {5}
    assert list(STEADY) == sorted(STEADY)


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_what_a_preset_says_is_read_exactly(kind: str, raw: object, value: Value) -> None:
    read = parse(kind, raw)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_what_is_no_such_value_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse(kind, raw)


@pytest.mark.parametrize(
    ("raw", "decimal", "binary"),
    [
        ("1 KB", 1000, 1024),
        ("1K", 1000, 1024),
        ("100 MB", 100_000_000, 104_857_600),
        ("16M", 16_000_000, 16_777_216),
        ("1 GB", 1_000_000_000, 1_073_741_824),
        ("1.5 G", 1_500_000_000, 1_610_612_736),
    ],
)
def test_a_unit_without_a_stated_base_has_two_readings(raw: str, decimal: int, binary: int) -> None:
    assert byte_readings(raw) == (decimal, binary)
    assert parse("bytes", raw) == binary


@pytest.mark.parametrize("raw", [1000, "1000", "1000 B", "1 KiB", "3 MiB", "2 GiB"])
def test_an_exact_unit_has_one_reading(raw: object) -> None:
    decimal, binary = byte_readings(raw)
    assert decimal == binary


@given(st.decimals(min_value=0, max_value=10**6, places=4))
def test_decimal_figures_never_drift(figure: object) -> None:
    for kind in ("seconds", "rate", "number"):
        assert parse(kind, str(figure)) == Fraction(str(figure))
    assert parse("share", f"{figure} %") == Fraction(str(figure)) / 100


@given(st.floats(min_value=0, max_value=1e6, allow_nan=False))
def test_a_float_means_the_figure_that_was_written(figure: float) -> None:
    assert parse("rate", figure) == Fraction(repr(figure))


@given(st.fractions(min_value=0, max_value=10**6))
def test_an_exact_rate_survives_writing_and_reading(rate: Fraction) -> None:
    assert parse("rate", exact(rate)) == rate


@given(st.integers(1, 10**5), st.integers(1, 10**5))
def test_sizes_and_ratios_survive_writing_and_reading(a: int, b: int) -> None:
    assert parse("size", show(Size(a, b), "size")) == Size(a, b)
    assert parse("ratio", show(Fraction(a, b), "ratio")) == Fraction(a, b)


@given(st.integers(1, 1023), st.sampled_from([10, 20, 30]))
def test_whole_binary_sizes_survive_writing_and_reading(count: int, power: int) -> None:
    assert parse("bytes", show(count << power, "bytes")) == count << power


@given(st.integers(2, 10**4))
def test_whole_minutes_survive_writing_and_reading(minutes: int) -> None:
    assert parse("seconds", show(Fraction(60 * minutes), "seconds")) == 60 * minutes


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, "rate", "unknown"),
        (True, "flag", "yes"),
        (False, "flag", "no"),
        (Fraction(60), "rate", "60 fps"),
        (Fraction(30000, 1001), "rate", "29.97 fps"),
        (1000, "bytes", "1000 bytes"),
        (5 << 30, "bytes", "5 GiB"),
        (1_000_000_000, "bytes", "953.7 MiB (1000000000 bytes)"),
        (Fraction(1800), "seconds", "30 min"),
        (Fraction(1, 5), "seconds", "200 ms"),
        (Fraction(5, 2), "seconds", "2.5 s"),
        (Fraction(1, 2), "share", "50 %"),
        (128_000, "bits", "128 kbps"),
        (48_000, "hertz", "48000 Hz"),
        (Fraction(16, 9), "ratio", "16:9"),
        (Size(1920, 1080), "size", "1920x1080"),
        ("h264", "text", "h264"),
        (50, "count", "50"),
    ],
)
def test_values_are_shown_with_their_units(value: Value | None, kind: str, shown: str) -> None:
    assert show(value, kind) == shown


@pytest.mark.parametrize(
    ("value", "kind", "shown", "zh"),
    [
        (1023, "bytes", "1023 bytes", "1023 字节"),
        (1024, "bytes", "1 KiB", "1 KiB"),
        (1025, "bytes", "1.001 KiB (1025 bytes)", "1.001 KiB (1025 字节)"),
        ((1 << 20) - 1024, "bytes", "1023 KiB", "1023 KiB"),
        (1 << 20, "bytes", "1 MiB", "1 MiB"),
        ((1 << 30) - (1 << 20), "bytes", "1023 MiB", "1023 MiB"),
        (1 << 30, "bytes", "1 GiB", "1 GiB"),
        (3 << 29, "bytes", "1.5 GiB (1610612736 bytes)", "1.5 GiB (1610612736 字节)"),
        (Fraction(60), "seconds", "60 s", "60 s"),
        (Fraction(119), "seconds", "119 s", "119 s"),
        (Fraction(120), "seconds", "2 min", "2 min"),
        (Fraction(121), "seconds", "121 s", "121 s"),
        (Fraction(180), "seconds", "3 min", "3 min"),
        (Fraction(1), "seconds", "1 s", "1 s"),
        (Fraction(999, 1000), "seconds", "999 ms", "999 ms"),
        (Fraction(1, 1000), "seconds", "1 ms", "1 ms"),
        (Fraction(1, 3), "seconds", "0.333 s", "0.333 s"),
        (999, "bits", "999 bps", "999 bps"),
        (1000, "bits", "1 kbps", "1 kbps"),
        (9_500_000, "bits", "9500 kbps", "9500 kbps"),
        (10_000_000, "bits", "10 Mbps", "10 Mbps"),
        (9_500_000_000, "bits", "9500 Mbps", "9500 Mbps"),
        (10_000_000_000, "bits", "10 Gbps", "10 Gbps"),
        (Fraction(1, 3), "share", "33.333 %", "33.333 %"),
        (Fraction(101, 100), "share", "101 %", "101 %"),
        (Fraction(4), "ratio", "4:1", "4:1"),
        (100, "number", "100", "100"),
        (Fraction(1, 2), "number", "0.5", "0.5"),
        (None, "bytes", "unknown", "未知"),
        (True, "flag", "yes", "是"),
        (False, "flag", "no", "否"),
        ("", "text", "(empty)", "（空）"),
        ("video", "word", "video", "视频"),
        ("h264", "word", "h264", "h264"),
        ("video", "text", "video", "video"),
    ],
)
def test_values_are_shown_in_both_languages(value: Value | None, kind: str, shown: str, zh: str) -> None:
    assert (show(value, kind, "en"), show(value, kind, "zh")) == (shown, zh)
    assert both(value, kind) == Text(shown, zh)


def test_values_are_text_and_english_unless_said_otherwise() -> None:
    assert (show("video"), show(None), show(25)) == ("video", "unknown", "25")
    assert both("video") == Text("video", "video")


@pytest.mark.parametrize(
    ("value", "written"),
    [(Fraction(25), "25"), (Fraction(30000, 1001), "30000/1001"), (25, "25"), ("h264", "h264"), (True, "yes"),
     (Size(4, 2), "4x2")],
)  # fmt: skip
def test_json_holds_values_without_units(value: Value, written: str) -> None:
    assert bare(value) == written


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("seconds", "1 ms", Fraction(1, 1000)),
        ("seconds", "2 min", Fraction(120)),
        ("seconds", "7", Fraction(7)),
        ("hertz", "1 kHz", 1000),
        ("hertz", "1 Hz", 1),
        ("bits", "1 bps", 1),
        ("bits", "1 Mbps", 1_000_000),
        ("bits", "1", 1),
        ("share", "1", Fraction(1)),
        ("share", "1 %", Fraction(1, 100)),
        ("size", "1x1", Size(1, 1)),
        ("size", "2*3", Size(2, 3)),
        ("ratio", "1:2", Fraction(1, 2)),
        ("bytes", "1 B", 1),
        ("bytes", "1 GiB", 1 << 30),
        ("colour", "#00b140", "#00B140"),
        ("word", "none", "none"),
        ("rate", "1/2 fps", Fraction(1, 2)),
    ],
)
def test_one_of_each_unit_is_what_it_says(kind: str, raw: object, value: Value) -> None:
    assert parse(kind, raw) == value


@pytest.mark.parametrize("raw", ["00b140", "#00b14", "#00b1400", "#00g140", 0x00B140, "green"])
def test_a_colour_has_six_digits(raw: object) -> None:
    with pytest.raises(ValueError, match="is not a colour such as #00B140"):
        parse("colour", raw)


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        ("bytes", "1 kb", "unit 'kb' is not one of K, KB, M, MB, G, GB, B, KiB, MiB, GiB"),
        ("seconds", "1 day", "unit 'day' is not one of ms, s, min, h"),
        ("number", True, "True is not a number"),
        ("number", "1/0", "'1/0' divides by zero"),
        ("number", "x", "'x' is not a number with a unit"),
        ("number", "1 s", "'1 s' has a unit, and a plain number is wanted"),
        ("count", "1/2", "'1/2' is not a whole number"),
        ("size", "0x0", "'0x0' is not a size such as 1920x1080"),
        ("size", "1x0", "'1x0' is not a size such as 1920x1080"),
        ("ratio", "1", "'1' is not a ratio such as 16:9"),
    ],
)
def test_what_is_wrong_is_said_of_the_value_that_was_written(kind: str, raw: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse(kind, raw)
