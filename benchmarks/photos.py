"""What the rules on faces say of real photos, against labels that people gave them. No photo is kept here.

    PHOTOS=FOLDER python -m benchmarks photos

FOLDER holds the photos and `labels.tsv` with a head line and at least the columns `file` (the name, or how it begins),
`turned` (1: more than 15 degrees, 0: no), `mouth` (1 open, s teeth in a smile, 0 closed) and `tags` (among them `synth`
for what is drawn or rendered, `occl` for a covered feature); anything else in a column is no judgement.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from pipeline.errors import PreflightError
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.measured import Face
from pipeline.model.results import Verdict
from pipeline.model.rules import Level, Role
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import presets

# What is asked: column, its words for yes and no, the check whose rules answer.
_ASKED = (
    ("turned", {"1": True, "0": False}, "face.turn"),
    ("mouth", {"1": True, "s": True, "0": False}, "face.mouth_open"),
)
_TAGGED = (("occl", "face.feature_occlusion"), ("synth", "face.drawing"))


def _fails(info: MediaInfo, role: Role, check: str) -> bool | None:
    """Whether a rule on the check fails, those that reject where there are any; None where it could not be told."""
    found = [one for one in judging.judge(info, role) if one.rule.check == check]
    sure = [one for one in found if one.rule.level is Level.ERROR] or found
    if any(one.verdict is Verdict.UNKNOWN for one in sure):
        return None
    return any(one.verdict is Verdict.FAIL for one in sure)


def _whole(face: Face) -> bool:
    """Whether the crops that are proposed hold the whole head."""
    crops = [crop for crop in (face.max_crop, face.min_crop) if crop and face.head]
    return all(
        crop[0] <= face.head[0]
        and crop[1] <= face.head[1]
        and crop[0] + crop[2] >= face.head[0] + face.head[2]
        and crop[1] + crop[3] >= face.head[1] + face.head[3]
        for crop in crops
        if face.head
    )


def main() -> None:
    """The table, where there are photos."""
    folder = os.environ.get("PHOTOS")
    if not folder:
        print("No photos: set PHOTOS to a folder of labelled ones.")
        return
    role = presets.load("metastudio/photo-avatar").role_for(Kind.IMAGE)
    assert role is not None
    counts: dict[tuple[str, bool], list[bool | None]] = {}
    whole = []
    with (Path(folder) / "labels.tsv").open(encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    for name, row in rows.items():
        path = next(Path(folder).glob(f"{name}*"))
        try:
            info = probe(path, judging.needs(role, Kind.IMAGE))
        except PreflightError as error:
            print(f"{path.name}: {error}")
            continue
        if not info.faces:
            continue
        whole.append(_whole(info.faces[0]))
        tags = (row["tags"] or "").replace(",", " ").split()
        for column, words, check in _ASKED:
            if row[column] in words:
                counts.setdefault((column, words[row[column]]), []).append(_fails(info, role, check))
        for tag, check in _TAGGED:
            if f"{tag}?" not in tags:
                counts.setdefault((tag, tag in tags), []).append(_fails(info, role, check))
    print("| what | labelled | photos | told so | not | unknown |\n|---|---|---|---|---|---|")
    for (what, truth), told in sorted(counts.items()):
        print(
            f"| {what} | {'yes' if truth else 'no'} | {len(told)} | {sum(one is truth for one in told)} | "
            f"{sum(one is (not truth) for one in told)} | {sum(one is None for one in told)} |"
        )
    print(f"\nProposed crops that hold the whole head that was measured: {sum(whole)} of {len(whole)}.")
