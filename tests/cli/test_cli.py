"""The command line as a user meets it: real files, exit codes, streams, documents."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Sample = Callable[[str], Path]
VIDEO = "metastudio/video-production"


def preflight(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANG": "C.UTF-8", **(env or {})},
    )


@pytest.mark.every(3)
@pytest.mark.parametrize("name", ["video/av1.webm", "decks/notes.pptx", "images/scan.tiff"])
def test_folders_may_be_named_from_where_one_stands(sample: Sample, tmp_path: Path, name: str) -> None:
    presets = {"video": VIDEO, "decks": "convert/slides-to-pages", "images": VIDEO}
    source = sample(name)
    shutil.copy(source, tmp_path / source.name)
    words = [sys.executable, "-m", "pipeline", "prepare", source.name, "-p", presets[name.split("/")[0]], "-o", "o/p"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "o" / "p" / "manifest.json").is_file()


def document(*words: str | Path) -> tuple[int, dict[str, Any]]:
    done = preflight(*words, "--json")
    return done.returncode, json.loads(done.stdout)


def digest(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324  a checksum, not a secret


def test_a_compliant_file_passes_with_0(sample: Sample) -> None:
    code, report = document("check", sample("video/good-1080p25.mp4"), "-p", VIDEO)
    assert code == 0
    assert report["schema"] == "media-preflight/report/2"
    assert report["preset"]["id"] == VIDEO
    assert report["summary"] == {"pass": 1, "fixable": 0, "blocked": 0, "error": 0}
    asset = report["assets"][0]
    assert (asset["kind"], asset["role"], asset["status"]) == ("video", "video", "pass")
    assert asset["facts"]["video"][0]["frame_rate"] == "25"


def test_a_broken_rule_gives_1_and_says_which_what_and_where(sample: Sample) -> None:
    code, report = document("check", sample("video/60fps.mp4"), "-p", VIDEO)
    assert code == 1
    (found,) = [f for f in report["assets"][0]["findings"] if f["verdict"] == "fail"]
    assert found["rule"] == "metastudio.video-production.video.max-fps"
    assert (found["check"], found["stream"], found["actual"], found["limit"]) == (
        "video.frame_rate",
        0,
        "60",
        "<= 30",
    )
    assert found["unit"] == "fps"
    assert found["fix"]["safety"] == "lossy"
    assert found["source"] == {"document": "MS-Intro", "section": "4.6 Table 4-5", "date": "2025-02-07"}


def test_a_file_that_cannot_be_read_gives_4_and_the_rest_is_done(sample: Sample) -> None:
    code, report = document("check", sample("broken/empty.mp4"), sample("video/good-1080p25.mp4"), "-p", VIDEO)
    assert code == 4
    assert [asset["status"] for asset in report["assets"]] == ["error", "pass"]
    assert report["assets"][0]["error"]["type"] == "Unreadable"


def test_messages_exist_in_chinese(sample: Sample) -> None:
    done = preflight("check", sample("video/60fps.mp4"), "-p", VIDEO, "--lang", "zh")
    assert "帧率" in done.stdout
    assert "可修复" in done.stdout


def test_jsonl_prints_one_event_a_line(sample: Sample) -> None:
    done = preflight("check", sample("video/good-1080p25.mp4"), "-p", VIDEO, "--jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["checked", "summary"]


def test_usage_errors_give_2_on_stderr_and_with_json_a_document(sample: Sample) -> None:
    clip = sample("video/good-1080p25.mp4")
    wrong = preflight("check", clip, "-p", "metastudio/video-prodution")
    assert wrong.returncode == 2
    assert "metastudio/video-production" in wrong.stderr
    assert wrong.stdout == ""
    code, told = document("check", clip, "-p", VIDEO, "--role", "nosuch")
    assert code == 2
    assert told["error"]["type"] == "UsageError"
    assert "sticker" in told["error"]["message"]
    assert document("check", "/no/such/file", "-p", VIDEO)[0] == 2


def test_a_missing_tool_gives_3_and_says_how_to_install_it(sample: Sample, tmp_path: Path) -> None:
    deck = sample("decks/good.pptx")
    done = preflight(
        "prepare",
        deck,
        "-p",
        "convert/slides-to-pages",
        "-o",
        tmp_path,
        "--json",
        env={"PREFLIGHT_SOFFICE": "/nowhere/soffice"},
    )
    assert done.returncode == 3
    assert "apt-get install" in json.loads(done.stdout)["assets"][0]["error"]["message"]


def test_prepare_repairs_proves_digests_and_leaves_the_source_alone(sample: Sample, tmp_path: Path) -> None:
    clip, out = sample("video/60fps.mp4"), tmp_path / "out"
    before = digest(clip)
    code, told = document("prepare", clip, "-p", VIDEO, "-o", out)
    assert code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == told
    asset = manifest["assets"][0]
    assert asset["status"] == "fixed"
    (output,) = asset["outputs"]
    made = out / output["path"]
    assert output["size"] == made.stat().st_size
    assert output["content_type"] == "video/mp4"
    openssl = shutil.which("openssl")
    if openssl:
        raw = subprocess.run([openssl, "md5", "-binary", made], capture_output=True, check=True).stdout
        encoded = subprocess.run([openssl, "base64"], input=raw, capture_output=True, check=True).stdout
        assert output["md5"] == encoded.decode().strip()
    assert all(proof["passed"] for proof in asset["proof"])
    assert asset["proof"]
    assert not [f for f in output["findings"] if f["blocks"]]
    assert digest(clip) == before
    assert {p.name for p in out.iterdir() if not p.name.startswith(".preflight-journal")} == {
        "60fps.mp4",
        "manifest.json",
    }


def test_what_was_prepared_passes_and_needs_nothing(sample: Sample, tmp_path: Path) -> None:
    document("prepare", sample("video/60fps.mp4"), "-p", VIDEO, "-o", tmp_path)
    code, report = document("plan", tmp_path / "60fps.mp4", "-p", VIDEO)
    assert code == 0
    assert report["assets"][0]["steps"] == []


def test_a_compliant_file_is_left_alone(sample: Sample, tmp_path: Path) -> None:
    clip = sample("video/good-1080p25.mp4")
    _, told = document("prepare", clip, "-p", VIDEO, "-o", tmp_path)
    assert told["assets"][0]["status"] == "ready"
    assert digest(tmp_path / clip.name) == digest(clip)


def test_a_second_run_does_nothing_again(sample: Sample, tmp_path: Path) -> None:
    clip = sample("video/60fps.mp4")
    _, first = document("prepare", clip, "-p", VIDEO, "-o", tmp_path)
    written = (tmp_path / "60fps.mp4").stat().st_mtime_ns
    code, second = document("prepare", clip, "-p", VIDEO, "-o", tmp_path)
    assert code == 0
    assert second["assets"] == first["assets"]
    assert (tmp_path / "60fps.mp4").stat().st_mtime_ns == written


def test_a_foreign_file_in_the_way_is_not_overwritten_unless_told(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "60fps.mp4").write_text("mine")
    clip = sample("video/60fps.mp4")
    code, told = document("prepare", clip, "-p", VIDEO, "-o", tmp_path)
    assert code == 4
    assert "--overwrite" in told["assets"][0]["error"]["message"]
    assert (tmp_path / "60fps.mp4").read_text() == "mine"
    assert document("prepare", clip, "-p", VIDEO, "-o", tmp_path, "--overwrite", "always")[0] == 0
    assert (tmp_path / "60fps.mp4").stat().st_size > 1000


def test_the_output_folder_may_not_hold_the_sources(sample: Sample, tmp_path: Path) -> None:
    shutil.copy(sample("video/good-1080p25.mp4"), tmp_path / "a.mp4")
    assert preflight("prepare", tmp_path / "a.mp4", "-p", VIDEO, "-o", tmp_path).returncode == 2


def test_a_dry_run_writes_nothing_and_shows_the_command(sample: Sample, tmp_path: Path) -> None:
    code, told = document("prepare", sample("video/60fps.mp4"), "-p", VIDEO, "-o", tmp_path / "o", "--dry-run")
    assert code == 1
    assert any("libx264" in word for word in told["assets"][0]["steps"][0]["command"])
    assert not (tmp_path / "o").exists()


def test_at_least_lossless_refuses_to_encode(sample: Sample, tmp_path: Path) -> None:
    code, told = document("prepare", sample("video/60fps.mp4"), "-p", VIDEO, "-o", tmp_path, "--at-least", "lossless")
    assert code == 1
    assert told["assets"][0]["status"] == "blocked"
    assert told["assets"][0]["outputs"] == []


def test_verify_finds_a_changed_and_a_missing_output(sample: Sample, tmp_path: Path) -> None:
    good, other = sample("video/good-1080p25.mp4"), sample("video/24fps.mp4")
    sources = tmp_path / "in"
    sources.mkdir()
    for path in (good, other):
        shutil.copy(path, sources / path.name)
    out = tmp_path / "out"
    document("prepare", sources, "-p", VIDEO, "-o", out)
    assert preflight("verify", out / "manifest.json").returncode == 0
    made = out / good.name
    data = bytearray(made.read_bytes())
    data[-1] ^= 1
    made.unlink()
    made.write_bytes(data)
    (out / other.name).unlink()
    code, told = document("verify", out / "manifest.json")
    assert code == 1
    assert told["summary"] == {"ok": 0, "changed": 2, "error": 0}


def test_folders_are_walked_and_names_that_clash_stay_apart(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "子目录"
    folder.mkdir(parents=True)
    shutil.copy(sample("video/good-1080p25.mp4"), folder / "a b.mp4")
    shutil.copy(sample("video/good.mov"), folder / "a b.mov")
    (folder / ".DS_Store").write_bytes(b"x")
    code, told = document("prepare", tmp_path / "in", "-p", VIDEO, "-o", tmp_path / "out")
    assert code == 0
    assert sorted(o["path"] for a in told["assets"] for o in a["outputs"]) == [
        "子目录/a b_mov.mov",
        "子目录/a b_mp4.mp4",
    ]


@pytest.mark.every(3)
@pytest.mark.parametrize("name", ["-dash.mp4", "new\nline.mp4", "percent%03d.mp4", "colon:a.mp4", "空 格.mp4"])
def test_names_cannot_become_options_patterns_or_protocols(sample: Sample, tmp_path: Path, name: str) -> None:
    shutil.copy(sample("video/60fps.mp4"), tmp_path / name)
    code, told = document("prepare", "-p", VIDEO, "-o", tmp_path / "out", "--from-file", _list(tmp_path, name))
    assert code == 0, told
    assert (tmp_path / "out" / name).is_file()


def _list(folder: Path, name: str) -> str:
    listed = folder / "list"
    listed.write_bytes(os.fsencode(folder / name) + b"\0")
    return str(listed)


def test_probe_tells_facts_without_rules(sample: Sample) -> None:
    code, told = document("probe", sample("video/rotated90.mp4"))
    assert code == 0
    assert told["assets"][0]["facts"]["video"][0]["rotation"] == 270


def test_explain_tells_limit_document_section_date_and_remedy() -> None:
    code, told = document("explain", "metastudio.video-production.video.max-fps")
    assert code == 0
    assert told["stated"]["value"] == "30 fps"
    entry = told["enforced"][0]
    assert entry["limit"] == "<= 30 fps"
    assert entry["sources"][0] == {"document": "MS-Intro", "section": "4.6 Table 4-5", "date": "2025-02-07"}
    assert "prepare" in entry["repair"]
    assert preflight("explain", "metastudio.video-production.video.max-fp").returncode == 2


def test_presets_are_listed_shown_and_linted(tmp_path: Path) -> None:
    code, told = document("presets", "list")
    assert code == 0
    assert VIDEO in [preset["id"] for preset in told["presets"]]
    assert document("presets", "show", VIDEO)[1]["roles"][0]["name"] == "video"
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('schema = 1\nid = "a/b"\ntitle = {en="a", zh="b"}\n[role.x]\nkind = ["video"]\n')
    done = preflight("presets", "lint", wrong)
    assert done.returncode == 2
    assert "kinds" in done.stderr


def test_doctor_finds_what_this_suite_needs() -> None:
    code, told = document("doctor")
    assert code == 0
    assert {t["name"] for t in told["tools"] if t["state"] == "ok"} >= {"ffmpeg", "av", "pillow"}


def test_help_names_every_verb_and_the_exit_codes() -> None:
    done = preflight("--help")
    assert done.returncode == 0
    for word in ("probe", "check", "plan", "prepare", "verify", "presets", "explain", "doctor", "exit codes"):
        assert word in done.stdout


@pytest.mark.parametrize(("lang", "said"), [("en", "damage inside was not looked for; --deep does"), ("zh", "--deep")])
def test_what_was_not_looked_for_is_said_with_what_would(lang: str, said: str, sample: Sample) -> None:
    words = ("check", sample("video/good-1080p25.mp4"), "-p", VIDEO, "--lang", lang)
    wide = {"COLUMNS": "400"}  # lines break where the place of the file happens to leave room
    assert said in preflight(*words, env=wide).stdout
    assert said not in preflight(*words, "--deep", env=wide).stdout
