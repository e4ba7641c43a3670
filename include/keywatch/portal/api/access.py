"""Who asks, and whether they may: a valid access token, the scope of the operation, and a step-up before a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import Depends, Security
from fastapi.security import SecurityScopes

from keywatch.errors import AccessTokenError
from keywatch.portal.api.bearer import BearerToken
from keywatch.portal.api.parts import Parts, TheParts
from keywatch.portal.provider.model import READ, WRITE, Subject
from keywatch.portal.tokens.rules import Claims
from keywatch.portal.tokens.step_up import missing_step_up
from keywatch.portal.tokens.validate import scopes_of, validate


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        subject: Who it is.
        claims: What the token says, validated.
        now: When they ask.
    """

    subject: Subject
    claims: Claims = field(repr=False)
    now: datetime


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """Who asks, and has used a second factor just now.

    Attributes:
        subject: Who it is.
        strength: How they were authenticated, to be recorded with what they change.
    """

    subject: Subject
    strength: str


def caller(token: Annotated[str, Security(BearerToken())], scopes: SecurityScopes, parts: TheParts) -> Caller:
    """Tell who asks.

    Raises:
        AccessTokenError: The token is not accepted, or does not grant the scopes.
        ServiceUnavailableError: The provider's signing keys cannot be had.
    """
    rules, now = parts.provider.access_token, parts.clock()
    claims = validate(token, rules, parts.keys, now)
    granted = scopes_of(claims, rules)
    for scope in scopes.scopes:
        whole = parts.provider.scope(scope)
        if granted.isdisjoint({scope, whole}):  # providers differ in which of the two a token holds
            raise AccessTokenError(
                f"The token does not grant {scope}. Ask for that scope.", "insufficient_scope", scope=whole
            )
    return Caller(parts.provider.subject(claims), claims, now)


Reader: TypeAlias = Annotated[Caller, Security(caller, scopes=[READ])]
Writer: TypeAlias = Annotated[Caller, Security(caller, scopes=[WRITE])]


def stepped_up(writer: Writer, parts: TheParts) -> SteppedUp:
    """Tell who asks for a change.

    Raises:
        AccessTokenError: They may not, or have used no second factor just now; then in the provider's own words.
    """
    reason = missing_step_up(writer.claims, parts.provider.step_up, writer.now)
    if reason:
        challenge = dict(parts.provider.challenge())
        error = challenge.pop("error")
        raise AccessTokenError(
            f"The token is not one of a sign-in with a second factor just now: {reason}. Sign in so.",
            error,
            **challenge,
        )
    return SteppedUp(writer.subject, _strength(writer.claims, parts))


def _strength(claims: Claims, parts: Parts) -> str:
    step_up = parts.provider.step_up
    signed_in = datetime.fromtimestamp(claims["auth_time"], UTC)
    return f"{step_up.claim}={step_up.value.lower()} auth_time={signed_in:%Y-%m-%dT%H:%M:%SZ}"


Changer: TypeAlias = Annotated[SteppedUp, Depends(stepped_up)]
