"""Hands Keywatch's counts on to whatever Airflow's section [metrics] names: StatsD, Datadog or OpenTelemetry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

UNFIT: Final = re.compile(r"[^A-Za-z0-9_./-]+")
"""What Airflow accepts in no tag that goes to StatsD: it drops the whole value, and logs an error."""


class AirflowSink:
    """A sink of `keywatch.metrics`: the facade that Airflow gives to tasks.

    Airflow sets it up in the processes of tasks. Its import waits until something is counted, since Airflow imports
    this package while it reads its own configuration.
    """

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        from airflow.sdk.observability import stats

        stats.incr(name, value, tags=_fit(tags))

    def observe(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Add a value to a distribution. StatsD and Airflow know one kind, called timing; its unit is not ours."""
        from airflow.sdk.observability import stats

        stats.timing(name, value, tags=_fit(tags))


def _fit(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags whose values every back end takes; a URL loses its scheme."""
    return {name: UNFIT.sub("_", value.removeprefix("https://")) for name, value in tags.items()}
