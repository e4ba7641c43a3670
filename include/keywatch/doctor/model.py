"""Steps that are tried, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

Detail: TypeAlias = "str | int | float | bool | list[Detail] | dict[str, Detail] | None"
"""What JSON can hold."""

NO_DETAILS: Final[Mapping[str, Detail]] = {}


class State(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found.

    Attributes:
        state: Passed; failed; or skipped, because there is nothing to check here, which hinders no other step.
        finding: What was seen, one sentence for a person.
        remedy: What to do, if it failed.
        details: The same in parts, for machines. Nothing in it is secret.
        cause: Names what is wrong, if other steps may meet the very same; it is then told once.
    """

    state: State
    finding: str
    remedy: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)
    cause: str | None = None


def passed(finding: str, details: Mapping[str, Detail] = NO_DETAILS) -> Outcome:
    """Make the outcome of a check that passed."""
    return Outcome(State.PASSED, finding, details=details)


def skipped(why: str) -> Outcome:
    """Make the outcome of a check that there is no need for."""
    return Outcome(State.SKIPPED, why)


def failed(
    finding: str, remedy: str, details: Mapping[str, Detail] = NO_DETAILS, *, cause: str | None = None
) -> Outcome:
    """Make the outcome of a check that failed.

    Args:
        finding: What is wrong.
        remedy: What to do.
        details: The same in parts.
        cause: As in `Outcome`.
    """
    return Outcome(State.FAILED, finding, remedy, details, cause)


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One thing to try. Two steps are never equal.

    Attributes:
        name: What is tried, such as `tls`.
        subject: On what, such as a host.
        check: Tries it. It may raise whatever the library raises.
        needs: The steps without which it would only fail of the same.
    """

    name: str
    subject: str
    check: Callable[[], Outcome]
    needs: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        """Name and subject, for messages."""
        return f"{self.name} of {self.subject}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a usable connection leads to.

    Attributes:
        finding: What the connection says, one sentence for a person.
        steps: What to try, in this order.
        details: The connection in parts, for machines.
    """

    finding: str
    steps: tuple[Step, ...]
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One step, when it is over.

    Attributes:
        step: Its name.
        subject: What it was tried on.
        state: How it ended.
        milliseconds: How long it took.
        finding: What was seen.
        remedy: What to do; None unless it failed, and None if that was said before.
        details: The same in parts.
    """

    step: str
    subject: str
    state: State
    milliseconds: int
    finding: str
    remedy: str | None
    details: Mapping[str, Detail]
