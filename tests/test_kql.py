"""The check of every query that `make lint` runs, on the committed queries and on ones with a mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, get_origin, get_type_hints

import pytest

from keywatch.access_keys.record import AccessKeyRecord, DeactivationRecord, FindingRecord
from keywatch.azure_resources.records import ActivityRecord, VirtualMachineRecord
from keywatch.pipeline.audit import AuditRecord
from keywatch.pipeline.azure.audit import SubscriptionAuditRecord
from keywatch.pipeline.tables import TABLES, TableName

PROJECT = Path(__file__).parents[1]
FINDING = re.compile(r"^(\S+):(\d+):(\d+): (\S+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Workspace:
    """Copies of the committed queries and definitions, to be spoilt."""

    folder: Path

    @property
    def kql(self) -> Path:
        """The queries."""
        return self.folder / "kql"

    @property
    def infra(self) -> Path:
        """The definitions."""
        return self.folder / "infra"

    def edit(self, path: str, change: Callable[[Any], None]) -> None:
        """Change a definition in place."""
        file = self.infra / path
        definition = json.loads(file.read_text(encoding="utf-8"))
        change(definition["properties"])
        file.write_text(json.dumps(definition, indent=2), encoding="utf-8")

    def lint(self, document: str = "") -> tuple[int, dict[str, list[str]]]:
        """Check, with one Markdown document; return the exit code and what is wrong, `line:column code`, by file."""
        markdown = self.folder / "document.md"
        markdown.write_text(document, encoding="utf-8")
        return self._make("lint-kql", f"DOCUMENTS={markdown}")

    def lint_deployed(self) -> tuple[int, dict[str, list[str]]]:
        """Check what would be deployed; return the same."""
        return self._make("lint-bicep", f"DEPLOYED={self.folder / 'deployed'}")

    def _make(self, target: str, variable: str) -> tuple[int, dict[str, list[str]]]:
        done = make(target, f"KQL={self.kql}", f"INFRA={self.infra}", variable)
        found: dict[str, list[str]] = {}
        for file, line, column, code, _message in FINDING.findall(done.stderr):
            found.setdefault(Path(file).name, []).append(f"{line}:{column} {code}")
        return done.returncode, found


def make(target: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target that `make lint` runs; whatever is installed counts as up to date."""
    command = ["make", "--no-print-directory", "--old-file=.venv/installed", target, *variables]
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Copy queries and definitions."""
    shutil.copytree(PROJECT / "include/kql", tmp_path / "kql", ignore=shutil.ignore_patterns("check"))
    shutil.copytree(PROJECT / "include/infra", tmp_path / "infra")
    return Workspace(tmp_path)


def test_committed_queries_fit_the_tables() -> None:
    """Every query of the project, its documentation and its data collection rule passes, and lint asks."""
    done = make("lint-kql")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"^lint:.* lint-kql lint-bicep\b", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_queries_of_workbook_alerts_and_functions_are_checked(workspace: Workspace) -> None:
    """What Bicep would deploy passes; a wrong column or type in a query's file fails wherever Bicep puts that file."""
    passing = workspace.lint_deployed()
    for name, mistake in (
        ("keys_over_90_days", "| where KeyAgeDays_s > 90"),
        ("keys_of_root", "| where account_number_s > 1d"),
    ):
        file = workspace.kql / f"{name}.kql"
        file.write_text(f"{file.read_text(encoding='utf-8')}{mistake}\n", encoding="utf-8")

    code, found = workspace.lint_deployed()

    assert passing == (0, {})
    assert code != 0
    for query, problem in (("keys_over_90_days", "KS142"), ("keys_of_root", "KS106")):
        alert = {"keys_over_90_days": "old-keys", "keys_of_root": "root-key"}[query]
        places = [
            f"{query}.kql",
            f"savedSearches-keywatch_{query}-1.kql",
            f"scheduledQueryRules-keywatch-{alert}-1.kql",
        ]
        assert [found[place][0].split()[1] for place in places] == [problem] * 3
    assert len([place for place in found if place.startswith("workbooks-")]) == 2


def test_removed_table_fails_what_is_deployed(workspace: Workspace) -> None:
    """Without the file of a table that Bicep loads, nothing is deployed, and the message names the file."""
    name = f"{TABLES['keys'].full_name}.json"
    (workspace.infra / "tables" / name).unlink()

    done = make("lint-bicep", f"KQL={workspace.kql}", f"INFRA={workspace.infra}")

    assert done.returncode != 0
    assert re.search(rf"workspace\.bicep:\d+: .*{re.escape(name)}", done.stderr)


def test_each_mistake_in_a_query_is_found_where_it_is(workspace: Workspace) -> None:
    """Unknown columns, tables and functions, wrong types, broken syntax and empty files fail, by file and place."""
    queries = {
        "column": "// Why?\nAWS_Access_Key_Report_CL\n| where KeyAgeDays_s > 90",
        "column_of_function": "AccessKeys()\n| project user_g",
        "type": "AccessKeys()\n| where KeyAgeDays_d + user_s > 1",
        "argument": "AccessKeys() | where startofday(user_s) > now()",
        "table": "AWS_Access_Keys_CL\n| count",
        "function": "AWS_Access_Key_Report_CL | extend age = years(CreateDate_t)",
        "syntax": "AccessKeys()\n| wher true",
        "unfinished": "AccessKeys() | where",
        "empty": "// nothing\n",
        "right": "AWS_Access_Key_Audit_CL | where _BilledSize > 0 | summarize sum(KeyCount_d) by Type, TenantId",
    }
    for name, query in queries.items():
        (workspace.kql / f"{name}.kql").write_text(query, encoding="utf-8")

    code, found = workspace.lint("# How\n\n```kusto\nAccessKeys()\n| project nobody_s\n```\n\n```text\nno query\n```\n")

    assert code != 0
    assert {name: problems[0] for name, problems in found.items()} == {
        "column.kql": "3:9 KS142",
        "column_of_function.kql": "2:11 KS142",
        "type.kql": "2:22 KS106",
        "argument.kql": "1:33 KS107",
        "table.kql": "1:1 KS204",
        "function.kql": "1:41 KS211",
        "syntax.kql": "2:3 KS176",
        "unfinished.kql": "1:21 KS006",
        "empty.kql": "1:1 no-query",
        "document.md": "5:11 KS142",
    }


def test_removed_table_fails_the_function_that_reads_it(workspace: Workspace) -> None:
    """Without its table a saved function is wrong, and so is the flow that would fill the table."""
    (workspace.infra / f"tables/{TABLES['keys'].full_name}.json").unlink()

    code, found = workspace.lint()

    assert code != 0
    assert "KS204" in found["AccessKeyReport.kql"][0]
    assert "no-table" in found["data_collection_rule.json"][0]


def test_transformation_must_fit_its_stream_and_its_table(workspace: Workspace) -> None:
    """A transformKql that reads what the stream lacks, or yields what the table lacks, fails at its place."""
    transformations = ["source | where nobody_s == ''", "source | extend extra_s = 'x', KeyCount_d = tostring(1)"]

    def spoil(properties: Any) -> None:  # noqa: ANN401 - JSON
        for flow, kql in zip(properties["dataFlows"], transformations, strict=False):
            flow["transformKql"] = kql

    workspace.edit("data_collection_rule.json", spoil)
    lines = (workspace.infra / "data_collection_rule.json").read_text(encoding="utf-8").splitlines()
    first, second = (next(n for n, line in enumerate(lines, 1) if kql in line) for kql in transformations)
    column = lines[first - 1].index("source") + 1

    code, found = workspace.lint()

    assert code != 0
    assert found["data_collection_rule.json"] == [
        f"{first}:{column + len('source | where ')} KS142",
        f"{second}:{column} no-column",
        f"{second}:{column} no-column",
    ]


@pytest.mark.parametrize(
    ("table", "record", "as_guid"),
    [
        ("keys", AccessKeyRecord, ("user", "Owner")),
        ("audit", AuditRecord, ("RunId",)),
        ("findings", FindingRecord, ("user", "Owner")),
        ("deactivations", DeactivationRecord, ("user", "Owner", "DecidedById")),
        ("activity", ActivityRecord, ("SubscriptionId", "EventDataId", "CorrelationId", "OperationId", "Caller")),
        ("virtual_machines", VirtualMachineRecord, ("SubscriptionId", "MachineName", "VmId")),
        ("subscriptions", SubscriptionAuditRecord, ("SubscriptionId", "RunId")),
    ],
)
def test_queries_work_with_the_columns_that_the_data_collector_made(
    workspace: Workspace, table: TableName, record: type, as_guid: tuple[str, ...]
) -> None:
    """A classic table knows a column only after its first value, and a text that looks like a GUID by another name."""
    hints = get_type_hints(record, include_extras=True)
    missing = set(as_guid) | {field for field, hint in hints.items() if get_origin(hint) is NotRequired}
    kept = {column.name for column in TABLES[table].columns if column.field not in missing}

    def age(properties: Any) -> None:  # noqa: ANN401 - JSON
        columns = properties["schema"]["columns"]
        columns[:] = [column for column in columns if column["name"] in kept]
        columns.extend({"name": f"{field}_g", "type": "guid"} for field in as_guid)

    workspace.edit(f"tables/{TABLES[table].full_name}.json", age)
    # Streams belong to the other API.
    workspace.edit("data_collection_rule.json", lambda properties: properties.update(dataFlows=[]))

    assert len(missing) > 1
    assert workspace.lint() == (0, {})
