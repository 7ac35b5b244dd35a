"""MetaStudio avatar training jobs (MS-API 8), and what all training jobs share. A manifest makes one job.

A job is found again by its batch name, which is made from the bytes. Upload URLs take one file and die; lost ones
cannot be asked for while a job waits for its files, so such a job is deleted and made anew.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.upload.credentials import seal, unseal
from pipeline.upload.destination import GaveUp, Receipt, Tools, Unit
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.order import TRAINING
from pipeline.upload.multipart import UploadPart
from pipeline.upload.order import Table
from pipeline.upload.retry import Retryable, retry
from pipeline.upload.transfer import Refused, Unknown

_URL_AGE: Final = 23 * 3600.0  # seconds
_PART: Final = 64 << 20  # bytes of a part, at least
_PARTS: Final = 1000  # video_multipart_count (Table 8-3)
_TRIES: Final = 4
_REFUSED: Final = frozenset({"AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED"})  # may be updated (8.5)
_ANEW: Final = frozenset({"MSS.41000005", "MSS.41000014", "AccessDenied"})  # a new job with new URLs may go
OCTETS: Final = "application/octet-stream"
ZIP: Final = "application/zip"
# role -> slots of the job, in order (Table 8-6)
_SLOTS: Final = {
    "video": ("training_video",),
    "action-video": ("action_video",),
    "id-card": ("id_card_image1", "id_card_image2"),
    "grant-file": ("grant_file",),
    "audio": ("audio",),
}
# Pictures before and after retouching, placed by the order (8.1)
_BEAUTY: Final = ("pre_beauty_image", "post_beauty_image")
_NEEDED: Final = ("training_video", "id_card_image1", "id_card_image2", "grant_file")
_KNOWN: Final = frozenset(slot for slots in _SLOTS.values() for slot in slots) | {"cover"} | set(_BEAUTY)


class TrainingJob:
    """What both kinds of job share."""

    def __init__(self, api: Api, order: dict[str, Any], table: Table, path: str) -> None:
        table.check("order", order)
        self.api, self.order, self.path = api, order, path
        self.place = api.place
        self._kind = table.name

    def close(self) -> None:
        """Let connections go."""
        self.api.caller.close()

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """One job for all."""
        if not items:
            return []
        key = hashlib.sha256("\0".join(sorted(item.key for item in items)).encode()).hexdigest()
        return [Unit(key, items[0].name, tuple(items))]

    def _call(self, method: str, path: str, body: object = None, *, what: str, again: bool = True) -> dict[str, Any]:
        kind = "query" if method == "GET" else "create"
        return self.api.call(method, path, body, group=f"{kind} {self._kind} job", what=what, again=again)

    def _marker(self, unit: Unit) -> str:
        return replace(unit.items[0], key=unit.key).marker

    def _found(self, marker: str) -> dict[str, Any] | None:
        """The job of this batch name, or None. Answers differ in the name of the list."""
        query = {"batch_name": marker, "limit": "100", "offset": "0"}
        told = self.api.call("GET", self.path, query=query, group=f"query {self._kind} job", what="query jobs")
        lists = [value for value in told.values() if isinstance(value, list)]
        jobs = [job for one in lists for job in one if isinstance(job, dict) and job.get("batch_name") == marker]
        return jobs[0] if jobs else None

    def _create(self, unit: Unit, path: str, body: dict[str, Any], tools: Tools) -> dict[str, Any] | None:
        """The answer with job id and URLs; None when a job is there whose answer was lost."""
        if tools.journal.open(unit.key, "create job") and self._found(body["batch_name"]):
            return None

        def attempt(number: int) -> dict[str, Any] | None:
            if number > 1 and self._found(body["batch_name"]):
                return None
            tools.journal.begin(unit.key, "create job")
            try:
                return self._call("POST", path, body, what="create job", again=False)
            except Unknown as error:  # the next attempt looks for it first
                raise Retryable(error) from None

        return retry(self.api.caller.patience, attempt)

    def _put(self, unit: Unit, slot: str, url: str, kind: str, file: File, tools: Tools) -> None:
        tools.journal.begin(unit.key, f"put {slot}")
        self.api.put(
            url,
            kind,
            file.md5,
            lambda: tools.body(file),
            etag=file.hex_md5,
            what=f"PUT {slot} {file.name!r}",
        )

    def _done(self, unit: Unit, slot: str, tools: Tools) -> None:
        done = sorted({*tools.journal.facts(unit.key).get("done", ()), slot})
        tools.journal.end(unit.key, f"put {slot}", done=done)

    @staticmethod
    def _forget(unit: Unit, tools: Tools) -> None:
        tools.journal.end(unit.key, "forget job", job_id=None, urls=None, at=None, done=None, parts=None)


class Avatar(TrainingJob):
    """An avatar training job, standard or Flexus."""

    def __init__(self, api: Api, order: dict[str, Any], *, flexus: bool) -> None:
        super().__init__(api, order, TRAINING, "/digital-human-training-manage/user/jobs")
        self.flexus = flexus
        if flexus and not {"job_tag", "sex"} <= set(order):
            raise UsageError(
                "order: [training] of a Flexus job wants job_tag and sex (MS-API 8.1 Table 8-4)",
                "订单：Flexus 任务的 [training] 需要 job_tag 与 sex（MS-API 8.1 表 8-4）",
            )

    def slots(self, items: Sequence[Item]) -> dict[str, File]:
        """Which file goes where: by role, or as the order says. Raises UsageError."""
        found: dict[str, File] = {}
        asked: dict[str, str] = self.order.get("files", {})
        for item in items:
            file = item.files[0]
            free = [slot for slot in _SLOTS.get(str(item.role), ()) if slot not in found]
            slot = asked.get(file.place) or (free[0] if free else "")
            if slot not in _KNOWN or slot in found:
                raise UsageError(
                    f"{file.place}: no place for it in a training job; name one of {', '.join(sorted(_KNOWN))} under "
                    f"[training.files] in the order, each once",
                    f"{file.place}：训练任务中没有它的位置；请在订单 [training.files] 中指定"
                    f" {'、'.join(sorted(_KNOWN))}，每项一次",
                )
            found[slot] = file
        missing = [slot for slot in _NEEDED if slot not in found]
        if missing:
            raise UsageError(
                f"a training job needs {', '.join(missing)}: prepare them with the same preset into one manifest",
                f"训练任务缺少 {'、'.join(missing)}：请用同一预设一起 prepare",
            )
        return found

    def _body(self, unit: Unit, slots: dict[str, File]) -> dict[str, Any]:
        body: dict[str, Any] = {
            key: value
            for key, value in self.order.items()
            if key not in ("files", "multipart_commands", "job_tag", "sex", "language", "batch_name", "job_id")
        }
        body |= {
            "name": self.order["name"],
            "model_version": "V3.2",  # V2 and V3 are retired (Table 8-3)
            "batch_name": self._marker(unit),
            "is_flexus": self.flexus or bool(self.order.get("is_flexus")),
            "video_multipart_count": _count(slots["training_video"].size),
            "audio_source_type": "AUDIO" if "audio" in slots else "VIDEO",
        }
        if "action_video" in slots:
            body["action_video_multipart_count"] = _count(slots["action_video"].size)
        if self.flexus:
            words = {"job_tag": self.order["job_tag"], "sex": self.order["sex"]}
            body["voice_properties"] = words | {"language": self.order.get("language", "CN")}
        return body

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        slots, base = self.slots(unit.items), f"/v1/{self.api.project}{self.path}"
        lines = [f"GET {base}?batch_name={self._marker(unit)}", f"POST {base} {self._body(unit, slots)}"]
        if "job_id" in self.order:
            lines = [f"GET {base}/{self.order['job_id']}", f"PUT {base}/{self.order['job_id']}"]
        for slot, file in slots.items():
            kind, video = (ZIP if slot == "audio" else OCTETS), slot.endswith("video")
            put = f"PUT {slot}_upload_url Content-Type: {kind} ({file.name!r}, {file.size} bytes"
            count = _count(file.size) if video else 1
            lines += [f"{put}, part {number} of {count})" for number in range(1, count + 1)] if video else [f"{put})"]
            if video:
                lines.append(f"POST {base}/{{job_id}}/command CONFIRM_{self._word(slot)}")
        return [*lines, f"POST {base}/{{job_id}}/command SUBMITVERIFYING", f"GET {base}/{{job_id}}"]

    def _word(self, slot: str) -> str:
        """The end of the commands about a video's parts; the documents have two spellings (C44)."""
        action = "ACTION_VIDEO_" if slot == "action_video" else ""
        return f"{action}MULTIPART_{self.order.get('multipart_commands', 'UPLOADED')}"

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        slots, abandoned = self.slots(unit.items), list[dict[str, Any]]()

        def attempt(_: int) -> Receipt:
            job, urls = self._job(unit, slots, tools, abandoned)
            if job.get("state", "WAIT_FILE_UPLOAD") != "WAIT_FILE_UPLOAD":
                return self._accepted(unit, job, "skipped", tools)
            job_id = str(job["job_id"])
            try:
                for slot, file in slots.items():
                    self._slot(unit, job_id, slot, file, urls, tools)
                self._command(job_id, "SUBMITVERIFYING")
            except Refused as error:
                if error.code == "MSS.41000001":  # submitted already: the answer was lost
                    return self._accepted(unit, self._show(job_id), "sent", tools)
                self._delete(unit, job_id, tools, abandoned)
                gave_up = GaveUp(error, abandoned)
                raise (Retryable(gave_up, at_once=True) if error.code in _ANEW else gave_up) from None
            receipt = self._accepted(unit, self._show(job_id), "sent", tools)
            receipt.abandoned = abandoned
            return receipt

        return retry(self.api.caller.patience.times(_TRIES), attempt)

    def _show(self, job_id: str) -> dict[str, Any]:
        return self._call("GET", f"{self.path}/{job_id}", what="query job")

    def _delete(self, unit: Unit, job_id: str, tools: Tools, abandoned: list[dict[str, Any]]) -> None:
        try:
            self._call("DELETE", f"{self.path}/{job_id}", what="delete job")
            state = "deleted"
        except UploadError as error:  # what it was given up for counts; that it is still there is told beside it
            state = str(error)
        abandoned.append({"asset_id": job_id, "file_id": None, "step": "job", "state": state})
        self._forget(unit, tools)

    def _job(
        self, unit: Unit, slots: dict[str, File], tools: Tools, abandoned: list[dict[str, Any]]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The job and its URLs."""
        known = tools.journal.facts(unit.key)
        body = self._body(unit, slots)
        while True:
            job = self._asked() or self._found(body["batch_name"])
            if job and job.get("state") in _REFUSED and job["job_id"] == self.order.get("job_id"):
                made = self._updated(str(job["job_id"]), body)
                if made is not None:
                    return made, self._noted(unit, made, tools)
                continue
            if job and job.get("state") != "WAIT_FILE_UPLOAD":
                return job, {}
            urls = unseal(self.api.seal_key, known.get("urls"))
            fresh = time.time() - known.get("at", 0) < _URL_AGE
            if job and job["job_id"] == known.get("job_id") and urls and fresh:
                return job, urls
            if job:
                self._delete(unit, str(job["job_id"]), tools, abandoned)
                known = {}
            made = self._create(unit, self.path, body, tools)
            if made is not None:
                return made, self._noted(unit, made, tools)

    def _noted(self, unit: Unit, made: dict[str, Any], tools: Tools) -> dict[str, Any]:
        """The URLs of a job that has just been made or reopened; nothing has been put to them."""
        urls = {key: value for key, value in made.items() if key.endswith("_upload_url")}
        facts = {"job_id": made["job_id"], "urls": seal(self.api.seal_key, urls), "at": time.time()}
        tools.journal.end(unit.key, "create job", **facts, done=[], parts={})
        return urls

    def _asked(self) -> dict[str, Any] | None:
        """The job that the order names, while there is one."""
        if "job_id" not in self.order:
            return None
        try:
            return self._show(str(self.order["job_id"]))
        except Refused as error:
            if error.status != 404:
                raise
            return None  # deleted meanwhile: another is made

    def _updated(self, job_id: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """New URLs for a job that review refused (8.5); None when the answer was lost: the job says how it stands."""
        fields = {
            key: value for key, value in body.items() if key not in ("model_version", "is_flexus", "beauty_level")
        }
        try:
            return self._call("PUT", f"{self.path}/{job_id}", fields, what="update job", again=False)
        except Unknown:  # who called looks at the job, and asks again if need be
            self.api.caller.patience.pause(1)
            return None

    def _slot(self, unit: Unit, job_id: str, slot: str, file: File, urls: dict[str, Any], tools: Tools) -> None:
        if slot in tools.journal.facts(unit.key).get("done", ()):
            return
        url = urls.get(f"{slot}_upload_url")
        if isinstance(url, list):
            self._parts(unit, job_id, slot, file, url, tools)
        else:
            again = tools.journal.open(unit.key, f"put {slot}")
            try:
                self._put(unit, slot, str(url), ZIP if slot == "audio" else OCTETS, file, tools)
            except Unknown:
                again = True  # every byte went out: either it was taken, and the URL is dead, or it was not
                try:
                    self._put(unit, slot, str(url), ZIP if slot == "audio" else OCTETS, file, tools)
                except Refused as error:
                    if error.status != 403:
                        raise  # 403: the URL is dead, so the file was taken
            except Refused as error:
                if error.status != 403 or not again:
                    raise  # tried before and 403: likewise
        self._done(unit, slot, tools)

    def _parts(self, unit: Unit, job_id: str, slot: str, file: File, urls: list[str], tools: Tools) -> None:
        word = self._word(slot)
        for part in tools.parts(file, fields.stretches(file.size, len(urls))):
            step = f"put {slot} {part.number}"
            if tools.journal.facts(unit.key).get("parts", {}).get(slot, {}).get(str(part.number)) == part.tag:
                continue

            def attempt(number: int, part: UploadPart = part, step: str = step) -> None:
                if number > 1 or tools.journal.open(unit.key, step):
                    held = self._command(job_id, f"GET_{word}").get("multipart_data") or []
                    if (part.number, part.tag) in {(p.get("part_number"), str(p.get("etag")).strip('"')) for p in held}:
                        return
                tools.journal.begin(unit.key, step)
                try:
                    self.api.put(
                        urls[part.number - 1],
                        OCTETS,
                        part.md5,
                        lambda: tools.part(file, part),
                        etag=part.tag,
                        what=step,
                    )
                except Unknown as error:  # the next attempt asks whether it is held
                    raise Retryable(error, at_once=True) from None
                except Refused as error:
                    if error.status != 403:
                        raise
                    raise Retryable(error, at_once=True) from None  # taken before, and the URL with it: asked likewise

            retry(self.api.caller.patience.times(_TRIES), attempt)
            known = tools.journal.facts(unit.key).get("parts", {})
            parts = known | {slot: known.get(slot, {}) | {str(part.number): part.tag}}
            tools.journal.end(unit.key, step, parts=parts)
        self._command(job_id, f"CONFIRM_{word}")

    def _command(self, job_id: str, command: str) -> dict[str, Any]:
        told = self._call("POST", f"{self.path}/{job_id}/command", {"command": command}, what=command)
        result, why = str(told.get("commond_result", "")), told.get("excute_failed_msg")  # the platform's spelling
        if result.upper().startswith("FAIL"):
            raise UploadError(f"{command}: the platform says {result}: {why}", f"{command}：平台返回 {result}：{why}")
        return told

    def _accepted(self, unit: Unit, job: dict[str, Any], status: str, tools: Tools) -> Receipt:
        state = str(job.get("state"))
        if state.endswith("FAILED"):
            logs = [one.get("comment_message") or one.get("comment_title") for one in job.get("comment_logs") or ()]
            why = "; ".join(str(log) for log in logs if log) or "no reason given"
            name = job.get("job_id")
            raise UploadError(
                f"{unit.name}: job {name}: the platform says {state}: {why}. Correct the files, prepare them, and "
                f'send them to the same job with job_id = "{name}" under [training] in the order.',
                f"{unit.name}：任务 {name} 状态为 {state}：{why}。请修正文件并重新 prepare，"
                f'再在订单 [training] 中写 job_id = "{name}" 发往同一任务。',
            )
        tools.journal.end(unit.key, "submitted", delivered=True)
        said = Text(f"the platform works on it: {state}", f"平台处理中：{state}")
        return Receipt(status, said, {"job_id": job.get("job_id"), "state": state})


def _count(size: int) -> int:
    return max(1, min(_PARTS, -(-size // _PART)))
