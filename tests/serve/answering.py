"""A server behind a real socket of this machine, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from pipeline.cli.serve import _listen
from pipeline.serve import server


@contextmanager
def answering(made: Callable[[int], ASGIApp]) -> Iterator[int]:
    """The port at which what `made` makes for it answers."""
    listening = _listen("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    running = uvicorn.Server(server.config(made(port)))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        running.should_exit = True
        thread.join(10)
        listening.close()


def asking(port: int, host: str) -> httpx.Client:
    """Who asks it by this name."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, headers={"host": host})
