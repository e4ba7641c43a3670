"""Scalar expressions: read once against a table's columns, then computed for each of its rows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from localcloud.kql.data import KqlError, Row, family
from localcloud.kql.functions import call
from localcloud.kql.literals import KINDS, TRUTHS
from localcloud.kql.parser import Parser
from localcloud.kql.scope import Expression, Scope, constant, read_name
from localcloud.kql.special import SPECIAL

WHOLE: Final = frozenset({"int", "long"})


def read(parser: Parser, scope: Scope) -> Expression:
    """Read an expression.

    Raises:
        KqlError: it is none, or names what is not there, or mixes kinds.
    """
    left = _all(parser, scope)
    while parser.accept_name("or"):
        left = _either(left, _all(parser, scope))
    return left


def read_condition(parser: Parser, scope: Scope) -> Expression:
    """Read an expression that is true, false or null."""
    found = read(parser, scope)
    _demand(found, "bool", "a condition")
    return found


def read_constant(parser: Parser, scope: Scope) -> Expression:
    """Read an expression that names no column, and compute it once.

    Raises:
        KqlError: it does.
    """
    found = read(parser, replace(scope, columns={}, ingested=False))
    value = found.value({})
    return Expression(found.kind, found.text, lambda _: value)


def _all(parser: Parser, scope: Scope) -> Expression:
    left = _comparison(parser, scope)
    while parser.accept_name("and"):
        left = _both(left, _comparison(parser, scope))
    return left


def _either(left: Expression, right: Expression) -> Expression:
    _demand(left, "bool", "or")
    _demand(right, "bool", "or")

    def value(row: Row) -> bool | None:
        values = (left.value(row), right.value(row))
        return True if True in values else None if None in values else False

    return Expression("bool", f"{left.text} or {right.text}", value)


def _both(left: Expression, right: Expression) -> Expression:
    _demand(left, "bool", "and")
    _demand(right, "bool", "and")

    def value(row: Row) -> bool | None:
        values = (left.value(row), right.value(row))
        return False if False in values else None if None in values else True

    return Expression("bool", f"{left.text} and {right.text}", value)


def _demand(found: Expression, kind: str, where: str) -> None:
    if found.kind != kind:
        raise KqlError(f"{found.text} is {found.kind}; {where} takes {kind}")


def _equal(left: object, right: object) -> bool | None:
    return None if left is None and right is None else left == right


def _unequal(left: object, right: object) -> bool | None:
    return None if left is None and right is None else left != right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda left, right: None if left is None or right is None else compare(left, right)


def _has(text: str, term: str) -> bool:
    """Tell whether a term is there, with nothing that would make it a longer one on either side."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(term)}(?![0-9A-Za-z])", text) is not None


def _folded(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda left, right: compare((left or "").lower(), (right or "").lower())


SIGNS: Final[dict[str, Callable[[Any, Any], bool | None]]] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}
OF_TEXT: Final[dict[str, Callable[[Any, Any], bool | None]]] = {
    "=~": _folded(operator.eq),
    "!~": _folded(operator.ne),
    "contains": _folded(operator.contains),
    "!contains": _folded(lambda left, right: right not in left),
    "startswith": _folded(str.startswith),
    "!startswith": _folded(lambda left, right: not left.startswith(right)),
    "endswith": _folded(str.endswith),
    "has": _folded(_has),
    "!has": _folded(lambda left, right: not _has(left, right)),
}
LISTS: Final = ("in", "!in", "between", "!between")
FOLLOWING: Final = ("and", "or", "asc", "desc", "by", "nulls", "from", "to", "step", "on")
"""Names that may come behind an expression, beside comparisons."""


def _comparison(parser: Parser, scope: Scope) -> Expression:
    left = _sum(parser, scope)
    token = parser.current
    is_word = token.kind == "name" and token.value not in FOLLOWING
    if is_word or parser.is_sign(*SIGNS, *OF_TEXT):
        parser.next()
        if token.value in LISTS:
            return _listed(parser, scope, left, str(token.value))
        return _compared(left, str(token.value), _sum(parser, scope))
    return left


def _compared(left: Expression, sign: str, right: Expression) -> Expression:
    compare = SIGNS.get(sign) or OF_TEXT.get(sign)
    if compare is None:
        names = ", ".join((*SIGNS, *OF_TEXT, *LISTS))
        raise KqlError(f"Comparison {sign!r} is not played here; there are {names}")
    _check_comparable(left, right)
    if sign in OF_TEXT and family(left.kind) != "text":
        raise KqlError(f"{left.text} is {left.kind}; {sign} compares text")
    return Expression(
        "bool", f"{left.text} {sign} {right.text}", lambda row: compare(left.value(row), right.value(row))
    )


def _check_comparable(left: Expression, right: Expression) -> None:
    if family(left.kind) != family(right.kind) or left.kind == "dynamic":
        raise KqlError(f"{left.text} is {left.kind}, which does not compare with {right.text}")


def _listed(parser: Parser, scope: Scope, left: Expression, sign: str) -> Expression:
    if sign.endswith("between"):
        return _between(parser, scope, left, within=sign == "between")
    members = parser.listed(lambda: _sum(parser, scope))
    for member in members:
        _check_comparable(left, member)
    within = sign == "in"
    return Expression(
        "bool",
        f"{left.text} {sign} (...)",
        lambda row: (left.value(row) in [member.value(row) for member in members]) is within,
    )


def _between(parser: Parser, scope: Scope, left: Expression, *, within: bool) -> Expression:
    parser.sign("(")
    first = _sum(parser, scope)
    parser.sign("..")
    last = _sum(parser, scope)
    parser.sign(")")
    if (left.kind, first.kind, last.kind) == ("datetime", "datetime", "timespan"):
        last = _computed(first, "+", last)
    if within:
        return _both(_compared(left, ">=", first), _compared(left, "<=", last))
    return _either(_compared(left, "<", first), _compared(left, ">", last))


def _sum(parser: Parser, scope: Scope) -> Expression:
    left = _product(parser, scope)
    while parser.is_sign("+", "-"):
        left = _computed(left, str(parser.next().value), _product(parser, scope))
    return left


def _product(parser: Parser, scope: Scope) -> Expression:
    left = _negated(parser, scope)
    while parser.is_sign("*", "/", "%"):
        left = _computed(left, str(parser.next().value), _negated(parser, scope))
    return left


def _negated(parser: Parser, scope: Scope) -> Expression:
    if not parser.accept("-"):
        return _primary(parser, scope)
    found = _negated(parser, scope)
    if family(found.kind) != "number" and found.kind != "timespan":
        raise KqlError(f"{found.text} is {found.kind}, which has no negative")
    return _computed(constant(found.kind, 0 if found.kind != "timespan" else timedelta()), "-", found)


def _divided(left: Any, right: Any) -> Any:  # noqa: ANN401 - numbers or time spans
    if not right:
        return None
    if isinstance(left, int) and isinstance(right, int):
        whole = abs(left) // abs(right)
        return whole if (left < 0) == (right < 0) else -whole
    return left / right


def _remainder(left: Any, right: Any) -> Any:  # noqa: ANN401 - numbers
    return left % right if right else None


ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": _remainder,
}
OF_TIME: Final = {
    ("datetime", "-", "datetime"): "timespan",
    ("datetime", "-", "timespan"): "datetime",
    ("datetime", "+", "timespan"): "datetime",
    ("timespan", "+", "datetime"): "datetime",
    ("timespan", "+", "timespan"): "timespan",
    ("timespan", "-", "timespan"): "timespan",
    ("timespan", "/", "timespan"): "real",
}
"""What arithmetic with time gives."""


def _computed(left: Expression, sign: str, right: Expression) -> Expression:
    compute = ARITHMETIC[sign]

    def value(row: Row) -> Any:  # noqa: ANN401 - a number, moment or time span
        one, other = left.value(row), right.value(row)
        return None if one is None or other is None else compute(one, other)

    return Expression(_kind_of(left, sign, right), f"{left.text} {sign} {right.text}", value)


def _kind_of(left: Expression, sign: str, right: Expression) -> str:
    if family(left.kind) == family(right.kind) == "number":
        return "long" if {left.kind, right.kind} <= WHOLE else "real"
    found = OF_TIME.get((left.kind, sign, right.kind))
    if found is None:
        raise KqlError(f"{left.text} is {left.kind}, {right.text} is {right.kind}: no {sign} for these")
    return found


def _primary(parser: Parser, scope: Scope) -> Expression:
    if parser.accept("("):
        inner = read(parser, scope)
        parser.sign(")")
        return inner
    token = parser.current
    if token.kind in KINDS:
        return constant(KINDS[token.kind], parser.next().value)
    if token.kind == "null":
        return constant(str(parser.next().value), None)
    if parser.quoted() is not None:
        return read_name(parser.entity("a column"), scope)
    return _word(parser.name("a value"), parser, scope)


def _word(name: str, parser: Parser, scope: Scope) -> Expression:
    if name in TRUTHS:
        return constant("bool", TRUTHS[name])
    return _call(parser, scope, name) if parser.is_sign("(") else read_name(name, scope)


def _call(parser: Parser, scope: Scope, name: str) -> Expression:
    if name in SPECIAL:
        return SPECIAL[name](parser, scope, read)
    return call(name, parser.listed(lambda: read(parser, scope)), scope)
