"""The MetaStudio asset library: create asset, create file, PUT, confirm, wait for the platform's verdict.

What makes it exactly once:

* An asset carries a tag made from its own name, role and bytes. Before one is created the library is asked for that
  tag: after a lost answer, after a kill, from another machine, the asset that is there is found and used.
* Its files come one by one: `asset_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.documents.upload import Delivery
from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import GaveUp, Receipt, Tools, Unit, single
from pipeline.upload.items import MARKER, File, Item
from pipeline.upload.metastudio import decks, fields
from pipeline.upload.metastudio.api import Api, ProjectDestination
from pipeline.upload.metastudio.asset_files import AssetFiles, shown, there
from pipeline.upload.metastudio.papers import named
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, Waiting, retry
from pipeline.upload.transfer import Changed, Refused, Unknown

_GONE: Final = frozenset({"FAILED", "DELETING", "DELETED", "WAITING_DELETE"})  # asset states that will not recover


class AssetLibrary(ProjectDestination):
    """The asset library of one project."""

    def __init__(self, api: Api, order: Fields) -> None:
        super().__init__(api, order)
        self._files = AssetFiles(api)

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own, with the cover that the order names for it. Raises UsageError."""
        fields.checked(self.order)
        covers: dict[str, str] = self.order.get("covers", {})
        places = {item.files[0].place for item in items}
        for table in ("covers", "replaces"):
            for stranger in sorted(set(self.order.get(table, {})) - places):
                raise UsageError(
                    f"order: [asset.{table}] names {stranger}, which is not in the manifest",
                    f"订单：[asset.{table}] 中的 {stranger} 不在清单中",
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
        into = self._into(item)
        if into:
            lines = [
                f"GET {path('show_asset', asset_id=into)}",
                f"DELETE {path('delete_file')} the MAIN file that is there",
            ]
        for file in item.files:
            made = fields.file_body(file, body["asset_type"], "-")
            call = "create_large_file" if "file_multipart_count" in made else "create_file"
            lines.append(f"POST {path(call)} {file.name!r} {file.category} {file.size} bytes")
            count = made.get("file_multipart_count", 1)
            lines += [f"PUT upload_url Content-Type: {file.content_type} Content-MD5: {file.md5}"] * count
            lines.append(f"POST {path('confirm_file_upload')} CREATED")
        if into:
            lines.append(f"PUT {path('update_digital_asset', asset_id=into)} tags")
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
        into = self._into(item)
        asset_id, asset = (into, self._theirs(item, into, body)) if into else self._asset(item, body, tools)
        if asset and asset.word("asset_state") == "ACTIVED" and self._holds(asset, item):
            return self._parsed(item, asset, "skipped", tools)
        try:
            if asset:
                self._cleared(item, asset, tools)
            for file in item.files:
                self._files.deliver(item, file, body["asset_type"], asset_id, tools)
            if into:
                self._marked(item, shown(self.api, into))
        except UploadError as error:
            raise self._give_up(item, asset_id, error, tools) from None
        return self._verdict(item, asset_id, tools)

    # --- the asset ------------------------------------------------------------------------------------------

    def _find(self, marker: str) -> str | None:
        """The id of the asset of this tag that is alive, or None. Tags are searched by part: compared here in full."""
        alive = [
            (one.text("create_time"), one.must("asset_id"))
            for one in self.api.listed("list_assets", "assets", {"tag": marker}, what="query assets")
            if marker in one.each("tags") and one.word("asset_state") not in _GONE
        ]
        return min(alive)[1] if alive else None

    def _asset(self, item: Item, body: Fields, tools: Tools) -> tuple[str, Reply | None]:
        """The asset's id, and what is known of it if it was there. A lost answer leads back to the question, never to
        a second asset."""
        known = tools.journal.facts(item.key).get("asset_id")
        if known:
            try:
                asset = shown(self.api, str(known))
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
                return found, shown(self.api, found)
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

    # --- an asset that is there already ---------------------------------------------------------------------

    def _into(self, item: Item) -> str:
        """The id of the asset that the order has this item replace the main file of; empty for an asset of its own."""
        return str(self.order.get("replaces", {}).get(item.files[0].place, ""))

    def _theirs(self, item: Item, asset_id: str, body: Fields) -> Reply:
        """The asset to be given another main file. Raises UploadError where it is gone, or of another type."""
        asset = shown(self.api, asset_id)
        state, kind = asset.word("asset_state"), asset.text("asset_type")
        if state in _GONE or kind != body["asset_type"]:
            raise UploadError(
                f"{item.source}: asset {asset_id} ({asset.text('asset_name')}) is {kind}, {state}; its main file is "
                f"replaced by {body['asset_type']} in an asset in use. Correct [asset.replaces], or restore it.",
                f"{item.source}：资产 {asset_id}（{asset.text('asset_name')}）为 {kind}、{state}；"
                f"只能替换在用且类型为 {body['asset_type']} 的资产。请修改 [asset.replaces] 或先恢复该资产。",
            )
        return asset

    def _cleared(self, item: Item, asset: Reply, tools: Tools) -> None:
        """Take away what has the only place of a file that is to come: the main file where the order says so, a cover
        where one of our own was named (it may be the platform's)."""
        for category, ours in (("MAIN", bool(self._into(item))), ("COVER", True)):
            coming = {file.md5 for file in item.files if file.category == category}
            for held in asset.many("files") if ours and coming else ():
                if held.text("asset_file_category") == category and there(held) and held.text("file_md5") not in coming:
                    file_id = held.must("file_id")
                    tools.journal.begin(item.key, f"delete file {file_id}")
                    self._files.deleted(file_id)
                    tools.journal.end(item.key, f"delete file {file_id}")

    def _marked(self, item: Item, asset: Reply) -> None:
        """The tag by which this item is found again, in place of that of what it replaces."""
        tags = [tag for tag in asset.each("tags") if not MARKER.fullmatch(tag)]
        if item.marker not in asset.each("tags"):
            body = {"tags": [*tags, item.marker]}
            self.api.call("update_digital_asset", body, what="mark asset", asset_id=asset.must("asset_id"))

    @staticmethod
    def _holds(asset: Reply, item: Item) -> bool:
        held = {(f.text("file_md5"), f.text("asset_file_category")) for f in asset.many("files") if there(f)}
        return all((file.md5, file.category) in held for file in item.files if file.size <= fields.FILE)

    # --- the end --------------------------------------------------------------------------------------------

    def _give_up(self, item: Item, asset_id: str, error: UploadError, tools: Tools) -> UploadError:
        """Mark on the platform what will not be completed; what only lost its connection stays resumable."""
        if not isinstance(error, Refused | Changed):
            return error
        abandoned = []
        for step, known in tools.journal.facts(item.key).get("files", {}).items():
            if not known.get("done"):
                try:
                    self._files.finish(str(known["id"]), "FAILED")
                    state = "FAILED"
                except UploadError as problem:  # told under `abandoned`; the error that led here is the one that counts
                    state = str(problem)
                abandoned.append({"asset_id": asset_id, "file_id": known["id"], "step": step, "state": state})
                self._files.note(item, step, None, tools)
        if not abandoned:
            abandoned.append({"asset_id": asset_id, "file_id": None, "step": None, "state": "no file was created"})
        return GaveUp(error, abandoned)

    def _verdict(self, item: Item, asset_id: str, tools: Tools) -> Receipt:
        """Wait until the platform has accepted or failed the asset."""
        waiting = Waiting(tools.wait)
        while True:
            asset = shown(self.api, asset_id)
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

    def _parsed(self, item: Item, asset: Reply, status: Delivery, tools: Tools) -> Receipt:
        """The receipt of an accepted asset; of a deck, once the platform knows its pages."""
        if decks.tell(self.api, item, asset, tools):
            status = "sent"
        asset_id = asset.must("asset_id")
        asset, waits = decks.parsed(lambda: shown(self.api, asset_id), item, asset, tools)
        if waits:
            return self._receipt("pending", item, asset, waits)
        tools.journal.end(item.key, "accepted", delivered=True)
        there = Text("the library holds it already", "资产库中已存在")
        return self._receipt(status, item, asset, there if status == "skipped" else Text("", ""))

    def _receipt(self, status: Delivery, item: Item, asset: Reply, said: Text) -> Receipt:
        held = {f.text("file_name"): f for f in asset.many("files") if there(f)}
        return Receipt(
            status=status,
            message=said,
            ids={"asset_id": asset.text("asset_id"), "asset_name": asset.text("asset_name")},
            verified=[_proof(file, held.get(file.name)) for file in item.files],
        )


def _proof(file: File, held: Reply | None) -> Fields:
    """What the platform says of a file."""
    return {
        "name": file.name,
        "category": file.category,
        "file_id": held.text("file_id") if held else None,
        "size": held.number("file_size") if held else None,
        "md5": held.text("file_md5") if held else None,
    }
