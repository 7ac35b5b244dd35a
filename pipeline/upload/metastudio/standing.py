"""How things stand at MetaStudio: assets, training jobs, voices, videos. Questions alone; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

from pipeline.model.facts import Text
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Look, Target
from pipeline.upload.metastudio.api import Api
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Patience

# id in the record -> call, name of the id in its path, field with the state, what it is
_ROWS: Final = (
    ("room_id", "show_smart_live_room", "room_id", "room_state", Text("room", "直播间")),
    ("asset_id", "show_asset", "asset_id", "asset_state", Text("asset", "资产")),
)
_VIDEO: Final = ("job_id", "state", Text("video", "视频"))
# what the preset speaks of -> the call that shows its videos
_VIDEOS: Final = {"photo-avatar": "show_photo_digital_human_video", "": "show2_d_digital_human_video"}
_JOBS: Final = {"training": "show2d_model_training_job", "voice": "show_voice_training_job"}


@contextmanager
def looked(target: Target, secrets: Secrets) -> Iterator[Look]:
    """See `pipeline.upload.destinations.Standing`."""
    api = Api(secrets, Patience(attempts=3), target.region, target.project, abroad="-intl/" in target.preset)

    videos = [call for word, call in _VIDEOS.items() if word in target.preset]

    def look(ids: Mapping[str, Any]) -> list[tuple[str, Text]]:
        found = []
        rows = [("video_job_id", videos[0], *_VIDEO), *_ROWS]
        kind = next((call for word, call in _JOBS.items() if word in target.preset), "")
        if kind:
            rows.append(("job_id", kind, "job_id", "state", Text("job", "任务")))
        for key, call, place, field, words in rows:
            if isinstance(ids.get(key), str):
                told = api.call(call, what=f"query {key}", gives=(field,), **{place: ids[key]})
                found.append(_line(words, str(ids[key]), told, field))
        return found

    with closing(api.caller):
        yield look


def _line(words: Text, name: str, told: Reply, field: str) -> tuple[str, Text]:
    state = told.word(field)
    return state, Text(f"{words.en} {name}: {state}", f"{words.zh} {name}：{state}")
