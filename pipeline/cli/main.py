"""The command line: parse, call, print. No decisions about media are taken here."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pipeline.cli.arguments import Parser, spoken
from pipeline.cli.options import language
from pipeline.cli.verbs import VERBS, parser
from pipeline.errors import AssetError, OurFault, PreflightError, SystemRefused, UsageError
from pipeline.model.facts import Text
from pipeline.tools.launch import unseen
from pipeline.tools.libraries import require

if TYPE_CHECKING:
    from pipeline.cli.options import Options


class VerbModule(Protocol):
    """What the module of a verb has."""

    def declare(self, parser: Parser) -> type[Options]:
        """Add the arguments; the class that they become."""

    def run(self, options: Any) -> int:
        """Do it; the exit code."""


def parsed(given: Sequence[str]) -> tuple[VerbModule, Options]:
    """The module of the verb that these arguments name, and its options. Raises UsageError, SystemExit after help."""
    top, verbs = parser(language(spoken(given)))
    given = _verb_first(given)
    used = next((verb for verb in VERBS if verb.name in given[:1]), None)
    if used is None:
        top.parse_args(given)  # answers, or raises
        raise UsageError(f"{given[0]} is no verb", f"{given[0]} 不是命令")
    if used.name != "doctor":  # which says it of every library, not of the first
        require()
    top.below = verbs[used.name]
    module = cast(VerbModule, import_module(used.module))
    options = module.declare(top.below)
    return module, options.of(top.parse_args(given))


def _verb_first(given: Sequence[str]) -> Sequence[str]:
    """The language may be said in front of the verb as well as behind it."""
    said = 2 if given[:1] == ["--lang"] else 1 if given and given[0].startswith("--lang=") else 0
    return [*given[said : said + 1], *given[:said], *given[said + 1 :]]


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
        said = Text("interrupted; run the same command again to continue", "已中断；重新运行同一命令即可继续")
        sys.stderr.write(f"\n{said.of(language(spoken(given)))}\n")
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
    text = error.text.plus(_reported(error, given)) if isinstance(error, OurFault) else error.text
    said = text.of(language(spoken(given)))
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
