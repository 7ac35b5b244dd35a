"""What the platforms' error codes mean and what to do about them, in both languages.

MetaStudio: MS-API 12.2 (2024-11-14). Tencent: general result codes (2024-08-23), face detection appendix 1
(2024-11-13), which give some numbers another meaning: keyed by endpoint. Stores: OBS and COS error names.
"""

from __future__ import annotations

from typing import Final

from pipeline.model.facts import Text
from pipeline.upload.metastudio.scene_codes import SCENES

_CODES: Final[dict[str, Text]] = {
    "APIGW.0308": Text("too many requests for this account; slow down", "请求过于频繁，请降低速率"),
    "APIGW.0301": Text(
        "signature or token wrong or expired; check keys and clock",
        "签名或令牌错误或已过期，请检查密钥与时钟",
    ),
    "APIG.0301": Text(
        "the token cannot be decrypted or has expired; get a new one", "令牌无法解密或已过期，请重新获取"
    ),
    "APIGW.0302": Text(
        "this user may not do that: grant the MetaStudio permission", "该用户无此权限：请授予 MetaStudio 权限"
    ),
    "APIGW.0305": Text(
        "this account may not call this interface: check project and region, or ask for the right",
        "账号无权调用该接口：请检查项目与区域，或申请授权",
    ),
    "MSS.00000001": Text("not authorised; check keys and permissions", "未授权，请检查密钥与权限"),
    "MSS.00000003": Text("a parameter is not valid", "参数无效"),
    "MSS.00000004": Text("internal error; try again later", "内部错误，请稍后重试"),
    "MSS.10000002": Text("the request is not valid JSON", "请求不是有效的 JSON"),
    "MSS.10000003": Text("a parameter breaks a constraint", "参数不符合约束"),
    "MSS.10000102": Text("the object store failed; try again later", "对象存储服务出错，请稍后重试"),
    "MSS.10000103": Text("the content review service failed; try again later", "内容审核服务出错，请稍后重试"),
    "MSS.10001001": Text("no such asset in this project and region", "该项目与区域中没有此资产"),
    "MSS.10001002": Text("the URL is invalid", "URL 无效"),
    "MSS.10001004": Text("no such file of the asset", "资产中没有此文件"),
    "MSS.10001006": Text("creating the asset failed", "资产创建任务失败"),
    "MSS.10001007": Text("the file is too large (5242880 bytes are named)", "文件过大（错误码注明 5242880 字节）"),
    "MSS.10001008": Text("the asset has a main file already", "资产已有主文件"),
    "MSS.10001009": Text("the asset has a cover already", "资产已有封面文件"),
    "MSS.10001010": Text("the asset is not active", "资产状态不可用"),
    "MSS.10001011": Text("the asset has no main file", "资产没有主文件"),
    "MSS.10001012": Text("the asset has this file already", "资产文件已存在"),
    "MSS.10001013": Text("the asset cannot go into this state", "资产状态变更无效"),
    "MSS.10001014": Text("only ACTIVED and UNACTIVED may be set", "资产只能设置为 ACTIVED 或 UNACTIVED"),
    "MSS.10001016": Text("the object is not in the store", "对象不在 OBS 中"),
    "MSS.10001018": Text("the upload failed", "上传失败"),
    "MSS.10001019": Text("the picture did not pass review; use another one", "图片未通过审核，请更换"),
    "MSS.10001024": Text(
        "the storage quota is used up; delete assets or buy storage", "存储配额已用完，请删除资产或购买存储"
    ),
    "MSS.10001025": Text("a file of that category is missing", "缺少该类别的文件"),
    "MSS.10001026": Text("a file of that category exists", "该类别的文件已存在"),
    "MSS.10001027": Text("too many files of that category", "该类别的文件过多"),
    "MSS.10001028": Text("the file is not of the type it was declared", "文件类型与声明不符"),
    "MSS.10001033": Text(
        "too many files wait to be uploaded; finish or delete them",
        "创建中的文件过多，请在控制台完成或删除",
    ),
    "MSS.10001034": Text("this file type is not supported", "不支持该文件类型"),
    "MSS.10001035": Text("the name or text holds sensitive words; change it", "名称或文本含敏感词，请修改"),
    "MSS.10001048": Text("the asset type takes no such file", "该资产类型不支持此类文件"),
    "MSS.20010008": Text("an asset of that name exists; give another name", "资产名称重复，请更换名称"),
    "MSS.20010019": Text("the asset name holds characters that are not allowed", "资产名称含非法字符"),
    "MSS.20010136": Text("the uploaded file is too large", "上传文件过大"),
    "MSS.20020001": Text("the job's state does not allow this", "任务状态不允许此操作"),
    "MSS.20020004": Text("there is a problem with the training data", "训练数据有问题"),
    "MSS.20020007": Text("the file format is not allowed", "文件格式非法"),
    "MSS.20020008": Text("too many jobs are running; wait for one to end", "运行中的任务过多，请等待"),
    "MSS.20020010": Text("there is a problem with the authorisation letter", "授权书有问题"),
    "MSS.20020013": Text("the package is not a valid zip", "压缩包不是有效的 zip"),
    "MSS.20020014": Text("the training quota is used up", "训练配额已用完"),
    "MSS.20020016": Text("the number of wav and txt files is wrong", "wav 与 txt 文件数量不符"),
    "MSS.20020017": Text("the number of wav files is wrong", "wav 文件数量不符"),
    "MSS.20020023": Text("the package is too large", "压缩包内容过大"),
    "MSS.20020027": Text("training data is missing", "缺少训练数据"),
    "MSS.20020030": Text("the uploaded file is not in the store", "预上传文件不在桶中"),
    "MSS.20020031": Text("the submitted file is not the uploaded one", "提交的文件与上传的不同"),
    "MSS.41000001": Text("the job's state does not allow this", "任务状态不正确"),
    "MSS.41000002": Text("the job's name holds special characters", "任务名称含特殊字符"),
    "MSS.41000003": Text("no such job in this project and region", "该项目与区域中没有此任务"),
    "MSS.41000004": Text("too many training jobs", "训练任务过多"),
    "MSS.41000005": Text("the identity check failed", "身份校验失败"),
    "MSS.41000007": Text("the training video is too short or too long", "训练视频时长不合法"),
    "MSS.41000012": Text("too many jobs run at the same time", "任务并发数超限"),
    "MSS.41000014": Text("the URLs of the parts could not be made", "获取分片上传地址失败"),
    "MSS.41000023": Text("not enough resources are bought", "资源不足"),
    "MSS.45000001": Text("an asset's file is missing", "资产文件缺失"),
    "MSS.45000003": Text("the video is not supported or is damaged", "视频不支持或已损坏"),
    "MSS.45000004": Text("this asset type is not allowed here", "此处不允许该资产类型"),
    "MSS.45000005": Text("the background picture is not valid", "背景图片无效"),
    "MSS.45000007": Text("the download link does not work", "下载链接无效"),
    "MSS.45000008": Text("the audio is not supported", "音频不支持"),
    "MSS.45000011": Text("all videos together are above 1 GB", "视频总大小超过 1G"),
    "MSS.45000013": Text("the picture format is not supported", "图片格式不支持"),
    "MSS.45000014": Text("the picture cannot be read", "图片无法解析"),
    "MSS.45000020": Text("the picture is larger than 4K", "图片分辨率超过 4K"),
    "MSS.10001036": Text("the product's cover is not among its materials", "商品封面不在素材列表中"),
    "MSS.10001037": Text("a product material cannot be used", "商品素材资产不可用"),
    "MSS.10001038": Text("a product material has the wrong type", "商品素材类型不匹配"),
    "MSS.10001039": Text("a product material is there twice", "商品素材重复"),
    "MSS.10001040": Text("the linked product cannot be used", "关联商品资产不可用"),
    "MSS.10001042": Text("too many product materials", "商品素材过多"),
    "MSS.10001044": Text("copying the asset's files failed; try again", "复制资产文件失败，请重试"),
    "MSS.10001045": Text("the copied file's name is too long; shorten it", "复制的文件名过长，请缩短"),
    "MSS.100000032": Text(
        "the result of the video review could not be read; try again later", "读取视频审核结果失败，请稍后重试"
    ),
    "MSS.10010011": Text("the picture did not pass review; use another one", "图片内容违规，请更换"),
    "MSS.10010012": Text("the text holds sensitive words; change it", "文本含敏感词，请修改"),
    "MSS.10010013": Text("processing took too long; try again later", "处理超时，请稍后重试"),
    "MSS.10010014": Text("processing took too long, or the task is not known", "处理超时或任务不存在"),
    "MSS.10010015": Text("the deck is not of a type the service reads", "PPT 服务不支持该文件类型"),
    "MSS.10010016": Text("the deck has too many pages; split it", "PPT 页数过多，请拆分"),
    "MSS.10010017": Text("the deck could not be processed; export it again", "PPT 处理命令失败，请重新导出"),
    "MSS.10010018": Text("the thumbnail could not be made", "缩略图转换失败"),
    "MSS.10010020": Text("the file does not exist", "文件不存在"),
    "MSS.42001002": Text("the audio format is wrong", "音频文件格式错误"),
    "MSS.42001004": Text("the source file of the 4K model is broken", "4K 模型源文件损坏"),
    "MSS.42001005": Text("the audio has no length", "音频长度为零"),
    "MSS.41000015": Text("the upload id could not be made; try again", "获取上传 ID 失败，请重试"),
    "MSS.20020005": Text("the training failed", "训练失败"),
    "MSS.20020011": Text("the audio format is wrong", "音频格式错误"),
    "MSS.20020012": Text("the package holds files of the wrong types", "压缩包内文件类型不符"),
    "MSS.20020015": Text("the text is not in the language of the job", "文本语言与任务语言不一致"),
    "MSS.20020018": Text("a recording cannot be read as WAV", "音频无法按 wav 解析"),
    "MSS.20020022": Text("too many files in the package", "压缩包内文件过多"),
    "MSS.20020024": Text("a file in the package is too large", "压缩包内单个文件过大"),
    "MSS.20020025": Text("more than one folder in the package", "压缩包内目录多于一个"),
    "MSS.20020026": Text("a file name holds forbidden characters; rename it", "文件名含非法字符，请重命名"),
    "MSS.20020028": Text("recording and text do not match", "音频与文本不匹配"),
    "MSS.20020029": Text("a recording is too short or too long", "音频过短或过长"),
    "MSS.20020032": Text("the audition could not be made", "生成试听失败"),
    "MSS.20020034": Text("the recording could not be cut", "按标注切分音频失败"),
    "MSS.20020040": Text("there are not as many texts as recordings", "音频与文本数量不一致"),
    "MSS.20010047": Text("the asset is not found", "资产不存在"),
    "MSS.20010070": Text("a field did not pass the check", "字段校验失败"),
    "MSS.20010071": Text("the asset cannot be used", "资产不可用"),
    "MSS.20010080": Text("the content review failed", "内容审核失败"),
    "MSS.20010113": Text("the photo was blocked by review; use another one", "照片未通过审核，请更换"),
    "MSS.20010114": Text("the file was blocked by review; use another one", "文件未通过审核，请更换"),
    "MSS.20010115": Text("the material was blocked by review; use another one", "素材未通过审核，请更换"),
    # One code with two meanings, told apart by the HTTP status (conflict C49).
    "MSS.20010115/403": Text(
        "photo videos are not open to this account; ask the platform to be let in",
        "账号未加入照片视频白名单，请联系平台开通",
    ),
    "MSS.20010120": Text("the photo is above 16 MB", "照片超过 16M"),
    "MSS.20010140": Text("the asset id is not valid", "资产 ID 无效"),
    "MSS.20010145": Text("the picture is larger than 4K", "图片分辨率超过 4K"),
    "MSS.20010151": Text("a parameter is not valid", "参数无效"),
    "MSS.20010155": Text("the asset type is wrong", "资产类型错误"),
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
} | SCENES
_TENCENT: Final[dict[str, Text]] = {
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
_FACE: Final[dict[str, Text]] = {
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
_STATUS: Final[dict[int, Text]] = {
    400: Text("the request is not accepted", "请求未被接受"),
    401: Text("not signed in: check keys, token and clock", "未通过认证：请检查密钥、令牌与时钟"),
    403: Text("no right to do this: check project, region and permissions", "无权限：请检查项目、区域与授权"),
    404: Text("not found: check project, region and endpoint", "未找到：请检查项目、区域与终端节点"),
    429: Text("too many requests", "请求过多"),
    507: Text(
        "the far end's disk is full; free space there, then run again", "远端磁盘已满，请在平台释放空间后重新运行"
    ),
}


def known() -> dict[str, Text]:
    """Every code of MetaStudio, its gateway and the stores that has a meaning here."""
    return dict(_CODES)


def told(code: str, status: int = 0) -> Text:
    """The meaning of a MetaStudio or store code, else of the HTTP status."""
    meaning = _CODES.get(f"{code}/{status}") or _CODES.get(code)
    if meaning:
        return meaning
    if status in _STATUS:
        return _STATUS[status]
    return Text("the far end failed", "远端出错") if status >= 500 else Text("refused", "被拒绝")


def told_tencent(path: str, code: str) -> Text:
    """The meaning of a Tencent result code, which depends on the endpoint (T22)."""
    table = _FACE if "facedetect" in path else _TENCENT
    return table.get(code, Text("refused", "被拒绝"))
