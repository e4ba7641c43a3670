"""How many requests AWS was sent, those that were tried again included."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from keywatch import metrics
from keywatch.access_keys.aws_errors import THROTTLE_CODES

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

log = logging.getLogger(__name__)


class CallCounter:
    """Counts the requests of one client, those that are tried again too. Threads may share it.

    Attributes:
        calls: Requests sent.
        retried: Those that were not the first for the same thing.
        throttled: Those that AWS throttled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = 0
        self.retried = 0
        self.throttled = 0

    @contextmanager
    def watching(self, client: IAMClient) -> Iterator[None]:
        """Count a client's requests meanwhile, and then report them to the metrics, all at once."""
        event = _answers_of(client)
        client.meta.events.register(event, self.received)
        try:
            yield
        finally:
            client.meta.events.unregister(event, self.received)
            self.report(_service_of(client))

    def received(
        self, parsed_response: Mapping[str, Any] | None = None, context: Mapping[str, Any] | None = None, **_: object
    ) -> None:
        """Count one request, as botocore's event tells of its answer."""
        code = (parsed_response or {}).get("Error", {}).get("Code")
        attempt = (context or {}).get("retries", {}).get("attempt", 1)
        throttled = code in THROTTLE_CODES
        with self._lock:
            first = throttled and not self.throttled
            self.calls += 1
            self.retried += attempt > 1
            self.throttled += throttled
        if first:
            log.info("AWS throttles (%s): fewer requests a second are sent from now on", code)

    def report(self, service: str) -> None:
        """Hand the counts on to the metrics."""
        metrics.count(metrics.CALLS_MADE, self.calls, service=service)
        metrics.count(metrics.CALLS_RETRIED, self.retried, service=service)
        metrics.count(metrics.CALLS_THROTTLED, self.throttled, service=service)


def report_each_call(client: Any) -> None:  # noqa: ANN401 - any client of boto3's
    """Report every request of a client to the metrics as soon as it is answered: of one that makes few."""
    service = _service_of(client)

    def received(**event: Any) -> None:  # noqa: ANN401 - as botocore has it
        one = CallCounter()
        one.received(**event)
        one.report(service)

    client.meta.events.register(_answers_of(client), received)


def _service_of(client: Any) -> str:  # noqa: ANN401 - any client of boto3's
    return str(client.meta.service_model.service_id.hyphenize())


def _answers_of(client: Any) -> str:  # noqa: ANN401 - any client of boto3's
    """Return the event by which botocore tells of every answer, those that it will ask again for included."""
    return f"response-received.{_service_of(client)}"
