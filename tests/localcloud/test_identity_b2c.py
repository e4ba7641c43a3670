"""Azure AD B2C as the local cloud plays it: policies, pages, claims, and the words of its refusals."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from localcloud import LocalCloud
from localcloud.identity_model import REDIRECT_URIS
from tests.localcloud.azure import JWT_BEARER
from tests.localcloud.identity import (
    PAYMENTS,
    PLATFORM,
    Answer,
    Desk,
    Portal,
    answered,
    basic,
    open_desk,
    refused,
    secret_of,
    shown_page,
)

PLAIN = "B2C_1_signupsignin1"
MFA = "B2C_1_signupsignin1_mfa"
PROFILE = "B2C_1_profileediting1"
RESET = "B2C_1_passwordreset1"


@pytest.fixture
def desk(cloud: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with open_desk(cloud) as desk:
        yield desk


@pytest.fixture
def portal(desk: Desk) -> Portal:
    """Give the client at the plain policy."""
    return desk.portal("b2c")


def test_policy_has_a_document_in_any_case(desk: Desk, portal: Portal) -> None:
    """A policy's document is found by the tenant's domain or id, in any case; all policies share the issuer."""
    access, mfa = portal.access, desk.portal("b2c", MFA)
    paths = [f"{access.tenant_domain}/{MFA.upper()}", f"{access.tenant_id}/{MFA.lower()}"]
    urls = [f"https://{access.host}/{each}/v2.0/.well-known/openid-configuration" for each in paths]
    found = [desk.session.get(each, timeout=30).json() for each in (*urls, mfa.discovery)]

    assert found[0] == found[1] == found[2]
    assert found[0]["issuer"] == portal.configuration["issuer"] == f"https://{access.host}/{access.tenant_id}/v2.0/"
    assert found[0]["token_endpoint"].endswith(
        "/keywatchkeys.onmicrosoft.com/b2c_1_signupsignin1_mfa/oauth2/v2.0/token"
    )
    assert desk.session.get(urls[0].replace("_MFA", "_NONE"), timeout=30).status_code == 404


def test_tokens_have_b2cs_claims(desk: Desk, portal: Portal) -> None:
    """Tokens name the policy in lower case, the addresses as a list, and the object id as the subject."""
    tokens = desk.tokens(portal)
    identity = portal.claims(tokens["id_token"], portal.client_id)
    access = portal.claims(tokens["access_token"], portal.access.api_client_id)
    person = desk.person("b2c")

    assert (identity["tfp"], identity["emails"], identity["ver"]) == (PLAIN.lower(), [PAYMENTS], "1.0")
    assert person.object_id == identity["sub"] == identity["oid"] == access["sub"]
    assert (access["azp"], access["scp"]) == (portal.client_id, "Accounts.Read Accounts.Write")
    assert "newUser" not in identity
    assert "acr" not in identity
    assert tokens["resource"] == portal.access.api_client_id
    assert tokens["refresh_token_expires_in"] == 1_209_600


def test_own_client_id_is_a_scope(desk: Desk, portal: Portal) -> None:
    """A client that asks for its own id gets an access token to itself."""
    tokens = desk.tokens(portal, scope=f"openid {portal.client_id}")
    claims = portal.claims(tokens["access_token"], portal.client_id)

    assert claims["azp"] == portal.client_id
    assert "scp" not in claims


def test_one_resource_per_request(desk: Desk, portal: Portal) -> None:
    """Scopes of two resources are refused, even if one of them is the client itself."""
    for other in ("https://keywatchkeys.onmicrosoft.com/other-api/Read", portal.client_id):
        scope = f"openid {portal.access.scopes[0]} {other}"
        assert answered(desk.browser.open(portal.url(scope=scope))).error == ("invalid_request", "AADB2C90146")


def test_code_is_of_one_policy(desk: Desk, portal: Portal) -> None:
    """A code, and a refresh token, is redeemed at the policy that it was issued at, and nowhere else."""
    mfa = desk.portal("b2c", MFA)
    mfa.verifier = portal.verifier
    code = desk.code(portal)
    elsewhere = mfa.redeem(code)
    refresh_token = portal.redeem(code).json()["refresh_token"]

    assert refused(elsewhere) == (400, "invalid_grant", "AADB2C90088")
    assert "Actual Value : B2C_1_signupsignin1 and" in elsewhere.json()["error_description"]
    assert refused(mfa.refresh(refresh_token)) == (400, "invalid_grant", "AADB2C90088")


def test_refusals_have_b2cs_codes(desk: Desk, portal: Portal) -> None:
    """A replay, another redirect URI, another verifier and a grant type that is none have their codes."""
    code = desk.code(portal)

    assert refused(portal.redeem(code, redirect_uri=REDIRECT_URIS[1]))[2] == "AADB2C90006"
    assert refused(portal.redeem(code, code_verifier="v" * 43))[2] == "AADB2C90182"
    assert portal.redeem(code).ok
    assert refused(portal.redeem(code)) == (400, "invalid_grant", "AADB2C90080")
    assert refused(portal.token(grant_type="password")) == (400, "unsupported_grant_type", "AADB2C90086")
    assert refused(portal.token(grant_type="authorization_code")) == (400, "invalid_request", "AADB2C90083")


def test_client_proves_itself_by_a_secret_in_the_form(desk: Desk, portal: Portal) -> None:
    """An assertion is refused whatever it is; so are a wrong secret, none, one in a header, and another client."""
    code = desk.code(portal)
    made: dict[str, str | None] = {"client_assertion_type": JWT_BEARER, "client_assertion": "a.b.c"}
    secret = str(portal.credential()["client_secret"])
    header = {"Authorization": basic(portal.client_id, secret)}
    form = {"grant_type": "authorization_code", "code": code, "client_id": portal.client_id}
    by_header = desk.session.post(portal.endpoints["token"], form, headers=header, timeout=30)

    assert refused(portal.redeem(code, client_secret=None, **made)) == (400, "invalid_client", "AADB2C99027")
    assert refused(portal.redeem(code, **made)) == (400, "invalid_client", "AADB2C99027")
    assert refused(portal.redeem(code, client_secret="wrong")) == (400, "invalid_client", "AADB2C90081")
    assert refused(portal.redeem(code, client_secret=None)) == (400, "invalid_request", "AADB2C90079")
    assert refused(by_header) == (400, "invalid_request", "AADB2C90079")
    assert refused(portal.redeem(code, client_id=str(uuid.uuid4())))[2] == "AADB2C90018"
    assert portal.redeem(code).ok


def test_secret_is_in_the_vault(desk: Desk, portal: Portal) -> None:
    """The worker's identity reads the client secret, which the state file does not hold."""
    secret = secret_of(desk.cloud, desk.session, "portal-b2c-secret")

    assert secret == portal.credential()["client_secret"]
    assert secret not in (desk.cloud.state_dir / "localcloud.json").read_text()


def test_forgotten_password_goes_back_to_the_client(desk: Desk, portal: Portal) -> None:
    """The link of the forgotten password sends AADB2C90118, and Cancel sends AADB2C90091."""
    forgotten = answered(desk.browser.follow(desk.browser.page(portal.url()), "Forgot your password?"))
    cancelled = answered(desk.browser.send(desk.browser.page(portal.url()), "cancel"))

    assert forgotten.error == ("access_denied", "AADB2C90118")
    assert cancelled.error == ("access_denied", "AADB2C90091")
    assert "Correlation ID" in forgotten.values["error_description"]


def test_second_factor_is_always_asked_for(desk: Desk, portal: Portal) -> None:
    """A session without a code is not enough for the policy with one, and prompt=login asks for both again."""
    mfa = desk.portal("b2c", MFA)
    desk.tokens(portal)
    silent = answered(desk.browser.open(mfa.url(prompt="none")))
    page = desk.browser.page(mfa.url())
    wrong = desk.browser.next(page, code="\N{LATIN SMALL LETTER E WITH ACUTE}")
    answer = answered(desk.browser.pass_code(wrong))
    claims = mfa.claims(mfa.redeem(answer.values["code"]).json()["access_token"], mfa.access.audience)

    assert silent.values["error"] == "interaction_required"
    assert page.heading == "Verify that it is you"
    assert page.code == desk.cloud.code_of("b2c", PAYMENTS)
    assert wrong.alert.startswith("That is not the code")
    assert claims["tfp"] == MFA.lower()
    assert isinstance(desk.browser.open(mfa.url()), Answer)
    assert "code" in desk.browser.sign_in_with_code(mfa.url(prompt="login"), desk.person("b2c")).values


def test_second_factor_can_be_cancelled(desk: Desk) -> None:
    """The page that asks for the code has a button to cancel."""
    mfa = desk.portal("b2c", MFA)
    page = shown_page(desk.browser.sign_in(mfa.url(), desk.person("b2c")))

    assert answered(desk.browser.send(page, "cancel")).error == ("access_denied", "AADB2C90091")


def test_somebody_without_a_phone_registers_one(desk: Desk) -> None:
    """Whoever has no second factor yet registers it at the first request for a code."""
    mfa = desk.portal("b2c", MFA)
    person = desk.cloud.add_person("b2c", "new.owner@keywatch.example", second_factor=False)
    page = shown_page(desk.browser.sign_in(mfa.url(), person))

    assert "Register your phone" in page.texts["p"]
    assert "code" in answered(desk.browser.pass_code(page)).values
    second = shown_page(desk.browser.sign_in(mfa.url(prompt="login"), person))
    assert "Register" not in second.texts["p"]


def test_people_sign_up(desk: Desk, portal: Portal) -> None:
    """A new person proves their address by a code, chooses a password, and comes with newUser, once."""
    start = shown_page(desk.browser.follow(desk.browser.page(portal.url()), "Sign up now"))
    taken = desk.browser.next(start, email=PLATFORM)
    mailed = desk.browser.next(taken, email="newcomer@keywatch.example")
    details = desk.browser.next(mailed, code=desk.cloud.code_of("b2c", "newcomer@keywatch.example"))
    short = desk.browser.next(details, new_password="short", name="Newcomer")
    answer = answered(desk.browser.send(short, new_password="a long password", name="Newcomer"))
    first = portal.claims(portal.redeem(answer.values["code"]).json()["id_token"], portal.client_id)
    again = answered(desk.browser.open(portal.url())).values["code"]
    second = portal.claims(portal.redeem(again).json()["id_token"], portal.client_id)

    assert "already" in taken.alert
    assert "too short" in short.alert
    assert (first["newUser"], first["emails"], first["name"]) == (True, ["newcomer@keywatch.example"], "Newcomer")
    assert "newUser" not in second


def test_profile_is_edited(desk: Desk, portal: Portal) -> None:
    """The profile policy signs in first, then changes the name, and its tokens say which policy they are of."""
    profile = desk.portal("b2c", PROFILE)
    page = shown_page(desk.browser.sign_in(profile.url(), desk.person("b2c")))
    empty = desk.browser.next(page, name=" ")
    answer = answered(desk.browser.send(empty, name="Payments team"))
    claims = profile.claims(profile.redeem(answer.values["code"]).json()["id_token"], profile.client_id)
    silent = answered(desk.browser.open(portal.url())).values["code"]

    assert page.inputs["name"] == "Payments owner"
    assert (claims["name"], claims["tfp"]) == ("Payments team", PROFILE.lower())
    assert portal.claims(portal.redeem(silent).json()["id_token"], portal.client_id)["name"] == "Payments team"


def test_password_is_reset(desk: Desk, portal: Portal) -> None:
    """The reset policy proves the address by a code, changes the password, and goes back with a code of its own."""
    reset = desk.portal("b2c", RESET)
    start = desk.browser.page(reset.url())
    nobody = desk.browser.next(start, email="nobody@keywatch.example")
    mailed = desk.browser.next(nobody, email=PAYMENTS)
    chosen = desk.browser.next(mailed, code=mailed.code)
    answer = answered(desk.browser.send(chosen, new_password="another password"))
    claims = reset.claims(reset.redeem(answer.values["code"]).json()["id_token"], reset.client_id)
    old = shown_page(desk.browser.sign_in(portal.url(prompt="login"), desk.person("b2c")))

    assert "no account" in nobody.alert
    assert claims["tfp"] == RESET.lower()
    assert "wrong" in old.alert
    assert "code" in answered(desk.browser.send(old, email=PAYMENTS, password="another password")).values


def test_logout_goes_where_it_is_told(desk: Desk, portal: Portal) -> None:
    """Without a hint B2C follows any https address; with one it must be registered."""
    tokens = desk.tokens(portal)
    where = f"{portal.endpoints['logout']}?post_logout_redirect_uri="
    plain = desk.browser.open(f"{where}http://evil.example/")
    free = desk.browser.session.get(f"{where}https://elsewhere.example/&state=s", allow_redirects=False, timeout=30)
    hinted = desk.browser.open(f"{where}https://elsewhere.example/&id_token_hint={tokens['id_token']}")
    home = answered(desk.browser.open(f"{where}https://keys.keywatch.example/&id_token_hint={tokens['id_token']}"))

    assert shown_page(plain).response.status_code == shown_page(hinted).response.status_code == 400
    assert free.headers["Location"] == "https://elsewhere.example/?state=s"
    assert home.url == "https://keys.keywatch.example/"
    assert answered(desk.browser.open(portal.url(prompt="none"))).error == ("login_required", "AADB2C90077")


def test_scopes_do_not_widen(desk: Desk, portal: Portal) -> None:
    """A refresh that asks for a scope which was not granted is refused."""
    tokens = desk.tokens(portal, scope=f"openid offline_access {portal.access.scopes[0]}")

    assert refused(portal.refresh(tokens["refresh_token"], scope=portal.access.scopes[1]))[2] == "AADB2C90117"


def test_changed_address_shows_in_new_tokens(desk: Desk, portal: Portal) -> None:
    """Somebody whose address changes stays who they are."""
    before = portal.claims(desk.tokens(portal)["id_token"], portal.client_id)
    desk.cloud.change_email("b2c", PAYMENTS, "billing.owner@keywatch.example")
    code = answered(desk.browser.open(portal.url())).values["code"]
    after = portal.claims(portal.redeem(code).json()["id_token"], portal.client_id)

    assert (after["sub"], after["emails"]) == (before["sub"], ["billing.owner@keywatch.example"])
