"""Letter case of ASCII alone, alike in Python and both databases: dotless i and Kelvin sign stay what they are."""

from __future__ import annotations

import string
from typing import Any, Final

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lower_ascii(text: str) -> str:
    """Write the ASCII letters of a text small, and leave all others."""
    return text.translate(SMALL)


class LowerAscii(FunctionElement[str]):
    """The same of a column, in SQL; an index may be made of it."""

    type = String()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str]) -> None:
        super().__init__(column)


@compiles(LowerAscii, "sqlite")
def _of_sqlite(element: LowerAscii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    """SQLite's own `lower` knows no other letters (SQLite, Built-In Scalar SQL Functions)."""
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(LowerAscii, "postgresql")
def _of_postgresql(element: LowerAscii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    """By collation C, letters are those of ASCII (PostgreSQL 15, 24.2.2)."""
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'
