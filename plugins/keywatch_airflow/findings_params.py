"""The parameters of DAG `access_key_findings`: what its form asks, and what its steps get."""

from __future__ import annotations

from typing import TypedDict

from airflow.sdk import Param

from keywatch_airflow.report_params import destination_params, trace_param, with_defaults


class FindingsParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    destination_conn_id: str | None
    copy_conn_id: str | None
    deactivation_conn_id: str
    deactivation_role_name: str
    trace: bool


def findings_params(**defaults: object) -> dict[str, Param]:
    """Make the form.

    Args:
        defaults: Values that a parameter has unless a run gives another, as a run of an asset's event does not.

    Raises:
        ValueError: There is no parameter of that name.
    """
    return with_defaults(_form(), defaults)


def _form() -> dict[str, Param]:
    return {
        **destination_params(),
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
        **trace_param(),
    }
