"""What happens while somebody is signed in: tokens end, keys and credentials change, processes restart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from keywatch.portal.tokens.signing_keys import PAUSE_SECONDS
from localcloud.identity_model import EXTERNAL, OPENID, PORTAL_CERTIFICATE
from localcloud.portal import WEB_URL
from tests.portal.browsing import Browser
from tests.portal.owning import PAYMENTS
from tests.portal.visiting import Visiting

ACCOUNT = f"{WEB_URL}/account"
SHORT_SECONDS = 70
"""A token is renewed a minute before it is over."""


def test_token_that_ends_is_renewed(visiting: Visiting, browser: Browser) -> None:
    """While the session goes on, a new access token is had once, however many tabs want it, and is kept."""
    person = visiting.person(PAYMENTS)
    visiting.cloud.set_identity_lifetimes(visiting.provider, access=SHORT_SECONDS)
    visiting.bind(browser, person, "--rebind")
    began = time.monotonic()
    host = visiting.cloud.identity.provider(visiting.provider).host
    before = len(visiting.cloud.requests(host=host, action="token"))
    while time.monotonic() - began < SHORT_SECONDS - 60 + 1:
        time.sleep(0.5)
    visiting.cloud.set_identity_lifetimes(visiting.provider, access=3_600)
    with ThreadPoolExecutor(8) as tabs:
        cookie = {"Cookie": f"__Host-keywatch={browser.cookie()}"}
        answers = list(tabs.map(lambda _: Browser(visiting.cloud).session.get(ACCOUNT, headers=cookie), range(8)))
    assert [each.status_code for each in answers] == [200] * 8
    assert browser.open("/account").status == 200
    assert len(visiting.cloud.requests(host=host, action="token")) == before + 1


def test_deleted_user_is_signed_out_when_the_token_ends(visiting: Visiting, browser: Browser) -> None:
    """Somebody whom the provider has deleted gets no new token, and the session ends."""
    person = visiting.newcomer(f"deleted.{visiting.provider}@keywatch.example")
    visiting.cloud.set_identity_lifetimes(visiting.provider, access=30)
    visiting.sign_in(browser, person)
    visiting.cloud.set_identity_lifetimes(visiting.provider, access=3_600)
    visiting.cloud.delete_person(visiting.provider, person.email)
    assert browser.open("/account").status == 401
    assert browser.open("/claims").status == 401


def test_new_signing_key_is_found(visiting: Visiting, browser: Browser) -> None:
    """Tokens that a new key has signed are accepted at once, by web app and API."""
    visiting.sign_in(Browser(visiting.cloud), visiting.person(PAYMENTS))
    time.sleep(PAUSE_SECONDS)
    visiting.cloud.rotate_signing_keys(visiting.provider)
    visiting.sign_in(browser, visiting.person(PAYMENTS))
    assert browser.page.place == "/account"
    assert browser.page.status == 200


@pytest.mark.parametrize("visiting", [EXTERNAL, OPENID], indirect=True, scope="module")
def test_new_certificate_takes_over(visiting: Visiting, browser: Browser) -> None:
    """A new version of the certificate signs as soon as it is registered, and the old one until then."""
    new = visiting.cloud.create_certificate(PORTAL_CERTIFICATE)
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    assert browser.page.place == "/claims"
    visiting.cloud.register_portal_certificate(visiting.provider, new)
    again = Browser(visiting.cloud)
    visiting.sign_in(again, visiting.person(PAYMENTS), "/sign-in?then=claims")
    assert again.page.place == "/claims"
