"""A live room of MetaStudio (MS-API 6.1) and the material that it shows: what an order calls [room].

Texts and drive sound of a manifest become what is said in it; pictures, clips and sounds become assets of the library,
which the order names by their files. A room is found again by its name and by a mark in its private data, which the
platform gives back as it was; one whose order or files have changed since is updated. What starts a stream stays with a
person, and the keys of a stream are no matter of an order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Receipt, Tools, Unit, together
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio.api import Api, ProjectDestination
from pipeline.upload.metastudio.fields import VOICE
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.scripts import numbered, spoken
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, retry
from pipeline.upload.transfer import Refused, Unknown

_SAID: Final = frozenset({"text", "audio-drive"})
_REPLY: Final = "reply"
# Roles without an asset: an address of one's own would have to hold them (Table 6-14).
_ELSEWHERE: Final = frozenset({"audio-url", "subtitle"})
_PLAIN: Final = ("room_description", "room_type", "video_config", "play_policy", "interaction_config")
_MARK: Final = "preflight "


class Rooms(ProjectDestination):
    """Live rooms of one project, and its library for what they show."""

    def __init__(self, api: Api, order: Fields, library: AssetLibrary) -> None:
        super().__init__(api, order)
        self.library = library

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """All of it together: a room with half of its material is none. Raises UsageError."""
        if not items:
            return []
        for item in items:
            if item.role in _ELSEWHERE:
                raise UsageError(
                    f"{item.source}: role {item.role} has no place in a room that is made here: it goes to an address "
                    f"of your own. Prepare it as audio-drive, or leave it out.",
                    f"{item.source}：角色 {item.role} 需放在您自己的地址，无法用于此处创建的直播间。"
                    f"请改用 audio-drive 角色，或移除该文件。",
                )
        if not any(item.role in _SAID for item in items):
            raise UsageError(
                "order: [room] wants something to say: a text or drive sound in the manifest",
                "订单：[room] 需要话术：清单中至少有一个文本或驱动音频",
            )
        whole = [unit.items[0] for unit in self.library.units(items)]
        self._body(whole, {self._place(item): "{asset_id}" for item in whole}, "", lambda _: "")
        return [together(str(self.order["room_name"]), whole, sorted(self.order.items()))]

    @staticmethod
    def _place(item: Item) -> str:
        return item.files[0].place

    @staticmethod
    def _is_asset(item: Item) -> bool:
        return item.role not in ("text", _REPLY)

    def _body(self, items: Sequence[Item], assets: dict[str, str], mark: str, words: Callable[[File], str]) -> Fields:
        """The body of "create room" (Table 6-3); `assets` is what each file became in the library, `words` reads what a
        file says. Raises UsageError, UploadError."""
        used = set[str]()

        def asset(named: str) -> str:
            used.add(named)
            return assets.get(named, named)  # else it is the id of an asset that is there

        shots = []
        for number, item in sorted(numbered(self.order, [one for one in items if one.role in _SAID], "room").items()):
            if item.role == "text":
                shots.append({"sequence_no": number, "text_config": {"text": words(item.files[0])}})
            else:
                shots.append({"sequence_no": number, "audio_config": {"asset_id": asset(self._place(item))}})
        script: Fields = {"script_name": self.order["room_name"], "shoot_scripts": shots}
        if "model_asset_id" in self.order:
            script["model_asset_id"] = self.order["model_asset_id"]
        voice = {key: self.order[key] for key in VOICE if key in self.order}
        if voice:
            script["voice_config"] = voice
        if "background" in self.order:
            picture = asset(self.order["background"])
            script["background_config"] = [{"background_type": "IMAGE", "background_asset_id": picture}]
        if "layers" in self.order:
            script["layer_config"] = [
                layer | ({"asset_id": asset(layer["asset_id"])} if "asset_id" in layer else {})
                for layer in self.order["layers"]
            ]
        body = {"room_name": self.order["room_name"], "scene_scripts": [script], "priv_data": mark}
        body |= {key: self.order[key] for key in _PLAIN if key in self.order}
        if "replies" in self.order:
            body["interaction_rules"] = self._rules(items, used, words)
        strays = [self._place(item) for item in items if item.role == _REPLY and self._place(item) not in used]
        if strays:
            raise UsageError(
                f"{strays[0]}: no rule answers with it; name it under [room.replies] in the order",
                f"{strays[0]}：没有互动规则使用它；请在订单 [room.replies] 中写明",
            )
        return body

    def _rules(self, items: Sequence[Item], used: set[str], words: Callable[[File], str]) -> list[Fields]:
        """A rule for each reply: when a comment matches, its text is said (Tables 6-17 to 6-20)."""
        texts = {self._place(item): item for item in items if item.role == _REPLY}
        rules = []
        for place, pattern in self.order["replies"].items():
            if place not in texts:
                raise UsageError(
                    f"order: [room.replies] names {place}, which is no reply of the manifest",
                    f"订单：[room.replies] 中的 {place} 不是清单中的回复话术",
                )
            used.add(place)
            tag = {"tag": "content", "match": "REGEX", "value": pattern}
            text = words(texts[place].files[0]).strip()
            rules.append(
                {
                    "rule_name": place,
                    "event_type": 1,  # a comment
                    "hit_condition": {"relation": "OR", "tags": [tag]},
                    "trigger": {"reply_mode": "SYSTEM_REPLY", "reply_texts": [text], "reply_order": "RANDOM"},
                }
            )
        return rules

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        lines = []
        for item in unit.items:
            if self._is_asset(item):
                lines += self.library.plan(Unit(item.key, item.name, (item,)))
        path = self.api.path
        return [
            *lines,
            f"GET {path('list_smart_live_rooms')}?room_name={self.order['room_name']}",
            f"POST {path('create_smart_live_room')} {self.order['room_name']!r}",
            f"GET {path('show_smart_live_room')}",
        ]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text. Raises UploadError."""
        assets, verified, sent, waits = dict[str, str](), [], False, list[str]()
        for item in unit.items:
            if not self._is_asset(item):
                continue
            receipt = self.library.send(Unit(item.key, item.name, (item,)), tools)
            assets[self._place(item)] = str(receipt.ids["asset_id"])
            verified += receipt.verified
            sent = sent or receipt.status == "sent"
            if receipt.status == "pending":
                waits.append(item.name)
        ids: Fields = {"assets": assets}
        if waits:
            names = ", ".join(waits)
            later = Text(
                f"not decided yet: {names}; the room follows with the next run",
                f"审核中：{names}；下次运行时创建直播间",
            )
            return Receipt("pending", later, ids, verified)
        body = self._body(unit.items, assets, f"{_MARK}{unit.key}", spoken)
        room, made = self._room(unit, body, tools)
        shown = self._shown(room)
        self._compared(unit, body, shown)
        tools.journal.end(unit.key, "delivered", delivered=True)
        state = shown.word("room_state") if shown.text("room_state") else "ENABLE"
        ids |= {"room_id": room, "room_name": shown.text("room_name"), "room_state": state}
        if state != "ENABLE":
            why = shown.one("error_info")
            said = f"{why.text('error_code')} {why.text('error_msg')}".strip() or "no reason given"
            raise UploadError(
                f"room {room}: the platform says {state}: {said}", f"直播间 {room} 状态为 {state}：{said}"
            )
        there = Text("" if made else "the room is there already", "" if made else "直播间已存在")
        return Receipt("sent" if made or sent else "skipped", there, ids, verified)

    # --- the room -------------------------------------------------------------------------------------------

    def _shown(self, room: str) -> Reply:
        return self.api.call("show_smart_live_room", what="query room", gives=("room_name",), room_id=room)

    def _found(self, name: str) -> tuple[str, str] | None:
        """A room of this name that we have made, and its mark. Names are searched by part: compared here in full."""
        rooms = self.api.listed("list_smart_live_rooms", "smart_live_rooms", {"room_name": name}, what="query rooms")
        for one in rooms:
            if one.text("room_name") == name and one.text("priv_data").startswith(_MARK):
                return one.must("room_id"), one.text("priv_data")
        return None

    def _room(self, unit: Unit, body: Fields, tools: Tools) -> tuple[str, bool]:
        """The room's id, and whether it is new or newly so. A lost answer leads back to the question."""

        def attempt(_: int) -> tuple[str, bool]:
            there = self._found(body["room_name"])
            if there and there[1] == body["priv_data"]:
                return there[0], tools.journal.open(unit.key, "room")
            tools.journal.begin(unit.key, "room")
            try:
                if there:
                    self.api.call("update_smart_live_room", body, what="update room", room_id=there[0])
                    return there[0], True
                made = self.api.call(
                    "create_smart_live_room", body, what="create room", gives=("room_id",), again=False
                )
            except Unknown as error:  # the next attempt looks for it first
                raise Retryable(error) from None
            except Refused:
                tools.journal.end(unit.key, "room")
                raise
            return made.must("room_id"), True

        room, made = retry(self.api.caller.patience, attempt)
        tools.journal.end(unit.key, "room", room_id=room)
        return room, made

    @staticmethod
    def _compared(unit: Unit, body: Fields, shown: Reply) -> None:
        """Whether the platform holds what was said: the number and the words of its scenes. Raises UploadError."""
        held = [one for script in shown.many("scene_scripts") for one in script.many("shoot_scripts")]
        wanted = body["scene_scripts"][0]["shoot_scripts"]
        found = [(one.one("text_config").text("text"), one.one("audio_config").text("asset_id")) for one in held]
        sent = [
            (one.get("text_config", {}).get("text", ""), one.get("audio_config", {}).get("asset_id", ""))
            for one in wanted
        ]
        if found != sent:
            raise UploadError(
                f"{unit.name}: the room holds {len(found)} scenes, not the {len(sent)} that were sent; run again",
                f"{unit.name}：直播间中的 {len(found)} 个话术与发送的 {len(sent)} 个不一致；请重新运行",
            )
