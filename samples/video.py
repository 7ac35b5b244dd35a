"""Video: every container, codec, rate, size and oddity that a rule or a conversion meets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samples._pictures import picture_file
from samples._speech import passage
from samples._tools import Sample, ffmpeg, wav_bytes, workdir

# FFmpeg 9 encodes the colour tags of the frames and ignores -color_primaries and the like.
_SDR = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_H264 = "-c:v libx264 -preset veryfast -crf 26 -pix_fmt yuv420p"
_FAST = "-c:v libx264 -preset ultrafast -crf 35 -pix_fmt yuv420p"
_AAC = "-c:a aac -b:a 128k -ar 48000"
_FRONT = "-movflags +faststart"
_X265 = "-c:v libx265 -preset ultrafast -crf 28 -tag:v hvc1 -x265-params"
_X265_SET = "log-level=error:pools=none:frame-threads=1"
_HDR = "zscale=tin=709:min=709:pin=709:rin=tv:t={0}:m=2020_ncl:p=2020:r=tv:npl=203:agamma=0,format=yuv420p10le"
# SMPTE ST 2086: a P3-D65 display of 1000 cd/m2; then MaxCLL, MaxFALL. Units as x265 documents them.
_MASTERING = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
_ALPHA = "format=yuva420p,geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='255*lte(hypot(X-W*(0.3+0.4*T),Y-H/2),H/3)'"
_STEREO = "aevalsrc='0.3*sin(2*PI*330*t)|0.3*sin(2*PI*550*t)':s=48000"
_ANTIPHASE = "aevalsrc='0.3*sin(2*PI*440*t)|-0.3*sin(2*PI*440*t)':s=48000"


@dataclass(frozen=True)
class Clip:
    """A moving test picture with a sound: `size` in pixels, `rate` in frames a second, `seconds` long.

    `sound` is a lavfi source, "speech", or "" for a clip without audio; `args` are ffmpeg's output options,
    `colours` the filter that sets or converts to the colour space.
    """

    name: str
    note: str
    args: str
    size: str = "320x180"
    rate: str = "25"
    seconds: float = 1
    sound: str = "sine=frequency=440:sample_rate=48000"
    filters: str = "null"
    colours: str = _SDR
    slow: bool = False


def make_clip(clip: Clip, to: Path) -> None:
    """Write one row of the table."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={clip.size}:rate={clip.rate}:duration={clip.seconds}"]
    with workdir() as folder:
        if clip.sound == "speech":
            (folder / "speech.wav").write_bytes(wav_bytes(passage(clip.seconds, 48000), 48000))
            inputs += ["-i", str(folder / "speech.wav")]
        elif clip.sound:
            inputs += ["-f", "lavfi", "-i", clip.sound]
        length = ["-t", str(clip.seconds)]
        ffmpeg(*inputs, "-vf", f"{clip.filters},{clip.colours}", *length, *clip.args.split(), to=to)


_GOOD = Clip(
    "video/good-1080p25.mp4",
    "H.264 and AAC as every video rule wants them",
    f"{_H264} {_AAC} -ac 1 {_FRONT}",
    "1920x1080",
    "25",
    2,
    "speech",
)
_SMALL = f"{_H264} {_AAC} {_FRONT}"

_CLIPS = (
    _GOOD,
    Clip(
        "video/good-no-faststart.mp4",
        "the same with moov at the end",
        f"{_H264} {_AAC} -ac 1",
        "1920x1080",
        "25",
        2,
        "speech",
    ),
    Clip(
        "video/good-portrait.mp4",
        "1080x1920 at 25 fps",
        f"{_H264} {_AAC} -ac 1 {_FRONT}",
        "1080x1920",
        "25",
        1,
        "speech",
    ),
    Clip("video/good.mov", "H.264 and AAC in QuickTime", f"{_H264} {_AAC}", "1280x720"),
    Clip("video/good.m4v", "H.264 and AAC in M4V", f"{_H264} {_AAC} -f ipod"),
    Clip("video/hevc8.mp4", "HEVC Main, 8-bit", f"{_X265} {_X265_SET} -pix_fmt yuv420p {_AAC}", "640x360"),
    Clip(
        "video/hevc10-hlg.mp4",
        "HEVC Main 10, HDR as HLG, BT.2020",
        f"{_X265} {_X265_SET}:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc {_AAC}",
        "640x360",
        colours=_HDR.format("arib-std-b67"),
    ),
    Clip(
        "video/hevc10-pq.mp4",
        "HEVC Main 10, HDR10: PQ, BT.2020, mastering display and light level",
        f"{_X265} {_X265_SET}:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:"
        f"colormatrix=bt2020nc:{_MASTERING} {_AAC}",
        "640x360",
        colours=_HDR.format("smpte2084"),
    ),
    Clip("video/60fps.mp4", "60 fps", _SMALL, rate="60"),
    Clip("video/59.94fps.mp4", "60000/1001 fps", _SMALL, rate="60000/1001"),
    Clip("video/24fps.mp4", "24 fps", _SMALL, rate="24"),
    Clip("video/15fps.mp4", "15 fps, too slow for most rules", _SMALL, rate="15"),
    Clip(
        "video/variable-rate.mp4",
        "frames missing in places: variable frame rate",
        f"-fps_mode vfr -video_track_timescale 90000 {_SMALL}",
        rate="30",
        seconds=2,
        filters="select='not(between(mod(n,10),3,mod(floor(n/10),6)+2))'",
    ),
    Clip("video/4k.mp4", "3840x2160 at 25 fps", f"{_FAST} {_AAC} {_FRONT}", "3840x2160", seconds=0.6),
    Clip("video/4k-portrait.mp4", "2160x3840 at 25 fps", f"{_FAST} {_AAC} {_FRONT}", "2160x3840", seconds=0.4),
    Clip(
        "video/odd-size.mp4",
        "321x181, MPEG-4 part 2",
        f"-c:v mpeg4 -q:v 4 {_AAC}",
        filters="scale=321:181,setsar=1",
    ),
    Clip(
        "video/odd-size.webm",
        "321x181, VP9",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
        filters="scale=321:181,setsar=1",
    ),
    Clip(
        "video/interlaced.mp4",
        "25 frames of two fields a second, top field first, marked",
        f"{_SMALL} -flags:v +bitexact+ildct+ilme -x264-params tff=1",
        "720x576",
        "50",
        filters="tinterlace=interleave_top,setfield=tff",
    ),
    Clip(
        "video/anamorphic.mp4",
        "1440x1080 with 4:3 pixels: shown as 1920x1080",
        _SMALL,
        "1440x1080",
        seconds=0.6,
        filters="setsar=4/3",
    ),
    Clip("video/yuv444.mp4", "H.264 High 4:4:4", f"-c:v libx264 -preset veryfast -pix_fmt yuv444p {_AAC}"),
    Clip(
        "video/yuv422-10.mp4",
        "H.264 High 4:2:2, 10-bit",
        f"-c:v libx264 -preset veryfast -pix_fmt yuv422p10le {_AAC}",
    ),
    Clip("video/no-audio.mp4", "no audio stream", f"{_H264} {_FRONT}", sound=""),
    Clip("video/silent.mp4", "an audio stream of digital silence", _SMALL, sound="anullsrc=r=48000:cl=mono"),
    Clip("video/stereo.mp4", "a different tone on each side", _SMALL, sound=_STEREO),
    Clip(
        "video/antiphase.mp4",
        "right is left turned over: a plain mono mix is silent",
        _SMALL,
        sound=_ANTIPHASE,
    ),
    Clip(
        "video/low-audio-rate.mp4",
        "speech at 16 kHz",
        f"{_H264} -c:a aac -ar 16000 -ac 1 {_FRONT}",
        sound="speech",
    ),
    Clip("video/vp8.webm", "VP8 and Vorbis", "-c:v libvpx -deadline realtime -cpu-used -8 -c:a libvorbis"),
    Clip("video/vp9.mp4", "VP9 in MP4", f"-c:v libvpx-vp9 -deadline realtime -cpu-used 8 {_AAC}"),
    Clip(
        "video/vp9-alpha.webm",
        "VP9 with a moving disc as its alpha, alpha_mode=1",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuva420p -auto-alt-ref 0 "
        "-metadata:s:v:0 alpha_mode=1 -c:a libopus",
        filters=_ALPHA,
    ),
    Clip(
        "video/vp8-alpha.webm",
        "VP8 with a moving disc as its alpha, alpha_mode=1",
        "-c:v libvpx -deadline realtime -cpu-used -8 -pix_fmt yuva420p -auto-alt-ref 0 -metadata:s:v:0 alpha_mode=1",
        sound="",
        filters=_ALPHA,
    ),
    Clip(
        "video/av1.webm",
        "AV1 and Opus",
        "-c:v libsvtav1 -preset 12 -svtav1-params lp=1 -pix_fmt yuv420p -c:a libopus",
    ),
    Clip(
        "video/av1.mp4",
        "AV1 in MP4",
        f"-c:v libsvtav1 -preset 12 -svtav1-params lp=1 -pix_fmt yuv420p {_AAC}",
    ),
    Clip(
        "video/prores4444-alpha.mov",
        "ProRes 4444 with a moving disc as its alpha",
        "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le -alpha_bits 16 -vendor apl0 -c:a pcm_s16le",
        filters=_ALPHA,
    ),
    Clip(
        "video/dnxhr.mov",
        "DNxHR HQX, 10-bit 4:2:2, as editors export it",
        "-c:v dnxhd -profile:v dnxhr_hqx -pix_fmt yuv422p10le -c:a pcm_s16le",
        seconds=0.4,
    ),
    Clip("video/h264.mkv", "H.264 and AAC in Matroska", f"{_H264} {_AAC}"),
    Clip("video/mpeg4.avi", "MPEG-4 part 2 and MP3", "-c:v mpeg4 -q:v 4 -c:a libmp3lame"),
    Clip("video/flv1.flv", "Sorenson H.263 and MP3", "-c:v flv -q:v 4 -c:a libmp3lame -ar 44100"),
    Clip("video/h264.flv", "H.264 and AAC in FLV", f"{_H264} {_AAC}"),
    Clip(
        "video/h263.3gp",
        "H.263 and AMR-NB, 176x144",
        "-c:v h263 -q:v 4 -c:a libopencore_amrnb -ar 8000 -ac 1",
        "176x144",
    ),
    Clip("video/wmv2.wmv", "WMV 8 and WMA 2", "-c:v wmv2 -q:v 4 -c:a wmav2"),
    Clip("video/mjpeg.avi", "Motion JPEG and PCM", "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p -c:a pcm_s16le"),
    Clip(
        "video/mjpeg.mov",
        "Motion JPEG and PCM in QuickTime",
        "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p -c:a pcm_s16le",
    ),
    Clip(
        "video/mpeg2.ts",
        "MPEG-2 and MP2 transport stream: a container no rule accepts",
        "-c:v mpeg2video -q:v 4 -c:a mp2",
    ),
    Clip("video/animation.gif", "animated GIF", "-loop 0", "160x90", "10", sound=""),
)


def make_rotated(degrees: int, to: Path) -> None:
    """A landscape H.264 clip whose display matrix turns it, as a phone held upright writes it."""
    with workdir() as folder:
        make_clip(Clip("", "", _SMALL, "640x360"), folder / "flat.mp4")
        ffmpeg("-display_rotation", str(degrees), "-i", folder / "flat.mp4", "-c", "copy", to=to)


def make_dolby_vision(profile: int, compatible: int, to: Path) -> None:
    """An HLG clip that says it is the base layer of Dolby Vision, as telephones write it.

    The box goes to the end of the sample entry; the index comes last, so that no offset into the data moves.
    """
    with workdir() as folder:
        size, rate = "320x180", f"{_X265} {_X265_SET}:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"
        make_clip(Clip("", "", f"{rate} {_AAC}", size, colours=_HDR.format("arib-std-b67")), folder / "base.mp4")
        data = bytearray((folder / "base.mp4").read_bytes())
    box = b"\x00\x00\x00\x20" + (b"dvvC" if profile > 7 else b"dvcC") + bytes((1, 0, profile << 1, 0x0D))
    box += bytes((compatible << 4,)) + bytes(19)
    path, at, inside = [], 0, len(data)
    for name, skipped in (
        (b"moov", 8),
        (b"trak", 8),
        (b"mdia", 8),
        (b"minf", 8),
        (b"stbl", 8),
        (b"stsd", 16),
        (b"hvc1", 0),
    ):
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4], "big")
            if at >= inside:
                raise ValueError(f"no box {name!r}")
        path.append(at)
        inside = at + int.from_bytes(data[at : at + 4], "big")
        at += skipped
    for outer in path:
        data[outer : outer + 4] = (int.from_bytes(data[outer : outer + 4], "big") + len(box)).to_bytes(4, "big")
    data[inside:inside] = box
    to.write_bytes(data)


def make_cover(to: Path) -> None:
    """An MP4 whose second video stream is a still cover (attached_pic)."""
    with workdir() as folder:
        make_clip(Clip("", "", _SMALL), folder / "clip.mp4")
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=600x600:rate=1", "-frames:v", "1", to=folder / "cover.jpg")
        maps = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic"]
        ffmpeg("-i", folder / "clip.mp4", "-i", folder / "cover.jpg", *maps, to=to)


def make_two_languages(to: Path) -> None:
    """Two audio streams, Chinese (default) and English."""
    tones = [part for tone in (440, 660) for part in ("-f", "lavfi", "-i", f"sine=frequency={tone}")]
    maps = "-map 0 -map 1 -map 2 -t 1 -metadata:s:a:0 language=chi -metadata:s:a:1 language=eng"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", *tones, *maps.split(), *_SMALL.split(), to=to)


def make_training(size: tuple[int, int], seconds: int, to: Path) -> None:
    """A person on green, slowly swaying, who talks all the time: `seconds` (a multiple of 5) at 25 fps.

    Five seconds are encoded and repeated without re-encoding, which keeps making it cheap.
    """
    width, height = size
    sway = f"overlay=x='(W-w)/2+{width // 100}*sin(2*PI*t/5)':y=H-h,format=yuv420p,{_SDR}"
    with workdir() as folder:
        person = ["-loop", "1", "-framerate", "25", "-i", str(picture_file("astronaut.png"))]
        green = ["-f", "lavfi", "-i", f"color=c=0x00B140:size={width}x{height}:rate=25"]
        graph = f"[1:v]scale=-2:{height * 3 // 4},format=yuv420p[person];[0:v][person]{sway}"
        coding = "-t 5 -c:v libx264 -preset veryfast -crf 35 -g 125"
        ffmpeg(*green, *person, "-filter_complex", graph, *coding.split(), to=folder / "loop.mp4")
        (folder / "speech.wav").write_bytes(wav_bytes(passage(seconds, 48000), 48000))
        repeat: list[str | Path] = ["-stream_loop", str(seconds // 5 - 1), "-i", folder / "loop.mp4"]
        repeat += ["-i", folder / "speech.wav"]
        ffmpeg(*repeat, *f"-c:v copy -c:a aac -b:a 64k -ac 1 -t {seconds} {_FRONT}".split(), to=to)


SAMPLES = (
    *(
        Sample(clip.name, "image" if clip.name.endswith(".gif") else "video", clip.note, partial(make_clip, clip))
        for clip in _CLIPS
    ),
    Sample(
        "video/rotated90.mp4",
        "video",
        "640x360 shown as 360x640 by its display matrix",
        partial(make_rotated, 90),
    ),
    Sample("video/rotated180.mp4", "video", "upside down by its display matrix", partial(make_rotated, 180)),
    Sample("video/dolby-vision-8.4.mp4", "video", "HLG base layer", partial(make_dolby_vision, 8, 4)),
    Sample("video/dolby-vision-5.mp4", "video", "base layer for Dolby Vision only", partial(make_dolby_vision, 5, 0)),
    Sample("video/cover-art.mp4", "video", "with a still cover as its second video stream", make_cover),
    Sample("video/two-languages.mp4", "video", "two audio streams, chi and eng", make_two_languages),
    Sample(
        "video/training-1080p25.mp4",
        "video",
        "190 s of a person on green, 1920x1080, speech",
        partial(make_training, (1920, 1080), 190),
        slow=True,
    ),
    Sample(
        "video/training-4k25.mp4",
        "video",
        "125 s of a person on green, 3840x2160, speech",
        partial(make_training, (3840, 2160), 125),
        slow=True,
    ),
)
