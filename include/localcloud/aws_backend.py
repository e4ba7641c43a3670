"""The AWS accounts inside moto: filled from a population, looked into, and changed behind the caller's back."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING, Any

import moto.settings
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.iam.models import AccessKeyLastUsed, iam_backends
from moto.sts.models import sts_backends

from localcloud.aws_sessions import PARTITION, REGION
from localcloud.model import utc_moment
from localcloud.population import AUDITOR, ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from localcloud.model import SeededKey, SeededUser
    from localcloud.population import Population

READ_ACTIONS = ("iam:GetAccountSummary", "iam:ListUsers", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed")
"""What the audit needs in an account, and all that it is allowed."""

# moto's own switch: from the first request on, signatures and policies are checked.
moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Accounts:
    """The seeded accounts. Not thread safe, as moto is not: use it from one thread."""

    def __init__(self, population: Population) -> None:
        self.population = population
        alphabet = string.ascii_letters + string.digits + "+/"
        self.auditor_secret = "".join(secrets.choice(alphabet) for _ in range(40))
        self.reset()

    def reset(self) -> None:
        """Throw everything away and seed again; the auditor's secret access key stays the same."""
        BackendDict.reset()
        reset_model_data()
        for user in self.population.users:
            self._add_user(user)
        for key in self.population.keys:
            self._add_key(key)
        for account in self.population.accounts:
            self._add_role(account)
        self._let_the_auditor_in()

    def iam(self, account: str) -> Any:  # noqa: ANN401 - moto has no types
        """Give moto's IAM backend of an account."""
        return iam_backends[account][PARTITION]

    def account_of(self, access_key_id: str) -> str | None:
        """Tell whose access key, permanent or temporary, this is."""
        for account in self.population.accounts:
            if access_key_id in self.iam(account).access_keys:
                return account
        return None

    def key(self, access_key_id: str) -> Any:  # noqa: ANN401 - moto has no types
        """Give moto's record of an access key, permanent or temporary; None if there is none."""
        account = self.account_of(access_key_id)
        return None if account is None else self.iam(account).access_keys[access_key_id]

    def caller_arn(self, access_key_id: str) -> str:
        """Name the user or assumed role that an access key belongs to."""
        account = self.account_of(access_key_id)
        if account is None:
            return "anonymous"
        session = sts_backends[account][PARTITION].get_assumed_role_from_access_key(access_key_id)
        if session is not None:
            return str(session.arn)
        return str(self.iam(account).get_user(self.key(access_key_id).user_name).arn)

    def delete_user(self, account: str, user: str) -> bool:
        """Delete a user with everything it has; False if there is none."""
        backend = self.iam(account)
        if user not in backend.users:
            return False
        for key in list(backend.users[user].access_keys):
            backend.delete_access_key_by_name(key.access_key_id)
        backend.users[user].managed_policies.clear()
        del backend.users[user]
        return True

    def delete_key(self, access_key_id: str) -> bool:
        """Delete an access key; False if there is none."""
        account = self.account_of(access_key_id)
        if account is None:
            return False
        self.iam(account).delete_access_key_by_name(access_key_id)
        return True

    def present_users(self, account: str) -> Iterator[str]:
        """List the names of the users an account has now."""
        yield from self.iam(account).users

    def _add_user(self, seeded: SeededUser) -> None:
        tags = [{"Key": key, "Value": value} for key, value in seeded.tags.items()]
        user = self.iam(seeded.account).create_user(REGION, seeded.name, seeded.path, tags)
        user.create_date = _naive(seeded.create_date)

    def _add_key(self, seeded: SeededKey) -> None:
        backend = self.iam(seeded.account)
        key = backend.create_access_key(seeded.user, status=seeded.status)
        del backend.access_keys[key.access_key_id]
        key.access_key_id = seeded.access_key_id
        backend.access_keys[key.access_key_id] = key
        key.create_date = _naive(seeded.create_date)
        if seeded.last_used_date and seeded.last_used_service and seeded.last_used_region:
            key.last_used = AccessKeyLastUsed(
                _naive(seeded.last_used_date), seeded.last_used_service, seeded.last_used_region
            )

    def _add_role(self, account: str) -> None:
        auditor = f"arn:aws:iam::{self.population.accounts[0]}:user/{AUDITOR}"
        trust = {"Effect": "Allow", "Principal": {"AWS": auditor}, "Action": "sts:AssumeRole"}
        backend = self.iam(account)
        backend.create_role(
            role_name=ROLE,
            assume_role_policy_document=_policy(trust),
            path="/",
            permissions_boundary=None,
            description="Reads the metadata of access keys",
            tags=[],
            max_session_duration="3600",
        )
        read = {"Effect": "Allow", "Action": list(READ_ACTIONS), "Resource": "*"}
        backend.put_role_policy(ROLE, "read-access-keys", _policy(read))

    def _let_the_auditor_in(self) -> None:
        backend = self.iam(self.population.accounts[0])
        read = {"Effect": "Allow", "Action": list(READ_ACTIONS), "Resource": "*"}
        assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{ROLE}"}
        backend.put_user_policy(AUDITOR, "audit-access-keys", _policy(read, assume))
        self.key(self.population.auditor_key_id).secret_access_key = self.auditor_secret


def _naive(text: str) -> datetime:
    """Read a date as moto keeps them: UTC without saying so."""
    return utc_moment(text).replace(tzinfo=None)
