"""How presets and messages write values: sizes in bytes, durations, rates, ratios, pixel sizes.

`parse` reads what a preset says; `show` writes a value for people. Both are exact: `Fraction` throughout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Final

from pipeline.model.facts import Size, Text, Value

# The documents write M, MB, G, GB without saying whether the base is 10 or 2: such a unit is *loose* and has
# two readings. KiB, MiB, GiB, B and plain numbers are exact.
_LOOSE: Final = {"K": 1, "KB": 1, "M": 2, "MB": 2, "G": 3, "GB": 3}
_EXACT: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SECONDS: Final = {"ms": Fraction(1, 1000), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600)}
_NTSC: Final = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))
# Frames per second that cameras and editors use.
STEADY: Final = tuple(sorted([*_NTSC, *map(Fraction, (10, 12, 15, 24, 25, 30, 50, 60))]))
_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?)\s*([A-Za-z%]*)")


class NotAValue(ValueError):
    """What was written is no value of its type; `text` says why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en, zh)


def _unit(unit: str, known: Iterable[str]) -> NotAValue:
    names = ", ".join(known)
    return NotAValue(f"unit {unit!r} is not one of {names}", f"单位 {unit!r} 无效；可用：{names}")


def _amount(raw: object) -> tuple[Fraction, str]:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise NotAValue(f"{raw!r} is not a number", f"{raw!r} 不是数字")
    if isinstance(raw, float):
        return Fraction(str(raw)), ""
    if isinstance(raw, int):
        return Fraction(raw), ""
    found = _AMOUNT.fullmatch(raw.strip())
    if not found:
        raise NotAValue(f"{raw!r} is not a number with a unit", f"{raw!r} 不是带单位的数字")
    try:
        return Fraction(found[1]), found[2]
    except ZeroDivisionError:
        raise NotAValue(f"{raw!r} divides by zero", f"{raw!r} 的分母为零") from None


def _scaled(raw: object, units: dict[str, Fraction], plain: str) -> Fraction:
    number, unit = _amount(raw)
    if (unit or plain) not in units:
        raise _unit(unit, units)
    return number * units[unit or plain]


def byte_readings(raw: object) -> tuple[int, int]:
    """The decimal and the binary reading of a size, equal when the unit is exact.

    Raises NotAValue for anything that is not a size.
    """
    number, unit = _amount(raw)
    if unit in _LOOSE:
        power = _LOOSE[unit]
        return int(number * 1000**power), int(number * 1024**power)
    if (unit or "B") not in _EXACT:
        raise _unit(unit, [*_LOOSE, *_EXACT])
    exact = int(number * _EXACT[unit or "B"])
    return exact, exact


def _number(raw: object) -> Value:
    number, unit = _amount(raw)
    if unit:
        raise NotAValue(f"{raw!r} has a unit, and a plain number is wanted", f"{raw!r} 带有单位，此处应为纯数字")
    return number


def _whole(raw: object) -> Value:
    number, unit = _amount(raw)
    if unit or number.denominator != 1:
        raise NotAValue(f"{raw!r} is not a whole number", f"{raw!r} 不是整数")
    return int(number)


def _two(raw: object, between: str, wanted: Text) -> tuple[int, int]:
    found = re.fullmatch(rf"(\d+){between}(\d+)", raw) if isinstance(raw, str) else None
    if not found or not (int(found[1]) and int(found[2])):
        raise NotAValue(f"{raw!r} is not a {wanted.en}", f"{raw!r} 不是{wanted.zh}")
    return int(found[1]), int(found[2])


def _text(raw: object) -> Value:
    if not isinstance(raw, str):
        raise NotAValue(f"{raw!r} is not text", f"{raw!r} 不是文本")
    return raw


def _colour(raw: object) -> Value:
    if not isinstance(raw, str) or not re.fullmatch(r"#[0-9A-Fa-f]{6}", raw):
        raise NotAValue(
            f"{raw!r} is not a colour such as #00B140 (red, green, blue)",
            f"{raw!r} 不是 #00B140 这样的颜色（红、绿、蓝）",
        )
    return raw.upper()


def _yes_no(raw: object) -> Value:
    if not isinstance(raw, bool):
        raise NotAValue(f"{raw!r} is not true or false", f"{raw!r} 不是 true 或 false")
    return raw


PARSERS: Final[dict[str, Callable[[object], Value]]] = {
    "bytes": lambda raw: byte_readings(raw)[1],
    "seconds": lambda raw: _scaled(raw, _SECONDS, "s"),
    "rate": lambda raw: _scaled(raw, {"fps": Fraction(1)}, "fps"),
    "hertz": lambda raw: int(_scaled(raw, {"Hz": Fraction(1), "kHz": Fraction(1000)}, "Hz")),
    "bits": lambda raw: int(
        _scaled(raw, {"bps": Fraction(1), "kbps": Fraction(1000), "Mbps": Fraction(1_000_000)}, "bps")
    ),
    "share": lambda raw: _scaled(raw, {"%": Fraction(1, 100), "": Fraction(1)}, ""),
    "number": _number,
    "count": _whole,
    "size": lambda raw: Size(*_two(raw, r"\s*[xX*×]\s*", Text("size such as 1920x1080", " 1920x1080 这样的尺寸"))),
    "ratio": lambda raw: Fraction(*_two(raw, ":", Text("ratio such as 16:9", " 16:9 这样的比例"))),
    "text": _text,
    "word": _text,  # one of ours, with a word for it in each language
    "colour": _colour,
    "flag": _yes_no,
}


def parse(kind: str, raw: object) -> Value:
    """`raw` as written in a preset, as a value of type `kind` (a key of PARSERS). Raises NotAValue."""
    return PARSERS[kind](raw)


def exact(value: Fraction) -> str:
    """A rate or time as JSON holds it: "25" or "30000/1001"."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def bare(value: Value) -> str:
    """A value as JSON holds it: no unit, fractions exact."""
    return exact(value) if isinstance(value, Fraction) else show(value)


def _show_bytes(value: int, lang: str) -> str:
    word = "字节" if lang == "zh" else "bytes"
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 1 << power:
            scaled = value / (1 << power)
            if value % (1 << power) == 0:
                return f"{value >> power} {unit}"
            return f"{scaled:.4g} {unit} ({value} {word})"
    return f"{value} {word}"


def _plain(value: Fraction | float) -> str:
    """A number without trailing noughts, never rounded so far that it seems to reach a limit it misses."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def _show_seconds(value: Fraction) -> str:
    if value >= 120 and value % 60 == 0:
        return f"{value / 60} min"
    if value < 1 and value * 1000 == int(value * 1000):
        return f"{int(value * 1000)} ms"
    return f"{_plain(value)} s"


def _show_bits(value: int | Fraction) -> str:
    for unit, power in (("Gbps", 10**9), ("Mbps", 10**6), ("kbps", 10**3)):
        if value >= power * (1 if unit == "kbps" else 10):
            return f"{_plain(Fraction(value) / power)} {unit}"
    return f"{value} bps"


# Kinds of files and texts in Chinese; names of formats and codecs are the same in every language.
_NAMES: Final = {
    "video": "视频",
    "audio": "音频",
    "image": "图片",
    "slides": "演示文稿",
    "archive": "压缩包",
    "text": "文本",
    "subtitle": "字幕",
    "unknown": "未知",
    "plain": "纯文本",
    "none": "无",
    "front": "人像面",
    "back": "国徽面",
    "both": "正反两面",
    "no card": "非证件",
}


def both(value: Value | None, kind: str = "text") -> Text:
    """A value for people, as `show` writes it, in both languages."""
    return Text(show(value, kind, "en"), show(value, kind, "zh"))


_WORDS: Final = {"en": ("yes", "no", "unknown", "(empty)"), "zh": ("是", "否", "未知", "（空）")}


def show(value: Value | None, kind: str = "text", lang: str = "en") -> str:
    """A value for people, with its unit where the type has one; "unknown" for None."""
    yes, no, unknown, empty = _WORDS[lang]
    if value is None:
        return unknown
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, Size | str):
        return (_NAMES.get(str(value), str(value)) if kind == "word" and lang == "zh" else str(value)) or empty
    if kind == "bytes":
        return _show_bytes(int(value), lang)
    if kind == "seconds":
        return _show_seconds(Fraction(value))
    if kind == "bits":
        return _show_bits(value)
    if kind == "ratio" and isinstance(value, Fraction):
        return f"{value.numerator}:{value.denominator}"
    units = {"share": " %", "hertz": " Hz", "rate": " fps"}
    return _plain(value * 100 if kind == "share" else value) + units.get(kind, "")
