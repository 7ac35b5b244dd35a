"""Files that others made, read by us and by programs that know nothing of us; where they differ is the result.

    make crosscheck CORPUS=FOLDER

One row of `WITNESSES` a program or library: what it reads of which kind of file. What is not installed is left out and
said. Nothing is changed, and nothing of the folder is kept.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.errors import PreflightError
from pipeline.model.facts import Kind, MediaInfo
from pipeline.probe import probe
from pipeline.probe.sniff import sniff

Facts = dict[str, Any]  # a fact by its word; left out is what the witness cannot tell
_TIME: Final = 60  # seconds for one file
_SHOWN: Final = 400  # disagreements that are listed


@dataclass(frozen=True, slots=True)
class Witness:
    """A reader of files that is not ours."""

    name: str
    kinds: frozenset[Kind]
    read: Callable[[Path], Facts]  # raises whatever it likes on what it cannot read
    found: Callable[[], bool]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIME, check=True, errors="replace").stdout


def _ffprobe(path: Path) -> Facts:
    told = json.loads(_said("ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", f"file:{path}"))
    return _of_streams(told["streams"], told.get("format", {}))


def _of_streams(streams: list[Facts], whole: Facts) -> Facts:
    seen = next((s for s in streams if s["codec_type"] == "video" and not s["disposition"]["attached_pic"]), None)
    heard = next((s for s in streams if s["codec_type"] == "audio"), None)
    facts: Facts = {"streams": len(streams)}
    if seen:
        turned = abs(int(next((d["rotation"] for d in seen.get("side_data_list", ()) if "rotation" in d), 0))) % 180
        size = (seen["width"], seen["height"])
        facts |= {"size": size[::-1] if turned == 90 else size, "codec": seen["codec_name"]}
    if heard:
        facts |= {"rate": int(heard["sample_rate"]), "channels": heard["channels"]}
    if "duration" in whole:
        facts["duration"] = round(float(whole["duration"]), 1)
    return facts


def _mediainfo(path: Path) -> Facts:
    tracks = json.loads(_said("mediainfo", "--Output=JSON", str(path)))["media"]["track"]
    facts: Facts = {}
    for track in tracks:
        if track["@type"] == "Video":
            size = (int(track["Width"]), int(track["Height"]))
            facts["size"] = size[::-1] if float(track.get("Rotation", 0)) % 180 == 90 else size
        elif track["@type"] == "Audio":
            facts |= {"rate": int(float(track["SamplingRate"])), "channels": int(track["Channels"])}
        elif "Duration" in track:
            facts["duration"] = round(float(track["Duration"]), 1)
    return facts


def _exiftool(path: Path) -> Facts:
    told = json.loads(_said("exiftool", "-json", "-n", "-ImageSize", "-Orientation", str(path)))[0]
    width, height = map(int, re.split("[ x]", str(told["ImageSize"])))
    return {"size": (height, width) if told.get("Orientation", 1) >= 5 else (width, height)}


def _magick(path: Path) -> Facts:
    lines = _said("magick", "identify", "-format", "%w %h %z %A %[orientation]\n", str(path)).splitlines()
    width, height, depth, alpha, turned = lines[0].split(" ", 4)
    sides = (int(width), int(height))
    return {
        "size": sides[::-1] if turned in {"LeftTop", "RightTop", "RightBottom", "LeftBottom"} else sides,
        "frames": len(lines),
        "depth": int(depth),
        "alpha": alpha not in {"Undefined", "False", "Off"},
    }


_DEPTHS: Final = {"uchar": 8, "char": 8, "ushort": 16, "short": 16, "uint": 32, "int": 32}


def _vips(path: Path) -> Facts:
    import pyvips  # type: ignore[import-not-found]

    picture = pyvips.Image.new_from_file(str(path))
    names = picture.get_fields()
    turned = picture.autorot()
    facts: Facts = {"size": (turned.width, turned.height)}
    if path.suffix.lower() in {".jpg", ".png", ".webp", ".avif"}:  # what it reads as RGBA has it always
        facts["alpha"] = bool(picture.hasalpha())
    if path.suffix.lower() not in {".png", ".apng", ".avif"}:  # of which it knows no animation, and counts tiles
        facts["frames"] = picture.get("n-pages") if "n-pages" in names else 1
    if picture.format in _DEPTHS and "bits-per-sample" not in names:
        facts["depth"] = _DEPTHS[picture.format]
    return facts


def _opencv(path: Path) -> Facts:
    import cv2

    stored, shown = (cv2.imread(str(path), how) for how in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR))
    if stored is None or shown is None:
        raise ValueError("not read")
    facts: Facts = {}
    if path.suffix.lower() != ".avif":  # which it does not turn
        facts["size"] = shown.shape[1::-1]
    if stored.dtype == "uint16":
        facts["depth"] = 16
    if path.suffix.lower() == ".webp":  # elsewhere a fourth channel may be ink, or nothing at all
        facts["alpha"] = stored.shape[2:] == (4,)
    return facts


def _qpdf(path: Path) -> Facts:
    return {"pages": int(_said("qpdf", "--show-npages", str(path)))}


def _poppler(path: Path) -> Facts:
    told = dict(line.split(":", 1) for line in _said("pdfinfo", str(path)).splitlines() if ":" in line)
    width, height = re.findall(r"[\d.]+", told["Page size"])[:2]
    sides = (round(float(width)), round(float(height)))
    turned = int(told.get("Page rot", 0)) % 180
    return {"pages": int(told["Pages"]), "page": sides[::-1] if turned else sides}


def _python_pptx(path: Path) -> Facts:
    from pptx import Presentation

    if path.suffix.lower() != ".pptx":
        return {}
    return {"pages": sum(slide.element.get("show") not in {"0", "false"} for slide in Presentation(str(path)).slides)}


def _office(path: Path) -> Facts:
    """Pages that a plain LibreOffice makes of it, with a profile of its own."""
    if path.suffix.lower() == ".pdf":
        return {}
    with tempfile.TemporaryDirectory() as name:
        profile = f"-env:UserInstallation=file://{tempfile.gettempdir()}/crosscheck-office"
        _said("soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", name, str(path))
        (made,) = Path(name).glob("*.pdf")
        return {"pages": _poppler(made)["pages"]}


def _importable() -> bool:
    try:
        import pyvips  # noqa: F401
    except (ImportError, OSError):  # the wheel, or the library behind it
        return False
    return True


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


_SOUNDING: Final = frozenset({Kind.VIDEO, Kind.AUDIO})
WITNESSES: Final = (
    Witness("OpenCV", frozenset({Kind.IMAGE}), _opencv, lambda: True),
    Witness("libvips", frozenset({Kind.IMAGE}), _vips, _importable),
    Witness("ImageMagick", frozenset({Kind.IMAGE}), _magick, _program("magick")),
    Witness("exiftool", frozenset({Kind.IMAGE}), _exiftool, _program("exiftool")),
    Witness("ffprobe", _SOUNDING, _ffprobe, _program("ffprobe")),
    Witness("MediaInfo", _SOUNDING, _mediainfo, _program("mediainfo")),
    Witness("qpdf", frozenset({Kind.SLIDES}), _qpdf, _program("qpdf")),
    Witness("poppler", frozenset({Kind.SLIDES}), _poppler, _program("pdfinfo")),
    Witness("LibreOffice", frozenset({Kind.SLIDES}), _office, _program("soffice")),
    Witness("python-pptx", frozenset({Kind.SLIDES}), _python_pptx, lambda: True),
)


def ours(info: MediaInfo) -> Facts:
    """What we read, in the words of the witnesses."""
    facts: Facts = {}
    if image := info.image:
        facts = {"size": tuple(image.size), "frames": image.frames, "depth": image.bit_depth, "alpha": image.alpha}
    if info.video:
        facts |= {"size": info.video[0].size and tuple(info.video[0].size), "codec": info.video[0].codec}
    if info.audio:
        facts |= {"rate": info.audio[0].sample_rate, "channels": info.audio[0].channels}
    if info.kind in _SOUNDING:
        facts["duration"] = None if info.duration is None else round(float(info.duration), 1)
    if deck := info.slides:
        facts["pages"] = deck.pages
    return facts


def disagreements(info: MediaInfo, told: Facts) -> Iterator[tuple[str, str, str]]:
    """Each fact that a witness reads otherwise, with both values."""
    mine = ours(info)
    for word, theirs in told.items():
        if mine.get(word) is None or theirs is None or mine[word] == theirs:
            continue
        if word == "duration" and abs(mine[word] - theirs) <= 0.15:
            continue
        if (word, theirs) == ("depth", 16) and mine[word] in {10, 12}:  # in the next larger box
            continue
        yield word, str(mine[word]), str(theirs)


def refused(
    path: Path, folder: Path, witnesses: tuple[Witness, ...], error: PreflightError, counts: Counter[tuple[str, str]]
) -> Iterator[str]:
    """A row for each witness that reads what we refuse."""
    kind, _ = sniff(path)
    for witness in witnesses:
        try:
            theirs = witness.read(path) if kind in witness.kinds else None
        except Exception:  # noqa: BLE001  as above: then nobody reads it
            counts[witness.name, "could not read either"] += 1
            continue
        if theirs:
            counts[witness.name, "reads what we refuse"] += 1
            yield f"| {path.relative_to(folder)} | read | no: {error.text.en[:120]} | {theirs} ({witness.name}) |"


def compare(folder: Path, witnesses: tuple[Witness, ...]) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often each witness was asked, agreed, differed or failed, and the differences as rows of a table."""
    counts: Counter[tuple[str, str]] = Counter()
    rows = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            info = probe(path)
        except PreflightError as error:
            counts["we", "refused"] += 1
            rows += refused(path, folder, witnesses, error, counts)
            continue
        counts["we", "read"] += 1
        for witness in witnesses:
            if info.kind not in witness.kinds:
                continue
            try:
                told = witness.read(path)
            except Exception:  # noqa: BLE001  whatever a witness that cannot read a file does
                counts[witness.name, "could not read"] += 1
                continue
            if not told:  # it was not asked
                continue
            found = list(disagreements(info, told))
            counts[witness.name, "differs" if found else "agrees"] += 1
            rows += [f"| {path.relative_to(folder)} | {word} | {a} | {b} ({witness.name}) |" for word, a, b in found]
    return counts, rows


def main() -> None:
    """The tables, where there is a folder."""
    folder = os.environ.get("CORPUS")
    if not folder:
        print("No files: set CORPUS to a folder of foreign ones.")
        return
    here = tuple(one for one in WITNESSES if one.found())
    print("Not installed:", ", ".join(one.name for one in WITNESSES if one not in here) or "none", "\n")
    counts, rows = compare(Path(folder), here)
    print("| reader | what | files |\n|---|---|---|")
    for (name, what), count in sorted(counts.items()):
        print(f"| {name} | {what} | {count} |")
    print("\n| file | fact | ours | theirs |\n|---|---|---|---|")
    print("\n".join(rows[:_SHOWN]))
    if len(rows) > _SHOWN:
        print(f"\n{len(rows) - _SHOWN} more.")
