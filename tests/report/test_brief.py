"""What a person reads of a run: one line a file, then each cause once with its count and what helps."""

from __future__ import annotations

import io
import re
import unicodedata
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli.main import main
from pipeline.documents.types import AssetEntry, FindingEntry, Told
from pipeline.model.facts import Text
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level
from pipeline.report import brief, labels
from tests.report.test_report import asset, error, finding

VIDEO = "metastudio/video-production"


def wide(line: str) -> int:
    """The columns a terminal gives to a line: two to what Unicode calls wide."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line if not unicodedata.combining(c))


def printed(*assets: AssetEntry, width: int = 80, lang: str = "en") -> list[str]:
    out = Console(file=io.StringIO(), width=width, highlight=False)
    for line in brief.lines(assets, lang, out):
        out.print(line, soft_wrap=True)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


def faces(found: str, rest: str = "Nobody is seen. Look up") -> FindingEntry:
    told = Told(
        title=Text("faces", "人脸"), found=Text(found, found), limit=Text(">= 1", ">= 1"), rest=Text(rest, rest)
    )
    return finding(check="face.count", told=told, fix=None, where=None, stream=None)


def photo(name: str, *found: FindingEntry, **more: Any) -> AssetEntry:
    one: AssetEntry = asset(source=name, status=Status.BLOCKED, findings=found, **more)
    return one


def test_one_line_a_file_below_the_folder_of_all_and_equal_causes_once() -> None:
    shown = printed(*(photo(f"in/photos/{number}.jpg", faces("0")) for number in range(60)))
    assert shown[0] == "in/photos/"
    assert [line.split()[:2] for line in shown[1:61]] == [["blocked", f"{number}.jpg"] for number in range(60)]
    assert " ".join(shown[61:]) == "60 × error faces: 0; wanted >= 1. Nobody is seen. Look up"


def test_what_went_wrong_alike_is_one_cause_without_the_names_of_files() -> None:
    failed = [
        asset(source=name, status=Status.ERROR, findings=(), error=error(f"{name} is damaged. Export it again."))
        for name in ("a.pdf", "b.pdf")
    ]
    assert printed(*failed)[-1] == "2 × error is damaged. Export it again."


def test_causes_that_differ_in_the_figure_are_one_and_keep_what_holds_for_all() -> None:
    shown = printed(
        photo("a.jpg", faces("0.7", "The figure is ours. It is 70 % open")),
        photo("b.jpg", faces("0.6", "The figure is ours. It is 60 % open")),
    )
    below = " ".join(line.strip() for line in shown[2:])
    assert below.startswith("2 × error faces: wanted >= 1. The figure is ours.")
    assert "%" not in below
    assert "0.7" in shown[0]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80, 132])
def test_no_line_is_wider_than_the_terminal(lang: str, width: int) -> None:
    long = "资料/" + "很长的名字" * 12
    shown = printed(
        *(photo(f"{long}{number}.jpg", faces("0", "说明文字" * 30), finding()) for number in range(3)),
        photo("x" * 200, error=error("坏" * 100)),
        width=width,
        lang=lang,
    )
    assert max(map(wide, shown)) <= width
    assert all(shown[number].endswith("+1") for number in range(3))
    assert [bool(re.search(rf"{number}\.jpg ", shown[number])) for number in range(3)] == [True] * 3, "names keep ends"


def test_many_causes_take_few_lines_and_say_that_there_are_more() -> None:
    several = [photo("one.jpg", *(_named(n) for n in range(50))), photo("two.jpg")]
    shown = printed(*several)
    assert len(shown) <= 22
    assert shown[-1].strip() == "+33 more causes; -v shows all"
    alone = printed(several[0])
    assert sum("error cause" in line for line in alone) == 50, "of one file all are told"


def _named(number: int) -> FindingEntry:
    told = Told(title=Text(f"cause {number}", ""), found=Text("no", ""), limit=None, rest=None)
    return finding(told=told, fix=None, rule=f"r{number}")


def test_nothing_is_promised_of_what_stays_as_it_is() -> None:
    kept = printed(photo("clip.mp4", finding()))
    mended = printed(asset())
    assert "30 fps (re-encoded)" in " ".join(mended)
    assert "re-encoded" not in " ".join(kept)


def test_what_decides_comes_before_what_could_be_repaired() -> None:
    assert "faces" in printed(photo("a.jpg", finding(), faces("0")), photo("b.jpg"))[0]


def test_what_was_not_looked_at_is_said_once() -> None:
    blind = finding(check="media.intact", verdict=Verdict.UNKNOWN, blocks=False)
    left = finding(check="audio.rt60", verdict=Verdict.UNKNOWN, blocks=False)
    one = asset(status=Status.PASS, findings=(blind, left))
    shown = printed(one, one, one)
    assert [line for line in shown if "--deep" in line] == ["damage inside was not looked for; --deep does"]
    assert sum("measured" in line for line in shown) == 1
    assert shown[:3] == ["pass  clip.mp4"] * 3


def test_a_strangers_name_is_shown_and_not_obeyed() -> None:
    shown = printed(photo("[red]\x1b[2J\u202egpj.exe", faces("0")))
    assert shown[0] == r"blocked  [red]\x1b[2J\x202egpj.exe"


def test_the_words_are_those_of_the_documents() -> None:
    for one in Status:
        if one.value in labels.STANDS:
            assert labels.STANDS[one.value].en == one.value
    assert {level: labels.STANDS[f"level-{level}"].en for level in Level} == {level: level.value for level in Level}
    assert labels.WORDS["blocked"] is labels.STANDS["blocked"]


def test_commands_are_shown_to_those_who_ask(sample: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", str(sample("video/60fps.mp4")), "-p", VIDEO, "-j", "1"]
    assert main(words) == 1
    brief_ = capsys.readouterr().out
    assert main([*words, "-v"]) == 1
    whole = capsys.readouterr().out
    assert "libx264" not in brief_
    assert "1. write mp4" in brief_
    assert "libx264" in whole


def test_66_photos_and_355_samples_have_few_lines() -> None:
    """Any mixture of causes: the lines are those of files and a bounded number below."""
    for many, most in ((66, 90), (355, 400)):
        assets = [photo(f"{n}.jpg", *(_named(n * 7 + k) for k in range(5))) for n in range(many)]
        assert len(printed(*assets)) <= most


def test_a_deck_that_is_split_loses_no_slide_in_words(sample: Any, capsys: pytest.CaptureFixture[str]) -> None:
    deck = str(sample("decks/51-slides.pptx"))
    assert main(["plan", deck, "-p", VIDEO, "--split", "-j", "1"]) == 1
    said = capsys.readouterr().out
    assert "split, at most 50 slides each (without loss)" in " ".join(said.split())
    assert "51 -> 50" not in said
