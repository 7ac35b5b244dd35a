"""Looks at every tool and says what is there, what is not, and what to do about it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Literal

import msgspec

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.documents.types import Frozen
from pipeline.errors import PreflightError, ToolMissing
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.tools import isolation
from pipeline.tools.libraries import Library, known, rivals
from pipeline.tools.programs import ffmpeg, soffice
from pipeline.tools.versions import asked_ffmpeg, office_version

# What a conversion may ask ffmpeg for.
_ENCODERS = ("libx264", "libvpx-vp9", "prores_ks", "aac", "libmp3lame", "pcm_s16le")
_FILTERS = ("scale", "fps", "zscale", "tonemap", "bwdif", "aresample")

# In Chinese, what the layers of isolation are called, and whom they are around.
_LAYERS: Final = {
    "memory limit": "内存上限",
    "no new privileges": "禁止提升权限",
    "no capabilities": "无特权能力",
    "no network": "无网络",
    "mount namespace": "挂载命名空间",
    "process namespace": "进程命名空间",
    "file fence": "文件访问围栏",
    "system call filter": "系统调用过滤",
    "no foreign environment": "无外部环境变量",
    "others out of reach": "无法触及其他进程",
}
_ISOLATED: Final = {"program": "外部程序", "worker": "工作进程"}


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """Of `preflight doctor`."""

    strict: bool


class ToolState(Frozen, frozen=True, kw_only=True):
    """A tool, or a layer of isolation, and whether it is there."""

    name: str  # the same in every language: programs look for it
    title: str  # the same for people
    state: Literal["ok", "missing", "on", "off"]  # on and off: of a layer
    found: str
    needed: bool
    advice: str | None


def _tool(name: Text, found: str | None, advice: Text, lang: str, *, needed: bool) -> ToolState:
    return ToolState(
        name=name.en,
        title=name.of(lang),
        state="ok" if found else "missing",
        found=found or "-",
        needed=needed,
        advice=None if found else advice.of(lang),
    )


def _library(library: Library, lang: str) -> ToolState:
    """A library within its bounds, missing, or outside of them."""
    found = library.version and f"{library.version}  ({library.bounds})"
    tool = _tool(
        Text.same(library.name), found, library.fault, lang, needed=library.extra is None or not library.serves
    )
    if library.serves:
        return tool
    return msgspec.structs.replace(tool, state="missing", advice=library.fault.of(lang))


def _package(lang: str) -> ToolState:
    """Whether the name that this package is imported by is its own."""
    others = ", ".join(rivals("pipeline"))
    advice = Text(
        f"{others} installs a package of the same name, and each may have written over files of the other; "
        "install media-preflight anew, into an environment of its own",
        f"{others} 安装了同名的包，两者的文件可能互相覆盖；请在独立环境中重新安装 media-preflight",
    )
    return _tool(
        Text("package pipeline", "包 pipeline"),
        None if others else Text("ours alone", "仅有本包").of(lang),
        advice,
        lang,
        needed=True,
    )


def _faces(lang: str) -> ToolState:
    """The networks that faces are measured with."""
    from pipeline.probe.face.models import FILES, data_file

    try:
        found = [data_file(name) for name in FILES]
    except ToolMissing as error:
        return _tool(Text("face networks", "人脸识别网络"), None, error.text, lang, needed=True)
    return _tool(Text("face networks", "人脸识别网络"), str(found[0].parent), Text("", ""), lang, needed=True)


def _heic(lang: str) -> ToolState:
    """What decodes HEIC pictures."""
    from pipeline.probe.heic import INSTALL, readable

    found = f"pillow-heif {metadata.version('pillow-heif')}" if readable() else None
    return _tool(Text("HEIC pictures", "HEIC 图片"), found, Text(INSTALL, INSTALL), lang, needed=False)


def _words(lang: str) -> ToolState:
    """What reads the words on cards and letters."""
    from pipeline.probe.papers.words import INSTALL, readable

    found = f"rapidocr {metadata.version('rapidocr')}" if readable() else None
    return _tool(Text("words on papers", "证件与文书文字"), found, Text.same(INSTALL), lang, needed=False)


def _identity(lang: str) -> ToolState:
    """What tells whether two faces are of one person."""
    from pipeline.probe.person.identity import INSTALL, comparable

    found = f"dlib-bin {metadata.version('dlib-bin')}" if comparable() else None
    return _tool(Text("faces compared", "人脸比对"), found, Text.same(INSTALL), lang, needed=False)


def _fonts(lang: str) -> list[ToolState]:
    """The fonts that most decks need, or those of their widths."""
    from pipeline.tools.fonts import doctored

    command = "apt-get install fonts-noto-cjk fonts-crosextra-carlito fonts-crosextra-caladea fonts-liberation"
    advice = Text(f"lines of slides may break elsewhere: {command}", f"幻灯片换行可能改变：{command}")
    found = doctored() or {"any": None}
    uses = {"Chinese": "中文", "any": "任意"}
    return [
        _tool(Text(f"font for {use}", f"字体：{uses.get(use, use)}"), family, advice, lang, needed=False)
        for use, family in found.items()
    ]


def _program(name: str, lang: str) -> ToolState:
    """ffmpeg or soffice: where it is and which version answers."""
    known: dict[str, tuple[Callable[[], str], Callable[[], str | None], bool]] = {
        "ffmpeg": (ffmpeg, asked_ffmpeg, True),
        "soffice": (soffice, office_version, False),
    }
    named, (locate, version, needed) = Text.same(name), known[name]
    try:
        path = locate()
    except ToolMissing as error:
        return _tool(named, None, error.text, lang, needed=needed)
    broken = Text(f"{path} does not answer; reinstall it", f"{path} 无法运行，请重新安装")
    answer = version()
    return _tool(named, f"{answer}  {path}" if answer else None, broken, lang, needed=needed)


def _abilities(lang: str) -> list[ToolState]:
    """Encoders and filters that this ffmpeg has, found by asking it."""
    import tempfile
    from pathlib import Path

    from pipeline.model.ceilings import ASK
    from pipeline.tools.process import run

    try:
        program = ffmpeg()
    except ToolMissing:  # the line about ffmpeg says so; what it could do is not asked
        return []
    tools = []
    with tempfile.TemporaryDirectory(prefix="preflight-") as home:
        for kind, shown, names in (("encoder", "编码器", _ENCODERS), ("filter", "滤镜", _FILTERS)):
            for name in names:
                said = run([program, "-hide_banner", "-h", f"{kind}={name}"], cwd=Path(home), ceiling=ASK)
                there = (said.stdout + said.stderr).lstrip().startswith(kind.capitalize())
                advice = Text("use the ffmpeg of the imageio-ffmpeg wheel", "请使用 imageio-ffmpeg 自带的 ffmpeg")
                named = Text(f"ffmpeg {kind} {name}", f"ffmpeg {shown} {name}")
                tools.append(_tool(named, Text("yes", "有").of(lang) if there else None, advice, lang, needed=True))
    return tools


def _project(lang: str) -> list[ToolState]:
    """What `preflight.toml` says where we stand, entry by entry; nothing where there is none."""
    from pipeline.cli import project
    from pipeline.cli.inputs import preset_of
    from pipeline.storage.inputs import PROJECT

    try:
        found = project.near(".")
        if found is None:
            return []
        for one in (found.defaults, *found.matches):
            if one.preset:
                preset_of(str(found.path.parent / one.preset) if one.preset.endswith(".toml") else one.preset, one.role)
    except PreflightError as error:
        return [_tool(Text.same(PROJECT), None, error.text, lang, needed=True)]
    told = [_tool(Text.same(PROJECT), str(found.path), Text("", ""), lang, needed=False)]
    entries = [("[defaults]", found.defaults), *((f"[[match]] {n}", one) for n, one in enumerate(found.matches, 1))]
    return told + [
        _tool(Text.same(f"{PROJECT} {place}"), project.said(one), Text("", ""), lang, needed=False)
        for place, one in entries
    ]


def _layer(of: str, layer: str, on: bool, lang: str, *, strict: bool) -> ToolState:
    advice = Text(
        "the system refuses it here; other layers stay on. docs/security.md says what each of them needs",
        "系统不允许；其他隔离层仍有效。各层的要求见 docs/security.md",
    )
    named = Text(f"isolation: {of}: {layer}", f"隔离（{_ISOLATED[of]}）：{_LAYERS[layer]}")
    tool = _tool(named, Text("on", "已启用").of(lang) if on else None, advice, lang, needed=strict)
    return msgspec.structs.replace(tool, state="on" if on else "off")


def _layers() -> dict[str, dict[str, bool]]:
    """What holds for a worker, and for a program that one starts, as all are in `prepare`."""
    from pipeline.engine.pool import Pool
    from pipeline.model.ceilings import CHECK

    off = {"program": dict.fromkeys(isolation.LAYERS, False), "worker": dict.fromkeys(isolation.OF_WORKERS, False)}
    if not sys.platform.startswith("linux"):
        return off
    with isolation.outside() as given, Pool(isolation.tried, 1, CHECK, writes=()) as pool:
        for event in pool.run([given]):
            if event.result is not None:
                off["program"], off["worker"] = event.result
    return off  # no layer is claimed that was not seen at work


def examine(lang: str, *, strict: bool) -> list[ToolState]:
    """Every tool and every layer of isolation with its state; with `strict` every layer is needed."""
    python = f"{platform.python_version()}  {sys.executable}"
    tools = [_tool(Text.same("python"), python, Text("", ""), lang, needed=True)]
    tools += [_package(lang), *(_library(library, lang) for library in known())]
    tools += [
        _program("ffmpeg", lang),
        _program("soffice", lang),
        *_abilities(lang),
        _faces(lang),
        _heic(lang),
        _words(lang),
        _identity(lang),
    ]
    tools += [*_fonts(lang), *_project(lang)]
    for of, found in _layers().items():
        tools += [_layer(of, layer, on, lang, strict=strict) for layer, on in found.items()]
    return tools


_HEADS: Final = (Text("", ""), Text("tool", "工具"), Text("found", "结果"), Text("what to do", "如何处理"))
_STATES: Final = {
    "ok": Text("ok", "正常"),
    "missing": Text("missing", "缺少"),
    "on": Text("on", "启用"),
    "off": Text("off", "未启用"),
}


def declare(parser: Parser) -> type[DoctorOptions]:
    """Add the arguments; they become what is returned."""
    Options.declare(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help=Text("a layer of isolation that is off is an error", "任何隔离层未启用都算错误"),
    )
    return DoctorOptions


def run(options: DoctorOptions) -> int:
    """Whether the tools are there and can do their work. Exit code 3 when one that is needed cannot."""
    lang = options.lang
    tools = examine(lang, strict=options.strict)
    if not emit({"tools": tools}, options):
        table = [(_STATES[tool.state].of(lang), tool.title, tool.found, tool.advice or "") for tool in tools]
        console.console().print(console.rows_table(table, [head.of(lang) for head in _HEADS]))
    return 3 if any(tool.state in ("missing", "off") and tool.needed for tool in tools) else 0
