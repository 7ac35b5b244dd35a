"""Files elsewhere, at any address fsspec knows: listed, fetched whole, stored whole.

The network belongs to processes that decode nothing: whoever fetches and stores runs no decoder, and workers,
which do, have no network.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib
import re
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from pipeline.errors import AssetError, PreflightError, UsageError
from pipeline.model.ceilings import ANSWERED, FETCH_WALL, LISTED
from pipeline.model.facts import Text
from pipeline.storage import beneath, urls
from pipeline.storage.pace import Pace, lasting, waited, web

_WEB: Final = frozenset({"http", "https"})
# Where an object appears whole or not at all. Elsewhere it is written under another name, then moved.
_OBJECTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "cosn", "obs", "memory"})
_STATE: Final = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "checksum", "Digest", "VersionId")
_TIMES: Final = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "modified", "created")
_BLOCK: Final = 1 << 20
E = TypeVar("E", bound=PreflightError)
_QUERY: Final = re.compile(r"\?[^\s'\")]*")
_NOTHING: Final = Text("nothing is there", "该处没有内容")
_DENIED: Final = Text("access is denied", "无权访问")
_ANSWERS: Final = {401: _DENIED, 403: _DENIED, 404: _NOTHING, 410: _NOTHING}  # HTTP status
_KINDS: Final[tuple[tuple[type[BaseException], Text], ...]] = (
    (ConnectionError, Text("it cannot be reached", "无法连接")),
    (TimeoutError, Text("it does not answer in time", "未在时限内应答")),
    (PermissionError, _DENIED),
    (FileNotFoundError, Text("nothing is there, or it cannot be reached", "该处没有内容，或无法连接")),
    (NotADirectoryError, Text("a file is where a folder should be", "应为文件夹处是文件")),
    (IsADirectoryError, Text("a folder is where a file should be", "应为文件处是文件夹")),
)
_UNTOLD: Final = Text("it fails and does not say why", "出错，但未说明原因")


class There(Struct, frozen=True):
    """One file elsewhere."""

    url: str
    relative: str  # below what was named
    state: str  # size, then what changes with its content; "" where nothing tells


def system(url: str) -> tuple[Any, str]:
    """fsspec's file system for this address, and the path in it. Raises UsageError."""
    if "::" in url:  # a stranger's object name could lead to another host this way
        raise UsageError(
            f"{urls.shown(url)}: '::' chains file systems, which is not done here; give the file another name",
            f"{urls.shown(url)}：不支持用 '::' 串联文件系统，请更改文件名",
        )
    try:
        core: Any = importlib.import_module("fsspec.core")
    except ImportError:
        raise UsageError(
            f"{urls.shown(url)}: needs the package fsspec: `pip install 'media-preflight[remote]'`",
            f"{urls.shown(url)}：需要 fsspec：`pip install 'media-preflight[remote]'`",
        ) from None
    try:
        found, path = core.url_to_fs(url, **({"get_client": web} if _scheme(url) in _WEB else {}))
    except (ValueError, ImportError) as error:
        raise UsageError(f"{urls.shown(url)}: {error}", f"{urls.shown(url)}：{error}") from None
    return found, str(path)


def inside(url: str, top: str) -> bool:
    """Whether one address is the other or below it, however they are written."""
    (one, path), (other, above) = system(url), system(top)
    return type(one) is type(other) and f"{path}/".startswith(f"{above.rstrip('/')}/")


def why(error: BaseException) -> Text:
    """What went wrong at a far end, in our words where there are any, without signatures."""
    chain = [one for one in (error, error.__cause__) if one]
    told = (getattr(one, "status", None) for one in chain)
    status = next((one for one in told if isinstance(one, int)), 0)
    if status in _ANSWERS:
        return _ANSWERS[status]
    if status:
        return Text(f"the server answers {status}", f"服务器返回 {status}")
    for kind, words in _KINDS:
        if any(isinstance(one, kind) for one in reversed(chain)):  # the cause knows better
            return words
    return Text.same(_QUERY.sub("", str(error))) if str(error).strip() else _UNTOLD


def failed(kind: type[E], url: str, error: BaseException, en: str = "", zh: str = "") -> E:
    """What went wrong there as an error of this kind: in our words where they are ours, else as `why` has it."""
    for one in (error, error.__cause__):  # fsspec calls missing whatever it could not ask for
        if isinstance(one, PreflightError):
            return one if isinstance(one, kind) else kind(one.text.en, one.text.zh)
    said, shown = why(error), urls.shown(url)
    return kind(f"{en}{shown}: {said.en.replace(url, shown)}", f"{zh}{shown}：{said.zh.replace(url, shown)}")


def _state(info: dict[str, Any]) -> str:
    size = info.get("size")
    marks = [info[key] for key in _STATE if info.get(key)] or [info[key] for key in _TIMES if info.get(key)]
    said = (mark.isoformat() if isinstance(mark, datetime) else str(mark) for mark in marks)
    return f"{size} {' '.join(said)}" if isinstance(size, int) and marks else ""


def find(url: str) -> Iterator[There]:
    """The file at this address, those below it, or those that a pattern (`*`, `?`, `[]`, `**`) matches, sorted.

    A page of the web is one file: the links in it are its author's, not the user's. Raises UsageError.
    """
    found, path = system(url)
    try:
        found.invalidate_cache()
        try:
            info = waited(url, ANSWERED, lambda: found.info(path))
        except FileNotFoundError:
            if _scheme(url) in _WEB or not re.search(r"[*?\[]", path):
                raise
            top = re.split(r"[*?\[]", path, maxsplit=1)[0].rpartition("/")[0]
            yield from _below(found, top, waited(url, LISTED, lambda: found.glob(path, detail=True)))
            return
        if info.get("type") == "directory" and _scheme(url) not in _WEB:
            yield from _below(found, path, waited(url, LISTED, lambda: found.find(path, detail=True)))
        else:
            yield There(url, _name(url, path), _state(info))
    except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
        raise failed(UsageError, url, error) from None


def _below(found: Any, top: str, listed: dict[str, dict[str, Any]]) -> Iterator[There]:
    for path, info in sorted(listed.items()):
        if info.get("type") == "file" and not path.endswith("/"):
            relative = path.removeprefix(top).lstrip("/")
            yield There(str(found.unstrip_protocol(path)), relative, _state(info))


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _name(url: str, path: str) -> str:
    """The last part of an address as the name of a file."""
    shown = unquote(urlsplit(url).path) if _scheme(url) in _WEB else path
    name = re.sub(r"[\0/]", "_", shown.rstrip("/").rpartition("/")[2])
    return name if name.strip(".") else "file"


def fetch(url: str, folder: Path) -> Path:
    """The file at this address, whole and unchanged meanwhile, in `folder` under its own name. Raises AssetError."""
    try:
        found, path = system(url)
        info = waited(url, ANSWERED, lambda: found.info(path))
        size = info.get("size") if isinstance(info.get("size"), int) else None
        pace = Pace(url, size, pieces=_scheme(url) not in _OBJECTS)
        target = folder / _name(url, path)
        most = FETCH_WALL if size is None else lasting(size)
        waited(url, most, lambda: found.get_file(path, str(target), callback=pace.callback()))
        if not target.is_file():
            raise AssetError(f"{urls.shown(url)} is no file", f"{urls.shown(url)} 不是文件")  # noqa: TRY301  the sentence is made where it is known
        # A library made it, with the rights that are usual here (often a group may write); it may be state of ours.
        target.chmod(target.stat().st_mode & ~0o022)
        found.invalidate_cache()
        grown = size is not None and target.stat().st_size != size
        if grown or _state(waited(url, ANSWERED, lambda: found.info(path))) != _state(info):
            raise _changed(url)  # noqa: TRY301  as above
    except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
        raise failed(AssetError, url, error, "not fetched: ", "下载失败：") from None
    return target


def read(url: str, most: int) -> bytes:
    """All bytes of the file at this address, at most `most`. Raises AssetError, UsageError where it is larger."""
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        return beneath.whole(fetch(url, Path(folder)), most)


def beside(url: str, path: str) -> str:
    """The address of what lies at `path`, relative and with "/", in the folder of the file at this address.

    Raises UsageError where the address is signed for one file.
    """
    if _scheme(url) not in _WEB:
        return f"{url.rpartition('/')[0]}/{path}"
    if urlsplit(url).query:
        raise UsageError(
            f"{urls.shown(url)} is an address for one file only: what lies beside it cannot be reached with it",
            f"{urls.shown(url)} 只对单个文件有效：无法取得同目录的其他文件",
        )
    return f"{url.partition('#')[0].rpartition('/')[0]}/{quote(path)}"


def _changed(url: str) -> AssetError:
    return AssetError(
        f"{urls.shown(url)} changed while it was read; run again", f"{urls.shown(url)} 在读取过程中被修改，请重新运行"
    )


@contextlib.contextmanager
def whole(found: Any, url: str, path: str) -> Iterator[str]:
    """The name to write a file under so that it is there whole or not at all: an object store takes objects whole,
    elsewhere it is another name in the same folder, moved when all is written. Raises what the file system raises."""
    if _scheme(url) in _OBJECTS:
        yield path
        return
    waited(url, ANSWERED, lambda: found.makedirs(str(PurePosixPath(path).parent), exist_ok=True))
    part = str(PurePosixPath(path).with_name(f".{uuid.uuid4().hex}.part"))
    try:
        yield part
        waited(url, ANSWERED, lambda: found.mv(part, path))
    except BaseException:
        with contextlib.suppress(Exception):  # the first error is the one to tell
            waited(url, ANSWERED, lambda: found.rm_file(part))
        raise


def store(source: Path, url: str, md5: str) -> None:
    """Put a file there, whole or not at all, and prove it by its ETag or by reading it back. Raises AssetError."""
    size = source.stat().st_size
    try:
        found, path = system(url)
        with whole(found, url, path) as name:
            waited(url, lasting(size), lambda: found.put_file(str(source), name))
        found.invalidate_cache()
        if not same(url, size, md5):
            raise AssetError(  # noqa: TRY301  as above
                f"{urls.shown(url)}: read back, it is not what was written", f"{urls.shown(url)}：回读内容与写入不一致"
            )
    except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
        raise failed(AssetError, url, error, "not stored: ", "写入失败：") from None


def same(url: str, size: int, md5: str) -> bool:
    """Whether the file there has this size and base64 MD5. False when there is none."""
    found, path = system(url)
    try:
        info = waited(url, ANSWERED, lambda: found.info(path))
    except FileNotFoundError:  # the answer
        return False
    return info.get("size") == size and _holds(url, found, path, info, md5)


def holds(url: str, md5: str) -> bool:
    """Whether the file there has this base64 MD5. Raises FileNotFoundError, and what the file system raises."""
    found, path = system(url)
    return _holds(url, found, path, waited(url, ANSWERED, lambda: found.info(path)), md5)


def _holds(url: str, found: Any, path: str, info: dict[str, Any], md5: str) -> bool:
    if str(info.get("ETag", "")).strip('"') == base64.b64decode(md5).hex():
        return True  # where an ETag is no MD5 it does not agree, and the bytes decide
    size = info["size"] if isinstance(info.get("size"), int) else None
    digest, pace = hashlib.md5(usedforsecurity=False), Pace(url, size, pieces=True)

    def read() -> str:
        received = 0
        with found.open(path, "rb") as file:
            while block := file.read(_BLOCK):
                received += len(block)
                pace.see(received)
                digest.update(block)
        return base64.b64encode(digest.digest()).decode("ascii")

    return waited(url, FETCH_WALL if size is None else lasting(size), read) == md5


def exists(url: str) -> bool:
    """Whether there is anything."""
    found, path = system(url)
    return waited(url, ANSWERED, lambda: bool(found.exists(path)))


def remove(url: str) -> None:
    """Take a file away; no mistake when it is not there."""
    found, path = system(url)
    with contextlib.suppress(FileNotFoundError):  # what was wanted is so
        waited(url, ANSWERED, lambda: found.rm_file(path))
    found.invalidate_cache()
