"""`python -m tests.browser.chromium`: print which Chromium is used; exit with 1 if there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def installed() -> str | None:
    """Find a Chromium: the machine's own, or the one that Playwright has installed."""
    own = next(filter(None, map(shutil.which, NAMES)), None)
    return own or _playwrights()


def launch_options() -> dict[str, Any]:
    """Return how it is started. Chromium has no sandbox for root."""
    return {"executable_path": installed(), "chromium_sandbox": os.geteuid() != 0}


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


if __name__ == "__main__":
    found = installed()
    sys.stdout.write(f"{found or 'There is no Chromium.'}\n")
    sys.exit(0 if found else 1)
