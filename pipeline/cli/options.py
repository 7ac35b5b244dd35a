"""Options that several verbs share: each group declares its arguments and is the frozen value they become.

A verb's own options are a class made of these groups. The name of an argument is the name of its field.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, fields
from typing import Any, Self

from pipeline.model.job import Running, Watch


def language(asked: str | None) -> str:
    """The language of messages: asked for, else PREFLIGHT_LANG, else the locale, else English."""
    wanted = asked or os.environ.get("PREFLIGHT_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wanted.lower().startswith("zh") else "en"


def workers(parser: Any, what: str = "worker processes (default: processors)") -> None:
    """-j, for all that do several things at once."""
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help=what)


def overwriting(parser: Any) -> None:
    """--overwrite, for all that write into a folder of outputs."""
    parser.add_argument("--overwrite", choices=["never", "always"], default="never", help="files in the way")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of every verb: how it speaks, and in which language ("en" or "zh")."""

    json: bool
    jsonl: bool
    lang: str
    quiet: bool
    verbose: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        output = parser.add_argument_group("output")
        output.add_argument("--json", action="store_true", help="one JSON document on standard output")
        output.add_argument("--jsonl", action="store_true", help="one JSON event a line on standard output")
        output.add_argument(
            "--lang",
            choices=["en", "zh"],
            default=language(None),
            help="language of messages (else PREFLIGHT_LANG, LANG)",
        )
        output.add_argument("-q", "--quiet", action="store_true", help="print only the last line")
        output.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            help="leave nothing out; show where unexpected errors happened and what libraries print",
        )

    @classmethod
    def of(cls, given: Namespace) -> Self:
        """What was parsed, frozen; lists become tuples."""
        named = {field.name: vars(given)[field.name] for field in fields(cls)}
        frozen: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in named.items()}
        return cls(**frozen)


@dataclass(frozen=True, kw_only=True)
class Inputs(Options):
    """Which files, and how the work on them runs."""

    paths: tuple[str, ...]
    from_file: str | None
    null: bool
    allow_empty: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    jobs: int | None
    fail_fast: bool
    executor: str
    scheduler: str | None
    deep: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        group = parser.add_argument_group("input")
        group.add_argument(
            "paths", nargs="*", metavar="PATH", help="files, folders (walked), 'patterns' with **, or their addresses"
        )
        group.add_argument("--from-file", metavar="LIST", help="paths from a file, one a line; - for standard input")
        group.add_argument(
            "-0", "--null", action="store_true", help="paths in LIST end with NUL, as find -print0 has them"
        )
        group.add_argument("--allow-empty", action="store_true", help="no file at all is in order, not a mistake")
        group.add_argument("--include", action="append", default=[], metavar="GLOB", help="of a folder, only these")
        group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="of a folder, not these")
        workers(group)
        group.add_argument("--fail-fast", action="store_true", help="stop at the first file that is not in order")
        group.add_argument("--executor", choices=["local", "dask"], default="local", help="where the work runs")
        group.add_argument("--scheduler", metavar="ADDR", help="of the Dask cluster, as tcp://host:8786")
        group.add_argument(
            "--deep",
            action="store_true",
            help="decode every frame to prove files undamaged (prepare always does); probe then measures faces as well",
        )

    def running(self, watch: Watch, *, resume: bool = True) -> Running:
        """How the engine is to do it."""
        return Running(workers=self.jobs, executor=self.executor, scheduler=self.scheduler, resume=resume, watch=watch)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Whether what was measured is drawn."""

    plots: str | None

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "--plots",
            metavar="DIR",
            help="draw what was looked at, as PNG in this folder: of sounds outline and spectrogram, of photos box, "
            "outline, axes of the head and crop, of decks all pages",
        )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which rules hold."""

    preset: str
    role: str | None
    explain: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        group = parser.add_argument_group("rules")
        group.add_argument("-p", "--preset", required=True, metavar="PRESET", help="id or FILE.toml")
        group.add_argument("--role", help="what the files are used for (default: by their kind)")
        group.add_argument("--explain", action="store_true", help="every finding with rule, source and code")


@dataclass(frozen=True, kw_only=True)
class Scenarios:
    """Which rules hold: those of presets that were named, or what `preflight.toml` above the sources says."""

    preset: tuple[str, ...]
    role: str | None
    explain: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        group = parser.add_argument_group("rules")
        group.add_argument(
            "-p",
            "--preset",
            action="append",
            default=[],
            metavar="PRESET",
            help="id or FILE.toml, may be repeated (default: what preflight.toml above the files says)",
        )
        group.add_argument("--role", help="what the files are used for (default: by their kind)")
        group.add_argument("--explain", action="store_true", help="every finding with rule, source and code")


@dataclass(frozen=True, kw_only=True)
class Judged(Inputs, Scenarios):
    """Of files that are held against rules."""

    no_resume: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments, the general ones aside."""
        Inputs.declare(parser)
        Scenarios.declare(parser)
        parser.add_argument("--no-resume", action="store_true", help="ignore what earlier runs found out or finished")


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """Which repairs are allowed."""

    at_least: str
    split: bool
    strip_tags: bool
    trim: bool
    crop: bool
    straighten: bool
    enlarge: bool
    background: str | None
    plain_names: bool
    trim_silence: bool

    @staticmethod
    def declare(parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "--at-least", choices=["lossless", "lossy"], default="lossy", help="the least safe repair allowed"
        )
        parser.add_argument(
            "--split",
            action="store_true",
            help="split decks of too many slides, and videos that are too long, into parts",
        )
        parser.add_argument(
            "--strip-tags", action="store_true", help="remove SSML elements that the rules refuse, keep words"
        )
        parser.add_argument(
            "--trim", action="store_true", help="cut videos and sounds that are too long off at the limit"
        )
        parser.add_argument(
            "--crop", action="store_true", help="crop photos to head and shoulders of the person in them"
        )
        parser.add_argument("--straighten", action="store_true", help="turn photos so that the head in them is upright")
        parser.add_argument("--enlarge", action="store_true", help="enlarge pictures that are too small for the rules")
        parser.add_argument(
            "--background", metavar="#RRGGBB", help="the colour under transparency that a scenario does not take"
        )
        parser.add_argument(
            "--plain-names", action="store_true", help="no date in names, where the platform's own tool writes one"
        )
        parser.add_argument("--trim-silence", action="store_true", help="cut long silence off both ends of recordings")
