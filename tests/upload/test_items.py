"""What is sent together, what must not be sent, and what is looked at again right before it goes."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.documents import read
from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.upload import items as entries
from pipeline.upload.items import File, Item, digest_ok, fresh
from pipeline.upload.transfer import Changed
from tests.upload import made


def told(folder: Path, *assets: dict[str, Any]) -> list[Item]:
    path = made.write(folder, "metastudio/asset-library", list(assets))
    return entries.items(read.manifest(str(path)).document, folder)


def lying(folder: Path, data: bytes = b"made", **changes: Any) -> Item:
    (folder / "a.png").write_bytes(data)
    file = File(
        path=folder / "a.png", name="a.png", place="a.png", category="MAIN", size=4, md5=made.md5(b"made"),
        content_type="image/png", top=folder,
    )  # fmt: skip
    item = Item(key="0123456789abcdef" * 4, source="in/a", kind="image", role="image", name="a", files=(file,))
    return replace(item, **changes)


@pytest.mark.parametrize(
    ("digest", "right"),
    [
        (base64.b64encode(bytes(16)).decode(), True),
        (hashlib.md5(b"abc", usedforsecurity=False).hexdigest(), False),  # the hexadecimal form, of 32
        (hashlib.md5(b"abc", usedforsecurity=False).hexdigest()[:24], False),  # 24 of it are 18 bytes
        (base64.b64encode(bytes(15)).decode(), False),
        (base64.b64encode(bytes(17)).decode(), False),  # of 24 characters, too
        (base64.b64encode(bytes(16)).decode().rstrip("="), False),
        ("!" * 24, False),
        ("", False),
    ],
)
def test_a_digest_is_24_characters_of_16_bytes(digest: str, right: bool) -> None:
    """RFC 1864."""
    assert digest_ok(digest) is right


def test_each_main_file_is_an_asset_and_the_first_has_what_goes_beside(tmp_path: Path) -> None:
    one, two, page = (
        made.output(tmp_path, name, name.encode(), category)
        for name, category in (("one.png", "MAIN"), ("two.png", "MAIN"), ("page.png", "PAGE"))
    )
    found = told(tmp_path, made.asset("image", "image", [page, one, two]))
    assert [(item.name, [file.name for file in item.files]) for item in found] == [
        ("one", ["one.png", "page.png"]), ("two", ["two.png"]),
    ]  # fmt: skip
    assert len({item.key for item in found}) == 2
    assert [item.beside for item in found] == [tmp_path] * 2
    assert [item.size for item in found] == [15, 7]
    assert [item.refusal for item in found] == [None] * 2


def test_an_asset_without_files_is_told_and_not_sent(tmp_path: Path) -> None:
    (found,) = told(tmp_path, made.asset("image", "image", [], status="blocked"))
    assert found.files == ()
    assert found.refusal is not None
    assert "its status is blocked" in found.refusal.en


def test_an_empty_file_is_not_sent(tmp_path: Path) -> None:
    (found,) = told(tmp_path, made.asset("image", "image", [made.output(tmp_path, "a.png", b"")]))
    assert found.refusal == Text("a.png: is empty", "a.png：文件为空")


def test_a_marker_has_letters_alone(tmp_path: Path) -> None:
    """A tag where digits may not be: four bits a letter, 24 letters are 96 bits of the key."""
    assert lying(tmp_path).marker == "preflight" + "abcdefghijklmnop" + "abcdefgh"


def test_what_lies_there_as_it_was_made_goes_as_it_is(tmp_path: Path) -> None:
    item = lying(tmp_path)
    assert fresh(item, force=False) == item
    assert fresh(item, force=True) == item


def test_what_changed_goes_only_when_forced_and_under_its_own_digest(tmp_path: Path) -> None:
    for data in (b"mode", b"longer"):
        item = lying(tmp_path, data)
        with pytest.raises(Changed, match="changed since prepare"):
            fresh(item, force=False)
        sent = fresh(item, force=True)
        assert [(file.size, file.md5) for file in sent.files] == [(len(data), made.md5(data))]
        assert sent.forced == ("changed: a.png",)


def test_what_was_refused_goes_only_when_forced(tmp_path: Path) -> None:
    item = lying(tmp_path, refusal=Text("blocked", "已拦截"))
    with pytest.raises(UploadError, match=r"blocked\. Nothing was sent"):
        fresh(item, force=False)
    assert fresh(item, force=True).forced == ("status: blocked",)
    with pytest.raises(UploadError, match="Nothing was sent"):
        fresh(replace(item, files=()), force=True)


def test_what_is_large_is_digested_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `force` it is digested before: its own digest is needed then. A wrong size is found without reading."""
    monkeypatch.setattr(entries, "late", lambda size: size >= 4)
    item = lying(tmp_path, b"mode")
    assert fresh(item, force=False) == item
    assert fresh(item, force=True).files[0].md5 == made.md5(b"mode")
    with pytest.raises(Changed):
        fresh(lying(tmp_path, b"longer"), force=False)


def test_what_the_manifest_says_and_cannot_be_is_told_in_its_words(tmp_path: Path) -> None:
    output = made.output(tmp_path, "a.png", b"made")
    path = made.write(
        tmp_path, "metastudio/asset-library", [made.asset("image", "image", [output | {"path": "/etc/x"}])]
    )
    assert json.loads(path.read_text("utf-8"))["assets"][0]["status"] == "ready"
    (found,) = entries.items(read.manifest(str(path)).document, tmp_path)
    assert found.refusal is not None
    assert "its status is" not in found.refusal.en
    assert found.refusal.en.startswith("/etc/x: ")  # its source, as the manifest names it
