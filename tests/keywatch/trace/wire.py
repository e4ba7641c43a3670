"""What really goes over the wire, secrets included, and the secrets in it.

Written without a look at `keywatch.trace`: what that takes for a secret is not what this does.
"""

from __future__ import annotations

import gzip
import http.client
import re
import ssl
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

import pytest

SECRETS: Final = [
    re.compile(pattern)
    for pattern in (
        r"(?i)\n(?:proxy-)?authorization: \w+ ([\w.~+/=-]{20,})\r",
        r"(?i)\nauthorization: SharedKey [\w-]+:([\w+/=]+)",
        r"(?i)signature=([0-9a-f]{32,})",
        r"(?i)\nx-amz-security-token: (\S+)",
        r"(?i)\nx-identity-header: (\S+)",
        r"(eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+)",
        r"client_assertion=([^&\s]+)",
        r"<SecretAccessKey>([^<]+)",
        r"<SessionToken>([^<]+)",
        r'"(?:secretAccessKey|sessionToken|access_token|refresh_token)": ?"([^"]+)"',
        r"((?:AKIA|ASIA)[A-Z0-9]{16})",
        r'"value": ?"([\w-]{40,})"',
    )
]


class Wire:
    """Sees every byte that this process sends and receives within TLS, and what it sends without."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sent = bytearray()
        self.received = bytearray()
        send, receive = http.client.HTTPConnection.send, ssl.SSLSocket.recv_into

        def seen_send(connection: http.client.HTTPConnection, data: Any) -> None:  # noqa: ANN401 - as http.client
            self.sent += data
            send(connection, data)

        def seen_receive(sock: ssl.SSLSocket, buffer: Any, *args: Any) -> int:  # noqa: ANN401 - as ssl
            count = receive(sock, buffer, *args)
            self.received += memoryview(buffer)[:count]
            return count

        patch.setattr(http.client.HTTPConnection, "send", seen_send)
        patch.setattr(ssl.SSLSocket, "recv_into", seen_receive)

    def secrets(self) -> set[str]:
        """Give every secret that went over the wire, as it was written there."""
        text = (self.sent + b"\n" + self.received).decode("latin-1")
        return {match[1] for pattern in SECRETS for match in pattern.finditer(text)}

    def packed(self) -> list[bytes]:
        """Give what was sent packed."""
        return [gzip.decompress(part) for part in re.findall(rb"\x1f\x8b\x08.*", bytes(self.sent), re.DOTALL)]


def found(secrets: set[str], text: str) -> set[str]:
    """Give the secrets that are in a text, in whatever usual way they are written."""
    return {
        secret
        for secret in secrets
        for plain in {secret, unquote_plus(secret)}
        if any(written in text for written in (plain, quote(plain, safe=""), quote_plus(plain)))
    }
