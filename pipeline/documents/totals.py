"""Limits on the sum over a batch: the documents cap the total of a project's files, not only each one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.documents import entry
from pipeline.model.results import Finding, Verdict
from pipeline.model.rules import Preset


def _counted(asset: Mapping[str, Any], rules: set[str]) -> Iterator[tuple[str, int]]:
    """What this asset adds to each sum: the values its main outputs, else the asset itself, have under the rule."""
    outputs = [output for output in asset.get("outputs") or () if output["category"] == "MAIN"]
    for finding in [f for o in outputs for f in o["findings"]] if outputs else asset["findings"]:
        if finding["rule"] in rules and finding["actual"] is not None:
            yield finding["rule"], int(finding["actual"])


def findings(preset: Preset, assets: Iterable[Mapping[str, Any]], lang: str) -> list[dict[str, Any]]:
    """What the batch rules say about all assets of a role together; nothing where only one counts."""
    batch = {role.name: {rule.id: rule for rule in role.rules if rule.batch} for role in preset.roles}
    if not any(batch.values()):
        return []
    values: dict[tuple[str, str], list[int]] = defaultdict(list)
    for asset in assets:
        if not asset["error"] and asset["role"] in batch:
            for rule_id, value in _counted(asset, set(batch[asset["role"]])):
                values[asset["role"], rule_id].append(value)
    found = []
    for (role, rule_id), counted in sorted(values.items()):
        if len(counted) < 2:
            continue
        rule, total = batch[role][rule_id], sum(counted)
        verdict = Verdict.PASS if rule.limit.accepts(total) else Verdict.FAIL
        whole = Finding(rule=rule, verdict=verdict, actual=total, where=f"{len(counted)} x {role}")
        found.append(entry.finding(whole, lang))
    return found
