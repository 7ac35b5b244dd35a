"""What is installed is what was chosen: by version and hash, and what is not known of it is told."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CI = Path(__file__).parent.parent / ".ci"
# A requirement with all that belongs to it: lines that end with a backslash go on.
_ENTRY = re.compile(r"^([\w.\-]+(?:\[[\w,]+\])?)(\S*)(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def entries(name: str) -> dict[str, list[str]]:
    """Package -> everything that the lock says of it, once for each marker."""
    text = re.sub(r"^#.*\n", "", (CI / name).read_text("utf-8"), flags=re.MULTILINE)
    found: dict[str, list[str]] = {}
    for entry in _ENTRY.finditer(text):
        found.setdefault(entry[1], []).append(entry[0])
    return found


@pytest.mark.parametrize("lock", ["lock.txt", "tools.lock"])
def test_every_package_is_pinned_and_has_hashes(lock: str) -> None:
    found = entries(lock)
    assert len(found) > 20
    for package, told in found.items():
        for entry in told:
            assert re.match(r"[\w.\-\[\],]+==[\w.]+( ; [^\\\n]+)? \\\n", entry), package
            hashes = re.findall(r"--hash=(\w+):([0-9a-f]+)", entry)
            assert hashes, f"{package} has no hash"
            assert {(kind, len(digest)) for kind, digest in hashes} == {("sha256", 64)}, package


def test_packages_wanted_for_their_data_are_in_the_lock_at_their_version() -> None:
    found = entries("lock.txt")
    wanted = [line for line in (CI / "data.txt").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert wanted
    for line in wanted:
        package, _, version = line.partition("==")
        (entry,) = found[package]
        assert entry.startswith(f"{package}=={version} \\\n"), line


def test_the_ffmpeg_program_is_one_build_everywhere() -> None:
    (entry,) = entries("lock.txt")["imageio-ffmpeg"]
    assert " ; " not in entry.partition("\\")[0], "no other version for another Python or machine"


def test_setup_takes_nothing_but_what_the_lock_names() -> None:
    makefile = (CI.parent / "Makefile").read_text("utf-8")
    (setup,) = [line for line in makefile.splitlines() if "-r .ci/lock.txt" in line]
    assert "--require-hashes" in setup
    assert "--no-deps" in setup
    (tools,) = [line for line in makefile.splitlines() if "-r .ci/tools.lock" in line]
    assert "--require-hashes" in tools


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", CI / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FINE = {"name": "a", "version": "1", "vulns": []}
WEAK = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-2020-1", "fix_versions": ["2.1", "3"]}]}
HOPELESS = {"name": "c", "version": "3", "vulns": [{"id": "GHSA-x", "fix_versions": []}]}
UNSEEN = {"name": "d", "skip_reason": "Dependency not found on PyPI and could not be audited: d (4)"}


@pytest.mark.parametrize(
    ("audited", "code", "words"),
    [
        ([FINE], 0, ["1 packages looked up: no known weakness"]),
        ([FINE, WEAK], 1, ["b 2: PYSEC-2020-1, mended in 2.1, 3"]),
        ([HOPELESS], 1, ["c 3: GHSA-x, mended in none yet"]),
        ([FINE, UNSEEN], 3, ["1 of 2 packages could be looked up", "Nothing is known of the others"]),
        ([WEAK, UNSEEN], 1, ["b 2: PYSEC-2020-1", "1 of 2 packages could be looked up"]),
        ([], 3, ["0 of 0 packages could be looked up"]),
    ],
)
def test_an_audit_that_saw_nothing_is_no_success(
    audit: ModuleType, audited: list[dict[str, Any]], code: int, words: list[str]
) -> None:
    found, lines = audit.told(audited)
    assert found == code
    assert all(word in "\n".join(lines) for word in words)


def test_a_service_that_is_not_reached_is_told(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pip-audit ends where it reaches nobody: no document, words on standard error, exit code 1."""
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho 'ERROR: Max retries exceeded' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.argv", ["audit.py", str(program)])
    assert audit.main() == 3
    assert "not reached" in capsys.readouterr().out
