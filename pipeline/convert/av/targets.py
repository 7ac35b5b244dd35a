"""What a plan wants of a new file, and what the role's rules would still accept."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.model.facts import Value
from pipeline.model.results import Plan
from pipeline.model.rules import Level, Role

# Stands for "as much as you like" when a limit is asked for its upper bound.
_BOUNDLESS: Final = 10**18
_PADDING: Final = Fraction(1, 8)  # seconds


class Wishes(Struct, frozen=True):
    """Questions to a plan and a role."""

    plan: Plan
    role: Role

    def value(self, check: str, stream: int | None = None) -> Value | None:
        """What `check` should read afterwards: the fix, else the advice, else None."""
        for fix in (*self.plan.fixes, *self.plan.advised):
            if fix.check == check and fix.stream == stream:
                return fix.value
        return None

    def length(self, seconds: Fraction | None) -> Fraction | None:
        """How much of so many seconds goes on: all, unless the plan cuts it off.

        Packets are not cut in two, and encoders pad sound: an eighth of a second stays below the limit.
        """
        limit = self.value("media.duration")
        if not isinstance(limit, int | Fraction) or isinstance(limit, bool):
            return seconds
        most = Fraction(limit) - _PADDING
        return most if seconds is None else min(seconds, most)

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

    def least(self, check: str) -> int | None:
        """The smallest whole number that every rule on `check` takes, advice included; None: no bound."""
        bounds = [
            nearest
            for rule in self.role.rules
            if rule.check == check and rule.level is not Level.INFO
            if isinstance(nearest := rule.limit.nearest(0), int) and nearest > 0
        ]
        return max(bounds, default=None)
