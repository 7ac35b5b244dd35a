"""Limits on the sum over a batch: the documents cap the total of a project's files, not only each one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.model import Finding, Preset, Verdict
from pipeline.report import document


def _counted(asset: Mapping[str, Any], rule: str) -> int | None:
    """What this asset adds to the sum: the value its main output, else the asset itself, has under the rule.

    None where the rule was not asked or found nothing.
    """
    outputs = asset.get("outputs")
    findings = outputs[0]["findings"] if outputs else asset["findings"]
    values = [int(f["actual"]) for f in findings if f["rule"] == rule and f["actual"] is not None]
    return sum(values) if values else None


def findings(preset: Preset, assets: Iterable[Mapping[str, Any]], lang: str) -> list[dict[str, Any]]:
    """What the batch rules say about all assets of a role together; nothing where only one counts."""
    listed = [asset for asset in assets if not asset["error"]]
    found: list[dict[str, Any]] = []
    for role in preset.roles:
        mine = [asset for asset in listed if asset["role"] == role.name]
        for rule in (rule for rule in role.rules if rule.batch):
            values = [value for asset in mine if (value := _counted(asset, rule.id)) is not None]
            if len(values) < 2:
                continue
            total = sum(values)
            verdict = Verdict.PASS if rule.limit.accepts(total) else Verdict.FAIL
            whole = Finding(rule=rule, verdict=verdict, actual=total, where=f"{len(values)} x {role.name}")
            found.append(document.finding(whole, lang))
    return found
