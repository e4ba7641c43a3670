"""Key Vault's data plane: certificates, keys that sign, and secrets, each behind a permission of its own.

Source: the Key Vault REST API reference; Microsoft Learn, "Authentication in Azure Key Vault" and "Provide access with
Azure RBAC".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from localcloud.access_tokens import KEY_VAULT, Authority, Caller, Flaw, TokenRefusedError
from localcloud.azure import vault_bundles as bundles
from localcloud.azure.rest import RefusedError, error_response, injected, json_response
from localcloud.azure.roles import GET_VALUE, READ_CERTIFICATE, READ_KEY, READ_METADATA, SIGN, VAULT_SCOPE
from localcloud.azure.vault import Certificate, PlainSecret, Vault
from localcloud.azure.vault_signing import sign
from localcloud.http1 import Request, Response
from localcloud.json_web_token import MalformedTokenError, from_base64url, to_base64url
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

DOMAIN: Final = ".vault.azure.net"
API_VERSIONS: Final = frozenset(
    {"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"}
)
PAGE: Final = 2
"""Items on a page: few, so that every client must follow links."""
LARGEST_PAGE: Final = 25
"""What `maxresults` may ask for."""
PATH: Final = re.compile(
    r"/(?P<kind>certificates|keys|secrets)(?:/(?P<name>[0-9A-Za-z-]{1,127})(?:/(?P<version>(?!(?:versions|policy|sign)(?:/|$))[0-9A-Za-z]{1,64})?)?"
    r"(?:/(?P<part>versions|policy|sign))?)?/?"
)
NOT_FOUND: Final = {"certificates": "CertificateNotFound", "keys": "KeyNotFound", "secrets": "SecretNotFound"}
SINGULAR: Final = {"certificates": "certificate", "keys": "key", "secrets": "secret"}
ALWAYS_READABLE: Final = ("certificates/get", "certificates/policy", "keys/get")
"""What a disabled version, or one outside its dates, still answers. Unverified for `keys/get`, which projects were seen
to check for `enabled` after reading."""
DATES_BIND_SECRETS: Final = True
"""Unverified: "About certificates" says that a secret cannot be read outside its dates; it was seen to be read."""
UNAUTHORIZED: Final = {Flaw.MISSING: "AKV10000", Flaw.AUDIENCE: "AKV10022", Flaw.TENANT: "AKV10032"}
OTHERWISE_UNAUTHORIZED: Final = "AKV10001"
"""Unverified: the number for a token that is expired, malformed or signed by somebody else."""


Version = TypeVar("Version", Certificate, PlainSecret)


@dataclass(frozen=True)
class Asked:
    """What a request is about: a kind of object, perhaps one object, perhaps one version."""

    kind: str
    name: str
    version: str
    operation: str

    @property
    def scope(self) -> str:
        """What a role must be held over."""
        return f"{VAULT_SCOPE}/{self.kind}/{self.name}" if self.name else VAULT_SCOPE


class KeyVault:
    """Answers for one vault's host."""

    def __init__(self, vault: Vault, authority: Authority) -> None:
        self._vault = vault
        self._authority = authority
        self.plays = (vault.url.removeprefix("https://"),)
        self._operations: dict[tuple[str, str], tuple[str, Callable[[Request, Asked], dict[str, Any]]]] = {
            ("GET", "certificates/list"): (READ_CERTIFICATE, self._list),
            ("GET", "certificates/get"): (READ_CERTIFICATE, self._get_certificate),
            ("GET", "certificates/versions"): (READ_CERTIFICATE, self._versions),
            ("GET", "certificates/policy"): (READ_CERTIFICATE, self._get_policy),
            ("GET", "keys/list"): (READ_KEY, self._list),
            ("GET", "keys/get"): (READ_KEY, self._get_key),
            ("GET", "keys/versions"): (READ_KEY, self._versions),
            ("POST", "keys/sign"): (SIGN, self._sign),
            ("GET", "secrets/list"): (READ_METADATA, self._list),
            ("GET", "secrets/get"): (GET_VALUE, self._get_secret),
            ("GET", "secrets/versions"): (READ_METADATA, self._versions),
        }

    def owns(self, host: str) -> bool:
        """Tell whether a host is this vault's."""
        return host in self.plays

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and who asks."""
        asked = _asked(request.path)
        return Call(
            service="vault",
            host=host,
            action=asked.operation if asked else None,
            account=self._authority.caller_name(request.headers.get("authorization")),
            detail="/".join(filter(None, (asked.name, asked.version))) or None if asked else None,
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and do what it asks for."""
        del call
        try:
            caller = self._authority.verify(request.headers.get("authorization"), KEY_VAULT)
            return json_response(200, self._result(request, caller))
        except TokenRefusedError as refused:
            return self._challenge(refused)
        except RefusedError as refused:
            return error_response(refused)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says; to a token that has ended, with the challenge that asks for another."""
        del call
        if fault.kind is FaultKind.STATUS and fault.status == HTTPStatus.UNAUTHORIZED and fault.body is None:
            return self._challenge(TokenRefusedError(Flaw.EXPIRED, "The token has expired"))
        return injected(fault)

    def _challenge(self, refused: TokenRefusedError) -> Response:
        authority = f"https://login.microsoftonline.com/{self._authority.tenant_id}"
        number = UNAUTHORIZED.get(refused.flaw, OTHERWISE_UNAUTHORIZED)
        return error_response(
            RefusedError(401, "Unauthorized", f"{number}: {refused}"),
            (("WWW-Authenticate", f'Bearer authorization="{authority}", resource="{KEY_VAULT}"'),),
        )

    def _result(self, request: Request, caller: Caller) -> dict[str, Any]:
        _check_version(request)
        asked = _asked(request.path)
        found = self._operations.get((request.method, asked.operation)) if asked else None
        if asked is None or found is None:
            raise RefusedError(404, "NotFound", f"There is no {request.method} {request.path} here")
        action, operation = found
        if not caller.allows(action, asked.scope):
            raise RefusedError(403, "Forbidden", _denial(caller, action, asked, self.plays[0]), "ForbiddenByRbac")
        return operation(request, asked)

    def _get_certificate(self, _: Request, asked: Asked) -> dict[str, Any]:
        return bundles.certificate_bundle(self._vault.url, self._certificate(asked))

    def _get_policy(self, _: Request, asked: Asked) -> dict[str, Any]:
        return bundles.policy(self._vault.url, self._certificate(asked))

    def _get_key(self, _: Request, asked: Asked) -> dict[str, Any]:
        return bundles.key_bundle(self._vault.url, self._certificate(asked))

    def _get_secret(self, _: Request, asked: Asked) -> dict[str, Any]:
        found: Certificate | PlainSecret
        if certificates := self._vault.certificates(asked.name):
            found = _version(asked, certificates)
        else:
            found = _version(asked, self._vault.plain_secrets(asked.name))
        _check_usable(asked, found)
        return bundles.secret_bundle(self._vault.url, found)

    def _sign(self, request: Request, asked: Asked) -> dict[str, Any]:
        found = self._certificate(asked)
        if "sign" not in bundles.key_operations(found):
            raise RefusedError(
                403, "Forbidden", "Operation sign is not permitted on this key.", "KeyOperationForbidden"
            )
        algorithm, digest = _to_sign(request)
        signature = sign(found.key, found.policy.key_type, algorithm, digest)
        key_id = f"{self._vault.url}/keys/{found.name}/{found.version}"
        return {"kid": key_id, "value": to_base64url(signature)}

    def _certificate(self, asked: Asked) -> Certificate:
        found = _version(asked, self._vault.certificates(asked.name))
        _check_usable(asked, found)
        return found

    def _versions(self, request: Request, asked: Asked) -> dict[str, Any]:
        return self._page(request, self._items(asked.kind, asked.name))

    def _list(self, request: Request, asked: Asked) -> dict[str, Any]:
        newest = (self._items(asked.kind, name)[-1] for name in self._vault.names(asked.kind))
        return self._page(request, [bundles.without_version(item) for item in newest])

    def _items(self, kind: str, name: str) -> list[dict[str, Any]]:
        if kind == "secrets":
            return [
                bundles.secret_item(self._vault.url, each)
                for each in self._vault.certificates(name) or self._vault.plain_secrets(name)
            ]
        item = bundles.key_item if kind == "keys" else bundles.certificate_item
        return [item(self._vault.url, each) for each in self._vault.certificates(name)]

    def _page(self, request: Request, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        size = min(PAGE, _number(request, "maxresults", PAGE, LARGEST_PAGE) or PAGE)
        start = _number(request, "$skiptoken", 0, len(items))
        link = None
        if start + size < len(items):
            version = request.query["api-version"]
            link = f"{self._vault.url}{request.path}?api-version={version}&$skiptoken={start + size}"
        return {"value": items[start : start + size], "nextLink": link}


def _asked(path: str) -> Asked | None:
    found = PATH.fullmatch(path)
    if found is None:
        return None
    kind, name, version, part = found["kind"], found["name"] or "", found["version"] or "", found["part"]
    fits = {"sign": kind == "keys", "policy": kind == "certificates", "versions": True, None: True}
    if not fits[part] or (version and part in ("versions", "policy")):
        return None
    return Asked(kind, name, version, f"{kind}/{part or ('get' if name else 'list')}")


def _check_version(request: Request) -> None:
    version = request.query.get("api-version")
    if not version:
        raise RefusedError(400, "BadParameter", "api-version must be specified")
    if version not in API_VERSIONS:
        raise RefusedError(400, "BadParameter", f"The specified version ({version[:20]}) is not recognized.")


def _number(request: Request, name: str, usual: int, largest: int) -> int:
    text = request.query.get(name, str(usual))
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > largest:
        raise RefusedError(400, "BadParameter", f"The value of {name} is not one that may be given")
    return int(text)


def _version(asked: Asked, versions: Sequence[Version]) -> Version:
    chosen = [each for each in versions if asked.version in ("", each.version)]
    if chosen:
        return chosen[-1]
    what = SINGULAR[asked.kind]
    raise RefusedError(
        404,
        NOT_FOUND[asked.kind],
        f"A {what} with (name/id) {'/'.join(filter(None, (asked.name, asked.version)))} was not found in this key "
        f"vault. If you recently deleted this {what} you may be able to recover it.",
    )


def _check_usable(asked: Asked, found: Certificate | PlainSecret) -> None:
    if asked.operation in ALWAYS_READABLE:
        return
    what, attributes = SINGULAR[asked.kind], found.attributes
    operation = asked.operation.rpartition("/")[2]
    if not attributes.enabled:
        message = f"Operation {operation} is not allowed on a disabled {what}."
        raise RefusedError(403, "Forbidden", message, f"{what.capitalize()}Disabled")
    if asked.kind == "secrets" and not DATES_BIND_SECRETS:
        return
    if not attributes.has_begun:
        message = f"Operation {operation} is not allowed on a {what} that is not yet valid."
        raise RefusedError(403, "Forbidden", message, f"{what.capitalize()}NotYetValid")
    if attributes.has_ended:
        message = f"Operation {operation} is not allowed on an expired {what}."
        raise RefusedError(403, "Forbidden", message, f"{what.capitalize()}Expired")


def _to_sign(request: Request) -> tuple[str, bytes]:
    try:
        body = json.loads(request.body)
        algorithm, value = body["alg"], body["value"]
        if not isinstance(algorithm, str) or not isinstance(value, str):
            raise TypeError  # noqa: TRY301 - as whatever else is wrong with the body
        return algorithm, from_base64url(value)
    except MalformedTokenError as error:
        raise RefusedError(400, "BadParameter", f"Property value is {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RefusedError(400, "BadParameter", "The request body must be JSON with alg and value") from None


def _denial(caller: Caller, action: str, asked: Asked, host: str) -> str:
    return (
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, please observe propagation "
        f"time.\r\nCaller: appid={caller.client_id};oid={caller.object_id};"
        f"iss=https://sts.windows.net/{caller.tenant_id}/\r\nAction: '{action}'\r\n"
        f"Resource: '{asked.scope}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null\r\n"
        f"Vault: {host.partition('.')[0]};location=westeurope\r\n"
    )
