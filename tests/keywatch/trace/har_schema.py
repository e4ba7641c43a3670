"""HAR 1.2 as a JSON schema, and what the specification says beside it.

Written from Jan Odvarko's "HAR 1.2 Spec". Stricter than that where it leaves something open: every field is known or
begins with an underscore, times are in UTC with milliseconds, and what is not text is in Base64.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

import jsonschema

TEXT: Final = {"type": "string"}
SOME: Final = {"type": "string", "minLength": 1}
MOMENT: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", "format": "date-time"}
SIZE: Final = {"type": "integer", "minimum": -1}
COUNT: Final = {"type": "integer", "minimum": 0}
DURATION: Final = {"type": "number", "minimum": 0}
OPTIONAL_DURATION: Final = {"anyOf": [DURATION, {"const": -1}]}
URL: Final = {"type": "string", "pattern": r"^https?://[^\s/?#@]+(/[^\s#]*)?(\?[^\s#]*)?$"}


def of(optional: dict[str, Any] | None = None, /, **required: Any) -> dict[str, Any]:  # noqa: ANN401 - any schema
    """Describe an object: a comment and custom fields may be in any."""
    return {
        "type": "object",
        "properties": {"comment": SOME} | required | (optional or {}),
        "patternProperties": {"^_": {}},
        "required": sorted(required),
        "additionalProperties": False,
    }


def listed(item: dict[str, Any]) -> dict[str, Any]:
    """Describe a list."""
    return {"type": "array", "items": item}


PAIR: Final = of(name=SOME, value=TEXT)
COOKIES: Final = {"type": "array", "maxItems": 0}
VERSION: Final = {"type": "string", "pattern": r"^HTTP/\d\.\d$"}
CONTENT: Final = of({"compression": COUNT, "text": TEXT, "encoding": {"const": "base64"}}, size=COUNT, mimeType=SOME)
TIMINGS: Final = of(
    dict.fromkeys(("blocked", "dns", "connect", "ssl"), OPTIONAL_DURATION),
    send=DURATION,
    wait=DURATION,
    receive=DURATION,
)
REQUEST: Final = of(
    {"postData": of(mimeType=SOME, text=TEXT)},
    method={"type": "string", "pattern": "^[A-Z]+$"},
    url=URL,
    httpVersion=VERSION,
    cookies=COOKIES,
    headers=listed(PAIR),
    queryString=listed(PAIR),
    headersSize=SIZE,
    bodySize=SIZE,
)
RESPONSE: Final = of(
    status={"anyOf": [{"const": 0}, {"type": "integer", "minimum": 100, "maximum": 599}]},
    statusText=TEXT,
    httpVersion={"anyOf": [{"const": ""}, VERSION]},
    cookies=COOKIES,
    headers=listed(PAIR),
    content=CONTENT,
    redirectURL=TEXT,
    headersSize=SIZE,
    bodySize=SIZE,
)
ENTRY: Final = of(
    {"serverIPAddress": {"type": "string", "pattern": r"^[0-9a-fA-F.:]+$"}, "connection": SOME},
    pageref=SOME,
    startedDateTime=MOMENT,
    time=DURATION,
    request=REQUEST,
    response=RESPONSE,
    cache={"const": {}},
    timings=TIMINGS,
)
PAGE: Final = of(startedDateTime=MOMENT, id=SOME, title=SOME, pageTimings={"const": {}})
CREATOR: Final = of(name=SOME, version=SOME)
LOG: Final = of(version={"const": "1.2"}, creator=CREATOR, pages=listed(PAGE), entries=listed(ENTRY))
SCHEMA: Final = of(log=LOG)


def read_har(path: Path) -> list[dict[str, Any]]:
    """Read a HAR file, see that it is one, and give its entries."""
    har = json.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(har)]
    assert problems == []
    entries: list[dict[str, Any]] = har["log"]["entries"]
    pages = [page["id"] for page in har["log"]["pages"]]
    assert len(set(pages)) == len(pages)
    assert {entry["pageref"] for entry in entries} <= set(pages)
    starts = [entry["startedDateTime"] for entry in entries]
    assert starts == sorted(starts)
    for entry in entries:
        check_sums(entry)
    return entries


def check_sums(entry: dict[str, Any]) -> None:
    """See that what an entry says in two places is the same."""
    timings = [value for name, value in entry["timings"].items() if name != "comment" and value != -1]
    assert abs(entry["time"] - sum(timings)) < 0.01
    content = entry["response"]["content"]
    size = entry["response"]["bodySize"]
    if "compression" in content:
        assert content["size"] - content["compression"] == size
    if content.get("encoding") == "base64":
        assert len(base64.b64decode(content["text"], validate=True)) == content["size"]
    if entry["response"]["status"] == 0:
        assert entry.get("comment")
