"""Who may ask: one token a person, of which a file keeps only the digest; or whom a proxy names (`door`).

A line of the file is a name and the SHA-256 of that person's token, in hex. Tokens are 32 random bytes, so nothing
slower than a digest is needed to keep them from being guessed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Final, Protocol

from pipeline.errors import UsageError
from pipeline.storage.atomic import replacing
from pipeline.storage.state import HeldFolder

_MOST: Final = 1 << 20  # bytes of the file
LONGEST: Final = 64  # characters of a name
_NAME: Final = re.compile(rf"[\w.@+-]{{1,{LONGEST}}}")
_LINE: Final = re.compile(rf"({_NAME.pattern})\t([0-9a-f]{{64}})")


def is_name(text: str) -> bool:
    """Whether somebody may be called so."""
    return _NAME.fullmatch(text) is not None


class People(Protocol):
    """Knows people by their tokens."""

    def named(self, token: str) -> str | None:
        """The name of the person with this token; None for a stranger."""


class Anybody:
    """The one person of the local page, who has the address that was printed."""

    def __init__(self, token: str) -> None:
        self.token = token

    def named(self, token: str) -> str | None:
        """An empty name, for the token of the address."""
        return "" if secrets.compare_digest(token.encode(), self.token.encode()) else None


class Team:
    """The people of a file, which is read again when it has changed: who is removed from it is a stranger at once."""

    def __init__(self, path: Path) -> None:
        """Where there is no file, nobody has a token. Raises UsageError when one is not to be believed."""
        self.path = path
        self._seen = _looked(path)
        self._names = {digest: name for name, digest in listed(path).items()} if self._seen else {}

    def named(self, token: str) -> str | None:
        """As the file has it now; nobody, while it cannot be read."""
        seen = _looked(self.path)
        if seen != self._seen:
            self._seen = seen
            try:
                self._names = {digest: name for name, digest in listed(self.path).items()}
            except UsageError as error:
                self._names = {}
                sys.stderr.write(f"preflight: nobody is let in: {error.text.en}\n")
        return self._names.get(_digest(token))


def _looked(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  as elsewhere, once a request
    except OSError:  # reading it says why
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def listed(path: Path) -> dict[str, str]:
    """Names and digests of the file, which has to be ours (see `pipeline.storage.state`). Raises UsageError."""
    try:
        with HeldFolder.at(path.parent) as folder:
            text = folder.read(path.name, _MOST).decode()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", f"{path}：{error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not in UTF-8", f"{path} 不是 UTF-8 编码") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        told = _LINE.fullmatch(line)
        if told is None or told[1] in found:
            raise UsageError(
                f"{path}, line {number}: wanted one name, a tab and the SHA-256 of a token; make such lines with "
                "`preflight serve token add NAME`",
                f"{path} 第 {number} 行：应为不重复的名称、制表符与令牌的 SHA-256；"
                "请用 `preflight serve token add NAME` 添加",
            )
        found[told[1]] = told[2]
    return found


def add(path: Path, name: str) -> str:
    """A new token for a person that the file does not have; it is told once and kept nowhere. Raises UsageError."""
    if not is_name(name):
        raise UsageError(
            f"{name!r} is no name for a person: 1 to {LONGEST} letters, figures, or one of . @ + - _",
            f"{name!r} 不能用作人员名称：应为 1 至 {LONGEST} 个字母、数字或 . @ + - _",
        )
    people = listed(path) if path.exists() else {}
    if name in people:
        raise UsageError(
            f"{name} has a token already; for a new one: preflight serve token remove {name}",
            f"{name} 已有令牌；如需更换，请先运行 preflight serve token remove {name}",
        )
    token = secrets.token_urlsafe(32)
    _write(path, people | {name: _digest(token)})
    return token


def remove(path: Path, name: str) -> None:
    """Take a person's token away. Raises UsageError when there is none."""
    people = listed(path)
    if people.pop(name, None) is None:
        known = ", ".join(people) or "-"
        raise UsageError(f"{path} has no {name}; it has: {known}", f"{path} 中没有 {name}；现有：{known}")
    _write(path, people)


def _write(path: Path, people: dict[str, str]) -> None:
    try:
        with replacing(path, mode=0o600) as out:
            out.writelines(f"{name}\t{digest}\n" for name, digest in people.items())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", f"{path}：{error.strerror}") from None
