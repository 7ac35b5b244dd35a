"""MetaStudio's avatar and voice training jobs as MS-API chapters 8 and 9 describe them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from pipeline.upload.emulator.backend import Backend, Url
from pipeline.upload.emulator.messages import Request, Response
from pipeline.upload.emulator.metastudio import admitted, fail, limited, project_path

_AVATAR: Final = "/digital-human-training-manage/user/jobs"
_VOICE: Final = "/voice-training-manage/user"
_OCTETS: Final = "application/octet-stream"
_SENTENCES: Final = {"basic": 20, "middle": 100}  # of a job in sentences (9.1, 9.2)
_SINGLE: Final = {
    "cover_upload_url": _OCTETS,
    "id_card_image1_upload_url": _OCTETS,
    "id_card_image2_upload_url": _OCTETS,
    "grant_file_upload_url": _OCTETS,
    "pre_beauty_image_upload_url": _OCTETS,
    "post_beauty_image_upload_url": _OCTETS,
    "audio_upload_url": "application/zip",
}


def handle(backend: Backend, request: Request) -> Response:
    """Any call of the two training services."""
    refused = admitted(backend, request)
    if refused:
        return refused
    path = project_path(backend, request)
    if isinstance(path, Response):
        return path
    if request.headers.get("x-project-id") != backend.account.project:
        return fail(400, "MSS.10000003", "X-Project-Id is missing")
    body = json.loads(request.body) if request.body else {}
    kind = "training" if path.startswith(_AVATAR) else "voice"
    group = f"query {kind} job" if request.method == "GET" else f"create {kind} job"
    slow = limited(backend, group)
    if slow:
        return slow
    return (_avatar if kind == "training" else _voice)(backend, request, path, body)


def _url(backend: Backend, request: Request, job: str, slot: str, kind: str, part: int | None = None) -> str:
    until = backend.now() + backend.url_age
    return backend.presign(request.base, Url(f"{job}-{slot}", until, kind, None, part=part, single=True))


def _jobs(backend: Backend, **wanted: str) -> Response:
    found = [job for job in backend.jobs.values() if all(job.get(k) == v for k, v in wanted.items() if v)]
    return Response.json({"count": len(found), "jobs": found, "voice_training_list": found})


# --- avatar ---------------------------------------------------------------------------------------------


def _avatar(backend: Backend, request: Request, path: str, body: dict[str, Any]) -> Response:
    found = re.fullmatch(_AVATAR + r"(?:/([^/]+))?(/command)?", path)
    if not found:
        return fail(404, "APIGW.0101", "no such API")
    job_id, command = found.groups()
    if job_id is None:
        if request.method == "GET":
            return _jobs(backend, batch_name=request.query.get("batch_name", ""))
        return _new_avatar(backend, request, body)
    job = backend.jobs.get(job_id)
    if job is None:
        return fail(404, "MSS.41000003", "The job does not exist")
    if command:
        return _command(backend, job, body)
    if request.method == "DELETE":
        del backend.jobs[job_id]
        return Response(200)
    if request.method == "PUT":
        if job["state"] not in ("AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED"):
            return fail(400, "MSS.41000001", "Wrong job state")
        return _new_avatar(backend, request, body | {"model_version": "V3.2"}, job_id)
    _walk(job)
    return Response.json(job)


def _new_avatar(backend: Backend, request: Request, body: dict[str, Any], job_id: str = "") -> Response:
    """A new job, or new addresses for the files of one that review refused."""
    counts = [body.get("video_multipart_count", 1), body.get("action_video_multipart_count", 1)]
    if not body.get("name") or body.get("model_version") != "V3.2" or any(not 1 <= n <= 1000 for n in counts):
        return fail(400, "MSS.10000003", "Invalid parameter")
    for held in (backend.objects, backend.parts):
        for name in [name for name in held if job_id and name.startswith(f"{job_id}-")]:
            del held[name]
    job_id = job_id or backend.new_id("job")
    backend.jobs[job_id] = {
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
        answer[f"{slot}_upload_url"] = [_url(backend, request, job_id, slot, _OCTETS, n) for n in numbers]
    for slot, kind in _SINGLE.items():
        answer[slot] = _url(backend, request, job_id, slot.removesuffix("_upload_url"), kind)
    return Response.json(answer)


def _command(backend: Backend, job: dict[str, Any], body: dict[str, Any]) -> Response:
    command = str(body.get("command"))
    slot = "action_video" if "ACTION" in command else "training_video"
    stored = backend.parts.get(f"{job['job_id']}-{slot}", {})
    if command.startswith("GET_"):
        parts = [{"part_number": number, "etag": part.etag} for number, part in sorted(stored.items())]
        return Response.json({"commond_result": "SUCCESS", "multipart_data": parts})
    if command.startswith("CONFIRM_"):
        if len(stored) != job["parts"][0 if slot == "training_video" else 1]:
            return fail(400, "MSS.41000014", "Parts are missing")
        name = f"{job['job_id']}-{slot}"
        backend.objects[name] = backend.join(name, stored)
        job["confirmed"] = [*job["confirmed"], slot]
        return Response.json({"commond_result": "SUCCESS"})
    if command == "SUBMITVERIFYING":
        if job["state"] != "WAIT_FILE_UPLOAD":
            return fail(400, "MSS.41000001", "Wrong job state")
        needed = ["id_card_image1", "id_card_image2", "grant_file"]
        needed += ["audio"] if job["audio_source_type"] == "AUDIO" else []
        missing = [slot for slot in needed if f"{job['job_id']}-{slot}" not in backend.objects]
        if "training_video" not in job["confirmed"] or missing:
            return fail(500, "MSS.41000005", f"missing: {', '.join(missing) or 'training video'}")
        job["state"] = "AUTO_VERIFYING"
        return Response.json({"commond_result": "SUCCESS"})
    return fail(400, "MSS.10000003", "Unknown command")


def _walk(job: dict[str, Any]) -> None:
    """Every look moves a submitted job one state on."""
    if job["state"] == "AUTO_VERIFYING" and "failme" in job["name"]:
        job["state"] = "AUTO_VERIFY_FAILED"
        job["comment_logs"] = [{"comment_message": "the footage is too dark"}]
    order = ["AUTO_VERIFYING", "MANUAL_VERIFYING", "TRAINING"]
    if job["state"] in order[:-1]:
        job["state"] = order[order.index(job["state"]) + 1]


# --- voice ----------------------------------------------------------------------------------------------


def _voice(backend: Backend, request: Request, path: str, body: dict[str, Any]) -> Response:
    rest = path.removeprefix(_VOICE)
    found = re.fullmatch(r"/jobs/([^/]+)(/uploading-address-url|/audit-result)?", rest)
    created = re.fullmatch(r"/(basic|middle|advance)-jobs", rest)
    if created and request.method == "POST":
        return _new_voice(backend, request, body, created[1])
    if rest == "/jobs":
        return _jobs(backend, batch_name=request.query.get("batch_name", ""))
    wanted = request.query.get("job_id", "") if rest == "/training-segment" else found[1] if found else ""
    job = backend.jobs.get(wanted)
    if job is None:
        return fail(404, "MSS.20020001", "The job does not exist")
    if rest == "/training-segment":
        return _segment(backend, request, job)
    if found is not None and found[2] == "/audit-result":
        error = {"audio_name": "3.wav", "text_name": "3.txt", "error_code": "MSS.20020028", "error_message": "mismatch"}
        return Response.json({"system_audit_result": {"errors": [error] if job["state"] == "AUDIT_FAILED" else []}})
    if found is not None and found[2]:
        return Response.json(_addresses(backend, request, job))
    if request.method == "POST":
        return _begun(backend, job)
    if request.method == "GET" and job["state"] == "SYSTEM_AUDITING":
        job["state"] = "AUDIT_FAILED" if "failme" in job["voice_name"] else "AUDITING"
    return Response.json(job)


def _addresses(backend: Backend, request: Request, job: dict[str, Any]) -> dict[str, Any]:
    """Where the files of a job go; of a job in sentences the present one's, whatever its number."""
    letter = _url(backend, request, job["job_id"], "letter", _OCTETS)
    if job["create_type"] == "PACKAGE":
        package = _url(backend, request, job["job_id"], "package", "application/zip")
        return {
            "package_url": {"training_data_uploading_url": package},
            "authorization_letter_uploading_url": letter,
        }
    kinds = (("audio", "audio/wav"), ("txt", "text/plain"))
    urls = {f"{s}_uploading_url": _url(backend, request, job["job_id"], f"sentence-{s}", k) for s, k in kinds}
    return {"segment_url": urls, "authorization_letter_uploading_url": letter}


def _begun(backend: Backend, job: dict[str, Any]) -> Response:
    if job["state"] != "CREATING":
        return fail(400, "MSS.20020001", "Wrong job state")
    if job["create_type"] == "PACKAGE" and f"{job['job_id']}-package" not in backend.objects:
        return fail(400, "MSS.20020030", "The uploaded file does not exist in the bucket")
    if job["create_type"] == "SEGMENT" and len(job["confirmed"]) != _SENTENCES[job["edition"]]:
        return fail(400, "MSS.20020016", "The number of sentences is wrong")
    if f"{job['job_id']}-letter" not in backend.objects:
        return fail(400, "MSS.20020010", "The authorization letter is missing")
    job["state"] = "SYSTEM_AUDITING"
    return Response.json(job)


def _segment(backend: Backend, request: Request, job: dict[str, Any]) -> Response:
    """Which sentences are confirmed, or confirm the one that has been put."""
    if request.method == "GET":
        return Response.json({"confirmed_index": job["confirmed"]})
    text = request.query.get("index", "")
    if not text.isdecimal() or int(text) > 1024:
        return fail(400, "MSS.10000003", "index")
    names = {half: f"{job['job_id']}-sentence-{half}" for half in ("audio", "txt")}
    if not all(name in backend.objects for name in names.values()):
        return fail(400, "MSS.20020030", "The uploaded file does not exist in the bucket")
    if b"mismatch" in backend.objects[names["txt"]].path.read_bytes():
        return Response.json({"confirm_result": False, "unmatched_index_hit": [3, 4]})
    for half, name in names.items():
        backend.objects[f"{job['job_id']}-{text}.{'wav' if half == 'audio' else 'txt'}"] = backend.objects.pop(name)
    job["confirmed"] = [*job["confirmed"], int(text)]
    return Response.json({"confirm_result": True, "unmatched_index_hit": []})


def _new_voice(backend: Backend, request: Request, body: dict[str, Any], edition: str) -> Response:
    kind = body.get("create_type")
    good = body.get("voice_name") and body.get("tag") in ("ECOMMERCE", "NEWS", "MARKETING")
    kinds = ("PACKAGE",) if edition == "advance" else ("PACKAGE", "SEGMENT")
    if not good or kind not in kinds or body.get("language", "CN") != "CN":
        return fail(400, "MSS.10000003", "Invalid parameter")
    job_id = backend.new_id("voice")
    backend.jobs[job_id] = {
        "job_id": job_id,
        "voice_name": body["voice_name"],
        "batch_name": body.get("batch_name", ""),
        "state": "CREATING",
        "create_type": kind,
        "edition": edition,
        "confirmed": [],
    }
    told = _addresses(backend, request, backend.jobs[job_id])
    letter = told["authorization_letter_uploading_url"]
    rest = told.get("package_url") or {"segment_uploading_url": told.get("segment_url")}
    return Response.json({"job_id": job_id, "authorization_letter_uploading_url": letter} | rest)
