"""The command line: parse, call, print. No decisions about media are taken here."""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import pipeline
from pipeline.cli.options import language
from pipeline.errors import AssetError, OurFault, PreflightError, SystemRefused, UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.tools.launch import unseen
from pipeline.tools.libraries import require

if TYPE_CHECKING:
    from pipeline.cli.options import Options

_EXAMPLES = """\
examples:
  preflight check clip.mp4 -p metastudio/video-production
  preflight fit clip.mp4
  preflight plan clip.mp4 -p metastudio/video-production
  preflight prepare media/ -p metastudio/video-production -o out/
  preflight verify out/manifest.json
  preflight report out/manifest.json -o report.html
  preflight presets list
  preflight explain metastudio.video-production.video.max-fps

exit codes:
  0 all comply, or were fixed and verified   1 at least one asset does not comply
  2 usage, configuration or preset error; nothing to do   3 a needed tool or network is missing
  4 an asset could not be checked or converted   5 upload failed   130 interrupted
  70 a fault of ours; the place of its crash report is said
"""


class Verb(NamedTuple):
    """A verb as the command's help shows it. Its module is imported when it is used, so that help comes at once."""

    name: str
    help: str
    module: str
    examples: tuple[str, ...]  # what stands behind it, as a shell has it

    @property
    def shown(self) -> str:
        """What stands below its help."""
        lines = [f"  preflight {self.name} {one}".rstrip() for one in self.examples]
        return "\n".join(["examples:", *lines])


VERBS: Final = (
    Verb("probe", "facts, no rules", "pipeline.cli.probe", ("clip.mp4", "photo.jpg --deep --json")),
    Verb(
        "check",
        "facts against rules; changes nothing",
        "pipeline.cli.check",
        (
            "clip.mp4 -p convert/h264-1080p",
            "media/",
            "media/ -p convert/h264-1080p -p convert/edit-25fps",
            "media/ -p mine.toml --include '*.mp4' --explain",
        ),
    ),
    Verb(
        "fit",
        "which scenarios take a file as it is, with repair, or not and why; best first",
        "pipeline.cli.fit",
        ("clip.mp4", "media/ --json"),
    ),
    Verb(
        "init",
        "write preflight.toml from what lies in a folder: what its files are for",
        "pipeline.cli.init",
        ("", "media/"),
    ),
    Verb("plan", "what prepare would do", "pipeline.cli.plan", ("clip.mp4 -p convert/edit-25fps",)),
    Verb(
        "prepare",
        "repair, prove, digest; sources are never touched",
        "pipeline.cli.prepare",
        (
            "media/ -p convert/h264-1080p -o out/",
            "--from-file out/quarantine.list -p convert/h264-1080p -o out/",
        ),
    ),
    Verb("verify", "files, digests and rules of a finished run, again", "pipeline.cli.verify", ("out/manifest.json",)),
    Verb(
        "report",
        "a report or manifest as .html .json .xml .csv .md",
        "pipeline.cli.report",
        ("out/manifest.json -o report.html",),
    ),
    Verb(
        "scenes",
        "a script or deck as scenes within the limits",
        "pipeline.cli.scenes",
        ("script.txt -p mine.toml -o out/",),
    ),
    Verb(
        "package",
        "a voice package of clips or of one long take; clips joined to one prompt",
        "pipeline.cli.package",
        ("clips/ -p mine.toml -o out/",),
    ),
    Verb("serve", "a local page: drop files, watch, read, download", "pipeline.cli.serve", ("",)),
    Verb(
        "upload",
        "hand over what a manifest holds, and prove it",
        "pipeline.cli.upload",
        ("out/manifest.json --to file:///srv/handover", "out/manifest.json --to file:///srv/handover --dry-run"),
    ),
    Verb(
        "order",
        "an order to fill in, for a preset",
        "pipeline.cli.order",
        ("mine.toml",),
    ),
    Verb("status", "how everything of an upload stands now", "pipeline.cli.status", ("out/upload.json",)),
    Verb("sandbox", "both platforms on this machine, to try against", "pipeline.cli.sandbox", ("",)),
    Verb("schema", "the JSON Schema of a report, a manifest or an event", "pipeline.cli.schema", ("manifest",)),
    Verb(
        "presets",
        "list, show ID, lint FILE",
        "pipeline.cli.presets",
        ("list", "show convert/mono-wav", "lint mine.toml"),
    ),
    Verb(
        "explain",
        "a rule, a platform's code or a check: limit, document, section, date",
        "pipeline.cli.explain",
        ("max-fps", "'frame rate'"),
    ),
    Verb("doctor", "whether the tools can do it", "pipeline.cli.doctor", ("", "--strict")),
)


class VerbModule(Protocol):
    """What the module of a verb has."""

    def declare(self, parser: argparse.ArgumentParser) -> type[Options]:
        """Add the arguments; the class that they become."""

    def run(self, options: Any) -> int:
        """Do it; the exit code."""


class _Once(argparse._StoreAction):  # noqa: SLF001  what `action="store"` is; there is no public name for it
    """An option with one value. argparse would forget the first of two in silence."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        given = namespace.__dict__.setdefault("given once", {})
        if option_string and given.setdefault(self.dest, values) != values:
            first = given[self.dest]
            raise UsageError(
                f"{option_string} was given twice: {first} and {values}; give one",
                f"{option_string} 给出了两次：{first} 和 {values}；请只给一个",
            )
        super().__call__(parser, namespace, values, option_string)


class _Parser(argparse.ArgumentParser):
    """argparse, with our exit path, no option forgotten and a suggestion on a typo."""

    below: _Parser | None = None  # of the verb that is used

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        for name in (None, "store"):
            self.register("action", name, _Once)

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
    raw = argparse.RawDescriptionHelpFormatter
    parsers = {
        verb.name: verbs.add_parser(verb.name, help=verb.help, epilog=verb.shown, formatter_class=raw) for verb in VERBS
    }
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
    if arguments is None:
        _names_in_utf8()
    for name in _ENDING:
        number = getattr(signal, name, None)  # Windows has but one of them
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, _terminated)
    gc.set_threshold(50_000, 20, 20)  # many small values, hardly a circle among them: looking for some costs a tenth
    try:
        _streams(plain="--json" not in given and "--jsonl" not in given)
        module, options = parsed(given)
        unseen()  # the environment we were started with stays in our memory, whatever becomes of the variables
        code = module.run(options)
        sys.stdout.flush()  # what cannot be written is told here, not while Python ends
    except PreflightError as error:
        return _failed(error, given)
    except KeyboardInterrupt:  # asked for, and said; the journal has what is finished
        sys.stderr.write("\ninterrupted; run the same command again to continue\n")
        return 130
    except _Terminated as ended:  # asked for by who sent the signal, and told by the exit code
        return 128 + ended.number
    except BrokenPipeError:  # nobody reads any more, as after `| head`; the exit code is SIGPIPE's
        _unheard()
        return 141
    except OSError as error:
        return _failed(SystemRefused(error), given)
    except MemoryError:  # of this process; that of a worker is told with its file
        return _failed(
            AssetError("there is no memory left; use fewer workers (-j)", "内存不足；请减少进程数（-j）"), given
        )
    except Exception as error:  # noqa: BLE001  a fault of ours ends in a sentence and a report, never in a trace
        from pipeline.storage import crash

        told = type(error).__name__
        return _failed(OurFault(f"a fault of ours ({told})", f"本工具的缺陷（{told}）", (crash.trace(error),)), given)
    return code


def _names_in_utf8() -> None:
    """Where names are ASCII to Python (LC_ALL=POSIX, say), files have others all the same: begin again with UTF-8."""
    if os.name == "posix" and sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  ourselves


def _streams(*, plain: bool) -> None:
    """Standard streams that are there, and that take every text: JSON is UTF-8, else what they lack becomes escapes."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # closed: no file of ours may get one of their numbers
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for good, by number
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            told = stream.encoding if plain or stream is sys.stderr else "utf-8"
            stream.reconfigure(encoding=told, errors="backslashreplace")


def _unheard() -> None:
    """Whatever is still to be written to standard output goes nowhere."""
    with suppress(OSError, ValueError):  # no number of its own, or no number left: then there is nothing to lead away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_ENDING: Final = ("SIGTERM", "SIGHUP", "SIGQUIT")  # asked to end; the terminal went away; the key that asks harder


class _Terminated(BaseException):
    """One of them, raised where the main thread is so that every `finally` runs."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _terminated(number: int, _: object) -> None:
    for name in _ENDING:  # a terminal that closes tells its group, and then a shell its jobs: once is enough
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise _Terminated(number)


def _failed(error: PreflightError, given: Sequence[str]) -> int:
    """Say what went wrong, as a document too where one was asked for and none is out; the exit code."""
    asked = next((word.partition("=")[2] for word in given if word.startswith("--lang=")), None)
    if "--lang" in given[:-1]:
        asked = given[given.index("--lang") + 1]
    text = error.text.plus(_reported(error, given)) if isinstance(error, OurFault) else error.text
    said = text.of(language(asked))
    documented = isinstance(error, OurFault) and error.documented
    try:
        if ("--json" in given or "--jsonl" in given) and not documented:
            told = {"type": type(error).__name__, "message": said}
            sys.stdout.write(
                json.dumps({"schema": "media-preflight/error/1", "error": told}, ensure_ascii=False) + "\n"
            )
        sys.stdout.flush()
    except OSError:  # full, or nobody reads: the sentence below and the exit code say it
        _unheard()
    with suppress(OSError):  # nobody can be told; the exit code says it
        sys.stderr.write(f"preflight: {said}\n")
        sys.stderr.flush()
    return error.exit_code


def _reported(fault: OurFault, given: Sequence[str]) -> Text:
    """Write the crash report, and say where it is."""
    from pipeline.storage import crash

    path = crash.write(fault.traces, given)
    if path is None:
        return Text("; its crash report could not be written anywhere", "；崩溃报告无处可写")
    return Text(
        f"; the crash report is {path}: it holds nothing of your files, please send it to us",
        f"；崩溃报告位于 {path}：其中不含您的文件内容，请发送给我们",
    )


if __name__ == "__main__":
    sys.exit(main())
