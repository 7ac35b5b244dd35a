"""A deck or a script as the scenes of a video script, within the limits of a scenario.

One JSON whose fields are those that a script request is filled from, in order from 0: a picture for the background,
the text to speak, and how long it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.checks.text import CHARACTERS_A_MINUTE
from pipeline.convert.text.convert import budget_of
from pipeline.convert.text.segment import bare, split, without_tags
from pipeline.documents import entry
from pipeline.documents.types import (
    SCENES,
    Background,
    Scene,
    ScenesDocument,
    ScenesSummary,
    SceneText,
    SumFinding,
)
from pipeline.errors import AssetError
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.fields import Fields
from pipeline.model.job import Job, Progress
from pipeline.model.results import Verdict
from pipeline.model.rules import Level, Role, Rule
from pipeline.probe import probe
from pipeline.probe.documents.read import words as words_of
from pipeline.probe.documents.sections import BREAK
from pipeline.probe.text.encoding import cleaned
from pipeline.probe.text.ssml import read_ssml
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages.check import check, role_of

_PAGES: Final = "convert/slides-to-pages"
# Where a page begins in a script: 【第1页】 or [page 1: title] before the words, "Page 1:" too, or alone on its line.
_FIGURE: Final = r"[0-9０-９]{1,4}|[一二三四五六七八九十百]{1,5}"
_OF: Final = r"(?:\s*(?:/|of)\s*[0-9]{1,4})?"
_ALL: Final = r"(?:[ \t]*[/，,]?[ \t]*共[ \t]*[0-9]{1,4}[ \t]*[页頁张張])?"
_NUMBER: Final = (
    rf"(?:(?:ppt|幻灯片|投影片)?[ \t]*第\s*({_FIGURE}){_OF}\s*[页頁张張幕场場]{_ALL}"
    rf"|(?:page|slide|scene|ppt|p|幻灯片|投影片|场景|場景)[ \t]*[.#]?[ \t]*({_FIGURE}){_OF})"
)
_RULER: Final = r"[ \t　#*=~_·—–-]*"
_OPEN, _CLOSE = r"[【\[(（<《〔「]", r"】\])）>》〕」"
_MARK: Final = re.compile(
    rf"^{_RULER}(?:{_OPEN}\s*{_NUMBER}(?:[ \t　:：、.—-]+[^{_CLOSE}\n]{{0,40}})?\s*[{_CLOSE}]{_RULER}[:：]?[ \t　]*\n?"
    rf"|{_NUMBER}{_RULER}(?:[:：][ \t　]*\n?|\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMERALS: Final = {numeral: value for value, numeral in enumerate("一二三四五六七八九", 1)}
# What subtitles lose (MS-Intro 4.6 Table 4-5): a break inside becomes a space, one at the end nothing.
_BREAKS: Final = re.compile(r"[，。、；：！？,.;:!?…]+(?=\s|$)|[，。、；：！？…]+")


class ScenesJob(Struct, frozen=True, kw_only=True):
    """One script or deck and what is asked of it; travels to a worker."""

    path: str
    preset: str
    role: str | None
    out: str
    strip: bool
    encoding: str | None
    lang: str


def scenes_document(job: ScenesJob, progress: Progress) -> ScenesDocument:
    """The whole document. Raises AssetError."""
    path = Path(job.path)
    info = probe(path, encoding=job.encoding)
    preset = presets.load(job.preset)
    role = role_of(preset, Kind.TEXT, job.role)
    if role is None:
        raise AssetError(
            f"{preset.id} has no role for script text; choose another scenario.",
            f"{preset.id} 没有文案角色；请更换场景。",
        )
    if info.kind is Kind.TEXT:
        scenes = tuple(_of_text(path, info, role, job))
    elif info.kind is Kind.SLIDES:
        scenes = tuple(_of_deck(job, info, role, progress))
    else:
        raise AssetError(
            f"{path.name} is {info.kind.value}: scenes are made of a script or a deck.",
            f"{path.name} 为 {info.kind.value}：场景只能由文案或演示文稿生成。",
        )
    findings = tuple(_about_all(scenes, role, job.lang))
    return ScenesDocument(
        **msgspec.structs.asdict(entry.head(SCENES, preset)),
        source=entry.shown(job.path),
        role=role.name,
        request=_request(path.stem, role, scenes, info) if holds(scenes, findings) else None,
        scenes=scenes,
        findings=findings,
        summary=ScenesSummary(
            scenes=len(scenes),
            characters=sum(scene.spoken for scene in scenes),
            seconds=sum(scene.seconds for scene in scenes),
        ),
    )


def holds(scenes: Sequence[Scene], findings: Sequence[SumFinding]) -> bool:
    """Whether no limit is broken, neither of a scene nor of all together."""
    told = any(one.blocks for scene in scenes for one in scene.findings)
    return not told and all(one.verdict is Verdict.PASS for one in findings)


def _request(name: str, role: Role, scenes: Sequence[Scene], info: MediaInfo) -> Fields | None:
    """The body that the scenario has for them, where it has one."""
    word = role.wants("request")
    if not isinstance(word, str):
        return None
    from pipeline.upload.bodies import body_of

    size = info.slides.page_size if info.slides else None
    body: Fields = body_of(word)(
        name, [scene.text_config.text for scene in scenes], size[1] > size[0] if size else None
    )
    return body


# --- scripts ------------------------------------------------------------------------------------------


def _of_text(path: Path, info: MediaInfo, role: Role, job: ScenesJob) -> Iterator[Scene]:
    text = words_of(path, info)
    if text is None or info.text is None:
        raise AssetError(
            f"The encoding of {info.name} is not known. Save it as UTF-8.",
            f"{info.name} 的编码未知。请另存为 UTF-8。",
        )
    tagged = info.text.format == "ssml"
    pages = [cleaned(page) for page in text.split(BREAK)] if not tagged else [cleaned(text)]
    text = "\n".join(pages)
    if tagged and not info.text.well_formed:
        said = info.remarks[0] if info.remarks else None
        raise AssetError(
            said.en if said else f"{info.name} is not well-formed.", said.zh if said else f"{info.name} 格式有误。"
        )
    if tagged and job.strip:
        tags = _tags(text, info.name)
        gone = frozenset(tag for tag in tags if not _allowed(role, tag))
        tagged = gone != tags
        text = without_tags(text, gone) if tagged else bare(text)
    number = 0
    marked = [(None, text)] if tagged else [found for one in pages if one.strip() for found in _by_page(one)]
    for page, words in marked:
        for part in _within(words, role, tagged=tagged):
            scene = _scene(number, part, role, job.lang, tagged=tagged)
            yield scene if page is None else msgspec.structs.replace(scene, page=page)
            number += 1


def _by_page(text: str) -> Iterator[tuple[int | None, str]]:
    """What is said on each page that the script marks, without the marks; all of it where it marks none."""
    marks = list(_MARK.finditer(text))
    starts = [*(mark.start() for mark in marks), len(text)]
    if text[: starts[0]].strip() or not marks:
        yield None, text[: starts[0]]
    for mark, end in zip(marks, starts[1:], strict=True):
        yield _page_number(next(group for group in mark.groups() if group)), text[mark.end() : end].strip()


def _page_number(written: str) -> int:
    """A number below a thousand in digits or Chinese numerals."""
    if written.isdecimal():
        return int(written)
    total = one = 0
    for numeral in written:
        if numeral in _NUMERALS:
            one = _NUMERALS[numeral]
        else:
            total, one = total + max(1, one) * (100 if numeral == "百" else 10), 0
    return total + one


def _tags(text: str, name: str) -> set[str]:
    return {str(mark.value) for mark in read_ssml(name, text).marks if mark.what == "tag"}


def _allowed(role: Role, tag: str) -> bool:
    return all(r.limit.accepts(tag) for r in role.rules if r.check == "ssml.tag" and r.level is Level.ERROR)


def _within(text: str, role: Role, *, tagged: bool) -> list[str]:
    """The text as parts that every rule about lengths accepts, advice included where it does no harm."""
    findings = judging.judge(_as_info(text, tagged=tagged), role)
    plan = planning.plan(findings)
    fixes = [
        f for f in (*plan.fixes, *plan.advised) if f.check in {"text.characters", "text.bytes", "text.speech_seconds"}
    ]
    budget = budget_of(fixes)
    return [text] if budget.empty or not text.strip() else split(text, budget, tagged=tagged)


def _as_info(text: str, *, tagged: bool) -> MediaInfo:
    """The facts about a text that is not a file yet."""
    from pipeline.probe.text.read import info_of

    return MediaInfo(
        name="scene.txt",
        kind=Kind.TEXT,
        size=len(text.encode("utf-8", "surrogatepass")),
        extension="txt",
        text=info_of("scene.txt", text, "ssml" if tagged else "plain", "utf-8", bom=False)[0],
    )


def _scene(number: int, text: str, role: Role, lang: str, *, tagged: bool) -> Scene:
    """One scene: the words of the request, then what is known about them."""
    info = _as_info(text, tagged=tagged)
    spoken = info.text.spoken if info.text and info.text.spoken is not None else 0
    words = bare(text) if tagged else text
    findings = [f for f in judging.judge(info, role) if f.verdict is not Verdict.PASS and not f.rule.batch]
    return Scene(
        sequence_no=number,
        title=next((line.strip()[:60] for line in words.splitlines() if line.strip()), ""),
        text_config=SceneText(text=text),
        subtitle=" ".join(_BREAKS.sub(" ", line).strip() for line in words.splitlines() if line.strip()),
        characters=info.text.characters if info.text else None,
        spoken=spoken,
        seconds=round(float(Fraction(spoken * 60, CHARACTERS_A_MINUTE)), 1),
        background=None,
        findings=entry.findings(findings, lang),
    )


# --- decks --------------------------------------------------------------------------------------------


def _of_deck(job: ScenesJob, info: MediaInfo, role: Role, progress: Progress) -> Iterator[Scene]:
    """A scene a visible page: its picture, and its notes, else the words on it; more scenes where those are long."""
    from pipeline.stages.prepare import prepare

    asset = Job(path=job.path, stem=Path(job.path).stem, preset=_PAGES, out=job.out, lang=job.lang, replace=True)
    progress("check")
    made = prepare(check(asset), progress)
    if made.error:
        raise AssetError(made.error.message.en, made.error.message.zh)
    pages = [output for output in made.outputs if output.category.value == "PAGE"]
    if not pages:
        told = [f for f in made.blocked or made.findings if f.blocks]
        from pipeline.documents.messages import message

        why = [message(f) for f in told[:3]]
        raise AssetError("; ".join(t.en for t in why) or "no pages", "；".join(t.zh for t in why) or "没有页面")
    # The text of a page file is cut to what the platform stores with it; a scene speaks all of it.
    whole = info.slides.page_texts if info.slides else None
    texts = whole if whole is not None and len(whole) == len(pages) else [output.text or "" for output in pages]
    number = 0
    for page, (output, said) in enumerate(zip(pages, texts, strict=True), 1):
        text = cleaned(said)
        for part in _within(text, role, tagged=False):
            scene = _scene(number, part, role, job.lang, tagged=False)
            background = Background(
                path=entry.shown(output.path), size=output.size, md5=output.md5, content_type=output.content_type
            )
            yield msgspec.structs.replace(scene, page=page, background=background)
            number += 1


# --- all together -------------------------------------------------------------------------------------


def _about_all(scenes: Sequence[Scene], role: Role, lang: str) -> Iterator[SumFinding]:
    """The number of scenes, and sums over them."""
    most = role.wants("scenes")
    if isinstance(most, int):
        yield SumFinding(check="scenes", verdict=_verdict(len(scenes) <= most), actual=len(scenes), limit=f"<= {most}")
    for rule in role.rules:
        if rule.batch and rule.check in {"text.spoken", "text.characters"} and not rule.when:
            spoken = rule.check == "text.spoken"
            total = sum(scene.spoken if spoken else scene.characters or 0 for scene in scenes)
            yield _sum(rule, total, lang)


def _sum(rule: Rule, total: int, lang: str) -> SumFinding:
    return SumFinding(
        check=rule.check,
        rule=rule.id,
        verdict=_verdict(rule.limit.accepts(total)),
        actual=total,
        limit=rule.limit.describe(lang),
    )


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASS if holds else Verdict.FAIL
