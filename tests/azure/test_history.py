"""The queries over many days: accounts that come, go and cannot be read, keys that are deleted, rows sent twice."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keywatch.report.outcome import AccountOutcome, RunOutcome
from keywatch.report.write import write_run
from tests.azure.files import QUERIES
from tests.azure.local_engine import Tables
from tests.azure.page_figures import Page
from tests.keywatch.report.stores import reader_of, store_in

KEYS, AUDIT = "AWS_Access_Key_Report_CL", "AWS_Access_Key_Audit_CL"
START: Final = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
ACCOUNTS: Final = ("111111111111", "222222222222", "333333333333")
READ: Final = ("ok", "partial")
STATUSES: Final = ("ok", "ok", "ok", "partial", "denied", "failed", "skipped", None)
"""How an account can end; None if a run does not have it."""
LEFT_AFTER: Final = timedelta(days=30)


@dataclass(frozen=True)
class Key:
    """A key, as long as it exists."""

    number: int
    account: str
    user: str
    status: str | None
    created: datetime | None
    used: datetime | None

    def record(self, moment: datetime, run: str) -> dict[str, Any]:
        """Give its record of one run."""
        day = moment.date().isoformat()
        ages = {
            name: float((moment - since).days)
            for name, since in (("KeyAgeDays", self.created), ("IdleDays", self.used))
            if since
        }
        told = {"CreateDate": text(self.created), "LastUsedDate": text(self.used), "Status": self.status}
        return {
            **{name: value for name, value in told.items() if value},
            **ages,
            "loggedDate": day,
            "user": self.user,
            "UserArn": f"arn:aws:iam::{self.account}:user/{self.user}",
            "account_number": self.account,
            "AccessKeyId": f"AKIA...{self.number:04}",
            "SnapshotTime": text(moment),
            "LastUsedSource": "exact",
            "KeyId": f"k{self.number}",
            "RecordId": f"k{self.number}-{day}",
            "RunId": run,
        }


@dataclass(frozen=True)
class Run:
    """One run: when it was, how each account ended, and which keys it saw."""

    moment: datetime
    statuses: dict[str, str]
    keys: tuple[Key, ...]

    @property
    def id(self) -> str:
        """Airflow's run id."""
        return f"scheduled__{text(self.moment)}"

    def records(self) -> list[dict[str, Any]]:
        """Give the records of the keys that it saw."""
        return [key.record(self.moment, self.id) for key in self.keys]

    def audit(self) -> list[dict[str, Any]]:
        """Give the records of its accounts."""
        counts = Counter(key.account for key in self.keys)
        return [
            {
                "loggedDate": self.moment.date().isoformat(),
                "account_number": account,
                "Status": status,
                "UserCount": 0.0,
                "KeyCount": float(counts[account]),
                "RejectedCount": 0.0,
                "SnapshotTime": text(self.moment),
                "RecordId": f"{account}-{self.id}",
                "RunId": self.id,
            }
            for account, status in self.statuses.items()
        ]

    def outcome(self) -> RunOutcome:
        """Give what the page is told of it."""
        accounts = [
            AccountOutcome(account, None, status, read_at=self.moment if status in READ else None)
            for account, status in self.statuses.items()
        ]
        return RunOutcome(self.id, self.moment, self.moment, complete=True, keys=len(self.keys), accounts=accounts)


def text(moment: datetime | None) -> str | None:
    """Write a moment as records have it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


TYPES: Final = {str: "_s", float: "_d"}
DATES: Final = ("SnapshotTime", "CreateDate", "LastUsedDate")


def as_row(record: dict[str, Any]) -> dict[str, Any]:
    """Give a record as a row of its table."""
    row = {f"{name}_t" if name in DATES else f"{name}{TYPES[type(value)]}": value for name, value in record.items()}
    return row | {"TimeGenerated": record["SnapshotTime"]}


@st.composite
def key_sets(draw: st.DrawFn) -> tuple[Key, ...]:
    """Draw six keys, two of each account, of one user or two; some of root, of which nothing is told."""
    keys = []
    for number in range(6):
        created = draw(st.none() | st.integers(0, 400).map(lambda days: START - timedelta(days=days, hours=1)))
        used = created and draw(st.none() | st.just(created + timedelta(hours=2)))
        user = draw(st.sampled_from(["ann", "bob"])) if created else "<root_account>"
        status = draw(st.sampled_from(["Active", "Active", "Inactive"])) if created else None
        keys.append(Key(number, ACCOUNTS[number // 2], user, status, created, used))
    return tuple(keys)


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    """Draw up to five runs; an account that comes back after it has left is read."""
    keys = draw(key_sets())
    moment, listed, runs = START, dict.fromkeys(ACCOUNTS, START), []
    for gap in draw(st.lists(st.sampled_from([1, 1, 2, 29, 30, 31]), min_size=1, max_size=5)):
        moment += timedelta(days=gap)
        drawn = {account: draw(st.sampled_from(STATUSES)) for account in ACCOUNTS}
        back = {account for account, since in listed.items() if moment - since > LEFT_AFTER}
        statuses = {account: "ok" if account in back else status for account, status in drawn.items() if status}
        if statuses:
            listed |= dict.fromkeys(statuses, moment)
            seen = [key for key in keys if statuses.get(key.account) in READ and draw(st.booleans())]
            runs.append(Run(moment, statuses, tuple(seen)))
    return runs or [Run(moment, dict.fromkeys(ACCOUNTS, "ok"), keys)]


def tables(runs: Sequence[Run]) -> Tables:
    """Give what the workspace holds after some runs, of which the last was sent twice."""
    sent = [*runs, runs[-1]]
    return Tables(
        {
            KEYS: [as_row(each) for run in sent for each in run.records()],
            AUDIT: [as_row(each) for run in sent for each in run.audit()],
        }
    )


def page(runs: Sequence[Run]) -> Iterator[Page]:
    """Give what the page says after some runs."""
    with tempfile.TemporaryDirectory() as folder:
        engine = store_in(Path(folder))
        for run in runs:
            write_run(engine, run.outcome(), [json.dumps(each).encode() for each in run.records()])
        engine.dispose()
        yield Page.of(reader_of(Path(folder)))


def by(rows: Sequence[dict[str, Any]], *names: str) -> Counter[tuple[Any, ...]]:
    """Give rows by some of their columns, in no order."""
    return Counter(tuple(row[name] for name in names) for row in rows)


@given(histories())
@settings(max_examples=40)
def test_page_and_queries_agree_over_any_history(runs: list[Run]) -> None:
    """Whatever the runs found, figures, keys, deleted keys and accounts are the same in both."""
    [shown] = page(runs)
    workspace = tables(runs)

    def answer(query: str) -> list[dict[str, Any]]:
        return workspace.query(QUERIES[query])

    current = [row for row in shown.rows("accounts") if row["Status_s"] != "left"]
    assert answer("key_figures") == shown.rows("key_figures")
    for query in ("keys", "keys_deleted"):
        assert by(answer(query), "AccessKeyId_s") == by(shown.rows(query), "AccessKeyId_s")
    figures = ("account_number_s", "Status_s", "Keys", "ActiveKeys", "OldKeys", "UnusedKeys", "RootKeys")
    assert by(answer("accounts"), *figures) == by(current, *figures)
    assert by(answer("users_with_two_active_keys"), "user_s", "ActiveKeys") == by(
        shown.rows("users_with_two_active_keys"), "user_s", "ActiveKeys"
    )


@given(histories())
@settings(max_examples=20)
def test_each_day_counts_the_keys_that_were_read_on_it(runs: list[Run]) -> None:
    """keys_by_day has a point for each day on which any key was read."""
    found = tables(runs).query(QUERIES["keys_by_day"])
    expected = [(text(run.moment.replace(hour=0, minute=0)), len(run.keys)) for run in runs if run.keys]
    assert [(row["Day"], row["Keys"]) for row in found] == expected


@given(histories())
@settings(max_examples=20)
def test_runs_are_listed_newest_first(runs: list[Run]) -> None:
    """Each run is there once, with how many accounts and keys it had."""
    found = tables(runs).query(QUERIES["runs"])
    expected = [(run.id, len(run.statuses), len(run.keys)) for run in reversed(runs)]
    assert [(row["RunId_s"], row["Accounts"], row["Keys"]) for row in found] == expected


@pytest.mark.parametrize(
    ("hours", "alarmed"), [(25.9, False), (26.1, True), (None, True)], ids=["in time", "late", "never"]
)
def test_missing_report_is_noticed(hours: float | None, alarmed: bool) -> None:  # noqa: FBT001 - a case
    """After 26 hours without a row, or with none at all, the query has one row."""
    rows = []
    if hours is not None:
        newest = datetime.now(UTC) - timedelta(hours=hours)
        rows = [as_row(each) for each in Run(newest, {ACCOUNTS[0]: "denied"}, ()).audit()]

    found = Tables({AUDIT: rows}).query(QUERIES["no_report_for_26_hours"])

    assert len(found) == int(alarmed)
