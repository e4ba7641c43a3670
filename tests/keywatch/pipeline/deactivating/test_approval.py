"""An approval has to count before any key is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.extract import AccessKeyExtraction
from keywatch.access_keys.proposal import LASTS
from keywatch.access_keys.record import Account
from keywatch.access_keys.transform import transform_row
from keywatch.errors import (
    ApprovalError,
    ProposalAlteredError,
    StagingGoneError,
    SupersededProposalError,
)
from keywatch.pipeline.deactivate import Answer, Deactivation, deactivate_approved
from keywatch.pipeline.find import find
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.propose import propose
from keywatch.staging import encode
from localcloud import LocalCloud, SeededKey
from tests.keywatch.deactivating import USER, proposed, statuses
from tests.keywatch.judged import policy_of
from tests.keywatch.pipeline.proposing import APPROVED, REJECTED, freeze, run_in, state_of
from tests.keywatch.report.found import write
from tests.keywatch.report.stores import store_in

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

from tests.keywatch.pipeline.deactivating.acting import USERS, asked_of_iam, ends, not_acted_on, results, updated


def test_approved_keys_become_inactive(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey],
    iam: IAMClient, member_iam: IAMClient,
) -> None:  # fmt: skip
    """Every approved key becomes inactive in its own account, and the store says by whom that was decided."""
    sha256 = freeze(store, run, [proposed(key) for key in three])

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 3}

    for client, key in zip((iam, member_iam, iam), three, strict=True):
        assert statuses(client, key.user) == {key.access_key_id: "Inactive"}
    assert updated(cloud) == list(USERS)
    state = state_of(store, sha256)
    assert (state.state, state.decided_by_id, state.decided_by) == ("approved", "approver", "Approver")
    assert ends(store, sha256, three) == ["deactivated"] * 3
    assert all(each.ended for each in results(store, sha256, three))


def test_from_the_report_to_the_inactive_key(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient
) -> None:
    """What the report has read, the policy has found and a person has approved is the key that becomes inactive."""
    now = datetime.now(UTC)
    reading = AccessKeyExtraction(iam, Account(made.account, "prod"))
    write(store, [encode(transform_row(row, "report")) for row in reading], made.account, at=now)
    policy = policy_of("""
        version: 1
        rules: [{id: unused, kind: unused_for, days: 45, severity: high, deactivate: propose}]
        deactivation: {dry_run: false, assigned_users: [approver]}
    """)
    find(store, policy, run, now)
    request = propose(store, policy, run, now, LASTS)
    assert request is not None
    cloud.clear_requests()

    ended = deactivate_approved(request["sha256"], APPROVED, run, by)

    assert set(ended) == {"deactivated"}
    unused = [
        key.user
        for key in cloud.keys()
        if (key.account, key.status) == (made.account, "Active")
        and (now - datetime.fromisoformat(key.last_used_date or key.create_date)).days >= 45
    ]
    assert sorted(map(str, updated(cloud))) == sorted([*unused, USER])
    assert statuses(iam) == {made.access_key_id: "Inactive"}


def test_dry_run_changes_nothing(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """A dry run looks at each key, says what it would have changed, and AWS is not told to change anything."""
    cloud.use_key(three[2].access_key_id)
    sha256 = freeze(store, run, [proposed(key) for key in three], dry_run=True)

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 2, "refused": 1}

    assert "UpdateAccessKey" not in asked_of_iam(cloud)
    assert ends(store, sha256, three) == ["would_deactivate", "would_deactivate", "refused"]


def test_request_that_was_not_approved_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Who rejects has nothing deactivated; the step after says so in the store."""
    sha256 = freeze(store, run, [proposed(made)])

    assert "was not approved" in not_acted_on(cloud, sha256, REJECTED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "open"


@pytest.mark.parametrize("user_id", [None, "", "somebody", "Approver"])
def test_approval_of_nobody_or_somebody_else_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, user_id: str | None
) -> None:
    """An approval by whoever may not approve changes nothing, is recorded as refused, and closes the proposal."""
    sha256 = freeze(store, run, [proposed(made)])
    answer = Answer(approved=True, user_id=user_id, user_name="Approver")

    not_acted_on(cloud, sha256, answer, run, by, ApprovalError)

    state = state_of(store, sha256)
    assert (state.state, state.decided_by_id) == ("refused", user_id)
    not_acted_on(cloud, sha256, APPROVED, run, by, SupersededProposalError)


def test_approval_after_the_end_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """An approval that Airflow comes to when the proposal has expired changes nothing, and is recorded as refused."""
    created = datetime.now(UTC) - LASTS - timedelta(minutes=1)
    sha256 = freeze(store, run, [proposed(made)], created=created)

    assert "could be acted on for 24 hours" in not_acted_on(cloud, sha256, APPROVED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_approval_of_a_superseded_proposal_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, tmp_path: Path
) -> None:
    """An approval of what a newer run has proposed anew changes nothing, and what the newer run asks stays open."""
    old = freeze(store, run, [proposed(made)])
    new = freeze(store, run_in(tmp_path, "later"), [proposed(made)])

    assert "superseded meanwhile" in not_acted_on(cloud, old, APPROVED, run, by, SupersededProposalError)
    assert (state_of(store, old).state, state_of(store, new).state) == ("superseded", "open")


def test_approval_of_an_unknown_proposal_is_refused(
    cloud: LocalCloud, run: RunFolder[Path], by: Deactivation, made: SeededKey, tmp_path: Path
) -> None:
    """A proposal that this store does not know is not acted on, though its file is there."""
    other = store_in(tmp_path / "other")
    sha256 = freeze(other, run, [proposed(made)])

    with pytest.raises(SupersededProposalError, match="not known"):
        deactivate_approved(sha256, APPROVED, run, by)
    assert asked_of_iam(cloud) == []
    assert by.proposals.state(sha256) is None
    assert state_of(other, sha256).state == "open"


def test_altered_proposal_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """If the file has another key than was approved, nothing at all is deactivated, and that is recorded."""
    sha256 = freeze(store, run, [proposed(three[0])])
    file = run.folder / "proposals" / f"{sha256}.json"
    file.write_bytes(file.read_bytes().replace(USERS[0].encode(), USERS[2].encode()))

    assert "it was altered" in not_acted_on(cloud, sha256, APPROVED, run, by, ProposalAlteredError)
    state = state_of(store, sha256)
    assert (state.state, state.decided_by) == ("altered", "Approver")


def test_proposal_whose_file_is_gone_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Without its file nobody knows what was approved."""
    sha256 = freeze(store, run, [proposed(made)])
    (run.folder / "proposals" / f"{sha256}.json").unlink()

    not_acted_on(cloud, sha256, APPROVED, run, by, StagingGoneError)
