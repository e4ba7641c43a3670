"""Sessions of assumed roles: opened here whichever way they are asked for, kept in moto."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from moto.sts.models import sts_backends

from localcloud.aws.clock import CLOCK

PARTITION = "aws"
REGION = "us-east-1"


def open_session(
    role_arn: str,
    name: str,
    duration: int,
    *,
    policy: str | None = None,
    external_id: str | None = None,
    source_identity: str | None = None,
) -> Any:  # noqa: ANN401 - moto has no types
    """Hand out temporary credentials of a role.

    Args:
        role_arn: the role.
        name: the session's.
        duration: seconds that were asked for.
        policy: what else limits the session, beside the role's own policies.
        external_id: what the caller gave as such.
        source_identity: who began the chain of sessions, if anybody says so.

    Returns:
        moto's record of the session: its key, secret, token, ARN and end, and its source identity.
    """
    backend: Any = sts_backends[account_of_role(role_arn)][PARTITION]
    session = backend.assume_role(REGION, name, role_arn, policy, duration, external_id)
    session.expiration = CLOCK.end_of_session(duration).replace(tzinfo=None)
    session.source_identity = source_identity
    return session


def session_of(account: str, access_key_id: str) -> Any:  # noqa: ANN401 - moto has no types
    """Give moto's record of a session of an account; None if the key belongs to none."""
    return sts_backends[account][PARTITION].get_assumed_role_from_access_key(access_key_id)


def secrets_of_sessions(accounts: Iterable[str]) -> Iterator[str]:
    """List the access key id, the secret access key and the token of every session of some accounts."""
    for account in accounts:
        for session in sts_backends[account][PARTITION].assumed_roles:
            yield from (session.access_key_id, session.secret_access_key, session.session_token)


def source_identity_of(session: Any) -> str | None:  # noqa: ANN401 - moto has no types
    """Give a session's source identity; None if it has none, or there is no session."""
    return getattr(session, "source_identity", None)


def has_ended(session: Any) -> bool:  # noqa: ANN401 - moto has no types
    """Tell whether a session's time is over."""
    return bool(session.expiration <= CLOCK.now().replace(tzinfo=None))


def account_of_role(role_arn: str) -> str:
    """Read the account in a role's ARN."""
    return role_arn.split(":")[4]
