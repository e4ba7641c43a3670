"""What key owners read of themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.schema import findings, seconds
from tests.keywatch.portal.api.world import BEFORE, NOW, OWNER, World
from tests.keywatch.report.found import NOW as READ_AT
from tests.keywatch.report.found import ONE, ok, record, write

MOMENT = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def report(world: World, *records: bytes) -> None:
    """Write a run."""
    engine = open_engine(sqlite_url(world.folder / "report.db"), writing=True)
    write(engine, records, ok(ONE, name="Payments"))
    engine.dispose()


def find(world: World, key_id: str) -> None:
    """Write what the policy finds of a key."""
    row: dict[str, Any] = {
        "finding_id": "f" * 27, "key_id": key_id, "rule": "old-key", "kind": "age", "severity": "high", "rank": 1,
        "reason": "400 days old", "proposes": False, "first_found": seconds(READ_AT), "first_run": "r",
        "last_found": seconds(READ_AT), "last_run": "r",
    }  # fmt: skip
    engine = open_engine(sqlite_url(world.folder / "report.db"), writing=True)
    with engine.begin() as connection:
        connection.execute(findings.insert(), row)
    engine.dispose()


def owned(user: str, owner: str = OWNER, **more: Any) -> bytes:  # noqa: ANN401 - of record
    """Make a record of a key with an owner."""
    return record(user, Owner=owner, OwnerSource="tag", **more)


def test_account_is_the_callers(any_world: World) -> None:
    """The token says whose account it is, and its version is the entity tag."""
    answer = any_world.ask("GET", "/accounts/me", any_world.token())

    account = any_world.account
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{account.version}"'
    assert answer.json() == {
        "email": OWNER,
        "owner": OWNER,
        "policynumber": None,
        "beneficiary": BEFORE,
        "version": account.version,
        "updated": MOMENT,
    }


@pytest.mark.parametrize("path", ["/accounts/me", "/accounts/me/keys"])
def test_without_an_account_the_answer_says_how_to_get_one(world: World, path: str) -> None:
    """Who has signed in and was not invited is told whom to ask."""
    answer = world.ask("GET", path, world.token(sub="stranger"))

    assert answer.status_code == 404
    assert answer.json()["code"] == "no_account"
    assert "Ask the security team for an invitation" in answer.json()["detail"]


def test_keys_are_the_callers_with_what_is_found_of_them(fresh: World) -> None:
    """The oldest comes first, and keys of others do not come."""
    report(
        fresh,
        owned("ci", age=400, idle=100),
        owned("backup", age=500),
        owned("search", "search.owner@keywatch.example"),
        record("nobodys"),
    )
    second = fresh.owners_keys.page(fresh.account).rows[1].key
    find(fresh, second.key_id)

    body = fresh.ask("GET", "/accounts/me/keys", fresh.token()).json()

    assert [key["user_name"] for key in body["keys"]] == ["backup", "ci"]
    assert (body["total"], body["next"], body["previous"]) == (2, None, None)
    assert body["as_of"] == "2026-11-27T06:00:00Z"
    assert body["keys"][1] == {
        "key_id": second.key_id,
        "access_key_id": "AKIA...0001",
        "account_id": ONE,
        "account_name": "Payments",
        "user_name": "ci",
        "status": "Active",
        "created": "2025-10-23T06:00:00Z",
        "age_days": 400,
        "last_used": "2026-08-19T06:00:00Z",
        "idle_days": 100,
        "service": "s3",
        "region": "eu-west-1",
        "findings": [
            {
                "rule": "old-key",
                "severity": "high",
                "reason": "400 days old",
                "first_found": "2026-11-27T06:00:00Z",
            }
        ],
    }


def test_keys_come_in_pages(fresh: World) -> None:
    """Cursors lead through all keys, forth and back."""
    report(fresh, *(owned(f"user-{number}", age=100 - number) for number in range(5)))

    def page(cursor: str | None) -> tuple[list[str], str | None, str | None]:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        body = fresh.ask("GET", "/accounts/me/keys", fresh.token(), params=params).json()
        assert body["total"] == 5
        return [key["user_name"] for key in body["keys"]], body["next"], body["previous"]

    first, after_first, before_first = page(None)
    second, after_second, before_second = page(after_first)
    third, after_third, _ = page(after_second)

    assert (first, second, third) == (["user-0", "user-1"], ["user-2", "user-3"], ["user-4"])
    assert (before_first, after_third) == (None, None)
    assert page(before_second)[0] == first


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=do-not-repeat-me",
        "limit=",
        "limit=1e2",
        f"cursor={'A' * 1025}",
        "limit=1&limit=1",
        "Limit=1",
        "limit=1&more=do-not-repeat-me",
        "cursor=do-not-repeat-me",
    ],
)
def test_query_that_means_nothing_is_refused(world: World, query: str) -> None:
    """A page that there is none of, or of a size that is none, is refused in words that do not repeat it."""
    answer = world.ask("GET", f"/accounts/me/keys?{query}", world.token())

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_parameter"
    assert "do-not-repeat-me" not in answer.text


def test_anybody_may_know_what_the_api_is(world: World) -> None:
    """Name, version, time and documentation need no token."""
    answer = world.ask("GET", "/")

    assert answer.json() == {
        "name": "Keywatch accounts",
        "version": world.app.version,
        "time": MOMENT,
        "documentation": "/openapi.json",
    }
    assert world.ask("GET", "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/", "/healthz", "/accounts/me"])
def test_parameter_that_an_address_does_not_take_is_refused(world: World, path: str) -> None:
    """A mistake in a query is not passed over."""
    answer = world.ask("GET", f"{path}?do-not-repeat-me=1", world.token())

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert "do-not-repeat-me" not in answer.text
