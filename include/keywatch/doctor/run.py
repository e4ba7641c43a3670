"""Try steps in their order, each that still can tell something new, and time them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Final

from keywatch.doctor.model import Detail, Outcome, Plan, Result, State, Step, failed, passed
from keywatch.errors import KeywatchError
from keywatch.transport.foreign_text import printable

CONFIGURATION: Final = "configuration"
SENTENCE: Final = re.compile(r"(?<=[^.]{2})\. (?=[A-Z`\[])")
USER_INFO: Final = re.compile(r"(?<=://)(?!user:password@)[^/@\s]*@")
"""User and password in a URL, but for the words by which remedies say where they belong."""

GUIDE: Final = "docs/troubleshooting.md"


def examine(conn_id: str, configure: Callable[[], Plan]) -> Iterator[Result]:
    """Read a connection and, if it is usable, try what it leads to. A step's result comes as soon as it is over.

    Args:
        conn_id: The connection, for the first result.
        configure: Reads it, without asking anybody but Airflow.

    Yields:
        A result for each step.
    """
    plan: list[Plan] = []

    def read() -> Outcome:
        plan.append(configure())
        return passed(plan[0].finding, plan[0].details)

    yield from run((Step(CONFIGURATION, conn_id, read),))
    for each in plan:
        yield from run(each.steps)


def no_connection(conn_id: str, remedy: str) -> Result:
    """Make the one result of an examination of nothing.

    Args:
        conn_id: The connection that is not there.
        remedy: What to do.
    """
    nothing = Step(CONFIGURATION, conn_id, lambda: passed(""))
    return _result(nothing, failed(f"Airflow knows no connection {conn_id}.", remedy), 0.0)


def run(steps: tuple[Step, ...], clock: Callable[[], float] = time.monotonic) -> Iterator[Result]:
    """Try steps one after the other.

    A step that needs one that failed is not tried: it would name the same cause again. A cause that several steps meet
    is told at the first of them.

    Args:
        steps: In their order.
        clock: Returns seconds that never go back.

    Yields:
        A result for each, as soon as it is over.
    """
    stopped: dict[Step, Step] = {}
    causes: dict[str, Step] = {}
    for step in steps:
        at_fault = next((stopped[need] for need in step.needs if need in stopped), None)
        began = clock()
        if at_fault:
            outcome = Outcome(State.SKIPPED, f"Not tried, since it needs {at_fault.title}.")
        else:
            outcome = _told_once(_try(step), causes, step)
        if at_fault or outcome.state is State.FAILED:
            stopped[step] = at_fault or step
        yield _result(step, outcome, clock() - began)


def explain(error: KeywatchError) -> tuple[str, str]:
    """Split an error's message into what is wrong and what to do, which is how all of them are written."""
    what, *rest = SENTENCE.split(str(error), maxsplit=1)
    return what.rstrip(".") + ".", rest[0] if rest else f"Look up {type(error).__name__} in {GUIDE}."


def _try(step: Step) -> Outcome:
    try:
        return step.check()
    except KeywatchError as error:
        return failed(*explain(error), {"error": type(error).__name__})
    except Exception as error:  # noqa: BLE001 - a doctor that dies tells nothing
        return failed(
            f"This failed in a way that nobody foresaw: {type(error).__name__}: {printable(error)}.",
            "Report it, with the output of --json.",
            {"error": type(error).__name__},
        )


def _told_once(outcome: Outcome, causes: dict[str, Step], step: Step) -> Outcome:
    if outcome.state is not State.FAILED or outcome.cause is None:
        return outcome
    first = causes.setdefault(outcome.cause, step)
    if first is step:
        return outcome
    return Outcome(State.FAILED, f"The same cause as of {first.title}.", None, outcome.details)


def _result(step: Step, outcome: Outcome, seconds: float) -> Result:
    return Result(
        step=step.name,
        subject=_without_users(step.subject),
        state=outcome.state,
        milliseconds=round(seconds * 1000),
        finding=_without_users(outcome.finding),
        remedy=None if outcome.remedy is None else _without_users(outcome.remedy),
        details={name: _detail(value) for name, value in outcome.details.items()},
    )


def _detail(value: Detail) -> Detail:
    if isinstance(value, list):
        return [_detail(each) for each in value]
    if isinstance(value, dict):
        return {name: _detail(each) for name, each in value.items()}
    return _without_users(value) if isinstance(value, str) else value


def _without_users(text: str) -> str:
    """Take user and password out of every URL in a text."""
    return USER_INFO.sub("", text)
