"""Every video sample in every scenario that takes video: prepared means obeying, with nothing left to plan."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import samples
from pipeline.convert.av import mono
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.measured import Person, Span
from pipeline.model.results import Status, Step
from pipeline.probe.person import measure as person
from pipeline.rules import presets
from pipeline.stages.check import check
from pipeline.stages.prepare import converter, converts, prepare, without_names

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


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """These are test pictures, a second long: nobody is in them, and looking for somebody in each takes long."""
    step = Fraction(1, 2)
    seen = Person(step=step, pictures=2, looked=2, seen=0, nobody=(Span(Fraction(0), 2 * step),))
    monkeypatch.setattr(person, "measure", lambda *_: seen)


@pytest.mark.slow
@pytest.mark.every(20)
@pytest.mark.parametrize("name", SHORT)
def test_what_was_prepared_obeys_and_nothing_is_left_to_do(name: str, folder: Path, tmp_path: Path) -> None:
    source = samples.build([name], folder)[name]
    made: dict[tuple[Step, ...], list[Path]] = {}  # by what was done: the same is not encoded twice, only judged again
    for number, (preset, role) in enumerate(SCENARIOS):
        out = tmp_path / str(number)
        job = Job(path=str(source), stem="clip", preset=preset, role=role, out=str(out))
        todo = _steps(job)
        if todo and todo in made:
            for path in made[todo]:
                _obeys(path, preset, role)
            continue
        outcome = prepare(check(job), lambda _: None)
        said = f"{preset}#{role}: {outcome.error or ''}"
        assert outcome.status in {Status.READY, Status.FIXED, Status.BLOCKED}, said
        if outcome.status is Status.BLOCKED:
            assert outcome.blocked, said
            assert not outcome.outputs, said
            continue
        assert all(proof.passed for proof in outcome.proof), said
        made[todo] = [out / output.path for output in outcome.outputs]
        for path in made[todo]:
            _obeys(path, preset, role)


def _steps(job: Job) -> tuple[Step, ...]:
    """What would be run for this job; empty where nothing is."""
    case = check(job)
    if case.role is None or case.facts is None or case.plan.blocked or not converts(case.plan, case.role, case.facts):
        return ()
    edits = without_names(case.plan)
    info = mono.heard(Path(job.path), case.facts, edits, case.role)
    return converter(case.kind).steps(info, edits, case.role)


def _obeys(path: Path, preset: str, role: str) -> None:
    again = check(Job(path=str(path), stem="clip", preset=preset, role=role))
    assert again.status is Status.PASS, f"{preset}#{role}"
    assert again.plan.fixes == (), f"{preset}#{role}"
