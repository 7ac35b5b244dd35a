"""What each verb of the command line does with its options. Returns exit codes; prints through `report`."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.checks.speech import SILENCES
from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.spool import Line, Spool, line, with_trace, write_document
from pipeline.engine import batch
from pipeline.engine import cache as remembered
from pipeline.engine.journal import Journal
from pipeline.errors import AssetError, UsageError, nearest_word
from pipeline.model.facts import Value
from pipeline.model.job import Job
from pipeline.model.rules import Preset, Safety
from pipeline.model.units import parse
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages.check import wall
from pipeline.storage import inputs, publish, urls

if TYPE_CHECKING:
    from pipeline.documents import manifest as manifests
    from pipeline.engine.remote_output import Away

J = TypeVar("J")
_TABLE: Final = 500  # above so many assets the table leaves out those that are in order
Entry = dict[str, Any]
# Verbs with a module of their own, imported when asked for.
_ELSEWHERE: Final = {
    **dict.fromkeys(("presets", "explain", "doctor"), "pipeline.cli.presets"),
    "report": "pipeline.report.formats",
    "scenes": "pipeline.stages.scenes",
    "package": "pipeline.stages.package",
    "serve": "pipeline.cli.serve",
    "upload": "pipeline.cli.upload",
    "sandbox": "pipeline.cli.sandbox",
}


def run(options: Namespace, lang: str) -> int:
    """Do what the options ask; returns the exit code."""
    verbs: dict[str, Callable[[Namespace, str], int]] = {
        "probe": _probe,
        "check": _check,
        "plan": _plan,
        "prepare": _prepare,
        "verify": _verify,
    }
    if options.verb in verbs:
        return verbs[options.verb](options, lang)
    verb: Callable[[Namespace, str], int] = getattr(import_module(_ELSEWHERE[options.verb]), f"{options.verb}_verb")
    return verb(options, lang)


# --- running jobs -----------------------------------------------------------------------------------


def _jobs(options: Namespace, lang: str, **more: Any) -> list[Job]:
    found = inputs.find(
        options.paths,
        from_file=options.from_file,
        null=options.null,
        include=options.include,
        exclude=options.exclude,
    )
    role, plots = getattr(options, "role", None), getattr(options, "plots", None) or ""
    made = partial(
        Job, preset=getattr(options, "preset", ""), role=role, deep=options.deep, plots=plots, lang=lang, **more
    )
    jobs = [made(path=one.path, state=one.state, stem=one.stem) for one in found]
    if plots:
        _keep_apart(jobs, plots)
    return jobs


def _preset(options: Namespace) -> Preset:
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


def _collect(
    pairs: Generator[tuple[int, Line | Entry], None, None], spool: Spool, options: Namespace, event: str
) -> Spool:
    """Keep every entry; with --jsonl each is also printed as it comes."""
    with contextlib.closing(pairs):
        for index, entry in pairs:
            one = line(entry) if isinstance(entry, dict) else entry
            one = with_trace(one) if options.verbose else one
            spool.put(index, one)
            if options.jsonl:
                sys.stdout.write(f'{{"event": "{event}", "index": {index}, {one.text[1:].decode("utf-8")}\n')
                sys.stdout.flush()
            if batch.stopped(one, options, spool.expected - len(spool)):
                break
    return spool


def _line(told: object) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _lost(job: Job, error: AssetError) -> Entry:
    """The entry of a job whose worker gave no answer."""
    return {
        "source": document.shown(job.path),
        "kind": "unknown",
        "role": job.role,
        "status": "error",
        "facts": {},
        "findings": [],
        "error": {"type": type(error).__name__, "message": error.text.of(job.lang)},
    }


def _lost_preparing(job: Job, error: AssetError) -> Entry:
    empty: Entry = {
        "source_md5": None,
        "steps": [],
        "outputs": [],
        "proof": [],
        "seconds": 0.0,
        "blocked": [],
    }
    return _lost(job, error) | {"status": "failed"} | empty


def exit_code(spool: Spool, extra: Iterable[Entry] = ()) -> int:
    """Of a run with these entries and these findings about all of them: 3, 4, 1 or 0, whichever holds first."""
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f["verdict"] == "fail" and f["level"] == "error" for f in extra):
        codes.add(1)
    return next(code for code in (3, 4, 1, 0) if code in codes)


def _tell(
    head: Entry, spool: Spool, summed: list[Entry], statuses: tuple[str, ...], options: Namespace, lang: str
) -> None:
    """The end of a verb: one document, the last event, or a table with the summary below it."""
    summary = spool.summary(statuses)
    tail = {"batch": summed, "summary": summary, "reasons": spool.reasons()}
    if options.json:
        write_document(sys.stdout, head, "assets", spool, tail)
        return
    if options.jsonl:
        _line({"event": "summary", **head, **tail})
        return
    from pipeline.report import console

    out = console.console()
    if not options.quiet:
        calm = len(spool) > _TABLE and not options.explain
        shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
        out.print(console.assets_table(shown, lang, full=options.explain))
        if calm:
            out.print(console.say("calm", lang))
        for asset in spool if options.verb == "plan" else ():
            for line in console.plan_lines(asset):
                out.print(line, soft_wrap=True)
        for asset in spool if options.verbose else ():
            if asset["error"] and asset["error"].get("trace"):
                console.console(error=True).print(console.clean(asset["error"]["trace"]))
        if calm:
            out.print(console.rows_table(_reasons(spool), ("count", "status", "rule", "code")))
        for found in summed:
            if found["verdict"] == "fail":
                out.print(f"{console.say(found['level'], lang)} {console.clean(found['message'])}")
    out.print(console.summary_line(summary, lang))


# --- the verbs --------------------------------------------------------------------------------------


def _reasons(spool: Spool) -> list[tuple[str, ...]]:
    return [(str(r["count"]), r["status"], r["rule"] or r["error"], r["code"] or "") for r in spool.reasons()]


def _path(job: Job) -> str:
    return job.path


def _probe(options: Namespace, lang: str) -> int:
    from pipeline.engine.tasks import probe_entry

    jobs = _jobs(options, lang)
    seconds = wall(None, deep=options.deep or bool(options.plots))
    with Spool(len(jobs)) as spool:
        _collect(batch.entries(probe_entry, jobs, options, seconds, _lost, names=_path), spool, options, "probed")
        if options.json:
            write_document(sys.stdout, document.head("media-preflight/facts/1", None), "assets", spool, {})
        elif not options.jsonl:
            from pipeline.report import console

            out = console.console()
            for entry in spool:
                out.print(f"[bold]{console.clean(entry['source'])}[/bold]")
                if entry["error"]:
                    out.print(f"[red]{console.clean(entry['error']['message'])}[/red]")
                out.print(console.rows_table(console.fact_rows(entry["facts"])))
        return exit_code(spool)


def _check(options: Namespace, lang: str) -> int:
    return _judge(options, lang, "checked")


def _plan(options: Namespace, lang: str) -> int:
    return _judge(options, lang, "planned", **_asked(options))


def _judge(options: Namespace, lang: str, event: str, **more: Any) -> int:
    preset = _preset(options)
    jobs = _jobs(options, lang, **more)
    seconds = wall(preset, deep=options.deep or bool(getattr(options, "plots", None)))

    def ask(unknown: Sequence[Job]) -> Generator[tuple[int, Line | Entry], None, None]:
        from pipeline.engine.tasks import JUDGING  # where everything is remembered, nobody needs it

        yield from batch.entries(JUDGING[options.verb], unknown, options, seconds, _lost, names=_path)

    with Spool(len(jobs)) as spool:
        _collect(remembered.entries(jobs, options, preset, ask), spool, options, event)
        summed = totals.findings(preset, spool, lang)
        _tell(document.head(document.REPORT, preset), spool, summed, document.CHECKED, options, lang)
        return exit_code(spool, summed)


def _asked(options: Namespace) -> dict[str, Any]:
    """What was asked for, as a job has it: the safety, checks whose repair is made on request only, new files."""
    allow = {"slides.pages": options.split, planning.PARTS: options.split, "media.duration": options.trim}
    allow |= {"face.roll": options.straighten, "image.enlarge": options.enlarge}
    allow |= {"ssml.tag": options.strip_tags, **dict.fromkeys(SILENCES, options.trim_silence)}
    deliver: dict[str, Value] = {"stamped_name": False} if options.plain_names else {}
    if options.background is not None:
        try:
            deliver["background"] = parse("colour", options.background)
        except ValueError as error:
            raise UsageError(f"--background: {error}", f"--background：{error}") from None
    return {
        "at_least": Safety[options.at_least.upper()],
        "allow": frozenset(check for check, wanted in allow.items() if wanted),
        "deliver": tuple(sorted(deliver.items())),
    }


def _prepare(options: Namespace, lang: str) -> int:
    if options.dry_run:
        options.verb = "plan"
        return _plan(options, lang)
    preset, out = _preset(options), urls.local(options.out)
    place = {"far": out.rstrip("/")} if urls.is_url(out) else {"out": str(Path(out))}
    jobs = _jobs(
        options,
        lang,
        **_asked(options),
        replace=options.overwrite == "always",
        **place,
    )
    _keep_apart(jobs, out)
    if options.plots and not urls.is_url(out) and Path(options.plots).resolve() == Path(out).resolve():
        raise UsageError(
            f"{out} is the output folder; choose another one for --plots",
            f"{out} 是输出目录；请为 --plots 选择其他目录",
        )
    with Spool(len(jobs)) as spool:
        if urls.is_url(out):
            from pipeline.engine.remote_output import Away

            with Away(out) as there:
                return _prepared_there(jobs, preset, there, spool, options, lang)
        return _prepared_here(jobs, preset, Path(out), spool, options, lang)


def _prepared_here(jobs: list[Job], preset: Preset, out: Path, spool: Spool, options: Namespace, lang: str) -> int:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", f"{out}：{error.strerror}") from None
    with publish.claim(out):
        with Journal(out) as journal:
            publish.sweep(out, journal.names, wait=publish.DYING)
            pairs = batch.prepared(jobs, options, journal, preset, out, _lost_preparing)
            try:
                _collect(pairs, spool, options, "prepared")
            finally:  # what workers held open until now: an office and its profile, or all when interrupted
                publish.sweep(out, journal.names, wait=publish.DYING)
        return _finished(jobs, preset, out, spool, options, lang)


def _prepared_there(jobs: list[Job], preset: Preset, out: Away, spool: Spool, options: Namespace, lang: str) -> int:
    with Journal(out.folder) as journal:
        out.take_back(journal)
        pairs = batch.prepared(jobs, options, journal, preset, out, _lost_preparing)
        try:
            _collect(pairs, spool, options, "prepared")
        finally:
            out.push(journal)
    code = _finished(jobs, preset, out.folder, spool, options, lang)
    out.finish()
    return code


def _finished(jobs: list[Job], preset: Preset, folder: Path, spool: Spool, options: Namespace, lang: str) -> int:
    """Manifest and quarantine list in `folder`, the end told."""
    from pipeline.documents import manifest as manifests

    summed = totals.findings(preset, spool, lang)
    manifests.quarantine(folder, [job.path for job in jobs], spool)
    head = document.head(document.MANIFEST, preset)
    tail = {"batch": summed, "summary": spool.summary(document.PREPARED), "reasons": spool.reasons()}
    manifests.write(folder, head, spool, tail)
    _tell(head, spool, summed, document.PREPARED, options, lang)
    return exit_code(spool, summed)


def _keep_apart(jobs: Sequence[Job], out: str) -> None:
    """No output may take the place of a source."""
    far, top = urls.is_url(out), Path(out).resolve()
    for job in jobs:
        if urls.is_url(job.path):
            from pipeline.storage import remote

            inside = far and remote.inside(job.path, out)
        else:
            inside = not far and Path(job.path).resolve().is_relative_to(top)
        if inside:
            named, folder = document.shown(job.path), document.shown(out)
            raise UsageError(
                f"{named} lies in the output folder {folder}; choose another one",
                f"{named} 位于输出目录 {folder} 中；请更换输出目录",
            )


def _verify(options: Namespace, lang: str) -> int:
    from pipeline.documents import manifest as manifests

    options.manifest = urls.near(options.manifest)
    manifest = manifests.read(options.manifest)
    jobs = manifests.outputs(manifest, Path(options.manifest).parent, lang)

    def failed(again: manifests.Again, error: AssetError) -> Entry:
        told = {"type": type(error).__name__, "message": error.text.of(lang)}
        return {"path": again.path, "status": "error", "message": "", "error": told}

    with Spool(len(jobs)) as spool:
        pairs = batch.entries(
            manifests.verify_entry,
            jobs,
            options,
            wall(presets.load(jobs[0].preset) if jobs and jobs[0].preset else None, deep=False),
            failed,
            names=lambda again: f"{again.folder}/{again.path}",
        )
        _collect(pairs, spool, options, "verified")
        counted = spool.summary(("ok", "changed", "error"))
        head = {"schema": "media-preflight/verification/1", "manifest": options.manifest}
        if options.json:
            write_document(sys.stdout, head, "outputs", spool, {"summary": counted})
        elif options.jsonl:
            _line({"event": "summary", **head, "summary": counted})
        else:
            from pipeline.report import console

            out = console.console()
            if not options.quiet:
                rows = [(console.say(e["status"], lang), e["path"], _said(e)) for e in spool]
                out.print(console.rows_table(rows))
            out.print(f"{console.say('total', lang)} {len(spool)}: {counted['ok']} {console.say('ok', lang)}")
        return exit_code(spool)


def _said(entry: Entry) -> str:
    return str(entry["error"]["message"] if entry["error"] else entry["message"])
