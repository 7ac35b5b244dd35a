"""`preflight init`: writes `preflight.toml` from what lies in a folder, by what `fit` says of it."""

from __future__ import annotations

import glob
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.cli.arguments import Parser
from pipeline.cli.options import OUTPUT, Options, workers
from pipeline.model.facts import Text

if TYPE_CHECKING:
    from pipeline.documents.types import FittedAsset

_HEAD: Final = Text(
    "# Which files of this folder are for which scenario: `preflight check`, `plan` and `prepare` read it where no -p\n"
    "# is given. The first [[match]] that takes a file counts; `preflight presets list` shows all scenarios.\n",
    "# 本文件夹中各文件对应的场景：未给出 -p 时，`preflight check`、`plan` 和 `prepare` 按此执行。\n"
    "# 以第一个匹配的 [[match]] 为准；`preflight presets list` 列出全部场景。\n",
)
_NOBODY: Final = Text("# No scenario takes these, or they cannot be read.", "# 没有场景接受这些文件，或无法读取。")
_FILES: Final = Text("file(s)", "个文件")


class Purpose(NamedTuple):
    """What files are for: a scenario, and the role where it is not the one that their kind decides."""

    preset: str
    role: str | None


@dataclass(frozen=True, kw_only=True)
class InitOptions(Options):
    """Of `preflight init`."""

    folder: str
    out: str
    jobs: int | None


def declare(parser: Parser) -> type[InitOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "folder",
        nargs="?",
        default=".",
        metavar="FOLDER",
        help=Text("what is to be looked at (default: .)", "要查看的文件夹（默认：.）"),
    )
    parser.group(OUTPUT).add_argument(
        "--out",
        default="out",
        metavar="NAME",
        help=Text("the folder in it that prepare will write into (default: out)", "prepare 写入的子目录（默认：out）"),
    )
    workers(parser)
    Options.declare(parser)
    return InitOptions


def run(options: InitOptions) -> int:
    """Look at every file and write the file. Raises UsageError where there is one, or nothing to say."""
    from pipeline.cli import fit, output
    from pipeline.documents.spool import Spool
    from pipeline.documents.types import FittedAsset
    from pipeline.errors import ToolMissing, UsageError
    from pipeline.model.job import Job, Running
    from pipeline.report.formats import publish
    from pipeline.storage import inputs

    target = Path(options.folder, inputs.PROJECT)
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already; edit it, or move it away", f"{target} 已存在；请编辑或移走")
    found = inputs.find([options.folder], outputs=[str(Path(options.folder, options.out))])
    if not found:
        raise UsageError(f"{options.folder}: there is no file in it", f"{options.folder}：其中没有文件")
    jobs = [Job(path=one.path, stem=one.stem, state=one.state, lang=options.lang) for one in found]
    running = Running(workers=options.jobs, watch=output.watch(options, "init"))
    with Spool(len(jobs), FittedAsset) as spool:
        output.keeping(spool, options, "fitted")(fit.fitted(jobs, running, deep=False))
        if missing := next((one.error for one in spool if one.error and one.error.type == ToolMissing.__name__), None):
            raise ToolMissing(missing.said.en, missing.said.zh)
        names = [os.path.relpath(one.path, options.folder).replace(os.sep, "/") for one in found]
        entries, ignored = divided(dict(zip(names, spool, strict=True)))
    text = "".join(_written(entries, ignored, options))
    publish(target, lambda file: print(text, end="", file=file))
    if not output.emit({"path": str(target), "match": list(map(_plain, entries))}, options):
        sys.stdout.write(f"{target}\n" if options.quiet else f"{text}\n{target}\n")
    return 0


class Patterns(NamedTuple):
    """One [[match]]: patterns, what their files are for, how many there are now."""

    files: tuple[str, ...]
    target: Purpose
    many: int


def divided(assets: Mapping[str, FittedAsset]) -> tuple[list[Patterns], list[str]]:
    """Entries for files, named from their folder, and patterns of those that nobody takes.

    Files of one kind in one folder are for one thing: what fits them best together. What patterns by extension would
    get wrong is named, first; then deeper folders before higher ones, whose patterns hold below them too.
    """
    groups: dict[tuple[str, str], dict[str, FittedAsset]] = defaultdict(dict)
    for name, one in assets.items():
        groups[_folder(name), str(one.kind)][name] = one
    targets: dict[str, Purpose | None] = {}
    for alike in groups.values():
        targets |= dict.fromkeys(alike, together(alike.values()))
    blocks: list[dict[Purpose | None, Counter[str]]] = [{}]  # patterns of a folder, each with how many files it takes
    for folder in sorted({folder for folder, _ in groups}, key=lambda one: (-one.count("/") - bool(one), one)):
        here = [name for name in targets if _folder(name) == folder]
        by_ending: dict[str, Counter[Purpose | None]] = defaultdict(Counter)
        for name in here:
            by_ending[_ending(name)][targets[name]] += 1
        usual = {ending: counts.most_common(1)[0][0] for ending, counts in by_ending.items()}
        blocks.append({})
        for name in here:
            target, ending = targets[name], _ending(name)
            block, pattern = (blocks[-1], ending) if target == usual[ending] else (blocks[0], Path(name).name)
            inside = pattern if block is blocks[-1] else _exact(pattern)
            block.setdefault(target, Counter())[f"{glob.escape(folder)}/{inside}" if folder else inside] += 1
    entries: list[Patterns] = []
    ignored: list[str] = []
    for block in blocks:
        for target, patterns in block.items():
            if target is None:
                ignored += patterns
            elif entries and entries[-1].target == target:
                last = entries[-1]
                entries[-1] = Patterns((*last.files, *patterns), target, last.many + patterns.total())
            else:
                entries.append(Patterns(tuple(patterns), target, patterns.total()))
    return entries, ignored


def together(assets: Iterable[FittedAsset]) -> Purpose | None:
    """What fits all of these best: what comes first most often, then what stands highest with all."""
    from pipeline.rules import presets

    firsts: Counter[tuple[str, str]] = Counter()
    places: Counter[tuple[str, str]] = Counter()
    kind = None
    for one in assets:
        for place, fit in enumerate(one.fits):
            firsts[fit.preset, fit.role] += place == 0
            places[fit.preset, fit.role] += place
        kind = one.kind if one.fits else kind
    if kind is None:
        return None
    preset, role = min(firsts, key=lambda at: (-firsts[at], places[at]))
    chosen = presets.load(preset).role_for(kind)
    return Purpose(preset, None if chosen is not None and chosen.name == role else role)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _ending(name: str) -> str:
    """The pattern of names that end alike; a name that has no extension stands for itself."""
    ending = Path(name).suffix.lower()
    return f"*{_exact(ending)}" if ending else _exact(Path(name).name)


def _exact(name: str) -> str:
    """The pattern of this file: what cannot be written is any sign."""
    return "".join(c if c.isprintable() else "?" for c in glob.escape(name))


def _plain(entry: Patterns) -> dict[str, object]:
    return {"files": entry.files, "preset": entry.target.preset, "role": entry.target.role}


def _written(entries: Iterable[Patterns], ignored: Iterable[str], options: InitOptions) -> Iterator[str]:
    from pipeline.rules import presets

    lang = options.lang
    yield f"{_HEAD.of(lang)}\n[defaults]\nout = {_quoted(options.out)}\n"
    if patterns := list(ignored):
        yield f"{_NOBODY.of(lang)}\nignore = [{', '.join(map(_quoted, patterns))}]\n"
    for entry in entries:
        preset = presets.load(entry.target.preset)
        yield f"\n# {preset.title.of(lang)} ({entry.many} {_FILES.of(lang)})\n[[match]]\n"
        yield f"files = [{', '.join(map(_quoted, entry.files))}]\npreset = {_quoted(preset.id)}\n"
        yield f"role = {_quoted(entry.target.role)}\n" if entry.target.role else ""


def _quoted(text: str) -> str:
    """As TOML has it, which takes what JSON has of printable signs."""
    return json.dumps(text, ensure_ascii=False)
