"""A file that others read is the old one or the new one, never half of one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipeline.storage.atomic import replacing


def test_the_new_text_takes_the_place_of_the_old_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    target.write_text("old", "utf-8")
    with replacing(target) as file:
        file.write("新\r\n")
        file.flush()
        assert target.read_text("utf-8") == "old"
    assert target.read_bytes() == b"\xe6\x96\xb0\r\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("existed", [True, False])
def test_what_fails_in_the_middle_leaves_no_trace(tmp_path: Path, existed: bool) -> None:
    target = tmp_path / "manifest.json"
    if existed:
        target.write_text("old", "utf-8")
    with pytest.raises(UnicodeEncodeError), replacing(target) as file:
        file.write("half\udcff")
    assert [one.read_text("utf-8") for one in tmp_path.iterdir()] == ["old"] * existed


def test_names_that_are_no_text_keep_their_bytes(tmp_path: Path) -> None:
    with replacing(tmp_path / "list", errors="surrogateescape", mode=0o600) as file:
        file.write("\udcff.mp4\0")
    assert (tmp_path / "list").read_bytes() == b"\xff.mp4\0"
    assert stat.S_IMODE((tmp_path / "list").stat().st_mode) == 0o600


def test_what_is_gone_when_it_fails_hides_no_error(tmp_path: Path) -> None:
    """Somebody emptied the folder meanwhile: what failed is told, not that nothing was left to remove."""

    def emptied() -> None:
        for one in tmp_path.iterdir():
            one.unlink()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "manifest.json"):
        emptied()
