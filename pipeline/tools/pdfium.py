"""PDFium, asked so that nothing of one document is said of the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def opened(path: Path) -> Any:
    """The PDF at `path`. Raises pypdfium2.PdfiumError, whose `err_code` is of this file, and OSError.

    PDFium keeps its last error for the whole process and sets none for some files that it refuses: a damaged PDF after
    a locked one would be called locked. What is no PDF at all sets it anew.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    pdfium.FPDF_LoadMemDocument64(b"-", 1, None)
    return pypdfium2.PdfDocument(path)
