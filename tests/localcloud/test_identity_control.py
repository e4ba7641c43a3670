"""What the local cloud tells of its identity providers, and what it changes in them on demand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest

from localcloud import LocalCloud, LocalCloudError
from localcloud.identity_model import B2C_SECRET, PROVIDERS
from localcloud.model import State
from tests.localcloud.identity import PAYMENTS, PLATFORM, Desk, answered, open_desk, verified


@pytest.fixture
def desk(cloud: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with open_desk(cloud) as desk:
        yield desk


def test_state_tells_everything_but_shows_no_password(cloud: LocalCloud) -> None:
    """The state is read back as it was written, and its repr holds no password."""
    text = (cloud.state_dir / "localcloud.json").read_text(encoding="utf-8")
    state = State.load(text)

    assert state.identity == cloud.identity == LocalCloud.attach(Path(cloud.state_dir)).identity
    assert [each.email for each in state.identity.people] == [PAYMENTS, PLATFORM] * 3
    assert len({each.password for each in state.identity.people}) == 6
    assert not any(each.password in repr(state) for each in state.identity.people)


def test_providers_tell_what_is_registered(cloud: LocalCloud) -> None:
    """Each provider tells how its client proves itself, and what its scopes are called."""
    access = cloud.identity

    assert (access.b2c.secret_name, access.b2c.certificate_name) == (B2C_SECRET, None)
    assert (access.external.secret_name, access.external.certificate_name) == (None, "keywatch-portal")
    assert access.openid.secret_client_id != access.openid.client_id
    assert access.b2c.scopes[0] == "https://keywatchkeys.onmicrosoft.com/keywatch-api/Accounts.Read"
    assert access.external.scopes[1] == f"api://{access.external.api_client_id}/Accounts.Write"
    assert access.openid.scopes == ["Accounts.Read", "Accounts.Write"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_reset_brings_people_and_keys_back(desk: Desk, provider: str) -> None:
    """After a reset the seeded people sign in with their passwords, and tokens are signed as at the start."""
    cloud, portal = desk.cloud, desk.portal(provider)
    keys = cloud.signing_jwks(provider)
    cloud.delete_person(provider, PAYMENTS)
    cloud.add_person(provider, "new.owner@keywatch.example")
    cloud.rotate_signing_keys(provider)
    cloud.retire_signing_keys(provider)
    cloud.reset()

    assert cloud.signing_jwks(provider) == keys
    assert desk.tokens(portal)["id_token"]
    with pytest.raises(LocalCloudError, match=r"does not know new\.owner"):
        cloud.delete_person(provider, "new.owner@keywatch.example")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_added_person_signs_in(desk: Desk, provider: str) -> None:
    """Somebody who was added has a password of their own or the given one, and tokens have their subject."""
    given = desk.cloud.add_person(provider, "a@keywatch.example", "a password", name="A", email_verified=False)
    made = desk.cloud.add_person(provider, "b@keywatch.example")
    portal = desk.portal(provider)
    claims = []
    for person in (given, made):
        code = answered(desk.browser.sign_in(portal.url(prompt="login"), person)).values["code"]
        claims.append(portal.claims(portal.redeem(code).json()["access_token"], portal.access.audience))

    assert given.password == "a password"
    assert [each["sub"] for each in claims] == [given.subject, made.subject]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_token_can_be_signed(cloud: LocalCloud, provider: str) -> None:
    """Whatever claims are signed by the current key, or by one that nobody publishes, with a header as given."""
    claims = {"iss": "i", "aud": "a", "exp": int(time.time()) + 60}
    good = cloud.issue_token(provider, claims)
    forged = cloud.issue_token(provider, claims, key="other")
    named = cloud.signing_jwks(provider)["keys"][0]["kid"]
    posing = cloud.issue_token(provider, claims, {"kid": named, "typ": "at+jwt"}, key="other")

    assert verified(good, cloud.signing_jwks(provider), "a", "i") == claims
    with pytest.raises(KeyError):
        verified(forged, cloud.signing_jwks(provider), "a", "i")
    with pytest.raises(jwt.InvalidSignatureError):
        verified(posing, cloud.signing_jwks(provider), "a", "i")
    assert jwt.get_unverified_header(posing)["typ"] == "at+jwt"


def test_code_holds_for_a_while(cloud: LocalCloud) -> None:
    """A code has six digits and is another one for each address."""
    codes = {cloud.code_of(provider, email) for provider in PROVIDERS for email in (PAYMENTS, PLATFORM)}

    assert all(len(each) == 6 and each.isdigit() for each in codes)
    assert len(codes) > 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cloud: cloud.add_person("google", "a@keywatch.example"), "providers: b2c, external, openid"),
        (lambda cloud: cloud.add_person("b2c", PAYMENTS.upper()), "knows PAYMENTS"),
        (lambda cloud: cloud.add_person("b2c", "nobody"), "is no e-mail address"),
        (lambda cloud: cloud.delete_person("b2c", "nobody@keywatch.example"), "add_person adds somebody"),
        (lambda cloud: cloud.change_email("b2c", PAYMENTS, PLATFORM), "knows platform.owner"),
        (lambda cloud: cloud.issue_token("b2c", {}, key="stolen"), "keys: current, other"),
    ],
)
def test_what_cannot_be_done_is_told(cloud: LocalCloud, change: Callable[[LocalCloud], object], words: str) -> None:
    """What the control interface refuses, it refuses in words that help, and nothing changes."""
    with pytest.raises(LocalCloudError, match=words):
        change(cloud)
    cloud.change_email("b2c", PAYMENTS, "still.there@keywatch.example")


def test_unknown_names_are_told(cloud: LocalCloud) -> None:
    """A provider or a person that is not there from the start is told with those that are."""
    with pytest.raises(ValueError, match="b2c, external, openid"):
        cloud.identity.provider("google")
    with pytest.raises(ValueError, match=r"payments\.owner"):
        cloud.identity.person("b2c", "nobody@keywatch.example")


def test_address_may_be_spelt_anew(cloud: LocalCloud) -> None:
    """Somebody may be given their own address in another spelling, and signs in with it."""
    person = cloud.identity.person("openid", PAYMENTS)
    cloud.change_email("openid", PAYMENTS, "Payments.Owner@keywatch.example")
    with open_desk(cloud) as desk:
        assert "code" in answered(desk.browser.sign_in(desk.portal("openid").url(), person)).values
