"""Pages of a PDF as pictures. PDFium draws, one process at a time: it is not safe in threads."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import CeilingExceeded, ProofFailed, Unreadable
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import Size
from pipeline.model.results import Category, Made
from pipeline.storage.publish import share
from pipeline.tools import pdfium

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_TEXT: Final = 2048  # characters a platform takes with a page (page_content)


@contextmanager
def opened(pdf: Path, name: str) -> Iterator[Any]:
    """The document, for PDFium. `name` is what people call the file. Raises Unreadable, CeilingExceeded."""
    import pypdfium2

    try:
        document = pdfium.opened(pdf)
    except (pypdfium2.PdfiumError, OSError):
        raise Unreadable(
            f"{name} does not open as a PDF: it is damaged. Export it again.",
            f"{name} 无法作为 PDF 打开：已损坏。请重新导出。",
        ) from None
    with document:
        # Before any page: what is filled in is drawn with it. This build runs no scripts, and no action is asked for.
        if document.get_formtype():
            document.init_forms()
        if len(document) > MAX_PAGES:
            raise CeilingExceeded(
                f"{name} has {len(document)} pages; more than {MAX_PAGES} are not drawn. Split it into parts.",
                f"{name} 有 {len(document)} 页，超过 {MAX_PAGES} 页不予处理。请拆分。",
            )
        yield document


def pictures(
    pdf: Path,
    name: str,
    wanted: int | None,
    texts: Sequence[str] | None,
    box: Size,
    work: Path,
    progress: Callable[[float], None],
) -> list[Made]:
    """Cover and pages of `pdf` as PNG inside `work`, each page with its text (at most LONGEST_TEXT characters).

    `wanted` is the number of pages there must be, None where it is not known. Raises ProofFailed when there are
    others, Unreadable for a page that cannot be drawn.
    """
    made: list[Made] = []
    with opened(pdf, name) as document:
        count = len(document)
        if wanted is not None and count != wanted:
            raise ProofFailed(
                f"{name}: {count} PDF pages against {wanted} expected. Export it again.",
                f"{name}：PDF 共 {count} 页，应为 {wanted} 页。请重新导出。",
            )
        # Texts belong to pages only where there is exactly one for each.
        said = texts if texts is not None and len(texts) == count else None
        (work / "pages").mkdir()
        for number in range(count):
            path = work / "pages" / f"page-{number + 1:03}.png"
            path.write_bytes(png(drawn(document, number, box, name)))
            text = said[number][:LONGEST_TEXT] if said else None
            made.append(Made(path=str(path), category=Category.PAGE, name="{stem}/" + path.name, text=text or None))
            progress((number + 1) / count)
    cover = work / "cover.png"
    share(Path(made[0].path), cover)
    return [Made(path=str(cover), category=Category.COVER, name="{stem}/cover.png"), *made]


def drawn(document: Any, number: int, box: Size, name: str) -> Image:
    """One page, fitted into the box (turned for a standing page), on white. Raises Unreadable.

    The pixels are counted before anything is drawn: a page may claim to be kilometres wide.
    """
    import pypdfium2

    try:
        page = document[number]
        width, height = (max(1.0, side) for side in page.get_size())
        limit = box if (width >= height) == (box.width >= box.height) else Size(box.height, box.width)
        # A hair less, because the number of pixels is rounded up.
        scale = min(limit.width / width, limit.height / height) * (1 - 1e-6)
        # Four bytes a pixel in Pillow's order: PDFium draws straight into what Pillow reads.
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True)
    except pypdfium2.PdfiumError:
        raise Unreadable(
            f"{name}: page {number + 1} cannot be drawn: it is damaged. Export the PDF again.",
            f"{name}：第 {number + 1} 页无法渲染：已损坏。请重新导出 PDF。",
        ) from None
    picture: Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    page.close()
    return picture


def png(picture: Image) -> bytes:
    """An RGB picture as PNG (3rd edition), marked as sRGB: PDFium draws in it.

    Packing is what pages cost. Every row as its difference from the one above, and a search for runs only, takes half
    of the time that Pillow needs at its fastest, for files as small; screenshots full of repeated letters grow.
    """
    import numpy as np

    rows = np.asarray(picture, dtype=np.uint8).reshape(picture.height, picture.width * 3)
    filtered = np.empty((picture.height, picture.width * 3 + 1), dtype=np.uint8)
    filtered[:, 0] = 2  # "up" (9.2)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    packed = packer.compress(filtered.tobytes()) + packer.flush()
    # Eight bits of red, green and blue; no interlacing (11.2.1). Relative colorimetric sRGB (11.3.2.5).
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"sRGB", b"\x01"), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
