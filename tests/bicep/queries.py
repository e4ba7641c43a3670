"""Finds the queries in what is deployed, so that another tool can check them.

Transformations of a data collection rule are none: they see a stream, not a workspace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bicep.kinds import QUERY_RULES, SAVED_SEARCHES, WORKBOOKS
from tests.bicep.values import Resource, json_text

PARAMETERS, QUERY, GROUP = 9, 3, 12
"""Types of a workbook's items."""


@dataclass(frozen=True)
class Query:
    """A query in a resource.

    Attributes:
        kind: The last part of the resource type.
        name: The resource's.
        number: Its place among the queries of the resource, from 1.
        text: The query.
    """

    kind: str
    name: str
    number: int
    text: str

    @property
    def file_name(self) -> str:
        """The name of a file for it."""
        return f"{self.kind}-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.name)}-{self.number}.kql"


def queries(resources: Iterable[Resource]) -> Iterator[Query]:
    """Find the queries in resources, in their order."""
    for resource in resources:
        if resource.type in FINDERS and not resource.existing:
            body = json.loads(json_text(resource.body))
            for number, text in enumerate(FINDERS[resource.type](body.get("properties", {})), start=1):
                yield Query(resource.type.rpartition("/")[2], resource.name.rpartition("/")[2], number, text)


def write_queries(resources: Iterable[Resource], folder: Path) -> list[Path]:
    """Write each query into a file of its own.

    Args:
        resources: Where the queries are.
        folder: Where the files go; made if it is missing.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for query in queries(resources):
        file = folder / query.file_name
        file.write_text(query.text, encoding="utf-8")
        written.append(file)
    return written


def _of_query_rule(properties: Mapping[str, Any]) -> Iterator[str]:
    for condition in properties.get("criteria", {}).get("allOf", []):
        yield condition["query"]


def _of_saved_search(properties: Mapping[str, Any]) -> Iterator[str]:
    yield properties["query"]


def _of_workbook(properties: Mapping[str, Any]) -> Iterator[str]:
    yield from _of_items(json.loads(properties["serializedData"])["items"])


def _of_items(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        content = item.get("content", {})
        if item["type"] == QUERY:
            yield content["query"]
        elif item["type"] == PARAMETERS:
            yield from (each["query"] for each in content.get("parameters", []) if each.get("query"))
        elif item["type"] == GROUP:
            yield from _of_items(content.get("items", []))


FINDERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    QUERY_RULES: _of_query_rule,
    SAVED_SEARCHES: _of_saved_search,
    WORKBOOKS: _of_workbook,
}
