"""What the codes of MetaStudio and its gateway mean and what to do about them, in both languages.

MS-API 12.2 (2024-11-14).
"""

from __future__ import annotations

from typing import Final

from pipeline.model.facts import Text
from pipeline.upload.error_codes import ErrorCodes
from pipeline.upload.metastudio.scene_codes import SCENES

MEANINGS: Final[dict[str, Text]] = {
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
} | SCENES
CODES: Final = ErrorCodes(
    MEANINGS,
    busy=frozenset({"APIGW.0308", "APIG.0308"}),  # over the rate limit (MS-Intro 4.3)
    # The platform answers 500 to much that will never succeed; these may pass (12.2).
    final="MSS.",
    passing=frozenset({"MSS.10000102", "MSS.10000103", "MSS.100000032", "MSS.10010013"}),
)


def meaning(code: str) -> Text | None:
    """What this code means and what to do about it; None when it is not one of this platform's."""
    return MEANINGS.get(code.upper())
