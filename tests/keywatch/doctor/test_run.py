"""The order of steps, what is not tried, and what is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from keywatch.doctor.model import Outcome, Plan, Result, State, Step, failed, passed, skipped
from keywatch.doctor.run import examine, explain, no_connection, run
from keywatch.errors import ConfigurationError, UnreachableError

PASSED = passed("fine")
BROKEN = failed("broken", "mend it", cause="the same")


def step(name: str, outcome: Outcome = PASSED, *needs: Step) -> Step:
    """Make a step that ends so."""
    return Step(name, f"host-{name}", lambda: outcome, needs)


def raising(error: Exception) -> Callable[[], NoReturn]:
    """Make a check that raises."""

    def check() -> NoReturn:
        raise error

    return check


def states(*steps: Step) -> list[str]:
    """Run steps, and give how they ended."""
    return [each.state for each in run(steps)]


def test_steps_are_tried_in_their_order() -> None:
    """Each step has its result, in the order given."""
    assert [each.step for each in run((step("a"), step("b"), step("c")))] == ["a", "b", "c"]


def test_step_that_needs_a_failed_one_is_not_tried() -> None:
    """It would fail of the same; what does not need it goes on."""
    first = step("a", BROKEN)
    second = step("b", PASSED, first)

    results = list(run((first, second, step("c", PASSED, second), step("d"))))

    assert [each.state for each in results] == [State.FAILED, State.SKIPPED, State.SKIPPED, State.PASSED]
    assert {"Not tried, since it needs a of host-a."} == {each.finding for each in results[1:3]}


def test_step_that_there_was_no_need_for_hinders_no_other() -> None:
    """A skipped step is as good as a passed one for those that need it."""
    first = step("a", skipped("no need"))

    assert states(first, step("b", PASSED, first)) == [State.SKIPPED, State.PASSED]


def test_cause_is_told_once() -> None:
    """The second step that meets the same cause refers to the first, and repeats no remedy."""
    first, second, other = run((step("a", BROKEN), step("b", BROKEN), step("c", failed("x", "do", cause="another"))))

    assert (first.finding, first.remedy) == ("broken", "mend it")
    assert (second.state, second.finding, second.remedy) == (State.FAILED, "The same cause as of a of host-a.", None)
    assert other.remedy == "do"


def test_error_is_parted_into_finding_and_remedy() -> None:
    """The library's errors say what is wrong and then what to do, and so does the result."""
    error = ConfigurationError("There is no source 'x'. Set it to hsm, exported or pem on the connection.")

    (result,) = run((Step("a", "b", raising(error)),))

    assert (result.state, result.finding) == (State.FAILED, "There is no source 'x'.")
    assert result.remedy == "Set it to hsm, exported or pem on the connection."
    assert result.details == {"error": "ConfigurationError"}


def test_error_without_a_remedy_leads_to_the_guide() -> None:
    """There is something to do for every error."""
    assert explain(UnreachableError("The connection broke")) == (
        "The connection broke.",
        "Look up UnreachableError in docs/troubleshooting.md.",
    )


def test_error_that_nobody_foresaw_is_a_failure_like_others() -> None:
    """The examination goes on, and nothing that looks like a secret is repeated."""
    secret = "eyJhbGciOiJQUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"

    first, second = run((Step("a", "b", raising(KeyError(secret))), step("c")))

    assert (first.state, second.state) == (State.FAILED, State.PASSED)
    assert "KeyError" in first.finding
    assert "eyJ" not in first.finding


def test_time_is_taken_in_milliseconds() -> None:
    """Each result says how long its step took."""
    times: Iterator[float] = iter([1.0, 1.25, 2.0, 2.0014])

    results = run((step("a"), step("b")), clock=lambda: next(times))

    assert [each.milliseconds for each in results] == [250, 1]


def test_users_of_urls_are_taken_out_of_everything() -> None:
    """Whoever forgot that a URL holds a password is forgiven."""
    url = "http://me:hunter2@proxy.example:3128"
    outcome = failed(f"See {url}.", f"Correct {url}", {"a": url, "b": [url], "c": {"d": url}, "e": 1})

    (result,) = run((Step("a", url, lambda: outcome),))

    assert "hunter2" not in repr(result)
    assert repr(result).count("http://proxy.example:3128") == 6


def test_examination_ends_with_a_connection_that_cannot_be_used() -> None:
    """A connection that is not usable has one result."""
    (result,) = examine("one", raising(ConfigurationError("It is wrong. Correct it.")))

    assert (result.step, result.subject, result.state) == ("configuration", "one", State.FAILED)


def test_examination_goes_on_with_the_plan() -> None:
    """A usable connection is told, and then tried."""
    plan = Plan("It is right.", (step("a"),), {"x": 1})

    first, second = examine("one", lambda: plan)

    assert Result("configuration", "one", State.PASSED, first.milliseconds, "It is right.", None, {"x": 1}) == first
    assert second.step == "a"


def test_no_connection_is_told_like_one_that_fails() -> None:
    """There is a result, with what to do."""
    result = no_connection("nobody", "Create it.")

    assert (result.step, result.state, result.remedy) == ("configuration", State.FAILED, "Create it.")


@pytest.mark.parametrize("text", ["HTTP 403 did not come from x.example.com, but from something in between."])
def test_dots_in_names_end_no_sentence(text: str) -> None:
    """A host's name is not cut."""
    assert explain(ConfigurationError(f"{text} Check it."))[0] == text
