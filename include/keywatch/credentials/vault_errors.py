"""What a vault's refusals mean, and what to do about them.

Source: Microsoft Learn, "Key Vault REST API error codes" and "Azure role-based access control for Key Vault".
"""

from __future__ import annotations

import re
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from keywatch.credentials.aadsts import NEVER_PRINTED
from keywatch.errors import (
    CertificateUnavailableError,
    CertificateUnusableError,
    IdentityError,
    KeywatchError,
    ServiceUnavailableError,
    VaultForbiddenError,
)
from keywatch.transport.azure_core import azure_core_error

OBJECT_ID: Final = re.compile(r"\boid=([0-9a-fA-F-]{36})\b")
"""Key Vault's message names the caller's object id, which a role is granted to."""


PASSING: Final = re.compile(r"\b(408|410|429|5\d\d)\b|timed out")
"""What a platform's identity endpoint says when it is busy or starting, in azure-identity's words."""


class Operation(Enum):
    """What is asked of a vault: the kind of object, its path, and the built-in role that allows it."""

    READ_CERTIFICATE = ("read certificate", "certificates", "Key Vault Reader")
    READ_SECRET = ("read secret", "secrets", "Key Vault Secrets User")
    SIGN = ("sign with key", "keys", "Key Vault Crypto User")

    def __init__(self, verb: str, collection: str, role: str) -> None:
        self.verb = verb
        self.collection = collection
        self.role = role


def vault_error(error: AzureError, host: str, operation: Operation, name: str) -> KeywatchError:
    """Turn a failure of a Key Vault client into the error that says what to do.

    Args:
        error: As azure-core or azure-identity raised it.
        host: The vault's.
        operation: What was asked.
        name: Of the certificate, secret or key.
    """
    if not isinstance(error, HttpResponseError):
        return azure_core_error(error, host)
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        return _no_identity(error)
    if _answering_host(error) != host:
        return _refused_identity(error)
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        return IdentityError(
            f"{host} does not accept the token of this machine's identity. Is the identity in the vault's tenant?"
        )
    if error.status_code == HTTPStatus.FORBIDDEN and error.error:
        return _forbidden(error, host, operation, name)
    if error.status_code == HTTPStatus.NOT_FOUND and error.error:
        return CertificateUnavailableError(
            f"{host} has no {operation.collection.removesuffix('s')} {name}, or not in the version asked for "
            f"({error.error.code}). Correct its name on the connection; a deleted one can be recovered in the vault."
        )
    return azure_core_error(error, host)


def _no_identity(error: ClientAuthenticationError) -> KeywatchError:
    """Say why azure-identity has no token; what the platform fails at for the moment is worth another try."""
    first = (error.message or "").strip().splitlines()[0][:300] if error.message else type(error).__name__
    if PASSING.search(first):
        passing = ServiceUnavailableError(f"This machine's identity cannot be had at the moment: {first}")
        passing.retried = True  # by azure-identity, as patiently as the platform wants it
        return passing
    return IdentityError(
        f"This machine has no identity that reaches the vault: {first} Choose on the connection how the vault is "
        "reached (managed identity, workload identity or the default chain), and assign that identity to this machine."
    )


def _answering_host(error: HttpResponseError) -> str:
    """Return who answered: the vault, or Entra when this machine's identity is a workload's."""
    request = getattr(error.response, "request", None)
    return (urlsplit(request.url).hostname or "") if request is not None else ""


def _refused_identity(error: HttpResponseError) -> KeywatchError:
    status = error.status_code or 0
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return azure_core_error(error, _answering_host(error))
    return IdentityError(
        f"{_answering_host(error)} gives this machine's identity no token: {described(error)} For a workload identity, "
        "add a federated credential for its service account to the application."
    )


def described(error: HttpResponseError) -> str:
    """Return the first line of what a service said, without anything that looks like a token."""
    lines = (error.message or "").strip().splitlines() or [f"HTTP {error.status_code}."]
    return NEVER_PRINTED.sub("…", lines[0])[:300]


def _forbidden(error: HttpResponseError, host: str, operation: Operation, name: str) -> KeywatchError:
    inner = str((error.error.innererror or {}).get("code", "")) if error.error else ""
    if "Disabled" in inner or "Expired" in inner or "NotYetValid" in inner:
        return CertificateUnusableError(
            f"{host} does not {operation.verb} {name}: {inner}. Enable it in the vault, or issue a new version."
        )
    if inner in ("ForbiddenByFirewall", "ForbiddenByConnection"):
        return VaultForbiddenError(
            f"{host} does not accept requests from here ({inner}). Add this machine's network to the vault's firewall, "
            "or reach the vault by its private endpoint."
        )
    caller = OBJECT_ID.search(error.message or "")
    who = f"object id {caller[1]}" if caller else "the identity that reaches the vault"
    return VaultForbiddenError(
        f"{host} does not let {who} {operation.verb} {name}. Grant it the role {operation.role} on the vault or on "
        f"{operation.collection}/{name} alone; a new assignment takes some minutes to work."
    )
