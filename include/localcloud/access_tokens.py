"""Access tokens: issues them for a resource, and tells a service who calls it and what the caller may do.

    try:
        caller = authority.verify(request.headers.get("authorization"), MONITOR)
    except TokenRefusedError as refused:
        return 401, refused.flaw
    if not caller.allows(WRITE_TELEMETRY, RULE_SCOPE):
        return 403

Source: Microsoft Learn, "Access tokens in the Microsoft identity platform": version 1.0 tokens, whose audience is the
resource that was asked for.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.azure.roles import Assignments
from localcloud.json_web_token import JsonWebToken, MalformedTokenError, public_jwk, sign

LIFETIME: Final = 3600
"""Seconds that a token lives, unless told otherwise."""
KEY_VAULT: Final = "https://vault.azure.net"
MONITOR: Final = "https://monitor.azure.com"
MANAGEMENT: Final = "https://management.azure.com"
EVENT_HUBS: Final = "https://eventhubs.azure.net"
RESOURCES: Final = (KEY_VAULT, MONITOR, MANAGEMENT, EVENT_HUBS)
"""The resources that there are tokens for, in every tenant."""


class Flaw(StrEnum):
    """Why a token is refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    AUDIENCE = "audience"
    TENANT = "tenant"


class TokenRefusedError(Exception):
    """A request carries no token that the service takes; the message holds nothing of the token but its audience."""

    def __init__(self, flaw: Flaw, message: str) -> None:
        super().__init__(message)
        self.flaw = flaw


@dataclass(frozen=True)
class Principal:
    """Somebody that tokens are issued to.

    Attributes:
        name: an application's client id, or a managed identity's name: what the request log calls it.
        client_id: GUID; the token's `appid`.
        object_id: GUID; the token's `oid`, which roles are assigned to.
        tenant_id: GUID; the token's `tid`.
    """

    name: str
    client_id: str
    object_id: str
    tenant_id: str


@dataclass(frozen=True)
class Caller(Principal):
    """A principal whose token a service has accepted."""

    _assignments: Assignments = field(repr=False, compare=False)

    def allows(self, permission: str, scope: str) -> bool:
        """Tell whether the caller may do something.

        Args:
            permission: An action such as `roles.SIGN`, or a role's name.
            scope: One of `roles.SCOPES`, or an object of the vault such as `/vault/keys/<name>`.
        """
        return self._assignments.allow(self.object_id, permission, scope)


class Authority:
    """Issues and checks the access tokens of all tenants.

    Attributes:
        tenant_id: the home tenant: whose tokens a service takes unless it says otherwise.
        assignments: who holds which role.
        lifetime: seconds that tokens issued from now on live.
    """

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self.assignments = Assignments()
        self.lifetime = LIFETIME
        self._key = rsa.generate_private_key(65537, 2048)
        self._key_id = uuid.uuid4().hex
        self._names: dict[str, str] = {}

    def keys(self) -> dict[str, Any]:
        """Give the JSON Web Key Set that tokens can be checked with."""
        return {"keys": [{"use": "sig", "kid": self._key_id} | public_jwk(self._key.public_key())]}

    def issue(self, principal: Principal, resource: str, claims: Mapping[str, Any] | None = None) -> str:
        """Make an access token for a resource, with further claims."""
        self._names[principal.client_id] = principal.name
        now = int(time.time())
        own = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{principal.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": principal.client_id,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": principal.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        return sign(self._key, {"typ": "JWT", "kid": self._key_id}, own | dict(claims or {}))

    def verify(self, authorization: str | None, audience: str, tenant_id: str | None = None) -> Caller:
        """Read a request's Authorization header.

        Args:
            authorization: The header's value, if there is one.
            audience: The resource that the service is.
            tenant_id: The tenant whose tokens it takes; None is the home tenant.

        Raises:
            TokenRefusedError: there is no token, or it is not a valid one for this service.
        """
        token = self._signed(_bearer(authorization))
        claims = token.claims
        now = time.time()
        if claims["exp"] <= now:
            raise TokenRefusedError(Flaw.EXPIRED, "The token has expired")
        if claims["nbf"] > now:
            raise TokenRefusedError(Flaw.NOT_YET_VALID, "The token is not valid yet")
        if claims["aud"].rstrip("/") != audience:
            raise TokenRefusedError(Flaw.AUDIENCE, f"Invalid audience. Expected {audience}, found: {claims['aud']}")
        if claims["tid"] != (tenant_id or self.tenant_id):
            raise TokenRefusedError(Flaw.TENANT, "The token is from a tenant that this resource does not trust")
        client_id = claims["appid"]
        return Caller(self._names[client_id], client_id, claims["oid"], claims["tid"], self.assignments)

    def caller_name(self, authorization: str | None) -> str | None:
        """Name whoever a request's token was issued to, whatever it is for and however old it is."""
        try:
            token = self._signed(_bearer(authorization))
        except TokenRefusedError:
            return None
        return self._names[token.claims["appid"]]

    def _signed(self, text: str) -> JsonWebToken:
        try:
            token = JsonWebToken.parse(text)
        except MalformedTokenError as error:
            raise TokenRefusedError(Flaw.MALFORMED, f"The token is {error}") from None
        if token.header.get("alg") != "RS256" or token.header.get("kid") != self._key_id:
            raise TokenRefusedError(Flaw.SIGNATURE, "The key that signed the token is unknown")
        if not token.is_signed_by(self._key.public_key(), "RS256"):
            raise TokenRefusedError(Flaw.SIGNATURE, "The token's signature is not valid")
        return token


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError(Flaw.MISSING, "The request has no bearer token")
    return token
