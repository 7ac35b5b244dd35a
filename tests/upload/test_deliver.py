"""What is told of every asset of a batch, whatever its destination does: one entry each, and none stops another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from pipeline.documents.entry import plain
from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.storage.digest import content_md5
from pipeline.upload import deliver, destination
from pipeline.upload.credentials import Secrets
from pipeline.upload.deliver import How, send_all
from pipeline.upload.destination import Action, GaveUp, Receipt, Stopped, Target, Tools, Unit, single, together
from pipeline.upload.items import File, Item
from pipeline.upload.journal import UploadJournal

HOW = How(jobs=2, force=False, wait=0.0, bandwidth=None, lang="en")
HELD = "CANARY-SECRET-77"


def item(folder: Path, name: str, **changes: Any) -> Item:
    path = folder / f"{name}.png"
    path.write_bytes(name.encode())
    file = File(
        path=path, name=path.name, place=path.name, category="MAIN", size=len(name), md5=content_md5(path),
        content_type="image/png",
    )  # fmt: skip
    made = Item(key=name, source=f"in/{name}.tiff", kind="image", role="photo", name=name, files=(file,))
    return replace(made, **changes)


class Stub:
    """A destination that does with each asset what is asked for under its name."""

    place = "stub"

    def __init__(self, acts: dict[str, Callable[[Unit, Tools], Receipt]] | None = None, refuses: bool = False) -> None:
        self.acts, self.refuses = acts or {}, refuses

    def units(self, items: Sequence[Item]) -> list[Unit]:
        if self.refuses:
            raise UsageError("nothing can go there", "无法发送")
        return single(items)

    def plan(self, unit: Unit) -> list[str]:
        return [unit.name]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        return self.acts.get(unit.name, lambda *_: Receipt("sent", ids={"id": unit.key}))(unit, tools)

    def close(self) -> None:
        """Nothing is held."""


def sent(stub: Stub, *items: Item, how: How = HOW) -> list[dict[str, Any]]:
    """The entries, in the order of the items: exactly one of each."""
    journal = cast("UploadJournal", object())  # destinations write there, and this one does not
    secrets = Secrets(environment={})
    secrets.learn(HELD)
    told = sorted(send_all(stub, items, journal, secrets, how, lambda _: None), key=lambda one: one[0])
    assert [number for number, _ in told] == list(range(len(items)))
    return [plain(entry) for _, entry in told]


def raising(error: BaseException) -> Callable[[Unit, Tools], Receipt]:
    def act(*_: object) -> Receipt:
        raise error

    return act


def test_every_asset_has_its_entry_whatever_happened_to_the_others(tmp_path: Path) -> None:
    left = [{"id": "left"}]
    stub = Stub({
        "b": raising(UploadError("no luck", "失败")),
        "c": raising(GaveUp(UploadError("given up", "已放弃"), left)),
        "d": raising(ZeroDivisionError("odd")),
        "e": raising(UsageError("not so", "不行")),
        "f": raising(Stopped()),
        "g": lambda *_: Receipt("pending", Text("wait", "等待"), {"job": 1}, [{"name": "x"}], [{"id": "old"}]),
    })  # fmt: skip
    entries = sent(stub, *(item(tmp_path, name) for name in "abcdefg"))
    assert [(one["source"], one["status"], one["message"]) for one in entries] == [
        ("in/a.tiff", "sent", ""),
        ("in/b.tiff", "failed", "no luck"),
        ("in/c.tiff", "failed", "given up"),
        ("in/d.tiff", "failed", "unexpected: odd"),
        ("in/e.tiff", "failed", "not so"),
        ("in/f.tiff", "failed", "interrupted; run again to continue"),
        ("in/g.tiff", "pending", "wait"),
    ]
    assert [one["ids"] for one in entries] == [{"id": "a"}, {}, {}, {}, {}, {}, {"job": 1}]
    assert [one["abandoned"] for one in entries] == [[], [], left, [], [], [], [{"id": "old"}]]
    assert entries[6]["verified"] == [{"name": "x"}]
    assert entries[1]["error"] == {"type": "UploadError", "message": "no luck"}
    assert entries[0]["error"] is None
    assert entries[0]["files"] == [
        {"path": "a.png", "category": "MAIN", "size": 1, "md5": "DMF1ucDxtqgxw5niaXcmYQ=="}  # of RFC 1321, in base64
    ]


def test_no_error_tells_a_secret(tmp_path: Path) -> None:
    (entry,) = sent(Stub({"a": raising(UploadError(f"key {HELD}", f"密钥 {HELD}"))}), item(tmp_path, "a"))
    assert HELD not in str(entry)
    assert entry["message"].startswith("key ")


def test_a_file_that_changes_while_it_is_sent_is_told(tmp_path: Path) -> None:
    def grows(unit: Unit, _: Tools) -> Receipt:
        unit.items[0].files[0].path.write_bytes(b"longer")
        return Receipt("sent")

    (entry,) = sent(Stub({"a": grows}), item(tmp_path, "a"))
    assert entry["status"] == "failed"
    assert "changed while it was sent" in entry["message"]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_refused_is_not_sent_unless_forced_and_there(tmp_path: Path, force: bool) -> None:
    no = Text("blocked", "已拦截")
    entries = sent(
        Stub(), item(tmp_path, "a", refusal=no), item(tmp_path, "b", refusal=no, files=()), item(tmp_path, "c"),
        how=replace(HOW, force=force),
    )  # fmt: skip
    assert [one["status"] for one in entries] == ["sent" if force else "refused", "refused", "sent"]
    assert entries[1]["message"] == "blocked"


def test_the_same_asset_twice_goes_once(tmp_path: Path) -> None:
    first = item(tmp_path, "a")
    entries = sent(Stub(), first, replace(first, source="in/copy.tiff"))
    assert [(one["status"], one["message"]) for one in entries] == [("sent", ""), ("skipped", "the same as in/a.tiff")]


def test_where_nothing_can_go_it_is_told_once_or_beside_what_was_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing can go there"):
        sent(Stub(refuses=True), item(tmp_path, "a"))
    entries = sent(Stub(refuses=True), item(tmp_path, "a"), item(tmp_path, "b", refusal=Text("blocked", "已拦截")))
    assert [(one["status"], one["message"]) for one in entries] == [
        ("failed", "nothing can go there"), ("refused", "blocked"),
    ]  # fmt: skip


def test_what_has_not_begun_when_a_run_ends_is_interrupted(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    tools = cast("Tools", None)  # it is not looked at
    one = single([item(tmp_path, "a")])[0]
    (entry,) = deliver._deliver(Stub(), one, tools, Secrets(environment={}), HOW, stop)
    assert (entry.status, entry.message) == ("failed", "interrupted; run again to continue")


# --- what a destination is given --------------------------------------------------------------------------


def test_bodies_and_parts_hold_the_bytes_they_name(tmp_path: Path) -> None:
    counted: list[int] = []
    tools = Tools(cast("UploadJournal", object()), counted.append, None, 0.0, lambda *_: None)
    made = item(tmp_path, "abcdefgh")
    (file,) = made.files
    assert b"".join(tools.body(file)) == b"abcdefgh"
    assert counted == [8]
    parts = list(tools.parts(file, [(0, 5), (5, 3)]))
    assert set(counted) == {8, 0}  # asked whether the run goes on, and nothing counted as sent
    assert [b"".join(tools.part(file, part)) for part in parts] == [b"abcde", b"fgh"]
    assert (made.size, single([made])[0].size, made.beside) == (8, 8, tmp_path)
    assert destination.Target("file:///x", "p").dry is False


# --- what is handed on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Target, Unit, Action, How])
def test_what_is_handed_on_is_not_changed(kind: type[Any]) -> None:
    made = kind(**dict.fromkeys(kind.__struct_fields__))
    for name in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(made, name, None)


def test_an_action_takes_one_argument_unless_it_says_otherwise() -> None:
    action = Action(takes="ID", does=Text("show", "显示"))
    assert (action.table, action.least, action.most) == ("", 1, 1)


def test_what_goes_together_is_known_again_by_its_files_and_what_is_asked_for(tmp_path: Path) -> None:
    first, second = item(tmp_path, "a"), item(tmp_path, "b")
    unit = together("job", [first, second], "order")
    assert (unit.name, unit.items) == ("job", (first, second))
    assert unit.key == together("another", [second, first], "order").key
    others = [
        together("job", [first], "order"),
        together("job", [first, second], "another"),
        together("job", [first, second], "order", keys=["c"]),
    ]
    assert len({unit.key, *(one.key for one in others)}) == 4
    assert together("job", [first], keys=["c"]).key == together("job", [second], keys=["c"]).key


def test_what_would_be_called_is_told_and_what_would_be_refused(tmp_path: Path) -> None:
    good = item(tmp_path, "a")
    bad = item(tmp_path, "b", refusal=Text("blocked", "受阻"))
    for force, sends, left in ((False, ["in/a.tiff"], [bad]), (True, ["in/a.tiff", "in/b.tiff"], [])):
        units, refused = deliver.planned(Stub(), [good, bad], force=force)
        assert [unit.sources[0] for unit in units] == sends
        assert refused == left
    assert (units[0].bytes, units[0].calls) == (1, ("a",))
