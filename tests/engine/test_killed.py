"""Names, receipts and journal under kills at any moment: nothing is lost, nothing is there twice, nothing stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

KILLS = 10
# One process loads everything and forks runs that do what `prepare` does with an asset, less the media: each takes
# its time from a disk, so that kills fall between all steps. The last run is left to its end.
CODE = r"""
import os, random, signal, sys, time
from pathlib import Path
from pipeline.engine.journal import Journal, Slot, digest
from pipeline.engine.prepare import claimed
from pipeline.engine.record import Record
from pipeline.documents import entry as document
from pipeline.model.facts import Kind
from pipeline.model.results import Category, Outcome, Output, Status
from pipeline.stages.prepare import ours
from pipeline.model.job import Job
from pipeline.storage import publish
from pipeline.storage.digest import content_md5, file_state
from pipeline.engine import journal as module
from tests import factory

top, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(8)
out, sources = top / "out", [top / "in" / f"{n}.mp4" for n in range(12)]
facts = factory.video()

def one(journal, number, source):
    slot, content = Slot(source.stem, "tools"), module.content(source)
    if journal.done(slot, str(source), lambda _: "rules", lambda name: module.size_in(out, name)):
        return
    names = [f"{source.stem}.mp4", f"sub/{source.stem}.png"]
    job = Job(path=str(source), stem=source.stem, preset="", out=str(out), ours=tuple(journal.outputs(slot).items()))
    with publish.workshop(out) as work:
        made = []
        for name in names:
            path = work / Path(name).name
            path.write_bytes(source.read_bytes() + name.encode())
            made.append((path, (name, path.stat().st_size, content_md5(path))))
        publish.publish_all(made, out, work, ours=lambda name: ours(job, name))
    outputs = tuple(Output(path=name, category=Category.MAIN, size=size, md5=md5, content_type="video/mp4", facts=facts)
                    for _, (name, size, md5) in made)
    ready = {"kind": Kind.VIDEO, "role": "video", "status": Status.READY}
    outcome = Outcome(source=str(source), source_md5=None, outputs=outputs, **ready)
    seen = file_state(source), content
    journal.write(slot, str(source), seen, "rules", Record(document.outcome(outcome, "en")))
    publish.settle(out, work.name)
    with (top / "log").open("a") as log:
        log.write(f"{source.stem}\n")

def run():
    with claimed(out) as journal:
        for number, source in enumerate(sources):
            one(journal, number, source)

publish.DYING = 0.0
done = 0
while True:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    if done < kills:
        time.sleep(rng.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
        done += 1
    elif status:
        sys.exit("a run failed")
    elif done >= kills:
        break
    else:  # it came to its end before it was killed: from the beginning
        check = sorted(path.name for path in out.rglob("*") if path.is_file() and not path.name.startswith("."))
        assert len(check) == 24, check
        import shutil
        shutil.rmtree(out)
        (top / "log").unlink()
print(done)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks and kills")
def test_kills_between_all_steps_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(12):
        (tmp_path / "in" / f"{number}.mp4").write_bytes(b"source" * (number + 1))
    words = [sys.executable, "-c", CODE, tmp_path, str(KILLS)]
    done = subprocess.run(list(map(str, words)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == KILLS
    out = tmp_path / "out"
    there = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert {name for name in there if name.startswith(".")} <= {".preflight-journal.sqlite", ".preflight-journal.lock"}
    wanted = {}
    for number in range(12):
        for name in (f"{number}.mp4", f"sub/{number}.png"):
            wanted[name] = b"source" * (number + 1) + name.encode()
    assert {name: data for name, data in there.items() if not name.startswith(".")} == wanted
    assert not [path for path in out.iterdir() if path.name.startswith(".preflight-work")]
    log = (tmp_path / "log").read_text().split()
    assert len(log) == len(set(log)), "what the journal knew was not made again"
