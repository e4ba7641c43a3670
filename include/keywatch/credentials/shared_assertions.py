"""One assertion for every thread and scope, until it is nearly over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msal

from keywatch.credentials.application import Application
from keywatch.credentials.assertion import client_assertion
from keywatch.credentials.certificate import SigningCertificate
from keywatch.credentials.single_flight import SingleFlight

REUSED_FOR: Final = 540
"""Seconds that one assertion is shown again, for whatever scope; a minute less than it is valid."""


class SharedAssertions:
    """The assertions of one application, by the version of the certificate that signs. Threads may share it.

    Args:
        application: Whose assertions.
        clock: Returns the time now, UTC.
    """

    def __init__(self, application: Application, clock: Callable[[], datetime]) -> None:
        self._application = application
        self._clock = clock
        self._lock = threading.Lock()
        self._signing = SingleFlight[str]()
        self._refreshers: dict[tuple[str, str], msal.AutoRefresher] = {}

    def get(self, signing: SigningCertificate, audience: str) -> str:
        """Return the version's assertion for a token endpoint, signed anew only when the last one is nearly over.

        Raises:
            HostNotAllowedError: The endpoint is outside the cloud; nothing has been signed.
            KeywatchError: The vault cannot be asked, or refuses to sign.
        """
        with self._lock:
            refresher = self._refreshers.setdefault(
                (signing.version, audience),
                msal.AutoRefresher(lambda: self.sign(signing, audience), expires_in=REUSED_FOR),
            )
        return self._signing.do((signing.version, audience), lambda: str(refresher()))

    def sign(self, signing: SigningCertificate, audience: str) -> str:
        """Make an assertion for a token endpoint.

        Raises:
            HostNotAllowedError: The endpoint is outside the cloud; nothing has been signed.
            KeywatchError: The vault cannot be asked, or refuses to sign.
        """
        self._application.hosts.require(audience)
        return client_assertion(
            signing,
            client_id=self._application.client_id,
            audience=audience,
            now=self._clock(),
            send_chain=self._application.send_chain,
        )

    def forget(self, version: str) -> None:
        """Drop a version's assertions, because one of them may be what was refused."""
        with self._lock:
            for key in [key for key in self._refreshers if key[0] == version]:
                del self._refreshers[key]
