"""Findings, owners and deactivations: every function and query, by two engines, and whichever API brought the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from keywatch.pipeline.tables import TABLES, TableName
from localcloud import LocalCloud
from tests.azure.files import QUERIES
from tests.azure.finding_rows import FINDING_ANSWERS, FUNCTION_ANSWERS, GUID, SENT
from tests.azure.four_ways import WAYS, ask, delivered, in_order
from tests.azure.local_engine import Tables

GROUPS: Final[tuple[tuple[TableName, ...], ...]] = (("keys", "audit"), ("findings",), ("deactivations",))
"""Tables that queries read together."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Start a local cloud with all records in both workspaces."""
    with delivered(tmp_path_factory.mktemp("findings"), SENT) as running:
        yield running


def about(name: str) -> tuple[TableName, ...]:
    """Give the tables that a query or a function reads."""
    kinds: Mapping[str, TableName] = {"finding": "findings", "deactivation": "deactivations"}
    first = next((table for word, table in kinds.items() if word in name.lower()), "keys")
    [group] = [each for each in GROUPS if first in each]
    return group


def test_data_collector_has_given_an_owner_another_column(cloud: LocalCloud) -> None:
    """An owner that looks like a GUID is in Owner_g of the classic tables, and in Owner_s of the declared ones."""
    for table in ("keys", "findings", "deactivations"):
        name = TABLES[table].full_name
        assert GUID in {row["Owner_g"] for row in cloud.rows(name, cloud.second_workspace)}
        assert GUID in {row["Owner_s"] for row in cloud.rows(name)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", FINDING_ANSWERS)
def test_query_answers_exactly_this(cloud: LocalCloud, query: str, way: str) -> None:
    """Each query has these rows, these columns and this order."""
    assert ask(cloud, way, about(query), QUERIES[query]) == FINDING_ANSWERS[query]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", FUNCTION_ANSWERS)
def test_function_gives_each_row_once(cloud: LocalCloud, function: str, way: str) -> None:
    """Each function has the columns of its table, the newest row of each record, and owners as text."""
    expected = FUNCTION_ANSWERS[function]
    found = ask(cloud, way, about(function), f"{function}()")

    known = [{name: row[name] for name in expected[0]} for row in found]
    assert in_order(known) == in_order(expected)


@pytest.mark.parametrize("query", FINDING_ANSWERS)
def test_query_of_empty_tables_has_no_rows(query: str) -> None:
    """Before the first findings run, there is nothing to list, to count or to draw."""
    assert Tables({}).query(QUERIES[query]) == []
