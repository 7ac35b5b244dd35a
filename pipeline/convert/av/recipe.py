"""From a plan to a recipe: which streams are copied, which are made anew, into which container, and why.

Pure: no file is opened. Everything that need not change is copied; a stream is encoded only when one of its
own fixes asks for it, when the wanted container cannot hold it, or when the file must become smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.checks.speech import SILENCES
from pipeline.convert.av import picture, sound
from pipeline.convert.av.formats import CONTAINERS, SOUND_ONLY, Container, keeps_alpha
from pipeline.convert.av.picture import Picture
from pipeline.convert.av.sound import Sound
from pipeline.convert.av.targets import Wishes
from pipeline.errors import AssetError
from pipeline.model.facts import AudioStream, MediaInfo, Stated, Text, VideoStream, default_sound
from pipeline.model.results import Fix, Part, Plan
from pipeline.model.rules import Role

# What asks for other pictures than the ones that are there.
PICTURE_FIXES: Final = frozenset(
    {
        "video.codec",
        "video.size",
        "video.width",
        "video.height",
        "video.even",
        "video.frame_rate",
        "video.rate_mode",
        "video.pixel_format",
        "video.chroma",
        "video.bit_depth",
        "video.hdr",
        "video.alpha",
        "video.interlaced",
        "video.square_pixels",
        "video.rotation",
        "video.bit_rate",
    }
)
SOUND_FIXES: Final = frozenset(
    {"audio.codec", "audio.channels", "audio.sample_rate", "audio.bit_depth", "audio.bit_rate"}
)
# Read from the file as a whole, and said where a stream is made anew for their sake.
_OF_STREAMS: Final = frozenset({"file.size", *SILENCES})


class Recipe(Struct, frozen=True, kw_only=True):
    """One output file. `picture` and `sound` are None where that stream is copied or not there."""

    container: str
    source: str | None = None  # container of the source
    to_the_end: bool = False  # whatever its header says of where it ends
    strict: bool = False  # the first that decodes the source, from end to end: what is damaged ends the run
    video: VideoStream | None = None
    picture: Picture | None = None
    audio: tuple[AudioStream, ...] = ()
    sounds: tuple[Sound | None, ...] = ()  # one for each of `audio`
    video_reasons: tuple[Text, ...] = ()
    audio_reasons: tuple[tuple[Text, ...], ...] = ()
    length: Fraction | None = None  # seconds after which the rest is cut off; None: nothing is
    part: Part | None = None  # of a source that is split: what of it goes into this file
    others: bool = False  # covers and subtitles are taken along
    covers: bool = False  # there are some among these
    dropped: tuple[Text, ...] = ()  # streams of the source that do not go on
    listened: AudioStream | None = None  # measured in the same run, for it is not known whether its channels mix well
    reasons: tuple[Text, ...] = ()  # for making the file anew at all

    @property
    def format(self) -> Container:
        """What is known about the container."""
        return CONTAINERS[self.container]


def _because(fix: Fix) -> Text:
    from pipeline.checks import CHECKS
    from pipeline.model.units import show

    check = CHECKS[fix.check]
    en, zh = (f"{show(fix.actual, check.type, lang)} -> {show(fix.value, check.type, lang)}" for lang in ("en", "zh"))
    return Text(f"{check.title.en}: {en}", f"{check.title.zh}：{zh}")


def _kept(info: MediaInfo, wishes: Wishes) -> tuple[tuple[VideoStream, ...], tuple[AudioStream, ...]]:
    """The streams that go on: all, or where one is wanted the first picture and the default sound."""
    video, audio = info.video[:1], info.audio
    if wishes.value("audio.count") == 1 and audio:
        audio = (default_sound(audio),)
    return video, audio


def _asked(wishes: Wishes) -> str | None:
    """The container the plan names, if it names one."""
    for check in ("container.format", "file.format"):
        value = wishes.value(check)
        if isinstance(value, str):
            return value
    packing = next((f for f in wishes.plan.fixes if f.check == "video.codec_in_container"), None)
    if packing and isinstance(packing.value, str) and " in " in packing.value:
        return packing.value.rpartition(" in ")[2]
    return None


def _writable(name: str | None, info: MediaInfo) -> Container:
    if name is None or name not in CONTAINERS:
        known = ", ".join(sorted(CONTAINERS))
        raise AssetError(
            f"{info.name}: a file in the container {name!r} is wanted, and only {known} can be written. "
            "Set container under the role's deliver table of the preset to one of them.",
            f"{info.name}：需要 {name!r} 封装，但只能写出 {known}。请在预设中该角色的 deliver 表里改为其中之一。",
        )
    return CONTAINERS[name]


def recipe(info: MediaInfo, plan: Plan, role: Role, part: Part | None = None) -> Recipe:
    """What will be made of `info`, or of a `part` of it, to honour `plan`.

    Raises AssetError where the plan cannot be carried out: a container or codec that cannot be written, a
    byte budget too small for the length.
    """
    wishes = Wishes(plan, role)
    video, audio = _kept(info, wishes)
    if _moves_out(info, role):
        video, audio = (), _one(info, audio)
    picture_why = tuple(
        _because(f) for s in video for f in plan.fixes if f.stream == s.index and f.check in PICTURE_FIXES
    )
    sound_why = tuple(
        tuple(_because(f) for f in plan.fixes if f.stream == s.index and f.check in SOUND_FIXES) for s in audio
    )
    quiet = tuple(_because(f) for f in plan.fixes if f.check in SILENCES)
    sound_why = tuple((*why, *quiet) for why in sound_why)
    if part and part.recut:
        picture_why += (_NO_ENTRY,)
    too_big = next((f for f in plan.fixes if f.check == "file.size" and not _small_parts(info, plan, f)), None)
    if too_big and video:
        picture_why += (_because(too_big),)
    elif too_big:
        sound_why = tuple((*why, _because(too_big)) for why in sound_why)
    if plan.finer and picture_why:
        picture_why += (_FINER,)
    if plan.encoded and video:
        picture_why += (_UNCOPIED,)
    name = _container(info, wishes, video, audio, picture_why, sound_why)
    held = _writable(name, info)
    picture_why += tuple(_unheld(s.codec, name) for s in video if not held.holds_video(s.codec))
    if not picture_why and video and video[0].alpha and not keeps_alpha(name, video[0].codec):
        picture_why = (_unheld("transparency", name, "透明通道"),)
    if not picture_why and video and name != info.container and picture.untimed(info, video[0]):
        picture_why = (_UNTIMED,)
    packing = next((f for f in plan.fixes if f.check == "video.codec_in_container"), None)
    if packing and video and not picture_why and str(packing.value).partition(" in ")[0] != video[0].codec:
        picture_why = (_because(packing),)
    sound_why = tuple(
        why if held.holds_audio(s.codec) else (*why, _unheld(s.codec, name))
        for s, why in zip(audio, sound_why, strict=True)
    )
    sounds = tuple(
        sound.design(info, s, wishes, name, alone=not video) if why else None
        for s, why in zip(audio, sound_why, strict=True)
    )
    sound_why = tuple(
        (*why, *sound.remarks(info, present, made)) if made else why
        for present, made, why in zip(audio, sounds, sound_why, strict=True)
    )
    # Where pictures are encoded, doing it twice would cost more than listening first.
    first = _one(info, audio)[0] if not picture_why and sound.listens(info, plan, role) else None
    listened = first if first and first.sample_rate and first.channels and not plan.split else None
    return Recipe(
        container=name,
        source=info.container,
        to_the_end=info.sizes is Stated.SHORT,
        strict=info.intact is None and bool(picture_why) and part is None and _all(info, video, audio, wishes),
        video=video[0] if video else None,
        picture=picture.design(info, video[0], wishes, name, audio, sounds) if picture_why else None,
        listened=listened,
        audio=audio,
        sounds=sounds,
        video_reasons=picture_why,
        audio_reasons=sound_why,
        length=None if plan.split else wishes.length(None),
        part=part,
        others=(others := _others(info, wishes, name) if video else False),
        covers=others and info.covers > 0,
        dropped=tuple(_dropped(info, len(audio), others=others)) if video else (),
        reasons=tuple(_because(f) for f in plan.fixes if f.stream is None and f.check not in _OF_STREAMS),
    )


def _all(info: MediaInfo, video: tuple[VideoStream, ...], audio: tuple[AudioStream, ...], wishes: Wishes) -> bool:
    """Whether whoever decodes these streams and proves what is made of them has decoded all that is in the source.

    Of a GIF, FFmpeg shows whatever part of a picture there is, and says nothing.
    """
    whole = video == info.video and audio == info.audio and not info.covers and wishes.length(None) is None
    return whole and info.container != "gif"


_NO_ENTRY: Final = Text("no entry point to cut at without encoding lies there", "该处没有无需重新编码的切分点")
_FINER: Final = Text(
    "finer than usual, for at the usual quality it fell short of what is aimed at",
    "比通常更精细，因为按通常的质量未达到目标",
)
_UNCOPIED: Final = Text(
    "copied into another container its frames were not shown when they should be",
    "直接复制到另一封装后，画面的显示时间不正确",
)
_UNTIMED: Final = Text(
    "AVI does not tell when frames that were reordered are shown", "AVI 未记录经重新排序的帧的显示时间"
)
_UNEVEN: Final = Fraction(5, 4)  # times the mean bit rate that a part may have


def _small_parts(info: MediaInfo, plan: Plan, fix: Fix) -> bool:
    """Whether each part has so small a share of the bytes that none will be too big."""
    if not plan.split or not info.duration or not isinstance(fix.value, int):
        return False
    lengths = [part.length or info.duration - (part.start or 0) for part in plan.parts]
    limit = next((f.value for f in plan.fixes if f.check == "media.duration"), None)
    longest = max(lengths) if lengths else limit if isinstance(limit, int | Fraction) else info.duration
    return info.size * longest / info.duration * _UNEVEN <= fix.value


def _others(info: MediaInfo, wishes: Wishes, container: str) -> bool:
    """Whether there is anything but picture and sound and it can stay."""
    there = bool(info.covers or info.others)
    return there and container == info.container and wishes.value("media.other_streams") != 0


# Names under which streams come that are neither picture, sound nor text.
_DATA: Final = frozenset({"data", "bin_data", "attachment", "ttf", "otf", "unknown"})


def _dropped(info: MediaInfo, sounds: int, *, others: bool) -> Iterator[Text]:
    """What of a video does not go on, by its kind and how often; `sounds` and perhaps `others` do."""
    data = sum(name in _DATA for name in info.others)
    for count, one, many, zh in (
        (len(info.video) - 1, "moving picture", "moving pictures", "条视频流"),
        (len(info.audio) - sounds, "sound", "sounds", "条声音"),
        (0 if others else info.covers, "cover", "covers", "张封面"),
        (0 if others else len(info.others) - data, "subtitle track", "subtitle tracks", "条字幕轨"),
        (data, "data track (such as a time code)", "data tracks (such as a time code)", "条数据轨（如时间码）"),
    ):
        if count > 0:
            yield Text(f"{count} {one if count == 1 else many}", f"{count} {zh}")


def _unheld(what: str | None, container: str, what_zh: str | None = None) -> Text:
    return Text(f"{what} cannot be put into {container}", f"{container} 不能容纳 {what_zh or what}")


def _moves_out(info: MediaInfo, role: Role) -> bool:
    """Only the sound of a video is wanted."""
    return bool(info.video) and role.wants("container") in SOUND_ONLY


def _one(info: MediaInfo, audio: tuple[AudioStream, ...]) -> tuple[AudioStream, ...]:
    if not audio:
        raise AssetError(
            f"{info.name}: sound is wanted and this video has none. Give a file with sound.",
            f"{info.name}：需要声音，但该视频没有音频流。请提供有声音的文件。",
        )
    return (default_sound(audio),)


def _container(
    info: MediaInfo,
    wishes: Wishes,
    video: tuple[VideoStream, ...],
    audio: tuple[AudioStream, ...],
    picture_why: tuple[Text, ...],
    sound_why: tuple[tuple[Text, ...], ...],
) -> str:
    """The container the plan names; else the present one, or the one to deliver where a stream is new."""
    asked = _asked(wishes)
    deliver = wishes.role.wants("container")
    if asked is not None:
        return asked
    anew = bool(picture_why) if video else any(sound_why)
    order = [deliver, info.container] if anew or _moves_out(info, wishes.role) else [info.container, deliver]
    keeps_alpha = bool(picture_why) and picture.must_keep_alpha(video[0], wishes)
    possible: list[str] = []
    for name in [*order, *(["webm", "mov"] if keeps_alpha else ["mp4"] if video else ["wav"])]:
        held = CONTAINERS.get(str(name))
        if held is None or (keeps_alpha and picture.alpha_codec(str(name), wishes, video[0]) is None):
            continue
        if video and (not held.new_video if picture_why else not held.holds_video(video[0].codec)):
            continue
        if not video and held.video and name != info.container:
            continue  # sound alone goes into a container for sound
        fits = [
            held.new_audio is not None if why else held.holds_audio(s.codec)
            for s, why in zip(audio, sound_why, strict=True)
        ]
        if all(fits) or name == order[0]:
            return str(name)
        if held.new_audio is not None:
            possible.append(str(name))
    # None takes the sound as it is: one that takes it encoded.
    return possible[0] if possible else str(deliver or ("mp4" if video else "wav"))
