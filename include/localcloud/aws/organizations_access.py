"""Who asks AWS Organizations, and whether they may (IAM user guide, "Signature Version 4"; API reference)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, NoReturn

from localcloud.aws.clock import CLOCK
from localcloud.aws.organizations_errors import NO_PERMISSION, NOT_IN_USE, refuse
from localcloud.aws.policies import allows
from localcloud.aws.sessions import REGION, has_ended, session_of
from localcloud.aws.signature_v4 import SKEW, Signed, hmac_signature

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts
    from localcloud.http1 import Request

SERVICE = "organizations"
ALGORITHM = "AWS4-HMAC-SHA256"
TOKEN = "x-amz-security-token"  # noqa: S105 - a header's name
FROM_ANY_MEMBER = frozenset({"DescribeOrganization"})
"""What any account of the organisation may ask; for the rest, it must manage the organisation or stand in for it."""


class Gate:
    """Checks signature, session, policies and the caller's place in the organisation."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def check(self, request: Request, action: str) -> None:
        """Let a request pass.

        Raises:
            RefusedOrganizationsError: it may not.
        """
        signed = _signed(request)
        account = self._accounts.account_of(signed.who)
        if account is None:
            _refuse_token()
        self._check_signature(request, signed, account)
        limits = self._accounts.policies(signed.who)
        if not all(allows(policies, f"{SERVICE}:{action}", "*") for policies in limits.values()):
            refuse("AccessDeniedException", NO_PERMISSION)
        self._check_place(account, action)

    def _check_signature(self, request: Request, signed: Signed, account: str) -> None:
        key, session = self._accounts.key(signed.who), session_of(account, signed.who)
        _check_token(key, session, request.headers.get(TOKEN))
        text = signed.string_to_sign(request, hashlib.sha256(request.body).hexdigest())
        if not hmac.compare_digest(hmac_signature(key.secret_access_key, signed, text), signed.signature):
            refuse(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your AWS "
                "Secret Access Key and signing method. Consult the service documentation for details.",
            )

    def _check_place(self, account: str, action: str) -> None:
        members = self._accounts.members
        if not members.has(account):
            refuse("AWSOrganizationsNotInUseException", NOT_IN_USE)
        if action not in FROM_ANY_MEMBER and not members.may_list(account):
            refuse("AccessDeniedException", NO_PERMISSION)


def _signed(request: Request) -> Signed:
    if "authorization" not in request.headers:
        refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
    signed = Signed.read(request)
    if signed is None or signed.algorithm != ALGORITHM:
        refuse("IncompleteSignatureException", "Authorization header is not a complete AWS4-HMAC-SHA256 one")
    if signed.service != SERVICE:
        refuse("InvalidSignatureException", f"Credential should be scoped to correct service: '{SERVICE}'.")
    if signed.region != REGION:
        refuse("InvalidSignatureException", "Credential should be scoped to a valid region.")
    if not signed.covers(request, "x-amz-date"):
        refuse("InvalidSignatureException", "'Host' or ':authority' and every x-amz header must be signed headers.")
    _check_date(signed, request)
    return signed


def _check_date(signed: Signed, request: Request) -> None:
    date, now = signed.date(request), CLOCK.now()
    if date is None:
        refuse("IncompleteSignatureException", "Date must be in ISO-8601 'basic format', of the day of the credential")
    if date < now - SKEW:
        refuse("InvalidSignatureException", f"Signature expired: {date:%Y%m%dT%H%M%SZ} is too early")
    if date > now + SKEW:
        refuse("InvalidSignatureException", f"Signature not yet current: {date:%Y%m%dT%H%M%SZ} is too late")


def _check_token(key: Any, session: Any, token: str | None) -> None:  # noqa: ANN401 - moto has no types
    if session is None and key.status != "Active":
        _refuse_token()
    if token != (None if session is None else session.session_token):
        _refuse_token()
    if session is not None and has_ended(session):
        refuse("ExpiredTokenException", "The security token included in the request is expired")


def _refuse_token() -> NoReturn:
    refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
