"""The page itself: one document with its script and style inside, and the policy that lets nothing else run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from markupsafe import Markup

from pipeline.model.repairs import CHOICES
from pipeline.report.card import environment
from pipeline.report.html import asset, digest
from pipeline.report.labels import WORDS
from pipeline.rules import presets

TEMPLATES: Final = Path(__file__).parent / "templates"


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _style() -> str:
    return asset("report.css") + _read("serve.css")


def policy() -> str:
    """What a browser may run and reach on it: its own script and style, and its server."""
    return (
        f"default-src 'none'; img-src data:; style-src '{digest(_style())}'; script-src '{digest(_read('serve.js'))}'; "
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def html(lang: str, *, team: bool) -> str:
    """The page, whose language may be changed on it; `team`: others than one person at this machine come here."""
    scenarios: dict[str, list[dict[str, object]]] = {}  # as the template and its script read them
    for name in presets.names():
        preset = presets.load(name)
        told: dict[str, object] = {
            "id": preset.id,
            "en": preset.title.en,
            "zh": preset.title.zh,
            "roles": [{"id": role.name, "en": role.title.en, "zh": role.title.zh} for role in preset.roles],
        }
        scenarios.setdefault(name.partition("/")[0], []).append(told)
    ordered = sorted(scenarios.items(), key=lambda pair: pair[0] == "convert")  # platforms first
    template = environment().from_string(_read("serve.html.jinja"))
    return template.render(
        lang=lang,
        team=team,
        scenarios=dict(ordered),
        repairs=CHOICES,
        words=WORDS,
        style=Markup(_style()),  # noqa: S704  our own file
        script=Markup(_read("serve.js")),  # noqa: S704  our own file
    )
