"""How long a far end is waited for, and how much of it is taken, whatever file system it is spoken to through.

Who falls silent and who says a byte a second are ended alike: every call has its time, from the bytes that it moves and
the least speed. Time limits of the libraries below end the first, and only some have any.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from pipeline.errors import AssetError, CeilingExceeded
from pipeline.model.ceilings import ANSWERED, FETCH_WALL, LEAST_SPEED, MAX_FILE
from pipeline.storage import urls

R = TypeVar("R")

_SILENT: Final = 60.0  # seconds that a web server may say nothing
_PLAIN: Final = ("", "identity")


def lasting(size: int) -> float:
    """Seconds that moving so many bytes may take."""
    return min(ANSWERED + size / LEAST_SPEED, FETCH_WALL)


def waited(url: str, seconds: float, call: Callable[[], R]) -> R:
    """What the call gives, and raises. Raises CeilingExceeded when it takes longer than `seconds`.

    It runs in a thread that nobody waits for at the end: few file systems can be told to stop, and a far end that
    says nothing more costs nothing more.
    """
    from concurrent.futures import Future  # brings logging, for which a check of local files has no use

    done: Future[R] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001  handed to who waits
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="far end").start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # it was the call's own
            raise
        raise _slow(url) from None


class Pace:
    """What has come of one file, looked at whenever something comes."""

    def __init__(self, url: str, size: int | None, *, pieces: bool) -> None:
        """`size` is what was told before, in bytes; without `pieces` it comes in large parts at once."""
        self._url, self._size, self._pieces, self._begun = url, size, pieces, time.monotonic()
        if size is not None and size > MAX_FILE:
            raise _much(url)

    def see(self, received: int) -> None:
        """So many bytes have come. Raises CeilingExceeded, and AssetError for more than was told."""
        seconds = time.monotonic() - self._begun
        if received > MAX_FILE:
            raise _much(self._url)
        if self._size is not None and received > self._size:
            raise AssetError(
                f"{urls.shown(self._url)}: more came than the {self._size} bytes that it is said to have: it is packed "
                "on its way, or was changed meanwhile. Fetch it yourself and name the file.",
                f"{urls.shown(self._url)}：收到的数据多于其声明的 {self._size} 字节：传输时被压缩，或期间被修改。"
                "请自行下载后再指定该文件。",
            )
        if seconds > (lasting(received) if self._pieces else FETCH_WALL):
            raise _slow(self._url)

    def callback(self) -> Any:
        """The same as fsspec has it."""
        callbacks: Any = importlib.import_module("fsspec.callbacks")
        see = self.see

        class Seen(callbacks.Callback):  # type: ignore[misc]  # untyped
            """Looks at every piece."""

            def relative_update(self, inc: int = 1) -> None:
                super().relative_update(inc)
                see(self.value)

        return Seen()


async def web(**words: Any) -> Any:
    """aiohttp's session for fsspec: as long as it takes, but no silence, and no answer that is to be unpacked."""
    aiohttp: Any = importlib.import_module("aiohttp")

    async def plain(answer: Any) -> None:
        packed = str(answer.headers.get("Content-Encoding", "")).strip().lower()
        if answer.ok and packed not in _PLAIN:
            raise AssetError(
                f"{urls.shown(str(answer.url))}: the server packs what it sends ({packed[:40]!r}), asked not to. "
                "Fetch it yourself and name the file.",
                f"{urls.shown(str(answer.url))}：服务器压缩了内容（{packed[:40]!r}），尽管已要求不压缩。"
                "请自行下载后再指定该文件。",
            )

    ours = {
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=_SILENT, sock_read=_SILENT),
        "auto_decompress": False,
        "raise_for_status": plain,
    }
    headers = {"Accept-Encoding": "identity", **(words.pop("headers", None) or {})}
    return aiohttp.ClientSession(**{**ours, **words}, headers=headers)


def _slow(url: str) -> CeilingExceeded:
    least = f"{LEAST_SPEED >> 10} KiB/s"
    return CeilingExceeded(
        f"{urls.shown(url)}: slower than {least}, or longer than {FETCH_WALL:.0f} s; try again, or move it another way",
        f"{urls.shown(url)}：慢于 {least} 或超过 {FETCH_WALL:.0f} 秒；请重试，或改用其他方式传输",
    )


def _much(url: str) -> CeilingExceeded:
    return CeilingExceeded(
        f"{urls.shown(url)}: more than {MAX_FILE >> 30} GiB, which one file may have",
        f"{urls.shown(url)}：超过单个文件上限 {MAX_FILE >> 30} GiB",
    )
