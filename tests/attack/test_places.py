"""Folders that somebody else has been in before: links, pipes and folders where a verb writes or keeps its state."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attack.table import sample
from tests.attack.trying import Stage, stage

LAID = "what lies where we write is not written through"
LITTLE = "a machine that has run out is told, not suffered"
ANY = frozenset({0, 1, 2, 3, 4})
USERS = pytest.mark.parametrize("drop", [False, True], ids=["as I am", "as nobody"])


@pytest.fixture
def held(tmp_path: Path, drop: bool) -> Iterator[Stage]:
    with stage(tmp_path, drop=drop) as made:
        (made.ground / "good.jpg").write_bytes(sample("images/good.jpeg"))
        (made.ground / "still.webp").write_bytes(sample("images/still.webp"))
        yield made


# What is laid, by the place below the stage: to where it links, or what it is.
PLACES = {
    "an output": "out/good.jpg",
    "an output that is made anew": "out/still.png",
    "the manifest": "out/manifest.json",
    "the list of what is left": "out/quarantine.list",
    "the journal": "out/.preflight-journal.sqlite",
    "the journal's log": "out/.preflight-journal.sqlite-wal",
    "the lock": "out/.preflight-journal.lock",
    "a working folder": "out/.preflight-work-1-x",
    "a working folder of a dead process": "out/.preflight-work-999999999-x",
    "a working folder in the shared one": "tmp/.preflight-work-999999999-x",
    "what is kept between runs": "home/cache",
}
THINGS: dict[str, Callable[[Path, Path], None]] = {
    "a link to another's file": lambda place, canary: place.symlink_to(canary / "victim.bin"),
    "a link to another's folder": lambda place, canary: place.symlink_to(canary),
    "a link to nowhere": lambda place, canary: place.symlink_to(canary / "made-by-us"),
    "a link to itself": lambda place, _: place.symlink_to(place),
    "a pipe": lambda place, _: os.mkfifo(place),
    "a folder": lambda place, _: (place / "x").mkdir(parents=True),
}


@pytest.mark.alone
@USERS
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: f"{LAID}: {thing}")
@pytest.mark.parametrize("place", PLACES)
def test_what_was_laid_there(place: str, thing: str, held: Stage) -> None:
    at = held.top / PLACES[place]
    THINGS[thing](at, held.top / "canary")
    held.give()
    words = ("-p", "metastudio/asset-library", "-j", "1", "--json")
    held.run("prepare", str(held.ground), *words, "-o", str(held.out)).held(ANY)
    again = held.run("prepare", str(held.ground), *words, "-o", str(held.out))
    again.held(ANY)


@pytest.mark.alone
@USERS
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: f"{LAID}: {thing}")
@pytest.mark.parametrize("place", ["report.html", "delivered/good.jpg", "delivered", "out/upload.json"])
def test_what_was_laid_where_a_report_or_a_delivery_goes(place: str, thing: str, held: Stage) -> None:
    held.give()
    words = ("-p", "metastudio/asset-library", "-j", "1", "--json")
    held.run("prepare", str(held.ground), *words, "-o", str(held.out)).held(ANY)
    (held.top / place).parent.mkdir(exist_ok=True)
    THINGS[thing](held.top / place, held.top / "canary")
    held.give()
    manifest = str(held.out / "manifest.json")
    report = held.run("report", manifest, "-o", str(held.top / "report.html"), "--no-pictures", "--json")
    sent = held.run("upload", manifest, "--to", f"file://{held.top / 'delivered'}", "--json")
    for tried in (report, sent):
        tried.held(ANY | {5}, steady=False)
        # A folder that is itself a link was named on the command line; a file in it is not followed.
        outside = [what for what in tried.changed if "/canary" in what]
        assert place == "delivered" or outside == [], outside


# --- too little of everything -----------------------------------------------------------------------------


def _limit(which: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(which, (most, most))


def _closed(number: int) -> Callable[[], None]:
    return lambda: os.close(number)


LIMITS: dict[str, Callable[[], None]] = {
    "files of 64 KiB at most": _limit(resource.RLIMIT_FSIZE, 1 << 16),
    "files of no byte": _limit(resource.RLIMIT_FSIZE, 0),
    "24 open files": _limit(resource.RLIMIT_NOFILE, 24),
    "10 open files": _limit(resource.RLIMIT_NOFILE, 10),
    "5 seconds of processor": _limit(resource.RLIMIT_CPU, 5),
    "no core file": _limit(resource.RLIMIT_CORE, 0),
    "a small stack": _limit(resource.RLIMIT_STACK, 1 << 20),
    "no standard input": _closed(0),
}


@pytest.mark.alone
@USERS
@pytest.mark.parametrize("verb", ["check", "prepare"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{LITTLE}: {limit}")
def test_too_little(limit: str, verb: str, held: Stage) -> None:
    held.give()
    words = [verb, str(held.ground), "-p", "metastudio/asset-library", "-j", "1", "--json"]
    words += ["-o", str(held.out)] if verb == "prepare" else []
    tried = held.run(*words, before=LIMITS[limit])
    if tried.code >= 0:  # else the kernel ended it, as it was told to
        tried.held(ANY)
