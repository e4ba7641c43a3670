"""Tokens for a certificate: MSAL asks Entra, with assertions that the certificate signs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

from keywatch.credentials.application import Application
from keywatch.credentials.certificate import CertificateSource, CertificateVersion, SigningCertificate
from keywatch.credentials.entra_http import EntraHttp
from keywatch.credentials.msal_client import MsalClient
from keywatch.credentials.rotation import Rotation
from keywatch.credentials.shared_assertions import SharedAssertions
from keywatch.credentials.single_flight import SingleFlight
from keywatch.errors import (
    CertificateNotRegisteredError,
    CertificateUnavailableError,
    CertificateUnusableError,
    ConfigurationError,
    KeywatchError,
    PermanentError,
)
from keywatch.transport import Transport
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

FRESH_FOR: Final = 300.0
"""Seconds that a token in memory must last to be handed out without a thought, as MSAL and azure-identity have it."""

LAST_SECONDS: Final = 30.0
"""Seconds that a token must last to be handed out because no new one can be had."""

REST: Final = 60.0
"""Seconds in which Entra is not asked again after it gave no new token, as long as the old one serves."""

OF_ONE_VERSION: Final = (CertificateNotRegisteredError, CertificateUnavailableError, CertificateUnusableError)
"""What is wrong with one version of a certificate, and may not be with another."""


def check_claims(claims: str) -> None:
    """Refuse claims that are no JSON object, which MSAL would not send.

    Raises:
        ConfigurationError: They are not.
    """
    try:
        read = json.loads(claims)
        usable = isinstance(read, dict) and isinstance(read.get("access_token", {}), dict)
    except (RecursionError, TypeError, ValueError):
        usable = False
    if not usable:
        raise ConfigurationError("The claims are no JSON object. Pass on what the service's challenge says, decoded.")


class AssertionCredential:
    """An azure-core `TokenCredential` whose secret is a signature. Threads may share it.

    Tokens are kept in memory alone. However many threads ask for a scope, one request is made; one assertion serves
    all scopes until it is nearly over. While a token lasts, no outage of the vault or of Entra is noticed.

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
        self._lock = threading.Lock()
        self._tokens: dict[tuple[tuple[str, ...], bool], AccessTokenInfo] = {}
        self._rests_until: dict[tuple[tuple[str, ...], bool], float] = {}
        self._clients: dict[tuple[str, bool], MsalClient] = {}
        self._assertions = SharedAssertions(application, clock)
        self._asking = SingleFlight[AccessTokenInfo]()
        self._starting = SingleFlight[MsalClient]()

    @property
    def signing(self) -> SigningCertificate:
        """The certificate that is first to sign now, with its private key.

        Raises:
            KeywatchError: The source cannot be asked, or has none that can be used.
        """
        return self._rotation.load(self._rotation.candidates()[0])

    @property
    def accepted(self) -> str | None:
        """The version of the certificate that Entra accepted last; None if it has accepted none yet."""
        return self._rotation.accepted

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
            ConfigurationError: No scope is given, another tenant, or claims that are no JSON.
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
            return self._asking.do((scopes, claims, cae), lambda: self._acquire(scopes, claims, cae=cae))
        return self._served(scopes, cae) or self._asking.do((scopes, cae), lambda: self._renew(scopes, cae=cae))

    def try_version(self, version: CertificateVersion, scope: str) -> AccessTokenInfo:
        """Ask Entra for a token with one version of the certificate, whatever other versions and memory hold.

        Raises:
            KeywatchError: As in `get_token`.
        """
        signing = self._rotation.load(version)

        def ask() -> AccessTokenInfo:
            client = MsalClient(
                self._application, signing, self._http, lambda to: self._assertions.sign(signing, to), cae=False
            )
            return client.token([scope], None, self._rotation.name)

        return retrying(self._transport, log, "entra")(ask)

    def forget(self) -> None:
        """Drop the tokens in memory, since a service does not accept them; the next one is new."""
        with self._lock:
            self._tokens.clear()
            self._clients.clear()  # MSAL keeps tokens as well

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

    def _held(self, scopes: tuple[str, ...], cae: bool, seconds: float) -> AccessTokenInfo | None:  # noqa: FBT001 - part of the key
        """Return the token in memory, if it lasts so many seconds more."""
        with self._lock:
            held = self._tokens.get((scopes, cae))
        return held if held and held.expires_on - self._clock().timestamp() > seconds else None

    def _served(self, scopes: tuple[str, ...], cae: bool) -> AccessTokenInfo | None:  # noqa: FBT001 - part of the key
        """Return the token in memory while it is fresh, or while Entra has just failed to give a new one."""
        with self._lock:
            resting = self._clock().timestamp() < self._rests_until.get((scopes, cae), 0.0)
        return self._held(scopes, cae, LAST_SECONDS if resting else FRESH_FOR)

    def _renew(self, scopes: tuple[str, ...], *, cae: bool) -> AccessTokenInfo:
        """Ask for a new token; while that fails, the old one serves to its end."""
        if served := self._served(scopes, cae):
            return served
        try:
            return self._acquire(scopes, None, cae=cae)
        except KeywatchError as error:
            held = self._held(scopes, cae, LAST_SECONDS)
            if held is None:
                raise
            with self._lock:
                self._rests_until[scopes, cae] = self._clock().timestamp() + REST
            log.warning("No new token can be had, the old one serves for now: %s", error)
            return held

    def _acquire(self, scopes: tuple[str, ...], claims: str | None, *, cae: bool) -> AccessTokenInfo:
        """Ask Entra, with one version of the certificate after another."""
        try:
            found = self._rotation.try_each(
                lambda version: self._by_version(version, scopes, claims, cae=cae), OF_ONE_VERSION
            )
        except KeywatchError as error:
            error.perhaps_done = False  # a token asked for twice harms nobody
            raise
        with self._lock:
            self._tokens[scopes, cae] = found
        return found

    def _by_version(
        self, version: CertificateVersion, scopes: tuple[str, ...], claims: str | None, *, cae: bool
    ) -> AccessTokenInfo:
        signing = self._rotation.load(version)

        def ask() -> AccessTokenInfo:
            try:
                return self._client(signing, cae=cae).token(list(scopes), claims, self._rotation.name)
            except KeywatchError as error:
                self._forget(version, assertion=isinstance(error, PermanentError))
                raise

        return retrying(self._transport, log, "entra")(ask)

    def _client(self, signing: SigningCertificate, *, cae: bool) -> MsalClient:
        def start() -> MsalClient:
            with self._lock:
                known = self._clients.get((signing.version, cae))
            if known:
                return known
            client = MsalClient(
                self._application, signing, self._http, lambda to: self._assertions.get(signing, to), cae=cae
            )
            with self._lock:
                self._clients[signing.version, cae] = client
            return client

        return self._starting.do((signing.version, cae), start)

    def _forget(self, version: CertificateVersion, *, assertion: bool) -> None:
        """Drop the clients that met a failure: MSAL would repeat an HTTP 400 from memory for a minute.

        Args:
            version: Whose clients.
            assertion: Whether to drop the assertion too, because it may be what was refused.
        """
        with self._lock:
            for cae in (False, True):
                self._clients.pop((version.version, cae), None)
        if assertion:
            self._assertions.forget(version.version)
