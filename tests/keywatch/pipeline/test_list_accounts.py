"""Accounts into batches."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keywatch.access_keys.organization import Selection
from keywatch.access_keys.record import Account
from keywatch.errors import NoAccountsError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts
from keywatch.staging import read_json

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_list_accounts_makes_batches(tmp_path: Path) -> None:
    """Accounts keep their order, in batches of the size asked for, the last perhaps smaller."""
    accounts = tuple(Account(f"{number:012}", f"name {number}") for number in range(5))

    batches = list_accounts(Selection(accounts), RunFolder(tmp_path, "run"), NOW, 2)

    assert [(batch["number"], len(batch["accounts"])) for batch in batches] == [(0, 2), (1, 2), (2, 1)]
    assert [ref for batch in batches for ref in batch["accounts"]] == [
        {"id": account.id, "name": account.name} for account in accounts
    ]
    assert {"2024-03-01T12:00:00Z"} == {batch["listed_at"] for batch in batches}


def test_list_accounts_names_an_account_once(tmp_path: Path) -> None:
    """An account given twice is audited once."""
    twice = Selection((Account("1" * 12), Account("1" * 12, "one")))

    (batch,) = list_accounts(twice, RunFolder(tmp_path, "run"), NOW, 20)

    assert [ref["id"] for ref in batch["accounts"]] == ["1" * 12]


def test_list_accounts_begins_the_run(tmp_path: Path) -> None:
    """The run's folder says when it began, for the day that it expires, and which accounts are left out and why."""
    run = RunFolder(tmp_path, "run")
    closed = Account("2" * 12, "closed"), "its state is CLOSED"

    list_accounts(Selection((Account("1" * 12),), (closed,)), run, NOW, 20)

    skipped = {"id": "2" * 12, "name": "closed", "reason": "its state is CLOSED"}
    assert run.skipped() == [skipped]
    assert read_json(run.folder / "run.json") == {
        "run_id": "run",
        "listed_at": "2024-03-01T12:00:00Z",
        "skipped": [skipped],
    }


def test_list_accounts_of_none_is_an_error(tmp_path: Path) -> None:
    """No account at all is not an empty report."""
    with pytest.raises(NoAccountsError, match="accounts"):
        list_accounts(Selection(()), RunFolder(tmp_path, "run"), NOW, 20)
