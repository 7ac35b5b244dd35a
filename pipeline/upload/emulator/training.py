"""MetaStudio's avatar and voice training as MS-API chapters 8 and 9 describe them, beyond what their tables say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator.backend import Backend, Url
from pipeline.upload.emulator.messages import Request, Response, fail, listed

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


def _url(backend: Backend, request: Request, job: str, slot: str, kind: str, part: int | None = None) -> str:
    until = backend.now() + backend.url_age
    return backend.presign(request.base, Url(f"{job}-{slot}", until, kind, None, part=part, single=True))


# --- avatar ---------------------------------------------------------------------------------------------


def _create_avatar(backend: Backend, request: Request, body: Fields) -> Response:
    return _opened(backend, request, body, backend.new_id("job"))


def _list_avatars(backend: Backend, request: Request, _body: Fields) -> Response:
    wanted = request.query.get("batch_name")
    jobs = [job for job in backend.jobs.values() if "voice_name" not in job]
    return listed(request, "jobs", [job for job in jobs if wanted in (None, job["batch_name"])])


def _show_avatar(backend: Backend, _request: Request, _body: Fields, job_id: str) -> Response:
    job = backend.jobs.get(job_id)
    if job is None:
        return fail(404, "MSS.41000003", "The job does not exist")
    _walk(job)
    return Response.json(job)


def _delete_avatar(backend: Backend, _request: Request, _body: Fields, job_id: str) -> Response:
    return Response(200) if backend.jobs.pop(job_id, None) else fail(404, "MSS.41000003", "The job does not exist")


def _update_avatar(backend: Backend, request: Request, body: Fields, job_id: str) -> Response:
    job = backend.jobs.get(job_id)
    if job is None:
        return fail(404, "MSS.41000003", "The job does not exist")
    if job["state"] not in ("AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED"):
        return fail(400, "MSS.41000001", "Wrong job state")
    return _opened(backend, request, {"name": job["name"]} | body, job_id)


def _opened(backend: Backend, request: Request, body: Fields, job_id: str) -> Response:
    """A new job, or new addresses for the files of one that review refused."""
    counts = [body.get("video_multipart_count", 1), body.get("action_video_multipart_count", 1)]
    for held in (backend.objects, backend.parts):
        for name in [name for name in held if name.startswith(f"{job_id}-")]:
            del held[name]
    backend.jobs[job_id] = {
        "job_id": job_id,
        "name": body["name"],
        "batch_name": body.get("batch_name", ""),
        "tags": body.get("tags", []),
        "supported_service": body.get("supported_service", []),
        "state": "WAIT_FILE_UPLOAD",
        "audio_source_type": body.get("audio_source_type", "VIDEO"),
        "parts": counts,
        "confirmed": [],
    }
    answer: Fields = {"job_id": job_id}
    for slot, count in zip(("training_video", "action_video"), counts, strict=True):
        numbers = range(1, count + 1)
        answer[f"{slot}_upload_url"] = [_url(backend, request, job_id, slot, _OCTETS, n) for n in numbers]
    for slot, kind in _SINGLE.items():
        answer[slot] = _url(backend, request, job_id, slot.removesuffix("_upload_url"), kind)
    return Response.json(answer)


def _command(backend: Backend, _request: Request, body: Fields, job_id: str) -> Response:
    """A command is heard with 200; whether it was done stands in the answer (Table 8-51)."""
    job, command = backend.jobs.get(job_id), str(body["command"])
    if job is None:
        return fail(404, "MSS.41000003", "The job does not exist")
    slot = "action_video" if "ACTION" in command else "training_video"
    stored = backend.parts.get(f"{job_id}-{slot}", {})
    if command.startswith("GET_"):
        parts = [{"part_number": str(number), "etag": part.etag} for number, part in sorted(stored.items())]
        return _done(multipart_data=parts)
    if "MULTIPART" in command:
        if len(stored) != job["parts"][0 if slot == "training_video" else 1]:
            return fail(400, "MSS.41000014", "Parts are missing")
        name = f"{job_id}-{slot}"
        backend.objects[name] = backend.join(name, stored)
        job["confirmed"] = [*job["confirmed"], slot]
        return _done()
    if command == "SUBMITVERIFYING":
        return _submitted(backend, job)
    if command in _DECIDED and job["state"] == "WAIT_USER_CONFIRM":
        job["state"] = _DECIDED[command]
        return _done()
    return Response.json({"commond_result": "EXCUTE_FAILED", "excute_failed_msg": "Wrong job state"})


# what is decided about a finished model -> the state it leads to
_DECIDED: Final = {"CONFIRM_ACCEPT": "JOB_FINISH", "CONFIRM_REJECT": "JOB_REJECT", "CONFIRM_REPAIR": "WAIT_ARRANGE"}


def _done(**more: Any) -> Response:
    return Response.json({"commond_result": "EXCUTE_SUCCESS"} | more)


def _submitted(backend: Backend, job: Fields) -> Response:
    if job["state"] != "WAIT_FILE_UPLOAD":
        return fail(400, "MSS.41000001", "Wrong job state")
    needed = ["id_card_image1", "id_card_image2", "grant_file"]
    needed += ["audio"] if job["audio_source_type"] == "AUDIO" else []
    missing = [slot for slot in needed if f"{job['job_id']}-{slot}" not in backend.objects]
    if "training_video" not in job["confirmed"] or missing:
        return fail(500, "MSS.41000005", f"missing: {', '.join(missing) or 'training video'}")
    if "nosubmit" in job["name"]:
        return Response.json({"commond_result": "EXCUTE_FAILED", "excute_failed_msg": "the queue is full"})
    job["state"] = "AUTO_VERIFYING"
    return _done()


def _walk(job: Fields) -> None:
    """Every look moves a submitted job one state on."""
    if job["state"] == "AUTO_VERIFYING" and "failme" in job["name"]:
        job["state"] = "AUTO_VERIFY_FAILED"
        job["comment_logs"] = [{"comment_message": "the footage is too dark"}]
    order = ["AUTO_VERIFYING", "MANUAL_VERIFYING", "TRAINING"]
    order += (
        ["WAIT_USER_CONFIRM"] if "confirmme" in job["name"] else ["JOB_SUCCESS"] if "finishme" in job["name"] else []
    )
    if job["state"] in order[:-1]:
        job["state"] = order[order.index(job["state"]) + 1]
    if job["state"] == "WAIT_USER_CONFIRM":
        job["verify_video_download_url"] = f"https://example.com/{job['job_id']}-demo.mp4"
    if job["state"] in ("JOB_SUCCESS", "JOB_FINISH"):
        job["asset_id"] = f"model-{job['job_id']}"


# --- voice ----------------------------------------------------------------------------------------------


def _create_voice(edition: str) -> Callable[..., Response]:
    def create(backend: Backend, request: Request, body: Fields) -> Response:
        kind = body.get("create_type", "PACKAGE")
        if (kind == "SEGMENT" and edition == "advance") or body.get("language", "CN") != "CN":
            return fail(400, "MSS.10000003", "Invalid parameter")
        job_id = backend.new_id("voice")
        backend.jobs[job_id] = {key: body[key] for key in ("sex", "tag", "phone") if key in body} | {
            "job_id": job_id,
            "job_type": edition.upper(),
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

    return create


def _list_voices(backend: Backend, request: Request, _body: Fields) -> Response:
    name = request.query.get("voice_name", "")
    return listed(request, "jobs", [job for job in backend.jobs.values() if name in job.get("voice_name", "")])


def _voice(do: Callable[..., Response]) -> Callable[..., Response]:
    """A call about one voice job, which the path or the query names."""

    def call(backend: Backend, request: Request, _body: Fields, job_id: str = "") -> Response:
        job = backend.jobs.get(job_id or request.query.get("job_id", ""))
        return do(backend, request, job) if job else fail(404, "MSS.20020001", "The job does not exist")

    return call


def _show_voice(_backend: Backend, _request: Request, job: Fields) -> Response:
    if job["state"] == "SYSTEM_AUDITING":
        job["state"] = "AUDIT_FAILED" if "failme" in job["voice_name"] else "AUDITING"
    return Response.json(job)


def _delete_voice(backend: Backend, _request: Request, job: Fields) -> Response:
    del backend.jobs[job["job_id"]]
    return Response(200)


def _audit(_backend: Backend, _request: Request, job: Fields) -> Response:
    error = {"audio_name": "3.wav", "text_name": "3.txt", "error_code": "MSS.20020028", "error_message": "mismatch"}
    return Response.json({"system_audit_result": {"errors": [error] if job["state"] == "AUDIT_FAILED" else []}})


def _show_addresses(backend: Backend, request: Request, job: Fields) -> Response:
    return Response.json(_addresses(backend, request, job))


def _addresses(backend: Backend, request: Request, job: Fields) -> Fields:
    """Where the files of a job go; of a job in sentences an array with the addresses of all (Tables 9-5, 9-44)."""
    letter = _url(backend, request, job["job_id"], "letter", _OCTETS)
    if job["create_type"] == "PACKAGE":
        package = _url(backend, request, job["job_id"], "package", "application/zip")
        return {
            "package_url": {"training_data_uploading_url": package},
            "authorization_letter_uploading_url": letter,
        }
    kinds, numbers = (("audio", "wav", "audio/wav"), ("txt", "txt", "text/plain")), range(_SENTENCES[job["edition"]])
    urls = {
        f"{half}_uploading_url": [_url(backend, request, job["job_id"], f"{n}.{ending}", kind) for n in numbers]
        for half, ending, kind in kinds
    }
    return {"segment_url": urls, "authorization_letter_uploading_url": letter}


def _begun(backend: Backend, _request: Request, job: Fields) -> Response:
    if job["state"] != "CREATING":
        return fail(400, "MSS.20020001", "Wrong job state")
    if job["create_type"] == "PACKAGE" and f"{job['job_id']}-package" not in backend.objects:
        return fail(400, "MSS.20020030", "The uploaded file does not exist in the bucket")
    if job["create_type"] == "SEGMENT" and len(job["confirmed"]) != _SENTENCES[job["edition"]]:
        return fail(400, "MSS.20020016", "The number of sentences is wrong")
    if f"{job['job_id']}-letter" not in backend.objects:
        return fail(400, "MSS.20020010", "The authorization letter is missing")
    job["state"] = "SYSTEM_AUDITING"
    return Response(200)


def _confirmed(_backend: Backend, _request: Request, job: Fields) -> Response:
    return Response.json({"confirmed_index": job["confirmed"]})


def _heard(backend: Backend, request: Request, job: Fields) -> Response:
    """Confirm a sentence: its recording and its text must have been put, and say the same."""
    index = int(request.query["index"])
    names = [f"{job['job_id']}-{index}.{ending}" for ending in ("wav", "txt")]
    if not all(name in backend.objects for name in names):
        return fail(400, "MSS.20020030", "The uploaded file does not exist in the bucket")
    if b"mismatch" in backend.objects[names[1]].path.read_bytes():
        return Response.json({"confirm_result": False, "unmatched_index_hit": [3, 4]})
    job["confirmed"] = sorted({*job["confirmed"], index})
    return Response.json({"confirm_result": True, "unmatched_index_hit": []})


CALLS: Final[dict[str, Callable[..., Response]]] = {
    "create2d_model_training_job": _create_avatar,
    "list2d_model_training_job": _list_avatars,
    "show2d_model_training_job": _show_avatar,
    "delete2d_model_training_job": _delete_avatar,
    "update2d_model_training_job": _update_avatar,
    "execute2d_model_training_command_by_user": _command,
    "create_training_basic_job": _create_voice("basic"),
    "create_training_middle_job": _create_voice("middle"),
    "create_training_advance_job": _create_voice("advance"),
    "list_voice_training_job": _list_voices,
    "commit_voice_training_job": _voice(_begun),
    "show_voice_training_job": _voice(_show_voice),
    "delete_voice_training_job": _voice(_delete_voice),
    "show_job_uploading_address": _voice(_show_addresses),
    "show_job_audit_result": _voice(_audit),
    "confirm_training_segment": _voice(_heard),
    "show_training_segment_info": _voice(_confirmed),
}
