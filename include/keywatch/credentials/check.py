"""See whether a certificate works, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from keywatch.credentials.assertion import sign_jwt
from keywatch.credentials.certificate import CertificateSource
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import KeywatchError

T = TypeVar("T")


def check_certificate(credential: AssertionCredential, source: CertificateSource, scope: str) -> str:
    """Find a certificate, fetch it, sign with it and get a token.

    Args:
        credential: Made of the source.
        source: The certificate.
        scope: What the token is asked for.

    Returns:
        What was seen, for a person.

    Raises:
        KeywatchError: The first step that failed, with that step's number and name before the message.
    """
    _step("1 of 4, find the certificate", source.versions)
    signing = _step("2 of 4, fetch a version that can be used", lambda: credential.signing)
    _step("3 of 4, sign", lambda: sign_jwt(signing, {"purpose": "connection test"}))
    _step("4 of 4, get a token", lambda: credential.get_token(scope))
    seen = f"{source.name}: version {credential.accepted} signs, and Entra gives a token."
    if credential.accepted != signing.version:
        return (
            f"{seen} It stands in for version {signing.version} (thumbprint {signing.thumbprint}), which gives none: "
            "register that one on the application."
        )
    return f"{seen} Its thumbprint is {signing.thumbprint}, and it expires on {signing.expires:%Y-%m-%d}."


def _step(name: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except KeywatchError as error:
        error.args = (f"Step {name}: {error}", *error.args[1:])
        raise
