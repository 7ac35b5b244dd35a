"""What `preflight upload` ends with, as a process: what a script decides by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from pipeline.upload.emulator.server import Emulator
from tests import ROOT
from tests.upload import made

MAKE: Final = '[make]\nAnchorName = "voice"\nSexType = "MALE"\n'
CHECK: Final = "[check]\nzeroshot = true\n"


def upload(running: Emulator, manifest: Path, order: str = "") -> int:
    (manifest.parent / "order.toml").write_text(order, encoding="utf-8")
    to = "tencent" if "tencent/" in json.loads(manifest.read_text(encoding="utf-8"))["preset"]["id"] else "metastudio"
    words = [sys.executable, "-m", "pipeline", "upload", str(manifest), "--to", to, "-q", "--wait", "20"]
    env = os.environ | running.settings() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words, "--order", str(manifest.parent / "order.toml")], env=env, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode


def recorded(near: Path) -> Counter[str]:
    """How the record beside the manifest says that it went."""
    return Counter(one["status"] for one in json.loads((near / "upload.json").read_text(encoding="utf-8"))["assets"])


@pytest.mark.parametrize(
    ("code", "statuses", "sent"),
    [
        (0, ["ready", "fixed"], ["sent", "sent"]),
        (1, ["ready", "blocked"], ["sent", "refused"]),
        (5, ["ready", "ready"], ["sent", "failed"]),
        (5, ["ready", "ready", "blocked"], ["sent", "failed", "refused"]),  # a failure comes before a refusal
    ],
)
def test_of_a_library(near: Path, running: Emulator, code: int, statuses: list[str], sent: list[str]) -> None:
    if code == 5:
        running.backend.faults.order("POST /v1/sandboxproject/digital-assets", "no-rights")
    assets = [
        made.asset("image", "image", [made.output(near, f"{number}.png", b"%d" % number)], status)
        for number, status in enumerate(statuses)
    ]
    assert upload(running, made.write(near, "metastudio/asset-library", assets)) == code
    assert recorded(near) == Counter(sent)


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("code", "order"),
    [
        (0, CHECK + MAKE + '[confirm]\nOperate = "AGREE"\n'),
        (2, MAKE),  # no AudioId, and nothing that gives one
        (2, MAKE.replace("AnchorName", "AnchorNmae")),
        (2, "nonsense"),
        (6, CHECK + MAKE),  # a demo waits for a person
    ],
)
def test_of_a_voice(near: Path, running: Emulator, code: int, order: str) -> None:
    asset = made.asset("audio", "audio", [made.output(near, "voice.wav", b"hello")])
    assert upload(running, made.write(near, "tencent/voice-instant", [asset]), order) == code
    if code == 2:
        assert running.backend.calls == []
    else:
        assert recorded(near) == Counter(["waiting" if code == 6 else "sent"])
