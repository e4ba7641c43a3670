"""The scalar functions, by name: what they take, what they give, and how they treat null."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from localcloud.declared_columns import convert
from localcloud.kql.data import KqlError, Row, family, is_null, span_text
from localcloud.kql.parser import known
from localcloud.kql.scope import Expression, Scope
from localcloud.kql.special import SPECIAL

ZERO: Final = datetime.min.replace(tzinfo=UTC)
FIRST_SUNDAY: Final = ZERO + timedelta(days=6)
DAY: Final = timedelta(days=1)
MOST_VALUES: Final = 64
"""How many values min_of and max_of take."""
ANY: Final = "any"


@dataclass(frozen=True)
class Function:
    """A function of the values of a row.

    Attributes:
        takes: kinds or families of the arguments; one that ends with ? may be left out, with * repeats.
        gives: the result's kind; `first` is that of the first argument.
        compute: gets the arguments' values.
        of_null: whether it gets nulls; otherwise any null makes the result null.
    """

    takes: tuple[str, ...]
    gives: str
    compute: Callable[..., Any]
    of_null: bool = False


def call(name: str, arguments: Sequence[Expression], scope: Scope) -> Expression:
    """Give the expression that a function's result is.

    Raises:
        KqlError: there is no such function, or it takes other arguments.
    """
    if name in CHOICES:
        return CHOICES[name](name, arguments)
    if name in ("now", "ago"):
        return _clock(name, arguments, scope)
    function = FUNCTIONS[known(name, NAMES, "Function")]
    _check(name, function.takes, arguments)
    gives = arguments[0].kind if function.gives == "first" else function.gives

    def value(row: Row) -> Any:  # noqa: ANN401 - a value of any kind
        values = [argument.value(row) for argument in arguments]
        if not function.of_null and None in values:
            return "" if gives == "string" else None
        return function.compute(*values)

    return Expression(gives, f"{name}(...)", value)


def _check(name: str, takes: Sequence[str], arguments: Sequence[Expression]) -> None:
    kinds = [kind.rstrip("?*") for kind in takes]
    least = sum(not kind.endswith(("?", "*")) for kind in takes)
    endless = bool(takes) and takes[-1].endswith("*")
    if not least <= len(arguments) <= (len(arguments) if endless else len(takes)):
        raise KqlError(f"{name} takes {', '.join(takes) or 'nothing'}, not {len(arguments)} arguments")
    for number, argument in enumerate(arguments):
        wanted = kinds[min(number, len(kinds) - 1)]
        if wanted not in (ANY, argument.kind, family(argument.kind)):
            raise KqlError(f"{name} takes {wanted}; {argument.text} is {argument.kind}")


def _clock(name: str, arguments: Sequence[Expression], scope: Scope) -> Expression:
    _check(name, ("timespan?",) if name == "now" else ("timespan",), arguments)
    direction = 1 if name == "now" else -1
    if not arguments:
        return Expression("datetime", "now()", lambda _: scope.now)
    return Expression("datetime", f"{name}(...)", lambda row: scope.now + direction * arguments[0].value(row))


def _unified(name: str, values: Sequence[Expression]) -> str:
    """Give the kind that values of one column have together."""
    kinds = {value.kind for value in values}
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= {"int", "long", "real"}:
        return "real" if "real" in kinds else "long"
    if kinds <= {"string", "guid"}:
        return "string"
    raise KqlError(f"{name} chooses between values of one kind, not of {', '.join(sorted(kinds))}")


def _coalesce(name: str, arguments: Sequence[Expression]) -> Expression:
    if len(arguments) < 2:  # noqa: PLR2004 - a choice needs two
        raise KqlError("coalesce takes two values or more")
    kind = _unified(name, arguments)

    def value(row: Row) -> Any:  # noqa: ANN401 - a value of any kind
        values = (argument.value(row) for argument in arguments)
        return next((each for each in values if not is_null(each)), "" if kind == "string" else None)

    return Expression(kind, "coalesce(...)", value)


def _case(name: str, arguments: Sequence[Expression]) -> Expression:
    odd = len(arguments) % 2 == 1
    if not odd or len(arguments) < 3 or (name != "case" and len(arguments) > 3):  # noqa: PLR2004 - one test, two values
        raise KqlError(f"{name} takes a condition and its value, then the value otherwise")
    tests, values = arguments[:-1:2], [*arguments[1::2], arguments[-1]]
    for test in tests:
        if test.kind != "bool":
            raise KqlError(f"{test.text} is {test.kind}; {name} takes a condition")

    def value(row: Row) -> Any:  # noqa: ANN401 - a value of any kind
        chosen = next((number for number, test in enumerate(tests) if test.value(row)), -1)
        return values[chosen].value(row)

    return Expression(_unified(name, values), f"{name}(...)", value)


def _extreme(name: str, arguments: Sequence[Expression]) -> Expression:
    if not 2 <= len(arguments) <= MOST_VALUES:  # noqa: PLR2004 - a choice needs two
        raise KqlError(f"{name} takes 2 to {MOST_VALUES} values, not {len(arguments)}")
    kind = _unified(name, arguments)
    if kind == "dynamic":
        raise KqlError(f"{name} takes what has an order; {arguments[0].text} is dynamic")
    choose: Callable[..., Any] = min if name == "min_of" else max

    def value(row: Row) -> Any:  # noqa: ANN401 - a value of any kind
        values = (argument.value(row) for argument in arguments)
        return choose((each for each in values if each is not None), default=None)

    return Expression(kind, f"{name}(...)", value)


CHOICES: Final[dict[str, Callable[[str, Sequence[Expression]], Expression]]] = {
    "coalesce": _coalesce,
    "case": _case,
    "iff": _case,
    "iif": _case,
    "min_of": _extreme,
    "max_of": _extreme,
}


def to_text(value: object) -> str:
    """Write a value as `tostring` does; null is an empty string."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    if isinstance(value, timedelta):
        return span_text(value)
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=to_text)
    )


def _to_whole(kind: str) -> Callable[[Any], Any]:
    def whole(value: Any) -> Any:  # noqa: ANN401 - a value of any kind
        if isinstance(value, bool):
            return int(value)
        number = convert(value, "real") if isinstance(value, str | float) else value
        return convert(math.trunc(number), kind) if isinstance(number, int | float) else None

    return whole


def _to_real(value: object) -> Any:  # noqa: ANN401 - a number or null
    return convert(int(value) if isinstance(value, bool) else value, "real")


def _to_bool(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) else None


def _to_datetime(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    text = convert(value, "datetime")
    return None if text is None else datetime.fromisoformat(text)


def _bin(value: Any, size: Any) -> Any:  # noqa: ANN401 - numbers, or moments and time spans
    if not size:
        return None
    if isinstance(value, datetime):
        return ZERO + (value - ZERO) // size * size
    return value // size * size


def _start_of_day(moment: datetime, offset: float = 0) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + offset * DAY


def _end_of_day(moment: datetime, offset: float = 0) -> datetime:
    return moment.replace(hour=23, minute=59, second=59, microsecond=999_999) + offset * DAY


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, list) else None


def _extract(pattern: str, group: int, text: str) -> str:
    try:
        found = re.search(pattern, text)
        return (found[group] or "") if found else ""
    except (re.error, IndexError) as error:
        raise KqlError(f"extract takes a regular expression and one of its groups: {error}") from error


def _joined(value: object, delimiter: str) -> str:
    return delimiter.join(map(to_text, value)) if isinstance(value, list) else ""


MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
SPANS: Final = {
    "week": timedelta(days=7),
    "day": DAY,
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
}


def _datetime_diff(part: str, later: datetime, earlier: datetime) -> int:
    """Count the boundaries between two moments; a week begins on Sunday."""
    name = part.lower()
    if name in MONTHS:
        first, last = (12 * moment.year + moment.month - 1 for moment in (earlier, later))
        return last // MONTHS[name] - first // MONTHS[name]
    span = SPANS[known(name, (*MONTHS, *SPANS), "Part of a date")]
    start = FIRST_SUNDAY if name == "week" else ZERO
    return (later - start) // span - (earlier - start) // span


def _round(value: float, digits: int = 0) -> float:
    """Round as a person would who reads the number's digits, a half away from zero."""
    if not math.isfinite(value):
        return float(value)
    return float(Decimal(str(value)).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP))


FUNCTIONS: Final = {
    "isnull": Function((ANY,), "bool", lambda value: value is None, of_null=True),
    "isnotnull": Function((ANY,), "bool", lambda value: value is not None, of_null=True),
    "isempty": Function((ANY,), "bool", is_null, of_null=True),
    "isnotempty": Function((ANY,), "bool", lambda value: not is_null(value), of_null=True),
    "not": Function(("bool",), "bool", lambda value: not value),
    "tostring": Function((ANY,), "string", to_text, of_null=True),
    "toint": Function((ANY,), "int", _to_whole("int")),
    "tolong": Function((ANY,), "long", _to_whole("long")),
    "toreal": Function((ANY,), "real", _to_real),
    "todouble": Function((ANY,), "real", _to_real),
    "tobool": Function((ANY,), "bool", _to_bool),
    "todatetime": Function((ANY,), "datetime", _to_datetime),
    "tolower": Function(("text",), "string", str.lower),
    "toupper": Function(("text",), "string", str.upper),
    "strlen": Function(("text",), "long", len),
    "strcat": Function((ANY, f"{ANY}*"), "string", lambda *values: "".join(map(to_text, values)), of_null=True),
    "extract": Function(("string", "long", "text"), "string", _extract),
    "abs": Function(("number",), "first", abs),
    "round": Function(("number", "long?"), "real", _round),
    "bin": Function((ANY, ANY), "first", _bin),
    "floor": Function((ANY, ANY), "first", _bin),
    "startofday": Function(("datetime", "number?"), "datetime", _start_of_day),
    "endofday": Function(("datetime", "number?"), "datetime", _end_of_day),
    "pack_array": Function((ANY, f"{ANY}*"), "dynamic", lambda *values: list(values), of_null=True),
    "array_length": Function(("dynamic",), "long", _length),
    "strcat_array": Function(("dynamic", "string"), "string", _joined),
    "datetime_diff": Function(("string", "datetime", "datetime"), "long", _datetime_diff),
}
NAMES: Final = (*FUNCTIONS, *CHOICES, "now", "ago", *SPECIAL)
