"""To whom a letter grants against the company that `preflight.toml` names. The names are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.model.measured import Letter
from pipeline.stages.company import compared
from tests.probe.test_papers import ENGLISH
from tests.probe.test_papers import pdf as written

OURS = "无名数字科技有限公司"
RULE = "metastudio.avatar-training.grant-file.required.company"


@pytest.mark.parametrize(
    ("grantee", "company", "same"),
    [
        (OURS, OURS, True),
        ("无名数字科技", OURS, True),
        ("无名 数字科技(有限公司)", OURS, True),
        ("Nowhere Media Co., Ltd.", "NOWHERE MEDIA", True),
        ("Nowhere Media Company Limited", "Nowhere Media Co., Ltd", True),
        ("无名数宇科技有限公司", OURS, None),  # one letter was misread
        ("北京无名数字科技有限公司", OURS, None),  # a part of the name was left out, or it is another
        ("示例文化传媒有限公司", OURS, False),
        ("华为云计算技术有限公司", OURS, False),
        ("Somewhere Films Ltd", "Nowhere Media Co., Ltd", False),
        (None, OURS, None),
    ],
)
def test_the_grantee_is_the_company_or_is_not(grantee: str | None, company: str, same: bool | None) -> None:
    assert compared(Letter(pages=1, written=1, grantee=grantee), company).company is same


@pytest.mark.parametrize(
    ("company", "verdict", "code"), [("Nowhere Media", "pass", 0), ("Somewhere Films Ltd", "fail", 1), (None, None, 0)]
)
def test_preflight_toml_names_the_company(
    tmp_path: Path, company: str | None, verdict: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f'company = "{company}"\n' if company else ""
    (tmp_path / "preflight.toml").write_text(
        f'[[match]]\nfiles = ["*.pdf"]\npreset = "metastudio/avatar-training"\n{said}'
    )
    lines = [line.format(to="Nowhere Media Co., Ltd", sign="Signature: Jo Nobody") for line in ENGLISH]
    (tmp_path / "letter.pdf").write_bytes(written(lines))
    assert main(["check", str(tmp_path), "--json"]) == code
    ((asset,),) = (one["assets"] for one in json.loads(capsys.readouterr().out)["reports"])
    verdicts = [finding["verdict"] for finding in asset["findings"] if finding["rule"] == RULE]
    assert verdicts == ([verdict] if verdict else [])
    assert main(["check", str(tmp_path), "--json"]) == code  # as it is remembered
