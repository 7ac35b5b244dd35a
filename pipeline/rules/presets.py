"""TOML to rules. The only module that knows how a preset is written; `docs/presets.md` is its manual.

A preset is one file per platform scenario. Unknown words fail with file, table, key and nearest known word.
At most one `extends`. A size whose unit has no stated base ("1 GB") becomes two rules: an error at the binary
reading and, under the same id with ".decimal" behind it, a warning between the decimal and the binary one.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.errors import PresetError, in_chinese, nearest_word
from pipeline.model.facts import Kind, Text
from pipeline.model.rules import Check, Condition, Level, Note, Preset, Role, Rule, Source
from pipeline.rules import toml
from pipeline.rules.limit_syntax import BOUNDS, LIMIT_KEYS, Place, limit

# What a new file for a role looks like: key -> how its value is written.
DELIVER: Final[dict[str, str]] = {
    "container": "text",  # of video and audio
    "video_codec": "text",
    "audio_codec": "text",
    "audio_bit_rate": "bits",
    "sample_rate": "hertz",
    "channels": "count",
    "frame_rate": "rate",
    "format": "text",  # of a picture or deck
    "pages": "flag",  # a deck is also delivered as page pictures
    "page_box": "size",  # the box page pictures are fitted to
    "media": "flag",  # videos and sounds inside a deck are assets of their own; see `pipeline.stages.embedded`
    "background": "colour",  # under what was transparent, "#RRGGBB"
    "aim_vmaf": "number",  # the mean VMAF below which a picture is encoded once more, finer
    "min_vmaf": "number",  # the least mean VMAF of an encoded picture, 0 to 100
    "min_ssim": "number",  # ... and SSIM, 0 to 1
    "scenes": "count",  # the most scenes that one script made of a text or deck may have
    "request": "text",  # the body of a request that those scenes are written as; see `pipeline.upload.bodies`
    "stamped_name": "flag",  # name_YYYYMMDDhhmmss, as the platform's own tool names files
}

COMMON: Final = "common"  # the preset whose rules hold in every scenario

_TOP: Final = {"schema", "id", "title", "extends", "drop", "role", "rule", "note"}
_ROLE: Final = {"title", "kinds", "deliver", "folder", "asset_type"}
_COMMON: Final = {
    "id",
    "role",
    "check",
    "level",
    "sources",
    "code",
    "note",
    "when",
    "optional",
    "unknown",
    "batch",
}
_SOURCE: Final = re.compile(r"(\S+) (.+) \((\d{4}-\d{2}-\d{2})\)")


def folder() -> Path:
    """Where the shipped presets are: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "_presets"
    return inside if inside.is_dir() else package.parent / "presets"


def names() -> list[str]:
    """The ids of all shipped presets, sorted."""
    return sorted(str(path.relative_to(folder()).with_suffix("")) for path in folder().glob("*/*.toml"))


def _check(place: Place, table: Mapping[str, Any]) -> Check:
    name = place.need(table, "check")
    if not isinstance(name, str) or name not in CHECKS:
        raise place.unknown(Text("check", "检查项"), str(name), CHECKS)
    return CHECKS[name]


def _source(place: Place, raw: object) -> Source:
    found = _SOURCE.fullmatch(raw) if isinstance(raw, str) else None
    if not found:
        raise place.wrong(
            f"source {raw!r} is not 'DOCUMENT section (YYYY-MM-DD)'",
            f"来源 {raw!r} 不是 'DOCUMENT section (YYYY-MM-DD)' 的形式",
        )
    return Source(found[1], found[2], found[3])


def _condition(place: Place, raw: object) -> Condition:
    if not isinstance(raw, dict):
        raise place.wrong("when needs a table", "when 需要一个表")
    place.keys(raw, {"check", *LIMIT_KEYS})
    check = _check(place, raw)
    return Condition(check=check.name, limit=limit(place, raw, check))


def _rules(place: Place, table: Mapping[str, Any]) -> list[Rule]:
    """One written rule: usually one Rule, two for a size whose unit has no stated base."""
    place.keys(table, _COMMON | LIMIT_KEYS)
    check = _check(place, table)
    rule = Rule(
        id=str(place.need(table, "id")),
        check=check.name,
        limit=limit(place, table, check),
        level=Level(place.word(table.get("level", "error"), "level", [v.value for v in Level])),
        sources=tuple(_source(place, raw) for raw in place.array(place.need(table, "sources"), "sources")),
        code=table.get("code"),
        note=place.text(table["note"], "note") if "note" in table else None,
        when=_condition(place, table["when"]) if "when" in table else None,
        optional=bool(place.value("flag", table.get("optional", False), "optional")),
        unknown_blocks=place.word(table.get("unknown", "blocks"), "unknown", ["blocks", "allowed"]) == "blocks",
        batch=bool(place.value("flag", table.get("batch", False), "batch")),
    )
    if check.type != "bytes" or not BOUNDS & table.keys():
        return [rule]
    decimal = limit(place, table, check, reading=0)
    if decimal == rule.limit or rule.level is not Level.ERROR:
        return [rule]
    note = Text(
        "The document does not say whether the unit is decimal or binary; this size passes only as binary.",
        "文档未说明单位是十进制还是二进制；该大小仅按二进制计算时合格。",
    )
    return [rule, replace(rule, id=f"{rule.id}.decimal", limit=decimal, level=Level.WARNING, note=note)]


def _role(place: Place, name: str, table: Mapping[str, Any], rules: tuple[Rule, ...]) -> Role:
    place.keys(table, _ROLE)
    kinds = [place.word(k, "kinds", [v.value for v in Kind]) for k in place.array(place.need(table, "kinds"), "kinds")]
    deliver = table.get("deliver", {})
    place.keys(deliver, DELIVER)
    for rule in rules:
        if not CHECKS[rule.check].kinds & {Kind(k) for k in kinds}:
            raise place.wrong(
                f"rule {rule.id!r}: check {rule.check!r} cannot read {', '.join(kinds)}",
                f"规则 {rule.id!r}：检查项 {rule.check!r} 不适用于 {', '.join(kinds)}",
            )
    return Role(
        name=name,
        title=place.text(place.need(table, "title"), "title"),
        kinds=frozenset(Kind(k) for k in kinds),
        rules=rules,
        deliver=tuple(sorted((k, place.value(DELIVER[k], v, k)) for k, v in deliver.items())),
        folder=table.get("folder"),
        asset_type=table.get("asset_type"),
    )


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for whoever writes into it
            raise PresetError(f"{path}: is no regular file", f"{path}：不是普通文件")
        with path.open("rb") as file:
            raw = file.read(toml.MOST + 1)
        return toml.parsed(raw), raw
    except OSError as error:
        raise PresetError(
            f"{path}: cannot be read: {error.strerror}", f"{path}：无法读取：{in_chinese(error)}"
        ) from None
    except toml.NoToml as error:
        raise PresetError(f"{path}: {error.text.en}", f"{path}：{error.text.zh}") from None


_LISTS: Final = ("rule", "note")


def _shape(place: Place, own: Mapping[str, Any], key: str) -> None:
    """A `[rule]` for a `[[rule]]` is a mistake that TOML itself does not notice."""
    held = own.get(key)
    if key in _LISTS:
        fits = held is None or (isinstance(held, list) and all(isinstance(one, dict) for one in held))
        form = f"[[{key}]]"
    else:
        fits = held is None or (isinstance(held, dict) and all(isinstance(one, dict) for one in held.values()))
        form = f"[{key}.NAME]"
    if not fits:
        raise place.wrong(f"{key} is written as {form}", f"{key} 应写作 {form}")


def _merged(path: Path, depth: int = 0) -> tuple[dict[str, Any], bytes]:
    """The tables of a file laid over those of the file it extends."""
    own, raw = _read(path)
    place = Place(str(path), "top level")
    place.keys(own, _TOP)
    for key in ("role", *_LISTS):
        _shape(place, own, key)
    if own.get("schema") != 1:
        raise place.wrong("schema = 1 is missing", "缺少 schema = 1")
    if "extends" not in own:
        if "drop" in own:
            raise place.wrong("drop without extends", "drop 需要 extends")
        return own, raw
    if depth:
        raise place.wrong("a preset that is extended may not itself extend another", "被扩展的预设不能再扩展其他预设")
    base, base_raw = _merged(_base(path, str(own["extends"])), depth + 1)
    own_ids = {rule.get("id") for rule in own.get("rule", [])}
    dropped = {str(word) for word in place.array(own["drop"], "drop")} if "drop" in own else set[str]()
    known = {rule.get("id") for rule in base.get("rule", [])} | {note.get("id") for note in base.get("note", [])}
    for word in sorted(dropped - known):
        raise place.unknown(Text("id in drop", " drop 编号"), word, known)
    kept = [rule for rule in base.get("rule", []) if rule.get("id") not in own_ids | dropped]
    own_notes = {note.get("id") for note in own.get("note", [])}
    notes = [note for note in base.get("note", []) if note.get("id") not in own_notes | dropped]
    return {
        **base,
        **own,
        "role": {**base.get("role", {}), **own.get("role", {})},
        "rule": [*kept, *own.get("rule", [])],
        "note": [*notes, *own.get("note", [])],
    }, raw + base_raw


def _base(path: Path, name: str) -> Path:
    """The file that `path` extends: a shipped preset, or a file named from where `path` lies."""
    return path.parent / name if name.endswith(".toml") else _locate(name)


def _locate(name: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    if name == COMMON:
        return folder() / f"{COMMON}.toml"
    if name not in names():
        hint = nearest_word(name, names())
        raise PresetError(
            f"unknown preset {name!r}.{hint.en} `preflight presets list` shows all.",
            f"未知的预设 {name!r}。{hint.zh}用 `preflight presets list` 查看全部。",
        )
    return folder() / f"{name}.toml"


@cache
def load(name: str) -> Preset:
    """The preset with this id, or in this .toml file.

    Raises PresetError naming file, table, key and the nearest known word.
    """
    path = _locate(name)
    data, raw = _merged(path)
    top = Place(str(path), "top level")
    roles = top.need(data, "role")
    by_role: dict[str, list[Rule]] = {role: [] for role in roles}
    for number, table in enumerate(data.get("rule", []), 1):
        place = Place(str(path), f"rule {table.get('id', f'number {number}')}")
        named = place.need(table, "role")
        for role in [named] if isinstance(named, str) else place.array(named, "role"):
            by_role[place.word(role, "role", roles)].extend(_rules(place, table))
    for role, rules in by_role.items():
        ids = [rule.id for rule in rules]
        for twice in sorted({i for i in ids if ids.count(i) > 1}):
            raise top.wrong(f"rule {twice!r} stands twice in role {role!r}", f"规则 {twice!r} 在角色 {role!r} 中重复")
    return Preset(
        id=str(top.need(data, "id")),
        title=top.text(top.need(data, "title"), "title"),
        roles=tuple(
            _role(Place(str(path), f"role.{name}"), name, table, tuple(by_role[name])) for name, table in roles.items()
        ),
        notes=tuple(_note(Place(str(path), f"note {n.get('id')}"), n) for n in data.get("note", [])),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


@cache
def in_force(role: Role, kind: Kind) -> Role:
    """The role with the rules of every scenario for this kind of file; on a check it rules itself it keeps its own."""
    own = {rule.check for rule in role.rules}
    shared = load(COMMON).role_for(kind)
    more = tuple(rule for rule in shared.rules if rule.check not in own) if shared else ()
    return replace(role, rules=role.rules + more)


def _note(place: Place, table: Mapping[str, Any]) -> Note:
    place.keys(table, {"id", "text", "sources"})
    return Note(
        id=str(place.need(table, "id")),
        text=place.text(place.need(table, "text"), "text"),
        sources=tuple(_source(place, raw) for raw in place.array(place.need(table, "sources"), "sources")),
    )
