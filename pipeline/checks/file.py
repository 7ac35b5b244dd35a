"""Checks on the file as a whole: size, name, container, length."""

from __future__ import annotations

from pathlib import PurePath

from pipeline.checks import preferences
from pipeline.checks.archive import SOUND
from pipeline.checks.base import ANY, SOUNDING, check, lossless, lossy, of_file, only_down
from pipeline.model.facts import ArchiveEntry, Kind, MediaInfo, Stated, Text
from pipeline.model.rules import Reading, Safety

# Kinds that can be made anew within a byte budget.
SHRINKABLE = frozenset({Kind.VIDEO, Kind.AUDIO, Kind.IMAGE, Kind.SLIDES})

# Content that may carry more than one usual extension.
EXTENSIONS: dict[str, frozenset[str]] = {
    "jpeg": frozenset({"jpg", "jpeg", "jpe", "jfif"}),
    "tiff": frozenset({"tif", "tiff"}),
    "mp4": frozenset({"mp4", "m4v"}),
    "m4v": frozenset({"m4v", "mp4"}),
    "mov": frozenset({"mov", "qt"}),
    "3gp": frozenset({"3gp", "3g2", "3gpp"}),
    "m4a": frozenset({"m4a", "mp4"}),
    "mkv": frozenset({"mkv", "mka"}),
    "wmv": frozenset({"wmv", "asf"}),
    "wma": frozenset({"wma", "asf"}),
    "asf": frozenset({"asf", "wma", "wmv"}),
    "mpegts": frozenset({"ts", "m2ts", "mts"}),
    "ogg": frozenset({"ogg", "oga", "ogv", "opus"}),
    "aiff": frozenset({"aif", "aiff"}),
    "heif": frozenset({"heic", "heif"}),
    "ppt": frozenset({"ppt", "pps", "pot"}),
    "plain": frozenset({"txt", "text", "md"}),
    "ssml": frozenset({"ssml", "xml", "txt"}),
    "ass": frozenset({"ass", "ssa"}),
    # Plain text of programs, which only its name tells from a script.
    "table": frozenset({"csv", "tsv"}),
    "log": frozenset({"log"}),
    "settings": frozenset({"ini", "cfg", "conf", "toml", "yaml", "yml", "properties"}),
    "captions": frozenset({"lrc", "sbv", "stl", "sub", "smi"}),
    "code": frozenset(
        {
            "py",
            "js",
            "ts",
            "java",
            "c",
            "h",
            "cpp",
            "cs",
            "go",
            "rs",
            "rb",
            "php",
            "lua",
            "sh",
            "bat",
            "ps1",
            "sql",
            "css",
        }
    ),
    "docx": frozenset({"docx", "docm", "dotx", "dotm"}),
    "xlsx": frozenset({"xlsx", "xlsm", "xltx", "xltm"}),
    "odt": frozenset({"odt", "ott"}),
    "ods": frozenset({"ods", "ots"}),
}


def content_format(info: MediaInfo) -> str | None:
    """What the content is, in the words presets use for formats."""
    if info.image:
        return info.image.format
    if info.slides:
        return info.slides.format
    if info.text:
        return info.container or info.text.format
    return info.container


def _agrees(info: MediaInfo) -> bool | None:
    content = content_format(info)
    if content is None:
        return None
    return info.extension in EXTENSIONS.get(content, frozenset({content}))


# What people expect behind an extension. Moving pictures and sound share containers, so their names may cross.
_EXPECTED: dict[str, frozenset[Kind]] = {
    extension: kinds
    for extensions, kinds in (
        ("mp4 m4v mov qt mkv webm avi flv wmv 3gp 3g2 mpg mpeg ts m2ts mts", frozenset({Kind.VIDEO, Kind.AUDIO})),
        ("m4a mka mp3 wav wma aac flac ogg oga opus aif aiff amr asf", frozenset({Kind.VIDEO, Kind.AUDIO})),
        ("jpg jpeg jpe jfif png gif bmp webp tif tiff svg avif heic heif", frozenset({Kind.IMAGE})),
        ("ppt pptx pps ppsx pot potx pptm odp pdf", frozenset({Kind.SLIDES})),
        ("zip", frozenset({Kind.ARCHIVE})),
        (
            "txt text md ssml xml srt vtt ass ssa docx docm dotx dotm xlsx xlsm xltx xltm rtf odt ott ods ots",
            frozenset({Kind.TEXT, Kind.SUBTITLE}),
        ),
    )
    for extension in extensions.split()
}


def _remarked(info: MediaInfo) -> Text | None:
    """All that readers noticed, in their order; None where they noticed nothing."""
    if not info.remarks:
        return None
    return Text(" ".join(one.en for one in info.remarks), "".join(one.zh for one in info.remarks))


def _kind_agrees(info: MediaInfo) -> bool:
    """False when the name promises another kind of file; an extension nobody knows promises nothing."""
    animated = info.extension == info.container == "gif"  # read as a short video by a role that takes only video
    return animated or info.kind in _EXPECTED.get(info.extension, frozenset(Kind))


def _sounds(entry: ArchiveEntry) -> bool:
    """Whether a decoder could make anything of a recording, by its header."""
    sound = entry.audio
    return sound is not None and bool(sound.codec and sound.channels and sound.sample_rate)


def _readable(info: MediaInfo) -> bool | None:
    """Whether anything at all could be read of the file, beyond what its header claims; None: that is not known."""
    if info.slides:
        pages, sized = info.slides.pages, info.slides.page_size is not None
        return None if pages is None else pages > 0 and sized
    if info.archive:
        return any(_sounds(one) if one.format in SOUND else one.format for one in info.archive.entries)
    if info.text:  # of subtitles what the cues say is counted
        return None if info.text.spoken is None else info.text.spoken > 0
    return info.begins


def _stem(info: MediaInfo) -> str:
    return PurePath(info.name).stem


CHECKS = (
    check("file.kind", "kind of content", "内容类型", "word", ANY, of_file(lambda i: i.kind.value)),
    check(
        "file.size",
        "file size",
        "文件大小",
        "bytes",
        ANY,
        of_file(lambda i: i.size),
        safety=only_down,
        repairs=SHRINKABLE,
    ),
    check("file.name", "file name", "文件名", "text", ANY, of_file(_stem), safety=lossless),
    check(
        "file.name_length",
        "length of the file name",
        "文件名长度",
        "count",
        ANY,
        of_file(lambda i: len(_stem(i))),
        unit="characters",
        safety=lambda a, w: Safety.LOSSLESS if isinstance(a, int) and isinstance(w, int) and w < a else Safety.MANUAL,
    ),
    check(
        "file.extension", "file extension", "文件扩展名", "text", ANY, of_file(lambda i: i.extension), safety=lossless
    ),
    check(
        "file.extension_agrees",
        "extension agrees with the content",
        "扩展名与内容一致",
        "flag",
        ANY,
        of_file(_agrees),
        safety=lossless,
    ),
    check(
        "file.kind_agrees",
        "content is of the kind its name says",
        "内容类型与文件名一致",
        "flag",
        ANY,
        of_file(_kind_agrees),
    ),
    check(
        "file.format",
        "format",
        "格式",
        "text",
        ANY,
        of_file(content_format),
        safety=lossy,
        repairs=frozenset({Kind.IMAGE, Kind.SLIDES, Kind.AUDIO, Kind.VIDEO}),
        prefer=preferences.alpha_container,
    ),
    check(
        "file.readable",
        "something in it can be read",
        "其中有可读取的内容",
        "flag",
        ANY - {Kind.IMAGE, Kind.UNKNOWN},
        of_file(_readable),
        needs=frozenset({"beginning"}),
        help=Text(
            "Nothing in it can be played, shown or read: export or save it again, or send the right file.",
            "其中没有任何可播放、显示或读取的内容：请重新导出或保存，或发送正确的文件。",
        ),
    ),
    check("file.not_empty", "file is not empty", "文件不为空", "flag", ANY, of_file(lambda i: i.size > 0)),
    check(
        "container.format",
        "container",
        "封装格式",
        "text",
        SOUNDING,
        of_file(lambda i: i.container),
        safety=lossless,
        prefer=preferences.alpha_container,
    ),
    check(
        "container.faststart",
        "index before the media data",
        "索引位于媒体数据之前",
        "flag",
        SOUNDING,
        of_file(lambda i: i.faststart),
        safety=lossless,
    ),
    check(
        "container.sizes",
        "sizes in the header are those of the file",
        "文件头中的大小与文件相符",
        "flag",
        SOUNDING,
        lambda i: iter([] if i.sizes is None else [Reading(i.sizes is Stated.TRUE)]),
        safety=lossless,
    ),
    check(
        "media.duration",
        "duration",
        "时长",
        "seconds",
        SOUNDING,
        of_file(lambda i: i.duration),
        safety=only_down,
        says=lambda _, target: Text(f"at most {target} s in a file", f"每个文件不超过 {target} 秒"),
        # What is too long has a repair, and the plan says how to ask for it.
        help=Text("Too short: record again.", "过短：请重新录制。"),
    ),
    check("media.bit_rate", "bit rate of the file", "文件码率", "bits", SOUNDING, of_file(lambda i: i.bit_rate)),
    check(
        "media.intact",
        "complete and undamaged",
        "完整且无损坏",
        "flag",
        SOUNDING | {Kind.ARCHIVE},
        of_file(lambda i: i.intact),
        advise=lambda info, _: _remarked(info),  # whoever saw the damage says where
        help=Text("Export it again, or send the whole file.", "请重新导出，或重新发送完整文件。"),
    ),
    check("media.has_sound", "has sound", "含有声音", "flag", SOUNDING, of_file(lambda i: bool(i.audio))),
    check(
        "media.other_streams",
        "streams that are neither picture nor sound",
        "画面与声音以外的流",
        "count",
        SOUNDING,
        of_file(lambda i: len(i.others) + i.covers),
        safety=lambda a, w: Safety.LOSSLESS if a != w and w == 0 else Safety.MANUAL,
    ),
)
