"""JSON as strangers write it: what is forbidden or left open, and what is wrong with a value, in our words."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

import msgspec

from pipeline.documents.facts import EXACTLY, KINDS, MISSING, Misfit, printable, wrong
from pipeline.model.facts import Text
from pipeline.storage import paths

_MOST: Final = 1 << 63  # no figure of a document is as large
_SHOWN: Final = 40  # characters of a value that are shown
_DEEP: Final = Text("lists and objects are nested too deeply", "列表和对象嵌套过深")
_NO_NUMBER: Final = Text("holds a number that is too large, or none", "含过大的数或非数值")
_HALF: Final = Text("holds half a character (a lone surrogate)", "含半个字符（孤立代理项）")
_BYTES: Final = Text("is not in UTF-8", "编码不是 UTF-8")
_FORM: Final = Text("is out of range, or not in its form", "超出范围或格式不符")


class _Odd:
    """Stands for a number that is none: the object that holds it tells its key."""


_ODD: Final = _Odd()


def whole(text: bytes) -> None:
    """Whether this is JSON that means one thing to every reader. Raises Misfit.

    In UTF-8, every key of an object once, numbers that are numbers and below 2^63, no half characters, not too deep.
    """
    try:
        found = json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_none, parse_float=_float, parse_int=_int
        )
        if _odd(found):  # a number in no object
            raise Misfit(_NO_NUMBER)
        if re.search(rb"\\u[dD][89a-fA-F]", text):
            msgspec.json.decode(text)
    except UnicodeDecodeError:
        raise Misfit(_BYTES) from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise Misfit(Text(f"no JSON at {at}", f"第 {error.lineno} 行第 {error.colno} 列不是 JSON")) from None
    except msgspec.DecodeError:
        raise Misfit(_HALF) from None
    except RecursionError:
        raise Misfit(_DEEP) from None


def _object(pairs: list[tuple[str, Any]]) -> None:
    """Looks at an object and keeps nothing of it."""
    keys = {key for key, _ in pairs}
    if len(keys) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise Misfit(Text("stands there twice", "重复出现"), short(twice))
    for key, value in pairs:
        if _odd(value):
            raise Misfit(_NO_NUMBER, short(key))


def _odd(value: object) -> bool:
    return value is _ODD or (isinstance(value, list) and any(map(_odd, value)))


def _none(_: str) -> _Odd:
    return _ODD


def _float(text: str) -> _Odd | None:
    return _ODD if abs(float(text)) >= _MOST else None


def _int(text: str) -> _Odd | None:
    return _ODD if len(text) > 20 or abs(int(text)) >= _MOST else None


def short(text: str) -> str:
    """A stranger's word so that it can stand in a sentence."""
    shown = paths.UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


# --- what the decoder says ----------------------------------------------------------------------------

_NAMES: Final = {
    "str": "string",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "object": "object",
    "array": "array",
    "null": "null",
}


def misfit(error: Exception) -> Misfit:
    """What the decoder of types has against a value, with its key, in our words."""
    if isinstance(error, RecursionError):
        return Misfit(_DEEP)
    if not isinstance(error, msgspec.ValidationError):
        return Misfit(_BYTES if isinstance(error, UnicodeError) else Text("is no JSON", "不是 JSON"))
    said, _, at = str(error).rpartition(" - at ") if " - at " in str(error) else (str(error), "", "")
    key = re.sub(r"`(key|value)` in |`|^\$\.?", "", at.replace("`$", "`")).replace("$", "").lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", said):
        return Misfit(MISSING, f"{key}.{missing[1]}".lstrip("."))
    if enum := re.fullmatch(r"Invalid enum value (.+)", said, re.DOTALL):
        word = short(enum[1])
        return Misfit(Text(f"{word} is no word that may stand here", f"{word} 不是可用的词"), key)
    if got := re.fullmatch(r"Expected `(.+?)`, got `(.+?)`", said):
        return Misfit(wrong(_kinds(got[1]), _kinds(got[2])), key)
    return Misfit(EXACTLY if said == EXACTLY.en else _FORM, key)


def _kinds(names: str) -> Text:
    found = [KINDS[_NAMES[name]] for name in names.split(" | ") if name in _NAMES]
    return Text(" or ".join(one.en for one in found), "或".join(one.zh for one in found)) if found else Text.same(names)
