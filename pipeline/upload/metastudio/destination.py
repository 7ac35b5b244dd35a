"""What a manifest becomes at MetaStudio, by the preset it was prepared with and by its order."""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Destination, Target
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.library import AssetLibrary
from pipeline.upload.metastudio.photos import PhotoVideo
from pipeline.upload.metastudio.rooms import Rooms
from pipeline.upload.metastudio.scripts import Production
from pipeline.upload.metastudio.training import Avatar
from pipeline.upload.metastudio.voice import Voice
from pipeline.upload.retry import Patience


def opened(target: Target, secrets: Secrets) -> Destination:
    """What the order asks for: a job, a voice, a script, a room, a photo that speaks, assets. Raises UsageError."""
    preset, order = target.preset, target.order
    api = Api(secrets, Patience(), target.region, target.project, abroad="-intl/" in preset, dry=target.dry)
    if "training" in preset:
        return Avatar(api, order.get("training", {}), flexus="flexus" in preset)
    if "/voice-" in preset:
        return Voice(api, order.get("voice", {}), preset.rsplit("-", 1)[-1])
    library = AssetLibrary(api, order.get("asset", {}))
    if "photo" in order:
        return PhotoVideo(api, order["photo"], library)
    if "room" in order:
        return Rooms(api, order["room"], library)
    if "video" in order and "script" not in order:
        raise UsageError("order: [video] wants a [script] that it is made of", "订单：[video] 需要同时写 [script]")
    return Production(api, order["script"], library, order.get("video")) if "script" in order else library
