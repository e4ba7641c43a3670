"""A browser and a hand-made client of the local cloud's identity providers: they can send what no library would."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import jwt
import requests
from requests.adapters import HTTPAdapter

from localcloud import LocalCloud
from localcloud.identity_model import REDIRECT_URIS, Person, ProviderAccess
from tests.localcloud.azure import JWT_BEARER, VERSION, encoded

PAYMENTS: Final = "payments.owner@keywatch.example"
PLATFORM: Final = "platform.owner@keywatch.example"
WEB: Final = "https://keys.keywatch.example/"


class Undelayed(HTTPAdapter):
    """Sends a form at once: behind a proxy urllib3 waits for the other side, which costs 40 ms each."""

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Make connections without Nagle's algorithm."""
        options["socket_options"] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        return super().proxy_manager_for(proxy, **options)


@contextmanager
def session_of(cloud: LocalCloud) -> Iterator[requests.Session]:
    """Give a session that goes through the proxy and trusts its authority alone."""
    with requests.Session() as session:
        session.mount("https://", Undelayed())
        session.trust_env = False
        session.proxies = {"https": cloud.proxy_url}
        session.verify = str(cloud.ca_bundle)
        yield session


@dataclass(frozen=True)
class Page:
    """A page, as far as a person sees it."""

    url: str
    response: requests.Response = field(repr=False)
    texts: dict[str, str]
    inputs: dict[str, str]
    labels: set[str]
    buttons: list[str]
    links: dict[str, str]
    action: str

    @property
    def heading(self) -> str:
        """The one h1."""
        return self.texts.get("h1", "")

    @property
    def alert(self) -> str:
        """What the page says went wrong."""
        return self.texts.get("alert", "")

    @property
    def code(self) -> str:
        """The code that the local cloud shows beside the form."""
        return self.texts.get("shown", "")[-6:]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.labels: set[str] = set()
        self.buttons: list[str] = []
        self.links: dict[str, str] = {}
        self.action = ""
        self._open: list[str] = []
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        elif tag == "input":
            self.inputs[values["name"]] = values.get("value", "")
        elif tag == "label":
            self.labels.add(values["for"])
        elif tag == "html":
            self.texts["lang"] = values.get("lang", "")
        self._href = values.get("href", self._href)
        if tag not in ("input", "meta", "link"):
            self._open.append(values.get("role") or values.get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._open.pop()

    def handle_data(self, data: str) -> None:
        where = self._open[-1] if self._open else ""
        if where == "button":
            self.buttons.append(data)
        elif where == "a":
            self.links[data] = self._href
        self.texts[where] = self.texts.get(where, "") + data


@dataclass(frozen=True)
class Answer:
    """What a provider sends a browser back to the client with."""

    url: str
    values: dict[str, str]

    @property
    def error(self) -> tuple[str, str]:
        """The error, and the first word of its description."""
        return self.values["error"], self.values["error_description"].partition(":")[0]


@dataclass
class Browser:
    """A browser with its own cookies."""

    cloud: LocalCloud
    session: requests.Session

    def open(self, url: str, method: str = "GET", data: dict[str, str] | None = None) -> Page | Answer:
        """Open an address, until there is a page or the portal's turn."""
        response = self.session.request(method, url, data=data, allow_redirects=False, timeout=30)
        while response.status_code in (302, 303):
            target = urljoin(url, response.headers["Location"])
            if target.startswith(WEB):
                parts = urlsplit(target)
                return Answer(target.split("?")[0].split("#")[0], dict(parse_qsl(parts.query or parts.fragment)))
            response = self.session.get(target, allow_redirects=False, timeout=30)
        page = read_page(response)
        if page.action.startswith(WEB):
            return Answer(page.action, page.inputs)
        return page

    def page(self, url: str) -> Page:
        """Open an address that shows a page."""
        page = self.open(url)
        assert isinstance(page, Page), page
        return page

    def send(self, page: Page, action: str = "continue", **typed: str) -> Page | Answer:
        """Fill in a form and press a button."""
        data = {**page.inputs, **typed, "action": action}
        return self.open(urljoin(page.url, page.action), "POST", data)

    def next(self, page: Page, action: str = "continue", **typed: str) -> Page:
        """Fill in a form that leads to a page."""
        shown = self.send(page, action, **typed)
        assert isinstance(shown, Page), shown
        return shown

    def follow(self, page: Page, text: str) -> Page | Answer:
        """Follow a link."""
        return self.open(urljoin(page.url, page.links[text]))

    def sign_in(self, url: str, person: Person) -> Page | Answer:
        """Open an address that asks for a password, and type it in."""
        return self.send(self.page(url), email=person.email, password=person.password)

    def sign_in_with_code(self, url: str, person: Person) -> Answer:
        """Type in password and code."""
        return answered(self.pass_code(self.sign_in(url, person)))

    def pass_code(self, page: Page | Answer) -> Page | Answer:
        """Type in the code that the page shows."""
        assert isinstance(page, Page), page
        return self.send(page, code=page.code)


def answered(shown: Page | Answer) -> Answer:
    """Expect an answer."""
    assert isinstance(shown, Answer), shown
    return shown


def shown_page(shown: Page | Answer) -> Page:
    """Expect a page."""
    assert isinstance(shown, Page), shown
    return shown


def read_page(response: requests.Response) -> Page:
    """Read a page's HTML."""
    reader = _Reader()
    reader.feed(response.text)
    return Page(
        response.url,
        response,
        reader.texts,
        reader.inputs,
        reader.labels,
        reader.buttons,
        reader.links,
        reader.action,
    )


@dataclass
class Portal:
    """A client that does everything right unless told otherwise."""

    cloud: LocalCloud
    access: ProviderAccess
    session: requests.Session
    authority: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    client_id: str = ""

    def __post_init__(self) -> None:
        self.client_id = self.client_id or self.access.client_id

    @property
    def configuration(self) -> dict[str, Any]:
        """The provider's document."""
        return dict(self.session.get(self.discovery, timeout=30).json())

    @property
    def discovery(self) -> str:
        """The address of that document."""
        version = "" if self.access.name == "openid" else "/v2.0"
        return f"{self.authority}{version}/.well-known/openid-configuration"

    @property
    def endpoints(self) -> dict[str, str]:
        """Where it is asked for codes and tokens."""
        if self.access.name == "openid":
            base = f"{self.authority}/protocol/openid-connect"
            return {"authorize": f"{base}/auth", "token": f"{base}/token", "logout": f"{base}/logout"}
        return {each: f"{self.authority}/oauth2/v2.0/{each}" for each in ("authorize", "token", "logout")}

    @property
    def challenge(self) -> str:
        """The PKCE challenge of the verifier."""
        return encoded(hashlib.sha256(self.verifier.encode()).digest())

    def url(self, **changes: str | None) -> str:
        """Write an authorization request; a parameter given as None is left out."""
        values = {
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URIS[0],
            "response_type": "code",
            "scope": " ".join(["openid", "profile", "email", "offline_access", *self.access.scopes]),
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changes
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"{self.endpoints['authorize']}?{query}"

    def token(self, **form: str | None) -> requests.Response:
        """Send a token request; a parameter given as None is left out."""
        values = {"client_id": self.client_id, **self.credential(), **form}
        data = {name: value for name, value in values.items() if value is not None}
        return self.session.post(self.endpoints["token"], data=data, timeout=30)

    def redeem(self, code: str, /, **changes: str | None) -> requests.Response:
        """Redeem a code."""
        values: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URIS[0],
            "code_verifier": self.verifier,
        }
        return self.token(**values | changes)

    def refresh(self, token: str, /, **changes: str | None) -> requests.Response:
        """Redeem a refresh token."""
        values: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
        return self.token(**values | changes)

    def credential(self) -> dict[str, str]:
        """Make what the client proves itself by."""
        if self.access.secret_name is not None and self.client_id == self.access.secret_client_id:
            return {"client_secret": secret_of(self.cloud, self.session, self.access.secret_name)}
        return {"client_assertion_type": JWT_BEARER, "client_assertion": self.assertion()}

    def assertion(self, **changes: object) -> str:
        """Make an assertion that the vault signs, as the worker's identity; a claim given as None is left out."""
        version = self.cloud.certificate_versions(self.access.certificate_name or "")[-1]
        now = int(time.time())
        header = {"alg": "PS256", "typ": "JWT", "x5t#S256": encoded(bytes.fromhex(version.thumbprint_sha256))}
        claims = {
            "aud": self.endpoints["token"],
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        } | changes
        signed = f"{encoded(header)}.{encoded({name: each for name, each in claims.items() if each is not None})}"
        body = {"alg": "PS256", "value": encoded(hashlib.sha256(signed.encode()).digest())}
        path = f"keys/{version.name}/{version.version}/sign"
        return f"{signed}.{_vault(self.cloud, self.session, 'POST', path, body)['value']}"

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """Check a token by the published keys, and give its claims."""
        return verified(token, self.cloud.signing_jwks(self.access.name), audience, self.access.issuer)


def verified(token: str, jwks: dict[str, Any], audience: str, issuer: str) -> dict[str, Any]:
    """Check a token as an application does."""
    key = jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]]
    return dict(jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer))


def _vault(cloud: LocalCloud, session: requests.Session, method: str, path: str, body: object = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {_worker_token(cloud)}"}
    url = f"{cloud.azure.vault_url}/{path}"
    response = session.request(method, url, json=body, params=VERSION, headers=headers, timeout=30)
    assert response.ok, response.text
    return dict(response.json())


@cache
def _worker_token(cloud: LocalCloud) -> str:
    identity = cloud.azure.identities["airflow-worker"]
    query = {"api-version": "2018-02-01", "resource": "https://vault.azure.net", "client_id": identity.client_id}
    url = f"{cloud.azure.identity_url}/metadata/identity/oauth2/token"
    response = requests.get(url, query, headers={"Metadata": "true"}, proxies={"http": ""}, timeout=30)
    return str(response.json()["access_token"])


def secret_of(cloud: LocalCloud, session: requests.Session, name: str) -> str:
    """Read a secret of the vault, as the worker's managed identity."""
    return str(_vault(cloud, session, "GET", f"secrets/{name}")["value"])


def refused(response: requests.Response) -> tuple[int, str, str]:
    """Read the status, the error and the first word of its description."""
    body = response.json()
    return response.status_code, body["error"], body["error_description"].partition(":")[0]


def basic(name: str, secret: str) -> str:
    """Write an Authorization header of scheme Basic."""
    return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"


@dataclass
class Desk:
    """Somebody's browser, and the clients that it meets."""

    cloud: LocalCloud
    browser: Browser
    session: requests.Session

    def portal(self, provider: str, policy: str = "B2C_1_signupsignin1", client_id: str = "") -> Portal:
        """Give a client of a provider; B2C's asks at a policy."""
        access = self.cloud.identity.provider(provider)
        authority = f"{access.authority}/{policy}" if provider == "b2c" else access.authority
        return Portal(self.cloud, access, self.session, authority, client_id=client_id)

    def person(self, provider: str, email: str = PAYMENTS) -> Person:
        """Give somebody who is there from the start."""
        return self.cloud.identity.person(provider, email)

    def code(self, portal: Portal, **changes: str | None) -> str:
        """Sign in, and give the code."""
        shown = self.browser.sign_in(portal.url(**changes), self.person(portal.access.name))
        return answered(shown).values["code"]

    def tokens(self, portal: Portal, **changes: str | None) -> dict[str, Any]:
        """Sign in, and give the tokens."""
        response = portal.redeem(self.code(portal, **changes))
        assert response.ok, response.text
        return dict(response.json())


@contextmanager
def open_desk(cloud: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with session_of(cloud) as pages, session_of(cloud) as calls:
        yield Desk(cloud, Browser(cloud, pages), calls)
