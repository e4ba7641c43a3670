"""A provider's signing keys, as its discovery document leads to them: kept, and read again when they may have changed.

Source: OpenID Connect Discovery 1.0, section 3; OpenID Connect Core 1.0, section 10.1.1 (rotation).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keywatch.errors import KeywatchError, ServiceUnavailableError
from keywatch.portal.tokens.key_set import read_keys
from keywatch.portal.tokens.strict_json import read_object
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 24 * 3600
"""How long keys serve before they are read again. Providers ask for a day (Microsoft Learn, "Signing key rollover")."""

KEPT_SECONDS: Final = 7 * 24 * 3600
"""How long keys serve while they cannot be read again."""

PAUSE_SECONDS: Final = 10
"""Between two readings, whatever tokens name: keys that nobody knows cost nothing to name."""

FIRST_PAUSE_SECONDS: Final = 5
"""Between two readings while there are no keys at all."""

WAIT_SECONDS: Final = 5.0
"""How long the first tokens wait for the first keys."""

ANSWER_SECONDS: Final = 10.0
"""How long a provider may take to accept a connection, and for the next bytes of an answer."""

LARGEST_ANSWER: Final = 512 * 1024
"""Bytes. What providers answer is below 20 KiB."""

HEADERS: Final = {"Accept": "application/json, application/jwk-set+json", "Connection": "close"}
"""A connection that was kept for a day would be found broken."""


class KeySource(Protocol):
    """Where keys are; every provider says so."""

    @property
    def metadata_url(self) -> str:
        """The discovery document."""
        ...

    @property
    def hosts(self) -> AllowedHosts:
        """The hosts that the discovery document, and the keys that it names, may be on."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Mapping[str, RSAPublicKey]
    read: float


class SigningKeys:
    """A provider's signing keys. Threads may share it: at most one at a time reads, and known keys never wait for it.

    Args:
        source: Where they are.
        transport: How to get there.
        clock: Returns seconds that never go back.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(self, source: KeySource, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._session = requests_session(transport, source.hosts, pool_size=1, largest=LARGEST_ANSWER)
        connect, read = transport.timeouts
        self._timeouts = min(connect, ANSWER_SECONDS), min(read, ANSWER_SECONDS)
        self._reading = threading.Lock()
        self._known: _Known | None = None
        self._tried: float | None = None
        self._failure: str | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        """Return the key of a name; None if the provider has none of it.

        Args:
            kid: As a token's header has it.

        Raises:
            ServiceUnavailableError: The provider's keys cannot be had, or those that are known do not include this one
                and cannot be read again just now.
        """
        known, now = self._known, self._clock()
        if known is None or now - known.read > KEPT_SECONDS:
            known = self._first()
        elif kid not in known.keys:
            known = self._again_for_unknown(known)
        elif now - known.read > FRESH_SECONDS:
            known = self._again(known) or known
        return known.keys.get(kid)

    def _first(self) -> _Known:
        """Read the keys while none can be used; whoever comes meanwhile waits for them."""
        if not self._reading.acquire(timeout=WAIT_SECONDS):
            raise self._unavailable("it has not answered yet")
        try:
            known = self._known
            if known and self._clock() - known.read <= KEPT_SECONDS:
                return known
            if not self._may_try(FIRST_PAUSE_SECONDS):
                raise self._unavailable(self._failure)
            return self._read()
        finally:
            self._reading.release()

    def _again_for_unknown(self, known: _Known) -> _Known:
        """Read the keys again for one that is not among them, unless that was done just now."""
        newest = self._again(known)
        if newest is None:
            raise self._unavailable("they are just being read")
        if self._failure is not None:
            raise self._unavailable(self._failure)
        return newest

    def _again(self, known: _Known) -> _Known | None:
        """Read the keys again, if it is time to; None if another thread is doing so."""
        if not self._may_try(PAUSE_SECONDS):
            return self._known
        if not self._reading.acquire(blocking=False):
            return None
        try:
            if self._known is known and self._may_try(PAUSE_SECONDS):
                return self._read()
        except ServiceUnavailableError:
            return known
        finally:
            self._reading.release()
        return self._known

    def _may_try(self, pause: float) -> bool:
        return self._tried is None or self._clock() - self._tried >= pause

    def _read(self) -> _Known:
        """Read the keys; only who holds the lock does."""
        self._tried = self._clock()
        try:
            keys = read_keys_of(self._source, self._session, self._timeouts)
        except KeywatchError as error:
            if self._known and self._failure is None:
                log.warning("Signing keys cannot be read again, the known ones serve for now: %s", error)
            self._failure = str(error)
            raise self._unavailable(self._failure) from error
        if self._failure is not None:
            log.info("Signing keys of %s are read again", urlsplit(self._source.metadata_url).hostname)
        self._failure = None
        self._known = _Known(keys, self._tried)
        return self._known

    def _unavailable(self, reason: str | None) -> ServiceUnavailableError:
        host = urlsplit(self._source.metadata_url).hostname
        return ServiceUnavailableError(
            f"The signing keys of {host} cannot be had at the moment: {reason}", retry_after=FIRST_PAUSE_SECONDS
        )


def read_keys_of(
    source: KeySource, session: requests.Session, timeouts: tuple[float, float]
) -> Mapping[str, RSAPublicKey]:
    """Read a provider's signing keys.

    Args:
        source: Where they are.
        session: How to get there; it refuses hosts that are not the source's.
        timeouts: Seconds to connect, and to read.

    Raises:
        HostNotAllowedError: The discovery document is, or says that the keys are, on another host or not on HTTPS.
        ServiceUnavailableError: An answer is not what it should be.
        KeywatchError: There is no answer.
    """
    metadata = source.metadata_url
    host = urlsplit(metadata).hostname
    try:
        address = read_object(_get(metadata, session, timeouts)).get("jwks_uri")
    except ValueError as error:
        raise _unusable(f"The discovery document of {host} is not usable: {error}") from error
    if not isinstance(address, str):
        raise _unusable(f"The discovery document of {host} does not say where the keys are")
    source.hosts.require(address)
    try:
        return read_keys(_get(address, session, timeouts))
    except ValueError as error:
        raise _unusable(f"The key set of {urlsplit(address).hostname} is not usable: {error}") from error


def _get(url: str, session: requests.Session, timeouts: tuple[float, float]) -> bytes:
    host = urlsplit(url).netloc
    try:
        answer = session.get(url, timeout=timeouts, allow_redirects=False, headers=HEADERS)
    except requests.RequestException as error:
        raise network_error(error, host) from error
    if answer.status_code != HTTPStatus.OK:
        raise _unusable(f"{host} answers a question for its signing keys by HTTP {answer.status_code}")
    return answer.content


def _unusable(reason: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"{reason}. See that the portal's configuration names the provider's own address.")
