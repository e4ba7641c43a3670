"""What people do at a portal, whichever provider signs them in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud import LocalCloud
from localcloud.identity_model import Person
from localcloud.portal import WEB_URL, Portal, running_portal, write_config
from tests.portal.browsing import Browser, Page
from tests.portal.owning import write_report

LINK: Final = re.compile(rf"{re.escape(WEB_URL)}(/invitation\?code=[\w-]+)")
VERIFY: Final = "Verify"


@dataclass(frozen=True)
class Visiting:
    """A running portal, and who can sign in to it.

    Attributes:
        cloud: Everything else.
        portal: The two apps.
        provider: b2c, external or openid.
        store: The report store.
    """

    cloud: LocalCloud
    portal: Portal
    provider: str
    store: Path

    def person(self, email: str) -> Person:
        """Give somebody whom the provider knows from the start."""
        return self.cloud.identity.person(self.provider, email)

    def newcomer(self, email: str, *, email_verified: bool = True) -> Person:
        """Give the provider somebody new."""
        return self.cloud.add_person(self.provider, email, email_verified=email_verified)

    def invitation(self, email: str, *options: str) -> str:
        """Invite somebody, and give the path of the link."""
        said = self.portal.command("invite", email, *options).stdout
        found = LINK.search(said)
        assert found, said
        return found[1]

    def sign_in(self, browser: Browser, person: Person, start: str = "/sign-in?then=account") -> Page:
        """Sign in from a page of the portal on."""
        browser.open(start)
        return self.give_password(browser, person)

    def give_password(self, browser: Browser, person: Person, password: str | None = None) -> Page:
        """Type in address and password where the provider asks for them."""
        return browser.press("Sign in", email=person.email, password=password or person.password)

    def give_code(self, browser: Browser, code: str | None = None) -> Page:
        """Type in the second factor's code."""
        return browser.press(VERIFY, code=code or browser.page.code)

    def bind(self, browser: Browser, person: Person, *options: str) -> Page:
        """Invite somebody, and have them sign in and accept."""
        browser.open(self.invitation(person.email, *options))
        browser.follow("Sign in or sign up")
        self.give_password(browser, person)
        return browser.press("Accept")

    def step_up(self, browser: Browser, person: Person) -> Page:
        """Do what the provider wants before the beneficiary is changed."""
        self.give_password(browser, person)
        return self.give_code(browser)


@contextlib.contextmanager
def portal_of(cloud: LocalCloud, provider: str, folder: Path) -> Iterator[Visiting]:
    """Run a portal that signs people in by one of the providers, on a report of its own."""
    write_report(folder / "report.db")
    config = write_config(cloud, provider, folder, store=folder / "report.db")
    with running_portal(cloud, config, folder) as portal:
        yield Visiting(cloud, portal, provider, folder / "report.db")
