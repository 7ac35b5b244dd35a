"""What a plan wants of a new file, and what the role's rules would still accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.model import Level, Plan, Role, Value

# Stands for "as much as you like" when a limit is asked for its upper bound.
_BOUNDLESS: Final = 10**18


@dataclass(frozen=True, slots=True)
class Wishes:
    """Questions to a plan and a role."""

    plan: Plan
    role: Role

    def value(self, check: str, stream: int | None = None) -> Value | None:
        """What `check` should read afterwards: the fix, else the advice, else None."""
        for fix in (*self.plan.fixes, *self.plan.advised):
            if fix.check == check and fix.stream == stream:
                return fix.value
        return None

    def accepted(self, check: str, value: Value, *, warnings: bool = False) -> bool:
        """Whether every rule of the role on `check` takes `value`; rules with a condition are counted."""
        return all(
            rule.limit.accepts(value)
            for rule in self.role.rules
            if rule.check == check and (rule.level is Level.ERROR or (warnings and rule.level is Level.WARNING))
        )

    def most(self, check: str) -> int | None:
        """The largest whole number that the fix and every error rule on `check` allow; None: no bound."""
        bounds = [
            nearest
            for rule in self.role.rules
            if rule.check == check and rule.level is Level.ERROR and rule.when is None
            if isinstance(nearest := rule.limit.nearest(_BOUNDLESS), int) and nearest < _BOUNDLESS
        ]
        bounds += [
            f.value
            for f in self.plan.fixes
            if f.check == check and isinstance(f.value, int) and not isinstance(f.value, bool)
        ]
        return min(bounds, default=None)
