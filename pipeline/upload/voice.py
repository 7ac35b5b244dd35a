"""MetaStudio voice training jobs (MS-API 9): a package, a letter, and the order to begin. Upload addresses are asked
for right before they are used; none is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.digest import content_md5
from pipeline.errors import UploadError, UsageError
from pipeline.model import Text
from pipeline.upload.destination import Receipt, Tools, Unit
from pipeline.upload.entries import File, Item
from pipeline.upload.huawei import Api
from pipeline.upload.training import OCTETS, ZIP, Job
from pipeline.upload.transfer import Refused, Unknown

_TRIES: Final = 4


class Voice(Job):
    """A voice training job: basic, middle or advanced."""

    def __init__(self, api: Api, order: dict[str, Any], edition: str) -> None:
        super().__init__(api, order, "voice", "/voice-training-manage/user/jobs")
        self.create_path = f"/voice-training-manage/user/{'advance' if edition == 'advanced' else edition}-jobs"
        if "letter" not in order:
            raise UsageError(
                "order: [voice] wants letter: the file with the authorisation letter",
                "订单：[voice] 需要 letter（授权书文件路径）",
            )

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Each package is a job."""
        return [Unit(item.key, item.name, (item,)) for item in items]

    def _body(self, unit: Unit) -> dict[str, Any]:
        body = {key: value for key, value in self.order.items() if key != "letter"}
        name = {"voice_name": self.order["voice_name"], "language": self.order.get("language", "CN")}
        return body | name | {"create_type": "PACKAGE", "batch_name": self._marker(unit)}

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        base = f"/v1/{self.api.project}"
        return [
            f"POST {base}{self.create_path} {self._body(unit)}",
            f"PUT training_data_uploading_url Content-Type: {ZIP} ({unit.items[0].files[0].name!r})",
            f"PUT authorization_letter_uploading_url ({self.order['letter']!r})",
            f"POST {base}{self.path}/{{job_id}}",
        ]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        letter = Path(self.order["letter"])
        try:
            size, md5 = letter.stat().st_size, content_md5(letter)
        except OSError as error:
            raise UploadError(f"{letter}: {error.strerror}", f"{letter}：{error.strerror}") from None
        paper = File(
            path=letter, name=letter.name, place=str(letter), category="OTHER", size=size, md5=md5, content_type=OCTETS
        )
        job_id = self._job(unit, tools)
        job = self._show(job_id)
        status = "skipped"
        if job.get("state") == "CREATING":
            status = "sent"
            for slot, file, kind in (("package", unit.items[0].files[0], ZIP), ("letter", paper, OCTETS)):
                self._slot(unit, job_id, slot, kind, file, tools)
            self._submit(unit, job_id, tools)
            job = self._show(job_id)
        state = str(job.get("state"))
        if "FAILED" in state:
            raise UploadError(
                f"{unit.name}: job {job_id}: {state}: {job.get('job_failed_code')} {job.get('job_failed_reason')}",
                f"{unit.name}：任务 {job_id}：{state}：{job.get('job_failed_code')} {job.get('job_failed_reason')}",
            )
        tools.journal.end(unit.key, "submitted", delivered=True)
        said = Text(f"the platform works on it: {state}", f"平台处理中：{state}")
        return Receipt(status, said, {"job_id": job_id, "state": state})

    def _show(self, job_id: str) -> dict[str, Any]:
        return self._call("GET", f"{self.path}/{job_id}", what="query job")

    def _job(self, unit: Unit, tools: Tools) -> str:
        known = tools.journal.facts(unit.key).get("job_id")
        if known:
            return str(known)
        body = self._body(unit)
        job = self._found(body["batch_name"]) or self._create(unit, self.create_path, body, tools)
        job = job or self._found(body["batch_name"])
        if job is None:
            raise UploadError("the job is not found again", "任务未找到")
        tools.journal.end(unit.key, "create job", job_id=job["job_id"])
        return str(job["job_id"])

    def _slot(self, unit: Unit, job_id: str, slot: str, kind: str, file: File, tools: Tools) -> None:
        """Sent to an address asked for right before: URLs are never kept."""
        if slot in tools.journal.facts(unit.key).get("done", ()):
            return
        for attempt in range(1, _TRIES + 1):
            told = self._call("GET", f"{self.path}/{job_id}/uploading-address-url", what="get upload address")
            package = (told.get("package_url") or {}).get("training_data_uploading_url")
            url = package if slot == "package" else told.get("authorization_letter_uploading_url")
            try:
                self._put(unit, slot, str(url), kind, file, tools)
            except (Unknown, Refused) as error:
                if attempt == _TRIES or (isinstance(error, Refused) and error.status != 403):
                    raise
                continue
            self._done(unit, slot, tools)
            return

    def _submit(self, unit: Unit, job_id: str, tools: Tools) -> None:
        body = {key: value for key, value in self._body(unit).items() if key not in ("create_type", "batch_name")}
        tools.journal.begin(unit.key, "submit")
        try:
            self._call("POST", f"{self.path}/{job_id}", body, what="submit job")
        except Refused as error:
            if error.code == "MSS.20020001" and self._show(job_id).get("state") != "CREATING":
                return  # submitted already: the answer was lost
            if error.code in ("MSS.20020030", "MSS.20020010", "MSS.20020027"):
                tools.journal.end(unit.key, "not stored", done=None)
            raise
