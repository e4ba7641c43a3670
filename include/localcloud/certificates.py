"""The local cloud's certificate authority and one TLS context for each host name it plays."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import trustme


class Presented(StrEnum):
    """Which certificate a host shows."""

    VALID = "valid"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"


class Certificates:
    """Issues a certificate for a host name when it is first asked for; the CA's private key stays in memory."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="Local cloud", organization_unit_name="Local cloud CA")
        self._stranger: trustme.CA | None = None
        self._contexts: dict[tuple[str, Presented], ssl.SSLContext] = {}

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate, PEM."""
        return self._ca.cert_pem.bytes()

    def context(self, host: str, presented: Presented = Presented.VALID) -> ssl.SSLContext:
        """Give the server side's TLS context for a host: TLS 1.2 or newer, HTTP/1.1."""
        wanted = (host, presented)
        if wanted not in self._contexts:
            self._contexts[wanted] = self._make(host, presented)
        return self._contexts[wanted]

    def _make(self, host: str, presented: Presented) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._leaf(host, presented).configure_cert(context)
        return context

    def _leaf(self, host: str, presented: Presented) -> trustme.LeafCert:
        if presented is Presented.UNTRUSTED:
            self._stranger = self._stranger or trustme.CA(organization_name="Unknown to everybody")
            return self._stranger.issue_cert(host)
        if presented is Presented.EXPIRED:
            now = datetime.now(UTC)
            return self._ca.issue_cert(host, not_before=now - timedelta(days=30), not_after=now - timedelta(days=1))
        return self._ca.issue_cert(host)
