"""`preflight serve`: open the door, say where it is, clean up behind."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, workers
from pipeline.cli.output import emit
from pipeline.errors import ToolMissing, UsageError
from pipeline.model.facts import Text
from pipeline.model.units import NotAValue, byte_readings
from pipeline.serve.people import Anybody, Team, add, listed, remove

if TYPE_CHECKING:
    from pipeline.serve.door import Door, Network
    from pipeline.serve.sessions import Room

_TOKENS: Final = "tokens"  # in the folder of --data
_KEEP: Final = 168.0  # hours
_LONGEST: Final = 24 * 3660
# What browsers send by themselves, and what means something else to a proxy or to us.
_NO_PERSON: Final = re.compile(
    r"(accept|access-control|cache-control|connection|content|cookie|dnt|expect|forwarded|from|host|if|keep-alive|last|"
    r"origin|pragma|priority|proxy|range|referer|sec|te|trailer|transfer|tus|upgrade|upload|user-agent|via|"
    r"x-forwarded-(for|host|proto|port|server|prefix|scheme)|x-preflight|x-real-ip|x-requested-with)(-.*)?"
    r"|authorization"
)
_HEADER: Final = re.compile(
    r"[a-z0-9!#$%&'*+.^`|~-]{1,64}"
)  # of RFC 9110 5.1, but for _, which proxies drop or turn into -
_HOST: Final = re.compile(r"(?:[\w-]+(?:\.[\w-]+)*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


_NO_PROXY: Final = Text("no proxy is named", "未指定代理")


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """Of `preflight serve`."""

    what: str | None
    action: str | None
    person: str | None
    host: str
    port: int
    max_size: str
    data: str | None
    names: tuple[str, ...]
    proxies: tuple[str, ...]
    person_header: str | None
    quota: str | None
    keep: float | None
    jobs: int | None


def declare(parser: Parser) -> type[ServeOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=["token"],
        help=Text("people of a team's server, instead of serving", "管理团队服务的人员令牌，而不启动服务"),
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["add", "remove", "list"],
        help=Text("what to do about tokens", "对令牌的操作"),
    )
    parser.add_argument("person", nargs="?", metavar="NAME", help=Text("whose token", "令牌所属人员"))
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help=Text("address to listen on (default: this machine only)", "监听地址（默认：仅本机）"),
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8765,
        help=Text("port; 0 takes a free one (default: 8765)", "端口；0 表示任选空闲端口（默认：8765）"),
    )
    parser.add_argument(
        "--max-size",
        default="6 GiB",
        metavar="SIZE",
        help=Text("largest file taken (default: 6 GiB)", "接收的最大文件（默认：6 GiB）"),
    )
    team = parser.group(Text("a team's server", "团队服务"))
    team.add_argument(
        "--data",
        metavar="DIR",
        help=Text(
            "keep batches and tokens here, and let in who has a token", "批次与令牌的存放目录；仅持有令牌者可访问"
        ),
    )
    team.add_argument(
        "--name",
        action="append",
        default=[],
        dest="names",
        metavar="HOST",
        help=Text("a name or address that browsers open it by; repeatable", "浏览器访问所用的主机名或地址；可重复"),
    )
    team.add_argument(
        "--proxy",
        action="append",
        default=[],
        dest="proxies",
        metavar="ADDRESS",
        help=Text(
            "a proxy (or its network) whose word about host and https counts; repeatable",
            "可信代理的地址或网段，其转发的主机名与 https 信息有效；可重复",
        ),
    )
    team.add_argument(
        "--person-header",
        metavar="HEADER",
        help=Text(
            "a header in which those proxies name who asks, who then needs no token",
            "上述代理用来指明访问者的请求头；由此指明的人员无需令牌",
        ),
    )
    team.add_argument(
        "--quota",
        metavar="SIZE",
        help=Text("most that one person's files may take (default: 50 GiB)", "每人全部文件的上限（默认：50 GiB）"),
    )
    team.add_argument(
        "--keep",
        type=float,
        metavar="HOURS",
        help=Text(
            "sweep batches that nobody looked at for this long (default: 168)",
            "无人查看的批次保留多久（小时，默认：168）",
        ),
    )
    workers(parser)
    Options.declare(parser)
    return ServeOptions


def run(options: ServeOptions) -> int:
    """Serve until interrupted; exit code 0 then. Raises UsageError, ToolMissing."""
    if options.what:
        return _tokens(options)
    try:
        import uvicorn

        from pipeline.serve.app import application
        from pipeline.serve.server import config
    except ImportError as error:
        raise ToolMissing(
            f"the local page needs {error.name}: pip install 'media-preflight[web]'",
            f"本地页面需要 {error.name}：pip install 'media-preflight[web]'",
        ) from None
    from pipeline.engine.pool import cores

    with contextlib.ExitStack() as held:
        room, people = _room(options, held)
        listening = held.enter_context(_listen(options.host, options.port))
        port = listening.getsockname()[1]
        door = _door(options, port, people)
        app = application(room, door, options.jobs or cores(), options.lang)
        shown = f"[{options.host}]" if ":" in options.host else options.host
        token = f"{people.token}/" if isinstance(people, Anybody) else ""
        sys.stdout.write(f"http://{shown}:{port}/{token}\n")
        sys.stdout.flush()
        if not _loopback(options.host) and not door.team:
            told = Text("others on this network can reach this page", "网络中的其他人可以访问此页面")
            sys.stderr.write(f"preflight: {told.of(options.lang)}\n")
        try:
            uvicorn.Server(config(app)).run(sockets=[listening])
        except KeyboardInterrupt:  # how a server is ended: nothing is left to say
            return 0
    return 0


def _room(options: ServeOptions, held: contextlib.ExitStack) -> tuple[Room, Anybody | Team]:
    """Where batches lie, and who may come: a private folder and one token, or what `--data` names."""
    from pipeline.serve.sessions import kept_room, room

    most = _bytes("--max-size", options.max_size)
    if options.data is None:
        team: dict[str, object] = {"--name": options.names, "--proxy": options.proxies}
        team |= {"--person-header": options.person_header, "--quota": options.quota, "--keep": options.keep}
        given = [name for name, value in team.items() if value]
        if given:
            raise UsageError(f"{given[0]} needs --data DIR", f"{given[0]} 需要同时给出 --data DIR")
        return held.enter_context(room(most)), Anybody(secrets.token_urlsafe(24))
    keep = _KEEP if options.keep is None else options.keep
    if not 0 < keep < _LONGEST:
        raise UsageError(
            f"--keep {keep:g} is not between 0 and {_LONGEST} hours", f"--keep {keep:g} 应在 0 与 {_LONGEST} 小时之间"
        )
    quota = _bytes("--quota", options.quota or "50 GiB")
    place = Path(options.data)
    made = held.enter_context(kept_room(place, most, quota, keep * 3600))
    if options.person_header is None and not (place / _TOKENS).exists():
        raise UsageError(
            f"nobody has a token yet: preflight serve token add NAME --data {place}",
            f"尚无任何人员令牌：preflight serve token add NAME --data {place}",
        )
    return made, Team(place / _TOKENS)


def _bytes(option: str, size: str) -> int:
    try:
        return byte_readings(size)[1]
    except NotAValue as error:
        raise UsageError(f"{option}: {error}", f"{option}：{error.text.zh}") from None


def _door(options: ServeOptions, port: int, people: Anybody | Team) -> Door:
    from pipeline.serve.door import Door

    proxies = []
    for one in options.proxies:
        try:
            proxies.append(ipaddress.ip_network(one, strict=False))
        except ValueError:
            raise UsageError(
                f"--proxy {one}: wanted an address such as 10.0.0.5 or a network such as 10.0.0.0/24",
                f"--proxy {one}：应为 10.0.0.5 形式的地址或 10.0.0.0/24 形式的网络",
            ) from None
    header = _person_header(options.person_header, proxies)
    names = _hosts(options.host, port)
    for name in options.names:
        if not _HOST.fullmatch(name):
            raise UsageError(
                f"--name {name}: wanted a host such as preflight.example.org, 192.168.1.5 or [fd00::1], with a port "
                "where it is not the usual one",
                f"--name {name}：应为 preflight.example.org、192.168.1.5 或 [fd00::1] 形式的主机名，非默认端口需写明",
            )
        names |= {name.lower(), f"{name.lower()}:{port}"}
    return Door(people, names, proxies, team=isinstance(people, Team), header=header)


def _person_header(given: str | None, proxies: Sequence[Network]) -> str:
    """In small letters; empty where none was given. Raises UsageError when anybody could name himself by it."""
    if given is None:
        return ""
    header = given.lower()
    if not _HEADER.fullmatch(header) or _NO_PERSON.fullmatch(header):
        raise UsageError(
            f"--person-header {given}: wanted a header that the proxy alone sets, such as X-Forwarded-User",
            f"--person-header {given}：应为仅由代理设置的请求头，例如 X-Forwarded-User",
        )
    wide = [str(one) for one in proxies if not one.prefixlen]
    if wide or not proxies:
        found = Text(f"--proxy {wide[0]} is everybody", f"--proxy {wide[0]} 包含所有人") if wide else _NO_PROXY
        raise UsageError(
            f"--person-header {given}: {found.en}; give --proxy ADDRESS of the proxy that knows who asks",
            f"--person-header {given}：{found.zh}；请用 --proxy ADDRESS 指定负责认证的代理",
        )
    return header


def _tokens(options: ServeOptions) -> int:
    """Give a person a token, take it away, or list who has one."""
    if options.data is None or options.action is None or (options.action == "list") != (options.person is None):
        raise UsageError(
            "wanted: preflight serve token add NAME --data DIR (or remove NAME, or list)",
            "应为：preflight serve token add NAME --data DIR（或 remove NAME、list）",
        )
    place = Path(options.data)
    path = place / _TOKENS
    if options.action == "add":
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{place}: {error.strerror}", f"{place}：{error.strerror}") from None
        token = add(path, options.person or "")
        if not emit({"person": options.person, "token": token}, options):
            sys.stdout.write(f"{token}\n")
    elif options.action == "remove":
        remove(path, options.person or "")
        emit({"person": options.person}, options)
    else:
        people = sorted(listed(path))
        if not emit({"people": people}, options):
            sys.stdout.writelines(f"{name}\n" for name in people)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:  # getaddrinfo would take the remainder
        raise UsageError(f"--port {port} is not between 0 and 65535", f"--port {port} 不在 0 至 65535 之间")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)  # before the address is told, so that whoever reads it is not refused
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{host}:{port}: {said}. Try --port 0.", f"{host}:{port}：{said}。可试 --port 0。") from None
    return made


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name and no address; others than this one may lead to any network
        return host == "localhost"


def _hosts(host: str, port: int) -> frozenset[str]:
    """Values of the Host header that mean this server."""
    names = {host, "127.0.0.1", "localhost", "[::1]"} if _loopback(host) else {host, socket.gethostname()}
    bracketed = {f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names}
    return frozenset(f"{name}:{port}" for name in bracketed) | (frozenset(bracketed) if port == 80 else frozenset())
