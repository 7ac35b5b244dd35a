"""A team's server with twenty people at once, killed twice meanwhile; and one large upload whose line is cut ten times.

Every person makes batches of recordings that nobody else has, in a loop: opened, sent in pieces, prepared, watched,
fetched, closed. Each also asks for batches of the others. What comes back is held against what was sent. Some people do
the same in Chromium on the page.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import secrets
import tempfile
import threading
import time
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from selenium.common.exceptions import WebDriverException

from benchmarks._run import table
from media_preflight.client import Declined, Served
from pipeline.serve.people import add
from tests.browser import browser, select
from tests.serve.test_client import CutLine, ended, started

PRESET = "convert/mono-wav"
RATE = 48000


def recording(path: Path, seed: int) -> bytes:
    """Half a second in stereo, its two channels alike: the samples of one of them."""
    mono = random.Random(seed).randbytes(RATE)  # noqa: S311  16 bits each, so half as many samples
    stereo = b"".join(mono[at : at + 2] * 2 for at in range(0, len(mono), 2))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(stereo)
    return mono


class Tally:
    """What all people saw together."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.ids: set[str] = set()
        self.done: dict[str, int] = {}
        self.lost: list[str] = []
        self.again: list[str] = []  # in browsers
        self.files = self.crossed = self.asked = 0
        self.waits: list[float] = []


def person(name: str, token: str, address: str, folder: Path, until: float, tally: Tally) -> None:
    """Batch after batch, the last one to its end."""
    folder.mkdir()
    with Served(address, token, patience=300) as server:
        while time.monotonic() < until:
            try:
                _batch(name, server, folder, tally)
            except Exception as error:  # noqa: BLE001  what goes wrong is the figure that is wanted
                with tally.guard:
                    tally.lost.append(f"{name}: {type(error).__name__}: {error}")
                return


def browsing(name: str, token: str, address: str, folder: Path, until: float, tally: Tally) -> None:
    """As `person`, by a Chromium on the page; where nothing comes of it for long, or there is no server, once more."""
    folder.mkdir()
    with browser() as driver:
        while time.monotonic() < until or name not in tally.done:
            try:
                driver.get("about:blank")
                driver.get(f"{address}/{token}/")
                _by_hand(name, driver, folder, tally)
            except (WebDriverException, httpx.HTTPError, TimeoutError) as error:
                with tally.guard:
                    tally.again.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
                time.sleep(1)


def _by_hand(name: str, driver: Any, folder: Path, tally: Tally) -> None:
    wanted = {}
    for number in range(3):
        path = folder / f"{name}-{number}-{secrets.token_hex(4)}.wav"
        wanted[path.name] = recording(path, random.SystemRandom().randrange(1 << 60))
    _patiently(lambda: driver.find_element("id", "pick").is_enabled())
    select(driver, "preset", PRESET)
    driver.find_element("id", "pick").send_keys("\n".join(str(folder / one) for one in wanted))
    _patiently(driver.find_element("id", "prepare").is_enabled)
    started = time.monotonic()
    driver.find_element("id", "prepare").click()
    _patiently(lambda: driver.find_element("id", "state").text == "Done.")
    waited = time.monotonic() - started
    links = [one.get_attribute("href") for one in driver.find_elements("css selector", "#downloads a")]
    held = {}
    for link in links:
        answer = httpx.get(link)
        if answer.content[:4] == b"RIFF":
            with wave.open(io.BytesIO(answer.content)) as made:
                held[unquote(link.rpartition("/")[2])] = made.readframes(made.getnframes())
    for one in wanted:
        (folder / one).unlink()
    driver.find_element("id", "again").click()
    with tally.guard:
        tally.waits.append(waited)
        tally.files += len(held)
        tally.done[name] = tally.done.get(name, 0) + 1
        if sorted(held.values()) != sorted(wanted.values()):
            tally.lost.append(f"{name}, in a browser: {len(held)} of {len(wanted)}, or others")


def _patiently(ready: Callable[[], Any]) -> None:
    """Waits as long as a person would. Raises TimeoutError."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with suppress(WebDriverException):  # the page is drawn anew
            if ready():
                return
        time.sleep(0.2)
    raise TimeoutError("nothing happened for two minutes")


def _batch(name: str, server: Served, folder: Path, tally: Tally) -> None:
    batch, wanted = server.open(), {}
    with tally.guard:
        others = random.sample(sorted(tally.ids), min(3, len(tally.ids)))
        tally.ids.add(batch)
    for number in range(3):
        path = folder / f"{name}-{number}-{secrets.token_hex(4)}.wav"
        wanted[path.name] = recording(path, random.SystemRandom().randrange(1 << 60))
        server.send(batch, path)
        path.unlink()
    started = time.monotonic()
    server.run(batch, PRESET)
    state = [*server.events(batch)][-1]
    waited = time.monotonic() - started
    told: Any = server.result(batch, folder / "manifest.json")
    held = {}
    for number, output in enumerate(state.outputs):
        server.fetch(batch, f"outputs/{number}", folder / "output.wav")
        with wave.open(str(folder / "output.wav")) as made:
            held[output.name] = made.readframes(made.getnframes())
    crossed = 0
    for other in others:
        with suppress(Declined):  # as it should be
            server.state(other)
            crossed += 1
    server.close(batch)
    with tally.guard:
        tally.ids.discard(batch)
        tally.waits.append(waited)
        tally.files += len(held)
        tally.asked += len(others)
        tally.crossed += crossed
        tally.done[name] = tally.done.get(name, 0) + 1
        if state.state != "done" or held != wanted or told.summary["fixed"] != len(wanted):
            tally.lost.append(f"{name}: {state.state}, {sorted(held)} of {sorted(wanted)}")


def _memory(process: int) -> float:
    """MB that a process has in memory (Linux)."""
    with suppress(OSError, StopIteration):  # it was just killed
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000
    return 0.0


def crowd(folder: Path, people: int, browsers: int, seconds: float) -> None:
    """So many people, some in browsers, for so long, the server killed after a third and after two thirds of it."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    tokens = {f"person{n}": add(data / "tokens", f"person{n}") for n in range(people)}
    process, port = started(data)
    tally, begun = Tally(), time.monotonic()
    given = [
        threading.Thread(
            target=browsing if number < browsers else person,
            args=(name, token, f"http://127.0.0.1:{port}", folder / name, begun + seconds, tally),
        )
        for number, (name, token) in enumerate(tokens.items())
    ]
    for one in given:
        one.start()
    kills, memory = [begun + seconds / 3, begun + 2 * seconds / 3], [0.0]
    while any(one.is_alive() for one in given):
        memory.append(_memory(process.pid))
        if kills and time.monotonic() > kills[0]:
            kills.pop(0)
            ended(process)
            process, _ = started(data, port)
        time.sleep(0.5)
    taken = time.monotonic() - begun
    ended(process)
    rows = [
        (f"{people} people, {browsers} in browsers, server killed twice", "figure"),
        ("seconds, until the last batch was done", f"{taken:.0f}"),
        ("batches done", f"{sum(tally.done.values())}"),
        ("of one person, fewest and most", f"{min(tally.done.values(), default=0)}, {max(tally.done.values())}"),
        ("files made, each as its source is", f"{tally.files}"),
        ("seconds from run to end, middle and longest", f"{_middle(tally.waits):.1f}, {max(tally.waits):.1f}"),
        ("batches lost, or not as they should be", f"{len(tally.lost)}"),
        ("in browsers, begun once more", f"{len(tally.again)}"),
        ("batches of others asked for, and seen", f"{tally.asked}, {tally.crossed}"),
        ("memory of the server, MB, middle and most", f"{_middle(memory):.0f}, {max(memory):.0f}"),
    ]
    table(rows)
    for line in (*tally.lost[:5], *tally.again[:5]):
        print(line)


def _middle(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def large(folder: Path, size: int) -> None:
    """One file whose line is cut ten times, each time somewhere else, against the MD5 of its source."""
    data = folder / "data-large"
    data.mkdir(mode=0o700)
    source, block = folder / "large.bin", random.Random(7).randbytes(8 << 20)  # noqa: S311
    wanted = hashlib.md5(usedforsecurity=False)
    with source.open("wb") as out:
        for number in range(-(-size // len(block))):
            piece = (number.to_bytes(8, "big") + block[8:])[: size - number * len(block)]
            wanted.update(piece)
            out.write(piece)
    token, line = add(data / "tokens", "anna"), CutLine(40 << 20, 10)
    process, line.port = started(data, 0, "--name", f"127.0.0.1:{line.here}")
    begun = time.monotonic()
    try:
        with Served(f"http://127.0.0.1:{line.here}", token) as server:
            server.send(server.open(), source)
        taken = time.monotonic() - begun
        (there,) = (data / "batches").glob("*/in/*/large.bin")
        found = hashlib.md5(usedforsecurity=False)
        with there.open("rb") as held:
            while piece := held.read(8 << 20):
                found.update(piece)
    finally:
        ended(process)
        line.close()
    same = found.digest() == wanted.digest()
    print(f"\n{size} bytes, cut {10 - line.cuts} times: MD5 equal: {same}; {taken:.0f} s\n")


def main() -> None:
    """Print the figures. BENCH_PEOPLE, BENCH_BROWSERS, BENCH_SECONDS and BENCH_BYTES make it smaller."""
    with tempfile.TemporaryDirectory(prefix="bench-team-") as scratch:
        people, browsers = int(os.environ.get("BENCH_PEOPLE", "20")), int(os.environ.get("BENCH_BROWSERS", "3"))
        crowd(Path(scratch), people, browsers, float(os.environ.get("BENCH_SECONDS", "300")))
        large(Path(scratch), int(os.environ.get("BENCH_BYTES", str(6 << 30))))
