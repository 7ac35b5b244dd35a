"""What Tencent's codes mean and what to do about them, in both languages.

General result codes (2024-08-23); face detection appendix 1 (2024-11-13), which gives some numbers another meaning:
keyed by endpoint.
"""

from __future__ import annotations

from typing import Final

from pipeline.model.facts import Text

GENERAL: Final[dict[str, Text]] = {
    "100000": Text("internal error; try again, or report it to the platform", "内部错误，请重试或联系平台"),
    "100001": Text("a request parameter is missing or malformed", "请求参数错误（格式、类型或缺失）"),
    "100002": Text("a parameter has a value that is not allowed", "参数取值错误"),
    "100003": Text("a request parameter is missing or malformed", "请求参数错误（格式、类型或缺失）"),
    "100005": Text(
        "the operation is not authorised for this appkey; check keys and clock, or have the interface enabled",
        "该 appkey 未获授权执行此操作；请检查密钥与时钟，或申请开通接口",
    ),
    "100008": Text("the quota is used up; buy more, then run again", "配额已用完，请购买后重新运行"),
    "110006": Text("no such record", "记录不存在"),
}
FACE: Final[dict[str, Text]] = {
    "100001": Text("a request parameter is wrong", "请求参数错误"),
    "100002": Text("a parameter has a value that is not allowed", "参数取值错误"),
    "100003": Text("the picture's format is not supported", "图片格式不支持"),
    "100004": Text("the picture's dimensions are not supported", "图片尺寸不支持"),
    "100005": Text("the picture's ratio is not supported", "图片比例不支持"),
    "200001": Text("internal error; try again", "内部错误，请重试"),
    "200002": Text("the platform could not download the picture", "平台下载图片失败"),
    "200003": Text("no such task", "任务不存在"),
    "300001": Text("no face was found", "未检测到人脸"),
    "300002": Text("several faces were found", "检测到多张人脸"),
    "300003": Text("the face is too large or too small in the picture", "人脸框过大或过小"),
}
DETECTION: Final[dict[int, Text]] = {
    -1: Text("the check failed; try again", "检测失败，请重试"),
    -2: Text("words were misread, left out or added; record again", "存在错读、漏读或多读，请重新录制"),
    -3: Text("the recording is too noisy; record again", "噪声过大，请重新录制"),
}


def told(path: str, code: str) -> Text:
    """The meaning of a result code, which depends on the endpoint (T22)."""
    table = FACE if "facedetect" in path else GENERAL
    return table.get(code, Text("refused", "被拒绝"))


def meaning(code: str) -> Text | None:
    """What this code means and what to do about it, of all that answer here; None when nobody has it."""
    number = DETECTION.get(int(code)) if code.lstrip("-").isdecimal() else None
    return GENERAL.get(code) or FACE.get(code) or number
