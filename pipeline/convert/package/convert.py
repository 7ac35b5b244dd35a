"""Repair of voice packages: the zip is written anew, recordings bit for bit as they were.

Packed bytes are carried over as they are; nothing is unpacked to disk and no stored name is ever a path.
"""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.checks.archive import LITTER
from pipeline.convert.requirements import NAMING, extension
from pipeline.errors import ToolFailed, Unreadable
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.results import Made, Plan, Step
from pipeline.model.rules import Role
from pipeline.probe.archive.zip import DEFLATED, STORED, BadZip, Member, Zip
from pipeline.probe.text.encoding import decode

HANDLES: Final = NAMING | {
    "archive.numbered",
    "archive.directories",
    "archive.places",
    "archive.entry_name",
    "archive.litter",
    "archive.text_encoding",
}
_FLATTEN: Final = frozenset({"archive.directories", "archive.places"})
_NAMES_UTF8: Final = 0x800
_DATE: Final = 1 << 5 | 1  # 1980-01-01, the first date a zip can hold (APPNOTE 4.4.6): the same every time
_FILE_MODE: Final = 0o100644 << 16
_MADE_BY: Final = 3 << 8 | 20  # Unix, version 2.0
_TOO_LARGE: Final = 0xFFFFFFFF  # sizes and offsets from here on need ZIP64
_DIGITS: Final = re.compile(r"(\d+)")


class _New(Struct, frozen=True):
    """One entry of the new package."""

    member: Member
    name: str
    recode: bool


def _asked(plan: Plan) -> frozenset[str]:
    """Checks to satisfy. Advice counts only where the zip is written anew anyway, and never renumbers."""
    hard = frozenset(fix.check for fix in plan.fixes) & (HANDLES - NAMING)
    soft = frozenset(fix.check for fix in plan.advised) & (HANDLES - NAMING - {"archive.numbered"})
    return hard | soft if hard else hard


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What will be done. Raises Unreadable for a package that cannot be read."""
    _readable(info)
    asked = _asked(plan)
    ending = extension("zip", info, role)
    if not asked:
        return (Step(does=Text(f"copy under a name that ends in .{ending}", f"复制并以 .{ending} 为扩展名")),)
    said = {
        "archive.litter": Text("leave out what operating systems added", "去除操作系统附带的文件"),
        "archive.entry_name": Text("rename entries with forbidden characters", "重命名含禁用字符的条目"),
        "archive.numbered": Text("name them 0.wav, 0.txt, 1.wav, ...", "按 0.wav、0.txt、1.wav……命名"),
        "archive.directories": Text("put all files at the root", "将所有文件置于根目录"),
        "archive.places": Text("put all files at the root", "将所有文件置于根目录"),
        "archive.text_encoding": Text("save the texts as UTF-8", "将文本另存为 UTF-8"),
    }
    done = dict.fromkeys(said[check] for check in said if check in asked)
    write = Text("write the zip anew, recordings unchanged", "重写 zip，录音不变")
    return tuple(Step(does=text) for text in (*done, write))


def _readable(info: MediaInfo) -> None:
    if info.archive is None or not info.archive.valid or any(e.encrypted for e in info.archive.entries):
        raise Unreadable(
            f"{info.name} is damaged or encrypted and cannot be packed anew. Pack the original files again, "
            "without a password.",
            f"{info.name} 已损坏或加密，无法重新打包。请用原始文件重新打包，不要加密。",
        )


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Write the new package in the folder `work`. The same source and plan give the same bytes.

    Raises Unreadable for damage, ToolFailed where names cannot be given, CeilingExceeded above a ceiling.
    """
    _readable(info)
    ending = extension("zip", info, role)
    target = work / f"out.{ending}"
    if not _asked(plan):
        shutil.copyfile(source, target)
    else:
        try:
            with Zip(source) as archive, target.open("wb") as out:
                # Names and encodings are those that were found at the check, which knew what people say of them.
                known = zip(archive.members, info.archive.entries if info.archive else (), strict=True)
                named = {replace(member, name=entry.name): entry.encoding for member, entry in known}
                _write(archive, named, new_entries(tuple(named), plan, info.name), out, progress)
        except BadZip as error:
            raise Unreadable(
                f"{info.name}: {error.text.en}. Pack the original files again.",
                f"{info.name}：{error.text.zh}。请用原始文件重新打包。",
            ) from error
    progress(1.0)
    return (Made(path=str(target), name="{stem}." + ending),)


def _parts(member: Member) -> tuple[str, str]:
    """Folder and name of an entry; a folder keeps only parts that lead nowhere else."""
    *folders, base = member.name.replace("\\", "/").split("/")
    return "/".join(f for f in folders if f not in {"", ".", ".."} and ":" not in f), base


def _is_litter(member: Member) -> bool:
    parts = member.name.replace("\\", "/").split("/")
    return any(part in LITTER or part.startswith("._") for part in parts)


def natural(text: str) -> list[tuple[int, str]]:
    """2 before 10. Digits compare by length first, without their leading noughts."""
    parts = _DIGITS.split(text.casefold())
    return [(len(part.lstrip("0")), part.lstrip("0")) if odd % 2 else (-1, part) for odd, part in enumerate(parts)]


def new_entries(members: Iterable[Member], plan: Plan, package: str) -> list[_New]:
    """Which members go into the new package and under which names, in natural order of name.

    Raises ToolFailed where recordings and texts do not pair up for numbering, or two names become one.
    """
    asked = _asked(plan)
    fixes = [fix for fix in (*plan.fixes, *plan.advised) if fix.check == "archive.entry_name"]
    renamed = {str(fix.actual): str(fix.value) for fix in fixes}
    kept = [m for m in members if not m.directory and not ("archive.litter" in asked and _is_litter(m))]
    numbers = _numbers([m for m in kept if not _is_litter(m)], package) if "archive.numbered" in asked else {}
    recode = "archive.text_encoding" in asked
    out: list[_New] = []
    taken: set[str] = set()
    for member in sorted(kept, key=lambda m: (natural(m.name), m.name)):
        folder, base = _parts(member)
        name = numbers.get(member, renamed.get(base, base))
        if not asked & _FLATTEN and folder:
            name = f"{folder}/{name}"
        elif folder and name.casefold() in taken and member not in numbers:
            name = f"{folder.replace('/', '_')}_{name}"
        if name.casefold() in taken or not name:
            raise ToolFailed(
                f"{package}: {member.name!r} would get the name {name!r}, which is taken. Rename it first.",
                f"{package}：{member.name!r} 将得到已被占用的名称 {name!r}。请先重命名。",
            )
        taken.add(name.casefold())
        out.append(_New(member, name, recode and base.lower().endswith(".txt") and not _is_litter(member)))
    return sorted(out, key=lambda new: (natural(new.name), new.name))


def _numbers(members: list[Member], package: str) -> dict[Member, str]:
    """A number for each pair of recording and text, in natural order of folder and stem."""
    pairs: dict[tuple[str, str], dict[str, Member]] = {}
    for member in members:
        folder, base = _parts(member)
        path = PurePosixPath(base)
        kind = path.suffix.lower().lstrip(".")
        pair = pairs.setdefault((folder, path.stem), {})
        if kind not in {"wav", "txt"} or kind in pair:
            raise _unpaired(package, member.name)
        pair[kind] = member
    out: dict[Member, str] = {}
    ordered = sorted(pairs, key=lambda key: (natural(key[0]), natural(key[1]), key))
    for number, key in enumerate(ordered):
        if len(pairs[key]) != 2:
            raise _unpaired(package, next(iter(pairs[key].values())).name)
        out |= {member: f"{number}.{kind}" for kind, member in pairs[key].items()}
    return out


def _unpaired(package: str, name: str) -> ToolFailed:
    return ToolFailed(
        f"{package}: {name!r} is not one of a pair of recording and text, so the files cannot be numbered. "
        "Add what is missing or take it out.",
        f"{package}：{name!r} 不属于一对录音与文本，无法编号。请补齐或移除。",
    )


# --- writing (layouts: APPNOTE 4.3.7, 4.3.12, 4.3.16) -----------------------------------------------------


def _recoded(archive: Zip, member: Member, encoding: str | None) -> bytes:
    found = decode(archive.content(member, MAX_TEXT), encoding)
    if found.text is None:
        raise Unreadable(
            f"{archive.name}: the encoding of {member.name!r} is not known. Save it as UTF-8.",
            f"{archive.name}：{member.name!r} 的编码未知。请另存为 UTF-8。",
        )
    return found.text.encode()


def _content(
    archive: Zip, encodings: Mapping[Member, str | None], new: _New
) -> tuple[int, int, int, int, Iterator[bytes]]:
    """Method, check sum, packed size, size, and the bytes as they are written."""
    member = new.member
    if new.recode:
        # Stored and not deflated: the same bytes whatever version of zlib is at hand.
        data = _recoded(archive, member, encodings[member])
        return STORED, zlib.crc32(data), len(data), len(data), iter((data,))
    if member.method not in {STORED, DEFLATED}:
        raise BadZip(f"{member.name!r} is packed by an unusual method", f"{member.name!r} 的压缩方法不常用")
    return member.method, member.crc, member.packed, member.size, archive.packed(member)


def _write(
    archive: Zip,
    encodings: Mapping[Member, str | None],
    entries: list[_New],
    out: BinaryIO,
    progress: Callable[[float], None],
) -> None:
    index = bytearray()
    whole = sum(new.member.packed for new in entries) or 1
    done = 0
    for new in entries:
        raw = new.name.encode()
        flags = 0 if raw.isascii() else _NAMES_UTF8
        method, crc, packed, size, pieces = _content(archive, encodings, new)
        offset = out.tell()
        if max(offset + packed, size) >= _TOO_LARGE or len(raw) > 0xFFFF:
            raise ToolFailed(
                f"{archive.name} is larger than a plain zip can hold (4 GiB). Split the package.",
                f"{archive.name} 超过普通 zip 的上限（4 GiB）。请拆分。",
            )
        common = struct.pack("<5H3I2H", 20, flags, method, 0, _DATE, crc, packed, size, len(raw), 0)
        out.write(b"PK\x03\x04" + common + raw)
        for piece in pieces:
            out.write(piece)
        rest = struct.pack("<3H2I", 0, 0, 0, _FILE_MODE, offset)
        index += b"PK\x01\x02" + struct.pack("<H", _MADE_BY) + common + rest + raw
        done += new.member.packed
        progress(done / whole)
    start = out.tell()
    out.write(index)
    out.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(index), start, 0))
