"""The few places where the outside world is touched. Who may import whom stands in pyproject.toml (`make lint`)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
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


def within(names: frozenset[str], *packages: str) -> set[str]:
    return {n for n in names for p in packages if n == p or n.startswith(f"{p}.")}


def in_package(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(f"{package}.")]


def test_this_test_sees_the_package() -> None:
    assert {"pipeline", "pipeline.model.results", "pipeline.checks.video", "pipeline.tools.process"} <= MODULES.keys()
    assert "pipeline.model.rules" in imports("pipeline.rules.judge")


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
        "pipeline.cli.main": ["os.execv"],  # itself once more, in UTF-8
        "pipeline.cli.sandbox": ["os.fork"],  # itself, to serve beside the shell
        "pipeline.engine.fork_server": ["os.fork", "os.posix_spawn"],  # of workers; of itself
        "pipeline.tools.launch": ["os.execve", "os.fork"],
    }


def _names(module: str) -> set[str]:
    """What is imported by name or called on a module: `ThreadPoolExecutor`, however it is reached."""
    nodes = list(ast.walk(tree(module)))
    imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_one_module_starts_workers() -> None:
    starting = [
        m for m in MODULES if within(imports(m), "multiprocessing", "distributed") or "ProcessPoolExecutor" in _names(m)
    ]
    # The first through the third, on each host; the second forks the last, for the third.
    assert starting == [
        "pipeline.engine.dask",
        "pipeline.engine.fork_server",
        "pipeline.engine.pool",
        "pipeline.engine.worker",
    ]


def test_threads_only_digest_or_wait_for_disk_network_and_outside_programs() -> None:
    assert [m.removeprefix("pipeline.") for m in MODULES if "ThreadPoolExecutor" in _names(m)] == [
        "engine.staging",
        "stages.prepare",
        "upload.deliver",
        "upload.multipart",
        "verify.media",
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
    reaching.remove("pipeline.tools.attempts")  # tries, inside the layers, whether anything can be reached
    # the last listens for the page and calls nobody
    allowed = (*in_package("pipeline.upload"), *in_package("pipeline.serve"), "pipeline.cli.serve")
    assert set(reaching) <= set(allowed)


# --- what goes wrong --------------------------------------------------------------------------------


def _goes_on(node: ast.AST) -> bool:
    """Whether an error ends here: it is neither raised again nor used."""
    if isinstance(node, ast.ExceptHandler):
        inside = list(ast.walk(node))
        used = any(isinstance(one, ast.Name) and one.id == node.name for one in inside)
        return not used and not any(isinstance(one, ast.Raise) for one in inside)
    return isinstance(node, ast.With) and any("suppress(" in ast.unparse(item) for item in node.items)


def _unexplained(source: str) -> list[int]:
    """Lines of handlers that go on and have no comment on the line before, on it, or on the next."""
    lines = source.splitlines()
    places = [node.lineno for node in ast.walk(ast.parse(source)) if _goes_on(node)]
    return sorted(at for at in places if not any("#" in line for line in lines[max(0, at - 2) : at + 1]))


def test_this_test_sees_what_is_swallowed() -> None:
    swallowed = "try:\n    a()\nexcept OSError:\n    b()\n\nwith suppress(OSError):\n    a()\n"
    assert _unexplained(swallowed) == [3, 6]
    assert _unexplained(swallowed.replace("r:", "r:  # why").replace("):", "):  # why")) == []
    assert _unexplained("try:\n    a()\nexcept OSError as error:\n    tell(error)\n") == []
    assert _unexplained("try:\n    a()\nexcept OSError:\n    raise Unreadable\n") == []


def test_who_swallows_an_error_says_why() -> None:
    assert {module: at for module, path in MODULES.items() if (at := _unexplained(path.read_text("utf-8")))} == {}


# --- words ------------------------------------------------------------------------------------------


def _twice(classes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Class names that mean two things, and the modules that say so; a private one is a matter of its folder."""
    meant: dict[tuple[str, str], list[str]] = {}
    for module, name in classes:
        meant.setdefault((name, module.rpartition(".")[0] if name.startswith("_") else ""), []).append(module)
    return {name: modules for (name, _), modules in meant.items() if len(modules) > 1}


def test_this_test_sees_a_name_that_means_two_things() -> None:
    assert _twice([("a.b", "Box"), ("a.c", "Box")]) == {"Box": ["a.b", "a.c"]}
    assert _twice([("a.b", "_Box"), ("a.c", "_Box")]) == {"_Box": ["a.b", "a.c"]}
    assert _twice([("a.b", "_Box"), ("c.b", "_Box"), ("c.b", "Box")]) == {}


def test_no_class_name_means_two_things() -> None:
    """Also none inside a function: whoever searches for a name finds one thing."""
    assert _twice((m, node.name) for m in MODULES for node in ast.walk(tree(m)) if isinstance(node, ast.ClassDef)) == {}


# --- platforms --------------------------------------------------------------------------------------

PLATFORM = re.compile(r"metastudio|tencent|huawei|\bMSS\.", re.IGNORECASE)
# The examples at the end of `preflight --help` are for people: an example with a preset that does not exist
# would teach nothing.
FOR_PEOPLE = {("pipeline.cli.verbs", "_EXAMPLES")}


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


def test_only_presets_and_uploads_name_a_platform() -> None:
    """A new platform whose rules limit facts that are already read is a preset and no Python."""
    others = [module for module in MODULES if module.split(".")[1:2] != ["upload"]]
    assert [(module, word) for module in others for word in _words(module) if PLATFORM.search(word)] == []


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
