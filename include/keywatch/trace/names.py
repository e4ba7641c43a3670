"""The names that secrets go by: of headers, of parameters, and of fields in JSON and XML.

A name is compared without case, and without what stands between its words: `client_secret`, `clientSecret` and
`Client-Secret` are one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

WORDS: Final = (
    "apikey",
    "assertion",
    "authorization",
    "connectionstring",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "sharedkey",
    "signature",
    "subscriptionkey",
    "token",
)
"""What is in a name that a secret goes by."""

WHOLE: Final = frozenset(
    {
        "accountkey",
        "codeverifier",
        "cookie",
        "devicecode",
        "jsessionid",
        "keyhsm",
        "pfx",
        "primarykey",
        "pwd",
        "samlresponse",
        "sas",
        "secondarykey",
        "setcookie",
        "sharedaccesskey",
        "sig",
        "usercode",
    }
)
"""Names that a secret goes by, and that no word tells."""

HARMLESS: Final = frozenset({"continuationtoken", "nextpagetoken", "nexttoken"})
"""Where a list goes on."""

HARMLESS_ENDS: Final = (
    "algorithm",
    "algorithms",
    "attributes",
    "changed",
    "count",
    "date",
    "enabled",
    "endpoint",
    "expiration",
    "expires",
    "expiresin",
    "expiry",
    "id",
    "issued",
    "lastused",
    "length",
    "method",
    "name",
    "policy",
    "properties",
    "props",
    "rotation",
    "state",
    "status",
    "supported",
    "time",
    "type",
    "uri",
    "url",
    "version",
)
"""What a name ends with that tells something about a secret: `token_type`, `PasswordLastUsed`."""

IN_PARAMETERS: Final = frozenset({"code", "credential", "key", "mfacode", "otp", "xamzcredential"})
"""Secrets as parameters of a URL or a form, although as fields of an answer they are error codes and the like."""

OF_KEYS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
"""The private members of a JSON Web Key (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1), which have exactly these names."""

IN_HEADERS: Final = ("credential", "encryption-key", "sas", "session-id")
ALWAYS_SHOWN: Final = frozenset({"access-control-allow-credentials", "access-control-allow-headers"})
HEADER_KEY: Final = re.compile(r"(?:^|-)key$")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Tell whether what goes by a name, in JSON, XML or any text, is a secret."""
    plain = _plain(name)
    if plain in WHOLE:
        return True
    if plain in HARMLESS or plain.endswith(HARMLESS_ENDS):
        return False
    return any(word in plain for word in WORDS)


@lru_cache(maxsize=4096)
def is_secret_parameter(name: str) -> bool:
    """Tell whether a parameter of a URL or a form is a secret."""
    return is_secret_name(name) or _plain(name) in IN_PARAMETERS


@lru_cache(maxsize=4096)
def is_secret_header(name: str) -> bool:
    """Tell whether a header's value is a secret. There is no header that only tells something about one."""
    lower = name.lower()
    if lower in ALWAYS_SHOWN:
        return False
    plain = _plain(name)
    return (
        plain in WHOLE
        or any(word in plain for word in WORDS)
        or any(part in lower for part in IN_HEADERS)
        or lower == "x-identity-header"
        or HEADER_KEY.search(lower) is not None
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
