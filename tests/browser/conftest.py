"""A browser, and what it looks at: `make up` after `make demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from localcloud.airflow_home import PROJECT
from localcloud.standalone import free_port
from tests.browser.chromium import launch_options

DEMO_SECONDS: Final = 240
UP_SECONDS: Final = 200
COOKIE: Final = "_token"
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
SCREENSHOTS: Final = Path(os.environ.get("SCREENSHOTS") or PROJECT / ".cache" / "screenshots")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-browser` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Airflow:
    """A running `make up`.

    Attributes:
        url: Of Airflow.
        token: By which its admin is known.
    """

    url: str
    token: str


@pytest.fixture(scope="session")
def airflow() -> Iterator[Airflow]:
    """Run the demo to its end, and then Airflow, as `make demo` and `make up` do."""
    command = [sys.executable, "-m", "localcloud"]
    subprocess.run([*command, "demo"], cwd=PROJECT, check=True, timeout=DEMO_SECONDS, stdout=subprocess.DEVNULL)
    port = free_port()
    log = PROJECT / ".cache" / "test-browser-up.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "up", "--port", str(port)], cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, log)
            url = f"http://127.0.0.1:{port}"
            yield Airflow(url, _token(url))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while "Ctrl-C stops everything" not in log.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"`make up` did not come up:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.5)


def _token(url: str) -> str:
    passwords = PROJECT / ".airflow" / "up" / "simple_auth_manager_passwords.json.generated"
    login = {"username": "admin", "password": json.loads(passwords.read_text(encoding="utf-8"))["admin"]}
    with requests.Session() as session:
        session.trust_env = False
        return str(session.post(f"{url}/auth/token", json=login, timeout=30).json()["access_token"])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Give a function that opens a window; whatever its console complains of, and any error in it, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(url: str, token: str | None = None, **options: Any) -> Page:  # noqa: ANN401 - Playwright's
        context = browser.new_context(base_url=url, **({"viewport": DESKTOP} | options))
        contexts.append(context)
        if token:
            context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def up(airflow: Airflow, open_page: Open) -> Callable[..., Page]:
    """Give a function that opens a page below Keywatch's own address, with the demo's data."""

    def make(path: str = "/", **options: Any) -> Page:  # noqa: ANN401 - Playwright's
        page = open_page(airflow.url, airflow.token, **options)
        page.goto(f"/keywatch{path}")
        return page

    return make


@pytest.fixture
def keep_screenshot() -> Callable[[Page, str], None]:
    """Give a function that keeps a picture of what a window shows, for the README."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    return keep
