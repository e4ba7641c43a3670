"""Microsoft Entra External ID as the local cloud plays it: contexts, certificates, claims, and its refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msal
import pytest

from localcloud import LocalCloud, LocalCloudError
from localcloud.identity_model import PORTAL_CERTIFICATE, REDIRECT_URIS
from tests.localcloud.identity import (
    PAYMENTS,
    Answer,
    Desk,
    Portal,
    answered,
    open_desk,
    refused,
    session_of,
    shown_page,
)

C1 = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
FORM_POST = {"response_mode": "form_post"}
"""How MSAL wants to be answered; it warns otherwise."""


@pytest.fixture
def desk(cloud: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with open_desk(cloud) as desk:
        yield desk


@pytest.fixture
def portal(desk: Desk) -> Portal:
    """Give the client."""
    return desk.portal("external")


def access_claims(portal: Portal, tokens: dict[str, Any]) -> dict[str, Any]:
    """Check an access token."""
    return portal.claims(tokens["access_token"], portal.access.api_client_id)


def test_document_names_the_tenant_by_its_id(desk: Desk, portal: Portal) -> None:
    """The issuer's host is the tenant's id, and the document is found by that host, by the domain and by the id."""
    tenant, host = portal.access.tenant_id, portal.access.host
    bases = (f"{host}/{tenant}", f"{host}/keywatchexternal.onmicrosoft.com", f"{tenant}.ciamlogin.com/{tenant}")
    found = [
        desk.session.get(f"https://{each}/v2.0/.well-known/openid-configuration", timeout=30).json() for each in bases
    ]

    assert found[0] == found[1] == found[2]
    assert found[0]["issuer"] == f"https://{tenant}.ciamlogin.com/{tenant}/v2.0"
    assert found[0]["token_endpoint"] == f"https://{host}/{tenant}/oauth2/v2.0/token"


def test_tokens_have_entras_claims(desk: Desk, portal: Portal) -> None:
    """Tokens are of version 2.0, with a subject for each application, and with the optional claims."""
    tokens = desk.tokens(portal)
    identity, access = portal.claims(tokens["id_token"], portal.client_id), access_claims(portal, tokens)
    person = desk.person("external")

    assert (access["ver"], access["tid"], access["azp"]) == ("2.0", portal.access.tenant_id, portal.client_id)
    assert access["scp"] == "Accounts.Read Accounts.Write"
    assert person.object_id == access["oid"] == identity["oid"]
    assert person.subject == access["sub"] != identity["sub"] != person.object_id
    assert (identity["email"], identity["xms_edov"], identity["preferred_username"]) == (PAYMENTS, True, PAYMENTS)
    assert "acrs" not in access


def test_unverified_address_shows(desk: Desk, portal: Portal) -> None:
    """An address that Entra has not verified is told with xms_edov false."""
    desk.cloud.change_email("external", PAYMENTS, "someone.else@keywatch.example", verified=False)
    shown = desk.browser.page(portal.url())
    answer = desk.browser.send(shown, email="someone.else@keywatch.example", password=desk.person("external").password)
    claims = portal.claims(portal.redeem(answered(answer).values["code"]).json()["id_token"], portal.client_id)

    assert (claims["email"], claims["xms_edov"]) == ("someone.else@keywatch.example", False)


def test_context_wants_a_second_factor(desk: Desk, portal: Portal) -> None:
    """A request for context c1 asks for a code even within a session, and the access token alone has acrs."""
    desk.tokens(portal)
    silent = answered(desk.browser.open(portal.url(claims=C1, prompt="none")))
    page = desk.browser.page(portal.url(claims=C1))
    answer = answered(desk.browser.pass_code(page))
    tokens = portal.redeem(answer.values["code"], claims=C1).json()
    plain = portal.redeem(answered(desk.browser.open(portal.url())).values["code"]).json()

    assert silent.error == ("interaction_required", "AADSTS50076")
    assert access_claims(portal, tokens)["acrs"] == ["c1"]
    assert "acrs" not in portal.claims(tokens["id_token"], portal.client_id)
    assert "acrs" not in access_claims(portal, plain)


def test_refresh_keeps_context_and_sign_in_time(desk: Desk, portal: Portal) -> None:
    """A refreshed token still has its context, and still tells the old time of sign-in."""
    answer = desk.browser.sign_in_with_code(portal.url(claims=C1), desk.person("external"))
    tokens = portal.redeem(answer.values["code"]).json()
    desk.cloud.age_sign_ins("external", 5000)
    renewed = access_claims(portal, portal.refresh(tokens["refresh_token"]).json())

    assert renewed["acrs"] == ["c1"]
    assert renewed["auth_time"] == access_claims(portal, tokens)["auth_time"] - 5000


def test_context_cannot_be_had_by_the_token_request_alone(desk: Desk, portal: Portal) -> None:
    """Claims in a token request ask for a context that the sign-in was for, or an interaction is required."""
    code = desk.code(portal)

    assert refused(portal.redeem(code, claims=C1)) == (400, "interaction_required", "AADSTS50076")


def test_unknown_context_is_refused(desk: Desk, portal: Portal) -> None:
    """A context that the tenant does not have, and claims that are no such JSON, are refused."""
    unknown = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c9"}}})
    for claims, word in ((unknown, "AADSTS50234"), ("{", "AADSTS9002313"), ("[]", "AADSTS9002313")):
        assert answered(desk.browser.open(portal.url(claims=claims))).error == ("invalid_request", word)
    assert refused(portal.redeem(desk.code(portal), claims=unknown))[2] == "AADSTS50234"
    malformed: list[object] = [[], {"acrs": []}, {"acrs": {"values": "c1"}}]
    for asked in malformed:
        answer = answered(desk.browser.open(portal.url(claims=json.dumps({"access_token": asked}))))
        assert answer.values["error"] == "invalid_request"


def test_msal_passes_a_claims_challenge_on(desk: Desk, portal: Portal) -> None:
    """MSAL with a claims challenge and a capability gets a token with acrs and xms_cc."""
    with session_of(desk.cloud) as session:
        app = msal.ConfidentialClientApplication(
            portal.client_id,
            client_credential={"client_assertion": portal.assertion},
            authority=portal.authority,
            client_capabilities=["CP1"],
            http_client=session,
        )
        flow = app.initiate_auth_code_flow(
            portal.access.scopes, REDIRECT_URIS[1], prompt="login", claims_challenge=C1, **FORM_POST
        )
        answer = desk.browser.sign_in_with_code(flow["auth_uri"], desk.person("external"))
        claims = access_claims(portal, app.acquire_token_by_auth_code_flow(flow, answer.values))

    assert answer.url == REDIRECT_URIS[1]
    assert (claims["acrs"], claims["xms_cc"]) == (["c1"], ["CP1"])
    assert claims["auth_time"] == pytest.approx(time.time(), abs=5)


def test_client_proves_itself_by_its_certificate(desk: Desk, portal: Portal) -> None:
    """An assertion that the vault signs is taken; a secret, none, another audience and an expired one are not."""
    code = desk.code(portal)
    without: dict[str, str | None] = {"client_assertion": None, "client_assertion_type": None}

    assert refused(portal.redeem(code, **without)) == (401, "invalid_client", "AADSTS7000218")
    assert refused(portal.redeem(code, **without, client_secret="x")) == (401, "invalid_client", "AADSTS7000215")
    assert refused(portal.redeem(code, client_assertion_type=None))[2] == "AADSTS9002313"
    for changes, word in (
        ({"aud": portal.access.issuer}, "AADSTS700023"),
        ({"exp": 1}, "AADSTS700024"),
        ({"iss": "other", "sub": "other"}, "AADSTS700021"),
    ):
        assert refused(portal.redeem(code, client_assertion=portal.assertion(**changes)))[2] == word
    assert portal.redeem(code).ok


def test_certificates_are_registered_and_taken_away(desk: Desk, portal: Portal) -> None:
    """A new version of the certificate signs nobody in until it is registered, and the old one no longer when gone."""
    old = desk.cloud.certificate_versions(PORTAL_CERTIFICATE)[0]
    new = desk.cloud.create_certificate(PORTAL_CERTIFICATE)
    code = desk.code(portal)
    before = portal.redeem(code)
    desk.cloud.register_portal_certificate("external", new)
    desk.cloud.unregister_portal_certificate("external", old)

    assert refused(before) == (401, "invalid_client", "AADSTS700027")
    assert portal.redeem(code).ok
    with pytest.raises(LocalCloudError, match="is not registered with external"):
        desk.cloud.unregister_portal_certificate("external", old)
    with pytest.raises(LocalCloudError, match="b2c takes no certificates"):
        desk.cloud.register_portal_certificate("b2c", new)


def test_one_resource_per_request(desk: Desk, portal: Portal) -> None:
    """Scopes of two resources are refused."""
    scope = f"openid {portal.access.scopes[0]} https://graph.microsoft.com/User.Read"

    assert answered(desk.browser.open(portal.url(scope=scope))).error == ("invalid_scope", "AADSTS28000")


def test_refresh_may_ask_for_more(desk: Desk, portal: Portal) -> None:
    """A refresh gets any scope of the API, as an administrator has consented to all."""
    tokens = desk.tokens(portal, scope=f"openid offline_access {portal.access.scopes[0]}")
    more = portal.refresh(tokens["refresh_token"], scope=portal.access.scopes[1]).json()

    assert access_claims(portal, more)["scp"] == "Accounts.Write"


def test_refusals_have_entras_codes(desk: Desk, portal: Portal) -> None:
    """A replay, another verifier, another redirect URI and somebody who is gone have their codes."""
    code = desk.code(portal)

    assert refused(portal.redeem(code, redirect_uri=REDIRECT_URIS[1]))[2] == "AADSTS500112"
    assert refused(portal.redeem(code, code_verifier="v" * 43))[2] == "AADSTS501481"
    refresh_token = portal.redeem(code).json()["refresh_token"]
    desk.cloud.delete_person("external", PAYMENTS)
    assert refused(portal.refresh(refresh_token)) == (400, "invalid_grant", "AADSTS50034")
    assert refused(portal.redeem(code)) == (400, "invalid_grant", "AADSTS54005")
    assert refused(portal.refresh(refresh_token)) == (400, "invalid_grant", "AADSTS50173")


def test_giving_up_has_entras_codes(desk: Desk, portal: Portal) -> None:
    """Cancel on the sign-in page sends AADSTS65004, and on the page of the code AADSTS500121."""
    first = answered(desk.browser.send(desk.browser.page(portal.url()), "cancel"))
    page = shown_page(desk.browser.sign_in(portal.url(claims=C1), desk.person("external")))
    second = answered(desk.browser.send(page, "cancel"))

    assert first.error == ("access_denied", "AADSTS65004")
    assert second.error == ("access_denied", "AADSTS500121")


def test_password_is_reset_on_the_way(desk: Desk, portal: Portal) -> None:
    """The link of the forgotten password leads through pages that reset it, and back to the sign-in."""
    start = shown_page(desk.browser.follow(desk.browser.page(portal.url()), "Forgot your password?"))
    mailed = desk.browser.next(start, email=PAYMENTS)
    wrong = desk.browser.next(mailed, code="no code")
    chosen = desk.browser.next(wrong, code=mailed.code)
    back = desk.browser.next(chosen, new_password="another password")

    assert wrong.alert.startswith("That is not the code")
    assert (back.heading, back.alert) == ("Sign in", "The password is changed. Sign in with the new one.")
    assert "code" in answered(desk.browser.send(back, email=PAYMENTS, password="another password")).values


def test_people_sign_up(desk: Desk, portal: Portal) -> None:
    """A new person signs up on the way, and registers a phone at the first request for a context."""
    start = shown_page(desk.browser.follow(desk.browser.page(portal.url(claims=C1)), "Sign up now"))
    mailed = desk.browser.next(start, email="newcomer@keywatch.example")
    details = desk.browser.next(mailed, code=mailed.code)
    page = desk.browser.next(details, new_password="a long password", name="Newcomer")
    answer = desk.browser.pass_code(page)
    claims = access_claims(portal, portal.redeem(answered(answer).values["code"]).json())

    assert "Register your phone" in page.texts["p"]
    assert (claims["email"], claims["acrs"]) == ("newcomer@keywatch.example", ["c1"])


def test_logout_goes_to_registered_addresses_alone(desk: Desk, portal: Portal) -> None:
    """A registered address is followed, and another one gets a page and leaves the session as it was."""
    desk.tokens(portal)
    where = f"{portal.endpoints['logout']}?post_logout_redirect_uri="
    other = shown_page(desk.browser.open(f"{where}https://elsewhere.example/"))
    kept = desk.browser.open(portal.url())
    home = answered(desk.browser.open(f"{where}https://keys.keywatch.example/"))

    assert other.response.status_code == 400
    assert isinstance(kept, Answer)
    assert home.url == "https://keys.keywatch.example/"
    assert answered(desk.browser.open(portal.url(prompt="none"))).error == ("login_required", "AADSTS50058")
