"""How much a newly encoded picture resembles what its encoder was given: VMAF and SSIM over the whole, and alpha.

While the output is decoded once, from end to end, its frames are held against those that were kept when it was made
(`pipeline.convert.av.reference`): same size, rate and colours, so that only what the encoder did is left to see. VMAF
(https://github.com/Netflix/vmaf), 0 to 100, sees brightness of the first frame of each pair and follows motion to the
second; SSIM, 0 to 1, sees both, and colour by itself too: it is a third of
the samples, and what is lost of it alone would hardly show in the whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.convert.av import reference
from pipeline.convert.av.formats import ALPHA_DECODERS
from pipeline.convert.av.picture import Picture
from pipeline.errors import ToolFailed
from pipeline.model.facts import MediaInfo, Size, Text
from pipeline.model.results import Proof, Reference
from pipeline.model.rules import Role
from pipeline.tools.ffmpeg import link_input
from pipeline.verify.decode import Beside, decoded

# Floors of the mean, where the preset sets none. Our settings give 83 (noise in the dark) to 99; a picture below 70 is
# called poor by most viewers (the model's own scale has 20 for bad and 100 for excellent).
VMAF_FLOOR: Final = Fraction(70)
SSIM_FLOOR: Final = Fraction(85, 100)
# How far below the floor of the mean the worst second may lie, and one frame below that: a second may hold frames from
# beside what is spoilt in it.
_VMAF_SLACK: Final = Fraction(20)
_SSIM_SLACK: Final = Fraction(1, 10)
# Mean over the pixels, of 255. ProRes keeps transparency without loss but for rounding.
_ALPHA_SLACK: Final = {"prores": Fraction(1), "vp9": Fraction(3)}
_AIM_SLACK: Final = 4  # VMAF that the worst second may lie below what the mean is aimed at
_SMALLEST: Final = 64  # pixels; VMAF looks at four octaves of detail
_LEAST: Final = 16  # pixels; SSIM needs eight of each plane, and planes of colour have half of them
_FINE: Final = Size(2560, 1440)  # above, the model for 4K screens
_KEPT: Final = "kept0"
_SCORES: Final = "scores.json"
_SSIM: Final = "ssim.log"
_ALPHA: Final = "alpha.log"
# Counted, not timed: the filters that compare would take a time rounded down for that of the frame before.
_COUNTED: Final = "settb=1/25,setpts=N"
_CLOCK: Final = ("-enc_time_base", "1/25")  # or frames of a slower rate would be told at one time


class _Comparison(NamedTuple):
    """What makes two streams comparable, and the filter that compares them."""

    shape: str
    by: str


def _beside(made: Picture, kept: Reference, output: MediaInfo) -> Beside:
    """What compares the pictures of the output (facts `output`) with those kept."""
    stream = output.video[0]
    shown = stream.size or Size(1920, 1080)
    # In 8 bits, which takes the filters less time; both sides are brought there by the same steps.
    plain = f"{_visible(shown)}format={made.pixel_format.replace('yuva', 'yuv').removesuffix('10le')}"
    comparisons = [_Comparison(plain, f"ssim=stats_file={_SSIM}")]
    if min(shown) >= _SMALLEST:  # libvmaf gives nothing on a few pixels
        fine = shown.width * shown.height > _FINE.width * _FINE.height
        model = "vmaf_4k_v0.6.1" if fine else "vmaf_v0.6.1"
        words = f"model=version={model}:n_subsample=2:n_threads=2:log_fmt=json:log_path={_SCORES}"
        comparisons.append(_Comparison(plain, f"libvmaf={words}"))
    if made.alpha:
        comparisons.append(_Comparison("alphaextract,format=gray", f"psnr=stats_file={_ALPHA}"))
    count = len(comparisons)
    numbers = range(count)
    # Named, or ffmpeg would settle on a format without alpha that suits one branch and starve the other.
    alike = f"{_COUNTED},format={made.pixel_format},split={count}"
    graph = [
        f"[0:{stream.index}]split[whole][some]",
        f"[some]select='{reference.selection(kept.every)}',{alike}" + "".join(f"[made{n}]" for n in numbers),
        f"[1:0]{alike}" + "".join(f"[kept{n}]" for n in numbers),
    ]
    for n, one in enumerate(comparisons):
        graph += [f"[{side}{n}]{one.shape}[{side}s{n}]" for side in ("made", "kept")]
        graph.append(f"[mades{n}][kepts{n}]{one.by}[compared{n}]")
    decoder = ALPHA_DECODERS.get(str(stream.codec)) if made.alpha else None
    # Our own file, and the only one that may hold such frames.
    ours = ("-format_whitelist", "matroska,webm", "-codec_whitelist", reference.CODEC, "-i", f"file:{_KEPT}")
    return Beside(
        decoder=(f"-c:{stream.index}", decoder) if decoder else (),
        inputs=(*ours, "-filter_complex", ";".join(graph)),
        outputs=tuple(word for n in numbers for word in ("-map", f"[compared{n}]", *_CLOCK, "-f", "null", "-")),
    )


def _visible(shown: Size) -> str:
    """What makes each side long enough for SSIM, every pixel repeated, where it is not."""
    larger = Size(*(side * -(-_LEAST // side) for side in shown))
    return "" if larger == shown else f"scale=w={larger.width}:h={larger.height}:flags=neighbor,"


def measure(path: Path, output: MediaInfo, made: Picture, kept: Reference, role: Role, work: Path) -> Iterator[Proof]:
    """Proofs of the encoded picture `made` in the file at `path` (facts `output`): it decodes whole and is as `kept`.

    Runs ffmpeg in `work`. Raises TimedOut and ToolFailed.
    """
    stream = output.video[0]
    link_input(Path(kept.path), work, _KEPT)
    logs = {name: work / name for name in (_SCORES, _SSIM, _ALPHA)}
    try:
        whole = decoded(path, output, work, beside=_beside(made, kept, output))
        said = {name: log.read_text() for name, log in logs.items() if log.exists()}
    finally:
        for left in (work / _KEPT, *logs.values()):
            left.unlink(missing_ok=True)
    yield whole
    if not whole.passed:
        return
    rate = stream.frame_rate or made.playing
    scored = stream.size is None or min(stream.size) >= _SMALLEST
    vmaf = [_Score(kept.every * n, value) for n, value in enumerate(_vmaf(said.get(_SCORES, "")))]
    planes = [_planes(line) for line in said.get(_SSIM, "").splitlines() if "All:" in line]
    # Frames 0 and 1, then as many later.
    numbers = [kept.every * (n // 2) + n % 2 for n in range(len(planes))]
    if not planes or (scored and not vmaf):
        raise ToolFailed(
            "the picture could not be compared with its source: no score was given",
            "无法将画面与源文件比较：未得到分数",
        )
    if scored:
        floor = _floor(role, "min_vmaf", VMAF_FLOOR)
        yield _again(
            _judged(Text.same("VMAF"), vmaf, rate, floor, _VMAF_SLACK, 1, _floor(role, "aim_vmaf", floor)), made
        )
    for name, key in ((Text.same("SSIM"), "All"), (Text("SSIM of colour", "色彩 SSIM"), "colour")):
        ssim = [_Score(number, held[key]) for number, held in zip(numbers, planes, strict=True)]
        floor = _floor(role, "min_ssim", SSIM_FLOOR)
        yield _again(_judged(name, ssim, rate, floor, _SSIM_SLACK, 4, floor), made)
    if made.alpha:
        yield _alpha(_squares(said.get(_ALPHA, "")), made.codec)


class _Score(NamedTuple):
    """What a measure says of one frame of the output, counted from 0."""

    frame: int
    value: float


def _vmaf(text: str) -> list[float]:
    """The scores in libvmaf's report; frames that only motion was measured on have none."""
    try:
        frames = [frame["metrics"] for frame in json.loads(text)["frames"]]
    except (ValueError, KeyError):  # no scores: raised where they are wanted
        return []
    return [metrics["vmaf"] for metrics in frames if "vmaf" in metrics]


def _planes(line: str) -> dict[str, float]:
    """SSIM of one frame, as ffmpeg's filter writes it: of each plane, of all by their pixels, and of both of colour."""
    words = dict(word.split(":", 1) for word in line.split() if ":" in word)
    held = {key: float(words[key]) for key in ("Y", "U", "V", "All")}
    return {**held, "colour": (held["U"] + held["V"]) / 2}


def _squares(log: str) -> list[float]:
    """Mean square errors in the lines that ffmpeg's psnr writes, one a frame."""
    return [float(word.removeprefix("mse_avg:")) for word in log.split() if word.startswith("mse_avg:")]


def _floor(role: Role, key: str, usual: Fraction) -> Fraction:
    wanted = role.wants(key)
    return Fraction(wanted) if isinstance(wanted, int | Fraction) else usual


def _again(proof: Proof, made: Picture) -> Proof:
    """The proof, short only where it can be helped: of what was encoded as usual, by what can be set finer."""
    return replace(proof, short=proof.short and made.encoder.finer not in (None, made.crf))


def _judged(
    name: Text,
    scores: list[_Score],
    rate: Fraction | None,
    floor: Fraction,
    slack: Fraction,
    digits: int,
    aim: Fraction,
) -> Proof:
    """The mean against its floor, that of the worst second against one `slack` lower, each score against one twice so.

    Short is what is below the aim, or whose worst second lies `_AIM_SLACK` below an aim that is higher than the floor.
    """
    values = sorted(score.value for score in scores)
    mean = sum(values) / len(values)
    seconds: dict[int, list[float]] = defaultdict(list)
    for score in scores:
        seconds[int(score.frame / rate) if rate else score.frame].append(score.value)
    worst, at = min((sum(held) / len(held), second) for second, held in seconds.items())
    low = values[(len(values) - 1) // 20]  # the value that at most one in twenty lies below
    least, lowest = floor - slack, floor - 2 * slack
    aimed = Text(f"; aimed at {float(aim):g}", f"；目标 {float(aim):g}") if aim > floor else Text.same("")
    where = Text(f"at {at // 60}:{at % 60:02}", f"位于 {at // 60}:{at % 60:02}") if rate else _numbered(at)
    return Proof(
        name=name,
        expected=Text(
            f"at least {float(floor):g}, no second below {float(least):g}, no frame below {float(lowest):g}{aimed.en}",
            f"至少 {float(floor):g}，每一秒不低于 {float(least):g}，每一帧不低于 {float(lowest):g}{aimed.zh}",
        ),
        found=Text(
            f"{mean:.{digits}f} (mean of {len(values)} frames over the whole length; 95 % of them at least "
            f"{low:.{digits}f}, the lowest {values[0]:.{digits}f}; worst second {worst:.{digits}f} {where.en})",
            f"{mean:.{digits}f}（全片 {len(values)} 帧平均；其中 95% 不低于 {low:.{digits}f}，"
            f"最低 {values[0]:.{digits}f}；最差一秒 {worst:.{digits}f}，{where.zh}）",
        ),
        passed=mean >= floor and worst >= least and values[0] >= lowest,
        short=mean < max(aim, floor) or worst < (aim - _AIM_SLACK if aim > floor else least),
    )


def _numbered(frame: int) -> Text:
    return Text(f"at frame {frame}", f"位于第 {frame} 帧")


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
