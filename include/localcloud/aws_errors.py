"""AWS's query-protocol errors: the XML, and the words that IAM and STS use for a refusal."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from werkzeug.exceptions import HTTPException

from localcloud.http1 import Response

XML = "text/xml"
NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
SERVICE_FAULT = 500
"""From this HTTP status on, the error's Type is Receiver."""


class RefusedError(HTTPException):
    """A refusal, raised inside moto's dispatch, which hands its description on as the body."""

    def __init__(self, service: str, status: int, code: str, message: str) -> None:
        super().__init__(error_xml(service, status, code, message))
        self.code = status
        self.error = code
        self.message = message

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        """Name the body's type."""
        return [("Content-Type", XML)]


def error_xml(service: str, status: int, code: str, message: str) -> str:
    """Write the error body that botocore parses."""
    kind = "Receiver" if status >= SERVICE_FAULT else "Sender"
    return (
        f'<ErrorResponse xmlns="{NAMESPACES[service]}"><Error><Type>{kind}</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )


def error_response(service: str, status: int, code: str, message: str) -> Response:
    """Make the error a response."""
    body = error_xml(service, status, code, message).encode()
    return Response(status, body, XML, error=code)


def denial(caller_arn: str, service: str, action: str, resource: str) -> str:
    """Say, in AWS's words, that no policy of the caller allows the action."""
    said = f"User: {caller_arn} is not authorized to perform: {service}:{action} on resource: {resource}"
    if service == "sts":
        return said
    return f"{said} because no identity-based policy allows the {service}:{action} action"


def resource_words(account: str, action: str, user: str | None, role_arn: str | None) -> str:
    """Name the resource as the message of a denial does ("user alice", an ARN, or *)."""
    if role_arn:
        return role_arn
    if user:
        return f"user {user}"
    return f"arn:aws:iam::{account}:user/" if action == "ListUsers" else "*"
