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
from tests.azure.files import FUNCTIONS, QUERIES
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
            name: float(max((moment - since).days, 0))
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
    """One run, or its repetition.

    Attributes:
        id: Airflow's run id.
        moment: When it listed its accounts; the second of `ACCOUNTS` was read an hour later, and so on.
        statuses: How each account ended.
        keys: What it saw.
    """

    id: str
    moment: datetime
    statuses: dict[str, str]
    keys: tuple[Key, ...]

    def read_at(self, account: str) -> datetime:
        """Say when an account was read."""
        return self.moment + [*ACCOUNTS, account].index(account) * timedelta(hours=1)

    def records(self) -> list[dict[str, Any]]:
        """Give the records of the keys that it saw."""
        return [key.record(self.read_at(key.account), self.id) for key in self.keys]

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
                "SnapshotTime": text(self.read_at(account)),
                "RecordId": f"{account}-{self.id}",
                "RunId": self.id,
            }
            for account, status in self.statuses.items()
        ]

    def outcome(self) -> RunOutcome:
        """Give what the page is told of it."""
        accounts = [
            AccountOutcome(account, None, status, read_at=self.read_at(account) if status in READ else None)
            for account, status in self.statuses.items()
        ]
        published = self.moment + timedelta(hours=3)
        return RunOutcome(self.id, self.moment, published, complete=True, keys=len(self.keys), accounts=accounts)


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
    """Draw up to five runs, some of them repeated; an account that comes back after it has left is read."""
    keys = draw(key_sets())
    moment, listed = START, dict.fromkeys(ACCOUNTS, START)
    runs: list[Run] = []
    for gap in draw(st.lists(st.sampled_from([1, 1, 2, 29, 30, 31]), min_size=1, max_size=5)):
        moment += timedelta(days=gap, hours=3)  # never 30 days to the hour: page and queries count from different ones
        drawn = {account: draw(st.sampled_from(STATUSES)) for account in ACCOUNTS}
        back = {account for account, since in listed.items() if moment - since > LEFT_AFTER}
        statuses = {account: "ok" if account in back else status for account, status in drawn.items() if status}
        if statuses:
            listed |= dict.fromkeys(statuses, moment)
            seen = [key for key in keys if statuses.get(key.account) in READ and draw(st.booleans())]
            seen += [
                _just_made(account, moment) for account in statuses if statuses[account] == "ok" and draw(st.booleans())
            ]
            repeats = bool(runs) and draw(st.booleans())
            run_id = runs[-1].id if repeats else f"scheduled__{text(moment)}"
            runs.append(Run(run_id, moment, statuses, tuple(seen)))
    return runs or [Run("manual", moment, dict.fromkeys(ACCOUNTS, "ok"), keys)]


def _just_made(account: str, moment: datetime) -> Key:
    """Give a key that was made and used after the run had listed its accounts, and before the second was read."""
    number = 10 * (moment - START).days + ACCOUNTS.index(account) + 100
    return Key(number, account, "eve", "Active", moment + timedelta(minutes=10), moment + timedelta(minutes=20))


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
        as_of = max(run.read_at(account) for run in runs for account in run.statuses)
        yield Page.of(reader_of(Path(folder)), as_of)


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
    ages = ("AccessKeyId_s", "KeyAgeDays_d", "IdleDays_d")
    assert by(answer("keys"), *ages) == by(shown.rows("keys"), *ages)
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
    """Each run is there once, with its accounts as they ended last."""
    ended: dict[str, dict[str, int]] = {}
    for run in runs:
        counts = Counter(key.account for key in run.keys)
        ended.setdefault(run.id, {}).update({account: counts[account] for account in run.statuses})

    found = tables(runs).query(QUERIES["runs"])

    expected = {run_id: (len(accounts), sum(accounts.values())) for run_id, accounts in ended.items()}
    assert {row["RunId_s"]: (row["Accounts"], row["Keys"]) for row in found} == expected
    assert [row["Began_t"] for row in found] == sorted((row["Began_t"] for row in found), reverse=True)


def test_account_that_comes_back_unread_has_its_keys_again() -> None:
    """An account that had left, and cannot be read when it is back, has its keys as they were; the page forgot them."""
    key = Key(0, ACCOUNTS[1], "ann", "Active", START - timedelta(days=5), None)
    first = Run("first", START, dict.fromkeys(ACCOUNTS[:2], "ok"), (key,))
    without = Run("second", START + timedelta(days=35), {ACCOUNTS[0]: "ok"}, ())
    back = Run("third", START + timedelta(days=36), {ACCOUNTS[0]: "ok", ACCOUNTS[1]: "denied"}, ())

    numbers = [len(tables(runs).query(QUERIES["keys"])) for runs in ([first], [first, without], [first, without, back])]

    assert numbers == [1, 0, 1]


def test_run_whose_accounts_are_not_told_yet_makes_nobody_younger() -> None:
    """Keys that a run has brought, before its accounts, have no age below 0, and count as existing."""
    told = Run("first", START, {ACCOUNTS[0]: "ok"}, ())
    coming = Run("second", START + timedelta(days=1), {ACCOUNTS[0]: "ok"}, (_just_made(ACCOUNTS[0], START),))
    workspace = Tables(
        {KEYS: [as_row(each) for each in coming.records()], AUDIT: [as_row(each) for each in told.audit()]}
    )

    [row] = workspace.query(QUERIES["keys"])

    assert (row["KeyAgeDays_d"], row["IdleDays_d"]) == (0, 0)


def test_renamed_account_keeps_its_users_together() -> None:
    """Two active keys of a user are one user's, although they were seen under two names of the account."""
    keys = [Key(number, ACCOUNTS[0], "ann", "Active", START - timedelta(days=5), None) for number in range(2)]
    run = Run("first", START, {ACCOUNTS[0]: "partial"}, tuple(keys))
    rows = [as_row(each | {"AccountName": name}) for each, name in zip(run.records(), ("old", "new"), strict=True)]

    [row] = Tables({KEYS: rows, AUDIT: [as_row(each) for each in run.audit()]}).query(
        QUERIES["users_with_two_active_keys"]
    )

    assert (row["user_s"], row["ActiveKeys"]) == ("ann", 2)


@pytest.mark.parametrize(
    ("hours", "alarmed"), [(25.9, False), (26.1, True), (None, True)], ids=["in time", "late", "never"]
)
def test_missing_report_is_noticed(hours: float | None, alarmed: bool) -> None:  # noqa: FBT001 - a case
    """After 26 hours without a row, or with none at all, the query has one row."""
    rows = []
    if hours is not None:
        newest = datetime.now(UTC) - timedelta(hours=hours)
        rows = [as_row(each) for each in Run("manual", newest, {ACCOUNTS[0]: "denied"}, ()).audit()]

    found = Tables({AUDIT: rows}).query(QUERIES["no_report_for_26_hours"])

    assert len(found) == int(alarmed)


@pytest.mark.parametrize("name", [*QUERIES, *FUNCTIONS])
def test_row_of_the_doctor_changes_nothing(name: str) -> None:
    """A row that only shows that rows arrive is of no account, makes no key older, and is no report."""
    long_ago = datetime.now(UTC) - timedelta(days=40)
    key = Key(0, ACCOUNTS[0], "ann", "Active", long_ago - timedelta(days=60), None)
    run = Run("manual", long_ago, {ACCOUNTS[0]: "ok", ACCOUNTS[1]: "denied"}, (key,))
    rows = {KEYS: [as_row(each) for each in run.records()], AUDIT: [as_row(each) for each in run.audit()]}
    [doctor] = Run("doctor", datetime.now(UTC), {"000000000000": "test"}, ()).audit()
    query = QUERIES.get(name, f"{name}()")

    without = Tables(rows).query(query)

    assert Tables(rows | {AUDIT: [*rows[AUDIT], as_row(doctor)]}).query(query) == without
    assert Tables({AUDIT: [as_row(doctor)]}).query(query) == Tables({}).query(query)
