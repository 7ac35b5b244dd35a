"""Looks at every tool and says what is there, what is not, and what to do about it."""

from __future__ import annotations

import platform
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from importlib import metadata
from typing import Any

from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.errors import ToolMissing
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.tools.isolation import layers
from pipeline.tools.libraries import Library, known, rivals
from pipeline.tools.programs import ffmpeg, soffice
from pipeline.tools.versions import asked_ffmpeg, office_version

# What a conversion may ask ffmpeg for.
_ENCODERS = ("libx264", "libvpx-vp9", "prores_ks", "aac", "libmp3lame", "pcm_s16le")
_FILTERS = ("scale", "fps", "zscale", "tonemap", "bwdif", "aresample")


def _entry(name: str, found: str | None, advice: Text, lang: str, *, needed: bool) -> dict[str, Any]:
    state = "ok" if found else "missing"
    return {
        "name": name,
        "state": state,
        "found": found or "-",
        "needed": needed,
        "advice": None if found else advice.of(lang),
    }


def _library(library: Library, lang: str) -> dict[str, Any]:
    """A library within its bounds, missing, or outside of them."""
    found = library.version and f"{library.version}  ({library.bounds})"
    entry = _entry(library.name, found, library.fault, lang, needed=library.extra is None or not library.serves)
    return entry if library.serves else entry | {"state": "missing", "advice": library.fault.of(lang)}


def _package(lang: str) -> dict[str, Any]:
    """Whether the name that this package is imported by is its own."""
    others = ", ".join(rivals("pipeline"))
    advice = Text(
        f"{others} installs a package of the same name, and each may have written over files of the other; "
        "install media-preflight anew, into an environment of its own",
        f"{others} 安装了同名的包，两者的文件可能互相覆盖；请在独立环境中重新安装 media-preflight",
    )
    return _entry("package pipeline", None if others else "ours alone", advice, lang, needed=True)


def _faces(lang: str) -> dict[str, Any]:
    """The networks that faces are measured with."""
    from pipeline.probe.face.models import FILES, data_file

    try:
        found = [data_file(name) for name in FILES]
    except ToolMissing as error:
        return _entry("face networks", None, error.text, lang, needed=False)
    return _entry("face networks", str(found[0].parent), Text("", ""), lang, needed=False)


def _heic(lang: str) -> dict[str, Any]:
    """What decodes HEIC pictures."""
    from pipeline.probe.heic import INSTALL, readable

    found = f"pillow-heif {metadata.version('pillow-heif')}" if readable() else None
    return _entry("HEIC pictures", found, Text(INSTALL, INSTALL), lang, needed=False)


def _fonts(lang: str) -> list[dict[str, Any]]:
    """The fonts that most decks need, or those of their widths."""
    from pipeline.tools.fonts import doctored

    command = "apt-get install fonts-noto-cjk fonts-crosextra-carlito fonts-crosextra-caladea fonts-liberation"
    advice = Text(f"lines of slides may break elsewhere: {command}", f"幻灯片换行可能改变：{command}")
    found = doctored() or {"any": None}
    return [_entry(f"font for {use}", family, advice, lang, needed=False) for use, family in found.items()]


def _program(name: str, lang: str) -> dict[str, Any]:
    """ffmpeg or soffice: where it is and which version answers."""
    known: dict[str, tuple[Callable[[], str], Callable[[], str | None], bool]] = {
        "ffmpeg": (ffmpeg, asked_ffmpeg, True),
        "soffice": (soffice, office_version, False),
    }
    locate, version, needed = known[name]
    try:
        path = locate()
    except ToolMissing as error:
        return _entry(name, None, error.text, lang, needed=needed)
    broken = Text(f"{path} does not answer; reinstall it", f"{path} 无法运行，请重新安装")
    answer = version()
    return _entry(name, f"{answer}  {path}" if answer else None, broken, lang, needed=needed)


def _abilities(lang: str) -> list[dict[str, Any]]:
    """Encoders and filters that this ffmpeg has, found by asking it."""
    import tempfile
    from pathlib import Path

    from pipeline.model.ceilings import ASK
    from pipeline.tools.process import run

    try:
        program = ffmpeg()
    except ToolMissing:  # the line about ffmpeg says so; what it could do is not asked
        return []
    entries = []
    with tempfile.TemporaryDirectory(prefix="preflight-") as home:
        for kind, names in (("encoder", _ENCODERS), ("filter", _FILTERS)):
            for name in names:
                said = run([program, "-hide_banner", "-h", f"{kind}={name}"], cwd=Path(home), ceiling=ASK)
                there = (said.stdout + said.stderr).lstrip().startswith(kind.capitalize())
                advice = Text("use the ffmpeg of the imageio-ffmpeg wheel", "请使用 imageio-ffmpeg 自带的 ffmpeg")
                entries.append(_entry(f"ffmpeg {kind} {name}", "yes" if there else None, advice, lang, needed=True))
    return entries


def examine(lang: str) -> list[dict[str, Any]]:
    """Every tool with its state: "ok" or "missing", and for layers of isolation "on" or "off"."""
    python = f"{platform.python_version()}  {sys.executable}"
    entries = [_entry("python", python, Text("", ""), lang, needed=True)]
    entries += [_package(lang), *(_library(library, lang) for library in known())]
    entries += [_program("ffmpeg", lang), _program("soffice", lang), *_abilities(lang), _faces(lang), _heic(lang)]
    entries += _fonts(lang)
    weak = Text("the kernel refuses it here; other layers stay on", "内核不允许；其他隔离层仍有效")
    for layer, active in layers().items():
        entry = _entry(f"isolation: {layer}", "on" if active else None, weak, lang, needed=False)
        entries.append(entry | {"state": "on" if active else "off"})
    return entries


def declare(parser: ArgumentParser) -> type[Options]:
    """Add the arguments; they become what is returned."""
    Options.declare(parser)
    return Options


def run(options: Options) -> int:
    """Whether the tools are there and can do their work. Exit code 3 when one that is needed cannot."""
    findings = examine(options.lang)
    told = {"tools": findings}
    if not emit(told, options):
        table = [(f["state"], f["name"], f["found"], f["advice"] or "") for f in findings]
        console.console().print(console.rows_table(table, ("", "tool", "found", "what to do")))
    return 3 if any(f["state"] == "missing" and f["needed"] for f in findings) else 0
