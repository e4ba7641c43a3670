"""Tables of Log Analytics, read from the types of the records that fill them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, Required, get_args, get_origin, get_type_hints

from keywatch.columns import DATE_AND_TIME

LONGEST_NAME: Final = 45
MOST_COLUMNS: Final = 500
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED: Final = frozenset({"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"})
"""Source of the limits and names: Microsoft Learn, "Add or delete tables and columns in Azure Monitor Logs"."""

TIME_GENERATED: Final = "TimeGenerated"
SNAPSHOT_TIME: Final = "SnapshotTime"

SUFFIXES: Final[dict[Any, tuple[str, str]]] = {
    str: ("_s", "string"),
    int: ("_d", "real"),
    float: ("_d", "real"),
    bool: ("_b", "boolean"),
    DATE_AND_TIME: ("_t", "datetime"),
}
"""By type: the suffix that the Data Collector appends, and a data collection rule's name for the type."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        field: The record's field that it is filled from.
        name: Its name.
        type: As data collection rules name it: `string`, `real`, `boolean` or `datetime`.
    """

    field: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """One custom table.

    Attributes:
        name: Its name without the `_CL` that Log Analytics appends; the Data Collector's log type.
        columns: Its columns in the order of the record's fields, TimeGenerated first.
    """

    name: str
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, record_type: type) -> Table:
        """Read a table from the TypedDict of its records.

        The column names are those that the Data Collector makes of the fields, so that every query works with either
        API. TimeGenerated is the moment of the snapshot.

        Raises:
            ValueError: A field is of a type that has no column, or Log Analytics would refuse a name.
        """
        hints = get_type_hints(record_type, include_extras=True)
        columns = (
            Column(SNAPSHOT_TIME, TIME_GENERATED, DATE_AND_TIME),
            *(_column(field, hint) for field, hint in hints.items()),
        )
        if len(columns) > MOST_COLUMNS or SNAPSHOT_TIME not in hints:
            raise ValueError(f"Table {name} has {len(columns)} columns: at most {MOST_COLUMNS}, with {SNAPSHOT_TIME}.")
        return cls(name, columns)

    @property
    def stream(self) -> str:
        """The stream of a data collection rule that fills the table."""
        return f"Custom-{self.name}"

    @property
    def full_name(self) -> str:
        """The table's name in queries."""
        return f"{self.name}_CL"

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Rename a record's fields to the columns. A field that is not there stays away."""
        return {column.name: record[column.field] for column in self.columns if record.get(column.field) is not None}


def _column(field: str, hint: Any) -> Column:  # noqa: ANN401 - a type annotation
    kind = _kind(hint)
    if kind not in SUFFIXES:
        raise ValueError(f"Field {field} is of type {hint}, which has no column.")
    suffix, column_type = SUFFIXES[kind]
    name = f"{field}{suffix}"
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME or name in RESERVED:
        raise ValueError(f"Log Analytics would refuse column {name}: a letter, then letters, digits and _, at most 45.")
    return Column(field, name, column_type)


def _kind(hint: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Return what decides on the column: the type, or the mark on it."""
    if get_origin(hint) in (NotRequired, Required):
        hint = get_args(hint)[0]
    if get_origin(hint) is Annotated:
        return get_args(hint)[1]
    return hint
