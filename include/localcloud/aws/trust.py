"""Whom a role's trust policy lets in (IAM user guide, "AWS JSON policy elements: Principal" and "Condition")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.aws.policies import action_matches, as_list, matches, statements

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
}
"""How a value is held against what a condition wants. Both operators for ARNs know wildcards (IAM user guide)."""


@dataclass(frozen=True)
class Caller:
    """Who wants to assume a role.

    Attributes:
        kind: AWS or Service, as a policy's Principal says.
        names: whatever a Principal may call it.
        facts: by condition key; a value that is None is not known of this caller, but might be of others.
    """

    kind: str
    names: frozenset[str]
    facts: Mapping[str, str | None] = field(default_factory=dict)


def trusts(document: str, caller: Caller, actions: Iterable[str]) -> bool:
    """Tell whether a trust policy allows all the actions; a condition that is not understood makes it refuse."""
    return all(_allows(document, caller, action) for action in actions)


def _allows(document: str, caller: Caller, action: str) -> bool:
    concerned = [
        each for each in statements(document) if _is_named(each["Principal"], caller) and action_matches(each, action)
    ]
    if any(each["Effect"] == "Deny" and _may_hold(each, caller) for each in concerned):
        return False
    return any(each["Effect"] == "Allow" and _holds(each, caller) for each in concerned)


def _is_named(principal: str | dict[str, Any], caller: Caller) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    return bool(caller.names & set(as_list(principal.get(caller.kind, []))))


def _conditions(statement: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    blocks = statement.get("Condition", {})
    return [(operator, key, as_list(wanted)) for operator, keys in blocks.items() for key, wanted in keys.items()]


def _holds(statement: dict[str, Any], caller: Caller) -> bool:
    return all(_fulfils(*each, caller) for each in _conditions(statement))


def _may_hold(statement: dict[str, Any], caller: Caller) -> bool:
    return all(
        operator not in OPERATORS or key not in caller.facts or _fulfils(operator, key, wanted, caller)
        for operator, key, wanted in _conditions(statement)
    )


def _fulfils(operator: str, key: str, wanted: list[str], caller: Caller) -> bool:
    has = caller.facts.get(key)
    if operator not in OPERATORS or has is None:
        return False
    return any(OPERATORS[operator](each, has) for each in wanted)
