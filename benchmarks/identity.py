"""Same person or another, on labelled photos of real people: `FOLDER=folder python -m benchmarks identity`.

FOLDER holds sets, a folder each: with a folder for every person and their photos in it, every two photos of which are
compared; or with `master.csv` (file_x, file_y, Decision: Yes or No) beside the photos, as serengil/deepface has it. A
photo in which no face is sure counts as "cannot tell" in every pair. Of the first kind every photo is also laid on a
drawn card, photographed aslant, and compared with the other photos. Nothing is kept.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._run import table
from pipeline.probe.face.models import Numbers
from pipeline.probe.person import identity
from samples import _papers as papers

PICTURES = (".jpg", ".jpeg", ".png")
PORTRAIT = ((370, 462), (940, 110))  # size and place on the drawn card

Pair = tuple[Path, Path, bool]  # whether both are of one person


def of_people(folder: Path) -> dict[Path, str]:
    """Every photo of a set, and who is on it."""
    people = [one for one in sorted(folder.iterdir()) if one.is_dir()]
    return {path: one.name for one in people for path in sorted(one.iterdir()) if path.suffix.lower() in PICTURES}


def of_table(path: Path) -> Iterator[Pair]:
    """The pairs of a table."""
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield path.parent / row["file_x"], path.parent / row["file_y"], row["Decision"] == "Yes"


def on_card(path: Path, number: int) -> Numbers | None:
    """What the network says of this photo as the portrait of a card on a table."""
    rng = papers.seeded(number)
    card = papers.front(rng)
    with Image.open(path) as photo:
        photo = photo.convert("RGB")
        (wide, tall), place = PORTRAIT
        scale = min(photo.width / wide, photo.height / tall)
        left, top = int((photo.width - wide * scale) / 2), int((photo.height - tall * scale) / 2)
        part = photo.crop((left, top, photo.width - left, photo.height - top))
        card.paste(part.resize((wide, tall), Image.Resampling.LANCZOS), place)
    shown = {"size": (1600, 1200), "share": rng.uniform(0.6, 0.8), "angle": rng.uniform(-10, 10)}
    taken = papers.photographed(card, rng, **shown, aslant=0.05, blur=rng.uniform(0, 2), noise=rng.uniform(1, 5))
    return identity.vector(np.ascontiguousarray(taken))


def said(one: Numbers | None, other: Numbers | None) -> str:
    """The verdict on two faces."""
    if one is None or other is None:
        return identity.CANNOT_TELL
    return identity.verdict(identity.distance(one, other))


def main() -> None:
    """Print the table."""
    identity.load()
    counts: dict[tuple[str, bool], Counter[str]] = {}
    for folder in sorted(Path(os.environ["FOLDER"]).iterdir()):
        if not folder.is_dir():
            continue
        people = of_people(folder)
        named = folder / "master.csv"
        pairs = list(of_table(named)) if named.is_file() else []
        pairs += [(one, other, people[one] == people[other]) for one, other in combinations(people, 2)]
        faces = {path: identity.portrait(path) for path in {side for pair in pairs for side in pair[:2]}}
        cards = {path: on_card(path, number) for number, path in enumerate(people)}
        for one, other, same in pairs:
            counts.setdefault((folder.name, same), Counter())[said(faces[one], faces[other])] += 1
            if one in cards:
                counts.setdefault((f"{folder.name}, cards", same), Counter())[said(cards[one], faces[other])] += 1
    rows: list[list[object]] = []
    for (name, same), told in counts.items():
        right = identity.SAME if same else identity.DIFFERENT
        doubt = told[identity.CANNOT_TELL]
        wrong = told.total() - told[right] - doubt
        rows.append([name, "same" if same else "other", told.total(), told[right], doubt, wrong])
    table([("set", "of", "pairs", "right", "cannot tell", "wrong"), *(tuple(map(str, row)) for row in rows)])
    for name, part in (("photos", False), ("cards", True)):
        mine = [row for row in rows if str(row[0]).endswith(", cards") is part]
        total, right, doubt, wrong = (sum(int(str(row[column])) for row in mine) for column in (2, 3, 4, 5))
        if total:
            sys.stdout.write(
                f"{name}: right in {100 * right / max(1, right + wrong):.2f} % outside cannot tell, "
                f"which is {100 * doubt / total:.2f} % of {total}\n"
            )


if __name__ == "__main__":
    main()
