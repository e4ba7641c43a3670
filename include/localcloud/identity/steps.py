"""What each page of a journey looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from localcloud.identity.flavour import Flavour, Forgotten
from localcloud.identity.journey import Flow, Step
from localcloud.identity.pages import Field, Page

CODE: Final = Field("code", "Code", autocomplete="one-time-code")
NEW_PASSWORD: Final = Field("new_password", "New password", "password", "new-password")
FORGOTTEN_LINK: Final = ("forgotten", "Forgot your password?")
SIGN_UP_LINK: Final = ("sign_up", "Sign up now")


def page_of(flow: Flow, flavour: Flavour) -> Page:
    """Make the page of a flow's step."""
    return PAGES[flow.step](flow, flavour)


def _email(flow: Flow) -> Field:
    return Field("email", "E-mail address", "email", "username", flow.email or flow.request.login_hint)


def _sign_in(flow: Flow, flavour: Flavour) -> Page:
    links = (
        *((FORGOTTEN_LINK,) if flavour.style.forgotten is not Forgotten.NOTHING else ()),
        *((SIGN_UP_LINK,) if flavour.style.sign_up else ()),
    )
    password = Field("password", "Password", "password", "current-password")
    return Page("Sign in", (_email(flow), password), "Sign in", links=links)


def _second_factor(flow: Flow, flavour: Flavour) -> Page:
    email = flow.account.email if flow.account else ""
    known = flow.account is not None and flow.account.second_factor
    text = (
        "Type in the code that your phone shows." if known else "Register your phone: type in the code that it shows."
    )
    shown = f"The local cloud's phone shows: {flavour.people.code(email)}"
    return Page("Verify that it is you", (CODE,), "Verify", text, shown)


def _sign_up_email(flow: Flow, _: Flavour) -> Page:
    return Page("Sign up", (_email(flow),), "Send a code", "A code proves that the e-mail address is yours.")


def _mailed(flow: Flow, flavour: Flavour) -> Page:
    shown = f"The local cloud's mailbox shows: {flavour.people.code(flow.email)}"
    return Page("Verify your e-mail address", (CODE,), "Verify", f"A code is on its way to {flow.email}.", shown)


def _sign_up_details(_: Flow, __: Flavour) -> Page:
    return Page("Your account", (NEW_PASSWORD, Field("name", "Display name", autocomplete="name")), "Create")


def _reset_email(flow: Flow, _: Flavour) -> Page:
    return Page("Reset your password", (_email(flow),), "Send a code", "A code proves that the account is yours.")


def _reset_password(_: Flow, __: Flavour) -> Page:
    return Page("Choose a new password", (NEW_PASSWORD,), "Continue")


def _profile(flow: Flow, _: Flavour) -> Page:
    name = flow.account.name if flow.account else ""
    return Page("Edit your profile", (Field("name", "Display name", autocomplete="name", value=name),), "Save")


PAGES: Final[dict[Step, Callable[[Flow, Flavour], Page]]] = {
    Step.SIGN_IN: _sign_in,
    Step.SECOND_FACTOR: _second_factor,
    Step.SIGN_UP_EMAIL: _sign_up_email,
    Step.SIGN_UP_CODE: _mailed,
    Step.SIGN_UP_DETAILS: _sign_up_details,
    Step.RESET_EMAIL: _reset_email,
    Step.RESET_CODE: _mailed,
    Step.RESET_PASSWORD: _reset_password,
    Step.PROFILE: _profile,
}
