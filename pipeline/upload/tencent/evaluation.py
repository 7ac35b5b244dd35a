"""Whether a recording passed Tencent's own evaluation, also where its answer holds numbers and no verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.model.facts import Text

_RANGE: Final = re.compile(r"\s*\[?\s*(-?\d+(?:\.\d+)?)\s*[-~,]\s*(-?\d+(?:\.\d+)?)?\s*\]?\s*")


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of the evaluation: what passes, what it is, what to do when it does not."""

    least: float | None
    most: float | None
    means: Text


_NOISE: Final = Text("signal-to-noise index; record in a quieter room", "信噪比指标，请在更安静的环境重录")
_ROOM: Final = Text("reverberation index; record in a room that echoes less", "混响指标，请在回声更小的房间重录")
_LOUD: Final = Text("clipping index; record at a lower level", "截幅指标，请降低录音电平重录")
_LONG: Final = Text("seconds of speech; record more", "有效时长（秒），请补充录音")
_WORDS: Final = Text("share of the text that was read right; read it again", "文本朗读准确率，请重新朗读")
# TX-Custom, Audio evaluation task creation (2025-12-01) and Zero-shot quality check submission (2025-12-19). Where two
# documents disagree these are the newer ones (T1 to T5). The duration is in seconds, as in the sample answer (T4).
_METRICS: Final[dict[str, dict[str, Metric]]] = {
    "audio": {
        "Snr": Metric(25, None, _NOISE),
        "C50": Metric(30, None, _ROOM),
        "Clipping": Metric(None, 10, _LOUD),
        "Duration": Metric(300, None, _LONG),
    },
    "zeroshot": {
        "Snr": Metric(20, None, _NOISE),
        "C50": Metric(20, None, _ROOM),
        "Clipping": Metric(None, 10, _LOUD),
        "Duration": Metric(5, None, _LONG),
    },
}
# Wer holds the share that was right, whatever its name says (T6).
_RIGHT: Final[dict[str, dict[str, float]]] = {
    "audio": {"chi": 0.85, "eng": 0.50, "can": 0.70},
    "zeroshot": {"chi": 0.70, "eng": 0.50, "can": 0.70},
}


def shortcomings(folder: str, result: Mapping[str, Any], language: str, *, text: bool) -> list[Text]:
    """What did not pass, in words. `text` says that a reference text was sent: without one no words are compared.

    The platform's own verdict on a number counts, then the range that came with it, then the documents' limit.
    """
    metrics = dict(_METRICS.get(folder, {}))
    if text and folder in _RIGHT:
        metrics["Wer"] = Metric(_RIGHT[folder][language], None, _WORDS)
    found = []
    for name, metric in metrics.items():
        told = result.get(name)
        one = told if isinstance(told, Mapping) else {"Value": told}
        value, passed = _number(one.get("Value")), one.get("Passed")
        least, most = _range(one.get("QualifiedRange")) or (metric.least, metric.most)
        if value is not None and name == "Wer" and value > 1:
            value /= 100
        if passed is None and value is not None:
            passed = (least is None or value >= least) and (most is None or value <= most)
        if passed is False:
            wanted = f">= {least:g}" if least is not None else f"<= {most:g}"
            shown = "?" if value is None else f"{value:g}"
            found.append(
                Text(
                    f"{name} is {shown}, wanted {wanted} ({metric.means.en})",
                    f"{name} 为 {shown}，要求 {wanted}（{metric.means.zh}）",
                )
            )
    return found


def _number(value: object) -> float | None:
    """A number, also where it is written as a text."""
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:  # no number: the platform's own verdict counts alone
        return None


def _range(told: object) -> tuple[float | None, float | None] | None:
    """A QualifiedRange; its form is not in the documents: two numbers in a list, or "30-100"."""
    if isinstance(told, list | tuple) and len(told) == 2:
        least, most = _number(told[0]), _number(told[1])
        return None if least is None and most is None else (least, most)
    found = _RANGE.fullmatch(told) if isinstance(told, str) else None
    return (float(found[1]), float(found[2]) if found[2] else None) if found else None
