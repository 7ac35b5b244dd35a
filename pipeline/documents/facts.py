"""The facts of a file as JSON and back, and their schema, by walking the types of `pipeline.model.facts` once each.

Stated and texts are objects, exact fractions strings, what was measured numbers of six digits. Facts that do not
apply to the kind of file or are not known are left out; inside them, what is not known is null.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from enum import EnumType
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from pipeline.documents.face_detection import Detection, detection
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.measured import ROUNDED, Face
from pipeline.model.units import exact

Json = Any  # what JSON holds
_DIGITS: Final = 6  # significant ones of what was measured: more than any of the measurements is good for
_LONE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # those between are bytes of a name that is no text
EXACT: Final = {"type": "string", "pattern": r"^-?[0-9]{1,300}(/[1-9][0-9]{0,299})?$"}  # more figures than any file has
_EXACT: Final = re.compile(str(EXACT["pattern"])[1:-1])
_OLD: Final = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?(e-?[0-9]{1,2})?(/[0-9]{1,300})?")

KINDS: Final = {  # what JSON calls it -> what is said to people, here and in `pipeline.documents.read`
    "string": Text("text", "文本"),
    "boolean": Text("true or false", "true 或 false"),
    "integer": Text("a whole number", "整数"),
    "number": Text("a number", "数"),
    "object": Text("an object", "对象"),
    "array": Text("a list", "列表"),
    "null": Text("null", "null"),
}


class Misfit(ValueError):
    """A value that does not fit: where, what is wrong."""

    def __init__(self, text: Text, key: str = "") -> None:
        super().__init__(f"{key}: {text.en}" if key else text.en)
        self.text, self.key = text, key

    def below(self, name: str) -> Misfit:
        """The same, seen from one level up."""
        return Misfit(self.text, f"{name}.{self.key}".rstrip(".").replace(".[", "["))


def exact_number(value: Json) -> Fraction:
    """The number in an exact string. Raises Misfit."""
    if not isinstance(value, str) or _EXACT.fullmatch(value) is None:
        raise Misfit(EXACTLY)
    return Fraction(value)


EXACTLY: Final = Text('wanted a number such as "25" or "30000/1001", as text', '应为 "25"、"30000/1001" 形式的文本')


def wrong(wanted: Text, found: Text) -> Text:
    """What was wanted and what is there."""
    return Text(f"wanted {wanted.en}, found {found.en}", f"应为{wanted.zh}，实际为{found.zh}")


def named(value: Json) -> Text:
    """What a value of JSON is."""
    kinds = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (dict, "object"), (list, "array"))
    return KINDS[next((name for type_, name in kinds if isinstance(value, type_)), "null")]


class Form(Struct, frozen=True):
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


def decoded(raw: msgspec.Raw, *, old: bool = False) -> MediaInfo | None:
    """The facts as the model holds them; None where there are none. Raises Misfit where the schema does not allow them.

    `old`: as documents of version 1 have them, with fewer members and some of them written otherwise.
    """
    held = msgspec.json.decode(raw)
    if held == {}:
        return None
    usual = {"name": "", "kind": "unknown", "size": 0, "extension": ""}
    info: MediaInfo = _form(MediaInfo, old).read(usual | held if isinstance(held, dict) else held)
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
    if isinstance(value, msgspec.Raw):  # encoded before, as facts that came from a worker are
        return msgspec.json.decode(value)
    # What msgspec wants of a hook that does not know a type: a mistake of ours, which a test of every document finds.
    raise NotImplementedError(f"{type(value).__name__} has no place in a document")


# --- the types ----------------------------------------------------------------------------------------


@cache
def _members(type_: Any, old: bool = False) -> dict[str, Form]:
    return {name: _form(hint, old) for name, hint in get_type_hints(type_, include_extras=True).items()}


@cache
def _form(hint: Any, old: bool = False) -> Form:
    """The form of a type; `old` reads what version 1 wrote, too."""
    origin = get_origin(hint)
    if origin is Annotated and ROUNDED in hint.__metadata__:
        return Form(measured, _old_fraction if old else _number, {"type": "number"})
    if origin is Annotated:
        return _form(hint.__origin__, old)
    if origin in {Union, types.UnionType}:
        return _union(get_args(hint), old)
    if origin is tuple:
        return _tuple(get_args(hint), old)
    if hint is Fraction:
        return Form(exact, _old_fraction if old else exact_number, EXACT)
    if isinstance(hint, EnumType):
        words = list(map(str, hint.__members__.values()))
        return Form(str, lambda value: hint(_word(value, words)), {"enum": words})
    if isinstance(hint, msgspec.StructMeta) or hasattr(hint, "_fields"):
        return _record(hint, old)
    if hint in _PLAIN:
        return Form(_same, _of(hint), {"type": _PLAIN[hint]})
    raise TypeError(f"{hint} has no place in facts")


_PLAIN: Final = {str: "string", bool: "boolean", int: "integer"}


def _same(value: Json) -> Json:
    return value


def _of(type_: type) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        if type(value) is not type_:
            raise Misfit(wrong(KINDS[_PLAIN[type_]], named(value)))
        return value

    return read


def _word(value: Json, words: list[str]) -> str:
    if not isinstance(value, str) or value not in words:
        raise Misfit(Text(f"wanted one of {', '.join(words)}", f"应为其中之一：{'、'.join(words)}"))
    return value


def _number(value: Json) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(wrong(KINDS["number"], named(value)))
    return Fraction(str(value))


def _old_fraction(value: Json) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _OLD.fullmatch(str(value)):
        raise Misfit(wrong(KINDS["number"], named(value)))
    number, _, below = str(value).partition("/")
    if below and not int(below):
        raise Misfit(EXACTLY)
    return Fraction(number) / int(below or 1)


def _union(options: tuple[Any, ...], old: bool) -> Form:
    some = tuple(option for option in options if option is not types.NoneType)
    if len(some) > 1:  # the value of a mark: what it is, it says itself
        return Form(_any, _same, {})
    form = _form(some[0], old)
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
        {"anyOf": [form.schema, {"type": "null"}]},
    )


def _any(value: object) -> Json:
    return exact(value) if isinstance(value, Fraction) else value._asdict() if hasattr(value, "_asdict") else value


def _tuple(items: tuple[Any, ...], old: bool) -> Form:
    if len(items) == 2 and items[1] is Ellipsis:
        form = _form(items[0], old)
        return Form(
            lambda value: [form.write(item) for item in value],
            lambda value: _each([form] * len(_list(value)), value),
            {"type": "array", "items": form.schema},
        )
    forms = [_form(item, old) for item in items]
    return Form(
        lambda value: [one.write(item) for one, item in zip(forms, value, strict=True)],
        lambda value: _each(forms, _list(value, len(forms))),
        {
            "type": "array",
            "prefixItems": [one.schema for one in forms],
            "minItems": len(forms),
            "maxItems": len(forms),
        },
    )


def _list(value: Json, length: int | None = None) -> list[Json]:
    if not isinstance(value, list):
        raise Misfit(wrong(KINDS["array"], named(value)))
    if length is not None and len(value) != length:
        raise Misfit(Text(f"wanted {length} values, found {len(value)}", f"应有 {length} 个值，实际为 {len(value)} 个"))
    return value


def _each(forms: list[Form], values: list[Json]) -> tuple[Any, ...]:
    read = []
    for number, (form, value) in enumerate(zip(forms, values, strict=True)):
        try:
            read.append(form.read(value))
        except Misfit as odd:
            raise odd.below(f"[{number}]") from None
    return tuple(read)


def _record(type_: Any, old: bool) -> Form:
    members = _members(type_, old)
    named_ = tuple(members.items())
    needed = frozenset() if type_ is MediaInfo or old else frozenset(members)
    more = {"detection"} if type_ is Face else set()

    def write(value: Any) -> Json:
        return {name: form.write(getattr(value, name)) for name, form in named_}

    def read(value: Json) -> Any:
        if old and type_ is Text and isinstance(value, list):
            return Text(*_each([_form(str)] * 2, _list(value, 2)))
        if not isinstance(value, dict):
            raise Misfit(wrong(KINDS["object"], named(value)))
        if missing := sorted(needed - value.keys()):
            raise Misfit(MISSING, missing[0])
        if not old and (unknown := sorted(value.keys() - members.keys() - more)):
            raise Misfit(Text("is no fact that there is", "不是已知的信息项"), printable(unknown[0]))
        if not old and "detection" in value:
            _detection(value["detection"])
        held = {}
        for name, form in named_:
            if name in value:
                try:
                    held[name] = form.read(value[name])
                except Misfit as odd:
                    raise odd.below(name) from None
        try:
            return type_(**held)
        except TypeError:  # of version 1, where a member is needed that it did not have
            raise Misfit(Text("not all members are there", "成员不全")) from None

    described: dict[str, Json] = {
        "type": "object",
        "properties": {name: form.schema for name, form in named_},
        "required": list(members),
        "additionalProperties": False,
    }
    if type_ is not Face:
        return Form(write, read, described)
    described["properties"]["detection"] = {"$ref": "#/$defs/Detection"}
    return Form(lambda face: write(face) | {"detection": msgspec.to_builtins(detection(face))}, read, described)


MISSING: Final = Text("is missing", "缺失")


def _detection(value: Json) -> None:
    """The face once more in a platform's words: not read back, and yet to be as it is written."""
    try:
        msgspec.convert(value, Detection)
    except msgspec.ValidationError:
        raise Misfit(Text("is not a face as it is written", "不是应有的人脸信息"), "detection") from None
