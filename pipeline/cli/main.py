"""The command line: parse, call, print. No decisions about media are taken here."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pipeline
from pipeline.errors import PreflightError, UsageError, nearest_word
from pipeline.tools.libraries import require

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


class _Parser(argparse.ArgumentParser):
    """argparse, with our exit path and a suggestion on a typo."""

    def error(self, message: str) -> Any:
        hint = ""
        found = [word.strip("'\" ") for word in message.split("invalid choice:")[-1].split("(")[:1]]
        if "invalid choice" in message and self._subparsers is not None:
            hint = nearest_word(found[0], VERBS).en
        if message.startswith("unrecognized arguments: -"):
            known = [flag for action in self._actions for flag in action.option_strings]
            hint = nearest_word(message.split()[2], known).en
        raise UsageError(f"{message}.{hint} `preflight --help` shows the way.", f"{message}。{hint}")


def _common() -> _Parser:
    common = _Parser(add_help=False)
    output = common.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON document on standard output")
    output.add_argument("--jsonl", action="store_true", help="one JSON event a line on standard output")
    output.add_argument("--lang", choices=["en", "zh"], help="language of messages (else PREFLIGHT_LANG, LANG)")
    output.add_argument("-q", "--quiet", action="store_true", help="print only the last line")
    output.add_argument(
        "-v", "--verbose", action="store_true", help="show where unexpected errors happened and what libraries print"
    )
    return common


def _inputs() -> _Parser:
    inputs = _Parser(add_help=False)
    group = inputs.add_argument_group("input")
    group.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, folders (walked), 'patterns' with **, or their addresses"
    )
    group.add_argument("--from-file", metavar="LIST", help="paths from a file, one a line; - for standard input")
    group.add_argument("-0", "--null", action="store_true", help="paths in LIST end with NUL, as find -print0 has them")
    group.add_argument("--include", action="append", default=[], metavar="GLOB", help="of a folder, only these")
    group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="of a folder, not these")
    group.add_argument("-j", "--jobs", type=int, metavar="N", help="worker processes (default: processors)")
    group.add_argument("--fail-fast", action="store_true", help="stop at the first file that is not in order")
    group.add_argument("--executor", choices=["local", "dask"], default="local", help="where the work runs")
    group.add_argument("--scheduler", metavar="ADDR", help="of the Dask cluster, as tcp://host:8786")
    group.add_argument(
        "--deep",
        action="store_true",
        help="decode every frame to prove files undamaged; probe then measures faces as well",
    )
    return inputs


def _drawn() -> _Parser:
    drawn = _Parser(add_help=False)
    drawn.add_argument(
        "--plots",
        metavar="DIR",
        help="draw what was looked at, as PNG in this folder: of sounds outline and spectrogram, of photos box, "
        "outline, axes of the head and crop, of decks all pages",
    )
    return drawn


def _rules() -> _Parser:
    rules = _Parser(add_help=False)
    group = rules.add_argument_group("rules")
    group.add_argument("-p", "--preset", required=True, metavar="PRESET", help="id or FILE.toml")
    group.add_argument("--role", help="what the files are used for (default: by their kind)")
    group.add_argument("--explain", action="store_true", help="every finding with rule, source and code")
    return rules


def _resumed() -> _Parser:
    resumed = _Parser(add_help=False)
    resumed.add_argument("--no-resume", action="store_true", help="ignore what earlier runs found out or finished")
    return resumed


def _repair() -> _Parser:
    repair = _Parser(add_help=False)
    repair.add_argument(
        "--at-least", choices=["lossless", "lossy"], default="lossy", help="the least safe repair allowed"
    )
    repair.add_argument(
        "--split", action="store_true", help="split decks of too many slides, and videos that are too long, into parts"
    )
    repair.add_argument(
        "--strip-tags", action="store_true", help="remove SSML elements that the rules refuse, keep words"
    )
    repair.add_argument("--trim", action="store_true", help="cut videos and sounds that are too long off at the limit")
    repair.add_argument("--straighten", action="store_true", help="turn photos so that the head in them is upright")
    repair.add_argument("--enlarge", action="store_true", help="enlarge pictures that are too small for the rules")
    repair.add_argument(
        "--background", metavar="#RRGGBB", help="the colour under transparency that a scenario does not take"
    )
    repair.add_argument(
        "--plain-names", action="store_true", help="no date in names, where the platform's own tool writes one"
    )
    repair.add_argument("--trim-silence", action="store_true", help="cut long silence off both ends of recordings")
    return repair


def _delivery(verbs: Any, common: _Parser) -> None:
    """The verbs upload and sandbox."""
    upload = verbs.add_parser("upload", parents=[common], help="hand over what a manifest holds, and prove it")
    upload.add_argument("manifest", metavar="MANIFEST")
    upload.add_argument(
        "--to", required=True, metavar="DEST", help="file:///folder, a platform, an fsspec URL; see docs/upload.md"
    )
    upload.add_argument("--order", metavar="FILE", help="what no file can say: names, tags, make request (TOML)")
    upload.add_argument("--secrets", metavar="FILE", help="keys, readable by you alone (else environment, keyring)")
    upload.add_argument("--region", help="region of the platform, like cn-north-4")
    upload.add_argument("--project", help="project id at the platform")
    upload.add_argument("-j", "--jobs", type=int, metavar="N", help="transfers at a time (default: 4)")
    upload.add_argument("--bandwidth", metavar="RATE", help="bytes a second in all, like 500k or 10M")
    upload.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="for the platform's verdict")
    upload.add_argument("--dry-run", action="store_true", help="print every call, send nothing")
    upload.add_argument("--force", action="store_true", help="send what changed or did not pass; is recorded")
    sandbox = verbs.add_parser("sandbox", parents=[common], help="both platforms on this machine, to try against")
    sandbox.add_argument("--port", type=int, default=0, help="on the loopback interface (default: any)")
    sandbox.add_argument("--folder", metavar="DIR", help="keep what is sent here")
    sandbox.add_argument("--faults", type=float, default=0.0, metavar="SHARE", help="of calls that go wrong, 0 to 1")
    sandbox.add_argument("--fault", action="append", default=[], metavar="KIND", help="only these kinds of fault")
    sandbox.add_argument("--seed", type=int, default=0, help="of the faults")
    sandbox.add_argument("--region", default="cn-north-4", help="whose rate limits hold")
    sandbox.add_argument("--pace", type=float, default=1.0, help="times the stated rate limits")
    sandbox.add_argument("--quota", default="5368709120", metavar="BYTES", help="space of the account, like 10G")
    sandbox.add_argument("--review", type=float, default=0.0, metavar="SECONDS", help="that an asset is reviewed")
    sandbox.add_argument("--clock-offset", type=float, default=0.0, metavar="SECONDS", help="its clock runs ahead")


_WORKING = frozenset({"probe", "check", "plan", "prepare", "verify"})
VERBS = (
    "probe",
    "check",
    "plan",
    "prepare",
    "verify",
    "report",
    "scenes",
    "package",
    "serve",
    "upload",
    "sandbox",
    "presets",
    "explain",
    "doctor",
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common, inputs, rules, repair = _common(), _inputs(), _rules(), _repair()
    top = _Parser(
        prog="preflight",
        description="Check, repair, prove and hand over media for digital-human platforms.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"preflight {pipeline.__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    verbs.add_parser("probe", parents=[inputs, _drawn(), common], help="facts, no rules")
    resumed = _resumed()
    verbs.add_parser(
        "check", parents=[inputs, rules, resumed, _drawn(), common], help="facts against rules; changes nothing"
    )
    verbs.add_parser("plan", parents=[inputs, rules, repair, resumed, common], help="what prepare would do")
    prepare = verbs.add_parser(
        "prepare",
        parents=[inputs, rules, repair, resumed, _drawn(), common],
        help="repair, prove, digest; sources are never touched",
    )
    prepare.add_argument("-o", "--out", required=True, metavar="OUT", help="output folder, or its address")
    prepare.add_argument("--overwrite", choices=["never", "always"], default="never", help="files in the way")
    prepare.add_argument("--dry-run", action="store_true", help="plan only")
    verify = verbs.add_parser("verify", parents=[common], help="files, digests and rules of a finished run, again")
    verify.add_argument("manifest", metavar="MANIFEST")
    verify.add_argument("-j", "--jobs", type=int, metavar="N", help="worker processes (default: processors)")
    report = verbs.add_parser("report", parents=[common], help="a report or manifest as .html .json .xml .csv .md")
    report.add_argument("reports", nargs="+", metavar="MANIFEST", help="manifests and reports; - for standard input")
    report.add_argument("-o", "--out", required=True, metavar="FILE", help="the ending says what is written")
    report.add_argument("--no-pictures", action="store_true", help="text only")
    report.add_argument("-j", "--jobs", type=int, metavar="N", help="worker processes (default: processors)")
    scenes = verbs.add_parser("scenes", parents=[rules, common], help="a script or deck as scenes within the limits")
    scenes.add_argument("path", metavar="FILE", help="plain text, SSML, PPTX, PPT, ODP or PDF")
    scenes.add_argument("-o", "--out", required=True, metavar="OUT", help="output folder")
    scenes.add_argument("--strip-tags", action="store_true", help="remove SSML elements that the rules refuse")
    package = verbs.add_parser(
        "package",
        parents=[rules, common],
        help="a voice package of clips or of one long take; clips joined to one prompt",
    )
    package.add_argument("source", metavar="FOLDER-or-TAKE", help="clips with their texts, or one recording")
    package.add_argument("--script", metavar="FILE", help="of a take: its sentences, one a line")
    package.add_argument("--cuts", metavar="FILE", help="of a take: the list of cuts, looked through and corrected")
    package.add_argument("--in-order", action="store_true", help="of a take: its lines were read once each, in order")
    package.add_argument("-o", "--out", required=True, metavar="OUT", help="output folder")
    package.add_argument("--overwrite", choices=["never", "always"], default="never", help="files in the way")
    serve = verbs.add_parser("serve", parents=[common], help="a local page: drop files, watch, read, download")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, default=8765, help="port; 0 takes a free one (default: 8765)")
    serve.add_argument("--max-size", default="6 GiB", metavar="SIZE", help="largest file taken (default: 6 GiB)")
    serve.add_argument("-j", "--jobs", type=int, metavar="N", help="worker processes (default: processors)")
    _delivery(verbs, common)
    presets = verbs.add_parser("presets", parents=[common], help="list, show ID, lint FILE")
    presets.add_argument("what", nargs="?", choices=["list", "show", "lint"], default="list")
    presets.add_argument("name", nargs="?", metavar="ID-or-FILE")
    explain = verbs.add_parser("explain", parents=[common], help="a rule: limit, document, section, date, code")
    explain.add_argument("rule", metavar="RULE")
    verbs.add_parser("doctor", parents=[common], help="whether the tools can do it")
    return top


def language(asked: str | None) -> str:
    """The language of messages: asked for, else PREFLIGHT_LANG, else the locale, else English."""
    wanted = asked or os.environ.get("PREFLIGHT_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wanted.lower().startswith("zh") else "en"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code of the contract."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(50_000, 20, 20)  # many small values, hardly a circle among them: looking for some costs a tenth
    try:
        options = parser().parse_args(given)
        if options.verb != "doctor":  # which says it of every library, not of the first
            require()
        _warm(options)
        module = import_module(f"pipeline.cli.{'check' if options.verb == 'plan' else options.verb}")
        verb: Callable[[argparse.Namespace, str], int] = getattr(module, f"{options.verb}_verb")
        return verb(options, language(options.lang))
    except PreflightError as error:
        return _failed(error, given)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; run the same command again to continue\n")
        return 130
    except _Terminated:
        return 143
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _warm(options: argparse.Namespace) -> None:
    """Let the server of the workers load what they need while this process does, unless none may be needed."""
    if options.verb not in _WORKING or getattr(options, "executor", "local") != "local":
        return
    if options.verb == "prepare":
        from pipeline.storage.publish import LOCK

        if os.path.exists(os.path.join(options.out, LOCK)):  # noqa: PTH110, PTH118  before anything is imported
            return  # an earlier run was here, and its journal may know everything
    if options.verb in {"check", "plan"} and not options.no_resume and options.paths:
        from pipeline.engine.cache import anything

        if anything(options.paths[0]):
            return
    from pipeline.engine.pool import warm

    warm()


class _Terminated(BaseException):
    """SIGTERM, raised where the main thread is so that every `finally` runs."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _failed(error: PreflightError, given: Sequence[str]) -> int:
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
