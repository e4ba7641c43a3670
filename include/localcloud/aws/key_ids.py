"""Ids of access keys as AWS makes them since 2019: the account number is in them, so one account's ids begin alike.

The scheme is undocumented; it has been found by comparing ids with their accounts, and moto makes ids by it too.
"""

from __future__ import annotations

import base64
import binascii

RANDOM_BITS = 39
"""How many bits of an id are its own."""
LENGTH = 20
PREFIX_LENGTH = 4
FIRST_BIT = 1 << 79
ACCOUNT_MASK = (1 << 40) - 1


def key_id_of(account: str, number: int, prefix: str = "AKIA") -> str:
    """Make the id of a key of an account; `number` has `RANDOM_BITS` bits."""
    whole = FIRST_BIT | (int(account) << RANDOM_BITS) | number
    return prefix + base64.b32encode(whole.to_bytes(10, "big")).decode("ascii")


def account_in(access_key_id: str) -> str | None:
    """Read the account in a key's id; None if it is no such id."""
    if len(access_key_id) != LENGTH:
        return None
    try:
        whole = int.from_bytes(base64.b32decode(access_key_id[PREFIX_LENGTH:]), "big")
    except (binascii.Error, ValueError):
        return None
    return f"{(whole >> RANDOM_BITS) & ACCOUNT_MASK:012d}"
