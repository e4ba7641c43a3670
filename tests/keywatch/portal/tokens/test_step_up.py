"""Step-up: what an access token must say of a second factor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from keywatch.portal.tokens.rules import STEP_UP_SECONDS, StepUp
from keywatch.portal.tokens.step_up import missing_step_up
from keywatch.portal.tokens.validate import LEEWAY_SECONDS

NOW: Final = 1_795_000_000


def missing(claims: dict[str, Any], name: str = "acrs", value: str = "c1") -> str | None:
    """Ask at one moment."""
    return missing_step_up(claims, StepUp(name, value), datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize("age", [0, STEP_UP_SECONDS, -LEEWAY_SECONDS])
@pytest.mark.parametrize("claim", ["c1", "C1", ["c1"], ["c2", "C1"], [1, "c1"]], ids=str)
def test_step_up_counts_for_five_minutes(claim: object, age: int) -> None:
    """A claim that has the value, alone or in a list, counts for five minutes from the sign-in."""
    assert missing({"acrs": claim, "auth_time": NOW - age}) is None


@pytest.mark.parametrize(
    "claim", [None, "", "c2", "c10", "c1 c2", [], ["c2"], [["c1"]], {"c1": "c1"}, 1, True, "\u0441" + "1"], ids=str
)
def test_claim_of_something_else_is_no_step_up(claim: object) -> None:
    """Nothing but the whole value is it, letter by letter."""
    assert "second factor" in str(missing({"acrs": claim, "auth_time": NOW}))


@pytest.mark.parametrize(
    ("auth_time", "words"),
    [
        (..., "does not say when"),
        (None, "does not say when"),
        (str(NOW), "does not say when"),
        (True, "does not say when"),
        (-1, "does not say when"),
        (10**400, "does not say when"),
        ([NOW], "does not say when"),
        (NOW - STEP_UP_SECONDS - 1, "more than 300 seconds ago"),
        (NOW + LEEWAY_SECONDS + 1, "later than now"),
    ],
    ids=lambda value: f"{value!s:.20}",
)
def test_sign_in_that_was_not_just_now_is_no_step_up(auth_time: object, words: str) -> None:
    """When the person has signed in must be a time within the last five minutes."""
    claims = {"acrs": "c1", "iat": NOW} | ({} if auth_time is ... else {"auth_time": auth_time})

    assert words in str(missing(claims))


def test_policy_is_compared_without_letter_case() -> None:
    """Azure AD B2C writes policies in any letter case."""
    assert missing({"tfp": "b2c_1_MFA", "auth_time": NOW}, "tfp", "B2C_1_mfa") is None
    assert missing({"tfp": "b2c_1_signin", "auth_time": NOW}, "tfp", "B2C_1_mfa") is not None
