"""Damaged documents: manifests, reports, receipts, journals, orders, presets, lists, secrets, answers of a far end.

Each mutant is given to the verbs that read such a document, as a user would give it. What may happen: an exit code of
the contract and a sentence. What may not: an exception or its name, time without end, a byte written or delivered from
outside the folder, or the exit code of success for what the published schema refuses.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from pipeline.cli.main import main
from pipeline.convert.package import cut_take
from pipeline.engine.journal import NAME as JOURNAL
from pipeline.engine.pool import cores
from pipeline.errors import PreflightError
from pipeline.storage import publish
from pipeline.upload.journal import NAME as UPLOADS
from samples import build
from tests.fuzz import edits
from tests.fuzz.edits import Lure
from tests.watching import SECRET, canaries, differences, snapshot

WALL = 60.0  # seconds of one mutant, far above what the slowest takes
DEAF = 180.0  # seconds after which a process that does not even hear its alarm is ended
MEMORY = 3 << 30  # bytes of address space of a process that reads documents; what needs more fails, and is told
TOP = Path(__file__).parent.parent.parent
PRESET = "metastudio/asset-library"
_CONTEXT = get_context("fork")
CODES = frozenset({0, 1, 2, 3, 4, 5, 6})  # of the contract; 70 is a fault of ours
# The name of an exception that nobody turned into a sentence, wherever it is printed.
_UNCAUGHT = re.compile(r"Traceback \(most recent|\b[A-Z]\w*(?<!Asset)(?<!Preset)(?<!Usage)(?<!Upload)Error\b: ?|\"type\": ?\"(?:Key|Type|Value|Index|Attribute|Recursion|Unicode\w*|Overflow|Assertion|Memory|OS|NotImplemented|Validation|Decode)Error\"")  # fmt: skip  # noqa: E501


class _Over(BaseException):
    """The time of a mutant is over."""


@dataclass
class Found:
    """What became of all mutants."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """How a verb ended."""

    code: int | None  # None: it did not
    out: str
    why: str = ""  # what was raised


def run(*words: str) -> Said:
    """A verb in this process, as on the command line. Raises _Over."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code: int | None = None
    why = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except Exception:  # noqa: BLE001  what this campaign looks for
            why = _last(traceback.format_exc())
    told = b"".join(one.buffer.getvalue() for one in (out, err) if not one.flush())  # type: ignore[attr-defined]
    return Said(code, told.decode("utf-8", "replace"), why)


def _last(trace: str) -> str:
    """The exception and the place of ours that it came from."""
    places = re.findall(r'File ".*?(pipeline/[^"]+)", line (\d+)', trace)
    return f"{trace.strip().splitlines()[-1][:200]} ({':'.join(places[-1]) if places else 'elsewhere'})"


# --- what is damaged ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """Folders of one process: what is tried, where it may write, and what it must leave alone."""

    top: Path

    def __getattr__(self, name: str) -> Path:
        return self.top / name

    def fresh(self, template: str) -> Path:
        """`near` as a finished run left it, and everything that an attempt may have written gone."""
        canaries(self.canary)
        for name in ("near", "far", "told"):
            shutil.rmtree(self.top / name, ignore_errors=True)
            (self.top / name).mkdir()
        shutil.copytree(self.top / "pristine" / template, self.top / "near", dirs_exist_ok=True)
        return self.top / "near"

    def lure(self) -> Lure:
        """The victim, by every name it has from `near`."""
        shutil.rmtree(self.top / "way", ignore_errors=True)
        victim = self.top / "canary" / "victim.bin"
        link = "out/victim.bin"  # through a link in the folder, where `tempted` has laid one
        paths = ("../canary/victim.bin", str(victim), "../canary/pointer", link, "./../canary/victim.bin", "alias.bin")
        md5 = base64.b64encode(hashlib.md5(SECRET, usedforsecurity=False).digest()).decode()
        return Lure(paths, len(SECRET), md5)


def prepared(top: Path) -> None:
    """What is damaged later, made once by the verbs themselves: `pristine`, `sources` and the canaries in `top`."""
    (top / "sources").mkdir(parents=True)
    for made in build(["images/good.jpeg", "images/alpha.png", "texts/good.srt"], TOP / "samples" / "out").values():
        shutil.copyfile(made, top / "sources" / made.name)
    sources, out = str(top / "sources"), top / "pristine"
    for template in ("run", "sent", "photos"):
        preset = "tencent/photo-fast" if template == "photos" else PRESET
        told = run("prepare", sources, "-p", preset, "-o", str(out / template), "-q")
        assert told.code in (0, 1), told
    bench, dice = Bench(top), random.Random(0)  # noqa: S311  nothing is damaged
    canaries(top / "canary")
    sent = [one["status"] for one in _delivering(bench, out / "sent", dice)]
    assert sent.count("sent") == 2, sent  # the third is blocked
    reports = out / "reports"
    reports.mkdir()
    for verb in ("check", "plan"):
        said = run(verb, sources, "-p", PRESET, "--json")
        (reports / f"{verb}.json").write_text(said.out[: said.out.rindex("}") + 1], "utf-8")
    (reports / "report-1.json").write_text(_older((reports / "check.json").read_text("utf-8")), "utf-8")
    (reports / "manifest-1.json").write_text(_older((out / "run" / "manifest.json").read_text("utf-8")), "utf-8")


def _older(text: str) -> str:
    """A document as version 1 had it: one sentence a place, strings for numbers, no ids and no reasons."""
    data = json.JSONDecoder().decode(text)
    data["schema"] = data["schema"].replace("/2", "/1")
    del data["reasons"]
    for asset in data["assets"]:
        del asset["id"]
        for found in [*asset["findings"], *(one for output in asset.get("outputs", ()) for one in output["findings"])]:
            found |= {"said": None, "actual": None if found["actual"] is None else str(found["actual"])}
            found["where"] = found["where"] and found["where"]["en"]
            del found["told"]
        for proof in asset.get("proof", ()):
            proof |= {key: proof[key]["en"] for key in ("name", "expected", "found")}
    return json.dumps(data)


def _document(bench: Bench, path: Path, text: bytes, rng: random.Random, edit: Callable[..., bytes]) -> bytes:
    """The document damaged and put in its place; now and then something else lies there."""
    choice = rng.random()
    if choice < 0.03:
        _otherwise(bench, path, rng)
        return b""
    text = edits.damaged(text, rng) if choice < 0.25 else edit(text, rng, bench.lure())
    if path.parent.name == "near" and path.suffix != ".sqlite" and rng.random() < 0.3:  # that a path may go through
        with contextlib.suppress(FileExistsError):
            (path.parent / "alias.bin").symlink_to(bench.top / "canary" / "victim.bin")
            (path.parent / "out").symlink_to(bench.top / "canary")
    path.write_bytes(text)
    return text


def _otherwise(bench: Bench, path: Path, rng: random.Random) -> None:
    """No regular file of ours where the document should be."""
    path.unlink(missing_ok=True)
    kind = rng.choice(("pipe", "folder", "loop", "nowhere", "zero", "socket", "victim", "locked"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        before = os.getcwd()  # noqa: PTH109  a path of a socket is short
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
        os.chdir(before)
    elif kind == "locked":
        path.write_bytes(b"{}")
        path.chmod(0)
    else:
        victim = bench.canary / "victim.bin"
        path.symlink_to({"loop": path, "nowhere": bench.near / "nowhere", "zero": "/dev/zero", "victim": victim}[kind])


# --- how each kind is tried -----------------------------------------------------------------------------


@dataclass
class Tried:
    """One mutant: what was read, the verb, how it ended, and where that verb may write."""

    text: bytes
    words: tuple[str, ...]
    said: Said
    changed: list[str]  # outside of where the verb may write
    schema: str = ""  # name of the published one that holds for it


def _attempt(
    bench: Bench,
    text: bytes,
    words: tuple[str, ...],
    writes: tuple[Path, ...] = (),
    schema: str = "",
    call: Callable[[], object] | None = None,
) -> Tried:
    """A verb, or `call` in its place, which may write in these places and nowhere else."""
    before = snapshot(bench.top, bench.cache, *writes)
    said = _called(call) if call else run(*words)
    return Tried(text, words, said, differences(before, snapshot(bench.top, bench.cache, *writes)), schema)


def _called(call: Callable[[], object]) -> Said:
    try:
        told = call()
    except PreflightError as error:
        return Said(error.exit_code, str(error))
    except Exception:  # noqa: BLE001  what this campaign looks for
        return Said(None, "", _last(traceback.format_exc()))
    return Said(0, json.dumps(told, default=str))


def _reading(bench: Bench, path: Path, rng: random.Random) -> tuple[str, ...]:
    ending = rng.choice(("csv", "xml", "md", "json", "html"))
    return "report", str(path), "-o", str(bench.told / f"x.{ending}"), "--no-pictures", "-j", "1"


def _uploads(bench: Bench, near: Path) -> tuple[Path, ...]:
    return bench.far, *(near / f"{name}{more}" for name in (UPLOADS, ".preflight-upload.lock") for more in ("", "-journal", "-wal", "-shm")), near / "upload.json"  # fmt: skip  # noqa: E501


def manifest(bench: Bench, rng: random.Random, version: str = "") -> Tried:
    """A manifest, read by every verb that takes one."""
    near = bench.fresh("run")
    path = near / "manifest.json"
    pristine = (bench.pristine / "reports" / "manifest-1.json") if version else path
    text = _document(bench, path, pristine.read_bytes(), rng, edits.edited)
    far = f"file://{bench.far}"
    words, writes = rng.choice(
        (
            (_reading(bench, path, rng), (bench.told,)),
            (("verify", str(path), "-j", "1", "--json"), ()),
            (("upload", str(path), "--to", far, "--dry-run", "--json"), ()),
            (("upload", str(path), "--to", far, "--json"), _uploads(bench, near)),
        )
    )
    return _attempt(bench, text, words, writes, "" if version else "manifest")


def manifest_1(bench: Bench, rng: random.Random) -> Tried:
    """One of an older version."""
    return manifest(bench, rng, "1")


def report(bench: Bench, rng: random.Random) -> Tried:
    """A report of check or plan, of either version."""
    bench.fresh("reports")
    name = rng.choice(("check", "check", "plan", "report-1"))
    path = bench.near / f"{name}.json"
    text = _document(bench, path, path.read_bytes(), rng, edits.edited)
    words = _reading(bench, path, rng)
    return _attempt(bench, text, words, (bench.told,), "" if name == "report-1" else "report")


def receipt(bench: Bench, rng: random.Random) -> Tried:
    """What a killed run left in an output folder."""
    near = bench.fresh("run")
    held = json.loads((near / "manifest.json").read_bytes())["assets"]
    promises = [[o["path"], o["size"], o["md5"]] for asset in held for o in asset["outputs"]]
    left = near / f"{publish.WORK}999999999-{publish.here()}-x"
    left.mkdir(mode=0o700)
    text = _document(bench, left / publish.RECEIPT, json.dumps(promises).encode(), rng, edits.edited)
    if left.joinpath(publish.RECEIPT).is_file() and rng.random() < 0.3:
        (near / "out").symlink_to(bench.canary)
    if rng.random() < 0.1:
        return _again(bench, near, text)
    return _attempt(bench, text, ("sweep",), (near,), call=lambda: publish.sweep(near))


def _again(bench: Bench, near: Path, text: bytes) -> Tried:
    words = ("prepare", str(bench.sources), "-p", PRESET, "-o", str(near), "-j", "1", "--json")
    return _attempt(bench, text, words, (near,))


def _database(path: Path, column: tuple[str, str], bench: Bench, rng: random.Random) -> bytes:
    """A journal with one text in it edited, or a value of another type, or bytes of the file damaged."""
    if rng.random() < 0.3:
        return _document(bench, path, path.read_bytes(), rng, lambda data, dice, _: edits.damaged(data, dice))
    table, name = column
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute(f"SELECT {name} FROM {table}").fetchall()  # noqa: S608  names of ours
        old = rng.choice(rows)[0]
        structured = table != "seen" and rng.random() < 0.8
        text = edits.edited(old.encode(), rng, bench.lure()) if structured else edits.damaged(old.encode(), rng)
        new: object = rng.choice((text, 7, b"\xff\x00", 0.5)) if rng.random() < 0.1 else text.decode("utf-8", "replace")
        db.execute(f"UPDATE {table} SET {name} = ? WHERE {name} = ?", (new, old))  # noqa: S608  names of ours
        if rng.random() < 0.05:
            db.execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO gone")
        db.commit()
    return text


def journal(bench: Bench, rng: random.Random) -> Tried:
    """The journal of prepare, before the same command runs again."""
    near = bench.fresh("run")
    text = _database(near / JOURNAL, rng.choice((("assets", "entry"), ("seen", "content"))), bench, rng)
    return _again(bench, near, text)


def upload_journal(bench: Bench, rng: random.Random) -> Tried:
    """The journal of uploads, before the same upload runs again."""
    near = bench.fresh("sent")
    texts: list[bytes] = []

    def edit(place: str) -> None:
        with contextlib.closing(sqlite3.connect(near / UPLOADS)) as db:
            db.execute("UPDATE item SET place = ?", (place,))
            db.execute("UPDATE step SET place = ?", (place,))
            db.commit()
        texts.append(_database(near / UPLOADS, ("item", "facts"), bench, rng))

    places = (bench.told, *_uploads(bench, near))
    tried = _attempt(bench, b"", ("upload-journal",), places, call=lambda: _delivering(bench, near, rng, before=edit))
    return replace(tried, text=b"".join(texts))


def _delivering(bench: Bench, near: Path, rng: random.Random, **how: Any) -> list[dict[str, Any]]:
    """An upload to the emulator: the entries that it ends with. Raises what it raises."""
    from tests.fuzz.answers import delivered

    return delivered(near / "manifest.json", bench.told, rng, bench.lure(), **how)


_ASSET = """[asset]
tags = ["2026", "autumn"]
supported_service = ["VIDEO_2D"]
asset_description = "made to be sent"
"""
_MAKE = """[check]
TimbreLanguage = "zh"

[make]
AnchorName = "somebody"
Gender = "female"
PhotoVersion = 0

[confirm]
Operate = "CONFIRM"
"""
_KEYS = 'metastudio_ak = "AK-of-nobody"\nmetastudio_sk = "SK-of-nobody-at-all"\nmetastudio_project = "p"\n'


def order(bench: Bench, rng: random.Random) -> Tried:
    """An order, planned at both platforms."""
    near = bench.fresh("photos" if (far := rng.random() < 0.5) else "run")
    path = near / "order.toml"
    text = _document(bench, path, (_MAKE if far else _ASSET).encode(), rng, edits.lined)
    where = "tencent" if far else "metastudio"
    words = ("upload", str(near / "manifest.json"), "--to", where, "--order", str(path), "--dry-run", "--json")
    return _attempt(bench, text, words)


def secrets(bench: Bench, rng: random.Random) -> Tried:
    """A file of keys."""
    near = bench.fresh("run")
    path = near / "keys.toml"
    text = _document(bench, path, _KEYS.encode(), rng, edits.lined)
    if path.is_file() and not path.is_symlink():
        path.chmod(0o600)
    words = ("upload", str(near / "manifest.json"), "--to", "metastudio", "--secrets", str(path), "--dry-run", "--json")
    return _attempt(bench, text, words)


@functools.cache
def _presets() -> tuple[Path, ...]:
    return tuple(sorted(path for path in (TOP / "presets").glob("*/*.toml")))


def preset(bench: Bench, rng: random.Random) -> Tried:
    """A preset, and one file judged by it."""
    bench.fresh("reports")
    path = bench.near / "own.toml"
    text = _document(bench, path, rng.choice(_presets()).read_bytes(), rng, edits.lined)
    words: tuple[str, ...] = ("presets", "lint", str(path), "--json")
    if rng.random() < 0.1:
        words = ("check", str(bench.sources / "good.jpeg"), "-p", str(path), "-j", "1", "--json")
    return _attempt(bench, text, words)


def listing(bench: Bench, rng: random.Random) -> Tried:
    """A list of files."""
    bench.fresh("reports")
    path = bench.near / "files.list"
    names = "\n".join(str(one) for one in sorted(bench.sources.iterdir()))
    text = _document(bench, path, names.encode(), rng, edits.lined)
    if path.is_file() and any(bench.top.is_relative_to(os.fsdecode(line) or "-") for line in text.split(b"\n")):
        path.write_bytes(names.encode())  # a name cut short that leads to all that lies on this machine
    words = ("probe", "--from-file", str(path), "-j", "1", "--json")
    return _attempt(bench, text, words)


def cuts(bench: Bench, rng: random.Random) -> Tried:
    """A list of cuts, as a person gives it back."""
    bench.fresh("reports")
    lines = "line,start,end,text,sure\n" + "".join(f"{n},{n * 2.5},{n * 2.5 + 2},words {n},yes\n" for n in range(1, 9))
    text = edits.damaged(lines.encode(), rng) if rng.random() < 0.5 else edits.lined(lines.encode(), rng, bench.lure())
    name = text.decode("utf-8-sig", "surrogateescape")
    return _attempt(bench, text, ("cuts",), call=lambda: bool(cut_take.reviewed(name, "cuts.csv")))


def answers(bench: Bench, rng: random.Random) -> Tried:
    """What a platform answers, one call of several damaged on its way."""
    near = bench.fresh("photos" if (photo := rng.random() < 0.4) else "run")
    every, places = rng.choice((1, 2, 4)), (bench.told, *_uploads(bench, near))
    call = functools.partial(_delivering, bench, near, rng, photo=photo, every=every)
    return _attempt(bench, b"", ("answers",), places, call=call)


# A kind as often as it stands here: manifests are read by most verbs.
KINDS: Sequence[Callable[[Bench, random.Random], Tried]] = (
    *(manifest,) * 6,
    *(manifest_1,) * 2,
    *(report,) * 3,
    *(receipt,) * 2,
    journal,
    upload_journal,
    *(order,) * 2,
    *(preset,) * 2,
    secrets,
    listing,
    cuts,
    *(answers,) * 2,
)


# --- verdicts -------------------------------------------------------------------------------------------


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((TOP / "docs" / "schema" / f"{name}.json").read_bytes()))


def _no(token: str) -> float:
    raise ValueError(token)


def refused(text: bytes, name: str) -> str:
    """Why the published schema refuses a document; empty when it does not. What is no JSON is refused by all."""
    try:
        tree = json.JSONDecoder(parse_constant=_no).decode(text.decode("utf-8"))
        for error in _validator(name).iter_errors(tree):
            return f"{error.json_path}: {error.message[:100]}"
    except (ValueError, RecursionError) as error:
        return f"no JSON: {str(error)[:100]}"
    return ""


def judged(tried: Tried) -> Iterator[str]:
    """What went wrong with a mutant, whatever was written."""
    said = tried.said
    if said.why:
        yield f"uncaught: {said.why}"
    elif said.code not in CODES:
        yield f"exit code {said.code}: {said.out.strip()[-200:]!r}"
    elif "no memory left" in said.out:
        yield "read without bound"
    found = _UNCAUGHT.search(said.out)
    if found:
        around = said.out[max(0, found.start() - 60) : found.end() + 60]
        yield f"an exception's name was printed: {around!r}"
    if tried.schema and said.code == 0 and (why := refused(tried.text, tried.schema)):
        yield f"success for what the schema refuses: {why}"
    if tried.schema and said.code == 0 and tried.words[0] in ("verify", "upload") and _empty(tried.text):
        yield "success for nothing"


def _empty(text: bytes) -> bool:
    """Whether a document says that it holds no asset."""
    try:
        tree = json.JSONDecoder().decode(text.decode("utf-8"))
    except (ValueError, RecursionError):  # it says nothing at all
        return False
    return isinstance(tree, dict) and tree.get("assets") == []


def _stolen(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


def one(bench: Bench, index: int, seed: int) -> tuple[str, list[str]]:
    """Mutant `index`: how it ended, and what was wrong."""
    kind = KINDS[index % len(KINDS)]
    rng = random.Random(f"{seed}/documents/{index}")  # noqa: S311  reproducible damage
    signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, WALL)
    try:
        tried = kind(bench, rng)
    except _Over as over:
        return f"{kind.__name__} over time", [f"{kind.__name__}: over time at {over}"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    told = f"{kind.__name__} `{' '.join(word.replace(str(bench.top), '') for word in tried.words)}`"
    wrong = [f"{told}: {why}" for why in judged(tried)]
    wrong += [f"{told}: outside: {what.replace(str(bench.top), '')}" for what in tried.changed]
    wrong += [f"{told}: delivered another's file: {path}" for path in _stolen(bench.far)]
    return f"{kind.__name__} {tried.said.code}", wrong


def _alarm(*_: object) -> None:
    frame = sys._getframe(1)
    places: list[str] = []
    while frame is not None and len(places) < 1:
        if "/pipeline/" in frame.f_code.co_filename:
            places.append(f"{frame.f_code.co_filename.rpartition('/pipeline/')[2]}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    raise _Over(places[0] if places else "elsewhere")


# --- a campaign -----------------------------------------------------------------------------------------


def _environment(top: Path) -> None:
    """Settings of the emulator's made-up account, and folders of its own for whatever is kept between runs."""
    for name in [name for name in os.environ if name.startswith(("PREFLIGHT_", "LC_", "LANG", "XDG_"))]:
        del os.environ[name]
    nobody = "http://127.0.0.1:9"  # nothing listens there
    os.environ |= {
        "HOME": str(top / "cache"),
        "PREFLIGHT_CACHE": str(top / "cache"),
        "PREFLIGHT_METASTUDIO_ENDPOINT": nobody,
        "PREFLIGHT_METASTUDIO_PROJECT": "sandboxproject",
        "PREFLIGHT_METASTUDIO_REGION": "cn-north-4",
        "PREFLIGHT_METASTUDIO_AK": "AK-of-nobody",
        "PREFLIGHT_METASTUDIO_SK": "SK-of-nobody-at-all",
        "PREFLIGHT_TENCENT_ENDPOINT": nobody,
        "PREFLIGHT_TENCENT_COS_ENDPOINT": nobody,
        "PREFLIGHT_TENCENT_APPKEY": "sandboxappkey",
        "PREFLIGHT_TENCENT_ACCESSTOKEN": "sandbox-access-token",
    }


def _work(top: Path, pristine: Path, indices: Sequence[int], seed: int, pipe: Any) -> None:
    """A process that tries these mutants one after the other, and tells each before and after."""
    shutil.copytree(pristine, top, symlinks=True)
    _environment(top)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))  # softly: workers set limits of their own
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what native libraries and workers print
    os.chdir(top)  # where a name that is no path begins
    bench = Bench(top)
    for index in indices:
        pipe.send((index, None, ()))
        try:
            told = one(bench, index, seed)
        except Exception:  # noqa: BLE001  of the campaign itself, which is a fault too
            told = "campaign", [f"the campaign itself: {traceback.format_exc()}"]
        pipe.send((index, *told))
    pipe.close()


@dataclass
class _Lane:
    """A process, and the mutants it is to try."""

    process: Any
    pipe: Connection
    top: Path
    indices: list[int]
    at: int = -1  # the mutant it began last
    heard: float = field(default_factory=time.monotonic)  # when it last said something


def campaign(count: int, seed: int, folder: Path, first: int = 0, tell: Callable[[str], object] = str) -> Found:
    """Mutants `first` to `first + count`; what is wrong is told at once too."""
    found = Found()
    pristine = folder / "pristine"
    maker = _CONTEXT.Process(target=_made, args=(pristine,))
    maker.start()
    maker.join()
    assert maker.exitcode == 0, "what is to be damaged could not be made"
    lanes = [list(range(first + lane, first + count, cores())) for lane in range(cores())]
    going: dict[Connection, _Lane] = {}

    def wrong(index: int, *why: str) -> None:
        for one in why:
            found.wrong.append(f"seed {seed} document {index}: {one}")
            tell(found.wrong[-1])

    for number, indices in enumerate(filter(None, lanes)):
        begun = _begun(folder / f"w{number}", pristine, indices, seed)
        going[begun.pipe] = begun
    while going:
        ready = set(wait(list(going), DEAF / 10))
        for pipe, lane in list(going.items()):
            deaf = pipe not in ready and time.monotonic() - lane.heard > DEAF
            if pipe in ready and (news := _heard(lane)):
                lane.at, lane.heard = news[0], time.monotonic()
                if news[1] is not None:
                    found.statuses[news[1]] += 1
                    wrong(news[0], *news[2])
            elif pipe in ready or deaf:
                del going[pipe]
                how, left = _ended(lane, deaf=deaf)
                if how:
                    found.statuses["lost"] += 1
                    wrong(lane.at, how)
                if left:
                    begun = _begun(lane.top, pristine, left, seed)
                    going[begun.pipe] = begun
    return found


def _begun(top: Path, pristine: Path, indices: list[int], seed: int) -> _Lane:
    shutil.rmtree(top, ignore_errors=True)
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_work, args=(top, pristine, indices, seed, theirs))
    process.start()
    theirs.close()
    return _Lane(process, ours, top, indices)


def _heard(lane: _Lane) -> tuple[int, str | None, tuple[str, ...]] | None:
    try:
        told: tuple[int, str | None, tuple[str, ...]] = lane.pipe.recv()
    except EOFError:  # it has ended, or died: its exit code says which
        return None
    return told


def _ended(lane: _Lane, *, deaf: bool) -> tuple[str, list[int]]:
    """What went wrong with the mutant that the process was at, empty when it is done; and those it did not come to."""
    lane.process.join(0 if deaf else 30)
    lane.process.kill()
    lane.process.join()
    left = lane.indices[lane.indices.index(lane.at) + 1 :] if lane.at >= 0 else []
    if deaf:
        return "over time, and its alarm was not heard", left
    return (f"died with {lane.process.exitcode}" if lane.process.exitcode else ""), left


def _made(pristine: Path) -> None:
    pristine.mkdir(parents=True)
    _environment(pristine)
    prepared(pristine)
