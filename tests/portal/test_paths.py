"""Every path through the portal, with each provider."""

from __future__ import annotations

from localcloud.identity_model import B2C, OPENID
from tests.portal.browsing import Browser
from tests.portal.owning import PAYMENTS, PLATFORM, USERS, owned_by
from tests.portal.visiting import Visiting

STEP_UP = "Confirm and change"


def shown_users(browser: Browser) -> list[str]:
    """Give the users whose keys a page shows."""
    return sorted(user for user in USERS if user in browser.page.text.split())


def test_nobody_sees_anything_before_they_sign_in(visiting: Visiting, browser: Browser) -> None:
    """Start page and the API's public answer are open; every other page asks to sign in first."""
    assert browser.open("/").status == 200
    assert "Sign in or sign up" in browser.page.links
    assert browser.open("/test-api").status == 200
    assert "version" in browser.page.text
    for path in ("/account", "/claims", "/beneficiary", "/profile"):
        assert browser.open(path).status == 401, path
        assert browser.page.links["Sign in"].startswith("/sign-in?then=")
    assert visiting.portal.processes["web"].poll() is None


def test_owner_signs_in_and_sees_their_keys(visiting: Visiting, browser: Browser) -> None:
    """After the invitation, an owner sees account and keys, theirs alone; the code is not in the address any more."""
    person = visiting.person(PAYMENTS)
    visiting.bind(browser, person, "--policynumber", "4711", "--rebind")

    assert browser.page.place == "/account"
    assert "the account is yours" in browser.page.text
    assert "4711" in browser.page.text
    assert shown_users(browser) == owned_by(PAYMENTS)
    assert "As of" in browser.page.text


def test_claims_are_shown_and_no_token(visiting: Visiting, browser: Browser) -> None:
    """Page My claims has what the provider says, and no page has a token."""
    person = visiting.person(PAYMENTS)
    visiting.sign_in(browser, person)
    browser.open("/claims")

    assert person.email in browser.page.text
    assert "iss" in browser.page.text
    assert "eyJ" not in browser.page.answer.text


def test_beneficiary_is_changed_after_the_second_factor_alone(visiting: Visiting, browser: Browser) -> None:
    """The form leads to the provider, which wants password and code; only then the API has the change."""
    person = visiting.person(PLATFORM)
    visiting.bind(browser, person, "--rebind")
    browser.open("/beneficiary")
    browser.press(STEP_UP, beneficiary="  Platform   deputies ")
    assert browser.page.place == visiting.cloud.identity.provider(visiting.provider).host
    assert "Platform deputies" not in visiting.portal.command("accounts").stdout

    visiting.step_up(browser, person)
    assert browser.page.place == "/account"
    assert "Your beneficiary has been changed." in browser.page.text
    assert "Platform deputies" in browser.page.text
    assert "Platform deputies" in visiting.portal.command("changes", person.email).stdout
    browser.open("/account")
    assert "has been changed" not in browser.page.text


def test_second_factor_refused_changes_nothing(visiting: Visiting, browser: Browser) -> None:
    """Whoever cancels at the code is back, is told so, and nothing was changed."""
    person = visiting.person(PLATFORM)
    visiting.bind(browser, person, "--rebind")
    browser.open("/beneficiary")
    browser.press(STEP_UP, beneficiary="Somebody else")
    visiting.give_password(browser, person)
    visiting.give_code(browser, "000000" if browser.page.code != "000000" else "111111")
    assert "Somebody else" not in browser.page.text
    browser.press("Cancel")

    assert browser.page.place == "/account"
    assert "was not changed" in browser.page.text
    assert "Somebody else" not in visiting.portal.command("accounts").stdout


def test_wrong_password_stays_with_the_provider(visiting: Visiting, browser: Browser) -> None:
    """A wrong password is the provider's to refuse, and the right one goes on from there."""
    person = visiting.person(PAYMENTS)
    browser.open("/sign-in?then=claims")
    visiting.give_password(browser, person, "wrong")
    assert browser.page.place != "/claims"
    visiting.give_password(browser, person)
    assert browser.page.place == "/claims"


def test_cancelled_sign_in_is_back_at_the_start(browser: Browser) -> None:
    """Whoever cancels is at the start page, not signed in, and can try again."""
    browser.open("/sign-in?then=account")
    browser.press("Cancel")

    assert browser.page.place == "/"
    assert "You have cancelled" in browser.page.text
    assert browser.open("/account").status == 401


def test_forgotten_password_is_reset(visiting: Visiting, browser: Browser) -> None:
    """The link on the sign-in page leads to a new password, with which somebody signs in; the old one is refused."""
    person = visiting.newcomer(f"forgetful.{visiting.provider}@keywatch.example")
    if visiting.provider == OPENID:  # whose people are somebody else's to look after
        assert "sign-in page of OpenID Connect" in browser.open("/password").text
        return
    browser.open("/sign-in?then=claims")
    browser.follow("Forgot your password?")
    browser.press("Send a code", email=person.email)
    visiting.give_code(browser)
    browser.press("Continue", new_password="another-Passw0rd-of-theirs")
    if visiting.provider == B2C:
        assert browser.page.place == "/"
        assert "Your password has been changed" in browser.page.text
        assert browser.open("/account").status == 401  # a reset is no sign-in
        browser.open("/sign-in?then=claims")
        if browser.page.place != "/claims":
            visiting.give_password(browser, person, "another-Passw0rd-of-theirs")
    elif browser.page.place != "/claims":
        visiting.give_password(browser, person, "another-Passw0rd-of-theirs")
    assert browser.page.place == "/claims"


def test_profile_is_edited_where_it_is_kept(visiting: Visiting, browser: Browser) -> None:
    """B2C edits the name by a policy of its own, and the page shows the new one; others say where it is done."""
    person = visiting.newcomer(f"renamed.{visiting.provider}@keywatch.example")
    visiting.sign_in(browser, person, "/sign-in?then=claims")
    browser.open("/profile")
    if visiting.provider == B2C:
        if "Save" not in {text for form in browser.page.forms for text in form.buttons}:
            visiting.give_password(browser, person)
        browser.press("Save", name="New name of mine")
        assert browser.page.place == "/claims"
        assert "Your profile has been changed" in browser.page.text
        assert "New name of mine" in browser.page.text
    else:
        assert browser.page.status == 200
        assert "keeps your profile" in browser.page.text


def test_newcomer_signs_up_and_sees_nothing(visiting: Visiting, browser: Browser) -> None:
    """Who signs up without an invitation is signed in, and has no account and no keys."""
    email = f"stranger.{visiting.provider}@keywatch.example"
    if visiting.provider == OPENID:  # which lets nobody sign up
        visiting.sign_in(browser, visiting.newcomer(email))
    else:
        browser.open("/sign-in?then=account")
        browser.follow("Sign up now")
        browser.press("Send a code", email=email)
        visiting.give_code(browser)
        browser.press("Create", new_password="a-Passw0rd-of-a-stranger", name="Stranger")

    assert browser.page.place == "/account"
    assert "You have no account here yet" in browser.page.text
    assert shown_users(browser) == []


def test_sign_out_ends_both_sessions(visiting: Visiting, browser: Browser) -> None:
    """After signing out, our pages ask to sign in, and the provider asks for the password."""
    person = visiting.person(PAYMENTS)
    visiting.sign_in(browser, person)
    before = browser.cookie()
    browser.press("Sign out")
    if browser.page.place != "/":
        browser.press(next(text for form in browser.page.forms for text in form.buttons if text != "Cancel"))
    assert browser.page.place == "/"
    assert browser.cookie() is None

    browser.session.cookies.set("__Host-keywatch", before or "", domain="keys.keywatch.example", path="/")
    assert browser.open("/account").status == 401
    browser.session.cookies.clear(domain="keys.keywatch.example")
    browser.open("/sign-in?then=account")
    assert "Sign in" in {text for form in browser.page.forms for text in form.buttons}


def test_single_sign_on_asks_for_no_password_twice(visiting: Visiting, browser: Browser) -> None:
    """While the provider's session goes on, a second sign-in needs nothing typed."""
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    assert browser.open("/sign-in?then=claims").place == "/claims"


def test_two_tabs_both_end_signed_in(visiting: Visiting, browser: Browser) -> None:
    """Whoever has begun to sign in twice finishes both, and the second tab says so instead of failing."""
    person = visiting.person(PAYMENTS)
    first = browser.open("/sign-in?then=claims")
    second = browser.open("/sign-in?then=claims")
    visiting.give_password(browser, person)
    assert browser.page.place == "/claims"
    browser.page = first if second.address != first.address else second
    visiting.give_password(browser, person)
    assert browser.page.place in ("/", "/claims")
    assert browser.page.status == 200


def test_no_token_code_or_secret_is_in_a_log(visiting: Visiting, browser: Browser) -> None:
    """After all of this, neither app's log has a token, a code, a cookie or a password."""
    person = visiting.person(PAYMENTS)
    visiting.sign_in(browser, person)
    said = visiting.portal.log()

    assert "eyJ" not in said
    for secret in (person.password, browser.cookie() or "?", "?code=", "&code=", "state=", "another-Passw0rd"):
        assert secret not in said, secret
    assert "Traceback" not in said
