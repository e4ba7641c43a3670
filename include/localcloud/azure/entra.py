"""Microsoft Entra ID's token endpoint, and the documents by which clients find it.

Sources: Microsoft Learn, "OAuth 2.0 client credentials flow"; OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from localcloud.access_tokens import RESOURCES, Authority
from localcloud.azure.aadsts import AadstsError
from localcloud.azure.certificate_authority import CertificateAuthority
from localcloud.azure.client_assertions import Verifier
from localcloud.azure.directory import Directory, Tenant
from localcloud.azure.federation import Cluster
from localcloud.azure.rest import injected, json_response
from localcloud.azure_model import Application
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

HOST: Final = "login.microsoftonline.com"
ALIASES: Final = [HOST, "login.windows.net", "login.microsoft.com", "sts.windows.net"]
FORM: Final = "application/x-www-form-urlencoded"
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT: Final = "/.default"
GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LONGEST_DETAIL: Final = 200
"""Characters of a scope that the log keeps."""
PATH: Final = re.compile(r"/(?P<tenant>[^/]+)/(?P<what>.+)")
ACTIONS: Final = {
    "oauth2/v2.0/token": "token",
    "v2.0/.well-known/openid-configuration": "openid-configuration",
    "discovery/v2.0/keys": "keys",
    "discovery/instance": "instance-discovery",
}
NOT_CACHED: Final = (("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"))

Answer = Callable[[Request, str], Response]


class Entra:
    """Answers for login.microsoftonline.com."""

    plays = (HOST,)

    def __init__(
        self, directory: Directory, authority: Authority, certificates: CertificateAuthority, cluster: Cluster
    ) -> None:
        self._directory = directory
        self._authority = authority
        self._certificates = certificates
        self._cluster = cluster
        self._answers: dict[str | None, Answer] = {
            "token": self._token,
            "openid-configuration": self._configuration,
            "keys": self._keys,
            "instance-discovery": self._instance,
        }

    def owns(self, host: str) -> bool:
        """Tell whether a host is this one."""
        return host == HOST

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and who says to ask."""
        path = PATH.fullmatch(request.path)
        action = ACTIONS.get(path["what"]) if path else None
        form = dict(_pairs(request)) if action == "token" else {}
        client_id = form.get("client_id", "")
        return Call(
            service="entra",
            host=host,
            action=action,
            account=client_id if GUID.fullmatch(client_id) else None,
            detail=form["scope"][:LONGEST_DETAIL] if "scope" in form else None,
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and answer it."""
        path = PATH.fullmatch(request.path)
        answer = self._answers.get(call.action)
        if path is None or answer is None:
            return Response(404, error="NotFound")
        try:
            _check_method(request, "POST" if call.action == "token" else "GET")
            return answer(request, path["tenant"])
        except AadstsError as error:
            return _refusal(error, request)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says; Entra denies by Conditional Access."""
        if call.action is None:
            return None
        if fault.kind is FaultKind.DENY:
            return _refusal(AadstsError(53003, "Access has been blocked by Conditional Access policies."))
        return injected(fault, _say)

    def _token(self, request: Request, named: str) -> Response:
        tenant = self._tenant(named)
        form = _form(request)
        if _required(form, "grant_type") != "client_credentials":
            raise AadstsError(70003, f"The app requested an unsupported grant type '{form['grant_type'][:40]}'.")
        application = self._application(_required(form, "client_id"), tenant)
        resource = _resource(_required(form, "scope"))
        claims = _claims(form.get("claims"))
        self._authenticate(form, application, tenant)
        if resource.rstrip("/") not in RESOURCES:
            raise AadstsError(
                500011,
                f"The resource principal named {resource[:LONGEST_DETAIL]} was not found in the tenant named "
                f"{tenant.name}. You might have sent your authentication request to the wrong tenant.",
            )
        principal = self._directory.principal(application)
        return json_response(
            200,
            {
                "token_type": "Bearer",
                "expires_in": self._authority.lifetime,
                "ext_expires_in": self._authority.lifetime,
                "access_token": self._authority.issue(principal, resource, claims),
            },
            NOT_CACHED,
        )

    def _tenant(self, named: str) -> Tenant:
        tenant = self._directory.tenant(named)
        if tenant is None:
            raise AadstsError(
                90002,
                f"Tenant '{named[:80]}' not found. Check to make sure you have the correct tenant ID and are signing "
                "into the correct cloud.",
            )
        return tenant

    def _application(self, client_id: str, tenant: Tenant) -> Application:
        application = self._directory.application(client_id, tenant)
        if application is None:
            raise AadstsError(
                700016,
                f"Application with identifier '{client_id[:80]}' was not found in the directory '{tenant.name}'. "
                "You may have sent your authentication request to the wrong tenant.",
            )
        return application

    def _authenticate(self, form: dict[str, str], application: Application, tenant: Tenant) -> None:
        credentials = self._directory.credentials(application.name)
        assertion = form.get("client_assertion")
        if not assertion:
            if form.get("client_secret"):
                raise AadstsError(
                    7000215,
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                    f"value, not the client secret ID, for a secret added to app '{application.client_id}'.",
                )
            raise AadstsError(
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        if _required(form, "client_assertion_type") != JWT_BEARER:
            raise AadstsError(9002313, "Invalid request. Request is malformed or invalid: client_assertion_type.")
        if self._cluster.may_have_signed(assertion):
            self._cluster.verify(assertion, trusted=credentials.federated)
            return
        verifier = Verifier(application.client_id, credentials, self._certificates)
        verifier.verify(assertion, [_token_endpoint(each) for each in (tenant.id, tenant.domain)])

    def _configuration(self, _: Request, named: str) -> Response:
        try:
            tenant = self._tenant(named)
        except AadstsError as error:
            raise AadstsError(error.code, str(error), "invalid_tenant") from None
        base = f"https://{HOST}/{tenant.id}"
        return json_response(
            200,
            {
                "token_endpoint": _token_endpoint(tenant.id),
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                    "self_signed_tls_client_auth",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            },
        )

    def _keys(self, _: Request, named: str) -> Response:
        if named != "common":
            self._tenant(named)
        return json_response(200, self._authority.keys())

    def _instance(self, request: Request, _: str) -> Response:
        asked = request.query.get("authorization_endpoint", "")
        if not any(asked.startswith(f"https://{alias}/") for alias in ALIASES):
            raise AadstsError(50049, "Unknown or invalid instance.")
        tenant = asked.split("/")[3]
        metadata = {"preferred_network": HOST, "preferred_cache": "login.windows.net", "aliases": ALIASES}
        return json_response(
            200,
            {
                "tenant_discovery_endpoint": f"https://{HOST}/{tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [metadata],
            },
        )


def _token_endpoint(tenant: str) -> str:
    return f"https://{HOST}/{tenant}/oauth2/v2.0/token"


def _check_method(request: Request, method: str) -> None:
    if request.method != method:
        message = f"The endpoint only accepts {method} requests. Received a {request.method} request."
        raise AadstsError(900561, message)


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Read the form; a body of another type is as good as none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return []
    return parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)


def _form(request: Request) -> dict[str, str]:
    pairs = _pairs(request)
    form = dict(pairs)
    if len(form) != len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise AadstsError(9000411, f"The request is not properly formatted. The parameter '{name[:40]}' is duplicated.")
    return form


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise AadstsError(900144, f"The request body must contain the following parameter: '{name}'.")
    return form[name]


def _resource(scope: str) -> str:
    """Give the resource of a scope, which must be one resource followed by /.default."""
    if len(scope.split()) != 1:
        raise AadstsError(
            70011, "The provided value for the input parameter 'scope' is not valid: one resource per request."
        )
    if not scope.endswith(DEFAULT):
        raise AadstsError(
            1002012,
            f"The provided value for scope {scope[:LONGEST_DETAIL]} is not valid. Client credential flows must have a "
            "scope value with /.default suffixed to the resource identifier (application ID URI).",
        )
    return scope.removesuffix(DEFAULT)


def _claims(text: str | None) -> dict[str, Any]:
    """Read the claims parameter; the client's capabilities come back as `xms_cc`."""
    if not text:
        return {}
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    wanted = asked.get("access_token") if isinstance(asked, dict) else asked
    if not isinstance(asked, dict) or not isinstance(wanted, (dict, type(None))):
        raise AadstsError(9002313, "Invalid request. Request is malformed or invalid: claims is not such JSON.")
    capabilities = (wanted or {}).get("xms_cc")
    values = capabilities.get("values") if isinstance(capabilities, dict) else None
    return {"xms_cc": values} if isinstance(values, list) else {}


def _say(status: int, code: str, message: str) -> Response:
    """Say it in Entra's form, which has a number for too many requests and one for everything that passes."""
    del code
    error = AadstsError(90055 if status == 429 else 90033, message)  # noqa: PLR2004
    error.status = status
    return _refusal(error)


def _refusal(error: AadstsError, request: Request | None = None) -> Response:
    trace = str(uuid.uuid4())
    given = request.headers.get("client-request-id", "") if request else ""
    correlation = given if GUID.fullmatch(given) else str(uuid.uuid4())
    timestamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    body = {
        "error": error.error,
        "error_description": (
            f"AADSTS{error.code}: {error} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
        ),
        "error_codes": [error.code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{HOST}/error?code={error.code}",
    }
    return json_response(error.status, body, NOT_CACHED, f"AADSTS{error.code}")
