"""The OpenAPI document against the API: whatever it allows is asked, and every answer is one that it describes."""

from __future__ import annotations

from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.openapi import from_asgi
from schemathesis.schemas import BaseSchema

from keywatch.report.query import Cursor
from tests.keywatch.portal.api.world import World

OPERATIONS: Final[dict[tuple[str, str], list[dict[str, list[str]]] | None]] = {
    ("/", "get"): None,
    ("/healthz", "get"): None,
    ("/accounts/me", "get"): [{"bearer": ["Accounts.Read"]}],
    ("/accounts/me", "patch"): [{"bearer": ["Accounts.Write"]}],
    ("/accounts/me/keys", "get"): [{"bearer": ["Accounts.Read"]}],
}
"""All operations, and the scope that they need."""

IF_MATCH: Final = {"If-Match": "*"}
CURSOR: Final = {"cursor": Cursor(0, 0, forward=True).encode()}
"""Like an entity tag, the API's own: another text is refused, although the document cannot say so."""

CHANGE, KEYS = ("/accounts/me", "patch"), ("/accounts/me/keys", "get")

EXAMPLES: Final = 60


@pytest.fixture(scope="module")
def document(worlds: dict[str, World]) -> BaseSchema:
    """Give the document as the API sends it."""
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    return from_asgi("/openapi.json", worlds["b2c"].app, config=config)


def test_document_has_every_operation(document: BaseSchema) -> None:
    """What there is is described, and what needs a token says so, with its scope."""
    described = {(path, method): document[path][method] for path in document for method in document[path]}

    assert {key: operation.definition.raw.get("security") for key, operation in described.items()} == OPERATIONS


@pytest.mark.parametrize("key", OPERATIONS, ids=" ".join)
def test_what_the_document_allows_is_accepted(document: BaseSchema, world: World, key: tuple[str, str]) -> None:
    """Statuses, media types, headers and bodies of all answers are the document's."""
    operation = document[key[0]][key[1]]
    ask(
        world,
        operation.as_strategy(headers=IF_MATCH if key == CHANGE else None, query=CURSOR if key == KEYS else None),
    )


@pytest.mark.parametrize("key", [CHANGE, KEYS], ids=" ".join)
def test_what_the_document_forbids_is_refused(document: BaseSchema, world: World, key: tuple[str, str]) -> None:
    """Parameters and bodies of another form come to nothing, and the answers are the document's."""
    operation = document[key[0]][key[1]]
    ask(world, operation.as_strategy(GenerationMode.NEGATIVE))


def ask(world: World, cases: SearchStrategy[schemathesis.Case[Any]]) -> None:
    """Ask the API with a token that may do everything."""

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask_one(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {world.token()}"})

    ask_one()
