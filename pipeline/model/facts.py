"""What is known about a file. Every value is frozen: it can be pickled, compared and printed.

Units, everywhere: bytes, seconds (`Fraction`), frames per second (`Fraction`), hertz, bits per second, pixels, degrees.
`None` means *not known*; nothing in this package replaces it by a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final, NamedTuple

from msgspec import Struct

from pipeline.model.ceilings import DECODERS


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

ROUNDED: Final = "rounded"
Measured = Annotated[Fraction, ROUNDED]
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


# Pixels on the shorter side, below which a crop to a portrait never goes where the picture has more.
LEAST_PORTRAIT: Final = 256


class Face(Struct, frozen=True, kw_only=True):
    """One face. Lengths in pixels of the picture as shown, angles in degrees, shares from 0 to 1.

    How each figure is measured, and how well: `docs/faces.md`. What needs the mesh is None where the mesh is
    doubtful.
    """

    box: tuple[Measured, Measured, Measured, Measured]  # left, top, width, height of the outline
    score: Measured  # the detector's, 0 to 1
    share: Measured | None = None  # of the picture, by box; the part inside the picture counts
    outline_share: Measured | None = None  # of the picture, by face outline
    yaw: Measured | None = None  # positive: turned to the picture's right
    pitch: Measured | None = None  # positive: looking up
    roll: Measured | None = None  # positive: tilted clockwise as seen
    complete: bool | None = None  # the outline lies inside the picture
    mouth_open: Measured | None = None  # 0 closed, to 1
    occlusion: Measured | None = None  # share of the face that is covered
    covered: tuple[str, ...] | None = None  # of "right eye", "left eye", "nose", "mouth" (the person's right)
    feature_occlusion: Measured | None = None  # how surely the worst of eyes, nose and mouth is covered
    eye_distance: Measured | None = None  # between the middles of the irises
    eyes_open: Measured | None = None  # 0 closed, to 1: of the eye that is less open
    gaze: Measured | None = None  # irises beside the middle of the eyes, in half eye widths; positive: right
    off_centre: tuple[Measured, Measured] | None = None  # of the box, in shares of the picture: right, down
    brightness: Measured | None = None  # mean luminance of the skin
    contrast: Measured | None = None  # 5th to 95th percentile of the luminance of the skin
    over_exposed: Measured | None = None  # share of the skin
    under_exposed: Measured | None = None  # share of the skin
    evenness: Measured | None = None  # of the light: darker half / brighter half of the face
    sharpness: Measured | None = None  # 1: sharp
    background_evenness: Measured | None = None  # 1: one lightness
    drawing: Measured | None = None  # suspicion of a drawing, 0 to 1
    outline: tuple[tuple[int, int], ...] | None = None  # pixels, in order around the face
    head: tuple[int, int, int, int] | None = None  # with hair and chin, of the largest face: left, top, width, height
    framed: bool | None = None  # a portrait already: cropping to head and shoulders would take little away
    max_crop: tuple[int, int, int, int] | None = None  # head and shoulders around the largest face, as `head`
    min_crop: tuple[int, int, int, int] | None = None  # the tightest crop that keeps the whole head


class Speech(Struct, frozen=True, kw_only=True):
    """What a recording sounds like; see `docs/audio.md` for how each figure is estimated and how well."""

    snr: Measured | None = None  # dB, over active speech; 60 stands for 60 and more
    c50: Measured | None = None  # dB, early (50 ms) to late energy; None: noise hides the decays
    clipping: Measured | None = None  # index, share of clipped samples in percent
    speech: Measured | None = None  # seconds of speech, pauses of 0.25 s and more left out
    text_accuracy: Measured | None = None  # 0 to 1; needs a recogniser
    loudness: Measured | None = None  # LUFS, EBU R128, whole recording
    true_peak: Measured | None = None  # dBTP, four times oversampled
    bandwidth: int | None = None  # Hz actually used
    leading_silence: Measured | None = None  # seconds before the first speech
    trailing_silence: Measured | None = None  # seconds after the last
    long_silences: int | None = None  # pauses of 2 s and more between speech
    dc_offset: Measured | None = None  # of full scale, 0 to 1, of the worst channel
    dead_channels: tuple[int, ...] | None = None  # channels without sound beside one with it, from 0
    mid_loss: Measured | None = None  # dB that the mono mix is below the best channel; None for mono
    best_channel: int | None = None  # the loudest, from 0
    hum: int | None = None  # Hz of the mains hum suspected, 50 or 60; 0: none
    music: bool | None = None  # steady tones in the pauses, which mains hum does not explain


class Span(NamedTuple):
    """A stretch of a recording, in seconds from its beginning."""

    start: Measured
    end: Measured


class Person(Struct, frozen=True, kw_only=True):
    """Who is seen in footage over its whole length, by pictures `step` seconds apart; see `docs/video.md`.

    What spans are of begins and ends within one step of the truth.
    """

    step: Measured  # seconds
    pictures: int  # looked at for light and change
    looked: int  # ... that faces were looked for in
    seen: int  # ... and found
    share: Measured | None = None  # of the picture, by the face of the person: the median
    background: str | None = None  # green, blue, white or mixed, outside the person; None: nobody, or too little of it
    background_evenness: Measured | None = None  # 1: one lightness
    black: tuple[Span, ...] = ()  # nothing to see
    white: tuple[Span, ...] = ()  # over-exposed, most of the picture
    frozen: tuple[Span, ...] = ()  # nothing moves for 2 s and more
    nobody: tuple[Span, ...] = ()  # no face, where it is neither black nor white
    several: tuple[Span, ...] = ()  # more than one face
    lying: tuple[Span, ...] = ()  # the face is tilted by more than 45 degrees
    turned: tuple[Span, ...] = ()  # ... or turned away, up or down by more than 30
    cut_off: tuple[Span, ...] = ()  # ... or reaches beyond the picture


class Card(Struct, frozen=True, kw_only=True):
    """A picture taken for one of a card that says who somebody is. Of its words nothing is kept but whether they could
    be read; see `docs/papers.md`.
    """

    side: str | None = None  # front (with the portrait), back, both or "no card"; None: not to be told
    portraits: int = 0  # faces on it
    edges: bool = False  # all four of its edges are seen in the picture
    width: int | None = None  # pixels of its longer side; None: no card
    glare: Measured | None = None  # share of it that is burnt out
    sharpness: Measured | None = None  # 1: sharp
    legible: bool | None = None  # name and number of a front, authority and dates of a back; None: nobody could read
    number: bool | None = None  # whether the last figure of its number is the one that follows from the others


class Letter(Struct, frozen=True, kw_only=True):
    """A letter by which somebody grants something, page by page; see `docs/papers.md`."""

    pages: int  # looked at
    written: int  # ... with words on them
    legible: bool | None = None  # None: nobody could read, or there is nothing to read
    signed: bool | None = None  # something stands where it is to be signed; None: no such place is found
    grantee: str | None = None  # to whom it is granted; None: it is not found


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
