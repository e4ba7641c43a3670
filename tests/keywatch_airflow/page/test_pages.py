"""What each page says, with much, little and nothing in the store."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from keywatch.errors import ConfigurationError, StoreUnavailableError
from keywatch.report.outcome import AccountOutcome
from keywatch_airflow.page.store import get_reader
from tests.keywatch.report.found import NOW, ONE, THREE, TWO, denied, ok, record, write
from tests.keywatch_airflow.page.conftest import Browser


def words(html: str) -> str:
    """Return what a page says, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("&lt;", "<").replace("&gt;", ">").split())


def links(html: str) -> list[str]:
    """Return where a page leads."""
    return [link.replace("&amp;", "&") for link in re.findall(r'(?:href|src|action|data-count)="([^"]*)"', html)]


def test_overview_has_the_figures(client: TestClient) -> None:
    """Each figure leads to the list that it counts, and the list has as many."""
    page = client.get("/").text
    tiles = re.findall(r'<a class="tile-link" href="([^"]+)"><span[^>]*>([^<]+)</span> <span[^>]*>([^<]+)<', page)

    assert [label for _, label, _ in tiles] == [
        "Accounts read",
        "Keys",
        "Active keys",
        "Root keys",
        "Over 90 days old",
        "Unused for 45 days",
        "Never used",
        "Users with two active keys",
    ]
    for href, label, count in tiles[1:-1]:
        listed = client.get("http://airflow.example" + href.replace("&amp;", "&").replace("/keys", "/keys/count", 1))
        assert (label, listed.text.split()[0]) == (label, count)


def test_overview_names_accounts_that_were_not_read(client: TestClient) -> None:
    """An account that was not read is named, with the action that it denies and how old its last state is."""
    said = words(client.get("/").text)

    assert "1 of 3 accounts was not read" in said
    assert f"logs {THREE} access denied: iam:ListUsers never read" in said
    assert "Incomplete" in said


@pytest.mark.parametrize("query", [f"account={THREE}", "q=logs", f"q={THREE[:6]}"])
def test_list_without_a_key_says_what_was_not_read(client: TestClient, query: str) -> None:
    """No keys and no access never look alike: a list that is empty as an account was never read says so."""
    said = words(client.get(f"/keys?{query}").text)

    assert f"logs {THREE} has no known keys: access denied iam:ListUsers , never read" in said
    assert "never read" not in words(client.get("/keys?q=nobody").text)


def test_what_is_missing_from_the_figures_is_said(empty_store: Engine, browser: Browser) -> None:
    """Of accounts that were not read, it is said whether their keys are counted as they were, or missing."""
    yesterday = NOW - timedelta(days=1)
    write(empty_store, [record("bob", TWO, at=yesterday)], TWO, at=yesterday)
    client = browser()

    write(empty_store, [], denied(TWO))
    assert "Its keys are counted as they were last seen." in words(client.get("/").text)
    write(empty_store, [], denied(TWO), denied(THREE))
    assert "Those of 1 account are missing from every figure: no run has ever read it." in words(client.get("/").text)
    write(empty_store, [], denied(THREE), TWO)
    assert "No run has ever read it: its keys are missing from every figure." in words(client.get("/").text)


def test_run_of_a_few_accounts_is_told_from_a_whole_one(empty_store: Engine, browser: Browser) -> None:
    """After a run of one account, the page says so, and what an earlier one could read in part is not forgotten."""
    yesterday = NOW - timedelta(days=1)
    partly = AccountOutcome(TWO, "search", "partial", reason="1 of 2 users", read_at=yesterday)
    write(empty_store, [record("alice", at=yesterday)], ONE, partly, at=yesterday)
    write(empty_store, [record("alice")], ONE)

    said = words(browser().get("/").text)
    assert "1 of 2 accounts" in said
    assert "Incomplete" in said
    assert "1 account was read in part" in said


def test_account_that_was_read_but_not_delivered_says_so(empty_store: Engine, browser: Browser) -> None:
    """A failed delivery is told apart from a failed reading."""
    outcome = AccountOutcome(ONE, "payments", "ok", reason="1 key was read", users=1, keys=1, rejected=1, read_at=NOW)
    write(empty_store, [record("alice")], outcome)

    said = words(browser().get(f"/accounts/{ONE}").text)
    assert "It was read, but not all was delivered 1 key was read" in said
    assert "This account was not read" not in said


def test_key_that_was_not_seen_lately_says_so(empty_store: Engine, browser: Browser) -> None:
    """A key of an account that is not read any more has the age of its state beside it."""
    before = NOW - timedelta(days=12)
    write(empty_store, [record("alice", at=before)], at=before)
    write(empty_store, [record("bob", TWO)], denied(ONE), TWO)

    assert words(browser().get("/keys").text).count("as of 12 days ago") == 1


def test_deleted_keys_of_a_user_lead_to_all_of_them(empty_store: Engine, browser: Browser) -> None:
    """A user with more deleted keys than fit on the page has a link to the whole list."""
    before = NOW - timedelta(days=1)
    write(empty_store, [record("alice", at=before, key=f"AKIA...{number:04}") for number in range(60)], at=before)
    write(empty_store, [])
    client = browser()

    page = client.get("/users", params={"arn": f"arn:aws:iam::{ONE}:user/alice"}).text
    [link] = re.findall(r'href="/keywatch(/keys\?[^"]+)">All of them', page)
    assert client.get(link.replace("&amp;", "&").replace("/keys", "/keys/count", 1)).text == "60 keys"


def test_only_the_first_accounts_are_named(empty_store: Engine, browser: Browser) -> None:
    """Of many accounts that were not read, five are named, and a link leads to all."""
    failed = AccountOutcome(TWO, None, "failed", reason="no answer")
    write(empty_store, [], ok(ONE), failed, *[denied(f"{number:012}") for number in range(8)])

    client = browser()
    page = client.get("/").text
    assert "9 of 10 accounts were not read" in words(page)
    assert page.count("never read") == 5
    assert "All 9 accounts that were not read" in words(page)
    [link] = re.findall(r'href="/keywatch(/accounts\?status=\w+)"', page)
    assert "9 accounts" in words(client.get(link).text)


@pytest.mark.parametrize(("hours", "warned"), [(1, False), (35, False), (37, True)])
def test_old_report_is_called_old(empty_store: Engine, browser: Browser, hours: int, warned: bool) -> None:  # noqa: FBT001 - a parameter
    """After a day and a half, the page says that its figures are old."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    write(empty_store, [record("alice", at=at)], ok(ONE, at), at=at)

    assert ("figures are" in words(browser().get("/").text)) is warned
    assert ("figures are" in words(browser().get("/keys").text)) is warned


def test_complete_report_is_calm(empty_store: Engine, browser: Browser) -> None:
    """Nothing alarms where nothing is wrong."""
    at = datetime.now(UTC)
    write(empty_store, [record("alice", at=at, age=3, idle=1)], ok(ONE, at), at=at)

    page = browser().get("/").text
    assert "Complete" in words(page)
    assert "notice" not in page
    assert "is-alarming" not in page
    assert "The trend begins with this report" in page


def test_every_drawing_has_its_table(client: TestClient) -> None:
    """Whatever is drawn is in a table too, and the drawing has a name."""
    page = client.get("/").text

    assert page.count("<figure") == 5
    assert page.count('role="img" aria-label="') == page.count("<canvas") == 5
    assert page.count('<details class="data"') == 5
    assert '<a href="/keywatch/keys?service=s3">s3</a>' in page


def test_run_is_linked_in_airflow(browser: Browser, store: Engine) -> None:
    """The run's address is Airflow's own, whatever is in its id and wherever Airflow is."""
    del store
    assert "/dags/access_key_report/runs/manual__1%2B1" in links(browser().get("/").text)
    assert "/airflow/dags/access_key_report/runs/manual__1%2B1" in links(browser(base_path="/airflow").get("/").text)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/keys",
            "/keys?q=alice&age=90",
            "/keys?q=nobody",
            "/accounts",
            f"/accounts/{ONE}",
            f"/accounts/{THREE}",
            "/findings",
            "/deactivations",
        ),
        *(f"/users?arn=arn:aws:iam::{ONE}:user/alice", "/keys?age=x", "/unknown"),
    ],
)
def test_links_hold_below_a_base_path(browser: Browser, store: Engine, path: str) -> None:
    """Every link of a page stays below the base path, and each of the page's own leads somewhere."""
    del store
    client = browser(base_path="/airflow")
    found = set(links(client.get(path).text)) - {"#main"}

    assert found
    assert [link for link in found if not link.startswith(("/airflow/keywatch/", "/airflow/dags/"))] == []
    for link in found:
        if link.startswith("/airflow/keywatch/"):
            below = link.removeprefix("/airflow/keywatch")
            assert client.get(below).status_code == 200, link


@pytest.mark.parametrize("path", ["/", "/keys", "/accounts", "/findings", "/keys?age=90"])
def test_store_without_a_report_says_how_to_get_one(browser: Browser, path: str) -> None:
    """Before the first run, the page says what to do."""
    answer = browser().get(path)

    assert answer.status_code == 200
    assert "There is no report yet" in answer.text
    assert "choose no destination" in answer.text


def test_report_without_keys(empty_store: Engine, browser: Browser) -> None:
    """An organisation without keys has pages like any other."""
    write(empty_store, [], ok(ONE))

    assert "There is no active key." in browser().get("/").text
    assert "There is no key" in browser().get("/keys").text
    assert "This account has no key" in browser().get(f"/accounts/{ONE}").text


def test_list_without_a_match_offers_the_whole_list(client: TestClient) -> None:
    """Who finds nothing can start again."""
    page = client.get("/keys?q=nobody&sort=user").text

    assert "No key matches" in page
    assert '<a href="/keywatch/keys?sort=user">Clear the filters</a>' in page


def test_accounts_are_found(client: TestClient) -> None:
    """Accounts can be searched and filtered; those that need somebody come first."""
    assert re.findall(r'<span class="id">(\d+)</span>', client.get("/accounts").text)[0] == THREE
    assert re.findall(r'<span class="id">(\d+)</span>', client.get("/accounts?q=PAY").text) == [ONE]
    assert re.findall(r'<span class="id">(\d+)</span>', client.get("/accounts?status=denied").text) == [THREE]
    assert "No account matches" in client.get("/accounts?q=%25").text
    assert client.get("/accounts?page=99").status_code == 200


@pytest.mark.parametrize("query", ["status=bad", "page=0", "page=x", "page=99999999999999", "q=%00", "x=1"])
def test_bad_parameter_of_accounts_is_refused(client: TestClient, query: str) -> None:
    """The list of accounts ignores nothing either."""
    assert client.get(f"/accounts?{query}").status_code == 400


def test_account_says_why_it_was_not_read(empty_store: Engine, browser: Browser) -> None:
    """An account's page has the reason in full, how old its state is, its keys and its last runs."""
    write(empty_store, [record("bob", TWO, at=NOW - timedelta(days=3))], ok(TWO, NOW - timedelta(days=3)),
          at=NOW - timedelta(days=3), run_id="good")  # fmt: skip
    write(
        empty_store, [], AccountOutcome(TWO, "search", "denied", "iam:ListUsers", "Allow it: {`Action`}."), run_id="bad"
    )

    said = words(browser().get(f"/accounts/{TWO}").text)
    assert "This account denies iam:ListUsers" in said
    assert "Allow it: { Action }." in said
    assert "Its keys are as they were seen" in said
    assert "bob" in said
    assert said.index("Access denied iam:ListUsers") < said.rindex("Read")


def test_user_has_keys_that_are_gone_too(client: TestClient) -> None:
    """A user's page shows what was deleted, and that two keys are active."""
    alice = words(client.get(f"/users?arn=arn:aws:iam::{ONE}:user/alice").text)
    gone = words(client.get(f"/users?arn=arn:aws:iam::{ONE}:user/gone").text)

    assert "Two keys are active" in alice
    assert "This user has no key any more." in gone
    assert "AKIA...G001" in gone


@pytest.mark.parametrize(
    "path", ["/accounts/999999999999", "/accounts/x", "/accounts/%00", "/users?arn=arn:x", "/nothing"]
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    """What nobody knows is answered by a page that says so."""
    answer = client.get(path)

    assert answer.status_code == 404
    assert "There is no such" in answer.text
    assert "Overview" in answer.text


@pytest.mark.parametrize(
    ("error", "title", "said"),
    [
        (StoreUnavailableError("PostgreSQL on db.example is away."), "The report store cannot be read", "Try again"),
        (ConfigurationError("Create connection `keywatch_report`."), "The report store is not set up", "Create"),
    ],
)
def test_store_that_cannot_be_used_is_explained(
    page: FastAPI, browser: Browser, error: Exception, title: str, said: str
) -> None:
    """A store that cannot be used is a page that says what to do; where a database is, nobody but the log is told."""

    def refuse() -> None:
        raise error

    page.dependency_overrides[get_reader] = refuse
    for path in ("/", "/keys", "/keys.csv", "/accounts", "/findings", "/deactivations"):
        answer = browser().get(path)
        assert answer.status_code == 503
        assert title in answer.text
        assert said in words(answer.text)
        assert "db.example" not in answer.text


def test_store_of_another_version_is_explained(store: Engine, browser: Browser) -> None:
    """A store of a later version is told apart, export included: it is found out before the answer begins."""
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for path in ("/", "/keys.csv"):
        answer = browser().get(path)
        assert answer.status_code == 503
        assert "The report store has another version" in answer.text


def test_what_nobody_foresaw_tells_nothing(page: FastAPI, browser: Browser) -> None:
    """An unexpected error is a plain page with every header; details are for the log alone."""

    def fail() -> None:
        raise RuntimeError("secret /etc/path")

    page.dependency_overrides[get_reader] = fail
    answer = browser(raising=False).get("/")

    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "secret" not in answer.text
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
