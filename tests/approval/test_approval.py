"""From a finding to a deactivated key, by the answer of a person to Airflow's request; and everything that stops it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import requests

from keywatch.access_keys.proposal import digest
from tests.approval.asking import FINDINGS_TABLE, Asking, Request

FULL_KEY_ID = re.compile(r"AKIA[A-Z0-9]{16}")


def shown(access_key_id: str) -> str:
    """Shorten a key id as Keywatch does."""
    return f"{access_key_id[:4]}...{access_key_id[-4:]}"


def unused(asking: Asking) -> set[str]:
    """List the keys that nobody has used for 45 days, from the seed."""
    line = datetime.now(UTC) - timedelta(days=45)
    return {
        key.access_key_id
        for key in asking.cloud.keys()
        if key.status == "Active" and datetime.fromisoformat(key.last_used_date or key.create_date) <= line
    }


def changed(asking: Asking) -> set[str]:
    """List the keys that are inactive, and were seeded active."""
    seeded = {key.access_key_id for key in asking.cloud.keys() if key.status == "Active"}
    return {key for key, status in asking.statuses().items() if status == "Inactive" and key in seeded}


def refused(asking: Asking, request: Request, option: str, user: str) -> int:
    """Answer a request as a user, and return with which status Airflow refuses it."""
    with pytest.raises(requests.HTTPError) as error:
        asking.answer(request, option, user)
    return int(error.value.response.status_code)


def test_approved_keys_become_inactive_and_all_is_recorded(asking: Asking) -> None:
    """After the approval of a user whom the policy names, each proposed key that is still unused is inactive in AWS.

    A key that was used since stays active, and so does everything that was not proposed. Table and page say who
    approved, when, and what became of each key.
    """
    meant = unused(asking)
    run_id = asking.report()
    request = asking.request(run_id)
    used = min(meant)
    asking.cloud.use_key(used)

    assert asking.writes() == []
    assert request.subject == f"Deactivate {len(meant)} access keys?"
    assert request.assigned_users == ("approver", "deputy")
    assert digest(asking.proposal_file(request).read_bytes()) == request.sha256
    assert asking.proposal(request).state == "open"
    assert not FULL_KEY_ID.search(request.body)
    listed = [line for line in request.body.splitlines() if line.startswith("| `AKIA")]
    assert len(listed) == min(len(meant), 50)
    assert f"- Keys: **{len(meant)}**" in request.body

    assert refused(asking, request, "Approve", "somebody") == 403
    assert refused(asking, request, "Approve", "admin") == 403
    assert asking.proposal(request).state == "open"
    asking.answer(request, "Approve", "approver")

    assert asking.wait(run_id) == "success"
    assert changed(asking) == meant - {used}
    assert set(asking.writes()) == {"UpdateAccessKey"}
    rows = asking.decisions()
    assert Counter(row["Result_s"] for row in rows.values()) == {"deactivated": len(meant) - 1, "refused": 1}
    assert {(row["Decision_s"], row["DecidedBy_s"], row["DryRun_b"]) for row in rows.values()} == {
        ("approved", "approver", False)
    }
    assert {row["Proposal_s"] for row in rows.values()} == {request.sha256}
    [of_used] = [row for (_, key), row in rows.items() if key == shown(used) and row["Result_s"] == "refused"]
    assert "it was used since" in of_used["Reason_s"]
    state = asking.proposal(request)
    assert (state.state, state.decided_by, state.decided_by_id) == ("approved", "approver", "approver")
    assert state.decided is not None
    assert Counter(row.result for row in asking.store.deactivations(request.sha256)) == {
        "deactivated": len(meant) - 1,
        "refused": 1,
    }
    assert not FULL_KEY_ID.search(asking.log(run_id, "deactivate"))

    again = asking.report()
    assert asking.wait(again) == "success"
    assert asking.tasks(again)["propose"] == "skipped"


def test_rejection_changes_nothing(asking: Asking) -> None:
    """A Reject leaves every key as it is, and is recorded with who said it."""
    run_id = asking.look()
    request = asking.request(run_id)
    asking.answer(request, "Reject", "deputy")

    assert asking.wait(run_id) == "success"
    assert asking.tasks(run_id)["deactivate"] == "skipped"
    assert (asking.writes(), changed(asking)) == ([], set())
    rows = asking.decisions().values()
    assert {(row["Decision_s"], row["DecidedById_s"], row["Result_s"]) for row in rows} == {
        ("rejected", "deputy", "not_attempted")
    }
    assert refused(asking, request, "Approve", "approver") == 409


def test_request_that_nobody_answers_is_rejected(asking: Asking) -> None:
    """When its time is over, a request takes its default, Reject, which names nobody; nothing changes."""
    run_id = asking.look("impatient_findings")

    assert asking.wait(run_id, "impatient_findings") == "success"
    tasks = asking.tasks(run_id, "impatient_findings")
    assert (tasks["approve"], tasks["deactivate"], tasks["record"]) == ("success", "skipped", "success")
    assert (asking.writes(), changed(asking)) == ([], set())
    rows = asking.decisions().values()
    assert {(row["Decision_s"], row.get("DecidedBy_s"), row["Result_s"]) for row in rows} == {
        ("timed_out", None, "not_attempted")
    }


def test_newer_run_supersedes_an_open_request(asking: Asking) -> None:
    """Of two runs only the newer one's request stays open; the older run ends, and cannot be approved any more."""
    meant = unused(asking)
    older = asking.request(asking.look())
    newer = asking.request(asking.look())

    assert asking.wait(older.run_id) == "success"
    assert asking.tasks(older.run_id)["deactivate"] == "skipped"
    assert refused(asking, older, "Approve", "approver") == 409
    assert (asking.proposal(older).state, asking.proposal(newer).state) == ("superseded", "open")
    assert (asking.writes(), changed(asking)) == ([], set())
    superseded = [row for row in asking.decisions().values() if row["Proposal_s"] == older.sha256]
    assert {(row["Decision_s"], row["Result_s"]) for row in superseded} == {("superseded", "not_attempted")}

    asking.answer(newer, "Approve", "approver")
    assert asking.wait(newer.run_id) == "success"
    assert changed(asking) == meant


def test_altered_proposal_is_not_acted_on(asking: Asking) -> None:
    """A proposal whose file is not the one that was asked about fails the run, and changes nothing."""
    run_id = asking.look()
    request = asking.request(run_id)
    file = asking.proposal_file(request)
    file.write_bytes(file.read_bytes().replace(b'"dry_run":false', b'"dry_run":false '))
    asking.answer(request, "Approve", "approver")

    assert asking.wait(run_id) == "failed"
    assert "ProposalAlteredError" in asking.log(run_id, "deactivate")
    assert (asking.writes(), changed(asking)) == ([], set())
    assert asking.proposal(request).state == "altered"
    assert {(row["Decision_s"], row["Result_s"]) for row in asking.decisions().values()} == {
        ("altered", "not_attempted")
    }


def test_two_keys_that_could_be_meant_are_refused(asking: Asking) -> None:
    """If two keys of a user have the proposed KeyId, neither is deactivated."""
    meant = unused(asking)
    by_user = Counter(key.user_arn for key in asking.cloud.keys())
    one = min(
        (key for key in asking.cloud.keys() if key.access_key_id in meant and by_user[key.user_arn] == 1),
        key=lambda key: key.access_key_id,
    )
    request = asking.request(asking.look())
    twin = asking.twin(one)
    asking.answer(request, "Approve", "approver")

    assert asking.wait(request.run_id) == "success"
    assert changed(asking) == meant - {one.access_key_id}
    assert asking.statuses()[twin.access_key_id] == "Active"
    row = asking.decisions()[one.user_arn, shown(one.access_key_id)]
    assert (row["Result_s"], "could be meant" in row["Reason_s"]) == ("refused", True)


def test_dry_run_reads_everything_and_changes_nothing(asking: Asking) -> None:
    """With `dry_run`, as it is unless the policy says otherwise, an approval says what it would have deactivated."""
    meant = unused(asking)
    asking.policy.write_text(asking.policy.read_text("utf-8").replace("  dry_run: false\n", ""), encoding="utf-8")
    run_id = asking.look()
    request = asking.request(run_id)
    asking.answer(request, "Approve", "approver")

    assert asking.wait(run_id) == "success"
    assert request.subject == f"Dry run: deactivate {len(meant)} access keys?"
    assert (asking.writes(), changed(asking)) == ([], set())
    assert {(row["DryRun_b"], row["Result_s"]) for row in asking.decisions().values()} == {(True, "would_deactivate")}


def test_cleared_run_asks_no_more(asking: Asking) -> None:
    """A run that has asked, and is cleared, does not show its old request again: what it proposes now stays undone."""
    dry = asking.policy.read_text("utf-8").replace("dry_run: false", "dry_run: true")
    asking.policy.write_text(dry, encoding="utf-8")
    request = asking.request(asking.look())
    asking.answer(request, "Approve", "approver")
    assert asking.wait(request.run_id) == "success"

    asking.policy.write_text(dry.replace("dry_run: true", "dry_run: false"), encoding="utf-8")
    asking.clear(request.run_id)

    assert asking.wait(request.run_id) == "failed"
    assert asking.tasks(request.run_id)["approve"] == "failed"
    assert (asking.writes(), changed(asking)) == ([], set())
    assert refused(asking, request, "Approve", "approver") == 409


def test_findings_follow_the_report_and_are_resolved(asking: Asking) -> None:
    """Each report brings a run of the findings; a finding whose key is gone is sent once more, as resolved."""
    asking.policy.write_text("version: 1\nrules: [{id: root, kind: root_key, severity: critical}]\n", encoding="utf-8")
    run_id = asking.report()
    assert asking.wait(run_id) == "success"
    tasks = asking.tasks(run_id)
    assert {name: tasks[name] for name in ("propose", "approve", "deactivate", "record")} == dict.fromkeys(
        ("propose", "approve", "deactivate", "record"), "skipped"
    )
    open_now = [row for row in asking.cloud.rows(FINDINGS_TABLE) if row["State_s"] == "open"]
    assert {row["Rule_s"] for row in open_now} == {"root"}

    asking.policy.write_text("version: 1\nrules: []\n", encoding="utf-8")
    assert asking.wait(asking.look()) == "success"
    resolved = [row for row in asking.cloud.rows(FINDINGS_TABLE) if row["State_s"] == "resolved"]
    assert {row["FindingId_s"] for row in open_now} <= {row["FindingId_s"] for row in resolved}
