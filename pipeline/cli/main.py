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
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import pipeline
from pipeline.cli.arguments import Parser, spoken
from pipeline.cli.options import language
from pipeline.errors import AssetError, OurFault, PreflightError, SystemRefused, UsageError
from pipeline.model.facts import Text
from pipeline.tools.launch import unseen
from pipeline.tools.libraries import require

if TYPE_CHECKING:
    from pipeline.cli.options import Options

_EXAMPLES: Final = (
    "check clip.mp4 -p convert/h264-1080p",
    "fit clip.mp4",
    "plan clip.mp4 -p convert/h264-1080p",
    "prepare media/ -p convert/h264-1080p -o out/",
    "verify out/manifest.json",
    "report out/manifest.json -o report.html",
    "presets list",
    "explain max-fps",
)
_EXIT_CODES: Final = (
    (0, Text("all comply, or were fixed and verified", "全部合规，或已修复并验证")),
    (1, Text("at least one asset does not comply", "至少一个素材不合规")),
    (2, Text("usage, configuration or preset error; nothing to do", "用法、配置或预设有误；没有可处理的文件")),
    (3, Text("a needed tool or network is missing", "缺少所需的工具或网络")),
    (4, Text("an asset could not be checked or converted", "有素材无法检查或转换")),
    (5, Text("upload failed", "上传失败")),
    (6, Text("the platform waits for a person", "平台等待人工确认")),
    (70, Text("a fault of ours; the place of its crash report is said", "本工具的缺陷；会给出崩溃报告的位置")),
    (130, Text("interrupted; the same command goes on", "已中断；重新运行同一命令即可继续")),
)


class Verb(NamedTuple):
    """A verb as the command's help shows it. Its module is imported when it is used, so that help comes at once."""

    name: str
    help: Text
    module: str
    examples: tuple[str, ...]  # what stands behind it, as a shell has it

    @property
    def shown(self) -> Text:
        """What stands below its help."""
        return _shown([f"{self.name} {one}".rstrip() for one in self.examples])


def _shown(examples: Sequence[str]) -> Text:
    """Examples as help has them."""
    lines = "".join(f"\n  preflight {one}" for one in examples)
    return Text(f"examples:{lines}", f"示例：{lines}")


def _exit_codes() -> Text:
    rows = [(f"{code:>5}  ", said) for code, said in _EXIT_CODES]
    en, zh = ("\n".join(code + said.of(lang) for code, said in rows) for lang in ("en", "zh"))
    return Text(f"\n\nexit codes:\n{en}", f"\n\n退出码：\n{zh}")


VERBS: Final = (
    Verb(
        "probe",
        Text("facts, no rules", "只读取参数，不按规则判断"),
        "pipeline.cli.probe",
        ("clip.mp4", "photo.jpg --deep --json"),
    ),
    Verb(
        "check",
        Text("facts against rules; changes nothing", "按规则检查；不做任何修改"),
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
        Text(
            "which scenarios take a file as it is, with repair, or not and why; best first",
            "文件适合哪些场景：直接可用、修复后可用，或不可用及原因；最合适的在前",
        ),
        "pipeline.cli.fit",
        ("clip.mp4", "media/ --json"),
    ),
    Verb(
        "init",
        Text(
            "write preflight.toml from what lies in a folder: what its files are for",
            "按文件夹中的内容编写 preflight.toml：各文件的用途",
        ),
        "pipeline.cli.init",
        ("", "media/"),
    ),
    Verb(
        "plan",
        Text("what prepare would do", "prepare 将会做什么"),
        "pipeline.cli.plan",
        ("clip.mp4 -p convert/edit-25fps",),
    ),
    Verb(
        "prepare",
        Text("repair, prove, digest; sources are never touched", "修复、验证、计算摘要；从不改动源文件"),
        "pipeline.cli.prepare",
        (
            "media/ -p convert/h264-1080p -o out/",
            "--from-file out/quarantine.list -p convert/h264-1080p -o out/",
        ),
    ),
    Verb(
        "verify",
        Text("files, digests and rules of a finished run, again", "重新核对一次运行的文件、摘要和规则"),
        "pipeline.cli.verify",
        ("out/manifest.json",),
    ),
    Verb(
        "report",
        Text("a report or manifest as .html .json .xml .csv .md", "将报告或清单输出为 .html .json .xml .csv .md"),
        "pipeline.cli.report",
        ("out/manifest.json -o report.html",),
    ),
    Verb(
        "scenes",
        Text("a script or deck as scenes within the limits", "将讲稿或演示文稿拆成符合限制的场景"),
        "pipeline.cli.scenes",
        ("script.txt -p mine.toml -o out/",),
    ),
    Verb(
        "package",
        Text(
            "a voice package of clips or of one long take; clips joined to one prompt",
            "用录音片段或一条长录音制作声音训练包；或将片段拼接为一条提示音",
        ),
        "pipeline.cli.package",
        ("clips/ -p mine.toml -o out/",),
    ),
    Verb(
        "serve",
        Text("a local page: drop files, watch, read, download", "本地页面：拖入文件，查看进度和报告，下载结果"),
        "pipeline.cli.serve",
        ("",),
    ),
    Verb(
        "upload",
        Text("hand over what a manifest holds, and prove it", "交付清单中的文件，并验证已送达"),
        "pipeline.cli.upload",
        ("out/manifest.json --to file:///srv/handover", "out/manifest.json --to file:///srv/handover --dry-run"),
    ),
    Verb(
        "order",
        Text("an order to fill in, for a preset", "某个预设的待填订单"),
        "pipeline.cli.order",
        ("mine.toml",),
    ),
    Verb(
        "status",
        Text("how everything of an upload stands now", "一次上传中各项目前的状态"),
        "pipeline.cli.status",
        ("out/upload.json",),
    ),
    Verb(
        "sandbox",
        Text("both platforms on this machine, to try against", "在本机模拟两个平台，供试用"),
        "pipeline.cli.sandbox",
        ("",),
    ),
    Verb(
        "schema",
        Text("the JSON Schema of a report, a manifest or an event", "报告、清单或事件的 JSON Schema"),
        "pipeline.cli.schema",
        ("manifest",),
    ),
    Verb(
        "presets",
        Text("list, show ID, lint FILE", "列出全部（list）、显示一个（show 编号）、检查文件（lint 文件）"),
        "pipeline.cli.presets",
        ("list", "show convert/mono-wav", "lint mine.toml"),
    ),
    Verb(
        "explain",
        Text(
            "a rule, a platform's code or a check: limit, document, section, date",
            "规则、平台错误码或检查项：限制、文档、章节、日期",
        ),
        "pipeline.cli.explain",
        ("max-fps", "'frame rate'"),
    ),
    Verb(
        "doctor", Text("whether the tools can do it", "所需工具是否齐全可用"), "pipeline.cli.doctor", ("", "--strict")
    ),
)


class VerbModule(Protocol):
    """What the module of a verb has."""

    def declare(self, parser: Parser) -> type[Options]:
        """Add the arguments; the class that they become."""

    def run(self, options: Any) -> int:
        """Do it; the exit code."""


def parser(lang: str) -> tuple[Parser, dict[str, Parser]]:
    """The command, and each of its verbs without its arguments yet, with help in this language."""
    top = Parser(
        prog="preflight",
        lang=lang,
        description=Text(
            "Check, repair, prove and hand over media for digital-human platforms.",
            "检查、修复、验证并交付数字人平台所需的媒体素材。",
        ),
        epilog=_shown(_EXAMPLES).plus(_exit_codes()),
    )
    version = Text("show the version and exit", "显示版本")
    top.add_argument("--version", action="version", version=f"preflight {pipeline.__version__}", help=version)
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    below = {
        verb.name: verbs.add_parser(
            verb.name, lang=lang, help=verb.help.of(lang), description=verb.help.of(lang), epilog=verb.shown.of(lang)
        )
        for verb in VERBS
    }
    return top, below


def parsed(given: Sequence[str]) -> tuple[VerbModule, Options]:
    """The module of the verb that these arguments name, and its options. Raises UsageError, SystemExit after help."""
    top, verbs = parser(language(spoken(given)))
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
