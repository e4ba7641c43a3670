"""Workload identity: a Kubernetes cluster whose service accounts' tokens application keywatch signs in with.

Source: Microsoft Learn, "Workload identity federation".
"""

from __future__ import annotations

import time
import uuid
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.azure.aadsts import AadstsError
from localcloud.azure.directory import FEDERATED_AUDIENCE, FEDERATED_SUBJECT
from localcloud.json_web_token import JsonWebToken, MalformedTokenError, sign

ISSUER: Final = "https://oidc.cluster.example/"
LIFETIME: Final = 86_400
"""Seconds that a service account's token lives."""


class Cluster:
    """Signs the tokens of service accounts, with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._key_id = uuid.uuid4().hex

    def token(self, subject: str = FEDERATED_SUBJECT) -> str:
        """Make a service account's token."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": [FEDERATED_AUDIENCE],
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        return sign(self._key, {"kid": self._key_id}, claims)

    @staticmethod
    def may_have_signed(assertion: str) -> bool:
        """Tell whether a client assertion says of itself that it is from here."""
        try:
            return JsonWebToken.parse(assertion).claims.get("iss") == ISSUER
        except MalformedTokenError:
            return False

    def verify(self, assertion: str, *, trusted: bool) -> None:
        """Check a service account's token that is presented as a client assertion.

        Args:
            assertion: the token.
            trusted: whether the application has a federated credential for this cluster.

        Raises:
            AadstsError: Entra would refuse it.
        """
        token = JsonWebToken.parse(assertion)
        claims = token.claims
        if token.header.get("alg") != "RS256" or not token.is_signed_by(self._key.public_key(), "RS256"):
            raise AadstsError(50027, "JWT token is invalid or malformed: its signature is not the issuer's.")
        if not trusted or claims["sub"] != FEDERATED_SUBJECT or FEDERATED_AUDIENCE not in claims["aud"]:
            raise AadstsError(
                70021,
                "No matching federated identity record found for presented assertion. "
                f"Assertion Issuer: '{claims['iss']}'. Assertion Subject: '{claims['sub']}'.",
            )
        if not claims["nbf"] <= time.time() < claims["exp"]:
            raise AadstsError(700024, "Client assertion is not within its valid time range.")
