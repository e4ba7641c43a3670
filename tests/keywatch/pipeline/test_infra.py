"""The definitions under include/infra: generated, and what Azure's two interfaces spell differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from keywatch.pipeline.infra import as_text, definitions, main, rule_definition, table_definition
from keywatch.pipeline.tables import TABLES

INFRA = Path(__file__).parents[3] / "include/infra"
GENERATED = definitions()


@pytest.mark.parametrize("path", GENERATED)
def test_committed_definition_is_the_generated_one(path: str) -> None:
    """Each file is what the record types say today."""
    stale = f"include/infra/{path} differs from the record types: run `make generate` and commit what it writes"
    assert (INFRA / path).read_text(encoding="utf-8") == as_text(GENERATED[path]), stale


def test_no_definition_outlives_its_table() -> None:
    """A table that is no longer filled is no longer defined."""
    assert {file.name for file in (INFRA / "tables").iterdir()} == {f"{t.full_name}.json" for t in TABLES.values()}


def test_main_writes_the_definitions(tmp_path: Path) -> None:
    """The command writes every definition below the folder it is given, and the same each time."""
    for _ in range(2):
        assert main([str(tmp_path / "infra")]) == 0
        written = {file: file.read_text(encoding="utf-8") for file in tmp_path.rglob("*.json")}
        assert written == {tmp_path / "infra" / path: as_text(body) for path, body in GENERATED.items()}


def test_main_wants_one_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a folder the command says how it is used."""
    assert main([]) == 2
    assert "Usage" in capsys.readouterr().err


def test_table_and_rule_spell_the_same_columns_their_own_way() -> None:
    """Tables say `dateTime` where rules say `datetime`; apart from that stream and table agree."""
    rule = rule_definition(TABLES.values())["properties"]
    for table in TABLES.values():
        stream = rule["streamDeclarations"][table.stream]["columns"]
        columns = table_definition(table)["properties"]["schema"]["columns"]
        assert {"name": "TimeGenerated", "type": "dateTime"} in columns
        assert [(each["name"], each["type"].replace("dateTime", "datetime")) for each in columns] == [
            (each["name"], each["type"]) for each in stream
        ]
    assert [(flow["streams"], flow["outputStream"]) for flow in rule["dataFlows"]] == [
        ([table.stream], f"{table.stream}_CL") for table in TABLES.values()
    ]
