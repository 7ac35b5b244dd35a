"""Which encoding a text is written in, and the text itself. Shared by scripts, subtitles and packages."""

from __future__ import annotations

import codecs
import contextlib
import re
from typing import Final, NamedTuple

from pipeline.probe.text.letters import likelihood

# UTF-32 first: its little-endian mark begins with that of UTF-16.
MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8", "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)

# Characters that are not seen and not spoken: controls other than tab and line ends, direction marks and
# overrides (Unicode TR 36, 2.3), zero-width spaces, a byte order mark inside, noncharacters. Joiners are not
# among them: emoji and several scripts need them.
HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


# What controls mean in the programs that write them: Word's line and page breaks, its hyphens (MS-DOC 2.4.1).
_MEANT: Final = str.maketrans({"\v": "\n", "\f": "\n", "\x1e": "-"})
_STRAY: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DECLARED: Final = re.compile(r"(\A\s*<\?xml\s[^>]*?\bencoding\s*=\s*)(\"[^\"]*\"|'[^']*')")


class Guess(NamedTuple):
    """An encoding that a text may be in, and how it begins in it."""

    encoding: str
    words: str


class Decoded(NamedTuple):
    """A text with the name of its encoding; None when that is not sure, with the likeliest, best first."""

    encoding: str | None
    bom: bool
    text: str | None
    guesses: tuple[Guess, ...] = ()


class _Candidate(NamedTuple):
    """What an encoding is called, its codec, and what is written in it."""

    name: str
    codec: str
    languages: tuple[str, ...]


_EAST: Final = ("simplified", "traditional", "japanese", "korean")
# Each family from its smallest set to its largest: the first that decodes a text stands for it.
_FAMILIES: Final = (
    (_Candidate("gbk", "gbk", ("simplified", "traditional")), _Candidate("gb18030", "gb18030", _EAST)),
    (
        _Candidate("big5", "big5", ("traditional",)),
        _Candidate("big5-hkscs", "big5hkscs", ("traditional",)),
        _Candidate("cp950", "cp950", ("traditional",)),
    ),
    (
        _Candidate("shift_jis", "shift_jis", ("japanese",)),
        _Candidate("cp932", "cp932", ("japanese",)),
    ),
    (_Candidate("euc-jp", "euc_jp", ("japanese",)),),
    (_Candidate("euc-kr", "euc_kr", ("korean",)), _Candidate("cp949", "cp949", ("korean",))),
    (_Candidate("utf-16", "utf-16-le", _EAST),),
    (_Candidate("utf-16", "utf-16-be", _EAST),),
)
_OF_ONE_BYTE: Final = (
    (_Candidate("windows-1252", "cp1252", ("western",)),),
    (_Candidate("windows-1251", "cp1251", ("cyrillic",)),),
    (_Candidate("koi8-r", "koi8_r", ("cyrillic",)),),
)
# Natural logarithms. As much likelier than the second the first must be; letters of a text that makes sense are at
# least as likely on the average, those of one that is damaged or in another encoding are not.
_SURE, _SENSE = 5.5, -11.0
_TOLD: Final = 3  # guesses
_MEANS: Final = {"gb2312": "gbk"}  # what Windows calls by the name of its smaller set
# Codecs of Python that write other things than the texts of people.
_NO_ENCODINGS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw-unicode-escape", "undefined", "utf-7"})
_WORDS: Final = 24  # characters of a guess


def decoded(data: bytes, codec: str, *, whole: bool = True) -> str | None:
    """`data` as text, or None; where it is not the whole, a character cut in two at its end is left out."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(data, final=whole)
    except UnicodeDecodeError:  # the answer
        return None


def cleaned(text: str) -> str:
    """The text with controls that mean a break or a hyphen as those, and without what is neither seen nor spoken."""
    return HIDDEN.sub("", text.translate(_MEANT))


def as_utf8(text: str) -> bytes:
    """The text in UTF-8; an XML declaration in it says so too."""
    return _DECLARED.sub(r'\1"UTF-8"', text, count=1).encode()


def encoding_of(said: str) -> str | None:
    """The name here of an encoding of texts that somebody says: any that Python knows under any of its names."""
    try:
        codec = codecs.lookup(said).name
        with contextlib.suppress(UnicodeError):  # half a letter: an encoding all the same
            b"a".decode(codec)
    except (LookupError, ValueError):  # no codec, or one that does not make texts
        return None
    codec = _MEANS.get(codec, codec)
    named = {codecs.lookup(one.codec).name: one.name for family in (*_FAMILIES, *_OF_ONE_BYTE) for one in family}
    return None if codec in _NO_ENCODINGS else codec if codec.startswith("utf-16") else named.get(codec, codec)


def _as_said(data: bytes, said: str) -> Decoded:
    """The text in an encoding that somebody said; by its larger set where it has characters of that."""
    family = next((family for family in _FAMILIES if any(one.name == said for one in family)), ())
    names = [one.name for one in family]
    wider = [one.codec for one in family[names.index(said) :]] if said in names else [said]
    texts = (decoded(data, codec) for codec in wider)
    text = next((one for one in texts if one is not None), None)
    return Decoded(said if text is not None else None, False, text)


def decode(data: bytes, said: str | None = None) -> Decoded:
    """The whole of `data` as text, in the encoding that is `said` where it is no other by its mark.

    A byte order mark decides where there is one. Without it: UTF-8 when it decodes strictly (ASCII is UTF-8), UTF-16
    and UTF-32 when zero bytes lie as theirs do; else the East Asian encoding in which its letters are by far the
    likeliest. Where two are nearly as likely, or nothing makes sense, none is taken and the likeliest are told.
    Single-byte encodings of Western languages cannot be told from each other and are only ever guesses.
    """
    found = _detected(data)
    return found if said is None or found.bom or found.encoding == said else _as_said(data, said)


def _detected(data: bytes) -> Decoded:
    for mark, name, codec in MARKS:
        if data.startswith(mark):
            text = decoded(data[len(mark) :], codec)
            return Decoded(name if text is not None else None, True, text)
    zeros, text = data.count(0), decoded(data, "utf-8")
    if zeros or (text is not None and _STRAY.search(text)):
        # A text in UTF-8 with stray bytes, or one in UTF-16, whose bytes may all be below 128: of Latin letters every
        # second one is zero, a full stop of Chinese is 30 02.
        wide = _with_zeros(data)
        return Decoded("utf-8", False, text) if text is not None and not wide.encoding else wide
    if text is not None:
        return Decoded("utf-8", False, text)
    found = likeliest(data)
    sure = found and (len(found) == 1 or found[0].likely - found[1].likely >= _SURE)
    if sure and found[0].sense and found[0].wide:
        return Decoded(found[0].name, False, found[0].text)
    told: dict[str, str] = {}
    for one in found:
        told.setdefault(one.name, _begins(one.text))
    return Decoded(None, False, None, tuple(Guess(*pair) for pair in list(told.items())[:_TOLD]))


def _begins(text: str) -> str:
    """The first words that tell one encoding from another: of subtitles not their times, which look alike in all."""
    first = next((at for at, letter in enumerate(text) if letter >= "\x80"), 0)
    line = text.rfind("\n", 0, first) + 1
    return " ".join(text[max(line, first - _WORDS // 2) :][: 2 * _WORDS].split())[:_WORDS]


def _with_zeros(data: bytes) -> Decoded:
    """UTF-32 where every letter is one; UTF-16 in the order of bytes that makes sense."""
    for codec in ("utf-32-le", "utf-32-be"):
        if (text := decoded(data, codec)) is not None:
            return Decoded("utf-32", False, text)
    found = [one for one in likeliest(data) if one.name == "utf-16"]
    if found and found[0].sense and (len(found) == 1 or found[0].likely - found[1].likely >= _SURE):
        return Decoded("utf-16", False, found[0].text)
    return Decoded(None, False, None)


class Likely(NamedTuple):
    """What a text would be in one encoding."""

    name: str
    text: str
    likely: float  # logarithm, of its beginning
    sense: bool  # whether its letters could be somebody's
    wide: bool  # an encoding of more than one byte a letter


def likeliest(data: bytes, *, whole: bool = True) -> list[Likely]:
    """The encodings without a mark that `data` may be in, the likeliest first; none of it is UTF-8.

    Where it is not the whole, a character cut in two at its end is left out.
    """
    found = []
    for family in (*_FAMILIES, *_OF_ONE_BYTE):
        for one in family:
            text = decoded(data, one.codec, whole=whole)
            if text is not None:
                total, mean = likelihood(text, one.languages)
                found.append(Likely(one.name, text, total, mean > _SENSE, family in _FAMILIES))
                break
    return sorted(found, key=lambda one: -one.likely)
