"""One way to try an attack: a process of its own, with an end, on a folder whose surroundings are compared."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.watching import SECRET, canaries, differences, snapshot

TOP = Path(__file__).parent.parent.parent
WALL = 300.0  # seconds after which a verb is killed and the attack has succeeded
NOBODY = 65534
_LIBRARIES = sysconfig.get_path("purelib")
CONTRACT = frozenset({0, 1, 2, 3, 4, 5, 6})


@dataclass(frozen=True)
class Stage:
    """Folders of one attack: what is tried, what a verb may write, and what lies around."""

    top: Path
    user: int | None  # who runs the verbs; None: whoever runs the tests

    @property
    def ground(self) -> Path:
        return self.top / "ground"

    @property
    def out(self) -> Path:
        return self.top / "out"

    def give(self) -> None:
        """Everything but the canaries to the user who runs the verbs."""
        if self.user is not None:
            for folder, _, names in os.walk(os.fsencode(self.top)):
                if b"/canary" not in folder:
                    for path in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118  bytes
                        os.chown(path, self.user, self.user, follow_symlinks=False)

    def run(self, *words: str, before: Callable[[], None] | None = None) -> Tried:
        """A verb in a process of its own, killed when it finds no end; `before` is called in it first."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.top / "home"),
            "TMPDIR": str(self.top / "tmp"),
            "PREFLIGHT_CACHE": str(self.top / "home" / "cache"),
            "PYTHONPATH": os.pathsep.join((str(TOP), _LIBRARIES)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }
        who: dict[str, Any] = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        seen = snapshot(self.top, self.out, self.top / "home", self.top / "tmp")
        try:
            done = subprocess.run(
                [_python(self.user), "-m", "pipeline", *words],
                cwd=self.top,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=WALL,
                check=False,
                preexec_fn=before,
                **who,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"`{' '.join(words)}` has no end")
        after = snapshot(self.top, self.out, self.top / "home", self.top / "tmp")
        return Tried(words, done.returncode, done.stdout, done.stderr, differences(seen, after))


@dataclass(frozen=True)
class Tried:
    """How a verb ended, and what it changed outside of the folders that are its own."""

    words: Sequence[str]
    code: int
    out: bytes
    said: bytes
    changed: list[str]

    def held(self, codes: frozenset[int], *, steady: bool = True) -> dict[str, Any]:
        """That the promises hold which are made whatever was given; the document that was printed."""
        told = f"`{' '.join(self.words)}` ended with {self.code}: {self.said[-2000:].decode('utf-8', 'replace')}"
        assert self.code in CONTRACT, told
        assert self.code in codes, told
        for printed in (self.out, self.said):
            assert b"Traceback" not in printed, told
            assert SECRET[:40] not in printed, "another person's file was printed"
        assert not steady or self.changed == [], self.changed
        document = json.loads(self.out.decode("utf-8"))  # one, whatever happened
        assert isinstance(document, dict)
        return document


def statuses(document: dict[str, Any]) -> list[str]:
    """What became of each asset."""
    return [asset["status"] for asset in document.get("assets", ())]


@contextlib.contextmanager
def stage(top: Path, *, drop: bool) -> Iterator[Stage]:
    """A stage whose verbs run as who runs the tests, or as an ordinary user. Skips where that cannot be."""
    if drop and os.geteuid() != 0:
        pytest.skip("who runs the tests is an ordinary user already")
    if drop:  # folders of pytest are private to who runs it, and made so again by each run beside this one
        _python(NOBODY)
        top = Path(tempfile.mkdtemp(prefix="preflight-attack-"))
        top.chmod(0o711)
    made = Stage(top, NOBODY if drop else None)
    for folder in ("ground", "out", "home", "tmp"):
        (top / folder).mkdir()
    canaries(top / "canary")
    yield made
    for folder, _, _ in os.walk(top):  # so that the folder can be removed
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101
    shutil.rmtree(made.ground, ignore_errors=True)  # a tebibyte is not kept for the next three runs
    if drop:
        shutil.rmtree(top, ignore_errors=True)


@functools.cache
def _python(user: int | None) -> str:
    """A Python of this version that the user can run: ours may lie in root's home. Skips where there is none."""
    if user is None:
        return sys.executable
    number = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{number}", f"/usr/local/bin/{number}"):
        with contextlib.suppress(OSError):  # not there, or not for this user: the next
            can = [python, "-c", "import msgspec, av, PIL"]
            path = {"PYTHONPATH": _LIBRARIES, "PYTHONDONTWRITEBYTECODE": "1"}
            who = {"user": user, "group": user, "extra_groups": []}
            if not subprocess.run(can, env=path, check=False, capture_output=True, **who).returncode:  # type: ignore[call-overload]
                return python
    pytest.skip(f"an ordinary user can run no {number} here")
