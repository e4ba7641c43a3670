"""This machine's clock, held against that of a host."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime
from functools import partial
from typing import Final

import requests

from keywatch.doctor.model import Outcome, Step, failed, passed, skipped
from keywatch.doctor.place import Place
from keywatch.transport import AllowedHosts
from keywatch.transport.http import network_error, requests_session

MOST_SKEW: Final = 300
"""Seconds that this machine's clock may be off. AWS refuses signatures that are off by more, and Entra assertions."""

LARGEST_ANSWER: Final = 4_000_000
"""Bytes of a page that somebody may answer with; only its headers count."""


def clock_step(place: Place, reached: Step) -> Step:
    """Make the step that holds this machine's clock against a host's.

    Args:
        place: The host.
        reached: The step after which it can be spoken to.
    """
    return Step("clock", place.host, partial(check_clock, place), (reached,))


def check_clock(place: Place) -> Outcome:
    """Compare the clocks by the `Date` of an answer, whatever else it says.

    Raises:
        KeywatchError: There is no answer.
    """
    hosts = AllowedHosts(place.host, (place.authority,))
    try:
        with requests_session(place.transport, hosts, largest=LARGEST_ANSWER) as session:
            before = datetime.now(UTC)
            answer = session.get(f"https://{place.authority}/", allow_redirects=False)
            after = datetime.now(UTC)
    except requests.RequestException as error:
        raise network_error(error, place.host, place.knobs) from error
    here = before + (after - before) / 2
    try:
        there = email.utils.parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
    except (KeyError, OverflowError, ValueError):
        return skipped(f"{place.host} does not say what time it is.")
    return _judged((here - there).total_seconds(), place.host)


def _judged(ahead: float, host: str) -> Outcome:
    details = {"seconds_ahead": round(ahead)}
    if abs(ahead) <= MOST_SKEW:
        return passed(f"Its clock and this machine's are {abs(ahead):.0f} s apart.", details)
    where = "ahead of" if ahead > 0 else "behind"
    return failed(
        f"This machine's clock is {abs(ahead) / 60:.0f} minutes {where} that of {host}.",
        "Set it by NTP (`chronyc makestep`, or `timedatectl set-ntp true`), on the host if this is a container: what "
        f"is signed more than {MOST_SKEW // 60} minutes off is refused.",
        details,
        cause="clock",
    )
