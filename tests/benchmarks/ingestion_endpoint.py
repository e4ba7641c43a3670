"""An endpoint of the Logs Ingestion API that accepts everything and counts bytes.

`python -m tests.benchmarks.ingestion_endpoint CA_FILE` writes the certificate authority that signs for it to the file.
"""

from __future__ import annotations

import ssl
import sys
from typing import Any

import trustme

from tests.benchmarks.http_endpoint import serve

ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"


class IngestionEndpoint:
    """Counts requests and their bytes; TLS's own are not among them."""

    def __init__(self) -> None:
        self.set({})

    def set(self, settings: dict[str, Any]) -> None:
        """Take `latency` in seconds, and count from zero."""
        self.latency: float = settings.get("latency", 0.0)
        self._requests = self._bytes = 0

    def counts(self) -> dict[str, Any]:
        """Return what was received."""
        return {"requests": self._requests, "bytes": self._bytes}

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Count a request in."""
        self._requests += 1
        self._bytes += len(head) + len(body)
        return ACCEPTED


def main(ca_file: str) -> None:
    """Serve with a certificate of its own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    serve(IngestionEndpoint(), context, ca_file=ca_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
