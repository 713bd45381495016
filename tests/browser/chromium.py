"""The real browser: how it is started, and what axe-core finds wrong with a page in it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

# Colours on their way are nobody's design. Endless animations (a spinner) never finish.
SETTLED = """() => Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime < 5000)
    .map((one) => one.finished.catch(() => null))).then(() => null)"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical once colours stand still, with the first element of each."""
    page.evaluate(SETTLED)
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:300]} {each['nodes'][0].get('failureSummary')}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
