"""Whether a host's certificate is trusted, and whose it is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Final

from keywatch.doctor.model import Detail, Outcome, failed, passed
from keywatch.doctor.place import Place
from keywatch.transport.presented import PresentedCertificate, authority_of, chain_of, presented_chain
from keywatch.transport.tunnel import Deadline, connection_to, shake_hands, verifying_context
from keywatch.transport.untrusted import EXPIRED, NOT_YET_VALID, OTHER_NAME, explained

Chain = tuple[PresentedCertificate, ...]

OF_ONE_HOST: Final = (EXPIRED, NOT_YET_VALID, *OTHER_NAME)
"""What is wrong with a host's own certificate, whoever issued it, as OpenSSL numbers it."""

SAVE: Final = "`--save-ca FILE` writes it down; compare its SHA-256 with what your network team says before you add it."


def check_tls(place: Place) -> Outcome:
    """Do a handshake in which the certificate is checked as every request of the connection checks it."""
    deadline = Deadline(place.transport.connect_timeout)
    try:
        context = verifying_context(place.transport)
        with connection_to(place.host, place.port, place.transport, deadline) as connection:
            tls = shake_hands(connection, place.host, context, deadline)
    except ssl.SSLCertVerificationError as error:
        return untrusted(place, error)
    except OSError as error:
        return failed(
            f"There is no TLS with this host: {error.strerror or error}.",
            f"{place.knobs.where_to_look} A firewall in between may close such connections.",
        )
    return _trusted(place, _shown_in(tls), tls.version() or "TLS")


def _shown_in(tls: ssl.SSLObject) -> Chain:
    """Return the chain of a handshake; nothing if it is trusted, and yet too odd to be shown."""
    try:
        return chain_of(tls)
    except ValueError:
        return ()


def _trusted(place: Place, chain: Chain, version: str) -> Outcome:
    if not chain:
        return passed(f"{version}; {_trust(place.transport.trust)}.", {"version": version})
    own = chain[0]
    return passed(
        f"{version}, issued by {own.issuer}, valid until {own.not_after:%Y-%m-%d}; {_trust(place.transport.trust)}.",
        {"version": version, **described(chain)},
    )


def _trust(trust: str | bool) -> str:  # noqa: FBT001 - as requests has it
    if trust is False:
        return "not checked, since transport.verify is false"
    return "trusted as one of the public ones" if trust is True else f"trusted by {trust}"


def untrusted(place: Place, error: ssl.SSLCertVerificationError) -> Outcome:
    """Say whose certificate a host presents that is not trusted, and what to add where.

    Args:
        place: The host.
        error: As OpenSSL refused it.
    """
    chain = _presented(place)
    what, remedy = explained(place.host, error, chain, place.knobs)
    if not chain:
        return failed(what, remedy, {"openssl": error.verify_message})
    details = {"openssl": error.verify_message, **described(chain)}
    if error.verify_code in OF_ONE_HOST:
        return failed(what, remedy, details)
    authority = authority_of(chain)
    if authority.certificate:
        remedy = f"{remedy} {SAVE}"
        details["authority_pem"] = authority.certificate.pem
    return failed(what, remedy, details, cause=f"certificate authority {authority.name}")


def _presented(place: Place) -> Chain:
    try:
        return presented_chain(place.host, place.port, place.transport)
    except (OSError, ValueError):
        return ()


def described(chain: Chain) -> dict[str, Detail]:
    """Describe a chain, which is not empty, for machines."""
    authority = authority_of(chain)
    return {
        "chain": [_described(each) for each in chain],
        "authority": authority.name,
        "authority_sha256": authority.certificate.sha256 if authority.certificate else None,
    }


def _described(certificate: PresentedCertificate) -> dict[str, Detail]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "name_count": certificate.name_count,
        "sha256": certificate.sha256,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "days_left": (certificate.not_after - datetime.now(UTC)).days,
        "is_ca": certificate.is_ca,
        "self_signed": certificate.self_signed,
    }
