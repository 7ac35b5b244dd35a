"""Texts without a mark in the encodings people keep them in: read as they were written, or not at all and told so."""

from __future__ import annotations

import codecs
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks._run import table
from pipeline.probe import probe
from pipeline.probe.text.encoding import decode

SEED: Final = 20
LENGTHS: Final = (8, 14, 20, 40, 60, 100, 250, 800, 2000, 4000)  # characters
SHORT: Final = 40  # from here on nearly all must be read
# Sentences of everyday scripts: lessons, shops, news, talk.
_LANGUAGES: Final = {
    "simplified": (
        "各位同学早上好，这节课我们来认识细胞的结构。请翻到课本第三十二页。植物细胞外面有一层细胞壁，动物细胞却没有。"
        "欢迎光临直播间，今天给大家带来一款全新的扫地机器人！原价两千九百九十九元，现在下单立减三百。"
        "据气象台预报，明天夜间到后天，北部地区有小到中雨，气温下降六至八度，请注意添衣保暖。"
        "您好，我是本次培训的讲师刘强。安全生产无小事，进入车间必须佩戴安全帽和防护眼镜。"
        "从前，有一只小狐狸住在森林里，它最喜欢听风吹树叶的声音。奶奶说：“慢慢来，别着急。”"
        "本公司成立于1998年，主营业务涵盖物流、仓储与跨境电商，员工超过5000人。"
    ),
    "traditional": (
        "各位觀眾晚安，歡迎收看晚間新聞。受颱風影響，東部地區明天停止上班上課，請民眾做好防颱準備。"
        "這堂課要介紹光合作用：綠色植物利用陽光，將水與二氧化碳轉變成葡萄糖和氧氣。"
        "親愛的顧客您好，本店週年慶全館八折，購物滿三千元再送禮券兩百元，數量有限，送完為止。"
        "我們的團隊由設計師、工程師與藝術家組成，致力於打造最貼近生活的產品。"
        "請問您要喝咖啡還是紅茶？不用客氣，隨便坐。外面下雨了，記得帶傘喔！"
        "臺灣高鐵自2007年通車以來，大幅縮短了南北往返的時間。"
    ),
    "cantonese": (
        "大家好，今日同大家講下點樣煮一碗好食嘅雲吞麵。首先要準備啲新鮮蝦仁同埋豬肉，攪到起膠為止。"
        "你哋有冇試過喺屋企整蛋撻呀？其實好簡單嘅，唔使焗爐都得。"
        "佢話聽日落雨就唔去行山喇，不如我哋去睇戲啦，你話好唔好？"
        "香港嘅夜景好靚，由尖沙咀海傍望過去，成個維港都睇得到。"
    ),
    "japanese": (
        "皆さん、こんにちは。本日は新しい製品の使い方についてご説明いたします。まず電源ボタンを三秒間押してください。"
        "明日の天気は晴れのち曇り、最高気温は二十五度の予想です。お出かけの際は水分補給をお忘れなく。"
        "むかしむかし、ある村におじいさんとおばあさんが住んでいました。おじいさんは山へ柴刈りに行きました。"
        "このアプリケーションをダウンロードすると、ポイントが二倍になるキャンペーンを実施中です。"
        "光合成とは、植物が太陽の光を使って、水と二酸化炭素から養分を作る働きのことです。"
        "弊社は1985年に創業し、東京と大阪に拠点を構えております。"
    ),
    "korean": (
        "안녕하세요, 여러분. 오늘은 새로운 기능을 소개해 드리겠습니다. 먼저 화면 오른쪽 위의 버튼을 눌러 주세요."
        "내일은 전국이 맑겠고 낮 최고 기온은 이십삼 도까지 오르겠습니다. 건강 관리에 유의하시기 바랍니다."
        "옛날 옛적에 호랑이가 담배 피우던 시절, 깊은 산속에 착한 나무꾼이 살고 있었습니다."
        "저희 매장에서는 이번 주말까지 전 품목 삼십 퍼센트 할인 행사를 진행합니다. 많은 관심 부탁드립니다."
        "식물은 햇빛을 이용하여 물과 이산화탄소로 양분을 만드는데, 이를 광합성이라고 합니다."
        "우리 회사는 1992년에 설립되어 현재 직원이 삼백 명이 넘습니다."
    ),
}  # fmt: skip
ENCODINGS: Final = (
    ("gbk", "simplified"),
    ("gb18030", "simplified"),
    ("big5", "traditional"),
    ("big5hkscs", "cantonese"),
    ("shift_jis", "japanese"),
    ("euc_jp", "japanese"),
    ("euc_kr", "korean"),
    ("cp949", "korean"),
    ("utf-16-le", "simplified"),
    ("utf-16-be", "japanese"),
)


def text(language: str, length: int, draw: random.Random) -> str:
    """So many characters, from anywhere in the language's sentences, which follow one another in any order."""
    sentences = [f"{one}。" for one in _LANGUAGES[language].replace(". ", "。").split("。") if one]
    out = ""
    while len(out) < length + 60:
        out += draw.choice(sentences)
    begin = draw.randrange(40)
    return out[begin : begin + length]


def subtitles(words: str) -> str:
    """The words as SRT, twenty characters a cue."""
    cues = [words[at : at + 20] for at in range(0, len(words), 20)]
    clocks = [f"00:{n // 60:02}:{n % 60:02}" for n in range(len(cues))]
    return "".join(
        f"{n}\n{at},000 --> {at},900\n{cue}\n\n" for n, (at, cue) in enumerate(zip(clocks, cues, strict=True), 1)
    )


def samples(seed: int = SEED) -> list[tuple[str, str, int, str]]:
    """Encoding, language, characters, text: for each length two scripts and two subtitles."""
    draw = random.Random(seed)  # noqa: S311  reproducible
    return [
        (codec, language, length, form(text(language, length, draw)))
        for codec, language in ENCODINGS
        for length in LENGTHS
        for form in (str, str, subtitles, subtitles)
    ]


def main() -> None:
    """Print the figures. Raises AssertionError where one is read wrong without a word, or too few are read."""
    result: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.txt")
        for codec, _, length, words in samples():
            data = words.encode(codec)
            path.write_bytes(data)
            found, known = decode(data), probe(path)
            read = found.text == words
            # What is not sure must name the right one; what passes for binary is told as well, by its kind.
            right = any("".join(one.words.split()) in "".join(words.split()) for one in found.guesses)
            how = "right" if read else "wrong" if found.text is not None else "told" if right else "unsure"
            assert found.text is None or known.text is not None, (codec, words[:20])
            group = f"{SHORT} and more" if length >= SHORT else f"below {SHORT}"
            result.setdefault(f"{codecs.lookup(codec).name}, {group}", Counter())[how] += 1
            total[f"{group} {how}"] += 1
    columns = ("right", "told", "unsure", "wrong")
    table(
        [("encoding, characters", *columns), *((name, *(str(one[c]) for c in columns)) for name, one in result.items())]
    )
    long = {how: total[f"{SHORT} and more {how}"] for how in columns}
    share = long["right"] / sum(long.values())
    wrong = sum(total[f"{group} wrong"] for group in (f"{SHORT} and more", f"below {SHORT}"))
    print(f"of {SHORT} characters and more {share:.1%} read; {wrong} of {sum(total.values())} wrong without a word")
    assert wrong == 0
    assert share >= 0.95
