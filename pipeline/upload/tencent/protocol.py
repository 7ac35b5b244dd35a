"""Tencent's protocol: the tables of its documents, and its hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.upload.protocol import ApiTables, load

TABLES: Final[ApiTables] = load(Path(__file__).parent / "tables")
