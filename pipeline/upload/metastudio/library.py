"""The MetaStudio asset library: create asset, create file, PUT, confirm, wait for the platform's verdict.

What makes it exactly once:

* An asset carries a tag made from its own name, role and bytes. Before one is created the library is asked for that
  tag: after a lost answer, after a kill, from another machine, the asset that is there is found and used.
* A file that has begun and not ended is looked up in its asset. If the platform says the object is there, it is; if
  its URL is gone, the file is cancelled on the platform before another is created.
* A PUT whose answer was lost is not repeated before the confirm call has said that nothing was stored.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.upload.credentials import seal, unseal
from pipeline.upload.destination import GaveUp, Receipt, Tools, Unit, single
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import decks, fields
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.papers import named
from pipeline.upload.multipart import UploadPart
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, Waiting, retry
from pipeline.upload.transfer import Body, Changed, Refused, Unknown

_URL_AGE: Final = 23 * 3600.0  # seconds; an upload URL is valid for 24 h (Table 4-180)
_GONE: Final = frozenset({"FAILED", "DELETING", "DELETED", "WAITING_DELETE"})  # asset states that will not recover
_GIVEN_UP: Final = frozenset({"FAILED", "CANCELLED", "DELETED"})  # file states that this tool sets itself
_NOT_STORED: Final = frozenset({"MSS.10001016", "MSS.10001018"})
_TAKEN: Final = frozenset({"MSS.10001008", "MSS.10001009", "MSS.10001012"})  # the asset has such a file already
_TRIES: Final = 8  # times a file is put before it is given up


class AssetLibrary:
    """The asset library of one project."""

    def __init__(self, api: Api, order: dict[str, Any]) -> None:
        self.api, self.order = api, order
        self.place = api.place

    def close(self) -> None:
        """Let connections go."""
        self.api.caller.close()

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own, with the cover that the order names for it. Raises UsageError, UploadError."""
        covers: dict[str, str] = self.order.get("covers", {})
        strangers = sorted(set(covers) - {item.files[0].place for item in items})
        if strangers:
            raise UsageError(
                f"order: [asset.covers] names {strangers[0]}, which is not in the manifest",
                f"订单：[asset.covers] 中的 {strangers[0]} 不在清单中",
            )
        whole = []
        for item in items:
            path = covers.get(item.files[0].place)
            cover = (named(Path(path), "COVER"),) if path else ()
            whole.append(replace(item, files=item.files + cover))
        return single(whole)

    def plan(self, unit: Unit) -> list[str]:
        """The calls, with the fields that matter."""
        item, path = unit.items[0], self.api.path
        body = fields.asset_body(item, self.order)
        lines = [
            f"GET {path('list_assets')}?tag={item.marker}",
            f"POST {path('create_digital_asset')} {body['asset_type']} {body['asset_name']!r}",
        ]
        for file in item.files:
            made = fields.file_body(file, body["asset_type"], "-")
            call = "create_large_file" if "file_multipart_count" in made else "create_file"
            lines.append(f"POST {path(call)} {file.name!r} {file.category} {file.size} bytes")
            count = made.get("file_multipart_count", 1)
            lines += [f"PUT upload_url Content-Type: {file.content_type} Content-MD5: {file.md5}"] * count
            lines.append(f"POST {path('confirm_file_upload')} CREATED")
        lines.append(f"GET {path('show_asset')} until ACTIVED")
        if any(file.category == "PAGE" for file in item.files):
            lines.append(f"PUT {path('update_digital_asset')} pages")
        return lines

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        item = unit.items[0]
        body = fields.asset_body(item, self.order)
        decks.check(item)
        for file in item.files:
            fields.file_body(file, body["asset_type"], "-")
        asset_id, asset = self._asset(item, body, tools)
        if asset and asset.word("asset_state") == "ACTIVED" and self._holds(asset, item):
            return self._parsed(item, asset, "skipped", tools)
        try:
            for file in item.files:
                self._file(item, file, body["asset_type"], asset_id, tools)
        except UploadError as error:
            raise self._give_up(item, asset_id, error, tools) from None
        return self._verdict(item, asset_id, tools)

    # --- the asset ------------------------------------------------------------------------------------------

    def _show(self, asset_id: str) -> Reply:
        return self.api.call("show_asset", what="query asset", gives=("asset_state",), asset_id=asset_id)

    def _find(self, marker: str) -> str | None:
        """The id of the asset of this tag that is alive, or None. Tags are searched by part: compared here in full."""
        query = {"tag": marker, "limit": 100, "offset": 0}
        found = self.api.call("list_assets", query=query, what="query assets")
        alive = [
            (one.text("create_time"), one.must("asset_id"))
            for one in found.many("assets")
            if marker in one.each("tags") and one.word("asset_state") not in _GONE
        ]
        return min(alive)[1] if alive else None

    def _asset(self, item: Item, body: dict[str, Any], tools: Tools) -> tuple[str, Reply | None]:
        """The asset's id, and what is known of it if it was there. A lost answer leads back to the question, never to
        a second asset."""
        known = tools.journal.facts(item.key).get("asset_id")
        if known:
            try:
                asset = self._show(str(known))
            except Refused as error:
                if error.status != 404:
                    raise
            else:
                if asset.word("asset_state") not in _GONE:
                    return str(known), asset
            tools.journal.end(item.key, "forget asset", asset_id=None, files=None)  # taken away: another is made
        name = str(body["asset_name"])

        def attempt(_: int) -> tuple[str, Reply | None]:
            found = self._find(item.marker)
            if found:
                tools.journal.end(item.key, "create asset", asset_id=found)
                return found, self._show(found)
            tools.journal.begin(item.key, "create asset")
            what = f"create asset {name!r}"
            try:
                made = self.api.call("create_digital_asset", body, what=what, gives=("asset_id",), again=False)
            except Unknown as error:  # the next attempt looks for it first
                raise Retryable(error) from None
            except Refused as error:
                if error.code != "MSS.20010008":  # the name is taken by something else: a suffix from the bytes
                    raise
                body["asset_name"] = f"{name[: fields.NAME - 9]}_{item.marker[9:17]}"
                raise Retryable(error, at_once=True) from None
            asset_id = made.must("asset_id")
            tools.journal.end(item.key, "create asset", asset_id=asset_id)
            return asset_id, None

        return retry(self.api.caller.patience, attempt)

    @staticmethod
    def _holds(asset: Reply, item: Item) -> bool:
        held = {(f.text("file_md5"), f.text("asset_file_category")) for f in asset.many("files") if _there(f)}
        return all((file.md5, file.category) in held for file in item.files if file.size <= fields.FILE)

    # --- a file ---------------------------------------------------------------------------------------------

    def _file(self, item: Item, file: File, kind: str, asset_id: str, tools: Tools) -> None:
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
            self._finish(str(known["id"]), "CANCELLED")
            self._note(item, step, None, tools)
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
            self._finish(str(known["id"]), "CANCELLED")  # the URL has lapsed: a new file, a new URL
            self._note(item, step, None, tools)
            raise Retryable(error, at_once=True) from None
        if not self._confirmed(item, file, step, known | {"put": True}, asset_id, tools):
            raise Retryable(UploadError(f"{file.name}: the store did not keep it", f"{file.name}：存储没有保存"))

    def _note(self, item: Item, step: str, entry: dict[str, Any] | None, tools: Tools) -> None:
        files = dict(tools.journal.facts(item.key).get("files", {}))
        files.pop(step, None)
        if entry is not None:
            files[step] = entry
        tools.journal.end(item.key, step, files=files)

    def _adopt(self, item: Item, file: File, step: str, asset_id: str, tools: Tools) -> dict[str, Any]:
        """A file the platform knows and the journal does not: after a lost answer or from another machine."""
        for one in self._show(asset_id).many("files"):
            if one.text("file_name") != file.name or one.text("asset_file_category") != file.category:
                continue
            if _there(one) and one.text("file_md5") in (file.md5, ""):
                entry = {"id": one.must("file_id"), "done": True}
                self._note(item, step, entry, tools)
                return entry
            if one.word("state") == "CREATING":
                self._finish(one.must("file_id"), "CANCELLED")
        return {}

    def _create(
        self, item: Item, file: File, kind: str, asset_id: str, step: str, tools: Tools
    ) -> tuple[dict[str, Any], list[str]]:
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
        self._note(item, step, entry, tools)
        return entry, urls

    def _put(self, item: Item, file: File, step: str, known: dict[str, Any], urls: list[str], tools: Tools) -> None:
        if len(urls) == 1:
            tools.journal.begin(item.key, f"put {step}")
            self._note(item, step, known | {"put": True}, tools)
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
            self._note(item, step, known | {"parts": done}, tools)
        self._note(item, step, known | {"parts": done, "put": True}, tools)

    def _confirmed(self, item: Item, file: File, step: str, known: dict[str, Any], asset_id: str, tools: Tools) -> bool:
        """Whether the platform has the object; then its own record is compared with the file. Raises UploadError."""
        tools.journal.begin(item.key, f"confirm {step}")
        taken = True
        try:
            self._finish(str(known["id"]), "CREATED")
        except Refused as error:
            taken = False
            if error.code in _NOT_STORED:
                self._note(item, step, {k: v for k, v in known.items() if k not in ("put", "parts")}, tools)
                return False
            if error.code != "MSS.10001013":  # it may be confirmed already: the record says
                raise
        files = self._show(asset_id).many("files")
        held = next((f for f in files if f.text("file_id") == known["id"]), None)
        state = held.word("state") if held else "nothing of it"
        if state == "CREATING":
            return False
        if not taken and state in _GIVEN_UP:
            # An earlier run gave it up and was killed before it had written that down: another takes its place.
            self._note(item, step, None, tools)
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
        self._note(item, step, {"id": known["id"], "done": True}, tools)
        return True

    def _finish(self, file_id: str, state: str) -> None:
        """CREATED after a good PUT, CANCELLED or FAILED for what is given up (Table 4-191)."""
        try:
            self.api.call("confirm_file_upload", {"state": state}, what=f"complete file {state}", file_id=file_id)
        except Refused as error:
            if state == "CREATED" or error.code not in ("MSS.10001013", "MSS.10001004"):
                raise  # else it is in such a state or gone: nothing is left to give up

    # --- the end --------------------------------------------------------------------------------------------

    def _give_up(self, item: Item, asset_id: str, error: UploadError, tools: Tools) -> UploadError:
        """Mark on the platform what will not be completed; what only lost its connection stays resumable."""
        if not isinstance(error, Refused | Changed):
            return error
        abandoned = []
        for step, known in tools.journal.facts(item.key).get("files", {}).items():
            if not known.get("done"):
                try:
                    self._finish(str(known["id"]), "FAILED")
                    state = "FAILED"
                except UploadError as problem:  # told under `abandoned`; the error that led here is the one that counts
                    state = str(problem)
                abandoned.append({"asset_id": asset_id, "file_id": known["id"], "step": step, "state": state})
                self._note(item, step, None, tools)
        if not abandoned:
            abandoned.append({"asset_id": asset_id, "file_id": None, "step": None, "state": "no file was created"})
        return GaveUp(error, abandoned)

    def _verdict(self, item: Item, asset_id: str, tools: Tools) -> Receipt:
        """Wait until the platform has accepted or failed the asset."""
        waiting = Waiting(tools.wait)
        while True:
            asset = self._show(asset_id)
            state = asset.word("asset_state")
            if state == "ACTIVED":
                return self._parsed(item, asset, "sent", tools)
            if state == "UNACTIVED":
                body = {"asset_state": "ACTIVED"}
                self.api.call("update_digital_asset", body, what="activate asset", asset_id=asset_id)
            elif state != "CREATING":
                why = f"{asset.text('fail_type')} {asset.text('reason')}".strip()
                raise GaveUp(
                    UploadError(
                        f"{item.name}: the platform says {state}: {why or 'no reason given'}",
                        f"{item.name}：平台状态为 {state}：{why or '未说明原因'}",
                    ),
                    [{"asset_id": asset_id, "file_id": None, "step": "review", "state": state}],
                )
            if waiting.over():
                said = Text(
                    f"everything is there; the platform has not decided yet ({state}); run again to ask",
                    f"内容已全部送达；平台尚未给出结果（{state}），稍后重新运行即可查询",
                )
                return self._receipt("pending", item, asset, said)

    def _parsed(self, item: Item, asset: Reply, status: str, tools: Tools) -> Receipt:
        """The receipt of an accepted asset; of a deck, once the platform knows its pages."""
        if decks.tell(self.api, item, asset, tools):
            status = "sent"
        asset_id = asset.must("asset_id")
        asset, waits = decks.parsed(lambda: self._show(asset_id), item, asset, tools)
        if waits:
            return self._receipt("pending", item, asset, waits)
        tools.journal.end(item.key, "accepted", delivered=True)
        there = Text("the library holds it already", "资产库中已存在")
        return self._receipt(status, item, asset, there if status == "skipped" else Text("", ""))

    def _receipt(self, status: str, item: Item, asset: Reply, said: Text) -> Receipt:
        held = {f.text("file_name"): f for f in asset.many("files") if _there(f)}
        return Receipt(
            status=status,
            message=said,
            ids={"asset_id": asset.text("asset_id"), "asset_name": asset.text("asset_name")},
            verified=[_proof(file, held.get(file.name)) for file in item.files],
        )


def _proof(file: File, held: Reply | None) -> dict[str, Any]:
    """What the platform says of a file."""
    return {
        "name": file.name,
        "category": file.category,
        "file_id": held.text("file_id") if held else None,
        "size": held.number("file_size") if held else None,
        "md5": held.text("file_md5") if held else None,
    }


def _there(file: Reply) -> bool:
    return file.text("state") in fields.THERE
