"""Whatever a user lets others do with new files (Debian lets a group write), what we made is known again as ours."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.main import main
from samples import build
from tests import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX has such rights")
PRESET = "metastudio/asset-library"


@pytest.fixture(params=[0o002, 0o000, 0o077], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def picture() -> Path:
    return build(["images/scan.tiff"], ROOT / "samples" / "out")["images/scan.tiff"]


def prepared(source: str, out: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["prepare", source, "-p", PRESET, "-o", out, "-j", "1", "--json"]) == 0, capsys.readouterr().err
    return [asset["status"] for asset in json.loads(capsys.readouterr().out)["assets"]]


@pytest.mark.usefixtures("umask")
def test_a_second_run_goes_on_where_the_first_ended(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert prepared(str(picture), str(out), capsys) == prepared(str(picture), str(out), capsys) == ["fixed"]
    assert main(["verify", str(out / "manifest.json")]) == 0


@pytest.mark.usefixtures("umask")
def test_so_it_does_at_an_address(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [remote] is not installed")
    memory, top = fsspec.filesystem("memory"), uuid.uuid4().hex
    memory.pipe_file(f"/{top}/in/scan.tiff", picture.read_bytes())
    words = f"memory://{top}/in", f"memory://{top}/out"
    assert prepared(*words, capsys) == prepared(*words, capsys) == ["fixed"]
