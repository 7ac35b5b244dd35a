"""What is known about a file. Every value is frozen: it can be pickled, compared and printed.

Units, everywhere: bytes, seconds (`Fraction`), frames per second (`Fraction`), hertz, bits per second, pixels, degrees.
`None` means *not known*; nothing in this package replaces it by a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from msgspec import Struct

from pipeline.model.ceilings import DECODERS
from pipeline.model.measured import Card, Face, Letter, Measured, Person, Speech


class Text(Struct, frozen=True):
    """One sentence in both languages."""

    en: str
    zh: str

    @classmethod
    def same(cls, text: str) -> Text:
        """What is written alike in both: a name, a figure."""
        return cls(text, text)

    def of(self, lang: str) -> str:
        """The sentence in `lang` ("en" or "zh")."""
        return self.zh if lang == "zh" else self.en

    def plus(self, other: Text) -> Text:
        """Both sentences joined, language by language."""
        return Text(self.en + other.en, self.zh + other.zh)


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


Value = str | bool | int | Fraction | Size

"""What was measured or estimated: in a document a number of six digits. Rates and times, which are exact, are none."""


class Kind(StrEnum):
    """What a file is by content, never by name."""

    VIDEO = "video"
    AUDIO = "audio"
    IMAGE = "image"
    SLIDES = "slides"
    ARCHIVE = "archive"
    TEXT = "text"
    SUBTITLE = "subtitle"
    UNKNOWN = "unknown"


DOCUMENTS: Final = frozenset({"docx", "xlsx", "rtf", "odt", "ods"})
"""Documents whose words are read as a script."""


def decodable(codec: str | None) -> bool:
    """Whether a decoder on the allow-list takes this codec (ffmpeg's name); of one that is not known nobody says no."""
    # Only the decoder of Sorenson's H.263 in FLV has not the name of its codec, nor one beside it that has.
    return codec is None or codec == "flv1" or codec in DECODERS


class VideoStream(Struct, frozen=True, kw_only=True):
    """One moving-picture stream; cover art is not one."""

    index: int
    codec: str | None = None  # ffmpeg's name: h264, hevc, vp9, av1, prores, ...
    profile: str | None = None
    pixel_format: str | None = None
    bit_depth: int | None = None  # bits per component
    chroma: str | None = None  # "4:2:0", "4:2:2", "4:4:4", "rgb", "gray"
    color_primaries: str | None = None  # ffmpeg's names; None when untagged
    color_transfer: str | None = None
    color_matrix: str | None = None
    color_range: str | None = None  # "tv" or "pc"
    dolby_vision: str | None = None  # profile and compatibility of the base layer, "8.4"; None: none is stated
    coded: Size | None = None  # as stored, before rotation and pixel aspect
    size: Size | None = None  # as shown: after rotation and pixel aspect
    sample_aspect: Fraction | None = None
    rotation: int | None = None  # degrees clockwise to show it upright: 0, 90, 180, 270
    frame_rate: Fraction | None = None  # average
    variable: bool | None = None  # frame durations differ by more than container rounding
    interlaced: bool | None = None
    alpha: bool | None = None
    frames: int | None = None
    start: Fraction | None = None
    duration: Fraction | None = None
    bit_rate: int | None = None

    @property
    def hdr(self) -> bool | None:
        """PQ or HLG transfer; None when the stream does not say."""
        if self.color_transfer is None:
            return None
        return self.color_transfer in {"smpte2084", "arib-std-b67"}


class AudioStream(Struct, frozen=True, kw_only=True):
    """One sound stream."""

    index: int
    codec: str | None = None
    profile: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    layout: str | None = None
    sample_format: str | None = None
    bit_depth: int | None = None  # of PCM and lossless codecs; None for lossy ones, which have none
    start: Fraction | None = None
    duration: Fraction | None = None
    bit_rate: int | None = None
    language: str | None = None
    default: bool = False
    silent: bool | None = None  # of several sounds: no sample above -60 dB of full scale; None: not heard


class ImageInfo(Struct, frozen=True, kw_only=True):
    """A still or animated picture, from its header."""

    format: str  # jpeg, png, gif, bmp, webp, tiff, svg, avif, ...
    stored: Size  # as stored
    size: Size  # as shown: after EXIF orientation
    mode: str | None = None  # Pillow's mode name
    bit_depth: int | None = None  # bits per channel
    orientation: int = 1  # EXIF, 1 to 8; absent means 1 (Exif 2.32, 4.6.4)
    frames: int | None = None
    alpha: bool | None = None
    icc: str | None = None  # profile description; None when there is no profile
    has_location: bool | None = None  # GPS data in the metadata
    decodes: bool | None = None  # None: not tried


class FontSwap(Struct, frozen=True):
    """A font that this machine lacks and what takes its place when pages are drawn here."""

    font: str
    by: str | None  # a font with the same widths, so that no line breaks elsewhere; None: some other font


class Embedded(Struct, frozen=True):
    """A video or sound inside a deck."""

    slide: int  # from 1, hidden ones counted
    part: str  # name inside the package


class OnSlide(Struct, frozen=True):
    """Where something is that a page will not show, or not as it was."""

    slide: int  # from 1, hidden ones counted; 0: on a master or layout
    what: str  # animation, transition, media, gif, link, reflow or glyph
    detail: Text | None = None  # the words of a text box and their font, the target of a link


class SlidesInfo(Struct, frozen=True, kw_only=True):
    """A deck or a PDF."""

    format: str  # pptx, ppt, odp, pdf, ...
    pages: int | None = None  # visible slides; all pages of a PDF
    hidden: int | None = None
    page_size: tuple[Fraction, Fraction] | None = None  # points
    page_sizes: int | None = None  # different sizes of its pages
    encrypted: bool | None = None
    restricted: bool | None = None  # digital rights, or a PDF that forbids copying, printing or changing
    valid: bool | None = None  # every part that is needed could be parsed
    fonts: tuple[str, ...] | None = None  # used by what is shown
    embedded_fonts: tuple[str, ...] | None = None  # those it carries with it
    swaps: tuple[FontSwap, ...] | None = None  # of the fonts used, here; None: the machine does not tell
    reflowing: int | None = None  # text boxes whose font is replaced by one of other widths
    places: tuple[OnSlide, ...] = ()  # of what is counted below and above, slide by slide
    scanned: int | None = None  # pages that are one picture and no text
    animations: int | None = None  # slides with animation timing
    transitions: int | None = None
    media: int | None = None  # embedded videos and sounds
    embedded: tuple[Embedded, ...] = ()  # where those are that can be taken out
    animated_pictures: int | None = None
    external_links: int | None = None
    macros: bool | None = None
    controls: bool | None = None  # buttons, boxes to fill in and the like
    compression_ratio: Measured | None = None  # unpacked / packed bytes
    longest_page_text: int | None = None  # characters: the notes of a slide, else its text
    page_texts: tuple[str, ...] | None = None
    producer: str | None = None
    version: str | None = None  # of a PDF


class ArchiveEntry(Struct, frozen=True, kw_only=True):
    """One member of an archive. `name` is for showing; nothing is ever written under it."""

    name: str
    size: int | None = None
    packed: int | None = None
    directory: bool = False
    encrypted: bool = False
    unsafe: bool = False  # absolute, climbing, with a drive, a NUL or a link
    format: str | None = None  # by content: wav, txt, mp3, ...
    audio: AudioStream | None = None
    speech: Speech | None = None  # of a recording; None: not measured
    text: str | None = None  # of a small text entry
    encoding: str | None = None


class ArchiveInfo(Struct, frozen=True, kw_only=True):
    """A zip, read without extracting."""

    valid: bool  # opens as a zip and every header agrees with the directory
    entries: tuple[ArchiveEntry, ...] = ()
    unpacked: int | None = None  # bytes actually produced, never the declared size
    ratio: Measured | None = None
    problems: tuple[str, ...] = ()  # duplicate, overlap, nested-archive, bomb, ...


class Mark(Struct, frozen=True, kw_only=True):
    """Something found at a place in a text: SSML elements and attribute values, faults, cues."""

    what: str  # e.g. "tag", "break.time", "fault.nesting"
    value: Value | None
    line: int
    column: int
    why: Text | None = None  # of a fault


class TextInfo(Struct, frozen=True, kw_only=True):
    """Script text, SSML or subtitles."""

    format: str  # plain, ssml, srt, vtt, ass
    encoding: str | None = None  # or the document that the words stand in, one of DOCUMENTS
    bom: bool = False
    characters: int | None = None  # all characters, tags included
    spoken: int | None = None  # characters left when tags are removed
    paragraphs: tuple[int, ...] | None = None  # characters of each, tags included
    well_formed: bool | None = None  # of SSML
    marks: tuple[Mark, ...] = ()


def default_sound(streams: Sequence[AudioStream]) -> AudioStream:
    """The one that players play: marked as the default, else the first; where that is silent, the first that is not.

    Raises IndexError where there is none.
    """
    played = next((one for one in streams if one.default), streams[0])
    return played if not played.silent else next((one for one in streams if one.silent is False), played)


class Stated(StrEnum):
    """What the header of a file says of the sizes in it."""

    TRUE = "true"
    UNTRUE = "untrue"
    SHORT = "short"  # there is more than it says, and readers stop before


class MediaInfo(Struct, frozen=True, kw_only=True):
    """All facts about one file. Exactly the blocks that apply to its kind are filled."""

    name: str  # file name, for showing
    kind: Kind
    size: int  # bytes
    extension: str  # lower case, without the dot; "" when there is none
    container: str | None = None  # by content and brand: mp4, mov, m4v, m4a, 3gp, mkv, webm, wav, ...
    brand: str | None = None
    faststart: bool | None = None  # the index comes before the media data
    sizes: Stated | None = None  # of a WAV: what its header says of them
    start: Fraction | None = None
    duration: Fraction | None = None
    bit_rate: int | None = None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    covers: int = 0  # attached pictures
    others: tuple[str, ...] = ()  # codec names of data, timecode and subtitle streams
    begins: bool | None = None  # whether pictures or sound come out of its first packets; None: not tried
    intact: bool | None = None  # False: cut short or damaged; True: decoded whole; None: not decoded
    image: ImageInfo | None = None
    slides: SlidesInfo | None = None
    archive: ArchiveInfo | None = None
    text: TextInfo | None = None
    faces: tuple[Face, ...] | None = None  # None: not measured; (): measured, none there
    speech: Speech | None = None
    person: Person | None = None  # of footage; None: not measured
    card: Card | None = None  # of a picture; None: not measured
    letter: Letter | None = None  # of a picture or document; None: not measured
    remarks: tuple[Text, ...] = ()  # what the reader noticed and no field holds
