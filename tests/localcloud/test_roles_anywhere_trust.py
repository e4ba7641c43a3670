"""Whom the local IAM Roles Anywhere gives a session: trust anchor, profile, and the role's trust policy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.localcloud.azure import Azure
from tests.localcloud.roles_anywhere import DENIED, CreateSession, Identity, asked, refused, unable


@pytest.fixture
def right(cloud: LocalCloud, azure: Azure) -> CreateSession:
    """Give a request that is right in every way."""
    return CreateSession(cloud, Identity.in_vault(azure), asked(cloud))


def elsewhere(arn: str, position: int, part: str) -> str:
    """Change one part of an ARN."""
    parts = arn.split(":")
    parts[position] = part
    return ":".join(parts)


OTHER_ID = "00000000-0000-0000-0000-000000000000"


def test_unknown_trust_anchor_is_not_found(cloud: LocalCloud, right: CreateSession) -> None:
    """A trust anchor that is not of this account and region does not exist."""
    anchor = cloud.aws.trust_anchor_arn
    for other in (
        elsewhere(anchor, 3, "eu-west-1"),
        elsewhere(anchor, 4, "123456789012"),
        elsewhere(anchor, 5, f"trust-anchor/{OTHER_ID}"),
    ):
        assert refused(replace(right, body=asked(cloud, trustAnchorArn=other)).send()) == (
            404,
            "ResourceNotFoundException",
            "Specified Trust Anchor wasn't found.",
        )


def test_unknown_profile_is_refused(cloud: LocalCloud, right: CreateSession) -> None:
    """A profile that is not of this account and region is invalid."""
    profile = cloud.aws.profile_arn
    for other in (
        elsewhere(profile, 3, "eu-west-1"),
        elsewhere(profile, 4, "123456789012"),
        elsewhere(profile, 5, f"profile/{OTHER_ID}"),
    ):
        answer = replace(right, body=asked(cloud, profileArn=other)).send()
        assert refused(answer) == (*DENIED, "Invalid or empty profile provided.")


def test_disabled_profile_gives_nothing(cloud: LocalCloud, right: CreateSession) -> None:
    """A profile that is disabled gives no sessions, until it is enabled or everything is reset."""
    cloud.change_profile(enabled=False)

    assert refused(right.send()) == (*DENIED, "Specified Profile is disabled.")

    cloud.change_profile(enabled=True)

    assert right.send().status_code == 201


def test_disabled_trust_anchor_lets_nobody_in(cloud: LocalCloud, right: CreateSession) -> None:
    """A trust anchor that is disabled gives no sessions, until it is enabled again."""
    cloud.set_trust_anchor_enabled(False)

    assert refused(right.send()) == (*DENIED, "Specified Trust Anchor is disabled.")

    cloud.set_trust_anchor_enabled(True)

    assert right.send().status_code == 201


def test_role_must_be_in_the_profile(cloud: LocalCloud, right: CreateSession) -> None:
    """A role that the profile does not list is refused, and so is the audit role once it is taken out."""
    other = cloud.aws.role_arn(cloud.aws.account_ids[1])
    refusal = (*DENIED, "Requested Role isn't one of those listed in the Profile.")

    assert refused(replace(right, body=asked(cloud, roleArn=other)).send()) == refusal

    cloud.change_profile(role_arns=[other])

    assert refused(right.send()) == refusal


def test_listed_role_that_does_not_exist_is_refused(cloud: LocalCloud, right: CreateSession) -> None:
    """A role that is listed and does not exist, or does not trust the service, cannot be assumed."""
    missing = f"arn:aws:iam::{cloud.aws.account_id}:role/Nobody"
    member = cloud.aws.role_arn(cloud.aws.account_ids[1])
    cloud.change_profile(role_arns=[missing, member])

    for role in (missing, member):
        answer = replace(right, body=asked(cloud, roleArn=role)).send()
        assert refused(answer) == (*DENIED, f"Unable to assume role for {role}.")


def test_other_subject_is_not_trusted(cloud: LocalCloud, azure: Azure, right: CreateSession) -> None:
    """The same authority's certificate for another subject does not get the role."""
    assert refused(replace(right, identity=Identity.in_vault(azure, subject="keywatch-other")).send()) == unable(cloud)


ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
SERVICE = {"Service": "rolesanywhere.amazonaws.com"}


def trust_with(cloud: LocalCloud, condition: dict[str, Any] | None = None, **changes: object) -> None:
    """Let the audit role trust the service under a condition."""
    statement = {"Effect": "Allow", "Principal": SERVICE, "Action": ACTIONS, "Condition": condition or {}} | changes
    cloud.set_role_trust(cloud.aws.account_id, {"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize("missing", ACTIONS)
def test_role_must_trust_for_all_three_actions(cloud: LocalCloud, right: CreateSession, missing: str) -> None:
    """A role that does not let the service assume it, tag the session and set its source is not assumed."""
    trust_with(cloud, Action=[each for each in ACTIONS if each != missing])

    assert refused(right.send()) == unable(cloud)


@pytest.mark.parametrize("principal", [{"Service": "ec2.amazonaws.com"}, {"AWS": "rolesanywhere.amazonaws.com"}])
def test_role_must_trust_the_service(cloud: LocalCloud, right: CreateSession, principal: dict[str, str]) -> None:
    """A role that trusts somebody else is not assumed."""
    trust_with(cloud, Principal=principal)

    assert refused(right.send()) == unable(cloud)


CN = "aws:PrincipalTag/x509Subject/CN"


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"ArnEquals": {"aws:SourceArn": "{anchor}"}},
        {"StringEquals": {"aws:SourceArn": "{anchor}"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:rolesanywhere:*:*:trust-anchor/*"}},
        {"StringEquals": {CN: ["other", "keywatch-audit"]}},
        {"StringLike": {CN: "keywatch-*"}},
    ],
    ids=str,
)
def test_condition_that_holds_lets_in(cloud: LocalCloud, right: CreateSession, condition: dict[str, Any]) -> None:
    """Conditions on the trust anchor and the certificate's common name are evaluated."""
    trust_with(cloud, json.loads(json.dumps(condition).replace("{anchor}", cloud.aws.trust_anchor_arn)))

    assert right.send().status_code == 201


@pytest.mark.parametrize(
    "condition",
    [
        {"ArnEquals": {"aws:SourceArn": "arn:aws:rolesanywhere:us-east-1:123456789012:trust-anchor/other"}},
        {"StringEquals": {CN: "Keywatch-Audit"}},
        {"StringEquals": {CN: "keywatch-*"}},
        {"StringEquals": {"aws:PrincipalTag/x509Issuer/CN": "keywatch-audit"}},
        {"StringEquals": {"aws:SourceAccount": "*"}},
        {"StringNotEquals": {CN: "other"}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringEquals": {CN: "keywatch-audit"}, "ArnEquals": {"aws:SourceArn": "arn:aws:other"}},
    ],
    ids=str,
)
def test_condition_that_does_not_hold_keeps_out(
    cloud: LocalCloud, right: CreateSession, condition: dict[str, Any]
) -> None:
    """A condition that is not met, or whose key or operator is not understood here, keeps everybody out."""
    trust_with(cloud, condition)

    assert refused(right.send()) == unable(cloud)


def test_reset_brings_profile_and_trust_back(cloud: LocalCloud, right: CreateSession) -> None:
    """After a reset the profile is enabled, the role trusts again, the clock is right, and sessions last."""
    cloud.change_profile(enabled=False, role_arns=[])
    cloud.set_trust_anchor_enabled(False)
    trust_with(cloud, Principal={"Service": "ec2.amazonaws.com"})
    cloud.set_aws_clock(5000)
    cloud.set_session_lifetime(1)
    cloud.reset()
    given = right.send().json()["credentialSet"][0]["credentials"]

    assert datetime.fromisoformat(given["expiration"]) > datetime.now(UTC) + timedelta(minutes=50)
