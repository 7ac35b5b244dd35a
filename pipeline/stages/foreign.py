"""What to do with files of programs that no platform takes: what to export from there."""

from __future__ import annotations

from typing import Final

from pipeline.model.facts import MediaInfo, Text

_WORDS: Final = Text("save its words as plain text (.txt, UTF-8)", "请将文字另存为纯文本（.txt，UTF-8）")
_ANEW: Final = Text(
    "save it as .docx there (Word, WPS and LibreOffice do), or its words as plain text (.txt, UTF-8)",
    "请在 Word、WPS 或 LibreOffice 中另存为 .docx，或将文字另存为纯文本（.txt，UTF-8）",
)
_SHEET: Final = Text(
    "save it as .xlsx there (Excel, WPS and LibreOffice do)", "请在 Excel、WPS 或 LibreOffice 中另存为 .xlsx"
)
_DECK: Final = Text("export it as PowerPoint (.pptx) or PDF", "请导出为 PowerPoint（.pptx）或 PDF")
_PACKED: Final = Text("unpack it and give what is inside, or pack that as .zip", "请解压后提供其中的文件，或改为 .zip")
_PICTURE: Final = Text("export it as PNG or PDF", "请导出为 PNG 或 PDF")

# By format, where the content tells it, else by extension: what wrote it, and the export that helps.
_TOLD: Final = {
    "doc": (Text("a document of Word before 2007", "Word 2007 之前的文档"), _ANEW),
    "wps": (Text("a WPS Writer document", "WPS 文字文档"), _ANEW),
    "odf": (Text("an OpenDocument file", "OpenDocument 文件"), _WORDS),
    "epub": (Text("an electronic book", "电子书"), _WORDS),
    "pages": (Text("a Pages document", "Pages 文稿"), _WORDS),
    "xls": (Text("a workbook of Excel before 2007", "Excel 2007 之前的工作簿"), _SHEET),
    "et": (Text("a WPS Spreadsheets workbook", "WPS 表格工作簿"), _SHEET),
    "ppt": (Text("a deck of a PowerPoint before 97", "PowerPoint 97 之前的文稿"), _DECK),
    "key": (Text("a Keynote deck", "Keynote 讲演"), _DECK),
    "dps": (Text("a WPS Presentation deck", "WPS 演示文稿"), _DECK),
    "iwork": (Text("a document of Keynote, Pages or Numbers", "Keynote、Pages 或 Numbers 文稿"), _DECK),
    "rar": (Text("a RAR archive", "RAR 压缩包"), _PACKED),
    "7z": (Text("a 7-Zip archive", "7-Zip 压缩包"), _PACKED),
    "gzip": (Text("a gzip archive", "gzip 压缩包"), _PACKED),
    "bzip2": (Text("a bzip2 archive", "bzip2 压缩包"), _PACKED),
    "xz": (Text("an xz archive", "xz 压缩包"), _PACKED),
    "zstd": (Text("a Zstandard archive", "Zstandard 压缩包"), _PACKED),
    "postscript": (
        Text("a PostScript file (EPS, or of old Illustrator)", "PostScript 文件（EPS 或旧版 Illustrator）"),
        _PICTURE,
    ),
    "mxf": (
        Text("an MXF file of a camera or an editor", "摄像机或剪辑软件的 MXF 文件"),
        Text(
            "export it as MOV or MP4 (ProRes and DNxHR are read there)",
            "请导出为 MOV 或 MP4（其中的 ProRes 与 DNxHR 可读取）",
        ),
    ),
}


def advice(info: MediaInfo) -> Text | None:
    """What the file is and what to export from its program; None for a file that nothing is known of."""
    by_name = info.extension if info.container in {None, "iwork", "ole"} else None
    found = _TOLD.get(by_name or "") or _TOLD.get(info.container or "")
    if found is None:
        return None
    is_, export = found
    return Text(f"It is {is_.en}, which is not read here; {export.en}", f"这是 {is_.zh}，此处无法读取；{export.zh}")
