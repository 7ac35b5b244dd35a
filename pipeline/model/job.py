"""What is asked of one asset, and how many of them are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from pipeline.model.facts import Value
from pipeline.model.rules import Safety

Progress = Callable[[float | str], None]
"""Share done of a job, 0 to 1, or the name of the step that begins."""


class Job(Struct, frozen=True, kw_only=True):
    """One asset and what is asked of it; travels to a worker."""

    path: str
    stem: str  # of the output, below the output folder
    preset: str = ""
    role: str | None = None
    deep: bool = False
    encoding: str | None = None  # that texts, subtitles and names in zips are said to be in; None: what they show
    lang: str = "en"
    out: str = ""
    far: str = ""  # address of the output folder where that is elsewhere; `out` is then set by `moving`
    state: str = ""  # of a source that is elsewhere, as it was listed: bytes first; see `remote`
    plots: str = ""  # folder for pictures of what was measured; none are drawn without
    at_least: Safety = Safety.LOSSY
    allow: frozenset[str] = frozenset()  # checks whose repair is made on request only, and was asked for
    deliver: tuple[tuple[str, Value], ...] = ()  # what is asked for in place of the role's own `deliver`
    replace: bool = False
    company: str | None = None  # to whom a letter is to grant, as `preflight.toml` says; None: nobody says
    cards: tuple[str, ...] | None = None  # pictures that may show the card of who is filmed; None: not asked
    cuts: tuple[tuple[str, Fraction, Fraction], ...] = ()  # clips of a video: what each is called, start, end (seconds)
    deck: str = ""  # the deck that a video shows, where it does not lie beside it under the same name
    ours: tuple[tuple[str, str], ...] = ()  # path and MD5 of what an earlier run made for this asset
    twin: tuple[tuple[str, str, str, str, str | None], ...] = ()  # outputs of an asset with the same bytes; see `twins`

    @property
    def known_size(self) -> int:
        """Bytes of a source that is elsewhere; 0 where they are not known."""
        return int(self.state.split()[0]) if self.state else 0


class News(Protocol):
    """What is heard of one job of a batch: how far it is, which step begins, or that it ended."""

    @property
    def index(self) -> int: ...
    @property
    def fraction(self) -> float | None: ...
    @property
    def step(self) -> str | None: ...
    @property
    def speed(self) -> float | None: ...
    @property
    def said(self) -> str: ...
    @property
    def ended(self) -> bool: ...


Busy = Callable[[], list[tuple[int, int]]]
"""Pairs of worker and job, both counted from 0."""
Watch = Callable[[Sequence[str], Sequence[int], Sequence[int], Busy], AbstractContextManager[Callable[[News], None]]]
"""From names, numbers in the whole run and sizes (bytes) of jobs: what takes every piece of news while they run."""


@contextmanager
def unwatched(
    names: Sequence[str], numbers: Sequence[int], sizes: Sequence[int], busy: Busy
) -> Iterator[Callable[[News], None]]:
    """Nobody looks on."""
    del names, numbers, sizes, busy
    yield lambda _: None


class Running(Struct, frozen=True, kw_only=True):
    """How a batch runs: where, with how many workers, and who looks on."""

    workers: int | None = None  # None: as many as there are processors
    executor: str = "local"  # or "dask"
    scheduler: str | None = None  # address of the Dask cluster; None: one on this machine
    resume: bool = True  # what earlier runs found out or finished is not done again
    watch: Watch = unwatched
