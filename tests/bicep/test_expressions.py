"""What expressions are worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bicep import BicepError
from tests.bicep.example import (
    SUBSCRIPTION,
    expression,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 == 3 && !false || false", True),
        ("true || true && false", True),
        ("true == 1 || 1 != 1", False),
        ("'${concat('a}', '{b')}'", "a}{b"),
        ("true ? false ? 1 : 2 : 3", 2),
        ("null ?? 'a'", "a"),
        ("{ a: [ 1, -2 ] }.a[1]", -2),
        ("{ a: 1 }.?b", None),
        ("[ 1 ][?1] ?? 'none'", "none"),
        ("{ 'a.${1}': 'x' }['a.1']", "x"),
        (r"'it\'s \${x} \u{41}${1}${null}'", "it's ${x} A1"),
        ("string({ a: [ 1, 'é', null, true ] })", '{"a":[1,"é",null,true]}'),
        ("string('a')", "a"),
        ("union({ a: { b: 1, c: 2 } }, { a: { b: 3 } })", {"a": {"b": 3, "c": 2}}),
        ("union([ 1, 2 ], [ 2, 3 ])", [1, 2, 3]),
        ("concat([ 1 ], [ 2 ])", [1, 2]),
        ("concat('a', 1)", "a1"),
        ("contains([ 1, 2 ], 2)", True),
        ("contains('abc', 'd')", False),
        ("contains({ Key: 1 }, 'key')", True),
        ("empty('') && empty([]) && empty({}) && empty(null)", True),
        ("length({ a: 1 })", 1),
        ("range(3, 2)", [3, 4]),
        ("guid('a') == guid('a') && guid('a') != guid('b')", True),
        ("subscription().id", SUBSCRIPTION),
        ("resourceGroup().name", "rg-keywatch"),
        ("subscriptionResourceId('A.B/c', 'x')", f"{SUBSCRIPTION}/providers/A.B/c/x"),
    ],
)
def test_expressions(tmp_path: Path, text: str, value: object) -> None:
    """Operators, accesses and functions are worth what Bicep says they are."""
    assert expression(tmp_path, text) == value


@pytest.mark.parametrize(
    "text",
    [
        "'a' + 'b'",
        "1 == 1 ? 2",
        "1 < 2",
        "'${true}'",
        "string(true)",
        "'a' && true",
        "[ 1 ][1]",
        "{ a: 1 }.b",
        "{ a: 1\n a: 2 }",
        "length(1)",
        "length()",
        "toUpper('a')",
        "resourceGroup",
        "'a\\x'",
        "az.tenant().tenantId",
        "any(1)!",
    ],
)
def test_expressions_that_are_refused(tmp_path: Path, text: str) -> None:
    """What Bicep or Resource Manager refuses, or is not supported, is an error with its place."""
    with pytest.raises(BicepError, match=r"expression\.bicep:[12]: "):
        expression(tmp_path, text)
