"""One CreateSession request of IAM Roles Anywhere: signed by a certificate, answered with AWS credentials.

Sources: IAM Roles Anywhere user guide, "Authentication and signing process" and "CreateSession". Canonical request,
headers and string to sign are those of awslabs' `iam-rolesanywhere-session`, which also says how the answer looks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypedDict

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from iam_rolesanywhere_session import IAMRolesAnywhereSigner

from keywatch import metrics
from keywatch.credentials.certificate import SigningCertificate
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.credentials.signature import check_signature, signing_errors
from keywatch.errors import (
    ConfigurationError,
    KeywatchError,
    RequestRefusedError,
    ServiceUnavailableError,
    SessionRefusedError,
    ThrottledError,
)
from keywatch.transport.foreign_text import printable
from keywatch.transport.http import network_error
from keywatch.transport.knobs import OF_AN_AWS_CONNECTION
from keywatch.transport.retry import retry_after_seconds

SERVICE: Final = "rolesanywhere"
REMEDIES: Final = {
    "invalid signature": "The signature fits the certificate, so set the worker's clock.",
    "rolesessionname": "Remove session_name, or let the profile accept role session names.",
    "profile": "See that the profile is in the trust anchor's Region, is enabled, and lists the role.",
    "assume role": "See that the role trusts rolesanywhere.amazonaws.com for sts:AssumeRole, sts:TagSession and "
    "sts:SetSourceIdentity, under conditions that name this trust anchor and the certificate's common name.",
    "certificate": "See that the certificate is valid now and issued by the trust anchor's certificate authority, not "
    "self-signed and not an authority's own, with basic constraints CA:FALSE and key usage digital signature; if "
    "another authority stands between the two, give its certificate as `chain`.",
}
"""What to look at, by words of AWS's messages. No documentation has them: they were seen in public reports."""

THROTTLED: Final = ("ThrottlingException", "TooManyRequestsException")


class CredentialMetadata(TypedDict):
    """Credentials as botocore's refreshable ones take them; `expiry_time` is ISO 8601."""

    access_key: str
    secret_key: str
    token: str
    expiry_time: str


@dataclass(frozen=True, slots=True)
class AwsSession:
    """Temporary credentials.

    Attributes:
        access_key_id: Begins with ASIA.
        secret_access_key: Signs requests.
        token: Goes with every request.
        expires: Until when they work, UTC.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    token: str = field(repr=False)
    expires: datetime

    def metadata(self) -> CredentialMetadata:
        """Return them as botocore takes them."""
        return CredentialMetadata(
            access_key=self.access_key_id,
            secret_key=self.secret_access_key,
            token=self.token,
            expiry_time=self.expires.isoformat(),
        )


class CertificateSigner(IAMRolesAnywhereSigner):
    """awslabs' signer, with a private key that signs where it is instead of one that is loaded from a file.

    Args:
        signing: Signs; its key is RSA.
        target: Gives Region and intermediate certificates.
    """

    def __init__(self, signing: SigningCertificate, target: RolesAnywhere) -> None:
        nobody = Credentials("", "")  # what signs is the certificate
        SigV4Auth.__init__(self, nobody, SERVICE, target.region)
        self._signing = signing
        self.certificate = signing.certificate
        self.private_key = signing.private_key
        chain = target.chain or signing.chain
        self.certificate_chain = [each for each in chain if each.issuer != each.subject] or None

    @property
    def algorithm(self) -> str:
        """The algorithm of the signature. Its hash is SHA-256, with whichever the certificate itself is signed."""
        return "AWS4-X509-RSA-SHA256"

    def signature(self, string_to_sign: str, _: object = None) -> str:
        """Sign, and hold the signature against the certificate.

        Raises:
            CertificateUnusableError: The signature is not of the certificate's key.
            KeywatchError: The vault cannot be asked, or refuses to sign.
        """
        data = string_to_sign.encode("ascii")
        with signing_errors(self._signing):
            made = self._signing.private_key.sign(data, PKCS1v15(), SHA256())
        metrics.count(metrics.SIGNATURES_MADE, purpose="aws_session")
        check_signature(self._signing, made, data, PKCS1v15())
        return made.hex()


def create_session(signing: SigningCertificate, target: RolesAnywhere, http: requests.Session) -> AwsSession:
    """Trade one signature for one session.

    Args:
        signing: Signs.
        target: Who is asked, and for what.
        http: Reaches the endpoint.

    Raises:
        SessionRefusedError: AWS gives none: the message says what to look at.
        ConfigurationError: Trust anchor, profile or role do not exist, or what is asked for is not possible.
        ThrottledError: AWS asks for patience.
        ServiceUnavailableError: AWS, or the vault, failed on its side; or what answered with success is not AWS.
        RequestRefusedError: What refused is not AWS.
        KeywatchError: AWS or the vault cannot be reached, or the vault refuses to sign.
    """
    url = f"https://{target.host}/sessions"
    request = AWSRequest(method="POST", url=url, data=json.dumps(_body(target)))
    CertificateSigner(signing, target).add_auth(request)
    metrics.count(metrics.SESSIONS_REQUESTED)
    try:
        answer = http.post(url, data=request.data, headers=dict(request.headers), allow_redirects=False)
    except requests.RequestException as error:
        error.request = None  # which would open a session, for whoever gets hold of the error
        raise network_error(error, target.host, OF_AN_AWS_CONNECTION) from error
    if answer.status_code != HTTPStatus.CREATED:
        raise _refusal(answer, target)
    return _session(answer, target)


def _body(target: RolesAnywhere) -> dict[str, object]:
    body: dict[str, object] = {
        "durationSeconds": target.duration,
        "profileArn": target.profile_arn,
        "roleArn": target.role_arn,
        "trustAnchorArn": target.trust_anchor_arn,
    }
    return body | ({"roleSessionName": target.session_name} if target.session_name else {})


def _session(answer: requests.Response, target: RolesAnywhere) -> AwsSession:
    try:
        given = answer.json()["credentialSet"][0]["credentials"]
        expires = datetime.fromisoformat(given["expiration"])
        key_id, secret, token = (given[name] for name in ("accessKeyId", "secretAccessKey", "sessionToken"))
        if expires.tzinfo is None or not all(map(_is_word, (key_id, secret, token))):
            raise ValueError  # noqa: TRY301 - as whatever else is wrong with the answer
        return AwsSession(key_id, secret, token, expires.astimezone(UTC))
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise _not_aws(answer.status_code, target) from None  # the cause may repeat what was said


def _is_word(value: object) -> bool:
    """Tell whether a value can be a part of credentials: text that goes into a header as it is."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _refusal(answer: requests.Response, target: RolesAnywhere) -> KeywatchError:
    """Decide what an answer means that is no session."""
    status, code, message = answer.status_code, *_said(answer)
    wait = retry_after_seconds(answer.headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in THROTTLED:
        return ThrottledError(f"{target.host} throttles.", retry_after=wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return ServiceUnavailableError(f"{target.host} failed (HTTP {status}).", retry_after=wait)
    if message is None:
        return _not_aws(status, target)
    if status == HTTPStatus.FORBIDDEN:
        return SessionRefusedError(f"{target.host} gives the certificate no session: {message}. {_what_to_do(message)}")
    return ConfigurationError(
        f"{target.host} cannot give a session for what is asked ({code or f'HTTP {status}'}: {message}). Correct "
        "roles_anywhere in the aws connection's extras: ARNs, session_name and duration."
    )


def _said(answer: requests.Response) -> tuple[str | None, str | None]:
    """Return the error's code and message, which is None if the answer is not AWS's."""
    try:
        body: Any = answer.json()
    except (RecursionError, ValueError):
        body = None
    message = next((body[name] for name in ("message", "Message") if name in body), None) if _is_object(body) else None
    code = (answer.headers.get("x-amzn-ErrorType") or (str(body.get("__type", "")) if _is_object(body) else "")) or None
    return (
        printable(code.partition(":")[0].rpartition("#")[2]) if code else None,
        None if message is None else printable(message).rstrip("."),
    )


def _is_object(body: object) -> bool:
    return isinstance(body, dict)


def _what_to_do(message: str) -> str:
    """Say what to look at. A message that is not recognised gets it all."""
    words = message.lower()
    return next((remedy for word, remedy in REMEDIES.items() if word in words), " ".join(REMEDIES.values()))


def _not_aws(status: int, target: RolesAnywhere) -> RequestRefusedError | ServiceUnavailableError:
    """Say that something in between answered. What it calls a success may be a page that passes; a refusal stays."""
    message = (
        f"HTTP {status} did not come from {target.host}, but from something in between. Check "
        f"{OF_AN_AWS_CONNECTION.proxy}."
    )
    return ServiceUnavailableError(message) if status < HTTPStatus.MULTIPLE_CHOICES else RequestRefusedError(message)
