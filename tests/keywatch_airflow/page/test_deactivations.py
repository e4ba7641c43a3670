"""What was proposed for deactivation, and what became of it: its pages, and what a user's page says of it."""

from __future__ import annotations

import html
import re
import shlex
from datetime import timedelta
from typing import get_args

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from keywatch.report.proposals import Result, State
from keywatch.report.read_deactivations import PER_PAGE
from keywatch_airflow.page.presentation import RESULT_WORDS, STATE_MEANINGS, STATE_WORDS
from tests.keywatch.report.found import NOW, ONE, TWO, ok, record, write
from tests.keywatch_airflow.page.conftest import EVIL, Browser
from tests.keywatch_airflow.page.guarding import DENIED
from tests.keywatch_airflow.page.policing import propose, proposed_key
from tests.keywatch_airflow.page.test_findings import FULL_ID, HOSTILE
from tests.keywatch_airflow.page.test_pages import links, words

OLD, DONE, WAITS = "0" * 64, "a" * 63 + "1", "f" * 64
ALICE = proposed_key("alice", owner="team@example.com")
BOB, CAROL = proposed_key("bob", TWO), proposed_key("carol")


@pytest.fixture
def decided(empty_store: Engine) -> Engine:
    """Give a store with a dry run that was rejected, a proposal that was approved and acted on, and one that waits."""
    write(empty_store, [record("alice", age=400, Owner="team@example.com"), record("bob", TWO), record("carol")],
          ok(ONE, name="payments"), ok(TWO, name="search"))  # fmt: skip
    decided = NOW + timedelta(hours=1)
    propose(empty_store, OLD, ALICE, at=NOW - timedelta(days=2), dry_run=True).decide(OLD, "rejected", decided, "7")
    proposals = propose(empty_store, DONE, ALICE, BOB, CAROL, at=NOW - timedelta(days=1))
    proposals.decide(DONE, "approved", decided, "7", "team@example.com")
    proposals.end(DONE, ALICE.key_id, "deactivated", None, decided)
    proposals.end(DONE, BOB.key_id, "refused", "it was used since, on 2026-11-27 05:00 UTC", decided)
    propose(empty_store, WAITS, CAROL)
    return empty_store


@pytest.fixture
def client(browser: Browser, decided: Engine) -> TestClient:  # noqa: ARG001 - it must be filled
    """Give the browser of somebody who may see the page."""
    return browser()


def proposals_of(page: str) -> list[str]:
    """List the proposals that a page leads to."""
    return re.findall(r'href="/keywatch/deactivations/([0-9a-f]{64})"', page)


def commands(page: str) -> list[str]:
    """List the commands that a page shows."""
    return [html.unescape(each) for each in re.findall(r"<code>(aws [^<]*)</code>", page)]


def test_proposals_are_listed_newest_first(client: TestClient) -> None:
    """Each proposal has when, how many keys, whether it changes something, its state, who decided, and results."""
    page = client.get("/deactivations").text
    said = words(page)

    assert proposals_of(page) == [WAITS, DONE, OLD]
    assert "3 proposals" in said
    assert "27 Nov 2026, 06:00 UTC 1 No Waiting for an answer Answer in Airflow" in said
    assert "26 Nov 2026, 06:00 UTC 3 No Approved by team@example.com," in said
    assert "1 deactivated 1 left unchanged 1 not tried" in said
    assert "25 Nov 2026, 06:00 UTC 1 Yes, changes nothing Rejected by 7," in said


def test_open_proposal_leads_to_its_run(browser: Browser, decided: Engine) -> None:
    """What waits for an answer leads to Airflow's own address of its run, wherever Airflow is."""
    del decided
    run = "/dags/access_key_findings/runs/manual__2%2B2"

    assert run in links(browser().get("/deactivations").text)
    assert f"/airflow{run}" in links(browser(base_path="/airflow").get(f"/deactivations/{WAITS}").text)


def test_proposal_has_all_its_keys(client: TestClient) -> None:
    """A proposal's page has its digest, and result and reason of each of its keys."""
    page = client.get(f"/deactivations/{DONE}").text
    said = words(page)

    assert f"SHA-256 of its file {DONE}" in said
    assert "Approved by team@example.com," in said
    assert "AKIA...0001 alice payments 111111111111 team@example.com unused last used 100 days ago Deactivated" in said
    assert "AKIA...0001 bob search 222222222222 no owner unused last used 100 days ago Left unchanged" in said
    assert "it was used since, on 2026-11-27 05:00 UTC" in said
    assert "AKIA...0001 carol payments 111111111111 no owner unused last used 100 days ago not tried" in said
    assert f"/keywatch/users?arn=arn%3Aaws%3Aiam%3A%3A{ONE}%3Auser%2Falice" in links(page)


def test_deactivated_key_can_be_activated_again(client: TestClient) -> None:
    """Of each key that was deactivated, and of no other, the commands that activate it again are there."""
    page = client.get(f"/deactivations/{DONE}").text

    assert "How to activate a key again" in page
    assert commands(page) == [
        "aws iam list-access-keys --user-name alice",
        "aws iam update-access-key --user-name alice --access-key-id ID --status Active",
    ]
    assert f"AKIA...0001 of alice, account {ONE}" in words(page)
    for other in (OLD, WAITS):
        assert commands(client.get(f"/deactivations/{other}").text) == []


@pytest.mark.parametrize("name", ["a b", "$(reboot)", "x; reboot", "`id`", HOSTILE, "a\nb"])
def test_name_is_one_word_of_a_command(empty_store: Engine, browser: Browser, name: str) -> None:
    """Whatever is in a name, a shell takes it for the name, and HTML for text."""
    key = proposed_key(name)
    proposals = propose(empty_store, DONE, key)
    proposals.decide(DONE, "approved", NOW, "7", "team@example.com")
    proposals.end(DONE, key.key_id, "deactivated", None, NOW)

    for command in commands(browser().get(f"/deactivations/{DONE}").text):
        assert shlex.split(command)[:5] == ["aws", "iam", command.split()[2], "--user-name", name]


def test_every_state_and_every_result_has_words() -> None:
    """Whatever a proposal or a key can end in, the pages have words for it."""
    assert set(STATE_WORDS) == set(STATE_MEANINGS) == set(get_args(State))
    assert set(RESULT_WORDS) == {*get_args(Result), None}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("timed_out", "Timed out"),
        ("superseded", "Superseded"),
        ("altered", "Its file was no longer the one that was asked about"),
        ("refused", "The log of task deactivate says why."),
        ("failed", "The logs of tasks approve and deactivate say why."),
    ],
)
def test_proposal_says_why_nothing_was_changed(empty_store: Engine, browser: Browser, state: State, said: str) -> None:
    """A proposal that was not acted on says what happened, and that nothing was changed."""
    propose(empty_store, DONE, ALICE).decide(DONE, state, NOW)
    page = words(browser().get(f"/deactivations/{DONE}").text)

    assert said in page
    assert "nothing was changed" in page
    assert "not tried" in page


def test_proposals_are_paged(empty_store: Engine, browser: Browser) -> None:
    """Next leads through all proposals once, and a page that is too high is the last."""
    made = [f"{number:064x}" for number in range(PER_PAGE + 1)]
    for number, sha256 in enumerate(made):
        propose(empty_store, sha256, ALICE, at=NOW + timedelta(days=number))
    client = browser()

    page = client.get("/deactivations").text
    assert "/keywatch/deactivations?page=2" in links(page)
    assert proposals_of(page) == made[:0:-1]
    assert proposals_of(client.get("/deactivations?page=2").text) == made[:1]
    assert proposals_of(client.get("/deactivations?page=9").text) == made[:1]


def test_store_without_a_proposal_says_how_they_come(browser: Browser) -> None:
    """As long as nothing was proposed, the page says what a policy says for it, and where that is explained."""
    said = words(browser().get("/deactivations").text)

    assert "Nothing was proposed yet" in said
    assert "deactivate: propose" in said
    assert "docs/policy.md" in said


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=1&page=2", "state=open"])
def test_bad_parameter_of_deactivations_is_named(client: TestClient, query: str) -> None:
    """What the list cannot be asked is refused by a page that names the parameter, and never ignored."""
    answer = client.get(f"/deactivations?{query}")

    assert answer.status_code == 400
    assert f"<code>{query.partition('=')[0]}</code>" in answer.text


@pytest.mark.parametrize("sha256", ["b" * 64, "a" * 63, "a" * 65, DONE.upper(), "x" * 64, "%00"])
def test_proposal_that_is_not_there_is_not_found(client: TestClient, sha256: str) -> None:
    """What no run has proposed is answered by a page that says so, and so is what is no digest at all."""
    answer = client.get(f"/deactivations/{sha256}")

    assert answer.status_code == 404
    assert "There is no such proposal" in answer.text


def test_proposal_takes_no_parameter(client: TestClient) -> None:
    """A proposal's page ignores nothing either."""
    assert client.get(f"/deactivations/{DONE}?page=1").status_code == 400


def test_user_sees_what_was_proposed(client: TestClient) -> None:
    """A user's page has each proposal of the user's keys, what became of it, and how to activate a key again."""
    page = client.get("/users", params={"arn": ALICE.user_arn}).text
    said = words(page)

    assert proposals_of(page) == [DONE, OLD]
    assert "Approved by team@example.com," in said
    assert "Rejected by 7," in said
    assert commands(page)[1] == "aws iam update-access-key --user-name alice --access-key-id ID --status Active"
    assert commands(client.get("/users", params={"arn": BOB.user_arn}).text) == []


def test_dry_run_says_that_nothing_was_changed(empty_store: Engine, browser: Browser) -> None:
    """A dry run that was approved says what would be deactivated, that nothing was, and has nothing to activate."""
    proposals = propose(empty_store, DONE, ALICE, dry_run=True)
    proposals.decide(DONE, "approved", NOW, "7", "team@example.com")
    proposals.end(DONE, ALICE.key_id, "would_deactivate", None, NOW)
    page = browser().get(f"/deactivations/{DONE}").text

    assert "It was a dry run, so nothing was changed." in words(page)
    assert "1 would be deactivated" in words(page)
    assert commands(page) == []


def test_key_that_is_active_or_gone_since_needs_no_hint(decided: Engine, browser: Browser) -> None:
    """Once a report has seen a deactivated key active again, or gone, how to activate it is said no more."""
    later, client = NOW + timedelta(days=1), browser()
    write(decided, [record("alice", at=later, Status="Inactive")], at=later)
    assert commands(client.get("/users", params={"arn": ALICE.user_arn}).text)

    later += timedelta(days=1)
    write(decided, [record("alice", at=later)], at=later)
    assert not commands(client.get("/users", params={"arn": ALICE.user_arn}).text)

    later += timedelta(days=1)
    write(decided, [], at=later)
    assert not commands(client.get("/users", params={"arn": ALICE.user_arn}).text)


def test_hostile_names_in_proposals_are_text(empty_store: Engine, browser: Browser) -> None:
    """HTML in a name, an owner, a reason or of whoever decided is text, wherever it shows."""
    write(empty_store, [record(HOSTILE, Owner=HOSTILE)], ok(ONE, name=HOSTILE))
    key = proposed_key(HOSTILE, reason=HOSTILE)
    proposals = propose(empty_store, DONE, key)
    proposals.decide(DONE, "approved", NOW, "7", HOSTILE)
    proposals.end(DONE, key.key_id, "deactivated", HOSTILE, NOW)
    client = browser()

    for page in (
        client.get("/deactivations"),
        client.get(f"/deactivations/{DONE}"),
        client.get("/users", params={"arn": key.user_arn}),
    ):
        assert page.status_code == 200
        assert EVIL not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#34;&amp;&lt;img" in page.text


@pytest.mark.parametrize("path", ["/deactivations", f"/deactivations/{DONE}", f"/users?arn={ALICE.user_arn}"])
def test_proposals_have_no_full_key_id(client: TestClient, path: str) -> None:
    """No page has more of a key's id than the store, which has no whole one."""
    assert not FULL_ID.search(client.get(path).text)


@pytest.mark.usefixtures("decided")
@pytest.mark.parametrize("path", ["/deactivations", f"/deactivations/{DONE}"])
def test_proposals_are_guarded(browser: Browser, path: str) -> None:
    """Who may not read the report's DAG learns nothing of proposals."""
    assert browser(None).get(path).status_code == 401
    refused = browser(DENIED).get(path)
    assert refused.status_code == 403
    assert "team@example.com" not in refused.text


@pytest.mark.parametrize("path", ["/deactivations", f"/deactivations/{DONE}"])
def test_head_of_proposals_has_no_body(client: TestClient, path: str) -> None:
    """HEAD of a page is GET without its body."""
    answer = client.head(path)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/deactivations", f"/deactivations/{DONE}", f"/users?arn={ALICE.user_arn}"])
def test_links_of_proposals_hold_below_a_base_path(decided: Engine, browser: Browser, path: str) -> None:
    """Every link stays below the base path, and each of the page's own leads somewhere."""
    del decided
    client = browser(base_path="/airflow")

    for link in set(links(client.get(path).text)) - {"#main"}:
        assert link.startswith(("/airflow/keywatch/", "/airflow/dags/"))
        if link.startswith("/airflow/keywatch/"):
            assert client.get(link.removeprefix("/airflow/keywatch")).status_code == 200, link
