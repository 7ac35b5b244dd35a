"""Documents from disk, standard input or a worker: bytes to types, within limits. The only place that reads them.

A document is a file like any other: what is not in it as `pipeline.documents.types` has it is told by its key.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pipeline.documents.types import MANIFEST, REPORT, CheckDocument, Document, ManifestDocument, PlanDocument
from pipeline.errors import UsageError
from pipeline.storage import urls

T = TypeVar("T")
_MOST: Final = 256 << 20  # bytes of a document that are read
_OLD: Final = {"media-preflight/report/1": REPORT, "media-preflight/manifest/1": MANIFEST}


def document(name: str) -> Document:
    """A report or manifest from a file, or from standard input for "-". Raises UsageError when it is neither."""
    return parsed(_bytes(name), name, (REPORT, MANIFEST))


def manifest(name: str) -> ManifestDocument:
    """A manifest from a file. Raises UsageError when it is none."""
    read = parsed(_bytes(name), name, (MANIFEST,))
    assert isinstance(read, ManifestDocument)  # noqa: S101  its schema says so
    return read


class _Schema(msgspec.Struct):
    schema: str = ""


class _Step(msgspec.Struct):
    steps: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Assets(msgspec.Struct):
    assets: tuple[_Step, ...] = ()


def parsed(text: bytes, name: str, wanted: tuple[str, ...]) -> Document:
    """The document in `text`, which comes from `name`. Raises UsageError, also where its schema is not `wanted`."""
    try:
        schema = msgspec.json.decode(text, type=_Schema).schema
        now = _OLD.get(schema, schema)
        if now not in wanted:
            raise _wrong(name, wanted)
        if schema in _OLD:
            return _converted(_upgraded(json.loads(text), now), _type(text, now))
        return msgspec.json.decode(text, type=_type(text, now), dec_hook=_hook)
    except msgspec.ValidationError as error:
        raise _unusable(name, f"{error}. Was it edited? Make it again", f"{error}。是否被修改过？请重新生成") from None
    except (
        msgspec.DecodeError,
        UnicodeError,
        ValueError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise _unusable(name, str(error), str(error)) from None


def _type(text: bytes, schema: str) -> type[Document]:
    if schema == MANIFEST:
        return ManifestDocument
    planned = any(one.steps is not msgspec.UNSET for one in msgspec.json.decode(text, type=_Assets).assets[:1])
    return PlanDocument if planned else CheckDocument


def entry(text: bytes, type_: type[T]) -> T:
    """An entry that this program wrote. Raises ValueError when it was touched since."""
    if type_ not in _DECODERS:
        _DECODERS[type_] = msgspec.json.Decoder(type_, dec_hook=_hook)
    read: T = _DECODERS[type_].decode(text)
    return read


_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def _bytes(name: str) -> bytes:
    try:
        if name == "-":
            text = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(urls.near(name)).open("rb") as file:
                text = file.read(_MOST + 1)
    except (OSError, ValueError) as error:
        raise _unusable(name, str(error), str(error)) from None
    if len(text) > _MOST:
        raise _unusable(name, f"larger than {_MOST >> 20} MiB", f"大于 {_MOST >> 20} MiB")
    return text


def _unusable(name: str, en: str, zh: str) -> UsageError:
    return UsageError(f"{name}: not a report or manifest: {en}", f"{name}：不是报告或清单：{zh}")


def _wrong(name: str, wanted: tuple[str, ...]) -> UsageError:
    known = " / ".join(wanted)
    verb = "prepare" if wanted == (MANIFEST,) else "check --json"
    return UsageError(
        f"{name}: schema is not {known}. Make one with `preflight {verb}`.",
        f"{name}：schema 不是 {known}。可用 `preflight {verb}` 生成。",
    )


def _hook(type_: type, value: Any) -> Any:
    if type_ is Fraction and isinstance(value, str):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{value!r} is not a number such as 25 or 30000/1001") from None
    raise ValueError(f"{value!r} is not a number such as 25 or 30000/1001, as a string")


# --- version 1 ----------------------------------------------------------------------------------------


def _converted(data: Any, type_: type[Document]) -> Document:
    # Facts stay as they are written until somebody asks for them.
    return msgspec.json.decode(msgspec.json.encode(data), type=type_, dec_hook=_hook)


def _upgraded(data: dict[str, Any], schema: str) -> dict[str, Any]:
    """A document of version 1 as version 2 has it: one sentence stands for both languages where it had one."""
    from pipeline.documents.entry import id_of

    for asset in data["assets"]:
        asset["id"] = id_of(asset["source"])
        outputs = asset.get("outputs") or ()
        for found in [*asset["findings"], *(asset.get("blocked") or ()), *(f for o in outputs for f in o["findings"])]:
            _finding(found)
        for told in [asset["error"], *(asset.get("steps") or ())]:
            _said(told)
        for output in outputs:
            output.setdefault("part", None)
            output.setdefault("peak_memory", None)
        for proof in asset.get("proof") or ():
            proof |= {key: _both(proof[key]) for key in ("name", "expected", "found")}
    for found in data.setdefault("batch", []):
        _finding(found)
    return data | {"schema": schema}


def _finding(found: dict[str, Any]) -> None:
    from pipeline.checks import CHECKS

    where, check = found["where"], CHECKS.get(found["check"])
    found["where"] = None if where is None else _both(where)
    found.setdefault("also", [])
    found.setdefault("blocks", found["level"] == "error" and found["verdict"] == "fail")
    found["told"] = None
    if found["verdict"] != "pass":
        _said(found)
        title = {"en": check.title.en, "zh": check.title.zh} if check else _both(found["check"])
        value = _both("unknown" if found["actual"] is None else found["actual"])
        found["told"] = {"title": title, "found": value, "limit": _both(found["limit"]), "rest": found["said"]}
    else:
        found["said"] = None
    _said(found["fix"], "does")


def _said(told: dict[str, Any] | None, key: str = "message") -> None:
    if told is not None and not told.get("said"):
        told["said"] = _both(told.get(key, told.get("does", "")))


def _both(text: str) -> dict[str, str]:
    return {"en": text, "zh": text}
