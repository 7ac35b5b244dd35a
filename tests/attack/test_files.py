"""Hostile files through check and prepare: as whoever runs the tests, and as an ordinary user."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.storage.digest import content_md5
from tests.attack import contents, media, names
from tests.attack.table import JUDGED, Attack, Ground, sample, wav
from tests.attack.trying import Stage, stage, statuses
from tests.tools.test_hostile import Canary, canary  # noqa: F401  a fixture

ATTACKS = (*names.ATTACKS, *contents.ATTACKS, *media.ATTACKS)
GOOD = frozenset({"pass", "fixable", "ready", "fixed"})
USERS = pytest.mark.parametrize("drop", [False, True], ids=["as I am", "as nobody"])


@pytest.fixture
def held(tmp_path: Path, drop: bool) -> Iterator[Stage]:
    with stage(tmp_path, drop=drop) as made:
        yield made


def _tried(held: Stage, attack: Attack, given: str, verb: str) -> None:
    regular = attack.steady and attack.named and os.path.isfile(given) and os.path.getsize(given) < 1 << 30  # noqa: PTH113, PTH202
    before = content_md5(Path(given)) if regular and os.access(given, os.R_OK) else ""
    held.give()
    words = [verb, "-p", attack.preset, "--json", "-j", "1"]
    words += ["-o", str(held.out)] if verb == "prepare" else []
    told = held.run(*words, "--", given).held(attack.codes)
    assert attack.complies or not GOOD & set(statuses(told)), statuses(told)
    assert not before or content_md5(Path(given)) == before, "the source was changed"


@pytest.mark.alone
@USERS
@pytest.mark.parametrize("verb", ["check", "prepare"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.promise}: {attack.name}")
def test_it_comes_to_nothing(attack: Attack, verb: str, held: Stage, canary: Canary) -> None:  # noqa: F811
    given = attack.make(Ground(held.ground, f"http://{canary.at}", held.top / "canary" / "victim.bin"))
    _tried(held, attack, given, verb)
    assert canary.calls == []


@pytest.mark.parametrize(
    ("verb", "drop"),
    [
        pytest.param("check", True, id="check as nobody"),
        pytest.param("prepare", False, id="prepare as I am"),
        pytest.param("check", False, id="check as I am", marks=pytest.mark.alone),
        pytest.param("prepare", True, id="prepare as nobody", marks=pytest.mark.alone),
    ],
)
def test_all_of_them_at_once_cost_themselves_alone(verb: str, held: Stage, canary: Canary) -> None:  # noqa: F811
    """What one run can name together, with a good picture and a good recording in the middle."""
    url, victim = f"http://{canary.at}", held.top / "canary" / "victim.bin"
    listed, wrong = [], []
    for number, attack in enumerate(
        attack for attack in ATTACKS if attack.named and attack.quick and verb in _verbs(attack)
    ):
        place = held.ground / f"{number:03d}"
        place.mkdir()
        given = attack.make(Ground(place, url, victim))
        listed.append(given)
        wrong += [] if attack.complies else [len(listed) - 1]
        if number == 40:
            (place / "innocent.jpg").write_bytes(sample("images/good.jpeg"))
            (place / "innocent.wav").write_bytes(sample("audio/mono.wav"))
            listed += [str(place / "innocent.jpg"), str(place / "innocent.wav")]
    (held.ground / "list").write_bytes(b"".join(os.fsencode(one) + b"\0" for one in listed))
    held.give()
    words = [
        verb,
        "-0",
        "--from-file",
        str(held.ground / "list"),
        "-p",
        "metastudio/asset-library",
        "--json",
        "-j",
        "2",
    ]
    words += ["-o", str(held.out)] if verb == "prepare" else []
    told = held.run(*words).held(JUDGED)
    found = statuses(told)
    assert len(found) == len(listed)
    assert [listed[at] for at in wrong if found[at] in GOOD] == []
    assert all(status in GOOD for name, status in zip(listed, found, strict=True) if "innocent" in name)
    assert canary.calls == []


def _verbs(attack: Attack) -> tuple[str, ...]:
    """The verbs that a run of all of them tries an attack with: names and claims, where converting adds nothing."""
    return ("check", "prepare") if attack.promise in (names.NAMES, names.THINGS) else ("check",)


# --- files that change ----------------------------------------------------------------------------------


def _grows(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(1 << 16))


def _shrinks(path: Path) -> None:
    os.truncate(path, max(100, path.stat().st_size * 3 // 4))


def _flips(path: Path) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _replaced(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(sample("images/good.jpeg"))
    other.replace(path)


def _vanishes(path: Path) -> None:
    data = path.read_bytes() if path.exists() else sample("images/good.jpeg")
    path.unlink(missing_ok=True)
    time.sleep(0.002)
    path.write_bytes(data)


def _becomes_a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    time.sleep(0.002)
    path.unlink(missing_ok=True)
    path.write_bytes(sample("images/good.jpeg"))


def _becomes_a_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent.parent / "canary" / "victim.bin")
    time.sleep(0.002)
    path.unlink(missing_ok=True)
    path.write_bytes(sample("images/good.jpeg"))


CHANGES = (_grows, _shrinks, _flips, _replaced, _vanishes, _becomes_a_pipe, _becomes_a_link)


@pytest.mark.alone
@USERS
@pytest.mark.parametrize("verb", ["check", "prepare"])
@pytest.mark.parametrize("name", ["a.jpg", "a.wav"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{names.MOVING}: it {change.__name__.strip('_')}")
def test_a_file_that_changes_meanwhile(change: Callable[[Path], None], name: str, verb: str, held: Stage) -> None:
    path = held.ground / name
    path.write_bytes(sample("images/good.jpeg") if name == "a.jpg" else wav(data=bytes(1 << 20)))
    held.give()
    stop = threading.Event()

    def keep_on() -> None:
        while not stop.wait(0.005):
            change(path)

    thread = threading.Thread(target=keep_on)
    thread.start()
    words = [verb, "-p", "metastudio/asset-library", "--json", "-j", "1"]
    words += ["-o", str(held.out)] if verb == "prepare" else []
    try:
        tried = held.run(*words, str(path))
    finally:
        stop.set()
        thread.join()
    tried.held(frozenset({0, 1, 2, 4}), steady=False)
    assert [what for what in tried.changed if "/ground" not in what] == []
    for output in held.out.rglob("*"):
        if output.is_file() and not output.name.startswith((".", "manifest", "quarantine")):
            assert b"another person" not in output.read_bytes(), "another person's file was prepared"
