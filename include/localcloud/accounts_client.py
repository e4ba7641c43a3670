"""What `LocalCloud` can change inside AWS accounts, and in the organisation that they are in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from localcloud.model import AwsAccess, OrganizationAccount, SeededKey, from_json


class AccountsControls(ABC):
    """The methods about accounts. What is refused raises `LocalCloudError` in words that say why; `reset` undoes them.

    Ages count from the AWS services' own time, not from the seed's `now`.
    """

    @property
    @abstractmethod
    def aws(self) -> AwsAccess:
        """The auditor's ways in, the roles, and the bucket."""

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask the control interface."""

    @property
    def organization(self) -> tuple[OrganizationAccount, ...]:
        """The accounts of the organisation as seeded; empty if there is none."""
        return self.aws.organization

    def create_user(self, account: str, user: str, *, created_days_ago: float = 0) -> None:
        """Create a user without access keys."""
        self._change_accounts("create_user", account=account, user=user, created_days_ago=created_days_ago)

    def create_key(
        self,
        account: str,
        user: str,
        *,
        status: str = "Active",
        created_days_ago: float = 0,
        access_key_id: str | None = None,
    ) -> SeededKey:
        """Create an access key of a user, and tell the truth about it; `keys` does not know of it.

        Args:
            account: of the user.
            user: has at most one key so far.
            status: Active, Inactive or Expired.
            created_days_ago: its age.
            access_key_id: 20 characters, in which the account is encoded; None makes one up.
        """
        made = self._change_accounts(
            "create_key",
            account=account,
            user=user,
            status=status,
            created_days_ago=created_days_ago,
            access_key_id=access_key_id,
        )
        return from_json(SeededKey, made)

    def set_key_status(self, access_key_id: str, status: str) -> None:
        """Make an access key Active, Inactive or Expired."""
        self._change_accounts("set_key_status", access_key_id=access_key_id, status=status)

    def use_key(
        self, access_key_id: str, *, days_ago: float = 0, region: str = "us-east-1", service: str = "ec2"
    ) -> None:
        """Let the last use of an access key have been then and there."""
        self._change_accounts("use_key", access_key_id=access_key_id, days_ago=days_ago, region=region, service=service)

    def set_role_policy(self, account: str, document: Mapping[str, Any]) -> None:
        """Change what the audit role of an account may do."""
        self._change_accounts("set_role_policy", account=account, document=json.dumps(document))

    def set_report(
        self,
        *,
        account: str | None = None,
        age_hours: float | None = None,
        takes_seconds: float | None = None,
        limit_exceeded: bool | None = None,
        shows_inactive: bool | None = None,
    ) -> None:
        """Change credential reports; what is None stays.

        Args:
            account: whose report gets another age; None is every account's.
            age_hours: how old the report is; it says what it said. Where there is none, it is made, and says what is so
                now.
            takes_seconds: how long reports take that are asked for from now on.
            limit_exceeded: whether IAM answers LimitExceeded to whoever asks for a report to be made.
            shows_inactive: whether reports that are made from now on show keys that are not active.
        """
        self._change_accounts(
            "set_report",
            account=account,
            age_hours=age_hours,
            takes_seconds=takes_seconds,
            limit_exceeded=limit_exceeded,
            shows_inactive=shows_inactive,
        )

    def set_account_state(self, account: str, state: str) -> None:
        """Change the state of an account of the organisation; its roles can be assumed if it is ACTIVE."""
        self._change_accounts("set_account_state", account=account, state=state)

    def set_account_fields(self, *, status: bool, state: bool) -> None:
        """Choose what Organizations tells of an account's state: the retired Status, State, or both."""
        self._change_accounts("set_account_fields", status=status, state=state)

    def _change_accounts(self, verb: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        return self._ask("POST", f"/accounts/{verb}", body=body)
