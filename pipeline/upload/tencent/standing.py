"""How a make request stands at Tencent. A question alone; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from pipeline.model.facts import Text
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Look, Target
from pipeline.upload.retry import Patience
from pipeline.upload.tencent.destination import Tencent


@contextmanager
def looked(target: Target, secrets: Secrets) -> Iterator[Look]:
    """See `pipeline.upload.destinations.Standing`."""
    place = Tencent(secrets, {}, Patience(attempts=3), target.region)

    def look(ids: Mapping[str, Any]) -> list[tuple[str, Text]]:
        task = ids.get("task_id")
        if not isinstance(task, str):
            return []
        told = place.call("getprogress", {"TaskId": task}, gives=("Status",))
        stage, state = told.text("StageV2"), told.text("StatusV2")
        state = "WAITS" if (stage, state) == ("CONFIRM", "WAIT_PROCESS") else state
        why = told.text("FailMessage")
        said = " ".join(word for word in (told.word("Status"), stage, state, why) if word)
        return [(told.word("Status"), Text(f"make {task}: {said}", f"make {task}：{said}"))]

    with closing(place):
        yield look
