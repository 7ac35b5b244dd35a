"""What a verb works on: jobs of the sources that were named, the preset, what was asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pipeline.checks.speech import SILENCES
from pipeline.cli.options import ENCODINGS, Inputs, Repairs, Rules
from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Value
from pipeline.model.job import Job
from pipeline.model.rules import Preset, Safety
from pipeline.model.units import NotAValue, parse
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.storage import inputs, urls


def jobs_of(
    options: Inputs,
    *,
    rules: Rules | None = None,
    repairs: Repairs | None = None,
    plots: str | None = None,
    out: str = "",
    replace: bool = False,
) -> list[Job]:
    """A job for each file that was named; `out` is the output folder or its address. Raises UsageError."""
    asked: dict[str, Any] = {"preset": rules.preset, "role": rules.role} if rules else {}
    asked |= _asked(repairs) if repairs else {}
    asked |= {"far": out.rstrip("/")} if urls.is_url(out) else {"out": str(Path(out)) if out else ""}
    found = inputs.find(
        options.paths,
        from_file=options.from_file,
        null=options.null,
        include=options.include,
        exclude=options.exclude,
        outputs=[folder for folder in (plots, out) if folder],
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
        replace=replace,
        **asked,
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


def preset_of(options: Rules) -> Preset:
    """The preset, loaded here so that a mistake in it is told before any file is read."""
    preset = presets.load(options.preset)
    if options.role and preset.role(options.role) is None:
        names = [role.name for role in preset.roles]
        known, hint = ", ".join(names), nearest_word(options.role, names)
        raise UsageError(
            f"preset {preset.id} has no role {options.role!r}; it has {known}.{hint.en}",
            f"预设 {preset.id} 没有角色 {options.role!r}；可用：{known}。{hint.zh}",
        )
    return preset


def _asked(options: Repairs) -> dict[str, Any]:
    """What was asked for, as a job has it: the safety, checks whose repair is made on request only, new files."""
    allow = {"slides.pages": options.split, planning.PARTS: options.split, "media.duration": options.trim}
    allow |= {"face.framed": options.crop, "face.share": options.crop}
    allow |= {"face.roll": options.straighten, "image.enlarge": options.enlarge}
    allow |= {"ssml.tag": options.strip_tags, **dict.fromkeys(SILENCES, options.trim_silence)}
    deliver: dict[str, Value] = {"stamped_name": False} if options.plain_names else {}
    if options.background is not None:
        try:
            deliver["background"] = parse("colour", options.background)
        except NotAValue as error:
            raise UsageError(f"--background: {error}", f"--background：{error.text.zh}") from None
    return {
        "at_least": Safety[options.at_least.upper()],
        "allow": frozenset(check for check, wanted in allow.items() if wanted),
        "deliver": tuple(sorted(deliver.items())),
    }
