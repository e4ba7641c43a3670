"""`lookup` and `join`: two tables beside one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from localcloud.kql.data import Data, KqlError, Row, missing
from localcloud.kql.parser import Parser, known
from localcloud.kql.scope import Scope

LOOKUPS: Final = ("leftouter", "inner")
JOINS: Final = ("inner", "leftouter", "leftsemi", "leftanti")

Matches = Callable[[Row], list[Row]]


def lookup(parser: Parser, data: Data, scope: Scope) -> Data:
    """Add the columns of another table, the keys excepted, where its keys are the same.

    Raises:
        KqlError: the tables do not go together, or it is none that is played here.
    """
    kind = _read_kind(parser, "lookup", LOOKUPS) or LOOKUPS[0]
    right, keys = _read_right(parser, data, scope)
    added = {name: name for name in right.columns if name not in keys}
    return _beside("lookup", data, right, _matches(right, keys), added, outer=kind == "leftouter")


def join(parser: Parser, data: Data, scope: Scope) -> Data:
    """Put the rows of another table beside those of the same keys, or keep the rows that have some, or none.

    Raises:
        KqlError: the tables do not go together, or it is none that is played here.
    """
    kind = _read_kind(parser, "join", JOINS)
    if kind is None:
        raise KqlError(f"join without kind= is innerunique, which is not played here; there are {', '.join(JOINS)}")
    right, keys = _read_right(parser, data, scope)
    matches = _matches(right, keys)
    if kind in ("leftsemi", "leftanti"):
        return data.having([row for row in data.rows if bool(matches(row)) is (kind == "leftsemi")])
    added = {name: f"{name}1" if name in keys else name for name in right.columns}
    return _beside("join", data, right, matches, added, outer=kind == "leftouter")


def _read_kind(parser: Parser, what: str, kinds: Sequence[str]) -> str | None:
    option = parser.assigned()
    if option is None:
        return None
    known(option, ("kind",), f"Option of {what}")
    return known(parser.name("a kind"), kinds, f"Kind of {what}")


def _read_right(parser: Parser, data: Data, scope: Scope) -> tuple[Data, list[str]]:
    """Read a table and `on` the names that both tables have."""
    right = scope.source(parser)
    parser.word("on")
    keys = parser.several(lambda: parser.entity("a column that both tables have"))
    for table in (data, right):
        table.check(*keys)
    for name in keys:
        kinds = (data.columns[name], right.columns[name])
        if kinds[0] != kinds[1] or kinds[0] == "dynamic":
            raise KqlError(f"{name} is {kinds[0]} on the left and {kinds[1]} on the right; a key is of one plain kind")
    return right, keys


def _matches(right: Data, keys: Sequence[str]) -> Matches:
    """Give what finds the rows with the keys of a row; null is the same as nothing."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in right.rows:
        key = tuple(row[name] for name in keys)
        if None not in key:
            found.setdefault(key, []).append(row)
    return lambda row: found.get(tuple(row[name] for name in keys), [])


def _beside(what: str, left: Data, right: Data, matches: Matches, added: dict[str, str], *, outer: bool) -> Data:
    """Put rows beside their matches.

    Args:
        what: the operator, for messages.
        left: the table whose rows go on.
        right: the table whose columns are added.
        matches: finds the right rows of a left one.
        added: the columns of the right table that are added, and their names in the result.
        outer: whether a row without matches goes on, with nulls.
    """
    columns = {new: right.columns[name] for name, new in added.items()}
    twice = [name for name in columns if name in left.columns]
    if twice or len(columns) != len(added):
        names = ", ".join(twice or columns)
        raise KqlError(f"{what} would give two columns of one name: {names}; project-rename or project-away one before")
    unmatched = {name: missing(kind) for name, kind in columns.items()}
    rows: list[Row] = []
    for row in left.rows:
        found: list[Row] = [{new: match[name] for name, new in added.items()} for match in matches(row)]
        rows += [row | each for each in found or ([unmatched] if outer else [])]
    return left.having(rows, columns)
