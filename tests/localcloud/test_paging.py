"""Pages of listings: how they are cut, and what can be odd about them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from localcloud import LocalCloudError, Paging
from localcloud.azure.paging import layout
from tests.localcloud.arm import IDENTITY, PAGES, READER, Arm, insights_error, since
from tests.localcloud.azure import error_of

LISTINGS: Final = ("machines", "activity")


def listed(arm: Arm, listing: str) -> requests.Response:
    """Begin a listing of the first subscription."""
    first = arm.azure.cloud.azure.subscription_id
    return arm.machines(first) if listing == "machines" else arm.activity(first)


def sizes(arm: Arm, listing: str, paging: Paging) -> list[int]:
    """Count what is on each page of 14 machines or of 25 events."""
    arm.azure.cloud.set_paging(listing, paging)
    if listing == "machines":
        return [len(page) for page in arm.pages(listed(arm, listing))]
    first = arm.azure.cloud.azure.subscription_id
    oldest = arm.azure.cloud.activity_events(first)[24].event_timestamp
    return [len(page) for page in arm.pages(arm.activity(first, f"eventTimestamp ge '{oldest}'"))]


@pytest.mark.parametrize(
    ("paging", "machines", "activity"),
    [
        (Paging(), [14], [25]),
        (Paging(size=7), [7, 7], [7, 7, 7, 4]),
        (Paging(size=5), [5, 5, 4], [5, 5, 5, 5, 5]),
        (Paging(empty_every=2), [14], [25]),
        (Paging(size=5, empty_every=1), [5, 0, 5, 0, 4], [5, 0, 5, 0, 5, 0, 5, 0, 5]),
        (Paging(size=5, empty_every=3), [5, 0, 5, 4], [5, 0, 5, 5, 5, 0, 5]),
        (Paging(size=9, empty_first=True), [0, 9, 5], [0, 9, 9, 7]),
        (Paging(repeat_every=1), [14, 14], [25, 25]),
        (Paging(size=5, repeat_every=2), [5, 5, 5, 4, 4], [5, 5, 5, 5, 5, 5, 5, 5]),
        (Paging(size=7, loop_at=2), [7] * PAGES, [7] * PAGES),
        (Paging(size=5, loop_at=9), [5, 5, 4], [5, 5, 5, 5, 5]),
    ],
)
def test_listing_is_cut_as_it_is_told_to_be(arm: Arm, paging: Paging, machines: list[int], activity: list[int]) -> None:
    """Pages have the size that is asked for; there are empty ones, or the same ones twice, or one for ever."""
    arm.azure.cloud.set_rate_limit(size=10_000)

    assert sizes(arm, "machines", paging) == machines
    assert sizes(arm, "activity", paging) == activity


@given(
    count=st.integers(0, 60),
    paging=st.builds(
        Paging,
        size=st.integers(1, 12),
        empty_first=st.booleans(),
        empty_every=st.none() | st.integers(1, 4),
        repeat_every=st.none() | st.integers(1, 4),
    ),
)
def test_pages_hold_everything_in_order(count: int, paging: Paging) -> None:
    """Whatever is odd, every item is on a page, in order, and the last page is empty only if there is nothing."""
    pages = [range(*page) for page in layout(count, paging)]
    once = [page for place, page in enumerate(pages) if place == 0 or page != pages[place - 1] or not page]

    assert [item for page in once for item in page] == list(range(count))
    assert all(len(page) <= paging.size for page in pages)
    assert bool(pages[-1]) == bool(count)
    assert (len(pages) > len(once)) == (bool(paging.repeat_every) and count > 0)
    several = count > paging.size
    assert any(not page for page in pages) == (paging.empty_first or bool(several and paging.empty_every) or not count)


@pytest.mark.parametrize("listing", LISTINGS)
def test_repeated_page_is_the_same(arm: Arm, listing: str) -> None:
    """A page that comes twice holds the same items, and a loop links to where it is."""
    arm.azure.cloud.set_paging(listing, Paging(size=6, repeat_every=1))
    first = listed(arm, listing).json()
    second = arm.get(first["nextLink"]).json()
    assert second["value"] == first["value"]

    arm.azure.cloud.set_paging(listing, Paging(size=6, loop_at=2))
    one = listed(arm, listing).json()
    two = arm.get(one["nextLink"]).json()
    assert two["nextLink"] == one["nextLink"]
    assert two["value"] != one["value"]


@pytest.mark.parametrize("listing", LISTINGS)
def test_loop_may_look_like_progress(arm: Arm, listing: str) -> None:
    """The links of a loop may differ each time and lead to the same page, as the activity log has been seen to do."""
    arm.azure.cloud.set_paging(listing, Paging(size=6, loop_at=1, loop_changes=True))
    answers = [listed(arm, listing).json()]
    for _ in range(3):
        answers.append(arm.get(answers[-1]["nextLink"]).json())

    assert len({each["nextLink"] for each in answers}) == 4
    assert all(each["value"] == answers[0]["value"] for each in answers)


@pytest.mark.parametrize(
    ("paging", "beginning"),
    [
        (Paging(size=3, next_host="management.azure.com:443"), "https://management.azure.com:443/subscriptions/"),
        (Paging(size=3, next_host="attacker.example"), "https://attacker.example/subscriptions/"),
        (Paging(size=3, next_scheme="http"), "http://management.azure.com/subscriptions/"),
    ],
)
@pytest.mark.parametrize("listing", LISTINGS)
def test_link_may_lead_elsewhere(arm: Arm, listing: str, paging: Paging, beginning: str) -> None:
    """A link may name a port, another host, or no TLS; with its port alone it leads to the next page."""
    arm.azure.cloud.set_paging(listing, paging)
    link = listed(arm, listing).json()["nextLink"]

    assert link.startswith(beginning)
    if ":443" in beginning:
        assert len(arm.get(link).json()["value"]) == 3


def changed(link: str, **changes: str) -> str:
    """Change parameters of a link."""
    parts = urlsplit(link)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return parts._replace(query=urlencode(query, safe="$", quote_via=quote)).geturl()


def test_token_is_bound_to_what_was_asked(arm: Arm) -> None:
    """A token that was changed, or is used for another subscription, filter or selection, is refused."""
    cloud = arm.azure.cloud
    first, payments, _ = cloud.azure.subscription_ids
    for listing in LISTINGS:
        cloud.set_paging(listing, Paging(size=3))
    machines, activity = (listed(arm, listing).json()["nextLink"] for listing in LISTINGS)
    token = parse_qs(urlsplit(machines).query)["$skipToken"][0]
    raw = bytearray(base64.b64decode(token))
    raw[-2] ^= 1
    refused = [
        changed(machines, **{"$skipToken": "x"}),
        changed(machines, **{"$skipToken": "größe"}),
        changed(machines, **{"$skipToken": ""}),
        changed(machines, **{"$skipToken": base64.b64encode(raw).decode()}),
        changed(machines, **{"$skipToken": parse_qs(urlsplit(activity).query)["$skipToken"][0]}),
        machines.replace(first, payments),
    ]

    for link in refused:
        assert error_of(arm.get(link)) == (400, "InvalidSkipToken", None)
    for link in (changed(activity, **{"$filter": since(3)}), changed(activity, **{"$select": "level"})):
        assert insights_error(arm.get(link))[:2] == (400, "BadRequest")
    assert len(arm.get(changed(machines, **{"api-version": "2026-04-01"})).json()["value"]) == 3
    assert len(arm.get(machines.replace("$skipToken", "%24skiptoken")).json()["value"]) == 3


def test_token_ends_with_the_cut(arm: Arm) -> None:
    """A token leads nowhere once the listing has been cut into fewer pages."""
    arm.azure.cloud.set_paging("machines", Paging(size=3))
    link = listed(arm, "machines").json()["nextLink"]
    arm.azure.cloud.set_paging("machines", Paging())

    assert error_of(arm.get(link)) == (400, "InvalidSkipToken", None)


def test_reset_cuts_as_before(arm: Arm) -> None:
    """After a reset both listings have pages of 1,000, and the activity log some between them that are empty."""
    cloud = arm.azure.cloud
    for listing in LISTINGS:
        cloud.set_paging(listing, Paging(size=3, repeat_every=1))
    cloud.reset()
    first = cloud.azure.subscription_id
    cloud.grant(IDENTITY, READER, "/subscription")
    end = datetime.now(UTC)
    cloud.add_virtual_machines(first, 2_000)
    cloud.add_activity_events(first, 4_700, start=end - timedelta(days=2), end=end)
    machines, events = len(cloud.virtual_machines(first)), len(cloud.activity_events(first))

    assert [len(page) for page in arm.pages(arm.machines(first))] == [1_000, 1_000, machines - 2_000]
    activity = [len(page) for page in arm.pages(arm.activity(first, select="level"))]
    assert activity == [1_000, 0, 1_000, 1_000, 1_000, 0, events - 4_000]


@pytest.mark.parametrize("values", [{"size": 0}, {"empty_every": 0}, {"repeat_every": -1}, {"loop_at": 0}])
def test_cut_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    """Pages have something on them, and what comes now and then comes every so many."""
    with pytest.raises(ValueError, match="at least one item"):
        Paging(**values)


def test_only_what_is_listed_is_cut(arm: Arm) -> None:
    """There is no listing of anything else."""
    with pytest.raises(ValueError, match="'keys' is not a valid Listing"):
        arm.azure.cloud.set_paging("keys", Paging())
    with pytest.raises(LocalCloudError, match="lets through at least one read"):
        arm.azure.cloud.set_rate_limit(size=0)
