"""Reads and packs the events of one subscription in a process of its own, and prints its peak memory.

python -m tests.activity.peak <state folder of a local cloud> <subscription> <folder>
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from keywatch.azure_resources.resource_manager import ResourceManager
from keywatch.azure_resources.subscriptions import Subscription
from keywatch.azure_resources.windows import Window
from keywatch.credentials.token import AssertionCredential
from keywatch.log_analytics.destination import Sent
from keywatch.pipeline.azure.load import load_dataset
from keywatch.pipeline.azure.read import read_activity
from keywatch.pipeline.azure.select import select_subscriptions
from keywatch.pipeline.folders import RunFolder
from localcloud import LocalCloud
from tests.activity.running import DAY, midnight
from tests.keywatch.azure_resources.reading import CLOUD
from tests.keywatch.credentials.reach import application, pem
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.reach import transport_to


class Discarding(MemoryDestination):
    """Accepts every body, and keeps none."""

    def send(self, body: bytes) -> Sent:
        """Accept it."""
        sent = super().send(body)
        self.bodies.clear()
        return sent


def main(state: str, subscription_id: str, folder: str) -> None:
    """Read yesterday's events, deliver them to nowhere, and print how many there were, and the peak in KiB."""
    cloud, now = LocalCloud.attach(Path(state)), datetime.now(UTC)
    transport = transport_to(cloud)
    credential = AssertionCredential(application(cloud, "on-premises"), pem(cloud), transport)
    manager = ResourceManager(CLOUD, credential, transport)
    run = RunFolder(Path(folder), "peak")
    window = Window(midnight(1), midnight(1) + DAY)
    (chosen,) = select_subscriptions([Subscription(subscription_id)], [], window, run, now)
    read = read_activity(manager, chosen, run, now)
    loaded = load_dataset(read, run, [Discarding(1_000_000)], in_flight=2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"events": loaded["accepted"], "peak": peak}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
