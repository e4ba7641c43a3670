"""What somebody should know of a certificate before it stops an audit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from keywatch.credentials.certificate import CertificateSource, CertificateVersion
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import CertificateNotRegisteredError, KeywatchError, TransientError

SECONDS_PER_DAY = 86_400


class Registration(StrEnum):
    """Whether Entra knows a version as one of the application's."""

    REGISTERED = "registered"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version of a certificate, as it stands now.

    Attributes:
        version: The version.
        newest: Whether there is no newer one.
        days_to_expiry: Whole days, negative once it has expired; None if it never does.
        registration: Whether Entra knows it; unknown when that could not be asked.
        thumbprint: Hex SHA-1, as the portal shows it; None if the certificate could not be fetched.
        problem: Why it gets no token; None if it does.
    """

    version: CertificateVersion
    newest: bool
    days_to_expiry: int | None
    registration: Registration
    thumbprint: str | None
    problem: str | None

    @property
    def gives_tokens(self) -> bool:
        """Whether a token could be had with it."""
        return self.problem is None


def watch_versions(
    credential: AssertionCredential, source: CertificateSource, scope: str, now: datetime
) -> Iterator[VersionState]:
    """Try every version that is not expired, newest first; the newest is told of even then.

    Each version that can sign signs once and asks Entra for one token.

    Args:
        credential: Made of the source.
        source: The certificate.
        scope: What the tokens are asked for.
        now: The time now, UTC.

    Yields:
        A state for each.

    Raises:
        TransientError: The vault or Entra cannot be asked now.
        KeywatchError: The versions cannot be listed.
    """
    for position, version in enumerate(source.versions()):
        if position and version.expires is not None and version.expires <= now:
            continue
        yield _state(credential, version, scope, now, newest=position == 0)


def _state(
    credential: AssertionCredential, version: CertificateVersion, scope: str, now: datetime, *, newest: bool
) -> VersionState:
    obstacle = version.obstacle(now)
    problem: str | None = f"Version {version.version} {obstacle}." if obstacle else None
    registration, thumbprint = Registration.UNKNOWN, None
    if problem is None:
        try:
            thumbprint = credential.load(version).thumbprint
            credential.try_version(version, scope)
            registration = Registration.REGISTERED
        except TransientError:
            raise
        except CertificateNotRegisteredError as error:
            registration, problem = Registration.MISSING, str(error)
        except KeywatchError as error:
            problem = str(error)
    return VersionState(
        version=version,
        newest=newest,
        days_to_expiry=None if version.expires is None else _days(version.expires, now),
        registration=registration,
        thumbprint=thumbprint,
        problem=problem,
    )


def _days(expires: datetime, now: datetime) -> int:
    return math.floor((expires - now).total_seconds() / SECONDS_PER_DAY)
