"""DAG files hold wiring alone, and parsing one costs next to nothing: Airflow does it every few seconds."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dags.dag_bag import DAG_FILES

MOST_LINES = 150
MOST_STATEMENTS = 4
MOST_STATEMENTS_OF_AN_EXAMPLE = 12
HEAVY = frozenset(
    {"boto3", "botocore", "azure", "msal", "requests", "cryptography", "keywatch_airflow", "localcloud", "pandas"}
)

FORMS = frozenset(
    {
        f"keywatch_airflow{module}"
        for module in (
            "",
            ".stats",
            ".assets",
            ".report_params",
            ".findings_params",
            ".activity_params",
            ".alerts",
            ".approval",
        )
    },
)
"""The modules of the plugin that a DAG file may import when it is parsed: they import no more than Airflow's SDK."""

CURIOUS = {
    "variable": ("from airflow.sdk import Variable; Variable.get('limit', default=1)", "variable limit"),
    "connection": ("from airflow.sdk import BaseHook; BaseHook.get_connection('aws')", "connection aws"),
    "name": ("import socket; socket.getaddrinfo('example.com', 443)", "socket.getaddrinfo"),
    "socket": ("import socket; socket.socket().connect(('127.0.0.1', 9))", "socket.connect"),
    "database": ("import sqlite3; sqlite3.connect('airflow.db')", "sqlite3.connect"),
    "heavy": ("import keywatch_airflow.hooks.data_collector", None),
}
"""DAG files that should not be, and what each reaches for."""

every_file = pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.name)


@dataclass(frozen=True)
class Parsed:
    """What a fresh interpreter did to parse a file: the first thing it reached for, and what it imported."""

    reached: str | None
    modules: list[str]


def parse_alone(*files: Path) -> dict[str, Parsed]:
    """Parse files in a fresh interpreter that refuses every look-up; return what each did, by its name."""
    code = "import sys; from tests.dags import parse_alone; parse_alone.main(*sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, files)]
    finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    return {Path(path).stem: Parsed(**parsed) for path, parsed in json.loads(finished.stdout.splitlines()[-1]).items()}


@pytest.fixture(scope="session")
def parsed() -> dict[str, Parsed]:
    """Parse the project's DAG files in a fresh interpreter."""
    return parse_alone(*DAG_FILES)


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file, nested ones included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def statements(node: ast.AST) -> int:
    """Count the statements in a body at any depth, without docstrings, imports and nested functions."""
    count = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Import | ast.ImportFrom):
            continue
        docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        count += isinstance(child, ast.stmt) and not docstring
        count += statements(child)
    return count


@every_file
def test_dag_file_is_short(file: Path) -> None:
    """A DAG file fits on a few screens."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@every_file
def test_dag_file_holds_wiring_alone(file: Path) -> None:
    """No function in a DAG file does more than call one thing and hand on what it gives; an example may show more."""
    most = MOST_STATEMENTS_OF_AN_EXAMPLE if file.parent.name == "examples" else MOST_STATEMENTS
    assert {function.name: count for function in functions(file) if (count := statements(function)) > most} == {}


@every_file
def test_dag_file_looks_nothing_up_when_parsed(parsed: dict[str, Parsed], file: Path) -> None:
    """Parsing asks no network, no database, no connection and no variable."""
    assert parsed[file.stem].reached is None


@every_file
def test_dag_file_imports_nothing_heavy_when_parsed(parsed: dict[str, Parsed], file: Path) -> None:
    """Parsing loads no SDK, of the plugin only what describes a form, and of the library only its errors."""
    modules = [name for name in parsed[file.stem].modules if name not in FORMS]

    assert HEAVY.isdisjoint({name.partition(".")[0] for name in modules})
    assert {"keywatch", "keywatch.errors"} >= {name for name in modules if name.partition(".")[0] == "keywatch"}


def test_look_up_in_a_dag_file_would_be_noticed(tmp_path: Path) -> None:
    """The check that DAG files look nothing up and import nothing heavy sees each kind of look-up, and imports."""
    for name, (code, _) in CURIOUS.items():
        (tmp_path / f"{name}.py").write_text(code)

    parsed = parse_alone(*(tmp_path / f"{name}.py" for name in CURIOUS))

    assert {name: what for name, (_, what) in CURIOUS.items()} == {name: did.reached for name, did in parsed.items()}
    assert {"keywatch_airflow", "azure"} <= {name.partition(".")[0] for name in parsed["heavy"].modules}


def test_statements_are_counted_at_any_depth() -> None:
    """The check that DAG files hold wiring alone sees into loops and conditions, and counts a nested function apart."""
    tree = ast.parse('def f():\n "doc"\n import os\n for a in b:\n  if a:\n   c()\n def g():\n  d()\n  e()\n')
    outer, inner = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))

    assert (statements(outer), statements(inner)) == (3, 2)
