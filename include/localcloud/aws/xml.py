"""An answer in the XML of AWS's query protocol. moto's own serializer would take a third of the time of a call."""

from __future__ import annotations

import uuid
from datetime import datetime
from xml.sax.saxutils import escape

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
XML = "text/xml"


def answer_xml(service: str, action: str, result: dict[str, object]) -> str:
    """Write a result: objects by member name, lists as `member`, moments in UTC to the second, None not at all."""
    return (
        f'<{action}Response xmlns="{NAMESPACES[service]}"><{action}Result>{_text(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )


def error_xml(service: str, kind: str, code: str, message: str) -> str:
    """Write an error; its kind is Sender or Receiver, after whose fault it is."""
    return (
        f'<ErrorResponse xmlns="{NAMESPACES[service]}"><Error><Type>{kind}</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_text(each)}</{name}>" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_text(each)}</member>" for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))
