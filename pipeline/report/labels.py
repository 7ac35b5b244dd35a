"""Fixed words of terminal and HTML report, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipeline.model.facts import Text

# Control characters, and those that turn the direction of what follows: shown, never obeyed.
UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")

STANDS: Final[Mapping[str, Text]] = {
    "pass": Text("pass", "合格"),
    "fixable": Text("fixable", "可修复"),
    "blocked": Text("blocked", "需人工处理"),
    "error": Text("error", "出错"),
    "ready": Text("ready", "已合规"),
    "fixed": Text("fixed", "已修复"),
    "failed": Text("failed", "失败"),
    "level-error": Text("error", "错误"),
    "level-warning": Text("warning", "警告"),
    "level-info": Text("info", "提示"),
    "unknown": Text("unknown", "未知"),
}
"""Where an asset or a finding stands: the words of JSON, the same in terminal, report and page."""

WORDS: Final[Mapping[str, Text]] = {
    **STANDS,
    "fail": Text("not kept", "不合格"),
    "yes": Text("yes", "是"),
    "no": Text("no", "否"),
    "wanted": Text("wanted", "要求"),
    "found": Text("found", "实测"),
    "source": Text("source", "依据"),
    "code": Text("code", "错误码"),
    "where": Text("where", "位置"),
    "was-fixed": Text("done", "已处理"),
    "can-fix": Text("can be done", "可自动处理"),
    "lossless": Text("without loss", "无损"),
    "lossy": Text("re-encoded", "有损"),
    "manual": Text("by hand", "人工"),
    "steps": Text("What was done", "处理步骤"),
    "steps-planned": Text("What would be done", "将执行的步骤"),
    "commands": Text("exact commands", "完整命令"),
    "outputs": Text("Outputs", "输出文件"),
    "proof": Text("Proof", "验证"),
    "expected": Text("expected", "预期"),
    "passes": Text("rules are kept", "项规则合格"),
    "not-measured": Text("not measured", "项未测量"),
    "more-rules": Text("more rules; see the JSON", "条规则未显示，见 JSON"),
    "more-places": Text("more places", "处未列出"),
    "more-files": Text("all files", "全部文件"),
    "bytes": Text("bytes", "字节"),
    "title": Text("Media preflight", "媒体预检报告"),
    "search": Text("Search name or finding", "搜索文件名或问题"),
    "all-kinds": Text("all kinds", "全部类型"),
    "all-presets": Text("all scenarios", "全部场景"),
    "reset": Text("Show all", "显示全部"),
    "language": Text("中文", "English"),
    "theme": Text("Dark / light", "深色 / 浅色"),
    "print": Text("Print", "打印"),
    "by-scenario": Text("By scenario", "按场景"),
    "rules-open": Text("What is wrong most, and still open", "最常见的未解决问题"),
    "rules-repaired": Text("What was repaired most", "最常见的已修复问题"),
    "assets": Text("asset(s)", "个素材"),
    "total": Text("total", "合计"),
    "attention": Text("Decide these first", "请先处理"),
    "more-decisions": Text("further decisions", "项其他待处理"),
    "do": Text("Do", "处理"),
    "more-assets": Text("more", "个其他素材"),
    "before": Text("before", "修复前"),
    "after": Text("after", "修复后"),
    "enlarge": Text("Enlarge", "放大"),
    "over-time": Text("Faults over its length", "问题时段"),
    "compare": Text("Before and after", "修复前后对比"),
    "close": Text("Close", "关闭"),
    "unfold": Text("Open all", "全部展开"),
    "fold": Text("Close all", "全部收起"),
    "sign": Text("Sign-off", "签核"),
    "sha256": Text("SHA-256 of the document that this tells of", "所依据文档的 SHA-256"),
    "signer": Text("Name", "姓名"),
    "date": Text("Date", "日期"),
    "signature": Text("Signature", "签名"),
    "batch": Text("All files together", "批次合计"),
    "nothing": Text("No asset matches.", "没有符合条件的素材。"),
    "keys": Text(
        "Keys: / search · j k next and previous · o open and close · l language · t theme",
        "快捷键：/ 搜索 · j k 上下切换 · o 展开或收起 · l 语言 · t 主题",
    ),
    "kind": Text("kind", "类型"),
    "filter": Text("Filter", "筛选"),
    "skip": Text("Skip to the assets", "跳到素材列表"),
    "written": Text("written", "生成时间"),
    "changed-preset": Text(
        "the rules have changed since this run, or are not here; limits are shown as they were then.",
        "规则在本次运行后已更改，或本机没有该预设；限制按当时记录显示。",
    ),
    "video": Text("video", "视频"),
    "audio": Text("audio", "音频"),
    "image": Text("image", "图片"),
    "slides": Text("slides", "演示文稿"),
    "archive": Text("package", "压缩包"),
    "text": Text("text", "文本"),
    "subtitle": Text("subtitle", "字幕"),
    "unknown-kind": Text("unknown", "未知"),
}
