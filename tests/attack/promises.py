"""Where attacks stand that are not of this package, and the promise that each file tries; told in one table."""

from __future__ import annotations

from typing import Final

# Path of a test file -> the promise. A file that is not there is passed over: it comes with what it tries.
ELSEWHERE: Final = {
    "tests/tools/test_hostile.py": "a file that points elsewhere reaches nobody",
    "tests/tools/test_hostile_decks.py": "a deck that points elsewhere reaches nobody",
    "tests/tools/test_process.py": "a program sees its folder and ends with us",
    "tests/tools/test_isolation.py": "a program sees its folder and ends with us",
    "tests/engine/test_isolation.py": "a worker writes its folder alone",
    "tests/engine/test_crash.py": "a kill loses nothing and doubles nothing",
    "tests/upload/test_killed.py": "a kill loses nothing and doubles nothing",
    "tests/storage/test_state.py": "state is our own, and nobody else's is acted on",
    "tests/tools/test_bombs.py": "little input costs little",
    "tests/probe/test_bombs.py": "little input costs little",
    "tests/probe/test_damage.py": "damage is told",
    "tests/probe/test_parsers.py": "damage is told",
    "tests/cli/test_faults.py": "a fault is told in our words",
    "tests/documents/test_hostile.py": "a document is read like a file from a stranger",
    "tests/documents/test_edited.py": "a document is read like a file from a stranger",
    "tests/upload/test_hostile_servers.py": "a server's answer is bounded and typed",
    "tests/upload/test_store_bounds.py": "a server's answer is bounded and typed",
    "tests/storage/test_pace.py": "a server's answer is bounded and typed",
    "tests/upload/test_secrets.py": "a secret stays where it is used",
    "tests/serve/test_serve.py": "the page answers its own visitor and nobody else",
    "tests/probe/test_archive.py": "an archive is read in place and within bounds",
    "tests/test_fuzz.py": "no damaged file or document surprises anything",
}
