"""Large pictures inside a .pptx made smaller until the deck fits, and the proof that its pages look the same."""

from __future__ import annotations

import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pipeline.convert.slides.pages import drawn, opened
from pipeline.errors import ProofFailed, ToolFailed
from pipeline.model.ceilings import MAX_ENTRY, MAX_PIXELS, MiB
from pipeline.model.facts import Size, Text
from pipeline.model.results import Proof
from pipeline.probe.archive.zip import Member, Zip
from pipeline.probe.image.damage import DAMAGE

if TYPE_CHECKING:
    import numpy as np

# Longest side in pixels and JPEG quality, the mildest first. 3840 is a slide that fills a 4K screen; below
# 1280 a picture that fills a 1080p page is visibly soft.
_LADDER: Final = ((3840, 90), (2560, 88), (1920, 85), (1600, 80), (1280, 75))
_WORTH: Final = 200_000  # bytes; smaller pictures are left as they are
_KEEPS: Final = 0.9  # a new picture must be smaller than this share of the old one
_PACKED: Final = (".jpg", ".jpeg", ".png", ".gif", ".mp4", ".m4a", ".mp3", ".mov", ".wmv", ".webm")
# Wang et al. 2004: pages that people call the same; measured between pages before and after in docs/slides.md.
LIKENESS: Final = 0.97
_PROOF_BOX: Final = Size(960, 960)
_LARGEST: Final = 256 * MiB  # of one picture file
_TARGET: Final = re.compile(rb'(\bTarget\s*=\s*")([^"]+)(")')


class _New(Struct, frozen=True):
    data: bytes
    suffix: str  # of the part from now on


def _smaller(data: bytes, side: int, quality: int) -> _New | None:
    """The picture within `side` pixels; None for what is not a plain picture or gains nothing."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "BMP", "TIFF")) as opened_:
                if opened_.width * opened_.height > MAX_PIXELS or getattr(opened_, "n_frames", 1) > 1:
                    return None
                form, profile = opened_.format, opened_.info.get("icc_profile")
                opened_.draft("RGB", (side, side))
                opened_.load()
                picture = opened_.copy()
    except (*DAMAGE, Image.DecompressionBombError):  # it goes on as it is
        return None
    if picture.mode in {"CMYK", "YCCK", "I", "F", "I;16"}:  # what other programs draw differently stays as it is
        return None
    clear = "A" in picture.getbands() or "transparency" in picture.info
    picture = picture.convert("RGBA" if clear else "RGB") if picture.mode != "L" else picture
    if clear and picture.getchannel("A").getextrema()[0] == 255:
        picture, clear = picture.convert("RGB"), False
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if clear:
        picture.save(out, "PNG", compress_level=9, **options)
        new = _New(out.getvalue(), ".png")
    else:
        picture.save(out, "JPEG", quality=quality, subsampling=0, optimize=True, **options)
        new = _New(out.getvalue(), ".jpeg")
    if form == "JPEG":
        new = _New(new.data, "")  # the part keeps its name
    return new if len(new.data) < _KEEPS * len(data) else None


def shrink(source: Path, name: str, budget: int, target: Path, progress: Callable[[float], None]) -> None:
    """Write `source` to `target` in at most `budget` bytes, with smaller pictures and nothing else changed.

    Raises ToolFailed when pictures alone cannot do it, BadZip for damage.
    """
    with Zip(source) as archive:
        pictures = [m for m in archive.members if m.name.lower().startswith("ppt/media/") and m.packed > _WORTH]
        pictures.sort(key=lambda member: -member.packed)
        for rung, (side, quality) in enumerate(_LADDER):
            made: dict[str, _New] = {}
            for done, member in enumerate(pictures):
                new = _smaller(archive.content(member, _LARGEST), side, quality)
                if new:
                    made[member.name] = new
                progress((rung + (done + 1) / len(pictures)) / len(_LADDER))
            _write(archive, made, target)
            if target.stat().st_size <= budget:
                return
    size = target.stat().st_size
    target.unlink()
    raise ToolFailed(
        f"{name} is still {size} bytes with its pictures made smaller, above {budget}. "
        "Remove embedded videos and sounds, or split the deck.",
        f"{name} 压缩图片后仍有 {size} 字节，超过 {budget}。请移除内嵌音视频或拆分文稿。",
    )


def _write(archive: Zip, made: dict[str, _New], target: Path) -> None:
    renamed = _renamed(archive, made)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for member in archive.members:
            if member.directory:
                continue
            name = renamed.get(member.name, member.name)
            packed = zipfile.ZIP_STORED if name.lower().endswith(_PACKED) else zipfile.ZIP_DEFLATED
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = packed
            if member.name in made:
                out.writestr(entry, made[member.name].data)
            elif renamed and (member.name.endswith(".rels") or member.name == "[Content_Types].xml"):
                out.writestr(entry, _edited(member, archive.content(member, MAX_ENTRY), renamed))
            else:
                with out.open(entry, "w") as part:
                    for block in archive.unpack(member):
                        part.write(block)


def _renamed(archive: Zip, made: dict[str, _New]) -> dict[str, str]:
    """New names of the parts whose format changed, none of them taken (names are compared without case)."""
    taken = {member.name.lower() for member in archive.members}
    renamed = {}
    for name, new in made.items():
        stem, suffix = posixpath.splitext(name)
        if not new.suffix or suffix.lower() == new.suffix:
            continue
        while (stem + new.suffix).lower() in taken:
            stem += "_"
        renamed[name] = stem + new.suffix
        taken.add(renamed[name].lower())
    return renamed


def _edited(member: Member, xml: bytes, renamed: dict[str, str]) -> bytes:
    """Relationships with the new names, or the table of types with JPEG and PNG in it."""
    if member.name == "[Content_Types].xml":
        for word in (b"jpeg", b"png"):
            if not re.search(rb'Extension\s*=\s*"' + word + b'"', xml, re.IGNORECASE):
                default = b'<Default Extension="' + word + b'" ContentType="image/' + word + b'"/>'
                xml = re.sub(rb"<Types\b[^>]*>", rb"\g<0>" + default, xml, count=1)
        return xml
    folder = posixpath.dirname(posixpath.dirname(member.name))

    def new(found: re.Match[bytes]) -> bytes:
        written = found[2].decode("utf-8", "replace")
        part = posixpath.normpath(posixpath.join("/", folder, written)).lstrip("/")
        if part not in renamed:
            return found[0]
        fresh = posixpath.join(posixpath.dirname(written), posixpath.basename(renamed[part]))
        return found[1] + fresh.encode() + found[3]

    return _TARGET.sub(new, xml)


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two pictures in grey, 0 to 255 (Wang et al. 2004: Gaussian of 11, sigma 1.5)."""
    import cv2

    def blurred(picture: Any) -> Any:
        return cv2.GaussianBlur(picture, (11, 11), 1.5)

    a, b = one.astype("float64"), other.astype("float64")
    mean_a, mean_b = blurred(a), blurred(b)
    spread_a, spread_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    like = ((2 * mean_a * mean_b + c1) * (2 * both + c2)) / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2))
    return float(like.mean())


def same_looks(before: Path, after: Path, name: str) -> Proof:
    """That every page of one PDF looks like that of the other. Raises ProofFailed for another number of pages."""
    import numpy as np

    worst, where = 1.0, 0
    with opened(before, name) as old, opened(after, name) as new:
        if len(old) != len(new):
            raise ProofFailed(
                f"{name}: {len(new)} pages with smaller pictures against {len(old)}.",
                f"{name}：压缩图片后有 {len(new)} 页，原为 {len(old)} 页。",
            )
        for number in range(len(old)):
            grey = [np.asarray(drawn(pdf, number, _PROOF_BOX, name).convert("L")) for pdf in (old, new)]
            likeness = ssim(*grey) if grey[0].shape == grey[1].shape else 0.0
            if likeness < worst:
                worst, where = likeness, number + 1
    return Proof(
        name=Text("pages look the same", "页面外观一致"),
        expected=Text(f"SSIM {LIKENESS} or more", f"SSIM {LIKENESS} 及以上"),
        found=Text(f"{worst:.4f} on page {where}", f"{worst:.4f}（第 {where} 页）")
        if where
        else Text.same(f"{worst:.4f}"),
        passed=worst >= LIKENESS,
    )
