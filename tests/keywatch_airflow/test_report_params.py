"""The report's parameters."""

from __future__ import annotations

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from keywatch_airflow.report_params import report_params


def test_defaults_are_what_a_run_by_schedule_gets() -> None:
    """A default that the DAG file gives takes the place of the form's, and a run may still give another."""
    params = ParamsDict(dict(report_params(organization=True, role_name="KeywatchAudit")))

    values = params.validate()

    assert (values["organization"], values["role_name"], values["lookup"]) == (True, "KeywatchAudit", "exact")
    assert report_params()["organization"].value is False


def test_default_of_no_parameter_says_which_there_are() -> None:
    """A mistyped name is an error when the DAG file is read."""
    with pytest.raises(ValueError, match=r"no parameter organisation\. There are: organization, accounts"):
        report_params(organisation=True)


def test_default_that_is_not_allowed_is_refused() -> None:
    """A default is held to the same rules as what is typed into the form."""
    with pytest.raises(ParamValidationError):
        ParamsDict(dict(report_params(role_name="not a role"))).validate()
