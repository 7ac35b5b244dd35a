"""Every bad input: which asset, which step, what the far end said with its meaning in both languages, what to do;
exit 5; the rest is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main as cli
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.retry import Patience
from tests.upload import made

QUICK = Patience(attempts=3, first=0.01, cap=0.01)


@dataclass
class Try:
    """A batch of three whose first asset, clip000 or face000, is the bad one."""

    manifest: Path
    running: Emulator
    environment: pytest.MonkeyPatch
    faults: list[tuple[str, str]] = field(default_factory=list)

    def edit(self, **change: Any) -> None:
        """Change its output in the manifest; None takes a key away."""
        self._edit(lambda asset: asset["outputs"][0], change)

    def edit_asset(self, **change: Any) -> None:
        """Change its entry in the manifest; None takes a key away."""
        self._edit(lambda asset: asset, change)

    def _edit(self, of: Callable[[dict[str, Any]], dict[str, Any]], change: dict[str, Any]) -> None:
        data = json.loads(self.manifest.read_text(encoding="utf-8"))
        one = of(data["assets"][0])
        one |= change
        for key in [key for key in one if key in change and change[key] is None]:
            del one[key]
        self.manifest.write_text(json.dumps(data), encoding="utf-8")

    def file(self) -> Path:
        """Its output."""
        return next(path for path in self.manifest.parent.iterdir() if path.stem in ("clip000", "face000"))

    def fault(self, call: str, kind: str) -> None:
        """One in every run of the command."""
        self.faults.append((call, kind))


Bad = Callable[[Try], object]
AGAIN = ("prepare", "again"), ("prepare",)
ROWS: list[tuple[str, str, Bad, tuple[str, ...], tuple[str, ...]]] = [
    # destination, what, how, words in English, words in Chinese: asset, step, code, meaning, what to do
    (
        "metastudio",
        "no digest",
        lambda t: t.edit(md5=None),
        ("clip000.mp4", "outputs[0].md5: is missing", *AGAIN[0]),
        AGAIN[1],
    ),
    ("metastudio", "no size", lambda t: t.edit(size=None), ("clip000.mp4", "outputs[0].size: is", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "odd size", lambda t: t.edit(size="12"), ("clip000.mp4", "outputs[0].size: w", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "no path", lambda t: t.edit(path=None), ("outputs[0].path", *AGAIN[0]), AGAIN[1]),
    (
        "metastudio",
        "odd category",
        lambda t: t.edit(category="MIAN"),
        ("clip000", "outputs[0].category", *AGAIN[0]),
        AGAIN[1],
    ),
    ("metastudio", "away", lambda t: t.edit(path="../clip000.mp4"), ("leaves the folder", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "no source", lambda t: t.edit_asset(source=None), ("asset 0", "source", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "no kind", lambda t: t.edit_asset(kind=None), ("clip000.mp4", "kind", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "no outputs", lambda t: t.edit_asset(outputs=None), ("clip000.mp4", "outputs", *AGAIN[0]), AGAIN[1]),
    ("metastudio", "odd outputs", lambda t: t.edit_asset(outputs=[7]), ("clip000.mp4", "outputs", *AGAIN[0]), AGAIN[1]),
    (
        "metastudio",
        "odd role",
        lambda t: t.edit_asset(role="vidio", kind="unknown"),
        ("clip000.mp4", "asset type"),
        ("资产类型",),
    ),
    ("metastudio", "no status", lambda t: t.edit_asset(status=None), ("clip000.mp4", "status", *AGAIN[0]), AGAIN[1]),
    (
        "metastudio",
        "blocked",
        lambda t: t.edit_asset(status="blocked"),
        ("clip000.mp4", "outputs: a main file, and yet the status is blocked", *AGAIN[0]),
        AGAIN[1],
    ),
    (
        "metastudio",
        "changed",
        lambda t: t.file().write_bytes(b"other"),
        ("clip000.mp4", "changed since prepare", *AGAIN[0]),
        ("prepare 之后被修改", *AGAIN[1]),
    ),
    ("metastudio", "missing", lambda t: t.file().unlink(), ("clip000.mp4", "No such file", *AGAIN[0]), AGAIN[1]),
    ("tencent", "changed", lambda t: t.file().write_bytes(b"x"), ("face000.png", "changed", *AGAIN[0]), AGAIN[1]),
    (
        "metastudio",
        "no rights",
        lambda t: t.fault("POST /v1/sandboxproject/digital-assets", "no-rights"),
        ("create asset 'clip000'", "APIGW.0302", "may not do that", "grant the MetaStudio permission"),
        ("APIGW.0302", "无此权限", "请授予"),
    ),
    (
        "metastudio",
        "no quota",
        lambda t: t.fault("/files", "no-quota"),
        ("create file 'clip000.mp4'", "MSS.10001024", "quota is used up", "delete assets or buy storage"),
        ("MSS.10001024", "配额已用完", "请删除"),
    ),
    (
        "metastudio",
        "disk full",
        lambda t: t.fault("PUT /obs", "disk-full"),
        ("PUT 'clip000.mp4'", "InsufficientStorage", "disk is full", "free space"),
        ("InsufficientStorage", "磁盘已满", "请"),
    ),
    (
        "tencent",
        "no rights",
        lambda t: t.fault("getuploadcredentials", "no-rights"),
        ("getuploadcredentials", "100005", "not authorised", "check keys"),
        ("100005", "未获授权", "请检查"),
    ),
    (
        "tencent",
        "no rights in the store",
        lambda t: t.fault("PUT /cos", "no-rights"),
        ("face000.png", "PUT", "AccessDenied", "access denied", "check rights"),
        ("AccessDenied", "拒绝访问", "请检查权限"),
    ),
    (
        "tencent",
        "no quota",
        lambda t: t.fault("getuploadcredentials", "no-quota"),
        ("getuploadcredentials", "100008", "quota is used up", "buy more"),
        ("100008", "配额已用完", "请购买"),
    ),
    (
        "tencent",
        "disk full",
        lambda t: t.fault("PUT /cos", "disk-full"),
        ("face000.png", "PUT", "InsufficientStorage", "disk is full", "free space"),
        ("InsufficientStorage", "磁盘已满", "请"),
    ),
]
# These concern the whole account, not one asset of the batch.
WHOLE: list[tuple[str, str, Bad, tuple[str, ...], tuple[str, ...]]] = [
    (
        "metastudio",
        "wrong project",
        lambda t: t.environment.setenv("PREFLIGHT_METASTUDIO_PROJECT", "elsewhere"),
        ("query assets", "APIGW.0305", "check project and region"),
        ("APIGW.0305", "请检查项目与区域"),
    ),
    (
        "metastudio",
        "wrong region",
        lambda t: t.environment.setenv("PREFLIGHT_METASTUDIO_ENDPOINT", "https://nowhere-9.invalid"),
        ("query assets", "nowhere-9.invalid cannot be reached", "Check region"),
        ("无法连接", "请检查区域"),
    ),
    (
        "tencent",
        "wrong key",
        lambda t: t.environment.setenv("PREFLIGHT_TENCENT_ACCESSTOKEN", "another-token"),
        ("getuploadcredentials", "100005", "check keys"),
        ("100005", "请检查密钥"),
    ),
]


@pytest.fixture
def running(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("pipeline.upload.metastudio.destination.Patience", lambda: QUICK)
    monkeypatch.setattr("pipeline.upload.tencent.destination.Patience", lambda: QUICK)
    return running


def _run(one: Try, destination: str, lang: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    words = ["upload", str(one.manifest), "--to", destination, "--json", "--lang", lang, "-j", "1"]
    for call, kind in one.faults:
        one.running.backend.faults.order(call, kind)
    code = cli.main(words)
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["assets"]
    failed = {entry["status"] for entry in told} - {"sent", "skipped", "refused"}
    assert code == (5 if failed else 1), "1 where our own rules refused it and the rest is delivered"
    return told


def _spoilt(destination: str, tmp_path: Path, running: Emulator, patch: pytest.MonkeyPatch, bad: Bad) -> Try:
    near = tmp_path / "near"
    near.mkdir()
    one = Try((made.mixed if destination == "metastudio" else made.photos)(near, 3), running, patch)
    bad(one)
    return one


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("destination", "what", "bad", "english", "chinese"), ROWS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_one_bad_asset_is_explained_and_the_rest_is_sent(
    tmp_path: Path,
    running: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    destination: str,
    what: str,
    bad: Bad,
    english: tuple[str, ...],
    chinese: tuple[str, ...],
) -> None:
    if destination == "tencent":
        pytest.importorskip("qcloud_cos")
    one = _spoilt(destination, tmp_path, running, monkeypatch, bad)
    told = _run(one, destination, "en", capsys)
    assert [entry["status"] for entry in told[1:]] == ["sent", "sent"], what
    assert told[0]["status"] in ("failed", "refused")
    assert [word for word in english if word not in told[0]["message"]] == [], told[0]["message"]
    again = _run(one, destination, "zh", capsys)
    assert [entry["status"] for entry in again[1:]] == ["skipped", "skipped"], "nothing goes twice"
    assert [word for word in chinese if word not in again[0]["message"]] == [], again[0]["message"]


@pytest.mark.parametrize(
    ("destination", "what", "bad", "english", "chinese"), WHOLE, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_bad_account_is_explained_for_every_asset(
    tmp_path: Path,
    running: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    destination: str,
    what: str,
    bad: Bad,
    english: tuple[str, ...],
    chinese: tuple[str, ...],
) -> None:
    if destination == "tencent":
        pytest.importorskip("qcloud_cos")
    one = _spoilt(destination, tmp_path, running, monkeypatch, bad)
    for lang, words in (("en", english), ("zh", chinese)):
        told = _run(one, destination, lang, capsys)
        assert {entry["status"] for entry in told} == {"failed"}, what
        for entry in told:
            assert [word for word in words if word not in entry["message"]] == [], entry["message"]
    assert running.backend.objects == {}


@pytest.mark.parametrize("assets", [None, {}, "all"])
def test_a_manifest_without_assets_is_a_usage_error(
    tmp_path: Path, running: Emulator, capsys: pytest.CaptureFixture[str], assets: object
) -> None:
    manifest = made.mixed(tmp_path, 1)
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(data | {"assets": assets}), encoding="utf-8")
    assert cli.main(["upload", str(manifest), "--to", "metastudio"]) == 2
    assert "assets: wanted a list, found" in capsys.readouterr().err
