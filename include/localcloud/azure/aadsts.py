"""Entra's error codes: which OAuth error and HTTP status each comes with.

Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

from typing import Final

BAD_SIGNATURE: Final = 7000274
"""Seen in microsoft-identity-web's tests for a key that is not the registered certificate's; 700027 also occurs."""

ERRORS: Final[dict[int, tuple[int, str]]] = {
    50027: (400, "invalid_request"),
    50048: (401, "invalid_client"),
    50049: (400, "invalid_instance"),
    53003: (400, "invalid_grant"),
    70003: (400, "unsupported_grant_type"),
    70011: (400, "invalid_scope"),
    70021: (401, "invalid_client"),
    90002: (400, "invalid_request"),
    90033: (503, "temporarily_unavailable"),
    90055: (429, "temporarily_unavailable"),
    500011: (400, "invalid_resource"),
    700016: (400, "unauthorized_client"),
    700021: (401, "invalid_client"),
    700023: (401, "invalid_client"),
    700024: (401, "invalid_client"),
    700027: (401, "invalid_client"),
    700030: (401, "invalid_client"),
    900144: (400, "invalid_request"),
    900561: (400, "invalid_request"),
    1000502: (401, "invalid_client"),
    1002012: (400, "invalid_scope"),
    5002738: (400, "invalid_request"),
    7000215: (401, "invalid_client"),
    7000218: (401, "invalid_client"),
    9000411: (400, "invalid_request"),
    9002313: (400, "invalid_request"),
    BAD_SIGNATURE: (401, "invalid_client"),
}
"""Unverified: which of the two errors comes with 50027, 5002738 and 70021, and that `jti` must be there."""


class AadstsError(Exception):
    """A request that Entra refuses.

    Args:
        code: the number behind AADSTS.
        message: what follows it.
        error: OAuth's error, if not the code's usual one.
    """

    def __init__(self, code: int, message: str, error: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status, usual = ERRORS[code]
        self.error = error or usual
