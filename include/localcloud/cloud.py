"""The parts of a running local cloud, put together: accounts, workspaces, faults and the request log."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import kql
from localcloud.aws.accounts import Accounts
from localcloud.aws.clock import CLOCK
from localcloud.aws.iam_sts import Aws
from localcloud.aws.organizations import Organizations
from localcloud.aws.population import DEACTIVATION_ROLE, ROLE, populate
from localcloud.aws.roles_anywhere import RolesAnywhere
from localcloud.aws.s3 import S3
from localcloud.aws.sessions import REGION
from localcloud.azure.cloud import Azure
from localcloud.data_collection import DataCollection
from localcloud.data_collector import DataCollector
from localcloud.faults import Faults
from localcloud.http1 import DATE
from localcloud.identity.gateway import Gateway
from localcloud.identity.identities import Identities
from localcloud.logs_ingestion import LogsIngestion, new_access
from localcloud.model import AwsAccess, Seed, Workspace
from localcloud.request_log import RequestLog
from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.service import Service

FUNCTION_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
WORKSPACES = 2
FUNCTIONS = Path(__file__).resolve().parents[1] / "kql" / "functions"
KEY_BYTES = 64
"""Length of a workspace's key before base64."""


@dataclass(frozen=True)
class Workbench:
    """What a query can name in one workspace."""

    store: Store
    functions: Mapping[tuple[str, str], str]
    workspace: str

    def table(self, name: str) -> kql.Data:
        """Give a table.

        Raises:
            UnknownTableError: there is none of that name.
        """
        columns, rows = self.store.columns(self.workspace, name), self.store.rows(self.workspace, name)
        return kql.Data.load(columns, rows, self.store.received(self.workspace, name))

    def function(self, name: str) -> str | None:
        """Give the text of a saved function, or None."""
        return self.functions.get((self.workspace, name))


class Cloud:
    """Everything that is played. Use it from one thread, the log and the faults excepted."""

    def __init__(self, seed: Seed, rows: Path | None = None) -> None:
        self.population = populate(seed, datetime.now(UTC))
        self.accounts = Accounts(self.population)
        self.workspaces = tuple(
            Workspace(str(uuid.uuid4()), base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii"))
            for _ in range(WORKSPACES)
        )
        self.store = Store(rows)
        self.azure = Azure(self.workspaces[1].shared_key, seed, self.population.now)
        self.identities = Identities(self.azure)
        self.collection = DataCollection(self.store, self.workspaces[0].id)
        self.logs_ingestion = new_access()
        self.functions: dict[tuple[str, str], str] = {}
        self._save_functions()
        self.faults = Faults()
        self.log = RequestLog()
        self._aws = Aws(self.accounts)
        self._organizations = Organizations(self.accounts)
        self.roles_anywhere = RolesAnywhere(self.accounts, self.azure.certificates.certificate)
        self.services: tuple[Service, ...] = (
            self._aws,
            self.roles_anywhere,
            S3(self.accounts),
            self._organizations,
            DataCollector(self.workspaces, self.store),
            LogsIngestion(self.logs_ingestion, self.collection, self.store, self.azure.authority),
            *self.azure.services,
            *self.identities.services,
        )
        self.gateway = Gateway(lambda host: any(each.owns(host) for each in self.services))

    @property
    def aws_access(self) -> AwsAccess:
        """The ways in of the audit and of the deactivation."""
        key_id = self.population.auditor_key_id
        return AwsAccess(
            access_key_id=key_id,
            secret_access_key=None if key_id is None else self.accounts.auditor_secret,
            account_id=self.population.accounts[0],
            account_ids=self.population.accounts,
            role_name=ROLE,
            region=REGION,
            trust_anchor_arn=self.accounts.trust_anchor_arn,
            profile_arn=self.accounts.profile_arn,
            audit_role_arn=self.accounts.audit_role_arn,
            deactivation_role_name=DEACTIVATION_ROLE,
            deactivation_role_arn=self.accounts.deactivation_role_arn,
            deactivation_profile_arn=self.accounts.deactivation_profile_arn,
            bucket=self.accounts.bucket,
            organization=self.population.organization,
        )

    def reset(self) -> None:
        """Bring everything back to the seed; credentials, addresses and certificates stay."""
        self.accounts.reset()
        self._aws.reset()
        self._organizations.reset()
        self.roles_anywhere.reset()
        CLOCK.reset()
        DATE.reset()
        self.azure.reset()
        self.identities.reset()
        self.store.clear()
        self.collection.reset()
        self.functions.clear()
        self._save_functions()
        self.faults.clear()
        self.log.clear()

    def _save_functions(self) -> None:
        """Save the project's own functions in every workspace, as whoever deploys it does."""
        for file in sorted(FUNCTIONS.glob("*.kql")):
            for workspace in self.workspaces:
                self.save_function(file.stem, file.read_text(encoding="utf-8"), workspace.id)

    def workspace(self, wanted: str | None) -> str:
        """Give the id of a workspace: the named one, or the first.

        Raises:
            ValueError: there is no such workspace.
        """
        if wanted is None:
            return self.workspaces[0].id
        if wanted not in (each.id for each in self.workspaces):
            raise ValueError(f"There is no workspace {wanted}")
        return wanted

    def query(self, text: str, workspace: str | None = None) -> list[dict[str, Any]]:
        """Run a query in a workspace.

        Raises:
            KqlError: it is not one that is understood here.
            UnknownTableError: its table does not exist.
        """
        return kql.run(text, Workbench(self.store, self.functions, self.workspace(workspace)))

    def save_function(self, name: str, text: str, workspace: str | None = None) -> None:
        """Save a function without parameters in a workspace, in the place of one of that name.

        Raises:
            KqlError: the text is not made of KQL's words.
            ValueError: the name is none that a function can have.
        """
        if not FUNCTION_NAME.fullmatch(name):
            raise ValueError(f"A function is named with letters, digits and _, not {name!r}")
        kql.check(text)
        self.functions[self.workspace(workspace), name] = text
