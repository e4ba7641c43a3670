"""Findings: into the store, into staging, and to their destinations once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.record import ROOT_USER
from keywatch.columns import stable_id
from keywatch.errors import (
    IncompleteReportError,
    NoReportError,
    StagingDamagedError,
    StagingGoneError,
    UnreachableError,
)
from keywatch.pipeline.find import FILE, find, load_findings
from keywatch.pipeline.folders import RunFolder
from keywatch.staging import check_file
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.judged import policy_of
from tests.keywatch.pipeline.proposing import RUN_ID, run_in
from tests.keywatch.report.found import NOW, ONE, ok, record, write
from tests.keywatch.report.stores import store_in

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
POLICY = policy_of("""
    version: 1
    rules:
      - {id: old, kind: older_than, days: 90, severity: high}
      - {id: root, kind: root_key, severity: critical, control: KEYS-1}
""")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store whose newest report has an old key and one of root's."""
    engine = store_in(tmp_path)
    owned: dict[str, Any] = {"Owner": "team@example.com", "OwnerSource": "tag"}
    root = record(ROOT_USER, age=None, UserArn=f"arn:aws:iam::{ONE}:root", AccessKeyId=None, Status=None)
    write(engine, [record("ci-deploy", age=100, idle=3, **owned), root, record("new")], ok(ONE, name="prod"))
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Give a run's folder, in which nothing is yet."""
    return run_in(tmp_path)


def staged(run: RunFolder[Path]) -> dict[str, dict[str, Any]]:
    """Give the staged records by rule."""
    lines = (run.folder / FILE).read_text(encoding="utf-8").splitlines()
    return {each["Rule"]: each for each in map(json.loads, lines)}


def test_findings_are_staged_with_all_that_is_known(store: Engine, run: RunFolder[Path]) -> None:
    """Each finding is staged as one record, in which what is not known is left out, and the result counts them."""
    found = find(store, POLICY, run, NOW + HOUR)

    assert found | {"sha256": ""} == {
        "as_of": "2026-11-27T06:00:00Z",
        "keys": 3,
        "open": 2,
        "new": 2,
        "resolved": 0,
        "excused": 0,
        "by_severity": {"high": 1, "critical": 1},
        "by_rule": {"old": 1, "root": 1},
        "count": 2,
        "sha256": "",
    }
    check_file(run.folder / FILE, found["sha256"])
    records = staged(run)
    key_id = records["old"]["KeyId"]
    finding_id = stable_id("f", "old", key_id)
    assert records["old"] == {
        "loggedDate": "2026-11-27",
        "State": "open",
        "Rule": "old",
        "Kind": "older_than",
        "Severity": "high",
        "Control": "CIS AWS 3.0.0 1.14",
        "Reason": "100 days old; more than 90 are too many",
        "account_number": ONE,
        "AccountName": "prod",
        "user": "ci-deploy",
        "UserArn": f"arn:aws:iam::{ONE}:user/ci-deploy",
        "AccessKeyId": "AKIA...0001",
        "Status": "Active",
        "CreateDate": "2026-08-19T06:00:00Z",
        "LastUsedDate": "2026-11-24T06:00:00Z",
        "KeyAgeDays": 100,
        "IdleDays": 3,
        "Owner": "team@example.com",
        "OwnerSource": "tag",
        "FirstFound": "2026-11-27T07:00:00Z",
        "LastSeen": "2026-11-27T06:00:00Z",
        "SnapshotTime": "2026-11-27T07:00:00Z",
        "KeyId": key_id,
        "FindingId": finding_id,
        "RecordId": stable_id("r", finding_id, "open", "2026-11-27"),
        "RunId": RUN_ID,
    }
    left_out = {"AccessKeyId", "Status", "CreateDate", "LastUsedDate", "KeyAgeDays", "IdleDays", "Owner", "OwnerSource"}
    assert set(records["old"]) - set(records["root"]) == left_out
    assert records["root"]["Control"] == "KEYS-1"


def test_resolved_finding_is_told_once(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """The run that no longer finds something says so, as of the same day with an id of its own; the next is silent."""
    find(store, POLICY, run, NOW + HOUR)
    open_id = staged(run)["old"]["RecordId"]
    without = Policy(version=1, rules=POLICY.rules[1:])
    second, third = run_in(tmp_path, "second"), run_in(tmp_path, "third")

    resolved = find(store, without, second, NOW + 2 * HOUR)
    after = find(store, without, third, NOW + 3 * HOUR)

    assert (resolved["open"], resolved["resolved"], resolved["count"]) == (1, 1, 2)
    told = staged(second)["old"]
    assert (told["State"], told["FirstFound"], told["SnapshotTime"]) == (
        "resolved",
        "2026-11-27T07:00:00Z",
        "2026-11-27T08:00:00Z",
    )
    assert told["RecordId"] != open_id
    assert (after["resolved"], after["count"], set(staged(third))) == (0, 1, {"root"})


def test_finding_twice_stages_the_same_bytes(store: Engine, run: RunFolder[Path]) -> None:
    """A step that is repeated finds the same, and stages the same."""
    once = find(store, POLICY, run, NOW + HOUR)

    assert find(store, POLICY, run, NOW + HOUR) == once


def test_without_a_report_nothing_is_staged(tmp_path: Path, run: RunFolder[Path]) -> None:
    """Before the first report there is nothing to look at, and no run is begun."""
    empty = store_in(tmp_path / "empty")

    with pytest.raises(NoReportError):
        find(empty, POLICY, run, NOW)

    assert not run.folder.exists()


def test_findings_are_delivered_once(store: Engine, run: RunFolder[Path]) -> None:
    """What a destination has a receipt for is not sent again; another destination still gets it."""
    found = find(store, POLICY, run, NOW)
    first, copy = MemoryDestination(), MemoryDestination(name="copy")

    assert load_findings(found, run, [first]) == 2
    assert load_findings(found, run, [first, copy]) == 2

    assert (first.calls, copy.calls) == (1, 1)
    assert first.records == copy.records
    assert {each["Rule"]: each for each in first.records} == staged(run)


def test_delivery_that_failed_goes_on(store: Engine, run: RunFolder[Path]) -> None:
    """The next attempt sends what was not accepted."""
    found = find(store, POLICY, run, NOW)
    destination = MemoryDestination(errors=[UnreachableError("no answer")])
    with pytest.raises(UnreachableError):
        load_findings(found, run, [destination])

    assert load_findings(found, run, [destination]) == 2
    assert len(destination.records) == 2


def test_findings_may_go_nowhere(store: Engine, run: RunFolder[Path]) -> None:
    """Without a destination the findings are in the store, and nothing is delivered."""
    assert load_findings(find(store, POLICY, run, NOW), run, []) == 0


def test_record_that_is_too_large_is_put_aside(store: Engine, run: RunFolder[Path]) -> None:
    """A record that no request can carry is a dead letter of its account and fails the step; the rest is delivered."""
    found = find(store, POLICY, run, NOW)
    sizes = sorted(len(line) for line in (run.folder / FILE).read_bytes().splitlines())
    destination = MemoryDestination(max_bytes=sizes[1] + 1)

    for _ in range(2):  # another attempt makes it no better
        with pytest.raises(IncompleteReportError, match=r"^1 of 2 findings were not accepted: they are in the dead"):
            load_findings(found, run, [MemoryDestination(name="copy"), destination])

    assert len(destination.records) == 1
    letters = list((run.staging / "dead-letters" / run.name).iterdir())
    assert [path.name for path in letters] == ["findings-copy-1.ndjson"]
    (letter,) = map(json.loads, letters[0].read_text().splitlines())
    assert letter["subject"] == ONE
    assert json.loads(letter["row"])["RecordId"] not in {each["RecordId"] for each in destination.records}


@pytest.mark.parametrize("data", [b"", b"{}\n"])
def test_altered_findings_are_not_delivered(store: Engine, run: RunFolder[Path], data: bytes) -> None:
    """Findings that are not what was written go nowhere."""
    found, destination = find(store, POLICY, run, NOW), MemoryDestination()
    (run.folder / FILE).write_bytes(data)

    with pytest.raises(StagingDamagedError):
        load_findings(found, run, [destination])
    (run.folder / FILE).unlink()
    with pytest.raises(StagingGoneError):
        load_findings(found, run, [destination])

    assert destination.calls == 0


def test_exceptions_are_spoken_of(store: Engine, run: RunFolder[Path], caplog: pytest.LogCaptureFixture) -> None:
    """An exception that has expired is a warning with its reason; one that holds says how much it leaves out."""
    caplog.set_level(logging.INFO)
    excusing = policy_of("""
        version: 1
        rules: [{id: old, kind: older_than, days: 90, severity: high}]
        exceptions:
          - {users: [nobody], reason: Until the move., expires: 2026-11-26}
          - {users: [ci-*], reason: So it is., expires: 2026-11-27}
    """)

    found = find(store, excusing, run, NOW)

    assert (found["open"], found["excused"]) == (0, 1)
    (expired,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert expired.startswith("exceptions[0] of the policy expired on 2026-11-26 and holds no more")
    assert expired.endswith("It said: Until the move.")
    assert "exceptions[1] of the policy, until 2026-11-27: 1 findings are left out" in caplog.text
