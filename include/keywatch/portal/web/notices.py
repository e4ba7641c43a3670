"""What the next page says once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence on top of a page.

    Attributes:
        text: The sentence.
        good: Whether what was wanted has been done.
    """

    text: str
    good: bool = True


NOTICES: Final = {
    "signed_in_already": Notice("You have signed in already, in another tab."),
    "bound": Notice("Your invitation is accepted: the account is yours."),
    "changed": Notice("Your beneficiary has been changed."),
    "unchanged": Notice("That is your beneficiary already, so nothing was changed."),
    "profile": Notice("Your profile has been changed."),
    "password": Notice("Your password has been changed. Sign in with the new one."),
    "cancelled": Notice("You have cancelled, and nothing was changed.", good=False),
    "step_up_cancelled": Notice(
        "You have not confirmed it with your second factor, so the beneficiary was not changed.", good=False
    ),
}
"""By the name that a session keeps."""
