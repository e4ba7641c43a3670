"""What the policy has found: its page, and what other pages say of it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

import hypothesis.strategies as st
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from sqlalchemy import Engine
from starlette.datastructures import QueryParams

from keywatch.access_keys.owners import Owned
from keywatch.access_keys.policy.model import SEVERITIES
from keywatch.report.owners import take_owners
from keywatch.report.read_findings import PER_PAGE, FindingQuery
from keywatch_airflow.page.finding_filters import finding_parameters, finding_query
from tests.keywatch.report.found import NOW, ONE, TWO, ok, record, write
from tests.keywatch_airflow.page.conftest import EVIL, Browser
from tests.keywatch_airflow.page.guarding import DENIED
from tests.keywatch_airflow.page.policing import NOTHING, find
from tests.keywatch_airflow.page.test_pages import links, words

HOSTILE = f"""{EVIL}'"&<img src=x onerror=alert(2)>"""

FULL_ID = re.compile(r"A[KS]IA[A-Z0-9]{12,}")


def found(html: str) -> list[str]:
    """List the findings that a page shows, as `rule id`."""
    body = html.partition('<table class="findings')[2]
    rows = re.findall(r"<tr role=\"row\">(.*?)</tr>", body.partition("<tbody")[2], re.DOTALL)
    return [
        " ".join([re.findall(r"rule=([\w-]+)", row)[0], *re.findall(r"<code>AKIA\.\.\.(\w+)</code>", row)])
        for row in rows
    ]


def keys(at: datetime) -> list[bytes]:
    """Make the records of keys that a run reads, whenever it does."""
    mine = {"Owner": "team@example.com", "OwnerSource": "tag"}
    return [
        record("alice", at=at, age=400, idle=1, key="AKIA...A001", **mine),
        record("alice", at=at, age=20, idle=1, key="AKIA...A002", **mine),
        record("bob", TWO, at=at, age=300, key="AKIA...B001"),
        record("<root_account>", TWO, at=at, age=None, AccessKeyId=None, Status=None),
    ]


@pytest.fixture
def policed(empty_store: Engine) -> Engine:
    """Give a store with what two runs have found: of the first, one finding is resolved since, and one is new."""
    take_owners(empty_store, [Owned(TWO, "bob", "other@example.com")])
    before = NOW - timedelta(days=3)
    gone = record("gone", at=before, age=200, key="AKIA...G001")
    write(empty_store, [*keys(before), gone], ok(ONE, before, "payments"), ok(TWO, before, "search"), at=before)
    find(empty_store, at=before, run_id="manual__1")
    carol = record("carol", age=50, key="AKIA...C001", Status="Inactive")
    write(empty_store, [*keys(NOW), carol], ok(ONE, name="payments"), ok(TWO, name="search"))
    find(empty_store)
    return empty_store


@pytest.fixture
def client(browser: Browser, policed: Engine) -> TestClient:  # noqa: ARG001 - it must be filled
    """Give the browser of somebody who may see the page."""
    return browser()


ALL = ["root-key", "too-old A001", "too-old B001", "two-active A001", "too-long-inactive C001"]


def test_findings_are_listed_the_worst_first(client: TestClient) -> None:
    """The list has key, user, account, owner, rule and reason of each finding, the worst first."""
    page = client.get("/findings").text

    assert sorted(found(page)) == sorted(ALL)
    assert [re.sub(" .*", "", each) for each in found(page)] == [re.sub(" .*", "", each) for each in ALL]
    said = words(page)
    assert "5 findings" in said
    assert "Critical no id Unknown Root user search 222222222222 no owner root-key a key of the root user" in said
    assert "High AKIA...A001 Active alice payments 111111111111 team@example.com too-old 400 days old" in said
    assert f"/keywatch/users?arn=arn%3Aaws%3Aiam%3A%3A{ONE}%3Auser%2Falice" in links(page)
    assert f"/keywatch/accounts/{TWO}" in links(page)
    assert "/keywatch/findings?owner=team%40example.com" in links(page)
    assert "/dags/access_key_findings" in links(page)


def test_rules_are_counted_first(client: TestClient) -> None:
    """Each rule that has found something leads to as many findings as it counts, with its severity and control."""
    page = client.get("/findings").text
    rules = page.partition('<table class="rules')[2].partition("</table>")[0]

    assert re.search(r"root-key Critical 1 \d+ days? ago CIS AWS 3\.0\.0 1\.4", words(rules))
    assert re.search(r"too-long-inactive Low 1 .*Our own 7", words(rules))
    counts = re.findall(r'href="/keywatch([^"]+)">([\w-]+)</a>.*?class="figure">(\d+)<', rules, re.DOTALL)
    assert [(rule, count) for _, rule, count in counts] == [
        ("root-key", "1"),
        ("too-old", "2"),
        ("two-active", "1"),
        ("too-long-inactive", "1"),
    ]
    for link, rule, count in counts:
        assert [each.split()[0] for each in found(client.get(link).text)] == [rule] * int(count)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("severity=high", {"too-old A001", "too-old B001"}),
        ("rule=two-active", {"two-active A001"}),
        ("owner=team@example.com", {"too-old A001", "two-active A001"}),
        ("owner=team@example.com&severity=medium", {"two-active A001"}),
        ("unowned=1", {"root-key", "too-long-inactive C001"}),
        (f"account={TWO}", {"root-key", "too-old B001"}),
        ("resolved=1", {"too-old G001"}),
        ("severity=&rule=&owner=&unowned=&account=&resolved=&page=", set(ALL)),
        ("owner=nobody", set()),
        ("owner=%25", set()),
        ("rule=no-such-rule", set()),
    ],
)
def test_findings_are_filtered(client: TestClient, query: str, wanted: set[str]) -> None:
    """Each filter leaves what it names and no more, and an empty parameter is as good as none."""
    page = client.get(f"/findings?{query}").text

    assert set(found(page)) == wanted
    assert f"{len(wanted)} finding{'s' * (len(wanted) != 1)}" in words(page)
    assert ("No finding matches" in page) == (not wanted)


def test_filter_of_findings_can_be_taken_away(client: TestClient) -> None:
    """Each filter that is set shows, and leads to the list without it; what has no field is kept by the form."""
    page = client.get(f"/findings?severity=high&owner=team%40example.com&account={ONE}").text

    assert f"/keywatch/findings?owner=team%40example.com&account={ONE}" in links(page)
    assert f"/keywatch/findings?severity=high&account={ONE}" in links(page)
    assert "Remove filter: Owner team@example.com" in words(page)
    assert '<input type="hidden" name="owner" value="team@example.com">' in page
    assert '<option value="high" selected>High</option>' in page


def test_resolved_findings_say_when(client: TestClient) -> None:
    """A finding that is no longer there is listed with when it was resolved, under a heading of its own."""
    page = client.get("/findings?resolved=1").text

    assert "<h1>Resolved findings</h1>" in page
    assert '<th role="columnheader" scope="col">Resolved</th>' in page
    assert 'datetime="2026-11-27T06:00:00Z"' in page


def test_findings_are_paged(empty_store: Engine, browser: Browser) -> None:
    """Next leads through all findings once, filters go along, and a page that is too high is the last."""
    keys = [record(f"user{number:03}", age=200, key=f"AKIA...{number:04}") for number in range(2 * PER_PAGE + 1)]
    write(empty_store, keys)
    find(empty_store)
    client, seen = browser(), list[str]()
    answer = client.get("/findings?severity=high")
    while True:
        seen += found(answer.text)
        following = re.search(r'rel="next" href="([^"]+)"', answer.text)
        if not following:
            break
        assert "severity=high" in following[1]
        answer = client.get("http://airflow.example" + following[1].replace("&amp;", "&"))

    assert sorted(seen) == [f"too-old {number:04}" for number in range(2 * PER_PAGE + 1)]
    assert "Page 3 of 3" in answer.text
    assert found(client.get("/findings?page=99").text) == seen[-1:]


def test_store_without_findings_says_how_they_come(browser: Browser, empty_store: Engine) -> None:
    """Before anything was found, the page says which DAG looks, or that there is no report at all."""
    assert "There is no report yet" in browser().get("/findings").text
    write(empty_store, [record("alice")])

    page = browser().get("/findings").text
    assert "There is no finding yet" in page
    assert "After each report, DAG access_key_findings looks at every key" in words(page)


def test_nothing_found_is_said(policed: Engine, browser: Browser) -> None:
    """When no rule is about any key, the page says so, and leads to what is resolved."""
    find(policed, NOTHING, run_id="manual__3")

    page = browser().get("/findings").text
    assert "Nothing is found" in page
    assert "6 resolved findings" in words(page)
    assert "/keywatch/findings?resolved=1" in links(page)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("severity=High", "severity"),
        ("rule=%00", "rule"),
        (f"rule={'x' * 129}", "rule"),
        ("owner=a%00b", "owner"),
        (f"owner={'x' * 257}", "owner"),
        ("unowned=yes", "unowned"),
        ("resolved=0", "resolved"),
        ("account=12", "account"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=99999999999999", "page"),
        ("severity=low&severity=low", "severity"),
        ("cursor=x", "cursor"),
        ("%3Cscript%3E=1", "&lt;script&gt;"),
    ],
)
def test_bad_parameter_of_findings_is_named(client: TestClient, query: str, name: str) -> None:
    """What the list cannot be asked is refused by a page that names the parameter, and never ignored."""
    answer = client.get(f"/findings?{query}")

    assert answer.status_code == 400
    assert f"<code>{name}</code>" in answer.text


@given(
    query=st.builds(
        FindingQuery,
        severity=st.sampled_from([None, *SEVERITIES]),
        rule=st.sampled_from([None, "too-old"]),
        owner=st.sampled_from([None, "a b&c=d", "'\"<"]),
        unowned=st.booleans(),
        account=st.sampled_from([None, ONE]),
        resolved=st.booleans(),
    )
)
def test_list_of_findings_comes_back_from_its_address(query: FindingQuery) -> None:
    """Every list has an address, which leads to the very same list."""
    assert finding_query(QueryParams(urlencode(finding_parameters(query)))) == (query, 1)


def test_hostile_names_in_findings_are_text(empty_store: Engine, browser: Browser) -> None:
    """HTML in an account's name, a user's, an owner or a control is text, wherever it shows."""
    hostile = record(HOSTILE, age=400, key="AKIA...E001", Owner=HOSTILE, OwnerSource="tag")
    write(empty_store, [hostile], ok(ONE, name=HOSTILE))
    rule = {"id": "old", "kind": "older_than", "days": 90, "severity": "high", "control": HOSTILE}
    find(empty_store, json.dumps({"version": 1, "rules": [rule]}))
    client = browser()

    for page in (
        client.get("/findings"),
        client.get("/findings", params={"owner": HOSTILE}),
        client.get("/keys", params={"owner": HOSTILE}),
        client.get("/users", params={"arn": f"arn:aws:iam::{ONE}:user/{HOSTILE}"}),
    ):
        assert page.status_code == 200
        assert "AKIA...E001" in page.text
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#34;&amp;&lt;img" in page.text


def test_user_has_owner_and_findings(client: TestClient) -> None:
    """A user's page says who answers for the keys, who says so, and what is found of them."""
    alice = client.get("/users", params={"arn": f"arn:aws:iam::{ONE}:user/alice"}).text
    bob = client.get("/users", params={"arn": f"arn:aws:iam::{TWO}:user/bob"}).text
    carol = client.get("/users", params={"arn": f"arn:aws:iam::{ONE}:user/carol"}).text

    assert "Owner team@example.com by a tag of the user" in words(alice)
    assert found(alice) == ["too-old A001", "two-active A001"]
    assert "Owner other@example.com by the table of owners" in words(bob)
    assert "Owner no owner" in words(carol)
    assert "/keywatch/keys?owner=team%40example.com" in links(alice)


def test_overview_counts_findings(client: TestClient, policed: Engine) -> None:
    """The overview counts open findings by severity, each with its list, and has no such line without any."""
    page = client.get("/").text

    assert "5 findings Critical 1 High 2 Medium 1 Low 1" in words(page)
    assert "/keywatch/findings?severity=critical" in links(page)
    find(policed, NOTHING, run_id="manual__3")
    assert "/keywatch/findings?severity" not in client.get("/").text


def test_account_leads_to_its_findings(client: TestClient) -> None:
    """An account with findings has a link to just these."""
    page = client.get(f"/accounts/{TWO}").text

    assert "2 findings" in words(page)
    assert f"/keywatch/findings?account={TWO}" in links(page)


@pytest.mark.parametrize("path", ["/findings", "/findings?resolved=1", "/"])
def test_findings_have_no_full_key_id(client: TestClient, path: str) -> None:
    """No page has more of a key's id than the store, which has no whole one."""
    assert not FULL_ID.search(client.get(path).text)


@pytest.mark.usefixtures("policed")
def test_findings_are_guarded(browser: Browser) -> None:
    """Who may not read the report's DAG learns nothing of findings."""
    assert browser(None).get("/findings").status_code == 401
    refused = browser(DENIED).get("/findings")
    assert refused.status_code == 403
    assert "alice" not in refused.text


def test_head_of_findings_has_no_body(client: TestClient) -> None:
    """HEAD of the list is GET without its body."""
    answer = client.head("/findings?severity=high")

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/findings", "/findings?owner=team%40example.com", "/findings?owner=nobody"])
def test_links_of_findings_hold_below_a_base_path(policed: Engine, browser: Browser, path: str) -> None:
    """Every link of the list stays below the base path, and each of the page's own leads somewhere."""
    del policed
    client = browser(base_path="/airflow")

    for link in set(links(client.get(path).text)) - {"#main"}:
        assert link.startswith(("/airflow/keywatch/", "/airflow/dags/"))
        if link.startswith("/airflow/keywatch/"):
            assert client.get(link.removeprefix("/airflow/keywatch")).status_code == 200, link
