"""What an Airflow needs in order to live on a local cloud that runs already: `python -m localcloud.handover STATE`.

Writes two files beside the cloud's state: `connections.json`, for `airflow connections import`, and `environment`, for
a shell to read before it starts a part of Airflow.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from localcloud.airflow_home import connections
from localcloud.client import LocalCloud
from localcloud.private_files import write_private


def hand_over(state: Path) -> None:
    """Write both files.

    Args:
        state: The folder of the cloud's state.

    Raises:
        LocalCloudError: No local cloud has its state there.
    """
    cloud = LocalCloud.attach(state)
    staging = {"AIRFLOW__KEYWATCH__STAGING": f"s3://aws_default@{cloud.aws.bucket}/keywatch"}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in (cloud.identity_environment() | staging).items()]
    write_private(state / "environment", "".join(lines))
    write_private(state / "connections.json", json.dumps(connections(cloud)))


if __name__ == "__main__":
    hand_over(Path(sys.argv[1]))
