"""`manifest.json`: the record of a finished run, and what can be checked of it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pipeline.documents import entry as document
from pipeline.documents.spool import Spool, write_document
from pipeline.errors import UsageError
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import presets
from pipeline.stages.check import problem, role_of
from pipeline.storage.atomic import replacing
from pipeline.storage.digest import content_md5

if TYPE_CHECKING:
    from pipeline.model.job import Progress

NAME: Final = "manifest.json"
QUARANTINE: Final = "quarantine.list"


def write(folder: Path, head: dict[str, Any], spool: Spool, tail: dict[str, Any]) -> Path:
    """Write the manifest whole or not at all. Raises OSError."""
    path = folder / NAME
    with replacing(path) as file:
        write_document(file, head, "assets", spool, tail)
    return path


def quarantine(folder: Path, paths: Sequence[str], spool: Spool) -> None:
    """List the sources that could not be made ready, as `--from-file` takes them; no file when there are none.

    The sources themselves stay where they are. What was found inside one of them has no path of its own.
    """
    ended = spool.at(frozenset({"blocked", "failed"}))
    left = [paths[index] for index in ended if index < len(paths)]
    path = folder / QUARANTINE
    if not left:
        path.unlink(missing_ok=True)
        return
    with replacing(path, errors="surrogateescape") as file:  # a name that is no text keeps its bytes
        file.writelines(f"{name}\0" for name in left)


def read(name: str) -> dict[str, Any]:
    """A manifest from disk. Raises UsageError when it is none."""
    try:
        data = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: not a manifest: {error}", f"{name}：不是清单文件：{error}") from None
    if not isinstance(data, dict) or data.get("schema") != document.MANIFEST:
        raise UsageError(f"{name}: schema is not {document.MANIFEST!r}", f"{name}：schema 不是 {document.MANIFEST!r}")
    return cast(dict[str, Any], data)


@dataclass(frozen=True, slots=True)
class Again:
    """One output to look at again."""

    folder: str
    path: str  # relative to the folder
    size: int
    md5: str
    preset: str
    role: str | None
    main: bool
    lang: str


def outputs(manifest: dict[str, Any], folder: Path, lang: str) -> list[Again]:
    """Every output that the manifest names."""
    preset = manifest["preset"]["id"] if manifest.get("preset") else ""
    return [
        Again(
            folder=str(folder),
            path=output["path"],
            size=output["size"],
            md5=output["md5"],
            preset=preset,
            role=asset["role"],
            main=output["category"] == "MAIN",
            lang=lang,
        )
        for asset in manifest["assets"]
        for output in asset["outputs"]
    ]


def verify_entry(again: Again, _: Progress) -> dict[str, Any]:
    """Whether one output is still what the manifest says: there, same bytes, same verdicts."""
    entry: dict[str, Any] = {"path": again.path, "status": "ok", "message": "", "error": None}
    path = Path(again.folder, again.path)
    try:
        if not path.resolve().is_relative_to(Path(again.folder).resolve()):
            return entry | {"status": "changed", "message": "path leaves the folder of the manifest"}
        if not path.is_file():
            return entry | {"status": "changed", "message": "missing"}
        size = path.stat().st_size
        if size != again.size:
            return entry | {"status": "changed", "message": f"{size} bytes, {again.size} in the manifest"}
        md5 = content_md5(path)
        if md5 != again.md5:
            return entry | {"status": "changed", "message": f"md5 {md5}, {again.md5} in the manifest"}
        return entry | _judged(again, path)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return entry | {"status": "error", "error": document.error(problem(error), again.lang)}


def _judged(again: Again, path: Path) -> dict[str, Any]:
    if not again.main or not again.preset:
        return {}
    info = probe(path)
    role = role_of(presets.load(again.preset), info.kind, again.role)
    if role is None:
        return {"status": "changed", "message": f"{info.kind.value} is not of role {again.role}"}
    wanted = judging.needs(role, info.kind)
    wrong = [f for f in judging.judge(probe(path, wanted) if wanted else info, role) if f.blocks]
    if wrong:
        told = "; ".join(document.finding(f, again.lang)["message"] for f in wrong)
        return {"status": "changed", "message": told}
    return {}
