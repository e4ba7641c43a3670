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
        "accesskey",
        "accountkey",
        "codeverifier",
        "cookie",
        "devicecode",
        "functionkeys",
        "jsessionid",
        "keyhsm",
        "masterkey",
        "otp",
        "passcode",
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

AS_TEXT: Final = frozenset({"auth", "credential", "credentials", "key1", "key2", "pass", "sessionid"})
"""Names of secrets where they have a text; an object of such a name is looked into."""

PAGE_POSITION: Final = "skiptoken"
"""Where a list of Azure Resource Manager's or a Key Vault's goes on. It often is JSON in Base64."""

HARMLESS: Final = frozenset({"continuationtoken", "nextpagetoken", "nexttoken", PAGE_POSITION})
"""Where a list goes on."""

NEVER_AN_ID: Final = ("password", "secret", "token")
"""With one of these in a name that ends with `id`, it is a secret all the same, such as the `secret_id` of a vault."""

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

PAIRED_NAMES: Final = frozenset({"name", "key"})
"""Fields and attributes that hold the name of what `value`, beside them, holds."""

OF_VAULTS: Final = frozenset({"value", "plaintext", "secretstring", "secretbinary", "ciphertextblob"})
"""What vaults call their secrets, digests to sign and signatures."""

IN_HEADERS: Final = ("credential", "encryption-key", "sas", "session-id")
ALWAYS_SHOWN: Final = frozenset({"access-control-allow-credentials", "access-control-allow-headers"})
HEADER: Final = re.compile(r"(?:^|-)key$|^x-(?:auth|pass|hmac)|^authentication$")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Tell whether what goes by a name, in JSON, XML or any text, is a secret."""
    plain = _plain(name)
    if plain in WHOLE:
        return True
    if plain.endswith("id") and any(word in plain for word in NEVER_AN_ID):
        return True
    if plain in HARMLESS or plain.endswith(HARMLESS_ENDS):
        return False
    return any(word in plain for word in WORDS)


@lru_cache(maxsize=4096)
def is_secret_text(name: str) -> bool:
    """Tell whether a text that goes by a name, in JSON or XML, is a secret."""
    return is_secret_name(name) or _plain(name) in AS_TEXT


@lru_cache(maxsize=4096)
def is_secret_parameter(name: str) -> bool:
    """Tell whether a parameter of a URL or a form is a secret."""
    return is_secret_text(name) or _plain(name) in IN_PARAMETERS


def is_secret_label(label: object) -> bool:
    """Tell whether what a field or an attribute holds is the name of a secret, which is beside it."""
    return isinstance(label, str) and " " not in label and is_secret_text(label)


def is_page_position(name: str) -> bool:
    """Tell whether a parameter says where a list goes on."""
    return _plain(name) == PAGE_POSITION


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
        or HEADER.search(lower) is not None
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
