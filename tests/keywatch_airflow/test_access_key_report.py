"""The steps of the daily report, one after another as Airflow would call them, against the local cloud."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from keywatch.errors import ConfigurationError, ExtractionIncompleteError
from keywatch.pipeline.manifests import Batch, LoadedBatch, Published
from keywatch.pipeline.verdict import verdict
from keywatch.report.query import KeyQuery
from keywatch_airflow import access_key_report as steps
from keywatch_airflow.report_params import ReportParams
from keywatch_airflow.report_store import report_reader
from localcloud import Fault, FaultKind, LocalCloud
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows, stored
from tests.keywatch_airflow.conftest import Connect

RUN_ID = "manual__2026-10-01T00:00:00+00:00"


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let runs stage their files in a folder of the test's."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'staging'}")
    return tmp_path / "staging"


@pytest.fixture
def params(
    cloud: LocalCloud, staging: Path, connect: Connect, aws: dict[str, Any], collector: dict[str, Any]
) -> ReportParams:
    """Give the parameters of a run over both accounts, one account a batch."""
    del staging
    return ReportParams(
        organization=False,
        accounts=list(cloud.aws.account_ids),
        exclude=None,
        role_name=cloud.aws.role_name,
        aws_conn_id=connect("aws_audit", aws),
        destination_conn_id=connect("collector", collector),
        copy_conn_id=None,
        lookup="exact",
        oldest_report_hours=4,
        owner_tag=None,
        chunk_limit=None,
        concurrency=8,
        accounts_at_once=2,
        in_flight=2,
        batch_size=1,
        trace=False,
    )


def audit(batch: Batch, params: ReportParams) -> LoadedBatch:
    """Run a batch's three steps."""
    extracted = steps.extract(batch, params, RUN_ID, last_try=True)
    return steps.load(steps.transform(extracted, RUN_ID), params, RUN_ID)


def statuses(cloud: LocalCloud) -> dict[str, str]:
    """Return the status of every account in the audit table."""
    return {row["account_number_s"]: row["Status_s"] for row in cloud.rows(AUDIT_TABLE, cloud.second_workspace)}


def test_steps_bring_every_key_of_every_account_to_log_analytics(cloud: LocalCloud, params: ReportParams) -> None:
    """One step after another, the rows in Log Analytics are the keys in AWS, and every account is ok."""
    batches = steps.list_accounts(params, RUN_ID)
    published = steps.publish(batches, [audit(batch, params) for batch in batches], params, RUN_ID)

    snapshot_times = {
        row["account_number_s"]: row["SnapshotTime_t"] for row in cloud.rows(AUDIT_TABLE, cloud.second_workspace)
    }
    assert dict.fromkeys(cloud.aws.account_ids, "ok") == statuses(cloud)
    expected = expected_rows(cloud.keys(), cloud.root_keys(), snapshot_times, RUN_ID)
    assert expected == stored(cloud.rows(KEYS_TABLE, cloud.second_workspace))
    assert (True, len(expected), []) == (published["complete"], published["accepted"], published["problems"])


def test_list_accounts_takes_the_connections_own_when_none_is_named(cloud: LocalCloud, params: ReportParams) -> None:
    """Without a list, the account of the AWS connection is audited."""
    params["accounts"] = None

    (batch,) = steps.list_accounts(params, RUN_ID)

    assert [{"id": cloud.aws.account_id, "name": None}] == batch["accounts"]


def test_organization_is_audited_without_an_access_key(
    cloud: LocalCloud, params: ReportParams, connect: Connect, aws_by_certificate: dict[str, Any]
) -> None:
    """Every account of the organisation is read, by its name, by a certificate alone, and excluded ones are skipped."""
    connect("aws_audit", aws_by_certificate)
    own, member = cloud.aws.organization
    params |= {"organization": True, "accounts": None, "exclude": [own.id], "batch_size": 20}

    (batch,) = steps.list_accounts(params, RUN_ID)
    published = steps.publish([batch], audit(batch, params), params, RUN_ID)

    assert [{"id": member.id, "name": member.name}] == batch["accounts"]
    assert {own.id: "skipped", member.id: "ok"} == statuses(cloud)
    assert (published["complete"], published["accounts"]) == (True, {"ok": 1, "skipped": 1})


@pytest.mark.parametrize("nothing", [None, ""])
def test_run_without_a_destination_fills_the_page(
    cloud: LocalCloud, params: ReportParams, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing: str | None
) -> None:
    """Without any Azure, every key is on the page, nothing is sent, and the run says so."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DATABASE", str(tmp_path / "page.db"))
    params |= {"destination_conn_id": nothing, "batch_size": 20}

    (batch,) = steps.list_accounts(params, RUN_ID)
    published = steps.publish([batch], audit(batch, params), params, RUN_ID)

    keys = len(cloud.keys()) + sum(cloud.root_keys().values())
    assert (published["complete"], published["accepted"], published["delivered"]) == (True, keys, False)
    assert f"{keys} keys on the page, and nowhere else" in verdict(published)
    assert report_reader().count(KeyQuery()) == keys
    assert cloud.requests(action="POST /api/logs") == []


def test_run_outlives_its_sessions(
    cloud: LocalCloud, params: ReportParams, connect: Connect, aws_by_certificate: dict[str, Any]
) -> None:
    """Sessions of the certificate and of the roles end while accounts are read, and nobody notices."""
    connect("aws_audit", aws_by_certificate)
    cloud.set_session_lifetime(3)
    cloud.inject(Fault(FaultKind.DELAY, action="ListAccessKeys", seconds=0.5, count=None))
    params |= {"concurrency": 1, "batch_size": 20}

    (batch,) = steps.list_accounts(params, RUN_ID)
    published = steps.publish([batch], audit(batch, params), params, RUN_ID)

    assert published["complete"]
    assert dict.fromkeys(cloud.aws.account_ids, "ok") == statuses(cloud)
    assert len(cloud.requests(action="CreateSession")) > 1
    assert cloud.requests(error="ExpiredToken") == []


def test_named_accounts_of_the_organization_get_their_names(cloud: LocalCloud, params: ReportParams) -> None:
    """With both, the list says which accounts of the organisation are audited."""
    own, _ = cloud.aws.organization
    params |= {"organization": True, "accounts": [own.id]}

    (batch,) = steps.list_accounts(params, RUN_ID)

    assert [{"id": own.id, "name": own.name}] == batch["accounts"]


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": ({"organisation": True}, "no parameter `organisation`. Did you mean `organization`"),
    "unknown": ({"zzz": 1}, "no parameter `zzz`. It takes: organization"),
    "excluded nobody": ({"exclude": ["655498509647\n"]}, "is not an AWS account id"),
    "copy to itself": ({"copy_conn_id": "collector"}, "is the destination itself"),
    "no destination": ({"destination_conn_id": "aws_audit"}, "'aws_audit' is not a destination"),
    "copy of nothing": ({"destination_conn_id": None, "copy_conn_id": "collector"}, "is set without a destination"),
    "no copy": ({"copy_conn_id": "aws_audit"}, "'aws_audit' is not a destination"),
}


@pytest.mark.parametrize(("change", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_parameters_that_are_not_usable_are_refused_first(
    cloud: LocalCloud, params: ReportParams, change: dict[str, Any], said: str
) -> None:
    """What is misspelt or cannot work is told before AWS is asked for anything."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        steps.list_accounts({**params, **change}, RUN_ID)  # type: ignore[typeddict-item]

    assert cloud.requests() == []


@pytest.mark.parametrize("organization", [True, False])
def test_other_accounts_need_a_role(
    cloud: LocalCloud,
    params: ReportParams,
    organization: bool,  # noqa: FBT001 - a parameter
) -> None:
    """An account that is not the connection's own cannot be entered without a role, which is said first."""
    params |= {"organization": organization, "role_name": None}

    with pytest.raises(ConfigurationError, match=rf"{cloud.aws.account_ids[1]} can only be entered as a role"):
        steps.list_accounts(params, RUN_ID)


def test_report_mode_marks_what_the_report_says(cloud: LocalCloud, params: ReportParams) -> None:
    """The parameter reaches IAM: rows that need no question say so."""
    cloud.set_report(takes_seconds=0)
    params |= {"lookup": "report", "batch_size": 20}

    (batch,) = steps.list_accounts(params, RUN_ID)
    audit(batch, params)

    sources = [row["LastUsedSource_s"] for row in cloud.rows(KEYS_TABLE, cloud.second_workspace)]
    assert {"report", "exact"} == set(sources)
    assert len(cloud.requests(action="GetAccessKeyLastUsed")) < len(cloud.keys()) / 2


def test_list_accounts_begins_the_staging_of_the_run(params: ReportParams, staging: Path) -> None:
    """Listing the accounts makes the run's folder in the staging area of Airflow's configuration."""
    steps.list_accounts(params, RUN_ID)

    assert len(list(staging.glob("runs/manual__2026-10-01*/run.json"))) == 1


def test_list_accounts_makes_batches_of_the_size_that_is_asked(params: ReportParams) -> None:
    """The parameter says how many accounts one mapped task handles."""
    params["batch_size"] = 2

    assert [len(batch["accounts"]) for batch in steps.list_accounts(params, RUN_ID)] == [2]


def test_extract_leaves_another_try_for_what_may_yet_succeed(cloud: LocalCloud, params: ReportParams) -> None:
    """While there is another try, an account that could not be read fails the step; on the last it is given up."""
    cloud.inject(Fault(FaultKind.STATUS, action="ListUsers", status=404, body="<html>lost</html>", count=None))
    batch = steps.list_accounts(params, RUN_ID)[0]

    with pytest.raises(ExtractionIncompleteError, match=cloud.aws.account_id):
        steps.extract(batch, params, RUN_ID, last_try=False)
    assert steps.extract(batch, params, RUN_ID, last_try=True)["keys"] == 0


@pytest.mark.parametrize("limit", [2_000, 6_000])
def test_load_packs_to_the_limit_that_is_asked(cloud: LocalCloud, params: ReportParams, limit: int) -> None:
    """The parameter bounds every request, and the largest comes close to it."""
    params["chunk_limit"] = limit

    loaded = audit(steps.list_accounts(params, RUN_ID)[0], params)

    sizes = [request.body_bytes for request in cloud.requests(action="POST /api/logs")]
    assert loaded["chunks"] == len(sizes) > 1
    assert limit - 1_000 < max(sizes) <= limit


def test_publish_takes_what_airflow_hands_on_of_one_batch(cloud: LocalCloud, params: ReportParams) -> None:
    """A single mapped group hands on its bare result."""
    params["batch_size"] = 2
    (batch,) = steps.list_accounts(params, RUN_ID)

    published = steps.publish([batch], audit(batch, params), params, RUN_ID)

    assert published["complete"]
    assert dict.fromkeys(cloud.aws.account_ids, "ok") == statuses(cloud)


@pytest.mark.parametrize(
    "handed_on", [None, [], [None], [None, None], iter(())], ids=["none", "empty", "one", "two", "iterator"]
)
def test_publish_takes_what_airflow_hands_on_of_no_batch(
    cloud: LocalCloud, params: ReportParams, handed_on: object
) -> None:
    """When every mapped group failed, publish still runs, and says so of every account."""
    batches = steps.list_accounts(params, RUN_ID)

    published = steps.publish(batches, handed_on, params, RUN_ID)

    assert (published["complete"], len(published["problems"]), published["accepted"]) == (False, 2, 0)
    assert dict.fromkeys(cloud.aws.account_ids, "failed") == statuses(cloud)


def test_publish_takes_what_airflow_hands_on_of_some_batches(cloud: LocalCloud, params: ReportParams) -> None:
    """A group that failed is None, or not there at all: its accounts alone are failed."""
    first, second = steps.list_accounts(params, RUN_ID)

    published = steps.publish(iter([first, second]), [None, audit(second, params)], params, RUN_ID)

    own, member = cloud.aws.account_ids
    assert {own: "failed", member: "ok"} == statuses(cloud)
    assert [own in problem for problem in published["problems"]] == [True]


def test_publish_is_skipped_when_no_accounts_were_listed(cloud: LocalCloud, params: ReportParams) -> None:
    """Without a manifest there is nothing to say, and nothing is sent."""
    with pytest.raises(AirflowSkipException, match="list_accounts"):
        steps.publish(None, None, params, RUN_ID)

    assert cloud.requests() == []


def test_publish_removes_runs_that_have_expired(
    monkeypatch: pytest.MonkeyPatch, params: ReportParams, staging: Path
) -> None:
    """Staged files are kept as long as Airflow's configuration says, and those of the run itself stay."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING_RETENTION_DAYS", "3")
    for age, name in ((2, "young"), (4, "old")):
        (staging / "runs" / name).mkdir(parents=True)
        listed_at = (datetime.now(UTC) - timedelta(days=age)).isoformat()
        (staging / "runs" / name / "run.json").write_text(json.dumps({"run_id": name, "listed_at": listed_at}))

    steps.publish(steps.list_accounts(params, RUN_ID), None, params, RUN_ID)

    left = {folder.name for folder in (staging / "runs").iterdir()}
    assert "young" in left
    assert "old" not in left
    assert any(name.startswith("manual__2026-10-01") for name in left)


def test_event_extra_tells_run_and_totals_and_names_no_account() -> None:
    """The asset event says which run it was, whether it is complete, and the totals."""
    published = Published(
        run_id=RUN_ID,
        complete=False,
        delivered=True,
        accounts={"ok": 1, "denied": 1},
        keys=7,
        accepted=6,
        rejected=1,
        perhaps_twice=0,
        problems=["123456789012: denied: ..."],
        more_problems=0,
    )

    assert steps.event_extra(published) == {
        "run_id": RUN_ID,
        "complete": False,
        "delivered": True,
        "accounts": {"ok": 1, "denied": 1},
        "keys": 7,
        "accepted": 6,
        "rejected": 1,
        "perhaps_twice": 0,
    }
