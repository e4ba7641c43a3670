"""Where requests are seen: urllib3's `HTTPConnectionPool.urlopen`.

requests, and with it MSAL and azure-core, and botocore all call it, on that class or one below it. What goes another
way, such as aiohttp, httpx or `urllib.request`, is not seen.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast

import urllib3
from urllib3.connectionpool import HTTPConnectionPool

from keywatch.trace.exchange import Exchange

T = TypeVar("T")

READS_ITSELF: Final = 8
"""The place of `preload_content` among the arguments that follow `headers` in `urlopen`."""


class Observer(Protocol):
    """Is told of every request. It raises nothing: whatever goes wrong in it is its own business."""

    def begin(self, pool: HTTPConnectionPool, method: str, url: str, body: object, headers: object) -> Exchange | None:
        """See a request before it is sent; None if it is not recorded."""
        ...

    def repeated(self, exchange: Exchange, retries: urllib3.Retry) -> None:
        """See that urllib3 itself repeats a request."""
        ...

    def answered(self, exchange: Exchange, response: urllib3.BaseHTTPResponse, *, is_read: bool) -> None:
        """See the answer to a request, which urllib3 may have read already."""
        ...

    def failed(self, exchange: Exchange, error: BaseException) -> None:
        """See that a request, or the reading of its answer, has failed."""
        ...

    def read(self, exchange: Exchange, data: bytes, wire: int | None, *, is_unpacked: bool) -> None:
        """See a further part of an answer.

        Args:
            exchange: Whose answer it is.
            data: The part, as its reader gets it.
            wire: Bytes that came over the network until now; None if that is not known.
            is_unpacked: Whether the part has been unpacked already.
        """
        ...

    def ended(self, exchange: Exchange, *, is_whole: bool) -> None:
        """See that an answer has been read to its end, or will be read no further."""
        ...


class Tap:
    """Lets an observer see the requests of this process, until it is closed.

    What the observer may not know of an answer until it has been read, it sees as it is read: the answer that urllib3
    returned stays the same object, of a class below its own.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer: Observer | None = observer
        self._process = os.getpid()
        self._current = threading.local()
        self._original: Callable[..., Any] = HTTPConnectionPool.urlopen
        self._seeing = self._seeing_urlopen()
        HTTPConnectionPool.urlopen = self._seeing  # type: ignore[method-assign]

    def close(self) -> None:
        """Put back what was there. Where somebody else has wrapped it since, that stays, and this lets all pass."""
        self._observer = None
        if HTTPConnectionPool.urlopen is self._seeing:
            HTTPConnectionPool.urlopen = self._original  # type: ignore[method-assign]

    def _seeing_urlopen(self) -> Callable[..., Any]:
        original = self._original

        @functools.wraps(original)
        def urlopen(
            pool: HTTPConnectionPool,
            method: str,
            url: str,
            body: Any = None,  # noqa: ANN401 - as urllib3's own
            headers: Any = None,  # noqa: ANN401 - as urllib3's own
            *more: Any,  # noqa: ANN401 - handed on
            **options: Any,  # noqa: ANN401 - handed on
        ) -> Any:  # noqa: ANN401 - as urllib3's own
            observer = self._observer if os.getpid() == self._process else None
            if observer is None:
                return original(pool, method, url, body, headers, *more, **options)
            outer: Exchange | None = getattr(self._current, "exchange", None)
            exchange = observer.begin(pool, method, url, body, headers)
            if outer is not None and exchange is not None:
                _see_repeat(observer, outer, exchange, more[0] if more else options.get("retries"))
            self._current.exchange = exchange
            try:
                response = original(pool, method, url, body, headers, *more, **options)
            except BaseException as error:
                if exchange is not None:
                    observer.failed(exchange, error)
                raise
            finally:
                self._current.exchange = outer
            if exchange is not None:
                is_read = more[READS_ITSELF] if len(more) > READS_ITSELF else options.get("preload_content", True)
                observer.answered(exchange, response, is_read=bool(is_read))
            return response

        return urlopen


def _see_repeat(observer: Observer, outer: Exchange, exchange: Exchange, retries: object) -> None:
    """See whether a request within another one, in the same thread, is urllib3's own repetition of that."""
    if not isinstance(retries, urllib3.Retry) or outer.pool is not exchange.pool:
        return
    if len(retries.history) > outer.repeats:
        exchange.repeats = len(retries.history)
        observer.repeated(outer, retries)


class SeenResponse(urllib3.HTTPResponse):
    """An answer whose body is seen as it is read. Everything else about it is urllib3's."""

    _observer: Observer
    _exchange: Exchange
    _is_reading: bool = False

    @classmethod
    def watch(cls, response: urllib3.BaseHTTPResponse, observer: Observer, exchange: Exchange) -> bool:
        """Turn urllib3's answer into one that is seen; False if it is not one of urllib3's usual class."""
        if type(response) is not urllib3.HTTPResponse:
            return False
        response.__class__ = cls
        seen = cast("SeenResponse", response)
        seen._observer, seen._exchange = observer, exchange  # noqa: SLF001 - its own
        return True

    def read(self, *args: Any, **options: Any) -> bytes:  # noqa: ANN401 - handed on
        """Read as urllib3 does."""
        amount = args[0] if args else options.get("amt")
        return self._seen(super().read, amount, args, options)

    def read1(self, *args: Any, **options: Any) -> bytes:  # noqa: ANN401 - handed on
        """Read as urllib3 does."""
        amount = args[0] if args else options.get("amt")
        return self._seen(super().read1, 1 if amount is None else amount, args, options)

    def read_chunked(self, *args: Any, **options: Any) -> Iterator[bytes]:  # type: ignore[override]  # noqa: ANN401 - handed on
        """Read as urllib3 does."""
        is_unpacked = self._is_unpacked(bool(_decoding(args, options)))
        chunks = super().read_chunked(*args, **options)
        try:
            while (chunk := self._watched(partial(next, chunks, None))) is not None:
                self._observer.read(self._exchange, chunk, None, is_unpacked=is_unpacked)
                yield chunk
        finally:
            chunks.close()
        self._observer.ended(self._exchange, is_whole=True)

    def stream(self, *args: Any, **options: Any) -> Iterator[bytes]:  # type: ignore[override]  # noqa: ANN401 - handed on
        """Read as urllib3 does: by `read` or `read_chunked` above."""
        yield from super().stream(*args, **options)
        self._observer.ended(self._exchange, is_whole=True)

    def drain_conn(self) -> None:
        """Throw away what has not been read, as urllib3 does."""
        super().drain_conn()
        self._observer.ended(self._exchange, is_whole=False)

    def close(self) -> None:
        """Close as urllib3 does, which it does itself where it cannot read on."""
        super().close()
        if not self._is_reading:
            self._observer.ended(self._exchange, is_whole=self.length_remaining == 0)

    def _seen(self, read: Callable[..., bytes], amount: int | None, args: Any, options: Any) -> bytes:  # noqa: ANN401 - handed on
        data = self._watched(partial(read, *args, **options))
        decoding = _decoding(args, options)
        is_unpacked = self._is_unpacked(self.decode_content if decoding is None else decoding)
        if data:
            self._observer.read(self._exchange, data, self.tell(), is_unpacked=is_unpacked)
        if amount is None or amount < 0 or (amount > 0 and not data):
            self._observer.ended(self._exchange, is_whole=True)
        return data

    def _is_unpacked(self, decoding: bool) -> bool:  # noqa: FBT001 - as urllib3 has it
        return decoding and "content-encoding" in self.headers

    def _watched(self, read: Callable[[], T]) -> T:
        """Read, and see it if that fails."""
        self._is_reading = True
        try:
            return read()
        except BaseException as error:
            self._observer.failed(self._exchange, error)
            raise
        finally:
            self._is_reading = False


def _decoding(args: tuple[Any, ...], options: dict[str, Any]) -> bool | None:
    """Return whether a reader asks for the body unpacked; None if it leaves that open."""
    decoding: bool | None = args[1] if len(args) > 1 else options.get("decode_content")
    return decoding
