"""Decks: to PDF with LibreOffice, and pages and cover as pictures with PDFium.

A PDF is taken as it is. A deck whose name alone is wrong is copied.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.convert.wanted import NAMING, accepts, extension, format_by_extension, value_of
from pipeline.errors import CeilingExceeded, ProofFailed, ToolFailed, Unreadable
from pipeline.model import Category, Made, MediaInfo, Plan, Role, Size, SlidesInfo, Step, Text
from pipeline.tools import office
from pipeline.tools.ceilings import MAX_PAGES

if TYPE_CHECKING:
    from PIL.Image import Image

HANDLES: Final = frozenset({"slides.format", "file.format"} | NAMING)

LONGEST_PAGE_TEXT: Final = 2048  # characters a platform takes with a page (page_content)
_PAGE_BOX: Final = Size(1920, 1080)  # pixels, where the role names none


def _pages_wanted(role: Role) -> bool:
    return role.wants("pages") is True


def _deck(info: MediaInfo) -> SlidesInfo:
    """What is known of the deck, once it is fit to be converted. Raises Unreadable with the reason."""
    deck, name = info.slides, info.name
    if deck is None or info.size == 0:
        raise Unreadable(
            f"{name} holds no slides. Check that the right file was given.",
            f"{name} 不含幻灯片。请确认文件是否正确。",
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
    deck = _deck(info)
    target = _target(info, deck, plan, role)
    todo: list[Step] = []
    if target == deck.format:
        todo.append(Step(does=Text("copied as it is", "原样复制")))
    else:
        todo.append(
            Step(
                does=Text(f"{deck.format} to PDF, visible slides only", f"将 {deck.format} 转换为 PDF，仅含可见页"),
                command=office.command(deck.format),
            )
        )
    if _pages_wanted(role):
        box = _box(role)
        todo.append(
            Step(does=Text(f"cover and page pictures within {box}, sRGB PNG", f"封面与各页图片，{box} 以内，sRGB PNG"))
        )
    return tuple(todo)


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Make the main file and, where the role wants them, cover and pages, inside `work`.

    Raises Unreadable for what cannot be converted whole, ToolMissing, ToolFailed, TimedOut, ProofFailed.
    """
    deck = _deck(info)
    target = _target(info, deck, plan, role)
    pages = _pages_wanted(role)
    if target == deck.format:
        main = work / f"out.{target}"
        shutil.copyfile(source, main)
    else:
        # Under its own name: messages are about the file the person knows.
        main = office.to_pdf(office.Deck(source, deck.format, deck.pages), work)
        progress(0.5 if pages else 1.0)
    made = [Made(path=str(main), name="{stem}." + extension(target, info, role))]
    if pages:
        done = 0.0 if target == deck.format else 0.5
        made += _pictures(main, info, deck, _box(role), work, lambda part: progress(done + part * (1 - done)))
    progress(1.0)
    return tuple(made)


def _box(role: Role) -> Size:
    box = role.wants("page_box")
    return box if isinstance(box, Size) else _PAGE_BOX


def _pictures(
    pdf: Path,
    info: MediaInfo,
    deck: SlidesInfo,
    box: Size,
    work: Path,
    progress: Callable[[float], None],
) -> list[Made]:
    import pypdfium2

    from pipeline.convert.encode import PNG_EFFORT

    try:
        document = pypdfium2.PdfDocument(pdf)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise Unreadable(
            f"{info.name} does not open as a PDF: {error}. Export it again.",
            f"{info.name} 无法作为 PDF 打开：{error}。请重新导出。",
        ) from None
    made: list[Made] = []
    with document:
        count = len(document)
        if deck.pages is not None and count != deck.pages:
            raise ProofFailed(
                f"{info.name}: {count} PDF pages against {deck.pages} expected. Export it again.",
                f"{info.name}：PDF 共 {count} 页，应为 {deck.pages} 页。请重新导出。",
            )
        if count > MAX_PAGES:
            raise CeilingExceeded(
                f"{info.name} has {count} pages; more than {MAX_PAGES} are not drawn. Split it into parts.",
                f"{info.name} 有 {count} 页，超过 {MAX_PAGES} 页不予处理。请拆分。",
            )
        # Texts belong to pages only where there is exactly one for each.
        texts = deck.page_texts if deck.page_texts is not None and len(deck.page_texts) == count else None
        (work / "pages").mkdir()
        for number in range(count):
            path = work / "pages" / f"page-{number + 1:03}.png"
            try:
                _draw(document, number, box).save(path, format="PNG", pnginfo=_srgb(), compress_level=PNG_EFFORT)
            except pypdfium2.PdfiumError as error:
                raise Unreadable(
                    f"{info.name}: page {number + 1} cannot be drawn: {error}. Export the PDF again.",
                    f"{info.name}：第 {number + 1} 页无法渲染：{error}。请重新导出 PDF。",
                ) from None
            text = texts[number][:LONGEST_PAGE_TEXT] if texts else None
            made.append(Made(path=str(path), category=Category.PAGE, name="{stem}/" + path.name, text=text or None))
            progress((number + 1) / count)
        cover = work / "cover.png"
        shutil.copyfile(made[0].path, cover)
    return [Made(path=str(cover), category=Category.COVER, name="{stem}/cover.png"), *made]


def _draw(document: Any, number: int, box: Size) -> Image:
    """One page, fitted into the box (turned for a standing page), on white.

    The pixels are counted before anything is drawn: a page may claim to be kilometres wide.
    """
    page = document[number]
    width, height = (max(1.0, side) for side in page.get_size())
    limit = box if (width >= height) == (box.width >= box.height) else Size(box.height, box.width)
    # A hair less, because the number of pixels is rounded up.
    scale = min(limit.width / width, limit.height / height) * (1 - 1e-6)
    bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
    picture: Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    page.close()
    return picture


def _srgb() -> Any:
    """PDFium draws in sRGB; the chunk says so (PNG 3rd edition, 11.3.2.5: 1 is relative colorimetric)."""
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add(b"sRGB", b"\x01")
    return about
