"""What the control interface changes inside AWS accounts and their organisation: `POST /accounts/<verb>`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from moto.iam.models import LIMIT_KEYS_PER_USER, AccessKeyLastUsed

from localcloud.aws.clock import CLOCK
from localcloud.aws.key_ids import account_in
from localcloud.aws.sessions import REGION
from localcloud.model import SeededKey, utc_text

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

Body = dict[str, Any]
STATUSES: Final = ("Active", "Inactive", "Expired")


def create_user(accounts: Accounts, body: Body) -> None:
    """Make a user without keys."""
    _check_account(accounts, body["account"])
    if body["user"] in accounts.iam(body["account"]).users:
        raise ValueError(f"Account {body['account']} has a user {body['user']} already")
    user = accounts.iam(body["account"]).create_user(REGION, body["user"], "/", [])
    user.create_date = _ago(body["created_days_ago"])


def create_key(accounts: Accounts, body: Body) -> Body:
    """Make an access key, and describe it."""
    _check_account(accounts, body["account"])
    user = accounts.iam(body["account"]).users.get(body["user"])
    if user is None or len(user.access_keys) >= LIMIT_KEYS_PER_USER:
        raise ValueError(f"Account {body['account']} has no user {body['user']} with a place for another key")
    wanted = _free_id(accounts, body["account"], body.get("access_key_id"))
    backend = accounts.iam(body["account"])
    key = backend.create_access_key(user.name, status=_status(body["status"]))
    if wanted:
        del backend.access_keys[key.access_key_id]
        key.access_key_id = wanted
        backend.access_keys[wanted] = key
    key.create_date = _ago(body["created_days_ago"])
    made = SeededKey(
        account=body["account"],
        user=user.name,
        path=user.path,
        user_arn=user.arn,
        access_key_id=key.access_key_id,
        status=key.status,
        create_date=utc_text(key.create_date.replace(tzinfo=UTC)),
    )
    return dataclasses.asdict(made)


def set_key_status(accounts: Accounts, body: Body) -> None:
    """Activate an access key, or the opposite."""
    _key(accounts, body["access_key_id"]).status = _status(body["status"])


def use_key(accounts: Accounts, body: Body) -> None:
    """Let an access key have been used."""
    used = AccessKeyLastUsed(_ago(body["days_ago"]), body["service"], body["region"])
    _key(accounts, body["access_key_id"]).last_used = used


def set_role_policy(accounts: Accounts, body: Body) -> None:
    """Change what the audit role of an account may do."""
    _check_account(accounts, body["account"])
    accounts.set_role_policy(body["account"], body["document"])


def set_report(accounts: Accounts, body: Body) -> None:
    """Change how credential reports are made, and how old they are; what is None stays."""
    reports = accounts.reports
    if body["takes_seconds"] is not None:
        reports.takes = timedelta(seconds=body["takes_seconds"])
    if body["limit_exceeded"] is not None:
        reports.limit_exceeded = body["limit_exceeded"]
    if body["shows_inactive"] is not None:
        reports.shows_inactive = body["shows_inactive"]
    if body["age_hours"] is not None:
        for account in accounts.population.accounts if body["account"] is None else [body["account"]]:
            _check_account(accounts, account)
            reports.set_age(account, timedelta(hours=body["age_hours"]))


def set_account_state(accounts: Accounts, body: Body) -> None:
    """Change the state of an account of the organisation."""
    accounts.members.set_state(body["account"], body["state"])


def set_account_fields(accounts: Accounts, body: Body) -> None:
    """Choose what Organizations tells of an account's state."""
    accounts.members.set_fields(status=body["status"], state=body["state"])


def _check_account(accounts: Accounts, account: str) -> None:
    if account not in accounts.population.accounts:
        raise ValueError(f"There is no account {account}")


def _key(accounts: Accounts, access_key_id: str) -> Any:  # noqa: ANN401 - moto has no types
    key = accounts.key(access_key_id)
    if key is None:
        raise ValueError(f"There is no access key {access_key_id}")
    return key


def _free_id(accounts: Accounts, account: str, access_key_id: str | None) -> str | None:
    """See that a key may have the id that is wanted, if one is."""
    if access_key_id is None:
        return None
    if not access_key_id.startswith("AKIA") or account_in(access_key_id) != account:
        raise ValueError(f"{access_key_id} is no id of an access key of account {account}")
    if accounts.key(access_key_id) is not None:
        raise ValueError(f"There is an access key {access_key_id} already")
    return access_key_id


def _status(status: str) -> str:
    if status not in STATUSES:
        raise ValueError(f"There is no status {status} of an access key; statuses: {', '.join(STATUSES)}")
    return status


def _ago(days: float) -> datetime:
    """Give the moment so many days ago, to the second, as moto keeps them: UTC without saying so."""
    return (CLOCK.now() - timedelta(days=days)).replace(tzinfo=None, microsecond=0)


VERBS: Final[dict[str, Callable[[Accounts, Body], Any]]] = {
    each.__name__: each
    for each in (
        create_user,
        create_key,
        set_key_status,
        use_key,
        set_role_policy,
        set_report,
        set_account_state,
        set_account_fields,
    )
}
"""By name."""
