"""The verbs: a row for each, and what the help of the command says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pipeline
from pipeline.cli.arguments import Parser
from pipeline.model.facts import Text

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
        "cut-slides",
        Text(
            "the video of a deck cut by page, one clip each, after a list to look through",
            "将演示文稿的视频按页切分：先列出清单供核对，再每页生成一个片段",
        ),
        "pipeline.cli.cut_slides",
        ("deck.pptx deck.mp4 -p mine.toml -o out/", "deck.pptx deck.mp4 -p mine.toml -o out/ --cuts out/deck.cuts.csv"),
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
        "platform",
        Text(
            "what a platform holds already: shown, changed, deleted, restored, listened to",
            "平台上已有的内容：查看、修改、删除、恢复、试听",
        ),
        "pipeline.cli.platform",
        ("DEST list", "DEST delete ASSET_ID --name intro"),
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
        "completion",
        Text("completion of verbs, options and presets in a shell", "在 shell 中补全命令、选项和预设"),
        "pipeline.cli.completion",
        ("bash",),
    ),
    Verb(
        "watch",
        Text("files of a folder are prepared as they come", "随时处理目录中新到的文件"),
        "pipeline.cli.watch",
        ("in/ -p convert/h264-1080p -o out/",),
    ),
    Verb(
        "doctor", Text("whether the tools can do it", "所需工具是否齐全可用"), "pipeline.cli.doctor", ("", "--strict")
    ),
)


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
