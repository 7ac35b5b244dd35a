"""Small changes to the code that judges, proves, publishes and sends, one at a time: `python -m tests.mutants`.

Do the tests that bear a module's name notice? Cosmic Ray makes each change and runs those tests under a time limit, in
a copy of the project; `mutants.toml` says which tests, and of each change that nobody could notice, why. A change that
was neither noticed nor explained fails, and so do tests that fail on the code as it is. The sample of a module is
always the same for a seed: changes are ranked by a digest of what they say, so that an edit elsewhere in the module
moves few of them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "out", "dist", "build", "__pycache__", "*.egg-info")
SHARE = 0.9  # of the changes must be noticed; the rest explained
LIMIT, TIMES = 60.0, 10  # seconds, and times what the tests take on the code as it is: what no mutant may exceed
COLUMNS = ("of", "tried", "noticed", "late", "explained", "left")
TURNED = "Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is"


class Returned(Operator):  # type: ignore[misc]  # Cosmic Ray ships no types
    """Nothing instead of what was to be returned; Cosmic Ray has no such operator."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Every `return` with a value that another operator does not turn."""
        if node.type == "return_stmt" and node.children[1].get_code().strip() not in {"None", "True", "False"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:
        """`return None` with the same space before it."""
        node.children = list(parso.parse(f"{node.get_first_leaf().prefix}return None").children)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Asked for by Cosmic Ray's own tests only."""
        return ()


OPERATORS: tuple[Operator, ...] = (
    *(get_operator(f"core/ReplaceComparisonOperator_{turn}")() for turn in TURNED.split()),
    *(
        get_operator(f"core/{name}")()
        for name in (
            "NumberReplacer",
            "ReplaceAndWithOr",
            "ReplaceOrWithAnd",
            "ReplaceTrueWithFalse",
            "ReplaceFalseWithTrue",
            "ReplaceUnaryOperator_Delete_Not",
        )
    ),
    Returned(),
)


class Mutant(NamedTuple):
    """One change: a line of a module, what becomes of it, and the whole module then."""

    module: str
    line: int
    was: str
    becomes: str
    code: str


class Place(NamedTuple):
    """Where an operator could change a module; `number` counts its places there."""

    rank: bytes
    operator: Operator
    number: int
    line: int


def places(module: str, source: str, seed: int) -> list[Place]:
    """Every change that the operators could make to a module, ranked by what it says and not by where it stands."""
    tree, lines = get_ast(source), source.splitlines()
    found: list[Place] = []
    alike: Counter[str] = Counter()
    for operator in OPERATORS:
        starts = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for number, (line, _) in enumerate(starts):
            if re.search(r"\b(strict|slots)=", lines[line - 1]) and "True" in type(operator).__name__:
                continue  # what `zip` makes sure of, and how memory is laid out: where all is well nobody can notice
            if "os.kill" in lines[line - 1]:
                continue  # a question whether a process lives must not become its end
            words = f"{seed}\n{module}\n{type(operator).__name__}\n{lines[line - 1].strip()}"
            alike[words] += 1
            rank = hashlib.sha256(f"{words}\n{alike[words]}".encode()).digest()
            found.append(Place(rank, operator, number, line))
    return sorted(found, key=lambda place: place.rank)


def changed(module: str, source: str, place: Place) -> Mutant:
    """The change that is made there."""
    code = mutate_code(source, place.operator, place.number)
    before, after = source.splitlines(), code.splitlines()
    becomes = " ".join(after[place.line - 1 : place.line + max(0, len(after) - len(before))])
    return Mutant(module, place.line, before[place.line - 1].strip(), becomes.strip(), code)


class Told(NamedTuple):
    """What became of the sample of a module."""

    module: str
    of: int  # mutants there are
    tried: int
    late: int  # noticed by the time limit
    survivors: tuple[Mutant, ...]
    seconds: float  # what the tests take on the code as it is
    broken: str = ""  # what the tests say on the code as it is, where they fail


def attempt(module: str, tests: Sequence[str], count: int, seed: int) -> Told:
    """Try the sample of one module in a copy of the project, which is the working folder."""
    path = Path("pipeline", module)
    source = path.read_text("utf-8")
    found = places(module, source, seed)
    chosen = [changed(module, source, place) for place in found[:count]]
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    words += [str(Path("tests", name)) for name in tests]
    subprocess.run(words, capture_output=True, check=False)  # leaves byte code behind, which Cosmic Ray does not
    began = time.monotonic()
    outcome, said = run_tests(shlex.join(words), 3600)
    seconds = time.monotonic() - began
    if outcome is not TestOutcome.SURVIVED:
        return Told(module, len(found), 0, 0, (), seconds, said)
    survivors, late = [], 0
    for number, mutant in enumerate(chosen, 1):
        path.write_text(mutant.code, "utf-8")
        os.utime(path, (number, number))  # a time of its own: byte code of another version is never taken for it
        shutil.rmtree(".hypothesis", ignore_errors=True)  # what an earlier mutant failed on
        outcome, said = run_tests(shlex.join(words), LIMIT + TIMES * seconds)
        late += said == "timeout"
        if outcome is TestOutcome.SURVIVED:
            survivors.append(mutant)
        elif outcome is not TestOutcome.KILLED:
            raise RuntimeError(f"{mutant.module}:{mutant.line}: {said}")
    path.write_text(source, "utf-8")
    return Told(module, len(found), len(chosen), late, tuple(survivors), seconds)


def _settle(folder: str) -> None:
    """A worker's own copy of the project, which every program started from there imports."""
    copy = Path(tempfile.mkdtemp(dir=folder)) / "project"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["TMPDIR"] = folder  # what a mutant leaves or sweeps there is nobody else's


def main(argv: Sequence[str] | None = None) -> int:
    """Try every module; print the table and what is wrong. 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12, help="changes to each module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="modules at a time")
    parser.add_argument("--only", default="", help="modules with this in their name")
    asked = parser.parse_args(argv)
    kept = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text("utf-8"))
    explained = {(one["module"], one["was"], one["becomes"]) for one in kept["explained"]}
    wrong = [f"explained, but no longer there: {m}: {was}" for m, was, _ in sorted(explained) if not _there(m, was)]
    print("| module | changes | tried | noticed | by the limit | explained | left | the tests take |")
    print("|---" * 8 + "|")
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(asked.jobs, None, _settle, (folder,)) as pool:
        running = [
            pool.submit(attempt, module, tests, asked.count, asked.seed)
            for module, tests in kept["tests"].items()
            if asked.only in module
        ]
        for told in (future.result() for future in running):
            left = [m for m in told.survivors if (m.module, m.was, m.becomes) not in explained]
            noticed = told.tried - len(told.survivors)
            row = (told.of, told.tried, noticed, told.late, len(told.survivors) - len(left), len(left))
            totals.update(dict(zip(COLUMNS, row, strict=True)))
            print(f"| `{told.module}` | {' | '.join(map(str, row))} | {told.seconds:.1f} s |", flush=True)
            wrong += [f"{m.module}:{m.line}: {m.was}\n    becomes  {m.becomes}" for m in left]
            if told.broken:
                wrong.append(f"{told.module}: its tests fail on the code as it is\n{told.broken}")
    print(f"| all | {' | '.join(str(totals[column]) for column in COLUMNS)} | |")
    if totals["noticed"] < SHARE * totals["tried"]:
        wrong.append(f"{totals['noticed']} of {totals['tried']} noticed, fewer than {SHARE:.0%}")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def _there(module: str, line: str) -> bool:
    return line in map(str.strip, (ROOT / "pipeline" / module).read_text("utf-8").splitlines())


if __name__ == "__main__":
    sys.exit(main())
