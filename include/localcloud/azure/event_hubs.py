"""One event hub, which events are sent to by HTTP.

Source: the Event Hubs REST API reference, "Send event" and "Send batch events".
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from localcloud.access_tokens import EVENT_HUBS, Authority, TokenRefusedError
from localcloud.azure.rest import RefusedError, injected
from localcloud.azure.roles import EVENT_HUB_SCOPE, SEND_EVENT
from localcloud.http1 import Request, Response
from localcloud.model import Fault, utc_text
from localcloud.service import Call

DOMAIN: Final = ".servicebus.windows.net"
BATCH: Final = "application/vnd.microsoft.servicebus.json"
LARGEST_BODY: Final = 1_048_576
"""Bytes of an event or a batch."""
PATH: Final = re.compile(r"/(?P<hub>[A-Za-z0-9][A-Za-z0-9._-]*)/messages/?")
XML: Final = "application/xml; charset=utf-8"


class EventHubs:
    """Answers for a namespace with one hub; all that is sent is kept.

    Attributes:
        events: what was sent, oldest first: body, content_type, sender, broker_properties, partition_key and time.
    """

    def __init__(self, host: str, hub: str, tenant_id: str, authority: Authority) -> None:
        self._hub = hub
        self._tenant_id = tenant_id
        self._authority = authority
        self.plays = (host,)
        self.events: list[dict[str, Any]] = []

    def owns(self, host: str) -> bool:
        """Tell whether a host is the namespace's."""
        return host in self.plays

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and who asks."""
        path = PATH.fullmatch(request.path)
        caller = self._authority.caller_name(request.headers.get("authorization"))
        return Call("eventhubs", host, "events/send" if path else None, caller, detail=path["hub"] if path else None)

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and keep its events."""
        try:
            self._accept(request, call)
        except RefusedError as refused:
            return _say(refused.status, refused.code, str(refused))
        return Response(201, b"", XML)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""
        del call
        return injected(fault, _say, "ServerBusy")

    def _accept(self, request: Request, call: Call) -> None:
        try:
            caller = self._authority.verify(request.headers.get("authorization"), EVENT_HUBS, self._tenant_id)
        except TokenRefusedError as refused:
            raise RefusedError(401, "InvalidToken", f"{refused}.") from None
        if request.method != "POST" or call.action is None:
            raise RefusedError(404, "NotFound", "There is no such operation here.")
        entity = f"sb://{call.host}/{(call.detail or '').lower()}"
        if call.detail != self._hub:
            raise RefusedError(404, "EntityNotFound", f"The messaging entity '{entity}' could not be found.")
        if not caller.allows(SEND_EVENT, EVENT_HUB_SCOPE):
            raise RefusedError(
                401,
                "SendClaimMissing",
                f"Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: '{entity}'.",
            )
        content_type = _content_type(request)
        properties = _broker_properties(request)
        common = {"content_type": content_type, "sender": caller.client_id, "time": utc_text(datetime.now(UTC))}
        for body, own in _events(request, content_type):
            given = properties | own
            self.events.append(
                common | {"body": body, "broker_properties": given, "partition_key": given.get("PartitionKey")}
            )


def _content_type(request: Request) -> str:
    content_type = request.headers.get("content-type")
    if not content_type:
        raise RefusedError(400, "MissingContentType", "The Content-Type header is required.")
    timeout = request.query.get("timeout", "60")
    if not re.fullmatch(r"[0-9]{1,4}", timeout):
        raise RefusedError(400, "BadRequest", "The timeout is not a number of seconds.")
    if request.body_bytes > LARGEST_BODY:
        raise RefusedError(
            413, "MessageSizeExceeded", f"The message of {request.body_bytes} bytes exceeds {LARGEST_BODY} bytes."
        )
    return content_type


def _broker_properties(request: Request) -> dict[str, Any]:
    try:
        properties = json.loads(request.headers.get("brokerproperties", "{}"))
    except (ValueError, RecursionError):
        properties = None
    if not isinstance(properties, dict):
        raise RefusedError(400, "BadRequest", "The BrokerProperties header is not a JSON object.")
    return properties


def _events(request: Request, content_type: str) -> list[tuple[str, dict[str, Any]]]:
    """Split a batch into its events, each with properties of its own."""
    try:
        text = request.body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() != BATCH:
            return [(text, {})]
        return [(str(each["Body"]), dict(each.get("BrokerProperties") or {})) for each in json.loads(text)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RefusedError(400, "BadRequest", "The body is not UTF-8, or not a batch of events.") from None


def _say(status: int, code: str, message: str) -> Response:
    body = f"<Error><Code>{status}</Code><Detail>{escape(message)}</Detail></Error>".encode()
    return Response(status, body, XML, error=code)
