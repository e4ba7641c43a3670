"""Step-up: whether the person behind an access token has used a second factor, and just now (RFC 9470)."""

from __future__ import annotations

from datetime import datetime

from keywatch.portal.tokens.rules import Claims, StepUp
from keywatch.portal.tokens.validate import LEEWAY_SECONDS, as_moment, same_name


def missing_step_up(claims: Claims, step_up: StepUp, now: datetime) -> str | None:
    """Say why a validated access token is not one of a step-up; None if it is.

    A token that was refreshed is new, and its `auth_time` is not: that is what counts (OpenID Connect Core, section 2).

    Args:
        claims: What the token says.
        step_up: What it must say.
        now: The time, with its zone.
    """
    if not _says(claims.get(step_up.claim), step_up.value):
        return f"its claim {step_up.claim} does not say that there was a second factor"
    signed_in = as_moment(claims.get("auth_time"))
    if signed_in is None:
        return "it does not say when the person has signed in (auth_time)"
    age = now.timestamp() - signed_in
    if age < -LEEWAY_SECONDS:
        return "the person is said to sign in later than now (auth_time)"
    if age > step_up.max_age:
        return f"the person has signed in more than {step_up.max_age} seconds ago (auth_time)"
    return None


def _says(claim: object, value: str) -> bool:
    """Tell whether a claim is a text, or has it in its list."""
    texts = claim if isinstance(claim, list) else [claim]
    return any(same_name(each, value) for each in texts)
