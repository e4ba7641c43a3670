"""The second way into AWS: certificate, profile, and a role in every account, to deactivate access keys and no more."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from localcloud import LocalCloud, LocalCloudError, Seed, SeededKey
from tests.localcloud.azure import MANAGEMENT, Azure, decoded, encoded
from tests.localcloud.conftest import Aws, Credentials, refusal
from tests.localcloud.roles_anywhere import DENIED, CreateSession, Identity, asked, credentials_of, refused

AUDIT, DEACTIVATE = "keywatch-audit", "keywatch-deactivate"
NOT_LISTED = (*DENIED, "Requested Role isn't one of those listed in the Profile.")


@dataclass(frozen=True, kw_only=True)
class OnHsm(Identity):
    """A certificate of the vault, whose key signs there: `key` is another, and not used."""

    azure: Azure
    name: str

    @classmethod
    def of(cls, azure: Azure, name: str) -> OnHsm:
        """Take the newest version of a certificate."""
        version = azure.cloud.certificate_versions(name)[-1]
        certificate = x509.load_der_x509_certificate(base64.b64decode(version.cer_base64))
        return cls(azure.worker.key, certificate, azure=azure, name=f"{version.name}/{version.version}")

    def sign(self, data: bytes) -> bytes:
        """Have the vault sign, as the worker's managed identity."""
        body = {"alg": "RS256", "value": encoded(hashlib.sha256(data).digest())}
        return decoded(self.azure.vault("POST", f"keys/{self.name}/sign", body=body).json()["value"])


@dataclass(frozen=True)
class Entry:
    """Both certificates, and what they ask IAM Roles Anywhere for."""

    azure: Azure
    aws: Aws

    @property
    def cloud(self) -> LocalCloud:
        """The local cloud."""
        return self.aws.cloud

    def ask(self, certificate: str, profile_arn: str, role_arn: str) -> Any:  # noqa: ANN401 - an answer of requests
        """Ask for a session."""
        body = asked(self.cloud, profileArn=profile_arn, roleArn=role_arn)
        return CreateSession(self.cloud, OnHsm.of(self.azure, certificate), body).send()

    def audit(self) -> Credentials:
        """Give a session of the audit role."""
        access = self.cloud.aws
        return credentials_of(self.ask(AUDIT, access.profile_arn, access.audit_role_arn))

    def deactivation(self) -> Credentials:
        """Give a session of the deactivation role."""
        access = self.cloud.aws
        return credentials_of(self.ask(DEACTIVATE, access.deactivation_profile_arn, access.deactivation_role_arn))

    def member(self, session: Credentials, account: str, role_name: str) -> Credentials:
        """Enter another account by a session."""
        arn = f"arn:aws:iam::{account}:role/{role_name}"
        given = self.aws.client("sts", session).assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def deactivation_in(self, account: str) -> Credentials:
        """Give a session of the deactivation role of any account."""
        session = self.deactivation()
        own = account == self.cloud.aws.account_id
        return session if own else self.member(session, account, self.cloud.aws.deactivation_role_name)


@pytest.fixture
def entry(azure: Azure, aws: Aws) -> Entry:
    """Give the two ways into AWS."""
    return Entry(azure, aws)


def key_of(cloud: LocalCloud, account: str) -> SeededKey:
    """Give an active key of an account, of a user that is not the auditor."""
    return next(
        key for key in cloud.keys() if (key.account, key.status) == (account, "Active") and "keywatch" not in key.user
    )


def status_of(aws: Aws, key: SeededKey) -> str:
    """Ask IAM, as the audit, for the status of a key."""
    listed = aws.iam(key.account).list_access_keys(UserName=key.user)["AccessKeyMetadata"]
    return next(str(each["Status"]) for each in listed if each["AccessKeyId"] == key.access_key_id)


@pytest.mark.parametrize("position", [0, 1], ids=["own account", "member account"])
def test_audit_cannot_update_a_key(entry: Entry, position: int) -> None:
    """A session of the audit role is refused UpdateAccessKey in every account, and the key stays active."""
    cloud = entry.cloud
    account = cloud.aws.account_ids[position]
    key = key_of(cloud, account)
    session = entry.audit()
    session = session if position == 0 else entry.member(session, account, cloud.aws.role_name)
    call = entry.aws.client("iam", session).update_access_key

    status, code, message = refusal(call, UserName=key.user, AccessKeyId=key.access_key_id, Status="Inactive")

    assert (status, code) == (403, "AccessDenied")
    assert f"not authorized to perform: iam:UpdateAccessKey on resource: user {key.user}" in message
    assert status_of(entry.aws, key) == "Active"


@pytest.mark.parametrize("position", [0, 1], ids=["own account", "member account"])
def test_deactivation_updates_a_key_and_takes_it_back(entry: Entry, position: int) -> None:
    """The deactivation lists a user's keys, reads a key's last use, deactivates it and activates it again."""
    key = key_of(entry.cloud, entry.cloud.aws.account_ids[position])
    iam = entry.aws.client("iam", entry.deactivation_in(key.account))

    assert key.access_key_id in [
        each["AccessKeyId"] for each in iam.list_access_keys(UserName=key.user)["AccessKeyMetadata"]
    ]
    assert iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["UserName"] == key.user
    for status in ("Inactive", "Active"):
        iam.update_access_key(UserName=key.user, AccessKeyId=key.access_key_id, Status=status)
        assert status_of(entry.aws, key) == status


def test_update_is_logged_with_user_account_and_key(entry: Entry) -> None:
    """The request log tells whose key was updated, which, and in which account."""
    key = key_of(entry.cloud, entry.cloud.aws.account_ids[1])
    iam = entry.aws.client("iam", entry.deactivation_in(key.account))

    iam.update_access_key(UserName=key.user, AccessKeyId=key.access_key_id, Status="Inactive")

    (record,) = entry.cloud.requests(action="UpdateAccessKey", access_key_id=key.access_key_id)
    assert (record.account, record.user, record.access_key_id) == (key.account, key.user, key.access_key_id)
    assert record.status == 200


@pytest.mark.parametrize("position", [0, 1], ids=["own account", "member account"])
def test_deactivation_does_nothing_else(entry: Entry, position: int) -> None:
    """Every other action, of IAM, STS, Organizations and S3, is denied."""
    cloud, aws = entry.cloud, entry.aws
    key = key_of(cloud, cloud.aws.account_ids[position])
    session = entry.deactivation_in(key.account)
    iam = aws.client("iam", session)
    role = cloud.aws.role_arn(cloud.aws.account_ids[1])
    calls = (
        iam.list_users,
        iam.get_account_summary,
        lambda: iam.list_user_tags(UserName=key.user),
        lambda: iam.create_access_key(UserName=key.user),
        lambda: iam.delete_access_key(UserName=key.user, AccessKeyId=key.access_key_id),
        lambda: aws.client("sts", session).assume_role(RoleArn=role, RoleSessionName="tests"),
        lambda: aws.client("organizations", session).list_accounts(),
        lambda: aws.client("s3", session).list_objects_v2(Bucket=cloud.aws.bucket),
    )
    codes = [refusal(call)[1] for call in calls]

    assert set(codes) <= {"AccessDenied", "AccessDeniedException"}
    assert status_of(aws, key) == "Active"


def test_deactivation_is_of_its_own_account_alone(entry: Entry) -> None:
    """A session of one account finds no key of another."""
    cloud = entry.cloud
    key = key_of(cloud, cloud.aws.account_ids[1])
    iam = entry.aws.client("iam", entry.deactivation())

    answer = refusal(iam.update_access_key, UserName=key.user, AccessKeyId=key.access_key_id, Status="Inactive")

    assert answer == (404, "NoSuchEntity", f"The user with name {key.user} cannot be found.")


def test_certificates_and_profiles_are_not_exchangeable(entry: Entry) -> None:
    """Neither certificate gets a session of the other role, through whichever profile it asks."""
    access = entry.cloud.aws
    audit, other = access.audit_role_arn, access.deactivation_role_arn

    for certificate, role, own, its in (
        (AUDIT, other, access.profile_arn, access.deactivation_profile_arn),
        (DEACTIVATE, audit, access.deactivation_profile_arn, access.profile_arn),
    ):
        assert refused(entry.ask(certificate, own, role)) == NOT_LISTED
        assert refused(entry.ask(certificate, its, role)) == (*DENIED, f"Unable to assume role for {role}.")


def test_profile_of_the_other_does_not_widen_a_role(entry: Entry) -> None:
    """A certificate gets no session of its own role through the other's profile, which does not list it."""
    access = entry.cloud.aws
    for certificate, profile, role in (
        (AUDIT, access.deactivation_profile_arn, access.audit_role_arn),
        (DEACTIVATE, access.profile_arn, access.deactivation_role_arn),
    ):
        assert refused(entry.ask(certificate, profile, role)) == NOT_LISTED


def test_profiles_are_changed_separately(entry: Entry) -> None:
    """Disabling one profile leaves the other as it was; a profile that does not exist is refused."""
    access = entry.cloud.aws
    entry.cloud.change_profile(enabled=False, profile_arn=access.deactivation_profile_arn)
    answer = entry.ask(DEACTIVATE, access.deactivation_profile_arn, access.deactivation_role_arn)

    assert refused(answer)[:2] == DENIED
    assert entry.ask(AUDIT, access.profile_arn, access.audit_role_arn).status_code == 201
    with pytest.raises(LocalCloudError, match="There is no profile"):
        entry.cloud.change_profile(enabled=False, profile_arn="arn:aws:rolesanywhere:us-east-1:1:profile/x")


def test_session_policy_limits_the_deactivation(entry: Entry) -> None:
    """What the profile's session policy does not allow, the session may not do, whatever its role may."""
    access = entry.cloud.aws
    key = key_of(entry.cloud, access.account_id)
    entry.cloud.change_profile(
        session_policy={"Version": "2012-10-17", "Statement": []}, profile_arn=access.deactivation_profile_arn
    )
    call = entry.aws.client("iam", entry.deactivation()).list_access_keys

    assert "no session policy allows" in refusal(call, UserName=key.user)[2]


def test_deactivation_is_no_role_of_the_auditor(entry: Entry) -> None:
    """The auditor's IAM user assumes no deactivation role, and the audit's session none either."""
    access = entry.cloud.aws
    for session in (None, entry.audit()):
        sts = entry.aws.client("sts", session)
        for account in access.account_ids:
            arn = f"arn:aws:iam::{account}:role/{access.deactivation_role_name}"
            assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="tests")[:2] == (403, "AccessDenied")


REFUSED: dict[str, tuple[dict[str, str | None], int, str, str]] = {
    "unknown user": ({"UserName": "nobody"}, 404, "NoSuchEntity", "The user with name nobody cannot be found."),
    "unknown key": (
        {"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"},
        404,
        "NoSuchEntity",
        "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found",
    ),
    "Expired": ({"Status": "Expired"}, 400, "ValidationError", "Value 'Expired' at 'status'"),
    "no such status": ({"Status": "inactive"}, 400, "ValidationError", "Value 'inactive' at 'status'"),
    "no status": ({"Status": None}, 400, "ValidationError", "Value null at 'status'"),
    "no key": ({"AccessKeyId": None}, 400, "ValidationError", "Value null at 'accessKeyId'"),
    "no user": ({"UserName": None}, 400, "ValidationError", "Must specify userName"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_update_that_is_wrong_is_refused(entry: Entry, case: str) -> None:
    """UpdateAccessKey names what is unknown, missing or no status, and changes nothing."""
    changes, status, code, words = REFUSED[case]
    key = key_of(entry.cloud, entry.cloud.aws.account_id)
    right = {"UserName": key.user, "AccessKeyId": key.access_key_id, "Status": "Inactive"}
    values: dict[str, str | None] = {**right, **changes}
    call = entry.aws.client("iam", entry.deactivation()).update_access_key

    answer = refusal(call, **{name: value for name, value in values.items() if value is not None})

    assert answer[:2] == (status, code)
    assert words in answer[2]
    assert status_of(entry.aws, key) == "Active"


def test_key_of_another_user_is_not_found(entry: Entry) -> None:
    """UpdateAccessKey wants the key's own user; the log names the user that was asked about."""
    cloud = entry.cloud
    key = key_of(cloud, cloud.aws.account_id)
    other = next(user for user in cloud.users() if user.account == key.account and user.name != key.user)
    call = entry.aws.client("iam", entry.deactivation()).update_access_key

    answer = refusal(call, UserName=other.name, AccessKeyId=key.access_key_id, Status="Inactive")

    assert answer == (404, "NoSuchEntity", f"The Access Key with id {key.access_key_id} cannot be found")
    assert [record.user for record in cloud.requests(action="UpdateAccessKey")] == [other.name]


def test_deactivated_key_no_longer_signs(entry: Entry) -> None:
    """The auditor's own access key, once deactivated, is refused; activated again, it works."""
    access = entry.cloud.aws
    iam = entry.aws.client("iam", entry.deactivation())
    update = {"UserName": "keywatch-auditor", "AccessKeyId": access.access_key_id}
    caller = entry.aws.client("sts").get_caller_identity

    iam.update_access_key(**update, Status="Inactive")
    assert refusal(caller)[1] == "InvalidClientTokenId"

    iam.update_access_key(**update, Status="Active")
    assert caller()["Account"] == access.account_id


def test_account_that_denies_the_audit_denies_the_deactivation() -> None:
    """An account whose roles cannot be assumed lets nobody in to deactivate either."""
    with LocalCloud(seed=Seed(accounts=3, users=9, denied=1)) as cloud:
        (denied,) = (each for each in cloud.organization if each.denied == "sts:AssumeRole")
        azure = Azure(cloud)
        azure.session.trust_env = False
        azure.session.proxies = {"https": cloud.proxy_url}
        azure.session.verify = str(cloud.ca_bundle)
        entry = Entry(azure, Aws(cloud))
        with azure.session, pytest.raises(ClientError, match="AccessDenied"):
            entry.deactivation_in(denied.id)


def test_tags_of_a_user_come_in_pages(entry: Entry) -> None:
    """The audit lists a user's tags, sorted by key, in pages of the size that is asked for."""
    tagged = next(user for user in entry.cloud.users() if len(user.tags) > 1)
    iam = entry.aws.iam(tagged.account)
    pages = list(iam.get_paginator("list_user_tags").paginate(UserName=tagged.name, PaginationConfig={"PageSize": 1}))
    whole = iam.list_user_tags(UserName=tagged.name)

    assert [[tag["Key"] for tag in page["Tags"]] for page in pages] == [[key] for key in sorted(tagged.tags)]
    assert {tag["Key"]: tag["Value"] for tag in whole["Tags"]} == tagged.tags
    assert whole["IsTruncated"] is False
    assert refusal(iam.list_user_tags, UserName=tagged.name, Marker="x")[1] == "ValidationError"


def test_tags_of_nobody_are_not_found(entry: Entry) -> None:
    """ListUserTags wants a user that exists; the audit's session by certificate may ask as well."""
    iam = entry.aws.client("iam", entry.audit())

    assert refusal(iam.list_user_tags, UserName="nobody")[:2] == (404, "NoSuchEntity")
    assert refusal(iam.list_user_tags)[:2] == (400, "ValidationError")


@pytest.mark.parametrize("action", ["ListAccessKeys", "GetAccessKeyLastUsed", "ListUserTags"])
def test_permission_may_be_for_some_users_alone(entry: Entry, action: str) -> None:
    """A policy that names one user's ARN allows what is about that user, and nothing about another."""
    account = entry.cloud.aws.account_id
    one = key_of(entry.cloud, account)
    other = next(key for key in entry.cloud.keys() if key.account == account and key.user != one.user)
    allowing = {"Effect": "Allow", "Action": f"iam:{action}", "Resource": one.user_arn}
    entry.cloud.set_role_policy(account, {"Version": "2012-10-17", "Statement": allowing})
    iam = entry.aws.client("iam", entry.audit())
    calls = {
        "ListAccessKeys": lambda key: iam.list_access_keys(UserName=key.user),
        "GetAccessKeyLastUsed": lambda key: iam.get_access_key_last_used(AccessKeyId=key.access_key_id),
        "ListUserTags": lambda key: iam.list_user_tags(UserName=key.user),
    }

    assert calls[action](one)
    assert refusal(calls[action], key=other)[1] == "AccessDenied"


def test_application_of_the_deactivation_has_no_role_in_azure(azure: Azure) -> None:
    """The application may sign in, and its token opens nothing in the subscription."""
    application = azure.cloud.azure.applications["keywatch-deactivation"]
    version = azure.cloud.create_certificate("signer", key_type="RSA", exportable=True)
    azure.cloud.register(application.name, version)
    assertion = azure.exported(version).assertion(application)
    answer = azure.token_request(client_id=application.client_id, client_assertion=assertion)
    groups = f"{MANAGEMENT}/subscriptions/{azure.cloud.azure.subscription_id}/resourcegroups"

    refused_there = azure.ask("GET", groups, answer.json()["access_token"], query={"api-version": "2022-09-01"})

    assert (refused_there.status_code, refused_there.json()["error"]["code"]) == (403, "AuthorizationFailed")
