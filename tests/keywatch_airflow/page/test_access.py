"""Who is let in, and what every answer has."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from tests.keywatch.report.found import ONE, THREE
from tests.keywatch_airflow.page.conftest import Browser
from tests.keywatch_airflow.page.guarding import DENIED

ADDRESSES = {
    "/": ["/"],
    "/keys": ["/keys", "/keys?age=90", "/keys?age=abc"],
    "/keys/count": ["/keys/count"],
    "/keys.csv": ["/keys.csv"],
    "/accounts": ["/accounts"],
    "/accounts/{account_id}": [f"/accounts/{ONE}", f"/accounts/{THREE}", "/accounts/0"],
    "/users": [f"/users?arn=arn:aws:iam::{ONE}:user/alice", "/users"],
    "/findings": ["/findings", "/findings?resolved=1", "/findings?severity=bad"],
    "/deactivations": ["/deactivations", "/deactivations?page=x"],
    "/deactivations/{sha256}": [f"/deactivations/{'0' * 64}", "/deactivations/0"],
    "/static/{path:path}": [
        "/static/page.css",
        "/static/vendor/chart.umd.min.js",
        "/static/none",
        "/static/%2e%2e/app.py",
    ],
    "/{path:path}": ["/unknown", "/openapi.json", "/docs", "/redoc", "/keys/", "/static", "/accounts/1/2"],
}
ALL = [address for addresses in ADDRESSES.values() for address in addresses]


def test_every_route_is_tried(page: FastAPI) -> None:
    """The addresses of these tests are of all routes that there are, and there is nothing but routes."""
    assert [route.path for route in page.routes if isinstance(route, Route)] == list(ADDRESSES)
    assert len(page.routes) == len(ADDRESSES)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nobody_gets_anything_without_signing_in(browser: Browser, method: str) -> None:
    """Anonymous callers are told to sign in, wherever they knock."""
    anonymous = browser(None)

    assert {address: anonymous.request(method, address).status_code for address in ALL} == dict.fromkeys(ALL, 401)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_may_not_read_the_dag_gets_nothing(browser: Browser, method: str) -> None:
    """A user who may read every DAG but the report's is refused, wherever they knock."""
    outsider = browser(DENIED)

    assert {address: outsider.request(method, address).status_code for address in ALL} == dict.fromkeys(ALL, 403)


@pytest.mark.usefixtures("store")
def test_forged_token_is_refused(browser: Browser) -> None:
    """A token that Airflow did not sign opens nothing."""
    client = browser(None)
    client.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsInJvbGUiOiJhZG1pbiJ9.")

    assert client.get("/").status_code == 403


@pytest.mark.usefixtures("store")
def test_signing_in_leads_back(browser: Browser) -> None:
    """Who is not signed in gets a page with a way to sign in and come back, below any base path."""
    answer = browser(None, "/airflow").get("/keys?age=90")

    assert "Sign in" in answer.text
    assert 'href="/airflow/api/v2/auth/login?next=%2Fairflow%2Fkeywatch%2Fkeys%3Fage%3D90"' in answer.text
    assert "alice" not in answer.text


@pytest.mark.parametrize("user", [None, DENIED, "alice"])
@pytest.mark.usefixtures("store")
def test_every_answer_has_its_headers(browser: Browser, user: str | None) -> None:
    """Whatever the answer, it says what may be loaded, and nobody but the browser keeps it."""
    client = browser(user)
    for address in ALL:
        answer = client.get(address)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        is_file = "/static/" in address and answer.status_code == 200
        assert answer.headers["cache-control"] == ("private, max-age=3600" if is_file else "no-store")


@pytest.mark.parametrize("user", [None, DENIED])
def test_page_for_those_outside_holds_what_its_policy_allows(browser: Browser, user: str | None) -> None:
    """A page that refuses somebody needs no file of ours: its one script and one style are allowed by their hash."""
    answer = browser(user).get("/")

    for tag in ("script", "style"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'self' 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "/static/" not in answer.text


@pytest.mark.parametrize(
    "path", ["x/../page.css", "x/%2e%2e/page.css", "./page.css", "page.js/../page.css", "%2e%2e/app.py"]
)
@pytest.mark.usefixtures("store")
def test_no_other_file_is_sent(browser: Browser, path: str) -> None:
    """Files have one address each; any other is none of ours."""
    answer = browser(base_path="").get(f"http://airflow.example/keywatch/static/{path}")

    assert answer.status_code in (200, 404)
    assert (answer.status_code == 200) == answer.request.url.path.endswith("/static/page.css")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_page_only_shows(browser: Browser, method: str) -> None:
    """No other methods than GET and HEAD exist."""
    assert {browser(user).request(method, path).status_code for user in (None, "alice") for path in ADDRESSES} == {405}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("address", ALL)
def test_head_is_get_without_a_body(browser: Browser, address: str) -> None:
    """HEAD has the status and the type of GET, and no body."""
    client = browser()
    head, get = client.head(address), client.get(address)

    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("address", [address for address in ALL if "static" not in address and ".csv" not in address])
def test_nothing_is_inline(browser: Browser, address: str) -> None:
    """No page for those who are let in has a script or a style of its own."""
    text = browser().get(address).text

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]* src=)", text)


@pytest.mark.usefixtures("store")
def test_programs_get_json(browser: Browser) -> None:
    """Who does not ask for HTML gets errors as JSON."""
    answer = browser().get("/keys?age=abc", headers={"Accept": "application/json"})

    assert answer.json() == {
        "title": "The address asks for something unknown",
        "detail": "It takes a whole number from 0 to 36,500.",
        "parameter": "age",
    }


@pytest.mark.usefixtures("store")
def test_files_are_kept_for_good_under_their_digest(browser: Browser) -> None:
    """An address with the digest of a file may be kept, any other for an hour, and none by others than the browser."""
    client = browser()
    [versioned] = re.findall(r'href="(/keywatch/static/page\.css\?v=[0-9a-f]{16})"', client.get("/").text)

    kept = client.get(f"http://airflow.example{versioned}").headers["cache-control"]
    assert kept == "private, max-age=31536000, immutable"
    assert client.get("/static/page.css?v=0").headers["cache-control"] == "private, max-age=3600"
