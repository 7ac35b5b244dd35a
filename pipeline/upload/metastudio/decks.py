"""A deck in the library: its page pictures told to the platform, or taken out by it (MS-API Tables 4-11, 4-12).

Without either a deck is only a file that no video or live room can show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Tools
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields
from pipeline.upload.metastudio.api import Api
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Waiting

_WORDS: Final = 2048  # characters of page_content (Table 4-12)


def tell(api: Api, item: Item, asset: Reply, tools: Tools) -> bool:
    """Tell which picture is which page, where there are any and the platform does not know it; whether it was told."""
    pages = _pages(item, asset)
    known = asset.one("asset_extra_meta").one("ppt_meta").many("pages")
    if not pages or [page.raw for page in known] == pages:
        return False
    tools.journal.begin(item.key, "pages")
    body = {"asset_extra_meta": {"ppt_meta": {"page_count": len(pages), "pages": pages}}}
    api.call("update_digital_asset", body, what="tell pages", asset_id=asset.must("asset_id"))
    tools.journal.end(item.key, "pages")
    return True


def parsed(show: Callable[[], Reply], item: Item, asset: Reply, tools: Tools) -> tuple[Reply, Text | None]:
    """Wait until the platform has taken the deck apart, where it was asked to: the asset, and what it still waits for.

    Raises UploadError when it cannot.
    """
    waiting = Waiting(tools.wait)
    while True:
        told = asset.one("asset_extra_meta").one("ppt_meta")
        if not told.flag("auto_analysis"):
            return asset, None
        state = told.word("ppt_analysis_status") if told.text("ppt_analysis_status") else "INITIALIZE"
        if state == "SUCCEEDED":
            return asset, None
        if state in ("FAILED", "CANCELED"):
            why = told.one("error_info")
            said = f"{why.text('error_code')} {why.text('error_msg')}".strip() or "no reason given"
            raise UploadError(
                f"{item.name}: the platform could not take the deck apart ({state}): {said}. Simplify the deck, or "
                f"write auto_analysis = false under [asset] in the order to keep it as a file.",
                f"{item.name}：平台解析幻灯片失败（{state}）：{said}。"
                f"请简化幻灯片，或在订单 [asset] 中写 auto_analysis = false，仅作为文件保存。",
            )
        if waiting.over():
            return asset, Text(
                f"the platform still takes the deck apart ({state}); run again to ask",
                f"平台仍在解析幻灯片（{state}），稍后重新运行即可查询",
            )
        asset = show()


def _pages(item: Item, asset: Reply) -> list[Fields]:
    """What each page picture is, in the order of the manifest."""
    held = {f.text("file_name"): f.text("file_id") for f in asset.many("files") if f.text("state") in fields.THERE}
    pages: list[Fields] = []
    for number, file in _numbered(item):
        if file.name in held:
            words = {"page_content": file.text} if file.text else {}
            pages.append({"page_no": number, "file_id": held[file.name]} | words)
    return pages


def _numbered(item: Item) -> list[tuple[int, File]]:
    return list(enumerate((file for file in item.files if file.category == "PAGE"), 1))


def check(item: Item) -> None:
    """Whether the platform takes the words of every page, before anything is sent. Raises UploadError."""
    for number, file in _numbered(item):
        if len(file.text or "") > _WORDS:
            raise UploadError(
                f"{file.path}: the text of page {number} has {len(file.text or '')} characters; the platform takes "
                f"{_WORDS} (Table 4-12). Shorten its notes and prepare again.",
                f"{file.path}：第 {number} 页文本 {len(file.text or '')} 字符；平台上限 {_WORDS}（表 4-12）。"
                f"请缩短备注后重新 prepare。",
            )
