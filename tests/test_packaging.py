"""What is installed works away from the checkout: wheel and sdist carry the presets."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(TOP)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_a_wheel_lists_its_presets_from_another_folder(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  our own wheel, built a moment ago
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.cli.main import main; sys.exit(main(sys.argv[2:]))"
    )
    words = [sys.executable, "-I", "-c", code, str(tmp_path / "site"), "presets", "list", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    ids = {preset["id"] for preset in json.loads(done.stdout)["presets"]}
    assert "metastudio/video-production" in ids
    assert (tmp_path / "site" / "pipeline" / "_presets" / "rows.json").is_file()
    assert (tmp_path / "site" / "media_preflight" / "py.typed").is_file()
    code = "import sys; sys.path.insert(0, sys.argv[1]); import media_preflight as mp; print(*mp.presets())"
    words = [sys.executable, "-I", "-c", code, str(tmp_path / "site")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == ids


def test_an_sdist_holds_what_make_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in (
        "Makefile",
        "SECURITY.md",
        ".ci/lock.txt",
        ".ci/data.txt",
        ".ci/system",
        "presets/rows.json",
        "samples/expected.toml",
    ):
        assert wanted in names
