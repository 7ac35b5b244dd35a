"""Secrets: where they may come from, and that they come out nowhere."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.upload.credentials import Secrets, seal, unseal
from pipeline.upload.transfer import secure


def _file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_the_environment_comes_first_then_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, 'metastudio_ak = "from-file"\nmetastudio_sk = "file-sk"\n')
    secrets = Secrets(file, {"PREFLIGHT_METASTUDIO_AK": "from-environment", "HUAWEICLOUD_SDK_SK": "other"})
    assert secrets.find("METASTUDIO_AK") == "from-environment"
    assert secrets.find("METASTUDIO_SK", "HUAWEICLOUD_SDK_SK") == "file-sk"
    assert secrets.find("METASTUDIO_REGION") is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="chmod 600"):
        Secrets(_file(tmp_path, 'a = "b"\n', mode), {})


@pytest.mark.parametrize("text", ["a = 1\n", "secret-without-a-name\n", "[table]\na = 'b'\n"])
def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as error:
        Secrets(_file(tmp_path, text), {})
    assert "secret-without-a-name" not in str(error.value)


def test_the_keyring_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {("media-preflight", "metastudio_sk"): "from-the-keyring"}
    fake = types.SimpleNamespace(get_password=lambda service, name: kept.get((service, name)))
    monkeypatch.setitem(sys.modules, "keyring", fake)  # type: ignore[arg-type]  a stand-in module
    assert Secrets(None, {}).find("METASTUDIO_SK") == "from-the-keyring"
    assert Secrets(None, {"PREFLIGHT_METASTUDIO_SK": "environment"}).find("METASTUDIO_SK") == "environment"


def test_a_broken_keyring_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(service: str, name: str) -> str:
        raise RuntimeError("locked")

    monkeypatch.setitem(sys.modules, "keyring", types.SimpleNamespace(get_password=locked))  # type: ignore[arg-type]  a stand-in module
    assert Secrets(None, {}).find("METASTUDIO_SK") is None


@pytest.mark.parametrize(
    "text",
    [
        "PUT https://obs.example/a/b.mp4?AccessKeyId=AK&Signature=CANARY failed",
        "Authorization: SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=CANARY",
        '{"X-Auth-Token": "CANARY"}',
        "x-cos-security-token=CANARY",
        "the key is known-secret-CANARY indeed",
    ],
)
def test_redaction(text: str) -> None:
    secrets = Secrets(None, {"PREFLIGHT_METASTUDIO_SK": "known-secret-CANARY"})
    secrets.find("METASTUDIO_SK")
    assert "CANARY" not in secrets.redact(text)


def test_redaction_leaves_the_rest() -> None:
    text = "PUT https://obs.example/a/b.mp4: 403 (file 片头.mp4, 12 bytes)"
    assert Secrets(None, {}).redact(text) == text


def test_what_is_sealed_can_be_opened_with_the_same_secret_alone() -> None:
    urls = ["https://obs.example/a?Signature=CANARY"] * 20
    sealed = seal("secret", urls)
    assert unseal("secret", sealed) == urls
    assert unseal("other", sealed) is None
    assert unseal("secret", sealed[:-8] + "AAAAAAA=") is None
    assert unseal("secret", None) is None
    assert unseal("secret", "not base64!") is None
    assert "CANARY" not in sealed
    assert seal("secret", urls) != sealed, "a nonce is never used twice"


@pytest.mark.parametrize("url", ["http://metastudio.example/", "http://127.0.0.1.example/", "ftp://127.0.0.1/", "x"])
def test_only_https_and_this_machine(url: str) -> None:
    with pytest.raises(UsageError, match="only https"):
        secure(url)


@pytest.mark.parametrize("url", ["https://metastudio.example/", "http://127.0.0.1:8080/", "http://localhost/"])
def test_safe_places(url: str) -> None:
    assert secure(url) == url


def test_texts_of_every_length_can_be_sealed() -> None:
    for length in range(100):
        assert unseal("secret", seal("secret", "x" * length)) == "x" * length


def test_what_another_version_sealed_is_opened() -> None:
    """Of a journal: an upload that was killed goes on after an update."""
    sealed = (
        "SbRKQXl89uc/fOfb4h02c7HXwR3ac7hLTFE7ZZG3lk0V0AUpWqwqLUmOHsZNRfvsXHm+A5stH2GE7r9RFbY3/E1NNoeZTHhn67ka"
        "5J/x2rCtKDX0sLHhtZ+9gpTBVo1ug+ad8kndBHQyY/3VP2gUwxOb+r6p5udI7q1LeVxZjxcOxo/rFw4h+67/"
        ""
    )
    assert unseal("secret", sealed) == [f"https://far.example/part/{part}?sig=0123456789" for part in (1, 2)]


def test_short_values_are_words_and_stay() -> None:
    """Six characters and more are taken out of every text; what is shorter stands in ordinary words."""
    secrets = Secrets(environment={})
    secrets.learn("abcde", "abcdef")
    assert secrets.redact("abcde abcdef") == "abcde [redacted]"


@pytest.mark.skipif(os.name != "posix", reason="owners as POSIX has them")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text('sk = "abcdefgh"')
    file.chmod(0o600)
    assert Secrets(file, {}).setting("SK") == "abcdefgh"
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(UsageError):
        Secrets(file, {})
