"""Cards and letters. They are drawn by `samples/_papers.py` from made-up words; what is true of each is known from how
it was drawn. `python -m benchmarks papers` has many more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from pipeline.documents.facts import encoded
from pipeline.errors import ToolMissing
from pipeline.model.job import Job
from pipeline.model.measured import Letter
from pipeline.model.results import Verdict
from pipeline.probe import probe
from pipeline.probe.papers import card, letter, words
from pipeline.probe.papers.rows import rows
from pipeline.probe.papers.words import ReadLine, ReadPage
from pipeline.stages.check import check
from samples import _papers as papers
from samples._pictures import picture_file

READ = pytest.mark.skipif(
    not words.readable(), reason="words are read by rapidocr and OpenCV 5, which are not installed"
)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    monkeypatch.setattr(words, "readable", lambda: False)


def taken(**how: object) -> papers.Pixels:
    rng = papers.seeded(5)
    return papers.photographed(papers.front(rng), rng, size=(1200, 900), **how)  # type: ignore[arg-type]


# --- cards, without reading them ----------------------------------------------------------------------


@pytest.mark.usefixtures("unread")
def test_a_front_has_a_portrait_and_edges_and_nobody_says_that_it_is_legible() -> None:
    found = card.look(taken(share=0.7, angle=8, aslant=0.05))
    assert (found.side, found.portraits, found.edges, found.legible, found.number) == ("front", 1, True, None, None)
    assert found.width == pytest.approx(0.7 * 1200, rel=0.04)
    assert found.glare == 0


@pytest.mark.usefixtures("unread")
def test_a_back_has_none() -> None:
    rng = papers.seeded(6)
    found = card.look(papers.photographed(papers.back(rng), rng, size=(1200, 900), angle=-90, share=0.6))
    assert (found.side, found.portraits, found.edges) == ("back", 0, True)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("shift", [0.25, -0.25])
def test_a_card_that_reaches_beyond_the_picture_is_not_whole(shift: float) -> None:
    assert card.look(taken(shift=shift)).edges is False


@pytest.mark.usefixtures("unread")
def test_a_lamp_in_the_card_and_a_soft_picture_are_told() -> None:
    sharp, soft = card.look(taken()), card.look(taken(blur=6))
    assert sharp.sharpness is not None
    assert soft.sharpness is not None
    assert soft.sharpness < 0.6 < sharp.sharpness
    lamp = card.look(taken(glare=(0.3, 0.5, 0.1)))
    assert lamp.glare is not None
    # The drawn disc is white to 0.1 of the width and a little beyond: the card is 1 by 0.63.
    assert 3.14 * 0.1**2 / 0.63 * 0.8 < lamp.glare < 3.14 * 0.16**2 / 0.63


@pytest.mark.every(2)
@pytest.mark.parametrize("name", ["coffee.png", "astronaut.png", "white", "grey"])
def test_what_is_no_card_is_told(name: str) -> None:
    blank = {"white": np.full((600, 800, 3), 255, np.uint8), "grey": np.full((25, 40, 3), 128, np.uint8)}
    pixels = blank[name] if name in blank else np.asarray(Image.open(picture_file(name)).convert("RGB"), np.uint8)
    assert card.look(pixels).side == card.NO_CARD


def test_the_last_figure_follows_from_the_others() -> None:
    # The two numbers that GB 11643-1999 works out as examples.
    assert card._follows("11010519491231002X")
    assert card._follows("440524188001010014")
    assert not card._follows("440524188001010015")
    assert all(card._follows(papers.number(papers.seeded(seed))) for seed in range(50))
    assert not any(card._follows(papers.number(papers.seeded(seed), wrong=True)) for seed in range(50))


# --- cards, read --------------------------------------------------------------------------------------


@READ
def test_a_card_that_can_be_read_is_legible_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    rng = papers.seeded(7)
    drawn = papers.front(rng, named="欧阳无名")
    held = papers.number(papers.seeded(7))
    path = tmp_path / "front.jpg"
    Image.fromarray(papers.photographed(drawn, rng, angle=176)).save(path, quality=90)
    case = check(Job(path=str(path), stem="a", preset="metastudio/avatar-training", role="id-card"))
    assert case.facts is not None
    found = case.facts.card
    assert found is not None
    assert (found.side, found.legible, found.number) == ("front", True, True)
    assert not [one.rule.id for one in case.findings if one.verdict is not Verdict.PASS]
    told = [(one.actual, one.reason, one.where, one.advice) for one in case.findings]
    said = bytes(encoded(case.facts)).decode() + repr((told, case.plan, case.error))
    assert not any(word in said for word in (held, held[6:14], "无名", "姓名", "民族"))


@READ
@pytest.mark.thorough
def test_what_cannot_be_made_out_is_not_legible() -> None:
    assert card.look(taken(glare=(0.64, 0.83, 0.12))).legible is False
    soft = card.look(taken(blur=16))
    assert soft.legible is False or soft.side == card.NO_CARD


@READ
@pytest.mark.thorough
def test_a_wrong_last_figure_and_a_back_are_told() -> None:
    rng = papers.seeded(8)
    assert card.look(papers.photographed(papers.front(rng, wrong=True), rng)).number is False
    back = card.look(papers.photographed(papers.back(rng), rng))
    assert (back.side, back.legible, back.number) == ("back", True, None)


# --- letters ------------------------------------------------------------------------------------------


def pdf(lines: list[str]) -> bytes:
    """A PDF of one A4 page with these lines in Helvetica, by hand (ISO 32000-1, 7.5)."""
    escaped = [line.replace("(", r"\(").replace(")", r"\)") for line in lines]
    drawn = " ".join(f"BT /F 12 Tf 72 {760 - 24 * n} Td ({line}) Tj ET" for n, line in enumerate(escaped))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj{each}endobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return (
        body
        + (
            f"xref\n0 6\n0000000000 65535 f \n{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF\n"
        ).encode()
    )


def of_pdf(path: Path, lines: list[str]) -> Letter:
    path.write_bytes(pdf(lines))
    found = probe(path, frozenset({"letter"})).letter
    assert found is not None
    return found


ENGLISH = [
    "LETTER OF AUTHORIZATION",
    "Grantor: Jo Nobody",
    "Grantee: {to}",
    "for digital humans, three years",
    "{sign}",
]


@pytest.mark.parametrize("to", ["Nowhere Media Co., Ltd", "Huawei Cloud"])
@pytest.mark.parametrize(
    ("sign", "signed"), [("Signature:", False), ("Signature: Jo Nobody", True), ("That is all", None)]
)
def test_words_that_a_pdf_holds_need_not_be_read(tmp_path: Path, to: str, sign: str, signed: bool | None) -> None:
    found = of_pdf(tmp_path / "a.pdf", [line.format(to=to, sign=sign) for line in ENGLISH])
    assert len(found.unsigned) == (signed is False)
    assert replace(found, unsigned=()) == Letter(pages=1, written=1, legible=True, signed=signed, grantee=to)


def test_the_platform_as_grantee_is_refused_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(pdf([line.format(to="Huawei Cloud", sign="Signature: Jo Nobody") for line in ENGLISH]))
    case = check(Job(path=str(path), stem="a", preset="metastudio/avatar-training", role="grant-file"))
    (failed,) = [one for one in case.findings if one.verdict is Verdict.FAIL]
    assert failed.rule.id == "metastudio.avatar-training.grant-file.required.grantee"
    assert (failed.actual, failed.rule.code) == ("Huawei Cloud", "~MSS.20020010")


def test_a_blank_letter_is_told(tmp_path: Path) -> None:
    assert of_pdf(tmp_path / "a.pdf", []).written == 0
    rng = papers.seeded(9)
    Image.fromarray(papers.scanned(papers.letter([], rng), rng)).save(tmp_path / "blank.pdf")
    case = check(Job(path=str(tmp_path / "blank.pdf"), stem="a", preset="tencent/authorization", role="letter"))
    assert [one.rule.id for one in case.findings if one.blocks] == ["tencent.auth-pdf.content.written"]


def said(*texts: str) -> list[ReadPage]:
    """A white page with these lines, as if they had been read."""
    lines = tuple(
        ReadLine((100, 100 + 50 * n, 100 + 30 * len(text), 130 + 50 * n), text, 0.99) for n, text in enumerate(texts)
    )
    return [ReadPage(np.full((1600, 1131, 3), 255, np.uint8), lines)]


@pytest.mark.parametrize(
    ("texts", "grantee"),
    [
        (["授权人：王某", "被授权人：示例科技有限公司"], "示例科技有限公司"),
        (["被授权方（公司名称）：____华为云____"], "华为云"),
        (["被授权人：", "示例科技有限公司"], "示例科技有限公司"),
        (["被授权单位名称:示例（虚构）有限公司（以下简称乙方）"], "示例（虚构）有限公司"),
        (["甲方（授权方）：王某", "乙方（被授权方）：样例教育集团"], "样例教育集团"),
        (["本人王某自愿授权示例文化传媒", "有限公司使用本人肖像"], "示例文化传媒有限公司"),
        (["兹授权给华为云计算技术有限公司使用本人声音"], "华为云计算技术有限公司"),
        (["兹授权华为云使用本人声音"], "华为云"),
        (["I hereby authorize Nowhere Media Co., Ltd to use my portrait"], "Nowhere Media Co., Ltd"),
        (["本人王某自愿授权 Nowhere Media Co., Ltd", "使用本人肖像"], "Nowhere Media Co., Ltd"),
        (["I grant Huawei Cloud the right to use my voice"], "Huawei Cloud"),
        (["Authorized party: Nowhere Media Co., Ltd."], "Nowhere Media Co., Ltd"),
        (["被授权方（盖章）：", "授权人（签字）："], None),
        (["授权人：王某", "日期：2026年11月20日"], None),
    ],
)
def test_the_grantee_is_found_as_letters_name_him(texts: list[str], grantee: str | None) -> None:
    assert letter.told(said(*texts), readable=True).grantee == grantee


def test_strokes_or_a_seal_behind_the_label_are_a_signature() -> None:
    (page,) = said("授权书", "授权人（签字）：")
    label = page.lines[1]
    assert letter.told([page], readable=True).signed is False
    ruled = page.pixels.copy()
    ruled[178:181, 320:700] = 30  # the line to sign on
    assert letter.told([page._replace(pixels=ruled)], readable=True).signed is False
    ruled[150:178, 400:404] = ruled[155:160, 380:520] = (20, 30, 120)
    assert letter.told([page._replace(pixels=ruled)], readable=True).signed is True
    seal = page.pixels.copy()
    seal[140:185, 420:460] = (220, 40, 40)
    assert letter.told([page._replace(pixels=seal)], readable=True).signed is True
    date = ReadLine((400, label.box[1], 600, label.box[3]), "日期：2026年11月20日", 0.98)
    dated = page.pixels.copy()
    dated[152:178, 410:590] = 0
    assert letter.told([ReadPage(dated, (*page.lines, date))], readable=True).signed is False


@pytest.mark.thorough
@READ
def test_a_scan_is_read() -> None:
    rng = papers.seeded(10)
    lines = papers.LETTERS["labelled"](papers.name(rng), "无名数字科技有限公司", "数字人形象")
    pixels = papers.scanned(papers.letter(lines, rng), rng, angle=1.0, blur=0.6)
    found = letter.told([words.read(pixels, 80)], readable=True)
    assert found == Letter(pages=1, written=1, legible=True, signed=True, grantee="无名数字科技有限公司")


@pytest.mark.usefixtures("unread")
def test_without_a_reader_the_rest_is_told_and_legibility_is_unknown(tmp_path: Path) -> None:
    rng = papers.seeded(11)
    page = papers.letter(papers.LETTERS["sentence"]("王某", "示例科技有限公司", "数字人形象"), rng)
    path = tmp_path / "letter.jpg"
    Image.fromarray(papers.scanned(page, rng)).save(path)
    assert probe(path, frozenset({"letter"})).letter == Letter(pages=1, written=1)
    case = check(Job(path=str(path), stem="a", preset="metastudio/avatar-training", role="grant-file"))
    unknown = {one.rule.check: one.reason for one in case.findings if one.verdict is Verdict.UNKNOWN}
    assert unknown.keys() == {"letter.legible", "letter.signed", "letter.grantee"}
    assert all(why is not None and words.INSTALL in why.en and words.INSTALL in why.zh for why in unknown.values())
    assert not any(one.blocks for one in case.findings)


def test_rows_of_text_are_seen_in_every_size_and_none_where_there_are_none() -> None:
    rng = papers.seeded(12)
    page = papers.letter(papers.LETTERS["party"]("王某", "示例科技有限公司", "数字人形象"), rng)
    for scale in (0.4, 1.0, 2.0):
        size = (round(page.width * scale), round(page.height * scale))
        found = rows(np.asarray(page.resize(size), np.uint8))
        assert found.stretches >= 5
        assert found.share > 0.5
    assert rows(papers.scanned(papers.letter([], rng), rng, noise=8)).stretches == 0
    cat = np.asarray(Image.open(picture_file("chelsea.png")).convert("RGB"), np.uint8)
    assert rows(cat).share < 0.1


def test_what_is_missing_is_said_with_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_WHEEL", words._WHEEL._replace(package="no_such_package"))
    words._net.cache_clear()
    with pytest.raises(ToolMissing, match="media-preflight") as told:
        words.load()
    assert words.INSTALL in told.value.text.zh
    assert words.readable() is False
    words._net.cache_clear()
