"""What somebody does at the portal with a real browser, whichever provider signs them in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page, expect

from localcloud.identity_model import Person
from localcloud.portal import WEB_URL
from tests.portal.visiting import Visiting

SHOWN: Final = re.compile(r"shows: (\d{6})")


@dataclass(frozen=True)
class Walk:
    """A window, and the portal that it shows.

    Attributes:
        page: The window.
        visiting: The portal, and who can sign in.
    """

    page: Page
    visiting: Visiting

    def open(self, path: str) -> None:
        """Go to a page of the portal."""
        self.page.goto(WEB_URL + path)

    def press(self, button: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        """Click a link of the page's content."""
        self.page.get_by_role("main").get_by_role("link", name=link, exact=True).first.click()

    def type(self, label: str, text: str) -> None:
        """Type into a field."""
        self.page.get_by_label(label, exact=True).fill(text)

    def give_password(self, person: Person, password: str | None = None) -> None:
        """Sign in at the provider."""
        self.type("E-mail address", person.email)
        self.type("Password", password or person.password)
        self.press("Sign in")

    def give_code(self, code: str | None = None) -> None:
        """Type in what the phone or the mailbox shows."""
        shown = SHOWN.search(self.page.locator(".shown").inner_text())
        assert shown
        self.type("Code", code or shown[1])
        self.press("Verify")

    def sign_in(self, person: Person) -> None:
        """Sign in from the start page on."""
        self.open("/")
        self.follow("Sign in or sign up")
        self.give_password(person)
        self.is_at("/account")

    def bind(self, person: Person, *options: str) -> None:
        """Open an invitation, sign in if need be, and accept it."""
        self.open(self.visiting.invitation(person.email, "--rebind", *options))
        if self.page.get_by_role("main").get_by_role("link", name="Sign in or sign up").count():
            self.follow("Sign in or sign up")
            self.give_password(person)
        self.press("Accept")
        self.is_at("/account")

    def is_at(self, path: str) -> None:
        """See that a page of the portal is shown."""
        expect(self.page).to_have_url(re.compile(rf"{re.escape(WEB_URL + path)}(\?.*)?$"))

    def is_at_the_provider(self) -> None:
        """See that a page of the provider is shown."""
        host = self.visiting.cloud.identity.provider(self.visiting.provider).host
        expect(self.page).to_have_url(re.compile(rf"https://{re.escape(host)}/"))

    def says(self, text: str) -> None:
        """See that a text is shown."""
        expect(self.page.get_by_role("main")).to_contain_text(text)
