"""`preflight serve`: open the door, say where it is, clean up behind."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import sys
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, workers
from pipeline.errors import ToolMissing, UsageError
from pipeline.model.facts import Text
from pipeline.model.units import NotAValue, byte_readings


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """Of `preflight serve`."""

    host: str
    port: int
    max_size: str
    jobs: int | None


def declare(parser: Parser) -> type[ServeOptions]:
    """Add the arguments; they become what is returned."""
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
    workers(parser)
    Options.declare(parser)
    return ServeOptions


def run(options: ServeOptions) -> int:
    """Serve until interrupted; exit code 0 then. Raises UsageError, ToolMissing."""
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
    from pipeline.serve.sessions import room

    try:
        most = byte_readings(options.max_size)[1]
    except NotAValue as error:
        raise UsageError(f"--max-size: {error}", f"--max-size：{error.text.zh}") from None
    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    with room(most) as held:
        hosts = _hosts(options.host, port)
        app = application(held, token, hosts, options.jobs or cores(), options.lang)
        shown = f"[{options.host}]" if ":" in options.host else options.host
        sys.stdout.write(f"http://{shown}:{port}/{token}/\n")
        sys.stdout.flush()
        if not _loopback(options.host):
            told = Text("others on this network can reach this page", "网络中的其他人可以访问此页面")
            sys.stderr.write(f"preflight: {told.of(options.lang)}\n")
        try:
            uvicorn.Server(config(app)).run(sockets=[listening])
        except KeyboardInterrupt:  # how a server is ended: nothing is left to say
            return 0
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
