"""What the user names becomes a list of files in a stable order, each with a name of its own for its output."""

from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.model.job import Job
from pipeline.stages.check import check
from pipeline.storage import inputs
from pipeline.storage.inputs import find


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def stems(*paths: Path | str) -> list[str]:
    return [found.stem for found in find(map(str, paths))]


def below(folder: Path, *, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    found = find([str(folder)], include=include, exclude=exclude)
    return [str(Path(one.path).relative_to(folder)) for one in found]


# --- which files ------------------------------------------------------------------------------------


def test_a_folder_is_walked_in_sorted_order(tmp_path: Path) -> None:
    make(tmp_path, "b.mp4", "a.wav", "sub/d.png", "sub/c.png", "Z.txt")
    assert below(tmp_path) == ["Z.txt", "a.wav", "b.mp4", "sub/c.png", "sub/d.png"]


def test_files_come_in_the_order_they_were_named(tmp_path: Path) -> None:
    make(tmp_path, "a.wav", "b.mp4")
    assert stems(tmp_path / "b.mp4", tmp_path / "a.wav") == ["b", "a"]


def test_what_systems_leave_lying_about_is_passed_over_by_walking(tmp_path: Path) -> None:
    make(tmp_path, "a.wav", ".DS_Store", "Thumbs.db", ".git/x", "__MACOSX/a.wav", "sub/._a.wav")
    assert below(tmp_path) == ["a.wav"]
    assert stems(tmp_path / "Thumbs.db") == ["Thumbs"], "but not when it is named outright"


def test_links_are_not_followed_by_walking(tmp_path: Path) -> None:
    make(tmp_path, "in/a.wav", "elsewhere/b.wav")
    (tmp_path / "in" / "link.wav").symlink_to(tmp_path / "elsewhere" / "b.wav")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    assert below(tmp_path / "in") == ["a.wav"]
    assert stems(tmp_path / "in" / "link.wav") == ["link"], "but when they are named outright"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_passed_over_by_walking(tmp_path: Path) -> None:
    make(tmp_path, "a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert below(tmp_path) == ["a.wav"]


def test_include_and_exclude_look_at_the_name_and_the_path(tmp_path: Path) -> None:
    make(tmp_path, "a.wav", "b.mp4", "sub/c.wav", "old/d.wav")
    assert below(tmp_path, include=("*.wav",)) == ["a.wav", "old/d.wav", "sub/c.wav"]
    assert below(tmp_path, include=("*.wav",), exclude=("old/*",)) == ["a.wav", "sub/c.wav"]
    assert below(tmp_path, include=("*.png",)) == []
    named = find([str(tmp_path / "b.mp4")], include=["*.wav"], exclude=["*.mp4"])
    assert [found.stem for found in named] == ["b"], "a file named outright is always taken"


def test_the_same_file_twice_is_one_asset(tmp_path: Path) -> None:
    make(tmp_path, "a.wav")
    (tmp_path / "link.wav").symlink_to("a.wav")
    assert stems(tmp_path / "a.wav", tmp_path / "link.wav", tmp_path, f"{tmp_path}/./a.wav") == ["a"]


def test_nothing_named_is_a_mistake_and_an_empty_folder_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to do"):
        find([])
    assert find([str(tmp_path)]) == []


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nosuch\.mp4: No such file"):
        find([str(tmp_path / "nosuch.mp4")])


def test_a_folder_that_cannot_be_listed_is_told_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.wav", "closed/b.wav")
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UsageError, match=r"closed: Permission denied"):
        find([str(tmp_path)])


# --- lists of files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\0"])
def test_paths_can_be_read_from_a_list(tmp_path: Path, ending: bytes) -> None:
    make(tmp_path, "a b.wav", "中文.mp4")
    listed = [os.fsencode(tmp_path / "a b.wav"), os.fsencode(tmp_path / "中文.mp4"), b""]
    (tmp_path / "list").write_bytes(ending.join(listed))
    assert [found.stem for found in find([], from_file=str(tmp_path / "list"))] == ["a b", "中文"]


def test_or_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.wav")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(os.fsencode(tmp_path / "a.wav"))))
    assert [found.stem for found in find([], from_file="-")] == ["a"]


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch: No such file"):
        find([], from_file=str(tmp_path / "nosuch"))


def test_a_name_may_hold_line_breaks_where_nul_ends_it(tmp_path: Path) -> None:
    make(tmp_path, "a\nb.wav", "c\r")
    (tmp_path / "list").write_bytes(os.fsencode(tmp_path / "a\nb.wav"))
    assert [one.stem for one in find([], from_file=str(tmp_path / "list"), null=True)] == ["a\nb"]
    (tmp_path / "list").write_bytes(os.fsencode(tmp_path / "c\r") + b"\0")
    assert [one.stem for one in find([], from_file=str(tmp_path / "list"))] == ["c\r"]


def test_what_a_list_names_and_is_gone_costs_that_asset_alone(tmp_path: Path) -> None:
    make(tmp_path, "a.wav")
    (tmp_path / "list").write_text(f"{tmp_path}/gone.wav\n{tmp_path}/a.wav\n")
    assert [one.stem for one in find([], from_file=str(tmp_path / "list"))] == ["gone", "a"]
    report = check(Job(path=str(tmp_path / "gone.wav"), stem="gone", preset="metastudio/asset-library"))
    assert report.error is not None
    assert "gone.wav" in report.error.message.en


# --- patterns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*.wav", ["a.wav"]),
        ("**/*.wav", ["a.wav", "sub/b.wav", "sub/deep/c.wav"]),
        ("**", ["a.wav", "b.mp4", "clip[1].wav2", "sub/b.wav", "sub/deep/c.wav", "中文.mp4"]),
        ("*/*.wav", ["sub/b.wav"]),
        ("sub/**/c.wav", ["deep/c.wav"]),
        ("[ab].*", ["a.wav", "b.mp4"]),
        ("?.wav", ["a.wav"]),
        ("中*", ["中文.mp4"]),
        ("*/deep/*", ["sub/deep/c.wav"]),
    ],
)
def test_patterns_are_expanded_without_a_shell(tmp_path: Path, pattern: str, matches: list[str]) -> None:
    make(
        tmp_path,
        "a.wav",
        "b.mp4",
        "clip[1].wav2",
        "sub/b.wav",
        "sub/deep/c.wav",
        "中文.mp4",
        ".hid/x.wav",
        "sub/.x.wav",
    )
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    assert sorted(one.stem for one in find([f"{tmp_path}/{pattern}"])) == stems_of(matches)


def stems_of(names: list[str]) -> list[str]:
    return sorted(str(Path(name).with_suffix("")) for name in names)


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    make(tmp_path, "clip[1].wav", "clip1.wav")
    assert stems(tmp_path / "clip[1].wav") == ["clip[1]"]
    assert stems(tmp_path / "clip[1].*") == ["clip1"]


def test_a_pattern_that_matches_nothing_is_a_mistake(tmp_path: Path) -> None:
    make(tmp_path, "a.wav")
    with pytest.raises(UsageError, match=r"\*\.mp4: no file matches"):
        find([f"{tmp_path}/*.mp4"])
    with pytest.raises(UsageError, match="nosuch"):
        find([f"{tmp_path}/nosuch/*.mp4"])


# --- what is no file --------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_refused_at_once_when_it_is_named(tmp_path: Path) -> None:
    """A pipe would be waited for, a device never ends."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "nowhere.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.wav"))
        for name in ("pipe", "loop", "nowhere", "zero", "socket"):
            report = check(Job(path=str(tmp_path / f"{name}.wav"), stem="x", preset="metastudio/asset-library"))
            assert report.error is not None, name
            assert report.error.trace is None, report.error
            assert f"{name}.wav" in report.error.message.en


# --- names for outputs ------------------------------------------------------------------------------


def test_outputs_keep_their_place_below_the_folder_that_was_named(tmp_path: Path) -> None:
    make(tmp_path, "in/sub/c.tar.gz")
    assert stems(tmp_path / "in") == ["sub/c.tar"]
    assert stems(tmp_path / "in" / "sub" / "c.tar.gz") == ["c.tar"]


def test_sources_that_would_make_the_same_output_keep_their_extension(tmp_path: Path) -> None:
    make(tmp_path, "a.mov", "a.mp4", "b.mp4")
    assert stems(tmp_path) == ["a_mov", "a_mp4", "b"]


def test_so_do_those_that_differ_by_case_alone(tmp_path: Path) -> None:
    """On half of all file systems they would be one file."""
    make(tmp_path, "A.mp4", "a.mov")
    assert stems(tmp_path) == ["A_mp4", "a_mov"]


def test_a_name_that_was_made_up_is_never_one_that_is_taken(tmp_path: Path) -> None:
    make(tmp_path, "a.mov", "a.mp4", "a_mp4.mp4")
    assert sorted(stems(tmp_path)) == ["a_mov", "a_mp4", "a_mp4_2"]


def test_the_same_name_in_two_folders_that_were_named(tmp_path: Path) -> None:
    make(tmp_path, "x/a.mp4", "y/a.mp4")
    assert stems(tmp_path / "x", tmp_path / "y") == ["a_mp4", "a_mp4_2"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse such names")
def test_a_name_that_is_no_text_becomes_printable(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.wav")).write_bytes(b"")
    (found,) = find([str(tmp_path)])
    found.stem.encode("utf-8")
    assert os.path.exists(found.path)  # noqa: PTH110  the path as it is handed on, bytes and all


@pytest.mark.parametrize("name", [".hidden", "..wav", "...", "a.", ".a.b"])
def test_a_name_of_dots_still_makes_a_name_without_leading_dot(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    (stem,) = stems(tmp_path / name)
    assert stem
    assert not stem.startswith(".")
    assert "/" not in stem


@given(st.lists(st.sampled_from(["a", "A", "a_mp4", "a_mov", "a_mp4_2", "b"]), min_size=1, max_size=6))
def test_no_two_assets_ever_share_an_output(names: list[str]) -> None:
    pairs = {f"/{n}/{name}.{ext}": f"{name}.{ext}" for n, name in enumerate(names) for ext in ("mp4", "mov")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "_expand", lambda name, *_, **__: [inputs._Named(name, pairs[name], real=name)])
        made = [found.stem.casefold() for found in find(pairs)]
    assert len(set(made)) == len(made) == len(pairs)
