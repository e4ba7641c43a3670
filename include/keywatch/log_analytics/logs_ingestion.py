"""Client of the Logs Ingestion API: packed bodies, compressed, by the official SDK.

Source: Microsoft Learn, "Logs Ingestion API in Azure Monitor". The SDK is handed each body as a stream of bytes: its
own splitter overshoots the limit, sends one request at a time, and stops at the first failure.
"""

from __future__ import annotations

import gzip
import io
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from azure.core.exceptions import AzureError
from azure.monitor.ingestion import LogsIngestionClient

from keywatch.errors import ConfigurationError, RequestRefusedError
from keywatch.log_analytics.destination import Limits, Sent, send_until_accepted
from keywatch.log_analytics.gauge import GZIP_LEVEL
from keywatch.log_analytics.logs_ingestion_answers import Asked, refusal
from keywatch.log_analytics.row_encoder import RowEncoder
from keywatch.log_analytics.tables import Table
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.azure_core import NO_RETRIES, ForgettingCredential, scrubbed
from keywatch.transport.http import azure_core_arguments
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

INVALID_PAYLOAD: Final = "InvalidPayload"
STREAM: Final = re.compile(r"Custom-[A-Za-z0-9_]{1,100}")
RULE_ID: Final = re.compile(r"dcr-[0-9a-f]{32}")


class Packing(StrEnum):
    """How requests are filled."""

    DOCUMENTED = "documented"
    """As the documentation has it: 1 MB a call, before compression and after it."""
    WIRE = "wire"
    """As the service was seen to count: 1 MB on the wire, and what it unpacks to up to 50 MiB."""


LIMITS: Final = {
    Packing.DOCUMENTED: Limits(body=1_000_000, usual=1_000_000),
    Packing.WIRE: Limits(body=45 * 1024 * 1024, usual=16 * 1024 * 1024, wire=1_000_000),
}
"""The gateway answers 413 above 1,048,576 bytes on the wire; that it unpacks 50 MiB is from exporters' authors, who
measured it, not from the documentation. Rows shrink to less than a tenth, so 16 MiB are about 1 MB on the wire, and
bound the memory of what is in flight."""


def packing(value: str | None) -> Packing:
    """Read a packing; None and the empty string mean the documented one.

    Raises:
        ConfigurationError: There is no such packing.
    """
    try:
        return Packing(value or Packing.DOCUMENTED)
    except ValueError as error:
        raise ConfigurationError(
            f"There is no packing {value!r}. Set the connection's packing to one of: {', '.join(Packing)}."
        ) from error


def check_rule_id(rule_id: str | None) -> str:
    """Return the immutable id of a data collection rule if it looks like one.

    Raises:
        ConfigurationError: It does not.
    """
    if not RULE_ID.fullmatch(rule_id or ""):
        raise ConfigurationError(
            "The connection's rule id is not the immutable id of a data collection rule, dcr- and 32 hex digits. Copy "
            "immutableId from the rule's JSON view."
        )
    return rule_id or ""


def check_stream(stream: str) -> str:
    """Return the name of a rule's stream if it can be one.

    Raises:
        ConfigurationError: It cannot.
    """
    if not STREAM.fullmatch(stream):
        raise ConfigurationError(
            "A stream's name is Custom- and then letters, digits and underscores. Correct it on the connection."
        )
    return stream


@dataclass(frozen=True, slots=True)
class IngestionEndpoint:
    """A data collection rule as its endpoint is reached.

    Attributes:
        url: The rule's own logs ingestion endpoint, or a data collection endpoint's; `https://`, without a path.
        rule_id: The rule's immutable id.
        credential: Gives tokens for the rule.
        scope: What they are asked for.
        hosts: Where they may go.
        transport: How to get there.
    """

    url: str
    rule_id: str
    credential: ForgettingCredential = field(repr=False)
    scope: str
    hosts: AllowedHosts
    transport: Transport


class LogsIngestion:
    """Sends bodies to one table, through one stream of a data collection rule. Threads may share it.

    Args:
        endpoint: The rule.
        table: The table; records are renamed to its columns.
        packing: How requests are filled.
        stream: The rule's stream, if it is not named after the table.
        pool_size: Connections kept open.

    Raises:
        HostNotAllowedError: The endpoint is outside the cloud.
        ConfigurationError: The transport cannot be used, or the stream's name cannot be one.
    """

    def __init__(
        self,
        endpoint: IngestionEndpoint,
        table: Table,
        *,
        packing: Packing = Packing.DOCUMENTED,
        stream: str | None = None,
        pool_size: int = 10,
    ) -> None:
        endpoint.hosts.require(endpoint.url)
        keep_wire_logs_quiet()
        self._endpoint = endpoint
        self._encode = RowEncoder(table)
        self._limits = LIMITS[packing]
        self._stream = check_stream(stream or table.stream)
        self._client = LogsIngestionClient(
            endpoint.url,
            endpoint.credential,
            credential_scopes=[endpoint.scope],
            **azure_core_arguments(endpoint.transport, endpoint.hosts, pool_size=pool_size),
            **NO_RETRIES,
        )

    @property
    def name(self) -> str:
        """The rule and the stream."""
        return f"{self._endpoint.rule_id}/{self._stream}"

    @property
    def limits(self) -> Limits:
        """How large a request may be."""
        return self._limits

    @property
    def encode(self) -> Callable[[bytes], bytes]:
        """Renames a staged record's fields to the table's columns."""
        return self._encode

    def send(self, body: bytes) -> Sent:
        """Compress and send one JSON array; send it again while that may help.

        Args:
            body: The array, UTF-8, before compression.

        Returns:
            How often it was sent, and whether an attempt without an answer may have been stored too.

        Raises:
            RequestTooLargeError: The body is larger than the service accepts.
            AuthorizationRefusedError: Token after token is refused, or its application lacks the role on the rule.
            DestinationNotFoundError: There is no such rule or stream behind the endpoint.
            RequestRefusedError: The service refuses the body.
            TlsError: The TLS certificate is not trusted.
            TransientError: Every attempt failed; a later one may not.
            KeywatchError: The credential's.
        """
        compressed = gzip.compress(body, GZIP_LEVEL, mtime=0)
        credential = self._endpoint.credential
        sent = send_until_accepted(lambda: self._post(compressed), self._endpoint.transport, log, credential.forget)
        return replace(sent, wire=len(compressed))

    def check(self) -> None:
        """See whether the rule accepts our token for this stream, without storing anything.

        Sends an empty array. The service looks at token, role, rule and stream first and then has nothing to store;
        that it answers with success or with a complaint about the payload is unverified, so both count as accepted.

        Raises:
            KeywatchError: As `send`.
        """
        try:
            self._post(gzip.compress(b"[]", mtime=0))
        except RequestRefusedError as error:
            if error.code != INVALID_PAYLOAD:
                raise

    def _post(self, compressed: bytes) -> None:
        try:
            self._client.upload(self._endpoint.rule_id, self._stream, io.BytesIO(compressed))
        except AzureError as error:
            asked = Asked(
                host=self._endpoint.url.removeprefix("https://"),
                rule_id=self._endpoint.rule_id,
                stream=self._stream,
                size=len(compressed),
            )
            raise refusal(error, asked) from scrubbed(error)
