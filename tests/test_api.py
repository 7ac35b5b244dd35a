"""`import media_preflight`: what it answers, and that a program that uses it is left as it was.

Programs run in a process of their own, and what they leave behind is counted from here, while they still live.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import hashlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import types
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import media_preflight as mp
from pipeline.cli.main import main
from pipeline.tools import libraries
from tests import ROOT

Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"
EXAMPLES = dict(
    re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.M | re.S)
)

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")


@pytest.fixture
def pictures(tmp_path: Path, sample: Sample) -> list[str]:
    """One that complies and one that can be repaired, in a folder of their own."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("good.jpeg", "scan.tiff"):
        (folder / name).write_bytes(sample(f"images/{name}").read_bytes())
    return sorted(map(str, folder.iterdir()))


# --- names ------------------------------------------------------------------------------------------


def test_names_are_sorted_each_once_and_all_there() -> None:
    assert mp.__all__ == sorted(set(mp.__all__))
    assert all(getattr(mp, name) is not None for name in mp.__all__)
    assert set(mp.__all__) <= set(dir(mp))


def test_what_type_checkers_see_is_what_programs_get() -> None:
    """The imports that only they follow, against what the names turn out to be."""
    tree = ast.parse(Path(mp.__file__).read_text("utf-8"))
    seen = {
        alias.name: getattr(__import__(node.module, fromlist=["_"]), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pipeline.")
        for alias in node.names
    }
    assert seen == {name: getattr(mp, name) for name in mp.__all__}


def test_every_name_says_what_it_is() -> None:
    named = [getattr(mp, name) for name in mp.__all__ if name != "Value"]  # a union, which holds no docstring
    assert [one for one in named if not (one.__doc__ or "").strip()] == []


def test_every_error_can_be_caught_by_name() -> None:
    from pipeline import errors

    raised = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    assert raised <= set(mp.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="chekc"):
        mp.chekc  # noqa: B018


def test_importing_it_loads_nothing() -> None:
    code = "import sys; import media_preflight; print([m for m in sys.modules if m.split('.')[0] == 'pipeline'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["media_preflight", "pipeline"])
def test_types_are_shipped(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


# --- answers ----------------------------------------------------------------------------------------


def test_probe_gives_the_facts(pictures: list[str]) -> None:
    info = mp.probe(pictures[1])
    with Image.open(pictures[1]) as picture:
        assert info.image.size == picture.size
    assert (info.kind, info.size) == (mp.Kind.IMAGE, Path(pictures[1]).stat().st_size)
    assert info.faces is None


def test_probe_measures_what_is_asked_for(sample: Sample) -> None:
    path = sample("audio/mono.wav")
    assert mp.probe(path).speech is None
    assert mp.probe(path, measure=["speech"]).speech is not None


def test_probe_raises_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(mp.AssetError) as raised:
        mp.probe(tmp_path / "broken.png")
    assert raised.value.text.zh
    with pytest.raises(mp.Unreadable):
        mp.probe(tmp_path / "gone.png")
    with pytest.raises(mp.UsageError, match="speech"):
        mp.probe(tmp_path / "broken.png", measure=["speach"])


def test_check_answers_as_the_command_does(pictures: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", *pictures, "-p", PICTURES, "--json"])
    told = json.loads(capsys.readouterr().out)["assets"]
    reports = [mp.check(path, PICTURES) for path in pictures]
    assert [report.status for report in reports] == [one["status"] for one in told] == ["pass", "fixable"]
    for report, one in zip(reports, told, strict=True):
        assert [finding.rule.id for finding in report.findings] == [finding["rule"] for finding in one["findings"]]


def test_check_tells_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    report = mp.check(tmp_path / "gone.mp4", PICTURES)
    assert (report.status, report.error.type) == (mp.Status.ERROR, "Unreadable")


def test_a_wrong_question_is_raised_before_any_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(mp.PresetError, match="Did you mean 'metastudio/asset-library'"):
        mp.check("x", "metastudio/asset-librari")
    with pytest.raises(mp.UsageError, match="portrait"):
        mp.check("x", PICTURES, role="portrait")
    with pytest.raises(mp.UsageError, match=r"media\.duration"):
        mp.plan("x", PICTURES, allow=["media.durations"])
    with pytest.raises(mp.UsageError):
        mp.Batch([tmp_path / "gone"], PICTURES)
    with pytest.raises(mp.UsageError):
        mp.verify(tmp_path / "manifest.json")


def test_plan_tells_what_prepare_would_do(pictures: list[str]) -> None:
    planned = mp.plan(pictures[1], PICTURES)
    assert planned.report.status is mp.Status.FIXABLE
    assert [(fix.check, fix.value) for fix in planned.plan.fixes] == [("image.format", "png")]
    assert "png" in planned.steps[0].does.en
    assert mp.plan(pictures[0], PICTURES).plan.empty
    assert mp.plan(pictures[1], PICTURES, at_least=mp.Safety.LOSSLESS).report.status is mp.Status.BLOCKED


def test_prepare_publishes_and_verify_sees_every_change(pictures: list[str], tmp_path: Path) -> None:
    out, news = tmp_path / "out", list[str | None]()
    before = Path(pictures[1]).read_bytes()
    outcome = mp.prepare(pictures[1], PICTURES, out, progress=lambda _, one: news.append(one.step))
    (made,) = outcome.outputs
    data = (out / made.path).read_bytes()
    assert outcome.status is mp.Status.FIXED
    assert made.md5 == base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    with Image.open(out / made.path) as picture:
        assert picture.format == "PNG"
    assert Path(pictures[1]).read_bytes() == before
    assert [step for step in news if step] == ["check", "convert", "prove", "publish"]
    assert [one.status for one in mp.verify(out / "manifest.json")] == ["ok"]
    (out / made.path).write_bytes(data[:-1] + b"?")
    assert [one.status for one in mp.verify(out / "manifest.json")] == ["changed"]


def test_a_second_try_replaces_what_the_first_published_and_nothing_else(pictures: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert [mp.prepare(pictures[1], PICTURES, out).status for _ in range(2)] == ["fixed", "fixed"]
    (out / "scan.png").write_bytes(b"mine")
    assert mp.prepare(pictures[1], PICTURES, out).status is mp.Status.FAILED
    assert (out / "scan.png").read_bytes() == b"mine"
    assert mp.prepare(pictures[1], PICTURES, out, overwrite=True).status is mp.Status.FIXED
    # The command knows what was made: nothing is to be done again.
    assert main(["prepare", pictures[1], "-p", PICTURES, "-o", str(out), "-q"]) == 0


def test_a_batch_gives_every_result_once(pictures: list[str], tmp_path: Path) -> None:
    batch = mp.Batch([tmp_path / "in"], PICTURES)
    assert len(batch) == 2
    assert sorted(report.source for report in batch) == pictures
    prepared = mp.Batch([tmp_path / "in"], PICTURES, out=tmp_path / "out", jobs=1)
    assert sorted(outcome.status for outcome in prepared) == ["fixed", "ready"]
    told = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert [asset["status"] for asset in told["assets"]] == ["ready", "fixed"]


def test_presets_are_listed_and_loaded() -> None:
    assert "convert/h264-1080p" in mp.presets()
    assert mp.load_preset("convert/h264-1080p").id == "convert/h264-1080p"


# --- programs ---------------------------------------------------------------------------------------


def relatives(mark: str, but: int) -> list[str]:
    """Every process that has this mark in its environment or its words, or is a child of `but`, dead or alive.

    Workers and their server are not told of the environment, but of where the program lies.
    """
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
            ours = mark.encode() in (place / "cmdline").read_bytes()
            with contextlib.suppress(PermissionError):  # a worker's, which nobody reads
                ours = ours or mark.encode() in (place / "environ").read_bytes()
            if int(place.name) != but and (ours or int(parent) == but):
                found.append(f"{place.name} {(place / 'cmdline').read_bytes().replace(bytes(1), b' ')[:200]!r}")
    return found


class Program:
    """A script that says "done" and then waits to be let go."""

    def __init__(self, code: str, folder: Path, *words: str) -> None:
        self.mark = uuid.uuid4().hex
        script = folder / self.mark / "script.py"  # nothing in it is guarded by a `__main__`
        script.parent.mkdir()
        waits = "\nsys.__stdout__.write('done\\n'); sys.__stdout__.flush(); sys.stdin.readline()\n"
        script.write_text("import sys\nimport media_preflight as mp\n" + textwrap.dedent(code) + waits)
        self.process = subprocess.Popen(
            [sys.executable, str(script), *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PREFLIGHT_TEST": self.mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def left(self) -> list[str]:
        """Processes it has left, once they had a moment to go."""
        for _ in range(100):
            found = relatives(self.mark, self.process.pid)
            if not found:
                break
            time.sleep(0.02)
        return found

    def lines(self) -> list[str]:
        """What it printed before it was done; a fault is shown as it told it."""
        assert self.process.stdout is not None
        printed = []
        for line in self.process.stdout:
            if line == "done\n":
                return printed
            printed.append(line.rstrip())
        pytest.fail(str(self.process.stderr and self.process.stderr.read()))


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    running: list[Program] = []

    def start(code: str, *words: str) -> Program:
        running.append(Program(code, tmp_path, *words))
        return running[-1]

    yield start
    for one in running:
        one.process.communicate("\n" if one.process.poll() is None else None, timeout=60)


def test_a_mark_is_seen(program: Callable[..., Program]) -> None:
    """What finds nothing left has to find what is left."""
    one = program("import subprocess\nother = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)")
    one.lines()
    assert len(one.left()) == 1


ASK = f"""
def ask(path):
    return mp.check(path, {PICTURES!r}).status.value
"""
PROGRAMS = {
    "a script": """
        print(*map(ask, sys.argv[1:]))
    """,
    "threads": """
        import signal, threading
        from concurrent.futures import ThreadPoolExecutor
        def handlers():
            return [signal.getsignal(number) for number in sorted(signal.valid_signals())]
        before = handlers(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
        with ThreadPoolExecutor(4) as pool:  # at the same time, none of them the main thread
            first, second, *_ = found = list(pool.map(ask, sys.argv[1:] * 2))
        assert found == [first, second] * 2
        assert before == (handlers(), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        assert threading.active_count() == 1
        print(first, second)
    """,
    "daemonic processes": """
        import multiprocessing
        def work(path, queue):
            assert multiprocessing.current_process().daemon
            queue.put((path, ask(path)))
        context = multiprocessing.get_context("fork")  # as Celery's prefork has them
        queue = context.SimpleQueue()
        mp.check(sys.argv[1], "metastudio/asset-library")  # the parent has used it before
        children = [context.Process(target=work, args=(path, queue), daemon=True) for path in sys.argv[1:]]
        for child in children: child.start()
        found = dict(queue.get() for _ in children)
        for child in children: child.join()
        print(*(found[path] for path in sys.argv[1:]))
    """,
    "an event loop": """
        import asyncio
        async def main():
            ticks, going = 0, True
            async def tick():
                nonlocal ticks
                while going:
                    ticks += 1
                    await asyncio.sleep(0.01)
            ticking = asyncio.create_task(tick())
            found = await asyncio.gather(*(asyncio.to_thread(ask, path) for path in sys.argv[1:]))
            going = False
            await ticking
            assert ticks > 5, "the loop stood still"
            print(*found)
        asyncio.run(main())
    """,
    "redirected output": """
        import io
        kept, (sys.stdout, sys.stderr) = sys.stdout, (io.StringIO(), io.StringIO())
        found = [report.status.value for report in mp.Batch(sys.argv[1:], "metastudio/asset-library", jobs=1)]
        said, sys.stdout = sys.stdout.getvalue() + sys.stderr.getvalue(), kept
        assert said == "", said
        print(*sorted(found, reverse=True))
    """,
    "standard streams that are closed": """
        import os
        kept = os.dup(1)
        for number in (0, 2): os.close(number)
        found = [ask(path) for path in sys.argv[1:]]
        for number in (0, 2): assert os.open(os.devnull, os.O_RDWR) == number
        sys.stdin = open(os.devnull)
        print(*found)
    """,
    "a copy of itself": """
        import os
        with mp.warm():
            ask(sys.argv[1])
            child = os.fork()
            if not child:
                os._exit([ask(path) for path in sys.argv[1:]] != ["pass", "fixable"])
            assert os.waitpid(child, 0)[1] == 0
            found = [ask(path) for path in sys.argv[1:]]
        print(*found)
    """,
    "a batch that its caller ends": """
        class Enough(Exception): pass
        def told(path, news): raise Enough
        for out in (None, "out"):
            try:
                list(mp.Batch(sys.argv[1:], "metastudio/asset-library", out=out, progress=told))
            except Enough:
                pass
            else:
                raise AssertionError("nothing was raised")
        for _ in mp.Batch(sys.argv[1:], "metastudio/asset-library", out="out"):
            break
        mp.prepare(sys.argv[1], "metastudio/asset-library", "out")  # the folder is free again
        print(*map(ask, sys.argv[1:]))
    """,
}


@pytest.mark.every(3)
@on_linux
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_its_answer_and_no_process_more(
    name: str, program: Callable[..., Program], pictures: list[str]
) -> None:
    one = program(ASK + textwrap.dedent(PROGRAMS[name]), *pictures)
    assert one.lines() == ["pass fixable"]
    assert one.left() == []


@on_linux
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_ended_takes_its_workers_along(
    how: signal.Signals, program: Callable[..., Program], pictures: list[str]
) -> None:
    code = """
        def told(path, news):
            print(news.step, flush=True)
        while True:
            list(mp.Batch(sys.argv[1:], "metastudio/asset-library", out="out", progress=told))
    """
    one = program(code, *pictures)
    assert one.process.stdout is not None
    assert one.process.stdout.readline() == "check\n"
    assert relatives(one.mark, one.process.pid) != []
    one.process.send_signal(how)
    one.process.communicate(timeout=60)
    assert one.process.returncode == -how
    assert one.left() == []


@on_linux
def test_what_is_kept_warm_ends_with_its_block(program: Callable[..., Program], pictures: list[str]) -> None:
    code = """
        with mp.warm():
            mp.probe(sys.argv[1])
            print("warm", flush=True)
            sys.stdin.readline()
    """
    one = program(code, *pictures)
    assert one.process.stdout is not None
    assert one.process.stdin is not None
    assert one.process.stdout.readline() == "warm\n"
    assert len(relatives(one.mark, one.process.pid)) == 1
    one.process.stdin.write("\n")
    one.process.stdin.flush()
    one.lines()
    assert one.left() == []


# --- beside others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["other_pipeline", "media_preflight"])
def test_doctor_names_who_else_installs_the_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Metadata as pip leaves it (packaging.python.org, "Recording installed projects")."""
    info = tmp_path / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"pipeline/__init__.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").touch()  # where another finder of metadata looks whether files are there
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    importlib.invalidate_caches()
    libraries._installed.cache_clear()
    code = main(["doctor", "--json"])
    libraries._installed.cache_clear()
    tools = json.loads(capsys.readouterr().out)["tools"]
    (found,) = [tool for tool in tools if tool["name"] == "package pipeline"]
    if name == "media_preflight":
        assert (found["state"], found["advice"]) == ("ok", None)
    else:
        assert code == 3
        assert found["advice"].startswith("other-pipeline installs")


# --- docs/api.md ------------------------------------------------------------------------------------


def test_no_example_goes_without_a_test() -> None:
    assert set(EXAMPLES) == {"A script", "A web service", "Celery", "Airflow", "A notebook"}


def test_the_script(program: Callable[..., Program], pictures: list[str], tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(EXAMPLES["A script"])
    words = [sys.executable, str(tmp_path / "example.py"), PICTURES, str(tmp_path / "out"), *pictures]
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(line.split()[:2] for line in done.stdout.splitlines()) == [
        ["fixed", pictures[1]],
        ["ready", pictures[0]],
    ]
    assert f"{pictures[1]}: convert" in done.stderr


def test_the_web_service(pictures: list[str]) -> None:
    httpx, space = pytest.importorskip("httpx"), dict[str, Any]()
    pytest.importorskip("starlette")
    exec(EXAMPLES["A web service"], space)  # noqa: S102  our own page

    async def asked() -> list[Any]:
        app = space["app"]
        async with (
            space["lifespan"](app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here") as client,
        ):
            questions = [{"path": path, "preset": PICTURES} for path in pictures] + [{"path": "x", "preset": "y"}]
            return await asyncio.gather(*(client.get("/check", params=question) for question in questions))

    good, scan, wrong = asyncio.run(asked())
    assert good.json() == {"status": "pass", "broken": []}
    assert scan.json()["status"] == "fixable"
    assert scan.json()["broken"] == [
        finding.rule.id for finding in mp.check(pictures[1], PICTURES).findings if finding.blocks
    ]
    assert wrong.status_code == 400


CELERY = """
import multiprocessing, types
celery = types.ModuleType("celery")  # its decorator hands back the function
celery.shared_task = lambda **options: lambda function: function
sys.modules["celery"] = celery
exec(open("celery.txt").read(), globals())
def work(queue):
    queue.put(prepare(sys.argv[2], "metastudio/asset-library", "out"))
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
child = context.Process(target=work, args=(queue,), daemon=True)
child.start()
print(queue.get())
child.join()
"""


@on_linux
def test_the_celery_task(program: Callable[..., Program], pictures: list[str], tmp_path: Path) -> None:
    (tmp_path / "celery.txt").write_text(EXAMPLES["Celery"])
    one = program(CELERY, *pictures)
    (told,) = one.lines()
    assert "'files': ['scan.png']" in told
    assert one.left() == []


def test_the_airflow_tasks(pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decorators = types.ModuleType("airflow.decorators")
    vars(decorators).update(task=lambda function: function, dag=lambda **_: lambda function: function)
    monkeypatch.setitem(sys.modules, "airflow", types.ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.decorators", decorators)
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(EXAMPLES["Airflow"], space)  # noqa: S102  our own page
    space["media"](pictures, PICTURES)
    assert (tmp_path / "out" / "0" / "good.jpeg").is_file()
    assert (tmp_path / "out" / "1" / "scan.png").is_file()
    (tmp_path / "text.txt").write_text("no picture")
    with pytest.raises(ValueError, match="blocked"):
        space["prepare"](str(tmp_path / "text.txt"), "convert/h264-1080p", str(tmp_path / "out" / "2"))


def test_the_notebook(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {"path": sample("video/vp8.webm")}
    for node in ast.parse(EXAMPLES["A notebook"]).body:  # a cell a line
        exec(compile(ast.Module([node], []), "notebook", "exec"), space)  # noqa: S102  our own page
    said = capsys.readouterr().out
    assert "convert/h264-1080p" in said
    assert "-> h264" in said
