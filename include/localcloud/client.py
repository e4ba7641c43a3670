"""`LocalCloud`: starts a local cloud in a process of its own, or attaches to one, and talks to it."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

from localcloud.accounts_client import AccountsControls
from localcloud.aws_client import AwsControls
from localcloud.azure_client import AzureControls
from localcloud.azure_model import AzureAccess
from localcloud.identity_client import IdentityControls
from localcloud.identity_model import IdentityAccess
from localcloud.model import (
    STATE_FILE,
    AwsAccess,
    Fault,
    LogsIngestionAccess,
    RequestRecord,
    Seed,
    SeededKey,
    SeededUser,
    State,
    Workspace,
    from_json,
)
from localcloud.resources_client import ResourceControls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

START_SECONDS = 60.0
"""How long the cloud may take to come up."""
STOP_SECONDS = 10.0
"""How long it may take to end before it is killed."""
ASK_SECONDS = 60.0
"""How long it may take to answer the control interface."""
LOG_FILE = "localcloud.log"
SHADOWING = ("AWS_", "MOTO_")
"""Environment variables, by prefix, that would change what the cloud's own parts do."""


class LocalCloudError(Exception):
    """The local cloud did not start, or did not do what it was asked."""


class LocalCloud(AzureControls, ResourceControls, AwsControls, AccountsControls, IdentityControls):
    """A local cloud: use it as a context manager to start one, or `attach` to one that runs.

        with LocalCloud(seed=Seed(accounts=1, users=10)) as cloud:
            requests.post(..., proxies={"https": cloud.proxy_url}, verify=str(cloud.ca_bundle))
            assert cloud.rows("AWS_Access_Key_Report_CL")

    Args:
        state_dir: the folder for its state and log; None is a temporary one, removed at the end.
        seed: what the AWS accounts are filled with.
        port: of the proxy; 0 is any free one.
    """

    def __init__(self, state_dir: Path | None = None, seed: Seed | None = None, *, port: int = 0) -> None:
        self._temporary = state_dir is None
        self._state_dir = state_dir
        self._seed = seed or Seed()
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._state: State | None = None

    @classmethod
    def attach(cls, state_dir: Path) -> Self:
        """Connect to a local cloud that runs already; leaving it does not end it.

        Raises:
            LocalCloudError: the folder does not hold the state of one.
        """
        cloud = cls(state_dir)
        try:
            cloud._state = State.load((state_dir / STATE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LocalCloudError(
                f"No local cloud runs with its state in {state_dir}. Start one: python -m localcloud serve"
            ) from None
        except (ValueError, KeyError) as error:
            raise LocalCloudError(f"{state_dir / STATE_FILE} cannot be read: {error}") from error
        return cloud

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it is ready.

        Raises:
            LocalCloudError: it ended, or was not ready within `START_SECONDS`; the message holds its output.
        """
        if self._state is not None:
            return
        folder = self._state_dir or Path(tempfile.mkdtemp(prefix="localcloud-"))
        self._state_dir = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STATE_FILE).unlink(missing_ok=True)
        try:
            self._launch(folder)
            self._state = self._wait(folder)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process that `start` started."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._state = None
        if self._temporary and self._state_dir is not None:
            shutil.rmtree(self._state_dir, ignore_errors=True)
            self._state_dir = None

    @property
    def state_dir(self) -> Path:
        """The folder of its state and log."""
        if self._state_dir is None:
            raise LocalCloudError("The local cloud is not running")
        return self._state_dir

    @property
    def now(self) -> str:
        """The moment that the seed's ages count from, ISO 8601 UTC."""
        return self._running.now

    @property
    def pid(self) -> int:
        """The process that plays the cloud."""
        return self._running.pid

    @property
    def proxy_url(self) -> str:
        """Where to send CONNECT."""
        return self._running.proxy_url

    @property
    def ca_bundle(self) -> Path:
        """PEM file of the certificate authority that signs for every host played."""
        return Path(self._running.ca_bundle)

    @property
    def aws(self) -> AwsAccess:
        """The auditor's ways in, the roles, and the bucket."""
        return self._running.aws

    @property
    def workspace(self) -> Workspace:
        """The first Log Analytics workspace."""
        return self._running.workspaces[0]

    @property
    def second_workspace(self) -> Workspace:
        """The second Log Analytics workspace."""
        return self._running.workspaces[1]

    @property
    def logs_ingestion(self) -> LogsIngestionAccess:
        """The data collection rule that sends to the first workspace."""
        return self._running.logs_ingestion

    @property
    def azure(self) -> AzureAccess:
        """Tenants, applications, identities, subscriptions, the vault and the event hub."""
        return self._running.azure

    @property
    def identity(self) -> IdentityAccess:
        """The identity providers, what is registered with them for the portal, and whom they know from the start."""
        return self._running.identity

    def keys(self) -> list[SeededKey]:
        """Give every access key as seeded, with its full id; deletions since then do not show."""
        return [from_json(SeededKey, each) for each in self._ask("GET", "/truth")["keys"]]

    def root_keys(self) -> dict[str, int]:
        """Give, for each account, how many access keys its root user has (0 or 1)."""
        return dict(self._ask("GET", "/truth")["root_keys"])

    def users(self, account: str | None = None) -> list[SeededUser]:
        """Give the users of an account, or of all, as seeded."""
        users = [from_json(SeededUser, each) for each in self._ask("GET", "/truth")["users"]]
        return [user for user in users if account in (None, user.account)]

    def tables(self, workspace: Workspace | None = None) -> dict[str, dict[str, str]]:
        """Give the tables of a workspace (the first by default), with their columns and types."""
        return dict(self._ask("GET", "/tables", self._workspace_query(workspace)))

    def rows(self, table: str, workspace: Workspace | None = None) -> list[dict[str, Any]]:
        """Give a table's rows in order of arrival, each with every column; what was not sent is None.

        A table that does not exist has no rows.
        """
        if table not in self.tables(workspace):
            return []
        return list(self._ask("GET", "/rows", {"table": table} | self._workspace_query(workspace)))

    def deploy(
        self,
        *tables: Mapping[str, Any],
        rule: Mapping[str, Any] | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        """Create or change tables with declared columns, then the data collection rule that sends to them.

        Args:
            tables: bodies of requests that create a table.
            rule: the body of a request that creates the rule, with or without its destination.
            workspace: where the tables are and the rule sends to; the first by default.

        Raises:
            LocalCloudError: Azure would refuse one of them.
        """
        body = {"tables": tables, "rule": rule} | self._workspace_query(workspace)
        self._ask("POST", "/deploy", body=body)

    def deploy_tables(self, files: Iterable[Path], workspace: Workspace | None = None) -> None:
        """Create or change tables from files with such bodies.

        Raises:
            LocalCloudError: Azure would refuse one of them.
        """
        self.deploy(*(json.loads(file.read_text(encoding="utf-8")) for file in files), workspace=workspace)

    def save_function(self, name: str, kql: str, workspace: Workspace | None = None) -> None:
        """Save a function without parameters, which queries can then begin with: `name() | ...`.

        Raises:
            LocalCloudError: the name or the text is none that a function can have.
        """
        self._ask("POST", "/function", body={"name": name, "kql": kql} | self._workspace_query(workspace))

    def query(self, kql: str, workspace: Workspace | None = None) -> list[dict[str, Any]]:
        """Run a query; see `localcloud.kql` for what is understood.

        Raises:
            LocalCloudError: the query, its table or a column is unknown.
        """
        body = {"kql": kql} | self._workspace_query(workspace)
        return list(self._ask("POST", "/query", body=body))

    def requests(self, **filters: str | int | None) -> list[RequestRecord]:
        """Give the requests that arrived, oldest first, whose fields equal the filters (`action="ListUsers"`).

        Raises:
            LocalCloudError: requests cannot be filtered by that field.
        """
        found = self._ask("GET", "/requests", {name: str(value) for name, value in filters.items()})
        return [from_json(RequestRecord, each | {"record_ids": tuple(each["record_ids"])}) for each in found]

    def clear_requests(self) -> None:
        """Empty the request log."""
        self._ask("DELETE", "/requests")

    def inject(self, fault: Fault) -> None:
        """Make something go wrong from now on."""
        self._ask("POST", "/faults", body=dataclasses.asdict(fault))

    def fault_hits(self) -> list[tuple[Fault, int]]:
        """Give the injected faults with how many requests each has hit."""
        found = self._ask("GET", "/faults")
        return [(from_json(Fault, {k: v for k, v in each.items() if k != "hits"}), each["hits"]) for each in found]

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._ask("DELETE", "/faults")

    def delete_user(self, account: str, user: str) -> bool:
        """Delete a user and its keys behind everybody's back; False if there is none."""
        return bool(self._ask("POST", "/delete-user", body={"account": account, "user": user})["deleted"])

    def delete_key(self, access_key_id: str) -> bool:
        """Delete an access key behind everybody's back; False if there is none."""
        return bool(self._ask("POST", "/delete-key", body={"access_key_id": access_key_id})["deleted"])

    def set_clock_offset(self, seconds: float) -> None:
        """Let the Date of every answer be so much later than it is, or earlier if negative, and nothing else.

        That is what a machine sees whose own clock is wrong the other way round.
        """
        self._ask("POST", "/clock-offset", body={"seconds": seconds})

    def reset(self) -> None:
        """Bring everything back to the seed: AWS, Azure, people, tables with their rows, clocks, log and faults."""
        self._ask("POST", "/reset")

    @property
    def _running(self) -> State:
        if self._state is None:
            raise LocalCloudError("The local cloud is not running: use it in a with statement, or start() it")
        return self._state

    @staticmethod
    def _workspace_query(workspace: Workspace | None) -> dict[str, str]:
        return {"workspace": workspace.id} if workspace else {}

    def _launch(self, folder: Path) -> None:
        seed = json.dumps(dataclasses.asdict(self._seed))
        command = [sys.executable, "-m", "localcloud", "serve", "--with-parent"]
        command += ["--state", str(folder), "--port", str(self._port), "--seed", seed]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SHADOWING)}
        with (folder / LOG_FILE).open("wb") as log:
            # A session of its own: Ctrl-C reaches the parent alone, which then ends the cloud in order.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def _wait(self, folder: Path) -> State:
        deadline = time.monotonic() + START_SECONDS
        state_file = folder / STATE_FILE
        while not state_file.exists():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                said = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip()
                why = "ended before it was ready" if ended else f"was not ready within {START_SECONDS:.0f} s"
                raise LocalCloudError(f"The local cloud {why}. It said:\n{said or '(nothing)'}")
            time.sleep(0.02)
        return State.load(state_file.read_text(encoding="utf-8"))

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        state = self._running
        where = urlsplit(state.control_url)
        target = f"{path}?{urlencode(query)}" if query else path
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=ASK_SECONDS)
        with contextlib.closing(connection):
            try:
                headers = {"Authorization": f"Bearer {state.control_token}"}
                connection.request(method, target, json.dumps(body) if body is not None else None, headers)
                answer = connection.getresponse()
                value = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                raise LocalCloudError(f"The local cloud does not answer at {state.control_url}") from error
        if answer.status != http.HTTPStatus.OK:
            raise LocalCloudError(str(value.get("error")))
        return value
