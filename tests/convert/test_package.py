"""A package is written anew with every recording as it was."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.convert.package import convert as package
from pipeline.errors import ToolFailed, Unreadable
from pipeline.model.facts import Kind, Text
from pipeline.model.limits import Between, Characters, OneOf
from pipeline.model.results import Made, Plan
from pipeline.model.rules import Level, Limit, Role, Rule, Source
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from samples import build
from samples._tools import Entry, zip_bytes
from tests import ROOT

OUT = ROOT / "samples" / "out"
TRUE, NONE = OneOf((True,), "flag"), Between(high=0)
ROOT = ("archive.directories", NONE)
BASIC = (
    ("archive.numbered", TRUE),
    ROOT,
    ("archive.litter", NONE),
    ("archive.entry_name", Characters("A-Za-z0-9._-")),
    ("archive.text_encoding", OneOf(("utf-8",))),
    ("archive.safe", TRUE),
    ("archive.valid", TRUE),
)


def role(*rules: tuple[str, Limit]) -> Role:
    return Role(
        name="package",
        title=Text("package", "包"),
        kinds=frozenset({Kind.ARCHIVE}),
        rules=tuple(
            Rule(id=f"r{n}", check=c, limit=x, level=Level.ERROR, sources=(Source("D", "1", "2025-01-01"),))
            for n, (c, x) in enumerate(rules)
        ),
    )


def planned(source: Path, wanted: Role) -> Plan:
    return planning.plan(judging.judge(probe(source), wanted))


def repaired(source: Path, wanted: Role, work: Path, *, blocked: bool = False) -> Path:
    """The new package; it obeys the role unless something was `blocked` beforehand."""
    work.mkdir(exist_ok=True)
    plan = planned(source, wanted)
    assert bool(plan.blocked) == blocked
    shares: list[float] = []
    (made,) = package.convert(source, probe(source), plan, wanted, work, shares.append)
    assert isinstance(made, Made)
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    assert made.name == "{stem}.zip"
    if not blocked:
        assert planned(Path(made.path), wanted).empty
    return Path(made.path)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def sample(name: str) -> Path:
    return build([f"packages/{name}.zip"], OUT)[f"packages/{name}.zip"]


def written(path: Path, *entries: Entry) -> Path:
    path.write_bytes(zip_bytes(entries))
    return path


def test_handles_exactly_the_checks_that_say_a_package_can_be_repaired() -> None:
    assert {name for name, check in CHECKS.items() if Kind.ARCHIVE in check.repairs} == package.HANDLES


@pytest.mark.parametrize("name", ["basic-one-folder", "nested-directory", "two-directories", "wrong-names", "from-one"])
def test_recordings_and_texts_come_out_in_order_and_unchanged(name: str, tmp_path: Path) -> None:
    made = contents(repaired(sample(name), role(*BASIC), tmp_path / "work"))
    assert made == contents(sample("basic-good"))


def test_what_operating_systems_add_is_left_out(tmp_path: Path) -> None:
    made = contents(repaired(sample("extras"), role(*BASIC), tmp_path / "work"))
    assert made == contents(sample("basic-good"))


def test_texts_become_utf_8(tmp_path: Path) -> None:
    made = contents(repaired(sample("gbk-texts"), role(*BASIC), tmp_path / "work"))
    assert made == contents(sample("basic-good"))


def test_a_byte_order_mark_goes(tmp_path: Path) -> None:
    source = written(tmp_path / "a.zip", Entry(b"a.txt", b"\xef\xbb\xbf" + "你好".encode()))
    made = repaired(source, role(("archive.text_encoding", OneOf(("utf-8",)))), tmp_path / "work")
    assert contents(made) == {"a.txt": "你好".encode()}


def test_entries_get_names_that_are_allowed(tmp_path: Path) -> None:
    wanted = role(("archive.entry_name", Characters("A-Za-z0-9._-")))
    made = contents(repaired(sample("tencent-space"), wanted, tmp_path / "work"))
    assert list(made) == ["clip02.wav", "clip_01.wav"]
    assert list(made.values()) == [contents(sample("tencent-space"))[n] for n in ("clip02.wav", "clip 01.wav")]


def test_two_comes_before_ten(tmp_path: Path) -> None:
    source = written(
        tmp_path / "a.zip",
        *(Entry(f"take{n}.{kind}".encode(), f"{n}".encode()) for n in (10, 2, 1) for kind in ("wav", "txt")),
    )
    made = contents(repaired(source, role(("archive.numbered", TRUE)), tmp_path / "work"))
    assert {name: data.decode() for name, data in made.items()} == {
        "0.wav": "1", "0.txt": "1", "1.wav": "2", "1.txt": "2", "2.wav": "10", "2.txt": "10",
    }  # fmt: skip


def test_the_same_names_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    source = written(tmp_path / "a.zip", Entry(b"one/a.wav", b"1"), Entry(b"two/a.wav", b"2"))
    assert contents(repaired(source, role(ROOT), tmp_path / "work")) == {"a.wav": b"1", "two_a.wav": b"2"}


def test_folders_stay_where_nothing_is_said_about_them(tmp_path: Path) -> None:
    source = written(tmp_path / "a.zip", Entry(b"one/a b.wav", b"1"), Entry(b"two/c.wav", b"2"))
    made = repaired(source, role(("archive.entry_name", Characters("a-z._"))), tmp_path / "work")
    assert list(contents(made)) == ["one/a_b.wav", "two/c.wav"]


def test_chinese_names_are_marked_as_utf_8(tmp_path: Path) -> None:
    extra = Entry(b".DS_Store", b"x")
    gbk = [Entry("开场.wav".encode("gbk"), b"1"), extra]
    made = repaired(written(tmp_path / "a.zip", *gbk), role(("archive.litter", NONE)), tmp_path / "work")
    assert contents(made) == {"开场.wav": b"1"}


def test_no_stored_name_is_ever_a_path(tmp_path: Path) -> None:
    names = [b"../../x.wav", b"/absolute/y.wav", b"C:/z.wav", rb"..\..\w.wav", b"v.wav", b".DS_Store"]
    source = written(tmp_path / "a.zip", *(Entry(name, name) for name in names))
    wanted = role(("archive.litter", NONE), ("archive.safe", TRUE))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    made = repaired(source, wanted, tmp_path / "work", blocked=True)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == {made}
    assert sorted(contents(made)) == ["absolute/y.wav", "v.wav", "w.wav", "x.wav", "z.wav"]


def test_the_same_package_gives_the_same_bytes(tmp_path: Path) -> None:
    one = repaired(sample("gbk-texts"), role(*BASIC), tmp_path / "one").read_bytes()
    assert one == repaired(sample("gbk-texts"), role(*BASIC), tmp_path / "two").read_bytes()


def test_a_wrong_extension_alone_means_a_copy(tmp_path: Path) -> None:
    source = tmp_path / "voice.bin"
    source.write_bytes(sample("tencent-good").read_bytes())
    wanted = role(("file.extension", OneOf(("zip",))))
    made = repaired(source, wanted, tmp_path / "work")
    assert made.read_bytes() == source.read_bytes()
    assert "copy" in package.steps(probe(source), planned(source, wanted), wanted)[0].does.en


def test_advice_is_taken_only_where_the_package_is_written_anyway(tmp_path: Path) -> None:
    said = "你好"
    source = written(tmp_path / "package.zip", Entry(b"a b.txt", said.encode("gbk")))

    def made(hard: tuple[str, Limit], work: Path) -> dict[str, bytes]:
        wanted = role(hard, ("archive.text_encoding", OneOf(("utf-8",))))
        soft = replace(wanted.rules[1], level=Level.WARNING)
        return contents(repaired(source, replace(wanted, rules=(wanted.rules[0], soft)), work))

    assert made(("file.name_length", Between(high=3)), tmp_path / "one") == {"a b.txt": said.encode("gbk")}
    assert made(("archive.entry_name", Characters("a-z._")), tmp_path / "two") == {"a_b.txt": said.encode()}


def test_steps_say_what_is_done_once() -> None:
    wanted = role(*BASIC, ("archive.places", Between(high=1)))
    source = sample("two-directories")
    said = [step.does.en for step in package.steps(probe(source), planned(source, wanted), wanted)]
    assert said == ["put all files at the root", "write the zip anew, recordings unchanged"]


@pytest.mark.parametrize("name", ["missing-txt", "missing-wav", "readme-inside"])
def test_what_does_not_pair_up_is_named_and_not_numbered(name: str, tmp_path: Path) -> None:
    wanted = role(("archive.numbered", TRUE))
    source = sample(name)
    with pytest.raises(ToolFailed, match=r"11\.|readme"):
        package.convert(source, probe(source), planned(source, wanted), wanted, tmp_path, lambda _: None)


@pytest.mark.parametrize("name", ["damaged", "encrypted", "truncated"])
def test_damaged_and_locked_packages_are_not_packed_anew(name: str, tmp_path: Path) -> None:
    wanted = role(*BASIC)
    source = sample(name)
    with pytest.raises(Unreadable, match=name):
        package.convert(source, probe(source), planned(source, wanted), wanted, tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_names_that_become_one_are_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "a.zip", Entry(b"a b.wav", b"1"), Entry(b"a_b.wav", b"2"))
    wanted = role(("archive.entry_name", Characters("a-z._")))
    with pytest.raises(ToolFailed, match="taken"):
        package.convert(source, probe(source), planned(source, wanted), wanted, tmp_path, lambda _: None)
