"""What all identity providers have in common: codes, PKCE, sessions, keys, pages, and what they refuse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import msal
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud import Fault, FaultKind, LocalCloud
from localcloud.identity_model import PROVIDERS, REDIRECT_URIS
from tests.localcloud.azure import Azure
from tests.localcloud.identity import (
    PAYMENTS,
    PLATFORM,
    Answer,
    Browser,
    Desk,
    Portal,
    answered,
    open_desk,
    refused,
    session_of,
    shown_page,
)

UNKNOWN_SCOPE = {"b2c": "AADB2C90117", "external": "AADSTS70011", "openid": "There is no scope"}
PLAIN = {"b2c": "AADB2C90184", "external": "AADSTS501491", "openid": "code_challenge_method plain"}


@pytest.fixture(scope="module")
def seeded(running_cloud: LocalCloud) -> LocalCloud:
    """Give the local cloud, seeded once: browsers and clients are new each time."""
    running_cloud.reset()
    return running_cloud


@pytest.fixture
def desk(seeded: LocalCloud) -> Iterator[Desk]:
    """Open a browser and a client."""
    with open_desk(seeded) as desk:
        yield desk


@pytest.fixture
def restored(seeded: LocalCloud) -> Iterator[None]:
    """Bring the local cloud back to its seed after a test that changes what others rely on."""
    yield
    seeded.reset()


@pytest.fixture(params=PROVIDERS)
def portal(request: pytest.FixtureRequest, desk: Desk) -> Portal:
    """Give a client of each provider in turn."""
    return desk.portal(request.param)


def msal_credential(azure: Azure, portal: Portal) -> Any:  # noqa: ANN401 - whatever MSAL takes
    """Make MSAL's credential: the secret, or an exportable certificate that is registered for it."""
    if portal.access.name == "b2c":
        return portal.credential()["client_secret"]
    made = azure.cloud.create_certificate("portal-exportable", key_type="RSA", exportable=True)
    azure.cloud.register_portal_certificate(portal.access.name, made)
    signer = azure.exported(made)
    return {
        "private_key": signer.key,
        "public_certificate": signer.certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def test_msal_signs_in(azure: Azure, desk: Desk, portal: Portal) -> None:
    """MSAL's own flow gets both tokens, by form_post, and refreshes them."""
    where = {"oidc_authority": portal.authority} if portal.access.name == "openid" else {"authority": portal.authority}
    credential = msal_credential(azure, portal)

    def app() -> Any:  # noqa: ANN401 - MSAL has no types
        return msal.ConfidentialClientApplication(
            portal.client_id, client_credential=credential, http_client=azure.session, **where
        )

    first = app()
    flow = first.initiate_auth_code_flow(portal.access.scopes, REDIRECT_URIS[0], response_mode="form_post")
    answer = answered(desk.browser.sign_in(flow["auth_uri"], desk.person(portal.access.name)))
    result = first.acquire_token_by_auth_code_flow(flow, answer.values)
    # An assertion is taken once by a strict provider, and MSAL keeps one for nine minutes.
    renewed = app().acquire_token_by_refresh_token(result["refresh_token"], portal.access.scopes)

    assert portal.claims(result["access_token"], portal.access.audience)["azp"] == portal.client_id
    assert result["id_token_claims"]["aud"] == portal.client_id
    assert portal.claims(renewed["access_token"], portal.access.audience)["azp"] == portal.client_id


def test_tokens_are_made_by_the_published_keys(desk: Desk, portal: Portal) -> None:
    """Both tokens verify by the key set of the provider's document, and tell who signed in, when, and for whom."""
    tokens = desk.tokens(portal)
    found = portal.configuration
    keys = jwt.PyJWKSet.from_dict(desk.session.get(found["jwks_uri"], timeout=30).json())
    key = keys[jwt.get_unverified_header(tokens["id_token"])["kid"]]
    claims = jwt.decode(
        tokens["id_token"], key, algorithms=["RS256"], audience=portal.client_id, issuer=found["issuer"]
    )
    access = portal.claims(tokens["access_token"], portal.access.audience)
    person = desk.person(portal.access.name)

    assert (claims["nonce"], claims["auth_time"]) == ("a nonce", pytest.approx(time.time(), abs=5))
    assert access["sub"] == person.subject
    assert access["auth_time"] == claims["auth_time"]
    assert access.get("scp", access.get("scope", "")).endswith("Accounts.Read Accounts.Write")
    assert tokens["token_type"] == "Bearer"


def test_access_token_needs_a_scope_of_the_api(desk: Desk, portal: Portal) -> None:
    """Without a scope of the API there is no access token, and without offline_access no refresh token."""
    tokens = desk.tokens(portal, scope="openid")

    assert ("id_token" in tokens, "access_token" in tokens, "refresh_token" in tokens) == (True, False, False)


def test_unregistered_redirect_uri_gets_a_page(desk: Desk, portal: Portal) -> None:
    """A redirect URI that differs by anything from the registered ones gets a page, and the browser goes nowhere."""
    for uri in (f"{REDIRECT_URIS[0]}/", f"{REDIRECT_URIS[0]}?x=1", REDIRECT_URIS[0].lower(), "https://evil.example/"):
        page = desk.browser.page(portal.url(redirect_uri=uri))
        assert (page.response.status_code, page.heading) == (400, "This request cannot be served")


def test_unknown_client_gets_a_page(desk: Desk, portal: Portal) -> None:
    """A client that is not registered gets a page, and so does a parameter that comes twice."""
    unknown = desk.browser.page(portal.url(client_id="somebody"))
    twice = desk.browser.page(f"{portal.url()}&state=another")
    missing = desk.browser.page(portal.url(redirect_uri=None))

    assert [each.response.status_code for each in (unknown, twice, missing)] == [400, 400, 400]


BAD_REQUESTS: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_mode": "web_message"}, "invalid_request"),
    ({"scope": None}, "invalid_request"),
    ({"scope": "openid everything"}, "invalid_scope"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "none"}, "login_required"),
]


def test_bad_requests_go_back_with_an_error(desk: Desk, portal: Portal) -> None:
    """What is wrong with a request goes back to the client, with its state and before any page."""
    for changes, error in BAD_REQUESTS:
        answer = answered(desk.browser.open(portal.url(**changes)))
        assert (answer.values["error"], answer.values["state"], answer.url) == (error, "a state", REDIRECT_URIS[0])


def test_unknown_scope_is_told_in_the_providers_words(desk: Desk, portal: Portal) -> None:
    """An unknown scope of the API, and a plain challenge, are refused in each provider's own words."""
    unknown = answered(desk.browser.open(portal.url(scope=f"openid {portal.access.scope_prefix}Accounts.Delete")))
    plain = answered(desk.browser.open(portal.url(code_challenge_method="plain")))

    assert unknown.values["error_description"].startswith(UNKNOWN_SCOPE[portal.access.name])
    assert plain.values["error_description"].startswith(PLAIN[portal.access.name])


def test_code_is_redeemed_once(desk: Desk, portal: Portal) -> None:
    """A code that comes again is refused, and ends the refresh token that it was redeemed for."""
    code = desk.code(portal)
    refresh_token = portal.redeem(code).json()["refresh_token"]
    before, replayed, after = portal.refresh(refresh_token), portal.redeem(code), portal.refresh(refresh_token)

    assert (before.status_code, replayed.status_code, after.status_code) == (200, 400, 400)
    assert replayed.json()["error"] == after.json()["error"] == "invalid_grant"


OTHER_REDEMPTIONS: list[dict[str, str | None]] = [
    {"code_verifier": "w" * 43},
    {"code_verifier": None},
    {"code_verifier": "short"},
    {"redirect_uri": REDIRECT_URIS[1]},
    {"code": "made up"},
]


def test_code_is_bound_to_its_request(desk: Desk, portal: Portal) -> None:
    """A code is worth nothing with another verifier or redirect URI, nor is one that was never issued."""
    code = desk.code(portal)
    for changes in OTHER_REDEMPTIONS:
        response = portal.redeem(code, **changes)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_code_lives_five_minutes(desk: Desk, portal: Portal) -> None:
    """A code that is older than five minutes is refused."""
    code = desk.code(portal)
    desk.cloud.age_sign_ins(portal.access.name, 301)

    assert portal.redeem(code).json()["error"] == "invalid_grant"


def test_token_requests_must_be_whole(desk: Desk, portal: Portal) -> None:
    """A grant type that is none, a missing code, and a GET are refused."""
    kind = portal.token(grant_type="password")
    missing = portal.token(grant_type="authorization_code", redirect_uri=REDIRECT_URIS[0])
    get = desk.session.get(portal.endpoints["token"], timeout=30)

    assert kind.json()["error"] == "unsupported_grant_type"
    assert missing.json()["error"] == get.json()["error"] == "invalid_request"


def test_verifier_without_a_challenge_is_refused(desk: Desk) -> None:
    """Where PKCE is no duty, a verifier that nobody announced is refused, so that nobody takes the challenge away."""
    portal = desk.portal("b2c")
    code = desk.code(portal, code_challenge=None, code_challenge_method=None)

    assert refused(portal.redeem(code)) == (400, "invalid_grant", "AADB2C90182")
    assert portal.redeem(code, code_verifier=None).ok


def test_answers_come_as_asked(desk: Desk, portal: Portal) -> None:
    """The code comes in the query, the fragment or a form, each time with the state."""
    desk.code(portal)
    for mode in ("query", "fragment", "form_post"):
        answer = answered(desk.browser.open(portal.url(response_mode=mode)))
        assert (answer.url, answer.values["state"]) == (REDIRECT_URIS[0], "a state")
        assert portal.redeem(answer.values["code"]).ok


def test_session_spares_the_password_until_logout(desk: Desk, portal: Portal) -> None:
    """A browser that has signed in gets codes without a page, until it signs out."""
    first = desk.tokens(portal)
    silent = answered(desk.browser.open(portal.url(prompt="none")))
    second = portal.redeem(silent.values["code"]).json()
    desk.browser.open(f"{portal.endpoints['logout']}?id_token_hint={first['id_token']}")
    times = [portal.claims(each["id_token"], portal.client_id)["auth_time"] for each in (first, second)]

    assert times[0] == times[1]
    assert answered(desk.browser.open(portal.url(prompt="none"))).values["error"] == "login_required"


def test_prompt_login_wants_the_password_again(desk: Desk, portal: Portal) -> None:
    """With prompt=login a session is not enough, and the sign-in time is the new one."""
    desk.tokens(portal)
    desk.cloud.age_sign_ins(portal.access.name, 1000)
    silent = answered(desk.browser.open(portal.url())).values["code"]
    old = portal.claims(portal.redeem(silent).json()["id_token"], portal.client_id)
    new = portal.claims(desk.tokens(portal, prompt="login")["id_token"], portal.client_id)

    assert new["auth_time"] - old["auth_time"] >= 1000


def test_refresh_keeps_the_moment_of_sign_in(desk: Desk, portal: Portal) -> None:
    """A refresh gives new tokens of the old sign-in, and the old refresh token stays good."""
    first = desk.tokens(portal)
    desk.cloud.age_sign_ins(portal.access.name, 1000)
    second, third = (portal.refresh(first["refresh_token"]).json() for _ in range(2))
    old, new = (portal.claims(each["access_token"], portal.access.audience) for each in (first, second))

    assert new["auth_time"] == old["auth_time"] - 1000
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3


def test_refresh_for_less_gives_less(desk: Desk, portal: Portal) -> None:
    """A refresh may ask for one scope of several."""
    first = desk.tokens(portal)
    less = portal.refresh(first["refresh_token"], scope=portal.access.scopes[0]).json()
    claims = portal.claims(less["access_token"], portal.access.audience)

    assert claims.get("scp", claims.get("scope")) == "Accounts.Read"


@pytest.mark.usefixtures("restored")
def test_lifetimes_can_be_set(desk: Desk, portal: Portal) -> None:
    """Tokens live as long as is set, and one that has expired says so by its time."""
    desk.cloud.set_identity_lifetimes(portal.access.name, access=0, refresh=0)
    tokens = desk.tokens(portal)

    with pytest.raises(jwt.ExpiredSignatureError):
        portal.claims(tokens["access_token"], portal.access.audience)
    assert portal.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.usefixtures("restored")
def test_deleted_person_gets_nothing(desk: Desk, portal: Portal) -> None:
    """After somebody is deleted, their code, refresh token, session and password are worth nothing."""
    tokens, person = desk.tokens(portal), desk.person(portal.access.name)
    code = answered(desk.browser.open(portal.url())).values["code"]
    desk.cloud.delete_person(portal.access.name, PAYMENTS)

    assert portal.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert portal.redeem(code).json()["error"] == "invalid_grant"
    assert shown_page(desk.browser.sign_in(portal.url(), person)).alert.startswith("The e-mail address or the password")


@pytest.mark.usefixtures("restored")
def test_keys_rotate(desk: Desk, portal: Portal) -> None:
    """New tokens use the new key; old tokens verify until the old keys are retired."""
    old = desk.tokens(portal)
    desk.cloud.rotate_signing_keys(portal.access.name)
    new = portal.refresh(old["refresh_token"]).json()
    both = [portal.claims(each["access_token"], portal.access.audience)["aud"] for each in (old, new)]
    desk.cloud.retire_signing_keys(portal.access.name)

    assert both == [portal.access.audience] * 2
    assert portal.claims(new["access_token"], portal.access.audience)
    with pytest.raises(KeyError):
        portal.claims(old["access_token"], portal.access.audience)
    assert len(desk.session.get(portal.configuration["jwks_uri"], timeout=30).json()["keys"]) == 1


def test_wrong_password_stays_on_the_page(desk: Desk, portal: Portal) -> None:
    """A wrong password, and an address that nobody has, are told on the page in the same words."""
    page = desk.browser.page(portal.url())
    wrong = desk.browser.next(page, email=PAYMENTS, password="wrong")
    nobody = desk.browser.next(wrong, email="nobody@keywatch.example", password="wrong")
    right = desk.browser.send(nobody, email=PAYMENTS.upper(), password=desk.person(portal.access.name).password)

    assert wrong.alert == nobody.alert != ""
    assert "code" in answered(right).values


def test_cancelling_tells_the_client(desk: Desk, portal: Portal) -> None:
    """The sign-in page has a button to cancel, which sends access_denied."""
    page = desk.browser.page(portal.url())
    answer = answered(desk.browser.send(page, "cancel"))

    assert page.buttons == ["Sign in", "Cancel"]
    assert (answer.values["error"], answer.values["state"]) == ("access_denied", "a state")


def test_another_browser_cannot_go_on(desk: Desk, portal: Portal) -> None:
    """A form that another browser sends is refused, even with the right password."""
    page = desk.browser.page(portal.url())
    with session_of(desk.cloud) as session:
        stranger = Browser(desk.cloud, session)
        person = desk.person(portal.access.name)
        shown = shown_page(stranger.send(page, email=person.email, password=person.password))

    assert (shown.response.status_code, shown.alert) == (400, "This sign-in has ended, or began in another browser.")


def test_stale_page_does_nothing(desk: Desk) -> None:
    """A page that is sent again after a later one was shown is not taken for the later one."""
    portal = desk.portal("b2c", "B2C_1_signupsignin1_mfa")
    first = desk.browser.page(portal.url())
    person = desk.person("b2c")
    desk.browser.next(first, email=person.email, password=person.password)
    again = desk.browser.next(first, email=person.email, password=person.password)

    assert again.alert == "That page was out of date; go on from here."


def test_pages_are_accessible_and_kept_nowhere(desk: Desk, portal: Portal) -> None:
    """Pages have a language, a title, one heading and a label for each input, and no cache or frame holds them."""
    page = desk.browser.page(portal.url())
    headers = page.response.headers

    assert page.texts["lang"] == "en"
    assert page.texts["title"].startswith("Sign in - ")
    assert page.response.text.count("<h1>") == 1
    assert page.labels == {"email", "password"} == set(page.inputs) - {"flow", "step"}
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Secure; HttpOnly" in headers["Set-Cookie"]


def test_typed_in_text_stays_text(desk: Desk, portal: Portal) -> None:
    """What somebody types in is shown as text, whatever it looks like."""
    page = desk.browser.page(portal.url())
    shown = desk.browser.next(page, email='"><script>alert(1)</script>', password="x")

    assert "<script>alert" not in shown.response.text
    assert shown.inputs["email"] == '"><script>alert(1)</script>'


def test_log_tells_what_was_asked_and_holds_no_secret(desk: Desk, portal: Portal) -> None:
    """The log has each request with its action and client, but no password, code, secret or token."""
    desk.cloud.clear_requests()
    code = desk.code(portal, prompt="login")
    tokens = portal.redeem(code).json()
    portal.redeem("made up")
    host = portal.access.host
    records = [each for each in desk.cloud.requests(host=host) if each.method != "CONNECT"]
    shown = repr(desk.cloud.requests()) + (desk.cloud.state_dir / "localcloud.log").read_text()

    assert [each.action for each in records] == ["authorize", "authorize", "token", "token"]
    assert {each.account for each in records} == {portal.client_id}
    assert records[3].error not in (None, "")
    password = desk.person(portal.access.name).password
    for secret in (code, password, tokens["id_token"], tokens["access_token"], tokens["refresh_token"]):
        assert secret not in shown


@pytest.mark.usefixtures("restored")
def test_faults_hit_the_token_endpoint(desk: Desk, portal: Portal) -> None:
    """Throttling and an outage come in OAuth's form, with Retry-After."""
    code = desk.code(portal)
    desk.cloud.inject(Fault(FaultKind.THROTTLE, host=portal.access.host, action="token", retry_after=7))
    desk.cloud.inject(Fault(FaultKind.STATUS, host=portal.access.host, action="token", status=503))
    throttled, down, served = (portal.redeem(code) for _ in range(3))

    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert (down.status_code, down.json()["error"], served.status_code) == (503, "temporarily_unavailable", 200)


def test_unknown_paths_and_methods_are_not_served(desk: Desk, portal: Portal) -> None:
    """A path that leads nowhere is not found, and a document is not to be posted."""
    nowhere = desk.session.get(f"https://{portal.access.host}/nowhere/at/all", timeout=30)
    posted = desk.session.post(portal.discovery, timeout=30)

    assert (nowhere.status_code, posted.status_code, posted.headers["Allow"]) == (404, 405, "GET")


NAMES = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge"),
    *("code_challenge_method", "prompt", "max_age", "acr_values", "claims", "flow", "step", "action", "go", "code"),
    *("grant_type", "refresh_token", "client_secret", "client_assertion", "client_assertion_type", "id_token_hint"),
    *("post_logout_redirect_uri", "code_verifier", "email", "password"),
)
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["login", "none", "form_post", "{}", '{"access_token":{"acrs":{"value":"c1"}}}', "a.b.c", "0"]),
    st.sampled_from(["https://x.example/\r\nSet-Cookie: a=b", "authorization_code", "refresh_token", "é"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8),
    cookie=st.sampled_from(["", "é", "__Host-session=é", "__Host-browser=a b;;="]),
    posted=st.booleans(),
)
def test_no_request_breaks_a_provider(
    desk: Desk, portal: Portal, values: dict[str, str], cookie: str, *, posted: bool
) -> None:
    """Whatever is sent to a provider, it answers, and never that it has failed."""
    headers = {"Cookie": cookie.encode("latin-1")}
    right = dict(parse_qsl(urlsplit(portal.url()).query))
    for url in portal.endpoints.values():
        for sent in (values, right | values):
            options: dict[str, Any] = {"data": sent} if posted else {"params": sent}
            method = "POST" if posted else "GET"
            response = desk.session.request(method, url, headers=headers, allow_redirects=False, timeout=30, **options)
            assert response.status_code < 500


def test_request_may_be_posted(desk: Desk, portal: Portal) -> None:
    """An authorization request may come as a form as well (OpenID Connect Core 1.0, section 3.1.2.1)."""
    where, _, query = portal.url().partition("?")
    data = dict(parse_qsl(query))
    shown = desk.browser.open(where, "POST", data)

    assert not isinstance(shown, Answer)
    assert shown.heading == "Sign in"


def test_two_people_have_two_sessions(desk: Desk, portal: Portal) -> None:
    """Whoever signs in last with prompt=login is whom the session is of."""
    desk.tokens(portal)
    platform = desk.person(portal.access.name, PLATFORM)
    answered(desk.browser.sign_in(portal.url(prompt="login"), platform))
    silent = answered(desk.browser.open(portal.url(prompt="none")))
    claims = portal.claims(portal.redeem(silent.values["code"]).json()["access_token"], portal.access.audience)

    assert claims["sub"] == platform.subject
