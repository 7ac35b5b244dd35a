"""MetaStudio's avatar and voice training jobs as MS-API chapters 8 and 9 describe them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from pipeline.upload.sandbox.metastudio import admitted, fail, limited, project_path
from pipeline.upload.sandbox.wire import Request, Response
from pipeline.upload.sandbox.world import Url, World

_AVATAR: Final = "/digital-human-training-manage/user/jobs"
_VOICE: Final = "/voice-training-manage/user"
_OCTETS: Final = "application/octet-stream"
_SINGLE: Final = {
    "cover_upload_url": _OCTETS,
    "id_card_image1_upload_url": _OCTETS,
    "id_card_image2_upload_url": _OCTETS,
    "grant_file_upload_url": _OCTETS,
    "pre_beauty_image_upload_url": _OCTETS,
    "post_beauty_image_upload_url": _OCTETS,
    "audio_upload_url": "application/zip",
}


def handle(world: World, request: Request) -> Response:
    """Any call of the two training services."""
    refused = admitted(world, request)
    if refused:
        return refused
    path = project_path(world, request)
    if isinstance(path, Response):
        return path
    if request.headers.get("x-project-id") != world.account.project:
        return fail(400, "MSS.10000003", "X-Project-Id is missing")
    body = json.loads(request.body) if request.body else {}
    kind = "training" if path.startswith(_AVATAR) else "voice"
    group = f"query {kind} job" if request.method == "GET" else f"create {kind} job"
    slow = limited(world, group)
    if slow:
        return slow
    return (_avatar if kind == "training" else _voice)(world, request, path, body)


def _url(world: World, request: Request, job: str, slot: str, kind: str, part: int | None = None) -> str:
    until = world.now() + world.url_age
    return world.presign(request.base, Url(f"{job}-{slot}", until, kind, None, part=part, single=True))


def _jobs(world: World, **wanted: str) -> Response:
    found = [job for job in world.jobs.values() if all(job.get(k) == v for k, v in wanted.items() if v)]
    return Response.json({"count": len(found), "jobs": found, "voice_training_list": found})


# --- avatar ---------------------------------------------------------------------------------------------


def _avatar(world: World, request: Request, path: str, body: dict[str, Any]) -> Response:
    found = re.fullmatch(_AVATAR + r"(?:/([^/]+))?(/command)?", path)
    if not found:
        return fail(404, "APIGW.0101", "no such API")
    job_id, command = found.groups()
    if job_id is None:
        if request.method == "GET":
            return _jobs(world, batch_name=request.query.get("batch_name", ""))
        return _new_avatar(world, request, body)
    job = world.jobs.get(job_id)
    if job is None:
        return fail(404, "MSS.41000003", "The job does not exist")
    if command:
        return _command(world, job, body)
    if request.method == "DELETE":
        del world.jobs[job_id]
        return Response(200)
    _walk(job)
    return Response.json(job)


def _new_avatar(world: World, request: Request, body: dict[str, Any]) -> Response:
    counts = [body.get("video_multipart_count", 1), body.get("action_video_multipart_count", 1)]
    if not body.get("name") or body.get("model_version") != "V3.2" or any(not 1 <= n <= 1000 for n in counts):
        return fail(400, "MSS.10000003", "Invalid parameter")
    job_id = world.new_id("job")
    world.jobs[job_id] = {
        "job_id": job_id,
        "name": body["name"],
        "batch_name": body.get("batch_name", ""),
        "state": "WAIT_FILE_UPLOAD",
        "audio_source_type": body.get("audio_source_type", "VIDEO"),
        "parts": counts,
        "confirmed": [],
    }
    answer: dict[str, Any] = {"job_id": job_id}
    for slot, count in zip(("training_video", "action_video"), counts, strict=True):
        numbers = range(1, count + 1)
        answer[f"{slot}_upload_url"] = [_url(world, request, job_id, slot, _OCTETS, n) for n in numbers]
    for slot, kind in _SINGLE.items():
        answer[slot] = _url(world, request, job_id, slot.removesuffix("_upload_url"), kind)
    return Response.json(answer)


def _command(world: World, job: dict[str, Any], body: dict[str, Any]) -> Response:
    command = str(body.get("command"))
    slot = "action_video" if "ACTION" in command else "training_video"
    stored = world.parts.get(f"{job['job_id']}-{slot}", {})
    if command.startswith("GET_"):
        parts = [{"part_number": number, "etag": part.etag} for number, part in sorted(stored.items())]
        return Response.json({"commond_result": "SUCCESS", "multipart_data": parts})
    if command.startswith("CONFIRM_"):
        if len(stored) != job["parts"][0 if slot == "training_video" else 1]:
            return fail(400, "MSS.41000014", "Parts are missing")
        name = f"{job['job_id']}-{slot}"
        world.objects[name] = world.join(name, stored)
        job["confirmed"] = [*job["confirmed"], slot]
        return Response.json({"commond_result": "SUCCESS"})
    if command == "SUBMITVERIFYING":
        if job["state"] != "WAIT_FILE_UPLOAD":
            return fail(400, "MSS.41000001", "Wrong job state")
        needed = ["id_card_image1", "id_card_image2", "grant_file"]
        needed += ["audio"] if job["audio_source_type"] == "AUDIO" else []
        missing = [slot for slot in needed if f"{job['job_id']}-{slot}" not in world.objects]
        if "training_video" not in job["confirmed"] or missing:
            return fail(500, "MSS.41000005", f"missing: {', '.join(missing) or 'training video'}")
        job["state"] = "AUTO_VERIFYING"
        return Response.json({"commond_result": "SUCCESS"})
    return fail(400, "MSS.10000003", "Unknown command")


def _walk(job: dict[str, Any]) -> None:
    """Every look moves a submitted job one state on."""
    order = ["AUTO_VERIFYING", "MANUAL_VERIFYING", "TRAINING"]
    if job["state"] in order[:-1]:
        job["state"] = order[order.index(job["state"]) + 1]


# --- voice ----------------------------------------------------------------------------------------------


def _voice(world: World, request: Request, path: str, body: dict[str, Any]) -> Response:
    rest = path.removeprefix(_VOICE)
    found = re.fullmatch(r"/jobs/([^/]+)(/uploading-address-url)?", rest)
    if re.fullmatch(r"/(basic|middle|advance)-jobs", rest) and request.method == "POST":
        return _new_voice(world, request, body)
    if rest == "/jobs":
        return _jobs(world, batch_name=request.query.get("batch_name", ""))
    job = world.jobs.get(found[1]) if found else None
    if found is None or job is None:
        return fail(404, "MSS.20020001", "The job does not exist")
    if found[2]:
        return Response.json(
            {
                "package_url": {"training_data_uploading_url": _package(world, request, job["job_id"])},
                "authorization_letter_uploading_url": _letter(world, request, job["job_id"]),
            }
        )
    if request.method == "POST":
        if job["state"] != "CREATING":
            return fail(400, "MSS.20020001", "Wrong job state")
        if f"{job['job_id']}-package" not in world.objects:
            return fail(400, "MSS.20020030", "The uploaded file does not exist in the bucket")
        if f"{job['job_id']}-letter" not in world.objects:
            return fail(400, "MSS.20020010", "The authorization letter is missing")
        job["state"] = "SYSTEM_AUDITING"
    elif request.method == "GET" and job["state"] == "SYSTEM_AUDITING":
        job["state"] = "AUDITING"
    return Response.json(job)


def _package(world: World, request: Request, job_id: str) -> str:
    return _url(world, request, job_id, "package", "application/zip")


def _letter(world: World, request: Request, job_id: str) -> str:
    return _url(world, request, job_id, "letter", _OCTETS)


def _new_voice(world: World, request: Request, body: dict[str, Any]) -> Response:
    good = body.get("voice_name") and body.get("tag") in ("ECOMMERCE", "NEWS", "MARKETING")
    if not good or body.get("create_type") != "PACKAGE" or body.get("language", "CN") != "CN":
        return fail(400, "MSS.10000003", "Invalid parameter")
    job_id = world.new_id("voice")
    name, batch = body["voice_name"], body.get("batch_name", "")
    world.jobs[job_id] = {"job_id": job_id, "voice_name": name, "batch_name": batch, "state": "CREATING"}
    return Response.json(
        {
            "job_id": job_id,
            "training_data_uploading_url": _package(world, request, job_id),
            "authorization_letter_uploading_url": _letter(world, request, job_id),
        }
    )
