"""Manifests edited by somebody: what the published schema refuses is refused by the reader, with its key, and nothing
that is refused is sent, verified or reported as fine. The outside witness is the package jsonschema."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest

from pipeline.cli.main import main
from pipeline.documents import read
from pipeline.documents.schema import schema
from pipeline.errors import UsageError
from tests.documents.edits import ATTACKS, DEEP, Edit, changed, edits
from tests.upload import made

jsonschema = pytest.importorskip("jsonschema")

# Words of decoders and of Python that no user should meet.
_FOREIGN: Final = re.compile(r"Traceback|`\$|\$\.|regex|recursion|NoneType|object has no|struct|got `|KeyError|Decode")
# What the reader refuses and a schema cannot say: words about the whole, and what contradicts itself.
_BEYOND: Final = re.compile(
    r"path: |and yet|too deep|stands there twice|none that|too large|is empty: there|one of an asset|proof: one"
    r"|breaks rule|summary: 'en'|is not of this kind|summary\.|schema is not|half a character|not in UTF-8|no JSON"
)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """One ready asset with as much in it as a small document can have, and one that is failed."""
    output = made.output(tmp_path, "clip.png", b"picture") | {"findings": [made.finding("fail", "warning")]}
    output |= {"part": {"number": 1, "of": 2, "start": "0", "length": "1/25", "frames": 5}, "text": "words"}
    told = made.finding("fail", "warning")
    told |= {"told": {"title": told["said"], "found": told["said"], "limit": None, "rest": told["said"]}}
    told |= {"where": told["said"], "fix": {"does": "it", "safety": "lossy", "said": told["said"]}, "stream": 0}
    told |= {"also": [told["source"]]}
    facts = {"name": "clip.png", "kind": "video", "size": 7, "extension": "png", "duration": "30000/1001", "covers": 0}
    facts |= {"remarks": [told["said"]], "speech": None, "others": ["text"], "intact": True}
    asset = made.asset("image", "image", [output], "fixed") | {"findings": [told], "facts": facts, "seconds": 0.5}
    asset |= {"steps": [{"does": "it", "said": told["said"], "command": ["ffmpeg", "-i"]}]}
    asset |= {"proof": [{"name": told["said"], "expected": told["said"], "found": told["said"], "passed": True}]}
    asset |= {"source_md5": output["md5"], "inside": {"slide": 1, "part": "ppt/media/1.png"}}
    lost = made.asset("video", "video", [], "failed")
    lost |= {"source": "b.mp4", "error": {"type": "Unreadable", "message": "cut", "said": {"en": "cut", "zh": "截断"}}}
    whole = made.write(tmp_path, "metastudio/asset-library", [asset, lost])
    data = json.loads(whole.read_text(encoding="utf-8"))
    data["reasons"] = [{"status": "failed", "rule": None, "code": None, "error": "Unreadable", "count": 1}]
    data["batch"] = [told]
    whole.write_text(json.dumps(data), encoding="utf-8")
    return whole


def _refusal(manifest: Path) -> str:
    """What the reader has against it: one sentence, or nothing."""
    try:
        found = read.manifest(str(manifest))
    except UsageError as error:
        for sentence in (error.text.en, error.text.zh):
            assert manifest.name in sentence
        return error.text.en
    for doubt in found.doubts:
        assert doubt.source
        if doubt.asset is not None:
            assert found.document.assets[doubt.asset].status == "failed"
    return " ".join(f"{doubt.source}: {doubt.text.en}" for doubt in found.doubts)


def _write(manifest: Path, edit: Edit) -> None:
    manifest.write_text(json.dumps(edit.whole), encoding="utf-8")


def test_it_is_right_before_it_is_edited(manifest: Path) -> None:
    jsonschema.Draft202012Validator(schema("manifest")).validate(json.loads(manifest.read_text(encoding="utf-8")))
    assert _refusal(manifest) == ""


@pytest.mark.every(5)
@pytest.mark.parametrize("fifth", range(5))
def test_the_reader_and_the_schema_refuse_the_same(fifth: int, manifest: Path) -> None:
    witness = jsonschema.Draft202012Validator(schema("manifest"))
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    wrong, count = [], 0
    for edit in islice(edits(whole), fifth, None, 5):
        count += 1
        _write(manifest, edit)
        refused, invalid = _refusal(manifest), next(witness.iter_errors(edit.whole), None)
        if invalid is not None and not refused:
            wrong.append(f"{edit.name}: accepted, and the schema says {invalid.message[:100]}")
        if refused and invalid is None and not _BEYOND.search(refused):
            wrong.append(f"{edit.name}: refused, and the schema has nothing against it: {refused}")
        if refused and _FOREIGN.search(refused):
            wrong.append(f"{edit.name}: {refused}")
        if refused and invalid is not None and edit.key not in refused and "no JSON" not in refused:
            wrong.append(f"{edit.name}: the key {edit.key} is not named: {refused}")
    assert wrong == [], f"{len(wrong)} of {count}"
    assert count > 200


@pytest.mark.every(2)
@pytest.mark.parametrize("verb", ["upload", "report"])
def test_no_verb_ends_well_with_what_is_refused(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    words = {
        "upload": ["--to", f"file://{tmp_path}/far", "--dry-run", "--json"],
        "report": ["-o", str(tmp_path / "out.json"), "-q"],
    }
    wrong = []
    some = [one for number, one in enumerate(edits(whole)) if number % 11 == 0 or one.name.startswith("path")]
    for edit in some:
        _write(manifest, edit)
        refused = _refusal(manifest)
        code = main([verb, str(manifest), *words[verb]])
        said = "".join(capsys.readouterr())
        allowed = {1, 2, 4, 5} if refused else {0, 1, 5} if verb == "upload" else {0}
        if code not in allowed or "Traceback" in said:
            wrong.append(f"{edit.name}: {code}: {said[-200:]}")
    assert wrong == []
    assert len(some) > 200


@pytest.mark.parametrize("verb", ["upload", "report", "verify"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{}", "not in UTF-8"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (b"[]", "wanted an object"),
        (b"{}", "schema is not"),
        (b"null", "wanted an object"),
        (b'{"schema": ["media-preflight/manifest/2"]}', "wanted text"),
        (b'{"schema": "media-preflight/manifest/2"', "no JSON"),
        (b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deep"),
        (b'{"a": ' * DEEP + b"1" + b"}" * DEEP, "nested too deep"),
    ],
)
def test_what_is_no_document_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, text: bytes, said: str
) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(text)
    assert main([verb, str(path), *_words(verb, tmp_path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "manifest.json" in told
    assert not _FOREIGN.search(told)


def _words(verb: str, tmp_path: Path) -> list[str]:
    return {"upload": ["--to", f"file://{tmp_path}/far"], "report": ["-o", str(tmp_path / "out.csv")]}.get(verb, [])


def _raw(manifest: Path, old: str, new: str) -> None:
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"schema":', '"schema": "media-preflight/report/2", "schema":', "schema: stands there twice"),
        ('"assets":', '"assets": [], "assets":', "assets: stands there twice"),
        ('"size": 7', '"size": 7, "size": 9', "size: stands there twice"),
        ('"seconds": 0.5', '"seconds": NaN', "seconds: holds a number"),
        ('"seconds": 0.5', '"seconds": Infinity', "seconds: holds a number"),
        ('"seconds": 0.5', '"seconds": 1e999', "seconds: holds a number that is too large"),
        ('"covers": 0', f'"covers": {"9" * 5000}', "covers: holds a number that is too large"),
        ('"actual": 7', f'"actual": {"9" * 5000}', "actual: holds a number that is too large"),
        ('"actual": 7', f'"actual": [[{"9" * 5000}]]', "actual: holds a number that is too large"),
        ('"assets": [', f'"assets": [{"9" * 5000}, ', "holds a number that is too large"),
        ('"words"', '"half \\ud800"', "half a character"),
        ('"30000/1001"', '"1e999999999"', "duration: wanted a number such as"),
        ('"30000/1001"', '"1/0"', "duration: wanted a number such as"),
    ],
)
def test_what_json_leaves_open_has_one_meaning_here(manifest: Path, old: str, new: str, said: str) -> None:
    _raw(manifest, old, new)
    assert said in _refusal(manifest)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_path_that_is_not_plain_costs_its_asset(manifest: Path, attack: str) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    whole["assets"].append(made.asset("image", "image", [made.output(manifest.parent, "good.png", b"good")]))
    whole["summary"]["ready"] = 1
    manifest.write_text(json.dumps(changed(whole, ("assets", 0, "outputs", 0, "path"), attack)), encoding="utf-8")
    found = read.manifest(str(manifest))
    assert [doubt.asset for doubt in found.doubts] == [0]
    assert "outputs[0].path" in found.doubts[0].text.en
    first, _, third = found.document.assets
    assert (first.outputs, first.status) == ((), "failed")
    assert [output.path for output in third.outputs] == ["good.png"]


def _link(place: Path) -> None:
    (place.parent / "real.png").write_bytes(b"picture")
    place.unlink()
    place.symlink_to("real.png")


def _folder_link(place: Path) -> None:
    (place.parent / "real").mkdir()
    (place.parent / "real" / "clip.png").write_bytes(b"picture")
    place.unlink()
    (place.parent / "a").symlink_to("real")


def _pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def _device(place: Path) -> None:
    place.unlink()
    try:
        os.mknod(place, 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def _socket(place: Path) -> None:
    place.unlink()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(place))


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize(
    ("what", "path", "said"),
    [
        (_link, "clip.png", "a link leads there"),
        (_folder_link, "a/clip.png", "a link leads there"),
        (_pipe, "clip.png", "is a named pipe"),
        (_device, "clip.png", "is a device"),
        (_socket, "clip.png", "is a socket"),
        (_folder, "clip.png", "is a directory"),
    ],
)
def test_what_is_no_file_of_that_folder_costs_its_asset_and_keeps_nobody_waiting(
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    what: Callable[[Path], None],
    path: str,
    said: str,
) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    what(manifest.parent / "clip.png")
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(changed(whole, ("assets", 0, "outputs", 0, "path"), path)), encoding="utf-8")
    assert said in _refusal(manifest)
    assert main(["upload", str(manifest), "--to", f"file://{tmp_path}/far", "--force", "-q"]) == 1
    assert not list((tmp_path / "far").rglob("*")) if (tmp_path / "far").exists() else True
    assert main(["verify", str(manifest), "-q"]) == 4
    capsys.readouterr()


def test_a_manifest_that_is_a_pipe_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(tmp_path / "manifest.json")
    for verb in ("verify", "upload", "report"):
        assert main([verb, str(tmp_path / "manifest.json"), *_words(verb, tmp_path)]) == 2
        assert "Is a named pipe" in capsys.readouterr().err


CONTRADICTIONS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("outputs: no main file, and yet the status is fixed", {"outputs": []}),
    ("outputs: a main file, and yet the status is blocked", {"status": "blocked"}),
    ("status: pass is not of this kind of document", {"status": "pass"}),
    (
        "status: fixed, and yet there is an error",
        {"error": {"type": "X", "message": "x", "said": {"en": "x", "zh": "x"}}},
    ),
    ("blocked: something, and yet the status is fixed", {"blocked": [made.finding("fail")]}),
]


@pytest.mark.parametrize(("said", "change"), CONTRADICTIONS, ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_is_told_and_not_believed(
    manifest: Path, capsys: pytest.CaptureFixture[str], said: str, change: dict[str, Any]
) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    whole["assets"][0] |= change
    manifest.write_text(json.dumps(whole), encoding="utf-8")
    assert said in _refusal(manifest)
    assert main(["verify", str(manifest), "--json"]) == 4
    assert said in capsys.readouterr().out


def test_an_output_that_breaks_a_rule_or_was_not_proven_is_not_believed(manifest: Path) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    broken = changed(whole, ("assets", 0, "outputs", 0, "findings"), [made.finding("fail")])
    manifest.write_text(json.dumps(broken), encoding="utf-8")
    assert "breaks rule r: too long" in _refusal(manifest)
    manifest.write_text(json.dumps(changed(whole, ("assets", 0, "proof", 0, "passed"), False)), encoding="utf-8")
    assert "proof: one failed" in _refusal(manifest)


def test_a_path_twice_is_an_assets_own_error(manifest: Path) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    whole["assets"].append(whole["assets"][0] | {"source": "other"})
    manifest.write_text(json.dumps(whole), encoding="utf-8")
    found = read.manifest(str(manifest))
    assert [(doubt.asset, doubt.source) for doubt in found.doubts] == [(2, "other")]
    assert "another output has the same path" in found.doubts[0].text.en


@pytest.mark.parametrize(("verb", "code"), [("verify", 4), ("upload", 5), ("report", 4)])
def test_a_summary_that_is_not_that_of_the_list_is_told(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, code: int
) -> None:
    _raw(manifest, '"fixed": 1', '"fixed": 2')
    assert main([verb, str(manifest), *_words(verb, tmp_path), "--json"]) == code
    assert "summary.fixed is 2, and the list has 1" in "".join(capsys.readouterr())


@pytest.mark.parametrize("verb", ["verify", "upload", "report"])
@pytest.mark.parametrize("assets", [[], {}, None])
def test_nothing_is_an_error(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, assets: object
) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8")) | {"assets": assets}
    manifest.write_text(json.dumps(whole), encoding="utf-8")
    assert main([verb, str(manifest), *_words(verb, tmp_path)]) == 2
    assert "assets: " in capsys.readouterr().err


def test_a_manifest_without_an_output_has_nothing_to_verify(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8"))
    del whole["assets"][0]
    manifest.write_text(json.dumps(whole | {"summary": {}}), encoding="utf-8")
    assert main(["verify", str(manifest)]) == 2
    assert "nothing to verify" in capsys.readouterr().err


@pytest.mark.parametrize("edit", [{"preset": []}, {"preset": 7}, {"preset": {"id": "../../x.toml", "sha256": ""}}])
@pytest.mark.parametrize("verb", ["verify", "upload"])
def test_a_preset_that_is_none_verifies_and_sends_nothing(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, edit: dict[str, Any]
) -> None:
    whole = json.loads(manifest.read_text(encoding="utf-8")) | edit
    manifest.write_text(json.dumps(whole), encoding="utf-8")
    assert main([verb, str(manifest), *_words(verb, tmp_path)]) == 2
    capsys.readouterr()
    assert not (tmp_path / "far").exists()
