"""The HTML report: one file, no network, from any report or manifest."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from markupsafe import Markup

from pipeline.documents.types import AssetEntry
from pipeline.model.facts import Text
from pipeline.model.results import Verdict
from pipeline.model.rules import Level
from pipeline.report import summary
from pipeline.report.card import ORDER, TEMPLATES, environment
from pipeline.report.figures import CardJob
from pipeline.report.findings import loadable
from pipeline.report.summary import FATES, BrokenRule, Fate, LocatedDocument, preset_of

Cards = Callable[[Sequence[CardJob]], Iterator[str]]
"""Makes the card of every job, in order."""

OPEN: Final = 50  # assets up to which every card is open, and its pictures are large
_GROUPS: Final = (
    ("bad", ("failed", "error")),
    ("person", ("blocked",)),
    ("can", ("fixable",)),
    ("fixed", ("fixed",)),
    ("fine", ("pass", "ready")),
)


def jobs(sources: Sequence[LocatedDocument], numbers: Mapping[tuple[Fate, str], int], pictures: bool) -> list[CardJob]:
    """The cards, worst first."""
    pairs = [(source, entry) for source in sources for entry in source.document.assets]
    pairs.sort(key=lambda pair: _rank(pair[1]))
    out = []
    for number, (source, entry) in enumerate(pairs, 1):
        preset, _ = preset_of(source.document)
        out.append(
            CardJob(
                number=number,
                entry=entry,
                preset=preset,
                rules=tuple(sorted(numbers[key] for key in summary.broken(entry) if key in numbers)),
                folders=(str(Path.cwd()), str(source.folder)),
                outputs=str(source.folder),
                pictures=pictures,
                open=len(pairs) <= OPEN,
            )
        )
    return out


def _rank(entry: AssetEntry) -> tuple[int, bool]:
    warned = any(f.verdict is Verdict.FAIL and f.level is Level.WARNING for f in entry.findings)
    return ORDER.index(entry.status), not warned


def _context(
    sources: Sequence[LocatedDocument], rows: Mapping[Fate, list[BrokenRule]], lang: str, todo: Sequence[CardJob]
) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    table: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    for source in sources:
        preset, _ = preset_of(source.document)
        for entry in source.document.assets:
            statuses[entry.status] += 1
            table[preset][entry.status] += 1
            kinds[entry.kind] += 1
    stages = [status for status in ORDER if statuses[status]]
    titles = {p: found.title if (found := loadable(p)) else Text(p, p) for p in table}
    style, script = (asset(name) for name in ("report.css", "report.js"))
    return {
        "lang": lang,
        "name": summary.batch_name(sources),
        "headline": summary.headline(statuses),
        "statuses": [(status, statuses[status]) for status in stages],
        "bar": [(name, n, n / max(1, len(todo))) for name, keys in _GROUPS if (n := sum(statuses[k] for k in keys))],
        "table": {preset: [counts[s] for s in stages] for preset, counts in sorted(table.items())},
        "titles": titles,
        "kinds": sorted(kinds.items()),
        "rows": [(fate, rows[fate]) for fate in FATES if fate in rows],
        "decisions": summary.decisions((job.number, job.preset, job.entry) for job in todo),
        "batch": list(summary.of_all(sources)),
        "tools": summary.tools(sources),
        "digests": [source.sha256 for source in sources if source.sha256],
        "written": datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M %z"),
        "stale": sorted({preset_of(s.document)[0] for s in sources if summary.stale(s.document)}),
        "style": Markup(style),  # noqa: S704  our own file
        "script": Markup(script),  # noqa: S704  our own file
        "policy": f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
    }


def asset(name: str) -> str:
    """A style sheet or script of ours."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write(out: IO[str], sources: Sequence[LocatedDocument], lang: str, cards: Cards, *, pictures: bool = True) -> None:
    """Write the report. Cards are written as `cards` makes them, in workers or here."""
    rows, numbers = summary.most_broken(sources)
    todo = jobs(sources, numbers, pictures)
    page = environment().get_template("page.html.jinja").render(_context(sources, rows, lang, todo))
    head, _, tail = page.partition("<!--cards-->")
    out.write(head)
    for card in cards(todo):
        out.write(card)
    out.write(tail)
