"""Things that look like secrets, and are none."""

from __future__ import annotations

import base64
import json
from typing import Final

ACCESS_KEY_ID: Final = "AKIAQ3EGRXZ7MADEUPAB"
SHORTENED: Final = "AKIA...UPAB"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN: Final = "IQoJb3JpZ2luX2Vj" + "Zk3q/A9+" * 30 + "=="
SHARED_KEY: Final = base64.b64encode(bytes(range(64))).decode()
SIGNATURE: Final = "0123456789abcdef" * 4
PEM: Final = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASC\n-----END PRIVATE KEY-----\n"


def token(claims: object = None, signature: str = "c2lnbmF0dXJlLW9mLW5vYm9keS0xMjM0NTY3ODkw") -> str:
    """Make what looks like a token of Entra's."""
    return (
        f"{_part({'typ': 'JWT', 'alg': 'RS256'})}.{_part(claims or {'aud': 'nobody', 'sub': 'somebody'})}.{signature}"
    )


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
