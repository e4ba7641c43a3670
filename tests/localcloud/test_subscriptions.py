"""Subscriptions as the local cloud's Resource Manager plays them, and who may see which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError, Paging
from tests.localcloud.arm import IDENTITY, READER, Arm
from tests.localcloud.azure import MANAGEMENT, Azure, error_of


def names(arm: Arm) -> list[str]:
    """List the names of the subscriptions that are visible."""
    return [each["displayName"] for each in arm.subscriptions().json()["value"]]


def application_token(azure: Azure, name: str) -> str:
    """Sign in as an application, with a certificate made for it."""
    application = azure.cloud.azure.applications[name]
    version = azure.cloud.create_certificate("signer", key_type="RSA", exportable=True)
    azure.cloud.register(name, version)
    assertion = azure.exported(version).assertion(application)
    answer = azure.token_request(client_id=application.client_id, client_assertion=assertion)
    return str(answer.json()["access_token"])


def test_application_keywatch_sees_all_three(azure: Azure) -> None:
    """Application keywatch may read three subscriptions from the start, with what is listed in them, and no more."""
    arm = Arm(azure, application_token(azure, "keywatch"))
    listed = arm.subscriptions().json()
    first, *_ = ids = azure.cloud.azure.subscription_ids

    assert [each["subscriptionId"] for each in listed["value"]] == list(ids)
    assert names(arm) == ["Cloud security", "Payments", "Sandbox"]
    assert {each["tenantId"] for each in listed["value"]} == {azure.cloud.azure.tenant_id}
    assert listed["count"] == {"type": "Total", "value": 3}
    assert "nextLink" not in listed
    assert first == azure.cloud.azure.subscription_id
    for each in ids:
        assert arm.machines(each).status_code == arm.activity(each).status_code == 200
    groups = arm.get(f"/subscriptions/{first}/resourcegroups", {"api-version": "2022-09-01"})
    assert error_of(groups) == (403, "AuthorizationFailed", None)


def test_only_what_may_be_read_is_listed(arm: Arm) -> None:
    """A subscription that the caller has no role on is not in the list, and cannot be asked either."""
    cloud = arm.azure.cloud
    _, payments, _ = cloud.azure.subscription_ids
    cloud.revoke(IDENTITY, READER, f"/subscription/{payments}")

    assert names(arm) == ["Cloud security", "Sandbox"]
    one = arm.get(f"/subscriptions/{payments}", {"api-version": "2022-12-01"})
    for refused in (one, arm.machines(payments), arm.activity(payments)):
        assert error_of(refused) == (403, "AuthorizationFailed", None)
        assert f"over scope '/subscriptions/{payments}'" in refused.json()["error"]["message"]


def test_role_on_one_subscription_holds_there_alone(azure: Azure) -> None:
    """A role on the first subscription, which is named without its id, says nothing about the others."""
    token = azure.identity_token(IDENTITY, MANAGEMENT)
    arm = Arm(azure, token)
    assert names(arm) == []
    azure.cloud.grant(IDENTITY, "Reader", "/subscription")

    assert names(arm) == ["Cloud security"]
    azure.cloud.grant(IDENTITY, "Monitoring Reader", "/subscription/Sandbox")
    assert names(arm) == ["Cloud security", "Sandbox"]
    azure.cloud.revoke(IDENTITY, "Reader", f"/subscription/{azure.cloud.azure.subscription_id}")
    assert names(arm) == ["Sandbox"]


def test_role_on_the_data_plane_reads_nothing(azure: Azure) -> None:
    """A role that allows to send telemetry does not allow to read the activity log, nor the other way round."""
    azure.cloud.grant(IDENTITY, "Monitoring Metrics Publisher", "/subscription")
    arm = Arm(azure, azure.identity_token(IDENTITY, MANAGEMENT))

    assert error_of(arm.activity(azure.cloud.azure.subscription_id)) == (403, "AuthorizationFailed", None)


@pytest.mark.parametrize("scope", ["/subscription/", "/subscription/Nothing", "/subscription/Payments/x"])
def test_scope_that_is_none_is_refused(cloud: LocalCloud, scope: str) -> None:
    """A role cannot be assigned on a subscription that does not exist, or below one."""
    with pytest.raises(LocalCloudError, match="There is no scope"):
        cloud.grant(IDENTITY, READER, scope)


def test_state_is_told(arm: Arm) -> None:
    """A subscription that is disabled says so, and can be read all the same."""
    cloud = arm.azure.cloud
    sandbox = cloud.azure.subscription_ids[2]
    cloud.set_subscription_state(sandbox, "Disabled")

    assert [each["state"] for each in arm.subscriptions().json()["value"]] == ["Enabled", "Enabled", "Disabled"]
    assert [each.state for each in cloud.subscriptions()] == ["Enabled", "Enabled", "Disabled"]
    assert arm.machines(sandbox).status_code == 200
    with pytest.raises(LocalCloudError, match="There is no state Sleepy; states: Enabled"):
        cloud.set_subscription_state(sandbox, "Sleepy")
    cloud.reset()
    assert {each.state for each in cloud.subscriptions()} == {"Enabled"}


def test_subscription_can_be_added(arm: Arm) -> None:
    """A subscription that is added is empty, seen by who holds a role on it, and gone after a reset."""
    cloud = arm.azure.cloud
    added = cloud.add_subscription("Größe", state="Warned")
    assert added.id not in {each["subscriptionId"] for each in arm.subscriptions().json()["value"]}
    cloud.grant(IDENTITY, READER, "/subscription/Größe")

    assert names(arm)[3:] == ["Größe"]
    assert arm.machines(added.id).json()["value"] == arm.activity(added.id).json()["value"] == []
    with pytest.raises(LocalCloudError, match="needs a name that no other has"):
        cloud.add_subscription("Größe")
    cloud.reset()
    assert [each.id for each in cloud.subscriptions()] == list(cloud.azure.subscription_ids)


def test_list_comes_in_pages(arm: Arm) -> None:
    """The list of subscriptions is cut as it is told to be, and counts them all on every page."""
    arm.azure.cloud.set_paging("subscriptions", Paging(size=2))
    first = arm.subscriptions()

    assert [len(page) for page in arm.pages(first)] == [2, 1]
    assert first.json()["count"]["value"] == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(arm: Arm, method: str) -> None:
    """Resource Manager is for reading alone here."""
    url = f"{MANAGEMENT}/subscriptions/{arm.azure.cloud.azure.subscription_id}?api-version=2022-12-01"

    assert error_of(arm.azure.ask(method, url, arm.token)) == (404, "InvalidResourceType", None)


def test_requests_name_their_subscription(arm: Arm) -> None:
    """The request log knows what was asked of which subscription, and by whom."""
    cloud = arm.azure.cloud
    payments = cloud.azure.subscription_ids[1]
    arm.subscriptions()
    arm.machines(payments.upper())
    arm.activity(payments)
    asked = [(each.action, each.detail, each.account) for each in cloud.requests(host="management.azure.com")]

    assert asked == [
        ("subscriptions/list", None, IDENTITY),
        ("virtualMachines/list", payments, IDENTITY),
        ("activityLog/list", payments, IDENTITY),
    ]


FAULTS: dict[str, tuple[dict[str, Any], tuple[int, str, None]]] = {
    "denied": ({"kind": FaultKind.DENY}, (403, "AuthorizationFailed", None)),
    "throttled": ({"kind": FaultKind.THROTTLE, "retry_after": 7}, (429, "TooManyRequests", None)),
    "broken": ({"kind": FaultKind.STATUS, "status": 502}, (502, "InjectedFailure", None)),
}


@pytest.mark.parametrize("action", ["virtualMachines/list", "activityLog/list"])
@pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)
def test_fault_hits_one_subscription(
    arm: Arm, action: str, fault: dict[str, Any], error: tuple[int, str, None]
) -> None:
    """A fault may be meant for one subscription, and one thing that is listed in it."""
    cloud = arm.azure.cloud
    first, payments, _ = cloud.azure.subscription_ids
    cloud.inject(Fault(**fault, action=action, detail=payments, count=None))
    asks: dict[str, Callable[[str], requests.Response]] = {
        "virtualMachines/list": arm.machines,
        "activityLog/list": arm.activity,
    }
    refused = asks[action](payments)

    assert error_of(refused) == error
    assert refused.headers.get("Retry-After") == ("7" if error[0] == 429 else None)
    assert asks[action](first).status_code == 200
    assert [ask(payments).status_code for name, ask in asks.items() if name != action] == [200]
    assert [hits for _, hits in cloud.fault_hits()] == [1]
