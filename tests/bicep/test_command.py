"""The models that resources are held against, the queries in them, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bicep import queries
from tests.bicep.__main__ import main as command
from tests.bicep.example import (
    GIVEN,
    VAULT_GIVEN,
    deployed,
    parameters,
)
from tests.bicep.kinds import KINDS
from tests.bicep.models import Structure, api_versions, sent
from tests.bicep.values import UnfitError


def test_every_kind_has_a_model_and_a_version() -> None:
    """For every resource type of the table there is an API version, and a model with properties for it."""
    for name, kind in KINDS.items():
        versions = api_versions(kind)
        assert versions, name
        assert "properties" in sent(name, versions[-1]).group({}).properties, name


def test_some_models_depend_on_a_property() -> None:
    """Where a property tells which of several models it is, its name is taken as on the wire, and its value checked."""
    monitor = sent("Microsoft.Insights/actionGroups", "2023-01-01").models
    metric = Structure(monitor.MetricAlertCriteria, monitor)
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"

    assert "allOf" not in metric.group({}).properties
    assert {"odata.type", "allOf"} <= set(metric.group({"odata.type": kind}).properties)
    with pytest.raises(UnfitError, match=r"'odata\.type' is one of"):
        metric.group({"odata.type": "Mine"})


def test_queries_are_found(folder: Path) -> None:
    """The queries of workbooks (in groups and parameters too), saved searches and alerts are found."""
    texts = [(each.kind, each.text) for each in queries(deployed(folder, emails=["a@b.example"]).resources)]

    assert texts == [
        ("savedSearches", "One_CL\n"),
        ("workbooks", "One_CL | take 1"),
        ("workbooks", "One_CL | take 2"),
        ("scheduledQueryRules", "One_CL | count"),
    ]


def test_the_command_says_that_all_is_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line tells how many resources there are; further parameters are read by their types; queries are written."""
    file = folder / "main.bicep"
    arguments = [str(file), str(parameters(folder, GIVEN)), "severity=3", 'emails=["a@b.example"]']

    assert command([*arguments, "--queries", str(folder / "queries")]) == 0

    assert capsys.readouterr() == (f"10 resources of {file} fit the SDKs' models\n", "")
    assert (folder / "queries/savedSearches-search-1.kql").read_text(encoding="utf-8") == "One_CL\n"
    assert len(list((folder / "queries").iterdir())) == 4


def test_the_command_needs_no_parameter_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose parameters are all on the command line is checked without one; two are one too many."""
    file = folder / "vault.bicep"
    given = [f"{name}={value}" for name, value in VAULT_GIVEN.items()]

    assert command([str(file), *given]) == 0
    with pytest.raises(SystemExit):
        command([str(file), *given, "one.json", "two.json"])

    out, err = capsys.readouterr()
    assert out.endswith(f"resources of {file} fit the SDKs' models\n")
    assert "not one.json, two.json" in err


def test_the_command_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake has a line on standard error, as editors read it."""
    file = folder / "main.bicep"

    assert command([str(file), str(parameters(folder, GIVEN)), "severity=x"]) == 1

    assert capsys.readouterr() == ("", f"{file}:14: severity has to be int, as JSON.\n")
