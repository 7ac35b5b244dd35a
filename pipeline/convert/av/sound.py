"""How one sound stream is made anew: codec, rate, channels, depth, bits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.checks.speech import SILENCES
from pipeline.convert.av.formats import AUDIO_ENCODERS, CONTAINERS, AudioEncoder
from pipeline.convert.av.targets import Wishes
from pipeline.errors import AssetError
from pipeline.model.facts import AudioStream, MediaInfo, Text
from pipeline.model.results import Plan
from pipeline.model.rules import Role
from pipeline.model.units import show

MOST_PLACED: Final = 8  # channels of which ffmpeg knows where each stands; of more it cannot make fewer by itself
MAX_LOSS: Final = 6  # dB: a mono mix that is quieter than its best channel by more is not made
_MARGIN: Final = Fraction(98, 100)  # of a byte budget: headers and frame padding
_POOREST: Final = 32_000  # bit/s of a lossy codec; below, speech becomes hard to follow
_RATES: Final = (96000, 48000, 44100, 32000, 24000, 16000)  # to try when uncompressed sound is too big


class Sound(Struct, frozen=True, kw_only=True):
    """An encoded sound stream. None keeps what is there."""

    codec: str
    sample_rate: int | None = None  # hertz
    channels: int | None = None
    channel: int | None = None  # mono of this channel alone, from 0, where a mix of all would lose too much
    bit_rate: int | None = None  # bits per second
    crowd: int | None = None  # mono of so many channels in equal parts: more than any layout has names for
    fewer_bits: bool = False  # the depth falls: dither
    cut: tuple[Fraction, Fraction | None] | None = None  # seconds of the source between which it is kept

    @property
    def encoder(self) -> AudioEncoder:
        """How its codec is encoded."""
        return AUDIO_ENCODERS[self.codec]


def _codec(info: MediaInfo, stream: AudioStream, wishes: Wishes, container: str) -> str:
    held = CONTAINERS[container]
    wanted = wishes.value("audio.codec", stream.index)
    deliver = wishes.role.wants("audio_codec")
    depth = wishes.value("audio.bit_depth", stream.index)
    if wanted is None and depth in (16, 24):
        wanted = f"pcm_s{depth}le"
    for codec in (wanted, deliver, stream.codec, held.new_audio):
        if isinstance(codec, str) and codec in AUDIO_ENCODERS and held.holds_audio(codec):
            return codec
    known = ", ".join(AUDIO_ENCODERS)
    raise AssetError(
        f"{info.name}: sound as {wanted or deliver or stream.codec} in {container} is wanted; only {known} "
        "can be encoded. Put one of these first in the preset's list of codecs.",
        f"{info.name}：需要 {container} 中的 {wanted or deliver or stream.codec} 音频，但只能编码 {known}。"
        "请在预设的编码列表中将其中之一放在首位。",
    )


def _fewer(value: object, deliver: object, present: int | None) -> int | None:
    """The wanted count where it is below the present one: more is never made from less."""
    wanted = value if isinstance(value, int) else deliver if isinstance(deliver, int) else None
    if wanted is None or (present is not None and wanted >= present):
        return present
    return wanted


def _bits(wishes: Wishes, stream: AudioStream, encoder: AudioEncoder, channels: int) -> int | None:
    """Bits per second before any byte budget; None for uncompressed sound."""
    if encoder.mono is None or encoder.stereo is None:
        return None
    deliver = wishes.role.wants("audio_bit_rate")
    usual = encoder.mono if channels == 1 else encoder.stereo * max(2, channels) // 2
    most = wishes.most("audio.bit_rate")
    wanted = wishes.value("audio.bit_rate", stream.index)
    bits = wanted if isinstance(wanted, int) else deliver if isinstance(deliver, int) else usual
    bits = max(bits, wishes.least("audio.bit_rate") or 0)
    return bits if most is None else min(bits, most)


def _too_long(info: MediaInfo, seconds: Fraction, budget: int) -> AssetError:
    limit = show(budget, "bytes")
    return AssetError(
        f"{info.name}: {float(seconds):.0f} s of sound cannot be kept within {limit} at a quality worth "
        "handing over. Cut it into shorter parts.",
        f"{info.name}：{float(seconds):.0f} 秒的声音无法在可用的音质下控制在 {limit} 以内。请剪成更短的片段。",
    )


def silence(plan: Plan, seconds: Fraction | None) -> tuple[Fraction, Fraction | None] | None:
    """The seconds between which a recording of so many seconds is kept, its outer silence cut off; None: all of it.

    Half of the silence that is allowed stays, so that the cut is in silence wherever a detector sees its end.
    """
    off = {fix.check: fix for fix in plan.fixes if fix.check in SILENCES}
    less = {
        check: fix.actual - fix.value / 2
        for check, fix in off.items()
        if isinstance(fix.actual, Fraction | int) and isinstance(fix.value, Fraction | int)
    }
    if not less:
        return None
    before, after = (Fraction(less.get(check, 0)) for check in SILENCES)
    return before, None if seconds is None or not after else seconds - after


def best_alone(info: MediaInfo) -> int | None:
    """The channel to take instead of a mix of all; None where the mix is as good or nothing was measured."""
    speech = info.speech
    if speech is None or speech.mid_loss is None or speech.mid_loss <= MAX_LOSS:
        return None
    return speech.best_channel


def remarks(info: MediaInfo, present: AudioStream, made: Sound) -> tuple[Text, ...]:
    """What a person should know of the new stream beyond why it is made."""
    told = []
    if made.channel is not None and info.speech and info.speech.mid_loss is not None:
        loss = float(info.speech.mid_loss)
        told.append(
            Text(
                f"mono of channel {made.channel + 1} alone: mixed, it would lose {loss:.0f} dB",
                f"单声道仅取第 {made.channel + 1} 声道：混合会损失 {loss:.0f} dB",
            )
        )
    elif made.crowd:
        told.append(Text(f"mono of {made.crowd} channels in equal parts", f"{made.crowd} 个声道等比混合为单声道"))
    peak = info.speech.true_peak if info.speech else None
    if made.encoder.depth and (present.codec or "").startswith("pcm_f") and (peak is None or peak > 0):
        told.append(
            Text(
                "whatever of its floating-point samples is above full scale is cut off; lower it in an editor first",
                "浮点采样中超过满刻度的部分会被截平；如有此情况请先在编辑软件中降低电平",
            )
        )
    return (*told, *_raised(present, made))


def _raised(present: AudioStream, made: Sound) -> Iterator[Text]:
    """Where the new stream has more of something than the old one: no quality comes of it."""
    lossy, depth = present.bit_depth is None, made.encoder.depth
    if lossy and made.bit_rate and present.bit_rate and made.bit_rate > present.bit_rate:
        before, after = present.bit_rate // 1000, made.bit_rate // 1000
        yield Text(
            f"{after} kbit/s from {before} kbit/s: what is lost does not come back",
            f"码率由 {before} 升至 {after} kbit/s：已丢失的信息不会恢复",
        )
    if lossy and depth:
        yield Text(
            f"uncompressed from {present.codec}: what is lost does not come back",
            f"由 {present.codec} 转为未压缩格式：已丢失的信息不会恢复",
        )
    if depth and present.bit_depth and depth > present.bit_depth:
        yield Text(
            f"{depth} bits from {present.bit_depth}: no detail comes back",
            f"位深由 {present.bit_depth} 升至 {depth}：不会增加细节",
        )
    if made.sample_rate and present.sample_rate and made.sample_rate > present.sample_rate:
        low, high = show(present.sample_rate, "hertz"), show(made.sample_rate, "hertz")
        yield Text(
            f"{high} from {low}, for {made.codec} goes no lower: the bandwidth stays",
            f"采样率由 {low} 升至 {high}（{made.codec} 的最低值）：带宽不变",
        )


def listens(info: MediaInfo, plan: Plan, role: Role) -> bool:
    """Whether a pair becomes one channel, so that it must be heard before it is decided how.

    More than two are mixed by where they stand, dialogue first: none of them is the other one out of phase.
    """
    if info.speech is not None or not any(s.channels == 2 for s in info.audio):
        return False
    wishes = Wishes(plan, role)
    asked = role.wants("channels") == 1 or any(wishes.value("audio.channels", s.index) == 1 for s in info.audio)
    return asked and bool(plan.fixes)


def _within(info: MediaInfo, made: Sound, present: AudioStream, wishes: Wishes) -> Sound:
    """The same sound with bits or samples few enough for the role's byte limit."""
    budget, seconds = wishes.most("file.size"), wishes.length(present.duration or info.duration)
    if budget is None or not seconds:
        return made
    room = budget * 8 * _MARGIN / seconds
    if made.bit_rate is not None:
        if room < min(made.bit_rate, _POOREST):
            raise _too_long(info, seconds, budget)
        return replace(made, bit_rate=min(made.bit_rate, int(room)))
    rate, channels = made.sample_rate or present.sample_rate, made.channels or present.channels
    if rate is None or channels is None:
        return made
    each = channels * (made.encoder.depth or 16)
    if rate * each <= room:
        return made
    for lower in _RATES:
        if lower < rate and lower * each <= room and wishes.accepted("audio.sample_rate", lower):
            return replace(made, sample_rate=lower)
    raise _too_long(info, seconds, budget)


def design(info: MediaInfo, stream: AudioStream, wishes: Wishes, container: str, *, alone: bool) -> Sound:
    """The encoded stream that honours every wish at once; `alone` when the file holds nothing else.

    Raises AssetError for a codec that cannot be encoded and for a byte budget too small for the length.
    """
    codec = _codec(info, stream, wishes, container)
    encoder = AUDIO_ENCODERS[codec]
    role = wishes.role
    channels = _fewer(wishes.value("audio.channels", stream.index), role.wants("channels"), stream.channels)
    crowd = stream.channels if (stream.channels or 0) > MOST_PLACED and channels != stream.channels else None
    if crowd:
        channels = 1
    elif channels is not None and channels > encoder.most_channels:
        channels = encoder.most_channels
    rate = _fewer(wishes.value("audio.sample_rate", stream.index), role.wants("sample_rate"), stream.sample_rate)
    if rate is not None:
        rate = encoder.rate_for(rate)
    made = Sound(
        codec=codec,
        sample_rate=rate if rate != stream.sample_rate else None,
        channels=channels if channels != stream.channels else None,
        channel=best_alone(info) if channels == 1 and stream.channels == 2 else None,
        crowd=crowd,
        bit_rate=_bits(wishes, stream, encoder, channels or 2),
        cut=silence(wishes.plan, stream.duration or info.duration),
        fewer_bits=encoder.depth is not None and (stream.bit_depth is None or stream.bit_depth > encoder.depth),
    )
    return _within(info, made, stream, wishes) if alone else made
