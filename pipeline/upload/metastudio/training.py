"""MetaStudio avatar training jobs (MS-API 8), and what all training jobs share. A manifest makes one job.

A job is found again by its batch name, which is made from the bytes. Upload URLs take one file and die; lost ones
cannot be asked for while a job waits for its files, so such a job is deleted and made anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.documents.upload import Delivery
from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload import fetch
from pipeline.upload.credentials import seal, unseal
from pipeline.upload.destination import GaveUp, Receipt, Tools, Unit, together
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields, papers
from pipeline.upload.metastudio.api import Api, ProjectDestination
from pipeline.upload.metastudio.order import TRAINING
from pipeline.upload.metastudio.papers import OCTETS
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.multipart import UploadPart
from pipeline.upload.order import Table
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, retry
from pipeline.upload.transfer import Refused, Unknown

_URL_AGE: Final = 23 * 3600.0  # seconds
_PART: Final = 64 << 20  # bytes of a part, at least
_PARTS: Final = 1000  # video_multipart_count (Table 8-3)
_TRIES: Final = 4
_REFUSED: Final = frozenset({"AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED"})  # may be updated (8.5)
_ANEW: Final = frozenset({"MSS.41000005", "MSS.41000014", "AccessDenied"})  # a new job with new URLs may go
ZIP: Final = "application/zip"
# Of the order's table, what is no field of "create job"
_OURS: Final = frozenset(
    {"files", "multipart_commands", "job_tag", "sex", "language", "batch_name", "job_id", "decision", "comment"}
)
_COMMAND: Final = "execute2d_model_training_command_by_user"
_UPLOADS: Final = "_upload_url"
_WAITS: Final = "WAIT_USER_CONFIRM"


class TrainingJob(ProjectDestination):
    """What both kinds of job share."""

    def __init__(self, api: Api, order: Fields, table: Table, name: str) -> None:
        """`name` is what the calls of this kind of job have in common, like _voice_training_job."""
        table.check("order", order)
        super().__init__(api, order)
        self._name = name

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """One job for all."""
        return [together(items[0].name, items)] if items else []

    def _show(self, job_id: str) -> Reply:
        return self.api.call(f"show{self._name}", what="query job", gives=("state",), job_id=job_id)

    def _marker(self, unit: Unit) -> str:
        return replace(unit.items[0], key=unit.key).marker

    def _found(self, marker: str, **query: str) -> Reply | None:
        """The job of this batch name, or None. Every page of the list is looked through."""
        jobs = self.api.listed(f"list{self._name}", "jobs", dict(query), what="query jobs")
        return next((job for job in jobs if job.text("batch_name") == marker), None)

    def _create(
        self, unit: Unit, call: str, body: Fields, tools: Tools, find: Callable[[], Reply | None]
    ) -> Reply | None:
        """The answer with job id and URLs; None when a job is there whose answer was lost."""
        if tools.journal.open(unit.key, "create job") and find():
            return None

        def attempt(number: int) -> Reply | None:
            if number > 1 and find():
                return None
            tools.journal.begin(unit.key, "create job")
            try:
                return self.api.call(call, body, what="create job", gives=("job_id",), again=False)
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

    def __init__(self, api: Api, order: Fields, *, flexus: bool) -> None:
        super().__init__(api, order, TRAINING, "2d_model_training_job")
        self.flexus = flexus
        if flexus and not {"job_tag", "sex"} <= set(order):
            raise UsageError(
                "order: [training] of a Flexus job wants job_tag and sex (MS-API 8.1 Table 8-4)",
                "订单：Flexus 任务的 [training] 需要 job_tag 与 sex（MS-API 8.1 表 8-4）",
            )

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """One job for all, once every file has its place. Raises UsageError."""
        if items:
            self.slots(items)
        return super().units(items)

    def slots(self, items: Sequence[Item]) -> dict[str, File]:
        """Which file goes where. Raises UsageError."""
        return papers.placed(items, self.order.get("files", {}))

    def _body(self, unit: Unit, slots: dict[str, File]) -> Fields:
        body: Fields = {key: value for key, value in self.order.items() if key not in _OURS}
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
        slots, path = self.slots(unit.items), self.api.path
        jobs, command = path("list2d_model_training_job"), path(_COMMAND)
        lines = [f"GET {jobs}?batch_name={self._marker(unit)}", f"POST {jobs} {self._body(unit, slots)}"]
        if "job_id" in self.order:
            job = path("show2d_model_training_job", job_id=str(self.order["job_id"]))
            lines = [f"GET {job}", f"PUT {job}"]
        for slot, file in slots.items():
            kind, video = (ZIP if slot == "audio" else OCTETS), slot.endswith("video")
            put = f"PUT {slot}_upload_url Content-Type: {kind} ({file.name!r}, {file.size} bytes"
            count = _count(file.size) if video else 1
            lines += [f"{put}, part {number} of {count})" for number in range(1, count + 1)] if video else [f"{put})"]
            if video:
                lines.append(f"POST {command} CONFIRM_{self._word(slot)}")
        return [*lines, f"POST {command} SUBMITVERIFYING", f"GET {path('show2d_model_training_job')}"]

    def _word(self, slot: str) -> str:
        """The end of the commands about a video's parts; the documents have two spellings (C44)."""
        action = "ACTION_VIDEO_" if slot == "action_video" else ""
        return f"{action}MULTIPART_{self.order.get('multipart_commands', 'UPLOADED')}"

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        slots, abandoned = self.slots(unit.items), list[Fields]()

        def attempt(_: int) -> Receipt:
            job_id, state, urls = self._job(unit, slots, tools, abandoned)
            if state != "WAIT_FILE_UPLOAD":
                return self._accepted(unit, self._show(job_id), "skipped", tools)
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

    def _delete(self, unit: Unit, job_id: str, tools: Tools, abandoned: list[Fields]) -> None:
        try:
            self.api.call("delete2d_model_training_job", what="delete job", job_id=job_id)
            state = "deleted"
        except UploadError as error:  # what it was given up for counts; that it is still there is told beside it
            state = str(error)
        abandoned.append({"asset_id": job_id, "file_id": None, "step": "job", "state": state})
        self._forget(unit, tools)

    def _job(
        self, unit: Unit, slots: dict[str, File], tools: Tools, abandoned: list[Fields]
    ) -> tuple[str, str, Fields]:
        """The job, its state, its URLs while it waits for files."""
        known = tools.journal.facts(unit.key)
        body = self._body(unit, slots)

        def find() -> Reply | None:
            return self._found(body["batch_name"], batch_name=body["batch_name"])

        while True:
            job = self._asked() or find()
            job_id, state = (job.must("job_id"), job.word("state")) if job else ("", "")
            if state in _REFUSED and job_id == self.order.get("job_id"):
                made = self._updated(job_id, body)
                if made is not None:
                    return job_id, "WAIT_FILE_UPLOAD", self._noted(unit, made, tools)
                continue
            if job and state != "WAIT_FILE_UPLOAD":
                return job_id, state, {}
            urls = unseal(self.api.seal_key, known.get("urls"))
            fresh = time.time() - known.get("at", 0) < _URL_AGE
            if job and job_id == known.get("job_id") and urls and fresh:
                return job_id, state, urls
            if job:
                self._delete(unit, job_id, tools, abandoned)
                known = {}
            made = self._create(unit, "create2d_model_training_job", body, tools, find)
            if made is not None:
                return made.must("job_id"), "WAIT_FILE_UPLOAD", self._noted(unit, made, tools)

    def _noted(self, unit: Unit, made: Reply, tools: Tools) -> Fields:
        """The URLs of a job that has just been made or reopened; nothing has been put to them."""
        slots = (key.removesuffix(_UPLOADS) for key in made.raw if key.endswith(_UPLOADS))
        urls = {slot: made.each(f"{slot}{_UPLOADS}") for slot in slots}
        facts = {"job_id": made.must("job_id"), "urls": seal(self.api.seal_key, urls), "at": time.time()}
        tools.journal.end(unit.key, "create job", **facts, done=[], parts={})
        return urls

    def _asked(self) -> Reply | None:
        """The job that the order names, while there is one."""
        if "job_id" not in self.order:
            return None
        try:
            return self._show(str(self.order["job_id"]))
        except Refused as error:
            if error.status != 404:
                raise
            return None  # deleted meanwhile: another is made

    def _updated(self, job_id: str, body: Fields) -> Reply | None:
        """New URLs for a job that review refused (8.5); None when the answer was lost: the job says how it stands."""
        fields = {key: value for key, value in body.items() if key in TABLES.calls["update2d_model_training_job"].body}
        call = "update2d_model_training_job"
        try:
            return self.api.call(call, fields, what="update job", gives=("job_id",), again=False, job_id=job_id)
        except Unknown:  # who called looks at the job, and asks again if need be
            self.api.caller.patience.pause(1)
            return None

    def _slot(self, unit: Unit, job_id: str, slot: str, file: File, urls: Fields, tools: Tools) -> None:
        if slot in tools.journal.facts(unit.key).get("done", ()):
            return
        given, kind = urls.get(slot) or [""], ZIP if slot == "audio" else OCTETS
        if slot.endswith("video"):
            self._parts(unit, job_id, slot, file, given, tools)
        else:
            again = tools.journal.open(unit.key, f"put {slot}")
            try:
                self._put(unit, slot, str(given[0]), kind, file, tools)
            except Unknown:
                again = True  # every byte went out: either it was taken, and the URL is dead, or it was not
                try:
                    self._put(unit, slot, str(given[0]), kind, file, tools)
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
                    held = self._command(job_id, f"GET_{word}").many("multipart_data")
                    tags = {(p.text("part_number"), p.text("etag").strip('"').lower()) for p in held}
                    if (str(part.number), part.tag) in tags:
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

    def _command(self, job_id: str, command: str, comment: str = "") -> Reply:
        """A command (Table 8-48); its result says whether it was done, whatever the HTTP status. Raises UploadError."""
        body: Fields = {"command": command}
        if comment:
            body["comment_data"] = {"comment_message": comment}
        told = self.api.call(_COMMAND, body, what=command, gives=("commond_result",), job_id=job_id)
        result, why = told.word("commond_result"), told.text("excute_failed_msg")  # the platform's spelling
        if result != "EXCUTE_SUCCESS":
            raise UploadError(
                f"{command}: the platform says {result}: {why or 'no reason given'}. The job {job_id} waits for it: "
                f"run the same command again, and look at the job in the console if it stays.",
                f"{command}：平台返回 {result}：{why or '未说明原因'}。任务 {job_id} 仍在等待："
                f"请重新运行，若仍失败请在控制台查看该任务。",
            )
        return told

    def _accepted(self, unit: Unit, job: Reply, status: Delivery, tools: Tools) -> Receipt:
        state, job_id = job.word("state"), job.must("job_id")
        if state.endswith("FAILED"):
            said = [one.text("comment_message") or one.text("comment_title") for one in job.many("comment_logs")]
            why = "; ".join(log for log in said if log) or "no reason given"
            raise UploadError(
                f"{unit.name}: job {job_id}: the platform says {state}: {why}. Correct the files, prepare them, and "
                f'send them to the same job with job_id = "{job_id}" under [training] in the order.',
                f"{unit.name}：任务 {job_id} 状态为 {state}：{why}。请修正文件并重新 prepare，"
                f'再在订单 [training] 中写 job_id = "{job_id}" 发往同一任务。',
            )
        tools.journal.end(unit.key, "submitted", delivered=True)
        said_now = Text(f"the platform works on it: {state}", f"平台处理中：{state}")
        if state == _WAITS:
            decision = self.order.get("decision")
            if decision is None:
                url = job.text("verify_video_download_url")
                (demo,) = fetch.shown(self.api.caller, [url], unit.items[0].beside, job_id)
                asked = Text(
                    f"the result waits for you: {demo}. Look at it, then run again with "
                    'decision = "ACCEPT", "REJECT" or "REPAIR" under [training] in the order',
                    f"训练效果等待确认：{demo}。请查看后，"
                    '在订单 [training] 中写 decision = "ACCEPT"、"REJECT" 或 "REPAIR" 重新运行',
                )
                seen = {"job_id": job_id, "state": state, "demo": [demo]}
                return Receipt("waiting", asked, seen)
            self._command(job_id, f"CONFIRM_{decision}", str(self.order.get("comment", "")))
            state = self._show(job_id).word("state")
            said_now = Text(f"{decision}: the platform says {state}", f"{decision}：平台状态为 {state}")
        return Receipt(status, said_now, {"job_id": job_id, "state": state, "asset_id": job.text("asset_id") or None})


def _count(size: int) -> int:
    return max(1, min(_PARTS, -(-size // _PART)))
