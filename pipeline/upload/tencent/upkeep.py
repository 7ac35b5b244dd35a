"""What Tencent tells beside uploads: the texts to read for an instant voice. A question alone; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Action, ActionInput, Do, Done, Target
from pipeline.upload.tencent.destination import Tencent

_LANGUAGES: Final = ("chi", "eng", "can")
ACTIONS: Final = {
    "texts": Action(
        "[chi|eng|can]",
        Text("the texts to read for an instant voice, each with its TextId", "即时复刻朗读文本及其 TextId"),
        least=0,
    )
}


@contextmanager
def doing(target: Target, secrets: Secrets) -> Iterator[Do]:
    """See `pipeline.upload.destinations.Upkeep`."""
    place = Tencent(secrets, {}, region=target.region)

    def do(_action: str, asked: ActionInput) -> Done:
        language = next(iter(asked.what), "chi")
        if language not in _LANGUAGES:
            raise UsageError(
                f"texts: {language!r} is none of {', '.join(_LANGUAGES)}",
                f"texts：{language!r} 应为 {'、'.join(_LANGUAGES)}",
            )
        told = place.call("gettext", {"Language": language}, gives=())
        texts = [(one.must("TextId"), one.must("Text")) for one in told.many("Texts")]
        return [(text_id, language, Text(text, text)) for text_id, text in texts]

    with closing(place):
        yield do
