"""What error codes mean and what to do about them, in both languages; here those of stores and of HTTP.

Each platform has its own in its package. Stores answer alike, whoever runs them: OBS and COS error names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from pipeline.model.facts import Text

STORES: Final[dict[str, Text]] = {
    "AccessDenied": Text(
        "access denied: URL or credentials not valid for this; run again, and check rights if it stays",
        "拒绝访问：地址或凭证无效；请重新运行，如仍失败请检查权限",
    ),
    "BadDigest": Text("the bytes that arrived do not have the declared MD5", "收到的内容与声明的 MD5 不符"),
    "InvalidDigest": Text("the MD5 is not in the right form", "MD5 格式错误"),
    "IncompleteBody": Text("fewer bytes arrived than were declared", "收到的字节数少于声明"),
    "EntityTooLarge": Text("the object is too large", "对象过大"),
    "ExpiredToken": Text("the temporary credentials have expired", "临时凭证已过期"),
    "NoSuchUpload": Text("the multipart upload is not known (any more)", "分片上传不存在"),
    "RequestTimeTooSkewed": Text("this machine's clock is wrong; set it", "本机时钟不准，请校时"),
    "SignatureDoesNotMatch": Text("the signature does not match; check the keys", "签名不匹配，请检查密钥"),
    "InsufficientStorage": Text(
        "the far end's disk is full; free space there, then run again", "远端磁盘已满，请在平台释放空间后重新运行"
    ),
}
STATUS: Final[dict[int, Text]] = {
    400: Text("the request is not accepted", "请求未被接受"),
    401: Text("not signed in: check keys, token and clock", "未通过认证：请检查密钥、令牌与时钟"),
    403: Text("no right to do this: check project, region and permissions", "无权限：请检查项目、区域与授权"),
    404: Text("not found: check project, region and endpoint", "未找到：请检查项目、区域与终端节点"),
    429: Text("too many requests", "请求过多"),
    507: Text(
        "the far end's disk is full; free space there, then run again", "远端磁盘已满，请在平台释放空间后重新运行"
    ),
}


class ErrorCodes(Struct, frozen=True):
    """The codes that a far end answers with."""

    meanings: Mapping[str, Text] = field(default_factory=dict)  # by code, or by code/status where one has two
    busy: frozenset[str] = frozenset()  # over the rate limit, whatever the status
    final: str = ""  # how codes begin that come with 5xx and are a no all the same; empty where there are none
    passing: frozenset[str] = frozenset()  # those of them that may pass

    def told(self, code: str, status: int = 0) -> Text:
        """The meaning of a code, else of the HTTP status."""
        meaning = self.meanings.get(f"{code}/{status}") or self.meanings.get(code) or STORES.get(code)
        if meaning:
            return meaning
        if status in STATUS:
            return STATUS[status]
        return Text("the far end failed", "远端出错") if status >= 500 else Text("refused", "被拒绝")

    def may_pass(self, code: str) -> bool:
        """Whether a server error with this code is worth another try."""
        return code in self.passing or not self.final or not code.startswith(self.final)
