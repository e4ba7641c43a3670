"""The policy's reference and its schema: made of the types that read it, and what the document shows is right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from keywatch.access_keys.owners import read_owner_table
from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.policy.read import DEFAULT, read_policy
from keywatch.access_keys.policy.reference import main, reference, schema, with_reference
from keywatch.access_keys.policy.rules import KINDS
from keywatch.access_keys.policy.yaml_lines import read_yaml

PROJECT: Final = Path(__file__).parents[3]
DOCUMENT: Final = PROJECT / "docs" / "policy.md"
SCHEMA: Final = PROJECT / "include" / "policy.schema.json"


def shown(name: str) -> str:
    """Return an example of the document."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def as_json(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read YAML as an editor checks it: days as text."""
    return json.loads(json.dumps(read_yaml(text)[0], default=str))


def test_document_and_schema_are_made_of_the_types() -> None:
    """`make generate` would change neither docs/policy.md nor include/policy.schema.json."""
    document = DOCUMENT.read_text("utf-8")

    assert document == with_reference(document)
    assert SCHEMA.read_text("utf-8") == schema()


def test_reference_has_every_kind_and_every_field() -> None:
    """No kind of rule and no field of a policy goes unexplained."""
    text = reference()

    assert [f"### `kind: {kind.model_fields['kind'].annotation.__args__[0]}`" in text for kind in KINDS] == [True] * 6  # type: ignore[union-attr]
    for part in Policy.model_json_schema()["$defs"].values():
        for name, field in part.get("properties", {}).items():
            assert name == "kind" or f"| `{name}` |" in text or "description" not in field


def test_example_policy_is_usable() -> None:
    """The policy that the document shows is read, and fits the schema, as does the one that comes with Keywatch."""
    policy = read_policy(shown("example policy").encode(), "docs/policy.md")

    assert [rule.id for rule in policy.proposing] == ["unused-for-90-days"]
    assert policy.deactivation.dry_run
    for text in (shown("example policy"), DEFAULT.read_text("utf-8")):
        jsonschema.validate(as_json(text), json.loads(schema()))


@pytest.mark.parametrize(
    "policy",
    [
        "version: 2\nrules: []",
        "version: 1",
        "version: 1\nrules: [{id: a, kind: older_than, severity: high}]",
        "version: 1\nrules: [{id: a, kind: older_than, days: 9, severity: high, deactivate: propose}]",
        "version: 1\nrules: []\nexceptions: [{users: [a], reason: b}]",
    ],
)
def test_schema_refuses_what_is_refused(policy: str) -> None:
    """An editor marks what reading the file would refuse."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(policy), json.loads(schema()))


def test_example_table_of_owners_is_usable() -> None:
    """The table of owners that the document shows is read."""
    assert [each.user_name for each in read_owner_table(shown("example owners").encode(), "docs")] == [
        "ci-deploy",
        "<root_account>",
    ]


def test_command_wants_a_document_with_both_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A document without the marks is left alone, and so is everything if an argument is missing."""
    document = tmp_path / "policy.md"
    document.write_text("# Policy\n", encoding="utf-8")

    assert main([str(document)]) == 2
    assert "Usage" in capsys.readouterr().err
    with pytest.raises(ValueError, match="not both marks"):
        main([str(document), str(tmp_path / "schema.json")])
    assert [path.name for path in tmp_path.iterdir()] == ["policy.md"]
