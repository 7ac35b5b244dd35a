"""Documents for users are in both languages, and each pair says the same: headings, commands, tables, options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests import ROOT

# What is written for who changes this or builds on it stays in English, and README.zh-CN.md says so.
DEVELOPERS: Final = {
    *("api", "architecture", "benchmarks", "dependencies", "http-api", "json", "operate", "rules-coverage", "security"),
}
USERS: Final = sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem not in DEVELOPERS)
PAIRS: Final = [
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *((ROOT / "docs" / f"{name}.md", ROOT / "docs" / "zh" / f"{name}.md") for name in USERS),
]
both = pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda path: path.stem)
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED: Final = re.compile(r"(?:^    \S.*\n)+", re.MULTILINE)
HAN: Final = re.compile(r"[\u4e00-\u9fff]")


def shared(path: Path) -> str:
    """A document without the sections that say they are for developers."""
    kept, inside = [], False
    for line in path.read_text("utf-8").splitlines():
        if found := re.match(r"(#+) ", line):
            inside = line.endswith("<!-- developers -->") or (inside and len(found[1]) > 2)
        if not inside:
            kept.append(line)
    return "\n".join(kept) + "\n"


def headings(text: str) -> list[str]:
    return [found[1] for found in re.finditer(r"^(#+) ", FENCE.sub("", text), re.MULTILINE)]


def commands(text: str) -> list[str]:
    """What a reader may type or copy, without what is said about it and what a program answers."""
    found = []
    for kind, block in FENCE.findall(text):
        lines = block.splitlines()
        typed = [line[2:] for line in lines if line.startswith("$ ")] if kind == "console" else lines
        found += [re.sub(r"\s+#\s.*$|^#\s.*$", "", line).removesuffix(" --lang zh").rstrip() for line in typed]
    found += [line.strip() for block in INDENTED.findall(FENCE.sub("", text)) for line in block.splitlines()]
    return [line for line in found if line and not HAN.search(line)]


def tables(text: str) -> list[list[tuple[int, frozenset[str]]]]:
    """Of each table its rows: how many cells, and what the first holds that is typed or is a figure of a platform."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", FENCE.sub("", text), re.MULTILINE):
        rows = []
        for line in block.splitlines():
            cells = [cell.strip() for cell in line.strip("|").replace("\\|", "¦").split("|")]
            rows.append((len(cells), frozenset(re.findall(r"`([^`]+)`", cells[0]))))
        found.append(rows)
    return found


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--lang"}


@both
def test_a_pair_has_the_same_headings(english: Path, chinese: Path) -> None:
    assert headings(shared(chinese)) == headings(shared(english))


@both
def test_a_pair_has_the_same_commands(english: Path, chinese: Path) -> None:
    assert commands(shared(chinese)) == commands(shared(english))


@both
def test_a_pair_has_the_same_tables(english: Path, chinese: Path) -> None:
    assert tables(shared(chinese)) == tables(shared(english))


@both
def test_a_pair_names_the_same_options(english: Path, chinese: Path) -> None:
    assert options(shared(chinese)) == options(shared(english))


@both
def test_a_pair_leads_to_each_other(english: Path, chinese: Path) -> None:
    assert f"[中文]({chinese.relative_to(english.parent)})" in english.read_text("utf-8")
    back = "README.md" if english.stem == "README" else f"../{english.name}"
    assert f"[English]({back})" in chinese.read_text("utf-8")


@both
def test_a_pair_is_each_in_its_language(english: Path, chinese: Path) -> None:
    """Prose only: what is typed and what programs print may hold names of either."""
    prose = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|^\|.*$|<!--.*?-->", "", FENCE.sub("", shared(chinese)), flags=re.M)
    assert re.findall(r"\b[A-Za-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,}\b", INDENTED.sub("", prose)) == []
    assert len(HAN.findall(shared(english))) < 0.01 * len(shared(english))


def test_every_user_document_is_linked_from_the_readme_in_its_language() -> None:
    for name in USERS:
        assert f"(docs/{name}.md)" in (ROOT / "README.md").read_text("utf-8")
        assert f"(docs/zh/{name}.md)" in (ROOT / "README.zh-CN.md").read_text("utf-8")


@pytest.mark.parametrize(
    "document", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_to_what_is_there(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", FENCE.sub("", document.read_text("utf-8")))
    assert [one for one in targets if "://" not in one and not (document.parent / one).exists()] == []


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda path: path.name)
def test_no_merge_is_left_half_done(path: Path) -> None:
    assert not re.search(r"^(<{7} |={7}$|>{7} )", path.read_text("utf-8"), re.MULTILINE)
