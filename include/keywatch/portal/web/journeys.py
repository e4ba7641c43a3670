"""Sign-in, step-up, profile and password: to the provider, and back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from keywatch.errors import KeywatchError, SignInError
from keywatch.portal.provider.model import Journey
from keywatch.portal.web.api_client import SignInNeeded, StepUpNeeded
from keywatch.portal.web.problems import answer_of
from keywatch.portal.web.rendering import page
from keywatch.portal.web.session import Change, Flow, Person, Session
from keywatch.portal.web.sign_in import CALLBACK, STEP_UP_CALLBACK, Arrival
from keywatch.portal.web.visitor import Checked, Current, SignedOutError, Visitor, forget, remember

log = logging.getLogger(__name__)

router = APIRouter()

PAGES: Final = {
    "": "/",
    "home": "/",
    "claims": "/claims",
    "account": "/account",
    "beneficiary": "/beneficiary",
    "invitation": "/invitation",
}
"""Where a journey may lead afterwards, by name: nothing else is ever redirected to."""

FORGOTTEN: Final = "AADB2C90118"
CANCELLED: Final = ("AADB2C90091", "AADB2C90273", "AADSTS65004", "AADSTS500121", "access_denied")
"""Codes by which a provider says that somebody has turned back, or has not given the second factor."""

UNSHOWN: Final = frozenset({"nonce", "at_hash", "c_hash", "aio", "rh", "uti"})
"""Claims that are the protocol's business alone."""

SEE_OTHER: Final = 303


def begin(
    visitor: Visitor,
    journey: Journey,
    then: str,
    *,
    challenge: Mapping[str, str] | None = None,
    change: Change | None = None,
) -> Response:
    """Send a browser to the provider.

    Args:
        visitor: Whose browser.
        journey: Why.
        then: One of `PAGES`, to go to afterwards.
        challenge: What the API has answered, of a step-up.
        change: What that is for.

    Raises:
        KeywatchError: The provider has no such journey, or cannot be asked.
    """
    address, flow = visitor.portal.sign_in.start(journey, then, challenge)
    flow = msgspec.structs.replace(flow, change=change)
    response = RedirectResponse(address, SEE_OTHER)
    if visitor.session_id is None:
        remember(response, visitor.portal.sessions.add(Session.new().with_flow(flow)))
    else:
        visitor.change(lambda session: session.with_flow(flow))
    return response


def go(to: str) -> Response:
    """Send a browser to one of our pages."""
    return RedirectResponse(to, SEE_OTHER)


@router.get("/sign-in")
def sign_in(current: Current, then: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Begin to sign in, or up."""
    return begin(current, Journey.SIGN_IN, PAGES.get(then, "/"))


@router.get("/profile")
def profile(current: Current) -> Response:
    """Edit the profile, where the provider keeps it."""
    _ = current.person
    return _own_or_page(current, Journey.EDIT_PROFILE)


@router.get("/password")
def password(current: Current) -> Response:
    """Reset the password, signed in or not."""
    return _own_or_page(current, Journey.RESET_PASSWORD)


@router.get(CALLBACK)
@router.get(STEP_UP_CALLBACK)
def arrive(request: Request, current: Current) -> Response:
    """Take somebody back from the provider."""
    answer = dict(request.query_params)
    if len(answer) != len(request.query_params.multi_items()):
        raise SignInError("The provider's answer names something twice. Start again.")
    flow = _take(current, answer.get("state", ""))
    if flow is None:
        return _unknown(current, request.url.path)
    if (flow.journey is Journey.STEP_UP) != (request.url.path == STEP_UP_CALLBACK):
        raise SignInError("The provider's answer has come to the wrong address. Start again.")
    try:
        arrival = current.portal.sign_in.finish(flow, answer)
    except SignInError as error:
        if error.code == FORGOTTEN:
            return begin(current, Journey.RESET_PASSWORD, flow.then)
        if error.code in CANCELLED:
            return _cancelled(current, flow)
        raise
    return ARRIVALS[flow.journey](current, flow, arrival)


@router.post("/sign-out")
def sign_out(current: Checked) -> Response:
    """End our session, and then the provider's."""
    current.end()
    try:
        response: Response = go(current.portal.sign_in.sign_out_url())
    except KeywatchError as error:
        log.error("Nobody can be signed out at the provider: %s", error)  # noqa: TRY400 - it says all there is to say
        response = page(Visitor(current.portal, None, None), "half_signed_out")
    forget(response)
    return response


def _own_or_page(current: Visitor, journey: Journey) -> Response:
    """Begin a journey, or lead to the provider's own page for it, or say where that is."""
    provider = current.portal.provider
    if provider.authority(journey) is not None:
        return begin(current, journey, "/")
    return page(current, "elsewhere", journey=journey, address=provider.page(journey))


def _take(current: Visitor, state: str) -> Flow | None:
    """Take a journey out of the session, so that no second answer finds it."""
    taken: list[Flow] = []

    def take(session: Session) -> Session:
        taken.clear()
        found = session.flow(state)
        if found is None:
            return session
        taken.append(found)
        return session.without_flow(found)

    if current.session_id is not None and state:
        current.portal.sessions.change(current.session_id, take)
    return taken[0] if taken else None


def _unknown(current: Visitor, path: str) -> Response:
    """Answer a journey that is over, or that another browser has begun."""
    if path == CALLBACK and current.session is not None and current.session.person is not None:
        current.change(lambda session: msgspec.structs.replace(session, notice="signed_in_already"))
        return go("/")
    raise SignInError("This sign-in is over already, or was begun in another browser. Start again.")


def _cancelled(current: Visitor, flow: Flow) -> Response:
    stepping_up = flow.journey is Journey.STEP_UP
    notice = "step_up_cancelled" if stepping_up else "cancelled"
    current.change(lambda session: msgspec.structs.replace(session, notice=notice))
    signed_in = current.session is not None and current.session.person is not None
    return go("/account" if stepping_up else "/" if not signed_in else flow.then)


def _signed_in(current: Visitor, flow: Flow, arrival: Arrival) -> Response:
    """Let somebody in, under a new session id; nothing of the old session stays but an invitation."""
    invitation = current.session.invitation if current.session else None
    session = msgspec.structs.replace(Session.new(), person=_person(arrival), invitation=invitation)
    response = go(flow.then)
    remember(response, current.portal.sessions.replace(current.session_id, session))
    return response


def _stepped_up(current: Visitor, flow: Flow, arrival: Arrival) -> Response:
    """Submit what this step-up was for, with its token; then the token is forgotten. The session gets a new id."""
    if arrival.identity.subject != current.person.subject or arrival.tokens is None or flow.change is None:
        raise SignInError("You have signed in as somebody else for this, so nothing was changed.")
    session_id = current.portal.sessions.renew(current.session_id or "")
    if session_id is None:
        raise SignedOutError("The session is over.")
    entered = Visitor(current.portal, session_id, current.portal.sessions.find(session_id))
    try:
        response = submit(entered, arrival.tokens.access_token, flow.change)
    except (KeywatchError, StepUpNeeded, SignInNeeded) as error:
        response = answer_of(entered, "/beneficiary", error)
    remember(response, session_id)
    return response


def submit(current: Visitor, token: str, change: Change) -> Response:
    """Have the API change the beneficiary, and say what came of it on the next page.

    Raises:
        StepUpNeeded: The token is not one of a step-up just now.
        SignInNeeded: It is not accepted.
        KeywatchError: The API refuses or cannot be reached, or the session is over.
    """
    account = current.portal.api.change(token, change)
    notice = "unchanged" if account.version == change.version else "changed"
    current.change(lambda session: msgspec.structs.replace(session, notice=notice))
    return go("/account")


def _profile_edited(current: Visitor, _: Flow, arrival: Arrival) -> Response:
    """Show the new name from now on."""
    if arrival.identity.subject != current.person.subject:
        raise SignInError("You have edited somebody else's profile. Sign out, and sign in as who you are.")

    def renamed(session: Session) -> Session:
        known = session.person
        if known is None:
            return session
        name = arrival.identity.name or known.name
        claims = {**known.claims, "name": name}
        return msgspec.structs.replace(
            session, person=msgspec.structs.replace(known, name=name, claims=claims), notice="profile"
        )

    current.change(renamed)
    return go("/claims")


def _password_reset(current: Visitor, _: Flow, __: Arrival) -> Response:
    """Let nobody in: whoever has reset a password signs in with it."""
    session = current.change(lambda each: msgspec.structs.replace(each, notice="password"))
    return go("/invitation" if session.invitation else "/")


ARRIVALS: Final[dict[Journey, Callable[[Visitor, Flow, Arrival], Response]]] = {
    Journey.SIGN_IN: _signed_in,
    Journey.STEP_UP: _stepped_up,
    Journey.EDIT_PROFILE: _profile_edited,
    Journey.RESET_PASSWORD: _password_reset,
}


def _person(arrival: Arrival) -> Person:
    identity = arrival.identity
    if arrival.tokens is None:
        raise SignInError("The provider has issued no access token for the API.")
    return Person(
        subject=identity.subject,
        name=identity.name,
        email=identity.email,
        email_verified=identity.email_verified,
        claims={name: value for name, value in arrival.claims.items() if name not in UNSHOWN},
        tokens=arrival.tokens,
        since=arrival.at,
    )
