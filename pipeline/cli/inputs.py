"""What a verb works on: jobs of the sources that were named, the preset, what was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pipeline.checks.person import ENDS
from pipeline.cli.compared import beside
from pipeline.cli.options import ENCODINGS, Inputs, Judged
from pipeline.cli.project import Project, Settings, near
from pipeline.errors import PresetError, UsageError, nearest_word
from pipeline.model.facts import Kind, Text
from pipeline.model.job import Job
from pipeline.model.repairs import CHOICES, Repairs
from pipeline.model.rules import Preset
from pipeline.rules import presets
from pipeline.rules.asked import asked as asked_of
from pipeline.storage import inputs, paths, urls


class Portion(Struct, frozen=True):
    """What of a run is for one scenario."""

    preset: Preset
    groups: tuple[list[Job], ...]  # of each the same is asked
    out: str = ""  # its output folder or address
    why: tuple[str, ...] = ()  # what says so, where nobody named it

    @property
    def jobs(self) -> list[Job]:
        """All of them."""
        return [job for group in self.groups for job in group]


class Assignment(Struct, frozen=True):
    """All that was asked for."""

    parts: tuple[Portion, ...]
    roof: bool  # whether there may be several documents, which then stand under one
    matrix: bool  # whether every file is in each of them


def jobs_of(
    options: Inputs, *, plots: str | None = None, outputs: Sequence[str] = (), asked: Mapping[str, Any] | None = None
) -> list[Job]:
    """A job for each file that was named; `outputs` are folders or addresses of outputs. Raises UsageError."""
    found = inputs.find(
        options.paths,
        from_file=options.from_file,
        null=options.null,
        include=options.include,
        exclude=options.exclude,
        outputs=[folder for folder in (plots, *outputs) if folder],
    )
    if not found and not options.allow_empty:
        where = ", ".join([*options.paths, *filter(None, [options.from_file])][:3])
        raise UsageError(
            f"nothing to do: there is no file in {where}, or none that is wanted. Is it the right place? "
            "Where that is in order, add --allow-empty.",
            f"没有输入：{where} 中没有文件，或没有符合条件的文件。路径是否正确？若属正常，请加 --allow-empty。",
        )
    made = partial(
        Job,
        deep=options.deep,
        encoding=encoding_of(options.encoding),
        plots=plots or "",
        lang=options.lang,
        **(asked or {}),
    )
    return [made(path=one.path, state=one.state, stem=one.stem) for one in found]


def encoding_of(said: str | None) -> str | None:
    """The encoding that was asked for, as it is called here. Raises UsageError for what is none."""
    from pipeline.probe.text import encoding

    known = encoding.encoding_of(said) if said else None
    if said and known is None:
        raise UsageError(
            f"--encoding {said}: no encoding of that name; such as {', '.join(ENCODINGS)} are known",
            f"--encoding {said}：没有此编码；可用如 {'、'.join(ENCODINGS)}",
        )
    return known


def run_of(
    options: Judged,
    *,
    repairs: Repairs | None = None,
    plots: str | None = None,
    out: str | None = None,
    anew: bool = False,
    identity: bool = False,
    unplaced: Callable[[UsageError], None] | None = None,
) -> Assignment:
    """What was asked for, a part for each scenario: of presets that were named, else of `preflight.toml`.

    `out` is the output folder or its address, "" where that is to be found. Where there may be several scenarios each
    has a folder of its own in it, named as the scenario. Raises UsageError; of a file that `preflight.toml` has no use
    for, `unplaced` is called instead where it is given, and the file is left out.
    """
    names = tuple(dict.fromkeys(options.preset))
    project = None if names else next(filter(None, map(near, options.paths)), None)
    if not names and project is None and not options.from_file:
        raise UsageError(
            f"which rules? Give -p/--preset, or write a {inputs.PROJECT} beside the files (`preflight init`); "
            "`preflight presets list` shows all presets, `preflight fit` those that take a file",
            f"请用 -p/--preset 指定预设，或在文件旁编写 {inputs.PROJECT}（`preflight init`）；"
            "`preflight presets list` 列出全部预设，`preflight fit` 查看适用的预设",
        )
    if out == "":
        out = project.out if project and project.out else ""
        if not out:
            raise UsageError(
                "the following arguments are required: -o/--out",
                f"缺少参数 -o/--out：请指定输出目录（或在 {inputs.PROJECT} 的 [defaults] 中写 out）",
            )
    loaded = [preset_of(name, options.role) for name in names]
    asked = asked_of(repairs) if repairs else {}
    if names:
        asked |= {"preset": names[0], "role": options.role}
    jobs = jobs_of(options, plots=plots, outputs=[out] if out else [], asked=asked | {"replace": anew})
    if names:
        each = {preset.id: Portion(preset, (_for(jobs, name),)) for name, preset in zip(names, loaded, strict=True)}
        parts = tuple(each.values())
    else:
        parts = _divided(jobs, options, repairs, unplaced)
    if not options.quiet:
        for part in parts:
            if not _trims(part):
                _say_untrimmed(part.preset.id, options.lang)
    if identity:
        parts = tuple(_compared(part, options) for part in parts)
    roof = len(names) != 1
    return Assignment(tuple(_placed(part, out, roof=roof) for part in parts), roof, len(parts) > 1 and bool(names))


def _trims(part: Portion) -> bool:
    """Whether ends of footage are cut off as asked, or nobody asked, or nothing there is footage."""
    filmed = [role for role in part.preset.roles if Kind.VIDEO in role.kinds]
    blind = {role.name for role in filmed if not any(rule.check in ENDS for rule in role.rules)}
    asked = [job.role for job in part.jobs if job.allow & ENDS.keys()]
    return not any(role in blind or (role is None and blind and len(blind) == len(filmed)) for role in asked)


@cache  # once for each scenario, however often its files come
def _say_untrimmed(name: str, lang: str) -> None:
    said = Text(
        f"--trim: {name} does not ask who is seen in a video, so black, frozen and empty ends stay; only what is too "
        "long is cut off",
        f"--trim：{name} 不检测视频中的人物，首尾的黑屏、静止和无人时段将保留；仅截去超长部分",
    )
    sys.stderr.write(f"preflight: {said.of(lang)}\n")


def _compared(part: Portion, options: Judged) -> Portion:
    """The part with every job of footage naming the pictures beside it that may show the card of who is in it."""
    groups, asks = beside(part.preset, part.groups)
    if not asks and not options.quiet:
        said = Text(
            f"--identity: {part.preset.id} does not ask whose card it is; no faces are compared",
            f"--identity：{part.preset.id} 不核对证件与本人，不会比对人脸",
        )
        sys.stderr.write(f"preflight: {said.of(options.lang)}\n")
    return replace(part, groups=groups)


def _for(jobs: list[Job], name: str) -> list[Job]:
    """The same jobs for another preset."""
    return jobs if not jobs or jobs[0].preset == name else [replace(job, preset=name) for job in jobs]


def _divided(
    jobs: Sequence[Job],
    options: Judged,
    repairs: Repairs | None,
    unplaced: Callable[[UsageError], None] | None,
) -> tuple[Portion, ...]:
    """The jobs as `preflight.toml` has them, by scenario and then by what is asked."""
    divided: dict[str, dict[tuple[Any, ...], list[Job]]] = {}
    whys: dict[str, dict[str, int]] = {}
    for job in jobs:
        try:
            project = _above(job)
            relative = os.path.relpath(job.path, project.path.parent).replace(os.sep, "/")
            if job.path not in options.paths and (project.ignores(relative) or _made(relative, project)):
                continue
            settings, why = project.settings(relative)
            asked = _merged(settings, options, repairs)
            name, role = str(settings.preset), options.role or settings.role
            preset = _named(project, why, name, role)
        except UsageError as error:
            if unplaced is None:
                raise
            unplaced(error)
            continue
        key = (name, role, *(str(asked[one]) for one in sorted(asked)))
        divided.setdefault(preset.id, {}).setdefault(key, []).append(replace(job, preset=name, role=role, **asked))
        told = f"{project.path} {why}"
        counted = whys.setdefault(preset.id, {})
        counted[told] = counted.get(told, 0) + 1
    return tuple(
        Portion(
            presets.load(next(iter(groups.values()))[0].preset),
            tuple(groups.values()),
            why=tuple(f"{told} ({count})" for told, count in whys[name].items()),
        )
        for name, groups in divided.items()
    )


def _above(job: Job) -> Project:
    project = near(os.path.dirname(job.path) or ".") if not urls.is_url(job.path) else None  # noqa: PTH120  10,000
    if project is None:
        raise UsageError(
            f"{job.path}: no {inputs.PROJECT} lies above it; give -p/--preset",
            f"{job.path}：上级文件夹中没有 {inputs.PROJECT}；请用 -p/--preset 指定预设",
        )
    return project


def _made(relative: str, project: Project) -> bool:
    """Whether the file lies in the output folder that the project names."""
    return project.defaults.out is not None and relative.startswith(project.defaults.out.rstrip("/") + "/")


@cache
def _named(project: Project, why: str, name: str, role: str | None) -> Preset:
    try:
        return preset_of(name, role)
    except (UsageError, PresetError) as error:
        place = Text(f"{project.path}: {why}: ", f"{project.path}：{why}：")
        raise UsageError(place.en + error.text.en, place.zh + error.text.zh) from None


def _merged(settings: Settings, options: Judged, repairs: Repairs | None) -> dict[str, Any]:
    """What is asked of a file: what its project says and what was said beside the command, which counts more."""
    said: dict[str, Any] = {"deep": options.deep or bool(settings.deep), "company": settings.company}
    if repairs is None:
        return said
    held = {one.name: getattr(settings if getattr(repairs, one.name) is None else repairs, one.name) for one in CHOICES}
    return said | asked_of(Repairs(**held))


def _placed(part: Portion, out: str | None, *, roof: bool) -> Portion:
    """The part with its output folder in all of its jobs."""
    if not out:
        return part
    if roof:
        odd = paths.odd(part.preset.id)
        if odd is not None:
            raise UsageError(
                f"preset id {part.preset.id!r} names no folder: {odd.en}",
                f"预设编号 {part.preset.id!r} 不能作目录名：{odd.zh}",
            )
        out = f"{out.rstrip('/')}/{part.preset.id}"
    where: dict[str, Any] = {"far": out.rstrip("/")} if urls.is_url(out) else {"out": str(Path(out))}
    return replace(part, out=out, groups=tuple([replace(job, **where) for job in group] for group in part.groups))


def preset_of(name: str, role: str | None) -> Preset:
    """The preset, loaded here so that a mistake in it is told before any file is read."""
    preset = presets.load(name)
    if role and preset.role(role) is None:
        names = [one.name for one in preset.roles]
        known, hint = ", ".join(names), nearest_word(role, names)
        raise UsageError(
            f"preset {preset.id} has no role {role!r}; it has {known}.{hint.en}",
            f"预设 {preset.id} 没有角色 {role!r}；可用：{known}。{hint.zh}",
        )
    return preset
