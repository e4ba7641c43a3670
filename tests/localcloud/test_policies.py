"""The rules by which the local AWS reads policies, apart from any service."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.aws.policies import allows, matches
from localcloud.aws.trust import Caller, trusts

ACTION, RESOURCE = "s3:GetObject", "arn:aws:s3:::bucket/key"
STATEMENTS = st.builds(
    lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "s3:*", "s3:Get*", "S3:getobject", ACTION, "s3:PutObject", ["iam:*", ACTION]]),
    st.sampled_from(
        ["*", RESOURCE, "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", ["arn:aws:s3:::other/*", RESOURCE]]
    ),
)


def policy(*statements: dict[str, Any]) -> str:
    """Write a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@given(st.text("ab:/*?.", max_size=8), st.text("ab:/.", max_size=8))
def test_star_and_question_mark_are_wildcards(pattern: str, value: str) -> None:
    """In a pattern * stands for any characters and ? for one, and nothing else is special."""
    assert fnmatchcase(value, pattern) == matches(pattern, value)


@given(st.lists(STATEMENTS, max_size=5), st.randoms(use_true_random=False))
def test_denial_wins_in_any_order(statements: list[dict[str, Any]], shuffle: Any) -> None:  # noqa: ANN401 - hypothesis' own
    """A statement that denies wins over any that allow, wherever it stands, in whichever policy."""
    expected = allows([policy(*statements)], ACTION, RESOURCE)
    shuffled = list(statements)
    shuffle.shuffle(shuffled)

    assert allows([policy(each) for each in shuffled], ACTION, RESOURCE) is expected
    assert not allows([policy(*shuffled, {"Effect": "Deny", "Action": "s3:*", "Resource": "*"})], ACTION, RESOURCE)


@given(st.lists(STATEMENTS, max_size=5))
def test_more_denials_never_allow_more(statements: list[dict[str, Any]]) -> None:
    """What is allowed with denials is allowed without them."""
    without = [each for each in statements if each["Effect"] == "Allow"]

    assert allows([policy(*without)], ACTION, RESOURCE) or not allows([policy(*statements)], ACTION, RESOURCE)


def test_nothing_is_allowed_by_default() -> None:
    """Without a policy that allows it, an action is not allowed."""
    assert not allows([], ACTION, RESOURCE)


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_condition_never_helps(effect: str) -> None:
    """A statement under a condition, which is not understood, allows nothing and denies what it names."""
    conditional = {
        "Effect": effect,
        "Action": "*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    }
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    statements = [conditional] if effect == "Allow" else [everything, conditional]

    assert not allows([policy(*statements)], ACTION, RESOURCE)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"NotAction": "iam:*", "Resource": "*"}, True),
        ({"NotAction": "s3:*", "Resource": "*"}, False),
        ({"Action": "*", "NotResource": "arn:aws:s3:::other/*"}, True),
        ({"Action": "*", "NotResource": "arn:aws:s3:::bucket/*"}, False),
    ],
    ids=str,
)
def test_exclusions_are_understood(statement: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - the expected value
    """NotAction and NotResource mean all others."""
    assert allows([policy({"Effect": "Allow"} | statement)], ACTION, RESOURCE) is expected


CALLER = Caller("AWS", frozenset({"arn:aws:iam::123456789012:role/one"}), {"sts:ExternalId": None})
LETS_IN = {"Effect": "Allow", "Principal": {"AWS": sorted(CALLER.names)}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, False),
        ({"StringEquals": {"aws:unknown": "x"}}, False),
        ({"Unknown": {"sts:ExternalId": "x"}}, False),
        ({"StringEquals": {"sts:ExternalId": "x"}}, True),
    ],
    ids=str,
)
def test_denial_of_trust_holds_unless_it_surely_does_not(
    condition: dict[str, Any] | None,
    expected: bool,  # noqa: FBT001 - the expected value
) -> None:
    """A trust policy's denial keeps out unless its condition is understood and not met."""
    denial = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}
    denial |= {} if condition is None else {"Condition": condition}  # type: ignore[dict-item]

    assert trusts(policy(LETS_IN), CALLER, ["sts:AssumeRole"])
    assert trusts(policy(LETS_IN, denial), CALLER, ["sts:AssumeRole"]) is expected


def test_trust_is_needed_for_every_action() -> None:
    """A role that trusts for one action does not for two."""
    assert not trusts(policy(LETS_IN), CALLER, ["sts:AssumeRole", "sts:TagSession"])
