"""What a vault's refusals mean, and what to do about them.

Source: Microsoft Learn, "Key Vault REST API error codes" and "Azure role-based access control for Key Vault".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, IncompleteReadError

from keywatch.errors import (
    CertificateUnavailableError,
    CertificateUnusableError,
    IdentityError,
    KeywatchError,
    ServiceUnavailableError,
    VaultForbiddenError,
)
from keywatch.transport.azure_core import azure_core_error, error_code
from keywatch.transport.foreign_text import printable

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
    if not isinstance(error, HttpResponseError) or isinstance(error, IncompleteReadError):
        return azure_core_error(error, host)
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        return _no_identity(error)
    if _answering_host(error) != host:
        return _refused_identity(error)
    meaning = BY_STATUS.get(error.status_code or 0) if error.error else None
    return meaning(error, host, operation, name) if meaning else azure_core_error(error, host)


def _no_identity(error: ClientAuthenticationError) -> KeywatchError:
    """Say why azure-identity has no token; what the platform fails at for the moment is worth another try."""
    first = _first_line(error)
    if PASSING.search(first):
        return ServiceUnavailableError(f"This machine's identity cannot be had at the moment: {first}")
    return IdentityError(
        f"This machine has no identity that reaches the vault: {first.rstrip('.')}. Choose on the connection how the "
        "vault is reached (managed identity, workload identity or the default chain), and assign that identity to this "
        "machine."
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
        f"{_answering_host(error)} gives this machine's identity no token: {_first_line(error)} For a workload "
        "identity, add a federated credential for its service account to the application."
    )


def _first_line(error: HttpResponseError) -> str:
    lines = (error.message or "").rpartition("Token request error: ")[2].strip().splitlines()
    return printable(lines[0]) if lines else f"HTTP {error.status_code}."


def _unauthorized(error: HttpResponseError, host: str, operation: Operation, name: str) -> KeywatchError:
    del error, operation, name
    return IdentityError(
        f"{host} does not accept the token of this machine's identity. Is the identity in the vault's tenant?"
    )


def _not_found(error: HttpResponseError, host: str, operation: Operation, name: str) -> KeywatchError:
    return CertificateUnavailableError(
        f"{host} has no {operation.collection.removesuffix('s')} {name}, or not in the version asked for "
        f"({error_code(error)}). Correct its name on the connection; a deleted one can be recovered in the vault."
    )


def _forbidden(error: HttpResponseError, host: str, operation: Operation, name: str) -> KeywatchError:
    told = error.error.innererror if error.error else None
    inner = printable(told.get("code", "")) if isinstance(told, Mapping) else ""
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


BY_STATUS: Final[dict[int, Callable[[HttpResponseError, str, Operation, str], KeywatchError]]] = {
    HTTPStatus.UNAUTHORIZED: _unauthorized,
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
}
"""Of the answers that are the vault's own JSON."""
