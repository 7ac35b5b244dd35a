"""The blocks of facts that cost more than reading headers, one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from pipeline.model.ceilings import CHECK, DEEP, JobTime
from pipeline.model.facts import MediaInfo, Text, Value


class Plot(NamedTuple):
    """The picture of a measured block."""

    draw: str  # "module:function" (Path, MediaInfo, target Path) -> whether there was something to see
    shows: str  # the fact that there is a picture of


class Measure(Struct, frozen=True, kw_only=True):
    """A block of facts that costs more than reading headers: measured where a rule, or somebody, asks for it."""

    needs: tuple[str, ...]  # facts of which one has to be there
    reader: str  # "module:function" (Path, MediaInfo) -> MediaInfo: the facts with the block
    block: Callable[[MediaInfo], object]  # None: not measured
    unknown: Text  # why a rule on it has no answer
    remarked: bool = False  # ... unless the last remark on the file says why it could not be measured
    deep: Literal["no", "facts", "yes"] = "no"  # `--deep` measures it unasked; "facts": where there are no rules to ask
    delivers: tuple[str, Value] | None = None  # a role that delivers this has it measured before its files are made
    patience: JobTime = CHECK  # how long judging one asset may take where a rule asks for it
    plot: Plot | None = None


# In the order in which they are measured. Readers and pictures are named, and imported where they are used: heavy
# libraries stand behind them.
MEASURES: Final[Mapping[str, Measure]] = {
    "faces": Measure(
        needs=("image",),
        reader="pipeline.probe.face.measure:add",
        block=lambda info: info.faces,
        unknown=Text(
            "not measured: no face is seen, or not enough of one, or not clearly enough",
            "未测量：未检测到人脸，或人脸不完整、不够清晰",
        ),
        remarked=True,
        deep="facts",
        plot=Plot("pipeline.plots.face:of_file", "faces"),
    ),
    "tracks": Measure(  # before speech, which is that of the one that is heard
        needs=("audio",),
        reader="pipeline.probe.av.tracks:add",
        block=lambda info: len(info.audio) == 1 or any(one.silent is not None for one in info.audio) or None,
        unknown=Text("its sounds were not listened to", "未试听各条音轨"),
        patience=DEEP,
    ),
    "speech": Measure(
        needs=("audio", "archive"),
        reader="pipeline.probe.voices:add",
        block=lambda info: info.speech or (info.archive and any(e.speech for e in info.archive.entries)) or None,
        unknown=Text("the recording was not measured", "未测量录音质量"),
        delivers=("channels", 1),
        patience=DEEP,
        plot=Plot("pipeline.plots.sound:of_file", "audio"),
    ),
    "person": Measure(
        needs=("video",),
        reader="pipeline.probe.person.measure:add",
        block=lambda info: info.person,
        unknown=Text("it was not looked who is seen in it", "未检测画面中的人物"),
        remarked=True,
        patience=DEEP,
    ),
    "card": Measure(
        needs=("image",),
        reader="pipeline.probe.papers.card:add",
        block=lambda info: info.card,
        unknown=Text("it was not looked what card this is", "未检测是否为证件"),
        remarked=True,
        patience=DEEP,
    ),
    "letter": Measure(
        needs=("image", "slides"),
        reader="pipeline.probe.papers.letter:add",
        block=lambda info: info.letter,
        unknown=Text("its pages were not looked at", "未检测各页内容"),
        remarked=True,
        patience=DEEP,
    ),
    "decode": Measure(  # after faces: measuring those decodes a picture as well
        needs=("video", "audio", "image", "archive"),
        reader="pipeline.probe.decode:add",
        block=lambda info: info.image.decodes if info.image else info.intact,
        unknown=Text("not decoded; `--deep` decodes the whole file", "未解码；使用 `--deep` 可完整解码"),
        deep="yes",
    ),
    "beginning": Measure(  # after decode, which may have shown it
        needs=("video", "audio"),
        reader="pipeline.probe.decode:begin",
        block=lambda info: info.begins,
        unknown=Text("it was not tried whether anything can be decoded", "未尝试解码"),
    ),
}
