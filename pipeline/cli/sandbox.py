"""`preflight sandbox`: both platforms on this machine, for integrators."""

from __future__ import annotations

import json
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
    """Serve until interrupted. What is sent is kept in --folder, else thrown away at the end."""
    kinds = options.fault or Faults().kinds
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not 0 <= options.faults <= 1:
        raise UsageError(
            f"--fault is one of {', '.join(KINDS)}; --faults is a share of 0 to 1",
            f"--fault 可取 {'、'.join(KINDS)}；--faults 为 0–1 的比例",
        )
    with tempfile.TemporaryDirectory(prefix="preflight-sandbox-") as scratch:
        backend = Backend(
            folder=Path(options.folder or scratch),
            faults=Faults(rate=options.faults, kinds=kinds, seed=options.seed),
            region=options.region,
            review=options.review,
            clock_offset=options.clock_offset,
            pace=options.pace,
            account=Account(quota=int(amount("--quota", options.quota))),
        )
        try:
            emulator = Emulator(backend, options.port)
        except OSError as error:
            raise UsageError(
                f"port {options.port}: {error.strerror}", f"端口 {options.port}：{in_chinese(error)}"
            ) from None
        with emulator:
            _announce(emulator, options)
            threading.Event().wait()
    return 0


def _announce(emulator: Emulator, options: SandboxOptions) -> None:
    settings = emulator.settings()
    exports = [f"export {name}={value}" for name, value in settings.items()]
    if options.env:
        try:
            with replacing(Path(options.env), mode=0o600) as file:
                file.write("\n".join([*exports, ""]))
        except OSError as error:
            raise UsageError(f"{options.env}: {error.strerror}", f"{options.env}：{in_chinese(error)}") from None
    if options.json or options.jsonl:
        sys.stdout.write(json.dumps({"url": emulator.url, "environment": settings}) + "\n")
    else:
        out = console.console()
        for line in exports:
            out.print(console.clean(line), soft_wrap=True)
        if not options.quiet:
            told = Text("shows what is there; Ctrl-C ends", "显示现有内容；按 Ctrl-C 结束")
            out.print(console.clean(f"# {emulator.url}/_sandbox/state {told.of(options.lang)}"), soft_wrap=True)
    sys.stdout.flush()
