"""A video script of MetaStudio (MS-API 5): its text, the sound that drives its scenes, the subtitles of its scenes.

What an order calls [script] makes one script of all texts and drive sound of a manifest; everything else goes to the
asset library. A script is found again by its name and by a mark in its private data, which the platform gives back as
it was. What a scene holds is asked of its download URL before and after a byte is sent. Upload URLs are never kept: the
update call gives new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Receipt, Tools, Unit, together
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import videos
from pipeline.upload.metastudio.api import Api, ProjectDestination
from pipeline.upload.metastudio.fields import VOICE, asset_name
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.order import SCRIPT
from pipeline.upload.metastudio.papers import OCTETS, named
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, Waiting, retry
from pipeline.upload.transfer import Refused, Unknown

SOUND: Final = 100 * (1 << 20)  # bytes of a scene's sound; "100M", the larger reading (Table 5-25)
TEXT: Final = 131_072  # characters of text_config.text (Table 5-11)
_ROLES: Final = frozenset({"audio-drive", "text"})
_TRIES: Final = 6  # times a file is put before it is given up
_PLAIN: Final = ("script_description", "view_mode", "model_asset_id", "video_config", "background_music_config")
_BY_SCENE: Final = ("background_config", "layer_config")


def body_of(name: str, texts: Sequence[str], vertical: bool | None) -> Fields:
    """The body of "create script" (Table 5-3) for scenes that speak these texts; the name is made to fit.

    Who speaks, with which voice and before which picture are ids of the library, which nobody but its user knows.
    """
    scenes = [
        {"sequence_no": number, "shoot_script": {"script_type": "TEXT", "text_config": {"text": text}}}
        for number, text in enumerate(texts)
    ]
    seen = {} if vertical is None else {"view_mode": "VERTICAL" if vertical else "LANDSCAPE"}
    return {"script_name": asset_name(name), **seen, "shoot_scripts": scenes}


class Production(ProjectDestination):
    """Scripts of one project, and its library for what is no scene."""

    def __init__(self, api: Api, order: Fields, library: AssetLibrary, video: Fields | None = None) -> None:
        """`video` is the table [video] of the order: a video is made of the script."""
        SCRIPT.check("order", order)
        super().__init__(api, order)
        self.library, self.video = library, video

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """All scenes together, every other asset on its own. Raises UsageError."""
        scenes = [item for item in items if item.role in _ROLES]
        units = self.library.units([item for item in items if item.role not in _ROLES])
        if not scenes:
            return units
        numbered = self._numbered(scenes)
        asked = {"subtitles": set(self._subtitles())}
        asked |= {field: {int(number) for number in self.order.get(field, {})} for field in _BY_SCENE}
        for field, numbers in asked.items():
            for stranger in sorted(numbers - set(numbered)):
                raise UsageError(
                    f"order: [script.{field}] names scene {stranger}; the manifest has {sorted(numbered)}",
                    f"订单：[script.{field}] 中的场景 {stranger} 不存在；清单中有 {sorted(numbered)}",
                )
        for path in self._subtitles().values():
            named(path)
        keys = [f"{number}/{item.key}" for number, item in sorted(numbered.items())]
        return [together(str(self.order["script_name"]), scenes, self.order, keys=keys), *units]

    def _numbered(self, items: Sequence[Item]) -> dict[int, Item]:
        return numbered(self.order, items, "script")

    def _subtitles(self) -> dict[int, Path]:
        return {int(number): Path(path) for number, path in self.order.get("subtitles", {}).items()}

    def _body(self, unit: Unit) -> Fields:
        """The body of "create script" and of "update script" (Table 5-3). Raises UploadError."""
        scenes = []
        for number, item in sorted(self._numbered(unit.items).items()):
            shot: Fields = {"script_type": "AUDIO"}
            if item.role == "text":
                shot = {"script_type": "TEXT", "text_config": {"text": spoken(item.files[0])}}
            for field in _BY_SCENE:
                rows = self.order.get(field, {}).get(str(number))
                if rows:
                    shot[field] = rows
            scenes.append({"sequence_no": number, "shoot_script": shot})
        body: Fields = {key: self.order[key] for key in _PLAIN if key in self.order}
        if "model_asset_id" in body:
            body["model_asset_type"] = "HUMAN_MODEL_2D"
        voice = {key: self.order[key] for key in VOICE if key in self.order}
        if voice:
            body["voice_config"] = voice
        name = {"script_name": self.order["script_name"], "priv_data": f"preflight {unit.key}"}
        return body | name | {"shoot_scripts": scenes}

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        if unit.items[0].role not in _ROLES:
            return self.library.plan(unit)
        path, scenes = self.api.path, sorted(self._numbered(unit.items).items())
        lines = [
            f"GET {path('list_video_scripts')}?name={self.order['script_name']}",
            f"POST {path('create_video_scripts')} {self.order['script_name']!r} {len(scenes)} scenes",
        ]
        for number, item in scenes:
            file = item.files[0]
            if item.role == "audio-drive":
                lines.append(
                    f"PUT audio_file_upload_url scene {number} Content-Type: {file.content_type} {file.name!r}"
                )
        if self._subtitles():
            lines += [f"POST {path('create_subtitle_file')}", f"GET {path('show_subtitle_file')} until GENERATED"]
        for number, paper in sorted(self._subtitles().items()):
            lines.append(f"PUT subtitle_file_upload_url scene {number} Content-Type: {OCTETS} {paper.name!r}")
        lines.append(f"GET {path('show_video_script')}")
        return lines if self.video is None else lines + videos.plan(self.api)

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text. Raises UploadError."""
        if unit.items[0].role not in _ROLES:
            return self.library.send(unit, tools)
        papers = {number: named(path) for number, path in self._subtitles().items()}
        body = self._body(unit)
        script, urls, new = self._script(unit, body, tools)
        sent, verified = new, []

        def renewed() -> dict[int, str]:
            return _uploads(self.api.call("update_video_script", body, what="update script", script_id=script))

        def sound(number: int) -> str:
            return _of(self._show(script), number)

        for number, item in sorted(self._numbered(unit.items).items()):
            file = item.files[0]
            if item.role != "audio-drive":
                verified.append({"name": file.name, "scene": number, "size": file.size, "md5": file.md5})
                continue
            if file.size > SOUND:
                raise UploadError(
                    f"{file.path}: {file.size} bytes; the sound of a scene may have {SOUND}",
                    f"{file.path}：{file.size} 字节；场景音频上限 {SOUND} 字节",
                )
            went, proof = self._put(unit, f"scene {number}", file, urls.get(number), renewed, number, sound, tools)
            sent = sent or went
            verified.append(proof | {"scene": number})
        ids = {"script_id": script, "script_name": body["script_name"]}
        if papers:
            ready = self._generated(unit, script, papers, tools)
            if ready is None:
                said = Text("the platform still makes subtitles; run again", "平台仍在生成字幕，稍后重新运行")
                return Receipt("pending", said, ids, verified)
            for number, paper in sorted(papers.items()):

                def fresh(number: int = number) -> dict[int, str]:
                    return {number: self._subtitle(script, number, "subtitle_file_upload_url")}

                def there(number: int) -> str:
                    return self._subtitle(script, number, "subtitle_file_download_url")

                went, proof = self._put(unit, f"subtitle {number}", paper, None, fresh, number, there, tools)
                sent = sent or went
                verified.append(proof | {"scene": number})
        tools.journal.end(unit.key, "delivered", delivered=True)
        said = Text("", "") if sent else Text("the script holds it already", "剧本中已有相同内容")
        receipt = Receipt("sent" if sent else "skipped", said, ids, verified)
        return (
            receipt
            if self.video is None
            else videos.made(self.api, videos.asked(self.video), script, unit, tools, receipt)
        )

    # --- the script -----------------------------------------------------------------------------------------

    def _show(self, script: str) -> Reply:
        return self.api.call("show_video_script", what="query script", script_id=script)

    def _found(self, name: str, mark: str) -> str | None:
        """The script of this name that carries our mark. Names are searched by part: compared here in full."""
        for one in self.api.listed("list_video_scripts", "video_scripts", {"name": name}, what="query scripts"):
            script = one.must("script_id")
            if one.text("script_name") == name and self._show(script).text("priv_data") == mark:
                return script
        return None

    def _script(self, unit: Unit, body: Fields, tools: Tools) -> tuple[str, dict[int, str], bool]:
        """The script's id, the upload URLs that came with it, whether it is new."""
        known = tools.journal.facts(unit.key).get("script_id")
        if known:
            try:
                self._show(str(known))
            except Refused as error:
                if error.status != 404:
                    raise
                tools.journal.end(unit.key, "forget script", script_id=None)  # someone took it away: another is made
            else:
                return str(known), {}, False
        name, mark = str(body["script_name"]), str(body["priv_data"])
        other = f"{name[:247]}_{unit.key[:8]}"  # where the name is taken by another script

        def attempt(_: int) -> tuple[str, dict[int, str], bool]:
            there = self._found(name, mark) or self._found(other, mark)
            if there:
                tools.journal.end(unit.key, "create script", script_id=there)
                return there, {}, False
            tools.journal.begin(unit.key, "create script")
            try:
                what = f"create script {body['script_name']!r}"
                made = self.api.call("create_video_scripts", body, what=what, gives=("script_id",), again=False)
            except Unknown as error:  # the next attempt looks for it first
                raise Retryable(error) from None
            except Refused as error:
                if error.code != "MSS.20010005" or body["script_name"] == other:
                    raise
                body["script_name"] = other
                raise Retryable(error, at_once=True) from None
            script = made.must("script_id")
            tools.journal.end(unit.key, "create script", script_id=script)
            return script, _uploads(made), True

        return retry(self.api.caller.patience, attempt)

    # --- a file of a scene ----------------------------------------------------------------------------------

    def _put(
        self,
        unit: Unit,
        step: str,
        file: File,
        url: str | None,
        renewed: Callable[[], dict[int, str]],
        number: int,
        there: Callable[[int], str],
        tools: Tools,
    ) -> tuple[bool, Fields]:
        """Whether it was sent, and what the far end says of it. `there` is where it can be fetched from."""
        proof = {"name": file.name, "size": file.size, "md5": file.md5}
        wanted = (file.size, file.hex_md5)
        if tools.journal.facts(unit.key).get("stored", {}).get(step) == file.md5:
            return False, proof

        def attempt(turn: int) -> bool:
            target = url if turn == 1 else None
            if target is None:  # not new, or tried before: it may be there
                if self._held(there(number)) == wanted:
                    self._note(unit, step, file, tools)
                    return turn > 1
                target = renewed().get(number) or ""
            tools.journal.begin(unit.key, step)
            try:
                make = lambda: tools.body(file)  # noqa: E731  a fresh body for every attempt
                self.api.put(
                    target, file.content_type, file.md5, make, etag=file.hex_md5, what=f"PUT {step} {file.name!r}"
                )
            except Unknown as error:  # the next attempt asks whether it is there
                raise Retryable(error) from None
            except Refused as error:
                if error.status != 403:
                    raise
                raise Retryable(error) from None  # the URL has lapsed
            if self._held(there(number)) != wanted:
                raise Retryable(UploadError(f"{file.name}: the store did not keep it", f"{file.name}：存储没有保存"))
            self._note(unit, step, file, tools)
            return True

        return retry(self.api.caller.patience.times(_TRIES), attempt), proof

    def _held(self, url: str) -> tuple[int, str] | None:
        return self.api.look(url) if url else None

    @staticmethod
    def _note(unit: Unit, step: str, file: File, tools: Tools) -> None:
        stored = tools.journal.facts(unit.key).get("stored", {})
        tools.journal.end(unit.key, step, stored=stored | {step: file.md5})

    # --- subtitles ------------------------------------------------------------------------------------------

    def _subtitle(self, script: str, number: int, field: str) -> str:
        """What the script says of a scene's subtitle file; empty before one was made."""
        for scene in self._show(script).many("shoot_scripts"):
            if scene.number("sequence_no") == number:
                kind = (scene.one("shoot_script").text("script_type") or "TEXT").lower()  # the default of the table
                files = scene.one("subtitle_file_info")
                return files.one(f"{kind}_subtitle_file").text(field)
        return ""

    def _generated(self, unit: Unit, script: str, papers: dict[int, File], tools: Tools) -> bool | None:
        """True when every scene has a subtitle file that can be replaced; None while the platform makes them."""
        if all(self._subtitle(script, number, "subtitle_file_upload_url") for number in papers):
            return True
        job = tools.journal.facts(unit.key).get("subtitle_job")
        if not job:
            tools.journal.begin(unit.key, "make subtitles")
            body = {"script_id": script}
            job = self.api.call("create_subtitle_file", body, what="make subtitles", gives=("job_id",)).must("job_id")
            tools.journal.end(unit.key, "make subtitles", subtitle_job=job)
        waiting = Waiting(tools.wait)
        while True:
            told = self.api.call("show_subtitle_file", what="query subtitles", gives=("job_state",), job_id=str(job))
            if told.word("job_state") == "GENERATED":
                break
            if waiting.over():
                return None
        for one in told.many("subtitle_file_info"):
            if one.number("sequence_no") in papers and one.word("subtitle_file_state") == "GENERATE_FAILED":
                tools.journal.end(unit.key, "subtitles failed", subtitle_job=None)
                why, number = one.one("error_info"), one.number("sequence_no")
                said = f"{why.text('error_code')} {why.text('error_msg')}".strip() or "no reason given"
                raise UploadError(
                    f"scene {number}: GENERATE_FAILED: the platform could not make subtitles: {said}",
                    f"场景 {number}：GENERATE_FAILED：平台生成字幕失败：{said}",
                )
        return True


def _uploads(told: Reply) -> dict[int, str]:
    """Scene -> upload URL, from the answer to create or update (Table 5-25)."""
    listed = told.one("audio_files").many("audio_file_url")
    return {int(one.number("sequence_no") or 0): one.text("audio_file_upload_url") for one in listed}


def _of(told: Reply, number: int) -> str:
    """Where a scene's sound can be fetched from, from the answer to a query."""
    listed = told.one("audio_files").many("audio_file_url")
    urls = [one.text("audio_file_download_url") for one in listed if one.number("sequence_no") == number]
    return urls[0] if urls else ""


def numbered(order: Fields, items: Sequence[Item], table: str) -> dict[int, Item]:
    """Scene number -> its item: as this table of the order says, the others in the order of the manifest.

    Raises UsageError: a number twice, a file that is no scene.
    """
    asked: dict[str, int] = order.get("scenes", {})
    for stranger in sorted(set(asked) - {item.files[0].place for item in items}):
        raise UsageError(
            f"order: [{table}.scenes] names {stranger}, which is no scene of the manifest",
            f"订单：[{table}.scenes] 中的 {stranger} 不是清单中的场景",
        )
    found: dict[int, Item] = {}
    for item in items:
        number = asked.get(item.files[0].place)
        if number is not None and number in found:
            raise UsageError(
                f"order: [{table}.scenes] gives number {number} twice", f"订单：[{table}.scenes] 场景 {number} 重复"
            )
        if number is not None:
            found[number] = item
    free = (number for number in range(len(items) + len(asked)) if number not in found)
    for item in items:
        if item.files[0].place not in asked:
            found[next(free)] = item
    return found


def spoken(file: File) -> str:
    """What is said in a scene. Raises UploadError."""
    if file.size > 4 * TEXT:
        raise UploadError(
            f"{file.path}: {file.size} bytes; a scene takes {TEXT} characters",
            f"{file.path}：{file.size} 字节；场景文本上限 {TEXT} 字符",
        )
    try:
        text = file.path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UploadError(f"{file.path}: not UTF-8", f"{file.path}：不是 UTF-8 编码") from None
    if not 1 <= len(text) <= TEXT:
        raise UploadError(
            f"{file.path}: {len(text)} characters; a scene takes 1 to {TEXT}",
            f"{file.path}：{len(text)} 字符；场景文本为 1–{TEXT} 字符",
        )
    return text
