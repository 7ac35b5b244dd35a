"""What a person sees while a batch runs: a bar and a line for each worker; plain lines where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from pipeline.documents.entry import id_of, shown
from pipeline.documents.events import ProgressEvent, StartedEvent, StepEvent
from pipeline.documents.facts import encode
from pipeline.model.facts import Text
from pipeline.model.job import Busy, News

# A small file costs more than its bytes: about what reading this many bytes of a large one does.
_LEAST: Final = 256 * 1024
_FIRST: Final = 10.0  # seconds before the first plain line; short runs have none
_BETWEEN: Final = 30.0
_OFTEN: Final = 0.25
_STEPS: Final = {
    "check": Text("check", "检查"),
    "convert": Text("convert", "转换"),
    "prove": Text("prove", "验证"),
    "publish": Text("publish", "写出"),
}


class BatchProgress:
    """How far a batch is, and how long the rest takes at the cost measured so far."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._costs = [size + _LEAST for size in sizes]
        self.total = sum(self._costs)
        self._part: dict[int, float] = {}
        self._step: dict[int, str] = {}
        self._speed: dict[int, float] = {}
        self._whole = 0
        self.ended = 0
        self._started = time.monotonic()

    def see(self, news: News) -> None:
        """Take an event into account."""
        if news.ended:
            self._part.pop(news.index, None)
            self._step.pop(news.index, None)
            self._speed.pop(news.index, None)
            self._whole += self._costs[news.index]
            self.ended += 1
        elif news.step:
            self._step[news.index] = news.step
            self._speed.pop(news.index, None)
        else:
            self._part[news.index] = max(self.part(news.index), news.fraction or 0.0)  # a second try begins anew
            if news.speed is not None:
                self._speed[news.index] = news.speed

    def __len__(self) -> int:
        return len(self._costs)

    @property
    def done(self) -> float:
        """Cost of what is done; `total` at the end."""
        return self._whole + sum(self._costs[index] * part for index, part in self._part.items())

    def part(self, index: int) -> float:
        """How far one job is, 0 to 1."""
        return self._part.get(index, 0.0)

    def step(self, index: int) -> str:
        """What is done to one job; "" when not known."""
        return self._step.get(index, "")

    def speed(self, index: int | None = None) -> float | None:
        """Times faster than it plays: of one job, or of all that run together; None where no job tells."""
        if index is not None:
            return self._speed.get(index)
        return sum(self._speed.values()) if self._speed else None

    def remaining(self) -> float | None:
        """Seconds; None before anything was measured."""
        done = self.done
        return (time.monotonic() - self._started) * (self.total - done) / done if done else None


def clock(seconds: float | None) -> str:
    """As 1:02:03, or 2:03, or -:-- when not known."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def times(speed: float | None) -> str:
    """As 3.2x, with a space before it; nothing when not known."""
    return "" if speed is None else f" {speed:.1f}x" if speed < 100 else f" {speed:.0f}x"


@contextmanager
def progress(
    names: Sequence[str],
    numbers: Sequence[int],
    sizes: Sequence[int],
    busy: Busy,
    *,
    verb: str,
    lang: str,
    events: bool,
    silent: bool,
    noisy: bool,
) -> Iterator[Callable[[News], None]]:
    """A function that takes every piece of news, and tells it on standard error; in CI a terminal is a log.

    With `events` every step and every share done is a JSON event of its own on standard output; with `silent` there
    is nothing; with `noisy` also what libraries printed.
    """
    measure = BatchProgress(sizes)
    brief = [os.path.basename(name) for name in names]  # noqa: PTH119  10,000 of them
    with ExitStack() as stack:
        show: Callable[[News], None]
        if events:
            show = partial(_event, measure, names, numbers, set())
        elif silent:
            show = measure.see
        elif sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
            show = stack.enter_context(_bars(verb, brief, measure, busy, lang))
        else:
            show = _lines(verb, measure, lang)

        def tell(news: News) -> None:
            show(news)
            if noisy and news.said:
                _say(brief[news.index], news.said)

        yield tell


def _say(name: str, said: str) -> None:
    """What a library printed about a file, without whatever could move the cursor of a terminal."""
    from pipeline.report.console import clean, console

    for line in said.splitlines():
        console(error=True).print(f"{clean(name)}: {clean(line)}", soft_wrap=True)


def _event(measure: BatchProgress, names: Sequence[str], numbers: Sequence[int], begun: set[int], event: News) -> None:
    index, told = numbers[event.index], list[StartedEvent | StepEvent | ProgressEvent]()
    if event.index not in begun:
        begun.add(event.index)
        source = shown(names[event.index])
        told.append(StartedEvent(index=index, source=source, id=id_of(source)))
    measure.see(event)
    if event.fraction is not None:
        speed = None if event.speed is None else round(event.speed, 2)
        told.append(ProgressEvent(index=index, fraction=round(measure.part(event.index), 3), speed=speed))
    elif not event.ended:
        told.append(StepEvent(index=index, step=event.step or ""))
    sys.stdout.write("".join(encode(one).decode() + "\n" for one in told))
    sys.stdout.flush()


def _lines(verb: str, measure: BatchProgress, lang: str) -> Callable[[News], None]:
    due = time.monotonic() + _FIRST

    def tell(event: News) -> None:
        nonlocal due
        measure.see(event)
        if time.monotonic() >= due:
            due = time.monotonic() + _BETWEEN
            part = measure.done / measure.total
            left, speed = clock(measure.remaining()), times(measure.speed())
            told = Text(
                f"{measure.ended} of {len(measure)} done, {part:.0%}, {left} left{speed}",
                f"已完成 {measure.ended}/{len(measure)}，{part:.0%}，剩余 {left}{speed}",
            )
            sys.stderr.write(f"{verb}: {told.of(lang)}\n")
            sys.stderr.flush()

    return tell


@contextmanager
def _bars(
    verb: str, names: Sequence[str], measure: BatchProgress, busy: Busy, lang: str
) -> Iterator[Callable[[News], None]]:
    from rich.progress import BarColumn, Progress, TextColumn

    from pipeline.report import console

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console.console(error=True), transient=True) as bars:
        whole = bars.add_task(verb, total=measure.total, said="")
        workers: dict[int, Any] = {}
        due = 0.0

        def tell(event: News) -> None:
            nonlocal due
            measure.see(event)
            if time.monotonic() < due:
                return
            due = time.monotonic() + _OFTEN
            said = f"{measure.ended}/{len(measure)}  {clock(measure.remaining())}{times(measure.speed())}"
            bars.update(whole, completed=measure.done, said=said)
            at = dict(busy())
            for place in at.keys() - workers.keys():
                workers[place] = bars.add_task("", total=1.0, said="")
            for place, task in workers.items():
                index = at.get(place)
                name = "" if index is None else console.clean(names[index])
                part = 0.0 if index is None else measure.part(index)
                said = f"{name}{'' if index is None else times(measure.speed(index))}"
                step = "" if index is None else measure.step(index)
                number = f"  {place + 1} {_STEPS[step].of(lang) if step in _STEPS else step}"
                bars.update(task, visible=index is not None, completed=part, description=number, said=said)

        yield tell
