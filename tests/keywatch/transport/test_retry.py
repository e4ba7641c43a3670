"""Network back-off: how often, how long, and what the service asks for."""

from __future__ import annotations

import email.utils
import logging
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keywatch.errors import RequestRefusedError, ServiceUnavailableError, ThrottledError
from keywatch.transport import Transport
from keywatch.transport.retry import retry_after_seconds, retrying

log = logging.getLogger(__name__)


class Flaky:
    """Fails with the given errors, one a call, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        """Fail, or succeed."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def waits_of(flaky: Flaky, transport: Transport) -> list[float]:
    """Run a call to its end, and give the waits between its attempts."""
    waits: list[float] = []
    assert retrying(transport, log, "key_vault").copy(sleep=waits.append)(flaky) == "done"
    return waits


def test_retrying_a_success_does_not_wait() -> None:
    """What succeeds is called once."""
    assert waits_of(Flaky(), Transport()) == []


def test_retrying_backs_off_exponentially_up_to_a_limit() -> None:
    """Waits double from `backoff`, each with jitter, and stay at `max_backoff`."""
    errors = [ServiceUnavailableError("down")] * 5

    first, second, third, *rest = waits_of(Flaky(*errors), Transport(backoff=1, max_backoff=5))

    assert 1 <= first <= 2
    assert 2 <= second <= 3
    assert 4 <= third <= 5
    assert rest == [5, 5]


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (7.5, 7.5), (300.0, 300.0), (86_400.0, 300.0)])
def test_retrying_obeys_the_service_up_to_five_minutes(asked: float, waited: float) -> None:
    """What the service asks for is waited out, but never more than 300 seconds."""
    assert [waited] == waits_of(Flaky(ThrottledError("slow down", retry_after=asked)), Transport())


def test_retrying_ends_after_the_allowed_attempts_with_the_last_error() -> None:
    """The number of attempts is bounded, and the last error is raised as it is."""
    errors = [ServiceUnavailableError(str(number)) for number in range(9)]
    flaky = Flaky(*errors)

    with pytest.raises(ServiceUnavailableError) as caught:
        retrying(Transport(attempts=4), log, "key_vault").copy(sleep=lambda _: None)(flaky)

    assert flaky.calls == 4
    assert caught.value is errors[3]


def test_retrying_does_not_repeat_what_cannot_help() -> None:
    """A permanent error ends the attempts at once."""
    flaky = Flaky(RequestRefusedError("no"))

    with pytest.raises(RequestRefusedError):
        retrying(Transport(), log, "key_vault")(flaky)

    assert flaky.calls == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("soon", None), ("0", 0), ("-3", 0), ("120", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    """Seconds are read as they are, a moment in the past as now, anything else as nothing."""
    assert seconds == retry_after_seconds(header)


def test_retry_after_as_a_date_counts_from_now() -> None:
    """An HTTP date two minutes ahead means a wait of two minutes."""
    header = email.utils.formatdate(time.time() + 120, usegmt=True)

    assert retry_after_seconds(header) == pytest.approx(119.5, abs=2)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,30} \d\d:\d\d:\d\d [A-Z+\-0-9]{3,5}"))
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2300")
@example("nan")
def test_retry_after_of_any_text_is_harmless(header: str) -> None:
    """Whatever a proxy sends, the answer is a wait that can be waited, or none."""
    seconds = retry_after_seconds(header)

    assert seconds is None or seconds >= 0
