"""Settings for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No test asserts how long anything takes, and the machines that run them are shared: no deadline. In CI the
# examples are the same every time, so that a failure is of the change that is tested.
settings.register_profile("here", deadline=None)
settings.register_profile(
    "ci", parent=settings.get_profile("here"), derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# What a developer's own settings would change in the output of the programs under test.
for name in ("PREFLIGHT_LANG", "LC_ALL", "LANG", "PYTHONWARNINGS", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)
