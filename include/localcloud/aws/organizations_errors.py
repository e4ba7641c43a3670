"""How AWS Organizations refuses (JSON protocol; API reference, "Errors" of each operation and "Common errors").

Codes and statuses of refused signatures are those of other services with this protocol, unverified for this one.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn

from localcloud.http1 import Response

JSON: Final = "application/x-amz-json-1.1"
NO_PERMISSION: Final = "You don't have permissions to access this resource."
NOT_IN_USE: Final = "Your account is not a member of an organization."
TOO_MANY: Final = "You have sent too many requests in too short a period of time."


class RefusedOrganizationsError(Exception):
    """A refusal.

    Args:
        code: such as AccessDeniedException.
        message: in AWS's words.
        reason: of an InvalidInputException.
        status: of HTTP.
    """

    def __init__(self, code: str, message: str, *, reason: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.status = status

    def response(self) -> Response:
        """Make it a response."""
        body = {"__type": self.code, "Message": self.message}
        if self.reason is not None:
            body["Reason"] = self.reason
        return Response(self.status, json.dumps(body).encode(), JSON, error=self.code)


def refuse(code: str, message: str) -> NoReturn:
    """Refuse a request.

    Raises:
        RefusedOrganizationsError: always.
    """
    raise RefusedOrganizationsError(code, message)


def refuse_input(reason: str, message: str) -> NoReturn:
    """Refuse what a request says.

    Raises:
        RefusedOrganizationsError: always.
    """
    raise RefusedOrganizationsError("InvalidInputException", message, reason=reason)
