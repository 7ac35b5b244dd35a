"""`preflight upload` as a person or a script meets it."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import main as cli
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.retry import Patience
from tests.upload import made


@pytest.fixture
def running(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    return running


def _run(*words: str | Path) -> int:
    return cli.main(["upload", *(str(word) for word in words)])


def _job(near: Path, table: str) -> tuple[Path, Path]:
    """A manifest and an order for a training job, a voice or a script."""
    (near / "letter.pdf").write_bytes(b"letter")
    (near / "0.srt").write_bytes(b"1")
    names = {"take.mp4": "video", "front.jpg": "id-card", "back.jpg": "id-card", "grant.pdf": "grant-file"}
    preset, orders = "metastudio/avatar-training", 'name = "a"'
    if table == "voice":
        names, preset = {"voice.zip": "package"}, "metastudio/voice-basic"
        orders = f'voice_name = "a"\ntag = "NEWS"\nsex = "MALE"\nletter = "{near / "letter.pdf"}"'
    elif table == "script":
        names, preset = {"a.mp3": "audio-drive"}, "metastudio/video-production"
        orders = f'script_name = "a"\nsubtitles = {{ 0 = "{near / "0.srt"}" }}'
    assets = [made.asset("video", role, [made.output(near, name, name.encode())]) for name, role in names.items()]
    order = near / "order.toml"
    order.write_text(f"[{table}]\n{orders}\n", encoding="utf-8")
    return made.write(near, preset, assets), order


def test_a_batch_is_delivered_and_recorded(near: Path, running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = made.mixed(near, 3)
    assert _run(manifest, "--to", "metastudio", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "media-preflight/upload/1"
    assert told["summary"] == {"sent": 3, "skipped": 0, "pending": 0, "waiting": 0, "refused": 0, "failed": 0}
    assert json.loads((near / "upload.json").read_text(encoding="utf-8")) == told
    assert made.held(running.backend) == made.wanted(manifest)


def test_what_failed_is_5_and_the_rest_is_sent(
    near: Path, running: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = made.mixed(near, 3)
    (near / "clip001.png").unlink()
    assert _run(manifest, "--to", "metastudio") == 5
    said = capsys.readouterr().out
    assert "2 sent, 1 failed" in said
    assert "clip001.png" in said


def test_in_chinese(near: Path, running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = made.mixed(near, 1)
    (near / "clip000.mp4").write_bytes(b"other")
    assert _run(manifest, "--to", "metastudio", "--lang", "zh", "--json") == 5
    assert "prepare 之后被修改" in json.loads(capsys.readouterr().out)["assets"][0]["error"]["message"]


def test_a_dry_run_prints_every_call_and_makes_none(
    near: Path, running: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = made.mixed(near, 2)
    assert _run(manifest, "--to", "metastudio", "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [call.split()[0] for call in told["units"][0]["calls"]] == ["GET", "POST", "POST", "PUT", "POST", "GET"]
    assert running.backend.calls == []
    assert not (near / "upload.json").exists()


@pytest.mark.parametrize("what", ["asset", "training", "voice", "script", "objects", "parts", "make"])
def test_what_a_dry_run_promises_is_what_happens(
    near: Path, running: Emulator, what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that stores or makes something, in this order."""
    monkeypatch.setattr("pipeline.upload.metastudio.training._PART", 5)
    monkeypatch.setattr("pipeline.upload.tencent.destination.Patience", lambda: made.QUICK)
    if what == "parts":
        monkeypatch.setattr("pipeline.upload.tencent.cos.PART", 9_000)
    to, words = "metastudio", list[str | Path]()
    if what in ("training", "voice", "script"):
        manifest, order = _job(near, what)
        words = ["--order", order]
    elif what == "asset":
        manifest = made.mixed(near, 1)
    else:
        to, manifest = "tencent", made.photos(near, 1)
    if what == "make":
        order = near / "order.toml"
        texts = '[make]\nAnchorName = "ab"\nMakeType = "IMAGE_PHOTO"\nSexType = "MALE"\n[check]\nface = true\n'
        order.write_text(texts, encoding="utf-8")
        words = ["--order", order]
    assert _run(manifest, "--to", to, *words, "--dry-run", "--json") == 0
    planned = [call.split()[0] for call in json.loads(capsys.readouterr().out)["units"][0]["calls"]]
    assert _run(manifest, "--to", to, *words, "-q") == 0
    looks = (
        ("GET", "HEAD") if what != "make" else ("GET", "HEAD", "POST /v2/ivh/assetmanager/customservice/getprogress")
    )
    looks += () if what != "make" else ("POST /v2/ivh/facedetectserver/facedetectservice/getfacedetectstate",)
    writes = [call.split()[0] for call in running.backend.calls if not call.startswith(looks)]
    planned = [verb for verb in planned if verb not in ("GET", "HEAD")]
    assert planned == writes + ["POST"] * (2 if what == "make" else 0), "progress is one line of the plan"


def test_the_bar_shows_bytes_and_the_time_that_is_left(near: Path, running: Emulator) -> None:
    """In a terminal of its own. What failed is not waited for."""
    pty = pytest.importorskip("pty")
    assets = [made.asset("video", "video", [made.output(near, f"{n}.mp4", b"%d" % n * 500_000)]) for n in range(3)]
    manifest = made.write(near, "metastudio/asset-library", assets)
    (near / "1.mp4").unlink()
    leader, follower = pty.openpty()
    words = [sys.executable, "-m", "pipeline", "upload", str(manifest), "--to", "metastudio", "--bandwidth", "1M"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "110"}
    with subprocess.Popen(words, stdin=follower, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the other end has been closed
                break
            if not piece:
                break
            shown += piece
    os.close(leader)
    assert process.returncode == 5
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "/1.5 MB" in text
    assert "1.0/1.0 MB" in text, "the bar ends full although one asset failed"
    assert re.search(r"upload [123]/3 .* 0:00:0\d", text)
    assert "2 sent, 1 failed" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "metastudo"), "Did you mean 'metastudio'"),
        (("--to", "tencent"), "it cannot go to tencent"),
        (("--to", "metastudio", "--bandwidth", "fast"), "--bandwidth"),
        (("--to", "metastudio", "-j", "0"), "-j"),
        (("--to", "metastudio", "--order", "none.toml"), "none.toml"),
        (("--to", "metastudio", "--secrets", "none.toml"), "none.toml"),
        (("--to", "metastudio", "--region", "mars"), "no region"),
    ],
)
def test_usage_errors_are_2_and_send_nothing(
    near: Path, running: Emulator, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(made.mixed(near, 1), *words) == 2
    assert said in capsys.readouterr().err
    assert running.backend.calls == []


def test_events_one_a_line(near: Path, running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(made.mixed(near, 2), "--to", "metastudio", "--jsonl") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in told] == ["uploaded", "uploaded", "summary"]


def test_the_bandwidth_limit_holds(near: Path, running: Emulator) -> None:
    manifest = made.write(
        near, "metastudio/asset-library", [made.asset("video", "video", [made.output(near, "a.mp4", b"x" * 300_000)])]
    )
    started = time.monotonic()
    assert _run(manifest, "--to", "metastudio", "--bandwidth", "300k", "-q") == 0
    assert time.monotonic() - started > 0.5, "300 kB at 300 kB/s, a quarter of a second's worth at once"


def test_the_folder_destination_needs_no_package_and_no_key(tmp_path: Path, near: Path) -> None:
    """Imported in a process where none of the extra's packages can be found."""
    manifest = made.mixed(near, 1)
    hidden = ["httpx", "fsspec", "qcloud_cos", "requests", "huaweicloudsdkcore", "keyring"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden!r})); from pipeline.cli import main as cli; "
        f"sys.exit(cli.main(['upload', {str(manifest)!r}, '--to', 'file://{tmp_path}/there', '-q']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("destination", "extra"), [("metastudio", "upload"), ("tencent", "upload"), ("s3://ann:hunter2@there", "remote")]
)
def test_a_missing_package_is_named_with_what_to_install(near: Path, destination: str, extra: str) -> None:
    manifest = (made.photos if destination == "tencent" else made.mixed)(near, 1)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['httpx', 'fsspec'])); from pipeline.cli import main as cli; "
        f"sys.exit(cli.main(['upload', {str(manifest)!r}, '--to', {destination!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"media-preflight[{extra}]" in done.stderr
    assert "hunter2" not in done.stderr


# --- secrets --------------------------------------------------------------------------------------------

_LEAKS = re.compile(r"Signature=|q-signature|X-Auth-Token|AccessKeyId=|security-token", re.IGNORECASE)


def _written(
    near: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, but: tuple[str, ...] = ()
) -> str:
    """Screen, logs and every file beside the manifest, without those whose names begin so."""
    out = capfd.readouterr()
    files = [file.read_bytes().decode("utf-8", "replace") for file in near.iterdir() if not file.name.startswith(but)]
    return "".join((out.out, out.err, caplog.text, *files))


@pytest.mark.parametrize("destination", ["metastudio", "tencent"])
@pytest.mark.parametrize("kind", ["none", "500-after", "expired", "429", "lost-answer", "drop-mid"])
def test_no_secret_is_written_anywhere(
    near: Path,
    running: Emulator,
    destination: str,
    kind: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not on the screen, not in logs of any library at their loudest, not in the journal, not in the record."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Patience, "pause", lambda *_: None)
    if kind != "none":
        running.backend.faults.order("PUT", kind, 20)
    manifest = (made.mixed if destination == "metastudio" else made.photos)(near, 1)
    _run(manifest, "--to", destination, "-v", "--wait", "1")
    written = _written(near, capfd, caplog, but=("clip", "face"))
    account = running.backend.account
    secrets = [account.secret, account.accesstoken, account.token, *running.backend.urls]
    secrets += [str(v) for one in running.backend.credentials.values() for v in (one["TmpSecretKey"], one["Token"])]
    assert [secret for secret in secrets if secret in written] == []
    assert not _LEAKS.search(written)


@pytest.mark.parametrize("kind", ["lost-answer", "expired", "no-rights", "500"])
@pytest.mark.parametrize("table", ["training", "voice", "script"])
def test_no_pre_signed_url_of_a_job_or_script_is_written_anywhere(
    near: Path,
    running: Emulator,
    table: str,
    kind: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Patience, "pause", lambda *_: None)
    manifest, order = _job(near, table)
    for path in ("PUT /obs", "POST /v1"):
        running.backend.faults.order(path, kind, 2)
        _run(manifest, "--to", "metastudio", "--order", order, "-v", "--wait", "1")
    written = _written(near, capfd, caplog)
    assert running.backend.urls
    assert [secret for secret in (*running.backend.urls, running.backend.account.secret) if secret in written] == []
    assert not _LEAKS.search(written)


def test_no_option_takes_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parsed(["upload", "--help"])
    assert not re.search(r"--(ak|sk|token|password|key|accesstoken)\b", capsys.readouterr().out)


def test_keys_may_come_from_a_private_file(near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    account = running.backend.account
    monkeypatch.delenv("PREFLIGHT_METASTUDIO_AK")
    monkeypatch.delenv("PREFLIGHT_METASTUDIO_SK")
    secrets = near / "keys.toml"
    secrets.write_text(f'metastudio_ak = "{account.access}"\nmetastudio_sk = "{account.secret}"\n', encoding="utf-8")
    secrets.chmod(0o644)
    manifest = made.mixed(near, 1)
    assert _run(manifest, "--to", "metastudio", "--secrets", secrets, "-q") == 2
    secrets.chmod(0o600)
    assert _run(manifest, "--to", "metastudio", "--secrets", secrets, "-q") == 0


# --- kill -9 --------------------------------------------------------------------------------------------


@pytest.mark.every(2)
@pytest.mark.parametrize("destination", ["metastudio", "tencent"])
def test_killed_and_started_again_until_it_is_done(near: Path, tmp_path: Path, destination: str) -> None:
    manifest = (made.mixed if destination == "metastudio" else made.photos)(near, 10)
    with made.emulator(tmp_path / "far", faults=Faults(rate=0.1, seed=5, slow=0.05)) as running:
        environment = os.environ | running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}
        words = [sys.executable, "-m", "pipeline", "upload", str(manifest), "--to", destination, "-q"]
        for calls in (1, 5, 13, None, None, None):
            before = len(running.backend.calls)
            process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
            while calls and process.poll() is None and len(running.backend.calls) < before + calls:
                time.sleep(0.001)
            if calls:
                process.kill()
            if process.wait() == 0:
                break
        assert process.returncode == 0
        if destination == "metastudio":
            assert made.held(running.backend) == made.wanted(manifest)
            assert len(running.backend.assets) == 10
        else:
            held = {k.rsplit("/", 1)[1]: made.md5(o.path.read_bytes()) for k, o in running.backend.objects.items()}
            assert held == made.wanted(manifest)
