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
from typing import Any, Final

from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.upload.client import Reply, answer
from pipeline.upload.credentials import seal, unseal
from pipeline.upload.destination import GaveUp, Receipt, Tools, Unit, single
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields
from pipeline.upload.metastudio.api import Api
from pipeline.upload.multipart import UploadPart
from pipeline.upload.retry import Retryable, Waiting, retry
from pipeline.upload.transfer import Body, Changed, Refused, Unknown

_URL_AGE: Final = 23 * 3600.0  # seconds; an upload URL is valid for 24 h (Table 4-180)
_THERE: Final = frozenset({"UPLOADED", "REVIEW", "CREATED"})  # file states after a good confirm (Table 4-56)
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
        """Every asset on its own."""
        return single(items)

    def plan(self, unit: Unit) -> list[str]:
        """The calls, with the fields that matter."""
        item, base = unit.items[0], f"/v1/{self.api.project}"
        body = fields.asset_body(item, self.order)
        lines = [
            f"GET {base}/digital-assets?tag={item.marker}",
            f"POST {base}/digital-assets {body['asset_type']} {body['asset_name']!r}",
        ]
        for file in item.files:
            made = fields.file_body(file, body["asset_type"], "-")
            call = "large-files" if "file_multipart_count" in made else "files"
            lines.append(f"POST {base}/{call} {file.name!r} {file.category} {file.size} bytes")
            count = made.get("file_multipart_count", 1)
            lines += [f"PUT upload_url Content-Type: {file.content_type} Content-MD5: {file.md5}"] * count
            lines.append(f"POST {base}/files/{{file_id}}/complete CREATED")
        return [*lines, f"GET {base}/digital-assets/{{asset_id}} until ACTIVED"]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        item = unit.items[0]
        body = fields.asset_body(item, self.order)
        for file in item.files:
            fields.file_body(file, body["asset_type"], "-")
        asset, found = self._asset(item, body, tools)
        asset_id = str(asset["asset_id"])
        if found and asset.get("asset_state") == "ACTIVED" and self._holds(asset, item):
            return self._receipt("skipped", item, asset, Text("the library holds it already", "资产库中已存在"))
        try:
            for file in item.files:
                self._file(item, file, body["asset_type"], asset_id, tools)
        except UploadError as error:
            raise self._give_up(item, asset_id, error, tools) from None
        return self._verdict(item, asset_id, tools)

    # --- the asset ------------------------------------------------------------------------------------------

    def _show(self, asset_id: str) -> dict[str, Any]:
        return self.api.call("GET", f"/digital-assets/{asset_id}", group="query asset", what="query asset")

    def _find(self, marker: str) -> dict[str, Any] | None:
        """The asset of this tag that is alive, or None. Tags are searched by part: compared here in full."""
        query = {"tag": marker, "limit": "100", "offset": "0"}
        found = self.api.call("GET", "/digital-assets", query=query, group="query asset", what="query assets")
        alive = [
            asset
            for asset in (answer(found, "assets", list) if "assets" in found else ())
            if marker in asset.get("tags", ()) and asset.get("asset_state") not in _GONE
        ]
        return min(alive, key=lambda asset: str(asset.get("create_time", ""))) if alive else None

    def _asset(self, item: Item, body: dict[str, Any], tools: Tools) -> tuple[dict[str, Any], bool]:
        """The asset, and whether it was there. A lost answer leads back to the question, never to a second asset."""
        known = tools.journal.facts(item.key).get("asset_id")
        if known:
            try:
                asset = self._show(str(known))
            except Refused as error:
                if error.status != 404:
                    raise
                asset = {"asset_state": "DELETED"}  # someone took it away: another is made
            if asset.get("asset_state") not in _GONE:
                return asset | {"asset_id": known}, True
            tools.journal.end(item.key, "forget asset", asset_id=None, files=None)
        name = str(body["asset_name"])

        def attempt(_: int) -> tuple[dict[str, Any], bool]:
            found = self._find(item.marker)
            if found:
                tools.journal.end(item.key, "create asset", asset_id=found["asset_id"])
                return self._show(str(found["asset_id"])) | {"asset_id": found["asset_id"]}, True
            tools.journal.begin(item.key, "create asset")
            try:
                made = self.api.call(
                    "POST", "/digital-assets", body, group="create asset", what=f"create asset {name!r}", again=False
                )
            except Unknown as error:  # the next attempt looks for it first
                raise Retryable(error) from None
            except Refused as error:
                if error.code != "MSS.20010008":  # the name is taken by something else: a suffix from the bytes
                    raise
                body["asset_name"] = f"{name[: fields.NAME - 9]}_{item.marker[9:17]}"
                raise Retryable(error, at_once=True) from None
            tools.journal.end(item.key, "create asset", asset_id=made["asset_id"])
            return made, False

        return retry(self.api.caller.patience, attempt)

    @staticmethod
    def _holds(asset: dict[str, Any], item: Item) -> bool:
        held = {(f.get("file_md5"), f.get("asset_file_category")) for f in asset.get("files", ()) if _there(f)}
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
        for one in self._show(asset_id).get("files", ()):
            if one.get("file_name") != file.name or one.get("asset_file_category") != file.category:
                continue
            if _there(one) and one.get("file_md5") in (file.md5, None):
                entry = {"id": one["file_id"], "done": True}
                self._note(item, step, entry, tools)
                return entry
            if one.get("state") == "CREATING":
                self._finish(str(one["file_id"]), "CANCELLED")
        return {}

    def _create(
        self, item: Item, file: File, kind: str, asset_id: str, step: str, tools: Tools
    ) -> tuple[dict[str, Any], list[str]]:
        body = fields.file_body(file, kind, asset_id)
        path = "/large-files" if "file_multipart_count" in body else "/files"
        tools.journal.begin(item.key, f"create file {step}")

        def attempt(number: int) -> Reply:
            if number > 1:
                self._adopt(item, file, step, asset_id, tools)  # cancels what a lost answer has left behind
            try:
                return self.api.call("POST", path, body, group="file", what=f"create file {file.name!r}", again=False)
            except Unknown as error:
                raise Retryable(error) from None  # if it was created, the next attempt cancels it first
            except Refused as error:
                if error.code not in _TAKEN:
                    raise
                raise Retryable(error, at_once=True) from None  # likewise

        made = retry(self.api.caller.patience, attempt)
        urls = [str(url) for url in made.get("upload_urls") or [made["upload_url"]]]
        entry = {"id": answer(made, "file_id", str), "urls": seal(self.api.seal_key, urls), "at": time.time()}
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
        files: list[dict[str, Any]] = self._show(asset_id).get("files", [])
        held = next((f for f in files if f.get("file_id") == known["id"]), dict[str, Any]())
        if held.get("state") == "CREATING":
            return False
        if not taken and held.get("state") in _GIVEN_UP:
            # An earlier run gave it up and was killed before it had written that down: another takes its place.
            self._note(item, step, None, tools)
            return False
        if not _there(held):
            raise UploadError(
                f"{file.name}: the platform says {held.get('state', 'nothing of it')}: {held.get('reason', '')}",
                f"{file.name}：平台状态为 {held.get('state', '无')}：{held.get('reason', '')}",
            )
        if held.get("file_md5", file.md5) != file.md5 or held.get("file_size", file.size) != file.size:
            raise UploadError(
                f"{file.name}: the platform holds {held.get('file_size')} bytes, MD5 {held.get('file_md5')}; sent were "
                f"{file.size}, {file.md5}",
                f"{file.name}：平台保存 {held.get('file_size')} 字节，MD5 {held.get('file_md5')}；发送的是 "
                f"{file.size}，{file.md5}",
            )
        self._note(item, step, {"id": known["id"], "done": True}, tools)
        return True

    def _finish(self, file_id: str, state: str) -> None:
        """CREATED after a good PUT, CANCELLED or FAILED for what is given up (Table 4-191)."""
        try:
            self.api.call(
                "POST", f"/files/{file_id}/complete", {"state": state}, group="file", what=f"complete file {state}"
            )
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
            state = str(asset.get("asset_state"))
            if state == "ACTIVED":
                tools.journal.end(item.key, "accepted", delivered=True)
                return self._receipt("sent", item, asset, Text("", ""))
            if state == "UNACTIVED":
                body = {"asset_state": "ACTIVED"}
                self.api.call("PUT", f"/digital-assets/{asset_id}", body, group="update asset", what="activate asset")
            elif state != "CREATING":
                why = f"{asset.get('fail_type') or ''} {asset.get('reason') or ''}".strip()
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

    def _receipt(self, status: str, item: Item, asset: dict[str, Any], said: Text) -> Receipt:
        files: list[dict[str, Any]] = asset.get("files", [])
        held = {str(f.get("file_name")): f for f in files if _there(f)}
        return Receipt(
            status=status,
            message=said,
            ids={"asset_id": asset.get("asset_id"), "asset_name": asset.get("asset_name")},
            verified=[
                {
                    "name": file.name,
                    "category": file.category,
                    "file_id": held.get(file.name, {}).get("file_id"),
                    "size": held.get(file.name, {}).get("file_size"),
                    "md5": held.get(file.name, {}).get("file_md5"),
                }
                for file in item.files
            ],
        )


def _there(file: dict[str, Any]) -> bool:
    return file.get("state") in _THERE
