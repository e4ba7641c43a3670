"""MSAL's confidential client, for one version of a certificate."""

from __future__ import annotations

import time
from collections.abc import Callable

import msal
from azure.core.credentials import AccessTokenInfo

from keywatch.credentials.aadsts import TokenRequest, token_error
from keywatch.credentials.application import Application
from keywatch.credentials.certificate import SigningCertificate
from keywatch.credentials.entra_http import EntraHttp, EntraRefusal
from keywatch.errors import RequestRefusedError


class MsalClient:
    """MSAL's client for one version of the certificate.

    Args:
        application: Whose tokens are asked for.
        signing: The version.
        http: Reaches Entra.
        assertion: Makes the assertion for a token endpoint.
        cae: Whether tokens are for callers that can answer claims challenges.

    Raises:
        KeywatchError: Entra cannot be asked, or does not know the tenant.
    """

    def __init__(
        self,
        application: Application,
        signing: SigningCertificate,
        http: EntraHttp,
        assertion: Callable[[str], str],
        *,
        cae: bool,
    ) -> None:
        self._application = application
        self._signing = signing
        try:
            self._msal = msal.ConfidentialClientApplication(
                application.client_id,
                authority=application.authority,
                client_credential={"client_assertion": lambda context: assertion(context["token_endpoint"])},
                client_capabilities=["CP1"] if cae else None,
                http_client=http,
                instance_discovery=False,
            )
            application.check_token_endpoint(str(self._msal.authority.token_endpoint))
        except EntraRefusal as refusal:
            raise token_error(refusal.answer, self._request([], "")) from refusal
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RequestRefusedError(
                f"{application.cloud.authority_host} names no token endpoint of tenant {application.tenant_id}. "
                "Correct tenant and cloud on the connection."
            ) from error

    def token(self, scopes: list[str], claims: str | None, certificate: str) -> AccessTokenInfo:
        """Ask Entra for a token, unless this client holds one that lasts.

        Raises:
            KeywatchError: Entra cannot be asked, or refuses.
        """
        try:
            answer = self._msal.acquire_token_for_client(scopes, claims_challenge=claims)
        except EntraRefusal as refusal:
            answer = refusal.answer
        token = answer.get("access_token") if answer else None
        if not token:
            raise token_error(answer or {}, self._request(scopes, certificate))
        return AccessTokenInfo(
            str(token), int(time.time()) + int(answer["expires_in"]), token_type=answer.get("token_type", "Bearer")
        )

    def _request(self, scopes: list[str], certificate: str) -> TokenRequest:
        return TokenRequest(
            tenant_id=self._application.tenant_id,
            client_id=self._application.client_id,
            scope=" ".join(scopes),
            certificate=certificate,
            thumbprint=self._signing.thumbprint,
        )
