"""Lists of Azure's, page by page, with everything odd that pages are known for."""

from __future__ import annotations

import pytest
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.monitor import MonitorManagementClient

from keywatch.azure_resources.activity_log import filter_of
from keywatch.azure_resources.subscriptions import list_subscriptions
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import HostNotAllowedError, PagingError
from keywatch.transport import AllowedHosts
from keywatch.transport.http import azure_core_arguments
from localcloud import LocalCloud, Paging
from tests.keywatch.azure_resources.reading import events, ids_of_events, last_days, machines, manager
from tests.keywatch.credentials.reach import application, pem
from tests.keywatch.reach import transport_to

ODD = {
    "as usual": Paging(size=7),
    "one item a page": Paging(size=1),
    "empty first": Paging(size=7, empty_first=True),
    "empty between": Paging(size=7, empty_every=1),
    "pages twice": Paging(size=7, repeat_every=1),
    "all at once": Paging(size=3, empty_first=True, empty_every=1, repeat_every=2),
}
every_oddity = pytest.mark.parametrize("paging", ODD.values(), ids=list(ODD))


@every_oddity
def test_machines_are_read_one_to_one(cloud: LocalCloud, paging: Paging) -> None:
    """Each machine is yielded once, however the list is cut."""
    cloud.set_paging("machines", paging)

    found = [machine["id"] for machine in machines(cloud)]

    assert found == [machine.id for machine in cloud.virtual_machines(cloud.azure.subscription_id)]


@every_oddity
def test_events_are_read_one_to_one(cloud: LocalCloud, paging: Paging) -> None:
    """Each event is yielded once, however the list is cut."""
    cloud.set_paging("activity", paging)

    assert sorted(event["eventDataId"] for event in events(cloud)) == ids_of_events(cloud)


@every_oddity
def test_subscriptions_are_read_one_to_one(cloud: LocalCloud, paging: Paging) -> None:
    """Each subscription that the credential can see is yielded once, with its name and state."""
    cloud.grant("on-premises", "Reader", f"/subscription/{cloud.azure.subscription_ids[2]}")
    cloud.set_paging("subscriptions", paging)

    found = {each.id: (each.name, each.state) for each in list_subscriptions(manager(cloud))}

    names = {each.id: (each.name, each.state) for each in cloud.subscriptions()}
    first, _, third = cloud.azure.subscription_ids
    assert found == {each: names[each] for each in (first, third)}


def test_counts_tell_pages_that_were_empty_or_came_again(cloud: LocalCloud) -> None:
    """Whoever wonders about the pages of a list sees how many there were, and what was on them."""
    cloud.set_paging("machines", Paging(size=5, empty_first=True, repeat_every=2))
    asked = manager(cloud)

    found = machines(cloud, asked)

    assert (asked.counts.empty, asked.counts.items - asked.counts.repeated) == (1, len(found))
    assert asked.counts.repeated > 0
    assert asked.counts.pages == len(cloud.requests(action="virtualMachines/list"))


@pytest.mark.parametrize("changes", [False, True], ids=["the same link", "another link each time"])
@pytest.mark.parametrize("empty", [False, True], ids=["with items", "without items"])
def test_list_that_goes_round_in_circles_ends_in_an_error(cloud: LocalCloud, changes: bool, empty: bool) -> None:  # noqa: FBT001 - of a table
    """A page that leads to itself is noticed by its link or, if that changes, by what it brings."""
    cloud.set_rate_limit(size=2_000)
    cloud.set_paging("machines", Paging(size=5, loop_at=1 if empty else 2, empty_first=empty, loop_changes=changes))

    with pytest.raises(PagingError, match="goes round in circles"):
        machines(cloud)

    asked = len(cloud.requests(action="virtualMachines/list"))
    assert asked <= (1_001 if changes and empty else 12)


@pytest.mark.parametrize(
    "paging",
    [
        Paging(size=5, next_host="management.azure.com.evil.example"),
        Paging(size=5, next_host="management.usgovcloudapi.net"),
        Paging(size=5, next_host="management.azure.com:8443"),
        Paging(size=5, next_host="evil.example\\@management.azure.com"),
        Paging(size=5, next_scheme="http"),
    ],
    ids=lambda paging: f"{paging.next_scheme}://{paging.next_host or ''}",
)
def test_link_that_leads_elsewhere_is_not_followed(cloud: LocalCloud, paging: Paging) -> None:
    """The token goes to Resource Manager over TLS, and to nobody else."""
    cloud.set_paging("machines", paging)
    asked = manager(cloud)

    with pytest.raises(HostNotAllowedError):
        machines(cloud, asked)

    assert asked.counts.pages == 1
    assert len(cloud.requests(action="virtualMachines/list")) == len(cloud.requests(host="management.azure.com"))


def test_official_clients_read_the_same(cloud: LocalCloud) -> None:
    """Microsoft's own clients find, in the same pages, the machines and events that we do."""
    cloud.set_paging("machines", Paging(size=5, empty_first=True))
    cloud.set_paging("activity", Paging(size=50, empty_every=2))
    transport, subscription = transport_to(cloud), cloud.azure.subscription_id
    credential = AssertionCredential(application(cloud, "on-premises"), pem(cloud), transport)
    hosts = AllowedHosts("AzureCloud", ("management.azure.com",))
    compute = ComputeManagementClient(credential, subscription, **azure_core_arguments(transport, hosts))
    monitor = MonitorManagementClient(credential, subscription, **azure_core_arguments(transport, hosts))

    theirs = [machine.id for machine in compute.virtual_machines.list_all()]
    log = monitor.activity_logs.list(filter=filter_of(last_days(20)))

    assert theirs == [machine["id"] for machine in machines(cloud)]
    assert sorted(str(event.event_data_id) for event in log) == sorted(event["eventDataId"] for event in events(cloud))
