"""The Logs Ingestion API of a data collection rule that has an endpoint of its own, with every check known of it.

Sources: Microsoft Learn, "Logs Ingestion API in Azure Monitor" (api-version 2023-01-01) and "Standard columns in Azure
Monitor Logs"; public issues for the two limits on size, for the 403 and for the header `x-ms-error-code`.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from localcloud.access_tokens import MONITOR, Authority, Caller, TokenRefusedError
from localcloud.azure.roles import RULE_SCOPE, WRITE_TELEMETRY
from localcloud.data_collection import DataCollection
from localcloud.data_collector import NEWEST, OLDEST
from localcloud.declared_columns import TIME, convert, read_moment
from localcloud.definitions import CUSTOM, Stream
from localcloud.http1 import Request, Response
from localcloud.log_body import BodyError, LogBody, TooLargeError, read_body
from localcloud.model import Fault, FaultKind, LogsIngestionAccess, utc_text
from localcloud.service import Call
from localcloud.store import Store

DOMAIN: Final = ".ingest.monitor.azure.com"
REGION: Final = "westeurope-1"
API_VERSION: Final = "2023-01-01"
ACTION: Final = "POST logs"
PATH: Final = re.compile(r"/dataCollectionRules/(?P<rule>[^/]+)/streams/(?P<stream>[^/]+)")
CONTENT_TYPE: Final = "application/json"
LARGEST_BODY: Final = 1_048_576
"""Bytes on the wire."""

DENIED: Final = "OperationFailed"
UNAUTHORIZED: Final = "AuthenticationFailed"
"""Unverified, as all codes below: only those of a 403 and of too long a body are documented by somebody."""
NO_RULE, NO_STREAM, NO_PATH = "NotFound", "InvalidStream", "ResourceNotFound"
BAD_VERSION, BAD_BODY = "InvalidApiVersion", "InvalidPayload"
BAD_TYPE, BAD_ENCODING = "UnsupportedMediaType", "UnsupportedContentEncoding"
EMPTY_BODY: Final = (500, "InternalServerError")
"""An empty body was seen to give a 500; its code is unverified."""
TOO_LARGE_ON_THE_WIRE: Final = "ContentLengthLimitExceeded"
TOO_LARGE_UNPACKED: Final = "PayloadSizeLimitExceeded"
"""Unverified in full: the source of this one cuts the name off after `PayloadSizeLimitExc`."""
CODES: Final = {
    400: BAD_BODY,
    401: UNAUTHORIZED,
    403: DENIED,
    404: NO_RULE,
    413: TOO_LARGE_ON_THE_WIRE,
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
"""What an injected status says."""


class RefusedError(Exception):
    """A request that the service does not accept."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def new_access() -> LogsIngestionAccess:
    """Make up the address of a new rule."""
    letters = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(4))
    return LogsIngestionAccess(f"https://keywatch-{letters}.{REGION}{DOMAIN}", f"dcr-{secrets.token_hex(16)}")


class LogsIngestion:
    """Answers for the endpoint of one data collection rule.

    Args:
        access: the rule's address.
        collection: what the rule takes, and where it sends it.
        store: where the rows go.
        authority: who checks tokens.
    """

    def __init__(
        self, access: LogsIngestionAccess, collection: DataCollection, store: Store, authority: Authority
    ) -> None:
        self._rule_id = access.rule_id
        self._host = access.endpoint.removeprefix("https://")
        self._collection = collection
        self._store = store
        self._authority = authority
        self.plays = (self._host,)

    def owns(self, host: str) -> bool:
        """Tell whether a host is that of the rule."""
        return host == self._host

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for."""
        where = PATH.fullmatch(request.path)
        body = read_body(request.body, request.headers.get("content-encoding"))
        return Call(
            service="logs-ingestion",
            host=host,
            action=ACTION if where and request.method == "POST" else f"{request.method} {request.path}",
            account=self._authority.caller_name(request.headers.get("authorization")),
            log_type=where["stream"].removeprefix(CUSTOM) if where else None,
            payload=body.records if isinstance(body, LogBody) else body,
            raw_bytes=body.size,
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and store its records."""
        try:
            self._accept(request, call)
        except RefusedError as refused:
            return _error(refused.status, refused.code, str(refused))
        return Response(204)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Throttle, deny or fail in the service's place."""
        del call
        if fault.kind is FaultKind.VANISH:
            return None
        wait = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
        if fault.kind is FaultKind.STATUS and fault.body is not None:
            return Response(fault.status, fault.body.encode(), fault.content_type, wait)
        status = {FaultKind.THROTTLE: 429, FaultKind.DENY: 403}.get(fault.kind, fault.status)
        return _error(status, CODES.get(status, "InjectedFailure"), "Injected failure", wait)

    def _accept(self, request: Request, call: Call) -> None:
        where = PATH.fullmatch(request.path)
        if where is None or request.method != "POST":
            _refuse(404, NO_PATH, f"There is nothing at {request.method} {request.path}")
        if request.query.get("api-version") != API_VERSION:
            _refuse(400, BAD_VERSION, f"api-version {request.query.get('api-version')}; there is {API_VERSION}")
        caller = self._caller(request)
        _check_length(request)
        stream = self._stream(where["rule"], where["stream"], caller)
        records = _records(request, call)
        now = datetime.now(UTC)
        rows = [_row(record, stream, now) for record in records]
        for flow in stream.flows:
            output = (_timed(row, now) for row in flow.transformation.apply(rows))
            self._store.add_declared(self._collection.workspace, flow.table, output)

    def _caller(self, request: Request) -> Caller:
        try:
            return self._authority.verify(request.headers.get("authorization"), MONITOR)
        except TokenRefusedError as refused:
            _refuse(401, UNAUTHORIZED, str(refused))

    def _stream(self, rule: str, stream: str, caller: Caller) -> Stream:
        if rule != self._rule_id:
            _refuse(404, NO_RULE, f"Data collection rule with immutable Id '{rule}' not found.")
        if not caller.allows(WRITE_TELEMETRY, RULE_SCOPE):
            _refuse(
                403,
                DENIED,
                "The authentication token provided does not have access to ingest data for the data collection rule "
                f"with immutable Id '{rule}'",
            )
        if stream not in self._collection.streams:
            _refuse(404, NO_STREAM, f"The data collection rule has no stream {stream}.")
        return self._collection.streams[stream]


def _refuse(status: int, code: str, message: str) -> NoReturn:
    raise RefusedError(status, code, message)


def _error(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Response(status, body, CONTENT_TYPE, (("x-ms-error-code", code), *headers), error=code)


def _check_length(request: Request) -> None:
    if request.body_bytes > LARGEST_BODY:
        _refuse(
            413,
            TOO_LARGE_ON_THE_WIRE,
            f"Maximum allowed content length: {LARGEST_BODY} bytes (1 MB). "
            f"Provided content length: {request.body_bytes} bytes.",
        )


def _records(request: Request, call: Call) -> list[dict[str, Any]]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != CONTENT_TYPE:
        _refuse(415, BAD_TYPE, f"The content type must be {CONTENT_TYPE}")
    if request.body_bytes == 0:
        _refuse(*EMPTY_BODY, "The body is empty")
    if isinstance(call.payload, TooLargeError):
        _refuse(413, TOO_LARGE_UNPACKED, str(call.payload))
    if isinstance(call.payload, BodyError):
        _refuse(415 if call.payload.of_encoding else 400, _code_of(call.payload), str(call.payload))
    records: list[dict[str, Any]] = call.payload
    return records


def _code_of(flaw: BodyError) -> str:
    return BAD_ENCODING if flaw.of_encoding else BAD_BODY


def _row(record: dict[str, Any], stream: Stream, now: datetime) -> dict[str, Any]:
    """Give every declared column its value; what is not declared is dropped."""
    row = {name: convert(record.get(name), kind) for name, kind in stream.columns.items()}
    return _timed(row, now) if TIME in row else row


def _timed(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Put the time of arrival in the place of a time that is missing, too old or too far ahead."""
    moment = read_moment(row.get(TIME))
    within = moment is not None and now - OLDEST <= moment <= now + NEWEST
    return row if within else row | {TIME: utc_text(now)}
