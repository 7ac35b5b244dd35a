"""MetaStudio's video scripts and subtitle files as MS-API chapter 5 describes them, beyond what its tables say."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator.backend import Backend, Stored, Url, b64
from pipeline.upload.emulator.messages import Request, Response, fail, listed

_SOUND: Final = 100 * (1 << 20)  # bytes
_OCTETS: Final = "application/octet-stream"


def _list(backend: Backend, request: Request, _body: Fields) -> Response:
    name = request.query.get("name", "")
    rows = [one for one in backend.scripts.values() if name in one["script_name"]]
    return listed(request, "video_scripts", rows)


def _show(backend: Backend, request: Request, _body: Fields, script_id: str) -> Response:
    script = backend.scripts.get(script_id)
    if script is None:
        return fail(404, "MSS.20010014", "The script does not exist")
    return Response.json(_shown(backend, request, script))


def _delete(backend: Backend, _request: Request, _body: Fields, script_id: str) -> Response:
    if backend.scripts.pop(script_id, None) is None:
        return fail(404, "MSS.20010014", "The script does not exist")
    return Response(200)


def _create(backend: Backend, request: Request, body: Fields) -> Response:
    return _saved(backend, request, body, backend.new_id("script"))


def _update(backend: Backend, request: Request, body: Fields, script_id: str) -> Response:
    if script_id not in backend.scripts:
        return fail(404, "MSS.20010014", "The script does not exist")
    return _saved(backend, request, backend.scripts[script_id] | body, script_id)


def _saved(backend: Backend, request: Request, body: Fields, script_id: str) -> Response:
    wrong = _wrong(backend, body, script_id)
    if wrong:
        return wrong
    backend.scripts[script_id] = body | {"script_id": script_id}
    urls = [
        {
            "sequence_no": scene["sequence_no"],
            "audio_file_upload_url": _url(backend, request, f"{script_id}-audio-{scene['sequence_no']}", None),
        }
        for scene in body["shoot_scripts"]
        if scene["shoot_script"].get("script_type") == "AUDIO"
    ]
    return Response.json({"script_id": script_id, "audio_files": {"audio_file_url": urls}})


def _wrong(backend: Backend, body: Fields, script_id: str | None) -> Response | None:
    name, scenes = str(body.get("script_name", "")), body.get("shoot_scripts") or []
    numbers = [scene.get("sequence_no") for scene in scenes]
    if not scenes or len(set(numbers)) != len(numbers):
        return fail(400, "MSS.20010070", "shoot_scripts")
    if any(one["script_name"] == name and one["script_id"] != script_id for one in backend.scripts.values()):
        return fail(400, "MSS.20010005", "Duplicate script name")
    for scene in scenes:
        shot = scene.get("shoot_script") or {}
        text = (shot.get("text_config") or {}).get("text", "")
        if shot.get("script_type", "TEXT") == "TEXT" and not text:
            return fail(500, "MSS.20010089", "The text is empty")
    return None


def _shown(backend: Backend, request: Request, script: Fields) -> Fields:
    """A script as the query shows it: where sound can be fetched, where subtitle files can be fetched and replaced."""
    script_id, sounds, scenes = script["script_id"], [], []
    for scene in script["shoot_scripts"]:
        number, shown = scene["sequence_no"], dict(scene)
        if scene["shoot_script"].get("script_type", "TEXT") == "AUDIO":
            url = _url(backend, request, f"{script_id}-audio-{number}", None, get=True)
            sounds.append({"sequence_no": number, "audio_file_download_url": url})
        if f"{script_id}-subtitle-{number}" in backend.subtitles:
            kind = scene["shoot_script"].get("script_type", "TEXT").lower()
            shown["subtitle_file_info"] = {f"{kind}_subtitle_file": _file(backend, request, script_id, number)}
        scenes.append(shown)
    return script | {"audio_files": {"audio_file_url": sounds}, "shoot_scripts": scenes}


def _file(backend: Backend, request: Request, script_id: str, number: int) -> Fields:
    name = f"{script_id}-subtitle-{number}"
    return {
        "subtitle_file_state": "GENERATE_SUCCEED",
        "subtitle_file_upload_url": _url(backend, request, name, _OCTETS),
        "subtitle_file_download_url": _url(backend, request, name, None, get=True),
    }


def _url(backend: Backend, request: Request, name: str, kind: str | None, *, get: bool = False) -> str:
    most = _SOUND if "-audio-" in name else None
    return backend.presign(request.base, Url(name, backend.now() + backend.url_age, kind, None, get=get, most=most))


def _subtitle(backend: Backend, _request: Request, body: Fields) -> Response:
    if body["script_id"] not in backend.scripts:
        return fail(404, "MSS.20010014", "The script does not exist")
    job_id = backend.new_id("subtitlejob")
    backend.tasks[job_id] = {"looks": 0, "script_id": body["script_id"]}
    return Response.json({"job_id": job_id})


def _subtitles(backend: Backend, request: Request, _body: Fields, job_id: str) -> Response:
    task = backend.tasks.get(job_id)
    if task is None:
        return fail(404, "MSS.20010014", "The job does not exist")
    task["looks"] += 1
    if task["looks"] < 2:
        return Response.json({"job_state": "GENERATING", "subtitle_file_info": []})
    rows = [_made(backend, request, task["script_id"], scene) for scene in _scenes(backend, task["script_id"])]
    return Response.json({"job_state": "GENERATED", "subtitle_file_info": rows})


def _scenes(backend: Backend, script_id: str) -> list[Fields]:
    found: list[Fields] = backend.scripts[script_id]["shoot_scripts"]
    return found


def _made(backend: Backend, request: Request, script_id: str, scene: Fields) -> Fields:
    """The subtitles of a scene, made from its text, or from its sound if it has been uploaded."""
    number = scene["sequence_no"]
    if (
        scene["shoot_script"].get("script_type", "TEXT") == "AUDIO"
        and f"{script_id}-audio-{number}" not in backend.objects
    ):
        why = {"error_code": "MSS.20010067", "error_msg": "The audio file does not exist"}
        return {"sequence_no": number, "subtitle_file_state": "GENERATE_FAILED", "error_info": why}
    backend.subtitles.add(f"{script_id}-subtitle-{number}")
    return {"sequence_no": number} | _file(backend, request, script_id, number)


# --- videos ---------------------------------------------------------------------------------------------


def _order_video(backend: Backend, _request: Request, body: Fields) -> Response:
    script = backend.scripts.get(str(body.get("script_id")))
    if script is None and not body.get("shoot_scripts"):
        return fail(404, "MSS.20010014", "The script does not exist")
    if "model_asset_id" not in body and not (script or {}).get("model_asset_id"):
        return fail(400, "MSS.20010058", "model_asset_id is missing")
    job_id = backend.new_id("video")
    name = body.get("output_asset_config", {}).get("asset_name") or (script or {}).get("script_name", "video")
    backend.videos[job_id] = body | {"job_id": job_id, "looks": 0, "name": name, "state": "WAITING"}
    return Response.json({"job_id": job_id})


def _list_videos(backend: Backend, request: Request, _body: Fields) -> Response:
    wanted = request.query.get("script_id")
    rows = [one for one in backend.videos.values() if wanted in (None, one.get("script_id"))]
    return listed(request, "jobs", rows)


def _show_video(backend: Backend, request: Request, _body: Fields, job_id: str) -> Response:
    """A task one step further with every look; a finished one has an asset of the library."""
    job = backend.videos.get(job_id)
    if job is None:
        return fail(404, "MSS.20010014", "The job does not exist")
    job["looks"] += 1
    job["state"] = ["WAITING", "PROCESSING", "SUCCEED"][min(job["looks"], 3) - 1]
    if job["state"] == "SUCCEED" and "failme" in job["name"]:
        job |= {"state": "FAILED", "error_info": {"error_code": "MSS.20010112", "error_msg": "no text"}}
    if job["state"] == "SUCCEED":
        job["made"] = job.get("made") or _film(backend, request, job)
    return Response.json(job | {"output_asset_config": job.get("made")})


def _film(backend: Backend, request: Request, job: Fields) -> Fields:
    """The finished video as an asset."""
    data, asset_id, file_id = b"a film of " + job["name"].encode(), backend.new_id("asset"), backend.new_id("file")
    digest = _kept(backend, file_id, data)
    url = backend.presign(request.base, Url(file_id, backend.now() + backend.url_age, None, None, get=True))
    file = {"file_id": file_id, "file_name": f"{job['name']}.mp4", "file_md5": b64(digest), "file_size": len(data)}
    file |= {"asset_file_category": "MAIN", "state": "CREATED", "download_url": url, "asset_id": asset_id}
    backend.files[file_id] = file
    asset = {"asset_id": asset_id, "asset_name": job["name"], "asset_type": "VIDEO", "asset_state": "ACTIVED"}
    backend.assets[asset_id] = asset | {"tags": [], "asset_extra_meta": {}, "files": [file]}
    return {"asset_id": asset_id, "asset_name": job["name"]}


def _cancel_video(backend: Backend, _request: Request, _body: Fields, job_id: str) -> Response:
    job = backend.videos.get(job_id)
    if job is None or job["state"] != "WAITING":
        return fail(400, "MSS.20010014", "Only a waiting job can be cancelled")
    job["state"] = "CANCELED"
    return Response(200)


# --- photos ---------------------------------------------------------------------------------------------


def _picture(text: str) -> bytes | None:
    """The bytes of a picture inside of a request; None where there are none."""
    try:
        return base64.b64decode(text, validate=True) or None
    except ValueError:  # the answer says it, in the platform's words
        return None


def _check_photo(backend: Backend, _request: Request, body: Fields) -> Response:
    picture = _picture(body["human_image"])
    if picture is None:
        return fail(400, "MSS.00000003", "Invalid parameter: human_image")
    job_id = backend.new_id("photo")
    backend.tasks[job_id] = {"job_id": job_id, "looks": 0, "faceless": b"noface" in picture}
    return Response.json({"job_id": job_id})


def _checked_photo(backend: Backend, _request: Request, _body: Fields, job_id: str) -> Response:
    task = backend.tasks.get(job_id)
    if task is None or "faceless" not in task:
        return fail(404, "MSS.00000003", "The job does not exist")
    task["looks"] += 1
    told: Fields = {"job_id": job_id, "state": ["WAITING", "PROCESSING", "SUCCEED"][min(task["looks"], 3) - 1]}
    if told["state"] == "SUCCEED" and task["faceless"]:
        told |= {"state": "FAILED", "error_info": {"error_code": "MSS.20010200", "error_msg": "no face was found"}}
    return Response.json(told)


def _order_photo(backend: Backend, request: Request, body: Fields) -> Response:
    if _picture(body["human_image"]) is None or body.get("authorize_use_human_image") is not True:
        return fail(400, "MSS.00000003", "Invalid parameter: human_image, authorize_use_human_image")
    if len(body.get("shoot_scripts", [])) > 1:
        return fail(400, "MSS.00000003", "Invalid parameter: one shoot_script only")
    return _order_video(backend, request, body | {"model_asset_id": "-"})


# --- auditions ------------------------------------------------------------------------------------------


def _audition(backend: Backend, _request: Request, body: Fields) -> Response:
    if not body["text"].strip() or not body["emotion"]:
        return fail(400, "MSS.00000003", "Invalid parameter")
    job_id = backend.new_id("audition")
    backend.tasks[job_id] = {"looks": 0, "text": body["text"]}
    return Response.json({"job_id": job_id})


def _auditioned(backend: Backend, request: Request, _body: Fields, job_id: str) -> Response:
    """Sentence by sentence: a file more with every look, as the list holds what has been made so far (10.2)."""
    task = backend.tasks.get(job_id)
    if task is None or "text" not in task:
        return fail(400, "MSS.00000003", "Invalid parameter")
    task["looks"] += 1
    said = [one for one in re.split("[。！？.!?]", task["text"]) if one.strip()]
    files = []
    for number, one in enumerate(said[: task["looks"]]):
        name = f"{job_id}-{number}.wav"
        if name not in backend.objects:
            _kept(backend, name, f"the sound of {one}".encode())
        until = backend.now() + 3600  # an hour (Table 10-10)
        files.append({"download_url": backend.presign(request.base, Url(name, until, None, None, get=True))})
    return Response.json({"is_file_complete": task["looks"] > len(said), "message": "", "files": files})


def _kept(backend: Backend, name: str, data: bytes) -> str:
    """An object that the platform made; its MD5 in hexadecimal."""
    path = backend.folder / backend.new_id("made")
    path.write_bytes(data)
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    backend.objects[name] = Stored(path, len(data), digest, digest)
    return digest


CALLS: Final[dict[str, Callable[..., Response]]] = {
    "create_video_scripts": _create,
    "list_video_scripts": _list,
    "show_video_script": _show,
    "update_video_script": _update,
    "delete_video_script": _delete,
    "create2_d_digital_human_video": _order_video,
    "list_digital_human_video": _list_videos,
    "show2_d_digital_human_video": _show_video,
    "cancel2_d_digital_human_video": _cancel_video,
    "create_photo_detection": _check_photo,
    "show_photo_detection": _checked_photo,
    "create_photo_digital_human_video": _order_photo,
    "show_photo_digital_human_video": _show_video,
    "create_tts_audition": _audition,
    "show_tts_audition_file": _auditioned,
    "create_subtitle_file": _subtitle,
    "show_subtitle_file": _subtitles,
}
