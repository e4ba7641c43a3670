"""Virtual machines as the local cloud's Resource Manager plays them."""

from __future__ import annotations

from uuid import UUID

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient

from localcloud import LocalCloudError, Paging
from tests.localcloud.arm import Arm
from tests.localcloud.azure import error_of


def test_every_machine_is_listed_once(arm: Arm) -> None:
    """What is listed in all subscriptions is what there is, 40 machines, in the same order and with the same ids."""
    cloud = arm.azure.cloud
    listed = [machine for each in cloud.azure.subscription_ids for machine in arm.items(arm.machines(each))]
    truth = cloud.virtual_machines()

    assert len(listed) == 40
    assert [each["id"] for each in listed] == [each.id for each in truth]
    assert [each["properties"]["vmId"] for each in listed] == [each.vm_id for each in truth]
    assert len({UUID(each.vm_id) for each in truth}) == 40


def test_machine_is_described(arm: Arm) -> None:
    """A machine has an id with its group in capitals, a size, a disk, an image, a name, a state and an age."""
    first = arm.azure.cloud.azure.subscription_id
    for machine in arm.machines(first).json()["value"]:
        _, _, subscription_id, _, group, *_, name = machine["id"].split("/")
        properties = machine["properties"]
        system = properties["storageProfile"]["osDisk"]["osType"]

        assert (subscription_id, group, name) == (first, group.upper(), machine["name"])
        assert machine["type"] == "Microsoft.Compute/virtualMachines"
        assert properties["hardwareProfile"]["vmSize"].startswith("Standard_")
        assert properties["storageProfile"]["imageReference"]["publisher"]
        assert properties["osProfile"]["computerName"] == (name[:15] if system == "Windows" else name)
        assert properties["provisioningState"] in {"Succeeded", "Updating", "Failed"}
        assert properties["timeCreated"].endswith("+00:00")


def test_some_machines_have_what_others_lack(arm: Arm) -> None:
    """Zones, tags and a priority are there or are not; tags and groups have letters of any script."""
    machines = [each for one in arm.azure.cloud.azure.subscription_ids for each in arm.machines(one).json()["value"]]
    for name in ("zones", "tags"):
        assert 0 < sum(name in each for each in machines) < 40
    assert 0 < sum("priority" in each["properties"] for each in machines) < 40
    assert any("機械" in each.get("tags", {}).values() for each in machines)
    assert any("/MÜLLER-TESTS/" in each["id"] for each in machines)
    assert {each["properties"]["storageProfile"]["osDisk"]["osType"] for each in machines} == {"Linux", "Windows"}


def test_sdk_pages_through_thousands(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official client lists 3,000 machines, with its own version of the API, and what is seen is what there is."""
    azure = arm.azure
    payments = azure.cloud.azure.subscription_ids[1]
    azure.cloud.add_virtual_machines(payments, 3_000)
    for name, value in azure.cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    with (
        ManagedIdentityCredential() as credential,
        ComputeManagementClient(credential, payments, **azure.sdk) as client,
    ):
        listed = [machine.vm_id for machine in client.virtual_machines.list_all()]

    truth = azure.cloud.virtual_machines(payments)
    assert len(set(listed)) == len(listed) > 3_000
    assert listed == [each.vm_id for each in truth]
    assert len({each.name for each in truth}) == len(truth)
    assert len(azure.cloud.requests(action="virtualMachines/list", status=200)) == 4


def test_sdk_is_told_what_is_refused(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the local cloud does not play is refused, and not left out of the answer."""
    azure = arm.azure
    for name, value in azure.cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    with (
        ManagedIdentityCredential() as credential,
        ComputeManagementClient(credential, azure.cloud.azure.subscription_id, **azure.sdk) as client,
        pytest.raises(HttpResponseError, match="does not play statusOnly"),
    ):
        list(client.virtual_machines.list_all(status_only="true"))
    assert arm.machines(azure.cloud.azure.subscription_id, color="blue").status_code == 200


@pytest.mark.parametrize("version", ["2015-06-15", "2016-04-30-preview", "2024-07-01", "2026-04-01"])
def test_versions_of_the_service_are_known(arm: Arm, version: str) -> None:
    """Each version of the API that the service has had since Resource Manager knows machines is taken."""
    answer = arm.machines(arm.azure.cloud.azure.subscription_id, **{"api-version": version})

    assert answer.status_code == 200


@pytest.mark.parametrize("version", ["2014-01-01", "2024-07-02", "2026-04-01-preview"])
def test_other_versions_are_not(arm: Arm, version: str) -> None:
    """Another date is refused, and the refusal lists those that would do."""
    refused = arm.machines(arm.azure.cloud.azure.subscription_id, **{"api-version": version})

    assert error_of(refused) == (404, "InvalidResourceType", None)
    message = refused.json()["error"]["message"]
    assert f"could not be found in the namespace 'Microsoft.Compute' for api version '{version}'" in message
    assert "2024-07-01" in message


def test_machines_can_be_added(arm: Arm) -> None:
    """Machines that are added come last, unlike any other, and are gone after a reset."""
    cloud = arm.azure.cloud
    first = cloud.azure.subscription_id
    before = cloud.virtual_machines(first)
    added = cloud.add_virtual_machines(first, 3) + cloud.add_virtual_machines(first, 2)

    assert [each["id"] for each in arm.machines(first).json()["value"]] == [each.id for each in before + added]
    assert len({each.vm_id for each in before + added}) == len(before) + 5
    with pytest.raises(LocalCloudError, match="There is no subscription x"):
        cloud.add_virtual_machines("x", 1)
    cloud.reset()
    assert cloud.virtual_machines(first) == before


def test_pages_hold_a_thousand(arm: Arm) -> None:
    """A page holds 1,000 machines; its link leads back to Resource Manager, and the last page has none."""
    first = arm.azure.cloud.azure.subscription_id
    present = len(arm.azure.cloud.virtual_machines(first))
    arm.azure.cloud.add_virtual_machines(first, 2_000 - present)
    answer = arm.machines(first)
    link = answer.json()["nextLink"]

    assert link.startswith(f"https://management.azure.com/subscriptions/{first}/providers/Microsoft.Compute/")
    assert "api-version=2024-07-01" in link
    assert [len(page) for page in arm.pages(answer)] == [1_000, 1_000]
    arm.azure.cloud.set_paging("machines", Paging(size=1_001))
    assert [len(page) for page in arm.pages(arm.machines(first))] == [1_001, 999]
