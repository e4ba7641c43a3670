"""Tables read from record types: nothing guessed, nothing that Log Analytics would refuse."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.columns import Timestamp
from keywatch.log_analytics.tables import MOST_COLUMNS, Column, Table

VALUES: dict[Any, tuple[str, str, st.SearchStrategy[Any]]] = {
    str: ("_s", "string", st.text()),
    int: ("_d", "real", st.integers()),
    float: ("_d", "real", st.floats()),
    bool: ("_b", "boolean", st.booleans()),
    Timestamp: ("_t", "datetime", st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")),
}
FIELDS = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,42}", fullmatch=True).filter(lambda name: name != "SnapshotTime"),
    st.sampled_from(list(VALUES)),
    max_size=8,
)


class Event(TypedDict):
    """A record of every kind of field."""

    name: str
    count: NotRequired[int]
    share: float
    last: bool
    SnapshotTime: Timestamp


def record_type(fields: dict[str, Any]) -> Any:  # noqa: ANN401 - a type made at run time
    """Make a record type of fields, some of them optional, and the one that every record has."""
    marked = {name: NotRequired[kind] if len(name) % 2 else kind for name, kind in fields.items()}
    return TypedDict("Record", {**marked, "SnapshotTime": Timestamp})  # type: ignore[operator]


def test_columns_are_those_that_the_data_collector_makes() -> None:
    """A column is the field with the suffix of its declared type; the snapshot's moment is TimeGenerated too."""
    assert Table.of("Event", Event).columns == (
        Column("SnapshotTime", "TimeGenerated", "datetime"),
        Column("name", "name_s", "string"),
        Column("count", "count_d", "real"),
        Column("share", "share_d", "real"),
        Column("last", "last_b", "boolean"),
        Column("SnapshotTime", "SnapshotTime_t", "datetime"),
    )


@given(st.data(), FIELDS)
def test_row_holds_every_value_once_under_the_column_of_its_field(data: st.DataObject, fields: dict[str, Any]) -> None:
    """A row is its record under other names; what the record lacks or holds as null, the row lacks."""
    snapshot = "2026-11-24T06:00:00Z"
    values = {name: data.draw(st.none() | VALUES[kind][2]) for name, kind in fields.items()}
    table = Table.of("Event", record_type(fields))

    row = table.row({**values, "SnapshotTime": snapshot})

    assert row.pop("TimeGenerated") == row.pop("SnapshotTime_t") == snapshot
    assert row == {
        f"{name}{VALUES[kind][0]}": values[name] for name, kind in fields.items() if values[name] is not None
    }
    assert {c.field: c.type for c in table.columns[1:-1]} == {n: VALUES[kind][1] for n, kind in fields.items()}


@pytest.mark.parametrize(
    ("field", "kind"),
    [("a" * 44, str), ("_hidden", str), ("with-dash", str), ("1st", str), ("tags", list[str]), ("maybe", str | None)],
)
def test_of_refuses_what_log_analytics_would(field: str, kind: Any) -> None:  # noqa: ANN401 - a type annotation
    """A name that Log Analytics does not take, or a type that has no column, is an error when the table is made."""
    with pytest.raises(ValueError, match=field):
        Table.of("Event", record_type({field: kind}))


def test_of_refuses_more_columns_than_a_table_may_have() -> None:
    """TimeGenerated and SnapshotTime count: the last table that fits has two fields less than the limit."""
    fits = {f"f{number}": str for number in range(MOST_COLUMNS - 2)}
    assert len(Table.of("Event", record_type(fits)).columns) == MOST_COLUMNS

    with pytest.raises(ValueError, match="501 columns"):
        Table.of("Event", record_type({**fits, "one_more": str}))


def test_of_refuses_records_without_a_moment() -> None:
    """A record type without SnapshotTime would leave TimeGenerated empty."""
    with pytest.raises(ValueError, match="SnapshotTime"):
        Table.of("Event", TypedDict("Record", {"name": str}))  # type: ignore[operator]
