"""Limits on the sum over a batch: the documents cap the total of a project's files, not only each one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pipeline.documents import entry
from pipeline.documents.types import AssetEntry, FindingEntry, PreparedAsset
from pipeline.model.facts import Text
from pipeline.model.results import Category, Finding, Verdict
from pipeline.model.rules import Preset


def _counted(asset: AssetEntry, rules: set[str]) -> Iterator[tuple[str, int]]:
    """What this asset adds to each sum: the values its main outputs, else the asset itself, have under the rule."""
    made = asset.outputs if isinstance(asset, PreparedAsset) else ()
    outputs = [output for output in made if output.category is Category.MAIN]
    for finding in [f for o in outputs for f in o.findings] if outputs else asset.findings:
        if finding.rule in rules and finding.actual is not None:
            yield finding.rule, int(finding.actual)


def findings(preset: Preset, assets: Iterable[AssetEntry], lang: str) -> tuple[FindingEntry, ...]:
    """What the batch rules say about all assets of a role together; nothing where only one counts."""
    batch = {role.name: {rule.id: rule for rule in role.rules if rule.batch} for role in preset.roles}
    if not any(batch.values()):
        return ()
    values: dict[tuple[str, str], list[int]] = defaultdict(list)
    for asset in assets:
        if not asset.error and asset.role in batch:
            for rule_id, value in _counted(asset, set(batch[asset.role])):
                values[asset.role, rule_id].append(value)
    found = []
    for (role, rule_id), counted in sorted(values.items()):
        if len(counted) < 2:
            continue
        rule, total = batch[role][rule_id], sum(counted)
        verdict = Verdict.PASS if rule.limit.accepts(total) else Verdict.FAIL
        where = Text(f"{len(counted)} x {role}", f"{len(counted)} 个 {role}")
        found.append(entry.finding(Finding(rule=rule, verdict=verdict, actual=total, where=where), lang))
    return tuple(found)
