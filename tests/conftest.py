"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from samples import build

# One cache for all workers and runs: `samples.build` makes each sample once and renames it in.
CACHE = Path(__file__).parent.parent / "samples" / "out"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """The path of a sample, made when first asked for; skips when the tool it is made with is missing."""

    def get(name: str) -> Path:
        made = build([name], CACHE)
        if name not in made:
            pytest.skip(f"{name} cannot be made here: a tool is missing")
        return made[name]

    return get
