"""The HTTP Data Collector API of a Log Analytics workspace, with every check that it documents.

Source: HTTP Data Collector API (api-version 2016-04-01): headers, authorization, data limits and return codes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn

from localcloud.columns import DATE_TIME, is_date_time
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind, Workspace, utc_text
from localcloud.service import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.store import Store

DOMAIN = ".ods.opinsights.azure.com"
PATH = "/api/logs"
ACTION = f"POST {PATH}"
API_VERSION = "2016-04-01"
CONTENT_TYPE = "application/json"
LOG_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
FIELD_NAME = re.compile(r"[A-Za-z0-9_]+")
LARGEST_BODY = 30_000_000
"""Bytes of a post that are accepted; 30 MiB was seen to fail."""
LONGEST_COLUMN = 45
"""Characters of a column's name. Unverified: whether the suffix counts; here it does not."""
RESERVED = frozenset({"tenant", "TimeGenerated", "RawData"})
OLDEST, NEWEST = timedelta(days=2), timedelta(days=1)
"""How far a record's own time may lie behind and ahead before the time of ingestion takes its place."""

SKEW = timedelta(minutes=15)
"""How far x-ms-date may be off. Unverified."""
EMPTY_ARRAY_IS_VALID = False
"""Unverified: an array without records is refused as InvalidDataFormat."""
REFUSED_RECORD = "InvalidDataFormat"
"""Unverified: the error code for reserved or overlong names, nested values and a body that is not an array."""
CONTENT_TYPE_WITH_PARAMETERS = (403, "InvalidAuthorization")
"""Unverified: the documentation's sample says that adding a charset may lead to Forbidden."""


class RefusedError(Exception):
    """A request that the service does not accept."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class DataCollector:
    """Answers for the workspaces' hosts."""

    def __init__(self, workspaces: Sequence[Workspace], store: Store) -> None:
        self._workspaces = {each.id: each for each in workspaces}
        self._store = store
        self.plays = tuple(each.host for each in workspaces)

    def owns(self, host: str) -> bool:
        """Tell whether a host is that of a workspace here."""
        return host in self.plays

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for."""
        return Call(
            service="logs",
            host=host,
            action=f"{request.method} {request.path}",
            account=host.removesuffix(DOMAIN),
            log_type=request.headers.get("log-type"),
            payload=_parsed(request.body),
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and store its records."""
        try:
            return self._accept(request, call)
        except RefusedError as refused:
            return _error(refused.status, refused.error, str(refused))

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says; nothing vanishes here."""
        if fault.kind is FaultKind.VANISH or call.service != "logs":
            return None
        wait = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
        if fault.kind is FaultKind.THROTTLE:
            return Response(429, b"", "application/json", wait, error="TooManyRequests")
        if fault.kind is FaultKind.DENY:
            return _error(403, "InvalidAuthorization", "An invalid signature was specified")
        if fault.body is not None:
            return Response(fault.status, fault.body.encode(), fault.content_type, wait)
        code = {500: "UnspecifiedError", 503: "ServiceUnavailable"}.get(fault.status, "InjectedFailure")
        return _error(fault.status, code, "Injected failure", wait)

    def _accept(self, request: Request, call: Call) -> Response:
        if request.method != "POST" or request.path != PATH:
            return Response(404, b"", "application/json", error="NotFound")
        if request.too_large or request.body_bytes > LARGEST_BODY:
            return Response(404, b"", "application/json", error="NotFound")
        _check_version(request)
        log_type = _log_type(request)
        _check_content_type(request)
        self._check_signature(request, call.account or "")
        records = _records(call.payload)
        self._keep(request, call, f"{log_type}_CL", records)
        return Response(200, b"", "application/json")

    def _check_signature(self, request: Request, workspace: str) -> None:
        named = re.fullmatch(r"SharedKey ([^:\s]+):(\S+)", request.headers.get("authorization", ""))
        date = request.headers.get("x-ms-date")
        if named is None or date is None:
            _refuse(403, "InvalidAuthorization", "Authorization: SharedKey <id>:<signature>, and x-ms-date")
        if named[1].lower() != workspace:
            _refuse(400, "InvalidCustomerId", "The workspace id of the signature is not the host's")
        if abs(datetime.now(UTC) - _moment(date)) > SKEW:
            _refuse(403, "InvalidAuthorization", "x-ms-date is too far from the current time")
        to_sign = f"POST\n{request.body_bytes}\n{CONTENT_TYPE}\nx-ms-date:{date}\n{PATH}"
        key = base64.b64decode(self._workspaces[workspace].shared_key)
        expected = hmac.new(key, to_sign.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(expected, _decoded(named[2])):
            _refuse(403, "InvalidAuthorization", "An invalid signature was specified")

    def _keep(self, request: Request, call: Call, table: str, records: list[dict[str, Any]]) -> None:
        time_field = request.headers.get("time-generated-field")
        resource_id = request.headers.get("x-ms-azureresourceid")
        now = datetime.now(UTC)
        timed = [(_time_generated(record, time_field, now), record) for record in records]
        try:
            self._store.add(call.account or "", table, timed, resource_id)
        except TypeError as error:
            _refuse(400, REFUSED_RECORD, str(error))


def _refuse(status: int, error: str, message: str) -> NoReturn:
    raise RefusedError(status, error, message)


def _error(status: int, error: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = json.dumps({"Error": error, "Message": message}).encode()
    return Response(status, body, "application/json", headers, error=error)


def _check_version(request: Request) -> None:
    version = request.query.get("api-version")
    if not version:
        _refuse(400, "MissingApiVersion", "The API version was not specified")
    if version != API_VERSION:
        _refuse(400, "InvalidApiVersion", f"The API version {version} was not recognized")


def _log_type(request: Request) -> str:
    log_type = request.headers.get("log-type")
    if not log_type:
        _refuse(400, "MissingLogType", "The required value log type was not specified")
    if not LOG_TYPE.fullmatch(log_type):
        _refuse(400, "InvalidLogType", "Log-Type: a letter, then letters, digits and _; at most 100")
    return log_type


def _check_content_type(request: Request) -> None:
    content_type = request.headers.get("content-type")
    if not content_type:
        _refuse(400, "MissingContentType", "The content type was not specified")
    if content_type == CONTENT_TYPE:
        return
    if content_type.partition(";")[0].strip().lower() == CONTENT_TYPE:
        _refuse(*CONTENT_TYPE_WITH_PARAMETERS, f"The content type must be exactly {CONTENT_TYPE}")
    _refuse(400, "UnsupportedContentType", f"The content type was not set to {CONTENT_TYPE}")


def _moment(date: str) -> datetime:
    """Read an RFC 1123 date, which ends with GMT."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        moment = None
    if moment is None or not date.endswith(" GMT"):
        _refuse(403, "InvalidAuthorization", "x-ms-date is not an RFC 1123 date in GMT")
    return moment.replace(tzinfo=UTC)


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


class _NotJson:
    """Stands for a body that could not be read."""


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _NotJson


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _records(payload: object) -> list[dict[str, Any]]:
    if payload is _NotJson:
        _refuse(400, "InvalidDataFormat", "The body is not JSON in UTF-8")
    if not isinstance(payload, list) or not all(isinstance(each, dict) for each in payload):
        _refuse(400, REFUSED_RECORD, "The body is not an array of objects")
    if not payload and not EMPTY_ARRAY_IS_VALID:
        _refuse(400, REFUSED_RECORD, "The body holds no record")
    for name in {name for record in payload for name in record}:
        _check_name(name)
    return payload


def _check_name(name: str) -> None:
    if name in RESERVED:
        _refuse(400, REFUSED_RECORD, f"{name} is a reserved property name")
    if not FIELD_NAME.fullmatch(name):
        _refuse(400, REFUSED_RECORD, f"{name!r} is not made of letters, digits and _")
    if len(name) > LONGEST_COLUMN:
        _refuse(400, REFUSED_RECORD, f"{name} is longer than {LONGEST_COLUMN} characters")


def _time_generated(record: dict[str, Any], field: str | None, now: datetime) -> str:
    value = record.get(field) if field else None
    if not isinstance(value, str) or not DATE_TIME.fullmatch(value) or not is_date_time(value):
        return utc_text(now)
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc_text(moment if now - OLDEST <= moment <= now + NEWEST else now)
