"""The table of destinations: what every row has, and that nothing shared knows one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.upload import destinations
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Target
from pipeline.upload.destinations import DESTINATIONS
from pipeline.upload.filesystem import Anywhere, Folder
from tests import ROOT

# The table names the platforms; their packages and the emulator of both are about them.
TABLES = {"destinations.py", "bodies.py"}  # of what platforms have: a row of theirs names them
SHARED = [path for path in sorted((ROOT / "pipeline" / "upload").glob("*.py")) if path.name not in TABLES]
PLATFORM = re.compile(r"metastudio|tencent|huawei|\bMSS\.|\bAPIGW?\.", re.IGNORECASE)
WITH_ORDER = [name for name, row in DESTINATIONS.items() if row.order]


def _opened(where: str, preset: str = "", **order: dict[str, object]) -> object:
    return destinations.opened(Target(where, preset, order), Secrets(environment={}))


@pytest.mark.parametrize("name", DESTINATIONS)
def test_every_row_can_be_opened(name: str) -> None:
    pytest.importorskip("httpx")
    assert callable(import_module(DESTINATIONS[name].module).opened)


@pytest.mark.parametrize("name", WITH_ORDER)
def test_what_a_preset_takes_are_tables_of_its_platform(name: str) -> None:
    module = import_module(DESTINATIONS[name].order)
    presets = [path for path in (ROOT / "presets").glob("*/*.toml") if path.parent.name.startswith(name)]
    assert presets
    taken = [module.takes(f"{path.parent.name}/{path.stem}") for path in presets]
    assert all(taken)
    # each table is for something: a preset, or what is done with what is there already
    asked = {action.table for action in import_module(DESTINATIONS[name].upkeep).ACTIONS.values()} - {""}
    assert asked.union(*taken) == {table.name for table in module.TABLES}


def test_no_table_of_an_order_means_two_things() -> None:
    names = [table.name for name in WITH_ORDER for table in import_module(DESTINATIONS[name].order).TABLES]
    assert len(names) == len(set(names))


def test_reading_an_order_loads_no_client() -> None:
    code = (
        "import sys; from pipeline.upload import destinations; destinations.read_order(None); "
        "print(sorted({'httpx', 'fsspec', 'requests', 'qcloud_cos'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_an_address_leads_to_who_delivers_there(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    assert isinstance(_opened(f"file://{tmp_path}"), Folder)
    assert isinstance(_opened("memory://there"), Anywhere)
    with pytest.raises(UsageError, match="PREFLIGHT_METASTUDIO_PROJECT"):
        _opened("metastudio", "metastudio/asset-library")
    with pytest.raises(UsageError, match="PREFLIGHT_TENCENT_APPKEY"):
        _opened("tencent", "convert/h264-1080p")


@pytest.mark.parametrize("where", ["", "file", "metastudi0", "://", "there", "tencent/"])
def test_what_is_no_destination_is_named_with_those_there_are(where: str) -> None:
    with pytest.raises(UsageError) as found:
        _opened(where)
    for text in (found.value.text.en, found.value.text.zh):
        assert repr(where) in text
        assert [row.shown for row in DESTINATIONS.values() if row.shown not in text] == []


@pytest.mark.parametrize(
    ("where", "preset"),
    [("tencent", "metastudio/livestream"), ("tencent", "metastudio-intl/livestream"), ("metastudio", "tencent/voice")],
)
def test_what_was_prepared_for_one_platform_does_not_go_to_another(where: str, preset: str) -> None:
    with pytest.raises(UsageError, match=f"{preset}; it cannot go to {where}"):
        _opened(where, preset)


def test_an_order_that_means_nothing_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\[voice\] has no effect on .* takes \[asset\]"):
        _opened("metastudio", "metastudio/asset-library", voice={})
    with pytest.raises(UsageError, match="takes no order"):
        _opened("file:///there", asset={})


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_what_destinations_share_knows_no_platform(path: Path) -> None:
    """Neither imports, names nor texts, docstrings and comments included."""
    text = path.read_text(encoding="utf-8")
    assert PLATFORM.findall(text) == []


@pytest.mark.parametrize("name", WITH_ORDER)
def test_no_platform_knows_another(name: str) -> None:
    others = "|".join(other for other in WITH_ORDER if other != name)
    files = sorted((ROOT / "pipeline" / "upload" / name).glob("*.py"))
    assert files
    assert [file.name for file in files if re.search(others, file.read_text(encoding="utf-8"), re.IGNORECASE)] == []


def test_what_an_order_may_say_depends_on_place_and_preset() -> None:
    def names(where: str, preset: str) -> set[str]:
        return {table.name for table in destinations.tables(where, preset)}

    assert names("metastudio", "metastudio/asset-library") == {"asset"}
    assert names("metastudio", "metastudio/voice-basic") == {"voice"}
    assert names("file:///there", "metastudio/asset-library") == set()
    assert names("s3://bucket", "metastudio/asset-library") == set()
    with pytest.raises(UsageError, match="cannot go to tencent"):
        destinations.tables("tencent", "metastudio/livestream")
    with pytest.raises(UsageError, match="no destination"):
        destinations.tables("nowhere", "metastudio/livestream")


def test_manifests_of_one_run_lead_to_the_same_things() -> None:
    def opened(preset: str, *also: str) -> None:
        destinations.opened(Target("metastudio", preset, also=also), Secrets(environment={}))

    different = ("voice-basic", "avatar-training", "video-production", "livestream")
    for also in (f"metastudio/{name}" for name in different):
        with pytest.raises(UsageError, match=f"asset-library and {also} lead to different things"):
            opened("metastudio/asset-library", also)
    with pytest.raises(UsageError, match="PREFLIGHT_METASTUDIO_PROJECT"):  # what comes next
        opened("metastudio/asset-library", "metastudio/asset-library")


def test_only_where_something_goes_on_there_is_somebody_to_ask() -> None:
    for place in ("metastudio", "metastudio:region/project", "tencent:app"):
        assert callable(destinations.standing(place).looked)
    for place in ("file:///there", "s3://bucket", "", "nowhere"):
        with pytest.raises(UsageError, match="nothing goes on there"):
            destinations.standing(place)


def test_a_code_is_explained_by_the_platform_that_has_it() -> None:
    assert destinations.meaning("MSS.20010115") is not None
    assert destinations.meaning("no such code") is None


def test_an_order_is_read_in_the_tables_of_every_destination(tmp_path: Path) -> None:
    assert destinations.read_order(None) == {}
    order = tmp_path / "order.toml"
    order.write_text('[asset]\ntags = ["one"]\n[check]\nface = true\n', encoding="utf-8")
    assert destinations.read_order(order) == {"asset": {"tags": ["one"]}, "check": {"face": True}}
    names = [table.name for table in destinations.order_tables()]
    assert {"asset", "training", "make", "check"} <= set(names)
    assert destinations.table("metastudio", "training").name == "training"


def test_only_where_something_is_kept_is_somebody_to_look_after_it() -> None:
    assert destinations.upkeep("metastudio").ACTIONS
    with pytest.raises(UsageError, match="nothing is done there but uploads"):
        destinations.upkeep("file:///folder")
