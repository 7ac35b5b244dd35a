"""A file of an asset: create file, PUT, confirm, and the platform's own record of it compared with ours.

What makes it exactly once:

* A file that has begun and not ended is looked up in its asset. If the platform says the object is there, it is; if
  its URL is gone, the file is cancelled on the platform before another is created.
* A PUT whose answer was lost is not repeated before the confirm call has said that nothing was stored.
"""

from __future__ import annotations

import time
from typing import Final

from pipeline.errors import UploadError
from pipeline.model.fields import Fields
from pipeline.upload.credentials import seal, unseal
from pipeline.upload.destination import Tools
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields
from pipeline.upload.metastudio.api import Api
from pipeline.upload.multipart import UploadPart
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, retry
from pipeline.upload.transfer import Body, Refused, Unknown

_URL_AGE: Final = 23 * 3600.0  # seconds; an upload URL is valid for 24 h (Table 4-180)
_GIVEN_UP: Final = frozenset({"FAILED", "CANCELLED", "DELETED"})  # file states that this tool sets itself
_NOT_STORED: Final = frozenset({"MSS.10001016", "MSS.10001018"})
_TAKEN: Final = frozenset({"MSS.10001008", "MSS.10001009", "MSS.10001012"})  # the asset has such a file already
_TRIES: Final = 8  # times a file is put before it is given up


def shown(api: Api, asset_id: str) -> Reply:
    """What the platform knows of an asset and its files. Raises UploadError."""
    return api.call("show_asset", what="query asset", gives=("asset_state",), asset_id=asset_id)


def there(file: Reply) -> bool:
    """Whether the platform has the bytes of a file."""
    return file.text("state") in fields.THERE


class AssetFiles:
    """The files of assets of one project."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def deliver(self, item: Item, file: File, kind: str, asset_id: str, tools: Tools) -> None:
        """Put a file of this asset there, from where an earlier attempt or run came to. Raises UploadError."""
        patience = self.api.caller.patience.times(_TRIES)
        retry(patience, lambda _: self._attempt(item, file, kind, asset_id, tools))

    def _attempt(self, item: Item, file: File, kind: str, asset_id: str, tools: Tools) -> None:
        """One attempt from where the journal says it stands. Raises Retryable where the next one may come further."""
        step = f"{file.category} {file.name}"
        known = tools.journal.facts(item.key).get("files", {}).get(step, {})
        if not known:
            known = self._adopt(item, file, step, asset_id, tools)
        if known.get("done"):
            return
        if known.get("id") and known.get("put"):
            if self._confirmed(item, file, step, known, asset_id, tools):
                return
            known = tools.journal.facts(item.key).get("files", {}).get(step, {})
        urls = unseal(self.api.seal_key, known.get("urls"))
        if known.get("id") and (not urls or time.time() - known.get("at", 0) > _URL_AGE):
            self.finish(str(known["id"]), "CANCELLED")
            self.note(item, step, None, tools)
            known = {}
        if not known:
            known, urls = self._create(item, file, kind, asset_id, step, tools)
        try:
            self._put(item, file, step, known, urls, tools)
        except Unknown as error:  # every byte went out: the next attempt asks whether it is there
            raise Retryable(error) from None
        except Refused as error:
            if error.status != 403:
                raise
            self.finish(str(known["id"]), "CANCELLED")  # the URL has lapsed: a new file, a new URL
            self.note(item, step, None, tools)
            raise Retryable(error, at_once=True) from None
        if not self._confirmed(item, file, step, known | {"put": True}, asset_id, tools):
            raise Retryable(UploadError(f"{file.name}: the store did not keep it", f"{file.name}：存储没有保存"))

    def note(self, item: Item, step: str, entry: Fields | None, tools: Tools) -> None:
        """Write down how far a file is, or (None) that nothing of it is left. Raises UsageError."""
        files = dict(tools.journal.facts(item.key).get("files", {}))
        files.pop(step, None)
        if entry is not None:
            files[step] = entry
        tools.journal.end(item.key, step, files=files)

    def _adopt(self, item: Item, file: File, step: str, asset_id: str, tools: Tools) -> Fields:
        """A file the platform knows and the journal does not: after a lost answer or from another machine."""
        for one in shown(self.api, asset_id).many("files"):
            if one.text("file_name") != file.name or one.text("asset_file_category") != file.category:
                continue
            if there(one) and one.text("file_md5") in (file.md5, ""):
                entry = {"id": one.must("file_id"), "done": True}
                self.note(item, step, entry, tools)
                return entry
            if one.word("state") == "CREATING":
                self.finish(one.must("file_id"), "CANCELLED")
        return {}

    def _create(
        self, item: Item, file: File, kind: str, asset_id: str, step: str, tools: Tools
    ) -> tuple[Fields, list[str]]:
        body = fields.file_body(file, kind, asset_id)
        large = "file_multipart_count" in body
        call, gives = ("create_large_file", ("file_id",)) if large else ("create_file", ("file_id", "upload_url"))
        tools.journal.begin(item.key, f"create file {step}")

        def attempt(number: int) -> Reply:
            if number > 1:
                self._adopt(item, file, step, asset_id, tools)  # cancels what a lost answer has left behind
            try:
                return self.api.call(call, body, what=f"create file {file.name!r}", gives=gives, again=False)
            except Unknown as error:
                raise Retryable(error) from None  # if it was created, the next attempt cancels it first
            except Refused as error:
                if error.code not in _TAKEN:
                    raise
                raise Retryable(error, at_once=True) from None  # likewise

        made = retry(self.api.caller.patience, attempt)
        urls = [str(url) for url in made.each("upload_urls")] if large else [made.must("upload_url")]
        entry = {"id": made.must("file_id"), "urls": seal(self.api.seal_key, urls), "at": time.time()}
        self.note(item, step, entry, tools)
        return entry, urls

    def _put(self, item: Item, file: File, step: str, known: Fields, urls: list[str], tools: Tools) -> None:
        if len(urls) == 1:
            tools.journal.begin(item.key, f"put {step}")
            self.note(item, step, known | {"put": True}, tools)
            self.api.put(
                urls[0],
                file.content_type,
                file.md5,
                lambda: tools.body(file),
                etag=file.hex_md5,
                what=f"PUT {file.name!r}",
            )
            return
        done: dict[str, str] = dict(known.get("parts", {}))
        for part in tools.parts(file, fields.stretches(file.size, len(urls))):
            if done.get(str(part.number)) == part.tag:
                continue
            tools.journal.begin(item.key, f"put {step} part {part.number}")

            def body(part: UploadPart = part) -> Body:
                return tools.part(file, part)

            self.api.put(
                urls[part.number - 1],
                file.content_type,
                part.md5,
                body,
                etag=part.tag,
                what=f"PUT {file.name!r} part {part.number}",
            )
            done[str(part.number)] = part.tag
            self.note(item, step, known | {"parts": done}, tools)
        self.note(item, step, known | {"parts": done, "put": True}, tools)

    def _confirmed(self, item: Item, file: File, step: str, known: Fields, asset_id: str, tools: Tools) -> bool:
        """Whether the platform has the object; then its own record is compared with the file. Raises UploadError."""
        tools.journal.begin(item.key, f"confirm {step}")
        taken = True
        try:
            self.finish(str(known["id"]), "CREATED")
        except Refused as error:
            taken = False
            if error.code in _NOT_STORED:
                self.note(item, step, {k: v for k, v in known.items() if k not in ("put", "parts")}, tools)
                return False
            if error.code != "MSS.10001013":  # it may be confirmed already: the record says
                raise
        files = shown(self.api, asset_id).many("files")
        held = next((f for f in files if f.text("file_id") == known["id"]), None)
        state = held.word("state") if held else "nothing of it"
        if state == "CREATING":
            return False
        if not taken and state in _GIVEN_UP:
            # An earlier run gave it up and was killed before it had written that down: another takes its place.
            self.note(item, step, None, tools)
            return False
        if held is None or state not in fields.THERE:
            why = held.text("reason") if held else ""
            raise UploadError(
                f"{file.name}: the platform says {state}: {why or 'no reason given'}",
                f"{file.name}：平台状态为 {state}：{why or '未说明原因'}",
            )
        size, md5 = held.number("file_size"), held.text("file_md5")
        if md5 not in (file.md5, "") or size not in (file.size, None):
            raise UploadError(
                f"{file.name}: the platform holds {size} bytes, MD5 {md5}; sent were {file.size}, {file.md5}",
                f"{file.name}：平台保存 {size} 字节，MD5 {md5}；发送的是 {file.size}，{file.md5}",
            )
        self.note(item, step, {"id": known["id"], "done": True}, tools)
        return True

    def finish(self, file_id: str, state: str) -> None:
        """CREATED after a good PUT, CANCELLED or FAILED for what is given up (Table 4-191)."""
        try:
            self.api.call("confirm_file_upload", {"state": state}, what=f"complete file {state}", file_id=file_id)
        except Refused as error:
            if state == "CREATED" or error.code not in ("MSS.10001013", "MSS.10001004"):
                raise  # else it is in such a state or gone: nothing is left to give up

    def deleted(self, file_id: str) -> None:
        """Take a file out of its asset for good (4.2.2); one that is gone already is none to take."""
        try:
            self.api.call("delete_file", what="delete file", file_id=file_id)
        except Refused as error:
            if error.status != 404 and error.code != "MSS.10001004":
                raise
