"""A deck's video cut by page. When pages change is known from what was drawn, never from what found it."""

from __future__ import annotations

import csv
import json
import random
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import main
from pipeline.convert.cut import listing
from pipeline.errors import AssetError
from pipeline.tools import programs
from samples.deck_video import Page, Scene, Video, deck, page

PRESET = "convert/h264-1080p"
RATE = Fraction(25)


@dataclass
class Talk:
    """A deck, its video, and what was drawn."""

    deck: Path
    video: Path
    truth: list[tuple[int | None, int]]  # page and first frame
    frames: int


def pages(count: int) -> list[Page]:
    chance = random.Random(7)  # noqa: S311  the same pages every time
    return [page(number + 1, chance) for number in range(count)]


def talk(folder: Path, shown: list[Page], scenes: list[Scene], **more: Any) -> Talk:
    folder.mkdir(exist_ok=True)
    video = Video((960, 540), RATE, scenes, group=25, **more)
    video.write(folder / "recording.mp4")
    deck(shown, folder / "talk.pdf", (960, 540))
    frames = sum(round(scene.seconds * RATE) for scene in scenes)
    return Talk(folder / "talk.pdf", folder / "recording.mp4", video.truth, frames)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Four pages: one with builds that fades in, one that is pushed in, one through black."""
    one, two, three, four = looks = pages(4)
    scenes = [
        Scene(1, one, 2),
        Scene(2, two, 2.6, builds=2, change="fade", takes=0.4),
        Scene(3, three, 2.2, change="push", takes=0.4),
        Scene(4, four, 2.2, change="black", takes=0.8),
    ]
    return talk(tmp_path_factory.mktemp("plain"), looks, scenes)


def cut(made: Talk, out: Path, *more: str) -> int:
    return main(["cut-slides", str(made.deck), str(made.video), "-p", PRESET, "-o", str(out), "-q", *more])


def listed(out: Path) -> list[dict[str, Any]]:
    told: dict[str, Any] = json.loads((out / "talk.cuts.json").read_text(encoding="utf-8"))
    cuts: list[dict[str, Any]] = told["cuts"]
    return cuts


def agrees(made: Talk, cuts: list[dict[str, Any]]) -> bool:
    """Every page where it was drawn, within two frames."""
    return [one["page"] for one in cuts] == [number for number, _ in made.truth] and all(
        abs(one["start"] - first / RATE) <= 2 / RATE for one, (_, first) in zip(cuts, made.truth, strict=True)
    )


def frames(path: Path) -> list[bytes]:
    """A digest of every decoded frame."""
    command = [programs.ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    told = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    return [line.rsplit(b",", 1)[1] for line in told if not line.startswith(b"#")]


def test_one_clip_a_page_each_proven_and_nothing_lost(plain: Talk, tmp_path: Path) -> None:
    assert cut(plain, tmp_path) == 0
    assert agrees(plain, listed(tmp_path))
    (asset,) = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["assets"]
    assert (asset["status"], asset["source"]) == ("fixed", str(plain.video))
    names = [output["path"] for output in asset["outputs"]]
    assert names == [f"talk-page-00{number}.mp4" for number in (1, 2, 3, 4)]
    held = [frames(tmp_path / name) for name in names]
    assert sum(map(len, held)) == plain.frames
    # The first begins where decoding begins and ends at an entry point: not a bit of it is new.
    assert held[0] == frames(plain.video)[:50]
    assert "picture copied" in asset["steps"][0]["does"]
    proofs = {proof["name"]["en"] for proof in asset["proof"]}
    assert {"part 1: copied streams", "part 4: decodes whole", "all parts together"} <= proofs
    assert all(proof["passed"] for proof in asset["proof"])


def test_the_table_says_what_the_document_says_and_can_be_given_back(plain: Talk, tmp_path: Path) -> None:
    assert cut(plain, tmp_path, "--dry-run") == 0
    assert not list(tmp_path.glob("*.mp4"))
    with (tmp_path / "talk.cuts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["page"], float(row["start"]), row["clip"]) for row in rows] == [
        (str(one["page"]), one["start"], one["clip"]) for one in listed(tmp_path)
    ]
    # As a Chinese spreadsheet saves it: other cells apart, another encoding. Two pages are one clip now.
    edited = tmp_path / "edited.csv"
    kept = f"page;start;end;备注\n2;{rows[1]['start']};{rows[2]['end']};合并\n2;{rows[3]['start']};{rows[3]['end']};\n"
    edited.write_text(kept, encoding="gb18030")
    assert cut(plain, tmp_path, "--cuts", str(edited)) == 0
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["talk-page-002-2.mp4", "talk-page-002.mp4"]
    assert len(frames(tmp_path / "talk-page-002.mp4")) == round((2.6 + 2.2) * RATE)


def test_a_list_that_somebody_corrected_is_not_written_over(plain: Talk, tmp_path: Path) -> None:
    assert cut(plain, tmp_path, "--dry-run") == 0
    path = tmp_path / "talk.cuts.csv"
    corrected = path.read_text(encoding="utf-8").replace("page-002", "page-009")
    path.write_text(corrected, encoding="utf-8")
    assert cut(plain, tmp_path, "--dry-run") == 4
    assert path.read_text(encoding="utf-8") == corrected
    assert cut(plain, tmp_path, "--dry-run", "--overwrite", "always") == 0
    assert path.read_text(encoding="utf-8") != corrected


def test_what_is_doubtful_is_told_and_nothing_is_cut_before_somebody_looked(tmp_path: Path) -> None:
    """Bars above and below; a page comes again, one is left out, and one is not in the deck."""
    one, two, three, hidden = pages(4)
    scenes = [Scene(1, one, 2), Scene(2, two, 2), Scene(None, hidden, 2), Scene(1, one, 2)]
    made = talk(tmp_path / "in", [one, two, three], scenes, shape=(1500, 540))
    deck([one, two, three], made.deck, (1500, 540))
    out = tmp_path / "out"
    assert cut(made, out) == 1
    assert agrees(made, listed(out))
    assert not list(out.glob("*.mp4"))
    told = json.loads((out / "talk.cuts.json").read_text(encoding="utf-8"))
    assert told["doubts"] == ["not seen in the video: page 3"]
    assert [bool(one["doubts"]) for one in told["cuts"]] == [False, False, True, False]
    assert [one["clip"] for one in told["cuts"]] == ["page-001", "page-002", "", "page-001-2"]
    assert cut(made, out, "--cuts", str(out / "talk.cuts.json")) == 0
    assert len(list(out.glob("*.mp4"))) == 3


def test_pages_that_look_alike_are_never_told_apart_in_silence(tmp_path: Path) -> None:
    one, two, three = pages(3)
    scenes = [Scene(1, one, 2), Scene(2, two, 2), Scene(3, one, 2), Scene(4, three, 2)]
    made = talk(tmp_path / "in", [one, two, one, three], scenes)
    assert cut(made, tmp_path / "out") == 1
    doubts = [one["doubts"] for one in listed(tmp_path / "out")]
    assert "it could be page 3 as well" in doubts[0]
    assert doubts[1] == doubts[3] == []


def test_without_a_deck_every_still_stretch_is_a_clip(plain: Talk, tmp_path: Path) -> None:
    words = ["cut-slides", str(plain.video), "-p", PRESET, "-o", str(tmp_path), "-q", "--dry-run"]
    assert main(words) == 0
    told = json.loads((tmp_path / "recording.cuts.json").read_text(encoding="utf-8"))["cuts"]
    starts = [one["start"] for one in told]
    assert all(min(abs(start - first / RATE) for start in starts) <= 2 / RATE for _, first in plain.truth)
    assert [one["clip"] for one in told] == [f"still-{number:03}" for number in range(1, len(told) + 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("page,start,end\n1,0,2\n2,1,3\n", "cut 2"),
        ("page,start,end\n1,2,2\n", "cut 1"),
        ("page,start,end\n1,-1,2\n", "cut 1"),
        ("page,start,end\n1,0,nan\n", "cut 1"),
        ("page,start,end\n1,0,1e999999999\n", "cut 1"),
        ("page,start,end\n0,0,1\n", "cut 1"),
        ("page,start,end\n5,0,1\n", "page 5 of a deck that has 4"),
        ("page,start,end\n,0,1\n", "wanted are cuts"),
        ("page,begin\n1,0\n", "cut 1"),
        ('{"cuts": [{"page": 1, "start": 0, "end": "x"}]}', "cut 1"),
        ('{"cuts": [7]}', "cut 1"),
        ('{"cuts": 7}', "wanted are cuts"),
        ("[" * 100_000, "wanted are cuts"),
        ('{"cuts":' + "[" * 100_000, "wanted are cuts"),
        ("", "wanted are cuts"),
    ],
)
def test_a_list_that_cannot_be_meant_is_told_with_its_row(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(AssetError, match=f"a.csv.*{said}"):
        listing.reviewed(tmp_path / "a.csv", pages=4)


def prepared(folder: Path, out: Path) -> dict[str, Any]:
    main(["prepare", str(folder / "recording.mp4"), "-p", PRESET, "-o", str(out), "-q", "--cut-pages"])
    told: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return told["assets"][0]  # type: ignore[no-any-return]


def test_prepare_cuts_by_page_where_a_deck_of_the_same_name_lies_beside(plain: Talk, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "recording.mp4").write_bytes(plain.video.read_bytes())
    assert len(prepared(tmp_path / "in", tmp_path / "alone")["outputs"]) == 1  # no deck: nothing to cut it by
    (tmp_path / "in" / "recording.PDF").write_bytes(plain.deck.read_bytes())
    made = prepared(tmp_path / "in", tmp_path / "out")
    assert made["status"] == "fixed"
    lengths = [float(Fraction(one["facts"]["duration"])) for one in made["outputs"]]
    assert [one["path"] for one in made["outputs"]] == [f"recording-page-00{n}.mp4" for n in (1, 2, 3, 4)]
    assert all(abs(a - b) < 0.2 for a, b in zip(lengths, (2, 2.6, 2.2, 2.2), strict=True))


@pytest.mark.thorough
def test_of_two_equal_videos_the_one_with_a_deck_is_cut(plain: Talk, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "recording.mp4").write_bytes(plain.video.read_bytes())
    (tmp_path / "in" / "b" / "recording.pdf").write_bytes(plain.deck.read_bytes())
    words = ["-p", PRESET, "-o", str(tmp_path / "out"), "-q", "--cut-pages", "--include", "*.mp4"]
    main(["prepare", str(tmp_path / "in"), *words])
    told = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert [len(one["outputs"]) for one in told["assets"]] == [1, 4], told["assets"][1]["error"]


def test_prepare_takes_the_list_that_somebody_corrected(tmp_path: Path) -> None:
    looks = pages(3)
    scenes = [Scene(number, look, 2) for number, look in enumerate(looks, 1)]
    talk(tmp_path / "in", looks[:2], scenes)
    (tmp_path / "in" / "talk.pdf").rename(tmp_path / "in" / "recording.pdf")
    out = tmp_path / "out"
    first = prepared(tmp_path / "in", out)
    assert first["status"] == "failed"
    assert first["error"]["type"] == "NeedsReview"
    assert "recording.cuts.csv" in first["error"]["message"]
    assert prepared(tmp_path / "in", out)["status"] == "failed"  # nobody looked at it
    (out / "recording.cuts.csv").write_text("page,start,end\n2,0.5,3\n", encoding="utf-8")
    made = prepared(tmp_path / "in", out)
    assert [one["path"] for one in made["outputs"]] == ["recording-page-002.mp4"]
    made_at = (out / "recording-page-002.mp4").stat().st_mtime_ns
    assert prepared(tmp_path / "in", out)["status"] == "fixed"
    assert (out / "recording-page-002.mp4").stat().st_mtime_ns == made_at  # it was done
    (out / "recording.cuts.csv").write_text("page,start,end\n1,0.5,3\n2,3,4\n", encoding="utf-8")
    again = prepared(tmp_path / "in", out)
    assert [one["path"] for one in again["outputs"]] == ["recording-page-001.mp4", "recording-page-002.mp4"]
