"""`preflight sandbox`: both platforms on this machine, for integrators."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from argparse import Namespace
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.report import console
from pipeline.upload.emulator.backend import Account, Backend
from pipeline.upload.emulator.faults import KINDS, Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.rate_limit import amount


def sandbox_verb(options: Namespace, lang: str) -> int:
    """Serve until interrupted. What is sent is kept in --folder, else thrown away at the end."""
    del lang  # settings are the same in every language
    kinds = tuple(options.fault) or Faults().kinds
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not 0 <= options.faults <= 1:
        raise UsageError(
            f"--fault is one of {', '.join(KINDS)}; --faults is a share of 0 to 1",
            f"--fault 可取 {'、'.join(KINDS)}；--faults 为 0–1 的比例",
        )
    with tempfile.TemporaryDirectory(prefix="preflight-sandbox-") as scratch:
        world = Backend(
            folder=Path(options.folder or scratch),
            faults=Faults(rate=options.faults, kinds=kinds, seed=options.seed),
            region=options.region,
            review=options.review,
            clock_offset=options.clock_offset,
            pace=options.pace,
            account=Account(quota=int(amount("--quota", options.quota))),
        )
        try:
            sandbox = Emulator(world, options.port)
        except OSError as error:
            raise UsageError(
                f"port {options.port}: {error.strerror}", f"端口 {options.port}：{error.strerror}"
            ) from None
        with sandbox:
            _announce(sandbox, options)
            threading.Event().wait()
    return 0


def _announce(sandbox: Emulator, options: Namespace) -> None:
    settings = sandbox.settings()
    if options.json or options.jsonl:
        sys.stdout.write(json.dumps({"url": sandbox.url, "environment": settings}) + "\n")
    else:
        out = console.console()
        for name, value in settings.items():
            out.print(console.clean(f"export {name}={value}"), soft_wrap=True)
        if not options.quiet:
            out.print(console.clean(f"# {sandbox.url}/_sandbox/state shows what is there; Ctrl-C ends"), soft_wrap=True)
    sys.stdout.flush()
