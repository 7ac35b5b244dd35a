"""The facts of a file as JSON and back, and their schema, by walking the types of `pipeline.model.facts` once each.

Sizes and texts are objects, exact fractions strings, what was measured numbers of six digits. Facts that do not
apply to the kind of file or are not known are left out; inside them, what is not known is null.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import EnumType
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from pipeline.documents.face_detection import detection
from pipeline.model.facts import ROUNDED, Face, MediaInfo, Text
from pipeline.model.units import exact

Json = Any  # what JSON holds
_DIGITS: Final = 6  # significant ones of what was measured: more than any of the measurements is good for
_LONE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # those between are bytes of a name that is no text
EXACT: Final = {"type": "string", "pattern": r"^-?[0-9]+(/[1-9][0-9]*)?$"}


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one type are written, read and described."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]
    schema: dict[str, Json]


def measured(value: Fraction | float) -> float:
    """A measured number as documents hold it."""
    return float(f"{float(value):.{_DIGITS}g}")


def encoded(info: MediaInfo | None) -> msgspec.Raw:
    """The facts that are known, as JSON."""
    return msgspec.Raw(encode(facts(info)))


def facts(info: MediaInfo | None) -> dict[str, Json]:
    """The facts that are known; what does not apply to the kind of file is left out."""
    if info is None:
        return {}
    written = {name: form.write(getattr(info, name)) for name, form in _members(MediaInfo).items()}
    return {name: value for name, value in written.items() if value not in (None, [])}


def decoded(raw: msgspec.Raw) -> MediaInfo | None:
    """The facts as the model holds them; None where there are none. Raises ValueError when they make no sense."""
    held = msgspec.json.decode(raw)
    if not held:
        return None
    try:
        info: MediaInfo = _form(MediaInfo).read({"name": "", "kind": "unknown", "size": 0, "extension": ""} | held)
    except (TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise ValueError(f"facts: {error}") from None
    return info


def schema() -> dict[str, Json]:
    """The JSON Schema of facts; every one of them may be left out."""
    described = dict(_form(MediaInfo).schema)
    del described["required"]
    return described


def encode(value: Json) -> bytes:
    """JSON in UTF-8. Bytes of a name that are no text, which Python holds as surrogates, become escapes."""
    try:
        return msgspec.json.encode(value, enc_hook=_hook)
    except UnicodeEncodeError:  # rare enough that only then every text is looked through
        return msgspec.json.encode(_printable(msgspec.to_builtins(value, enc_hook=_hook)))


def printable(text: str) -> str:
    """Text that can be printed and stored: what is no text, Python's surrogates, becomes escapes."""
    if text.isascii():
        return text
    text = _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _printable(value: Json) -> Json:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


def _hook(value: object) -> Json:
    if isinstance(value, Fraction):
        return exact(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in a document")


# --- the types ----------------------------------------------------------------------------------------


@cache
def _members(type_: Any) -> dict[str, Form]:
    return {name: _form(hint) for name, hint in get_type_hints(type_, include_extras=True).items()}


@cache
def _form(hint: Any) -> Form:
    origin = get_origin(hint)
    if origin is Annotated and ROUNDED in hint.__metadata__:
        return Form(measured, _fraction, {"type": "number"})
    if origin is Annotated:
        return _form(hint.__origin__)
    if origin in {Union, types.UnionType}:
        return _union(get_args(hint))
    if origin is tuple:
        return _tuple(get_args(hint))
    if hint is Fraction:
        return Form(exact, _fraction, EXACT)
    if isinstance(hint, EnumType):
        return Form(str, hint, {"enum": list(map(str, hint.__members__.values()))})
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        return _record(hint)
    if hint in _PLAIN:
        return Form(_same, _of(hint), {"type": _PLAIN[hint]})
    raise TypeError(f"{hint} has no place in facts")


_PLAIN: Final = {str: "string", bool: "boolean", int: "integer"}


def _same(value: Json) -> Json:
    return value


def _of(type_: type) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        if type(value) is not type_:
            raise TypeError(f"{value!r} is not of type {_PLAIN[type_]}")
        return value

    return read


def _fraction(value: Json) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{value!r} is not a number")
    return Fraction(str(value))


def _union(options: tuple[Any, ...]) -> Form:
    some = tuple(option for option in options if option is not types.NoneType)
    if len(some) > 1:  # the value of a mark: what it is, it says itself
        return Form(_any, _same, {})
    form = _form(some[0])
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
        {"anyOf": [form.schema, {"type": "null"}]},
    )


def _any(value: object) -> Json:
    return exact(value) if isinstance(value, Fraction) else value._asdict() if hasattr(value, "_asdict") else value


def _tuple(items: tuple[Any, ...]) -> Form:
    if len(items) == 2 and items[1] is Ellipsis:
        form = _form(items[0])
        return Form(
            lambda value: [form.write(item) for item in value],
            lambda value: tuple([form.read(item) for item in value]),
            {"type": "array", "items": form.schema},
        )
    forms = [_form(item) for item in items]
    return Form(
        lambda value: [one.write(item) for one, item in zip(forms, value, strict=True)],
        lambda value: tuple([one.read(item) for one, item in zip(forms, value, strict=True)]),
        {
            "type": "array",
            "prefixItems": [one.schema for one in forms],
            "minItems": len(forms),
            "maxItems": len(forms),
        },
    )


def _record(type_: Any) -> Form:
    members = _members(type_)
    named = tuple(members.items())

    def write(value: Any) -> Json:
        return {name: form.write(getattr(value, name)) for name, form in named}

    def read(value: Json) -> Any:
        if type_ is Text and isinstance(value, list):  # as version 1 held it
            return Text(*value)
        return type_(**{name: form.read(value[name]) for name, form in named if name in value})

    described: dict[str, Json] = {
        "type": "object",
        "properties": {name: form.schema for name, form in named},
        "required": list(members),
        "additionalProperties": False,
    }
    if type_ is not Face:
        return Form(write, read, described)
    described["properties"]["detection"] = {"$ref": "#/$defs/Detection"}
    return Form(lambda face: write(face) | {"detection": msgspec.to_builtins(detection(face))}, read, described)
