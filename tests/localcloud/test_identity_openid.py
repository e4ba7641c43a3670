"""The OpenID provider: client authentication, acr, max_age, tokens as in RFC 9068, and logout that asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from localcloud import LocalCloud
from localcloud.identity_model import PORTAL_CERTIFICATE, REDIRECT_URIS
from tests.localcloud.azure import Azure
from tests.localcloud.identity import (
    PAYMENTS,
    Answer,
    Desk,
    Portal,
    answered,
    basic,
    open_desk,
    refused,
    secret_of,
    session_of,
    shown_page,
)


@pytest.fixture
def desk(cloud: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with open_desk(cloud) as desk:
        yield desk


@pytest.fixture
def portal(desk: Desk) -> Portal:
    """Give the client that has a certificate."""
    return desk.portal("openid")


@pytest.fixture
def by_secret(desk: Desk) -> Portal:
    """Give the client that has a secret."""
    return desk.portal("openid", client_id=str(desk.cloud.identity.openid.secret_client_id))


def access_claims(portal: Portal, code: str) -> dict[str, Any]:
    """Redeem a code, and check the access token."""
    return portal.claims(portal.redeem(code).json()["access_token"], "keywatch-api")


def test_access_token_is_as_in_rfc_9068(desk: Desk, portal: Portal) -> None:
    """An access token has its own type and says client, scopes and how somebody signed in; the ID token says who."""
    tokens = desk.tokens(portal)
    access = portal.claims(tokens["access_token"], "keywatch-api")
    identity = portal.claims(tokens["id_token"], portal.client_id)

    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    assert access["scope"].split()[-2:] == ["Accounts.Read", "Accounts.Write"]
    assert (access["client_id"], access["azp"], access["acr"]) == (portal.client_id, portal.client_id, "1")
    assert (identity["email"], identity["email_verified"], identity["name"]) == (PAYMENTS, True, "Payments owner")
    assert "scp" not in access
    assert "email" not in access


def test_identity_is_told_as_asked(desk: Desk, portal: Portal) -> None:
    """Without the scopes email and profile the ID token has neither address nor name."""
    claims = portal.claims(desk.tokens(portal, scope="openid Accounts.Read")["id_token"], portal.client_id)

    assert {"email", "email_verified", "name"} & set(claims) == set()


def test_answers_name_the_issuer(desk: Desk, portal: Portal) -> None:
    """Codes and errors come with the issuer (RFC 9207)."""
    error = answered(desk.browser.open(portal.url(prompt="none")))
    answer = answered(desk.browser.sign_in(portal.url(), desk.person("openid")))

    assert error.values["iss"] == answer.values["iss"] == "https://sso.keywatch.example/realms/keys"


def test_pkce_is_required(desk: Desk, portal: Portal) -> None:
    """A request without a challenge is refused."""
    answer = answered(desk.browser.open(portal.url(code_challenge=None, code_challenge_method=None)))

    assert answer.values["error"] == "invalid_request"


def test_acr_2_wants_a_code(desk: Desk, portal: Portal) -> None:
    """For acr 2 a session by password is not enough; the first known value counts, and unknown ones do not."""
    desk.tokens(portal)
    silent = answered(desk.browser.open(portal.url(acr_values="2", prompt="none")))
    stepped = answered(desk.browser.pass_code(desk.browser.open(portal.url(acr_values="gold 2 1"))))
    again = answered(desk.browser.open(portal.url(acr_values="2")))
    plain = answered(desk.browser.open(portal.url(acr_values="gold")))
    acrs = [access_claims(portal, each.values["code"])["acr"] for each in (stepped, again, plain)]

    assert silent.values["error"] == "interaction_required"
    assert acrs == ["2", "2", "1"]


def test_refresh_keeps_acr(desk: Desk, portal: Portal) -> None:
    """A refreshed token tells the acr and time of the sign-in."""
    answer = desk.browser.sign_in_with_code(portal.url(acr_values="2"), desk.person("openid"))
    tokens = portal.redeem(answer.values["code"]).json()
    desk.cloud.age_sign_ins("openid", 5000)
    renewed = portal.claims(portal.refresh(tokens["refresh_token"]).json()["access_token"], "keywatch-api")

    assert (renewed["acr"], renewed["auth_time"]) == ("2", pytest.approx(time.time() - 5000, abs=10))


def test_max_age_wants_a_recent_password(desk: Desk, portal: Portal) -> None:
    """A session older than max_age asks for the password again, and a younger one does not."""
    desk.tokens(portal)
    young = desk.browser.open(portal.url(max_age="300"))
    desk.cloud.age_sign_ins("openid", 600)
    old = shown_page(desk.browser.open(portal.url(max_age="300")))
    silent = answered(desk.browser.open(portal.url(max_age="300", prompt="none")))
    odd = answered(desk.browser.open(portal.url(max_age="-1")))

    assert isinstance(young, Answer)
    assert old.heading == "Sign in"
    assert silent.values["error"] == "login_required"
    assert odd.values["error"] == "invalid_request"


def test_assertion_is_taken_once(desk: Desk, portal: Portal) -> None:
    """An assertion proves the client once; a new one is needed for the next request."""
    assertion = portal.assertion()
    code = desk.code(portal)
    first = portal.redeem(code, client_assertion=assertion, client_id=None)
    second = portal.refresh(first.json()["refresh_token"], client_assertion=assertion)

    assert first.ok
    assert refused(second)[:2] == (401, "invalid_client")
    assert "was used before" in second.json()["error_description"]


def test_bad_assertions_prove_nothing(desk: Desk, portal: Portal) -> None:
    """Another audience, client, time or form of an assertion is refused; the issuer is an audience too."""
    code, now = desk.code(portal), time.time()
    bad: list[dict[str, object]] = [
        {"aud": "https://evil.example/"},
        {"iss": "other"},
        {"sub": "other"},
        {"exp": now + 3600},
        {"exp": now - 60},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": now + 3600},
        {"jti": None},
    ]
    for changes in bad:
        response = portal.redeem(code, client_assertion=portal.assertion(**changes), client_id=portal.client_id)
        assert refused(response)[:2] == (401, "invalid_client"), changes
    assert refused(portal.redeem(code, client_assertion="a.b.c"))[:2] == (401, "invalid_client")
    assert refused(portal.redeem(code, client_assertion_type="other"))[:2] == (400, "invalid_request")
    assert portal.redeem(code, client_assertion=portal.assertion(aud=["x", portal.access.issuer])).ok


def test_assertion_is_signed_by_a_registered_certificate(azure: Azure, desk: Desk, portal: Portal) -> None:
    """An assertion of a certificate that is not registered, or with another algorithm, is refused."""
    code = desk.code(portal)
    made = desk.cloud.create_certificate("stranger", key_type="RSA", exportable=True)
    signer = azure.exported(made)
    claims: dict[str, object] = {"iss": portal.client_id, "sub": portal.client_id, "aud": portal.endpoints["token"]}

    def signed(algorithm: str) -> str:
        return signer.assertion(azure.on_premises, {"alg": algorithm}, **claims, exp=int(time.time()) + 300)

    before = portal.redeem(code, client_assertion=signed("PS256"))
    desk.cloud.register_portal_certificate("openid", made)
    wrong = portal.redeem(code, client_assertion=signed("RS512"))

    assert refused(before)[:2] == refused(wrong)[:2] == (401, "invalid_client")
    assert portal.redeem(code, client_assertion=signed("RS256")).ok


def test_secret_proves_the_other_client(desk: Desk, by_secret: Portal) -> None:
    """The client with a secret sends it in the form or in a header, and a wrong one is refused."""
    secret = secret_of(desk.cloud, desk.session, "portal-openid-secret")
    code = desk.code(by_secret)
    wrong = by_secret.redeem(code, client_secret="wrong")
    tokens = by_secret.redeem(code).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    header = {"Authorization": basic(by_secret.client_id, secret)}
    url = by_secret.endpoints["token"]
    by_header = desk.session.post(url, form, headers=header, timeout=30)
    twice = desk.session.post(url, form | {"client_secret": secret}, headers=header, timeout=30)
    other = desk.session.post(url, form | {"client_id": "keywatch-portal"}, headers=header, timeout=30)

    assert refused(wrong)[:2] == (401, "invalid_client")
    assert by_header.ok
    assert refused(twice)[:2] == (400, "invalid_request")
    assert refused(other)[:2] == (401, "invalid_client")


def test_each_client_has_its_own_proof(desk: Desk, portal: Portal, by_secret: Portal) -> None:
    """The client with a certificate has no secret, the other no certificate, and neither redeems the other's code."""
    code = desk.code(portal)
    none: dict[str, str | None] = {"client_assertion": None, "client_assertion_type": None}
    secret = by_secret.credential()["client_secret"]
    with_assertion = portal.credential() | {
        "client_assertion": portal.assertion(iss=by_secret.client_id, sub=by_secret.client_id)
    }
    by_secret.verifier = portal.verifier

    assert refused(portal.redeem(code, **none, client_secret=secret))[:2] == (401, "invalid_client")
    assert refused(portal.redeem(code, **none))[:2] == (401, "invalid_client")
    assert refused(by_secret.redeem(code, client_secret=None, **with_assertion))[:2] == (401, "invalid_client")
    assert refused(by_secret.redeem(code))[:2] == (400, "invalid_grant")
    assert portal.redeem(code).ok


def test_certificate_proves_nothing_once_taken_away(desk: Desk, portal: Portal) -> None:
    """A certificate that is no longer registered proves nothing, though the vault still signs with its key."""
    desk.cloud.unregister_portal_certificate("openid", desk.cloud.certificate_versions(PORTAL_CERTIFICATE)[0])

    assert refused(portal.redeem(desk.code(portal)))[:2] == (401, "invalid_client")


def test_logout_asks_without_a_hint(desk: Desk, portal: Portal) -> None:
    """Without id_token_hint the provider asks before it ends the session; another browser cannot answer for it."""
    desk.tokens(portal)
    url = f"{portal.endpoints['logout']}?client_id={portal.client_id}&state=s"
    url += "&post_logout_redirect_uri=https://keys.keywatch.example/"
    page = desk.browser.page(url)
    with session_of(desk.cloud) as session:
        stranger = session.post(page.url.partition("?")[0], page.inputs, timeout=30)
    stays = desk.browser.next(desk.browser.page(url), "cancel")
    kept = desk.browser.open(portal.url())
    gone = answered(desk.browser.send(desk.browser.page(url)))

    assert page.heading == "Do you want to log out?"
    assert stranger.status_code == 400
    assert stays.heading == "You are still signed in"
    assert isinstance(kept, Answer)
    assert (gone.url, gone.values) == ("https://keys.keywatch.example/", {"state": "s"})
    assert answered(desk.browser.open(portal.url(prompt="none"))).values["error"] == "login_required"


def test_logout_with_a_hint_is_at_once(desk: Desk, portal: Portal) -> None:
    """With id_token_hint, however old, nobody is asked; a forged one and an unregistered address get a page."""
    desk.cloud.set_identity_lifetimes("openid", access=0)
    hint = desk.tokens(portal)["id_token"]
    forged = desk.cloud.issue_token("openid", {"aud": portal.client_id}, key="other")
    url = f"{portal.endpoints['logout']}?id_token_hint="
    pages = [
        desk.browser.page(f"{url}{forged}"),
        desk.browser.page(f"{url}{hint}&post_logout_redirect_uri=https://x.example/"),
    ]
    done = desk.browser.page(f"{url}{hint}")

    assert [each.response.status_code for each in pages] == [400, 400]
    assert done.heading == "You are signed out"
    assert answered(desk.browser.open(portal.url(prompt="none"))).values["error"] == "login_required"


def test_there_is_no_sign_up(desk: Desk, portal: Portal) -> None:
    """Nobody signs up or resets a password here: the page has no links, and asking for them by hand does nothing."""
    page = desk.browser.page(portal.url())
    by_hand = desk.browser.page(f"{page.url.partition('?')[0]}?flow={page.inputs['flow']}&go=sign_up")

    assert page.links == {}
    assert by_hand.heading == "Sign in"


def test_step_up_has_its_own_address(desk: Desk, portal: Portal) -> None:
    """The second registered redirect URI is as good as the first."""
    url = portal.url(acr_values="2", prompt="login", redirect_uri=REDIRECT_URIS[1])

    assert desk.browser.sign_in_with_code(url, desk.person("openid")).url == REDIRECT_URIS[1]
