"""The filters that turn decoded frames and samples into what an encoder is given. Pure; order matters.

Frames arrive upright: ffmpeg applies the display matrix in front of the first filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.convert.av.picture import Picture
from pipeline.convert.av.sound import MAX_LOSS, MOST_PLACED, Sound
from pipeline.model.measured import Speech
from pipeline.model.units import exact


class Filter(NamedTuple):
    """One filter and its options; "flatten" stands for a small graph, see `pipeline.convert.av.command`."""

    name: str
    options: tuple[tuple[str, str], ...] = ()


def _filter(name: str, **options: object) -> Filter:
    return Filter(name, tuple((key.rstrip("_"), str(value)) for key, value in options.items()))


# HDR to SDR. 203 cd/m2 is reference white (ITU-R BT.2408, 2.2) and becomes 1.0; the nominal peak is that of
# BT.2100's reference display, 1000 cd/m2. Mobius leaves everything up to 0.7 untouched and bends the rest, so
# faces keep their brightness and highlights their drawing.
_WHITE: Final = 203
_PEAK: Final = 1000 / _WHITE
# Ordered dither hides the banding of 10-bit gradients in 8 bits and, unlike error diffusion, stays put.
_BT709: Final = {
    "primaries": "bt709",
    "transfer": "bt709",
    "matrix": "bt709",
    "range": "tv",
    "dither": "ordered",
}


def _to_bt709(made: Picture) -> Iterator[Filter]:
    """Other primaries or transfer, in linear light."""
    if not made.tone_map:
        yield _filter("zscale", **_BT709)
        return
    # Without the approximation that is zscale's habit: HLG has its system gamma on luminance (BT.2100, table 5).
    yield _filter("zscale", transfer="linear", npl=_WHITE, agamma=0)
    yield _filter("format", pix_fmts="gbrpf32le")
    yield _filter("zscale", primaries="bt709")
    yield _filter("tonemap", tonemap="mobius", param=0.7, desat=0, peak=f"{_PEAK:.3f}")
    yield _filter("zscale", **_BT709)


def of_picture(made: Picture) -> tuple[Filter, ...]:
    """Fields, rate, transparency, shape, colour, in that order.

    The rate comes before the costly ones. Transparency is laid over its background before scaling, else the
    colours hidden under it would bleed into edges.
    """
    chain: list[Filter] = []
    assumed = {"colorspace": made.matrix, "color_primaries": made.primaries}
    if given := {key: value for key, value in assumed.items() if value}:
        chain.append(_filter("setparams", **given))
    if made.untimed:
        chain.append(_filter("setpts", expr="PTS-STARTPTS"))
    if made.deinterlace:
        chain.append(_filter("bwdif", mode="send_frame", deint="all"))
    if made.rate:
        chain.append(_filter("fps", fps=exact(made.rate)))
    if made.background:
        chain += [
            _filter("scale"),
            _filter("format", pix_fmts="gbrap"),
            _filter("flatten", color=made.background),
        ]
    if made.crop and made.size:
        chain.append(_filter("crop", w=made.size.width, h=made.size.height, x=0, y=0, exact=1))
    convert = made.tone_map or made.wide
    target = {} if convert else {"out_color_matrix": "bt709", "out_range": "tv"}
    size = {"w": made.size.width, "h": made.size.height} if made.size else {}
    # Always there: a stream whose frames change size midway still gives one size.
    chain.append(_filter("scale", **size, flags="lanczos+accurate_rnd+full_chroma_int", **target))
    if convert:
        chain += _to_bt709(made)
    if made.pad:
        left, top = ((a - b) // 4 * 2 for a, b in zip(made.pad, made.size or made.pad, strict=True))
        chain.append(_filter("pad", w=made.pad.width, h=made.pad.height, x=left, y=top, color=made.frame))
    chain.append(_filter("setsar", sar=1))
    chain.append(_filter("format", pix_fmts=made.pixel_format))
    tags = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "range": "tv"}
    chain.append(_filter("setparams", field_mode="prog", **tags))
    return tuple(chain)


def of_sound(made: Sound) -> tuple[Filter, ...]:
    """One resampler for rate, channels and depth: soxr, with dither where bits are lost."""
    options: dict[str, object] = {}
    if made.sample_rate:
        options["osr"] = made.sample_rate
    if made.channels:
        options["ochl"] = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(made.channels, f"{made.channels}c")
    if made.fewer_bits:
        options |= {"osf": "s16" if made.encoder.depth == 16 else "s32", "dither_method": "triangular"}
    alone: tuple[Filter, ...] = ()
    if made.cut:
        start, end = made.cut
        until = {} if end is None else {"end": f"{float(end):.6f}"}
        alone = (_filter("atrim", start=f"{float(start):.6f}", **until), _filter("asetpts", expr="PTS-STARTPTS"))
    if made.channel is not None:
        alone = (*alone, Filter("pan", (("args", f"mono|c0=c{made.channel}"),)))
    elif made.crowd:
        alone = (*alone, Filter("pan", (("args", f"mono|c0={_equal(made.crowd)}"),)))
    if not options:
        return alone
    return (*alone, _filter("aresample", **options, resampler="soxr"))


def to_mono(speech: Speech, channels: int | None) -> str:
    """The filter, as ffmpeg writes it, that makes a recording mono without cancelling its channels out."""
    if channels is not None and 2 < channels <= MOST_PLACED:
        return "aformat=channel_layouts=mono"  # by where each stands
    if speech.mid_loss is not None and speech.mid_loss > MAX_LOSS and speech.best_channel is not None:
        return f"pan=mono|c0=c{speech.best_channel}"
    return f"pan=mono|c0={_equal(channels or 1)}"


def _equal(count: int) -> str:
    """So many channels in equal parts, in the words of the filter `pan`."""
    return "+".join(f"{1 / count:.6f}*c{number}" for number in range(count))
