"""Windows, subscriptions and filters from the form, as `airflow dags test` takes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.activity.running import ACTIVITY, AUDIT, DAY, MACHINES, Activity, ids, midnight


@pytest.fixture(autouse=True)
def five_days(activity: Activity) -> Iterator[None]:
    """Begin with a hundred events on each of five days."""
    activity.cloud.reset()
    for days_ago in range(1, 6):
        start = midnight(days_ago)
        activity.cloud.add_activity_events(
            activity.cloud.azure.subscription_id, 100, start=start, end=start + DAY, number=days_ago
        )
    yield
    activity.cloud.reset()


def test_window_of_the_form_is_read_and_no_snapshot_taken(activity: Activity) -> None:
    """A run of two earlier days stores their events, and says visibly that it takes no snapshot of today's machines."""
    finished = activity.run(
        subscriptions=[activity.cloud.azure.subscription_id.upper()],
        window_start=f"{midnight(4):%Y-%m-%dT%H:%M:%SZ}",
        window_end=midnight(2).isoformat(),
    )

    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said[-3_000:]
    first, end = f"{midnight(4):%Y-%m-%dT%H:%M:%S}", f"{midnight(2):%Y-%m-%dT%H:%M:%S}"
    wanted = [each for each in activity.cloud.activity_events() if first <= each.event_timestamp < end]
    assert len(wanted) == 200
    assert activity.event_ids() == ids(wanted)
    assert "No snapshot of virtual machines" in said
    assert activity.rows(MACHINES) == []
    assert {row["Dataset_s"]: row["Status_s"] for row in activity.rows(AUDIT)} == {
        "activity": "ok",
        "virtual_machines": "skipped",
    }


def test_filter_of_the_form_is_obeyed(activity: Activity) -> None:
    """Only the events of one provider are stored."""
    finished = activity.run(
        window_start=midnight(5).isoformat(), filter_by="resourceProvider", filter_value="Microsoft.Storage"
    )

    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-3_000:]
    assert {row["ResourceProvider_s"].lower() for row in activity.rows(ACTIVITY)} == {"microsoft.storage"}


def test_window_that_azure_no_longer_keeps_fails_with_the_reason(activity: Activity) -> None:
    """A window of a hundred days ago fails at once, with what to do, and stores nothing."""
    finished = activity.run(window_start=midnight(100).isoformat(), window_end=midnight(99).isoformat())

    assert finished.returncode == 1
    assert "Azure keeps its activity log for 90 days" in finished.stdout + finished.stderr
    assert activity.rows(AUDIT) == []


def test_subscription_that_may_not_be_read_costs_itself(activity: Activity) -> None:
    """The others are stored; the run fails, names it with the missing right, and the audit has it as denied."""
    cloud = activity.cloud
    _, second, _ = cloud.azure.subscription_ids
    cloud.revoke("keywatch", "Keywatch Azure Reader", f"/subscription/{second}")

    start, end = midnight(1), midnight(0)
    finished = activity.run(
        subscriptions=list(cloud.azure.subscription_ids), window_start=start.isoformat(), window_end=end.isoformat()
    )

    said = finished.stdout + finished.stderr
    assert finished.returncode == 1
    assert f"{second}, events: denied: Azure does not let the application" in said
    statuses = {(row["SubscriptionId_s"], row["Dataset_s"]): row["Status_s"] for row in activity.rows(AUDIT)}
    assert {status for (one, _), status in statuses.items() if one == second} == {"denied"}
    assert {status for (one, _), status in statuses.items() if one != second} == {"ok"}
    yesterday = f"{start:%Y-%m-%dT%H:%M:%S}"
    assert activity.event_ids() == ids([e for e in cloud.activity_events() if e.event_timestamp >= yesterday])


def test_wrong_parameters_fail_before_anything_is_read(activity: Activity) -> None:
    """A filter without its value, or an end without a start, is a matter of the form."""
    for params, why in (
        ({"filter_by": "resourceProvider"}, "go together"),
        ({"window_end": midnight(1).isoformat()}, "without `window_start`"),
        ({"columns": ["category"]}, "does not let one select category"),
        ({"subscription": ["x"]}, "no parameter `subscription`. Did you mean `subscriptions`?"),
        ({"destination_conn_id": None}, "destination_conn_id"),
        ({"window_start": midnight(1).isoformat(), "window_end": midnight(-2).isoformat()}, "yet to come"),
    ):
        finished = activity.run(**params)
        assert finished.returncode == 1
        assert why in finished.stdout + finished.stderr
    assert activity.rows(AUDIT) == []
