"""The table of destinations: what every row has, and that nothing shared knows one of them."""

from __future__ import annotations

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
    # each table is for something
    assert frozenset[str]().union(*taken) == {table.name for table in module.TABLES}


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
    with pytest.raises(UsageError, match=r"there are file:///folder, metastudio, tencent, any URL of fsspec") as found:
        _opened(where)
    assert repr(where) in found.value.text.en


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
