"""The organisation that the seeded accounts are in: their names, their states, and which deny the audit.

Its choices are of a sequence of their own, so that they change nothing of which users and keys a seed makes.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from localcloud.model import OrganizationAccount, Seed, utc_text

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTIVE: Final = "ACTIVE"
SUSPENDED: Final = "SUSPENDED"
PENDING_CLOSURE: Final = "PENDING_CLOSURE"
DENIALS: Final = ("sts:AssumeRole", "iam:ListUsers")
"""What accounts that deny the audit deny it, in turn."""
OWN_NAMES: Final = ("security-audit", "management")
"""Names of the first account, the auditor's own, and of the second, the management account."""
SUBJECTS: Final = (
    "analytics",
    "checkout",
    "data-lake",
    "identity",
    "logistics",
    "mobile",
    "payments",
    "sandbox",
    "shop",
)
PURPOSES: Final = ("dev", "staging", "prod", "prod-eu", "prod-us", "eu", "apac")
LONGEST_MEMBERSHIP_DAYS: Final = 1500


def states(seed: Seed, accounts: Sequence[str]) -> dict[str, str]:
    """Give each account's state: the last ones are closing, those before them suspended, the others active."""
    active = len(accounts) - seed.suspended - seed.closing
    listed = [ACTIVE] * active + [SUSPENDED] * seed.suspended + [PENDING_CLOSURE] * seed.closing
    return dict(zip(accounts, listed, strict=True))


def denials(seed: Seed, accounts: Sequence[str]) -> dict[str, str]:
    """Give the action that an account denies the audit, for those that do: the last ones of the active."""
    end = len(accounts) - seed.suspended - seed.closing
    return {
        account: DENIALS[position % len(DENIALS)] for position, account in enumerate(accounts[end - seed.denied : end])
    }


def organization(seed: Seed, accounts: Sequence[str], now: datetime) -> tuple[OrganizationAccount, ...]:
    """Make the accounts members of an organisation; of none if the seed says so.

    Args:
        seed: what to make.
        accounts: their ids.
        now: the moment that ages count from.
    """
    if not seed.organization:
        return ()
    choose = random.Random(f"{seed.number} organization")  # noqa: S311 - repeatable on purpose; guards nothing
    names = _names(choose, len(accounts))
    state, denied = states(seed, accounts), denials(seed, accounts)
    managing = management_account(accounts)
    joined = _joining_days(choose, len(accounts))
    return tuple(
        OrganizationAccount(
            id=account,
            name=name,
            email=f"aws+{name}@example.com",
            state=state[account],
            denied=denied.get(account),
            joined_method="INVITED" if account == managing else choose.choice(("CREATED", "CREATED", "INVITED")),
            joined_date=utc_text(now - timedelta(days=days)),
        )
        for account, name, days in zip(accounts, names, joined, strict=True)
    )


def management_account(accounts: Sequence[str]) -> str:
    """Give the management account: the second, or the only one."""
    return accounts[min(1, len(accounts) - 1)]


def _names(choose: random.Random, wanted: int) -> list[str]:
    pairs = [f"{subject}-{purpose}" for subject in SUBJECTS for purpose in PURPOSES]
    choose.shuffle(pairs)
    rounds = (f"{pair}-{turn}" if turn > 1 else pair for turn in range(1, wanted + 1) for pair in pairs)
    return [*OWN_NAMES[:wanted], *(next(rounds) for _ in range(wanted - len(OWN_NAMES)))]


def _joining_days(choose: random.Random, wanted: int) -> list[int]:
    return [choose.randrange(1, LONGEST_MEMBERSHIP_DAYS) for _ in range(wanted)]
