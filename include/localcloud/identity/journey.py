"""The way from a request to an answer: which pages somebody passes, and what each of them takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from localcloud.identity.flavour import Flavour, Forgotten
from localcloud.identity.grants import Session
from localcloud.identity.people import Account
from localcloud.identity.refusals import Flaw, RefusedError
from localcloud.identity.requests import AuthorizationRequest, Purpose

SHORTEST_PASSWORD: Final = 8


class Step(StrEnum):
    """A page, or the end."""

    SIGN_IN = "sign_in"
    SECOND_FACTOR = "second_factor"
    SIGN_UP_EMAIL = "sign_up_email"
    SIGN_UP_CODE = "sign_up_code"
    SIGN_UP_DETAILS = "sign_up_details"
    RESET_EMAIL = "reset_email"
    RESET_CODE = "reset_code"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a page's name
    PROFILE = "profile"
    DONE = "done"


@dataclass
class Flow:
    """One request on its way.

    Attributes:
        flow_id: unguessable; every form carries it.
        browser: the cookie of the browser that it belongs to.
        request: what it is about.
        step: the page to show.
        account: who signs in, once known.
        auth_time: when the password was typed in, once it was.
        second_factor: whether a code followed.
        email: typed in, and not yet proven.
        new_user: whether the account was made on the way.
        message: what was wrong with what was typed in last.
    """

    flow_id: str
    browser: str
    request: AuthorizationRequest
    step: Step = Step.SIGN_IN
    account: Account | None = None
    auth_time: int | None = None
    second_factor: bool = False
    email: str = ""
    new_user: bool = False
    message: str = ""


class Journey:
    """Moves flows of one provider on."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self._people = flavour.people
        self._submit: dict[Step, Callable[[Flow, Mapping[str, str]], None]] = {
            Step.SIGN_IN: self._sign_in,
            Step.SECOND_FACTOR: self._second_factor,
            Step.SIGN_UP_EMAIL: self._sign_up_email,
            Step.SIGN_UP_CODE: self._sign_up_code,
            Step.SIGN_UP_DETAILS: self._sign_up_details,
            Step.RESET_EMAIL: self._reset_email,
            Step.RESET_CODE: self._reset_code,
            Step.RESET_PASSWORD: self._reset_password,
            Step.PROFILE: self._profile,
        }

    def begin(self, flow: Flow, session: Session | None) -> None:
        """Find the first page, or the end if a session says enough.

        Raises:
            RefusedError: no page may be shown, and one would have to be.
        """
        request = flow.request
        account = self._people.get(session.object_id) if session else None
        if request.demand.purpose is Purpose.RESET_PASSWORD:
            flow.step = Step.RESET_EMAIL
        elif session is not None and account is not None and request.is_answered_by(session):
            flow.account, flow.auth_time, flow.second_factor = account, session.auth_time, session.second_factor
            self._advance(flow)
        if "none" in request.prompts and flow.step is not Step.DONE:
            flaw = Flaw.LOGIN_REQUIRED if flow.step is Step.SIGN_IN else Flaw.INTERACTION_REQUIRED
            raise self._flavour.words.refusal(flaw, "none")

    def submit(self, flow: Flow, form: Mapping[str, str]) -> None:
        """Take what a page was sent back with; the flow stays, with a message, if that is not enough.

        Raises:
            RefusedError: the person gives up.
        """
        flow.message = ""
        if form.get("action") == "cancel":
            raise self._cancelled(flow)
        if form.get("step") != flow.step:
            flow.message = "That page was out of date; go on from here."
            return
        self._submit[flow.step](flow, form)

    def go(self, flow: Flow, where: str) -> None:
        """Follow a link of the sign-in page.

        Raises:
            RefusedError: the client is to know.
        """
        flow.message = ""
        style = self._flavour.style
        if flow.step is not Step.SIGN_IN:
            return
        if where == "sign_up" and style.sign_up:
            flow.step = Step.SIGN_UP_EMAIL
        elif where == "forgotten" and style.forgotten is Forgotten.PAGES:
            flow.step = Step.RESET_EMAIL
        elif where == "forgotten" and style.forgotten is Forgotten.ERROR:
            raise self._flavour.words.refusal(Flaw.FORGOTTEN)

    def _cancelled(self, flow: Flow) -> RefusedError:
        second = flow.step is Step.SECOND_FACTOR
        return self._flavour.words.refusal(Flaw.SECOND_FACTOR_CANCELLED if second else Flaw.CANCELLED)

    def _advance(self, flow: Flow) -> None:
        demand = flow.request.demand
        if demand.second_factor and not flow.second_factor:
            flow.step = Step.SECOND_FACTOR
        elif demand.purpose is Purpose.EDIT_PROFILE and flow.step is not Step.PROFILE:
            flow.step = Step.PROFILE
        else:
            flow.step = Step.DONE

    def _enter(self, flow: Flow, account: Account) -> None:
        """Go on as somebody who has just proven to be it."""
        flow.account, flow.auth_time, flow.second_factor = account, int(time.time()), False
        self._advance(flow)

    def _sign_in(self, flow: Flow, form: Mapping[str, str]) -> None:
        flow.email = form.get("email", "")
        account = self._people.signs_in(flow.email, form.get("password", ""))
        if account is None:
            flow.message = "The e-mail address or the password is wrong. Try again."
            return
        self._enter(flow, account)

    def _second_factor(self, flow: Flow, form: Mapping[str, str]) -> None:
        account = flow.account
        if account is None or self._people.get(account.object_id) is None:
            flow.step, flow.message = Step.SIGN_IN, "This account no longer exists. Sign in with another one."
        elif not self._people.is_code(account.email, form.get("code", "")):
            flow.message = "That is not the code. Type in the one that is shown now."
        else:
            account.second_factor = flow.second_factor = True
            self._advance(flow)

    def _sign_up_email(self, flow: Flow, form: Mapping[str, str]) -> None:
        flow.email = form.get("email", "").strip()
        if "@" not in flow.email:
            flow.message = "That is no e-mail address. Type in one such as name@example.com."
        elif self._people.find(flow.email) is not None:
            flow.message = "There is an account with this e-mail address already. Cancel, and sign in with it."
        else:
            flow.step = Step.SIGN_UP_CODE

    def _sign_up_code(self, flow: Flow, form: Mapping[str, str]) -> None:
        self._check_mailed(flow, form, Step.SIGN_UP_DETAILS)

    def _sign_up_details(self, flow: Flow, form: Mapping[str, str]) -> None:
        password = form.get("new_password", "")
        if len(password) < SHORTEST_PASSWORD:
            flow.message = f"The password is too short. Choose one of {SHORTEST_PASSWORD} characters or more."
        elif self._people.find(flow.email) is not None:
            flow.step, flow.message = Step.SIGN_IN, "There is an account with this e-mail address now. Sign in with it."
        else:
            name = form.get("name", "").strip()
            flow.new_user = True
            self._enter(flow, self._people.add(Account(flow.email, password, name, second_factor=False)))

    def _reset_email(self, flow: Flow, form: Mapping[str, str]) -> None:
        flow.email = form.get("email", "").strip()
        if self._people.find(flow.email) is None:
            flow.message = "There is no account with this e-mail address. Check it, or sign up."
        else:
            flow.step = Step.RESET_CODE

    def _reset_code(self, flow: Flow, form: Mapping[str, str]) -> None:
        self._check_mailed(flow, form, Step.RESET_PASSWORD)

    def _reset_password(self, flow: Flow, form: Mapping[str, str]) -> None:
        password, account = form.get("new_password", ""), self._people.find(flow.email)
        if len(password) < SHORTEST_PASSWORD:
            flow.message = f"The password is too short. Choose one of {SHORTEST_PASSWORD} characters or more."
        elif account is None:
            flow.step, flow.message = Step.RESET_EMAIL, "This account no longer exists. Give another e-mail address."
        elif self._flavour.style.forgotten is Forgotten.PAGES:
            account.password = password
            flow.step, flow.message = Step.SIGN_IN, "The password is changed. Sign in with the new one."
        else:
            account.password = password
            self._enter(flow, account)

    def _profile(self, flow: Flow, form: Mapping[str, str]) -> None:
        name = form.get("name", "").strip()
        if not name or flow.account is None:
            flow.message = "A display name is missing. Type one in."
            return
        flow.account.name = name
        self._advance(flow)

    def _check_mailed(self, flow: Flow, form: Mapping[str, str], then: Step) -> None:
        if self._people.is_code(flow.email, form.get("code", "")):
            flow.step = then
        else:
            flow.message = "That is not the code. Type in the one that was sent to you."
