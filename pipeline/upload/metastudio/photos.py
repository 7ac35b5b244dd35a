"""A photo that speaks at MetaStudio: checked by the platform, then made into a video of a text or of drive sound.

The calls are in no chapter of its documents; they are those of its official SDK (`tables/photos.toml`). What is spoken
is a video script, as for any other video: by its script the task is found again.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Receipt, Tools, Unit, together
from pipeline.upload.items import File, Item
from pipeline.upload.metastudio import fields, videos
from pipeline.upload.metastudio.api import Api, ProjectDestination
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.scripts import Production, spoken
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Waiting

_PHOTO: Final = "photo"
_SPOKEN: Final = {"text": "text", "audio": "audio-drive"}  # role of the preset -> role of a scene
_TASK: Final = videos.Task("create_photo_digital_human_video", "show_photo_digital_human_video")
_MOST: Final = fields.SIGNED_BODY // 4 * 3 - (1 << 16)  # bytes of a photo, so that the request with it can be signed


class PhotoVideo(ProjectDestination):
    """One photo, and what it says."""

    def __init__(self, api: Api, order: Fields, library: AssetLibrary) -> None:
        super().__init__(api, order)
        self.voice = {key: order[key] for key in fields.VOICE if key in order}
        script = {"script_name": order["asset_name"]} | self.voice
        self.scripts = Production(api, script, library)

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """The photo and what it says, together. Raises UsageError."""
        if not items:
            return []
        photos = [item for item in items if item.role == _PHOTO]
        said = [item for item in items if item.role in _SPOKEN]
        if len(photos) != 1 or len(said) != 1 or len(items) != 2:
            raise UsageError(
                f"order: [photo] wants one photo and one text or recording that it says; the manifests have "
                f"{len(photos)} and {len(said)} of {len(items)} files",
                f"订单：[photo] 需要一张照片和一个文本或录音；清单共 {len(items)} 个文件，其中照片 {len(photos)}、"
                f"文本或录音 {len(said)}",
            )
        if said[0].role == "text" and not self.voice:
            raise UsageError(
                "order: [photo] wants voice_asset_id: who speaks the text",
                "订单：[photo] 需要 voice_asset_id：朗读文本的音色",
            )
        source, size = photos[0].source, photos[0].files[0].size
        if size > _MOST:
            raise UsageError(
                f"{source}: {size} bytes; a photo goes inside of a request, which takes {_MOST}",
                f"{source}：{size} 字节；照片随请求发送，上限 {_MOST} 字节",
            )
        both = (photos[0], said[0])
        keys = [item.key for item in both]
        return [together(str(self.order["asset_name"]), both, sorted(self.order.items()), keys=keys)]

    def _scene(self, item: Item) -> Item:
        return replace(item, role=_SPOKEN[str(item.role)])

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        path, (_, said) = self.api.path, unit.items
        (script,) = self.scripts.units([self._scene(said)])
        return [
            f"POST {path('create_photo_detection')}",
            f"GET {path('show_photo_detection')} until SUCCEED",
            *self.scripts.plan(script),
            *videos.plan(self.api, _TASK),
        ]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text. Raises UploadError."""
        photo, said = unit.items
        image = _inside(photo.files[0])
        waits = self._checked(unit, image, tools)
        if waits is not None:
            return waits
        (script,) = self.scripts.units([self._scene(said)])
        receipt = self.scripts.send(script, tools)
        shot: Fields = {"script_type": "AUDIO"}
        if said.role == "text":
            shot = {"script_type": "TEXT", "text_config": {"text": spoken(said.files[0])}}
        body: Fields = {
            "human_image": image,
            "shoot_scripts": [{"sequence_no": 0, "shoot_script": shot}],
            "output_asset_config": {"asset_name": self.order["asset_name"]},
            "authorize_use_human_image": self.order["authorize_use_human_image"],
        }
        body |= {key: self.order[key] for key in ("video_config", "background_music_config") if key in self.order}
        if self.voice:
            body["voice_config"] = self.voice
        script_id = str(receipt.ids["script_id"])
        return videos.made(self.api, body, script_id, unit, tools, receipt, _TASK)

    def _checked(self, unit: Unit, image: str, tools: Tools) -> Receipt | None:
        """None when the platform takes the photo; else what is waited for. Raises UploadError when it does not."""
        facts = tools.journal.facts(unit.key)
        if facts.get("photo_taken"):
            return None
        job = facts.get("photo_job")
        if not job:
            tools.journal.begin(unit.key, "check photo")
            body = {"human_image": image}  # a check that is asked for twice does no harm
            job = self.api.call("create_photo_detection", body, what="check photo", gives=("job_id",)).must("job_id")
            tools.journal.end(unit.key, "check photo", photo_job=job)
        waiting = Waiting(tools.wait)
        while True:
            told = self.api.call("show_photo_detection", what="query photo", gives=("state",), job_id=str(job))
            state = told.word("state")
            if state == "SUCCEED":
                tools.journal.end(unit.key, "photo taken", photo_taken=True)
                return None
            if state in ("FAILED", "CANCELED"):
                tools.journal.end(unit.key, "photo refused", photo_job=None)
                raise self._refused(unit, state, told)
            if waiting.over():
                later = Text(f"photo {job}: {state}; run again to ask", f"照片 {job}：{state}；稍后重新运行即可查询")
                return Receipt("pending", later, {"photo_job_id": str(job)})

    @staticmethod
    def _refused(unit: Unit, state: str, told: Reply) -> UploadError:
        why = told.one("error_info")
        said = f"{why.text('error_code')} {why.text('error_msg')}".strip() or "no reason given"
        return UploadError(
            f"{unit.items[0].source}: the platform does not take this photo ({state}): {said}. Take another one.",
            f"{unit.items[0].source}：平台不接受此照片（{state}）：{said}。请更换照片。",
        )


def _inside(file: File) -> str:
    return base64.b64encode(file.path.read_bytes()).decode("ascii")
