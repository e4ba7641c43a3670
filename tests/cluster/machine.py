"""What Airflow takes for the name of a machine here, where all are one (`[core] hostname_callable`)."""

from __future__ import annotations

import os


def hostname() -> str:
    """Return the name that the process was given, as a container's."""
    return os.environ["HOSTNAME"]
