"""Signatures: Tencent's published vector, and byte for byte what Huawei's official SDK signs."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import signing
from pipeline.upload.tencent import signing as tencent_signing
from tests.upload import made

AT = 1_700_000_000.0
HEADERS = {"Content-Type": "application/json", "X-Project-Id": "p1"}


def test_tencent_vector() -> None:
    """TX-Custom Integration FAQ item 1 (2024-08-23)."""
    given = {"timestamp": "1646636485", "appkey": "e38267c0e86411ebb02aed82acb0ed99"}
    signed = tencent_signing.sign(given, "f68f2d10ae9e4604b76fb05cf46bccec")
    assert signed == "BfWuaC9kmaicCggXc693uK+sZQ8qe88O4HVQNTdwZuo="
    assert quote(signed, safe="") == "BfWuaC9kmaicCggXc693uK%2BsZQ8qe88O4HVQNTdwZuo%3D"


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", "https://metastudio.cn-north-4.myhuaweicloud.com/v1/p1/digital-assets", b""),
        (
            "GET",
            "https://metastudio.cn-north-4.myhuaweicloud.com/v1/p1/digital-assets?tag=b&limit=10&name=a%20%2B",
            b"",
        ),
        ("GET", "https://metastudio.cn-north-4.myhuaweicloud.com/v1/p1/digital-assets?name=&limit=10", b""),
        ("POST", "https://metastudio.cn-north-4.myhuaweicloud.com/v1/p1/files", '{"file_name": "片头.mp4"}'.encode()),
        ("PUT", "http://127.0.0.1:8080/v1/p1/digital-assets/a~b%20c", b'{"asset_state": "ACTIVED"}'),
        ("DELETE", "https://metastudio.ap-southeast-3.myhuaweicloud.com/v1/p1/files/%E7%89%87", b""),
    ],
)
def test_aksk_is_what_the_official_sdk_signs(method: str, url: str, body: bytes) -> None:
    signer = pytest.importorskip("huaweicloudsdkcore.signer.signer")
    request_type = pytest.importorskip("huaweicloudsdkcore.sdk_request").SdkRequest
    credentials = pytest.importorskip("huaweicloudsdkcore.auth.credentials").BasicCredentials("AK", "SK", "p1")
    ours = signing.sign(method, url, HEADERS, body, "AK", "SK", AT)
    split = urlsplit(url)
    theirs = request_type(
        method=method,
        schema=split.scheme,
        host=split.netloc,
        resource_path=split.path,
        query_params=parse_qsl(split.query, keep_blank_values=True),
        header_params=HEADERS | {"X-Sdk-Date": ours["X-Sdk-Date"]},
        body=body,
    )
    signer.Signer(credentials).sign(theirs)
    assert ours["Authorization"] == theirs.header_params["Authorization"]


def test_one_changed_byte_changes_the_signature() -> None:
    url = "https://metastudio.cn-north-4.myhuaweicloud.com/v1/p1/files"
    assert signing.sign("POST", url, HEADERS, b"{}", "AK", "SK", AT) != signing.sign(
        "POST", url, HEADERS, b"[]", "AK", "SK", AT
    )


def _client(running: Emulator, secret: str) -> Any:
    credentials = pytest.importorskip("huaweicloudsdkcore.auth.credentials").BasicCredentials
    metastudio = pytest.importorskip("huaweicloudsdkmetastudio.v1")
    account = running.backend.account
    return (
        metastudio,
        metastudio.MetaStudioClient.new_builder()
        .with_credentials(credentials(account.access, secret, account.project))
        .with_endpoint(running.url)
        .build(),
    )


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
def test_the_official_sdk_uploads_to_the_sandbox(tmp_path: Path) -> None:
    """The emulator takes what the SDK really sends: create asset, create file, PUT, confirm, query."""
    data = b"a short film" * 100
    with made.emulator(tmp_path) as running:
        sdk, client = _client(running, running.backend.account.secret)
        body = sdk.CreateDigitalAssetRequestBody(asset_name="SDK片头", asset_type="VIDEO", tags=["a"])
        asset_id = client.create_digital_asset(sdk.CreateDigitalAssetRequest(body=body)).asset_id
        request = sdk.FilesCreateReq(
            file_name="a.mp4",
            file_md5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            file_size=len(data),
            file_type="mp4",
            asset_id=asset_id,
            asset_file_category="MAIN",
        )
        file = client.create_file(sdk.CreateFileRequest(body=request))
        headers = {"Content-MD5": request.file_md5, "Content-Type": "video/mp4"}
        assert httpx.put(file.upload_url, content=data, headers=headers, trust_env=False).status_code == 200
        confirm = sdk.ConfirmFileUploadRequestBody(state="CREATED")
        client.confirm_file_upload(sdk.ConfirmFileUploadRequest(file_id=file.file_id, body=confirm))
        shown = client.show_asset(sdk.ShowAssetRequest(asset_id=asset_id))
        assert (shown.asset_state, shown.files[0].file_md5) == ("ACTIVED", request.file_md5)
        assert client.list_assets(sdk.ListAssetsRequest(tag="a")).count == 1


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
def test_the_sandbox_refuses_an_sdk_with_the_wrong_key(tmp_path: Path) -> None:
    with made.emulator(tmp_path) as running:
        sdk, client = _client(running, "wrong")
        exceptions = pytest.importorskip("huaweicloudsdkcore.exceptions.exceptions")
        with pytest.raises(exceptions.ClientRequestException) as refused:
            client.list_assets(sdk.ListAssetsRequest())
        assert refused.value.status_code == 401
