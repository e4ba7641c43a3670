"""The certificate that signs, its signature, and the token that Entra gives for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from keywatch.credentials.assertion import Algorithm, sign_jwt
from keywatch.credentials.certificate import CertificateSource, CertificateVersion, SigningCertificate
from keywatch.credentials.rotation import Rotation
from keywatch.credentials.token import AssertionCredential
from keywatch.doctor.model import Detail, Outcome, Step, failed, passed
from keywatch.doctor.run import explain
from keywatch.errors import CertificateUnusableError, KeywatchError

SOON: Final = 30
"""Days before its end from which on a certificate's end is pointed at."""

BY_ENTRA: Final = re.compile(r"Entra refuses a token: (?P<what>.+): (?P<do>.+?) \((?P<label>AADSTS\d+[^()]*)\)\.")
"""How `keywatch.credentials.aadsts` words what has a remedy."""

LOOK_UP: Final = "Look the code up at https://login.microsoftonline.com/error, and the trace in Entra's sign-in logs."


class CertificateChecks:
    """Finds a certificate and signs with it.

    Args:
        source: Where the certificate is.
        algorithm: What it is to sign by, as the cloud that it is for has it.
    """

    def __init__(self, source: CertificateSource, algorithm: Algorithm = "PS256") -> None:
        self._source = source
        self._algorithm = algorithm
        self._signing: SigningCertificate | None = None

    @property
    def signing(self) -> SigningCertificate:
        """The version that was found.

        Raises:
            CertificateUnusableError: None was.
        """
        if self._signing is None:
            raise CertificateUnusableError(f"{self._source.name} has not been found.")
        return self._signing

    def steps(self, name: str, needs: tuple[Step, ...]) -> tuple[Step, Step]:
        """Make the steps that find it and that sign with it.

        Args:
            name: Of the first: where it is looked for.
            needs: What comes before.
        """
        found = Step(name, self._source.name, self.find, needs)
        return found, Step("signature", self._source.name, self.sign, (found,))

    def find(self) -> Outcome:
        """Look the certificate up, choose the version that would sign now, and fetch it.

        Raises:
            KeywatchError: It is not there, cannot be used, or may not be read.
        """
        listed = self._source.versions()
        chosen = Rotation(self._source).candidates()[0]
        self._signing = signing = self._source.load(chosen)
        now = datetime.now(UTC)
        if not signing.not_before <= now < signing.expires:
            raise CertificateUnusableError(
                f"{self._source.name}: version {signing.version} is valid from {signing.not_before:%Y-%m-%d} to "
                f"{signing.expires:%Y-%m-%d}, which is not now. Issue a new version and register it on the application."
            )
        return passed(_described(listed, chosen, signing, now), _in_parts(listed, signing, now))

    def sign(self) -> Outcome:
        """Make one signature, and hold it against the certificate.

        Raises:
            KeywatchError: The key does not sign, or it is another certificate's.
        """
        sign_jwt(self.signing, {"purpose": "keywatch doctor"}, algorithm=self._algorithm)
        return passed(
            f"Its key signs by {self._algorithm}, and the signature fits the certificate.",
            {"algorithm": self._algorithm, "key_id": self.signing.key_id},
        )


def check_token(credential: AssertionCredential, checks: CertificateChecks, scope: str) -> Outcome:
    """Get a token from Entra.

    Args:
        credential: Gets it, by the same certificate.
        checks: Has found that certificate.
        scope: What the token is for.
    """
    try:
        token = credential.get_token(scope)
    except KeywatchError as error:
        return _refused(error)
    minutes = (datetime.fromtimestamp(token.expires_on, UTC) - datetime.now(UTC)).total_seconds() / 60
    version = checks.signing.version
    other = credential.accepted != version
    stands_in = f"; version {credential.accepted} stands in for {version}, which gives none" if other else ""
    return passed(
        f"Entra gives a token for {scope}, good for {minutes:.0f} minutes{stands_in}.",
        {"scope": scope, "minutes": round(minutes), "version": credential.accepted},
    )


def _refused(error: KeywatchError) -> Outcome:
    """Part what Entra refuses from what to do about it."""
    details: dict[str, Detail] = {"error": type(error).__name__}
    if said := BY_ENTRA.fullmatch(str(error)):
        what, do, label = said["what"], said["do"], said["label"]
        details["code"] = label.partition(",")[0]
        return failed(f"Entra refuses a token: {what} ({label}).", f"{do[0].upper()}{do[1:]}.", details)
    finding, remedy = explain(error)
    return failed(finding, LOOK_UP if "AADSTS" in finding else remedy, details)


def _described(
    listed: tuple[CertificateVersion, ...], chosen: CertificateVersion, signing: SigningCertificate, now: datetime
) -> str:
    days = (signing.expires - now).days
    soon = ", which is soon" if days < SOON else ""
    newest = listed[0]
    passed_over = f" The newest, {newest.version}, {newest.obstacle(now)}." if newest.version != chosen.version else ""
    return (
        f"Version {signing.version} is valid until {signing.expires:%Y-%m-%d}, {days} days{soon}; its thumbprint is "
        f"{signing.thumbprint}.{passed_over}"
    )


def _in_parts(listed: tuple[CertificateVersion, ...], signing: SigningCertificate, now: datetime) -> dict[str, Detail]:
    return {
        "version": signing.version,
        "versions": len(listed),
        "thumbprint": signing.thumbprint,
        "not_before": signing.not_before.isoformat(),
        "not_after": signing.expires.isoformat(),
        "days_left": (signing.expires - now).days,
        "subject": signing.certificate.subject.rfc4514_string(),
        "issuer": signing.certificate.issuer.rfc4514_string(),
    }
