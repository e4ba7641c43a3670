"""What identity-based and session policies allow (IAM user guide, "Policy evaluation logic").

Conditions are not understood: a statement that has one allows nothing, and denies what it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

Statement = dict[str, Any]


def allows(policies: Iterable[str], action: str, resource: str) -> bool:
    """Tell whether policies allow an action: one of them does, and none denies it.

    Args:
        policies: the documents, JSON.
        action: such as `s3:GetObject`.
        resource: its ARN.
    """
    concerned = [each for text in policies for each in statements(text) if _concerns(each, action, resource)]
    denied = any(each["Effect"] == "Deny" for each in concerned)
    return not denied and any(each["Effect"] == "Allow" and "Condition" not in each for each in concerned)


@lru_cache(maxsize=512)
def statements(document: str) -> tuple[Statement, ...]:
    """Read the statements of a policy document."""
    listed = json.loads(document)["Statement"]
    return (listed,) if isinstance(listed, dict) else tuple(listed)


def as_list(value: str | list[str]) -> list[str]:
    """Read an element that may be one value or a list of them."""
    return [value] if isinstance(value, str) else list(value)


def matches(pattern: str, value: str) -> bool:
    """Tell whether a value fits a pattern, in which * stands for any characters and ? for one."""
    return _compiled(pattern).fullmatch(value) is not None


def action_matches(statement: Statement, action: str) -> bool:
    """Tell whether a statement is about an action; the case of its letters does not matter."""
    if "NotAction" in statement:
        return not any(matches(each.lower(), action.lower()) for each in as_list(statement["NotAction"]))
    return any(matches(each.lower(), action.lower()) for each in as_list(statement["Action"]))


def _concerns(statement: Statement, action: str, resource: str) -> bool:
    if not action_matches(statement, action):
        return False
    if "NotResource" in statement:
        return not any(matches(each, resource) for each in as_list(statement["NotResource"]))
    return any(matches(each, resource) for each in as_list(statement["Resource"]))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each) or re.escape(each) for each in pattern), re.DOTALL)
