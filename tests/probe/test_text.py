"""Scripts, SSML and subtitles: how long, in which encoding, and what is where."""

from __future__ import annotations

import os
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import Kind, MediaInfo, TextInfo, Value
from pipeline.probe import probe
from pipeline.probe.text import read as text
from pipeline.probe.text.encoding import decode, encoding_of
from pipeline.probe.text.subtitle import parse
from samples import build
from tests import ROOT

OUT = ROOT / "samples" / "out"


def facts(name: str) -> MediaInfo:
    return probe(build([f"texts/{name}"], OUT)[f"texts/{name}"])


def read(path: Path, words: str | bytes) -> TextInfo:
    path.write_bytes(words.encode() if isinstance(words, str) else words)
    info = probe(path).text
    assert info is not None
    return info


def marks(info: TextInfo, what: str) -> list[Value | None]:
    return [mark.value for mark in info.marks if mark.what == what]


@pytest.mark.parametrize(
    ("name", "encoding", "bom", "characters"),
    [
        ("good.txt", "utf-8", False, 600),
        ("bom.txt", "utf-8", True, 600),
        ("gbk.txt", "gbk", False, 600),
        ("over-10000.txt", "utf-8", False, 10001),
        ("three-letters.txt", "utf-8", False, 3),
        ("blank.txt", "utf-8", False, 0),
    ],
)
def test_plain_text(name: str, encoding: str, bom: bool, characters: int) -> None:
    info = facts(name).text
    assert (info.format, info.encoding, info.bom, info.characters, info.spoken) == (
        "plain",
        encoding,
        bom,
        characters,
        characters,
    )
    assert info.well_formed is None
    assert info.marks == ()


def test_paragraphs_are_lines_with_something_on_them(tmp_path: Path) -> None:
    info = read(tmp_path / "a.txt", "第一段。\r\n\r\n  第二段好。  \r\n \r\n三\r\n")
    assert info.paragraphs == (4, 5, 1)
    assert info.characters == len("第一段。\n\n  第二段好。  \n \n三")


@pytest.mark.parametrize(
    ("data", "encoding", "bom"),
    [
        ("ab你好cd".encode("utf-16-le"), "utf-16", False),
        ("ab你好cd".encode("utf-16-be"), "utf-16", False),
        (b"\xfe\xff" + "你好".encode("utf-16-be"), "utf-16", True),
        (b"\xff\xfe\0\0" + "你好".encode("utf-32-le"), "utf-32", True),
        ("𠮷野家".encode("gb18030"), "gb18030", False),
        (b"caf\xe9 au lait", None, False),
        (b"\xef\xbb\xbf\xff", None, True),
        (b"", "utf-8", False),
    ],
)
def test_encodings(data: bytes, encoding: str | None, bom: bool) -> None:
    found = decode(data)
    assert (found.encoding, found.bom) == (encoding, bom)
    assert (found.text is None) == (encoding is None)


def test_too_much_text_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.write(b"word ")
        file.truncate(MAX_TEXT + 1)
    with pytest.raises(CeilingExceeded, match=r"a\.txt"):
        text.read(path, MAX_TEXT + 1, "plain")


# --- SSML -----------------------------------------------------------------------------------------------


def test_every_mark_of_a_good_script() -> None:
    info = facts("good.ssml").text
    assert info.well_formed is True
    assert {mark.what for mark in info.marks} == {
        "root",
        "tag",
        "break.time",
        "break.strength",
        "break.empty",
        "phoneme.ph",
        "phoneme.plausible",
        "attribute",
        "phoneme.characters",
        "interpret-as",
        "sub.alias",
        "prosody.rate",
        "word",
        "nesting",
    }
    assert marks(info, "root") == ["speak"]
    assert marks(info, "tag") == [
        "speak",
        "break",
        "phoneme",
        "say-as",
        "sub",
        "prosody",
        "word",
        "break",
    ]
    assert marks(info, "break.time") == [Fraction(1, 2)]
    assert marks(info, "prosody.rate") == [120]
    assert all(marks(info, "nesting"))
    assert info.spoken == len("欢迎重来，电话12345，虚拟人说，快一点，慢慢来。")


def test_marks_say_where(tmp_path: Path) -> None:
    info = read(tmp_path / "a.ssml", '<speak>你好\n  世界<break time="50ms"/></speak>')
    mark = next(mark for mark in info.marks if mark.what == "break.time")
    assert (mark.line, mark.column, mark.value) == (2, 5, Fraction(1, 20))


@pytest.mark.parametrize(
    ("script", "what", "values"),
    [
        ('<break time="2s"/>', "break.time", [2]),
        ('<break time="1.5s"/>', "break.time", [Fraction(3, 2)]),
        ('<break time="500"/>', "break.time", ["500"]),
        ('<break time="soon"/>', "break.time", ["soon"]),
        ("<break>x</break>", "break.empty", [False]),
        ("<break><sub alias='a'>b</sub></break>", "break.empty", [False]),
        ('<phoneme ph=" ">重</phoneme>', "phoneme.ph", [False]),
        ("<phoneme>重要</phoneme>", "phoneme.characters", [2]),
        ("<say-as>1</say-as>", "interpret-as", [""]),
        ("<sub>a</sub>", "sub.alias", [False]),
        ('<prosody rate="80%">a</prosody>', "prosody.rate", [80]),
        ('<prosody rate="fast">a</prosody>', "prosody.rate", ["fast"]),
        ("<prosody>a</prosody>", "prosody.rate", [""]),
        ("<word>a b!</word>", "word", ["a b!"]),
        ('<emotion type="HAPPY">a</emotion>', "emotion.type", ["HAPPY"]),
        ("<sub alias='a'>b<break/></sub>", "nesting", [True, False]),
        ("<speak>a</speak>", "nesting", [True, False]),
        ("a &amp; b &#20320;", "root", ["speak"]),
    ],
)
def test_single_elements(tmp_path: Path, script: str, what: str, values: list[Value]) -> None:
    info = read(tmp_path / "a.ssml", f"<speak>{script}</speak>")
    assert info.well_formed is True
    assert marks(info, what) == values


@pytest.mark.parametrize(
    "script",
    [
        "Hello<break/>there",
        "<speak>a</speak><speak>b</speak>",
        "<speak>a</speak> and more<break/>",
    ],
)
def test_a_script_without_one_root_says_so(tmp_path: Path, script: str) -> None:
    info = read(tmp_path / "a.ssml", script)
    assert info.format == "ssml"
    assert marks(info, "root") == ["none"]


def test_a_declaration_may_come_first(tmp_path: Path) -> None:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    info = read(tmp_path / "a.ssml", f"{head}\n<speak>a<break/></speak>")
    assert (info.well_formed, marks(info, "root")) == (True, ["speak"])
    assert [(m.line, m.column) for m in info.marks if m.what == "break.empty"] == [(2, 9)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unclosed.ssml", "line 1, column 41"),
        ("entity-bomb.ssml", "document type"),
        ("external-entity.ssml", "document type"),
    ],
)
def test_what_is_not_well_formed_says_where(name: str, reason: str) -> None:
    info = facts(name)
    assert info.text.well_formed is False
    assert reason in info.remarks[0].en


@pytest.mark.parametrize(
    "script",
    [
        "<speak>" * 1000 + "</speak>" * 1000,
        "<speak>&nbsp;</speak>",
        "<speak>a < b</speak>",
        "<speak></preflight-root><preflight-root></speak>",
    ],
)
def test_more_that_is_not_well_formed(tmp_path: Path, script: str) -> None:
    assert read(tmp_path / "a.ssml", script).well_formed is False


def test_too_many_elements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CeilingExceeded, match="SSML"):
        read(tmp_path / "a.ssml", "<speak>" + "<break/>" * 200_000 + "</speak>")


def test_other_markup_is_not_taken_for_ssml(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "5 < 6 and <b>bold</b>, subway <submarine>").format == "plain"


# --- subtitles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "encoding", "cues", "order", "overlap", "syntax"),
    [
        ("good.srt", "utf-8", 10, 0, 0, 0),
        ("gbk.srt", "gbk", 10, 0, 0, 0),
        ("utf16.srt", "utf-16", 10, 0, 0, 0),
        ("bad-order.srt", "utf-8", 10, 9, 0, 0),
        ("overlapping.srt", "utf-8", 5, 0, 4, 0),
        ("backwards.srt", "utf-8", 1, 0, 0, 1),
        ("over-1mb.srt", "utf-8", 16000, 0, 0, 0),
    ],
)
def test_subtitles(name: str, encoding: str, cues: int, order: int, overlap: int, syntax: int) -> None:
    info = facts(name).text
    assert (info.format, info.encoding) == ("srt", encoding)
    counts = [len(marks(info, what)) for what in ("cue", "fault.order", "fault.overlap", "fault.syntax")]
    assert counts == [cues, order, overlap, syntax]


def test_faults_say_where(tmp_path: Path) -> None:
    good = "1\n00:00:00,000 --> 00:00:01,500\none\n"
    info = read(tmp_path / "a.srt", f"{good}\n2\n00:00:0x,000 -> 00:00:03,000\ntwo\n\njust words\n")
    told = [(m.what, m.line) for m in info.marks if not m.what.startswith("cue.")]
    assert told == [("cue", 2), ("fault.syntax", 5), ("fault.syntax", 9)]


def test_a_cue_inside_another_overlaps_though_its_neighbours_do_not() -> None:
    text = "".join(f"00:00:{a:02},000 --> 00:00:{b:02},000\nx\n\n" for a, b in ((0, 9), (2, 3), (4, 5)))
    cues, faults = parse(text, "srt")
    assert [(cue.start, cue.end) for cue in cues] == [(0, 9), (2, 3), (4, 5)]
    assert faults == []


def test_webvtt(tmp_path: Path) -> None:
    body = (
        "WEBVTT - title\n\nNOTE nothing\nmore\n\nSTYLE\n::cue {}\n\nname\n"
        "00:01.500 --> 00:02.250 align:start\nHello\nthere\n\n01:00:00.000 --> 01:00:01.000\nEnd\n"
    )
    info = read(tmp_path / "a.vtt", body)
    assert info.format == "vtt"
    assert marks(info, "cue") == [Fraction(3, 2), 3600]
    assert marks(info, "fault.syntax") == []
    cues, _ = parse(body, "vtt")
    assert cues[0].text == "Hello\nthere"
    # Only an empty line ends a cue (W3C WebVTT, 6.2).
    cues, faults = parse("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n \nthere\n", "vtt")
    assert ([cue.text for cue in cues], faults) == (["Hello\n \nthere"], [])


@pytest.mark.parametrize(
    ("ph", "readable"),
    [
        ("ni3 hao3", True),
        ("zhong1 guo2", True),
        ("lv4", True),
        ("nü3 er2 men5", True),
        ("hui4", True),
        ("HH AH0 L OW1", True),
        ("həˈləʊ", True),
        ("ni hao", False),
        ("ni6", False),
        ("xyz1", False),
        ("ni3 QQ1", False),
        ("<>", False),
    ],
)
def test_pronunciations(tmp_path: Path, ph: str, readable: bool) -> None:
    quoted = ph.replace("<", "&lt;").replace(">", "&gt;")
    info = read(tmp_path / "a.ssml", f'<speak><phoneme ph="{quoted}">字</phoneme></speak>')
    assert marks(info, "phoneme.plausible") == [readable]


def test_attributes_are_named_with_their_element(tmp_path: Path) -> None:
    info = read(tmp_path / "a.ssml", '<speak version="1.0"><break time="1s" pause="x"/></speak>')
    assert marks(info, "attribute") == ["break time", "break pause"]


def test_hidden_characters_are_named_with_their_place(tmp_path: Path) -> None:
    info = read(tmp_path / "a.txt", "你\u202e好\n\u200b世\ufeff界")
    assert [(m.value, m.line, m.column) for m in info.marks] == [
        ("U+202E", 1, 2),
        ("U+200B", 2, 1),
        ("U+FEFF", 2, 3),
    ]


def test_joined_emoji_hide_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "👩\u200d🚀 و\u200c").marks == ()


def test_a_text_of_hidden_characters_is_read_quickly(tmp_path: Path) -> None:
    info = read(tmp_path / "a.txt", "好" + "\u200b" * 200_000)
    assert len(marks(info, "hidden")) == 1000


def test_extremes_of_cues(tmp_path: Path) -> None:
    cues = "1\n00:00:00,000 --> 00:00:00,400\n你好。\n\n2\n00:00:01,000 --> 00:00:21,000\nshort\n一二三四五六七八九十\n"
    info = read(tmp_path / "a.srt", cues)
    found = {m.what: (m.value, m.line) for m in info.marks if m.what.startswith("cue.")}
    assert found == {
        "cue.shortest": (Fraction(2, 5), 2),
        "cue.longest": (Fraction(20), 6),
        "cue.width": (20, 8),
        "cue.punctuation": (1, 2),
    }


# Sentences of everyday scripts; Python's own codecs write them.
SAID = {
    "simplified": "大家好，欢迎来到今天的课堂。我们先看一段视频，然后一起讨论其中的问题，最后再做练习。再见！",
    "traditional": "各位同學大家好，歡迎來到今天的課程。我們先看一段影片，然後一起討論其中的問題，最後再練習。",
    "japanese": "皆さん、こんにちは。今日の授業へようこそ。まずビデオを見てから、内容について一緒に話し合いましょう。",
    "korean": "여러분 안녕하세요. 오늘 수업에 오신 것을 환영합니다. 먼저 영상을 보고 나서 함께 이야기해 봅시다.",
}


@pytest.mark.parametrize("subtitles", [False, True])
@pytest.mark.parametrize(
    ("codec", "language"),
    [
        ("gbk", "simplified"),
        ("gb18030", "simplified"),
        ("gbk", "traditional"),
        ("big5", "traditional"),
        ("big5hkscs", "traditional"),
        ("shift_jis", "japanese"),
        ("euc_jp", "japanese"),
        ("euc_kr", "korean"),
        *((f"utf-{n}-{order}", language) for n in (16, 32) for order in ("le", "be") for language in SAID),
    ],
)
def test_a_text_in_any_east_asian_encoding_is_read_as_it_was_written(
    codec: str, language: str, subtitles: bool, tmp_path: Path
) -> None:
    said = SAID[language]
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{said}\n" if subtitles else said
    assert decode(text.encode(codec)).text == text
    (tmp_path / "a.txt").write_bytes(text.encode(codec))
    info = probe(tmp_path / "a.txt")
    assert info.kind is (Kind.SUBTITLE if subtitles else Kind.TEXT)
    assert info.text is not None
    assert info.text.characters == len(text.strip())


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize("length", [3, 5, 8, 12])  # one or two letters may be UTF-8 as well
def test_a_short_text_is_read_right_or_not_at_all(language: str, length: int) -> None:
    codec = {"simplified": "gbk", "traditional": "big5", "japanese": "shift_jis", "korean": "euc_kr"}[language]
    for at in range(len(SAID[language]) - length):
        part = SAID[language][at : at + length]
        found = decode(part.encode(codec))
        assert found.text in {part, None}, (part, found)
        assert found.text is not None or length < 8 or found.guesses[0].words == " ".join(part.split())


def test_an_encoding_that_is_not_sure_is_told_with_the_first_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Le café est fermé à l'été.".encode("cp1252"))
    info = probe(tmp_path / "a.txt")
    assert info.text is not None
    assert info.text.encoding is None
    assert 'windows-1252: "Le café est fermé' in info.remarks[0].en


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("codec", "said", "words"),
    [
        ("cp1252", "cp1252", "Le café est fermé à l'été."),
        ("koi8_r", "KOI8-R", "Привет, это короткий текст."),
        ("iso8859_7", "iso-8859-7", "Καλημέρα"),
        ("big5", "big5", "代剛"),  # four bytes that are letters in five encodings
        ("gbk", "gb2312", "国镕"),  # the second is not in GB 2312
        ("utf-16-be", "utf-16-be", "中"),
    ],
)
def test_an_encoding_that_is_said_is_taken(codec: str, said: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(words.encode(codec))
    known = probe(tmp_path / "a.txt", encoding=encoding_of(said))
    assert known.kind is Kind.TEXT
    assert known.text is not None
    assert (known.text.encoding, known.text.characters) == (encoding_of(said), len(words))
    out = tmp_path / "out"
    assert main(["prepare", str(tmp_path / "a.txt"), "-p", "metastudio/video-production", "-o", str(out), "-q",
                 "--encoding", said]) == 0  # fmt: skip
    assert (out / "a.txt").read_text(encoding="utf-8") == words
    assert main(["scenes", str(tmp_path / "a.txt"), "-p", "metastudio/video-production", "-o", str(out), "-q",
                 "--encoding", said]) == 0  # fmt: skip


def test_an_encoding_that_is_said_wrongly_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("你好，世界。".encode("gbk"))
    info = probe(tmp_path / "a.txt", encoding="utf-8")
    assert info.text is not None
    assert info.text.encoding is None
    assert "is not in utf-8" in info.remarks[0].en
    # A byte order mark is surer than what is said.
    (tmp_path / "b.txt").write_text("你好", encoding="utf-8-sig")
    marked = probe(tmp_path / "b.txt", encoding="gbk")
    assert marked.text is not None
    assert marked.text.encoding == "utf-8"


@pytest.mark.parametrize("said", ["ansi-x", "rot13", "idna", "base64", "a\0"])
def test_what_is_no_encoding_is_a_wrong_option(said: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    assert main(["check", str(tmp_path / "a.txt"), "-p", "metastudio/video-production", "--encoding", said]) == 2


def test_a_verdict_is_remembered_with_the_encoding_it_was_given_in(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("代剛".encode("big5"))
    os.utime(tmp_path / "a.txt", (1, 1))
    asked = ["check", str(tmp_path / "a.txt"), "-p", "metastudio/video-production", "-q"]
    assert [main(asked), main([*asked, "--encoding", "big5"]), main(asked)] == [1, 1, 1]


def test_names_and_texts_in_a_zip_are_in_the_encoding_that_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("12.txt", "Ещё раз.".encode("cp1251"))
    data = (tmp_path / "a.zip").read_bytes().replace(b"12.txt", "Да.txt".encode("cp1251"))
    (tmp_path / "a.zip").write_bytes(data)
    info = probe(tmp_path / "a.zip", encoding="windows-1251").archive
    assert info is not None
    (entry,) = info.entries
    assert (entry.name, entry.text, entry.encoding) == ("Да.txt", "Ещё раз.", "windows-1251")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("R&D 部门", 'write "&" as "&amp;"'),
        ("a < b", 'write "<" as "&lt;"'),
        ("a&nbsp;b", "write the character itself"),
    ],
)
def test_signs_that_xml_wants_written_otherwise_are_told(words: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.ssml").write_text(f"<speak>\n今天\n{words}</speak>", encoding="utf-8")
    (remark,) = probe(tmp_path / "a.ssml").remarks
    assert said in remark.en
    assert "line 3" in remark.en


ASS = r"""[Script Info]
Title: x
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,no
Dialogue: 0,0:00:04.00,0:00:05.25,Default,Bob,0,0,0,,{\k20}你{\k30}好\h吗
Dialogue: 0,0:00:01.00,0:00:03.50,Default,,0,0,0,,{\an8}Hello, {\i1}world{\i0}\NSecond line
Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0 100 100{\p0}
"""


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("00:00:01.500 --> 00:00:02.000", Fraction(3, 2), 2),
        ("0:0:1,5 --> 0:0:2,5", Fraction(3, 2), Fraction(5, 2)),
        ("00:01,000 --> 00:02,000", 1, 2),
        ("00:00:01 --> 00:00:02", 1, 2),
        ("00:00:01,000 -> 00:00:02,000", 1, 2),
        ("00:00:01,000 → 00:00:02,000", 1, 2),
        ("00：00：01，000 --> 00：00：02，000", 1, 2),
        ("00:00:61,000 --> 00:01:02,000", 61, 62),
        ("00:00:01,000-->00:00:02,000", 1, 2),
    ],
)
def test_times_that_only_lenient_players_read_are_set_right(
    times: str, start: Fraction, end: Fraction, tmp_path: Path
) -> None:
    info = read(tmp_path / "a.srt", f"1\n{times}\nA\n")
    assert (marks(info, "cue"), marks(info, "fault.form")) == ([start], [None])
    assert parse(f"1\n{times}\nA", "srt")[0][0][:2] == (start, end)


def test_words_behind_an_empty_line_belong_to_their_cue(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nA\n\nstill A\n\n2\n00:00:03,000 --> 00:00:04,000\nB\n"
    cues, faults = parse(text, "srt")
    assert ([cue.text for cue in cues], faults) == (["A\nstill A", "B"], [])
    assert len(marks(read(tmp_path / "a.srt", text), "fault.form")) == 1
    # A number without times is a cue that lost them, and not words.
    assert len(parse(text + "\n3\n", "srt")[1]) == 1


def test_a_text_of_old_macintosh_is_subtitles(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(b"1\r00:00:01,000 --> 00:00:02,000\rA\r")
    assert probe(tmp_path / "a.srt").kind is Kind.SUBTITLE


def test_webvtt_without_the_empty_line_under_its_head() -> None:
    cues, faults = parse("WEBVTT\n00:01,000 --> 00:02,000\nHi\n\nstep -> 2\n00:03.000 --> 00:04.000\nB", "vtt")
    assert ([cue.text for cue in cues], faults) == (["Hi", "B"], [])


def test_ass_is_subtitles_and_becomes_srt(tmp_path: Path) -> None:
    info = read(tmp_path / "a.ass", ASS)
    assert (info.format, marks(info, "cue")) == ("ass", [Fraction(4), Fraction(1)])
    assert probe(tmp_path / "a.ass").kind is Kind.SUBTITLE
    out = tmp_path / "out"
    assert main(["prepare", str(tmp_path / "a.ass"), "-p", "metastudio/livestream", "-o", str(out), "-q"]) == 0
    # What Aegisub shows at these times, without styles and drawings.
    assert (out / "a.srt").read_text(encoding="utf-8") == (
        "1\n00:00:01,000 --> 00:00:03,500\nHello, world\nSecond line\n\n2\n00:00:04,000 --> 00:00:05,250\n你好 吗\n\n"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Dialogue: 0,soon,0:00:02.00,D,,0,0,0,,x", "no times"),
        ("Dialogue: 0,0:00:02.00,0:00:01.00,D,,0,0,0,,x", "ends before"),
    ],
)
def test_a_line_of_ass_that_cannot_be_read_is_told(line: str, why: str, tmp_path: Path) -> None:
    info = read(tmp_path / "a.ass", f"{ASS}{line}\n")
    (fault,) = [mark for mark in info.marks if mark.what == "fault.syntax"]
    assert fault.line == ASS.count("\n") + 1
    assert fault.why
    assert why in fault.why.en


def test_ssa_has_its_own_fields() -> None:
    head = "[Events]\nFormat: Marked, Start, End, Text\n"
    text = f"{head}Dialogue: Marked=0,0:00:01.00,0:00:02.00,a, b\n[Fonts]\nDialogue: x"
    (cue,), faults = parse(text, "ass")
    assert (cue.start, cue.end, cue.text, faults) == (1, 2, "a, b", [])
