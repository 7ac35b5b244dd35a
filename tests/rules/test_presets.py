"""Presets: every shipped one loads, and whoever writes one is told file, table, key and the nearest word."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.errors import PresetError
from pipeline.model.facts import Kind, Size, Text
from pipeline.model.limits import Between, FitsBox, OneOf
from pipeline.model.rules import Level, Role, Rule, Source
from pipeline.rules.presets import load, names

SHIPPED = {
    "metastudio": "asset-library video-production livestream photo-avatar avatar-training flexus-training "
    "voice-basic voice-middle voice-advanced interaction",
    "metastudio-intl": "asset-library video-production livestream",
    "tencent": "avatar-dedicated avatar-general avatar-4k photo-fast photo-premium voice voice-instant "
    "driver-audio authorization",
    "convert": "h264-1080p webm-to-mov edit-25fps mono-wav slides-to-pages",
}

HEAD = """
schema = 1
id = "mine/clips"
title = { en = "My clips", zh = "我的视频" }

[role.video]
kinds = ["video"]
title = { en = "clip", zh = "视频" }
"""
RULE = """
[[rule]]
id = "mine.max-fps"
role = "video"
check = "video.frame_rate"
max = 30
sources = ["DOC 1.2 Table 3 (2025-02-07)"]
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def rules(name: str) -> dict[str, Rule]:
    return {rule.id: rule for role in load(name).roles for rule in role.rules}


# --- what is shipped --------------------------------------------------------------------------------


def test_the_promised_presets_are_shipped() -> None:
    promised = {f"{platform}/{one}" for platform, listed in SHIPPED.items() for one in listed.split()}
    assert promised <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_shipped_preset_loads(name: str) -> None:
    preset = load(name)
    assert preset.id == name
    assert preset.roles
    for role in preset.roles:
        assert role.rules, f"role {role.name} asks nothing"
        assert role.title.en
        assert role.title.zh
        for rule in role.rules:
            assert rule.sources
            assert rule.limit.describe()


@pytest.mark.parametrize("name", names())
def test_a_warning_says_why(name: str) -> None:
    for rule in rules(name).values():
        if rule.level is not Level.ERROR:
            assert rule.note is not None, rule.id
            assert rule.note.en
            assert rule.note.zh


# --- reading one ------------------------------------------------------------------------------------


def test_a_preset_is_read_whole(tmp_path: Path) -> None:
    preset = load(
        write(
            tmp_path,
            """
schema = 1
id = "mine/clips"
title = { en = "My clips", zh = "我的视频" }

[role.video]
kinds = ["video", "audio"]
title = { en = "clip", zh = "视频" }
asset_type = "VIDEO"
folder = "video"
[role.video.deliver]
container = "mp4"
frame_rate = 25
audio_bit_rate = "128 kbps"

[[rule]]
id = "mine.max-fps"
role = "video"
check = "video.frame_rate"
max = 30
level = "warning"
code = "X.1"
note = { en = "Slower is safer.", zh = "更低更稳妥。" }
when = { check = "video.codec", in = ["vp8", "vp9"] }
sources = ["DOC 1.2 Table 3 (2025-02-07)", "GUIDE 4 (2025-12-17)"]
optional = true
unknown = "allowed"
batch = true

[[note]]
id = "mine.note"
text = { en = "Once a day.", zh = "每日一次。" }
sources = ["DOC 2 (2025-02-07)"]
""",
        )
    )
    role = preset.role("video")
    assert role is not None
    assert (preset.id, preset.title) == ("mine/clips", Text("My clips", "我的视频"))
    assert (role.kinds, role.asset_type, role.folder) == ({Kind.VIDEO, Kind.AUDIO}, "VIDEO", "video")
    assert role.wants("frame_rate") == Fraction(25)
    assert role.wants("audio_bit_rate") == 128_000
    assert role.wants("sample_rate") is None
    (rule,) = role.rules
    assert rule.limit == Between(None, Fraction(30), type="rate")
    assert (rule.level, rule.code, rule.optional, rule.batch) == (Level.WARNING, "X.1", True, True)
    assert not rule.unknown_blocks
    assert rule.when is not None
    assert rule.when.limit == OneOf(("vp8", "vp9"))
    assert rule.sources == (Source("DOC", "1.2 Table 3", "2025-02-07"), Source("GUIDE", "4", "2025-12-17"))
    assert preset.notes[0].id == "mine.note"


def test_a_rule_is_an_error_blocks_when_unknown_and_is_asked_always_unless_it_says_otherwise(
    tmp_path: Path,
) -> None:
    rule = rules(write(tmp_path, HEAD + RULE))["mine.max-fps"]
    assert rule.level is Level.ERROR
    assert rule.unknown_blocks
    assert rule.when is None
    assert not rule.optional
    assert not rule.batch


def test_a_rule_can_stand_in_several_roles(tmp_path: Path) -> None:
    more = '[role.other]\nkinds = ["video"]\ntitle = { en = "o", zh = "其他" }\n'
    preset = load(write(tmp_path, HEAD + more + RULE.replace('role = "video"', 'role = ["video", "other"]')))
    assert [[rule.id for rule in role.rules] for role in preset.roles] == [["mine.max-fps"]] * 2


def test_the_first_role_that_takes_a_kind_is_its_default(tmp_path: Path) -> None:
    more = '[role.other]\nkinds = ["video", "image"]\ntitle = { en = "o", zh = "其他" }\n'
    preset = load(write(tmp_path, HEAD + more + RULE))

    def default(kind: Kind) -> str | None:
        role: Role | None = preset.role_for(kind)
        return role.name if role else None

    assert [default(kind) for kind in (Kind.VIDEO, Kind.IMAGE, Kind.TEXT)] == ["video", "other", None]


def test_a_size_without_a_stated_base_is_two_rules(tmp_path: Path) -> None:
    sized = RULE.replace("video.frame_rate", "file.size").replace("max = 30", 'max = "1 GB"')
    both = rules(write(tmp_path, HEAD + sized))
    assert list(both) == ["mine.max-fps", "mine.max-fps.decimal"]
    error, warning = both.values()
    assert (error.level, error.limit) == (Level.ERROR, Between(None, 1 << 30, type="bytes"))
    assert (warning.level, warning.limit) == (Level.WARNING, Between(None, 10**9, type="bytes"))
    assert warning.note is not None
    assert warning.sources == error.sources


@pytest.mark.parametrize(("size", "level"), [('"1 GiB"', "error"), ("1073741824", "error"), ('"1 GB"', "warning")])
def test_an_exact_size_or_a_mere_warning_is_one_rule(tmp_path: Path, size: str, level: str) -> None:
    sized = RULE.replace("video.frame_rate", "file.size").replace("max = 30", f'max = {size}\nlevel = "{level}"')
    assert list(rules(write(tmp_path, HEAD + sized))) == ["mine.max-fps"]


def test_1080p_is_a_box_and_sizes_may_be_listed(tmp_path: Path) -> None:
    boxed = RULE.replace("video.frame_rate", "video.size")
    one = rules(write(tmp_path, HEAD + boxed.replace("max = 30", 'fits = "1920x1080"'), "one.toml"))
    two = rules(write(tmp_path, HEAD + boxed.replace("max = 30", 'fits = ["1920x1080", "8x8"]'), "two.toml"))
    assert one["mine.max-fps"].limit == FitsBox((Size(1920, 1080),))
    assert two["mine.max-fps"].limit == FitsBox((Size(1920, 1080), Size(8, 8)))


def test_the_digest_changes_with_the_text(tmp_path: Path) -> None:
    first = load(write(tmp_path, HEAD + RULE, "a.toml"))
    second = load(write(tmp_path, HEAD + RULE + "# seen\n", "b.toml"))
    assert first.sha256 != second.sha256


# --- mistakes ---------------------------------------------------------------------------------------

MISTAKES = [
    # a change to the sound preset; the table, the word and the suggestion the writer must be shown
    (("kinds =", "kind ="), "role.video", "'kind'", "'kinds'"),
    (("max = 30", "maxx = 30"), "rule mine.max-fps", "'maxx'", "'max'"),
    (("max = 30", "max = 30\nleevl = 'error'"), "rule mine.max-fps", "'leevl'", "'level'"),
    (("video.frame_rate", "video.framerate"), "rule mine.max-fps", "'video.framerate'", "'video.frame_rate'"),
    (('role = "video"', 'role = "vidoe"'), "rule mine.max-fps", "'vidoe'", "'video'"),
    (("max = 30", 'max = 30\nlevel = "warn"'), "rule mine.max-fps", "level", "'warning'"),
    (("max = 30", 'max = 30\nunknown = "allow"'), "rule mine.max-fps", "'allow'", "'allowed'"),
    (("max = 30", 'max = "30 fsp"'), "rule mine.max-fps", "'fsp'", "fps"),
    (('["video"]', '["vidio"]'), "role.video", "'vidio'", "'video'"),
    (("schema = 1", "schema = 1\nextend = 'x'"), "top level", "'extend'", "'extends'"),
    (("schema = 1", "schema = 1\nextends = 'metastudio/livestram'"), "", "'metastudio/livestram'", "livestream"),
    (("max = 30", "max = 30\nwhen = { chek = 'video.codec', is = 'vp9' }"), "mine.max-fps", "'chek'", "'check'"),
    (
        ('zh = "视频" }', 'zh = "视频" }\n[role.video.deliver]\ncontaner = "mp4"'),
        "role.video",
        "'contaner'",
        "'container'",
    ),
    (
        ('zh = "视频" }', 'zh = "视频" }\n[role.video.deliver]\nbackground = "white"'),
        "role.video",
        "background: 'white'",
        "#00B140",
    ),
]


@pytest.mark.parametrize(("change", "table", "word", "nearest"), MISTAKES)
def test_an_unknown_word_is_named_with_its_place_and_the_nearest_known(
    tmp_path: Path, change: tuple[str, str], table: str, word: str, nearest: str
) -> None:
    assert (HEAD + RULE).count(change[0])
    path = write(tmp_path, (HEAD + RULE).replace(*change))
    with pytest.raises(PresetError) as caught:
        load(path)
    said = caught.value.text
    assert table in said.en
    assert word in said.en
    assert nearest in said.en
    assert nearest.strip("'") in said.zh
    if table:
        assert path in said.en
        assert path in said.zh
    assert caught.value.exit_code == 2


FAULTS = [
    (("max = 30\n", ""), "exactly one limit"),
    (("max = 30", "max = 30\nin = [25]"), "exactly one limit"),
    (("max = 30", "max = 30\nbelow = 31"), "contradict"),
    (("max = 30", "max = 30\nmin = 31"), "lower bound is above"),
    (("max = 30", "in = []"), "in needs a list"),
    (("max = 30", "max = 'much'"), "max: 'much'"),
    (("max = 30", "max = '30/0'"), "max: '30/0'"),
    (("max = 30", "max = 30\noptional = 'no'"), "optional: 'no'"),
    (("max = 30", "max = 30\nbatch = 1"), "batch: 1"),
    (("max = 30", "max = 30\nnote = 'why'"), "note needs text under en and zh"),
    (("max = 30", "max = 30\nnote = { en = 'why' }"), "note needs text under en and zh"),
    (("max = 30", "max = 30\nwhen = true"), "when needs a table"),
    (('check = "video.frame_rate"\nmax = 30', "check = 'file.name'\nmatches = '['"), "matches:"),
    (('check = "video.frame_rate"\nmax = 30', "check = 'file.name'\ncharacters = 'z-a'"), "characters:"),
    (("DOC 1.2 Table 3 (2025-02-07)", "the manual"), "source 'the manual'"),
    (('sources = ["DOC 1.2 Table 3 (2025-02-07)"]', "sources = []"), "sources needs a list"),
    (('sources = ["DOC 1.2 Table 3 (2025-02-07)"]', ""), "'sources' is missing"),
    (('check = "video.frame_rate"', ""), "'check' is missing"),
    (('check = "video.frame_rate"', "check = ['video.frame_rate']"), "unknown check"),
    (('check = "video.frame_rate"\nmax = 30', "check = 'slides.pages'\nmax = 30"), "cannot read video"),
    (('id = "mine.max-fps"', ""), "'id' is missing"),
    (("schema = 1", "schema = 2"), "schema = 1"),
    (("schema = 1", "schema = 1\ndrop = ['x']"), "drop without extends"),
    (("[[rule]]", "[rule]"), "[[rule]]"),
    (("[role.video]\n", "[role]\n"), "[role.NAME]"),
    (("schema = 1", "schema = "), "not valid TOML"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS)
def test_every_other_fault_names_the_file_and_what_is_wrong(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert (HEAD + RULE).count(change[0])
    path = write(tmp_path, (HEAD + RULE).replace(*change))
    with pytest.raises(PresetError) as caught:
        load(path)
    assert path in str(caught.value)
    assert said in str(caught.value)


def test_the_same_id_twice_in_a_role_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"'mine.max-fps' stands twice in role 'video'"):
        load(write(tmp_path, HEAD + RULE + RULE))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"nosuch\.toml: cannot be read"):
        load(str(tmp_path / "nosuch.toml"))


def test_an_unknown_id_gets_a_suggestion() -> None:
    with pytest.raises(PresetError, match="Did you mean 'metastudio/livestream'") as caught:
        load("metastudio/livestraem")
    assert "metastudio/livestream" in caught.value.text.zh


# --- extends ----------------------------------------------------------------------------------------


def extended(folder: Path, more: str) -> str:
    size = RULE.replace("mine.max-fps", "mine.max-size").replace("video.frame_rate", "file.size")
    note = '[[note]]\nid = "mine.note"\ntext = { en = "n", zh = "注" }\nsources = ["DOC 2 (2025-02-07)"]\n'
    base = write(folder, HEAD + RULE + size + note, "base.toml")
    head = f'schema = 1\nid = "mine/more"\ntitle = {{ en = "More", zh = "更多" }}\nextends = "{base}"\n'
    return write(folder, head + more, "more.toml")


def test_extending_takes_everything_over(tmp_path: Path) -> None:
    preset = load(extended(tmp_path, ""))
    assert preset.id == "mine/more"
    assert [rule.id for rule in preset.roles[0].rules] == ["mine.max-fps", "mine.max-size"]
    assert len(preset.notes) == 1


def test_a_rule_of_the_same_id_replaces(tmp_path: Path) -> None:
    preset = load(extended(tmp_path, RULE.replace("max = 30", "max = 60")))
    listed = {rule.id: rule.limit for rule in preset.roles[0].rules}
    assert listed["mine.max-fps"] == Between(None, Fraction(60), type="rate")
    assert set(listed) == {"mine.max-fps", "mine.max-size"}


def test_drop_leaves_rules_and_notes_out(tmp_path: Path) -> None:
    preset = load(extended(tmp_path, 'drop = ["mine.max-size", "mine.note"]\n'))
    assert [rule.id for rule in preset.roles[0].rules] == ["mine.max-fps"]
    assert preset.notes == ()


def test_dropping_what_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"more\.toml: top level: .*'mine.max-sice'.*'mine.max-size'"):
        load(extended(tmp_path, 'drop = ["mine.max-sice"]\n'))


def test_drop_is_a_list(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="drop needs a list"):
        load(extended(tmp_path, 'drop = "mine.max-size"\n'))


def test_one_preset_extends_another_and_no_further(tmp_path: Path) -> None:
    middle = extended(tmp_path, "")
    head = f'schema = 1\nid = "mine/third"\ntitle = {{ en = "T", zh = "三" }}\nextends = "{middle}"\n'
    with pytest.raises(PresetError, match="may not itself extend"):
        load(write(tmp_path, head, "third.toml"))


def test_the_digest_covers_what_is_extended(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = extended(tmp_path / "a", "")
    second = extended(tmp_path / "b", "")
    base = tmp_path / "b" / "base.toml"
    base.write_text(base.read_text("utf-8") + "# seen\n", "utf-8")
    assert load(first).sha256 != load(second).sha256
