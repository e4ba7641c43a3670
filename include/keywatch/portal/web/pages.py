"""The pages themselves."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Form, Query
from starlette.responses import PlainTextResponse, Response

from keywatch.errors import BadQueryError, NoAccountError, TransientError
from keywatch.portal.provider.model import Identity, Journey
from keywatch.portal.web.api_client import StepUpNeeded
from keywatch.portal.web.journeys import begin, go, submit
from keywatch.portal.web.rendering import page
from keywatch.portal.web.session import Change, Session
from keywatch.portal.web.visitor import Checked, Current, remember

router = APIRouter()

LONGEST_CODE: Final = 200
LARGEST_VERSION: Final = 2**31 - 1
LONGEST_CURSOR: Final = 1_024


@router.get("/healthz", include_in_schema=False)
def health(current: Current) -> Response:
    """Say that the web app runs, and that its sessions can be read."""
    current.portal.sessions.find("")
    return PlainTextResponse("ok\n")


@router.get("/")
def home(current: Current) -> Response:
    """Say what this is, and lead on."""
    return page(current, "home")


@router.get("/claims")
def claims(current: Current) -> Response:
    """Show what the provider says of who is signed in."""
    return page(current, "claims", claims=sorted(current.person.claims.items()))


@router.get("/account")
def account(current: Current, cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None) -> Response:
    """Show the account, and the keys that are theirs."""
    _ = current.person
    token = current.access_token()
    try:
        mine = current.portal.api.account(token)
    except NoAccountError:
        return page(current, "no_account")
    return page(current, "account", account=mine, keys=current.portal.api.keys(token, cursor))


@router.get("/beneficiary")
def beneficiary(current: Current) -> Response:
    """Show the form by which the beneficiary is changed."""
    _ = current.person
    try:
        mine = current.portal.api.account(current.access_token())
    except NoAccountError:
        return page(current, "no_account")
    return page(current, "beneficiary", account=mine, error=None, entered=mine.beneficiary or "")


@router.post("/beneficiary")
def change_beneficiary(
    current: Checked,
    version: Annotated[int, Form(ge=0, le=LARGEST_VERSION)],
    beneficiary: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """Take the form, and have the change confirmed by a second factor before it is submitted."""
    _ = current.person
    entered = " ".join(beneficiary.split())
    token = current.access_token()
    change = Change(beneficiary=entered or None, version=version)
    try:
        return submit(current, token, change)
    except StepUpNeeded as needed:
        return begin(current, Journey.STEP_UP, "/account", challenge=needed.challenge, change=change)
    except BadQueryError as refused:
        mine = current.portal.api.account(token)
        return page(current, "beneficiary", 422, account=mine, error=str(refused), entered=entered)


@router.get("/test-api")
def test_api(current: Current) -> Response:
    """Show what the API answers to anybody."""
    answer: dict[str, Any] = current.portal.api.public()
    return page(current, "test_api", url=f"{current.portal.api.url}/", answer=sorted(answer.items()))


@router.get("/invitation")
def invitation(current: Current, code: Annotated[str | None, Query(max_length=LONGEST_CODE)] = None) -> Response:
    """Take the code out of the address, and have somebody sign in and accept it."""
    if code is None:
        return page(current, "invitation", invited=bool(current.session and current.session.invitation))
    response = go("/invitation")
    if current.session_id is None:
        remember(response, current.portal.sessions.add(msgspec.structs.replace(Session.new(), invitation=code)))
    else:
        current.change(lambda session: msgspec.structs.replace(session, invitation=code))
    return response


@router.post("/invitation")
def accept(current: Checked) -> Response:
    """Bind the account of an invitation to who is signed in."""
    person, code = current.person, current.session.invitation if current.session else None
    if not code:
        return go("/invitation")
    if not current.portal.sign_in.is_fresh(person.since):
        return begin(current, Journey.SIGN_IN, "/invitation")
    current.change(lambda session: msgspec.structs.replace(session, invitation=None))
    identity = Identity(person.subject, person.name, person.email, email_verified=person.email_verified)
    try:
        current.portal.invitations.accept(code, identity)
    except TransientError:
        current.change(lambda session: msgspec.structs.replace(session, invitation=code))
        raise
    current.change(lambda session: msgspec.structs.replace(session, notice="bound"))
    return go("/account")
