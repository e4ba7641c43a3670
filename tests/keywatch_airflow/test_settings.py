"""Settings of Airflow's configuration, and of connections."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from keywatch.errors import ConfigurationError
from keywatch.transport import Transport
from keywatch_airflow.settings import is_lab, staging, staging_retention
from keywatch_airflow.transports import transport_of


@pytest.mark.usefixtures("allow_lab")
def test_lab_is_on_when_connection_and_configuration_say_so() -> None:
    """A laboratory needs the connection and the configuration."""
    assert is_lab({"lab": True}, "some_conn")


@pytest.mark.usefixtures("allow_lab")
@pytest.mark.parametrize("extra", [{}, {"lab": False}, {"lab": None}])
def test_lab_is_off_when_the_connection_does_not_say_so(extra: dict[str, Any]) -> None:
    """The configuration alone makes no laboratory."""
    assert not is_lab(extra, "some_conn")


def test_lab_is_refused_when_the_configuration_does_not_allow_it() -> None:
    """The connection alone makes no laboratory, and the error names both sides."""
    with pytest.raises(ConfigurationError, match=r"'some_conn' sets lab.*\[keywatch\] allow_lab"):
        is_lab({"lab": True}, "some_conn")


@pytest.mark.parametrize("form", [dict, json.dumps], ids=["object", "text"])
def test_transport_is_read_from_an_object_and_from_its_text(form: Any) -> None:  # noqa: ANN401 - either form
    """Airflow's form keeps an object; the CLI and a URI may keep its JSON text."""
    values = {"proxy": "http://proxy.example:8080", "attempts": 3}

    assert Transport(proxy="http://proxy.example:8080", attempts=3) == transport_of(
        {"transport": form(values)}, lab=False
    )


@pytest.mark.parametrize("extra", [{}, {"transport": None}, {"transport": ""}, {"transport": {}}])
def test_transport_is_the_default_when_the_connection_has_none(extra: dict[str, Any]) -> None:
    """A connection without a transport leaves everything to the environment."""
    assert Transport() == transport_of(extra, lab=False)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("{", "not JSON"),
        ("proxy.example:8080", "not JSON"),
        ("[1]", "not a JSON object"),
        (["http://proxy.example"], "not a JSON object"),
        (8080, "not a JSON object"),
        ({"prxy": "http://proxy.example"}, "does not know prxy"),
        ({"attempts": "many"}, "not usable"),
    ],
)
def test_transport_is_refused_when_it_is_rubbish(value: object, what: str) -> None:
    """A transport that cannot be read is said to be so, with what to do."""
    with pytest.raises(ConfigurationError, match=f"transport.*{what}"):
        transport_of({"transport": value}, lab=False)


def test_transport_without_verification_needs_a_lab() -> None:
    """Unverified TLS is a laboratory's alone."""
    extra = {"transport": {"verify": False}}

    assert Transport(verify=False) == transport_of(extra, lab=True)
    with pytest.raises(ConfigurationError, match=r"verify is false"):
        transport_of(extra, lab=False)


def test_staging_is_where_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging may lie on any store that ObjectStoragePath reaches."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", "file:///somewhere/else")

    assert str(staging()) == "file:///somewhere/else"


def test_retention_is_as_many_days_as_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day is the least that staged files are kept."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING_RETENTION_DAYS", "1")

    assert timedelta(days=1) == staging_retention()


@pytest.mark.parametrize("days", ["0", "-1"])
def test_retention_below_a_day_is_refused(monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    """A retention that could remove a run's own files is refused."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING_RETENTION_DAYS", days)

    with pytest.raises(ConfigurationError, match="staging_retention_days is below 1"):
        staging_retention()


@pytest.mark.parametrize("lab", ["false", "true", "no", 1, 0.0, []])
def test_lab_is_refused_when_it_is_neither_true_nor_false(lab: object) -> None:
    """A text that only reads like a yes or no lifts no check."""
    with pytest.raises(ConfigurationError, match="Set it to true or false"):
        is_lab({"lab": lab}, "conn")
