"""Client of the HTTP Data Collector API.

Source: Microsoft Learn, "Send log data to Azure Monitor by using the HTTP Data Collector API". Microsoft ended its
support on 2026-09-14.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import requests

from keywatch.errors import ConfigurationError, LogTypeError, RequestRefusedError
from keywatch.log_analytics.data_collector_answers import MAX_BYTES, Answer, refusal
from keywatch.log_analytics.destination import Limits, Sent, send_until_accepted
from keywatch.log_analytics.shared_key import RESOURCE, SharedKey
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session

log = logging.getLogger(__name__)

API_VERSION: Final = "2016-04-01"
TIME_FIELD: Final = "SnapshotTime"
SUPPORT_ENDED: Final = "2026-09-14"
USUAL_BYTES: Final = 5_000_000
"""Large enough that requests are few, small enough that several in flight are no burden."""

LOG_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


def check_log_type(log_type: str) -> str:
    """Return the log type if the service would accept it.

    Raises:
        LogTypeError: It is not 1 to 100 letters, digits and underscores with a letter first.
    """
    if not LOG_TYPE.fullmatch(log_type):
        raise LogTypeError(
            f"Log type {log_type!r} would be refused: use 1 to 100 letters, digits and underscores, a letter first, "
            "without the _CL that the service appends. Correct it on the connection."
        )
    return log_type


def check_workspace_id(workspace_id: str | None) -> str:
    """Return the workspace id if it is a GUID.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        return str(uuid.UUID(workspace_id or ""))
    except ValueError:
        raise ConfigurationError(
            "The connection's workspace id is not a GUID. Copy the Workspace ID from the workspace's Overview page; "
            "see that id and key are not swapped."
        ) from None


@dataclass(frozen=True, slots=True)
class DataCollectorEndpoint:
    """One workspace as the Data Collector reaches it.

    Attributes:
        url: `https://<workspace id>.<domain>`, without a path.
        key: Signs for the workspace.
        hosts: Where signatures may go.
        transport: How to get there.
    """

    url: str
    key: SharedKey = field(repr=False)
    hosts: AllowedHosts
    transport: Transport


class DataCollector:
    """Sends bodies to one table of one workspace. Threads may share it.

    Args:
        endpoint: The workspace.
        log_type: The table's name, without `_CL`.
        pool_size: Connections kept open.
        clock: Returns the time now, UTC; every attempt is signed with a fresh date.

    Raises:
        LogTypeError: The service would refuse the log type.
        HostNotAllowedError: The workspace's URL is outside the cloud.
        ConfigurationError: The transport cannot be used.
    """

    def __init__(
        self,
        endpoint: DataCollectorEndpoint,
        log_type: str,
        *,
        pool_size: int = 10,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        endpoint.hosts.require(endpoint.url)
        self._endpoint = endpoint
        self._log_type = check_log_type(log_type)
        self._clock = clock
        self._session = requests_session(endpoint.transport, endpoint.hosts, pool_size=pool_size)
        self._url = f"{endpoint.url}{RESOURCE}?api-version={API_VERSION}"
        self._host = endpoint.url.removeprefix("https://")

    @property
    def name(self) -> str:
        """The workspace and the table."""
        return f"{self._endpoint.url}/{self._log_type}"

    @property
    def limits(self) -> Limits:
        """How large a request may be."""
        return Limits(body=MAX_BYTES, usual=USUAL_BYTES)

    @property
    def encode(self) -> None:
        """Records are sent as they are staged."""
        return None

    def send(self, body: bytes) -> Sent:
        """Send one JSON array; sign anew and try again while that may help.

        Args:
            body: The array, UTF-8.

        Returns:
            How often it was sent, and whether an attempt without an answer may have been stored too.

        Raises:
            RequestTooLargeError: The body is larger than the service accepts.
            AuthorizationRefusedError: The key or a clock is wrong.
            DestinationNotFoundError: There is no such workspace.
            LogTypeError: The service refuses the log type.
            RequestRefusedError: The service refuses the body.
            TlsError: The TLS certificate is not trusted.
            TransientError: Every attempt failed; a later one may not.
        """
        return send_until_accepted(lambda: self._post(body), self._endpoint.transport, log)

    def check(self) -> None:
        """See whether the workspace accepts our signature, without storing anything.

        Sends an empty array. The service checks the signature first and then has nothing to store; that it answers
        with success or with `InvalidDataFormat` is unverified, so both count as accepted.

        Raises:
            KeywatchError: As `send`.
        """
        try:
            self._post(b"[]")
        except RequestRefusedError as error:
            if "InvalidDataFormat" not in str(error):
                raise

    def _post(self, body: bytes) -> None:
        headers = self._endpoint.key.headers(body, self._clock()) | {
            "Log-Type": self._log_type,
            "time-generated-field": TIME_FIELD,
        }
        try:
            response = self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        except requests.RequestException as error:
            raise network_error(error, self._host) from error
        refused = refusal(
            Answer(
                status=response.status_code,
                content=response.content,
                headers=response.headers,
                host=self._host,
                workspace_id=self._endpoint.key.workspace_id,
                log_type=self._log_type,
                size=len(body),
                asked_at=self._clock(),
            )
        )
        if refused:
            raise refused
