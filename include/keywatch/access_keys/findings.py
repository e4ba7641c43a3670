"""Findings: which keys a policy's rules are about. Pure: the same keys and policy make the same findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.model import KeyException, Policy
from keywatch.access_keys.policy.rules import Rule
from keywatch.columns import stable_id


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule is about a key.

    Attributes:
        rule: The rule.
        key: The key.
        reason: Why, in a few words.
    """

    rule: Rule
    key: KeyFacts
    reason: str

    @property
    def id(self) -> str:
        """The same for the same rule and key over the days."""
        return finding_id(self.rule.id, self.key.key_id)


@dataclass(frozen=True, slots=True)
class Excused:
    """A rule would be about a key, but for an exception.

    Attributes:
        finding: What would be found.
        exception: The first that excuses it.
    """

    finding: Finding
    exception: KeyException


def finding_id(rule_id: str, key_id: str) -> str:
    """Make the id of a finding: the same for the same rule and key over the days."""
    return stable_id("f", rule_id, key_id)


def findings_of_user(
    keys: Sequence[KeyFacts], policy: Policy, as_of: datetime, today: date
) -> Iterator[Finding | Excused]:
    """Find what the policy says about one user's keys, in an order that does not depend on theirs.

    Args:
        keys: All keys of the user that exist.
        policy: The policy.
        as_of: The moment to which ages are counted, UTC.
        today: The day for which exceptions hold or not, UTC.
    """
    for key in sorted(keys, key=lambda each: each.key_id):
        for rule in policy.rules:
            if reason := rule.reason(key, keys, as_of):
                finding = Finding(rule, key, reason)
                exception = first_exception(policy.exceptions, rule.id, key, today)
                yield Excused(finding, exception) if exception else finding


def first_exception(
    exceptions: Iterable[KeyException], rule_id: str, key: KeyFacts, today: date
) -> KeyException | None:
    """Return the first exception by which a rule does not count for a key; None if there is none."""
    return next((each for each in exceptions if each.excuses(rule_id, key, today)), None)
