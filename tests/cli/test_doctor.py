"""`preflight doctor`: every layer is named for a program and for a worker, and a missing one is an error if asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from pipeline.cli import doctor, main
from pipeline.model.facts import Text
from pipeline.tools import isolation

ALL = {"program": dict.fromkeys(isolation.LAYERS, True), "worker": dict.fromkeys(isolation.OF_WORKERS, True)}
NAMES = [f"isolation: {of}: {layer}" for of, found in ALL.items() for layer in found]


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tool is there; asking them is tried elsewhere."""
    for name in ("_abilities", "_fonts"):
        monkeypatch.setattr(doctor, name, lambda _: [])
    for name in ("_package", "_faces", "_heic", "_words"):
        monkeypatch.setattr(
            doctor, name, lambda lang: doctor._tool(Text.same("it"), "there", Text("", ""), lang, needed=True)
        )
    monkeypatch.setattr(
        doctor, "_program", lambda name, lang: doctor._tool(Text.same(name), "1", Text("", ""), lang, needed=True)
    )
    monkeypatch.setattr(doctor, "known", list)


@pytest.mark.parametrize("missing", [None, *NAMES])
@pytest.mark.parametrize("strict", [False, True])
def test_a_missing_layer_is_an_error_where_that_is_asked(
    missing: str | None, strict: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {of: {layer: f"isolation: {of}: {layer}" != missing for layer in layers} for of, layers in ALL.items()}
    monkeypatch.setattr(doctor, "_layers", lambda: found)
    code = main.main(["doctor", "--json", *["--strict"] * strict])
    told = {tool["name"]: tool for tool in json.loads(capsys.readouterr().out)["tools"]}
    assert [name for name in told if name.startswith("isolation: ")] == NAMES
    assert [name for name, tool in told.items() if tool["state"] == "off"] == ([missing] if missing else [])
    assert code == (3 if strict and missing else 0)
    if missing:
        assert told[missing]["needed"] is strict
        assert told[missing]["advice"]


def test_what_is_told_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["doctor", "--json"])
    found = {tool["name"]: tool["state"] for tool in json.loads(capsys.readouterr().out)["tools"]}
    program = isolation.layers()
    unshare = shutil.which("unshare")
    spaces = unshare and not subprocess.run([unshare, "--user", "true"], check=False).returncode
    if not sys.platform.startswith("linux"):
        assert {found[name] for name in NAMES} == {"off"}
    for layer, on in program.items():
        told = found[f"isolation: program: {layer}"]
        if layer == "process namespace" and not spaces:  # as in a chroot: who has no capability there gets none
            assert told == "off" or on
        else:
            assert told == ("on" if on else "off")
    if program["file fence"] and program["system call filter"]:
        assert found["isolation: worker: file fence"] == found["isolation: worker: system call filter"] == "on"
