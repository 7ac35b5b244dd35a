"""From a recipe to the one ffmpeg command that carries it out, and to the steps a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from pipeline.convert.av import reference
from pipeline.convert.av import split as parts
from pipeline.convert.av.filters import Filter, of_picture, of_sound
from pipeline.convert.av.formats import EncoderOptions
from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import Recipe
from pipeline.convert.av.sound import Sound
from pipeline.model.facts import Text
from pipeline.model.results import Part, Step
from pipeline.tools import programs
from pipeline.tools.ffmpeg import HEAD, TELLING, poured, reading

SOURCE = "in0"


def output_name(recipe: Recipe) -> str:
    """The working name of the output."""
    return f"out{recipe.part.number if recipe.part else ''}.{recipe.format.extension}"


def _entered(recipe: Recipe, part: Part) -> tuple[str, ...]:
    """How the source is entered for a part of it, in front of its name."""
    begin = part.start or Fraction(0)
    if not begin:
        return ()
    # Coded frames are entered a little late, or rounding would lead to the entry point before; pictures are cut
    # a little early, or rounding would lose one.
    at = begin - parts.BEFORE if recipe.picture else begin + parts.later(recipe.source)
    at -= _run_up(recipe, at)
    return ("-ss", f"{float(at):.6f}")


# Seconds by which a container without an index is entered early; it is found by guessing, and late at times.
_EARLY: Final = Fraction(15)


def _run_up(recipe: Recipe, at: Fraction) -> Fraction:
    """Seconds decoded and thrown away in front of the part: whole frames, or others would be chosen for a new rate."""
    if recipe.source in parts.ENTERED:
        return Fraction(0)
    early, rate = min(at, _EARLY), recipe.picture.rate if recipe.picture else None
    return early // (1 / rate) / rate if rate else early


def _ended(recipe: Recipe, part: Part) -> dict[str, str]:
    """Where a part ends, and where its clock begins, as options of the output."""
    begin = part.start or Fraction(0)
    options: dict[str, str] = {}
    if recipe.picture:
        # Sound that is copied begins with the picture, not where the source was entered.
        if begin:
            if early := _run_up(recipe, begin - parts.BEFORE):
                options = {"ss": f"{float(early):.6f}"}
            options |= {f"copypriorss:{n}": "0" for n, made in enumerate(recipe.sounds, 1) if made is None}
        if part.length is not None:
            # The clock of a later part begins at its cut, that of the first one at its first frame.
            length = part.length if begin else part.length - parts.BEFORE
            options["t"] = f"{float(length):.6f}"
        return options
    if begin:
        options["output_ts_offset"] = f"{-float(begin):.6f}"
    if part.length is not None:
        # Pictures are counted, for ffmpeg ends a copy by times of decoding; its own -frames would end the sound too.
        options["bsf:0"] = f"noise=drop=gte(n\\,{part.frames})"
        options["to"] = f"{float(begin + part.length):.6f}"
    return options


def filtered(stream: Any, chain: tuple[Filter, ...]) -> Any:
    """The chain hung behind a stream of ffmpeg-python's graph."""
    import ffmpeg

    for name, options in chain:
        if name != "flatten":
            stream = stream.filter(name, **dict(options))
            continue
        # The frame itself, painted over, is the background: same times, same number of frames.
        halves = stream.split()
        painted = halves[0].filter("drawbox", t="fill", replace=1, **dict(options))
        stream = ffmpeg.overlay(painted, halves[1], format="gbrp")
    return stream


def _numbered(number: int, options: EncoderOptions) -> dict[str, str]:
    """Options of the output's stream `number`."""
    return {f"{key}:{number}": value for key, value in options}


def _picture_options(made: Picture) -> EncoderOptions:
    options = dict(made.encoder.options) | (dict(made.encoder.alpha_options) if made.alpha else {})
    options["pix_fmt"] = made.pixel_format
    if made.crf:
        options["crf"] = made.crf
    if made.group and made.encoder.capped:
        options["g"] = str(made.group)
    if made.cap:
        # x264 and libvpx: constant quality until the cap binds.
        options |= {"maxrate": str(made.cap), "bufsize": str(made.cap)}
        if made.codec == "vp9":
            options["b"] = str(made.cap)
    if made.alpha and made.codec == "vp9":
        options["metadata:s"] = "alpha_mode=1"
    return tuple(options.items())


def _sound_options(made: Sound) -> EncoderOptions:
    bits = (("b", str(made.bit_rate)),) if made.bit_rate else ()
    return (("c", made.encoder.encoder), *bits)


def arguments(recipe: Recipe) -> tuple[str, ...]:
    """Everything after the program's name. The graph is ffmpeg-python's, the start and the reading ours."""
    import ffmpeg

    source = ffmpeg.input(SOURCE)
    streams, options = [], {"f": recipe.format.muxer, "c": "copy", **dict(recipe.format.options)}
    decoders: tuple[str, ...] = ()
    shown: Any = None
    if recipe.video:
        stream = source[str(recipe.video.index)]
        if made := recipe.picture:
            both = filtered(stream, of_picture(made)).split()
            stream, shown = both[0], both[1]
            options |= _numbered(0, _picture_options(made))
            if made.decoder:
                decoders = (f"-c:{recipe.video.index}", made.decoder)
        elif recipe.video.codec == "hevc" and recipe.format.muxer in {"mp4", "mov"}:
            options["tag:0"] = "hvc1"  # the only tag Apple's players take
        streams.append(stream)
    for number, (heard, sound) in enumerate(zip(recipe.audio, recipe.sounds, strict=True), len(streams)):
        stream = source[str(heard.index)]
        if sound:
            stream = filtered(stream, of_sound(sound))
            options |= _numbered(number, _sound_options(sound))
            if heard.language:
                options[f"metadata:s:{number}"] = f"language={heard.language}"
        streams.append(stream)
    if recipe.others:
        streams += [source["s?"], *([source["disp:attached_pic"]] if recipe.covers else [])]
    else:
        options["map_chapters"] = "-1"  # they would come back as a data stream of their own
    if recipe.format.muxer in {"mp4", "mov", "ipod"}:
        options["write_tmcd"] = "0"  # so would time codes
    seek: tuple[str, ...] = ()
    if part := recipe.part:
        seek = _entered(recipe, part)
        options |= _ended(recipe, part)
    if recipe.length is not None:
        options["t"] = f"{float(recipe.length):.6f}"
    if not recipe.video:
        options |= {"map_metadata": "-1", "fflags": "+bitexact"}
    target = ffmpeg.output(*streams, output_name(recipe), **options)
    if shown is not None:
        target = ffmpeg.merge_outputs(target, _kept(shown, recipe, options))
    graph: list[str] = ffmpeg.get_args(target)
    opened = ("-i", SOURCE)
    at = next(i for i in range(len(graph)) if tuple(graph[i : i + 2]) == opened)
    head: tuple[str, ...] = HEAD
    also: tuple[str, ...] = ()
    if voice := recipe.listened:
        head, also = TELLING, poured(voice.index, voice.sample_rate or 0, voice.channels or 0)
    if recipe.part and recipe.picture is None:
        head = (*head, "-copyts", "-start_at_zero")
    more = ("-ignore_length", "1") if recipe.to_the_end else ()
    if recipe.strict:
        head, more = (*head, "-xerror"), (*more, "-err_detect:v", "explode")
    return (*head, *graph[:at], *reading(SOURCE, *more, *decoders, *seek), *graph[at + 2 :], *also)


def _kept(shown: Any, recipe: Recipe, options: dict[str, str]) -> Any:
    """A second output: of the frames that the encoder is given, those it will be proven by."""
    import ffmpeg

    # ffmpeg cuts an output behind its graph; frames are counted from the same cut.
    cut = {word: options[key] for key, word in (("ss", "start"), ("t", "duration")) if key in options}
    if cut:
        shown = shown.filter("trim", **cut)
    chosen = shown.filter("select", reference.selection(reference.every(recipe)))
    return ffmpeg.output(chosen, reference.name(recipe), **reference.OPTIONS, fps_mode="passthrough")


def _how(recipe: Recipe) -> Text:
    """The whole recipe in one sentence."""
    parts_en, parts_zh = [], []
    if recipe.video and recipe.picture is None:
        parts_en.append("picture copied")
        parts_zh.append("画面直接复制")
    elif recipe.picture:
        parts_en.append(f"picture encoded as {recipe.picture.codec} ({_joined(recipe.video_reasons, 'en')})")
        parts_zh.append(f"画面重新编码为 {recipe.picture.codec}（{_joined(recipe.video_reasons, 'zh')}）")
        for said in _costs(recipe.picture):
            parts_en.append(said.en)
            parts_zh.append(said.zh)
    for number, (sound, why) in enumerate(zip(recipe.sounds, recipe.audio_reasons, strict=True), 1):
        if sound is None:
            parts_en.append(f"sound {number} copied")
            parts_zh.append(f"第 {number} 条声音直接复制")
        else:
            parts_en.append(f"sound {number} encoded as {sound.codec} ({_joined(why, 'en')})")
            parts_zh.append(f"第 {number} 条声音重新编码为 {sound.codec}（{_joined(why, 'zh')}）")
    if recipe.dropped:
        parts_en.append(f"left out: {_joined(recipe.dropped, 'en')}")
        parts_zh.append(f"舍弃：{_joined(recipe.dropped, 'zh')}")
    if recipe.length is not None:
        parts_en.append(f"cut off after {float(recipe.length):.2f} s")
        parts_zh.append(f"截取前 {float(recipe.length):.2f} 秒")
    if part := recipe.part:
        begin = part.start or Fraction(0)
        end = None if part.length is None else begin + part.length
        named = Text(f"part {part.number} of {part.of}", f"第 {part.number}/{part.of} 份")
        which = Text("kept", "保留") if part.alone else named
        parts_en.append(f"{which.en}: {_clock(begin)} to {_clock(end) if end else 'the end'}")
        parts_zh.append(f"{which.zh}：{_clock(begin)} 至{' ' + _clock(end) if end else '结尾'}")
    why_en, why_zh = _joined(recipe.reasons, "en"), _joined(recipe.reasons, "zh")
    return Text(
        f"write {recipe.container}{f' ({why_en})' if why_en else ''}: {', '.join(parts_en)}",
        f"写出 {recipe.container}{f'（{why_zh}）' if why_zh else ''}：{'，'.join(parts_zh)}",
    )


def _clock(seconds: Fraction) -> str:
    """As 12:03.40."""
    minutes, rest = divmod(float(seconds), 60)
    return f"{int(minutes)}:{rest:05.2f}"


# Bits for each pixel of each frame that x264 at our settings takes: on footage from a tripod 0.02, with a moving
# camera 0.1 (docs/benchmarks.md). A cap below the first is felt by all footage, above the second by hardly any.
_CALM: Final = 0.02
_LIVELY: Final = 0.1
_EXPECTED: Final = (
    (_LIVELY, Text("as without a limit for nearly all footage", "几乎所有素材均与不限码率时相同")),
    (
        _CALM,
        Text("as without a limit for a calm picture, softer in motion", "静态画面与不限码率时相同，运动画面会变软"),
    ),
    (0.0, Text("visibly softer than the source", "明显不如原片清晰")),
)


def _costs(made: Picture) -> Iterator[Text]:
    """What is given up, said before it is."""
    if made.background:
        yield Text(f"transparency is lost: laid over {made.background}", f"失去透明通道：以 {made.background} 为底色")
    if made.cap and made.shown and made.playing:
        bits = made.cap / (made.shown.width * made.shown.height * float(made.playing))
        expected = next(text for least, text in _EXPECTED if bits >= least)
        rate = f"{made.cap / 1e6:.2f} Mbit/s"
        yield Text(
            f"at most {rate} to stay within the limit (expected quality: {expected.en})",
            f"码率不超过 {rate} 以符合上限（预期画质：{expected.zh}）",
        )


def _joined(reasons: tuple[Text, ...], lang: str) -> str:
    return ("; " if lang == "en" else "；").join(reason.of(lang) for reason in reasons)


def steps(recipe: Recipe) -> tuple[Step, ...]:
    """What will be done, with the exact command."""
    return (Step(does=_how(recipe), command=(programs.ffmpeg(), *arguments(recipe))),)
