"""The whole policy, as its file has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, Strict, StrictBool, StrictInt, model_validator

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.fields import (
    AccountId,
    KeyId,
    Name,
    PolicyPart,
    RuleId,
    Severity,
    Text,
    UserPattern,
    fits_one,
)
from keywatch.access_keys.policy.rules import Rule

Path = tuple[str | int, ...]
"""Where in a policy something is, such as `("rules", 2, "days")`."""

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low")
"""The worst first."""


class Scope(PolicyPart):
    """Which keys are meant: those for which all that is given holds."""

    accounts: tuple[AccountId, ...] = Field(
        default=(), description="Numbers of accounts, no patterns; none means every account."
    )
    users: tuple[UserPattern, ...] = Field(
        default=(),
        description="User names, in which `*` stands for any characters and `?` for one; none means every user. "
        "`<root_account>` is the root user.",
    )

    def covers(self, account_id: str, user_name: str) -> bool:
        """Tell whether a user of an account is meant."""
        return (not self.accounts or account_id in self.accounts) and (
            not self.users or fits_one(user_name, self.users)
        )


class KeyException(Scope):
    """Keys that a rule does not find, until a day, for a reason."""

    keys: tuple[KeyId, ...] = Field(default=(), description="KeyIds, as findings have them; none means every key.")
    rules: tuple[RuleId, ...] = Field(default=(), description="Ids of rules; none means every rule.")
    reason: Text = Field(description="Why, for whoever reads this later.")
    expires: Annotated[date, Strict()] = Field(description="The last day on which it holds, UTC, such as 2027-03-31.")

    @model_validator(mode="after")
    def _narrow(self) -> KeyException:
        if not (self.accounts or self.users or self.keys):
            raise ValueError("it names no accounts, users or keys, and so would hold for everything: name some")
        return self

    def excuses(self, rule_id: str, key: KeyFacts, today: date) -> bool:
        """Tell whether a rule does not count for a key on a day."""
        return (
            today <= self.expires
            and (not self.rules or rule_id in self.rules)
            and (not self.keys or key.key_id in self.keys)
            and self.covers(key.account_id, key.user_name)
        )


class OwnerPattern(Scope):
    """Who answers for users whom neither the table of owners nor a tag gives an owner."""

    owner: Name = Field(description="Who answers for them: an address, a team, whatever your notifier understands.")

    @model_validator(mode="after")
    def _narrow(self) -> OwnerPattern:
        if not (self.accounts or self.users):
            raise ValueError("it names no accounts or users: name some")
        return self


class Notify(PolicyPart):
    """Who is told of findings that are new, by the notifier of Airflow's configuration."""

    to: Literal["digest", "owners", "nobody"] = Field(
        default="digest",
        description="`digest` sends one notice of everything; `owners` one to each owner of their keys, and a digest "
        "of the keys that have none.",
    )
    severity: Severity = Field(default="low", description="The least severity that is told of.")


class AssignedUser(PolicyPart):
    """A user of this Airflow who may approve; a text alone is both id and name."""

    id: Name = Field(description="The user's id in Airflow's auth manager.")
    name: Name = Field(description="The user's name, for the request.")


def _user(value: object) -> object:
    """Take an id alone for the name too; some auth managers have numbers for ids."""
    value = str(value) if type(value) is int else value
    return {"id": value, "name": value} if isinstance(value, str) else value


class Deactivation(PolicyPart):
    """Who is asked before keys are deactivated, and what an approval does."""

    dry_run: StrictBool = Field(
        default=True, description="Whether an approval changes nothing, but shows what it would change."
    )
    assigned_users: tuple[
        Annotated[AssignedUser, BeforeValidator(_user, json_schema_input_type=str | int | AssignedUser)], ...
    ] = Field(
        default=(),
        description="Who may approve: ids of Airflow's auth manager, or `id` and `name`. Nobody else can.",
    )
    most_keys: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=200,
        description="How many keys one request may be about. The rest comes when these are done with.",
    )


class Policy(PolicyPart):
    """The policy."""

    version: Annotated[StrictInt, Field(ge=1, le=1)] = Field(description="Of this format: 1.")
    rules: tuple[Rule, ...] = Field(description="What a key should not be.")
    exceptions: tuple[KeyException, ...] = Field(default=(), description="Keys that a rule does not find.")
    owners: tuple[OwnerPattern, ...] = Field(
        default=(), description="Who answers for which users, the first that fits."
    )
    notify: Notify = Field(default=Notify(), description="Who is told of findings that are new.")
    deactivation: Deactivation = Field(default=Deactivation(), description="Who is asked before keys are deactivated.")

    def contradictions(self) -> Iterator[tuple[Path, str]]:
        """Find what its parts, each of which is fine, do not have together: where, and what."""
        ids = [rule.id for rule in self.rules]
        for number, each in enumerate(ids):
            if each in ids[:number]:
                yield ("rules", number, "id"), f"{each} is the id of another rule already"
        for number, exception in enumerate(self.exceptions):
            for place, each in enumerate(exception.rules):
                if each not in ids:
                    guess = "".join(f"; did you mean {close}?" for close in get_close_matches(each, ids, 1))
                    yield ("exceptions", number, "rules", place), f"there is no rule {each}{guess}"
        if not self.deactivation.assigned_users:
            for number, rule in enumerate(self.rules):
                if rule.proposes:
                    yield ("rules", number, "deactivate"), "deactivation.assigned_users names nobody who may approve it"

    @property
    def proposing(self) -> tuple[Rule, ...]:
        """The rules that ask for keys to be deactivated."""
        return tuple(rule for rule in self.rules if rule.proposes)

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule; None if there is none of this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def expired(self, today: date) -> tuple[KeyException, ...]:
        """Return the exceptions that hold no more."""
        return tuple(each for each in self.exceptions if each.expires < today)


def owner_by_pattern(patterns: Iterable[OwnerPattern], account_id: str, user_name: str) -> str | None:
    """Return the owner that the first pattern that fits gives to a user; None if none fits."""
    return next((each.owner for each in patterns if each.covers(account_id, user_name)), None)


def is_as_severe(severity: str, least: Severity) -> bool:
    """Tell whether a severity is at least another."""
    return severity in SEVERITIES[: SEVERITIES.index(least) + 1]
