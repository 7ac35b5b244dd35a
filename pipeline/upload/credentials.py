"""Where secrets come from, and how they stay out of everything that is written.

A secret comes from the environment, from a file that nobody else can read, or from the keyring of the desktop; never
from the command line, where every process of the machine could read it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import json
import logging
import os
import re
import secrets as random
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UsageError
from pipeline.rules import toml
from pipeline.storage import beneath

PREFIX: Final = "PREFLIGHT_"
_SERVICE: Final = "media-preflight"  # name of the entry in the keyring
_SHORTEST: Final = 6  # characters; shorter values are words that stand in ordinary text
_QUERY: Final = re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]+")
_HEADER: Final = re.compile(
    r"(?i)\b(authorization|x-auth-token|x-subject-token|x-cos-security-token|signature|x-security-token)"
    r"([\"']?\s*[:=]\s*)(?:[\"'][^\"']*[\"']|[^\n,;}]+)"
)
_LOUD: Final = ("httpx", "httpcore", "urllib3", "requests")


class Secrets:
    """The secrets of one run. Knows every value it gave away, so that `redact` can take it out of any text."""

    def __init__(self, file: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._file = _read(file) if file else {}
        self._given: set[str] = set()

    def find(self, name: str, *others: str) -> str | None:
        """The value of PREFLIGHT_<NAME>, or of one of `others` as they are named, or None. It is a secret."""
        found = self.setting(name, *others) or _from_keyring(name.lower())
        if found:
            self.learn(found)
        return found

    def setting(self, name: str, *others: str) -> str | None:
        """As `find`, for what is no secret: the keyring, which takes a tenth of a second to open, is not asked."""
        values = [self._environment.get(PREFIX + name), self._file.get(name.lower())]
        values += [self._environment.get(other) for other in others]
        return next((value for value in values if value), None)

    def learn(self, *values: str) -> None:
        """Further values that must never be shown: tokens and temporary keys that came from the far end."""
        self._given.update(value for value in values if len(value) >= _SHORTEST)

    def redact(self, text: str) -> str:
        """The text without secrets: known values, query strings of URLs, values of secret headers."""
        for value in sorted(self._given, key=len, reverse=True):
            text = text.replace(value, "[redacted]")
        return _HEADER.sub(r"\1\2[redacted]", _QUERY.sub(r"\1?[redacted]", text))


def _read(file: Path) -> dict[str, str]:
    """A TOML file of `name = "value"` lines. Raises UsageError when others can read it."""
    try:
        mode = file.stat()
        if os.name == "posix" and stat.S_IMODE(mode.st_mode) & 0o077:
            raise UsageError(
                f"{file}: others can read it (mode {stat.S_IMODE(mode.st_mode):04o}); run `chmod 600 {file}`",
                f"{file}：其他用户可读（权限 {stat.S_IMODE(mode.st_mode):04o}）；请运行 `chmod 600 {file}`",
            )
        if os.name == "posix" and mode.st_uid != os.getuid():
            raise UsageError(f"{file}: belongs to another user", f"{file}：属于其他用户")
        data = toml.parsed(beneath.whole(file, toml.MOST))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", f"{file}：{error.strerror}") from None
    except toml.NoToml:
        # The parser's sentence may quote the line, and the line may hold a secret.
        raise UsageError(f"{file}: not a TOML file", f"{file}：不是 TOML 文件") from None
    if not all(isinstance(value, str) for value in data.values()):
        raise UsageError(f'{file}: wants lines of the form name = "value"', f'{file}：每行应为 name = "value"')
    return {key.lower(): value for key, value in data.items()}


def _from_keyring(name: str) -> str | None:
    """The value kept by the desktop, where the package `keyring` is installed and has a store."""
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:  # it is optional; who needs the key says which is missing and where it may stand
        return None
    try:
        value = keyring.get_password(_SERVICE, name)
    except Exception as error:  # noqa: BLE001  stores fail in their own ways; the key is missing then, and that is told
        logging.getLogger("preflight").debug("keyring: %s", type(error).__name__)
        return None
    return value if isinstance(value, str) else None


def hush(*more: str) -> None:
    """Keep libraries that log requests from writing URLs and signatures, whatever the program around us logs.

    `more` are loggers of a platform's own packages.
    """
    for name in (*_LOUD, *more):
        logging.getLogger(name).setLevel(logging.CRITICAL)


# --- sealing --------------------------------------------------------------------------------------------
# A pre-signed URL must survive a killed run, or its parts would be sent twice, and must not lie about in the
# journal. It is sealed with the account's own secret: whoever can open it could have asked for a new URL anyway.
# HMAC-SHA-256 in counter mode, then HMAC over nonce and text, with separate keys.


def _keys(secret: str) -> tuple[bytes, bytes]:
    root = hashlib.sha256(b"media-preflight/seal/1\0" + secret.encode()).digest()
    return hmac.digest(root, b"cipher", "sha256"), hmac.digest(root, b"mark", "sha256")


def _mix(key: bytes, nonce: bytes, text: bytes) -> bytes:
    blocks = range(0, len(text), 32)
    stream = b"".join(hmac.digest(key, nonce + number.to_bytes(8, "big"), "sha256") for number in blocks)
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))


def seal(secret: str, value: object) -> str:
    """A JSON value, unreadable and unchangeable without `secret`."""
    cipher, mark = _keys(secret)
    nonce = random.token_bytes(16)
    hidden = nonce + _mix(cipher, nonce, json.dumps(value).encode())
    return base64.b64encode(hmac.digest(mark, hidden, "sha256") + hidden).decode("ascii")


def unseal(secret: str, sealed: object) -> Any:
    """The value that was sealed, or None when this is not it or the secret is another one."""
    if not isinstance(sealed, str):
        return None
    try:
        raw = base64.b64decode(sealed, validate=True)
    except ValueError:  # no seal of ours: who reads it asks the platform for another URL
        return None
    cipher, mark = _keys(secret)
    tag, hidden = raw[:32], raw[32:]
    if not hmac.compare_digest(tag, hmac.digest(mark, hidden, "sha256")):
        return None
    return json.loads(_mix(cipher, hidden[:16], hidden[16:]))
