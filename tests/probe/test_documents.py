"""Scripts in documents: every word that is shown, and none that is not.

The files are written by hand, as Word, Excel, LibreOffice and WordPad write them.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.probe import probe
from pipeline.probe.documents.read import sections
from pipeline.probe.documents.rows import spoken
from pipeline.stages.check import check

PRESET = "metastudio/video-production"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
M = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    f'<w:styles {W}><w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Mine"><w:basedOn w:val="1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Level"><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Plain"><w:basedOn w:val="1"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr>'
    "</w:style>"
    '<w:style w:type="paragraph" w:styleId="C"><w:name w:val="toc 1"/></w:style></w:styles>'
)


def links(*targets: tuple[str, str]) -> str:
    held = "".join(f'<Relationship Id="r{n}" Type="{R}/{t}" Target="{to}"/>' for n, (t, to) in enumerate(targets, 1))
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{held}</Relationships>'


def packed(path: Path, parts: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def word(path: Path, body: str, styles: str = STYLES) -> Path:
    return packed(
        path,
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": links(("officeDocument", "word/document.xml")),
            "word/_rels/document.xml.rels": links(("styles", "styles.xml")),
            "word/styles.xml": styles,
            "word/document.xml": f"<w:document {W} {MC}><w:body>{body}</w:body></w:document>",
        },
    )


def p(words: str, style: str = "", more: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{more}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<w:tc>{p(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def test_a_word_script_is_cut_at_headings_pages_and_rows(tmp_path: Path) -> None:
    body = (
        p("Title", "1")
        + p("One", "Mine")
        + p("Hello.")
        + '<w:p><w:r><w:t>Before</w:t><w:br w:type="page"/><w:t>after</w:t></w:r></w:p>'
        + p("Two", "Level")
        + p("not a heading", "Plain")
        + p("own page", more="<w:pageBreakBefore/>")
        + table(("No.", "Picture", "台词"), ("1", "wide", "Said."), ("2", "near", "Said too."))
        + p("end of part", more='<w:sectPr><w:type w:val="nextPage"/></w:sectPr>')
        + p("same page", more='<w:sectPr><w:type w:val="continuous"/></w:sectPr>')
        + p("Bye.")
    )
    found = sections(word(tmp_path / "a.docx", body), "docx")
    assert found.text.split("\f") == [
        "Title\nOne\nHello.\nBefore",
        "after",
        "Two\nnot a heading",
        "own page",
        "Said.",
        "Said too.",
        "end of part",
        "same page\nBye.",
    ]
    (left,) = found.said
    assert "Picture" in left.en
    assert "台词" in left.zh


def r(words: str, more: str = "") -> str:
    """A run."""
    return f"<w:r><w:rPr>{more}</w:rPr><w:t>{words}</w:t></w:r>"


ASKING = f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{p('Click here')}</w:sdtContent></w:sdt>"
BOX = f"<w:txbxContent>{p('box')}</w:txbxContent>"
TWICE = f"<mc:AlternateContent><mc:Choice>{BOX}</mc:Choice><mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r></w:p>",
            "a\tb\nc-d",
        ),
        (f"<w:p><w:ins>{r('new')}</w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>", "new"),
        (f"<w:p><w:moveFrom>{r('old')}</w:moveFrom><w:moveTo>{r('new')}</w:moveTo></w:p>", "new"),
        (f"<w:p><w:hyperlink>{r('link')}</w:hyperlink><w:smartTag>{r('!')}</w:smartTag></w:p>", "link!"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{p('filled in')}</w:sdtContent></w:sdt>", "filled in"),
        (ASKING + p("x"), "x"),
        (f"<w:p>{r('hidden', '<w:vanish/>')}{r('seen')}</w:p>", "seen"),
        ("<w:p>" + r("seen", '<w:vanish w:val="0"/>') + "</w:p>", "seen"),
        (p("only its mark is hidden", more="<w:rPr><w:vanish/></w:rPr>"), "only its mark is hidden"),
        (
            f"<w:p><w:r><w:ruby><w:rt>{r('hàn')}</w:rt><w:rubyBase>{r('汉')}</w:rubyBase></w:ruby></w:r></w:p>",
            "汉",
        ),
        (
            f"<w:p><w:r>{TWICE}</w:r>{r('beside')}</w:p>",
            "box\nbeside",
        ),
        ("<w:p><w:r><w:fldChar/><w:instrText>PAGE</w:instrText><w:t>3</w:t></w:r></w:p>", "3"),
        (p("1 First ....... 3", "C") + p("x"), "x"),
        (table((table(("inner", "cell")),)), "inner cell"),
        (table(("a frame",)), "a frame"),
    ],
)
def test_what_word_shows_is_read_and_nothing_else(body: str, text: str, tmp_path: Path) -> None:
    assert sections(word(tmp_path / "a.docx", body), "docx").text == text


def test_footnotes_are_told(tmp_path: Path) -> None:
    found = sections(
        word(tmp_path / "a.docx", '<w:p><w:r><w:footnoteReference w:id="2"/></w:r></w:p>' + p("x")), "docx"
    )
    assert [one.en for one in found.said] == ["1 footnotes are not read"]


def sheet(cells: str, before: str = "") -> str:
    return f"<worksheet {M}>{before}<sheetData>{cells}</sheetData></worksheet>"


def excel(path: Path, *sheets: str, strings: str = "", formats: str = "", state: str = "visible") -> Path:
    listed = "".join(
        f'<sheet name="s{n}" sheetId="{n}" r:id="r{n}" state="{state if n > 1 else "visible"}"/>'
        for n in range(1, len(sheets) + 1)
    )
    to = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    return packed(
        path,
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": links(("officeDocument", "xl/workbook.xml")),
            "xl/_rels/workbook.xml.rels": links(*to, ("sharedStrings", "s.xml"), ("styles", "styles.xml")),
            "xl/workbook.xml": f'<workbook {M} xmlns:r="{R}"><sheets>{listed}</sheets></workbook>',
            "xl/s.xml": f"<sst {M}>{strings}</sst>",
            "xl/styles.xml": f"<styleSheet {M}>{formats}</styleSheet>",
            **{f"xl/worksheets/sheet{n}.xml": text for n, text in enumerate(sheets, 1)},
        },
    )


def test_an_excel_script_is_cut_at_its_rows(tmp_path: Path) -> None:
    strings = (
        "<si><t>页码</t></si><si><t>口播文案</t></si><si><r><t>你</t></r><r><t>好。</t></r><rPh><t>ni</t></rPh></si>"
        "<si><t>标题</t></si>"
    )
    cells = (
        '<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c><c r="B1" t="s"><v>3</v></c></row>'
        '<row><c r="A2"><v>1</v></c><c r="C2" t="s"><v>2</v></c></row>'
        '<row hidden="1"><c r="C3" t="inlineStr"><is><t>hidden</t></is></c></row>'
        '<row><c r="A4"><v>2</v></c><c r="C4" t="str"><f>A1</f><v>computed</v></c></row>'
        '<row><c><v>3</v></c><c t="b"><v>1</v></c><c t="inlineStr"><is><t>no reference</t></is></c></row>'
    )
    found = sections(excel(tmp_path / "a.xlsx", sheet(cells), sheet(""), strings=strings, state="veryHidden"), "xlsx")
    assert found.text.split("\f") == ["你好。", "computed", "no reference"]
    assert "页码, 标题" in found.said[0].en
    assert 's2" is not read' in found.said[1].en


def test_cells_are_read_as_they_are_shown(tmp_path: Path) -> None:
    formats = (
        '<numFmts><numFmt numFmtId="170" formatCode="yyyy&quot;年&quot;m"/>'
        '<numFmt numFmtId="171" formatCode="0.00&quot;days&quot;"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="9"/><xf numFmtId="170"/><xf numFmtId="171"/>'
        '<xf numFmtId="20"/></cellXfs>'
    )
    values = (("0", "1.50"), ("1", "46024"), ("2", "0.25"), ("3", "46024"), ("4", "2"), ("5", "0.5"))
    cells = "<row>" + "".join(f'<c s="{style}"><v>{value}</v></c>' for style, value in values) + "</row>"
    cells += "<row><c t='e'><v>#REF!</v></c></row>"
    found = sections(excel(tmp_path / "a.xlsx", sheet(cells), formats=formats), "xlsx")
    # ECMA-376 part 1, 18.17.4.1: serial 1 is 1900-01-01; 46024 is 2026-01-02 by `date -d '1899-12-30 +46024 days'`.
    assert found.text.split("\n") == ["1.5", "2026-01-02", "25%", "2026-01-02", "2", "12:00"]


def test_hidden_columns_are_not_read(tmp_path: Path) -> None:
    cells = "<row><c t='str'><v>seen</v></c><c t='str'><v>not</v></c></row>"
    path = excel(tmp_path / "a.xlsx", sheet(cells, '<cols><col min="2" max="16384" hidden="1"/></cols>'))
    assert sections(path, "xlsx").text == "seen"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("1", "一"), ("2", "二"), ("3", "三")],
            ["1\n一", "2\n二", "3\n三"],
        ),  # 一 may be a number or a word: both stay
        ([("1", "你好。"), ("2", "再见。")], ["你好。", "再见。"]),
        ([("第1页", "你好。"), ("第2页", "再见。")], ["你好。", "再见。"]),
        ([("文案",), ("你好。",)], ["你好。"]),
        ([("你好。",), ("再见。",)], ["你好。", "再见。"]),
        ([("旁白很重要。",), ("再见。",)], ["旁白很重要。", "再见。"]),
        ([("Scene", "Voice-over"), ("1", "Hi."), ("2", "")], ["Hi."]),
        ([("片名：春天", ""), ("镜号", "解说词"), ("1", "春天。")], ["春天。"]),
        ([("问", "答"), ("你好吗？", "很好。")], ["问\n答", "你好吗？\n很好。"]),
        ([("文案", "备注")], ["文案\n备注"]),
        ([], []),
    ],
)
def test_what_of_a_table_is_spoken(rows: list[tuple[str, ...]], said: list[str]) -> None:
    assert list(spoken(rows).rows) == said


def test_an_opendocument_script(tmp_path: Path) -> None:
    body = (
        '<o><s:style s:name="P1"><s:paragraph-properties f:break-before="page"/></s:style><t:h>One</t:h>'
        '<t:p>a<t:s t:c="2"/>b<t:line-break/>c<t:tab/>d</t:p><t:h>Two</t:h>'
        "<t:p>x<t:note><t:p>aside</t:p></t:note></t:p>"
        "<t:tracked-changes><t:p>gone</t:p></t:tracked-changes><t:p t:style-name='P1'>new page</t:p>"
        "<b:table><b:table-row><b:table-cell b:number-columns-repeated='2'/><b:table-cell><t:p>文案</t:p>"
        "</b:table-cell>"
        "</b:table-row><b:table-row><b:table-cell><t:p>1</t:p></b:table-cell><b:table-cell/><b:table-cell><t:p>Said.</t:p>"
        "</b:table-cell></b:table-row></b:table></o>"
    )
    path = packed(tmp_path / "a.odt", {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": body})
    info = probe(path)
    assert (info.kind, info.container) == (Kind.TEXT, "odt")
    found = sections(path, "odt")
    assert found.text.split("\f") == ["One\na  b\nc\td", "Two\nx", "new page", "Said."]
    assert [one.en for one in found.said][-1] == "1 footnotes are not read"


RICH = (
    rb"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fcharset134 SimSun;}{\f1\fcharset0 Arial;}{\f2\fcharset128 MS Gothic;}}"
    rb"{\stylesheet{\s0 Normal;}{\s1 heading 1;}{\*\cs2 heading 1 Char;}}{\info{\title no}}"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"\pard\f0 \'c4\'e3\'ba\'c3\par", "你好"),
        (b"\\pard\\f0 \xc4\xe3\xba\xc3\\par", "你好"),  # as old programs of China write it
        (rb"\pard\uc2 \u20320\'c4\'e3\uc1\u-27018?.\par", "你陶."),
        (rb"\uc1\u-10179?\u-8704?", "\U0001f600"),
        (rb"\f1 caf\'e9 \f2 \'83\'5c", "café ソ"),
        (rb"a\line b\tab c\~d\_e\emdash f\{g\}\\", "a\nb\tc\u00a0d-e—f{g}\\"),
        (rb"{\*\generator x;}{\v hidden}{\deleted gone}seen{\pict\bin4 }}}}}{\pard x}", "seenx"),
        (rb"{\field{\*\fldinst PAGE}{\fldrslt 3}}", "3"),
        (rb"{\footnote aside}x", "x"),
        (
            rb"\pard\s1 One\par\pard\s0 a\par\pard\outlinelevel0 Two\par\pard b\page c\par\sect d",
            "One\na\fTwo\nb\fc\fd",
        ),
        (
            rb"\trowd\intbl 1\cell \f0\'ce\'c4\'b0\'b8\cell\row\intbl 2\cell a\par b\cell\row\pard end\par",
            "a\nb\fend",
        ),
    ],
)
def test_rich_text(body: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(RICH + body + b"}")
    assert sections(path, "rtf").text == text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.rtf", b"{\\rtf1 {\\b open"),
        ("a.rtf", b"{\\rtf1" + b"{" * 2000),
        ("a.docx", b"PK\x03\x04" + bytes(40) + b"[Content_Types].xml word/document.xml"),
    ],
)
def test_damage_is_told(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unreadable) as told:
        sections(tmp_path / name, name.partition(".")[2])
    assert name in told.value.text.en
    assert "save" in told.value.text.en


def test_documents_are_hostile(tmp_path: Path) -> None:
    laughs = f'<!DOCTYPE a [<!ENTITY x "ha">]><w:document {W}><w:body>{p("&x;")}</w:body></w:document>'
    path = word(tmp_path / "a.docx", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", laughs)
    with pytest.raises(Unreadable, match="entity"):
        probe(path)
    with pytest.raises(CeilingExceeded):
        sections(word(tmp_path / "b.docx", p("x" * 1_000_000) * 17), "docx")
    deep = "<w:tbl><w:tr><w:tc>" * 100 + p("x") + "</w:tc></w:tr></w:tbl>" * 100
    with pytest.raises(Unreadable, match="nested"):
        sections(word(tmp_path / "c.docx", deep), "docx")
    locked = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": "<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>",
        "content.xml": "not xml",
    }
    with pytest.raises(Unreadable, match="password"):
        sections(packed(tmp_path / "d.odt", locked), "odt")


def test_check_prepare_and_scenes_take_a_document_alike(tmp_path: Path) -> None:
    path = word(
        tmp_path / "a.docx", p("大家好。") + table(("画面", "台词"), ("远景", "第一句。"), ("近景", "第二句。"))
    )
    case = check(Job(path=str(path), stem="a", preset=PRESET))
    (fix,) = case.plan.fixes
    assert (fix.check, fix.actual, fix.value) == ("text.encoding", "docx", "utf-8")
    assert case.facts
    assert case.facts.text
    assert case.facts.text.characters == len("大家好。\n\n第一句。\n\n第二句。")
    assert main(["prepare", str(path), "-p", PRESET, "-o", str(tmp_path / "out"), "-q"]) == 0
    assert (tmp_path / "out" / "a.txt").read_text(encoding="utf-8") == "大家好。\n\n第一句。\n\n第二句。"
    assert main(["scenes", str(path), "-p", PRESET, "-o", str(tmp_path / "scenes"), "-q"]) == 0
    told = json.loads((tmp_path / "scenes" / "scenes.json").read_text(encoding="utf-8"))
    assert [one["text_config"]["text"] for one in told["scenes"]] == ["大家好。", "第一句。", "第二句。"]


def test_a_document_that_is_as_long_as_no_scene_may_be_is_split(tmp_path: Path) -> None:
    path = word(tmp_path / "a.docx", "".join(p("今天我们学习如何准备素材。" * 100) for _ in range(12)))
    assert main(["prepare", str(path), "-p", PRESET, "-o", str(tmp_path / "out"), "-q"]) == 0
    parts = sorted((tmp_path / "out").glob("a-*.txt"))
    assert len(parts) == 2
    assert all(len(part.read_text(encoding="utf-8")) <= 10_000 for part in parts)
