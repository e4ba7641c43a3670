"""How IAM Roles Anywhere refuses: statuses, error codes and words.

Seen in public reports of the real service: the body `{"message": ...}` with the code in x-amzn-ErrorType, and with
status 403 and code AccessDeniedException the messages `INVALID_SIGNATURE` (for a clock that is off as well),
`UNTRUSTED`, `INSUFFICIENT` (a key usage is missing), `NO_PROFILE`, `ROLE_NOT_LISTED`, `NO_SESSION_NAME` and
`UNABLE_TO_ASSUME`; `NO_TRUST_ANCHOR` was seen with an unknown status. Unverified: every other wording; which of several
reasons is given first; and that INSUFFICIENT is what is said of every other constraint on a certificate.
"""

from __future__ import annotations

import json
from typing import Final

from localcloud.http1 import Response

ACCESS_DENIED: Final = (403, "AccessDeniedException")
NOT_FOUND: Final = (404, "ResourceNotFoundException")
VALIDATION: Final = (400, "ValidationException")
THROTTLED: Final = (429, "ThrottlingException")

INVALID_SIGNATURE: Final = "Invalid signature"
UNTRUSTED: Final = "Untrusted signing certificate"
INSUFFICIENT: Final = "Untrusted certificate. Insufficient certificate"
EXPIRED: Final = "Untrusted certificate. The certificate has expired or is not yet valid"
NO_TRUST_ANCHOR: Final = "Specified Trust Anchor wasn't found."
TRUST_ANCHOR_DISABLED: Final = "Specified Trust Anchor is disabled."
NO_PROFILE: Final = "Invalid or empty profile provided."
PROFILE_DISABLED: Final = "Specified Profile is disabled."
ROLE_NOT_LISTED: Final = "Requested Role isn't one of those listed in the Profile."
NO_SESSION_NAME: Final = "Not authorized to set roleSessionName"
UNABLE_TO_ASSUME: Final = "Unable to assume role for {}."


class RefusedSessionError(Exception):
    """A session that is not given."""

    def __init__(self, kind: tuple[int, str], message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def response(self) -> Response:
        """Make it a response."""
        return refusal(*self.kind, self.message)


def denied(message: str) -> RefusedSessionError:
    """Refuse with AccessDeniedException."""
    return RefusedSessionError(ACCESS_DENIED, message)


def invalid(message: str) -> RefusedSessionError:
    """Refuse with ValidationException."""
    return RefusedSessionError(VALIDATION, message)


def refusal(status: int, code: str, message: str) -> Response:
    """Write an error as the service does."""
    body = json.dumps({"message": message}).encode()
    return Response(status, body, "application/json", (("x-amzn-ErrorType", code),), error=code)
