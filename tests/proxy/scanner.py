"""Every secret of a run, as a proxy that reads everything saw it, and whether any of them is in a file."""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from tests.proxy.mitm import Exchange

SHORTEST: Final = 16
"""What is shorter is in any file by chance."""

FORM: Final = ("client_assertion", "client_secret", "assertion", "refresh_token")
JSON: Final = ("access_token", "refresh_token", "id_token", "accessKeyId", "secretAccessKey", "sessionToken")
XML: Final = re.compile(r"<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]+)</")
SIGNATURE: Final = re.compile(r"Signature=([0-9a-f]+)")
HEADERS: Final = ("x-amz-security-token", "cookie", "set-cookie", "proxy-authorization")
OF_VAULT: Final = re.compile(r"/(keys/[^?]+/sign|secrets/[^?]+)$")


def secrets_of(exchanges: Iterable[Exchange]) -> dict[str, set[str]]:
    """Collect the secrets that a proxy saw, by kind."""
    found: dict[str, set[str]] = defaultdict(set)
    for exchange in exchanges:
        for kind, secret in (*_of_headers(exchange), *_of_bodies(exchange)):
            if len(secret) >= SHORTEST:
                found[kind].add(secret)
    return dict(found)


def leaks(content: bytes, secrets: Mapping[str, Iterable[str]]) -> list[str]:
    """List the kinds of the secrets that stand in a file, as they are or in another spelling."""
    forms = {kind: [form for value in values for form in _forms(value)] for kind, values in secrets.items()}
    return [kind for kind, spelt in forms.items() if any(form in content for form in spelt)]


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")
    yield secret.replace("+", "-").replace("/", "_").encode()
    yield json.dumps(secret)[1:-1].encode()


def _of_headers(exchange: Exchange) -> Iterator[tuple[str, str]]:
    for name, value in (*exchange.request_headers, *exchange.response_headers):
        if name.lower() == "authorization":
            yield "authorization", value
            yield "authorization", value.partition(" ")[2]
            yield from (("signature", each) for each in SIGNATURE.findall(value))
        if name.lower() in HEADERS:
            yield name.lower(), value


def _of_bodies(exchange: Exchange) -> Iterator[tuple[str, str]]:
    request, response = (body.decode("utf-8", "replace") for body in (exchange.request, exchange.response))
    yield from ((name, value) for name, value in parse_qsl(request) if name in FORM)
    yield from ((name, value) for name, value in XML.findall(response))
    of_vault = OF_VAULT.search(urlsplit(exchange.url).path) is not None
    for body in (request, response):
        try:
            document = json.loads(body)
        except ValueError:
            continue
        yield from _of_json(document, (*JSON, "value") if of_vault else JSON)


def _of_json(value: Any, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for name, inside in value.items():
            if name in names and isinstance(inside, str):
                yield name, inside
            yield from _of_json(inside, names)
    if isinstance(value, list):
        for inside in value:
            yield from _of_json(inside, names)
