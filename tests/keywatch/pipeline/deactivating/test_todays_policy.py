"""The policy as it is now can only restrict what was approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import Engine

from keywatch.errors import (
    ApprovalError,
    TransientError,
)
from keywatch.pipeline.deactivate import Answer, Deactivation, deactivate_approved
from keywatch.pipeline.folders import RunFolder
from keywatch.report.proposals import Result
from localcloud import Fault, FaultKind, LocalCloud, SeededKey
from tests.keywatch.deactivating import USER, proposed, statuses
from tests.keywatch.judged import ASKING, policy_of
from tests.keywatch.pipeline.proposing import APPROVED, freeze, state_of

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

from tests.keywatch.pipeline.deactivating.acting import asked_of_iam, not_acted_on, results


def test_approver_whom_todays_policy_does_not_name_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Whoever may no longer approve by the policy as it is now has approved in vain, and that is recorded."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("[approver]", "[somebody]")))

    assert "no longer lets user approver approve" in not_acted_on(cloud, sha256, APPROVED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_approver_whom_the_proposal_does_not_name_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Whoever may approve only since the proposal was shown may not approve it."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("[approver]", "[approver, somebody]")))
    answer = Answer(approved=True, user_id="somebody", user_name="Somebody")

    not_acted_on(cloud, sha256, answer, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_dry_run_of_todays_policy_changes_nothing(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """If the policy has become a dry run, nothing is changed, though the proposal was none."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("dry_run: false", "dry_run: true")))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 1}

    assert cloud.requests(action="UpdateAccessKey") == []
    (result,) = results(store, sha256, [made])
    assert (result.attempted, result.reason) == (False, "the policy makes it a dry run meanwhile")


def test_dry_run_of_the_proposal_has_no_reason_of_its_own(
    store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """What was proposed as a dry run is one as it was shown, whatever the policy says meanwhile."""
    sha256 = freeze(store, run, [proposed(made)], dry_run=True)

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 1}
    assert results(store, sha256, [made])[0].reason is None


UNUSED_ASKS: Final = "days: 45, severity: high, deactivate: propose"
NOT_ANY_MORE: Final = "rule unused of the policy proposes nothing any more"
MEANWHILE: Final[dict[str, tuple[str, Result, str]]] = {
    "an exception": (
        f"{ASKING}    exceptions: [{{users: [{USER}], reason: So it is., expires: 2999-12-31}}]\n",
        "refused",
        "the policy has an exception for it meanwhile",
    ),
    "no such rule": (ASKING.replace("id: unused,", "id: idle,"), "refused", NOT_ANY_MORE),
    "a rule that does not propose": (
        ASKING.replace(UNUSED_ASKS, "days: 45, severity: high"),
        "refused",
        NOT_ANY_MORE,
    ),
    "a dry run": (
        ASKING.replace("dry_run: false", "dry_run: true"),
        "would_deactivate",
        "the policy makes it a dry run meanwhile",
    ),
}
"""What the policy has come to be since a key was proposed, and how that ends for one that is still active."""


@pytest.mark.parametrize("case", MEANWHILE)
def test_policy_of_today_does_not_undo_what_was_done(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, case: str
) -> None:
    """A key that an attempt has made inactive, without an answer, is ours, whatever the policy says meanwhile."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    with pytest.raises(TransientError):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))

    ended = deactivate_approved(sha256, APPROVED, run, replace(by, policy=policy_of(MEANWHILE[case][0])))

    assert ended == {"deactivated": 1}
    assert results(store, sha256, [made])[0].reason == "AWS did it, though its answer was lost"
    assert len(cloud.requests(action="UpdateAccessKey")) == 1


@pytest.mark.parametrize("is_attempted", [False, True])
@pytest.mark.parametrize("case", MEANWHILE)
def test_policy_of_today_keeps_a_key_that_is_active(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient,
    case: str, is_attempted: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """A key that is still active stays so if the policy no longer has it deactivated, and the store says why."""
    text, result, reason = MEANWHILE[case]
    sha256 = freeze(store, run, [proposed(made)])
    if is_attempted:
        cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey"))
        with pytest.raises(TransientError):
            deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))
    cloud.clear_requests()

    assert deactivate_approved(sha256, APPROVED, run, replace(by, policy=policy_of(text))) == {result: 1}

    (ended,) = results(store, sha256, [made])
    assert (ended.reason, ended.attempted) == (reason, is_attempted)
    assert cloud.requests(action="UpdateAccessKey") == []
    assert statuses(iam) == {made.access_key_id: "Active"}


@pytest.mark.parametrize(
    ("days", "rules", "result"),
    [
        (0, "", "refused"),
        (0, "rules: [unused], ", "refused"),
        (-1, "", "deactivated"),
        (9, "rules: [old], ", "deactivated"),
    ],
    ids=["holds", "of the rule", "expired", "of another rule"],
)
def test_exception_of_todays_policy_keeps_a_key(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey,
    days: int, rules: str, result: Result,
) -> None:  # fmt: skip
    """A key that the policy has excused since it was proposed stays; an exception that does not hold is none."""
    sha256 = freeze(store, run, [proposed(made)])
    ends_on = datetime.now(UTC) + timedelta(days=days)
    exception = f"{{users: [{USER}], {rules}reason: So it is., expires: {ends_on:%Y-%m-%d}}}"
    by = replace(by, policy=policy_of(f"{ASKING}    exceptions: [{exception}]\n"))

    assert deactivate_approved(sha256, APPROVED, run, by) == {result: 1}

    (ended,) = results(store, sha256, [made])
    assert ended.reason == ("the policy has an exception for it meanwhile" if result == "refused" else None)
    assert (asked_of_iam(cloud) == []) == (result == "refused")
