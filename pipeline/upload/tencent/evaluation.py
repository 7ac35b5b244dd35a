"""Whether a recording passed Tencent's own evaluation: by the range that came with each number."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.model.facts import Text
from pipeline.upload.protocol import Reply


class Metric(Struct, frozen=True):
    """A number of the evaluation: what passes, what it is, what to do when it does not."""

    least: float | None
    most: float | None
    means: Text


_NOISE: Final = Text("signal-to-noise index; record in a quieter room", "信噪比指标，请在更安静的环境重录")
_ROOM: Final = Text("reverberation index; record in a room that echoes less", "混响指标，请在回声更小的房间重录")
_LOUD: Final = Text("clipping index; record at a lower level", "截幅指标，请降低录音电平重录")
_LONG: Final = Text("seconds of speech; record more", "有效时长（秒），请补充录音")
_WORDS: Final = Text("share of the text that was read right; read it again", "文本朗读准确率，请重新朗读")
# TX-Custom, Audio evaluation task creation (2025-12-01): what passes where no range comes with a number. Where two
# documents disagree this is the newer one (T1 to T5). The duration is in seconds, as in the sample answer (T4).
_METRICS: Final[dict[str, Metric]] = {
    "Snr": Metric(25, None, _NOISE),
    "C50": Metric(30, None, _ROOM),
    "Clipping": Metric(None, 10, _LOUD),
    "Duration": Metric(300, None, _LONG),
}
_RIGHT: Final = {"chi": 0.85, "eng": 0.50, "can": 0.70}  # Wer holds the share that was right, whatever its name (T6)


def shortcomings(result: Reply, language: str, *, text: bool) -> list[Text]:
    """What did not pass, in words. `text` says that a reference text was sent: without one no words are compared.

    The range that came with a number counts, then the documents' limit. A number that is not told has not passed.
    """
    metrics = _METRICS | ({"Wer": Metric(_RIGHT[language], None, _WORDS)} if text else {})
    found = []
    for name, metric in metrics.items():
        one = result.one(name)
        value, span = one.number("Value"), one.each("QualifiedRange")
        least, most = span if len(span) == 2 else (metric.least, metric.most)
        if value is not None and name == "Wer" and value > 1:
            value /= 100
        if value is not None and (least is None or value >= least) and (most is None or value <= most):
            continue
        low = least is not None and (value is None or value < least)
        wanted = f">= {least:g}" if low else f"<= {most:g}" if most is not None else f">= {least:g}"
        shown = "not told" if value is None else f"{value:g}"
        shown_zh = "未给出" if value is None else f"{value:g}"
        found.append(
            Text(
                f"{name} is {shown}, wanted {wanted} ({metric.means.en})",
                f"{name} 为 {shown_zh}，要求 {wanted}（{metric.means.zh}）",
            )
        )
    return found
