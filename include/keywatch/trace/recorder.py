"""What sees the requests of one recording, and keeps them without their secrets."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Iterator
from typing import Final

import urllib3
from urllib3.connectionpool import HTTPConnectionPool

from keywatch.trace.check import recheck
from keywatch.trace.entry import entry_of, entry_of_trouble
from keywatch.trace.exchange import Exchange, answer_of, answer_of_which_little_is_known, request_of
from keywatch.trace.known import KnownSecrets
from keywatch.trace.spool import Spool
from keywatch.trace.tap import SeenResponse

log = logging.getLogger(__name__)

LOST: Final = "not read to its end"


class Recorder:
    """Sees requests, and keeps them without their secrets. Several threads may make requests at once.

    Args:
        page_id: What the requests belong to.
        longest_body: Characters of a body that are kept.

    Raises:
        OSError: There is no room for a temporary file.
    """

    def __init__(self, page_id: str, longest_body: int) -> None:
        self.known = KnownSecrets()
        self._page_id = page_id
        self._longest_body = longest_body
        self._spool = Spool()
        self._open: dict[Exchange, None] = {}
        self._has_stumbled = False

    def begin(self, pool: HTTPConnectionPool, method: str, url: str, body: object, headers: object) -> Exchange | None:
        """See a request before it is sent."""
        try:
            exchange = Exchange(request_of(pool, method, url, body, headers), pool)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is made
            self._stumble(error)
            return None
        self._open[exchange] = None
        return exchange

    def repeated(self, exchange: Exchange, retries: urllib3.Retry) -> None:
        """See that urllib3 itself repeats a request."""
        with self._careful(exchange):
            last = retries.history[-1]
            if last.error is not None:
                exchange.has_failed(last.error)
            elif last.status is not None:
                exchange.has_answered(answer_of_which_little_is_known(last.status, last.redirect_location))
            exchange.remark = "urllib3 made the request again"
            self._finish(exchange)

    def answered(self, exchange: Exchange, response: urllib3.BaseHTTPResponse, *, is_read: bool) -> None:
        """See the answer to a request, which urllib3 may have read already."""
        with self._careful(exchange):
            if exchange not in self._open:
                return
            is_seen = is_read or SeenResponse.watch(response, self, exchange)
            exchange.has_answered(answer_of(response, is_seen=is_seen))
            if is_read:
                is_unpacked = response.decode_content and "content-encoding" in response.headers
                self.read(exchange, response.data or b"", None, is_unpacked=is_unpacked)
            if is_read or not is_seen:
                self._finish(exchange)

    def failed(self, exchange: Exchange, error: BaseException) -> None:
        """See that a request, or the reading of its answer, has failed."""
        with self._careful(exchange):
            exchange.has_failed(error)
            self._finish(exchange)

    def read(self, exchange: Exchange, data: bytes, wire: int | None, *, is_unpacked: bool) -> None:
        """See a further part of an answer."""
        with self._careful(exchange):
            if exchange.answer is not None:
                exchange.is_being_read()
                exchange.answer.body.read(data, wire, is_unpacked=is_unpacked)

    def ended(self, exchange: Exchange, *, is_whole: bool) -> None:
        """See that an answer has been read to its end, or will be read no further."""
        with self._careful(exchange):
            if exchange in self._open:
                exchange.is_being_read()
                exchange.remark = None if is_whole else LOST
                self._finish(exchange)

    def entries(self) -> Iterator[bytes]:
        """Yield every entry in order of its start, without anything that has turned out to be a secret since.

        Raises:
            OSError: The temporary file cannot be read.
        """
        for exchange in tuple(self._open):
            exchange.remark = "not over when the recording ended" if exchange.answer is None else LOST
            with self._careful(exchange):
                self._finish(exchange)
        for line in self._spool.in_order():
            yield recheck(line, self.known)

    def close(self) -> None:
        """Remove the temporary file."""
        self._spool.close()

    def _finish(self, exchange: Exchange) -> None:
        """Keep an exchange that is over, once."""
        try:
            del self._open[exchange]
        except KeyError:  # it is over already
            return
        exchange.pool = exchange.outer = None
        try:
            line = entry_of(exchange, self._page_id, self.known, self._longest_body)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request was made, and the entry says so
            self._stumble(error)
            line = entry_of_trouble(exchange, self._page_id, type(error).__name__)
        exchange.forget_bodies()
        self._spool.add(exchange.started.isoformat(timespec="microseconds"), line)

    @contextlib.contextmanager
    def _careful(self, exchange: Exchange) -> Iterator[None]:
        """Let nothing that goes wrong in the recording reach who makes the request."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as said
            exchange.trouble = type(error).__name__
            self._stumble(error)

    def _stumble(self, error: Exception) -> None:
        """Say once that the recording is not complete. The error's own words may hold what was being recorded."""
        if self._has_stumbled:
            return
        self._has_stumbled = True
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.warning(
            "A request could not be recorded in full (%s, %s:%s). The requests themselves go on; further failures of "
            "the recording are not logged.",
            type(error).__name__,
            where.name,
            where.lineno,
        )
