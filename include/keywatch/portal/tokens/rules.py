"""What a token must be to be accepted, as data: the flavours of identity providers differ in nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Claims = Mapping[str, Any]
"""A token's payload, after it has been validated (RFC 7519)."""

STEP_UP_SECONDS: Final = 300
"""How long a step-up counts, from the moment at which the person has signed in (`auth_time`)."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What an ID token or an access token must say.

    Attributes:
        issuer: The one `iss`, compared as text.
        audience: The one `aud`.
        required: Claims that must be there, beside `iss`, `aud`, `exp`, `iat` and `sub`.
        allowed: Claims that must have one of the given values, in lower case; letter case does not matter. This is
            where policies are told apart: Azure AD B2C signs tokens of all policies with one key and one issuer.
        scopes: The claim that holds the scopes of an access token, divided by spaces; None for an ID token.
        types: What the header's `typ` may be, in lower case; a token without one is accepted.
        algorithms: What the header's `alg` may be.
    """

    issuer: str
    audience: str
    required: frozenset[str] = frozenset()
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    scopes: str | None = None
    types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    algorithms: frozenset[str] = frozenset({"RS256"})


@dataclass(frozen=True, slots=True)
class StepUp:
    """What an access token says after multi-factor authentication.

    Attributes:
        claim: `tfp` of Azure AD B2C, `acrs` of Entra, `acr` of OpenID Connect.
        value: What that claim is, or has in its list; letter case does not matter.
        max_age: Seconds after `auth_time` in which it counts.
    """

    claim: str
    value: str
    max_age: int = STEP_UP_SECONDS
