"""The parameters of DAG `azure_activity_report`: what its form asks, and what its steps get."""

from __future__ import annotations

from typing import Any, Final, TypedDict

from airflow.sdk import Param

from keywatch_airflow.report_params import delivery_params, destination_params, trace_param, with_defaults

SUBSCRIPTION_IDS: Final = {
    "type": "string",
    "pattern": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?!\n)$",
}


class ActivityParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    certificate_conn_id: str
    subscriptions: list[str] | None
    window_start: str | None
    window_end: str | None
    filter_by: str | None
    filter_value: str | None
    columns: list[str] | None
    destination_conn_id: str
    copy_conn_id: str | None
    chunk_limit: int | None
    in_flight: int
    trace: bool


def activity_params(**defaults: object) -> dict[str, Param]:
    """Make the form.

    Args:
        defaults: Values that a parameter has unless a run gives another, as a scheduled run does not; by name.

    Raises:
        ValueError: There is no parameter of that name.
    """
    return with_defaults(_form(), defaults)


def _form() -> dict[str, Param]:
    return {
        "certificate_conn_id": Param(
            "keyvault_certificate_default",
            type="string",
            minLength=1,
            title="Certificate connection",
            description="Of type keyvault_certificate; its application reads the subscriptions.",
        ),
        "subscriptions": Param(
            None,
            type=["null", "array"],
            items=SUBSCRIPTION_IDS,
            title="Subscriptions",
            description="Ids of subscriptions, one a line. Empty: all that the application can see.",
        ),
        **_window(),
        **_which_events(),
        **destination_params(),
        "destination_conn_id": Param(
            "azure_logs_ingestion_default",
            type="string",
            minLength=1,
            title="Destination connection",
            description="Where the rows go: of type Azure Log Analytics (Logs Ingestion) or (Data Collector).",
        ),
        **delivery_params(),
        **trace_param(),
    }


def _window() -> dict[str, Param]:
    moment: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
    return {
        "window_start": Param(
            None,
            **moment,
            title="From",
            description="The first moment of the events to read, at most 90 days ago. Empty: the run's own day, and "
            "the last two hours of the day before.",
        ),
        "window_end": Param(
            None, **moment, title="Until", description="The moment after the last. Empty: now, if there is a From."
        ),
    }


def _which_events() -> dict[str, Param]:
    return {
        "filter_by": Param(
            None,
            type=["null", "string"],
            enum=[None, "resourceGroupName", "resourceProvider", "resourceUri", "correlationId"],
            title="Filter by",
            description="The one condition beside time that the activity log knows. Empty: all events.",
        ),
        "filter_value": Param(
            None,
            type=["null", "string"],
            maxLength=2048,
            title="Filter value",
            description="What it must be equal to, such as Microsoft.Compute.",
        ),
        "columns": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Properties",
            description="The properties to ask for, as the activity log's $select names them, one a line. Empty: all; "
            "only then the category comes.",
        ),
    }
