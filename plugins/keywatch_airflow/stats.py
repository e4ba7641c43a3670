"""Hands Keywatch's counts on to whatever Airflow's section [metrics] names: StatsD, Datadog or OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping


class AirflowSink:
    """A sink of `keywatch.metrics`: the facade that Airflow gives to tasks.

    Airflow sets it up in the processes of tasks. Its import waits until something is counted, since Airflow imports
    this package while it reads its own configuration.
    """

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        from airflow.sdk.observability import stats

        stats.incr(name, value, tags=dict(tags))

    def observe(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Add a value to a distribution. StatsD and Airflow know one kind, called timing; its unit is not ours."""
        from airflow.sdk.observability import stats

        stats.timing(name, value, tags=dict(tags))
