"""`preflight sandbox`: both platforms on this machine, for integrators."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.errors import UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.storage.atomic import replacing
from pipeline.upload.emulator.backend import Account, Backend
from pipeline.upload.emulator.faults import KINDS, Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.rate_limit import amount


@dataclass(frozen=True, kw_only=True)
class SandboxOptions(Options):
    """Of `preflight sandbox`."""

    port: int
    folder: str | None
    env: str | None
    detach: bool
    faults: float
    fault: tuple[str, ...]
    seed: int
    region: str
    pace: float
    quota: str
    review: float  # seconds
    clock_offset: float  # seconds


def declare(parser: Parser) -> type[SandboxOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        help=Text("on the loopback interface (default: any)", "本机回环接口上的端口（默认：任意）"),
    )
    parser.add_argument("--folder", metavar="DIR", help=Text("keep what is sent here", "收到的文件保存在此"))
    parser.add_argument(
        "--env",
        metavar="FILE",
        help=Text("write the settings here, for the shell: `. FILE`", "将设置写入此文件，供 shell 用 `. FILE` 读取"),
    )
    parser.add_argument(
        "--detach",
        action="store_true",
        help=Text("serve beside the shell; what ends it is printed", "在后台运行，并打印结束它的命令"),
    )
    parser.add_argument(
        "--faults",
        type=float,
        default=0.0,
        metavar="SHARE",
        help=Text("of calls that go wrong, 0 to 1", "出错调用的比例，0 至 1"),
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND", help=Text("only these kinds of fault", "只模拟这些故障")
    )
    parser.add_argument("--seed", type=int, default=0, help=Text("of the faults", "故障的随机种子"))
    parser.add_argument("--region", default="cn-north-4", help=Text("whose rate limits hold", "采用哪个区域的频率限制"))
    parser.add_argument(
        "--pace", type=float, default=1.0, help=Text("times the stated rate limits", "标称频率限制的倍数")
    )
    parser.add_argument(
        "--quota",
        default="5368709120",
        metavar="BYTES",
        help=Text("space of the account, like 10G", "账户空间，如 10G"),
    )
    parser.add_argument(
        "--review",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help=Text("that an asset is reviewed", "素材审核所需的时间"),
    )
    parser.add_argument(
        "--clock-offset", type=float, default=0.0, metavar="SECONDS", help=Text("its clock runs ahead", "其时钟快多少")
    )
    Options.declare(parser)
    return SandboxOptions


def run(options: SandboxOptions) -> int:
    """Serve until interrupted, or beside the shell. What is sent is kept in --folder, else thrown away at the end."""
    kinds = options.fault or Faults().kinds
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not 0 <= options.faults <= 1:
        raise UsageError(
            f"--fault is one of {', '.join(KINDS)}; --faults is a share of 0 to 1",
            f"--fault 可取 {'、'.join(KINDS)}；--faults 为 0–1 的比例",
        )
    if options.detach and not hasattr(os, "fork"):
        raise UsageError("--detach is not possible on this system", "此系统不支持 --detach")
    quota = int(amount("--quota", options.quota))
    folder = Path(options.folder or tempfile.mkdtemp(prefix="preflight-sandbox-")).absolute()
    try:
        emulator = _bound(folder, kinds, quota, options)
        _written(emulator, options)
        # Bound already: what is asked from here on is answered as soon as the other one serves.
        other = os.fork() if options.detach else 0
        if other:
            _announce(emulator, options, Text(f"kill {other} ends", f"kill {other} 即可结束"))
            return 0
        if options.detach:
            _alone()
        else:
            _announce(emulator, options, Text("Ctrl-C ends", "按 Ctrl-C 结束"))
    except BaseException:
        _thrown_away(folder, options)
        raise
    try:
        with emulator:
            threading.Event().wait()
    finally:
        _thrown_away(folder, options)
    return 0


def _thrown_away(folder: Path, options: SandboxOptions) -> None:
    if not options.folder:
        shutil.rmtree(folder, ignore_errors=True)


def _bound(folder: Path, kinds: tuple[str, ...], quota: int, options: SandboxOptions) -> Emulator:
    """The emulator with its port. Raises UsageError."""
    try:
        backend = Backend(
            folder=folder,
            faults=Faults(rate=options.faults, kinds=kinds, seed=options.seed),
            region=options.region,
            review=options.review,
            clock_offset=options.clock_offset,
            pace=options.pace,
            account=Account(quota=quota),
        )
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", f"{folder}：{in_chinese(error)}") from None
    try:
        return Emulator(backend, options.port)
    except (OSError, OverflowError) as error:  # taken, not ours to take, or no port
        said = error.strerror if isinstance(error, OSError) else "0 to 65535"
        zh = in_chinese(error) if isinstance(error, OSError) else "应为 0 到 65535"
        raise UsageError(f"port {options.port}: {said}", f"端口 {options.port}：{zh}") from None


def _alone() -> None:
    """No terminal's signals, and no stream that a shell waits for."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _written(emulator: Emulator, options: SandboxOptions) -> None:
    """The settings as a file for the shell, where it was asked for. Raises UsageError."""
    if options.env:
        try:
            with replacing(Path(options.env), mode=0o600) as file:
                file.write("\n".join([*_exports(emulator), ""]))
        except OSError as error:
            raise UsageError(f"{options.env}: {error.strerror}", f"{options.env}：{in_chinese(error)}") from None


def _exports(emulator: Emulator) -> list[str]:
    return [f"export {name}={value}" for name, value in emulator.settings().items()]


def _announce(emulator: Emulator, options: SandboxOptions, ends: Text) -> None:
    if options.json or options.jsonl:
        sys.stdout.write(json.dumps({"url": emulator.url, "environment": emulator.settings(), "end": ends.en}) + "\n")
    else:
        out = console.console()
        for line in _exports(emulator):
            out.print(console.clean(line), soft_wrap=True)
        if not options.quiet:
            told = Text(f"shows what is there; {ends.en}", f"显示现有内容；{ends.zh}")
            out.print(console.clean(f"# {emulator.url}/_sandbox/state {told.of(options.lang)}"), soft_wrap=True)
    sys.stdout.flush()
