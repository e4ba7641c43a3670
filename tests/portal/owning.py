"""A report whose keys have owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from keywatch.access_keys.owners import Owned
from keywatch.columns import stable_id
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.outcome import AccountOutcome, RunOutcome
from keywatch.report.owners import take_owners
from keywatch.report.write import write_run
from keywatch.staging import encode

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
    """Write a store with one run, and the owners of its keys."""
    engine = open_engine(sqlite_url(file), writing=True)
    now = datetime.now(UTC).replace(microsecond=0)
    accounts = [AccountOutcome(ACCOUNT, "payments-prod", "ok", read_at=now)]
    run = RunOutcome(f"scheduled__{now.isoformat()}", now, now, complete=True, keys=len(USERS), accounts=accounts)
    rows = [encode(_record(user, number, now)) for number, user in enumerate(USERS)]
    write_run(engine, run, rows)
    take_owners(engine, [Owned(ACCOUNT, user, owner) for user, owner in USERS.items()])
    engine.dispose()


def _record(user: str, number: int, now: datetime) -> dict[str, str]:
    arn = f"arn:aws:iam::{ACCOUNT}:user/{user}"
    created = now - timedelta(days=100 * number + 10)
    return {
        "KeyId": stable_id("k", arn, str(number)),
        "account_number": ACCOUNT,
        "user": user,
        "UserArn": arn,
        "AccessKeyId": f"AKIA...{number:04}",
        "Status": "Active",
        "CreateDate": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "SnapshotTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "LastUsedSource": "exact",
    }
