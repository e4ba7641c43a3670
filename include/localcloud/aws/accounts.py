"""The AWS accounts inside moto: filled from a population, looked into, and changed behind the caller's back."""

from __future__ import annotations

import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

import moto.settings
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.iam.models import AccessKeyLastUsed, iam_backends
from moto.s3.models import s3_backends

from localcloud.aws.credential_report_store import CredentialReports
from localcloud.aws.documents import (
    audit_policy,
    deactivation_policy,
    document,
    member_policy,
    own_deactivation_policy,
    trust_of,
    trust_of_certificate,
)
from localcloud.aws.key_ids import account_in
from localcloud.aws.organizations_members import Members
from localcloud.aws.population import AUDITOR, DEACTIVATION_ROLE, ROLE
from localcloud.aws.sessions import PARTITION, REGION, account_of_role, session_of
from localcloud.azure_model import AUDIT_CERTIFICATE, DEACTIVATION_CERTIFICATE
from localcloud.model import utc_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from localcloud.aws.population import Population
    from localcloud.model import SeededKey, SeededUser

POLICY = "audit-access-keys"
"""Name of the policy that lets the audit do its work."""
DEACTIVATION_POLICY = "deactivate-access-keys"
"""Name of the policy of the deactivation role."""
LONGEST_SESSION = 43_200
"""Seconds that a session of a role may last."""

# moto's own switch: from the first request on, signatures and policies are checked.
moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0


class Accounts:
    """The seeded accounts. Not thread safe, as moto is not: use it from one thread."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.members = Members(population)
        self.reports = CredentialReports(population, self.iam)
        alphabet = string.ascii_letters + string.digits + "+/"
        self.auditor_secret = "".join(secrets.choice(alphabet) for _ in range(40))
        self._known = frozenset(population.accounts)
        self.audit_account = population.accounts[0]
        self.audit_role_arn = f"arn:aws:iam::{self.audit_account}:role/{ROLE}"
        self.deactivation_role_arn = f"arn:aws:iam::{self.audit_account}:role/{DEACTIVATION_ROLE}"
        self.bucket = f"keywatch-staging-{self.audit_account}"
        anywhere = f"arn:aws:rolesanywhere:{REGION}:{self.audit_account}"
        self.trust_anchor_arn = f"{anywhere}:trust-anchor/{uuid.uuid4()}"
        self.profile_arn = f"{anywhere}:profile/{uuid.uuid4()}"
        self.deactivation_profile_arn = f"{anywhere}:profile/{uuid.uuid4()}"
        self.reset()

    def reset(self) -> None:
        """Throw everything away and seed again; the auditor's secret access key stays the same."""
        self.members.reset()
        self.reports.reset()
        BackendDict.reset()
        reset_model_data()
        for user in self.population.users:
            self._add_user(user)
        for key in self.population.keys:
            self._add_key(key)
        for account in self.population.accounts:
            self._add_audit_role(account)
            self._add_deactivation_role(account)
        if self.population.auditor_key_id is not None:
            self._let_the_auditor_in(self.population.auditor_key_id)
        s3_backends[self.audit_account][PARTITION].create_bucket(self.bucket, REGION)

    def iam(self, account: str) -> Any:  # noqa: ANN401 - moto has no types
        """Give moto's IAM backend of an account."""
        return iam_backends[account][PARTITION]

    def account_of(self, access_key_id: str) -> str | None:
        """Tell whose access key, permanent or temporary, this is."""
        account = account_in(access_key_id)
        is_there = account in self._known and access_key_id in self.iam(account).access_keys
        return account if is_there else None

    def key(self, access_key_id: str) -> Any:  # noqa: ANN401 - moto has no types
        """Give moto's record of an access key, permanent or temporary; None if there is none."""
        account = self.account_of(access_key_id)
        return None if account is None else self.iam(account).access_keys[access_key_id]

    def caller_arn(self, access_key_id: str) -> str:
        """Name the user or assumed role that an access key belongs to."""
        account = self.account_of(access_key_id)
        if account is None:
            return "anonymous"
        session = session_of(account, access_key_id)
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

    def policies(self, access_key_id: str) -> dict[str, list[str]]:
        """Give the policies that limit whom an access key belongs to, by kind: each kind has to allow an action."""
        account = self.account_of(access_key_id)
        if account is None:
            return {"identity-based": []}
        session = session_of(account, access_key_id)
        if session is None:
            return {
                "identity-based": list(self.iam(account).get_user(self.key(access_key_id).user_name).policies.values())
            }
        role = self.iam(account).get_role_by_arn(session.role_arn)
        limits = {"identity-based": list(role.policies.values())}
        return limits if session.policy is None else limits | {"session": [session.policy]}

    def trust_policy(self, role_arn: str) -> str | None:
        """Give the trust policy of a role; None if there is no such role."""
        account = account_of_role(role_arn) if role_arn.count(":") >= 5 else None  # noqa: PLR2004 - an ARN's parts
        roles = self.iam(account).roles.values() if account in self._known else ()
        return next((str(each.assume_role_policy_document) for each in roles if each.arn == role_arn), None)

    def set_role_trust(self, account: str, policy: str) -> None:
        """Change whom the audit role of an account trusts."""
        self.iam(account).get_role(ROLE).assume_role_policy_document = policy

    def set_role_policy(self, account: str, policy: str) -> None:
        """Change what the audit role of an account may do."""
        self.iam(account).put_role_policy(ROLE, POLICY, policy)

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

    def _add_audit_role(self, account: str) -> None:
        trusts = [self._trust(account, self.audit_role_arn, AUDIT_CERTIFICATE)]
        if self.population.auditor_key_id is not None:
            trusts.append(trust_of(f"arn:aws:iam::{self.audit_account}:user/{AUDITOR}"))
        self._add_role(account, ROLE, trusts)
        own, denied = account == self.audit_account, self.population.denied.get(account)
        policy = audit_policy(ROLE, self.bucket) if own else member_policy(denied)
        self.iam(account).put_role_policy(ROLE, POLICY, policy)

    def _add_deactivation_role(self, account: str) -> None:
        trust = self._trust(account, self.deactivation_role_arn, DEACTIVATION_CERTIFICATE)
        self._add_role(account, DEACTIVATION_ROLE, [trust])
        own = account == self.audit_account
        policy = own_deactivation_policy(account, DEACTIVATION_ROLE) if own else deactivation_policy(account)
        self.iam(account).put_role_policy(DEACTIVATION_ROLE, DEACTIVATION_POLICY, policy)

    def _trust(self, account: str, own_role_arn: str, common_name: str) -> dict[str, Any]:
        """State whom a role trusts: the certificate in the first account, its role there in all others."""
        if account == self.audit_account:
            return trust_of_certificate(self.trust_anchor_arn, common_name)
        return trust_of(own_role_arn)

    def _add_role(self, account: str, name: str, trusts: list[dict[str, Any]]) -> None:
        if self.population.denied.get(account) == "sts:AssumeRole":
            trusts = [trust_of(f"arn:aws:iam::{account}:root")]
        self.iam(account).create_role(
            role_name=name,
            assume_role_policy_document=document(*trusts),
            path="/",
            permissions_boundary=None,
            description="For Keywatch",
            tags=[],
            max_session_duration=str(LONGEST_SESSION),
        )

    def _let_the_auditor_in(self, key_id: str) -> None:
        self.iam(self.audit_account).put_user_policy(AUDITOR, POLICY, audit_policy(ROLE, self.bucket))
        self.key(key_id).secret_access_key = self.auditor_secret


def _naive(text: str) -> datetime:
    """Read a date as moto keeps them: UTC without saying so."""
    return utc_moment(text).replace(tzinfo=None)
