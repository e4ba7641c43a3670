"""How the local cloud's Resource Manager throttles: a bucket of reads for each caller and subscription."""

from __future__ import annotations

import time
from typing import Final

import requests

from tests.localcloud.arm import READER, Arm
from tests.localcloud.azure import MANAGEMENT, error_of

SUBSCRIPTION: Final = "x-ms-ratelimit-remaining-subscription-reads"
TENANT: Final = "x-ms-ratelimit-remaining-tenant-reads"
COMPUTE: Final = "x-ms-ratelimit-remaining-resource"


def left(response: requests.Response, header: str = SUBSCRIPTION) -> int:
    """Read how many reads are left."""
    return int(response.headers[header])


def test_answers_tell_what_is_left(arm: Arm) -> None:
    """A bucket holds 250 reads; every answer tells how many are left, of a subscription or of the tenant."""
    first, payments, _ = arm.azure.cloud.azure.subscription_ids

    assert left(arm.machines(first)) == 249
    assert left(arm.subscriptions(), TENANT) == 249
    assert left(arm.activity(payments)) == 249
    assert {SUBSCRIPTION, TENANT} & set(arm.activity(payments).headers) == {SUBSCRIPTION}


def test_machines_tell_what_compute_has_left(arm: Arm) -> None:
    """A list of machines tells of the provider's own limits as well, and a list of events does not."""
    first = arm.azure.cloud.azure.subscription_id
    one, two = (arm.machines(first).headers[COMPUTE] for _ in range(2))
    policies = [dict(each.split(";") for each in text.split(",")) for text in (one, two)]

    assert set(policies[0]) == {"Microsoft.Compute/HighCostGet3Min", "Microsoft.Compute/HighCostGet30Min"}
    assert int(policies[1]["Microsoft.Compute/HighCostGet30Min"]) < int(
        policies[0]["Microsoft.Compute/HighCostGet30Min"]
    )
    assert COMPUTE not in arm.activity(first).headers


def test_empty_bucket_refuses(arm: Arm) -> None:
    """What is beyond a bucket is refused, with the seconds to wait; after these it is answered again."""
    first = arm.azure.cloud.azure.subscription_id
    arm.azure.cloud.set_rate_limit(size=5, per_second=0.5)
    answers = [arm.activity(first) for _ in range(6)]
    refused = answers[-1]

    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert [left(each) for each in answers[:5]] == [4, 3, 2, 1, 0]
    assert error_of(refused) == (429, "SubscriptionRequestsThrottled", None)
    assert f"'read' requests for subscription '{first}' actor '" in refused.json()["error"]["message"]
    seconds = int(refused.headers["Retry-After"])
    assert 1 <= seconds <= 2
    assert SUBSCRIPTION not in refused.headers
    time.sleep(seconds)
    assert left(arm.activity(first)) == 0


def test_every_caller_and_subscription_has_its_own(arm: Arm) -> None:
    """An empty bucket is one caller's in one subscription; the tenant has another one."""
    cloud = arm.azure.cloud
    first, payments, _ = cloud.azure.subscription_ids
    cloud.grant("certificate-reader", READER, "/subscription")
    other = Arm(arm.azure, arm.azure.identity_token("certificate-reader", MANAGEMENT))
    cloud.set_rate_limit(size=1, per_second=0.01)

    assert [arm.machines(first).status_code for _ in range(2)] == [200, 429]
    assert arm.activity(first).status_code == 429
    assert arm.activity(payments).status_code == 200
    assert other.machines(first).status_code == 200
    assert [arm.subscriptions().status_code for _ in range(2)] == [200, 429]
    assert error_of(arm.subscriptions()) == (429, "TooManyRequests", None)
    cloud.set_rate_limit()
    assert left(arm.machines(first)) == 249


def test_reset_fills_the_buckets(arm: Arm) -> None:
    """After a reset the service's own rate holds again, with nothing taken."""
    cloud = arm.azure.cloud
    cloud.set_rate_limit(size=1, per_second=0.01)
    arm.subscriptions()
    cloud.reset()

    assert left(arm.subscriptions(), TENANT) == 249
