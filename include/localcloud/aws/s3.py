"""S3 as hosts of the local cloud: checks who asks and what is sent, then lets moto answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.request import Request as MotoRequest
from moto.s3.responses import S3Response

from localcloud.aws.fronts import CALLER_KEY, Front
from localcloud.aws.moto_requests import wsgi_environ
from localcloud.aws.s3_access import Gate
from localcloud.aws.s3_bodies import check_body
from localcloud.aws.s3_errors import XML, S3RefusedError, refusal
from localcloud.aws.s3_operations import HOST, Operation
from localcloud.aws.sessions import REGION
from localcloud.aws.signature_v4 import Signed
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

INSIDE = f"s3.{REGION}.amazonaws.com"
"""The host that moto is told, with the bucket in the path."""
WRITTEN_ANEW = frozenset({"content-length", "content-type", "connection", "date", "transfer-encoding"})
"""Headers that are not taken from moto's answer as they are."""


class S3Front(Front, S3Response):
    """S3 as moto plays it, without moto's own checks, which know no bucket in a policy."""

    def _authenticate_and_authorize_s3_action(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - moto's
        return


class S3:
    """Answers for the S3 hosts of one region. Not thread safe, as moto is not: use it from one thread."""

    plays = ("s3.amazonaws.com", INSIDE, f"<bucket>.{INSIDE}")

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._gate = Gate(accounts)

    @staticmethod
    def owns(host: str) -> bool:
        """Tell whether a host is one of these."""
        return HOST.fullmatch(host) is not None

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks, and who, without believing its signature yet."""
        operation, signed = Operation.read(host, request), Signed.read(request)
        return Call(
            service="s3",
            host=host,
            action=operation.name or request.method,
            account=self._accounts.account_of(signed.who) if signed else None,
            caller_key_id=signed.who if signed else None,
            detail=f"{operation.bucket}/{operation.path}",
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Answer as the service would."""
        operation = Operation.read(call.host, request)
        try:
            if operation.name is None:
                raise S3RefusedError(501, "NotImplemented", "What the request asks for is not played")  # noqa: TRY301
            if request.too_large:
                raise S3RefusedError(400, "EntityTooLarge", "The upload is larger than what is played")  # noqa: TRY301
            self._gate.check(request, operation)
            check_body(request)
        except S3RefusedError as refused:
            return refused.response()
        return self._dispatch(request, call, operation)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""
        if fault.kind is FaultKind.VANISH:
            return None
        if fault.kind is FaultKind.THROTTLE:
            response = refusal(503, "SlowDown", "Please reduce your request rate.")
        elif fault.kind is FaultKind.DENY:
            response = refusal(403, "AccessDenied", "Access Denied", Resource=f"/{call.detail}")
        elif fault.body is not None:
            response = Response(fault.status, fault.body.encode(), fault.content_type)
        else:
            response = refusal(fault.status, "InternalError", "Injected failure")
        return response

    def _dispatch(self, request: Request, call: Call, operation: Operation) -> Response:
        environ = wsgi_environ(request, INSIDE)
        path = f"/{operation.bucket}/{operation.path}" if operation.bucket else "/"
        target = f"{path}?{query}" if (query := environ["QUERY_STRING"]) else path
        environ |= {"PATH_INFO": path, "RAW_URI": target, "HTTP_HOST": INSIDE}
        environ[CALLER_KEY] = self._accounts.key(call.caller_key_id or "")
        inner = MotoRequest(environ)
        dispatch = S3Front.key_dispatch if operation.path else S3Front.bucket_dispatch
        return _response(*dispatch(inner, f"https://{INSIDE}{target}", inner.headers))


def _response(status: int, headers: dict[str, Any], body: str | bytes) -> Response:
    data = body.encode() if isinstance(body, str) else body
    named = {name.lower(): str(value) for name, value in headers.items()}
    kept = tuple((name, value) for name, value in named.items() if name not in WRITTEN_ANEW)
    code = data.partition(b"<Code>")[2].partition(b"</Code>")[0].decode() if status >= 400 else None  # noqa: PLR2004
    length = named.get("content-length", "")
    return Response(
        status,
        data,
        named.get("content-type", XML),
        kept,
        error=code or None,
        length=int(length) if length.isdecimal() and not data else None,
    )
