"""The command line: parse, call, print. No decisions about media are taken here."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import pipeline
from pipeline.errors import PreflightError, UsageError, nearest_word
from pipeline.tools.libraries import require

if TYPE_CHECKING:
    from pipeline.cli.options import Options

_EXAMPLES = """\
examples:
  preflight check clip.mp4 -p metastudio/video-production
  preflight plan clip.mp4 -p metastudio/video-production
  preflight prepare media/ -p metastudio/video-production -o out/
  preflight verify out/manifest.json
  preflight report out/manifest.json -o report.html
  preflight presets list
  preflight explain metastudio.video-production.video.max-fps

exit codes:
  0 all comply, or were fixed and verified   1 at least one asset does not comply
  2 usage, configuration or preset error     3 a needed tool is missing
  4 an asset could not be checked or converted   5 upload failed   130 interrupted
"""


class Verb(NamedTuple):
    """A verb as the command's help shows it. Its module is imported when it is used, so that help comes at once."""

    name: str
    help: str
    module: str


VERBS: Final = (
    Verb("probe", "facts, no rules", "pipeline.cli.probe"),
    Verb("check", "facts against rules; changes nothing", "pipeline.cli.check"),
    Verb("plan", "what prepare would do", "pipeline.cli.plan"),
    Verb("prepare", "repair, prove, digest; sources are never touched", "pipeline.cli.prepare"),
    Verb("verify", "files, digests and rules of a finished run, again", "pipeline.cli.verify"),
    Verb("report", "a report or manifest as .html .json .xml .csv .md", "pipeline.cli.report"),
    Verb("scenes", "a script or deck as scenes within the limits", "pipeline.cli.scenes"),
    Verb("package", "a voice package of clips or of one long take; clips joined to one prompt", "pipeline.cli.package"),
    Verb("serve", "a local page: drop files, watch, read, download", "pipeline.cli.serve"),
    Verb("upload", "hand over what a manifest holds, and prove it", "pipeline.cli.upload"),
    Verb("order", "an order to fill in, for a preset", "pipeline.cli.order"),
    Verb("status", "how everything of an upload stands now", "pipeline.cli.status"),
    Verb("sandbox", "both platforms on this machine, to try against", "pipeline.cli.sandbox"),
    Verb("schema", "the JSON Schema of a report, a manifest or an event", "pipeline.cli.schema"),
    Verb("presets", "list, show ID, lint FILE", "pipeline.cli.presets"),
    Verb("explain", "a rule: limit, document, section, date, code", "pipeline.cli.explain"),
    Verb("doctor", "whether the tools can do it", "pipeline.cli.doctor"),
)


class VerbModule(Protocol):
    """What the module of a verb has."""

    def declare(self, parser: argparse.ArgumentParser) -> type[Options]:
        """Add the arguments; the class that they become."""

    def run(self, options: Any) -> int:
        """Do it; the exit code."""


class _Parser(argparse.ArgumentParser):
    """argparse, with our exit path and a suggestion on a typo."""

    below: _Parser | None = None  # of the verb that is used

    def flags(self) -> list[str]:
        """Every option there is, of the verb where one is used."""
        return self.below.flags() if self.below else [flag for one in self._actions for flag in one.option_strings]

    def error(self, message: str) -> Any:
        hint = ""
        found = [word.strip("'\" ") for word in message.split("invalid choice:")[-1].split("(")[:1]]
        if "invalid choice" in message and self._subparsers is not None:
            hint = nearest_word(found[0], [verb.name for verb in VERBS]).en
        if message.startswith("unrecognized arguments: -"):
            hint = nearest_word(message.split()[2].partition("=")[0], self.flags()).en
        raise UsageError(f"{message}.{hint} `preflight --help` shows the way.", f"{message}。{hint}")


def parsed(given: Sequence[str]) -> tuple[VerbModule, Options]:
    """The module of the verb that these arguments name, and its options. Raises UsageError, SystemExit after help."""
    top = _Parser(
        prog="preflight",
        description="Check, repair, prove and hand over media for digital-human platforms.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"preflight {pipeline.__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    parsers = {verb.name: verbs.add_parser(verb.name, help=verb.help) for verb in VERBS}
    used = next((verb for verb in VERBS if verb.name in given[:1]), None)
    if used is None:
        top.parse_args(given)  # answers, or raises
        raise UsageError(f"{given[0]} is no verb", f"{given[0]} 不是命令")
    if used.name != "doctor":  # which says it of every library, not of the first
        require()
    top.below = parsers[used.name]
    module = cast(VerbModule, import_module(used.module))
    options = module.declare(top.below)
    return module, options.of(top.parse_args(given))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code of the contract."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(50_000, 20, 20)  # many small values, hardly a circle among them: looking for some costs a tenth
    try:
        module, options = parsed(given)
        return module.run(options)
    except PreflightError as error:
        return _failed(error, given)
    except KeyboardInterrupt:  # asked for, and said; the journal has what is finished
        sys.stderr.write("\ninterrupted; run the same command again to continue\n")
        return 130
    except _Terminated:  # asked for by who sent the signal, and told by the exit code
        return 143
    except BrokenPipeError:  # nobody reads any more, as after `| head`; the exit code is SIGPIPE's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


class _Terminated(BaseException):
    """SIGTERM, raised where the main thread is so that every `finally` runs."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _failed(error: PreflightError, given: Sequence[str]) -> int:
    from pipeline.cli.options import language

    asked = next((word.partition("=")[2] for word in given if word.startswith("--lang=")), None)
    if "--lang" in given[:-1]:
        asked = given[given.index("--lang") + 1]
    said = error.text.of(language(asked))
    if "--json" in given or "--jsonl" in given:
        import json

        told = {"type": type(error).__name__, "message": said}
        sys.stdout.write(json.dumps({"schema": "media-preflight/error/1", "error": told}, ensure_ascii=False) + "\n")
    sys.stderr.write(f"preflight: {said}\n")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
