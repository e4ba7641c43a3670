"""One request and its answer as an entry of HAR 1.2, without secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from keywatch.staging import encode
from keywatch.trace.bodies import content_of
from keywatch.trace.check import check
from keywatch.trace.exchange import Answer, Exchange, Headers, Request
from keywatch.trace.known import KnownSecrets
from keywatch.trace.redact import Redaction, Shown

UNKNOWN_TYPE: Final = "x-unknown"
LONGEST_ERROR: Final = 300
NOT_SEEN: Final = "streamed by its sender, so not recorded"


def iso_time(moment: datetime) -> str:
    """Write a moment in UTC as ISO 8601 with milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry_of(exchange: Exchange, page: str, known: KnownSecrets, longest: int) -> bytes:
    """Make an entry, as compact JSON.

    Args:
        exchange: Is over.
        page: The page's id.
        known: What must not be in it, and is told of what is found.
        longest: Characters of a body that are kept at most.
    """
    redaction = Redaction(known)
    if exchange.request.proxy_password:
        known.give(exchange.request.proxy_password)
    request = _request(exchange.request, redaction, longest)
    response = _response(exchange, redaction, longest)
    entry = _timed(exchange, page) | {"request": request, "response": response, "cache": {}}
    if exchange.request.proxy:
        entry["_proxy"] = exchange.request.proxy
    answer = exchange.answer
    if answer and answer.connection:
        entry["connection"] = answer.connection
    if answer and answer.address and not exchange.request.proxy:
        entry["serverIPAddress"] = answer.address
    checked, line = check(entry, redaction)
    comment = redaction.text("; ".join(filter(None, (*_remarks(exchange), redaction.note()))))
    return encode(checked | {"comment": comment}) if comment else line


def entry_of_trouble(exchange: Exchange, page: str, trouble: str) -> bytes:
    """Make an entry of what could not be recorded: that there was such a request, and nothing that is in it."""
    request = exchange.request
    entry = _timed(exchange, page) | {
        "request": {
            "method": request.method if request.method.isalpha() else "",
            "url": f"{request.scheme}://{request.host}/",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "queryString": [],
            "headersSize": -1,
            "bodySize": -1,
        },
        "response": _no_answer() | ({"status": exchange.answer.status} if exchange.answer else {}),
        "cache": {},
        "comment": f"could not be recorded: {trouble}",
    }
    return encode(entry)


def _timed(exchange: Exchange, page: str) -> dict[str, Any]:
    wait, receive = (round(1000 * seconds, 3) for seconds in (exchange.waited or 0.0, max(exchange.received, 0.0)))
    return {
        "pageref": page,
        "startedDateTime": iso_time(exchange.started),
        "time": round(wait + receive, 3),
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": -1,
            "ssl": -1,
            "send": 0,
            "wait": wait,
            "receive": receive,
        },
    }


def _request(request: Request, redaction: Redaction, longest: int) -> dict[str, Any]:
    url = redaction.url("request", request.url)
    made: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers("request", request.headers, redaction),
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": request.body.size if request.body.is_seen else _length(request.headers),
    }
    if request.body.size or not request.body.is_seen:
        shown = _shown(request, request.host, redaction, longest)[1]
        made["postData"] = {"mimeType": _header(request.headers, "content-type") or UNKNOWN_TYPE} | _posted(shown)
    return made


def _posted(shown: Shown) -> dict[str, str]:
    posted = {"text": shown.text or ""}
    if shown.encoding:
        posted["_encoding"] = shown.encoding  # HAR 1.2 knows none for what is posted
    return posted | ({"comment": shown.note} if shown.note else {})


def _response(exchange: Exchange, redaction: Redaction, longest: int) -> dict[str, Any]:
    answer = exchange.answer
    made = _no_answer() if answer is None else _answered(answer, exchange.request.host, redaction, longest)
    if exchange.error is not None:
        made["_error"] = redaction.text(exchange.error)[:LONGEST_ERROR]
    return made


def _answered(answer: Answer, host: str, redaction: Redaction, longest: int) -> dict[str, Any]:
    size, shown = _shown(answer, host, redaction, longest)
    content: dict[str, Any] = {"size": size, "mimeType": _header(answer.headers, "content-type") or UNKNOWN_TYPE}
    wire = answer.body.wire
    if wire is not None and wire < size:
        content["compression"] = size - wire
    if shown.text is not None:
        content["text"] = shown.text
    if shown.encoding:
        content["encoding"] = shown.encoding
    if shown.note:
        content["comment"] = shown.note
    return {
        "status": answer.status,
        "statusText": redaction.text(answer.reason),
        "httpVersion": answer.version,
        "cookies": [],
        "headers": _headers("response", answer.headers, redaction),
        "content": content,
        "redirectURL": redaction.url("response", _header(answer.headers, "location")),
        "headersSize": -1,
        "bodySize": -1 if wire is None else wire,
    }


def _no_answer() -> dict[str, Any]:
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": UNKNOWN_TYPE},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _shown(message: Request | Answer, host: str, redaction: Redaction, longest: int) -> tuple[int, Shown]:
    """Return the size of a request's or an answer's body, unpacked, and what is shown of it."""
    body, headers = message.body, message.headers
    where = "request" if isinstance(message, Request) else "response"
    if not body.is_seen:
        return 0, Shown(None, note=NOT_SEEN if isinstance(message, Request) else "not seen")
    content = content_of(body, _header(headers, "content-encoding"))
    if content is None:
        return body.size, Shown(None, note="not shown: it could not be unpacked, and so not be checked for secrets")
    shown = redaction.body(where, host, content, _header(headers, "content-type"), longest)
    note = ", ".join(filter(None, (content.note, shown.note)))
    return content.size, Shown(shown.text if body.size else None, shown.encoding, note)


def _headers(where: str, headers: Headers, redaction: Redaction) -> list[dict[str, str]]:
    return [{"name": name, "value": redaction.header(where, name, value)} for name, value in headers]


def _header(headers: Headers, wanted: str) -> str:
    return ", ".join(value for name, value in headers if name.lower() == wanted)


def _length(headers: Headers) -> int:
    length = _header(headers, "content-length")
    return int(length) if length.isascii() and length.isdigit() else -1


def _remarks(exchange: Exchange) -> list[str]:
    remarks = []
    if exchange.error is not None:
        what = "no answer came" if exchange.answer is None else "the answer broke off"
        remarks.append(f"{what}: {exchange.error.partition(':')[0]}")
    if exchange.repeats:
        remarks.append(f"repeated by urllib3, attempt {exchange.repeats + 1}")
    if exchange.remark:
        remarks.append(exchange.remark)
    if exchange.trouble:
        remarks.append(f"not recorded in full: {exchange.trouble}")
    return remarks
