"""The last look at an entry before it is written: at everything in it, whatever has been removed before."""

from __future__ import annotations

import json
from typing import Any, Final

from keywatch.staging import encode
from keywatch.trace.documents import Scrub
from keywatch.trace.known import KnownSecrets
from keywatch.trace.names import is_page_position
from keywatch.trace.redact import Redaction

CUT: Final = "cut"
"""What the comment on a body says, beside other things, if its end is not there."""

POSITION: Final = "skiptoken="
"""What stands before a page's position where it is looked at as part of a URL, as it is no secret there."""

UNTOUCHED: Final = frozenset({"startedDateTime", "httpVersion", "pageref"})
"""What is of our own making, and has to stay what it is for the file to be read."""


def check(entry: dict[str, Any], redaction: Redaction) -> tuple[dict[str, Any], bytes]:
    """Look at an entry as it will be written.

    Returns:
        The entry, and the same as JSON. Where something was found, each of its texts has been cleaned.
    """
    line = encode(entry)
    if _is_clean(line, Redaction(redaction.known).text):
        return entry, line
    cleaned: dict[str, Any] = _cleaned(entry, redaction, redaction.text)
    return cleaned, encode(cleaned)


def recheck(line: bytes, known: KnownSecrets) -> bytes:
    """Return an entry as it was kept without what has turned out to be secret since."""
    redaction = Redaction(known)
    kept = json.loads(line)
    entry: dict[str, Any] = _cleaned(kept, redaction, redaction.without_known)
    if entry == kept and _is_clean(line, Redaction(known).without_known):
        return line
    entry["comment"] = "; ".join(filter(None, (entry.get("comment"), f"afterwards {redaction.note()}")))
    return encode(entry)


def _is_clean(line: bytes, clean: Scrub) -> bool:
    text = line.decode()
    return clean(text) == text


def _cleaned(value: Any, redaction: Redaction, clean: Scrub) -> Any:  # noqa: ANN401 - any JSON
    """Return an entry, or a part of one, with every text cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(each, redaction, clean) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: each if name in UNTOUCHED else _cleaned(each, redaction, clean) for name, each in value.items()}
    if is_page_position(str(value.get("name"))) and isinstance(value.get("value"), str):
        made["value"] = clean(POSITION + value["value"]).removeprefix(POSITION)
    if "text" in made and CUT in str(value.get("comment", "")).split(", "):
        made["text"] = redaction.without_cut_end(made["text"])
    return made
