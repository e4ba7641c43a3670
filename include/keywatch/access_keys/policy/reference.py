"""The policy's reference, and its JSON Schema for editors, from the types that read it.

python -m keywatch.access_keys.policy.reference docs/policy.md include/policy.schema.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from keywatch.access_keys.policy.model import AssignedUser, Deactivation, KeyException, Notify, OwnerPattern, Policy
from keywatch.access_keys.policy.rules import CIS, KINDS, BaseRule

BEGIN: Final = "<!-- reference -->"
END: Final = "<!-- end of reference -->"

PARTS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("exceptions", KeyException),
    ("owners", OwnerPattern),
    ("notify", Notify),
    ("deactivation", Deactivation),
    ("assigned_users", AssignedUser),
)
"""What stands beside the rules, by field."""


def reference() -> str:
    """Return the reference, in Markdown: every field of every part, with what it takes."""
    lines = ["### The file", "", *_table(Policy), "### Every rule", "", *_table(BaseRule, leave=("kind",))]
    for kind in KINDS:
        lines += _kind(kind)
    for name, part in PARTS:
        lines += [f"### `{name}`", "", _sentence(part), "", *_table(part)]
    return "\n".join(lines).rstrip() + "\n"


def with_reference(document: str) -> str:
    """Return a document with the reference between its two marks, in place of what was there.

    Raises:
        ValueError: The document does not have both marks.
    """
    if BEGIN not in document or END not in document:
        raise ValueError(f"The document has not both marks: {BEGIN} and {END}.")
    before, after = document.partition(BEGIN)[0], document.partition(END)[2]
    return f"{before}{BEGIN}\n{reference()}{END}{after}"


def schema() -> str:
    """Return the JSON Schema of a policy, for editors that complete and check YAML."""
    described = Policy.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described}, indent=2) + "\n"


def _kind(kind: type[BaseRule]) -> Iterator[str]:
    name = get_args(kind.model_fields["kind"].annotation)[0]
    yield from (f"### `kind: {name}`", "", _sentence(kind), "")
    own = {**kind.__annotations__, **({"deactivate": None} if "deactivate" in kind.model_fields else {})}
    if fields := [each for each in own if each in kind.model_fields and each != "kind"]:
        yield from _table(kind, only=fields)
    yield from (_control(kind), "")


def _control(kind: type[BaseRule]) -> str:
    """Say against which control the findings are, by trying: it may depend on the rule's days."""
    days = [name for name in kind.model_fields if name.endswith("days")]
    name = get_args(kind.model_fields["kind"].annotation)[0]
    found: dict[str | None, int] = {}
    for count in range(200):
        values: dict[str, Any] = {"id": "x", "severity": "low", "kind": name, **dict.fromkeys(days, count)}
        found.setdefault(kind.model_validate(values).cis, count)
    controls = [each for each in found if each]
    if not controls:
        return "The CIS benchmark has no control of it."
    [control] = controls
    least = found[control]
    return f"Control: {CIS} {control}{f', with `{days[0]}` of {least} or more' if least else ''}."


def _table(part: type[BaseModel], leave: Iterable[str] = (), only: Iterable[str] | None = None) -> list[str]:
    chosen = part.model_fields if only is None else {name: part.model_fields[name] for name in only}
    rows = [_row(name, field, part) for name, field in chosen.items() if name not in tuple(leave)]
    return ["| field | takes | if left out | what |", "|---|---|---|---|", *rows, ""]


def _row(name: str, field: FieldInfo, part: type[BaseModel]) -> str:
    properties = part.model_json_schema()
    shape = properties["properties"][name]
    default = "*needed*" if field.is_required() else _default(field.get_default())
    cells = (f"`{name}`", _takes(shape), default, field.description or "")
    return f"| {' | '.join(each.replace('|', '&#124;') for each in cells)} |"


def _default(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int) else f"`{value}`"


def _takes(shape: dict[str, Any]) -> str:
    """Put a piece of JSON Schema into words."""
    match shape:
        case {"anyOf": choices}:
            words = _takes(next(each for each in choices if each.get("type") != "null"))
        case {"const": value}:
            words = f"`{value}`"
        case {"enum": values}:
            words = ", ".join(f"`{each}`" for each in values)
        case {"type": "array", "items": items}:
            words = f"list of {_takes(items)}"
        case {"oneOf": _}:
            words = "rules"
        case {"$ref": reference}:
            words = NAMED.get(reference.rpartition("/")[2], "fields")
        case {"format": "date"}:
            words = "a day"
        case _:
            words = {"string": "text", "integer": "number", "boolean": "`true`, `false`"}[shape["type"]]
    return words


NAMED: Final = {"KeyException": "exceptions", "OwnerPattern": "owners"}


def _sentence(part: type[BaseModel]) -> str:
    return cleandoc(part.__doc__ or "")


def main(arguments: list[str]) -> int:
    """Write the reference into a document, and the schema into a file."""
    if len(arguments) != 2:  # noqa: PLR2004 - as the usage says
        sys.stderr.write("Usage: python -m keywatch.access_keys.policy.reference <document> <schema>\n")
        return 2
    document, file = Path(arguments[0]), Path(arguments[1])
    document.write_text(with_reference(document.read_text(encoding="utf-8")), encoding="utf-8")
    file.write_text(schema(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
