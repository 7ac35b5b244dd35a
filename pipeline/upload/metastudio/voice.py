"""MetaStudio voice training jobs (MS-API 9): a package or its sentences one by one, a letter, and the order to begin.

Upload addresses are asked for right before they are used; none is kept. Sentences are confirmed one after the other:
the platform compares sound and text at once, and says which are confirmed when it is asked.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from msgspec.structs import replace

from pipeline.documents.upload import Delivery
from pipeline.errors import UploadError, UsageError
from pipeline.model.ceilings import MAX_ENTRY
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.storage.digest import content_md5
from pipeline.upload.destination import Receipt, Tools, Unit
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.error_codes import CODES
from pipeline.upload.metastudio.order import VOICE
from pipeline.upload.metastudio.papers import OCTETS, named
from pipeline.upload.metastudio.training import ZIP, TrainingJob
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, retry
from pipeline.upload.transfer import CHUNK, Changed, Refused, Unknown, what

_TRIES: Final = 4
# What zipfile raises of a package: damaged, of an unknown method, or (RuntimeError) encrypted.
_DAMAGED: Final = (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
_NOT_STORED: Final = frozenset({"MSS.20020030", "MSS.20020027"})
_INDEX: Final = 1024  # highest number of a sentence (Table 9-54)
# ending in the package -> field with the address, content type (Tables 9-5, 9-45)
_HALVES: Final = {".wav": ("audio_uploading_url", "audio/wav"), ".txt": ("txt_uploading_url", "text/plain")}
Locate = Callable[[Reply], str]  # finds an address in the platform's answer


class Voice(TrainingJob):
    """A voice training job: basic, middle or advanced."""

    def __init__(self, api: Api, order: Fields, edition: str) -> None:
        super().__init__(api, order, VOICE, "_voice_training_job")
        self.create = f"create_training_{'advance' if edition == 'advanced' else edition}_job"
        self.kind = str(order.get("create_type", "PACKAGE"))
        if "letter" not in order:
            raise UsageError(
                "order: [voice] wants letter: the file with the authorisation letter",
                "订单：[voice] 需要 letter（授权书文件路径）",
            )
        if self.kind == "SEGMENT" and edition == "advanced":
            raise UsageError(
                "order: [voice] create_type SEGMENT: an advanced job takes a package only (MS-API 9.3)",
                "订单：[voice] create_type SEGMENT：高级版任务只接受压缩包（MS-API 9.3）",
            )

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Each package is a job. Raises UsageError where the letter is not there."""
        named(Path(self.order["letter"]))
        return [Unit(item.key, item.name, (item,)) for item in items]

    def _body(self, unit: Unit) -> Fields:
        body = {key: value for key, value in self.order.items() if key != "letter"}
        name = {"voice_name": self.order["voice_name"], "language": self.order.get("language", "CN")}
        return body | name | {"create_type": self.kind, "batch_name": self._marker(unit)}

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        path, file = self.api.path, unit.items[0].files[0]
        address, job = f"GET {path('show_job_uploading_address')}", path("show_voice_training_job")
        lines = [
            f"GET {path('list_voice_training_job')}?voice_name={self.order['voice_name']}",
            f"POST {path(self.create)} {self._body(unit)}",
            f"GET {job}",
        ]
        if self.kind == "PACKAGE":
            lines += [address, f"PUT training_data_uploading_url Content-Type: {ZIP} ({file.name!r})"]
        else:
            lines.append(f"GET {path('show_training_segment_info')}?job_id={{job_id}}")
            with _opened(file.path) as package:
                for index in sorted(_sentences(package)):
                    for ending, (field, kind) in _HALVES.items():
                        lines += [address, f"PUT {field} Content-Type: {kind} ({index}{ending})"]
                    lines.append(f"POST {path('confirm_training_segment')}?job_id={{job_id}}&index={index}")
        lines += [address, f"PUT authorization_letter_uploading_url ({self.order['letter']!r})"]
        return [*lines, f"POST {job}", f"GET {job}"]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        paper = named(Path(self.order["letter"]))
        job_id = self._job(unit, tools)
        job = self._show(job_id)
        status: Delivery = "skipped"
        if job.word("state") == "CREATING":
            status, file = "sent", unit.items[0].files[0]
            if self.kind == "SEGMENT":
                self._segments(unit, job_id, file, tools)
            else:
                self._slot(unit, job_id, "package", file, ZIP, _package, tools)
            self._slot(unit, job_id, "letter", paper, OCTETS, _letter, tools)
            self._submit(unit, job_id, tools)
            job = self._show(job_id)
        state = job.word("state")
        if "FAILED" in state:
            raise self._failure(unit, job_id, state, job)
        tools.journal.end(unit.key, "submitted", delivered=True)
        said = Text(f"the platform works on it: {state}", f"平台处理中：{state}")
        return Receipt(status, said, {"job_id": job_id, "state": state, "asset_id": job.text("asset_id") or None})

    def _job(self, unit: Unit, tools: Tools) -> str:
        known = tools.journal.facts(unit.key).get("job_id")
        if known:
            return str(known)
        body = self._body(unit)

        def find() -> Reply | None:
            # 9.4 has no query parameter for the batch name: jobs of this voice name are looked through for it.
            return self._found(body["batch_name"], voice_name=body["voice_name"])

        job = find() or self._create(unit, self.create, body, tools, find) or find()
        if job is None:
            raise UploadError("the job is not found again", "任务未找到")
        job_id = job.must("job_id")
        tools.journal.end(unit.key, "create job", job_id=job_id)
        return job_id

    def _failure(self, unit: Unit, job_id: str, state: str, job: Reply) -> UploadError:
        """What the platform says against a job: its own words, and what its review found in which file."""
        code = job.text("job_failed_code")
        found = [(code, job.text("job_failed_reason"), "")] if code else []
        audit = self.api.call("show_job_audit_result", what="query review", job_id=job_id)
        for one in audit.one("system_audit_result").many("errors"):
            where = " ".join(name for name in (one.text("audio_name"), one.text("text_name")) if name)
            found.append((one.text("error_code"), one.text("error_message"), where))
        person = audit.one("admin_audit_result").text("message")
        en, zh = [], []
        for code, said, where in found:
            meaning = CODES.told(code, 400)
            en.append(f"{where} {code}: {meaning.en} ({said})".strip())
            zh.append(f"{where} {code}：{meaning.zh}（{said}）".strip())
        en, zh = [*en, person] if person else en, [*zh, person] if person else zh
        head = f"{unit.name}: job {job_id}: {state}: ", f"{unit.name}：任务 {job_id}：{state}："
        return UploadError(
            head[0] + ("; ".join(en) or "no reason given"), head[1] + ("；".join(zh) or "平台未说明原因")
        )

    def _slot(self, unit: Unit, job_id: str, slot: str, file: File, kind: str, locate: Locate, tools: Tools) -> None:
        """Sent to an address asked for right before: URLs are never kept."""
        if slot in tools.journal.facts(unit.key).get("done", ()):
            return

        def attempt(_: int) -> None:
            answer = self.api.call("show_job_uploading_address", what="get upload address", job_id=job_id)
            try:
                self._put(unit, slot, locate(answer), kind, file, tools)
            except Unknown as error:  # sent once more, to a new address
                raise Retryable(error, at_once=True) from None
            except Refused as error:
                if error.status != 403:
                    raise
                raise Retryable(error, at_once=True) from None  # the address has lapsed

        retry(self.api.caller.patience.times(_TRIES), attempt)
        self._done(unit, slot, tools)

    # --- sentence by sentence -------------------------------------------------------------------------------

    def _segments(self, unit: Unit, job_id: str, file: File, tools: Tools) -> None:
        """Sound, text and confirmation of every sentence that the platform has not confirmed. Raises UploadError."""
        found = content_md5(file.path)
        if found != file.md5:  # read in pieces below, never as a whole
            raise Changed(file.path, what(found), what(file.md5))
        confirmed = self._confirmed(job_id)
        with _opened(file.path) as package:
            for index, halves in sorted(_sentences(package).items()):
                if index in confirmed:
                    continue

                def attempt(_: int, index: int = index, halves: dict[str, zipfile.ZipInfo] = halves) -> None:
                    for ending, member in sorted(halves.items(), reverse=True):  # the sound first
                        self._half(unit, job_id, index, ending, package, member, file, tools)
                    try:
                        self._confirm(unit, job_id, index, file, tools)
                    except Refused as error:
                        if error.code not in _NOT_STORED:
                            raise
                        raise Retryable(error, at_once=True) from None  # `_confirm` has noted that both go again

                retry(self.api.caller.patience.times(_TRIES), attempt)

    def _half(
        self,
        unit: Unit,
        job_id: str,
        index: int,
        ending: str,
        package: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        file: File,
        tools: Tools,
    ) -> None:
        field, kind = _HALVES[ending]
        with tempfile.NamedTemporaryFile(prefix="sentence-", suffix=ending) as scratch:
            try:
                _copy(package, member, scratch)
            except _DAMAGED as error:
                raise _unreadable(file.path, error) from None
            scratch.flush()
            path = Path(scratch.name)
            name = f"{index}{ending}"
            one = replace(file, path=path, name=name, size=path.stat().st_size, md5=content_md5(path))

            def locate(answer: Reply) -> str:
                return _of_sentence(answer.one("segment_url").each(field), index, field)

            self._slot(unit, job_id, f"sentence {name}", one, kind, locate, tools)

    def _confirmed(self, job_id: str) -> set[int]:
        told = self.api.call("show_training_segment_info", query={"job_id": job_id}, what="query sentences")
        return set(told.each("confirmed_index"))

    def _heard(self, job_id: str, index: int, *, again: bool = True) -> Reply:
        query, what = {"job_id": job_id, "index": index}, f"confirm sentence {index}"
        return self.api.call("confirm_training_segment", query=query, what=what, again=again)

    def _confirm(self, unit: Unit, job_id: str, index: int, file: File, tools: Tools) -> None:
        tools.journal.begin(unit.key, f"confirm {index}")
        heard, places = True, "-"
        answer: Reply | None
        try:
            answer = self._heard(job_id, index, again=False)
        except Unknown:  # asked whether it was heard, and said again if not
            answer = None if index in self._confirmed(job_id) else self._heard(job_id, index)
        except Refused:
            self._again(unit, index, tools)
            raise
        if answer is not None:
            heard = answer.flag("confirm_result") is True  # nothing said is not a yes
            places = ", ".join(str(place) for place in answer.each("unmatched_index_hit")) or "-"
        if not heard:
            self._again(unit, index, tools)
            raise UploadError(
                f"{file.name}: sentence {index}: the platform hears other words than its text has; characters that do "
                f"not match: {places}. Record it again, or correct {index}.txt, and prepare again.",
                f"{file.name}：第 {index} 句：录音与文本不一致，不匹配的字符序号：{places}。"
                f"请重新录音或修改 {index}.txt 后重新 prepare。",
            )
        tools.journal.end(unit.key, f"confirm {index}")

    @staticmethod
    def _again(unit: Unit, index: int, tools: Tools) -> None:
        """What was not confirmed is sent again the next time."""
        halves = {f"sentence {index}{ending}" for ending in _HALVES}
        done = [slot for slot in tools.journal.facts(unit.key).get("done", ()) if slot not in halves]
        tools.journal.end(unit.key, f"not confirmed {index}", done=done)

    # --- the end --------------------------------------------------------------------------------------------

    def _submit(self, unit: Unit, job_id: str, tools: Tools) -> None:
        body = {key: value for key, value in self._body(unit).items() if key not in ("create_type", "batch_name")}
        tools.journal.begin(unit.key, "submit")
        try:
            self.api.call("commit_voice_training_job", body, what="submit job", job_id=job_id)
        except Refused as error:
            if error.code == "MSS.20020001" and self._show(job_id).word("state") != "CREATING":
                return  # submitted already: the answer was lost
            if error.code in _NOT_STORED | {"MSS.20020010"}:
                tools.journal.end(unit.key, "not stored", done=None)
            raise


def _package(answer: Reply) -> str:
    return answer.one("package_url").must("training_data_uploading_url")


def _letter(answer: Reply) -> str:
    return answer.must("authorization_letter_uploading_url")


def _of_sentence(urls: list[Any], index: int, field: str) -> str:
    """The address of a sentence. The documents have an array (Table 9-44) and do not say of what: one address serves
    whichever sentence is next, several are those of all sentences in order."""
    if len(urls) == 1:
        return str(urls[0])
    if index >= len(urls):
        raise UploadError(
            f"sentence {index}: the platform's {field} holds {len(urls)} addresses, none for it (Table 9-44)",
            f"第 {index} 句：平台返回的 {field} 有 {len(urls)} 个地址，没有该句的地址（MS-API 9.9 表 9-44）",
        )
    return str(urls[index])


def _opened(path: Path) -> zipfile.ZipFile:
    """The package that `prepare` made: its digest has just been compared, so its directory is believed."""
    try:
        return zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise _unreadable(path, error) from None


def _copy(package: zipfile.ZipFile, member: zipfile.ZipInfo, out: IO[bytes]) -> None:
    """One entry, in pieces. Raises BadZipFile for damage, and above the ceiling whatever its stated size."""
    with package.open(member) as stored:
        left = MAX_ENTRY
        while piece := stored.read(CHUNK):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename!r} unpacks to more than {MAX_ENTRY} bytes")
            out.write(piece)


def _unreadable(path: Path, error: Exception) -> UploadError:
    said = error.strerror if isinstance(error, OSError) else error
    return UploadError(
        f"{path}: cannot be read as a package: {said}. Run `preflight prepare` again.",
        f"{path}：无法作为压缩包读取：{said}。请重新运行 `preflight prepare`。",
    )


def _sentences(package: zipfile.ZipFile) -> dict[int, dict[str, zipfile.ZipInfo]]:
    """Number of a sentence -> its recording and its text. Raises UploadError where a half is missing."""
    found: dict[int, dict[str, zipfile.ZipInfo]] = {}
    for member in package.infolist():
        name = PurePosixPath(member.filename)
        if not member.is_dir() and name.suffix.lower() in _HALVES and name.stem.isdecimal():
            found.setdefault(int(name.stem), {})[name.suffix.lower()] = member
    halves = [index for index, one in found.items() if len(one) < 2 or index > _INDEX]
    if halves or not found:
        which = f"{min(halves)}" if halves else "0"
        raise UploadError(
            f"{package.filename}: sentence {which} has no recording or no text, or a number above {_INDEX}",
            f"{package.filename}：第 {which} 句缺少录音或文本，或序号大于 {_INDEX}",
        )
    return found
