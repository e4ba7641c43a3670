"""Journeys to the identity provider and back: the authorization code flow with PKCE, by MSAL.

Source: RFC 6749, 7636, 9207 and 9700; OpenID Connect Core 1.0 and RP-Initiated Logout 1.0.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msal
from msal.exceptions import MsalError

from keywatch.errors import (
    AccessTokenError,
    RequestRefusedError,
    ServiceUnavailableError,
    SignInError,
    TokenRefusedError,
)
from keywatch.portal.provider.model import READ, WRITE, Authority, Identity, Journey, Provider
from keywatch.portal.tokens.rules import Claims
from keywatch.portal.tokens.signing_keys import SigningKeys
from keywatch.portal.tokens.validate import as_moment, validate
from keywatch.portal.web.credential import ClientCredential, MsalCredential
from keywatch.portal.web.provider_http import ProviderHttp
from keywatch.portal.web.session import Flow, Tokens
from keywatch.transport import Transport
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

T = TypeVar("T")

CALLBACK: Final = "/getAToken"
STEP_UP_CALLBACK: Final = "/getATokenMFA"

STARTED_SECONDS: Final = 900
"""How long a journey may take."""

FRESH_SECONDS: Final = 300
"""How long what the provider says of somebody serves to bind an account: it may delete them, or change the address."""

LEEWAY_SECONDS: Final = 30
"""How far behind ours the provider's clock may be when it says when somebody has signed in for a step-up."""

EARLY_SECONDS: Final = 60
"""A token is renewed so long before it is over."""

LONGEST_LIFE: Final = 86_400
ENDED: Final = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
"""How a provider says that a person has to sign in again (RFC 6749, section 5.2; OpenID Connect Core, 3.1.2.6)."""

CODE: Final = re.compile(r"(AADB2C|AADSTS)[0-9]{1,10}")
ERROR: Final = re.compile(r"[a-z_]{1,60}")
"""An error code of OAuth."""


class _ForgetfulCache(msal.TokenCache):  # type: ignore[misc]
    """Keeps no token: they are the sessions' business, and MSAL's client is shared by all of them."""

    def add(self, event: Mapping[str, Any], now: float | None = None) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a journey came to.

    Attributes:
        identity: Who has signed in.
        claims: Of the ID token, validated.
        tokens: For the API; None if the journey was not for it.
        at: When, in seconds since 1970.
    """

    identity: Identity
    claims: Claims = field(repr=False)
    tokens: Tokens | None = field(repr=False)
    at: float


class SignIn:
    """Sends people to the provider, and reads what they come back with. Threads may share it.

    Args:
        provider: The provider.
        credential: What the web app proves itself by.
        keys: The provider's signing keys.
        transport: How to reach it.
        web_url: The web app's origin.
        clock: Returns seconds since 1970, UTC.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(
        self,
        provider: Provider,
        credential: ClientCredential,
        keys: SigningKeys,
        *,
        transport: Transport,
        web_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        keep_wire_logs_quiet()
        self._provider = provider
        self._credential = credential
        self._keys = keys
        self._http = ProviderHttp(transport, provider.hosts)
        self._web_url = web_url
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: dict[tuple[Authority, bool, str], msal.ConfidentialClientApplication] = {}
        self._logout: str | None = None

    def start(self, journey: Journey, then: str, challenge: Mapping[str, str] | None = None) -> tuple[str, Flow]:
        """Begin a journey.

        Args:
            journey: Why.
            then: Our page to go to afterwards.
            challenge: What the API has answered, of a step-up.

        Returns:
            Where to send the browser, and what to remember.

        Raises:
            SignInError: The provider has no such journey, or cannot meet the challenge.
            KeywatchError: Provider or vault cannot be asked.
        """
        authority = self._authority(journey)
        extra = dict(self._provider.step_up_request(challenge or {})) if journey is Journey.STEP_UP else {}
        claims = extra.pop("claims", None)
        callback = STEP_UP_CALLBACK if journey is Journey.STEP_UP else CALLBACK

        def ask(version: str, credential: MsalCredential) -> dict[str, Any]:
            client = self._client(authority, journey, version, credential)
            return dict(
                client.initiate_auth_code_flow(
                    list(self._scopes(journey)),
                    redirect_uri=self._web_url + callback,
                    state=secrets.token_urlsafe(32),
                    prompt="login" if journey is Journey.STEP_UP else None,
                    claims_challenge=claims,
                )
            )

        flow = self._credential.try_each(lambda version, credential: self._asking(lambda: ask(version, credential)))
        address = str(flow.pop("auth_uri"))
        if f"https://{urlsplit(address).netloc}" not in self._provider.origins:
            raise RequestRefusedError(f"{self._provider.name} names a sign-in page on another host. Correct provider.")
        if extra:
            address += f"&{urlencode(extra)}"
        return address, Flow(state=flow["state"], journey=journey, started=self._clock(), then=then, msal=flow)

    def finish(self, flow: Flow, answer: Mapping[str, str]) -> Arrival:
        """End a journey: redeem the code, and validate what comes for it.

        Args:
            flow: As `start` gave it; its state is the answer's.
            answer: The parameters by which the provider has sent the browser back.

        Raises:
            SignInError: It came to nothing; `code` says why, if the provider does.
            KeywatchError: Provider or vault cannot be asked.
        """
        self._check(flow, answer)
        authority = self._authority(flow.journey)

        def ask(version: str, credential: MsalCredential) -> dict[str, Any]:
            client = self._client(authority, flow.journey, version, credential)
            return dict(client.acquire_token_by_auth_code_flow(dict(flow.msal), dict(answer)))

        result = self._credential.try_each(lambda version, credential: self._redeemed(lambda: ask(version, credential)))
        claims = self._validated(result.get("id_token"), flow)
        tokens = self._tokens(result, keep_refresh=flow.journey is Journey.SIGN_IN)
        if tokens is None and flow.journey in (Journey.SIGN_IN, Journey.STEP_UP):
            raise SignInError(
                f"{self._provider.name} has issued no access token for the API. Grant the web app the API's scopes "
                f"{READ} and {WRITE}, with consent."
            )
        return Arrival(self._provider.identity(claims), claims, tokens, self._clock())

    def lasts(self, tokens: Tokens) -> bool:
        """Tell whether an access token serves for this request."""
        return tokens.expires - self._clock() > EARLY_SECONDS

    def is_fresh(self, since: float) -> bool:
        """Tell whether what the provider said at a moment is recent enough to bind an account by."""
        return self._clock() - since <= FRESH_SECONDS

    def renewed(self, tokens: Tokens) -> Tokens:
        """Return new tokens.

        Raises:
            SignInError: There are none any more: the person has to sign in again.
            ServiceUnavailableError: The provider does not say that, and gives none.
            KeywatchError: Provider or vault cannot be asked.
        """
        if tokens.refresh_token is None:
            raise SignInError("Your sign-in is over. Sign in again.")
        try:
            return self._renewed(tokens)
        except SignInError as error:
            if error.error is None or error.error in ENDED:
                raise
            raise ServiceUnavailableError(f"No new token can be had: {error}") from error

    def _renewed(self, tokens: Tokens) -> Tokens:
        authority = self._authority(Journey.SIGN_IN)

        def ask(version: str, credential: MsalCredential) -> dict[str, Any]:
            client = self._client(authority, Journey.SIGN_IN, version, credential)
            scopes = [self._provider.scope(READ), self._provider.scope(WRITE)]
            return dict(client.acquire_token_by_refresh_token(tokens.refresh_token, scopes))

        result = self._credential.try_each(lambda version, credential: self._redeemed(lambda: ask(version, credential)))
        new = self._tokens(result, keep_refresh=True)
        if new is None:
            raise SignInError("Your sign-in is over. Sign in again.")
        return (
            new
            if new.refresh_token
            else Tokens(access_token=new.access_token, expires=new.expires, refresh_token=tokens.refresh_token)
        )

    def sign_out_url(self) -> str:
        """Say where the provider's own session is ended, and have it send the browser home.

        Raises:
            KeywatchError: The provider cannot be asked, or names no such place.
        """
        if self._logout is None:
            self._logout = self._asking(self._end_session_endpoint)
        wanted = {"client_id": self._provider.client_id, "post_logout_redirect_uri": f"{self._web_url}/"}
        return f"{self._logout}{'&' if '?' in self._logout else '?'}{urlencode(wanted)}"

    def _check(self, flow: Flow, answer: Mapping[str, str]) -> None:
        if self._clock() - flow.started > STARTED_SECONDS:
            raise SignInError("This sign-in has taken too long. Start again.")
        issuer = self._provider.id_token(flow.journey).issuer
        if answer.get("iss", issuer) != issuer:
            raise SignInError("The answer is another provider's. Start again.")
        if "error" in answer:
            raise _refusal(answer)
        if not answer.get("code"):
            raise SignInError("The provider has answered with neither a code nor an error. Start again.")

    def _authority(self, journey: Journey) -> Authority:
        authority = self._provider.authority(journey)
        if authority is None:
            raise SignInError(f"{self._provider.name} has no page of this portal's for this.")
        return authority

    def _scopes(self, journey: Journey) -> tuple[str, ...]:
        if journey not in (Journey.SIGN_IN, Journey.STEP_UP):
            return ()
        return (self._provider.scope(READ), self._provider.scope(WRITE), *self._provider.further_scopes)

    def _client(
        self, authority: Authority, journey: Journey, version: str, credential: MsalCredential
    ) -> msal.ConfidentialClientApplication:
        """Return MSAL's client; one that asks for refresh tokens is for signing in alone."""
        refreshes = journey is Journey.SIGN_IN
        key = (authority, refreshes, version)
        with self._lock:
            known = self._clients.get(key)
        if known is not None:
            return known
        client = msal.ConfidentialClientApplication(
            self._provider.client_id,
            client_credential=credential,
            authority=authority.authority,
            oidc_authority=authority.oidc_authority,
            http_client=self._http,
            token_cache=_ForgetfulCache(),
            exclude_scopes=None if refreshes else ["offline_access"],
            instance_discovery=False,
        )
        self._provider.hosts.require(str(client.authority.token_endpoint))
        with self._lock:
            for old in [each for each in self._clients if each[:2] == key[:2]]:
                del self._clients[old]
            self._clients[key] = client
        return client

    def _redeemed(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the tokens.

        Raises:
            TokenRefusedError: The provider does not accept the web app's credential.
            SignInError: It does not accept the code or the refresh token.
        """
        result = self._asking(ask)
        if result.get("error") in ("invalid_client", "unauthorized_client"):
            said = _code_in(result) or result["error"]
            raise TokenRefusedError(
                f"{self._provider.name} does not accept the web app's certificate or secret ({said}). Register the "
                f"certificate on application {self._provider.client_id}, or put its secret into the vault."
            )
        if "error" in result:
            raise _refusal({name: str(value) for name, value in result.items()})
        return result

    def _validated(self, token: object, flow: Flow) -> Claims:
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            claims = validate(str(token or ""), self._provider.id_token(flow.journey), self._keys, now)
        except AccessTokenError as error:
            log.warning("An ID token is not accepted: %s", error)
            raise SignInError("The provider's ID token is not accepted. Show this to who looks after it.") from error
        expected = hashlib.sha256(str(flow.msal.get("nonce")).encode("ascii")).hexdigest()  # as MSAL sends it
        if not secrets.compare_digest(str(claims.get("nonce")).encode(), expected.encode()):
            raise SignInError("The ID token is of another sign-in. Start again.")
        signed_in = as_moment(claims.get("auth_time"))
        if flow.journey is Journey.STEP_UP and (signed_in is None or signed_in < flow.started - LEEWAY_SECONDS):
            raise SignInError("The provider does not say that you have signed in just now, so nothing was changed.")
        return claims

    def _tokens(self, result: Mapping[str, Any], *, keep_refresh: bool) -> Tokens | None:
        token, seconds, refresh = (result.get(name) for name in ("access_token", "expires_in", "refresh_token"))
        if not isinstance(token, str) or not token:
            return None
        try:
            life = min(max(int(seconds or 0), 0), LONGEST_LIFE)
        except (OverflowError, TypeError, ValueError):
            life = 0
        kept = refresh if keep_refresh and isinstance(refresh, str) else None
        return Tokens(access_token=token, expires=self._clock() + life, refresh_token=kept)

    def _end_session_endpoint(self) -> str:
        found = json.loads(self._http.get(self._provider.metadata_url).text).get("end_session_endpoint")
        if not isinstance(found, str) or f"https://{urlsplit(found).netloc}" not in self._provider.origins:
            raise RequestRefusedError(f"{self._provider.name} names no place on its host to sign out at.")
        return found

    def _asking(self, ask: Callable[[], T]) -> T:
        with self._speaking_of_the_provider():
            return ask()

    @contextlib.contextmanager
    def _speaking_of_the_provider(self) -> Iterator[None]:
        """Say in our words what goes wrong; MSAL's own may repeat a token's claims."""
        host = urlsplit(self._provider.metadata_url).netloc
        try:
            yield
        except RuntimeError:  # as MSAL has it of a nonce
            raise SignInError("The ID token is of another sign-in. Start again.") from None
        except (ArithmeticError, AttributeError, LookupError, MsalError, TypeError, ValueError) as error:
            raise ServiceUnavailableError(
                f"{host} answered with something that {self._provider.name} does not say ({type(error).__name__}). "
                "Check the portal's provider and transport."
            ) from None


def _refusal(answer: Mapping[str, str]) -> SignInError:
    """Say what the provider refuses, by its code: its words may be anybody's who has made the link."""
    said = answer.get("error", "")
    error = said if ERROR.fullmatch(said) else "unknown"
    code = _code_in(answer) or error
    return SignInError(f"The provider answers {code}. Try again, and show it to who looks after it.", code, error)


def _code_in(answer: Mapping[str, Any]) -> str | None:
    found = CODE.match(str(answer.get("error_description", "")))
    return found[0] if found else None
