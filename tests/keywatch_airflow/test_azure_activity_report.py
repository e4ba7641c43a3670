"""The steps of DAG `azure_activity_report`: windows, parameters and limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from keywatch.azure_resources.windows import Window
from keywatch.errors import ActivityWindowError, ConfigurationError
from keywatch.pipeline.azure.manifests import SubscriptionRef
from keywatch_airflow import azure_activity_report as steps
from keywatch_airflow.activity_params import ActivityParams, activity_params
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

NOW = datetime(2026, 3, 31, 5, 0, tzinfo=UTC)
TODAY = datetime(2026, 3, 31, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NONE = (None, None)
YESTERDAY = Window(TODAY - DAY - 2 * HOUR, TODAY)


@pytest.fixture
def params(cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ActivityParams:
    """Give the parameters of a run as the form has them, with the local cloud behind its connections."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'staging'}")
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    for conn_id, connection in connections(cloud).items():
        connect(conn_id, connection)
    return cast("ActivityParams", {name: param.value for name, param in activity_params().items()})


@pytest.mark.parametrize(
    ("interval", "now", "window"),
    [
        ((TODAY - DAY + HOUR, TODAY + HOUR), NOW, YESTERDAY),
        (NONE, NOW, YESTERDAY),
        (NONE, TODAY + HOUR, YESTERDAY),
        (NONE, TODAY + HOUR - timedelta(seconds=1), Window(YESTERDAY.start - DAY, YESTERDAY.end - DAY)),
        ((NOW, NOW), NOW, YESTERDAY),
        ((None, NOW), NOW, YESTERDAY),
    ],
    ids=["its interval", "no interval", "from one o'clock on", "not before", "an empty interval", "half an interval"],
)
def test_run_reads_its_day_and_the_two_hours_before(interval: steps.Interval, now: datetime, window: Window) -> None:
    """Of a schedule or a backfill the day of its interval, else the last day that ended an hour ago."""
    assert steps.window_of_run(None, None, interval, now) == window


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_run_reads_its_day_as_airflow_hands_it_on(zone: str) -> None:
    """Airflow's moments are pendulum's, of any zone; the window is plain, and in UTC."""
    start, end = (pendulum.instance(each).in_timezone(zone) for each in (TODAY - DAY + HOUR, TODAY + HOUR))

    window = steps.window_of_run(None, None, (start, end), pendulum.instance(NOW))

    assert window == YESTERDAY
    assert {type(window.start), type(window.end)} == {datetime}


def test_run_reads_what_the_form_says() -> None:
    """A window of the form is read as it is, without an overlap; without an end, until now."""
    start = "2026-03-30T10:00:00+02:00"

    assert steps.window_of_run(start, "2026-03-30T12:00:00Z", NONE, NOW) == Window(
        TODAY - DAY + 8 * HOUR, TODAY - DAY + 12 * HOUR
    )
    assert steps.window_of_run(start, None, NONE, NOW).end == NOW


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (None, "2026-03-30T12:00:00Z", "without `window_start`"),
        ("yesterday", None, "`window_start` is no moment: 'yesterday'"),
        ("2026-03-30T12:00:00Z", "2026-03-30T11:00:00Z", "not after its start"),
        ("2026-03-30T12:00:00", None, "time zone"),
    ],
)
def test_window_that_is_none_is_refused(start: str | None, end: str | None, why: str) -> None:
    """What the form says is a window, or is told."""
    with pytest.raises(ActivityWindowError, match=why):
        steps.window_of_run(start, end, NONE, NOW)


def test_subscriptions_are_listed_with_their_window(cloud: LocalCloud, params: ActivityParams) -> None:
    """All that the application can see, each with the window that its tasks read."""
    listed = steps.list_subscriptions(params, "run", NONE)

    assert sorted(each["id"] for each in listed) == sorted(cloud.azure.subscription_ids)
    assert {each["window_end"][-10:] for each in listed} == {"T00:00:00Z"}


def test_more_subscriptions_than_airflow_maps_are_refused(
    monkeypatch: pytest.MonkeyPatch, params: ActivityParams
) -> None:
    """Airflow's own error would come after everything has been listed, again and again."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")

    with pytest.raises(ConfigurationError, match=r"There are 3 subscriptions, and Airflow maps 2 tasks at most"):
        steps.list_subscriptions(params, "run", NONE)


def test_misspelt_parameter_is_refused(params: ActivityParams) -> None:
    """It would be ignored, and more be read than was asked for."""
    given: Any = {**params, "subscription": ["x"]}

    with pytest.raises(ConfigurationError, match="Did you mean `subscriptions`"):
        steps.list_subscriptions(given, "run", NONE)


@pytest.mark.parametrize(("end", "machines"), [("2026-01-02T00:00:00Z", True), ("2026-01-02T00:00:00Z", False)])
def test_no_snapshot_is_taken_under_a_window_of_another_day(
    params: ActivityParams,
    end: str,
    machines: bool,  # noqa: FBT001 - of a table
) -> None:
    """Not even where a task is cleared that took one when its window ended."""
    old = SubscriptionRef(
        number=0,
        id="11111111-2222-3333-4444-555555555555",
        name=None,
        window_start="2026-01-01T00:00:00Z",
        window_end=end,
        condition=None,
        reads_machines=machines,
    )

    with pytest.raises(AirflowSkipException, match="No snapshot"):
        steps.take_snapshot([old])
    with pytest.raises(AirflowSkipException, match="No snapshot"):
        steps.read_virtual_machines(old, params, "run")
