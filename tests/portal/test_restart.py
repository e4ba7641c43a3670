"""Both processes end, and are started anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from localcloud import LocalCloud
from localcloud.identity_model import OPENID, PROVIDERS
from localcloud.portal import running_portal, write_config
from tests.portal.browsing import Browser
from tests.portal.owning import PAYMENTS, PLATFORM, owned_by, write_report
from tests.portal.visiting import Visiting


@pytest.mark.parametrize("provider", PROVIDERS)
def test_change_and_session_survive_a_restart(portal_cloud: LocalCloud, tmp_path: Path, provider: str) -> None:
    """After both processes have been started anew, whoever was signed in still is, and sees their change."""
    store, browser = tmp_path / "report.db", Browser(portal_cloud)
    write_report(store)
    config = write_config(portal_cloud, provider, tmp_path, store=store)
    with running_portal(portal_cloud, config, tmp_path) as portal:
        first = Visiting(portal_cloud, portal, provider, store)
        person = first.person(PLATFORM)
        first.bind(browser, person)
        browser.open("/beneficiary")
        browser.press("Confirm and change", beneficiary="Of before")
        first.step_up(browser, person)
        assert "Of before" in browser.page.text
    with running_portal(portal_cloud, config, tmp_path):
        assert browser.open("/account").status == 200
        assert "Of before" in browser.page.text
        assert all(user in browser.page.text for user in owned_by(PLATFORM))
    with pytest.raises(requests.RequestException):
        browser.open("/account")


def test_openid_provider_takes_a_secret(portal_cloud: LocalCloud, tmp_path: Path) -> None:
    """A web app whose client has a secret reads that from the vault, and holds it in no file of its own."""
    store = tmp_path / "report.db"
    write_report(store)
    config = write_config(portal_cloud, OPENID, tmp_path, store=store, secret=True)
    before = len(portal_cloud.requests(action="secrets/get", status=200))
    with running_portal(portal_cloud, config, tmp_path) as portal:
        visiting = Visiting(portal_cloud, portal, OPENID, store)
        for person in (visiting.person(PLATFORM), visiting.person(PAYMENTS)):
            again = Browser(portal_cloud)
            assert visiting.sign_in(again, person, "/sign-in?then=claims").place == "/claims"
    assert len(portal_cloud.requests(action="secrets/get", status=200)) == before + 1
