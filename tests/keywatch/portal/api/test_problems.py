"""Answers to what goes wrong, and the headers of every answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from keywatch.errors import AccessTokenError, AccountChangedError, StoreBusyError
from keywatch.portal.accounts.model import Account
from keywatch.portal.api.app import create_api
from keywatch.portal.api.bearer import www_authenticate
from keywatch.portal.api.headers import HEADERS
from keywatch.portal.provider.model import Subject
from keywatch.portal.tokens.signing_keys import SigningKeys
from tests.keywatch.portal.api.world import World, challenge, own_lines
from tests.keywatch.portal.tokens.issuer import header, sign


class Failing:
    """Accounts that cannot be had.

    Args:
        error: Why.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def check(self) -> None:
        """Fail."""
        raise self._error

    def find(self, subject: Subject) -> Account:
        """Fail."""
        del subject
        raise self._error

    def set_beneficiary(
        self, subject: Subject, beneficiary: str | None, *, expected_version: int | None = None, strength: str
    ) -> Account:
        """Fail."""
        del subject, beneficiary, expected_version, strength
        raise self._error


def failing(world: World, error: Exception) -> TestClient:
    """Make an API whose accounts fail."""
    keys = SigningKeys(world.provider, world.issuer.transport)
    app = create_api(world.provider, keys, Failing(error), world.owners_keys, world.now)
    return TestClient(app, raise_server_exceptions=False)


ANSWERS: dict[str, Callable[[World], Response]] = {
    "/": lambda world: world.ask("GET", "/"),
    "/healthz": lambda world: world.ask("GET", "/healthz"),
    "/openapi.json": lambda world: world.ask("GET", "/openapi.json"),
    "account": lambda world: world.ask("GET", "/accounts/me", world.token()),
    "401": lambda world: world.ask("GET", "/accounts/me"),
    "403": lambda world: world.ask("GET", "/accounts/me", world.token(scp="")),
    "404": lambda world: world.ask("GET", "/nowhere"),
    "405": lambda world: world.ask("DELETE", "/accounts/me"),
    "422": lambda world: world.ask("GET", "/accounts/me/keys?limit=0", world.token()),
    "500": lambda world: failing(world, ValueError("unforeseen")).get("/healthz"),
    "503": lambda world: failing(world, StoreBusyError("busy")).get("/healthz"),
    "of another origin": lambda world: world.ask(
        "OPTIONS",
        "/accounts/me",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"},
    ),
}


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_its_headers(world: World, ask: Callable[[World], Response]) -> None:
    """Nothing is kept, and no browser makes anything of an answer or shows it to another origin."""
    answer = ask(world)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "set-cookie" not in answer.headers
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert set(answer.json()) - {"errors"} == {"type", "title", "status", "detail", "code"}


@pytest.mark.parametrize("path", ["/nowhere", "/accounts", "/accounts/me/", "/accounts/../etc/passwd", "/docs"])
def test_unknown_address_is_not_found(world: World, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is not there is not there, and its address is not logged: it may hold anything."""
    answer = world.ask("GET", path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert own_lines(caplog)[0].startswith("WARNING refused path=- status=404 code=not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(world: World, method: str) -> None:
    """The answer says which there are (RFC 9110, 15.5.6)."""
    answer = world.ask(method, "/accounts/me", world.token())

    assert answer.status_code == 405
    assert answer.headers["allow"]


def test_unforeseen_error_is_no_secret_of_the_log(world: World) -> None:
    """The answer says nothing of what happened."""
    answer = failing(world, ValueError("a secret")).get("/accounts/me", headers=bearer(world))

    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert "secret" not in answer.text


def test_busy_store_says_when_to_come_again(world: World) -> None:
    """A change while a report is written is to be tried again."""
    client = failing(world, StoreBusyError("A report is being written.", retry_after=60))
    answer = client.patch("/accounts/me", json={"beneficiary": "After"}, headers=bearer(world))

    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "60")


def test_store_that_is_damaged_is_unavailable(fresh: World, caplog: pytest.LogCaptureFixture) -> None:
    """Health and accounts say so, and only the log says which store it is."""
    with sqlite3.connect(fresh.folder / "report.db") as connection:
        connection.execute("DROP TABLE portal_account")
    connection.close()

    for answer in (fresh.ask("GET", "/healthz"), fresh.ask("GET", "/accounts/me", fresh.token())):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
        assert "report.db" not in answer.text
    assert all(line.startswith("ERROR refused path=/") and "report.db" in line for line in own_lines(caplog))


def test_account_that_changes_underway_is_a_conflict(world: World) -> None:
    """Without If-Match it is 409, since the request has named no condition."""
    client = failing(world, AccountChangedError("It has been changed. Read it again."))
    answer = client.patch("/accounts/me", json={"beneficiary": "After"}, headers=bearer(world))

    assert (answer.status_code, answer.json()["code"]) == (409, "account_changed")


def test_provider_that_is_away_is_no_fault_of_the_token(fresh: World) -> None:
    """Without signing keys, no token can be judged, and it is not called invalid."""
    fresh.issuer.answers.status = 500

    answer = fresh.ask("GET", "/accounts/me", fresh.token())

    assert answer.status_code == 503
    assert "www-authenticate" not in answer.headers


def test_storm_of_unknown_keys_does_not_reach_the_provider(fresh: World) -> None:
    """A thousand forged tokens from sixteen threads cost the provider nothing, and others go on."""
    assert fresh.ask("GET", "/accounts/me", fresh.token()).status_code == 200
    tokens = [sign(fresh.claims(), header(kid=f"unknown-{number}")) for number in range(50)]

    def ask(number: int) -> str:
        if number % 100 == 99:
            return str(fresh.ask("GET", "/accounts/me", fresh.token()).status_code)
        return challenge(fresh.ask("GET", "/accounts/me", tokens[number % 50]))["error"]

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(ask, range(1_000)))

    assert (said.count("invalid_token"), said.count("200")) == (990, 10)
    assert fresh.issuer.key_sets_asked == 1


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ('say "b"', r'"say \"b\""'),
        ("back\\slash", r'"back\\slash"'),
        ("line\r\nbreak", '"line??break"'),
        ("M\u00fcller", '"M?ller"'),
    ],
)
def test_parameters_are_quoted(value: str, quoted: str) -> None:
    """Whatever a parameter holds, it is one quoted-string of printable ASCII."""
    said = www_authenticate("keywatch", AccessTokenError("No.", "insufficient_scope", scope=value))

    assert said == (f'Bearer realm="keywatch", error="insufficient_scope", error_description="No.", scope={quoted}')


def test_description_of_an_error_has_no_quotes() -> None:
    """RFC 6750 allows it neither quotes nor backslashes."""
    said = www_authenticate("keywatch", AccessTokenError('A "b" \\ c.', "invalid_token"))

    assert said.endswith("error_description=\"A 'b' / c.\"")


def bearer(world: World) -> dict[str, str]:
    """Make the header of a good token."""
    return {"Authorization": f"Bearer {world.token()}"}
