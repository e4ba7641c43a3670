"""One report from IAM to Log Analytics, by the library alone, with tries as Airflow makes them.

Every try makes its credentials, clients and destinations anew, as a task's process does, and keeps nothing but what is
staged and what Airflow hands on from step to step.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import boto3
import botocore.session
from botocore.config import Config

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.iam import patient_config
from keywatch.access_keys.organization import Selection
from keywatch.access_keys.record import Account
from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import KeywatchError, PermanentError
from keywatch.log_analytics.data_collector import DataCollector, DataCollectorEndpoint
from keywatch.log_analytics.destination import Destination
from keywatch.log_analytics.logs_ingestion import IngestionEndpoint, LogsIngestion
from keywatch.log_analytics.shared_key import SharedKey
from keywatch.pipeline.extract import Reading, extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import Batch, ExtractedBatch, LoadedBatch, Published, TransformedBatch
from keywatch.pipeline.publish import publish
from keywatch.pipeline.tables import TABLES, TableName
from keywatch.pipeline.transform import transform_batch
from keywatch.pipeline.verdict import verdict
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.staging import StagingPath
from keywatch.transport import AWS_HOSTS, Transport
from keywatch.transport.aws import aws_client, use_credentials
from localcloud import LocalCloud
from tests.expected import KEYS_TABLE, expected_rows
from tests.keywatch.credentials.reach import CLOUD, MONITOR, application, vault
from tests.keywatch.reach import AZURE_HOSTS, transport_to

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

RUN_ID: Final = "scheduled__2026-03-01"
TRIES: Final = 3
"""Of each step, as with `default_task_retries = 2`, which the README asks for."""
ATTEMPTS: Final = 3
"""Of each request within a try."""
LIMIT: Final = 1_200
"""Bytes of a chunk: two or three records, so that the load has several in flight."""
IN_FLIGHT: Final = 2

To = Literal["Logs Ingestion", "Data Collector"]
Step = Literal["list_accounts", "extract", "transform", "load", "publish"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, as a worker's clock shows it that goes right."""
    return datetime.now(UTC)


@dataclass
class Audit:
    """One run of the report.

    Attributes:
        cloud: Plays AWS and Azure.
        staging: Opens what the workers share, anew for each try.
        store: The report store's file.
        to: Which API the records are sent to.
        read_timeout: Seconds that an answer may take.
        clock: The worker's clock.
        run_id: Airflow's.
        failed: What each try failed with, by step, in order.
    """

    cloud: LocalCloud
    staging: Callable[[], StagingPath]
    store: Path
    to: To = "Logs Ingestion"
    read_timeout: float = 30.0
    clock: Clock = utc_now
    run_id: str = RUN_ID
    failed: list[tuple[Step, BaseException]] = field(default_factory=list)
    _done: dict[Step, Any] = field(default_factory=dict)

    def run(self) -> Published:
        """Make every step that has not succeeded yet.

        Raises:
            KeywatchError: What the last try of a step failed with, or the verdict.
        """
        self.run_until("publish")
        published: Published = self._done["publish"]
        verdict(published)
        return published

    def run_until(self, step: Step) -> None:
        """Make the steps up to one, that one included, that have not succeeded yet.

        Raises:
            KeywatchError: What the last try of a step failed with.
        """
        made: dict[Step, Callable[[bool], object]] = {
            "list_accounts": lambda _: self._list(),
            "extract": lambda last_try: self._extract(last_try=last_try),
            "transform": lambda _: transform_batch(self._done["extract"], self.folder),
            "load": lambda _: self._load(),
            "publish": lambda _: self._publish(),
        }
        for each in STEPS[: STEPS.index(step) + 1]:
            self._step(each, made[each])

    def clear(self, step: Step) -> None:
        """Have a step, and all after it, made again, as a person does in Airflow."""
        for each in STEPS[STEPS.index(step) :]:
            self._done.pop(each, None)

    @property
    def folder(self) -> RunFolder[Any]:
        """The run's folder in staging."""
        return RunFolder(self.staging(), self.run_id)

    def _step(self, name: Step, make: Callable[[bool], object]) -> None:
        """Make a step, with as many tries as it has; an error that no retry can help ends them at once."""
        for left in range(TRIES - 1, -1, -1):
            if name in self._done:
                return
            try:
                self._done[name] = make(left == 0)
            except Exception as error:
                self.failed.append((name, error))
                if left == 0 or isinstance(error, PermanentError):
                    raise

    def _list(self) -> Batch:
        accounts = tuple(Account(account) for account in self.cloud.aws.account_ids)
        [batch] = list_accounts(Selection(accounts), self.folder, self.clock(), len(accounts))
        return batch

    def _extract(self, *, last_try: bool) -> ExtractedBatch:
        batch: Batch = self._done["list_accounts"]
        folder = self.folder.batch(batch["number"])
        return extract_batch(batch, folder, Aws(self).connect, Reading(concurrency=2), last_try=last_try)

    def _load(self) -> LoadedBatch:
        transformed: TransformedBatch = self._done["transform"]
        return load_batch(transformed, self.folder, [self.destination("keys")], limit=LIMIT, in_flight=IN_FLIGHT)

    def _publish(self) -> Published:
        batches, loaded = [self._done["list_accounts"]], [self._done["load"]]
        destinations = [self.destination("audit")]
        store = open_engine(sqlite_url(self.store), writing=True)
        try:
            return publish(batches, loaded, self.folder, destinations, store, now=self.clock(), keep=timedelta(days=7))
        finally:
            store.dispose()

    def transport(self) -> Transport:
        """Describe the way to the local cloud."""
        return transport_to(self.cloud, attempts=ATTEMPTS, read_timeout=self.read_timeout)

    def certificate(self) -> HsmCertificate:
        """Describe the certificate whose key is on the HSM."""
        reached = dataclasses.replace(vault(self.cloud), transport=self.transport())
        return HsmCertificate(reached, "keywatch-audit", None)

    def destination(self, table: TableName) -> Destination:
        """Make a client of one of the tables."""
        if self.to == "Data Collector":
            workspace = self.cloud.second_workspace
            key = SharedKey(workspace.id, workspace.shared_key)
            collector = DataCollectorEndpoint(f"https://{workspace.host}", key, AZURE_HOSTS, self.transport())
            return DataCollector(collector, TABLES[table].name, clock=self.clock)
        credential = AssertionCredential(
            application(self.cloud), self.certificate(), self.transport(), clock=self.clock
        )
        endpoint = IngestionEndpoint(
            url=self.cloud.logs_ingestion.endpoint,
            rule_id=self.cloud.logs_ingestion.rule_id,
            credential=credential,
            scope=MONITOR,
            hosts=CLOUD.ingestion_hosts,
            transport=self.transport(),
        )
        return LogsIngestion(endpoint, TABLES[table])


class Aws:
    """AWS as one try of `extract` reaches it: by a session for the certificate, and roles assumed with it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        access = audit.cloud.aws
        target = RolesAnywhere(access.trust_anchor_arn, access.profile_arn, access.audit_role_arn, "keywatch")
        sessions = CertificateSessions(target, audit.certificate(), audit.transport(), clock=audit.clock)
        sessions.get()  # here, since what the certificate meets is no matter of one account
        inner = botocore.session.get_session()
        use_credentials(inner, sessions.botocore_credentials())
        self._session = boto3.Session(botocore_session=inner, region_name="us-east-1")
        self._sts = self._client(self._session, "sts")

    def connect(self, account: Account) -> IAMClient:
        """Return an IAM client of an account."""
        session = self._session
        if account.id != self._audit.cloud.aws.account_id:
            session = assume_role(session, self._sts, account, self._audit.cloud.aws.role_name)
        return self._client(session, "iam")  # type: ignore[no-any-return]

    def _client(self, session: boto3.Session, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        config = patient_config().merge(Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}))
        return aws_client(session, service, self._audit.transport(), AWS_HOSTS, config=config)


@dataclass(frozen=True)
class Delivered:
    """What Log Analytics holds of a run.

    Attributes:
        missing: RecordIds of keys in AWS that are not stored.
        surplus: RecordIds stored that belong to no key in AWS.
        copies: Rows stored beyond the first of their RecordId.
    """

    missing: set[str]
    surplus: set[str]
    copies: int

    @classmethod
    def of(cls, audit: Audit) -> Delivered:
        """Hold what is stored against what was seeded."""
        cloud = audit.cloud
        workspace = cloud.second_workspace if audit.to == "Data Collector" else cloud.workspace
        read_at = {
            outcome["id"]: outcome["snapshot_time"]
            for account in cloud.aws.account_ids
            if (outcome := audit.folder.batch(0).outcome(account))
        }
        rows = expected_rows(cloud.keys(), cloud.root_keys(), read_at, audit.run_id)
        found = Counter(row["RecordId_s"] for row in cloud.rows(KEYS_TABLE, workspace))
        wanted = {row["RecordId_s"] for row in rows}
        assert len(wanted) == len(cloud.keys()) + sum(cloud.root_keys().values())
        return cls(wanted - set(found), set(found) - wanted, found.total() - len(found))


def raised(audit: Audit) -> KeywatchError:
    """Run a report that fails, and return the error."""
    try:
        published = audit.run()
    except KeywatchError as error:
        return error
    raise AssertionError(f"The run did not fail: {published}")
