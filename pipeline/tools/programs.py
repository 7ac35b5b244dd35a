"""Where the outside programs and data files are, and what to do when they are not."""

from __future__ import annotations

import importlib.util
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.errors import ToolMissing
from pipeline.storage.digest import file_state

_OFFICE_PLACES: Final = (
    "/usr/bin/soffice",
    "/usr/lib/libreoffice/program/soffice",
    "/opt/libreoffice/program/soffice",
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
)


@cache
def ffmpeg() -> str:
    """The ffmpeg program: `PREFLIGHT_FFMPEG` if set, else the one in the imageio-ffmpeg wheel.

    Raises ToolMissing.
    """
    chosen = os.environ.get("PREFLIGHT_FFMPEG")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise ToolMissing(
                f"PREFLIGHT_FFMPEG names {chosen!r}, not a program. Unset it to use the bundled ffmpeg.",
                f"PREFLIGHT_FFMPEG 指向的 {chosen!r} 不是程序。取消该变量即可使用自带的 ffmpeg。",
            )
        return found
    found = _bundled()
    if found:
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise ToolMissing(
            "ffmpeg is missing; it converts video and audio. Install it with: pip install imageio-ffmpeg",
            "缺少 ffmpeg（用于转换音视频）。安装命令：pip install imageio-ffmpeg",
        ) from None


def _bundled() -> str | None:
    """The program in the wheel, found without its package, which would start it to see whether it runs."""
    wheel = importlib.util.find_spec("imageio_ffmpeg")
    for place in (wheel and wheel.submodule_search_locations) or ():
        for program in Path(place, "binaries").glob("ffmpeg-*"):
            if os.access(program, os.X_OK):
                return str(program)
    return None


@cache
def soffice() -> str:
    """LibreOffice's program: `PREFLIGHT_SOFFICE` if set, else the installed one. Raises ToolMissing."""
    chosen = os.environ.get("PREFLIGHT_SOFFICE")
    places = (chosen,) if chosen else (shutil.which("soffice") or "", *_OFFICE_PLACES)
    for place in places:
        if place and Path(place).is_file():
            return str(Path(place).resolve())
    raise ToolMissing(
        "LibreOffice Impress is missing; it turns slides into PDF. Install it with: "
        "sudo apt-get install -y --no-install-recommends libreoffice-impress-nogui libreoffice-math fonts-noto-cjk",
        "缺少 LibreOffice Impress（用于将幻灯片转换为 PDF）。安装命令："
        "sudo apt-get install -y --no-install-recommends libreoffice-impress-nogui libreoffice-math fonts-noto-cjk",
    )


@cache
def states() -> tuple[str, ...]:
    """The outside programs, known by their files: to be asked for its version an office takes a second."""
    found = []
    for find in (ffmpeg, soffice):
        try:
            program = find()
            found.append(f"{program} {file_state(program)}")
        except (ToolMissing, OSError):  # told by whoever needs it
            found.append("")
    return tuple(found)
