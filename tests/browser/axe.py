"""axe: what keeps people out of a page, found by rules (WCAG 2.2 A and AA, and good practice)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

SOURCE: Final = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """Return what axe finds, in a context that bypasses the Content-Security-Policy, which keeps axe itself out."""
    page.add_script_tag(content=SOURCE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
