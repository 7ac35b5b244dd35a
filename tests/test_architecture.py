"""The direction of the arrows, and the few places where the outside world is touched."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pipeline"


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if "_presets" not in path.parts}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def _imported(node: ast.AST) -> Iterator[str]:
    """Full names in an import statement; `from a import b` gives a.b where that is a module, else a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield full if full in MODULES else node.module


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports, inside functions too."""
    return frozenset(name for node in ast.walk(tree(module)) for name in _imported(node))


@cache
def at_start(module: str) -> frozenset[str]:
    """What is imported when the module is: not inside functions, not for type checkers only."""

    def visit(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            yield from _imported(node)
            if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from visit(node.body)
                yield from visit(node.orelse)
            elif isinstance(node, ast.Try | ast.With):
                yield from visit(node.body)

    return frozenset(visit(tree(module).body))


def ours(module: str) -> frozenset[str]:
    return frozenset(name for name in imports(module) if name.split(".")[0] == "pipeline")


def reach(module: str) -> frozenset[str]:
    """All of our modules that this one can call into, directly or not."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        for name in ours(todo.pop()) & MODULES.keys():
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return frozenset(seen)


def within(names: frozenset[str], *packages: str) -> set[str]:
    return {n for n in names for p in packages if n == p or n.startswith(f"{p}.")}


def in_package(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(f"{package}.")]


# --- arrows -----------------------------------------------------------------------------------------


def test_this_test_sees_the_package() -> None:
    assert {"pipeline", "pipeline.model.results", "pipeline.checks.video", "pipeline.tools.process"} <= MODULES.keys()
    assert "pipeline.model.results" in imports("pipeline.rules.judge")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("pipeline.model.facts", set()),
        ("pipeline.model.results", {"pipeline.model.facts"}),
        ("pipeline.errors", {"pipeline.model.results"}),
        ("pipeline.model.units", {"pipeline.model.results"}),
        ("pipeline.model.limits", {"pipeline.model.results", "pipeline.model.units"}),
        ("pipeline.tools.launch", set()),  # runs as a script, beside no package
        ("pipeline.storage.digest", set()),
    ],
)
def test_the_foundations_stand_on_nothing_above_them(module: str, allowed: set[str]) -> None:
    assert ours(module) <= allowed


@pytest.mark.parametrize("module", in_package("pipeline.checks"))
def test_a_check_reads_facts_and_knows_nothing_else(module: str) -> None:
    helpers = {f"pipeline.checks.{name}" for name in ("base", "face_advice", "preferences")}
    siblings = set(in_package("pipeline.checks")) if module == "pipeline.checks" else helpers
    assert ours(module) <= {"pipeline.model.results", *siblings}


@pytest.mark.parametrize("module", ["pipeline.rules.presets", "pipeline.rules.judge", "pipeline.rules.plan"])
def test_loading_judging_and_planning_touch_no_media(module: str) -> None:
    outside = within(
        reach(module),
        "pipeline.probe",
        "pipeline.convert",
        "pipeline.upload",
        "pipeline.tools",
        "pipeline.verify.compare",
        "pipeline.engine.pool",
    )
    assert outside == set()


def test_planning_does_not_judge_and_judging_does_not_plan() -> None:
    assert "pipeline.rules.judge" not in reach("pipeline.rules.plan")
    assert "pipeline.rules.plan" not in reach("pipeline.rules.judge")


@pytest.mark.parametrize(
    ("package", "later"),
    [
        ("pipeline.probe", ["presets", "judging", "planning", "convert", "verify", "upload", "report", "pool"]),
        ("pipeline.convert", ["presets", "judging", "planning", "verify", "upload", "report", "pool"]),
        ("pipeline.upload", ["probe", "judging", "planning", "convert", "pool"]),
        ("pipeline.tools", ["presets", "judging", "planning", "convert", "verify", "upload", "report", "pool"]),
    ],
)
def test_no_stage_reaches_for_a_later_one(package: str, later: list[str]) -> None:
    for module in in_package(package):
        back = {
            name
            for name in within(ours(module), *(f"pipeline.{one}" for one in later))
            # the table of what a preset may say about a new file is shared vocabulary
            if name != "pipeline.rules.presets" or package != "pipeline.convert"
        }
        assert back == set(), f"{module} imports {back}"


def test_no_modules_import_each_other() -> None:
    edges = {module: at_start(module) & MODULES.keys() - {module} for module in MODULES}
    while True:
        # a package's __init__ may gather its own members; everything else must come to an end
        ended = {module for module, needs in edges.items() if not needs & edges.keys()}
        if not ended:
            break
        edges = {module: needs for module, needs in edges.items() if module not in ended}
    assert edges == {}, f"in or behind a circle: {sorted(edges)}"


# --- the outside world ------------------------------------------------------------------------------


def _calls(module: str) -> set[str]:
    """Dotted names of everything that is called: `os.fork`, `ffmpeg.run`."""
    return {
        f"{node.func.value.id}.{node.func.attr}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    }


STARTS = re.compile(
    r"os\.(system|popen|fork\w*|exec\w+|spawn\w+|posix_spawn\w*)|pty\.\w+|asyncio\.create_subprocess_\w+"
    r"|ffmpeg\.(run|run_async|probe)"  # ffmpeg-python would start ffmpeg itself, without any limit
)


def test_one_module_starts_programs() -> None:
    assert [m for m in MODULES if within(imports(m), "subprocess")] == ["pipeline.tools.process"]
    starting = {m: sorted(c for c in _calls(m) if STARTS.fullmatch(c)) for m in MODULES}
    assert {m: calls for m, calls in starting.items() if calls} == {
        "pipeline.engine.fork_server": ["os.fork"],  # of workers
        "pipeline.tools.launch": ["os.execve", "os.fork"],
    }


def test_one_module_starts_workers() -> None:
    libraries = ("multiprocessing", "concurrent.futures", "distributed")
    starting = [m for m in MODULES if within(imports(m), *libraries)]
    # These start threads, which digest or wait for disk, network and outside programs.
    threads = ("moving", "preparing", "proving", "upload.parted", "upload.sending")
    starting = [m for m in starting if m.removeprefix("pipeline.") not in threads]
    # The first through the third, on each host; the second forks the last, for the third.
    assert starting == [
        "pipeline.engine.dask",
        "pipeline.engine.fork_server",
        "pipeline.engine.pool",
        "pipeline.engine.worker",
    ]


def test_nothing_evaluates_text_or_loads_objects_from_files() -> None:
    for module in MODULES:
        assert within(imports(module), "pickle", "marshal", "shelve", "dill") == set(), module
        names = {n.func.id for n in ast.walk(tree(module)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not names & {"eval", "exec"}, module


def test_the_network_is_for_uploads() -> None:
    clients = ("socket", "ssl", "http", "urllib.request", "ftplib", "smtplib", "requests", "httpx", "aiohttp")
    reaching = [m for m in MODULES if within(imports(m), *clients)]
    reaching.remove("pipeline.engine.fork_server")  # a pair of sockets between two processes, connected to nothing
    assert set(reaching) <= {m for name in ("upload", "serve") for m in in_package(f"pipeline.{name}")}


# --- platforms --------------------------------------------------------------------------------------

PLATFORM = re.compile(r"metastudio|tencent|huawei|\bMSS\.", re.IGNORECASE)
# The examples at the end of `preflight --help` are for people: an example with a preset that does not exist
# would teach nothing.
FOR_PEOPLE = {("pipeline.cli.main", "_EXAMPLES")}


def _docstrings(module: ast.Module) -> set[int]:
    """Docstrings may cite the document a formula or limit is from; nothing is decided by them."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def _words(name: str) -> Iterator[str]:
    """Every name and text in a module that could decide something."""
    module = tree(name)
    passed_over = _docstrings(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            targets = {(name, target.id) for target in node.targets if isinstance(target, ast.Name)}
            if targets & FOR_PEOPLE:
                passed_over |= {id(inner) for inner in ast.walk(node.value)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[1:2] != ["upload"]])
def test_only_presets_and_uploads_name_a_platform(module: str) -> None:
    """A new platform whose rules limit facts that are already read is a preset and no Python."""
    assert [word for word in _words(module) if PLATFORM.search(word)] == []


# --- starting up ------------------------------------------------------------------------------------

HEAVY = {"av", "cv2", "PIL", "pptx", "pypdfium2", "numpy", "rich", "lxml", "ffmpeg", "pydub", "soundfile"}
SLOW = {"multiprocessing", "sqlite3", "xml", "imageio_ffmpeg"}  # of the standard library and small, but not free


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("pipeline.cli.main", HEAVY | SLOW),
        ("pipeline.model.results", HEAVY | SLOW),
        ("pipeline.rules.presets", HEAVY | SLOW),
        ("pipeline.rules.judge", HEAVY | SLOW),
        ("pipeline.rules.plan", HEAVY | SLOW),
        ("pipeline.cli.prepare", HEAVY - {"rich"}),  # it prints
    ],
)
def test_importing_it_loads_no_library_that_only_workers_need(module: str, without: set[str]) -> None:
    """So `preflight --help` answers at once, and the parent process never runs a native decoder."""
    asked = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in asked.stderr.splitlines()}
    assert "pipeline" in loaded
    assert loaded & without == set()
