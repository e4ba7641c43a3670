"""Resource Manager when it throttles, fails, refuses, or is not there."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

import pytest

from keywatch.azure_resources.activity_log import ActivityQuery, Condition, activity_log
from keywatch.azure_resources.rate import OF_PROVIDER, READS, pause_after
from keywatch.azure_resources.virtual_machines import virtual_machines
from keywatch.errors import (
    RequestRefusedError,
    ServiceUnavailableError,
    SubscriptionDeniedError,
    SubscriptionUnusableError,
    ThrottledError,
)
from localcloud import Fault, FaultKind, LocalCloud, Paging
from tests.keywatch.azure_resources.reading import Sleeps, events, ids_of_events, last_days, machines, manager

LIST = "virtualMachines/list"
NAN = '{"value": [{"id": NaN}]}'
HUGE = '{"value": [{"id": 1e999}]}'


def test_throttled_page_is_asked_for_again_when_the_service_says(cloud: LocalCloud) -> None:
    """A page that is throttled is read after the time that the answer names, and the others are not read again."""
    cloud.set_paging("machines", Paging(size=5))
    cloud.inject(Fault(FaultKind.THROTTLE, action=LIST, after=1, count=2, retry_after=1))

    found = machines(cloud)

    assert len(found) == len(cloud.virtual_machines(cloud.azure.subscription_id))
    statuses = [record.status for record in cloud.requests(action=LIST)]
    assert statuses[:4] == [200, 429, 429, 200]
    assert statuses.count(429) == 2


def test_real_bucket_is_read_to_its_end(cloud: LocalCloud) -> None:
    """A bucket of five reads that refills slowly delays the reading of a long list, and breaks nothing."""
    cloud.set_rate_limit(size=5, per_second=20.0)
    cloud.set_paging("activity", Paging(size=20))

    assert sorted(event["eventDataId"] for event in events(cloud, 12)) == ids_of_events(cloud)


def test_next_page_waits_while_little_of_the_rate_is_left(cloud: LocalCloud) -> None:
    """The answers say how many reads are left, so that most throttling is never met."""
    cloud.set_rate_limit(size=20, per_second=0.001)
    cloud.set_paging("machines", Paging(size=5))
    sleeps = Sleeps()

    machines(cloud, manager(cloud, sleeps))

    assert set(sleeps) == {1.0}
    assert len(sleeps) == len(cloud.requests(action=LIST)) - 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"x-ms-ratelimit-remaining-subscription-reads": "249"}, 0.0),
        ({"x-ms-ratelimit-remaining-subscription-reads": "24"}, 1.0),
        ({"x-ms-ratelimit-remaining-subscription-reads": "0"}, 1.0),
        ({"x-ms-ratelimit-remaining-subscription-reads": "many"}, 0.0),
        ({"x-ms-ratelimit-remaining-resource": "Microsoft.Compute/HighCostGet3Min;138,Microsoft.Compute/X;7"}, 0.0),
        ({"x-ms-ratelimit-remaining-resource": "Microsoft.Compute/HighCostGet3Min;0,Microsoft.Compute/X;7"}, 5.0),
        ({"x-ms-ratelimit-remaining-resource": "nothing of the kind"}, 0.0),
    ],
)
def test_pause_is_as_long_as_the_answer_suggests(headers: dict[str, str], seconds: float) -> None:
    """Nothing is waited for while enough is left, or while nobody knows."""
    assert pause_after(headers) == seconds


def test_throttling_without_end_is_told(cloud: LocalCloud) -> None:
    """After as many attempts as the transport allows, the task is told to try later."""
    cloud.inject(Fault(FaultKind.THROTTLE, action=LIST, count=None, retry_after=0))

    with pytest.raises(ThrottledError, match=r"management\.azure\.com throttles"):
        machines(cloud)

    assert len(cloud.requests(action=LIST)) == 3


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.TRUNCATE])
def test_page_that_breaks_off_is_read_again(cloud: LocalCloud, kind: FaultKind) -> None:
    """A connection that breaks costs one page another attempt."""
    cloud.set_paging("machines", Paging(size=5))
    cloud.inject(Fault(kind, action=LIST, after=1, count=1))

    assert len(machines(cloud)) == len(cloud.virtual_machines(cloud.azure.subscription_id))


@pytest.mark.parametrize(
    "body", ["<html>Sign in</html>", "[]", '{"value": 3}', '{"value": [1]}', '{"nextLink": "x"}', NAN, HUGE]
)
def test_answer_that_is_no_page_is_told(cloud: LocalCloud, body: str) -> None:
    """What a captive portal answers is not taken for an empty list."""
    cloud.inject(Fault(FaultKind.REPLACE, action=LIST, count=None, status=200, body=body))

    with pytest.raises(ServiceUnavailableError, match="no page of a list"):
        machines(cloud)


def test_missing_role_is_told_with_its_action(cloud: LocalCloud) -> None:
    """A role that is missing is told by what it has to allow, and where."""
    cloud.revoke("on-premises", "Reader", "/subscription")

    with pytest.raises(SubscriptionDeniedError, match=r"Microsoft\.Compute/virtualMachines/read") as caught:
        machines(cloud)

    assert cloud.azure.subscription_id in str(caught.value)
    assert caught.value.action == "Microsoft.Compute/virtualMachines/read"


def test_unknown_subscription_is_told(cloud: LocalCloud) -> None:
    """An id that no subscription of the tenant has is told."""
    with pytest.raises(SubscriptionUnusableError, match="knows no subscription 00000000"):
        list(virtual_machines(manager(cloud), "00000000-0000-0000-0000-000000000000"))


def test_token_that_was_withdrawn_is_replaced(cloud: LocalCloud) -> None:
    """A token that is refused although its time is not over costs one more request."""
    cloud.inject(Fault(FaultKind.STATUS, action=LIST, count=1, status=401))

    assert machines(cloud)

    assert len(cloud.requests(action="token", status=200)) == 2


def test_tokens_that_are_refused_are_told(cloud: LocalCloud) -> None:
    """Token after token refused is a matter of the connection."""
    cloud.inject(Fault(FaultKind.STATUS, action=LIST, count=None, status=401))

    with pytest.raises(RequestRefusedError, match="refuses the token"):
        machines(cloud)


def test_nothing_of_a_token_is_logged(cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at DEBUG does the log hold a token."""
    caplog.set_level(logging.DEBUG)

    machines(cloud)

    assert "Bearer" not in caplog.text
    assert "eyJ" not in caplog.text


def test_refusal_of_the_activity_log_is_quoted(cloud: LocalCloud) -> None:
    """The log words its refusals in a form of its own; what it says is told, with what to do."""
    query = ActivityQuery(cloud.azure.subscription_id, last_days(1), Condition("resourceUri", "x'y"))
    body = '{"Code": "BadRequest", "Message": "The filter is not supported."}'
    cloud.inject(Fault(FaultKind.REPLACE, action="activityLog/list", status=400, body=body, count=None))

    with pytest.raises(RequestRefusedError, match=r"BadRequest: The filter is not supported\..*run's parameters"):
        list(activity_log(manager(cloud), query, datetime.now(UTC)))


@pytest.mark.parametrize("body", ["[" * 100_000, '{"Code": ' + "[" * 100_000])
def test_refusal_that_is_too_deep_to_read_is_told_without_the_request(cloud: LocalCloud, body: str) -> None:
    """What cannot be read is a refusal all the same, and nothing of the request stands in its traceback."""
    cloud.inject(Fault(FaultKind.REPLACE, action=LIST, status=400, body=body, count=None))

    with pytest.raises(RequestRefusedError) as caught:
        machines(cloud)

    assert "eyJ" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("headers", [{READS: "9" * 5_000}, {OF_PROVIDER: f"Microsoft.Compute/X;{'9' * 5_000}"}])
def test_odd_counts_of_the_rate_are_ignored(headers: dict[str, str]) -> None:
    """A number that nobody counts to says nothing."""
    assert pause_after(headers) == 0.0
