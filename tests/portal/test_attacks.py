"""What somebody tries who is not who they seem."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import requests

from localcloud.identity_model import B2C
from localcloud.portal import API_URL, WEB_URL
from tests.portal.browsing import Browser, parameters
from tests.portal.owning import PAYMENTS, PLATFORM
from tests.portal.visiting import Visiting

ANY_PROVIDER = pytest.mark.parametrize("visiting", [B2C], indirect=True, scope="module")
"""Of what is the same with each provider."""

OTHERS = ("https://evil.example", "null", "http://keys.keywatch.example", "https://keys.keywatch.example.evil.example")


def callback(visiting: Visiting, browser: Browser, start: str = "/sign-in?then=claims") -> str:
    """Sign in up to the redirect back to the portal, and give its address."""
    browser.open(start)
    person = visiting.person(PAYMENTS)
    answer = browser.send("Sign in", {"email": person.email, "password": person.password}, redirects=False)
    while answer.is_redirect:
        address = requests.compat.urljoin(answer.url, answer.headers["Location"])
        if address.startswith(WEB_URL):
            return address
        answer = browser.session.get(address, allow_redirects=False, timeout=30)
    raise AssertionError(answer.text)


def test_planted_session_is_worth_nothing(visiting: Visiting, browser: Browser) -> None:
    """A session id that was there before the sign-in is not the one after it, and opens nothing (session fixation)."""
    browser.open("/sign-in?then=claims")
    planted = browser.cookie()
    visiting.give_password(browser, visiting.person(PAYMENTS))
    thief = Browser(visiting.cloud)
    thief.session.headers["Cookie"] = f"__Host-keywatch={planted}"

    assert planted
    assert browser.cookie() != planted
    assert thief.open("/claims").status == 401


@ANY_PROVIDER
def test_id_that_somebody_has_made_up_is_never_taken(visiting: Visiting, browser: Browser) -> None:
    """The portal gives ids, and takes none: a made-up one is replaced."""
    browser.session.cookies.set("__Host-keywatch", "A" * 43, domain="keys.keywatch.example", path="/", secure=True)
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    assert browser.page.place == "/claims"
    assert "A" * 43 not in browser.session.cookies.get_dict("keys.keywatch.example").values()


def test_id_changes_with_the_step_up(visiting: Visiting, browser: Browser) -> None:
    """After the second factor the session has another id."""
    person = visiting.person(PLATFORM)
    visiting.bind(browser, person, "--rebind")
    before = browser.cookie()
    browser.open("/beneficiary")
    browser.press("Confirm and change", beneficiary="Deputies")
    visiting.step_up(browser, person)
    assert browser.page.place == "/account"
    assert browser.cookie() != before


@ANY_PROVIDER
def test_cookie_is_for_this_host_and_for_no_script(browser: Browser) -> None:
    """The one cookie has an opaque value, and is Secure, HttpOnly, SameSite, host-only and without an end."""
    answer = browser.session.get(f"{WEB_URL}/sign-in", allow_redirects=False, timeout=30)
    header = answer.headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-keywatch=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", header), header


@ANY_PROVIDER
@pytest.mark.parametrize("origin", OTHERS)
def test_form_of_another_site_is_refused(visiting: Visiting, browser: Browser, origin: str) -> None:
    """A form that another origin sends does nothing, even with the right token (CSRF)."""
    person = visiting.person(PLATFORM)
    visiting.sign_in(browser, person)
    assert browser.send("Sign out", headers={"Origin": origin}).status_code == 403
    assert browser.open("/claims").status == 200


@ANY_PROVIDER
@pytest.mark.parametrize(
    "token", ["", "wrong", "\u00e9", "x" * 99, "x" * 5_000], ids=["none", "wrong", "no ASCII", "long", "too long"]
)
@pytest.mark.parametrize("path", ["/sign-out", "/beneficiary", "/invitation"])
def test_form_without_its_token_is_refused(visiting: Visiting, browser: Browser, path: str, token: str) -> None:
    """A form whose token is missing, wrong or another session's does nothing (CSRF)."""
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    other = Browser(visiting.cloud)
    visiting.sign_in(other, visiting.person(PLATFORM), "/sign-in?then=claims")
    theirs = other.page.forms[0].fields["csrf"]
    for given in (token, theirs):
        data = {"csrf": given, "version": "1", "beneficiary": "Thief"}
        assert browser.session.post(WEB_URL + path, data=data, timeout=30).status_code in (400, 403)
    assert browser.open("/claims").status == 200
    assert "Thief" not in visiting.portal.command("accounts").stdout


@ANY_PROVIDER
@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "account/../../x",
        "%2F%2Fevil",
    ],
)
def test_nobody_is_sent_elsewhere(visiting: Visiting, browser: Browser, then: str) -> None:
    """Whatever an address says of where to go afterwards, it is one of our pages (open redirect)."""
    browser.session.params = {}
    browser.open(requests.Request("GET", f"{WEB_URL}/sign-in", params={"then": then}).prepare().url or "")
    visiting.give_password(browser, visiting.person(PAYMENTS))
    assert browser.page.place == "/"
    for path in (f"//evil.example/{then}", "/account/", "/static", "/claims//evil.example"):
        answer = browser.session.get(WEB_URL + path, allow_redirects=False, timeout=30)
        assert not answer.is_redirect, (path, answer.headers.get("Location"))


def test_code_counts_once(visiting: Visiting, browser: Browser) -> None:
    """An answer of the provider that comes a second time signs nobody in, in this browser or another."""
    address = callback(visiting, browser)
    assert browser.open(address).place == "/claims"
    thief = Browser(visiting.cloud)
    assert thief.open(address).status == 400
    assert thief.open("/claims").status == 401
    browser.press("Sign out")
    again = Browser(visiting.cloud)
    begun = again.session.get(f"{WEB_URL}/sign-in", allow_redirects=False, timeout=30).headers["Location"]
    answer = again.open(f"/getAToken?code={parameters(address)['code']}&state={parameters(begun)['state']}")
    assert answer.status == 400
    assert again.open("/claims").status == 401


def test_state_of_another_browser_is_refused(visiting: Visiting, browser: Browser) -> None:
    """An answer for a sign-in that another browser has begun signs nobody in (login CSRF)."""
    address = callback(visiting, browser)
    victim = Browser(visiting.cloud)
    victim.open("/sign-in")

    assert victim.open(address).status == 400
    assert victim.open("/claims").status == 401


@ANY_PROVIDER
@pytest.mark.parametrize(
    "answer",
    [
        "",
        "code=x",
        "state=x",
        "code=x&state=x",
        "code=x&state=",
        "error=access_denied&state=x",
        "error=access_denied&error_description=AADB2C90118",
        "state=x&state=y&code=z",
    ],
)
def test_answer_without_a_sign_in_is_refused(browser: Browser, answer: str) -> None:
    """What looks like the provider's answer, and belongs to no sign-in, leads nowhere."""
    for path in ("/getAToken", "/getATokenMFA"):
        assert browser.open(f"{path}?{answer}").status == 400
    assert browser.cookie() is None


def test_answer_at_the_wrong_address_is_refused(visiting: Visiting, browser: Browser) -> None:
    """The answer of a sign-in does not pass for that of a step-up."""
    address = callback(visiting, browser).replace("/getAToken?", "/getATokenMFA?")
    assert browser.open(address).status == 400
    assert browser.open("/claims").status == 401


def test_answer_of_another_issuer_is_refused(visiting: Visiting, browser: Browser) -> None:
    """An answer that says that another provider has made it is not redeemed (mix-up, RFC 9207)."""
    address = re.sub(r"&iss=[^&]*", "", callback(visiting, browser)) + "&iss=https%3A%2F%2Fevil.example"
    assert browser.open(address).status == 400
    assert browser.open("/claims").status == 401


def test_step_up_of_somebody_else_changes_nothing(visiting: Visiting, browser: Browser) -> None:
    """Whoever signs in as another for the step-up has changed nothing, of either."""
    person, other = visiting.person(PLATFORM), visiting.person(PAYMENTS)
    visiting.bind(browser, person, "--rebind")
    browser.open("/beneficiary")
    browser.press("Confirm and change", beneficiary="Of the other")
    visiting.step_up(browser, other)

    assert browser.page.status == 400
    assert "somebody else" in browser.page.text
    assert "Of the other" not in visiting.portal.command("accounts").stdout


def test_session_that_has_ended_loses_no_more_than_itself(visiting: Visiting, browser: Browser) -> None:
    """A form sent after the session has ended changes nothing, and asks to sign in."""
    person = visiting.person(PLATFORM)
    visiting.bind(browser, person, "--rebind")
    browser.open("/beneficiary")
    form = browser.page
    browser.press("Sign out")
    browser.page = form
    answer = browser.press("Confirm and change", beneficiary="Too late")

    assert answer.status == 401
    assert "Too late" not in visiting.portal.command("accounts").stdout


def test_deleted_user_is_out_with_the_token(visiting: Visiting, browser: Browser) -> None:
    """Somebody whom the provider has deleted, and who comes back with the same address, sees nothing of the account."""
    email = f"leaver.{visiting.provider}@keywatch.example"
    person = visiting.newcomer(email)
    visiting.bind(browser, person)
    assert browser.page.place == "/account"
    visiting.cloud.delete_person(visiting.provider, email)
    back = visiting.newcomer(email)
    again = Browser(visiting.cloud)
    visiting.sign_in(again, back)
    assert "You have no account here yet" in again.page.text


def test_unverified_address_accepts_no_invitation(visiting: Visiting, browser: Browser) -> None:
    """An invitation is not accepted by whom the provider does not vouch for, and waits for who it is for."""
    person = visiting.newcomer(f"unverified.{visiting.provider}@keywatch.example", email_verified=False)
    visiting.bind(browser, person)
    assert browser.page.status == 403
    assert "Confirm it there" in browser.page.text
    assert browser.open("/account").text.count("no account here")


def test_invitation_of_another_is_refused(visiting: Visiting, browser: Browser) -> None:
    """Who has got hold of somebody else's link cannot accept it."""
    person = visiting.newcomer(f"thief.{visiting.provider}@keywatch.example")
    browser.open(visiting.invitation(f"wanted.{visiting.provider}@keywatch.example"))
    browser.follow("Sign in or sign up")
    visiting.give_password(browser, person)
    browser.press("Accept")
    assert browser.page.status == 403
    assert "another e-mail address" in browser.page.text


@ANY_PROVIDER
def test_pages_run_nothing_and_are_kept_nowhere(browser: Browser) -> None:
    """Every answer, also a refusal, has the headers by which a browser runs, frames and keeps nothing."""
    for path in ("/", "/account", "/nowhere", "/static/portal.css", "/getAToken?state=x"):
        headers = browser.open(path).answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "server" not in {name.lower() for name in headers}
    assert "<script" not in browser.open("/").answer.text


@ANY_PROVIDER
@pytest.mark.parametrize(
    "host", ["evil.example", "keys.keywatch.example.evil.example", "keys.keywatch.example:8443@evil"]
)
def test_other_host_is_not_answered(visiting: Visiting, host: str) -> None:
    """A request for another host gets no page, so that none is made of it."""
    process = visiting.portal.processes["web"]
    port = str(process.args[-1])  # type: ignore[index]
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"http://127.0.0.1:{port}/", headers={"Host": host}, timeout=30)
    assert answer.status_code == 400
    assert host not in answer.text


@ANY_PROVIDER
def test_api_is_another_origin_that_lets_no_page_in(visiting: Visiting, browser: Browser) -> None:
    """The API allows no other origin, and a browser's cookies mean nothing to it."""
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    answer = browser.session.get(f"{API_URL}/accounts/me", headers={"Origin": WEB_URL}, timeout=30)
    assert answer.status_code == 401
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert urlsplit(API_URL).netloc != urlsplit(WEB_URL).netloc
