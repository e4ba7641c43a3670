"""The project's own promises: its README, its packages, its pins."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from keywatch import errors
from keywatch.log_analytics.data_collector import check_log_type
from keywatch.pipeline.tables import TABLES
from keywatch.transport import Transport, azure_cloud
from localcloud import LocalCloud
from localcloud.demo import main as demo_main

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))


def block(name: str) -> str:
    """Return the fenced block of the README that follows a marker."""
    match = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert match, name
    return match[1]


def test_readme_names_only_commands_that_exist() -> None:
    """Every `make` command of the README is a target of the Makefile."""
    assert set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)$", README, re.MULTILINE)) != set()
    assert {a or b for a, b in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)$", README, re.MULTILINE)} <= TARGETS


def test_ci_runs_every_check() -> None:
    """CI runs lint, the demo and every test target."""
    [line] = re.findall(r"^for target in (.*); do$", (PROJECT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(line.split()) == {"lint", "demo"} | {target for target in TARGETS if target.startswith("test")}


@pytest.fixture(scope="module")
def default_cloud() -> Any:  # noqa: ANN401 - a generator fixture
    """Start the local cloud as the demo does."""
    with LocalCloud() as cloud:
        yield cloud


def test_readme_shows_what_the_demo_prints(default_cloud: LocalCloud) -> None:
    """The keys in the README's output are those that the demo's local cloud is seeded with."""
    shown = re.findall(r"^ *(\d+) +\S+  (\S+)  (\S+) +(\d{12})  (\S+) ", block("demo"), re.MULTILINE)
    seeded = {
        (f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}", key.status, key.account, key.user)
        for key in default_cloud.keys()
    }
    assert len(shown) == 15
    assert {tuple(row[1:]) for row in shown} <= seeded
    assert f"{len(seeded) + 1} rows, {len(seeded) + 1} keys in AWS" in block("demo")


def test_readme_policy_allows_what_the_auditor_of_the_local_cloud_needs() -> None:
    """The README's policy names the four actions that extraction asks for, and no other."""
    source = (PROJECT / "include/keywatch/access_keys/extract.py").read_text(encoding="utf-8")
    asked = set(re.findall(r'"(iam:\w+)"', source))
    [statement] = json.loads(block("policy"))["Statement"]
    assert asked == set(statement["Action"])


def test_readme_azure_extras_are_accepted() -> None:
    """The README's extras of the Azure connection are ones that Keywatch takes."""
    extra = json.loads(block("azure_data_collector_default"))
    transport = Transport.from_mapping(extra["transport"])
    assert azure_cloud(extra["cloud"]).name == "AzureCloud"
    assert transport.proxies_for("https://example.com") == dict.fromkeys(("http", "https"), "http://proxy.example:8080")
    assert transport.proxies_for("https://10.1.2.3") == {}


def test_readme_explains_every_column() -> None:
    """The README's table of the records names each column that a record can have."""
    source = ast.parse((PROJECT / "include/keywatch/access_keys/record.py").read_text(encoding="utf-8"))
    [record] = [n for n in source.body if isinstance(n, ast.ClassDef) and n.name == "AccessKeyRecord"]
    fields = [n.target.id for n in record.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    assert [field for field in fields if not re.search(rf"`{field}_[a-z]`", README)] == []


def test_readme_speaks_of_tables_that_exist() -> None:
    """The tables of the README are those that Keywatch fills."""
    assert {f"{check_log_type(table.name)}_CL" for table in TABLES.values()} == set(re.findall(r"\b\w+_CL\b", README))


def test_errors_are_all_in_the_tree() -> None:
    """Every error class stands in the tree of its module's docstring, below its own base."""
    classes = {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.KeywatchError)
    }
    lines = str(errors.__doc__).splitlines()
    drawn = {m[1]: line for line in lines if (m := re.search(r"(\w+Error)\b", line)) and not line.startswith("Every")}
    assert {cls.__name__ for cls in classes} == set(drawn)


def test_packages_are_all_installed() -> None:
    """pyproject.toml lists every package of both source roots."""
    found = {
        ".".join(init.parent.relative_to(PROJECT / root).parts)
        for root in ("include", "plugins")
        for init in (PROJECT / root).rglob("__init__.py")
    }
    assert found == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_requirements_are_all_pinned() -> None:
    """constraints.txt pins every direct dependency."""
    pins = re.findall(r"^([\w.-]+)==", (PROJECT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    wanted = re.findall(r"^([\w.-]+)", (PROJECT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name in wanted if name not in pins} == set()


def test_compose_runs_the_pinned_airflow() -> None:
    """The image of docker-compose.yaml is the Airflow that is installed here, and no port is open to others."""
    service = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]["airflow"]
    assert f"FROM apache/airflow:{version('apache-airflow')}-python3" in service["build"]["dockerfile_inline"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_demo_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m localcloud demo --help` says what it does."""
    with pytest.raises(SystemExit):
        demo_main(["--help"])
    assert "the daily report for real" in capsys.readouterr().out
