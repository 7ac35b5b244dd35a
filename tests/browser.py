"""Chromium for tests that look at pages; they are skipped where it is not installed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Chromium: apt-get install chromium chromium-driver"
)


@contextmanager
def browser(downloads: Path | None = None, *, scripts: bool = True) -> Iterator[Any]:
    """A headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    # No sandbox of its own: tests may run as root. The pages are ours.
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1360,1400",
    ):
        options.add_argument(word)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    prefs: dict[str, Any] = {} if scripts else {"profile.managed_default_content_settings.javascript": 2}
    if downloads:
        prefs["download.default_directory"] = str(downloads)
    options.add_experimental_option("prefs", prefs)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def violations(driver: Any) -> list[str]:
    """What axe-core finds on the page that is more than minor, as "rule: targets"."""
    axe = pytest.importorskip("axe_core_python")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    driver.execute_script(script)
    found = driver.execute_async_script(
        """
        const done = arguments[0];
        const shown = v => v.nodes.slice(0, 5).map(n => n.target.join(" ") + " " + n.failureSummary);
        axe.run(document, {iframes: false, resultTypes: ["violations"]})
          .then(r => done(r.violations.map(v => ({id: v.id, impact: v.impact, at: shown(v)}))));
        """
    )
    return [f"{v['id']}: {v['at']}" for v in found if v["impact"] != "minor"]


def select(driver: Any, id_: str, value: str) -> None:
    """Choose an entry of a list, as a person would."""
    script = "const [id, value] = arguments; const s = document.getElementById(id); s.value = value;"
    driver.execute_script(f"{script} s.dispatchEvent(new Event('change'))", id_, value)


def press(driver: Any, keys: str) -> None:
    """Keys to whatever has the focus."""
    from selenium.webdriver import ActionChains

    ActionChains(driver).send_keys(keys).perform()


def until(ready: Callable[[], Any]) -> None:
    """Waits until it is."""
    for _ in range(400):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError("did not happen")
