"""The portal in a real browser: every path, with each provider."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from localcloud import LocalCloud, Seed
from localcloud.identity_model import B2C, OPENID, PROVIDERS
from localcloud.portal import WEB_URL
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.portal_walk import Walk
from tests.portal.owning import PAYMENTS, PLATFORM, owned_by
from tests.portal.visiting import Visiting, portal_of

Keep = Callable[[Page, str], None]
Start = Callable[..., Walk]

BENEFICIARY: Final = "deputy.owner@keywatch.example"
SERIOUS: Final = ("serious", "critical")


@pytest.fixture(scope="module")
def portal_cloud() -> Iterator[LocalCloud]:
    """Start a local cloud with the providers."""
    with LocalCloud(seed=Seed(accounts=1, users=2)) as cloud:
        yield cloud


@pytest.fixture(scope="module", params=PROVIDERS)
def visiting(
    portal_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Visiting]:
    """Run a portal that signs people in by one of the providers."""
    folder = tmp_path_factory.mktemp(request.param)
    with portal_of(portal_cloud, request.param, folder) as visiting:
        yield visiting


@pytest.fixture
def start(browser: Browser, visiting: Visiting) -> Iterator[Start]:
    """Give a function that opens a window with cookies of its own; whatever its console complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(**options: Any) -> Walk:  # noqa: ANN401 - Playwright's
        options = {"viewport": DESKTOP} | options
        context = browser.new_context(proxy={"server": visiting.cloud.proxy_url}, ignore_https_errors=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return Walk(page, visiting)

    yield make
    for context in contexts:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def walk(start: Start) -> Walk:
    """Open a window."""
    return start()


def test_owner_walks_through_everything(walk: Walk, keep_screenshot: Keep) -> None:
    """An owner accepts the invitation, looks at every page, and changes the beneficiary with the second factor."""
    person = walk.visiting.person(PAYMENTS)
    walk.bind(person, "--policynumber", "4711")
    walk.says("the account is yours")
    rows = walk.page.get_by_role("row")
    expect(rows).to_have_count(len(owned_by(PAYMENTS)) + 1)
    for user in owned_by(PAYMENTS):
        expect(rows.filter(has_text=user)).to_have_count(1)

    walk.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Change beneficiary").click()
    walk.type("Beneficiary", BENEFICIARY)
    if walk.visiting.provider == B2C:
        keep_screenshot(walk.page, "portal-beneficiary")
    walk.press("Confirm and change")
    walk.is_at_the_provider()
    walk.give_password(person)
    walk.give_code()
    walk.is_at("/account")
    walk.says("Your beneficiary has been changed.")
    walk.says(BENEFICIARY)

    walk.open("/account")
    expect(walk.page.get_by_role("status")).to_have_count(0)
    if walk.visiting.provider == B2C:
        keep_screenshot(walk.page, "portal-account")
        walk.page.emulate_media(color_scheme="dark")
        keep_screenshot(walk.page, "portal-account-dark")
        walk.page.emulate_media(color_scheme="light")
    for link, heading in (("My claims", "My claims"), ("Test API", "Test API"), ("My account", "My account")):
        walk.page.get_by_role("navigation", name="Pages").get_by_role("link", name=link).click()
        expect(walk.page.get_by_role("heading", level=1)).to_have_text(heading)


def test_wrong_password_and_then_the_right_one(walk: Walk) -> None:
    """A wrong password is told by the provider, and the right one goes on."""
    person = walk.visiting.person(PAYMENTS)
    walk.open("/")
    walk.follow("Sign in or sign up")
    walk.give_password(person, "wrong")
    expect(walk.page.get_by_role("alert")).to_be_visible()
    walk.give_password(person)
    walk.is_at("/account")


def test_cancel_is_back_at_the_start(walk: Walk) -> None:
    """Whoever cancels is at the start page, is told so, and can begin anew."""
    walk.open("/")
    walk.follow("Sign in or sign up")
    walk.press("Cancel")
    walk.is_at("/")
    walk.says("You have cancelled")
    walk.follow("Sign in or sign up")
    walk.is_at_the_provider()


def test_second_factor_refused(walk: Walk) -> None:
    """A wrong code is told by the provider; whoever cancels then has changed nothing."""
    person = walk.visiting.person(PLATFORM)
    walk.bind(person)
    walk.open("/beneficiary")
    walk.type("Beneficiary", "Never")
    walk.press("Confirm and change")
    walk.give_password(person)
    walk.give_code("12345x")
    expect(walk.page.get_by_role("alert")).to_be_visible()
    walk.press("Cancel")
    walk.is_at("/account")
    walk.says("was not changed")
    expect(walk.page.get_by_text("Never", exact=True)).to_have_count(0)


def test_forgotten_password(walk: Walk) -> None:
    """From the sign-in page somebody comes to a new password, and in with it; or learns whose business it is."""
    person = walk.visiting.newcomer(f"browser.forgetful.{walk.visiting.provider}@keywatch.example")
    walk.open("/")
    if walk.visiting.provider == OPENID:
        walk.follow("Forgotten your password?")
        walk.says("on the sign-in page of OpenID Connect")
        return
    walk.follow("Sign in or sign up")
    walk.page.get_by_role("link", name="Forgot your password?").click()
    walk.type("E-mail address", person.email)
    walk.press("Send a code")
    walk.give_code()
    walk.type("New password", "another-Passw0rd-of-theirs")
    walk.press("Continue")
    if walk.visiting.provider == B2C:
        walk.says("Sign in with the new one")
        walk.follow("Sign in or sign up")
    if walk.page.get_by_label("Password", exact=True).count():
        walk.give_password(person, "another-Passw0rd-of-theirs")
    walk.is_at("/account")


def test_sign_up_without_an_invitation(walk: Walk) -> None:
    """Who signs up alone is in, and has nothing to see."""
    if walk.visiting.provider == OPENID:
        person = walk.visiting.newcomer("browser.stranger@keywatch.example")
        walk.sign_in(person)
    else:
        walk.open("/")
        walk.follow("Sign in or sign up")
        walk.page.get_by_role("link", name="Sign up now").click()
        walk.type("E-mail address", f"browser.stranger.{walk.visiting.provider}@keywatch.example")
        walk.press("Send a code")
        walk.give_code()
        walk.type("New password", "a-Passw0rd-of-a-stranger")
        walk.type("Display name", "Stranger")
        walk.press("Create")
    walk.says("You have no account here yet")
    expect(walk.page.get_by_role("table")).to_have_count(0)


def test_profile(walk: Walk) -> None:
    """The name is edited where the provider keeps it, and shown from then on."""
    person = walk.visiting.newcomer(f"browser.renamed.{walk.visiting.provider}@keywatch.example")
    walk.sign_in(person)
    walk.open("/claims")
    walk.follow("Edit profile")
    if walk.visiting.provider != B2C:
        walk.says("keeps your profile")
        return
    if walk.page.get_by_label("Password", exact=True).count():
        walk.give_password(person)
    walk.type("Display name", "Another name")
    walk.press("Save")
    walk.is_at("/claims")
    walk.says("Your profile has been changed.")
    expect(walk.page.get_by_role("banner")).to_contain_text("Another name")


def test_session_that_has_ended(walk: Walk) -> None:
    """After the idle time, a page and a form ask to sign in again, and nothing was changed."""
    person = walk.visiting.person(PLATFORM)
    walk.bind(person)
    walk.open("/beneficiary")
    walk.type("Beneficiary", "Too late")
    sessions = walk.visiting.portal.folder / "sessions.db"
    with closing(sqlite3.connect(sessions)) as connection, connection:
        connection.execute("UPDATE portal_session_1 SET over = used")
    walk.press("Confirm and change")
    walk.says("You are not signed in")
    walk.says("Nothing was changed")
    walk.follow("Sign in")
    walk.is_at("/beneficiary")
    expect(walk.page.get_by_label("Beneficiary", exact=True)).not_to_have_value("Too late")


def test_two_tabs(walk: Walk) -> None:
    """Two sign-ins side by side end well; of two changes the first is made, and the second tab is told so."""
    person = walk.visiting.person(PLATFORM)
    other = Walk(walk.page.context.new_page(), walk.visiting)
    for each in (walk, other):
        each.open("/")
        each.follow("Sign in or sign up")
    for each in (walk, other):
        if each.page.get_by_label("Password", exact=True).count():
            each.give_password(person)
        expect(each.page.get_by_role("button", name="Sign out")).to_be_visible()
    walk.bind(person)
    for each, beneficiary in ((walk, "Of the first tab"), (other, "Of the second tab")):
        each.open("/beneficiary")
        each.type("Beneficiary", beneficiary)
        each.press("Confirm and change")
        each.is_at_the_provider()
    for each in (walk, other):
        each.give_password(person)
        each.give_code()
    walk.says("Of the first tab")
    expect(other.page.get_by_role("heading", level=1)).to_have_text("Your account has been changed meanwhile")
    other.open("/account")
    other.says("Of the first tab")


def test_back_button_after_signing_out(walk: Walk) -> None:
    """After signing out, going back shows no keys, and the provider asks for the password."""
    walk.sign_in(walk.visiting.person(PAYMENTS))
    walk.open("/account")
    walk.press("Sign out")
    if walk.visiting.provider == OPENID:
        walk.is_at_the_provider()
        walk.page.get_by_role("button").first.click()
    walk.is_at("/")
    expect(walk.page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    for _ in range(3):
        walk.page.go_back()
        expect(walk.page.get_by_role("table")).to_have_count(0)
        expect(walk.page.get_by_text("AKIA...")).to_have_count(0)
    walk.open("/account")
    walk.says("You are not signed in")
    walk.follow("Sign in")
    walk.is_at_the_provider()
    expect(walk.page.get_by_label("Password", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scheme", "viewport"), [("light", DESKTOP), ("dark", PHONE)], ids=["light", "dark, phone"])
def test_axe_finds_nothing_serious(start: Start, scheme: str, viewport: dict[str, int]) -> None:
    """No page keeps anybody out, on a desktop or a phone, light or dark; none is wider than a phone."""
    walk = start(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    walk.bind(walk.visiting.person(PLATFORM))
    found = []
    for path in ("/", "/account", "/beneficiary", "/claims", "/test-api", "/invitation", "/profile", "/nowhere"):
        walk.open(path)
        if walk.page.url.startswith(WEB_URL):
            found += [each for each in violations(walk.page) if any(f"({level})" in each for level in SERIOUS)]
            wide = walk.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            assert not wide, path
    walk.open("/account")
    walk.press("Sign out")
    walk.open("/account")
    found += violations(walk.page)
    assert found == []


def test_browser_of_make_browser_sees_the_portal(visiting: Visiting, tmp_path: Path) -> None:
    """`make browser` opens a Chromium that comes to the portal through the local cloud, and leaves no profile."""
    state = visiting.cloud.state_dir
    command = [sys.executable, "-m", "localcloud", "browser", "--state", str(state), "--headless", "--dump-dom"]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    shown = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "The AWS access keys that you answer for" in shown
    assert [each for each in tmp_path.iterdir() if each.name.startswith("keywatch-browser-")] == []
