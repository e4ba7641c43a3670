"""The API with all that is behind it: a provider on loopback, a report store in a file, and a key owner."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from keywatch.portal.accounts.keys import OwnersKeys
from keywatch.portal.accounts.model import Account
from keywatch.portal.accounts.store import AccountStore
from keywatch.portal.api.app import create_api
from keywatch.portal.provider.b2c import AzureAdB2c
from keywatch.portal.provider.entra import Entra
from keywatch.portal.provider.model import Identity, Provider
from keywatch.portal.provider.openid import OpenIdProvider
from keywatch.portal.tokens.signing_keys import SigningKeys
from keywatch.report.engine import sqlite_url
from tests.keywatch.portal.tokens.issuer import Issuer, header, sign

NOW: Final = 1_795_000_000
TENANT, WEB, API = (f"00000000-0000-0000-0000-{number:012d}" for number in range(1, 4))
SUB: Final = "aaaaaaaa-1111-1111-1111-111111111111"
OWNER: Final = "payments.owner@keywatch.example"
BOTH: Final = "Accounts.Read Accounts.Write"
BEFORE: Final = "Before"
SECRET: Final = "do-not-repeat-me"
"""What is in every forged token, and must be in no answer and in no log."""


def b2c(host: str) -> tuple[Provider, dict[str, Any]]:
    """Make Azure AD B2C, and what its tokens say after a step-up."""
    provider = AzureAdB2c("contosokeys", TENANT, WEB, API, "https://contosokeys.onmicrosoft.com/api", domain=host)
    return provider, {"tfp": "B2C_1_SignUpSignIn1_mfa", "scp": BOTH, "ver": "1.0", "azp": WEB}


def entra(host: str) -> tuple[Provider, dict[str, Any]]:
    """Make Entra, and what its tokens say after a step-up."""
    claims = {"oid": TENANT, "tid": TENANT, "ver": "2.0", "acrs": ["p1", "c1"], "scp": BOTH, "azp": WEB}
    return Entra(host, TENANT, WEB, API, f"api://{API}", "c1"), claims


def openid(host: str) -> tuple[Provider, dict[str, Any]]:
    """Make another provider, and what its tokens say after a step-up."""
    provider = OpenIdProvider(f"https://{host}/realms/keys", WEB, API, "mfa", scope_prefix="keywatch:")
    return provider, {"acr": "mfa", "scope": "openid keywatch:Accounts.Read keywatch:Accounts.Write"}


FLAVOURS: Final[dict[str, Callable[[str], tuple[Provider, dict[str, Any]]]]] = {
    "b2c": b2c,
    "entra": entra,
    "openid": openid,
}


@dataclass
class World:
    """The API, and what its tests ask of it.

    Attributes:
        issuer: Who signs.
        flavour: Of `FLAVOURS`.
        folder: For the store.
        clock: The API's, in seconds since 1970.
    """

    issuer: Issuer
    flavour: str
    folder: Path
    clock: float = NOW
    app: FastAPI = field(init=False)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.provider, self._claims = FLAVOURS[self.flavour](self.issuer.host)
        url = sqlite_url(self.folder / "report.db")
        self.accounts, self.owners_keys = AccountStore(url, lambda: self.clock), OwnersKeys(url)
        self.accounts.prepare()
        keys = SigningKeys(self.provider, self.issuer.transport)
        self.app = create_api(self.provider, keys, self.accounts, self.owners_keys, self.now)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.subject = self.provider.subject(self.claims())
        self.bind(self.subject.value)

    def now(self) -> datetime:
        """Tell the time."""
        return datetime.fromtimestamp(self.clock, UTC)

    def bind(self, value: str, email: str = OWNER) -> None:
        """Give somebody an account."""
        invitation = self.accounts.invite(email, issued_by="security", beneficiary=BEFORE)
        subject = type(self.subject)(self.subject.issuer, value)
        self.accounts.accept(invitation.code, Identity(subject, "Key owner", email, email_verified=True))

    @property
    def account(self) -> Account:
        """The account, as the store has it."""
        return self.accounts.find(self.subject)

    def claims(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - forged ones have any value
        """Make what a token says after a step-up; what is `...` is left out."""
        whole = {
            "iss": self.provider.access_token.issuer,
            "aud": API,
            "sub": SUB,
            "iat": NOW - 10,
            "nbf": NOW - 10,
            "exp": NOW + 3_590,
            "auth_time": NOW - 20,
            "secret": SECRET,
        }
        return {name: value for name, value in (whole | self._claims | changes).items() if value is not ...}

    def token(self, key: RSAPrivateKey | None = None, **changes: Any) -> str:  # noqa: ANN401 - as above
        """Sign what `claims` makes."""
        return sign(self.claims(**changes), header(), key)

    def ask(self, method: str, path: str, token: str | None = None, **request: Any) -> Response:  # noqa: ANN401 - httpx2's
        """Send a request."""
        headers = {**request.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return self.client.request(method, path, headers=headers, **request)

    def change(self, token: str | None, beneficiary: object = "After", **headers: str) -> Response:
        """Ask for a change of the beneficiary."""
        return self.ask("PATCH", "/accounts/me", token, json={"beneficiary": beneficiary}, headers=headers)

    def close(self) -> None:
        """Let everything go."""
        self.client.close()
        self.accounts.close()
        self.owners_keys.close()


@contextmanager
def untouched(world: World) -> Iterator[None]:
    """See that accounts and changes are as before."""
    before = world.account, len(world.accounts.changes())
    yield
    assert (world.account, len(world.accounts.changes())) == before


def challenge(answer: Response) -> dict[str, str]:
    """Read `WWW-Authenticate: Bearer`, by hand: name="value" with quoted pairs."""
    said = answer.headers["www-authenticate"]
    assert said.startswith("Bearer ")
    parameters, rest = {}, said.removeprefix("Bearer ")
    while rest:
        name, _, rest = rest.partition('="')
        value = ""
        while not rest.startswith('"'):
            step = 2 if rest[0] == "\\" else 1
            value, rest = value + rest[step - 1], rest[step:]
        parameters[name] = value
        rest = rest[1:].removeprefix(", ")
    return parameters


def own_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the API has logged; the test's HTTP client logs addresses."""
    written = [record for record in caplog.records if record.name.startswith(("keywatch", "uvicorn"))]
    return [logging.Formatter("%(levelname)s %(message)s").format(record) for record in written]
