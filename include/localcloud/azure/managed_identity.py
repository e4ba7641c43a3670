"""Managed identities, as a machine finds them: by plain HTTP on an address that only the machine itself can reach.

Sources: Microsoft Learn, "How to use managed identities for Azure resources on an Azure VM to acquire an access token"
(IMDS) and "How to use managed identities for App Service and Azure Functions".
"""

from __future__ import annotations

import hmac
import secrets
import time
import uuid
from typing import Final

from localcloud.access_tokens import RESOURCES, Authority
from localcloud.azure.directory import Directory
from localcloud.azure.rest import RefusedError, Say, injected, json_response
from localcloud.azure_model import ManagedIdentity
from localcloud.http1 import Request, Response
from localcloud.model import Fault
from localcloud.service import Call

IMDS: Final = "/metadata/identity/oauth2/token"
APP_SERVICE: Final = "/msi/token"
VERSIONS: Final = {IMDS: "2018-02-01", APP_SERVICE: "2019-08-01"}
OTHER_SELECTORS: Final = ("object_id", "principal_id", "msi_res_id", "mi_res_id")
"""Further ways to choose an identity, which the identities here do not answer to."""
FORWARDED: Final = 403
"""Unverified: the status with which IMDS refuses a request that was forwarded."""


class ManagedIdentities:
    """Gives tokens of the home tenant's managed identities.

    Attributes:
        header: what App Service's form of the endpoint wants to see in X-IDENTITY-HEADER.
    """

    plays = ("169.254.169.254",)

    def __init__(self, directory: Directory, authority: Authority) -> None:
        self._directory = directory
        self._authority = authority
        self.header = secrets.token_hex(16).upper()

    def owns(self, host: str) -> bool:
        """Tell that no tunnel leads here: the endpoint is never reached through a proxy."""
        del host
        return False

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and of which identity."""
        identity = self._identity(request)
        return Call(
            service="managed-identity" if request.path == APP_SERVICE else "imds",
            host=host,
            action="managed-identity" if request.path in VERSIONS else None,
            account=identity.name if identity else None,
            detail=request.query.get("resource"),
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and give a token."""
        try:
            self._check(request)
            return self._token(request)
        except RefusedError as refused:
            return _say(call)(refused.status, refused.code, str(refused))

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""
        return injected(fault, _say(call), "too_many_requests")

    def _check(self, request: Request) -> None:
        if request.path not in VERSIONS or request.method != "GET":
            raise RefusedError(404, "not_found", "There is no such endpoint")
        if request.path == IMDS:
            if "x-forwarded-for" in request.headers:
                raise RefusedError(FORWARDED, "forbidden", "A request with X-Forwarded-For is not allowed")
            if request.headers.get("metadata", "").lower() != "true":
                raise RefusedError(400, "invalid_request", "Required metadata header not specified")
        else:
            given = request.headers.get("x-identity-header", "").encode("latin-1")
            if not hmac.compare_digest(given, self.header.encode()):
                raise RefusedError(401, "unauthorized", "X-IDENTITY-HEADER is missing or wrong")
        if request.query.get("api-version") != VERSIONS[request.path]:
            raise RefusedError(400, "bad_request", "The query variable 'api-version' is missing or not known")

    def _token(self, request: Request) -> Response:
        resource = request.query.get("resource", "")
        if not resource:
            raise RefusedError(400, "invalid_request", "Required query variable 'resource' is missing")
        if resource.rstrip("/") not in RESOURCES:
            raise RefusedError(
                400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant"
            )
        identity = self._identity(request)
        if identity is None:
            raise RefusedError(400, "invalid_request", "Identity not found")
        now, lifetime = int(time.time()), self._authority.lifetime
        answer = {
            "access_token": self._authority.issue(self._directory.principal(identity), resource),
            "client_id": identity.client_id,
            "expires_on": str(now + lifetime),
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
        }
        if request.path == IMDS:
            answer |= {"expires_in": str(lifetime), "ext_expires_in": str(lifetime)}
        return json_response(200, answer)

    def _identity(self, request: Request) -> ManagedIdentity | None:
        if any(name in request.query for name in OTHER_SELECTORS):
            return None
        return self._directory.identity(request.query.get("client_id"))


def _say(call: Call) -> Say:
    return _say_as_imds if call.service == "imds" else _say_as_app_service


def _say_as_imds(status: int, code: str, message: str) -> Response:
    return json_response(status, {"error": code, "error_description": message}, error=code)


def _say_as_app_service(status: int, code: str, message: str) -> Response:
    body = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    return json_response(status, body, error=code)
