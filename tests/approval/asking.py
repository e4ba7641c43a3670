"""An Airflow that asks people, and the people who answer."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import boto3
import requests
from botocore.config import Config

from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.proposals import ProposalState
from keywatch.report.read import ReportReader
from localcloud import LocalCloud, SeededKey
from localcloud.standalone import Standalone
from tests.airflow.conftest import Home, wait_for

FINDINGS: Final = "access_key_findings"
FINDINGS_TABLE: Final = "AWS_Access_Key_Finding_CL"
DEACTIVATIONS_TABLE: Final = "AWS_Access_Key_Deactivation_CL"
ENDED: Final = ("success", "failed")
PERSON_SECONDS: Final = 3.0
"""Who answers needs as long at least. Airflow 3.3.2 fails a task that is resumed while its scheduler has not yet taken
note that the task's process ended in order to wait."""

READING: Final = frozenset(
    {
        *("AssumeRole", "CreateSession", "GetCallerIdentity", "GetAccessKeyLastUsed", "GetAccountSummary"),
        *("ListAccessKeys", "ListAccounts", "ListUsers"),
    }
)
"""Everything that a run asks of AWS without an approval."""

POLICY: Final = """
version: 1
rules:
  - id: unused
    kind: unused_for
    days: 45
    severity: high
    deactivate: propose
deactivation:
  dry_run: false
  assigned_users: [approver, {id: deputy, name: The deputy}]
"""


@dataclass(frozen=True)
class Request:
    """A request that waits for a person.

    Attributes:
        run_id: The run that asks.
        dag_id: Its DAG.
        subject: The headline.
        body: The text.
        sha256: The proposal's.
        assigned_users: Ids of who may answer.
    """

    run_id: str
    dag_id: str
    subject: str
    body: str
    sha256: str
    assigned_users: tuple[str, ...]


@dataclass(frozen=True)
class Asking:
    """A running Airflow whose findings follow its report."""

    standalone: Standalone
    home: Home
    policy: Path

    @property
    def cloud(self) -> LocalCloud:
        """The local cloud that its connections lead to."""
        return self.home.cloud

    @cached_property
    def store(self) -> ReportReader:
        """What its page reads."""
        return ReportReader(open_engine(sqlite_url(self._database), writing=False))

    @property
    def _database(self) -> Path:
        return self.home.path / "keywatch_report.db"

    @property
    def _remembered(self) -> Path:
        return self.home.path / "remembered.db"

    def remember_report(self) -> None:
        """Run the report once, and keep the store as it is then."""
        self.policy.write_text("version: 1\nrules: []\n", encoding="utf-8")
        assert self.wait(self.report()) == "success"
        with sqlite3.connect(self._database) as store, sqlite3.connect(self._remembered) as copy:
            store.backup(copy)

    def begin_anew(self) -> None:
        """End whatever waits, and begin with the seed, a report of it, no findings and the policy that proposes."""
        for dag_id in (FINDINGS, "impatient_findings"):
            for run in self._runs(dag_id):
                if run["state"] not in ENDED:
                    path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}"
                    self.standalone.api("PATCH", path, json={"state": "failed"})
        wait_for(lambda: all(run["state"] in ENDED for run in self._runs(FINDINGS)))
        self.cloud.reset()
        with sqlite3.connect(self._remembered) as copy, sqlite3.connect(self._database) as store:
            copy.backup(store)
        self.policy.write_text(POLICY, encoding="utf-8")

    def report(self) -> str:
        """Run the report of all accounts, and return the id of the run of the findings that it brings about."""
        before = {run["dag_run_id"] for run in self._runs(FINDINGS)}
        conf = {"accounts": list(self.cloud.aws.account_ids), "role_name": self.cloud.aws.role_name}
        run_id = self._trigger("access_key_report", conf)
        assert self.wait(run_id, "access_key_report") == "success"
        return str(wait_for(lambda: {run["dag_run_id"] for run in self._runs(FINDINGS)} - before).pop())

    def look(self, dag_id: str = FINDINGS) -> str:
        """Run the findings by hand, on the report that is there."""
        return self._trigger(dag_id, {})

    def wait(self, run_id: str, dag_id: str = FINDINGS) -> str:
        """Wait until a run has ended, and return how."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}"

        def ended() -> str | None:
            state = self.standalone.api("GET", path)["state"]
            return str(state) if state in ENDED else None

        return str(wait_for(ended))

    def request(self, run_id: str, dag_id: str = FINDINGS) -> Request:
        """Wait until a run asks, and return what."""

        def asked() -> dict[str, Any] | None:
            try:
                waits = self.tasks(run_id, dag_id)["approve"] == "deferred"
                return dict(self.standalone.api("GET", self._detail(run_id, dag_id))) if waits else None
            except (KeyError, requests.HTTPError):
                return None

        detail = wait_for(asked)
        time.sleep(PERSON_SECONDS)
        sha256 = detail["body"].split("SHA-256 of the proposal: `")[1].split("`")[0]
        users = tuple(user["id"] for user in detail["assigned_users"])
        return Request(run_id, dag_id, detail["subject"], detail["body"], sha256, users)

    def answer(self, request: Request, option: str, user: str) -> None:
        """Answer a request as a user.

        Raises:
            requests.HTTPError: Airflow does not take the answer.
        """
        body = {"chosen_options": [option], "params_input": {}}
        self.standalone.api("PATCH", self._detail(request.run_id, request.dag_id), user=user, json=body)

    def clear(self, run_id: str) -> None:
        """Clear a run with all of its tasks, as somebody may who is told to try again."""
        body = {"dag_run_id": run_id, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        self.standalone.api("POST", f"/dags/{FINDINGS}/clearTaskInstances", json=body)

    def tasks(self, run_id: str, dag_id: str = FINDINGS) -> dict[str, str]:
        """Return the state of every task of a run."""
        answer = self.standalone.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {ti["task_id"]: ti["state"] for ti in answer["task_instances"]}

    def log(self, run_id: str, task: str) -> str:
        """Return the log of a task's first try."""
        path = f"/dags/{FINDINGS}/dagRuns/{run_id}/taskInstances/{task}/logs/1"
        answer = self.standalone.api("GET", path, params={"full_content": "true"})
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in answer["content"])

    def proposal(self, request: Request) -> ProposalState:
        """Return what the page says of a proposal."""
        state = self.store.proposal(request.sha256)
        assert state is not None
        return state

    def proposal_file(self, request: Request) -> Path:
        """Return the frozen file of a proposal."""
        [file] = (self.home.path / "keywatch").rglob(f"proposals/{request.sha256}.json")
        return file

    def statuses(self) -> dict[str, str]:
        """Ask IAM for the status of every key, by its full id, as an administrator would see it."""
        return dict(pair for account in self.cloud.aws.account_ids for pair in self._statuses_in(account))

    def decisions(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the rows of deactivations in Log Analytics, by user and shortened key id."""
        return {(row["UserArn_s"], row["AccessKeyId_s"]): row for row in self.cloud.rows(DEACTIVATIONS_TABLE)}

    def twin(self, key: SeededKey) -> SeededKey:
        """Give a user a second key that looks like the first: same ends of its id, made in the same second."""
        middle = 14  # where an id's own characters are, and not its last four
        other = "A" if key.access_key_id[middle] != "A" else "B"
        access_key_id = key.access_key_id[:middle] + other + key.access_key_id[middle + 1 :]
        made = datetime.fromisoformat(key.create_date)
        while True:
            age = (datetime.now(UTC) - made) / timedelta(days=1)
            twin = self.cloud.create_key(key.account, key.user, created_days_ago=age, access_key_id=access_key_id)
            if twin.create_date == key.create_date:
                return twin
            self.cloud.delete_key(twin.access_key_id)

    def writes(self) -> list[str]:
        """List what was asked of AWS besides reading."""
        asked = (record for record in self.cloud.requests() if record.host.endswith(".amazonaws.com"))
        return [str(record.action) for record in asked if record.action not in READING]

    def _statuses_in(self, account: str) -> list[tuple[str, str]]:
        iam = self._iam(account)
        names = [user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]]
        listed = (key for name in names for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"])
        return [(key["AccessKeyId"], key["Status"]) for key in listed]

    def _iam(self, account: str) -> Any:  # noqa: ANN401 - boto3
        aws = self.cloud.aws
        way: dict[str, Any] = {
            "verify": str(self.cloud.ca_bundle),
            "config": Config(proxies={"https": self.cloud.proxy_url}),
            "region_name": "us-east-1",
        }
        own: dict[str, Any] = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key}
        sts = boto3.client("sts", **own, **way)
        given = sts.assume_role(RoleArn=aws.role_arn(account), RoleSessionName="test")["Credentials"]
        return boto3.client(
            "iam",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            **way,
        )

    def _trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        body = {"logical_date": None, "conf": dict(conf)}
        return str(self.standalone.api("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def _runs(self, dag_id: str) -> list[dict[str, Any]]:
        return list(self.standalone.api("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 100})["dag_runs"])

    @staticmethod
    def _detail(run_id: str, dag_id: str) -> str:
        return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
