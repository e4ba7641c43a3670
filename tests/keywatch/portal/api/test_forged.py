"""What the API refuses: forged, stolen, old and stray tokens."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from httpx2 import Response

from keywatch.portal.provider.model import READ, WRITE
from tests.keywatch.portal.api.forged import FORGED, Forged
from tests.keywatch.portal.api.world import SECRET, TENANT, WEB, World, challenge, own_lines, untouched


def repeated(token: str, *texts: str) -> list[str]:
    """Return what of a token is in some texts."""
    pieces = [token, *(part for part in token.split(".") if len(part) > 8), SECRET, "evil.example"]
    return [piece for piece in pieces if any(piece in text for text in texts)]


def everything_of(answer: Response) -> str:
    """Return an answer as one text."""
    return f"{answer.headers} {answer.text}"


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_request_changes_nothing(world: World, forged: Forged, caplog: pytest.LogCaptureFixture) -> None:
    """Status and code are those of RFC 6750, the store stays as it is, and nothing repeats what was sent."""
    caplog.set_level(logging.DEBUG)
    token = forged.make(world)
    path = f"/accounts/me{forged.query(token)}"

    with untouched(world):
        answer = world.client.patch(path, json={"beneficiary": "After"}, headers=forged.headers_of(token))

    said = challenge(answer) if answer.status_code != 404 else {}
    lines = own_lines(caplog)
    assert (answer.status_code, said.get("error")) == (forged.status, forged.error)
    assert answer.headers["content-type"] == "application/problem+json"
    assert repeated(token, everything_of(answer), *lines) == []
    assert len(lines) == 1
    assert f"refused path=/accounts/me status={forged.status}" in lines[0]


def test_good_token_changes_something(any_world: World) -> None:
    """What the forged requests differ from is carried out."""
    answer = any_world.change(any_world.token())

    assert answer.status_code == 200
    assert any_world.account.beneficiary == "After"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_scheme_is_read_in_any_letter_case(world: World, scheme: str) -> None:
    """Schemes have no letter case, and any number of spaces behind them (RFC 9110, 11.1)."""
    answer = world.client.get("/accounts/me", headers={"Authorization": f"{scheme} {world.token()}"})

    assert answer.status_code == 200


def test_without_a_token_nothing_is_said_but_that_one_is_wanted(world: World) -> None:
    """Who brings no token has made no error (RFC 6750, 3.1)."""
    answer = world.ask("GET", "/accounts/me")

    assert answer.headers["www-authenticate"] == 'Bearer realm="keywatch"'


@pytest.mark.parametrize("path", ["/accounts/me", "/accounts/me/keys"])
def test_reading_needs_its_own_scope_and_no_step_up(any_world: World, path: str) -> None:
    """The scope to write is not one to read, and the answer names what to ask for."""
    name = any_world.provider.access_token.scopes or ""
    scope = any_world.provider.scope
    to_write: dict[str, Any] = {name: scope(WRITE)}
    to_read: dict[str, Any] = {name: scope(READ), "auth_time": ..., "acr": ..., "acrs": ...}
    refused = any_world.ask("GET", path, any_world.token(**to_write))
    read = any_world.ask("GET", path, any_world.token(**to_read))

    assert refused.status_code == 403
    assert challenge(refused)["error"] == "insufficient_scope"
    assert challenge(refused)["scope"] == scope(READ)
    assert read.status_code == 200


@pytest.mark.parametrize("changes", [{"auth_time": 5}, {"auth_time": ...}], ids=["long ago", "missing"])
def test_missing_step_up_is_asked_for_in_the_providers_words(any_world: World, changes: dict[str, Any]) -> None:
    """The web app, and any other client, can tell from the answer how to sign in again (RFC 9470)."""
    with untouched(any_world):
        answer = any_world.change(any_world.token(**changes))

    said = challenge(answer)
    assert answer.status_code == 401
    assert said["realm"] == "keywatch"
    assert said.items() >= any_world.provider.challenge().items()
    assert any_world.provider.step_up_request(said) is not None


@pytest.mark.parametrize(
    ("flavour", "claims"),
    [
        ("entra", {"acrs": ["c2"]}),
        ("entra", {"acrs": "c10"}),
        ("entra", {"acrs": ...}),
        ("openid", {"acr": "pwd"}),
        ("openid", {"acr": ["pwd"]}),
        ("openid", {"acr": ..., "amr": ["mfa"]}),
    ],
    ids=str,
)
def test_other_authentication_context_is_no_step_up(
    worlds: dict[str, World], flavour: str, claims: dict[str, Any]
) -> None:
    """A sign-in of another strength does not count."""
    world = worlds[flavour]

    with untouched(world):
        answer = world.change(world.token(**claims))

    assert challenge(answer)["error"] == world.provider.challenge()["error"]


@pytest.mark.parametrize(
    "claims", [{"tid": WEB}, {"tid": ...}, {"ver": "1.0"}, {"ver": 2.0}, {"oid": ...}, {"oid": ""}], ids=str
)
def test_other_tenant_is_refused(worlds: dict[str, World], claims: dict[str, Any]) -> None:
    """Entra's tokens of another tenant, of another version, or about no object are not accepted."""
    world = worlds["entra"]

    answer = world.ask("GET", "/accounts/me", world.token(**claims))

    assert challenge(answer)["error"] == "invalid_token"


def test_pairwise_subject_of_entra_is_not_who_it_is(worlds: dict[str, World]) -> None:
    """Entra's object id is the person, whatever `sub` is, and an `oid` that is no text is nobody."""
    world = worlds["entra"]

    same = world.ask("GET", "/accounts/me", world.token(sub="pairwise"))
    nobody = world.ask("GET", "/accounts/me", world.token(oid=[TENANT]))

    assert (same.status_code, nobody.status_code) == (200, 404)
