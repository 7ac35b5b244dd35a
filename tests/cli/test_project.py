"""`preflight.toml`: what holds for which file of a folder, found from the files; and several scenarios at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import project
from pipeline.cli.main import main
from pipeline.errors import UsageError
from pipeline.storage.inputs import matches

Sample = Callable[[str], Path]
LIBRARY, VIDEO, WAV, EDIT = (
    "metastudio/asset-library",
    "metastudio/video-production",
    "convert/mono-wav",
    "convert/edit-25fps",
)


@pytest.fixture(autouse=True)
def fresh() -> None:
    project.above.cache_clear()


@pytest.fixture
def mixed(tmp_path: Path, sample: Sample) -> Path:
    """A delivery of a picture, a sound in a folder of its own, and papers."""
    folder = tmp_path / "mixed"
    (folder / "sound").mkdir(parents=True)
    shutil.copy(sample("images/good.jpeg"), folder / "logo.jpeg")
    shutil.copy(sample("audio/stereo.wav"), folder / "sound" / "Take.WAV")
    (folder / "read me.docx").write_bytes(b"papers")
    return folder


def written(folder: Path, text: str) -> Path:
    path = folder / "preflight.toml"
    path.write_text(text, encoding="utf-8")
    project.above.cache_clear()
    return path


MIXED = f"""
[defaults]
preset = "{LIBRARY}"
out = "done"
ignore = ["*.docx"]

[[match]]
files = ["sound/*.wav"]
preset = "{WAV}"
"""


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    code = main([*map(str, words), "--json", "-j", "1"])
    return code, json.loads(capsys.readouterr().out)


# --- one command without options ------------------------------------------------------------------------


def test_a_mixed_delivery_is_one_command(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(mixed, MIXED)
    code, checked = told(capsys, "check", mixed)
    assert checked["schema"] == "media-preflight/reports/1"
    stands = {one["preset"]["id"]: {a["source"]: a["status"] for a in one["assets"]} for one in checked["reports"]}
    assert stands == {
        LIBRARY: {f"{mixed}/logo.jpeg": "pass"},
        WAV: {f"{mixed}/sound/Take.WAV": "fixable"},
    }
    assert code == 1
    code, _ = told(capsys, "prepare", mixed)
    assert code == 0
    made = {str(path.relative_to(mixed / "done")) for path in (mixed / "done").rglob("*.*") if path.name[0] != "."}
    assert made == {
        f"{LIBRARY}/manifest.json",
        f"{LIBRARY}/logo.jpeg",
        f"{WAV}/manifest.json",
        f"{WAV}/sound/Take.wav",
    }
    code, again = told(capsys, "check", mixed)
    assert [len(one["assets"]) for one in again["reports"]] == [1, 1], "what was delivered is no source"
    assert main(["verify", str(mixed / "done" / WAV / "manifest.json"), "-q"]) == 0


def test_it_is_found_upwards_and_the_nearest_counts(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(mixed, MIXED)
    inner = written(mixed / "sound", f'[defaults]\npreset = "{EDIT}"\n')
    _, checked = told(capsys, "check", mixed / "sound" / "Take.WAV")
    assert [one["preset"]["id"] for one in checked["reports"]] == [EDIT]
    inner.unlink()
    project.above.cache_clear()
    _, checked = told(capsys, "check", mixed / "sound" / "Take.WAV")
    assert [one["preset"]["id"] for one in checked["reports"]] == [WAV]
    _, named = told(capsys, "check", mixed / "sound" / "Take.WAV", "-p", LIBRARY)
    assert named["preset"]["id"] == LIBRARY, "what was named on the command line needs no file"


def test_what_holds_and_why_is_told(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(mixed, MIXED + "trim_silence = true\n")
    assert main(["plan", str(mixed), "-j", "1"]) == 1
    said = capsys.readouterr().out
    assert f"{path} [[match]] 1: sound/*.wav: trim_silence = true (1)" in said
    assert f"{path} [defaults] (1)" in said


def test_options_of_an_entry_hold_for_its_files_alone(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repair that is made on request only: asked for here, it makes a file fixable that else is not."""
    from pipeline.checks.person import ENDS
    from pipeline.cli.inputs import run_of
    from pipeline.cli.main import parsed
    from pipeline.model.rules import Safety

    written(mixed, MIXED + 'trim = true\nat_least = "lossless"\ndeep = true\n')
    _, options = parsed(["plan", str(mixed)])
    said = options.repairs  # type: ignore[attr-defined]
    parts = {part.preset.id: part.jobs for part in run_of(options, repairs=said).parts}  # type: ignore[arg-type]
    (picture,), (sound,) = parts[LIBRARY], parts[WAV]
    assert (picture.allow, picture.at_least, picture.deep) == (frozenset(), Safety.LOSSY, False)
    assert (sound.allow, sound.at_least, sound.deep) == ({"media.duration", *ENDS}, Safety.LOSSLESS, True)
    # What is said beside the command counts more, also where it is what would be usual.
    _, options = parsed(["plan", str(mixed), "--at-least", "lossy"])
    said = options.repairs  # type: ignore[attr-defined]
    told = run_of(options, repairs=said).parts  # type: ignore[arg-type]
    assert {job.at_least for part in told for job in part.jobs} == {Safety.LOSSY}
    del capsys


def test_doctor_tells_the_entries(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.cli import doctor

    monkeypatch.chdir(mixed)
    assert doctor._project("en") == []
    path = written(mixed, MIXED)
    found = {tool.name: tool.found for tool in doctor._project("en")}
    assert found["preflight.toml"] == str(path)
    assert WAV in found["preflight.toml [[match]] 1"]
    written(mixed, '[defaults]\npreset = "metastudio/livestraem"\n')
    (wrong,) = doctor._project("en")
    assert (wrong.state, wrong.needed) == ("missing", True)
    assert "livestream" in (wrong.advice or "")


# --- what is wrong in it --------------------------------------------------------------------------------

WRONG = [
    ("[default]\n", "top level: unknown key 'default'. Did you mean 'defaults'?"),
    ('[defaults]\npreest = "x"\n', "[defaults]: unknown key 'preest'. Did you mean 'preset'?"),
    ("[defaults]\npreset = 5\n", "[defaults]: preset: needs text in quotes"),
    ("[defaults]\ncrop = 'yes'\n", "[defaults]: crop: needs true or false"),
    ("[defaults]\nat_least = 'best'\n", '[defaults]: at_least: needs "lossless" or "lossy"'),
    ("[defaults]\nignore = '*.x'\n", "[defaults]: ignore: needs a list, [...]"),
    ("[match]\nfiles = ['a']\n", "match: is written as [[match]]"),
    ("[[match]]\nfiles = ['a']\n[[match]]\npreset = 'x/y'\n", "[[match]] 2: files: is missing"),
    ("[[match]]\nfiles = []\n", "[[match]] 1: files: names no pattern"),
    ("[[match]]\nfiles = [1]\n", "[[match]] 1: files 1: needs text in quotes"),
    ("[[match]]\nfiles = ['../a']\n", "[[match]] 1: pattern '../a'"),
    ("[defaults]\nout = '../elsewhere'\n", "out: '../elsewhere'"),
    ("[defaults]\nout = '/elsewhere'\n", "out: '/elsewhere'"),
    ("[defaults]\nout = 's3://bucket'\n", "out: 's3://bucket'"),
    ("[defaults]\npreset = '/etc/x.toml'\n", "preset: '/etc/x.toml'"),
    ("[defaults]\npreset = 'a/../../x.toml'\n", "preset: 'a/../../x.toml'"),
    ("[defaults\n", "not valid TOML"),
    ("a = 1\n" * 60000, "larger than 256 KiB"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_mistake_names_file_table_and_key(text: str, said: str, mixed: Path) -> None:
    path = written(mixed, text)
    with pytest.raises(UsageError) as caught:
        project.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value).strip()
    assert caught.value.text.zh.startswith(f"{path}：")


def test_a_preset_or_role_that_is_not_there_names_its_entry(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(mixed, MIXED.replace(WAV, "convert/mono-wva"))
    assert main(["check", str(mixed), "-j", "1"]) == 2
    error = capsys.readouterr().err
    assert f"{path}: [[match]] 1: sound/*.wav" in error
    assert "convert/mono-wav" in error


def test_a_file_that_no_entry_takes_is_not_passed_over(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(mixed, f'[[match]]\nfiles = ["sound/**"]\npreset = "{WAV}"\n')
    assert main(["check", str(mixed), "-j", "1"]) == 2
    assert f"{path}: no entry takes logo.jpeg" in capsys.readouterr().err


def test_without_preset_and_without_file_it_is_said_what_to_do(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(mixed), "-j", "1"]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in ("-p/--preset", "preflight init", "preflight fit"))


@pytest.mark.attack
@pytest.mark.parametrize("what", ["pipe", "folder", "link out"])
def test_what_is_no_plain_file_is_refused_and_never_waited_for(what: str, mixed: Path) -> None:
    path = mixed / "preflight.toml"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        (mixed / "done").symlink_to("/tmp")
        written(mixed, MIXED)
    project.above.cache_clear()
    with pytest.raises(UsageError, match=r"preflight\.toml"):
        project.near(str(mixed))


@pytest.mark.attack
def test_a_pattern_of_many_stars_is_matched_in_bounded_steps() -> None:
    deep = "/".join(["a"] * 200)
    assert not matches(deep, ["/".join(["**", "a"] * 300) + "/b"])
    assert matches(deep, ["**/" * 300 + "a"])


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*.mp4", ["a.mp4", "x/y/A.MP4"], ["a.mp4.txt"]),
        ("x/*.mp4", ["x/a.mp4"], ["a.mp4", "x/y/a.mp4", "y/x/a.mp4"]),
        ("x/**", ["x/a", "x/y/a"], ["a", "y/x/a"]),
        ("x/", ["x/a", "x/y/a"], ["x"]),
        ("**/x/*", ["x/a", "y/x/a"], ["x/y/a"]),
        ("a[[]1].mp4", ["a[1].mp4"], ["a1.mp4"]),
    ],
)
def test_patterns(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [name for name in (*taken, *left) if matches(name, [pattern])] == taken


# --- init -----------------------------------------------------------------------------------------------


def test_init_writes_what_then_holds_without_a_preset(
    mixed: Path, capsys: pytest.CaptureFixture[str], sample: Sample
) -> None:
    shutil.copy(sample("texts/good.srt"), mixed / "odd[1].srt")
    (mixed / "read me.docx").write_bytes(bytes(range(128, 256)) * 8)
    code, said = told(capsys, "init", mixed)
    assert code == 0
    assert said["path"] == str(mixed / "preflight.toml")
    held = project.read(mixed / "preflight.toml")
    assert held.out == str(mixed / "out")
    assert held.defaults.ignore == ("*.docx",)
    assert {held.settings(name)[0].preset for name in ("odd[1].srt",)} == {"metastudio/livestream"}
    project.above.cache_clear()
    _, checked = told(capsys, "check", mixed)
    seen = {a["source"].removeprefix(f"{mixed}/"): a["status"] for one in checked["reports"] for a in one["assets"]}
    assert set(seen) == {"logo.jpeg", "sound/Take.WAV", "odd[1].srt"}
    assert set(seen.values()) <= {"pass", "fixable"}
    assert main(["init", str(mixed)]) == 2
    assert "is there already" in capsys.readouterr().err


# --- several presets ------------------------------------------------------------------------------------


def test_every_file_has_an_entry_for_each_preset(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    clip, sound = sample("video/60fps.mp4"), sample("audio/stereo.wav")
    code, several = told(capsys, "check", clip, sound, "-p", VIDEO, "-p", WAV, "-p", VIDEO)
    alone = [told(capsys, "check", clip, sound, "-p", name) for name in (VIDEO, WAV)]
    assert code == max(one for one, _ in alone) == 1
    assert several == {"schema": "media-preflight/reports/1", "reports": [one for _, one in alone]}


def test_events_of_several_presets_say_which(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    from jsonschema import Draft202012Validator

    from pipeline.documents.schema import schema

    main(["check", str(sample("audio/stereo.wav")), "-p", VIDEO, "-p", WAV, "--jsonl", "-j", "1"])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["preset"] for one in events if one["event"] == "checked"] == [VIDEO, WAV]
    known = Draft202012Validator(schema("event"))
    for one in events:
        known.validate(one)


def test_a_matrix_has_a_line_a_file_and_a_column_a_preset(
    sample: Sample, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    srt, sound = str(sample("texts/utf16.srt")), str(sample("audio/stereo.wav"))
    main(["check", srt, sound, "-p", "metastudio/livestream", "-p", WAV, "-j", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["A metastudio/livestream", f"B {WAV}"]
    assert lines[2].split() == ["A", "B"]
    assert [line.split()[1:] for line in lines[3:5]] == [["fixable", "blocked"], ["pass", "fixable"]]
    assert max(map(len, lines)) <= 80


def test_each_preset_is_prepared_into_its_own_folder(
    sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = sample("images/good.jpeg"), tmp_path / "out"
    code, made = told(capsys, "prepare", picture, "-p", LIBRARY, "-p", VIDEO, "-o", out)
    assert code == 0
    assert [one["preset"]["id"] for one in made["reports"]] == [LIBRARY, VIDEO]
    for one in made["reports"]:
        manifest = json.loads((out / one["preset"]["id"] / "manifest.json").read_text())
        assert manifest == one
        assert main(["verify", str(out / one["preset"]["id"] / "manifest.json"), "-q"]) == 0
    capsys.readouterr()
    _, single = told(capsys, "prepare", picture, "-p", LIBRARY, "-o", tmp_path / "one")
    assert (tmp_path / "one" / "manifest.json").exists()
    assert single["preset"]["id"] == LIBRARY
