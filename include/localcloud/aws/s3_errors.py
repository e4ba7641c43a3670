"""How S3 refuses (S3 API reference, "Error responses")."""

from __future__ import annotations

import uuid
from typing import Final
from xml.sax.saxutils import escape

from localcloud.http1 import Response

XML: Final = "application/xml"


class S3RefusedError(Exception):
    """A request that S3 refuses."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more

    def response(self) -> Response:
        """Make it a response."""
        return refusal(self.status, self.code, self.message, **self.more)


def refusal(status: int, code: str, message: str, **more: str) -> Response:
    """Write an error, with more elements by name."""
    values = {"Code": code, "Message": message, **more, "RequestId": uuid.uuid4().hex[:16].upper()}
    elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{elements}</Error>'.encode()
    return Response(status, body, XML, error=code)
