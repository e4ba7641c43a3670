"""Accounts as a file: `accounts.json`, a list of objects with `email`, `policynumber` and `beneficiary`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from keywatch.errors import AccountFileError, BadQueryError, InvitationError
from keywatch.portal.accounts.addresses import fold_address
from keywatch.portal.accounts.details import clean
from keywatch.portal.accounts.model import AccountEntry, Detail

LARGEST: Final = 16_000_000
"""Bytes."""

SHOWN: Final = 20
"""Problems that a message lists."""

DETAILS: Final[tuple[Detail, ...]] = get_args(Detail)
FIELDS: Final = ("email", *DETAILS)


class _Digits(str):
    """A whole number, as the file writes it."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The fields of an object, each as often as the file has it."""


def read_accounts(data: bytes, name: str) -> list[AccountEntry]:
    """Read a file of accounts: all of it or nothing.

    Args:
        data: The file.
        name: Of the file, for messages.

    Raises:
        AccountFileError: It is no such file, or an entry is not usable; the message names the entries by number.
    """
    found: dict[str, int] = {}
    entries: list[AccountEntry] = []
    problems: list[str] = []
    for number, value in enumerate(_list(data, name), start=1):
        try:
            entry = _entry(value)
            folded = fold_address(entry.email)
        except (InvitationError, BadQueryError, AccountFileError) as error:
            problems.append(f"- entry {number}: {error}")
            continue
        if (first := found.setdefault(folded, number)) != number:
            problems.append(f"- entry {number}: entry {first} has the same e-mail. Keep one of them.")
        entries.append(entry)
    if problems:
        more = [f"- and {len(problems) - SHOWN:,} more"] * (len(problems) > SHOWN)
        listed = "\n".join([*problems[:SHOWN], *more])
        raise AccountFileError(f"{name} is not usable, and nothing of it was taken. Correct it:\n{listed}")
    return entries


def write_accounts(entries: Iterable[AccountEntry]) -> bytes:
    """Write a file of accounts, in the order of their addresses."""
    ordered = sorted(entries, key=lambda entry: fold_address(entry.email))
    values = [{"email": entry.email, **{name: entry.details.get(name) for name in DETAILS}} for entry in ordered]
    return (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode()


def _list(data: bytes, name: str) -> Sequence[Any]:
    if len(data) > LARGEST:
        raise AccountFileError(f"{name} is larger than {LARGEST:,} bytes. Divide it into several.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AccountFileError(f"{name} is not UTF-8 at byte {error.start:,}. Save it as UTF-8.") from error
    try:
        values = json.loads(text, parse_int=_Digits, object_pairs_hook=_Object)
    except (json.JSONDecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
        raise AccountFileError(f"{name} is no JSON: {said}. Correct it.") from error
    if isinstance(values, _Object) or not isinstance(values, list):
        raise AccountFileError(f"{name} is no list. Put its accounts between [ and ].")
    return values


def _entry(value: object) -> AccountEntry:
    """Read one entry.

    Raises:
        AccountFileError: It has another form than it must have; the message says which.
    """
    if not isinstance(value, _Object):
        raise AccountFileError('it is no object. Write it as {"email": "local@domain"}.')
    names = [field for field, _ in value]
    if twice := sorted({field for field in names if names.count(field) > 1}):
        raise AccountFileError(f"it has {_shown(twice)} more than once. Keep one.")
    if unknown := sorted(set(names).difference(FIELDS)):
        raise AccountFileError(f"it has {_shown(unknown)}, which no account has. Use {', '.join(FIELDS)}.")
    fields = dict(value)
    email = fields.get("email")
    if type(email) is not str or not email:
        raise AccountFileError("its email is missing, or no text. Give the address of its owner.")
    return AccountEntry(email, {name: clean(name, _detail(name, fields[name])) for name in DETAILS if name in fields})


def _detail(name: Detail, value: object) -> str | None:
    allowed = (str, _Digits) if name == "policynumber" else (str,)
    if value is not None and type(value) not in allowed:
        raise AccountFileError(f"its {name} is of a wrong type. Write it as text{' or number' * (len(allowed) > 1)}.")
    return None if value is None else str(value)


def _shown(names: Sequence[str]) -> str:
    return ", ".join(f"{name[:40]!a}" for name in names[:SHOWN])
