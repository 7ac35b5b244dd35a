"""Every video sample in every scenario that takes video: prepared means obeying, with nothing left to plan."""

from __future__ import annotations

from pathlib import Path

import pytest

import samples
from pipeline import planning, presets
from pipeline.checking import Job, check
from pipeline.model import Kind, Status
from pipeline.preparing import prepare

SCENARIOS = [
    (name, role.name) for name in presets.names() for role in presets.load(name).roles if Kind.VIDEO in role.kinds
]
# Long enough for training; made by `python -m samples`, and too costly to encode for each scenario here.
CLIPS = [name for name, one in samples.SAMPLES.items() if one.kind == "video" and name.startswith("video/")]
SHORT = [name for name in CLIPS if not samples.SAMPLES[name].slow]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the samples are made."""
    return tmp_path_factory.mktemp("clips")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_what_was_prepared_obeys_and_nothing_is_left_to_do(name: str, folder: Path, tmp_path: Path) -> None:
    source = samples.build([name], folder)[name]
    for number, (preset, role) in enumerate(SCENARIOS):
        out = tmp_path / str(number)
        job = Job(path=str(source), stem="clip", preset=preset, role=role, out=str(out))
        outcome = prepare(job, lambda _: None)
        said = f"{preset}#{role}: {outcome.error or ''}"
        assert outcome.status in {Status.READY, Status.FIXED, Status.BLOCKED}, said
        if outcome.status is Status.BLOCKED:
            assert outcome.blocked, said
            assert not outcome.outputs, said
            continue
        assert all(proof.passed for proof in outcome.proof), said
        for output in outcome.outputs:
            again = check(Job(path=str(out / output.path), stem="clip", preset=preset, role=role))
            assert again.status is Status.PASS, said
            assert planning.plan(again.findings).fixes == (), said
