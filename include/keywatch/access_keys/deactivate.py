"""Deactivate one access key, if it is still what was approved.

This is all that Keywatch ever changes in AWS. A key is known by its KeyId alone: no full id was kept anywhere, so it is
found anew among its user's keys.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keywatch.access_keys.aws_errors import GoneError, ask_aws
from keywatch.access_keys.iam import Iam
from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.proposal import ProposedKey
from keywatch.access_keys.record import key_id_of, shorten
from keywatch.errors import DeactivationRefusedError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import AccessKeyMetadataTypeDef

CHANGE: Final = "iam:UpdateAccessKey"
"""The one action that changes anything."""

ACTIONS: Final = ("iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", CHANGE)
"""All that the deactivation role needs in an account."""


def deactivate_key(
    client: IAMClient,
    key: ProposedKey,
    now: datetime,
    *,
    dry_run: bool,
    attempted: bool,
    attempting: Callable[[], object],
) -> bool:
    """Make a key inactive, unless it is no longer what was approved.

    Args:
        client: An IAM client of the key's account, as the deactivation role.
        key: What was approved.
        now: UTC.
        dry_run: Whether to stop before anything is changed.
        attempted: Whether AWS was asked for the change before, by an attempt whose answer nobody knows.
        attempting: Is told that AWS is about to be asked for the change; may raise to prevent it.

    Returns:
        Whether the key was made inactive; False if this is a dry run.

    Raises:
        DeactivationRefusedError: The key is gone, inactive already, used since, or not the only one that could be
            meant; nothing was changed.
        KeywatchError: AWS cannot be asked, or denies it.
    """
    iam = Iam(client, key.account_id)
    listed = _only_match(iam, key)
    if listed["Status"] != "Active":
        if listed["Status"] == "Inactive" and attempted:
            return True  # an earlier attempt's doing, whose answer was lost
        raise DeactivationRefusedError(f"its status is {listed['Status']} already")
    _check_use(iam, key, listed, now)
    if dry_run:
        return False
    attempting()
    access_key_id = listed["AccessKeyId"]
    try:
        ask_aws(
            key.account_id,
            CHANGE,
            lambda: client.update_access_key(UserName=key.user_name, AccessKeyId=access_key_id, Status="Inactive"),
        )
    except GoneError as error:
        raise DeactivationRefusedError("it was deleted in this moment") from error
    return True


def _only_match(iam: Iam, key: ProposedKey) -> AccessKeyMetadataTypeDef:
    """Find the one key of the user that has the proposed KeyId."""
    try:
        found = [each for each in iam.keys(key.user_name) if _key_id(iam, key, each) == key.key_id]
    except GoneError as error:
        raise DeactivationRefusedError("its user is gone") from error
    if not found:
        raise DeactivationRefusedError("the user has no such key any more")
    if len(found) > 1:
        raise DeactivationRefusedError(f"{len(found)} keys of the user could be meant: deactivate it by hand")
    return found[0]


def _key_id(iam: Iam, key: ProposedKey, listed: AccessKeyMetadataTypeDef) -> str:
    created = listed["CreateDate"].astimezone(UTC)
    return key_id_of(iam.partition, key.account_id, key.user_arn, shorten(listed["AccessKeyId"]), created)


def _check_use(iam: Iam, key: ProposedKey, listed: AccessKeyMetadataTypeDef, now: datetime) -> None:
    """See that the key has not been used since, and that the rule is still about it."""
    try:
        used = iam.last_use(listed["AccessKeyId"]).get("LastUsedDate")
    except GoneError as error:
        raise DeactivationRefusedError("the user has no such key any more") from error
    last_used = used.astimezone(UTC) if used else None
    if last_used is None and key.last_used:
        raise DeactivationRefusedError("IAM no longer says when it was last used: look at it by hand")
    if last_used and (key.last_used is None or last_used > key.last_used):
        raise DeactivationRefusedError(f"it was used since, on {last_used:%Y-%m-%d %H:%M} UTC")
    facts = KeyFacts(
        key_id=key.key_id,
        access_key_id=key.access_key_id,
        account_id=key.account_id,
        account_name=key.account_name,
        user_name=key.user_name,
        user_arn=key.user_arn,
        status=listed["Status"],
        created=listed["CreateDate"].astimezone(UTC),
        last_used=last_used,
        first_seen=now,
        last_seen=now,
        last_active=now,
    )
    if key.rule.reason(facts, [facts], now) is None:
        raise DeactivationRefusedError(f"rule {key.rule.id} is no longer about it")
