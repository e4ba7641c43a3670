"""How IAM and STS refuse: as an exception inside moto's dispatch, as a response, and in which words."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException

from localcloud.aws.xml import XML, error_xml
from localcloud.http1 import Response

SERVICE_FAULT = 500
"""From this HTTP status on, the error's Type is Receiver."""


class RefusedError(HTTPException):
    """A refusal, raised inside moto's dispatch, which hands its description on as the body."""

    def __init__(self, service: str, status: int, code: str, message: str) -> None:
        super().__init__(_body(service, status, code, message))
        self.code = status
        self.error = code
        self.message = message

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        """Name the body's type."""
        return [("Content-Type", XML)]


def _body(service: str, status: int, code: str, message: str) -> str:
    return error_xml(service, "Receiver" if status >= SERVICE_FAULT else "Sender", code, message)


def error_response(service: str, status: int, code: str, message: str) -> Response:
    """Make the error a response."""
    body = _body(service, status, code, message).encode()
    return Response(status, body, XML, error=code)


def denial(caller_arn: str, service: str, action: str, resource: str, policies: str = "identity-based") -> str:
    """Say, in AWS's words, that no policy of the caller, of the named kind, allows the action."""
    said = f"User: {caller_arn} is not authorized to perform: {service}:{action} on resource: {resource}"
    if service == "sts":
        return said
    return f"{said} because no {policies} policy allows the {service}:{action} action"


def resource_words(account: str, action: str, user: str | None, role_arn: str | None) -> str:
    """Name the resource as the message of a denial does ("user alice", an ARN, or *)."""
    if role_arn:
        return role_arn
    if user:
        return f"user {user}"
    return f"arn:aws:iam::{account}:user/" if action == "ListUsers" else "*"
