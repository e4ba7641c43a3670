"""What the control interface changes in AWS: one function for each verb of `POST /aws/<verb>`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from localcloud.aws.clock import CLOCK
from localcloud.aws.sessions import secrets_of_sessions

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

Body = dict[str, Any]


def set_clock(_: Cloud, body: Body) -> None:
    """Let the services believe that it is so many seconds later."""
    CLOCK.offset = timedelta(seconds=body["offset_seconds"])


def set_session_lifetime(_: Cloud, body: Body) -> None:
    """Let sessions that are opened from now on last so many seconds; None lets them last as long as is asked."""
    seconds = body["seconds"]
    CLOCK.session_lifetime = None if seconds is None else int(seconds)


def change_profile(cloud: Cloud, body: Body) -> None:
    """Change a profile of IAM Roles Anywhere; what is None stays."""
    roles, policy = body["role_arns"], body["session_policy"]
    cloud.roles_anywhere.change_profile(
        body["profile_arn"],
        enabled=body["enabled"],
        role_arns=None if roles is None else tuple(roles),
        session_policy=None if policy is None else json.dumps(policy),
        accepts_session_name=body["accepts_session_name"],
    )


def set_trust_anchor_enabled(cloud: Cloud, body: Body) -> None:
    """Enable or disable the trust anchor of IAM Roles Anywhere."""
    cloud.roles_anywhere.trust_anchor_enabled = bool(body["enabled"])


def set_role_trust(cloud: Cloud, body: Body) -> None:
    """Change whom the audit role of an account trusts."""
    cloud.accounts.set_role_trust(body["account"], json.dumps(body["document"]))


def session_secrets(cloud: Cloud, _: Body) -> list[str]:
    """List the access key ids, secret access keys and tokens of all sessions that were opened."""
    return list(secrets_of_sessions(cloud.population.accounts))


VERBS: Final[dict[str, Callable[[Cloud, Body], Any]]] = {
    each.__name__: each
    for each in (
        set_clock,
        set_session_lifetime,
        change_profile,
        set_trust_anchor_enabled,
        set_role_trust,
        session_secrets,
    )
}
"""By name."""
