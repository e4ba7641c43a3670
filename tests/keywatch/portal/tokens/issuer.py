"""An identity provider on loopback: it publishes keys over TLS, and signs whatever it is told to."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import trustme
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from keywatch.transport import AllowedHosts, Transport
from tests.keywatch.credentials.made import rsa_key
from tests.keywatch.loopback import server_context

METADATA: Final = "/.well-known/openid-configuration"
JWKS: Final = "/discovery/keys"
KID: Final = "key-1"


@dataclass
class Answers:
    """What the provider answers, and what it was asked.

    Attributes:
        keys: Entries of the key set.
        status: Of every answer.
        jwks_uri: Where the discovery document says that the keys are; None for where they are.
        metadata: The discovery document as it is sent, instead.
        jwks: The key set as it is sent, instead.
        gate: Answers wait for it.
        asked: Paths.
    """

    keys: list[dict[str, Any]]
    status: int = 200
    jwks_uri: Any = None
    metadata: bytes | None = None
    jwks: bytes | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)


class Issuer:
    """A provider, with a discovery document at the end of every path, and one key set.

    Args:
        folder: For the certificate of who has signed its TLS certificate.
    """

    def __init__(self, folder: Path) -> None:
        self.reset()
        authority = trustme.CA()
        self._ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self._ca))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = server_context(authority.issue_cert("localhost"))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def reset(self) -> None:
        """Publish the one key, and forget who has asked."""
        self.answers = Answers([public_jwk(KID, rsa_key())])
        self.answers.gate.set()

    @property
    def host(self) -> str:
        """Its name and port."""
        return f"localhost:{self._server.server_port}"

    @property
    def metadata_url(self) -> str:
        """A discovery document of its."""
        return f"https://{self.host}{METADATA}"

    @property
    def hosts(self) -> AllowedHosts:
        """Itself."""
        return AllowedHosts("the provider on loopback", (self.host,))

    @property
    def transport(self) -> Transport:
        """How to reach it."""
        return Transport(ca_bundle=str(self._ca), proxy="direct")

    @property
    def key_sets_asked(self) -> int:
        """How often its keys were asked for."""
        return self.answers.asked.count(JWKS)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> tuple[int, bytes]:
        answers = self.answers
        answers.asked.append(path)
        answers.gate.wait(20)
        if path == JWKS:
            body = answers.jwks or encode({"keys": answers.keys})
        else:
            address = answers.jwks_uri or f"https://{self.host}{JWKS}"
            body = answers.metadata or encode({"issuer": f"https://{self.host}", "jwks_uri": address})
        return answers.status, body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = issuer._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if 300 <= status < 400:
                    self.send_header("Location", f"https://{issuer.host}/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        return Handler


def encode(value: object) -> bytes:
    """Write JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def b64(raw: bytes) -> str:
    """Write base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def public_jwk(kid: object, key: RSAPrivateKey, **members: object) -> dict[str, Any]:
    """Write a key as a key set has it; what is None is left out."""
    numbers = key.public_key().public_numbers()
    modulus, exponent = (b64(each.to_bytes((each.bit_length() + 7) // 8, "big")) for each in (numbers.n, numbers.e))
    jwk = {"kty": "RSA", "use": "sig", "kid": kid, "n": modulus, "e": exponent} | members
    return {name: value for name, value in jwk.items() if value is not None}


def sign(
    payload: Mapping[str, Any] | bytes, header: Mapping[str, Any] | bytes, key: RSAPrivateKey | None = None
) -> str:
    """Sign what may be anything, by RS256 whatever the header says.

    Args:
        payload: Claims, or as they are sent.
        header: What the token says of itself, or as it is sent.
        key: None for the provider's first.
    """
    first, second = (b64(each if isinstance(each, bytes) else encode(each)) for each in (header, payload))
    return sign_parts(first, second, key)


def sign_parts(header: str, payload: str, key: RSAPrivateKey | None = None) -> str:
    """Sign two parts as they are."""
    signed = f"{header}.{payload}"
    return f"{signed}.{b64((key or rsa_key()).sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


def header(**members: object) -> dict[str, Any]:
    """Make the header of a good token; what is None is left out."""
    whole: dict[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": KID} | members
    return {name: value for name, value in whole.items() if value is not None}
