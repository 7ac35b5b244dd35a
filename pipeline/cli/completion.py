"""`preflight completion SHELL`: what a shell needs to complete verbs, options, presets and files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.cli.verbs import VERBS, parser
from pipeline.errors import ToolMissing
from pipeline.model.facts import Text

SHELLS: Final = ("bash", "zsh", "fish")
# What stands for a folder, a file and a preset in the usage of the verbs.
_FOLDERS: Final = frozenset({"DIR", "OUT", "FOLDER"})
_FILES: Final = frozenset({"PATH", "LIST", "FILE", "MANIFEST", "UPLOAD.json", "FOLDER-or-TAKE"})
_PRESETS: Final = frozenset({"PRESET", "ID-or-FILE"})


@dataclass(frozen=True, kw_only=True)
class CompletionOptions(Options):
    """Of `preflight completion`."""

    shell: str


def declare(parser: Parser) -> type[CompletionOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=Text("bash, zsh or fish", "bash、zsh 或 fish"))
    Options.declare(parser)
    return CompletionOptions


def run(options: CompletionOptions) -> int:
    """Print the script, one text whatever was asked for. Raises ToolMissing."""
    try:
        import shtab
    except ImportError:
        raise ToolMissing(
            "completion needs shtab: pip install 'media-preflight[completion]'",
            "命令补全需要 shtab：pip install 'media-preflight[completion]'",
        ) from None
    from pipeline.rules import presets

    top, below = parser(options.lang)
    names = _presets(presets.names())
    kinds: dict[str, Any] = dict.fromkeys(_FOLDERS, shtab.DIRECTORY) | dict.fromkeys(_FILES, shtab.FILE)
    kinds |= dict.fromkeys(_PRESETS, names)
    for verb in VERBS:
        import_module(verb.module).declare(below[verb.name])
        for action in below[verb.name]._actions:  # noqa: SLF001  argparse has no other way to what was declared
            if action.metavar in kinds:
                vars(action)["complete"] = kinds[str(action.metavar)]  # where shtab looks
    sys.stdout.write(shtab.complete(top, shell=options.shell).rstrip("\n") + "\n")
    return 0


def _presets(names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """Those that are shipped, and files. The shells' own functions for it are named in each one's way."""
    words = " ".join(names)
    bash = f"""\
_preflight_presets() {{
  compgen -W "{words}" -- "$1"
  compgen -f -X '!*.toml' -- "$1"
  compgen -d -S / -- "$1"
}}"""
    zsh = f"""\
_preflight_presets() {{
  _alternative 'presets:preset:({words})' 'files:file:_files -g "*.toml"'
}}"""
    return {
        "bash": "_preflight_presets",
        "zsh": "_preflight_presets",
        "fish": rf"(printf '%s\n' {words}; __fish_complete_suffix .toml)",
        "preamble": {"bash": bash, "zsh": zsh},
    }
