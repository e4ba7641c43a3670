"""The policies that are seeded: what the audit may do, whom its roles trust, and what limits its sessions."""

from __future__ import annotations

import json
from typing import Any, Final

from localcloud.azure_model import AUDIT_CERTIFICATE

READ_ACTIONS: Final = ("iam:GetAccountSummary", "iam:ListUsers", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed")
"""What the audit needs in an account that it asks for every key."""
REPORT_ACTIONS: Final = ("iam:GenerateCredentialReport", "iam:GetCredentialReport")
"""What it needs besides where it reads the credential report."""
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
    return document(_allow([each for each in (*READ_ACTIONS, *REPORT_ACTIONS) if each != denied], "*"))


def audit_policy(role: str, bucket: str) -> str:
    """Write what the audit may do in its own account: the same, and get from there to everywhere else."""
    return document(
        _allow([*READ_ACTIONS, *REPORT_ACTIONS, "organizations:ListAccounts"], "*"),
        _allow(list(CHAINING_ACTIONS), f"arn:aws:iam::*:role/{role}"),
        *_staging(bucket),
    )


def session_policy(bucket: str) -> str:
    """Write what limits the sessions of the profile: nothing is written but to the bucket."""
    reading = ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport", "organizations:List*"]
    return document(_allow([*reading, *CHAINING_ACTIONS], "*"), *_staging(bucket))


def trust_of_certificate(anchor_arn: str) -> dict[str, Any]:
    """State the trust in whoever comes by this trust anchor, with the audit's certificate."""
    conditions = {"ArnEquals": {SOURCE: anchor_arn}, "StringEquals": {COMMON_NAME: AUDIT_CERTIFICATE}}
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


def _staging(bucket: str) -> tuple[dict[str, Any], ...]:
    arn = f"arn:aws:s3:::{bucket}"
    return _allow(["s3:ListBucket", "s3:GetBucketLocation"], arn), _allow(list(STAGING_ACTIONS), f"{arn}/*")
