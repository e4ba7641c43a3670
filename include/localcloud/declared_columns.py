"""Columns with a declared type: their names and types, and how a JSON value becomes a value of that type.

Sources: Microsoft Learn, "Create a custom table" and "Structure of a data collection rule" for names and types, and
"Ingestion behavior of invalid data" of Azure Data Explorer, the store behind Log Analytics: a value that does not fit
becomes null, and nobody is told. Unverified, and only here: that this holds for the Logs Ingestion API as well; which
text counts as a number, a boolean or a moment; and that a number or an object in a column of strings is kept as its
JSON text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from localcloud.model import utc_text

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,44}")
RESERVED: Final = frozenset({"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"})
MOST_COLUMNS: Final = 500
LARGEST_FIELD: Final = 64 * 1024
"""Bytes of UTF-8 that are kept of one string; the rest is cut off."""
TIME: Final = "TimeGenerated"

KUSTO_TYPES: Final = {
    "string": "string",
    "int": "int",
    "long": "long",
    "real": "real",
    "boolean": "bool",
    "datetime": "datetime",
    "dynamic": "dynamic",
    "guid": "guid",
}
"""A type as definitions spell it, in lower case, and as Kusto does."""
STREAM_TYPES: Final = frozenset(KUSTO_TYPES) - {"guid"}
"""What a column of a data collection rule's stream may be."""
TABLE_TYPES: Final = frozenset(KUSTO_TYPES)
"""What a column of a table may be; definitions may write `dateTime`."""

DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?\s?(Z|[+-]\d{2}:\d{2})?)?")
NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


class DefinitionError(ValueError):
    """Azure would refuse a definition; the message begins with its error code where that is known."""


def read_columns(declared: object, types: frozenset[str], where: str) -> dict[str, str]:
    """Read the column list of a definition: names and Kusto types, in order.

    Args:
        declared: the JSON value.
        types: what a column may be.
        where: whose columns they are, for messages.

    Raises:
        DefinitionError: it is not a list of columns, or one has a name or type that is not allowed.
    """
    if not isinstance(declared, Sequence) or isinstance(declared, str) or not declared:
        raise DefinitionError(f"InvalidParameter: {where} has no list of columns")
    columns: dict[str, str] = {}
    for each in declared:
        name, kind = _column(each, types, where)
        if name in columns:
            raise DefinitionError(f"InvalidParameter: {where} declares column {name} twice")
        columns[name] = kind
    if len(columns) > MOST_COLUMNS:
        raise DefinitionError(f"InvalidParameter: {where} has {len(columns)} columns; {MOST_COLUMNS} are allowed")
    return columns


def _column(declared: object, types: frozenset[str], where: str) -> tuple[str, str]:
    if not isinstance(declared, Mapping):
        raise DefinitionError(f"InvalidParameter: a column of {where} is not an object")
    name, kind = declared.get("name"), declared.get("type")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(
            f"InvalidParameter: {where} has a column {name!r}; a name is a letter and up to 44 letters, digits and _"
        )
    if name in RESERVED:
        raise DefinitionError(f"InvalidParameter: {where} has a column {name}, which is a reserved name")
    if not isinstance(kind, str) or kind.lower() not in types:
        raise DefinitionError(
            f"InvalidParameter: column {name} of {where} is {kind!r}; types: {', '.join(sorted(types))}"
        )
    return name, KUSTO_TYPES[kind.lower()]


def convert(value: object, kind: str) -> Any:  # noqa: ANN401 - JSON
    """Give a JSON value as a column of a Kusto type stores it: JSON again, moments in UTC; None if it does not fit."""
    return None if value is None else CONVERSIONS[kind](value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) * 4 <= LARGEST_FIELD:
        return text
    return text.encode("utf-8", "replace")[:LARGEST_FIELD].decode("utf-8", "ignore")


def _whole(bits: int) -> Callable[[object], int | None]:
    limit = 2 ** (bits - 1)

    def convert_whole(value: object) -> int | None:
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if -limit <= value < limit else None

    return convert_whole


def _real(value: object) -> float | None:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _date_time(value: object) -> str | None:
    moment = read_moment(value)
    return None if moment is None else utc_text(moment)


def read_moment(value: object) -> datetime | None:
    """Read ISO 8601 text as a moment in UTC, which it is in unless it says otherwise; None if it is none."""
    if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.replace(" Z", "Z").replace(" +", "+").replace(" -", "-"))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _guid(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


CONVERSIONS: Final[dict[str, Callable[[object], Any]]] = {
    "string": _text,
    "int": _whole(32),
    "long": _whole(64),
    "real": _real,
    "bool": _boolean,
    "datetime": _date_time,
    "dynamic": lambda value: value,
    "guid": _guid,
}
