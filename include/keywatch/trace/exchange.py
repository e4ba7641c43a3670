"""One request and its answer, as they were seen on their way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from urllib3.util import SKIP_HEADER

from keywatch.trace.bodies import Body, body_of_a_request

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

Headers = tuple[tuple[str, str], ...]

PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    Attributes:
        method: Of HTTP.
        scheme: `http` or `https`.
        host: Who was asked, without the port.
        url: The whole URL, secrets included.
        headers: As sent.
        body: As sent.
        proxy: The proxy's host and port, if there is one between.
        proxy_password: Its password, if it has one.
    """

    method: str
    scheme: str
    host: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: Body = field(repr=False)
    proxy: str | None = None
    proxy_password: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Answer:
    """What was answered.

    Attributes:
        status: Of HTTP.
        reason: The words beside it.
        version: Of HTTP.
        headers: As received.
        body: As far as it has been read.
        address: The other end's IP address, if known.
        connection: This end's port, if known.
    """

    status: int
    reason: str
    version: str
    headers: Headers = field(repr=False)
    body: Body = field(repr=False)
    address: str | None = None
    connection: str | None = None


@dataclass(slots=True, eq=False)
class Exchange:
    """A request that is under way, or over.

    Attributes:
        request: What was asked.
        pool: Whose request it is; None once it is over.
        repeats: How often urllib3 had repeated the request before.
        outer: The exchange within which this one began, in the same thread.
        started: When it began, UTC.
        answer: What was answered; None if nothing has been.
        error: What went wrong, secrets included.
        remark: What else is said about it.
        trouble: What went wrong in recording it.
        waited: Seconds until the answer's headers had come, or until it failed.
        received: Seconds from then until the body had been read.
    """

    request: Request
    pool: HTTPConnectionPool | None = field(default=None, repr=False)
    repeats: int = 0
    outer: Exchange | None = field(default=None, repr=False)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    answer: Answer | None = None
    error: str | None = field(default=None, repr=False)
    remark: str | None = None
    trouble: str | None = None
    waited: float | None = None
    received: float = 0.0
    _began: float = field(default_factory=time.perf_counter)

    def has_answered(self, answer: Answer | None) -> None:
        """Note that an answer, or an end, has come."""
        self.waited = time.perf_counter() - self._began
        self.answer = answer

    def has_failed(self, error: BaseException) -> None:
        """Note what went wrong, before or after an answer had come."""
        if self.waited is None:
            self.has_answered(None)
        self.error = f"{type(error).__name__}: {error}"

    def is_being_read(self) -> None:
        """Note that more of the body has been read by now."""
        self.received = time.perf_counter() - self._began - (self.waited or 0.0)

    def forget_bodies(self) -> None:
        """Keep no bodies any longer."""
        self.request.body.forget()
        if self.answer is not None:
            self.answer.body.forget()


def request_of(pool: HTTPConnectionPool, method: str, url: str, body: object, headers: Any) -> Request:  # noqa: ANN401 - of any mapping type
    """Describe a request that urllib3 is about to send."""
    default_port = PORTS.get(pool.scheme)
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    place = host if pool.port in (None, default_port) else f"{host}:{pool.port}"
    is_whole = url.startswith(("http://", "https://"))  # as a proxy is asked that makes no tunnel
    whole = (url if is_whole else f"{pool.scheme}://{place}{url}").partition("#")[0]
    parts = urlsplit(whole)
    password = (pool.proxy.auth or "").partition(":")[2] if pool.proxy else ""
    seen = body_of_a_request(body)
    return Request(
        method=method,
        scheme=parts.scheme,
        host=parts.hostname or host,
        url=whole,
        headers=_sent(pool.headers if headers is None else headers, parts.netloc.rpartition("@")[2], seen),
        body=seen,
        proxy=f"{pool.proxy.host}:{pool.proxy.port}" if pool.proxy else None,
        proxy_password=unquote(password) or None,
    )


def answer_of(response: BaseHTTPResponse, *, is_seen: bool) -> Answer:
    """Describe an answer, of which only the headers have been read."""
    address, connection = _ends(response)
    return Answer(
        status=response.status,
        reason=response.reason or "",
        version=getattr(response, "version_string", "") or "HTTP/1.1",
        headers=tuple((name, str(value)) for name, value in response.headers.items()),
        body=Body(is_seen=is_seen),
        address=address,
        connection=connection,
    )


def answer_of_which_little_is_known(status: int, location: str | None) -> Answer:
    """Describe an answer that urllib3 has thrown away, to make the request again."""
    headers = (("Location", location),) if location else ()
    return Answer(status, "", "HTTP/1.1", headers, Body(is_seen=False))


def _sent(headers: Mapping[Any, Any], place: str, body: Body) -> Headers:
    """List the headers as they are sent: with those that urllib3 and http.client put before them."""
    given = [(_text(name), _text(value)) for name, value in headers.items()]
    skipped = {name.lower() for name, value in given if value == SKIP_HEADER}
    names = {name.lower() for name, _ in given}
    added = [("Host", place), ("Accept-Encoding", "identity")]
    if body.size and not names & {"content-length", "transfer-encoding"}:
        added.append(("Content-Length", str(body.size)))
    return (
        *((name, value) for name, value in added if name.lower() not in names),
        *((name, value) for name, value in given if name.lower() not in skipped),
    )


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _ends(response: BaseHTTPResponse) -> tuple[str | None, str | None]:
    """Return the other end's address and this end's port, while the connection is at hand."""
    socket = getattr(response.connection, "sock", None)
    try:
        there: Iterable[Any] = socket.getpeername() if socket else ()
        here: Iterable[Any] = socket.getsockname() if socket else ()
    except OSError:
        return None, None
    address, port = next(iter(there), None), tuple(here)[1:2]
    return (str(address) if address else None), (str(port[0]) if port else None)
