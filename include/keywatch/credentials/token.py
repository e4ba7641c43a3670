"""Tokens for a certificate: MSAL asks Entra, with assertions that the certificate signs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import msal
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

from keywatch.credentials.application import Application
from keywatch.credentials.assertion import client_assertion
from keywatch.credentials.certificate import CertificateSource, CertificateVersion, SigningCertificate
from keywatch.credentials.entra_http import EntraHttp
from keywatch.credentials.msal_client import MsalClient
from keywatch.credentials.rotation import Rotation
from keywatch.credentials.single_flight import SingleFlight
from keywatch.errors import CertificateNotRegisteredError, ConfigurationError, PermanentError
from keywatch.transport import Transport
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

ASSERTION_REUSED_FOR: Final = 540
"""Seconds that one assertion is shown again, for whatever scope; a minute less than it is valid."""


def check_claims(claims: str) -> None:
    """Refuse claims that are no JSON object, which MSAL would not send.

    Raises:
        ConfigurationError: They are not.
    """
    try:
        usable = isinstance(json.loads(claims), dict)
    except (RecursionError, TypeError, ValueError):
        usable = False
    if not usable:
        raise ConfigurationError("The claims are no JSON object. Pass on what the service's challenge says, decoded.")


class AssertionCredential:
    """An azure-core `TokenCredential` whose secret is a signature. Threads may share it.

    Tokens are kept in memory alone. However many threads ask for a scope, one request is made; one assertion serves
    all scopes until it is nearly over.

    Args:
        application: Whose tokens are asked for.
        source: The certificate that signs.
        transport: How to get to Entra.
        clock: Returns the time now, UTC.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(
        self,
        application: Application,
        source: CertificateSource,
        transport: Transport,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        keep_wire_logs_quiet()
        self._application = application
        self._transport = transport
        self._clock = clock
        self._http = EntraHttp(transport, application.hosts)
        self._rotation = Rotation(source, clock=clock)
        self._flights = SingleFlight[AccessTokenInfo]()
        self._lock = threading.RLock()
        self._caches = {cae: msal.TokenCache() for cae in (False, True)}
        self._assertions: dict[tuple[str, str], msal.AutoRefresher] = {}
        self._clients: dict[tuple[str, bool], MsalClient] = {}

    @property
    def signing(self) -> SigningCertificate:
        """The certificate that signs now, with its private key.

        Raises:
            KeywatchError: The source cannot be asked, or has none that can be used.
        """
        return self._rotation.load(self._rotation.candidates()[0])

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Return one version of the certificate, with its private key.

        Raises:
            KeywatchError: The source's.
        """
        return self._rotation.load(version)

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,  # noqa: ANN401 - the protocol's open end
    ) -> AccessToken:
        """Return a token, from memory while it lasts five minutes more.

        Args:
            scopes: What it is for: one resource followed by `/.default`.
            claims: A claims challenge of that resource, as JSON; then a new token is asked for.
            tenant_id: The tenant; if it is given, it must be the application's.
            enable_cae: Whether the caller can answer such challenges (Continuous Access Evaluation).

        Raises:
            ConfigurationError: No scope is given, or another tenant.
            CertificateNotRegisteredError: No usable version of the certificate is registered on the application.
            CertificateUnusableError: Every version is expired, not yet valid or disabled.
            TokenRefusedError: Entra refuses.
            HostNotAllowedError: Entra names an endpoint outside the cloud; nothing has been signed.
            KeywatchError: The source or Entra cannot be asked.
        """
        options: TokenRequestOptions = {"enable_cae": enable_cae}
        if claims:
            options["claims"] = claims
        if tenant_id:
            options["tenant_id"] = tenant_id
        found = self.get_token_info(*scopes, options=options)
        return AccessToken(found.token, found.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return a token with what is known of it.

        Args:
            scopes: As in `get_token`.
            options: `claims`, `tenant_id` and `enable_cae`, as in `get_token`.

        Raises:
            KeywatchError: As in `get_token`.
        """
        options = options or {}
        if not scopes:
            raise ConfigurationError("A token is for a scope: name one, such as https://management.azure.com/.default.")
        self._check_tenant(options.get("tenant_id"))
        claims, cae = options.get("claims"), bool(options.get("enable_cae"))
        if claims:
            check_claims(claims)
        return self._flights.do((scopes, claims, cae), lambda: self._acquire(scopes, claims, cae=cae))

    def try_version(self, version: CertificateVersion, scope: str) -> AccessTokenInfo:
        """Ask Entra for a token with one version of the certificate, whatever other versions and memory hold.

        Raises:
            KeywatchError: As in `get_token`.
        """
        signing = self._rotation.load(version)

        def ask() -> AccessTokenInfo:
            client = self._new_client(signing, msal.TokenCache(), lambda to: self._sign(signing, to), cae=False)
            return client.token([scope], None, self._rotation.name)

        return retrying(self._transport, log)(ask)

    def close(self) -> None:
        """Close the connections to Entra."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_tenant(self, tenant_id: str | None) -> None:
        """Refuse to act in a tenant that a service names; only the connection does.

        The application's tenant may be a domain, which says nothing about the GUID that services name.
        """
        own = self._application.tenant_id
        if tenant_id and tenant_id.lower() != own.lower() and "." not in own:
            raise ConfigurationError(
                f"The service belongs to tenant {tenant_id[:60]}, the connection's application acts in {own}. Use a "
                "connection with an application of that tenant."
            )

    def _acquire(self, scopes: tuple[str, ...], claims: str | None, *, cae: bool) -> AccessTokenInfo:
        candidates = self._rotation.candidates()
        for version in candidates:
            signing = self._rotation.load(version)

            def ask(signing: SigningCertificate = signing) -> AccessTokenInfo:
                return self._client(signing, cae=cae).token(list(scopes), claims, self._rotation.name)

            try:
                found = retrying(self._transport, log)(ask)
            except PermanentError as error:
                self._forget(version)
                if not isinstance(error, CertificateNotRegisteredError):
                    raise
                self._rotation.refused(version)
                if version is candidates[-1]:
                    raise
                log.warning("%s Meanwhile an earlier version signs.", error)
            else:
                self._rotation.worked(version)
                return found
        raise AssertionError("there is at least one candidate")

    def _client(self, signing: SigningCertificate, *, cae: bool) -> MsalClient:
        with self._lock:
            key = signing.version, cae
            if key not in self._clients:
                self._clients[key] = self._new_client(
                    signing, self._caches[cae], lambda to: self._assertion(signing, to), cae=cae
                )
            return self._clients[key]

    def _new_client(
        self, signing: SigningCertificate, cache: msal.TokenCache, assertion: Callable[[str], str], *, cae: bool
    ) -> MsalClient:
        return MsalClient(self._application, signing, self._http, cache, assertion, cae=cae)

    def _forget(self, version: CertificateVersion) -> None:
        """Drop what answered with a refusal: MSAL would repeat an HTTP 400 from memory for a minute."""
        with self._lock:
            for cae in (False, True):
                self._clients.pop((version.version, cae), None)
            for key in [key for key in self._assertions if key[0] == version.version]:
                del self._assertions[key]

    def _assertion(self, signing: SigningCertificate, audience: str) -> str:
        """Return the version's assertion; one signature serves every thread and scope."""
        with self._lock:
            refresher = self._assertions.setdefault(
                (signing.version, audience),
                msal.AutoRefresher(lambda: self._sign(signing, audience), expires_in=ASSERTION_REUSED_FOR),
            )
            return str(refresher())

    def _sign(self, signing: SigningCertificate, audience: str) -> str:
        self._application.hosts.require(audience)
        return client_assertion(
            signing,
            client_id=self._application.client_id,
            audience=audience,
            now=self._clock(),
            send_chain=self._application.send_chain,
        )
