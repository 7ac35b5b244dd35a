"""HEIC pictures, read by Pillow through `pillow-heif` where that is installed (the extra `heic`).

It is not part of a plain installation, because its wheel carries GPL libraries. Without it a HEIC is known by its
boxes alone (`pipeline.probe.image.headers.heif`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from pipeline.errors import ToolMissing
from pipeline.model.facts import Text

INSTALL: Final = "pip install 'media-preflight[heic]'"


@cache
def readable() -> bool:
    """Whether HEIC can be decoded here. The first call teaches Pillow the format HEIF."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:  # an extra; `ready` says how to install it
        return False
    register_heif_opener(thumbnails=False)
    return True


def needed(name: str) -> Text:
    """What to run where a HEIC has to be decoded and cannot be."""
    return Text(
        f"{name} is HEIC, which takes another package to decode. Run: {INSTALL} - or export it as JPEG.",
        f"{name} 为 HEIC 图片，解码需另行安装。运行：{INSTALL}，或导出为 JPEG。",
    )


def ready(format_: str, name: str) -> None:
    """For a picture of `format_` "heif": raise ToolMissing with what to run where it cannot be decoded here."""
    if format_ == "heif" and not readable():
        raise ToolMissing(*needed(name))
