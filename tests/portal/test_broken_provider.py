"""A provider that fails: whoever it hits is told, nobody else is, and nothing of its answers is kept."""

from __future__ import annotations

import re

import pytest

from localcloud.identity_model import B2C, EXTERNAL, OPENID
from localcloud.model import Fault, FaultKind
from tests.portal.browsing import Browser
from tests.portal.owning import PAYMENTS, PLATFORM
from tests.portal.visiting import Visiting

ANY_PROVIDER = pytest.mark.parametrize("visiting", [B2C], indirect=True, scope="module")
JSON = "application/json"
CUT_OFF = '{"access_token": "SECRET-ACCESS", "refresh_token": "SECRET-REFRESH", "id_token": "a.b'

ODD_ANSWERS = {
    "throttled for an hour": Fault(FaultKind.STATUS, action="token", status=429, retry_after=3_600),
    "unavailable": Fault(FaultKind.STATUS, action="token", status=503),
    "error is an object": Fault(
        FaultKind.STATUS, action="token", status=400, body='{"error": {"code": "x"}}', content_type=JSON
    ),
    "cut off": Fault(FaultKind.REPLACE, action="token", status=200, body=CUT_OFF, content_type=JSON),
    "ID token is none": Fault(
        FaultKind.REPLACE, action="token", status=200, body='{"id_token": "abc"}', content_type=JSON
    ),
    "a page": Fault(FaultKind.REPLACE, action="token", status=200, body="<html>", content_type="text/html"),
    "a list": Fault(FaultKind.REPLACE, action="token", status=200, body="[]", content_type=JSON),
    "connection drops": Fault(FaultKind.DROP_AFTER, action="token"),
}


@ANY_PROVIDER
@pytest.mark.parametrize("kind", ODD_ANSWERS)
def test_odd_answer_concerns_one_person_alone(visiting: Visiting, browser: Browser, kind: str) -> None:
    """Who gets it is told to try again; who signs in next is let in; no log has a traceback or a token."""
    visiting.cloud.inject(ODD_ANSWERS[kind])
    visiting.sign_in(browser, visiting.person(PAYMENTS), "/sign-in?then=claims")
    assert browser.page.status == 503
    assert "Try again in a minute" in browser.page.text

    other = Browser(visiting.cloud)
    visiting.sign_in(other, visiting.person(PLATFORM), "/sign-in?then=claims")
    assert other.page.place == "/claims"
    log = visiting.portal.log()
    assert "Traceback" not in log
    assert "SECRET" not in log


@pytest.mark.parametrize("visiting", [B2C, EXTERNAL, OPENID], indirect=True, scope="module")
def test_step_up_without_signing_in_changes_nothing(visiting: Visiting, browser: Browser) -> None:
    """Whoever takes prompt=login out of the address comes back by single sign-on, and has changed nothing."""
    person = visiting.person(PLATFORM)
    visiting.bind(browser, person, "--rebind")
    browser.open("/beneficiary")
    browser.press("Confirm and change", beneficiary="First")
    visiting.step_up(browser, person)
    assert "First" in browser.page.text
    visiting.cloud.age_sign_ins(visiting.provider, 60)
    browser.open("/beneficiary")
    answer = browser.send("Confirm and change", {"beneficiary": "Second"}, redirects=False)
    address = answer.headers["Location"]
    if address.startswith("https://"):
        assert "prompt=login" in address
        browser.open(
            re.sub(r"[?&]prompt=login", lambda found: found[0][0], address).replace("?&", "?").replace("&&", "&")
        )
        if browser.page.place not in ("/getATokenMFA", "/account"):  # the code is asked for in any case
            visiting.give_code(browser)
        assert browser.page.status == 400
        assert "just now" in browser.page.text
    assert "Second" not in visiting.portal.command("accounts").stdout
