"""Which version of a certificate signs: rotation without an outage.

A new version appears in the vault before or after it is registered on the application, or never is. The newest is
tried first; while Entra does not know it, the newest that last worked signs, and the new one gets its turn again later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from keywatch.credentials.certificate import CertificateSource, CertificateVersion, SigningCertificate
from keywatch.errors import CertificateUnusableError, TransientError

log = logging.getLogger(__name__)

LISTED_FOR: Final = 540.0
"""Seconds after which the source is asked again for its versions: when a new assertion is due."""

REFUSED_FOR: Final = 300.0
"""Seconds before a version that Entra did not know is tried first again."""


class Rotation:
    """The versions of one certificate, in the order in which to try them. Threads may share it.

    Args:
        source: Where they come from.
        clock: Returns the time now, UTC.
        monotonic: Returns seconds that never go back.
    """

    def __init__(
        self,
        source: CertificateSource,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._listed: tuple[CertificateVersion, ...] = ()
        self._listed_at = 0.0
        self._loaded: dict[str, SigningCertificate] = {}
        self._worked: str | None = None
        self._refused: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The certificate, for messages."""
        return self._source.name

    def candidates(self) -> list[CertificateVersion]:
        """Return the versions that may sign now, the one to try first at the head.

        Raises:
            CertificateUnusableError: There is none: each is expired, not yet valid or disabled.
            KeywatchError: The source cannot be asked.
        """
        with self._lock:
            versions = self._versions()
            usable = [each for each in versions if each.obstacle(self._clock()) is None]
            if not usable:
                raise CertificateUnusableError(
                    f"{self.name} cannot be used: "
                    + "; ".join(f"version {each.version} {each.obstacle(self._clock())}" for each in versions[:5])
                    + ". Issue a new version and register it on the application, or enable one."
                )
            newest = usable[0].version
            return sorted(
                usable,
                key=lambda each: (
                    self._is_refused(each.version),
                    each.version != newest,
                    each.version != self._worked,
                ),
            )

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Return a version with its key, fetched once.

        Raises:
            KeywatchError: The source's.
        """
        with self._lock:
            if version.version not in self._loaded:
                self._loaded[version.version] = self._source.load(version)
            return self._loaded[version.version]

    def worked(self, version: CertificateVersion) -> None:
        """Note that Entra accepted a version."""
        with self._lock:
            self._worked = version.version
            self._refused.pop(version.version, None)

    def refused(self, version: CertificateVersion) -> None:
        """Note that Entra does not know a version."""
        with self._lock:
            self._refused[version.version] = self._monotonic()

    def _is_refused(self, version: str) -> bool:
        since = self._refused.get(version)
        return since is not None and self._monotonic() - since < REFUSED_FOR

    def _versions(self) -> tuple[CertificateVersion, ...]:
        """List the versions anew when that is due; while the source cannot be asked, what it said before is used."""
        if self._listed and self._monotonic() - self._listed_at < LISTED_FOR:
            return self._listed
        try:
            self._listed = self._source.versions()
        except TransientError as error:
            if not self._listed:
                raise
            log.warning("%s cannot be asked for new versions, going on with the known ones: %s", self.name, error)
        self._listed_at = self._monotonic()
        return self._listed
