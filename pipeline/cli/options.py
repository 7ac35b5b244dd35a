"""Options that several verbs share: each group declares its arguments and is the frozen value they become.

A verb's own options are a class made of these groups. The name of an argument is the name of its field.
"""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import dataclass, fields, make_dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from pipeline.cli.arguments import Group, Parser
from pipeline.model.facts import Text
from pipeline.model.job import Running, Watch
from pipeline.model.repairs import CHOICES, Repairs


def language(asked: str | None) -> str:
    """The language of messages: asked for, else PREFLIGHT_LANG, else the locale, else English."""
    told = (os.environ.get(name) for name in ("PREFLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    wanted = asked or next(filter(None, told), "en")
    return "zh" if wanted.lower().startswith("zh") else "en"


# Under what heading options stand in the help.
INPUT: Final = Text("input", "输入")
WORK: Final = Text("how it runs", "运行方式")
RULES: Final = Text("rules", "规则")
REPAIRS: Final = Text("repairs", "修复")
OUTPUT: Final = Text("output", "输出")
MESSAGES: Final = Text("messages", "消息")

_WORKERS: Final = Text("worker processes (default: processors)", "工作进程数（默认：处理器数）")


def workers(parser: Parser, what: Text = _WORKERS) -> None:
    """-j, for all that do several things at once."""
    parser.group(WORK).add_argument("-j", "--jobs", type=int, metavar="N", help=what)


# Those that people meet most; every one that Python knows is taken.
ENCODINGS: Final = ("gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "utf-16", "windows-1252", "koi8-r")


def encoding(parser: Parser) -> None:
    """--encoding, for all that read texts."""
    some = ", ".join(ENCODINGS[:4])
    parser.group(INPUT).add_argument(
        "--encoding",
        metavar="NAME",
        help=Text(
            f"encoding of scripts, subtitles and names in zips that do not show it: {some}, ...",
            f"文案、字幕与 zip 内文件名的编码（无法自动确定时）：{some} 等",
        ),
    )


def overwriting(parser: Parser) -> None:
    """--overwrite, for all that write into a folder of outputs."""
    parser.group(OUTPUT).add_argument(
        "--overwrite", choices=["never", "always"], default="never", help=Text("files in the way", "目标位置已有文件时")
    )


def access(parser: Parser) -> None:
    """--secrets, --region, --project, for all that speak to a platform."""
    parser.add_argument(
        "--secrets",
        metavar="FILE",
        help=Text(
            "keys, readable by you alone (else environment, keyring)",
            "密钥文件，仅您本人可读（否则取环境变量、系统密钥环）",
        ),
    )
    parser.add_argument("--region", help=Text("region of the platform, like cn-north-4", "平台区域，如 cn-north-4"))
    parser.add_argument("--project", help=Text("project id at the platform", "平台上的项目编号"))


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of every verb: how it speaks, and in which language ("en" or "zh")."""

    json: bool
    jsonl: bool
    lang: str
    quiet: bool
    verbose: bool

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        group = parser.group(MESSAGES)
        group.add_argument(
            "--json",
            action="store_true",
            help=Text("one JSON document on standard output", "在标准输出打印一份 JSON 文档"),
        )
        group.add_argument(
            "--jsonl",
            action="store_true",
            help=Text("one JSON event a line on standard output", "在标准输出每行打印一个 JSON 事件"),
        )
        group.add_argument(
            "--lang",
            choices=["en", "zh"],
            default=language(None),
            help=Text("language of messages (else PREFLIGHT_LANG, LANG)", "消息语言（否则取 PREFLIGHT_LANG、LANG）"),
        )
        group.add_argument(
            "-q", "--quiet", action="store_true", help=Text("print only the last line", "只打印最后一行")
        )
        group.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            help=Text(
                "leave nothing out; show where unexpected errors happened and what libraries print",
                "不省略任何内容；显示意外错误的位置和底层库的输出",
            ),
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
    encoding: str | None

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        group = parser.group(INPUT)
        group.add_argument(
            "paths",
            nargs="*",
            metavar="PATH",
            help=Text(
                "files, folders (walked), 'patterns' with **, or their addresses",
                "文件、目录（逐层遍历）、含 ** 的通配模式，或它们的网址",
            ),
        )
        group.add_argument(
            "--from-file",
            metavar="LIST",
            help=Text(
                "paths from a file, one a line; - for standard input", "从文件读取路径，每行一个；- 表示标准输入"
            ),
        )
        group.add_argument(
            "-0",
            "--null",
            action="store_true",
            help=Text(
                "paths in LIST end with NUL, as find -print0 has them",
                "LIST 中的路径以 NUL 结尾，即 find -print0 的输出",
            ),
        )
        group.add_argument(
            "--allow-empty",
            action="store_true",
            help=Text("no file at all is in order, not a mistake", "没有任何文件也算正常，不报错"),
        )
        group.add_argument(
            "--include",
            action="append",
            default=[],
            metavar="GLOB",
            help=Text("of a folder, only these", "目录中只取这些文件"),
        )
        group.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="GLOB",
            help=Text("of a folder, not these", "目录中排除这些文件"),
        )
        workers(parser)
        work = parser.group(WORK)
        work.add_argument(
            "--fail-fast",
            action="store_true",
            help=Text("stop at the first file that is not in order", "遇到第一个有问题的文件即停止"),
        )
        work.add_argument(
            "--executor", choices=["local", "dask"], default="local", help=Text("where the work runs", "在哪里运行")
        )
        work.add_argument(
            "--scheduler",
            metavar="ADDR",
            help=Text("of the Dask cluster, as tcp://host:8786", "Dask 集群的地址，如 tcp://host:8786"),
        )
        work.add_argument(
            "--deep",
            action="store_true",
            help=Text(
                "decode every frame to prove files undamaged (prepare always does); probe then measures faces as well",
                "完整解码每一帧以确认文件没有损坏（prepare 总是如此）；probe 还会测量人脸",
            ),
        )
        encoding(parser)

    def running(self, watch: Watch, *, resume: bool = True) -> Running:
        """How the engine is to do it."""
        return Running(workers=self.jobs, executor=self.executor, scheduler=self.scheduler, resume=resume, watch=watch)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Whether what was measured is drawn."""

    plots: str | None

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        parser.group(OUTPUT).add_argument(
            "--plots",
            metavar="DIR",
            help=Text(
                "draw what was looked at, as PNG in this folder: of sounds outline and spectrogram, of photos box, "
                "outline, axes of the head and crop, of decks all pages",
                "把检查过的内容画成 PNG 存入此目录：声音的波形和频谱，照片的人脸框、轮廓、头部轴线和裁剪框，"
                "演示文稿的全部页面",
            ),
        )


def _role_and_explain(group: Group) -> None:
    """--role and --explain, whoever names the preset."""
    group.add_argument(
        "--role", help=Text("what the files are used for (default: by their kind)", "文件的用途（默认按类型决定）")
    )
    group.add_argument(
        "--explain",
        action="store_true",
        help=Text("every finding with rule, source and code", "列出每项结果及其规则、依据和错误码"),
    )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which rules hold."""

    preset: str
    role: str | None
    explain: bool

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        group = parser.group(RULES)
        group.add_argument(
            "-p", "--preset", required=True, metavar="PRESET", help=Text("id or FILE.toml", "预设编号或 FILE.toml")
        )
        _role_and_explain(group)


@dataclass(frozen=True, kw_only=True)
class Scenarios:
    """Which rules hold: those of presets that were named, or what `preflight.toml` above the sources says."""

    preset: tuple[str, ...]
    role: str | None
    explain: bool

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        group = parser.group(RULES)
        group.add_argument(
            "-p",
            "--preset",
            action="append",
            default=[],
            metavar="PRESET",
            help=Text(
                "id or FILE.toml, may be repeated (default: what preflight.toml above the files says)",
                "预设编号或 FILE.toml，可重复给出（默认：按文件所在或上级文件夹的 preflight.toml）",
            ),
        )
        _role_and_explain(group)


@dataclass(frozen=True, kw_only=True)
class Judged(Inputs, Scenarios):
    """Of files that are held against rules."""

    no_resume: bool

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments, the general ones aside."""
        Inputs.declare(parser)
        Scenarios.declare(parser)
        parser.group(WORK).add_argument(
            "--no-resume",
            action="store_true",
            help=Text("ignore what earlier runs found out or finished", "不使用以前运行的结果，全部重做"),
        )


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Whether faces are compared, which is done where somebody asks for it and not else."""

    identity: bool

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        parser.group(WORK).add_argument(
            "--identity",
            action="store_true",
            help=Text(
                "compare who is filmed with the portrait on the identity card in the same folder (extra: identity); "
                "only the verdict is kept",
                "将素材中的人物与同一文件夹中身份证上的人像比对（需 identity 组件）；仅保留结论",
            ),
        )


if TYPE_CHECKING:  # its fields are those of the table; who wants one asks `repairs`

    class _Chosen: ...

else:
    _Chosen = make_dataclass("_Chosen", [(one.name, Any) for one in CHOICES], frozen=True, kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Repairing(_Chosen):
    """Which repairs are allowed."""

    @property
    def repairs(self) -> Repairs:
        """What was chosen."""
        return Repairs(**{one.name: getattr(self, one.name) for one in CHOICES})

    @staticmethod
    def declare(parser: Parser) -> None:
        """Add the arguments."""
        group = parser.group(REPAIRS)
        for one in CHOICES:
            how: dict[str, Any] = {"action": "store_true", "default": None}
            if one.values or one.form:
                how = {"choices": one.values} if one.values else {"metavar": one.form}
            group.add_argument(f"--{one.name.replace('_', '-')}", help=one.text, **how)
