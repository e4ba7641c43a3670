"""Who asks S3, and whether they may (S3 API reference, "Authenticating requests (AWS Signature Version 4)")."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NoReturn

from moto.s3.models import s3_backends

from localcloud.aws.clock import CLOCK
from localcloud.aws.errors import denial
from localcloud.aws.policies import allows
from localcloud.aws.s3_bodies import CONTENT_HASH
from localcloud.aws.s3_errors import S3RefusedError
from localcloud.aws.s3_operations import Operation
from localcloud.aws.sessions import REGION, has_ended, session_of
from localcloud.aws.signature_v4 import SKEW, Signed, hmac_signature
from localcloud.http1 import Request

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

ALGORITHM = "AWS4-HMAC-SHA256"
TOKEN = "x-amz-security-token"  # noqa: S105 - a header's name
NO_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
UNKNOWN_KEY = "The AWS Access Key Id you provided does not exist in our records."


class Gate:
    """Checks signature, session and policies."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def check(self, request: Request, operation: Operation) -> None:
        """Let a request pass.

        Raises:
            S3RefusedError: it may not.
        """
        signed = _signed(request)
        _check_date(signed, request)
        account = self._accounts.account_of(signed.who)
        if account is None:
            _refuse(403, "InvalidAccessKeyId", UNKNOWN_KEY)
        key = self._accounts.key(signed.who)
        session = session_of(account, signed.who)
        _check_token(key, session, request.headers.get(TOKEN))
        text = signed.string_to_sign(request, request.headers[CONTENT_HASH])
        if not hmac.compare_digest(hmac_signature(key.secret_access_key, signed, text), signed.signature):
            _refuse(403, "SignatureDoesNotMatch", NO_MATCH)
        self._check_policies(account, signed.who, request, operation)

    def _check_policies(self, account: str, key_id: str, request: Request, operation: Operation) -> None:
        if not _is_own(account, operation.bucket):
            _refuse(403, "AccessDenied", "Access Denied")
        limits = self._accounts.policies(key_id)
        for permission, resource in operation.needs(request):
            for kind, policies in limits.items():
                if not allows(policies, permission, resource):
                    caller, service, action = self._accounts.caller_arn(key_id), *permission.split(":")
                    _refuse(403, "AccessDenied", denial(caller, service, action, f'"{resource}"', kind))


def _signed(request: Request) -> Signed:
    if "authorization" not in request.headers:
        _refuse(403, "AccessDenied", "Access Denied")
    signed = Signed.read(request)
    if signed is None or signed.algorithm != ALGORITHM or signed.service != "s3":
        _refuse(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    if signed.region != REGION:
        message = f"The authorization header is malformed; the region '{signed.region}' is wrong; expecting '{REGION}'"
        raise S3RefusedError(400, "AuthorizationHeaderMalformed", message, Region=REGION)
    if CONTENT_HASH not in request.headers:
        _refuse(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if not signed.covers(request, "x-amz-date"):
        _refuse(403, "AccessDenied", "There were headers present in the request which were not signed")
    return signed


def _check_date(signed: Signed, request: Request) -> None:
    date = signed.date(request)
    if date is None:
        _refuse(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if abs(CLOCK.now() - date) > SKEW:
        message = "The difference between the request time and the current time is too large."
        _refuse(403, "RequestTimeTooSkewed", message)


def _check_token(key: Any, session: Any, token: str | None) -> None:  # noqa: ANN401 - moto has no types
    if session is None and key.status != "Active":
        _refuse(403, "InvalidAccessKeyId", UNKNOWN_KEY)
    if session is not None and token is None:
        _refuse(403, "InvalidAccessKeyId", UNKNOWN_KEY)
    if token != (None if session is None else session.session_token):
        _refuse(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    if session is not None and has_ended(session):
        _refuse(400, "ExpiredToken", "The provided token has expired.")


def _is_own(account: str, bucket: str) -> bool:
    """Tell whether a bucket is of an account, or of none: nobody lets another account in."""
    owner = s3_backends.bucket_accounts.get(bucket)
    return owner is None or owner[1] == account


def _refuse(status: int, code: str, message: str) -> NoReturn:
    raise S3RefusedError(status, code, message)
