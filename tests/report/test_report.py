"""Reports that people and other programs read: nothing from a file is markup, formula or command there."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import subprocess
from fractions import Fraction
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from PIL import Image

from pipeline.cli.main import main
from pipeline.documents import entry as document
from pipeline.documents.facts import decoded, encode, encoded
from pipeline.documents.read import document as read_document
from pipeline.documents.read import parsed
from pipeline.documents.types import (
    MANIFEST,
    REPORT,
    AssetEntry,
    CheckDocument,
    ErrorEntry,
    FindingEntry,
    ManifestDocument,
    OutputEntry,
    PlannedAsset,
    PreparedAsset,
)
from pipeline.engine.cards import cards
from pipeline.engine.tasks import plan_entry, prepare_entry
from pipeline.errors import AssetError, UsageError
from pipeline.model.facts import Kind, Size, Text, Value
from pipeline.model.job import Job
from pipeline.model.limits import Aspect, AtLeastBox, Between, FitsBox, OneOf, OneSize
from pipeline.model.measured import Person, Span
from pipeline.model.results import Category, Proof, Status, Verdict
from pipeline.model.rules import Level, Limit
from pipeline.probe import probe
from pipeline.report import formats as export
from pipeline.report.card import bare, card_entry
from pipeline.report.figures import CardJob
from pipeline.report.findings import grouped, rules_of, stopped
from pipeline.report.html import write
from pipeline.report.scale import WIDTH, scale
from pipeline.report.summary import LocatedDocument, batch_name, broken, decisions, most_broken
from pipeline.rules import judge as judging
from pipeline.rules import presets
from pipeline.stages.check import check
from samples import build
from tests import ROOT, factory
from tests.repairing import ffmpeg

OUT = ROOT / "samples" / "out"
PRESET = "metastudio/video-production"
HOSTILE = "<img src=x onerror=alert(1)>\"'`&|*[a](javascript:x)\u202egpj.exe\x1b[31m=1+1.mp4"


def finding(**changes: Any) -> FindingEntry:
    """A frame rate above the limit, as a report holds it."""
    role = presets.load(PRESET).role("video")
    assert role
    info = factory.video(video=(factory.video_stream(frame_rate=Fraction(60)),))
    found = next(f for f in judging.judge(info, role) if f.rule.check == "video.frame_rate" and f.rule.level == "error")
    return msgspec.structs.replace(document.finding(found, "en"), **changes)


def asset(type_: type[AssetEntry] = AssetEntry, **changes: Any) -> Any:
    """A video that can be repaired."""
    entry: dict[str, Any] = {
        "source": "clip.mp4",
        "id": "0",
        "kind": Kind.VIDEO,
        "role": "video",
        "status": Status.FIXABLE,
        "facts": msgspec.Raw(b"{}"),
        "findings": (finding(),),
        "error": None,
    }
    return type_(**(entry | changes))


def error(message: str, type_: str = "Unreadable") -> ErrorEntry:
    return ErrorEntry(type=type_, message=message, said=Text(message, message))


def report(*assets: AssetEntry) -> CheckDocument:
    head = document.head(REPORT, presets.load(PRESET))
    return CheckDocument(**msgspec.structs.asdict(head), assets=assets, batch=(), summary={})


def page(*assets: AssetEntry, lang: str = "en", pictures: bool = False) -> str:
    out = io.StringIO()
    write(out, [LocatedDocument(report(*assets), OUT)], lang, partial(cards, workers=1), pictures=pictures)
    return out.getvalue()


class Elements(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.words.append(data)


# --- HTML ---------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_elsewhere() -> None:
    elements = Elements(page(asset())).elements
    linked = [v for _, a in elements for k, v in a.items() if k in {"src", "href", "action", "data"} and v]
    assert all(v.startswith(("#", "data:image/")) for v in linked)
    assert not any(tag in {"link", "iframe", "object", "base"} for tag, _ in elements)


def test_the_page_runs_its_own_script_and_no_other() -> None:
    text = page(asset(source=HOSTILE))
    elements = Elements(text)
    assert sum(tag == "script" for tag, _ in elements.elements) == 1
    assert not any(k.startswith("on") or k == "style" for _, a in elements.elements for k in a)
    policy = next(a["content"] for t, a in elements.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("place", ["source", "error", "where", "role", "actual"])
def test_what_comes_from_a_file_is_text(place: str) -> None:
    if place in {"source", "role"}:
        entry = asset(**{place: HOSTILE})
    elif place == "error":
        entry = asset(status=Status.ERROR, error=error(HOSTILE))
    elif place == "where":
        entry = asset(findings=(finding(where=Text(HOSTILE, HOSTILE)),))
    else:
        told = msgspec.structs.replace(finding().told, found=Text(HOSTILE, HOSTILE))
        entry = asset(findings=(finding(actual=HOSTILE, told=told),))
    elements = Elements(page(entry))
    assert not any(tag == "img" for tag, _ in elements.elements)
    words = "".join(elements.words)
    assert "<img src=x onerror=alert(1)>" in words
    assert "\u202e" not in words
    assert "\x1b" not in words


def test_both_languages_are_there() -> None:
    words = "".join(Elements(page(asset())).words)
    assert "frame rate" in words
    assert "帧率" in words
    assert "60 fps" in words


def test_the_language_asked_for_comes_first() -> None:
    assert '<html lang="zh" data-lang="zh">' in page(asset(), lang="zh")


def test_a_finding_says_value_limit_source_code_and_repair() -> None:
    text = " ".join("".join(Elements(page(asset())).words).split())
    assert "frame rate帧率 60 fps wanted" in text
    assert "≤ 30 fps" in text
    assert "MS-Intro 4.6 Table 4-5 (2025-02-07)" in text
    assert "metastudio.video-production.video.max-fps" in text
    assert "can be done可自动处理: 60 fps → 30 fps (re-encoded)" in text


def test_the_worst_comes_first() -> None:
    fine = asset(source="fine.mp4", status=Status.PASS, findings=())
    broken = asset(source="broken.mp4", status=Status.ERROR, findings=(), error=error("cut short"))
    text = page(fine, asset(source="middle.mp4"), broken)
    names = re.findall(r'<h3 id="h\d+"><bdi>(.*?)</bdi>', text)
    assert names == ["broken.mp4", "middle.mp4", "fine.mp4"]


def test_a_thousand_places_of_one_rule_are_one_line() -> None:
    many = [finding(where=Text(f"line {n}, column 1", f"第 {n} 行第 1 列")) for n in range(1000)]
    shown, hidden = grouped(many, rules_of(PRESET))
    assert (len(shown), hidden) == (1, 0)
    assert len(shown[0].where) + shown[0].more == 1000


def repaired(**changes: Any) -> Any:
    """The same video, repaired: what was made of it keeps the rule that the source breaks."""
    kept = finding(verdict=Verdict.PASS, blocks=False, actual="30", said=None, told=None, fix=None)
    output = OutputEntry(
        path="clip.mp4",
        category=Category.MAIN,
        size=1,
        md5="x",
        content_type="video/mp4",
        facts=msgspec.Raw(b"{}"),
        findings=(kept,),
        text=None,
        part=None,
        peak_memory=None,
    )
    made: dict[str, Any] = {"source_md5": None, "steps": (), "proof": (), "seconds": 0.1, "blocked": ()}
    return asset(PreparedAsset, **({"status": Status.FIXED, "outputs": (output,)} | made | changes))


def test_what_was_repaired_is_not_counted_among_what_is_wrong() -> None:
    stuck = asset(PreparedAsset, status=Status.BLOCKED, source_md5=None, steps=(), outputs=(), proof=(), seconds=0.0,
                  blocked=(finding(fix=None),))  # fmt: skip
    assert {fate for fate, _ in broken(repaired())} == {"repaired"}
    assert {fate for fate, _ in broken(stuck)} == {"open"}
    assert {fate for fate, _ in broken(asset())} == {"open"}  # it can be repaired, and was not
    rows, numbers = most_broken([LocatedDocument(report(repaired(), repaired(), stuck), OUT)])
    assert {fate: [row.count for row in held] for fate, held in rows.items()} == {"open": [1], "repaired": [2]}
    assert sorted(numbers.values()) == [1, 2]


def test_a_warning_that_an_output_still_breaks_is_open() -> None:
    warning = finding(level=Level.WARNING, blocks=False)
    assert {fate for fate, _ in broken(repaired(findings=(warning,), outputs=()))} == {"open"}


def test_one_reason_is_one_decision_with_what_to_do() -> None:
    lost = [asset(source=f"{n}.mp4", status=Status.ERROR, findings=(), error=error(f"{n}: cut")) for n in range(7)]
    found = finding(fix=None)
    told = msgspec.structs.replace(found.told, rest=None)
    stuck = asset(PlannedAsset, status=Status.BLOCKED, findings=(msgspec.structs.replace(found, told=told),),
                  blocked=(), parts=(), steps=())  # fmt: skip
    fine = asset(status=Status.PASS, findings=())
    shown, more = decisions([(n, PRESET, entry) for n, entry in enumerate([*lost, stuck, fine, asset()], 1)])
    assert more == []
    assert [(d.status, len(d.assets), d.more) for d in shown] == [(Status.ERROR, 5, 2), (Status.BLOCKED, 1, 0)]
    assert shown[0].assets[0] == (1, "0.mp4", Text("0: cut", "0: cut"))
    assert shown[0].action.en == "Get the file again and put it in the place of this one"
    assert shown[1].action.en == "Change it at its source: frame rate ≤ 30 fps"


@pytest.mark.parametrize("type_", sorted(one.__name__ for one in AssetError.__subclasses__()))
def test_whatever_ended_an_asset_there_is_something_to_do(type_: str) -> None:
    failed = asset(status=Status.ERROR, findings=(), error=error("x", type_))
    (decision,), _ = decisions([(1, PRESET, failed)])
    assert decision.action.en
    assert decision.action.zh != decision.action.en


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        (["spring/a.mp4", "spring/b.mp4"], "spring"),
        (["/media/spring/a/1.mp4", "/media/spring/b/2.mp4"], "spring"),
        (["s3://bucket/spring/a.mp4", "s3://bucket/spring/b.mp4"], "spring"),
        (["spring/a.mp4"], "a.mp4"),
        (["a.mp4", "b.mp4"], "delivered"),
        (["/spring/a.mp4", "b.mp4"], "delivered"),
        (["decks/a.pptx#media/1.png", "decks/a.pptx"], "decks"),
    ],
)
def test_the_head_names_the_batch(sources: list[str], name: str) -> None:
    entries = [asset(source=source) for source in sources]
    assert batch_name([LocatedDocument(report(*entries), OUT, "delivered")]) == name


def test_the_digest_is_that_of_the_bytes_on_disk(given: Path) -> None:
    target = given.with_name("out.html")
    assert main(["report", str(given), "-o", str(target), "--no-pictures", "-q"]) == 0
    command = [shutil.which("sha256sum") or pytest.skip("no sha256sum here"), str(given)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    assert said in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(("count", "open_"), [(50, 50), (51, 0)])
def test_above_fifty_assets_cards_are_closed(count: int, open_: int) -> None:
    elements = Elements(page(*[asset(source=f"{n}.mp4", findings=()) for n in range(count)])).elements
    within = [a for tag, a in elements if tag == "details"]
    assert sum("open" in a for a in within) == open_


def test_limits_that_have_changed_since_are_shown_as_written() -> None:
    one = finding(limit="<= 99", told=msgspec.structs.replace(finding().told, limit=Text("<= 99", "<= 99")))
    listed, _ = grouped([one], rules_of(PRESET))
    assert listed[0].limit.en == "≤ 99"
    assert listed[0].scale is None


def test_a_report_never_makes_us_open_a_preset_it_names(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("not toml at all [")
    assert rules_of(str(tmp_path / "x.toml")) == {}


def old(new: CheckDocument | ManifestDocument, schema: str) -> bytes:
    """The document as version 1 held it: one sentence a place, strings for all numbers."""
    data = document.plain(new) | {"schema": schema}
    del data["reasons"]
    for entry in data["assets"]:
        del entry["id"]
        entry["facts"] = {"name": "clip.mp4", "kind": "video", "size": 5, "extension": "mp4", "remarks": [["a", "甲"]]}
        for one in entry["findings"]:
            del one["told"]
            one |= {"actual": str(one["actual"]), "where": "line 3, column 7", "said": None}
        for proof in entry.get("proof", ()):
            proof |= {key: proof[key]["en"] for key in ("name", "expected", "found")}
    return json.dumps(data).encode()


def test_a_report_of_version_1_is_read() -> None:
    text = old(report(asset()), "media-preflight/report/1")
    read = parsed(text, "old.json", (REPORT,)).document
    (entry,) = read.assets
    assert entry.id == document.id_of("clip.mp4")
    assert entry.findings[0].where == Text("line 3, column 7", "line 3, column 7")
    info = decoded(entry.facts)
    assert info is not None
    assert info.remarks == (Text("a", "甲"),)
    words = "".join(Elements(page(entry)).words)
    assert "60 fps → 30 fps" in words


def test_a_manifest_of_version_1_is_read() -> None:
    proof = Proof(name=Text("frames", "帧数"), expected=Text.same("30"), found=Text.same("30"), passed=True)
    made = asset(PreparedAsset, source_md5=None, steps=(), outputs=(), proof=(proof,), seconds=0.1, blocked=())
    head = document.head(MANIFEST, presets.load(PRESET))
    new = ManifestDocument(**msgspec.structs.asdict(head), assets=(made,), batch=(), summary={})
    read = parsed(old(new, "media-preflight/manifest/1"), "old.json", (MANIFEST,)).document
    assert isinstance(read, ManifestDocument)
    assert read.assets[0].proof[0].name == Text("frames", "frames")


def test_what_was_written_is_read_again() -> None:
    whole = report(asset(), asset(findings=()))
    read = parsed(encode(whole), "report.json", (REPORT, MANIFEST))
    assert (read.document, read.doubts) == (whole, ())


@pytest.mark.parametrize(
    ("change", "named"),
    [({"kind": "sticker"}, "kind: "), ({"findings": 7}, "findings: wanted a list"), ({"id": None}, "id: wanted text")],
)
def test_what_does_not_fit_is_told_by_asset_and_key_and_costs_that_asset(change: dict[str, Any], named: str) -> None:
    data = document.plain(report(asset(), asset()))
    data["assets"][0] |= change
    read = parsed(json.dumps(data).encode(), "report.json", (REPORT,))
    (doubt,) = read.doubts
    assert (doubt.asset, doubt.source) == (0, "clip.mp4")
    assert named in doubt.text.en
    first, second = read.document.assets
    assert (first.status, first.error.said if first.error else None) == (Status.ERROR, doubt.text)
    assert second == asset()


@pytest.mark.parametrize(
    ("change", "named"), [({"assets": 7}, "assets: wanted a list"), ({"preset": []}, "preset: "), ({"batch": None}, "")]
)
def test_what_does_not_fit_above_the_assets_is_told_by_file_and_key(change: dict[str, Any], named: str) -> None:
    data = document.plain(report(asset())) | change
    with pytest.raises(UsageError) as caught:
        parsed(json.dumps(data).encode(), "report.json", (REPORT,))
    assert named in str(caught.value)
    assert "report.json" in caught.value.text.zh


def card(entry: AssetEntry, folder: Path, **changes: Any) -> CardJob:
    job: dict[str, Any] = {
        "number": 1,
        "entry": entry,
        "preset": PRESET,
        "rules": (),
        "folders": (str(folder),),
        "outputs": str(folder),
    }
    return CardJob(**(job | changes))


def test_before_and_after_and_sound_are_drawn(tmp_path: Path) -> None:
    source = build(["video/60fps.mp4"], OUT)["video/60fps.mp4"]
    done = prepare_entry(Job(path=str(source), stem="clip", preset=PRESET, out=str(tmp_path)), lambda _: None).asset
    html = card_entry(card(done, tmp_path), lambda _: None)
    assert html.count('src="data:image/webp;base64,') == 2
    assert html.count('class="wave"') == 2
    assert "solved" in html


def test_a_source_that_has_changed_is_not_shown(tmp_path: Path) -> None:
    source = build(["images/good-1080p.png"], OUT)["images/good-1080p.png"]
    entry = document.report(check(Job(path=str(source), stem="x", preset=PRESET)).report, "en")
    (tmp_path / "other.png").write_bytes(b"something else")
    html = card_entry(card(document.named(entry, "other.png"), tmp_path), lambda _: None)
    assert "<img" not in html
    assert "has changed since" in html


def test_an_output_outside_the_folder_of_the_manifest_is_not_read(tmp_path: Path) -> None:
    source = build(["images/good-1080p.png"], OUT)["images/good-1080p.png"]
    outside = OutputEntry(
        path=str(source),
        category=Category.MAIN,
        size=source.stat().st_size,
        md5="x",
        content_type="image/png",
        facts=encoded(factory.image()),
        findings=(),
        text=None,
        part=None,
        peak_memory=None,
    )
    made: dict[str, Any] = {
        "source_md5": "y",
        "outputs": (outside,),
        "steps": (),
        "proof": (),
        "seconds": 0.0,
        "blocked": (),
    }
    entry = asset(PreparedAsset, kind=Kind.IMAGE, status=Status.FIXED, findings=(), **made)
    assert "<img" not in card_entry(card(entry, tmp_path), lambda _: None)


def test_facts_that_make_no_sense_cost_the_pictures_only(tmp_path: Path) -> None:
    source = build(["images/good-1080p.png"], OUT)["images/good-1080p.png"]
    facts = {"size": source.stat().st_size, "faces": 7, "image": {"format": "png", "size": {"width": 1, "height": 1}}}
    job = card(asset(source=str(source), facts=msgspec.Raw(json.dumps(facts).encode())), tmp_path)
    assert card_entry(job, lambda _: None) == bare(job)


# --- scales -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limit", "type_"),
    [
        (Fraction(60), Between(high=30), "rate"),
        (5, Between(low=200, above=True), "count"),
        (10**12, Between(high=2**30), "bytes"),
        (0, Between(high=0), "count"),
        (3, Between(high=0), "count"),
        (Fraction(-5), Between(low=-10, high=10), "number"),
        (48000, OneOf((16000, 24000)), "hertz"),
        (Fraction(3, 2), Aspect((Fraction(16, 9), Fraction(9, 16))), "ratio"),
        (Fraction(1, 10**9), Between(low=1), "number"),
    ],
)
def test_marks_and_spans_stay_inside_the_drawing(value: Value, limit: Limit, type_: str) -> None:
    drawn = scale(value, limit, type_)
    assert drawn is not None
    assert drawn.mark is not None
    assert 0 <= drawn.mark <= WIDTH
    assert drawn.spans
    assert all(x >= 0 and width > 0 and x + width <= WIDTH for x, width in drawn.spans)
    assert drawn.ok == limit.accepts(value)
    inside = any(x <= drawn.mark <= x + width for x, width in drawn.spans)
    assert inside or not drawn.ok


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (Size(3840, 2160), FitsBox((Size(1920, 1080),))),
        (Size(1080, 1920), FitsBox((Size(1920, 1080),))),
        (Size(10, 10), AtLeastBox(Size(80, 80))),
        (Size(1920, 1080), OneSize((Size(3840, 2160), Size(2160, 3840)))),
    ],
)
def test_sizes_are_drawn_to_one_scale(value: Size, limit: Limit) -> None:
    drawn = scale(value, limit, "size")
    assert drawn is not None
    allowed, found = drawn.boxes
    assert (found[0] <= allowed[0] and found[1] <= allowed[1]) == FitsBox(
        (Size(int(allowed[0] * 100), int(allowed[1] * 100)),)
    ).accepts(Size(int(found[0] * 100), int(found[1] * 100)))
    assert drawn.ok == limit.accepts(value)


def test_words_are_not_drawn() -> None:
    assert scale("h264", OneOf(("h264", "hevc")), "text") is None
    assert scale(True, OneOf((False,)), "flag") is None
    assert scale(None, Between(high=3), "count") is None


# --- flat formats -------------------------------------------------------------------------------------


def flat(write_: export.Write, *assets: AssetEntry, lang: str = "en") -> str:
    out = io.StringIO()
    write_(out, [LocatedDocument(report(*assets), Path())], lang)
    return out.getvalue()


def test_csv_opens_in_a_spreadsheet_with_chinese_intact() -> None:
    text = flat(export.write_csv, asset(source="讲师.mp4"), lang="zh")
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0]["源文件"] == "讲师.mp4"
    assert rows[0]["说明"].startswith("帧率")
    assert rows[0]["规则"] == "metastudio.video-production.video.max-fps"
    assert (rows[0]["类型"], rows[0]["级别"], rows[0]["结论"]) == ("视频", "错误", "不合格")


def test_csv_in_english_has_the_words_of_the_documents() -> None:
    text = flat(export.write_csv, asset(source="讲师.mp4"))
    (row, *_) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["kind"], row["level"], row["verdict"]) == ("video", "error", "fail")
    assert text.partition("\r\n")[0].removeprefix("\ufeff").isascii()


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1"])
def test_csv_holds_no_formula(name: str) -> None:
    rows = list(csv.DictReader(io.StringIO(flat(export.write_csv, asset(source=name)).removeprefix("\ufeff"))))
    assert not rows[0]["source"].startswith(("=", "+", "-", "@", "\t"))


def test_junit_counts_what_blocks() -> None:
    lost = asset(source="b", status=Status.ERROR, findings=(), error=error("cut"))
    root = ElementTree.fromstring(flat(export.write_junit, asset(), asset(status=Status.PASS, findings=()), lost))  # noqa: S314  our own
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("3", "1", "1")
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["type"] == "metastudio.video-production.video.max-fps"


def test_junit_is_xml_whatever_a_name_holds() -> None:
    name = HOSTILE + "\x00\x0b\ufffe]]>"
    root = ElementTree.fromstring(flat(export.write_junit, asset(source=name)))  # noqa: S314  our own
    case = root.find(".//testcase")
    assert case is not None
    assert "<img" in case.attrib["name"]


def test_markdown_holds_no_markup_of_a_name() -> None:
    text = flat(export.write_markdown, asset(source=HOSTILE))
    assert "<img" not in text
    assert "[a](javascript" not in text
    assert all(line.count(" | ") == 3 for line in text.splitlines() if line.startswith("| ") and "asset" not in line)


def test_json_is_the_document() -> None:
    assert json.loads(flat(export.write_json, asset())) == document.plain(report(asset()))


# --- the verb -----------------------------------------------------------------------------------------


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_bytes(encode(report(asset())))
    return path


@pytest.mark.parametrize("ending", export.ENDINGS)
def test_every_ending_is_written(given: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = given.with_name(f"out{ending}")
    assert main(["report", str(given), "-o", str(target), "--no-pictures"]) == 0
    assert "60 fps" in target.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{target}\n"
    assert [p.name for p in given.parent.iterdir() if p.name.startswith(".")] == []


def test_several_reports_make_one(given: Path) -> None:
    target = given.with_name("both.html")
    assert main(["report", str(given), str(given), "-o", str(target), "--no-pictures", "-q"]) == 0
    assert target.read_text(encoding="utf-8").count("<article") == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "{}", "schema"),
        ("a.json", "[" * 100_000, "not a report"),
        ("a.json", "\x00", "not a report"),
        ("missing.json", None, "not a report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, name: str, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=reason):
        read_document(str(tmp_path / name))


@pytest.mark.parametrize("target", ["out.pdf", "no-such-folder/out.html", "report.json"])
def test_what_cannot_be_written_is_told(given: Path, target: str) -> None:
    assert main(["report", str(given), "-o", str(given.parent / target)]) == 2


def test_a_plan_shows_its_steps(tmp_path: Path) -> None:
    source = build(["video/60fps.mp4"], OUT)["video/60fps.mp4"]
    entry = plan_entry(Job(path=str(source), stem="x", preset=PRESET), lambda _: None)
    words = "".join(Elements(bare(card(entry, tmp_path))).words)
    assert "What would be done" in words
    assert "libx264" in words


def test_what_kept_an_asset_from_repair_says_why_and_promises_nothing() -> None:
    fixed = finding()
    told = msgspec.structs.replace(fixed.told, rest=Text("asked only", "需要求"))
    kept = finding(fix=None, told=told)
    entry = asset(PlannedAsset, findings=(fixed,), blocked=(kept,), parts=(), steps=())
    assert [f.fix for f in stopped(entry)] == [None]
    listed, _ = grouped(stopped(entry), {})
    assert (listed[0].fix, listed[0].rest.zh) == (None, "需要求")


def test_faults_of_footage_are_marked_in_time_with_what_is_seen_there(tmp_path: Path) -> None:
    """Half of the film is red, half blue: which half a picture is of, its colour says."""
    path = tmp_path / "clip.mp4"
    halves = "color=red:s=64x48:r=5:d=5[a];color=blue:s=64x48:r=5:d=5[b];[a][b]concat"
    ffmpeg("-f", "lavfi", "-i", halves, "-pix_fmt", "yuv420p", path)
    spans = {"black": (Span(Fraction(1), Fraction(4)),), "several": (Span(Fraction(6), Fraction(9)),)}
    info = msgspec.structs.replace(
        probe(path), person=Person(step=Fraction(1, 2), pictures=20, looked=9, seen=9, **spans)
    )
    broke = finding(rule="test.several", check="person.several")
    entry = asset(source="clip.mp4", facts=encoded(info), findings=(broke,))
    html = card_entry(card(entry, tmp_path), lambda _: None)
    strip = html[html.index('<section class="strip">') : html.index("</section>")]
    lanes = strip.split("<li ")[1:]
    assert [lane.partition(">")[0] for lane in lanes] == ['class="borne"', 'class="wrong"']
    marked = [re.findall(r'class="hit" x="([\d.]+)" width="([\d.]+)"', lane) for lane in lanes]
    assert marked == [[("100.0", "300.0")], [("600.0", "300.0")]]  # of a thousand: ten seconds
    for lane, words in zip(
        lanes, (("black", "黑屏", "at 1-4 s"), ("more than one face", "多张人脸", "at 6-9 s")), strict=True
    ):
        assert all(word in lane for word in words)
    pictures = [re.findall(r"data:image/webp;base64,([^\"]+)", lane) for lane in lanes]
    colours = [Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB").getpixel((9, 9)) for (one,) in pictures]
    assert [max(range(3), key=colour.__getitem__) for colour in colours] == [0, 2]  # type: ignore[arg-type, union-attr]  # of RGB
    assert "<img" not in bare(card(entry, tmp_path))
    assert "at 6-9 s" in bare(card(entry, tmp_path))
