"""Which version of a certificate signs: rotation without an outage.

A new version appears in the vault before or after it is registered on the application, or never is. The newest is
tried first; while it gives no token, the newest that last worked signs, and the new one gets its turn again later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from keywatch.credentials.certificate import CertificateSource, CertificateVersion, SigningCertificate
from keywatch.credentials.single_flight import SingleFlight
from keywatch.errors import CertificateUnusableError, KeywatchError

log = logging.getLogger(__name__)

T = TypeVar("T")

LISTED_FOR: Final = 540.0
"""Seconds after which the source is asked again for its versions: when a new assertion is due."""

REFUSED_FOR: Final = 300.0
"""Seconds before a version that gave no token is tried first again."""


class Rotation:
    """The versions of one certificate, in the order in which to try them. Threads may share it.

    The lock is held for a moment only; who needs what the source is being asked for waits for that one answer.

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
        self._listing = SingleFlight[tuple[CertificateVersion, ...]]()
        self._loading = SingleFlight[SigningCertificate]()
        self._listed: tuple[CertificateVersion, ...] = ()
        self._listed_at = 0.0
        self._loaded: dict[str, SigningCertificate] = {}
        self._worked: str | None = None
        self._refused: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The certificate, for messages."""
        return self._source.name

    @property
    def accepted(self) -> str | None:
        """The version that was accepted last; None if none has been yet."""
        return self._worked

    def candidates(self, *, afresh: bool = False) -> list[CertificateVersion]:
        """Return the versions that may sign now, the one to try first at the head.

        Args:
            afresh: Whether to ask the source even if that is not due.

        Raises:
            CertificateUnusableError: There is none: each is expired, not yet valid or disabled.
            KeywatchError: The source cannot be asked, and has never been.
        """
        versions, now = self._versions(afresh=afresh), self._clock()
        usable = [each for each in versions if each.obstacle(now) is None]
        if not usable:
            raise CertificateUnusableError(
                f"{self.name} cannot be used: "
                + "; ".join(f"version {each.version} {each.obstacle(now)}" for each in versions[:5])
                + ". Issue a new version and register it on the application, or enable one."
            )
        newest = usable[0].version
        with self._lock:
            return sorted(
                usable,
                key=lambda each: (
                    self._is_refused(each.version),
                    each.version != newest,
                    each.version != self._worked,
                ),
            )

    def try_each(
        self, attempt: Callable[[CertificateVersion], T], of_one_version: tuple[type[KeywatchError], ...]
    ) -> T:
        """Return what the first version gives with which an attempt succeeds.

        Before it gives up, the source is asked for versions that it has not named yet.

        Args:
            attempt: Tries one version.
            of_one_version: The errors that may not meet another version.

        Raises:
            KeywatchError: Of the first version, if none succeeds; or any other of an attempt's.
        """
        tried: set[str] = set()
        problems: list[KeywatchError] = []
        for afresh in (False, True):
            candidates = [each for each in self.candidates(afresh=afresh) if each.version not in tried]
            for version in candidates:
                tried.add(version.version)
                try:
                    found = attempt(version)
                except of_one_version as error:
                    self.refused(version)
                    problems.append(error)
                    log.warning("%s Other versions are tried.", error)
                    continue
                self.worked(version)
                return found
        raise problems[0]

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Return a version with its key, fetched once.

        Raises:
            KeywatchError: The source's.
        """
        with self._lock:
            known = self._loaded.get(version.version)
        return known or self._loading.do(version.version, lambda: self._load(version))

    def worked(self, version: CertificateVersion) -> None:
        """Note that a version was accepted."""
        with self._lock:
            self._worked = version.version
            self._refused.pop(version.version, None)

    def refused(self, version: CertificateVersion) -> None:
        """Note that a version was refused."""
        with self._lock:
            self._refused[version.version] = self._monotonic()

    def _is_refused(self, version: str) -> bool:
        since = self._refused.get(version)
        return since is not None and self._monotonic() - since < REFUSED_FOR

    def _load(self, version: CertificateVersion) -> SigningCertificate:
        loaded = self._source.load(version)
        with self._lock:
            return self._loaded.setdefault(version.version, loaded)

    def _versions(self, *, afresh: bool) -> tuple[CertificateVersion, ...]:
        with self._lock:
            due = not self._listed or self._monotonic() - self._listed_at >= LISTED_FOR
            known = self._listed
        return self._listing.do("versions", self._list) if due or afresh else known

    def _list(self) -> tuple[CertificateVersion, ...]:
        """Ask the source for its versions; while it cannot be asked, what it said before is used."""
        try:
            listed = self._source.versions()
        except KeywatchError as error:
            with self._lock:
                if not self._listed:
                    raise
                self._listed_at = self._monotonic()
                log.warning("%s cannot be asked for its versions, going on with the known ones: %s", self.name, error)
                return self._listed
        with self._lock:
            self._listed, self._listed_at = listed, self._monotonic()
            return listed
