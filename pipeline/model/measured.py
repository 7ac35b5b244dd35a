"""What was measured of people, of voices and of papers: blocks of facts that take more than reading headers.

Units as in `pipeline.model.facts`, of which they are parts.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final, NamedTuple

from msgspec import Struct

ROUNDED: Final = "rounded"
Measured = Annotated[Fraction, ROUNDED]

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
    red_eyes: Measured | None = None  # how red the redder pupil is, 0 to 1
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
    head_room: Measured | None = None  # from the top of the hair to that of the picture, in shares of it: the median
    followed: int = 0  # places at which it could be told whether the camera moves
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
    covered: tuple[Span, ...] = ()  # ... or has an eye, nose or mouth covered; told of upright, frontal, whole ones
    ill_lit: tuple[Span, ...] = ()  # ... or its skin is nearly black, nearly white or burnt out
    blurred: tuple[Span, ...] = ()  # ... or is unsharp even in pictures of 480 pixels
    eyes_shut: tuple[Span, ...] = ()  # ... or has its eyes shut; not told of turned or covered ones
    mouth_closed: Measured | None = None  # seconds from the beginning, 2 at most; None: no face there
    identity: str | None = None  # same, cannot tell or different: as on a card beside it; None: nobody asked
    shaking: tuple[Span, ...] = ()  # the camera moves: what is behind the person goes elsewhere within half a second
    joined: tuple[Span, ...] = ()  # two pictures between which all changes at once, as where takes are joined


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


class PagePart(NamedTuple):
    """A part of a page: the page from 1, and its edges in shares of the page from its upper left corner."""

    page: int
    left: Measured
    top: Measured
    right: Measured
    bottom: Measured


class Letter(Struct, frozen=True, kw_only=True):
    """A letter by which somebody grants something, page by page; see `docs/papers.md`."""

    pages: int  # looked at
    written: int  # ... with words on them
    legible: bool | None = None  # None: nobody could read, or there is nothing to read
    signed: bool | None = None  # something stands where it is to be signed; None: no such place is found
    grantee: str | None = None  # to whom it is granted; None: it is not found
    expected: str | None = None  # to whom it is to be granted, as `preflight.toml` says; None: nobody says
    company: bool | None = None  # whether it is; None: nobody says who, or it cannot be told
    blank: tuple[int, ...] = ()  # pages without words, from 1
    unsigned: tuple[PagePart, ...] = ()  # where it is to be signed and nothing stands, if it is signed nowhere
    unread: tuple[PagePart, ...] = ()  # lines that could not be read for sure, if it is not legible
