"""A report whose keys have owners."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from keywatch.access_keys.owners import Owned
from keywatch.access_keys.policy.read import default_policy
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.owners import take_owners
from keywatch.report.write_findings import write_findings
from tests.keywatch.report.found import ok, record, write

PAYMENTS: Final = "payments.owner@keywatch.example"
PLATFORM: Final = "platform.owner@keywatch.example"
ACCOUNT: Final = "310386073287"
USERS: Final = {
    "billing-sync": PAYMENTS,
    "billing-deploy": PAYMENTS.upper(),
    "payments-report": PAYMENTS,
    "ci-build": PLATFORM,
    "edge-gateway": "Platform.Owner@KEYWATCH.example",
    "search-loader": "search.owner@keywatch.example",
    "mail-archive": "payments.owner@keywatch.examp\u0142e",
}
"""Users, each with one key, and who answers for them."""


def owned_by(email: str) -> list[str]:
    """Give the users whose keys a person is to see."""
    return sorted(user for user, owner in USERS.items() if owner.lower() == email)


def write_report(file: Path) -> None:
    """Write a store with one run, the owners of its keys, and what the policy of Keywatch finds of them."""
    engine = open_engine(sqlite_url(file), writing=True)
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [
        record(
            user,
            ACCOUNT,
            at=now,
            age=100 * number + 10,
            idle=None if number % 3 else 40 * number,
            key=f"AKIA...{number:04}",
        )
        for number, user in enumerate(USERS)
    ]
    write(engine, rows, ok(ACCOUNT, now, "payments-prod"), at=now)
    take_owners(engine, [Owned(ACCOUNT, user, owner) for user, owner in USERS.items()])
    write_findings(engine, default_policy(), "look", now)
    engine.dispose()
