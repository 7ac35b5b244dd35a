"""What a plan and a role ask of a new file, for every converter."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.checks.file import EXTENSIONS
from pipeline.model.facts import MediaInfo, Value
from pipeline.model.results import Fix
from pipeline.model.rules import Level, Role

NAMING = frozenset({"file.name", "file.name_length", "file.extension", "file.extension_agrees"})


def value_of(fixes: Iterable[Fix], *checks: str) -> Value | None:
    """The value that the first fix on one of `checks` asks for, or None."""
    return next((fix.value for fix in fixes if fix.check in checks), None)


def accepts(role: Role, value: Value, *checks: str) -> bool | None:
    """Whether every error rule of the role on one of `checks` accepts `value`; None without such a rule."""
    limits = [rule.limit for rule in role.rules if rule.check in checks and rule.level is Level.ERROR]
    return all(limit.accepts(value) for limit in limits) if limits else None


def extensions(format_: str) -> list[str]:
    """The usual extensions of a format, the most usual first."""
    usual = {"jpeg": "jpg", "plain": "txt"}.get(format_, format_)
    return [usual, *sorted(EXTENSIONS.get(format_, frozenset()) - {usual})]


def extension(format_: str, info: MediaInfo, role: Role) -> str:
    """The extension of a new file of this format: the source's own if right, else one the role takes."""
    usual = extensions(format_)
    taken = [word for word in usual if accepts(role, word, "file.extension") is not False] or usual
    return info.extension if info.extension in taken else taken[0]


def format_by_extension(format_: str, role: Role) -> str | None:
    """The format the role's extensions stand for, when it takes none of `format_`; else None."""
    usual = extensions(format_)
    if any(accepts(role, word, "file.extension") is not False for word in usual):
        return None
    limits = [rule.limit for rule in role.rules if rule.check == "file.extension"]
    word = next((word for limit in limits if isinstance(word := limit.nearest(usual[0]), str)), None)
    return next((other for other, words in EXTENSIONS.items() if word in words), word)
