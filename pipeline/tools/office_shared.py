"""One office for many decks: started once in a worker, asked deck by deck, watched, and replaced when in doubt.

A start costs more than ten conversions. Each deck is a request of its own, so the one that kills or stops the
office is known at once and costs only itself. Needs Linux and a LibreOffice that can be loaded as a library,
which every build for it can; elsewhere `office` starts one for every deck.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.errors import PreflightError, TimedOut, ToolFailed
from pipeline.model.ceilings import OFFICE, Ceiling
from pipeline.storage import publish
from pipeline.tools import office_kit, process

# Decks before the office is started anew: what one leaves behind in it does not pile up.
LIFE: Final = 25
# Seconds without a deck before it ends by itself: it holds some 300 MB.
IDLE: Final = 60.0
_DAY: Final = 24 * 3600.0
_SCRIPT: Final = str(Path(office_kit.__file__))
_LIBRARIES: Final = ("libmergedlo.so", "libsofficeapp.so")
_QUIET: Final = ("javaldx",)


@cache
def library(program: str) -> Path | None:
    """The library of the office that `program` starts, or None where there is none to load."""
    if not sys.platform.startswith("linux"):
        return None
    folder = Path(program).resolve().parent
    return next((folder / name for name in _LIBRARIES if (folder / name).is_file()), None)


def _ceiling() -> Ceiling:
    # Silence is what ends it: the office says every second that it waits, and nothing while it works.
    return replace(OFFICE, wall=_DAY, cpu=OFFICE.cpu * (LIFE + 1), quiet=OFFICE.wall)


class _Answer(Struct, frozen=True):
    """What the office says of one deck."""

    id: int
    said: str  # why there is no PDF; empty when there is one


class _Gone(Struct, frozen=True):
    """The office ended, for this reason or by itself."""

    code: int | None
    error: BaseException | None
    said: str = ""


class Wanted(Struct, frozen=True):
    """A deck to convert, and how."""

    path: Path
    format: str
    name: str  # what people call it
    export: str  # options of the PDF filter, JSON
    settings: str  # the office's registry


class Unusable(ToolFailed):
    """LibreOffice is there but does not run as a library."""


class Office:
    """One running office in a private folder below `out`. Not for several threads at a time."""

    def __init__(self, program: str, kit: Path, out: Path, settings: str) -> None:
        self.out, self.served, self.ready = out, 0, False
        self.folder = publish.private(out, "office-")
        profile = self.folder / "profile" / "user"
        profile.mkdir(parents=True)
        (profile / "registrymodifications.xcu").write_text(settings, encoding="utf-8")
        # Wherever it is installed: what is linked into its folder a program may read.
        (self.folder / "installed").symlink_to(kit.parent.parent)
        os.mkfifo(self.folder / "requests", 0o600)
        # For reading too, so that opening does not wait for the other side.
        self._requests = os.open(self.folder / "requests", os.O_RDWR)
        self._answers: queue.SimpleQueue[_Answer | _Gone] = queue.SimpleQueue()
        self._command = (sys.executable, "-I", "-S", _SCRIPT, str(kit.parent), str(kit), str(IDLE))
        self._thread = threading.Thread(target=self._run, daemon=True, name="office")
        self._thread.start()

    def _run(self) -> None:
        """The office's whole life, in a thread: the program may live no longer than who started it."""
        code, error, said = None, None, ""
        try:
            ended = process.run(
                self._command,
                cwd=self.folder,
                ceiling=_ceiling(),
                on_line=self._hear,
                env={"SAL_USE_VCLPLUGIN": "svp"},  # draws without a screen
            )
            code, said = ended.code, ended.last_words()
        except BaseException as wrong:  # noqa: BLE001  handed to the thread that asks
            error = wrong
        self._answers.put(_Gone(code, error, said))

    def _hear(self, line: str) -> None:
        with contextlib.suppress(ValueError):  # not one of ours: a library printed
            told = json.loads(line)
            if isinstance(told, dict):
                self.ready = self.ready or "ready" in told
                if "id" in told:
                    self._answers.put(_Answer(told["id"], str(told.get("said") or "")))

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._thread.is_alive() and self._answers.empty()

    def convert(self, deck: Wanted) -> Path:
        """The PDF of `deck`, in the office's folder until the next one.

        Raises TimedOut when it took too long, ToolFailed when the office refused it or died of it, Unusable when it
        died before it was ready for any.
        """
        self.served += 1
        source, target = f"in{self.served}.{deck.format}", f"out{self.served}.pdf"
        shutil.copyfile(deck.path, self.folder / source)
        asked = {"id": self.served, "source": source, "target": target, "export": deck.export}
        os.write(self._requests, json.dumps(asked).encode() + b"\n")
        while True:
            told = self._answers.get()
            if isinstance(told, _Gone):
                raise self._why(told, deck.name)
            if told.id == self.served:
                break
        (self.folder / source).unlink(missing_ok=True)
        if told.said:
            raise _refused(deck.name, told.said)
        return self.folder / target

    def _why(self, gone: _Gone, name: str) -> PreflightError:
        if isinstance(gone.error, TimedOut):
            return TimedOut(
                f"{name}: LibreOffice was stopped after {OFFICE.wall:.0f} s, the time limit for one deck. "
                "Simplify the deck or export it to PDF from its own program.",
                f"{name}：LibreOffice 超过单个文稿的时间限制 {OFFICE.wall:.0f} 秒，已终止。"
                "请简化文稿，或从原软件导出 PDF。",
            )
        if isinstance(gone.error, PreflightError):
            return gone.error
        said = gone.said if not any(word in gone.said for word in _QUIET) else ""
        if not self.ready and gone.code is not None and gone.code > 0:  # by itself: it was not killed
            return Unusable(f"LibreOffice does not start as a library: {said}", f"LibreOffice 无法作为库启动：{said}")
        how = str(gone.error) if gone.error else f"code {gone.code}" + (f": {said}" if said else "")
        return ToolFailed(
            f"{name}: LibreOffice made no PDF of it: it crashed ({how}). "
            "Open the deck in its own program and save it again, or export it to PDF there.",
            f"{name}：LibreOffice 转换时崩溃（{how}），未生成 PDF。请在原软件中打开并重新保存，或从中导出 PDF。",
        )

    def close(self) -> None:
        """End it and remove its folder."""
        with contextlib.suppress(OSError):  # closed before
            os.close(self._requests)
        self._thread.join(5.0)
        shutil.rmtree(self.folder, ignore_errors=True)


def _refused(name: str, said: str) -> ToolFailed:
    return ToolFailed(
        f"{name}: LibreOffice made no PDF of it. It said: {said}. "
        "Open the deck in its own program, save it again, or export it to PDF there.",
        f"{name}：LibreOffice 未能生成 PDF。其输出：{said}。请在原软件中打开并重新保存，或直接从中导出 PDF。",
    )


_running: Office | None = None


def close() -> None:
    """End the office of this process, if there is one."""
    global _running
    if _running is not None:
        _running.close()
        _running = None


def _office(program: str, kit: Path, out: Path, settings: str) -> Office:
    """The running office, or a new one: where it ended, served its time or works for another folder."""
    global _running
    if _running is not None and not (_running.alive and _running.out == out and _running.served < LIFE):
        close()
    if _running is None:
        _running = Office(program, kit, out, settings)
        atexit.register(close)
    return _running


def convert(program: str, deck: Wanted, work: Path, proven: Callable[[Path], None]) -> Path:
    """The PDF of `deck` inside `work`, made by the office of this process and looked at by `proven`.

    After any failure the office is ended. A deck that failed in one that had served others is tried once more
    in a new one, for it may have paid for another's doing; one that took too long is not.
    Raises what `Office.convert` and `proven` raise.
    """
    kit = library(program)
    if kit is None:
        raise ToolFailed("LibreOffice cannot be loaded here", "此处无法加载 LibreOffice")
    while True:
        office = _office(program, kit, work.parent, deck.settings)
        fresh = office.served == 0
        try:
            made = office.convert(deck)
            proven(made)
            return Path(shutil.move(made, work / "out.pdf"))
        except TimedOut:
            close()
            raise
        except (PreflightError, OSError):
            close()
            if fresh:
                raise
