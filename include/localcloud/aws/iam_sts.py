"""IAM and STS as hosts of the local cloud: checks what comes before an action, then lets moto answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError
from moto.core.request import Request as MotoRequest

from localcloud.aws.clock import CLOCK
from localcloud.aws.errors import RefusedError, denial, error_response, resource_words
from localcloud.aws.fronts import CALLER_KEY, IamFront, Markers, StsFront
from localcloud.aws.moto_requests import wsgi_environ
from localcloud.aws.xml import XML
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

HOST = re.compile(r"iam\.amazonaws\.com|sts\.amazonaws\.com|sts\.[a-z]{2}(?:-[a-z]+)+-\d\.amazonaws\.com")
CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]{16,128})/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z]+)/aws4_request, ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=[0-9a-f]{64}"
)
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
SKEW = timedelta(minutes=15)
"""How far a request's date may be off, as the message that AWS sends says it."""
LARGEST_BODY = 1_000_000
"""Bytes; unverified, and far above what any call here needs."""
ERROR_CODE = re.compile(rb"<Code>([^<]*)</Code>")


class Aws:
    """Answers for the IAM and STS hosts. Not thread safe, as moto is not: use it from one thread."""

    plays = ("iam.amazonaws.com", "sts.amazonaws.com", "sts.<region>.amazonaws.com")

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.reset()

    def reset(self) -> None:
        """Forget the pages that were given out."""
        IamFront.markers = Markers()
        IamFront.reports = self._accounts.reports
        StsFront.members = self._accounts.members
        IamFront.root_keys = dict(self._accounts.population.root_keys)

    @staticmethod
    def owns(host: str) -> bool:
        """Tell whether a host is one of these."""
        return HOST.fullmatch(host) is not None

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks, and who, without believing its signature yet."""
        parameters = _parameters(request)
        scope = CREDENTIAL.match(request.headers.get("authorization", ""))
        account = self._accounts.account_of(scope["key"]) if scope else None
        return Call(
            service=host.partition(".")[0],
            host=host,
            action=parameters.get("Action"),
            account=account,
            user=self._subject(parameters),
            access_key_id=parameters.get("AccessKeyId"),
            caller_key_id=scope["key"] if scope else None,
            parameters=parameters,
        )

    def _subject(self, parameters: dict[str, str]) -> str | None:
        if "UserName" in parameters or "AccessKeyId" not in parameters:
            return parameters.get("UserName")
        key = self._accounts.key(parameters["AccessKeyId"])
        return key.user_name if key else None

    def answer(self, request: Request, call: Call) -> Response:
        """Answer as the service would."""
        refusal = self._refusal(request, call)
        if refusal is not None:
            return refusal
        return self._dispatch(request, call)

    def _refusal(self, request: Request, call: Call) -> Response | None:
        if request.too_large or request.body_bytes > LARGEST_BODY:
            return error_response(call.service, 413, "RequestEntityTooLarge", "Request body is too large")
        if request.method not in ("GET", "POST") or request.path != "/":
            return error_response(call.service, 404, "UnknownOperationException", "No such resource")
        if call.parameters.get("Version") != VERSIONS[call.service] or not call.action:
            message = f"Could not find operation {call.action} for version {call.parameters.get('Version')}"
            return error_response(call.service, 400, "InvalidAction", message)
        return _signature_refusal(request, call)

    def _dispatch(self, request: Request, call: Call) -> Response:
        front = IamFront if call.service == "iam" else StsFront
        try:
            environ = wsgi_environ(request, call.host)
            environ[CALLER_KEY] = self._accounts.key(call.caller_key_id or "")
            status, headers, body = front.dispatch(MotoRequest(environ))
        except RefusedError as refused:
            return error_response(call.service, refused.code or 400, refused.error, refused.message)
        except (NotImplementedError, OperationNotFoundError):  # how moto says that it has no such action
            return error_response(call.service, 400, "InvalidAction", f"Could not find operation {call.action}")
        except (KeyError, TypeError, ValueError) as error:
            return error_response(call.service, 400, "MalformedInput", f"{call.action}: {error}")
        return _response(status, headers, body)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Do what a fault says, before the action: change the accounts, or refuse."""
        if fault.kind is FaultKind.VANISH:
            self._vanish(fault, call)
            return None
        if fault.kind is FaultKind.THROTTLE:
            response = error_response(call.service, 400, "Throttling", "Rate exceeded")
        elif fault.kind is FaultKind.DENY:
            response = error_response(call.service, 403, "AccessDenied", self._denial(call))
        elif fault.body is not None:
            response = Response(fault.status, fault.body.encode(), fault.content_type)
        else:
            response = error_response(call.service, fault.status, "ServiceFailure", "Injected failure")
        return response

    def _vanish(self, fault: Fault, call: Call) -> None:
        account = fault.account or call.account
        if fault.access_key_id is not None:
            self._accounts.delete_key(fault.access_key_id)
        elif fault.user is not None and account is not None:
            self._accounts.delete_user(account, fault.user)

    def _denial(self, call: Call) -> str:
        role = call.parameters.get("RoleArn")
        resource = resource_words(call.account or "", call.action or "", call.user, role)
        caller = self._accounts.caller_arn(call.caller_key_id or "")
        return denial(caller, call.service, call.action or "", resource)


def _parameters(request: Request) -> dict[str, str]:
    if request.method == "GET":
        return request.query
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _signature_refusal(request: Request, call: Call) -> Response | None:
    """Check what can be seen of a signature without the secret (AWS Signature Version 4)."""

    def refuse(status: int, code: str, message: str) -> Response:
        return error_response(call.service, status, code, message)

    authorization = request.headers.get("authorization")
    if authorization is None:
        return refuse(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    scope = CREDENTIAL.fullmatch(authorization)
    if scope is None:
        return refuse(400, "IncompleteSignature", "Authorization header is not a complete AWS4-HMAC-SHA256 one")
    signed = set(scope["signed"].split(";"))
    wanted = {"host", "x-amz-date", *(name for name in request.headers if name.startswith("x-amz-"))}
    if unsigned := sorted(wanted - signed):
        return refuse(403, "SignatureDoesNotMatch", f"'{unsigned[0]}' must be a signed header")
    if scope["service"] != call.service:
        message = f"Credential should be scoped to correct service: '{call.service}'."
        return refuse(403, "SignatureDoesNotMatch", message)
    if scope["region"] != _region(call.host):
        return refuse(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
    return _date_refusal(request.headers.get("x-amz-date", ""), scope["day"], call)


def _date_refusal(date: str, day: str, call: Call) -> Response | None:
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        message = f"Date must be in ISO-8601 'basic format'. Got '{date}'."
        return error_response(call.service, 400, "IncompleteSignature", message)
    now = CLOCK.now()
    if not date.startswith(day):
        message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
    elif signed < now - SKEW:
        message = f"Signature expired: {date} is now earlier than {now - SKEW:%Y%m%dT%H%M%SZ}"
    elif signed > now + SKEW:
        message = f"Signature not yet current: {date} is still later than {now + SKEW:%Y%m%dT%H%M%SZ}"
    else:
        return None
    return error_response(call.service, 403, "SignatureDoesNotMatch", message)


def _region(host: str) -> str:
    labels = host.split(".")
    return labels[1] if len(labels) == 4 else "us-east-1"  # noqa: PLR2004 - sts.<region>.amazonaws.com


def _response(status: int, headers: dict[str, Any], body: str | bytes) -> Response:
    data = body.encode() if isinstance(body, str) else body
    code = ERROR_CODE.search(data) if status >= 400 else None  # noqa: PLR2004
    request_id = headers.get("x-amzn-requestid")
    extra = (("x-amzn-RequestId", str(request_id)),) if request_id else ()
    return Response(status, data, XML, extra, error=code[1].decode() if code else None)
