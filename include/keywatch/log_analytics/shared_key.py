"""The SharedKey signature of the HTTP Data Collector API.

Source: Microsoft Learn, "Send log data to Azure Monitor by using the HTTP Data Collector API", section Authorization.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final

from keywatch.errors import ConfigurationError

CONTENT_TYPE: Final = "application/json"
"""Exactly this: with a charset the service may answer Forbidden (same source, samples)."""

RESOURCE: Final = "/api/logs"


class SharedKey:
    """A workspace's key. Its value shows in no repr.

    Args:
        workspace_id: The workspace's id, a GUID.
        key: The workspace's primary or secondary key, base64.

    Raises:
        ConfigurationError: The key is not base64.
    """

    def __init__(self, workspace_id: str, key: str) -> None:
        self.workspace_id = workspace_id
        try:
            self._key = base64.b64decode(key.strip(), validate=True)
        except (binascii.Error, ValueError):
            # Not chained: the cause's traceback could show the key.
            raise ConfigurationError(
                "The workspace's shared key is not base64. Copy the primary key again from the workspace's "
                "Agents page into the connection."
            ) from None
        if not self._key:
            raise ConfigurationError(
                "The connection holds no shared key. Enter the workspace's primary key, or key_secret, the "
                "URL of the Key Vault secret that holds it."
            )

    def __repr__(self) -> str:
        return f"SharedKey(workspace_id={self.workspace_id!r})"

    def headers(self, body: bytes, moment: datetime) -> dict[str, str]:
        """Sign a body: its length in bytes and the moment are what the signature covers.

        Args:
            body: The request body.
            moment: The time now, timezone-aware.

        Returns:
            The headers `Authorization`, `x-ms-date` (RFC 1123, whatever the locale) and `Content-Type`.
        """
        date = email.utils.format_datetime(moment.astimezone(UTC), usegmt=True)
        string_to_sign = f"POST\n{len(body)}\n{CONTENT_TYPE}\nx-ms-date:{date}\n{RESOURCE}"
        signature = hmac.digest(self._key, string_to_sign.encode("utf-8"), hashlib.sha256)
        return {
            "Authorization": f"SharedKey {self.workspace_id}:{base64.b64encode(signature).decode('ascii')}",
            "Content-Type": CONTENT_TYPE,
            "x-ms-date": date,
        }
