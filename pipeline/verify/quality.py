"""How much a newly encoded picture resembles its source: VMAF and SSIM on sampled spans, and the alpha plane.

The source goes through the same filters as it did for encoding, so that size, rate and colours are those of the
output and only what the encoder did is left to see. Spans begin where the source can be entered without decoding
what comes before. VMAF (https://github.com/Netflix/vmaf), 0 to 100, sees brightness of every second frame of a span;
SSIM, 0 to 1, sees brightness and colour of every frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.convert.av.command import filtered
from pipeline.convert.av.filters import of_picture
from pipeline.convert.av.formats import ALPHA_DECODERS
from pipeline.convert.av.recipe import Recipe
from pipeline.convert.av.split import BEFORE
from pipeline.errors import ToolFailed
from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo, Size, Text
from pipeline.model.results import Proof
from pipeline.model.rules import Role
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, pulse, reading

if TYPE_CHECKING:
    from pipeline.probe.av.timeline import Timeline  # brings PyAV, which only workers load

SPANS: Final = 3  # at most, evenly over the length
FRAMES: Final = 6  # of each
_LEAD: Final = 2  # frames before a span: a deinterlacer and a new rate look back
# Floors, where the preset sets none. CRF 17 gives 90 to 99; a picture below 70 is called poor by most viewers
# (the model's own scale has 20 for bad and 100 for excellent).
VMAF_FLOOR: Final = Fraction(70)
SSIM_FLOOR: Final = Fraction(85, 100)
# Mean over the pixels of a span, of 255. ProRes keeps transparency without loss but for rounding.
_ALPHA_SLACK: Final = {"prores": Fraction(1), "vp9": Fraction(3)}
_SMALLEST: Final = 64  # pixels; VMAF looks at four octaves of detail
_LEAST: Final = 16  # pixels; SSIM needs eight of each plane, and planes of colour have half of them
_FINE: Final = Size(2560, 1440)  # above, the model for 4K screens
_BROADCAST: Final = frozenset({"mpegts", "mpeg"})
_EARLY: Final = Fraction(10)  # seconds; such streams have no index, and ffmpeg enters them late
_EPSILON: Final = Fraction(1, 500)  # seconds; what containers round
_CLOCK: Final = 25  # frames per second of what is compared; any will do
_EVERY: Final = 2  # frames from one that VMAF scores to the next; it follows motion through all
_SCORES: Final = "scores.json"
_SSIM: Final = "ssim.log"
_ALPHA: Final = "alpha.log"
_LOGS: Final = (_SCORES, _SSIM, _ALPHA)


class Span(NamedTuple):
    """Where to begin decoding and where to begin comparing, in seconds from the start of the file.

    `begin` lies between two frames of the output; None: at the very first. `shift` is what the clock of the output is
    behind: the start of a part of the source.
    """

    enter: Fraction
    begin: Fraction | None
    shift: Fraction = Fraction(0)


def spans(
    line: Timeline,
    origin: Fraction,
    rate: Fraction,
    length: Fraction,
    *,
    variable: bool,
    counted: bool,
    shift: Fraction = Fraction(0),
) -> tuple[Span, ...]:
    """Up to SPANS places spread over `length` seconds; `rate` is the output's, `origin` the source's first time.

    `shift` is where in the source the output begins, where it is a part of it.
    """
    lead = Fraction(_LEAD) / rate if not variable else Fraction(1)
    before = 2 / (5 * rate)  # not half a frame: filters round a half up above zero and down below
    room = length - FRAMES / rate - lead
    start = line.start - origin
    first = max(start, shift)
    chosen: dict[Fraction, Span] = {}
    for number in range(SPANS):
        target = first + max(Fraction(0), room * number / (SPANS - 1))
        entry = max((e - origin for e in line.entries if e - origin <= target), default=start)
        # A new rate counts its frames from zero, a kept one from the first of them.
        zero = shift if counted else start
        begin = zero + -(-(max(entry + lead, first) - zero) * rate // 1) / rate - before
        chosen.setdefault(entry, Span(entry, None if entry <= start and not shift else begin, shift))
    return tuple(chosen.values())


def _plain(pixel_format: str) -> str:
    """The same layout without alpha."""
    return pixel_format.replace("yuva", "yuv")


def _zero(info: MediaInfo, recipe: Recipe) -> Fraction:
    """What the clock of the source showed where that of its conversion began.

    ffmpeg counts from the start of the file; in streams that may be broken off and go on, from that of what it uses.
    """
    used = [s.start for s in (recipe.video, *recipe.audio) if s is not None and s.start is not None]
    return min(used) if used and info.container in _BROADCAST else info.start or Fraction(0)


def _arguments(recipe: Recipe, info: MediaInfo, output: MediaInfo, places: tuple[Span, ...]) -> list[str]:
    """The one command that compares all spans; inputs `in0` (facts `info`) and `made0`."""
    import ffmpeg

    made, source = recipe.picture, recipe.video
    if made is None or source is None:
        raise ValueError("only an encoded picture has a quality to measure")
    index, zero = output.video[0].index, _zero(info, recipe)
    opened: dict[str, tuple[str, ...]] = {}
    pairs: list[tuple[Any, Any]] = []
    decoder = ALPHA_DECODERS.get(str(output.video[0].codec)) if made.alpha else None
    for number, place in enumerate(places):
        # A little later than the entry point itself, or rounding would lead to the one before it. Seeking counts from
        # the start of each file, everything else from zero on the clock of the conversion: spans are cut out below,
        # where that clock is known.
        ahead = zero - (info.start or Fraction(0)) - (_EARLY if info.container in _BROADCAST else 0)
        seek, again = (
            () if place.begin is None or at <= 0 else ("-noaccurate_seek", "-ss", f"{float(at + _EPSILON):.6f}")
            for at in (place.enter + ahead, place.enter - place.shift - (output.start or Fraction(0)))
        )
        before, after = f"before{number}", f"after{number}"
        # Frames are chosen for a new rate on the clock of the conversion: so they are here.
        reset = ("-itsoffset", f"{-float(zero + place.shift):.6f}") if zero or place.shift else ()
        opened[before] = reading("in0", *((f"-c:{source.index}", made.decoder) if made.decoder else ()), *seek, *reset)
        opened[after] = reading("made0", *((f"-c:{index}", decoder) if decoder else ()), *again)
        chain = of_picture(made)
        theirs = filtered(ffmpeg.input(before)[str(source.index)], chain)
        ours = ffmpeg.input(after)[str(index)]
        begin = None if place.begin is None else place.begin - place.shift
        pairs.append((_span(theirs, begin), _span(ours, begin)))
    sides = [[pair[side] for pair in pairs] for side in (1, 0)]
    if made.alpha:
        # Named, or ffmpeg would settle on a format without alpha that suits one branch and starve the other.
        whole = [[stream.filter("format", pix_fmts=made.pixel_format) for stream in side] for side in sides]
        split = [[stream.split() for stream in side] for side in whole]
        sides = [[both[0] for both in side] for side in split]
        planes = [
            _joined([both[1].filter("alphaextract").filter("format", pix_fmts="gray") for both in side])
            for side in split
        ]
        alpha = ffmpeg.filter(planes, "psnr", stats_file=_ALPHA)
    shape = _plain(made.pixel_format)
    shown = output.video[0].size or Size(1920, 1080)
    sides = [[_visible(stream, shown).filter("format", pix_fmts=shape) for stream in side] for side in sides]
    main, reference = (_joined(side).split() for side in sides)
    alike = ffmpeg.filter([main[0], reference[0]], "ssim", stats_file=_SSIM)
    outputs = [ffmpeg.output(alike, "-", f="null")]
    if min(shown) >= _SMALLEST:  # libvmaf gives nothing on a few pixels
        fine = shown.width * shown.height > _FINE.width * _FINE.height
        scores = ffmpeg.filter(
            [main[1], reference[1]],
            "libvmaf",
            model="version=vmaf_4k_v0.6.1" if fine else "version=vmaf_v0.6.1",
            n_subsample=_EVERY,
            n_threads=2,
            log_path=_SCORES,
            log_fmt="json",
        )
        outputs.insert(0, ffmpeg.output(scores, "-", f="null"))
    if made.alpha:
        outputs.append(ffmpeg.output(alpha, "-", f="null"))
    graph: list[str] = ffmpeg.get_args(ffmpeg.merge_outputs(*outputs))
    return _opened(graph, opened)


def _span(stream: Any, begin: Fraction | None) -> Any:
    if begin is not None:
        stream = stream.filter("trim", start=f"{float(begin):.6f}")
    # Counted, not timed: the filters that compare would take a time rounded down for that of the frame before.
    kept = stream.filter("trim", end_frame=FRAMES).filter("settb", f"1/{_CLOCK}")
    return kept.filter("setpts", "N")


def _visible(stream: Any, shown: Size) -> Any:
    """The picture with each side long enough for SSIM, every pixel repeated where it is not."""
    larger = Size(*(side * -(-_LEAST // side) for side in shown))
    return stream if larger == shown else stream.filter("scale", w=larger.width, h=larger.height, flags="neighbor")


def _joined(streams: list[Any]) -> Any:
    import ffmpeg

    return streams[0] if len(streams) == 1 else ffmpeg.concat(*streams, v=1, a=0)


def _opened(graph: list[str], opened: dict[str, tuple[str, ...]]) -> list[str]:
    """The inputs' placeholders replaced by what opens them behind the allow-lists."""
    out: list[str] = []
    skip = False
    for word, following in zip(graph, [*graph[1:], ""], strict=True):
        if skip:
            skip = False
        elif word == "-i" and following in opened:
            out.extend(opened[following])
            skip = True
        else:
            out.append(word)
    return out


def measure(
    source: Path,
    info: MediaInfo,
    line: Timeline | None,
    recipe: Recipe,
    made: Path,
    output: MediaInfo,
    role: Role,
    work: Path,
) -> Iterator[Proof]:
    """Proofs of the encoded picture in `made` (facts `output`) against `source` (facts `info`).

    `line` tells when the source's frames are shown; without it there is nothing to align by and no proof.

    Runs ffmpeg in `work`. Raises TimedOut and ToolFailed.
    """
    stream = output.video[0]
    rate, length = stream.frame_rate, stream.duration or output.duration
    if line is None or not rate or not length:
        return
    if recipe.picture is not None and recipe.picture.untimed:
        line = line._replace(entries=(_zero(info, recipe),))  # its clock is counted from the first frame
    variable = recipe.video is not None and recipe.video.variable is not False
    places = spans(
        line,
        _zero(info, recipe),
        rate,
        length,
        variable=variable,
        counted=recipe.picture is not None and recipe.picture.rate is not None,
        shift=recipe.part.start - BEFORE if recipe.part and recipe.part.start else Fraction(0),
    )
    links = {"in0": source, "made0": made}
    for name, target in links.items():
        link_input(target, work, name)
    command = (programs.ffmpeg(), *HEAD, "-copyts", *_arguments(recipe, info, output, places))
    try:
        ended = process.run(command, cwd=work, ceiling=ceilings.FFMPEG, pulse=pulse)
        logs = {name: (work / name).read_text() for name in _LOGS if (work / name).exists()}
    finally:
        for name in (*links, *_LOGS):
            (work / name).unlink(missing_ok=True)
    vmaf, ssim = _vmaf(logs.get(_SCORES, "")), _numbers(logs.get(_SSIM, ""), "All")
    scored = stream.size is None or min(stream.size) >= _SMALLEST
    if not ssim or (scored and not vmaf):
        raise ToolFailed(
            f"the picture could not be compared with its source: {ended.last_words() or 'no score was given'}",
            f"无法将画面与源文件比较：{ended.last_words() or '未得到分数'}",
        )
    if scored:
        yield _judged("VMAF", vmaf, _floor(role, "min_vmaf", VMAF_FLOOR), 1)
    yield _judged("SSIM", ssim, _floor(role, "min_ssim", SSIM_FLOOR), 4)
    if _ALPHA in logs and recipe.picture is not None:
        yield _alpha(_numbers(logs[_ALPHA], "mse_avg"), recipe.picture.codec)


def _vmaf(text: str) -> list[float]:
    """The scores in libvmaf's report; frames that only motion was measured on have none."""
    try:
        frames = [frame["metrics"] for frame in json.loads(text)["frames"]]
    except (ValueError, KeyError):  # no scores: raised where they are wanted
        return []
    return [metrics["vmaf"] for metrics in frames if "vmaf" in metrics]


def _numbers(log: str, key: str) -> list[float]:
    """What stands behind `key:` in the lines that ffmpeg's ssim and psnr write, one a frame."""
    return [float(word.removeprefix(f"{key}:")) for word in log.split() if word.startswith(f"{key}:")]


def _floor(role: Role, key: str, usual: Fraction) -> Fraction:
    wanted = role.wants(key)
    return Fraction(wanted) if isinstance(wanted, int | Fraction) else usual


def _judged(name: str, scores: list[float], floor: Fraction, digits: int) -> Proof:
    mean = sum(scores) / len(scores)
    return Proof(
        name=Text.same(name),
        expected=Text(f"at least {float(floor):g}", f"至少 {float(floor):g}"),
        found=Text(
            f"{mean:.{digits}f} (mean of {len(scores)} frames, worst {min(scores):.{digits}f})",
            f"{mean:.{digits}f}（{len(scores)} 帧平均，最差 {min(scores):.{digits}f}）",
        ),
        passed=mean >= floor,
    )


def _alpha(squares: list[float], codec: str) -> Proof:
    """From mean square errors: their root is never below the mean difference."""
    found = (sum(squares) / len(squares)) ** 0.5 if squares else None
    slack = _ALPHA_SLACK.get(codec, Fraction(1))
    return Proof(
        name=Text("alpha plane", "透明通道"),
        expected=Text(f"within {float(slack):g}/255 of the source", f"与源文件相差不超过 {float(slack):g}/255"),
        found=Text("not compared", "未比较")
        if found is None
        else Text(
            f"{found:.3f}/255 (root mean square of {len(squares)} frames)",
            f"{found:.3f}/255（{len(squares)} 帧均方根）",
        ),
        passed=found is not None and found <= slack,
    )
