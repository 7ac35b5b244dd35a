"""The places an upload can go to, one row each.

A new destination is a module that has `opened`, and its row here. What an order may say to it, where it takes one,
is a table of `pipeline.upload.order` in a module of its own, which loads no library.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

from msgspec import Struct

from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.upload import order as orders
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Action, Destination, Do, Look, Target
from pipeline.upload.order import Order, Table


class Module(Protocol):
    """What the module of a destination has."""

    def opened(self, target: Target, secrets: Secrets) -> Destination:
        """The place, ready for `units`. Raises UsageError, and ImportError for a package that is not installed."""


class OrderModule(Protocol):
    """What the module with a destination's tables of an order has."""

    TABLES: tuple[Table, ...]

    def takes(self, preset: str) -> frozenset[str]:
        """Names of the tables that mean something to what this preset leads to."""

    def shown(self, preset: str) -> tuple[Table, ...]:
        """Those tables, with the fields that mean something to it."""


class Standing(Protocol):
    """What a module has that tells how things stand."""

    def looked(self, target: Target, secrets: Secrets) -> AbstractContextManager[Look]:
        """Asks the far end about ids that it gave, and sends nothing. Raises UsageError."""


class Upkeep(Protocol):
    """What a module has that works on what is at a place already."""

    ACTIONS: Mapping[str, Action]

    def doing(self, target: Target, secrets: Secrets) -> AbstractContextManager[Do]:
        """Does one of these actions. Raises UsageError."""


class DestinationRow(Struct, frozen=True):
    """One kind of destination. Its modules are imported when they are asked for and not before."""

    shown: str  # as the list of destinations writes it
    module: str  # a Module
    order: str = ""  # an OrderModule; empty where no order means anything
    standing: str = ""  # a Standing; empty where nothing goes on after an upload
    upkeep: str = ""  # an Upkeep; empty where nothing can be done with what is there
    codes: str = ""  # a module whose `meaning` knows the codes of errors there; empty where there are none


_ANY: Final = "://"
# what --to says, a name or how an address begins -> who delivers there; addresses that are not here are fsspec's
DESTINATIONS: Final[dict[str, DestinationRow]] = {
    "file://": DestinationRow("file:///folder", "pipeline.upload.filesystem"),
    "metastudio": DestinationRow(
        "metastudio",
        "pipeline.upload.metastudio.destination",
        "pipeline.upload.metastudio.order",
        "pipeline.upload.metastudio.standing",
        "pipeline.upload.metastudio.upkeep",
        "pipeline.upload.metastudio.error_codes",
    ),
    "tencent": DestinationRow(
        "tencent",
        "pipeline.upload.tencent.destination",
        "pipeline.upload.tencent.order",
        "pipeline.upload.tencent.standing",
        "pipeline.upload.tencent.upkeep",
        "pipeline.upload.tencent.error_codes",
    ),
    _ANY: DestinationRow("any URL of fsspec", "pipeline.upload.filesystem"),
}


def read_order(file: Path | None) -> Order:
    """What an order file says, in the tables of all destinations; nothing without a file. Raises UsageError."""
    return orders.read(file, order_tables())


def order_tables() -> list[Table]:
    """What an order may say, of all destinations."""
    return [table for row in DESTINATIONS.values() if row.order for table in _order(row).TABLES]


def tables(where: str, preset: str) -> tuple[Table, ...]:
    """What an order may say of a manifest of this preset, delivered there. Raises UsageError: no such place, or not
    for that preset."""
    row = _row(where)
    _fits(where, preset)
    if not row.order:
        return ()
    return _order(row).shown(preset)


def table(where: str, name: str) -> Table:
    """A table of an order to this place, by its name. Raises UsageError: no such place."""
    return next(one for one in _order(_row(where)).TABLES if one.name == name)


def standing(place: str) -> Standing:
    """Who tells how things stand at this place, which a record names. Raises UsageError where nobody does."""
    row = DESTINATIONS.get(place.partition(":")[0])
    if row is None or not row.standing:
        raise UsageError(
            f"{place}: nothing goes on there after an upload; there is nothing to ask",
            f"{place}：上传完成后没有后续处理，无需查询",
        )
    return cast("Standing", import_module(row.standing))


def upkeep(where: str) -> Upkeep:
    """Who works on what is at this place already. Raises UsageError where nobody does."""
    row = _row(where)
    if not row.upkeep:
        raise UsageError(f"{where}: nothing is done there but uploads", f"{where}：该目的地仅支持上传")
    return cast("Upkeep", import_module(row.upkeep))


def meaning(code: str) -> Text | None:
    """What a platform's code means and what to do about it; None when none has it."""
    asked = (import_module(row.codes).meaning(code) for row in DESTINATIONS.values() if row.codes)
    return next((found for found in asked if found), None)


def opened(target: Target, secrets: Secrets) -> Destination:
    """The place that --to names. Raises UsageError: no such place, not for this manifest or order, not installed."""
    row = _row(target.where)
    taken = frozenset[str]()
    for preset in (target.preset, *target.also):
        _fits(target.where, preset)
        takes = _order(row).takes(preset) if row.order else frozenset[str]()
        if preset != target.preset and takes != taken:
            raise UsageError(
                f"{target.preset} and {preset} lead to different things at {target.where}; send their manifests "
                f"one by one",
                f"{target.preset} 与 {preset} 在 {target.where} 对应不同内容；请分别发送清单",
            )
        taken = takes
    orders.fits(target.order, f"{target.preset} -> {target.where}", taken)
    try:
        return cast("Module", import_module(row.module)).opened(target, secrets)
    except ImportError as error:
        raise UsageError(
            f"--to {target.where} needs a package that is not installed ({error.name}): "
            f"`pip install media-preflight[upload]`",
            f"--to {target.where} 需要未安装的软件包（{error.name}）：`pip install media-preflight[upload]`",
        ) from None


def _order(row: DestinationRow) -> OrderModule:
    return cast("OrderModule", import_module(row.order))


def _row(where: str) -> DestinationRow:
    scheme, colon, _ = where.partition(":")
    row = None if colon and not scheme else DESTINATIONS.get(f"{scheme}://" if colon else where)
    if row is None and scheme and _ANY in where:
        row = DESTINATIONS[_ANY]
    if row is None:
        shown, hint = [one.shown for one in DESTINATIONS.values()], nearest_word(where, DESTINATIONS)
        raise UsageError(
            f"--to {where!r} is no destination; there are {', '.join(shown)}.{hint.en}",
            f"--to {where!r} 不是目的地；可用：{'、'.join(shown)}。{hint.zh}",
        )
    return row


def _fits(where: str, preset: str) -> None:
    """Files that were prepared by one platform's rules do not go to another platform."""
    platforms = {name for name in DESTINATIONS if _ANY not in name}
    platform = preset.split("/")[0].removesuffix("-intl")
    if where in platforms and platform in platforms and platform != where:
        raise UsageError(
            f"the manifest was prepared for {preset}; it cannot go to {where}. Prepare it with a {where} preset.",
            f"清单按 {preset} 准备，不能发往 {where}；请使用 {where} 预设重新 prepare。",
        )
