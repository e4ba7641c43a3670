"""Network back-off: how one request is tried again before Airflow's own retries come in."""

from __future__ import annotations

import email.utils
import logging
import time
from datetime import UTC, datetime
from typing import Final

import tenacity

from keywatch import metrics
from keywatch.errors import ThrottledError, TransientError
from keywatch.transport.settings import Transport

MAX_RETRY_AFTER: Final = 300.0
"""Seconds of a service's `Retry-After` that are waited out at most."""


def retrying(transport: Transport, log: logging.Logger, service: str) -> tenacity.Retrying:
    """Make a retry loop over transient errors, with exponential back-off and jitter.

    A service that says how long to wait is obeyed, up to `MAX_RETRY_AFTER`. The last error is raised as it is, marked
    as `retried`: loops around loops do not multiply the attempts.

    Args:
        transport: Says how often, and how patiently.
        log: Is told of every attempt that another one follows.
        service: Who is asked, for the metrics.
    """
    exponential = tenacity.wait_exponential_jitter(
        multiplier=transport.backoff, max=transport.max_backoff, jitter=transport.backoff
    )

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else None
        return exponential(state) if asked is None else min(asked, MAX_RETRY_AFTER)

    def stop(state: tenacity.RetryCallState) -> bool:
        last = state.attempt_number >= transport.attempts
        error = state.outcome.exception() if state.outcome else None
        if last and isinstance(error, TransientError):
            error.retried = True
        return last

    return tenacity.Retrying(
        sleep=time.sleep,
        stop=stop,
        wait=wait,
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, TransientError) and not error.retried),
        after=lambda state: _count_throttled(service, state),
        before_sleep=lambda state: _say(log, transport.attempts, service, state),
        reraise=True,
    )


def _count_throttled(service: str, state: tenacity.RetryCallState) -> None:
    if state.outcome and isinstance(state.outcome.exception(), ThrottledError):
        metrics.count(metrics.CALLS_THROTTLED, service=service)


def _say(log: logging.Logger, attempts: int, service: str, state: tenacity.RetryCallState) -> None:
    """Log why an attempt failed, and when the next one follows."""
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    log.warning("%s Attempt %d of %d follows in %.1f s.", error, state.attempt_number + 1, attempts, seconds)
    metrics.count(metrics.CALLS_RETRIED, service=service)


def retry_after_seconds(value: str | None) -> float | None:
    """Read a `Retry-After` header, in seconds or as an HTTP date (RFC 9110, section 10.2.3).

    Returns:
        Seconds from now, never below 0; None when there is no header or it cannot be read.
    """
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
