"""A file in a format that is read here by hand: open for as long as it is asked, and how damage in it is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Self

from pipeline.model.facts import Text


class Damaged(Exception):
    """A file contradicts itself. `text` says how."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en, zh)


class Opened(ABC):
    """The file at `path`, closed at the end of its `with` block, and when its tables cannot be read."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.file: BinaryIO = path.open("rb")
        try:
            self.size = self.file.seek(0, 2)
            self._read_tables()
        except BaseException:
            self.file.close()
            raise

    @abstractmethod
    def _read_tables(self) -> None:
        """Take over what the file says about its parts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
