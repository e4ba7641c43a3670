"""A local IAM and STS: `python -m tests.benchmarks.iam_endpoint USERS`. Latency and rate can be set.

A path of twelve digits makes it that account's, of the same users. Beyond the rate it answers as IAM does: 400,
`Throttling`, "Rate exceeded". The rate is a token bucket's, as the blog posts of AWS describe IAM's.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.benchmarks import iam_answers
from tests.benchmarks.http_endpoint import serve
from tests.benchmarks.iam_population import ACCOUNT, described, population

MOST_ITEMS: Final = 1_000
USUAL_ITEMS: Final = 100
BURST: Final = 5
REPORT_AGE: Final = timedelta(hours=2)
"""IAM hands out a report of up to four hours as it is (IAM user guide)."""
NO_SUCH_USER: Final = iam_answers.refused("404 Not Found", "NoSuchEntity", "The user cannot be found.")
NO_SUCH_KEY: Final = iam_answers.refused("403 Forbidden", "AccessDenied", "The key cannot be found.")
NO_SUCH_ACTION: Final = iam_answers.refused("400 Bad Request", "InvalidAction", "Could not find operation.")
PATH: Final = re.compile(rb"POST /(\d{12})")


class TokenBucket:
    """Lets a rate through, and a few more at once.

    Args:
        rate: Calls a second.
        burst: Calls that may come at once.
        now: Seconds, monotonic.
    """

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class IamEndpoint:
    """Answers about one population.

    Args:
        users: How many users there are.
    """

    def __init__(self, users: int) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        people = population(users, now)
        self.described = described(people)
        self._members = [iam_answers.user_member(user) for user in people]
        self._pages: dict[tuple[int, int], bytes] = {}
        self._keys = {user.name: iam_answers.keys_of(user) for user in people}
        self._used = {key.id: iam_answers.last_used(user, key) for user in people for key in user.keys}
        self._always = {
            "GetAccountSummary": iam_answers.account_summary(users),
            "GenerateCredentialReport": iam_answers.report_state("COMPLETE"),
            "GetCredentialReport": iam_answers.credential_report(people, now - REPORT_AGE),
            "AssumeRole": iam_answers.session(now + timedelta(hours=1)),
            "GetCallerIdentity": iam_answers.caller(),
        }
        self.set({})

    def set(self, settings: dict[str, Any]) -> None:
        """Take `latency` in seconds and `rate` in calls a second (0: no limit), and count from zero."""
        self.latency: float = settings.get("latency", 0.0)
        rate = settings.get("rate", 0)
        self._bucket = TokenBucket(rate, BURST, time.monotonic()) if rate else None
        self._calls: Counter[str] = Counter()
        self._refused = 0
        self._first = self._last = 0.0

    def counts(self) -> dict[str, Any]:
        """Return the calls answered by action, those refused, and the seconds between the first and the last."""
        return {
            "calls": dict(self._calls),
            "allowed": self._calls.total(),
            "refused": self._refused,
            "burst": BURST,
            "seconds": self._last - self._first,
        }

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Answer one call."""
        self._last = now = time.monotonic()
        self._first = self._first or now
        if self._bucket and not self._bucket.take(now):
            self._refused += 1
            return iam_answers.refused("400 Bad Request", "Throttling", "Rate exceeded")
        asked = dict(parse_qsl(body.decode("ascii")))
        self._calls[asked["Action"]] += 1
        answered = self._answered(asked)
        account = PATH.match(head)
        return answered.replace(ACCOUNT.encode("ascii"), account[1]) if account else answered

    def _answered(self, asked: dict[str, str]) -> bytes:
        match asked["Action"]:
            case "GetAccessKeyLastUsed":
                return self._used.get(asked["AccessKeyId"], NO_SUCH_KEY)
            case "ListAccessKeys":
                return self._keys.get(asked["UserName"], NO_SUCH_USER)
            case "ListUsers":
                return self._page(int(asked.get("Marker", 0)), min(MOST_ITEMS, int(asked.get("MaxItems", USUAL_ITEMS))))
            case action:
                return self._always.get(action, NO_SUCH_ACTION)

    def _page(self, start: int, size: int) -> bytes:
        if (start, size) not in self._pages:
            end = start + size
            marker = str(end) if end < len(self._members) else None
            self._pages[start, size] = iam_answers.users_page(self._members[start:end], marker)
        return self._pages[start, size]


if __name__ == "__main__":
    endpoint = IamEndpoint(int(sys.argv[1]))
    serve(endpoint, population=endpoint.described)
