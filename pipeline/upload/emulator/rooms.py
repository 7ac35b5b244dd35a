"""MetaStudio's live rooms as MS-API 6.1 describes them, beyond what its tables say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.messages import Request, Response, fail, listed


def _wrong(backend: Backend, body: Fields) -> Response | None:
    """What no table says: every asset that a room names is in the library, and every scene says something."""
    for script in body.get("scene_scripts", []):
        shots = script["shoot_scripts"]
        if not shots or any(not (one.get("text_config") or one.get("audio_config")) for one in shots):
            return fail(400, "MSS.00000003", "Invalid parameter: shoot_scripts")
        named = [one["audio_config"].get("asset_id") for one in shots if "audio_config" in one]
        named += [one.get("background_asset_id") for one in script.get("background_config", [])]
        named += [one.get("asset_id") for one in script.get("layer_config", [])]
        if any(name and name not in backend.assets for name in named):
            return fail(400, "MSS.00000003", "Invalid parameter: asset not found")
    return None


def _create(backend: Backend, _request: Request, body: Fields) -> Response:
    wrong = _wrong(backend, body)
    if wrong:
        return wrong
    room_id = backend.new_id("room")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = {"room_state": "DISABLE" if "blockme" in body["room_name"] else "ENABLE", "create_time": now}
    backend.rooms[room_id] = {"room_type": "NORMAL"} | body | {"room_id": room_id, "update_time": now} | state
    return Response.json({"room_id": room_id})


def _list(backend: Backend, request: Request, _body: Fields) -> Response:
    name = request.query.get("room_name", "")
    rooms = [one for one in backend.rooms.values() if name in one["room_name"]]
    return listed(request, "smart_live_rooms", rooms)


def _show(backend: Backend, _request: Request, _body: Fields, room_id: str) -> Response:
    room = backend.rooms.get(room_id)
    return Response.json(room) if room else fail(404, "MSS.00000003", "The room does not exist")


def _update(backend: Backend, _request: Request, body: Fields, room_id: str) -> Response:
    if room_id not in backend.rooms:
        return fail(404, "MSS.00000003", "The room does not exist")
    wrong = _wrong(backend, body)
    if wrong:
        return wrong
    backend.rooms[room_id] |= body
    return Response.json(backend.rooms[room_id])


def _delete(backend: Backend, _request: Request, _body: Fields, room_id: str) -> Response:
    return Response(200) if backend.rooms.pop(room_id, None) else fail(404, "MSS.00000003", "The room does not exist")


CALLS: Final[dict[str, Callable[..., Response]]] = {
    "create_smart_live_room": _create,
    "list_smart_live_rooms": _list,
    "show_smart_live_room": _show,
    "update_smart_live_room": _update,
    "delete_smart_live_room": _delete,
}
