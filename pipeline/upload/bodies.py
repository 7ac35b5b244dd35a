"""Bodies of requests that scenes are written as, ready to send: a row for each word that presets have for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from typing import Final, cast

from pipeline.errors import PresetError, nearest_word
from pipeline.model.fields import Fields

# The word of `deliver.request` -> what makes the body from a name, the texts of the scenes in their order, and whether
# their pictures are higher than wide (None: there are none). Imported when one is asked for.
_BODIES: Final = {"video-script": "pipeline.upload.metastudio.scripts:body_of"}
Body = Callable[[str, Sequence[str], bool | None], Fields]


def body_of(word: str) -> Body:
    """What makes the body that a preset calls by this word. Raises PresetError."""
    if word not in _BODIES:
        hint = nearest_word(word, list(_BODIES))
        known = ", ".join(_BODIES)
        raise PresetError(
            f"deliver.request: {word!r} is no request that scenes can be written as; known: {known}.{hint.en}",
            f"deliver.request：{word!r} 不是可由场景生成的请求；可用：{known}。{hint.zh}",
        )
    return cast(Body, resolve_name(_BODIES[word]))
