"""What key owners change of themselves."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keywatch.portal.api.change import LARGEST_BODY
from tests.keywatch.portal.api.world import BEFORE, World, challenge, own_lines, untouched

STRENGTHS = {
    "b2c": "tfp=b2c_1_signupsignin1_mfa auth_time=2026-11-18T11:06:20Z",
    "entra": "acrs=c1 auth_time=2026-11-18T11:06:20Z",
    "openid": "acr=mfa auth_time=2026-11-18T11:06:20Z",
}
MERGE_PATCH = "application/merge-patch+json"


def send(world: World, body: bytes, kind: str | None = "application/json", **headers: str) -> tuple[int, str]:
    """Send a body; return status and code."""
    given = headers | ({"Content-Type": kind} if kind is not None else {})
    answer = world.ask("PATCH", "/accounts/me", world.token(), content=body, headers=given)
    return answer.status_code, answer.json().get("code", "")


def test_change_is_recorded_with_how_strong_the_sign_in_was(any_world: World) -> None:
    """Who has changed what, and by which sign-in, is in the store."""
    answer = any_world.change(any_world.token(), "Jos\u00e9 \u5c71\u7530")

    change = any_world.accounts.changes()[0]
    assert answer.json()["beneficiary"] == "Jos\u00e9 \u5c71\u7530"
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    assert (change.what, change.after, change.who) == ("beneficiary", "Jos\u00e9 \u5c71\u7530", any_world.subject)
    assert change.strength == STRENGTHS[any_world.flavour]


def test_nobody_can_be_named(world: World) -> None:
    """Null takes the beneficiary away, and the media type of merge patches is understood."""
    status, _ = send(world, b'{"beneficiary":null}', MERGE_PATCH)

    assert status == 200
    assert world.account.beneficiary is None


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', MERGE_PATCH])
def test_media_types_of_json_are_read(world: World, kind: str) -> None:
    """Neither letter case nor the one character set of JSON makes another type."""
    assert send(world, b"{}", kind)[0] == 200


def test_empty_patch_changes_nothing(world: World) -> None:
    """A merge patch without members is one (RFC 7396)."""
    with untouched(world):
        assert send(world, b"{}")[0] == 200


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/xml", "application/json, text/plain", "application/json; charset=utf-16",
     "application/json-patch+json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
    ids=str,
)  # fmt: skip
def test_other_media_types_are_refused(world: World, kind: str | None) -> None:
    """What does not call itself JSON is not read as JSON."""
    with untouched(world):
        assert send(world, b'{"beneficiary":"After"}', kind) == (415, "media_type")


def test_compressed_body_is_refused(world: World) -> None:
    """A small body that unpacks to a large one is not unpacked."""
    with untouched(world):
        assert send(world, b"\x1f\x8b", **{"Content-Encoding": "gzip"}) == (415, "media_type")


def test_token_in_a_form_is_refused(world: World) -> None:
    """A token may come in the header alone (RFC 6750, 2.2)."""
    with untouched(world):
        refused = send(world, b"a=b&access%5Ftoken=x", "application/x-www-form-urlencoded")

    assert refused == (400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"After"', b"{", b"\xff", b'{"beneficiary":"After"',
        b'{"beneficiary":"a","beneficiary":"b"}',
        b'{"beneficiary":""}', b'{"beneficiary":"   "}', b'{"beneficiary":1}', b'{"beneficiary":["After"]}',
        b'{"beneficiary":{"name":"After"}}', b'{"beneficiary":true}', b'{"beneficiary":"a\\nb"}',
        b'{"beneficiary":"a\\n"}', b'{"beneficiary":"a\\u0000"}', b'{"beneficiary":"\\u202eevil"}',
        b'{"beneficiary":"\\ud800"}', b'{"beneficiary":NaN}', b'{"Beneficiary":"After"}', b'{"email":"x"}',
        b'{"beneficiary":"After","policynumber":"1"}', b'{"beneficiary":"After","owner":"x"}', b'{"version":1}',
        b'{"beneficiary":"After","access_token":"x"}', b'{"x":' + b"[" * 20_000,
        json.dumps({"beneficiary": "b" * 257}).encode(),
    ],
    ids=lambda body: f"{body!r:.60}",
)  # fmt: skip
def test_body_that_is_no_change_is_refused(world: World, body: bytes) -> None:
    """Only the beneficiary can be changed, to a text on one line or to nobody."""
    with untouched(world):
        assert send(world, body) == (422, "invalid_body")


def test_longest_beneficiary_is_kept(world: World) -> None:
    """256 characters are, whatever they are in bytes."""
    answer = world.change(world.token(), "\U0001f511" * 256)

    assert answer.status_code == 200
    assert world.account.beneficiary == "\U0001f511" * 256


def test_body_of_64_kib_is_read_and_no_more(world: World) -> None:
    """What is larger is refused before it is read to its end."""
    with untouched(world):
        assert send(world, b"{}".ljust(LARGEST_BODY)) == (200, "")
        assert send(world, b"{}".ljust(LARGEST_BODY + 1)) == (413, "too_large")


def test_body_of_who_may_not_change_is_not_read(world: World) -> None:
    """A token that does not suffice is refused whatever the body is."""
    answer = world.ask("PATCH", "/accounts/me", world.token(scp="Accounts.Read"), content=b" " * (LARGEST_BODY + 1))

    assert answer.status_code == 403


def test_change_of_an_account_that_others_have_changed_is_refused(world: World) -> None:
    """With If-Match, a change is carried out once only, whoever else has made the same."""
    seen = world.ask("GET", "/accounts/me", world.token()).headers["etag"]
    first = world.change(world.token(), "First", **{"If-Match": seen})
    with untouched(world):
        second = world.change(world.token(), "Second", **{"If-Match": seen})

    assert first.status_code == 200
    assert (second.status_code, second.json()["code"]) == (412, "account_changed")
    assert world.account.beneficiary == "First"


@pytest.mark.parametrize("tag", ["*", ' "{}" ', '"x", "{}"', '"{}","x"'])
def test_if_match_that_has_the_version_lets_a_change_through(world: World, tag: str) -> None:
    """A list of entity tags has it, and an asterisk means any."""
    answer = world.change(world.token(), f"By {tag}", **{"If-Match": tag.format(world.account.version)})

    assert answer.status_code == 200


@pytest.mark.parametrize("tag", ['W/"{}"', "{}", '"0{}"', '"{}x"', '"999"', "'{}'", '"', '"*"', ""])
def test_if_match_without_the_version_lets_none_through(world: World, tag: str) -> None:
    """Weak tags do not match (RFC 9110, 13.1.1), and what is no tag is not the account's."""
    with untouched(world):
        answer = world.change(world.token(), "After", **{"If-Match": tag.format(world.account.version)})

    assert answer.status_code == 412


def test_of_several_changes_at_once_one_is_carried_out(fresh: World) -> None:
    """Eight threads that have seen the same version: one changes it."""
    tag = f'"{fresh.account.version}"'
    token = fresh.token()
    together = threading.Barrier(8)

    def change(number: int) -> int:
        together.wait()
        return fresh.change(token, f"Thread {number}", **{"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(change, range(8)))

    assert statuses == [200] + [412] * 7
    assert [change.what for change in fresh.accounts.changes()].count("beneficiary") == 2  # the invitation's, and this


def test_step_up_is_over_while_the_token_is_not(fresh: World, caplog: pytest.LogCaptureFixture) -> None:
    """Five minutes after the sign-in, the same token still reads and no longer changes."""
    token = fresh.token()
    fresh.clock += 281

    with untouched(fresh):
        refused = fresh.change(token)

    assert fresh.account.beneficiary == BEFORE
    assert challenge(refused)["acr_values"] == "B2C_1_signupsignin1_mfa"
    assert fresh.ask("GET", "/accounts/me", token).status_code == 200
    assert "status=401 code=insufficient_user_authentication" in own_lines(caplog)[0]
    assert "more than 300 seconds ago" in own_lines(caplog)[0]
