"""The parameters of DAG `access_key_findings`: what its form asks, and what its steps get."""

from __future__ import annotations

from typing import TypedDict

from airflow.sdk import Param


class FindingsParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    destination_conn_id: str | None
    copy_conn_id: str | None
    deactivation_conn_id: str
    deactivation_role_name: str


def findings_params(**defaults: object) -> dict[str, Param]:
    """Make the form.

    Args:
        defaults: Values that a parameter has unless a run gives another, as a run of an asset's event does not.

    Raises:
        ValueError: There is no parameter of that name.
    """
    form = _form()
    if unknown := sorted(defaults.keys() - form.keys()):
        raise ValueError(f"There is no parameter {', '.join(unknown)}. There are: {', '.join(form)}.")
    for name, value in defaults.items():
        form[name].value = value
    return form


def _form() -> dict[str, Param]:
    return {
        "destination_conn_id": Param(
            "azure_logs_ingestion_default",
            type=["null", "string"],
            title="Destination connection",
            description="Where the rows go: of type Azure Log Analytics (Logs Ingestion) or (Data Collector). Empty: "
            "nowhere but to Airflow's page Access keys.",
        ),
        "copy_conn_id": Param(
            None, type=["null", "string"], title="Copy to", description="Another destination that gets the same rows."
        ),
        "deactivation_conn_id": Param(
            "aws_deactivation",
            type="string",
            minLength=1,
            title="AWS connection for deactivation",
            description="A connection of type aws with a certificate and a role of its own, for after an approval.",
        ),
        "deactivation_role_name": Param(
            "KeywatchDeactivate",
            type="string",
            pattern=r"^[A-Za-z0-9_+=,.@/-]{1,512}(?!\n)$",
            title="Role that deactivates",
            description="The role's name in every account but that connection's own.",
        ),
    }
