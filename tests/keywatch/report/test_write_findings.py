"""What the policy finds, in the store, over the days."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from keywatch.access_keys.policy.model import Policy
from keywatch.errors import NoReportError, StoreSchemaError
from keywatch.report.facts import users_keys
from keywatch.report.migrate import migrate
from keywatch.report.model import KEPT
from keywatch.report.read_findings import (
    FindingQuery,
    FindingRow,
    count_rules,
    findings_of_run,
    new_findings,
    proposed_findings,
    read_findings,
)
from keywatch.report.write_findings import FoundCounts, write_findings
from tests.keywatch.judged import policy_of
from tests.keywatch.report.found import NOW, ONE, TWO, denied, ok, record, write
from tests.keywatch.report.stores import store_in

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
OLD = policy_of("""
    version: 1
    rules: [{id: old, kind: older_than, days: 90, severity: high}]
""")


def find(store: Engine, policy: Policy = OLD, at: datetime = NOW + HOUR, run_id: str = "") -> FoundCounts:
    """Look at every key; the run's id is the moment unless it is given."""
    return write_findings(store, policy, run_id or at.isoformat(), at)


def findings(store: Engine, *, resolved: bool = False) -> list[FindingRow]:
    """Give the findings that are open, or those that are not."""
    with store.begin() as connection:
        return list(read_findings(connection, FindingQuery(resolved=resolved), 1).rows)


def everything(store: Engine) -> list[tuple[object, ...]]:
    """Give all that the store has of findings."""
    with store.begin() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM finding ORDER BY finding_id"))]


def test_finding_is_new_once(store: Engine) -> None:
    """What is found for the first time is new; the next run finds it too, and it keeps since when."""
    write(store, [record("ci-deploy", age=100), record("backup", age=10)])
    first = find(store)
    write(store, [record("ci-deploy", age=101, at=NOW + DAY), record("backup", at=NOW + DAY)], at=NOW + DAY)

    second = find(store, at=NOW + DAY + HOUR)

    assert (first.keys, first.new, first.resolved, first.as_of) == (2, 1, 0, NOW)
    assert (second.keys, second.new, second.resolved, second.as_of) == (2, 0, 0, NOW + DAY)
    assert (first.by_rule, first.by_severity) == ({"old": 1}, {"high": 1})
    (row,) = findings(store)
    assert (row.rule, row.kind, row.severity, row.control) == ("old", "older_than", "high", "CIS AWS 3.0.0 1.14")
    assert (row.first_found, row.last_found, row.resolved) == (NOW + HOUR, NOW + DAY + HOUR, None)
    assert row.first_run == (NOW + HOUR).isoformat()
    assert row.reason == "101 days old; more than 90 are too many"
    assert (row.key.user_name, row.key.account_id, row.proposes) == ("ci-deploy", ONE, False)


def test_ages_count_to_when_the_newest_report_listed_its_accounts(store: Engine) -> None:
    """A key is as old as the newest report says, however late the findings are made."""
    write(store, [record("ci-deploy", age=90)])

    assert find(store, at=NOW + 30 * DAY).by_rule == {}


def test_finding_that_is_gone_is_resolved(store: Engine) -> None:
    """What a run no longer finds is resolved by it, once."""
    write(store, [record("ci-deploy", age=100)])
    find(store)
    write(store, [record("ci-deploy", age=101, at=NOW + DAY, Status="Inactive")], at=NOW + DAY)

    second = find(store, at=NOW + DAY + HOUR)
    third = find(store, at=NOW + 2 * DAY)

    assert (second.new, second.resolved) == (0, 1)
    assert (third.new, third.resolved) == (0, 0)
    assert findings(store) == []
    (row,) = findings(store, resolved=True)
    assert (row.first_found, row.resolved) == (NOW + HOUR, NOW + DAY + HOUR)


def test_finding_that_comes_back_begins_anew(store: Engine) -> None:
    """What was resolved and is found again is new again, and counts from then."""
    write(store, [record("ci-deploy", age=100)])
    find(store)
    write(store, [record("ci-deploy", age=101, at=NOW + DAY, Status="Inactive")], at=NOW + DAY)
    find(store, at=NOW + DAY)
    write(store, [record("ci-deploy", age=102, at=NOW + 2 * DAY)], at=NOW + 2 * DAY)

    again = find(store, at=NOW + 2 * DAY + HOUR)

    assert (again.new, again.resolved) == (1, 0)
    (row,) = findings(store)
    assert (row.first_found, row.first_run) == (NOW + 2 * DAY + HOUR, (NOW + 2 * DAY + HOUR).isoformat())
    assert findings(store, resolved=True) == []


def test_same_run_twice_changes_nothing(store: Engine) -> None:
    """A task that is repeated leaves the store as it was, and counts the same."""
    write(store, [record("ci-deploy", age=100), record("backup", age=200)])
    find(store, at=NOW)
    write(store, [record("ci-deploy", age=101, at=NOW + DAY), record("new", age=300, at=NOW + DAY)], at=NOW + DAY)
    once = find(store, at=NOW + DAY, run_id="run")
    before = everything(store)

    twice = find(store, at=NOW + DAY, run_id="run")

    assert (once.new, once.resolved) == (1, 1)
    assert twice == once
    assert everything(store) == before


def test_deleted_key_resolves_its_findings(store: Engine) -> None:
    """A key that a report no longer found is looked at no more; one in an account that was not read still is."""
    write(store, [record("ci-deploy", age=100), record("backup", TWO, age=100)], ONE, TWO)
    find(store)
    write(store, [], ok(ONE, NOW + DAY), denied(TWO), at=NOW + DAY)

    counts = find(store, at=NOW + DAY)

    assert (counts.keys, counts.new, counts.resolved) == (1, 0, 1)
    assert [row.key.user_name for row in findings(store)] == ["backup"]


def test_without_a_report_there_is_nothing_to_look_at(store: Engine) -> None:
    """Before the first report, nothing is found and nothing is written, and the error says what to run."""
    with pytest.raises(NoReportError, match="Run access_key_report first"):
        find(store)

    assert everything(store) == []


def test_report_without_keys_finds_nothing(store: Engine) -> None:
    """An organisation without keys has no findings, and that is no error."""
    write(store, [])

    counts = find(store)

    assert (counts.keys, counts.new, dict(counts.by_rule)) == (0, 0, {})


def test_exception_resolves_what_was_found(store: Engine) -> None:
    """What is excused is counted by its exception, is no finding any more, and is one again once that has expired."""
    excusing = policy_of("""
        version: 1
        rules: [{id: old, kind: older_than, days: 90, severity: high}]
        exceptions:
          - {users: [nobody], reason: Of nobody., expires: 2026-12-31}
          - {users: [ci-*], reason: Until the move., expires: 2026-11-28}
    """)
    write(store, [record("ci-deploy", age=100), record("ci-build", age=100), record("backup", age=100)])
    find(store)

    excused = find(store, excusing, at=NOW + DAY)
    expired = find(store, excusing, at=NOW + 2 * DAY)

    assert (excused.excused, excused.resolved, excused.new) == ({1: 2}, 2, 0)
    assert (expired.excused, expired.resolved, expired.new) == ({}, 0, 2)


def test_rule_that_is_gone_resolves_its_findings(store: Engine) -> None:
    """A rule that was removed finds nothing more; one with another threshold goes on under its name."""
    write(store, [record("ci-deploy", age=100)])
    find(store)
    harder = policy_of("version: 1\nrules: [{id: old, kind: older_than, days: 30, severity: low, control: KEYS-1}]")

    changed = find(store, harder, at=NOW + DAY)
    (row,) = findings(store)
    gone = find(store, policy_of("version: 1\nrules: []"), at=NOW + 2 * DAY)

    assert (changed.new, gone.resolved) == (0, 1)
    assert (row.severity, row.control, row.first_found) == ("low", "KEYS-1", NOW + HOUR)


def test_resolved_findings_are_forgotten_in_time(store: Engine) -> None:
    """What was resolved is kept as long as everything else, and no longer."""
    write(store, [record("ci-deploy", age=100)])
    find(store)
    empty = policy_of("version: 1\nrules: []")
    find(store, empty, at=NOW + DAY)

    find(store, empty, at=NOW + DAY + KEPT)
    kept = len(findings(store, resolved=True))
    find(store, empty, at=NOW + DAY + KEPT + timedelta(seconds=1))

    assert (kept, everything(store)) == (1, [])


def test_rules_see_all_keys_of_a_user_and_of_no_other(store: Engine) -> None:
    """A user's keys are judged together, however many users have the same name in other accounts."""
    policy = policy_of("version: 1\nrules: [{id: two, kind: two_active_keys, severity: low}]")
    keys = [
        *(record("ci-deploy", age=age, key=f"AKIA...{age:04}") for age in (10, 20)),
        record("ci-deploy", TWO, age=30),
        record("backup", age=40),
    ]
    write(store, keys, ONE, TWO)

    counts = find(store, policy)

    assert (counts.keys, counts.by_rule) == (4, {"two": 1})
    assert [row.key.access_key_id for row in findings(store)] == ["AKIA...0020"]


@pytest.mark.parametrize("seed", range(3))
def test_order_in_which_keys_were_written_does_not_matter(tmp_path: Path, seed: int) -> None:
    """However the keys of users and accounts lie in the store, the same is found, and counted alike."""
    policy = policy_of("""
        version: 1
        rules:
          - {id: old, kind: older_than, days: 90, severity: low}
          - {id: two, kind: two_active_keys, severity: high}
          - {id: unused, kind: unused_for, days: 45, severity: high}
        exceptions: [{users: [ci-2], rules: [two], reason: So it is., expires: 2026-12-31}]
    """)
    keys = [
        record(f"ci-{user}", account, age=80 + 4 * user + which, idle=40 + user, key=f"AKIA...000{which}")
        for user in range(8)
        for account in (ONE, TWO)
        for which in range(1 + user % 3)
    ]
    mixed = random.Random(seed).sample(keys, len(keys))  # noqa: S311 - no secret
    one, other = store_in(tmp_path / "one"), store_in(tmp_path / "other")
    write(one, keys, ONE, TWO)
    write(other, mixed, ONE, TWO)

    found = [find(each, policy) for each in (one, other)]

    assert found[0] == found[1]
    assert set(found[0].by_rule) == {"old", "two", "unused"}
    assert found[0].excused == {0: 4}
    assert everything(one) == everything(other)
    for each in (one, other):
        each.dispose()


def test_facts_are_what_the_reports_have_seen(store: Engine) -> None:
    """A key is judged with its owner, its account's name, and since when it is known and was last active."""
    first = record("ci-deploy", age=100, idle=3, Owner="team@example.com", OwnerSource="tag")
    write(store, [first, record("root", age=None, Status=None)], ok(ONE, name="prod"))
    later = NOW + DAY
    write(store, [record("ci-deploy", age=101, idle=4, at=later, Status="Inactive", Owner="team@example.com",
                         OwnerSource="tag"), record("root", age=None, Status=None, at=later)],
          ok(ONE, later, "prod"), at=later)  # fmt: skip

    with store.begin() as connection:
        (used,), (unknown,) = list(users_keys(connection))

    assert (used.owner, used.owner_source, used.account_name) == ("team@example.com", "tag", "prod")
    assert (used.first_seen, used.last_active, used.last_seen) == (NOW, NOW, later)
    assert (used.created, used.last_used) == (NOW - 100 * DAY, NOW - 3 * DAY)
    assert (unknown.created, unknown.last_used, unknown.last_active, unknown.owner) == (None, None, None, None)


def test_inactive_key_counts_since_a_report_saw_it_active(store: Engine) -> None:
    """How long a key is inactive goes by the reports, whichever of them is written last."""
    policy = policy_of("version: 1\nrules: [{id: gone, kind: inactive_for, days: 30, severity: low}]")
    write(store, [record("ci-deploy", age=100)])
    late = NOW + 30 * DAY
    write(store, [record("ci-deploy", age=130, at=late, Status="Inactive")], at=late)
    found = find(store, policy, at=late).by_rule
    mid = NOW + 10 * DAY
    write(store, [record("ci-deploy", age=110, at=mid)], at=mid)

    assert found == {"gone": 1}
    assert find(store, policy, at=late).by_rule == {}


def test_pages_rules_and_filters(store: Engine) -> None:
    """The findings are counted by rule and listed in pages, the worst and oldest first, by owner, account and rule."""
    policy = policy_of("""
        version: 1
        rules:
          - {id: old, kind: older_than, days: 90, severity: low}
          - {id: unused, kind: unused_for, days: 45, severity: high}
    """)
    owned: dict[str, Any] = {"Owner": "team@example.com", "OwnerSource": "tag"}
    keys = [record(f"ci-{number}", age=100, idle=0) for number in range(60)]
    write(store, [*keys, record("backup", TWO, age=50, **owned)], ONE, TWO)
    find(store, policy)

    with store.begin() as connection:
        first = read_findings(connection, FindingQuery(), 1)
        last = read_findings(connection, FindingQuery(), 99)
        by = {
            name: read_findings(connection, query, 1).total
            for name, query in {
                "severity": FindingQuery(severity="high"),
                "rule": FindingQuery(rule="old"),
                "owner": FindingQuery(owner="team@example.com"),
                "unowned": FindingQuery(unowned=True),
                "account": FindingQuery(account=TWO),
                "user": FindingQuery(user_arn=f"arn:aws:iam::{ONE}:user/ci-7"),
                "nothing": FindingQuery(owner="others@example.com"),
            }.items()
        }
        rules = [(each.rule, each.severity, each.keys, each.oldest) for each in count_rules(connection)]

    assert first.rows[0].rule == "unused"
    assert (first.number, first.pages, first.total, len(first.rows)) == (1, 2, 61, 50)
    assert (last.number, len(last.rows)) == (2, 11)
    assert len({row.id for row in (*first.rows, *last.rows)}) == 61
    assert by == {"severity": 1, "rule": 60, "owner": 1, "unowned": 60, "account": 1, "user": 1, "nothing": 0}
    assert rules == [("unused", "high", 1, NOW + HOUR), ("old", "low", 60, NOW + HOUR)]


def test_what_a_run_found_resolved_and_proposes(store: Engine) -> None:
    """Of a run come what it found and resolved; what it found first, by owner; and what its rules propose."""
    policy = policy_of("""
        version: 1
        rules:
          - {id: unused, kind: unused_for, days: 45, severity: high, deactivate: propose}
          - {id: old, kind: older_than, days: 90, severity: low}
        deactivation: {assigned_users: [approver]}
    """)
    write(store, [record("gone", age=60), record("ci-deploy", age=60)])
    find(store, policy)
    at = NOW + DAY
    keys = [record("ci-deploy", age=61, at=at, Owner="b@example.com", OwnerSource="tag"),
            record("backup", age=200, idle=50, at=at, Owner="a@example.com", OwnerSource="tag")]  # fmt: skip
    write(store, keys, ok(ONE, at), at=at)
    find(store, policy, at=at, run_id="second")

    with store.begin() as connection:
        of_run = [(row.rule, row.key.user_name, row.resolved) for row in findings_of_run(connection, "second")]
        new = [(row.rule, row.key.user_name) for row in new_findings(connection, "second")]
        proposed = [row.key.user_name for row in proposed_findings(connection, "second")]
        of_another = list(proposed_findings(connection, "third"))

    assert sorted(of_run, key=str) == sorted(
        [("unused", "gone", at), ("unused", "ci-deploy", None), ("unused", "backup", None), ("old", "backup", None)],
        key=str,
    )
    assert new == [("unused", "backup"), ("old", "backup")]
    assert proposed == ["ci-deploy", "backup"]
    assert of_another == []


def test_store_of_a_later_version_is_left_alone(store: Engine) -> None:
    """Findings are not written into a store that a newer Keywatch has changed."""
    write(store, [record("ci-deploy", age=100)])
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreSchemaError):
        find(store)


def test_migration_keeps_the_keys_and_when_they_were_active(store: Engine) -> None:
    """A store from before keeps its keys; one that is active was so when it was last seen, and none has an owner."""
    migrate(store, "0003")
    columns = "key_id, access_key_id, account_id, user_name, user_arn, status, created, last_used, last_activity"
    with store.begin() as connection:
        for name, status in (("active", "Active"), ("inactive", "Inactive")):
            connection.execute(
                text(f"INSERT INTO access_key ({columns}, source, first_seen, last_seen) VALUES (:id, 'AKIA...0001', "  # noqa: S608 - of this test's own making
                     ":account, :name, :arn, :status, 1700000000, 0, 1700000000, 'exact', 1750000000, 1760000000)"),
                {"id": f"k{name:A<26}", "account": ONE, "name": name, "arn": f"arn:{name}", "status": status},
            )  # fmt: skip

    migrate(store)

    with store.begin() as connection:
        keys = {each.user_name: each for user in users_keys(connection) for each in user}
    assert {name: each.last_active for name, each in keys.items()} == {
        "active": datetime.fromtimestamp(1_760_000_000, UTC),
        "inactive": None,
    }
    assert {each.owner for each in keys.values()} == {None}
    assert {int(each.first_seen.timestamp()) for each in keys.values()} == {1_750_000_000}
    assert {each.created for each in keys.values()} == {datetime.fromtimestamp(1_700_000_000, UTC)}
