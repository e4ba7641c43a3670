"""The JSON schema of HAR 1.2 that others validate with, from npm's package har-schema."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft6Validator
from referencing import Registry, Resource

SCHEMAS: Final = Path(__file__).parent / "node_modules" / "har-schema" / "lib"


def errors(document: Any) -> list[str]:  # noqa: ANN401 - JSON
    """List what is wrong with a HAR file, by the place in it."""
    schemas = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json")}
    resources = [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    validator = Draft6Validator(schemas["har.json"], registry=registry, format_checker=Draft6Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]


def calls(document: Any) -> Counter[tuple[str, str, int]]:  # noqa: ANN401 - JSON
    """Count the calls of a HAR file, by method, URL and status."""
    entries = document["log"]["entries"]
    return Counter((e["request"]["method"], e["request"]["url"], e["response"]["status"]) for e in entries)
