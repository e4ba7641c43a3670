"""The portal's API, as the web app asks it: with the person's own access token."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.utils import parse_dict_header

from keywatch.errors import (
    AccountChangedError,
    BadQueryError,
    NoAccountError,
    RequestRefusedError,
    ServiceUnavailableError,
)
from keywatch.portal.web.session import Change
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session

T = TypeVar("T")

CHALLENGES: Final = ("insufficient_user_authentication", "insufficient_claims")
"""The errors that a step-up answers: of RFC 9470, and of Entra."""

CONNECTIONS: Final = 40
"""As many as requests that the web app answers at once."""


class Finding(msgspec.Struct, frozen=True):
    """What the policy has found of a key: what of the API's answer is shown."""

    severity: str
    reason: str


class Key(msgspec.Struct, frozen=True):
    """An access key: what of the API's answer is shown."""

    account_id: str
    user_name: str
    access_key_id: str | None = None
    account_name: str | None = None
    status: str | None = None
    last_used: str | None = None
    service: str | None = None
    age_days: int | None = None
    findings: tuple[Finding, ...] = ()


class Keys(msgspec.Struct, frozen=True):
    """One page of a person's keys, as the API says it."""

    keys: tuple[Key, ...]
    total: int
    next: str | None = None
    previous: str | None = None
    as_of: str | None = None
    checked: str | None = None


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""
    errors: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True):
    """A person's account, as the API says it."""

    email: str
    owner: str
    version: int
    policynumber: str | None = None
    beneficiary: str | None = None


class StepUpNeeded(Exception):  # noqa: N818 - it is an answer rather than an error
    """The API wants a step-up first.

    Attributes:
        challenge: What it says of it.
    """

    def __init__(self, challenge: Mapping[str, str]) -> None:
        super().__init__("a step-up is needed")
        self.challenge = challenge


class SignInNeeded(Exception):  # noqa: N818 - it is an answer rather than an error
    """The API does not accept the token any more."""


class Api:
    """The portal's API. Threads may share it.

    Args:
        url: Its origin.
        transport: How to reach it.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        self.url = url
        self.host = urlsplit(url).netloc
        plain = url.startswith("http://")  # which the configuration allows on loopback alone
        hosts = AllowedHosts("the portal's API", (self.host,), lab=plain)
        self._session = requests_session(transport, hosts, pool_size=CONNECTIONS)

    def public(self) -> dict[str, Any]:
        """Ask what anybody may.

        Raises:
            KeywatchError: The API cannot be reached, or fails.
        """
        return self._ask("GET", "/", None, dict[str, Any])

    def account(self, token: str) -> Account:
        """Return the account of whom a token is for.

        Raises:
            NoAccountError: None is bound to them.
            SignInNeeded: The token is not accepted.
            KeywatchError: The API cannot be reached, or fails.
        """
        return self._ask("GET", "/accounts/me", token, Account)

    def keys(self, token: str, cursor: str | None) -> Keys:
        """Return one page of the keys of whom a token is for.

        Raises:
            KeywatchError: As `account`.
        """
        return self._ask("GET", "/accounts/me/keys", token, Keys, params={"cursor": cursor} if cursor else {})

    def change(self, token: str, change: Change) -> Account:
        """Change the beneficiary.

        Raises:
            StepUpNeeded: The token is not one of a step-up just now.
            AccountChangedError: Somebody has changed the account since the form was filled in.
            KeywatchError: As `account`.
        """
        return self._ask(
            "PATCH",
            "/accounts/me",
            token,
            Account,
            json={"beneficiary": change.beneficiary},
            headers={"If-Match": f'"{change.version}"'},
        )

    def _ask(self, method: str, path: str, token: str | None, kind: type[T], **request: Any) -> T:  # noqa: ANN401 - as requests takes them
        headers = {**request.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        try:
            answer = self._session.request(method, self.url + path, headers=headers, allow_redirects=False, **request)
        except requests.RequestException as error:
            raise network_error(error, self.host) from None  # whose request holds the token
        if answer.status_code != HTTPStatus.OK:
            raise self._refusal(answer)
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ServiceUnavailableError(
                f"{self.host} answers with something that is not the portal's API. See that api_url leads there."
            ) from error

    def _refusal(self, answer: requests.Response) -> Exception:
        status = answer.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            challenge = _challenge(answer.headers.get("WWW-Authenticate", ""))
            return StepUpNeeded(challenge) if challenge.get("error") in CHALLENGES else SignInNeeded()
        if status == HTTPStatus.NOT_FOUND:
            return NoAccountError("No account is bound to you. Ask for an invitation, and open its link.")
        if status in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
            return AccountChangedError("Your account has been changed since you opened the form. Look at it again.")
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return BadQueryError(_detail(answer))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServiceUnavailableError(f"{self.host} failed (HTTP {status}). Try again in a minute.")
        return RequestRefusedError(f"{self.host} refuses (HTTP {status}). See that web app and API agree.")


def _detail(answer: requests.Response) -> str:
    """Say why the API cannot do what was asked, in its words."""
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    return " ".join((problem.detail, *problem.errors)) or "The portal's API cannot read this. Correct it."


def _challenge(header: str) -> dict[str, str]:
    """Read the parameters of `WWW-Authenticate: Bearer` (RFC 9110, section 11.6.1)."""
    scheme, _, parameters = header.partition(" ")
    if scheme.lower() != "bearer":
        return {}
    read: dict[str, str | None] = parse_dict_header(parameters)  # type: ignore[no-untyped-call]
    return {name: value for name, value in read.items() if value is not None}
