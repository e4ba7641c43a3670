"""The policies that are seeded: what each role may do, whom it trusts, and what limits its sessions."""

from __future__ import annotations

import json
from typing import Any, Final

READ_ACTIONS: Final = ("iam:GetAccountSummary", "iam:ListUsers", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed")
"""What the audit needs in an account that it asks for every key."""
REPORT_ACTIONS: Final = ("iam:GenerateCredentialReport", "iam:GetCredentialReport")
"""What it needs besides where it reads the credential report."""
TAG_ACTIONS: Final = ("iam:ListUserTags",)
"""What it needs besides where it reads the users' tags."""
DEACTIVATION_ACTIONS: Final = ("iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "iam:UpdateAccessKey")
"""What the deactivation of access keys needs; each is about a user (Service Authorization Reference, IAM)."""
STAGING_ACTIONS: Final = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
SERVICE: Final = "rolesanywhere.amazonaws.com"
SESSION_ACTIONS: Final = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
"""What a role must let IAM Roles Anywhere do (user guide, "Role trusts")."""
CHAINING_ACTIONS: Final = ("sts:AssumeRole", "sts:SetSourceIdentity")
"""What a session with a source identity needs for another role, of its own policies and of that role's trust."""
SOURCE: Final = "aws:SourceArn"
COMMON_NAME: Final = "aws:PrincipalTag/x509Subject/CN"


def document(*statements: dict[str, Any]) -> str:
    """Write a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def member_policy(denied: str | None = None) -> str:
    """Write what the audit role of any account may do; in some accounts, all but one action."""
    return document(_allow([each for each in (*READ_ACTIONS, *REPORT_ACTIONS, *TAG_ACTIONS) if each != denied], "*"))


def audit_policy(role: str, bucket: str) -> str:
    """Write what the audit may do in its own account: the same, and get from there to everywhere else."""
    return document(
        _allow([*READ_ACTIONS, *REPORT_ACTIONS, *TAG_ACTIONS, "organizations:ListAccounts"], "*"),
        _entering(role),
        *_staging(bucket),
    )


def deactivation_policy(account: str) -> str:
    """Write what the deactivation role of any account may do there."""
    return document(_deactivation(account))


def own_deactivation_policy(account: str, role: str) -> str:
    """Write what the first account's may do: the same, and get from there to everywhere else.

    It is what limits the sessions of its profile too.
    """
    return document(_deactivation(account), _entering(role))


def session_policy(bucket: str) -> str:
    """Write what limits the sessions of the audit's profile: nothing is written but to the bucket."""
    reading = ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport", "organizations:List*"]
    return document(_allow([*reading, *CHAINING_ACTIONS], "*"), *_staging(bucket))


def trust_of_certificate(anchor_arn: str, common_name: str) -> dict[str, Any]:
    """State the trust in whoever comes by this trust anchor, with a certificate of this name."""
    conditions = {"ArnEquals": {SOURCE: anchor_arn}, "StringEquals": {COMMON_NAME: common_name}}
    return {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": list(SESSION_ACTIONS),
        "Condition": conditions,
    }


def trust_of(principal: str) -> dict[str, Any]:
    """State the trust in a user or role, whose sessions may bring a source identity along."""
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(CHAINING_ACTIONS)}


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _deactivation(account: str) -> dict[str, Any]:
    return _allow(list(DEACTIVATION_ACTIONS), f"arn:aws:iam::{account}:user/*")


def _entering(role: str) -> dict[str, Any]:
    return _allow(list(CHAINING_ACTIONS), f"arn:aws:iam::*:role/{role}")


def _staging(bucket: str) -> tuple[dict[str, Any], ...]:
    arn = f"arn:aws:s3:::{bucket}"
    return _allow(["s3:ListBucket", "s3:GetBucketLocation"], arn), _allow(list(STAGING_ACTIONS), f"{arn}/*")
