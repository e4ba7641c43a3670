"""IAM's credential report: a CSV file with a row for each user, and before them one for the root user.

Source: IAM user guide, "Generate credential reports for your AWS account". The guide also describes a last column,
additional_credentials_info, for users with more than two keys; it is left out, as reports without such users are said
to be without it (unverified).
"""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SLOTS: Final = 2
"""How many access keys of a user a report shows."""
COLUMNS: Final = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(
        f"access_key_{slot}_{what}"
        for slot in range(1, SLOTS + 1)
        for what in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
NOT_AVAILABLE: Final = "N/A"
NO_KEY: Final = ("false", *[NOT_AVAILABLE] * 4)
NO_PASSWORD: Final = ("false", *[NOT_AVAILABLE] * 3)
ROOT_PASSWORD: Final = ("not_supported", "no_information", "not_supported", "not_supported")
NO_CERTIFICATES: Final = ("false", NOT_AVAILABLE) * 2
WITHOUT_REGION: Final = frozenset({"s3"})
"""Services of which a report shows no Region. The guide names this one as an example."""
SPAN: Final = timedelta(minutes=15)
"""Of several uses within this, a report knows the first. Here spans begin at full quarters of an hour."""


def credential_report(
    account: str, users: Iterable[Any], root: tuple[datetime, int], *, shows_inactive: bool = False
) -> bytes:
    """Write the report of an account.

    Args:
        account: its id.
        users: moto's records of its users.
        root: since when there is a root user, and how many access keys it has (0 or 1); none was ever used.
        shows_inactive: whether a key that is not active shows all but being active. The guide says it shows nothing;
            of real reports the opposite has been said (unverified).
    """
    ordered = sorted(users, key=lambda user: str(user.name).lower())
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerow(_root_row(account, *root))
    rows.writerows(_user_row(user, shows_inactive=shows_inactive) for user in ordered)
    return text.getvalue().removesuffix("\n").encode()


def _root_row(account: str, created: datetime, keys: int) -> Sequence[str]:
    key = ("true", _text(created), *[NOT_AVAILABLE] * 3) if keys else NO_KEY
    name = ("<root_account>", f"arn:aws:iam::{account}:root", _text(created))
    return (*name, *ROOT_PASSWORD, "true", *key, *NO_KEY, *NO_CERTIFICATES)


def _user_row(user: Any, *, shows_inactive: bool) -> Sequence[str]:  # noqa: ANN401 - moto has no types
    name = (user.name, user.arn, _text(user.create_date))
    slots = [_slot(key, shows_inactive=shows_inactive) for key in _in_slots(user)]
    slots += [NO_KEY] * (SLOTS - len(slots))
    return (*name, *NO_PASSWORD, "false", *[each for slot in slots for each in slot], *NO_CERTIFICATES)


def _in_slots(user: Any) -> list[Any]:  # noqa: ANN401 - moto has no types
    """Put a user's keys into an order that is not that of lists of keys, but the user's own."""

    def place(key: Any) -> bytes:  # noqa: ANN401 - moto has no types
        return hashlib.sha256(f"{user.arn} {key.access_key_id}".encode()).digest()

    return sorted(user.access_keys, key=place)[:SLOTS]


def _slot(key: Any, *, shows_inactive: bool) -> Sequence[str]:  # noqa: ANN401 - moto has no types
    active = key.status == "Active"
    if not active and not shows_inactive:
        return NO_KEY
    return (str(active).lower(), _text(key.create_date), *_use(key))


def _use(key: Any) -> Sequence[str]:  # noqa: ANN401 - moto has no types
    used = key.last_used
    if not used:
        return (NOT_AVAILABLE,) * 3
    begun = used.timestamp - (used.timestamp - datetime.min) % SPAN  # noqa: DTZ901 - moto's dates name no time zone
    region = NOT_AVAILABLE if used.service in WITHOUT_REGION else used.region
    return (_text(max(begun, key.create_date)), region, used.service)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
