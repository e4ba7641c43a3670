"""The kinds of rules. Each says why it is about a key, or that it is not.

Ages are whole days at `as_of`, the moment of the newest report. Controls are those of the CIS Amazon Web Services
Foundations Benchmark, version 3.0.0: a rule has one if whatever it finds is against that control.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from keywatch.access_keys.key_facts import KeyFacts, whole_days
from keywatch.access_keys.policy.fields import Days, Name, PolicyPart, RuleId, Severity

CIS: Final = "CIS AWS 3.0.0"
CIS_ROTATION_DAYS: Final = 90
CIS_UNUSED_DAYS: Final = 45

LEAST_UNUSED_DAYS: Final = 7
"""A rule that asks for keys to be deactivated counts at least so many days: IAM shows a use with hours of delay."""


class BaseRule(PolicyPart, ABC):
    """What every rule has."""

    id: RuleId = Field(description="Its name in findings, exceptions and the page; keep it, for findings go by it.")
    severity: Severity = Field(description="How much a finding matters.")
    control: Name | None = Field(
        default=None, description="The control that a finding is against, instead of the one of the CIS benchmark."
    )

    kind: str

    @abstractmethod
    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Say why the rule is about a key; None if it is not.

        Args:
            key: The key.
            others: All keys of the same user, this one included.
            as_of: The moment to which ages are counted, UTC.
        """

    @property
    def proposes(self) -> bool:
        """Whether a person is asked to let its keys be deactivated."""
        return False

    @property
    def cis(self) -> str | None:
        """The number of the CIS control that every finding is against; None if there is none."""
        return None

    @property
    def against(self) -> str | None:
        """The control that a finding is against."""
        return self.control or (self.cis and f"{CIS} {self.cis}")


class RuleOfUse(BaseRule):
    """A rule about keys that nobody uses, which may therefore be proposed for deactivation."""

    deactivate: Literal["never", "propose"] = Field(
        default="never",
        description="`propose` asks a person, who may let the key be deactivated; see `deactivation`.",
    )

    @property
    def proposes(self) -> bool:
        """Whether a person is asked to let its keys be deactivated."""
        return self.deactivate == "propose"


class OlderThan(BaseRule):
    """Active keys that are older than so many days."""

    kind: Literal["older_than"]
    days: Days = Field(description="A key is found when its age is above this: 90 finds it on day 91.")

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find an active key by its age."""
        del others
        age = key.age_days(as_of)
        if not key.is_active or age is None or age <= self.days:
            return None
        return f"{age} days old; more than {self.days} are too many"

    @property
    def cis(self) -> str | None:
        """Keys are rotated every 90 days or less."""
        return "1.14" if self.days >= CIS_ROTATION_DAYS else None


class UnusedFor(RuleOfUse):
    """Active keys that have not been used for so many days; of a key never used, the days since it was made count."""

    kind: Literal["unused_for"]
    days: Days = Field(description="A key is found when it has been unused for this many whole days, or more.")

    @model_validator(mode="after")
    def _patient(self) -> UnusedFor:
        _check_patience(self.days, "days", proposes=self.proposes)
        return self

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find an active key by its last use, or by its age if it has none."""
        del others
        days = whole_days(key.last_used or key.created, as_of)
        if not key.is_active or days is None or days < self.days:
            return None
        said = f"last used {days} days ago" if key.last_used else f"never used in {days} days"
        return f"{said}; {self.days} are too many"

    @property
    def cis(self) -> str | None:
        """Credentials unused for 45 days or more are disabled."""
        return "1.12" if self.days >= CIS_UNUSED_DAYS else None


class NeverUsed(RuleOfUse):
    """Active keys that were never used, once their grace period is over."""

    kind: Literal["never_used"]
    grace_days: Days = Field(description="A key that was never used is found when it is this many whole days old.")

    @model_validator(mode="after")
    def _patient(self) -> NeverUsed:
        _check_patience(self.grace_days, "grace_days", proposes=self.proposes)
        return self

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find an active key that has no use, by its age."""
        del others
        age = key.age_days(as_of)
        if not key.is_active or key.last_used is not None or age is None or age < self.grace_days:
            return None
        return f"never used, and {age} days old; the grace period is {self.grace_days}"

    @property
    def cis(self) -> str | None:
        """Credentials unused for 45 days or more are disabled."""
        return "1.12" if self.grace_days >= CIS_UNUSED_DAYS else None


class TwoActiveKeys(BaseRule):
    """All active keys but the newest, of a user who has two; a rotation has its grace period."""

    kind: Literal["two_active_keys"]
    grace_days: Days = Field(
        default=0, description="The older key is found when the newest is this many whole days old."
    )

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find an active key beside a newer one that is active too."""
        if key.is_of_root or not key.is_active or key.created is None:
            return None
        active = sorted((each.created, each.key_id) for each in others if each.is_active and each.created)
        made, newest = active[-1]
        age = whole_days(made, as_of)
        if newest == key.key_id or age is None or age < self.grace_days:
            return None
        return f"one of {len(active)} active keys of its user, and the newest is {age} days old"

    @property
    def cis(self) -> str:
        """Only one active access key is there for any single IAM user."""
        return "1.13"


class RootKey(BaseRule):
    """Keys of the root user, whatever their state, which no API shows."""

    kind: Literal["root_key"]

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find a key of root's."""
        del others, as_of
        return "a key of the root user, which may do everything" if key.is_of_root else None

    @property
    def cis(self) -> str:
        """No access key of the root user exists."""
        return "1.4"


class InactiveFor(BaseRule):
    """Keys that have been inactive for long, and can be deleted.

    IAM does not tell when a key was deactivated. What counts is when a report last saw it active; of a key that none
    has, when a report first saw it.
    """

    kind: Literal["inactive_for"]
    days: Days = Field(description="A key is found when no report has seen it active for this many whole days.")

    def reason(self, key: KeyFacts, others: Sequence[KeyFacts], as_of: datetime) -> str | None:
        """Find a key that is inactive, by when it was last seen otherwise."""
        del others
        days = whole_days(key.last_active or key.first_seen, as_of)
        if key.status != "Inactive" or days is None or days < self.days:
            return None
        return f"inactive for {days} days; after {self.days} it can be deleted"


Rule: TypeAlias = Annotated[
    OlderThan | UnusedFor | NeverUsed | TwoActiveKeys | RootKey | InactiveFor, Field(discriminator="kind")
]

KINDS: Final = (RootKey, OlderThan, UnusedFor, NeverUsed, TwoActiveKeys, InactiveFor)
"""In the order in which the documentation has them."""


def _check_patience(days: int, field: str, *, proposes: bool) -> None:
    if proposes and days < LEAST_UNUSED_DAYS:
        raise ValueError(f"deactivate: propose needs {field} of at least {LEAST_UNUSED_DAYS}")
