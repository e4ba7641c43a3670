"""The project's own promises: its README, its packages, its pins."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

from keywatch import errors
from keywatch.log_analytics.data_collector import check_log_type
from keywatch.pipeline.tables import TABLES
from keywatch.transport import Transport
from keywatch_airflow.aws_connection import roles_anywhere_of
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.provider import get_provider_info
from localcloud import LocalCloud
from localcloud.airflow_home import airflow_environment, connections
from localcloud.demo import main as demo_main
from localcloud.demo import organization

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
    with LocalCloud(seed=organization()) as cloud:
        yield cloud


def test_readme_shows_what_the_demo_prints(default_cloud: LocalCloud) -> None:
    """The keys in the README's output are those that the demo's local cloud is seeded with."""
    shown = re.findall(r"^ *(\d+) +\S+  (\S+)  (\S+) +(\d{12})  (\S+)(?: |$)", block("demo"), re.MULTILINE)
    seeded = {
        (f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}", key.status, key.account, key.user)
        for key in default_cloud.keys()
    }
    assert len(shown) == 15
    assert {tuple(row[1:]) for row in shown} <= seeded
    denied = {each.id for each in default_cloud.aws.organization if each.denied}
    read = sum(key.account not in denied for key in default_cloud.keys()) + sum(default_cloud.root_keys().values())
    assert f"{read} rows; every key that may be read has exactly one row" in block("demo")


def test_demo_holds_no_access_key_of_aws(default_cloud: LocalCloud) -> None:
    """Neither the connections of the demo and of `make up`, nor what its local cloud gives them, hold an access key."""
    configured = json.dumps(connections(default_cloud)) + json.dumps(airflow_environment(PROJECT, {}, {"PATH": ""}))
    aws = connections(default_cloud)["aws_default"]

    assert not re.search(r"\bA[KS]IA[A-Z0-9]{12,}", configured)
    assert {"login", "password"}.isdisjoint(aws)
    assert not [name for name in aws["extra"] if "key" in name or "secret" in name]
    assert (default_cloud.aws.access_key_id, default_cloud.aws.secret_access_key) == (None, None)
    assert [key.user for key in default_cloud.keys() if "keywatch" in key.user] == []


def test_readme_shows_what_was_measured() -> None:
    """Every figure of the README's table of measurements stands in the full one."""
    table = README.split("<!-- measured -->")[1].split("\n\n")[0]
    figures = [number for row in table.splitlines()[3:] for number in re.findall(r"\d+\.\d+|\d+%", row.split("|")[3])]
    full = (PROJECT / "docs/benchmarks.md").read_text(encoding="utf-8")

    assert len(figures) > 10
    assert [figure for figure in figures if figure not in full] == []


def test_readme_names_the_slowest_list_and_count() -> None:
    """Of all the page's lists the README has the largest median and the slowest answer, and so of their counts."""
    full = (PROJECT / "docs/benchmarks.md").read_text(encoding="utf-8")
    table = full.split("**store**:")[1].split("| demand |")[0]
    cells = re.findall(r"\| +([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", table, re.MULTILINE)
    measured = [[float(cell) for cell in row] for row in cells]
    ms, worst, count, count_worst = (max(column) for column in zip(*measured, strict=True))

    assert len(measured) > 10
    assert f"{ms:.0f} ms, {worst:.0f} at worst" in README
    assert f"{count:.0f} ms, {count_worst:.0f} at worst" in README


def test_readme_query_of_old_keys_is_understood(default_cloud: LocalCloud) -> None:
    """The README's first query runs on the local cloud as it stands there, with the saved function in place."""
    query = re.findall(r"```kusto\n(.*?)```", README, re.DOTALL)[0]
    assert default_cloud.query(query) == []


def test_readme_policy_allows_what_the_auditor_of_the_local_cloud_needs() -> None:
    """The README's policy names the actions that extraction asks for, and no other; tags are read only on request."""
    sources = (PROJECT / "include/keywatch/access_keys" / name for name in ("iam.py", "report_request.py"))
    asked = {action for source in sources for action in re.findall(r'"(iam:\w+)"', source.read_text(encoding="utf-8"))}
    [statement] = json.loads(block("policy"))["Statement"]
    assert asked == {*statement["Action"], "iam:ListUserTags"}


@pytest.mark.parametrize("page", ["README.md", "docs/credentials.md"])
def test_connections_in_the_docs_fit_their_forms(page: str) -> None:
    """Every connection that is shown names only fields that its form has, with values that the form takes."""
    forms = {each["connection-type"]: each["conn-fields"] for each in get_provider_info()["connection-types"]}
    shown = [
        json.loads(each) for each in re.findall(r"```json\n(.*?)```", (PROJECT / page).read_text("utf-8"), re.DOTALL)
    ]
    connections = [each for each in shown if each.get("conn_type") in forms]

    assert connections
    for connection in connections:
        fields = forms[connection["conn_type"]]
        assert set(connection["extra"]) <= set(fields)
        for name, value in connection["extra"].items():
            jsonschema.validate(value, fields[name]["schema"])
        Transport.from_mapping(connection["extra"].get("transport"))


def test_aws_connection_of_the_readme_is_usable() -> None:
    """The README's connection without an access key is one that the session factory reads."""
    shown = json.loads(block("aws_default"))

    target, conn_id = roles_anywhere_of(AwsConnectionWrapper.from_connection_metadata("aws_default", **shown_of(shown)))

    assert (target.region, conn_id) == ("eu-central-1", "keyvault_certificate_default")


def shown_of(connection: dict[str, Any]) -> dict[str, Any]:
    """Return what Airflow reads a connection from, beside its type."""
    assert connection.pop("conn_type") == "aws"
    return connection


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *(
            f"docs/{page}.md"
            for page in ("credentials", "aws-setup", "deploy", "troubleshooting", "monitoring", "page")
        ),
    ],
)
def test_links_and_paths_in_the_docs_lead_somewhere(page: str) -> None:
    """Every file that a page names or links to is there."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    links = [(PROJECT / page).parent / each for each in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)]
    paths = [PROJECT / each for each in re.findall(r"`((?:dags|docs|include)/[\w./-]+\.\w+)`", text)]

    assert links + paths
    assert [path for path in links + paths if not path.exists()] == []


def test_python_in_the_docs_uses_what_there_is() -> None:
    """The code of docs/credentials.md compiles, and every attribute of the hook that it uses exists."""
    (code,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/credentials.md").read_text("utf-8"), re.DOTALL)
    used = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hook"
    }

    assert used
    assert [name for name in used if not hasattr(KeyVaultCertificateHook, name)] == []


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


def test_demo_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m localcloud demo --help` says what it does."""
    with pytest.raises(SystemExit):
        demo_main(["--help"])
    assert "the daily report for real" in capsys.readouterr().out
