"""The certificates that a host, or whoever answers in its place, presents.

When a certificate is not trusted, OpenSSL says so and not whose it is. So the host is visited once more, by the same
way, with every check off: the handshake is made, its certificates are read, and nothing is sent.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from keywatch.transport.settings import DIRECT, Transport
from keywatch.transport.tunnel import HTTPS, Deadline, Proxy, connection_to, shake_hands

LONGEST_NAME: Final = 200
MOST_CERTIFICATES: Final = 10
MOST_NAMES: Final = 20
WAY: Final = "keywatch_way"
"""The attribute of an SDK's error that says by which way it came about."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """One certificate of a chain.

    Attributes:
        subject: Whose it is, such as `CN=mitmproxy,O=mitmproxy`.
        issuer: Who issued it.
        names: The host names and addresses that it is for, the first of them if there are many.
        name_count: How many there are.
        sha256: Its fingerprint, hex pairs with colons between them.
        not_before: From when on it is valid, UTC.
        not_after: Until when it is valid, UTC.
        is_ca: Whether it is a certificate authority's own.
        self_signed: Whether subject and issuer are the same.
        pem: The certificate itself.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    sha256: str
    not_before: datetime
    not_after: datetime
    is_ca: bool
    self_signed: bool
    pem: str = field(repr=False)
    name_count: int = 0

    @classmethod
    def of(cls, der: bytes) -> PresentedCertificate:
        """Read a certificate.

        Raises:
            ValueError: It is none, or too odd a one to be read.
        """
        try:
            return cls._read(der)
        except ValueError:
            raise
        except Exception as error:  # what cryptography raises of odd ones has no common base but this
            raise ValueError(f"a certificate that cannot be read: {type(error).__name__}") from error

    @classmethod
    def _read(cls, der: bytes) -> PresentedCertificate:
        found = x509.load_der_x509_certificate(der)
        names = _names(found)
        return cls(
            subject=_shown(found.subject.rfc4514_string()),
            issuer=_shown(found.issuer.rfc4514_string()),
            names=tuple(map(_shown, names[:MOST_NAMES])),
            name_count=len(names),
            sha256=found.fingerprint(SHA256()).hex(":").upper(),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            is_ca=_is_ca(found),
            self_signed=found.subject == found.issuer,
            pem=found.public_bytes(Encoding.PEM).decode("ascii"),
        )


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority at the end of a chain.

    Attributes:
        name: Its subject.
        certificate: Its own certificate; None if the chain ends before it, as most do.
    """

    name: str
    certificate: PresentedCertificate | None


@dataclass(frozen=True, slots=True)
class Way:
    """By which way a host was to be reached."""

    url: str
    transport: Transport


def presented_chain(host: str, port: int, transport: Transport) -> tuple[PresentedCertificate, ...]:
    """Visit a host, without any trust in it, to see its certificates, the host's own first.

    Takes no longer than the transport gives a connection.

    Args:
        host: Its name.
        port: Its port.
        transport: Has been resolved against the environment.

    Raises:
        OSError: It cannot be reached in time, or does not speak TLS.
        ValueError: What it presents are no certificates.
    """
    deadline = Deadline(transport.connect_timeout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connection_to(host, port, transport, deadline) as connection:
        return chain_of(shake_hands(connection, host, context, deadline))


def chain_of(tls: ssl.SSLObject) -> tuple[PresentedCertificate, ...]:
    """Return the certificates that were presented in a handshake, the host's own first.

    Raises:
        ValueError: They are no certificates.
    """
    # Python has a public method for it from 3.13 on; before, the object within has the same.
    inner: Any = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    presented = (inner.get_unverified_chain() or [])[:MOST_CERTIFICATES]
    return tuple(
        PresentedCertificate.of(each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()))
        for each in presented
    )


def authority_of(chain: tuple[PresentedCertificate, ...]) -> Authority:
    """Follow a chain, which is not empty, from the host's certificate to the authority at its end."""
    by_subject = {each.subject: each for each in reversed(chain)}
    last = chain[0]
    for _ in chain:
        if last.self_signed:
            return Authority(last.subject, last)
        if last.issuer not in by_subject:
            break
        last = by_subject[last.issuer]
    return Authority(last.issuer, None)


def remember_way(error: BaseException, url: str, transport: Transport) -> None:
    """Let an SDK's error say by which way it came about."""
    setattr(error, WAY, Way(url, transport))


def presented_to(error: BaseException, *, by_the_proxy: bool = False) -> tuple[PresentedCertificate, ...]:
    """Visit the host that an SDK did not trust; nothing if that fails, or if the error does not say where it was.

    Args:
        error: One that `remember_way` has seen.
        by_the_proxy: Whether it was the proxy's own certificate that was not trusted.
    """
    way: Way | None = getattr(error, WAY, None)
    if way is None:
        return ()
    try:
        parts = urlsplit(way.url)
        host, port, transport = parts.hostname or "", parts.port or HTTPS, way.transport
        if by_the_proxy and (proxy := Proxy.on_the_way(transport, host, port)):
            host, port, transport = proxy.host, proxy.port, replace(transport, proxy=DIRECT)
        return presented_chain(host, port, transport)
    except (OSError, ValueError):  # the first error is the one to tell
        return ()


def _shown(name: str) -> str:
    """Return what may be shown of a name: whoever presents it chose it."""
    return "".join(each if each.isprintable() else "…" for each in name)[:LONGEST_NAME] or "(no name)"


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the names that a certificate is for; none if they cannot be read.

    Whoever presents it wrote it: what cryptography raises of odd ones has no common base but `Exception`.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - as said
        return []
    return names.get_values_for_type(x509.DNSName) + [str(a) for a in names.get_values_for_type(x509.IPAddress)]


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except Exception:  # noqa: BLE001 - as in `_names`
        return False
