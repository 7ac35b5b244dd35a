"""Building a voice package: from clips with their texts, or from one long take with its script.

What a package must look like is read from the rules of the preset, so that no scenario is known here: how many
recordings (`archive.wavs`), whether they are numbered (`archive.numbered`) and have texts (`archive.paired`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.convert.package.convert import natural
from pipeline.errors import AssetError, Unreadable
from pipeline.model import ceilings
from pipeline.model.facts import Kind, MediaInfo, default_sound
from pipeline.model.rules import Role
from pipeline.probe.text.encoding import decode
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, pulse, reading

_MAX_SCRIPT: Final = 1 << 20  # bytes of a list of texts
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the first a zip can hold: the same package every time
_TABLES: Final = {".csv": ",;|", ".tsv": "\t", ".txt": "|\t"}
_UNSAFE: Final = re.compile(r"[^\w-]+")
_COUNTED: Final = 10**9


class Clip(Struct, frozen=True):
    """One recording of a package and what it says."""

    path: Path
    text: str | None = None


class Shape(Struct, frozen=True):
    """What the rules of a role ask of a package; None: they do not."""

    count: int | None
    numbered: bool
    texts: bool


def shape(role: Role) -> Shape:
    """What a package for this role must look like. Raises AssetError when the role takes no packages."""
    if Kind.ARCHIVE not in role.kinds:
        raise AssetError(
            f"the role {role.name} takes no packages; choose a preset for voice packages",
            f"角色 {role.name} 不接受压缩包；请选择声音训练包的预设",
        )
    limits = {rule.check: rule.limit for rule in role.rules}
    counts = limits.get("archive.wavs")
    few = counts.nearest(0) if counts else None
    exact = few if counts and few == counts.nearest(_COUNTED) else None
    return Shape(
        count=exact if isinstance(exact, int) else None,
        numbered="archive.numbered" in limits,
        texts="archive.paired" in limits,
    )


def read(path: Path) -> str:
    """The text of a script, a table or a list of cuts. Raises AssetError, Unreadable, OSError."""
    if not path.is_file():
        raise AssetError(f"{path.name} is no file. Give the right one.", f"{path.name} 不是文件。请提供正确的文件。")
    if path.stat().st_size > _MAX_SCRIPT:
        raise AssetError(
            f"{path.name} is larger than {_MAX_SCRIPT} bytes and no list of sentences. Give the right file.",
            f"{path.name} 超过 {_MAX_SCRIPT} 字节，不是句子列表。请提供正确的文件。",
        )
    found = decode(path.read_bytes())
    if found.text is None:
        raise Unreadable(
            f"{path.name}: its encoding is not known. Save it as UTF-8.",
            f"{path.name}：编码未知。请另存为 UTF-8。",
        )
    return found.text.lstrip("\ufeff")


def lines(path: Path) -> list[str]:
    """The sentences of a script: one a line, empty lines left out. Raises AssetError, Unreadable."""
    return [line.strip() for line in read(path).splitlines() if line.strip()]


def table(text: str, name: str, mark: str = ",") -> list[list[str]]:
    """The cells of a table, empty rows left out. Raises AssetError."""
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=mark)  # a line may end as on any system
    try:
        return [row for row in rows if row]
    except csv.Error:  # a cell without end: its quotation mark is never closed
        raise AssetError(
            f"{name}, line {rows.line_num}: no table: a cell is longer than {csv.field_size_limit():,} characters. "
            f"Is a quotation mark missing?",
            f"{name} 第 {rows.line_num} 行：不是表格：单元格超过 {csv.field_size_limit():,} 个字符，是否缺少引号？",
        ) from None


def _table(path: Path, stems: frozenset[str]) -> dict[str, str]:
    """Texts by the stem of their recording from a table of names and texts; empty when it is none."""
    text = read(path)
    for mark in _TABLES[path.suffix.lower()]:
        rows = [row for row in table(text, path.name, mark) if len(row) > 1]
        named = [(Path(row[0].strip()).name, row[1].strip()) for row in rows]
        known = [(_stem(name), said) for name, said in named if _stem(name) in stems]
        if known:
            twice = {stem for stem, _ in known if sum(other == stem for other, _ in known) > 1}
            if twice:
                raise _wrong(path.name, f"names {sorted(twice)[0]} twice", f"中 {sorted(twice)[0]} 出现两次")
            return dict(known)
    return {}


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0] if "." in name else name


def _wrong(name: str, en: str, zh: str) -> AssetError:
    return AssetError(f"{name} {en}. Every recording needs exactly one text.", f"{name} {zh}。每条录音须恰有一条文本。")


def gather(folder: Path, *, texts: bool) -> list[Clip]:
    """The recordings below `folder` in natural order of name, each with its text where `texts` is asked for.

    Texts are, in this order: files of the same stem; a CSV or TSV of names and texts; a text file with one line
    for each recording. Raises AssetError where they do not pair up, and for recordings that are there twice.
    """
    from pipeline.probe.sniff import sniff

    every = sorted((p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")), key=_order)
    sounds = [p for p in every if p.stat().st_size and sniff(p)[0] is Kind.AUDIO]
    if not sounds:
        raise AssetError(f"{folder.name} holds no recordings.", f"{folder.name} 中没有录音。")
    seen: dict[bytes, Path] = {}
    stems: dict[str, Path] = {}
    for path in sounds:
        with path.open("rb") as file:
            same = seen.setdefault(hashlib.file_digest(file, "sha256").digest(), path)
        other = stems.setdefault(path.stem, path)
        if same is not path or other is not path:
            first = same if same is not path else other
            raise AssetError(
                f"{path.name} and {first.name} are the same recording or have the same name. Remove one.",
                f"{path.name} 与 {first.name} 为同一录音或同名。请删除其一。",
            )
    if not texts:
        return [Clip(path) for path in sounds]
    said = _texts(sounds, [p for p in every if p.suffix.lower() in _TABLES and p not in sounds], folder.name)
    for path in sounds:
        if not said.get(path.stem, "").strip():
            raise _wrong(path.name, "has no text", "没有文本")
    return [Clip(path, said[path.stem].strip()) for path in sounds]


def _order(path: Path) -> tuple[list[tuple[int, str]], str]:
    return natural(path.name), path.name


def _texts(sounds: list[Path], others: list[Path], folder: str) -> dict[str, str]:
    stems = frozenset(path.stem for path in sounds)
    same = {path.stem: path for path in others if path.suffix.lower() == ".txt" and path.stem in stems}
    if same:
        strange = [p for p in others if p.suffix.lower() == ".txt" and p.stem not in stems]
        if len(same) == len(stems) and strange:
            raise _wrong(strange[0].name, "has no recording", "没有对应的录音")
        return {stem: read(path) for stem, path in same.items()}
    for path in others:
        if found := _table(path, stems):
            return found
    for path in others:
        listed = lines(path) if path.suffix.lower() == ".txt" else []
        if len(listed) == len(sounds):
            return {sound.stem: line for sound, line in zip(sounds, listed, strict=True)}
        if listed:
            raise _wrong(
                path.name,
                f"has {len(listed)} lines for {len(sounds)} recordings",
                f"有 {len(listed)} 行，而录音有 {len(sounds)} 条",
            )
    raise AssetError(
        f"{folder} holds no texts. Add a .txt of the same name to each recording, a table of names and texts, or "
        "a text file with one line for each.",
        f"{folder} 中没有文本。请为每条录音添加同名 .txt，或提供名称与文本的表格，或每行一句的文本文件。",
    )


def mono_wave(path: Path, info: MediaInfo, work: Path, number: int) -> Path:
    """The recording as PCM WAV, mono: itself when it is one."""
    if not info.audio:
        raise Unreadable(f"{path.name} has no sound. Remove it.", f"{path.name} 没有声音。请移除。")
    stream = default_sound(info.audio)
    if info.container == "wav" and stream.codec == "pcm_s16le" and stream.channels == 1:
        return path
    from pipeline.convert.av.filters import to_mono
    from pipeline.probe.speech.measure import measure

    mix = to_mono(measure(path, stream), stream.channels) if (stream.channels or 1) > 1 else None
    source, target = f"clip{number}", f"clip{number}.wav"
    link_input(path, work, source)
    filters = ("-af", mix) if mix else ("-ac", "1")
    command = (
        programs.ffmpeg(),
        *HEAD,
        *reading(source),
        *("-map", f"0:{stream.index}", *filters, "-c:a", "pcm_s16le", "-map_metadata", "-1"),
        *("-fflags", "+bitexact", target),
    )
    ended = process.run(command, cwd=work, ceiling=ceilings.FFMPEG, pulse=pulse)
    if ended.code != 0 or not (work / target).is_file():
        raise Unreadable(
            f"{path.name} could not be converted: {ended.last_words() or 'no reason given'}. Record it again.",
            f"{path.name} 无法转换：{ended.last_words() or '未说明原因'}。请重新录制。",
        )
    return work / target


def names(clips: Sequence[Clip], numbered: bool) -> list[str]:
    """The stem of each recording in the package: its number, or its own in letters every rule takes."""
    if numbered:
        return [str(number) for number in range(len(clips))]
    out: list[str] = []
    for clip in clips:
        stem = _UNSAFE.sub("_", clip.path.stem).strip("_") or "clip"
        again = sum(other.casefold() == stem.casefold() or other.startswith(f"{stem}-") for other in out)
        out.append(f"{stem}-{again + 1}" if again else stem)
    return out


def build(
    clips: Sequence[Clip], wanted: Shape, target: Path, work: Path, progress: Callable[[float], None] = lambda _: None
) -> Path:
    """Write the package `target` (a path within `work`), its recordings as mono PCM WAV, its texts as UTF-8.

    The same clips give the same bytes. Raises AssetError for another number of clips than wanted, Unreadable for
    a clip that does not decode.
    """
    from pipeline.probe import probe

    if wanted.count is not None and len(clips) != wanted.count:
        raise AssetError(
            f"{wanted.count} recordings are wanted and there are {len(clips)}. "
            + ("Record the missing ones." if len(clips) < wanted.count else "Take the others out."),
            f"需要 {wanted.count} 条录音，现有 {len(clips)} 条。"
            + ("请补录缺少的。" if len(clips) < wanted.count else "请移除多余的。"),
        )
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as package:
        for number, (clip, name) in enumerate(zip(clips, names(clips, wanted.numbered), strict=True)):
            wave = mono_wave(clip.path, probe(clip.path), work, number)
            size = wave.stat().st_size
            with (
                wave.open("rb") as source,
                package.open(_entry(f"{name}.wav"), "w", force_zip64=size >= 1 << 31) as entry,
            ):
                shutil.copyfileobj(source, entry, 1 << 20)
            if wanted.texts:
                package.writestr(_entry(f"{name}.txt"), (clip.text or "").encode())
            progress((number + 1) / len(clips))
    return target


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o100644 << 16
    return entry
