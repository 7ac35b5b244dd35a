"""Facts about script text: length, paragraphs, encoding, and what SSML holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.checks.file import EXTENSIONS
from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import Kind, Mark, MediaInfo, Text, TextInfo
from pipeline.probe.text.encoding import HIDDEN, Decoded, Guess, decode
from pipeline.probe.text.ssml import looks_like_ssml, read_ssml
from pipeline.probe.unopened import unopened

_NO_SCRIPTS: Final = ("table", "log", "settings", "captions", "code")
MAX_HIDDEN: Final = 1000  # marks; a text of nothing else would hold millions


def load(path: Path, size: int, said: str | None = None) -> Decoded:
    """The text of the file at `path`, in the encoding that is `said`, else in the one that it is in.

    Raises CeilingExceeded above MAX_TEXT bytes.
    """
    if size > MAX_TEXT:
        raise CeilingExceeded(
            f"{path.name} is {size} bytes of text, above the ceiling of {MAX_TEXT}. Split it into parts.",
            f"{path.name} 为 {size} 字节文本，超过上限 {MAX_TEXT}。请拆分。",
        )
    return decode(path.read_bytes(), said)


def unknown_encoding(name: str, guesses: tuple[Guess, ...], said: str | None = None) -> Text:
    """A remark for a text whose encoding is not sure, with how it begins in the likeliest ones."""
    if said:
        return Text(
            f"{name} is not in {said}: some of its bytes are no characters there. "
            "Say another one, or save it as UTF-8.",
            f"{name} 不是 {said} 编码：部分字节在其中不是字符。请指定其他编码，或另存为 UTF-8。",
        )
    if not guesses:
        return Text(f"The encoding of {name} is not known. Save it as UTF-8.", f"{name} 的编码未知。请另存为 UTF-8。")
    told = [f"{one.encoding}: {one.words!r}" for one in guesses]
    return Text(
        f"The encoding of {name} is not sure; it may be {', '.join(told)}. "
        f"Say which with --encoding, as --encoding {guesses[0].encoding}, or save it as UTF-8.",
        f"{name} 的编码无法确定，可能是 {'、'.join(told)}。"
        f"请用 --encoding 指定，如 --encoding {guesses[0].encoding}，或另存为 UTF-8。",
    )


def hidden(text: str) -> Iterator[Mark]:
    """A mark "hidden" for each of the first MAX_HIDDEN characters that are neither seen nor spoken: its code."""
    line, start = 1, 0
    for number, found in enumerate(HIDDEN.finditer(text)):
        if number >= MAX_HIDDEN:
            return
        line += text.count("\n", start, found.start())
        start = found.start()
        column = start - text.rfind("\n", 0, start)
        yield Mark(what="hidden", value=f"U+{ord(found[0]):04X}", line=line, column=column)


def read(path: Path, size: int, format: str, said: str | None = None) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the text at `path`, in the encoding that is `said`, else in the one that it is in.

    A character is one Unicode code point, Chinese or not. Line ends count as one and white space around the
    whole text not at all: an editor's last line feed is not part of a script. A paragraph is a line that is
    not blank. Raises CeilingExceeded above MAX_TEXT bytes.
    """
    encoding, bom, text, guesses = load(path, size, said)
    if format == "plain":  # what people keep under such a name is no script, whatever its letters
        extension = path.suffix.lower().lstrip(".")
        format = next((one for one in _NO_SCRIPTS if extension in EXTENSIONS[one]), format)  # noqa: A001
    remarks: tuple[Text, ...]
    if text is None:
        info = TextInfo(format=format, encoding=encoding, bom=bom)
        remarks = (unknown_encoding(path.name, guesses, said),)
    else:
        info, remarks = info_of(path.name, text, format, encoding, bom=bom)
    return replace(unopened(path, Kind.TEXT, size), text=info, remarks=remarks)


def info_of(
    name: str, text: str, format_: str, encoding: str | None, *, bom: bool
) -> tuple[TextInfo, tuple[Text, ...]]:
    """Facts about a text, and remarks on it; plain text that holds an SSML element is SSML."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    is_ssml = format_ == "ssml" or (format_ == "plain" and looks_like_ssml(text))
    ssml = read_ssml(name, text) if is_ssml else None
    bare = text.strip()
    info = TextInfo(
        format="ssml" if is_ssml else format_,
        encoding=encoding,
        bom=bom,
        characters=len(bare),
        spoken=len(ssml.spoken) if ssml else len(bare),
        paragraphs=tuple(len(line.strip()) for line in bare.split("\n") if line.strip()),
        well_formed=ssml.well_formed if ssml else None,
        marks=(*(ssml.marks if ssml else ()), *hidden(text)),
    )
    return info, ssml.remarks if ssml else ()
