"""Decks: to PDF with LibreOffice, and pages and cover as pictures with PDFium.

A PDF is taken as it is. A deck whose name alone is wrong keeps its bytes. A .pptx that is too large gets smaller
pictures; a deck that is too long is split on request. Videos and sounds inside are for `pipeline.stages.embedded`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.convert.requirements import NAMING, accepts, extension, format_by_extension, value_of
from pipeline.convert.slides import pages, sanitise, sanitise_ppt
from pipeline.convert.slides import pictures as deck_pictures
from pipeline.convert.slides import split as deck_parts
from pipeline.errors import CeilingExceeded, ToolFailed, Unreadable
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import MediaInfo, Size, SlidesInfo, Text
from pipeline.model.results import Made, Part, Plan, Proof, Step
from pipeline.model.rules import Role
from pipeline.probe import probe
from pipeline.probe.archive.zip import BadZip
from pipeline.probe.slides.ole import BadOle
from pipeline.probe.text.xml_safe import BadXml
from pipeline.storage.publish import share
from pipeline.tools import office

HANDLES: Final = frozenset({"slides.format", "file.format", "slides.pages", "file.size"} | NAMING)

# Formats that can be split as they are; others become PDF first.
_SPLITS: Final = {"pdf": deck_parts.split_pdf, "pptx": deck_parts.split_pptx}
# What LibreOffice reads in place of the deck.
_COPIES: Final = {
    **dict.fromkeys(office.OPEN_XML, sanitise.for_office),
    "odp": sanitise.odp_for_office,
    "ppt": sanitise_ppt.for_office,
}
_PAGE_BOX: Final = Size(1920, 1080)  # pixels, where the role names none


def _pages_wanted(role: Role) -> bool:
    return role.wants("pages") is True


def _limit(plan: Plan, check: str) -> int | None:
    value = value_of(plan.fixes, check)
    return value if isinstance(value, int) else None


def fit(info: MediaInfo) -> SlidesInfo:
    """What is known of the deck, once it is fit to be converted. Raises Unreadable with the reason."""
    deck, name = info.slides, info.name
    if deck is None or info.size == 0:
        raise Unreadable(
            f"{name} holds no slides. Check that the right file was given.",
            f"{name} 不含幻灯片。请确认文件是否正确。",
        )
    if deck.restricted and deck.format != "pdf":
        raise Unreadable(
            f"{name} is locked by digital rights management. Only its owner can save a copy without it.",
            f"{name} 受数字版权管理保护，只有其所有者才能另存为不受保护的副本。",
        )
    if deck.encrypted:
        raise Unreadable(
            f"{name} is encrypted. Remove the password and save it again.",
            f"{name} 已加密。请移除密码后重新保存。",
        )
    if deck.valid is False:
        raise Unreadable(
            f"{name} has a part that cannot be parsed, and its content would silently be lost. "
            "Open it in its own program, repair and save it again.",
            f"{name} 中有无法解析的部分，转换会丢失内容。请在原软件中打开、修复并重新保存。",
        )
    if deck.pages == 0:
        raise Unreadable(
            f"{name} has no visible slide. Add a slide or show a hidden one.",
            f"{name} 没有可见的幻灯片。请添加幻灯片或取消隐藏。",
        )
    if deck.pages is not None and deck.pages > MAX_PAGES:
        raise CeilingExceeded(
            f"{name} has {deck.pages} slides; more than {MAX_PAGES} are not converted. Split it into parts.",
            f"{name} 有 {deck.pages} 页，超过 {MAX_PAGES} 页不予转换。请拆分。",
        )
    return deck


def _target(info: MediaInfo, deck: SlidesInfo, plan: Plan, role: Role) -> str:
    """The format of the main file: its own, or PDF. Raises ToolFailed when neither would be taken."""
    asked = value_of(plan.fixes, "slides.format", "file.format")
    other = format_by_extension(deck.format, role)
    by_hand = _limit(plan, "slides.pages") is not None and deck.format not in _SPLITS
    if asked is None and other is None and by_hand:
        asked = "pdf"
    if asked is None and other is None and not _pages_wanted(role):
        return deck.format
    if asked is not None or other is not None:
        takes = [accepts(role, "pdf", "slides.format", "file.format"), accepts(role, "pdf", "file.extension")]
        if False in takes or deck.format not in {*office.FILTERS, "pdf"}:
            raise ToolFailed(
                f"{info.name} is {deck.format}, wanted is {asked or other}; only PDF can be made of it here. "
                f"Open it in its own program and save it as {asked or other}.",
                f"{info.name} 的格式为 {deck.format}，需要 {asked or other}；此处只能转换为 PDF。"
                f"请在原软件中打开并另存为 {asked or other}。",
            )
    return "pdf"


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What `convert` will do. Raises what `convert` raises before it starts anything."""
    deck = fit(info)
    target = _target(info, deck, plan, role)
    _shrinkable(info, deck, plan, target)
    return tuple(_todo(deck, target, plan, role))


def _todo(deck: SlidesInfo, target: str, plan: Plan, role: Role) -> Iterator[Step]:
    budget, most = _limit(plan, "file.size"), _limit(plan, "slides.pages")
    if budget is not None and target != "pdf":
        yield Step(
            does=Text(
                f"large pictures made smaller until the deck has at most {budget} bytes; all pages compared",
                f"压缩大图，使文稿不超过 {budget} 字节，并比较压缩前后的页面",
            )
        )
    if target != deck.format:
        yield Step(
            does=Text(
                f"{deck.format} to PDF, visible slides only, in the office this worker keeps running; "
                "the command does the same by hand",
                f"将 {deck.format} 转换为 PDF，仅含可见页；由常驻的 LibreOffice 完成，等同于该命令",
            ),
            command=office.command(deck.format),
        )
        for swap in deck.swaps or ():
            yield Step(does=_swapped(swap.font, swap.by))
    elif budget is None and most is None:
        yield Step(does=Text("kept as it is", "保持原样"))
    if most is not None:
        yield Step(does=Text(f"split into parts of at most {most} slides", f"拆分为每份不超过 {most} 页"))
    if _pages_wanted(role):
        box = _box(role)
        yield Step(
            does=Text(f"cover and page pictures within {box}, sRGB PNG", f"封面与各页图片，{box} 以内，sRGB PNG")
        )


def _swapped(font: str, by: str | None) -> Text:
    if by:
        return Text(
            f"{font} is not installed; {by}, which has the same widths, takes its place",
            f"未安装 {font}，以等宽的 {by} 替代",
        )
    return Text(
        f"{font} is not installed; another font takes its place and lines may break elsewhere",
        f"未安装 {font}，将以其他字体替代，换行可能改变",
    )


def _shrinkable(info: MediaInfo, deck: SlidesInfo, plan: Plan, target: str) -> None:
    """Raises ToolFailed where bytes must be saved in a format whose pictures cannot be reached."""
    budget = _limit(plan, "file.size")
    if budget is not None and target == deck.format and deck.format != "pptx":
        raise ToolFailed(
            f"{info.name} has {info.size} bytes, above {budget}; only pictures of a .pptx can be made smaller here. "
            "Compress its pictures in its own program, or split it.",
            f"{info.name} 有 {info.size} 字节，超过 {budget}；此处只能压缩 .pptx 中的图片。"
            "请在原软件中压缩图片或拆分。",
        )


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Make the main file or its parts and, where the role wants them, cover and pages, in `work`.

    Raises Unreadable for what cannot be converted whole, ToolMissing, ToolFailed, TimedOut, ProofFailed.
    """
    deck = fit(info)
    target = _target(info, deck, plan, role)
    _shrinkable(info, deck, plan, target)
    proofs: tuple[Proof, ...] = ()
    main = source
    if target == deck.format:
        budget = _limit(plan, "file.size")
        if budget is not None:
            main, proofs = _shrunk(source, info, deck, budget, work, lambda part: progress(part * 0.5))
    else:
        main = _pdf(source, info, deck, work)
        progress(0.5)
    drawn: list[Made] = []
    if _pages_wanted(role):
        # The whole deck is drawn, split or not: scenes are numbered through.
        box, rest = _box(role), lambda part: progress(0.5 + part / 2)
        drawn = pages.pictures(main, info.name, deck.pages, deck.page_texts, box, work, rest)
    suffix = "." + extension(target, info, role)
    made = _parts(main, info, deck, target, _limit(plan, "slides.pages"), suffix, work)
    made += drawn
    made[0] = replace(made[0], proof=made[0].proof + proofs)
    progress(1.0)
    return tuple(made)


def as_pdf(path: Path, info: MediaInfo, work: Path) -> Path:
    """The deck as a PDF: itself, or made inside `work`. Raises what `convert` raises."""
    deck = fit(info)
    return path if deck.format == "pdf" else _pdf(path, info, deck, work)


def _pdf(path: Path, info: MediaInfo, deck: SlidesInfo, work: Path) -> Path:
    """The deck at `path` as a PDF; what is said of it names the file that people know."""
    try:
        read = _COPIES[deck.format](path, work) if deck.format in _COPIES else path
    except (BadZip, BadOle, BadXml) as error:
        raise Unreadable(
            f"{info.name} is damaged: {error.text.en}. Save it again from its own program.",
            f"{info.name} 已损坏：{error.text.zh}。请在原软件中重新保存。",
        ) from None
    return office.to_pdf(office.Deck(read, deck.format, deck.pages, bool(deck.controls), info.name), work)


def _shrunk(
    source: Path, info: MediaInfo, deck: SlidesInfo, budget: int, work: Path, progress: Callable[[float], None]
) -> tuple[Path, tuple[Proof, ...]]:
    """The deck with smaller pictures, and that its pages look the same."""
    small = work / f"small.{deck.format}"
    deck_pictures.shrink(source, info.name, budget, small, lambda part: progress(part / 2))
    drawn = []
    for number, path in enumerate((source, small)):
        pdf = _pdf(path, info, deck, work)
        drawn.append(pdf.rename(work / f"drawn{number}.pdf"))
        progress(0.5 + (number + 1) / 4)
    return small, (deck_pictures.same_looks(drawn[0], drawn[1], info.name),)


def _parts(
    main: Path, info: MediaInfo, deck: SlidesInfo, target: str, most: int | None, suffix: str, work: Path
) -> list[Made]:
    """The main file under its name, or the parts it is split into under theirs."""
    if most is None:
        whole = work / f"out{suffix}"
        if main.parent != work:
            share(main, whole)
        elif main != whole:
            main.rename(whole)
        return [Made(path=str(whole), name="{stem}" + suffix)]
    parts = _SPLITS[target](main, info.name, most, work)
    held = [part.slides.pages if (part := probe(path)).slides else None for path in parts]
    together = Proof(
        name=Text("slides of all parts", "各份幻灯片合计"),
        expected=Text.same(str(deck.pages)),
        found=Text.same(" + ".join("?" if pages is None else str(pages) for pages in held)),
        passed=None not in held and sum(pages or 0 for pages in held) == deck.pages,
    )
    digits = len(str(len(parts)))
    names = [f"{{stem}}-part{number:0{digits}}{suffix}" for number in range(1, len(parts) + 1)]
    made = [
        Made(path=str(path), name=name, part=Part(number=number, of=len(parts)))
        for number, (path, name) in enumerate(zip(parts, names, strict=True), 1)
    ]
    return [replace(made[0], proof=(together,)), *made[1:]]


def _box(role: Role) -> Size:
    box = role.wants("page_box")
    return box if isinstance(box, Size) else _PAGE_BOX
