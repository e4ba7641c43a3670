"""What Entra's error codes mean for somebody who signs with a certificate, and what to do.

Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keywatch.errors import (
    CertificateNotRegisteredError,
    CertificateUnusableError,
    KeywatchError,
    ServiceUnavailableError,
    TokenRefusedError,
)
from keywatch.transport.foreign_text import printable

NOT_REGISTERED: Final = 700027
UNUSABLE: Final = frozenset({1000502, 7000214, 5002738})
TRANSIENT: Final = frozenset({90033, 50196})
REASON: Final = re.compile(r"\[Reason - ([^\]\n]{1,200}?)\.?[,\]]")
"""How the text of AADSTS700027 says whether the key is missing, expired, or another one has signed."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What was asked of Entra, for messages.

    Attributes:
        tenant_id: The tenant.
        client_id: The application.
        scope: What the token is for.
        certificate: The certificate's name and place.
        thumbprint: Its hex SHA-1, as the portal shows it.
    """

    tenant_id: str
    client_id: str
    scope: str
    certificate: str
    thumbprint: str


WHAT_TO_DO: Final[dict[int, str]] = {
    NOT_REGISTERED: (
        "{certificate} (thumbprint {thumbprint}) is not registered on application {client_id}: upload its public part "
        "under App registrations > Certificates & secrets in tenant {tenant_id}"
    ),
    700024: "the assertion is outside its time: set this machine's clock by NTP",
    7000214: "{certificate} (thumbprint {thumbprint}) has been revoked: issue a new version and register it",
    1000502: "{certificate} (thumbprint {thumbprint}) is expired or not yet valid: issue a new version and register it",
    7000274: "the signature does not fit certificate {thumbprint}: issue a new version in the vault and register it",
    5002738: "the assertion's algorithm is not accepted: use a certificate with an RSA key",
    50012: "the assertion's signature or key is not valid: issue a new version in the vault and register it",
    50013: "the assertion is not valid: see that tenant, client id and cloud on the connection belong together",
    50048: "subject and issuer of the assertion differ: the connection's client id must be the application's",
    700030: (
        "the certificate's subject is not one that application {client_id} trusts: register the certificate itself, or "
        "correct trustedCertificateSubjects in the application's manifest"
    ),
    700016: (
        "there is no application {client_id} in tenant {tenant_id}: correct client id and tenant on the connection or, "
        "for an application of another tenant, let an administrator of this one consent to it"
    ),
    90002: "there is no tenant {tenant_id} in this cloud: correct tenant and cloud on the connection",
    70021: "no federated credential of application {client_id} matches this workload's token: add one for its subject",
    7000215: "Entra took the request for one with a secret: use a confidential client without a secret",
    7000222: "the application's secret is expired: Keywatch uses none; see what else signs in as {client_id}",
    7000218: "no credential reached Entra: a proxy in between may drop request bodies",
    500011: (
        "there is no service behind scope {scope} in tenant {tenant_id}: correct the scope, or let an administrator "
        "add the service"
    ),
    70011: "{scope} is not one resource followed by /.default: correct the scope",
    1002012: "{scope} is not one resource followed by /.default: correct the scope",
    53003: "Conditional Access blocks application {client_id}: ask for an exception for this machine's network",
}


def token_error(answer: Mapping[str, Any], request: TokenRequest) -> KeywatchError:
    """Turn Entra's refusal of a token into the error that says what to do.

    Args:
        answer: The body of the answer: `error`, `error_description`, `error_codes`, `trace_id`.
        request: What was asked.
    """
    listed = answer.get("error_codes")
    codes = [code for code in listed if isinstance(code, int)] if isinstance(listed, list) else []
    code = next((code for code in codes if code in WHAT_TO_DO), codes[0] if codes else None)
    what = WHAT_TO_DO.get(code or 0)
    reason = what.format(**{name: getattr(request, name) for name in request.__slots__}) if what else _described(answer)
    label = f"AADSTS{code}" if code else printable(answer.get("error", "no code"))
    message = f"Entra refuses a token: {reason} ({label}{_trace(answer)})."
    if code == NOT_REGISTERED:
        return _by_reason(answer, message, request)
    if code in UNUSABLE:
        return CertificateUnusableError(message)
    if code in TRANSIENT or answer.get("error") == "temporarily_unavailable":
        return ServiceUnavailableError(message)
    return TokenRefusedError(message, code)


def _by_reason(answer: Mapping[str, Any], message: str, request: TokenRequest) -> KeywatchError:
    """Tell what else AADSTS700027 stands for: its text gives a reason in brackets."""
    reason = REASON.search(str(answer.get("error_description") or ""))
    if reason is None or "not found" in reason[1]:
        return CertificateNotRegisteredError(message)
    return CertificateUnusableError(
        f"Entra refuses a token: {request.certificate} (thumbprint {request.thumbprint}) is registered, but "
        f"{printable(reason[1]).strip()}: issue a new version and register it (AADSTS{NOT_REGISTERED}"
        f"{_trace(answer)})."
    )


def _described(answer: Mapping[str, Any]) -> str:
    """Return the first sentence of Entra's own words."""
    text = str(answer.get("error_description") or answer.get("error") or "without a reason")
    text = text.splitlines()[0].partition(": ")[2] or text
    return printable(text).partition(". ")[0].rstrip(".")


def _trace(answer: Mapping[str, Any]) -> str:
    """Name the trace that Entra's operators can find the request by."""
    trace = str(answer.get("trace_id") or "")
    return f", trace {trace}" if re.fullmatch(r"[0-9a-fA-F-]{36}", trace) else ""
