"""Resource Manager of the local cloud, and what is read there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from keywatch.azure_resources.activity_log import ActivityQuery, activity_log
from keywatch.azure_resources.resource_manager import ResourceManager
from keywatch.azure_resources.virtual_machines import virtual_machines
from keywatch.azure_resources.windows import Window
from keywatch.credentials.token import AssertionCredential
from keywatch.transport import AZURE_CLOUDS
from localcloud import LocalCloud
from tests.keywatch.credentials.reach import application, pem
from tests.keywatch.reach import transport_to

CLOUD = AZURE_CLOUDS["AzureCloud"]
DAY = timedelta(days=1)
NOW = datetime.now(UTC)
READER = "Keywatch Azure Reader"


class Sleeps(list[float]):
    """Notes the seconds that somebody wanted to wait, and lets nobody wait."""

    def __call__(self, seconds: float) -> None:
        """Note it."""
        self.append(seconds)


def manager(cloud: LocalCloud, sleep: Sleeps | None = None) -> ResourceManager:
    """Make a client of Resource Manager, by the certificate of the on-premises worker, who may read the first one."""
    transport = transport_to(cloud)
    credential = AssertionCredential(application(cloud, "on-premises"), pem(cloud), transport)
    return ResourceManager(CLOUD, credential, transport, sleep=Sleeps() if sleep is None else sleep)


def last_days(days: float) -> Window:
    """Return the window of the last days, until a moment ago."""
    return Window(datetime.now(UTC) - days * DAY, datetime.now(UTC))


def events(cloud: LocalCloud, days: float = 20, asked: ResourceManager | None = None) -> list[dict[str, Any]]:
    """Read the activity log of the first subscription."""
    query = ActivityQuery(cloud.azure.subscription_id, last_days(days))
    return list(activity_log(asked or manager(cloud), query, datetime.now(UTC)))


def machines(cloud: LocalCloud, asked: ResourceManager | None = None) -> list[dict[str, Any]]:
    """Read the virtual machines of the first subscription."""
    return list(virtual_machines(asked or manager(cloud), cloud.azure.subscription_id))


def ids_of_events(cloud: LocalCloud) -> list[str]:
    """Return the ids of the first subscription's events that its log shows, sorted."""
    seeded = cloud.activity_events(cloud.azure.subscription_id)
    return sorted(event.event_data_id for event in seeded if not event.late)
