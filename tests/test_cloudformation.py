"""The CloudFormation templates of include/infra/aws: linted, least privilege, and fit for the connection."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from keywatch_airflow.aws_connection import roles_anywhere_of
from tests.cloudformation import (
    ATTRIBUTES,
    AUDIT_ROLE,
    DEACTIVATION_ROLE,
    FOLDER,
    PROJECT,
    STACKS,
    TEMPLATES,
    Stack,
    allowed,
    audit,
    aws_connection,
    deactivation,
    deactivation_member,
    deactivation_stack_set,
    listed,
    management,
    member,
    stack_set,
    statements,
)

REPORT_MODE: Final = {"iam:GenerateCredentialReport", "iam:GetCredentialReport"}
TAGS: Final = {"iam:ListUserTags"}
DEACTIVATE: Final = PROJECT / "include/keywatch/access_keys/deactivate.py"
ENTERING: Final = ["sts:AssumeRole", "sts:SetSourceIdentity"]
LONGEST_SESSION_POLICY: Final = 2048
"""Characters (STS API reference, AssumeRole, `Policy`)."""


def asked(service: str) -> set[str]:
    """Return the actions of a service that the audit asks for."""
    sources = set((PROJECT / "include/keywatch/access_keys").glob("*.py")) - {DEACTIVATE}
    return {found for file in sources for found in named(service, file)}


def named(service: str, file: Path) -> list[str]:
    """Return the actions of a service that a file names."""
    return re.findall(rf'"({service}:\w+)"', file.read_text(encoding="utf-8"))


def on_users() -> set[tuple[str, str]]:
    """Return what the deactivation may do in an account, as `allowed` does."""
    actions = {"iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "iam:UpdateAccessKey"}
    return {(action, "arn:aws:iam::111122223333:user/*") for action in actions}


def lint_cfn(*variables: str) -> subprocess.CompletedProcess[str]:
    """Run the target that `make lint` runs; whatever is installed counts as up to date."""
    command = ["make", "--no-print-directory", "--old-file=.venv/installed", "lint-cfn", *variables]
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)


def test_committed_templates_pass_without_a_word() -> None:
    """Every template passes, and lint asks."""
    done = lint_cfn()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert re.search(r"^lint:.* lint-cfn\b", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_each_mistake_in_a_template_is_found(tmp_path: Path) -> None:
    """An unknown property, a parameter that is missing or unused, and an action that IAM does not know all fail."""
    mistakes = {
        "E3002": ("MaxSessionDuration: 3600", "MaxSessionTime: 3600"),
        "E1020": ("!Ref OrganizationId", "!Ref OrganisationId"),
        "W2001": ("!Ref OrganizationId", "o-a1b2c3d4e5"),
        "W3037": ("iam:ListUsers", "iam:ListUser"),
    }
    for code, (right, wrong) in mistakes.items():
        text = (FOLDER / "member-accounts.yaml").read_text(encoding="utf-8")
        assert right in text
        (tmp_path / f"{code}.yaml").write_text(text.replace(right, wrong), encoding="utf-8")

    done = lint_cfn(f"CFN={tmp_path}")

    assert done.returncode != 0
    for code in mistakes:
        assert re.search(rf"^{code} .*\n{tmp_path}/{code}\.yaml:\d+", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_explained(name: str) -> None:
    """Every parameter has a description, a label, and a place in one group."""
    template = Stack(name).template
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [parameter for group in interface["ParameterGroups"] for parameter in group["Parameters"]]

    assert template["Description"].startswith("Keywatch, ")
    assert sorted(grouped) == sorted(template["Parameters"]) == sorted(interface["ParameterLabels"])
    assert [parameter for parameter, each in template["Parameters"].items() if not each.get("Description")] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_is_open_to_everybody(name: str) -> None:
    """No statement has a wildcard as principal or in an action, or allows all but what it names."""
    for each in statements(STACKS[name]().everything()):
        assert each["Effect"] == "Allow"
        assert not {"NotAction", "NotPrincipal", "NotResource"} & set(each)
        principals = [who for named in each.get("Principal", {}).values() for who in listed(named)]
        assert "*" not in "".join([*principals, *listed(each["Action"])])


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_work_in_every_partition(name: str) -> None:
    """No ARN that a template makes names another partition than the stack's."""
    given: dict[str, str] = STACKS[name].keywords
    arguments = {key: value.replace("arn:aws:", "arn:aws-cn:") for key, value in given.items()}
    made = STACKS[name](partition="aws-cn", **arguments).everything()

    assert set(re.findall(r"arn:([a-z-]*):", json.dumps(made))) == {"aws-cn"}


def test_roles_may_do_what_the_audit_asks_for_and_nothing_else() -> None:
    """Every role reads IAM as the library does, in both modes; the audit role also lists and enters accounts."""
    reading = {(action, "*") for action in asked("iam") - TAGS | REPORT_MODE}
    entering = {(action, "arn:aws:iam::*:role/KeywatchAudit") for action in ENTERING}
    listing = {(action, "*") for action in asked("organizations") | {"organizations:ListAccounts"}}

    assert len(reading) == 6
    assert allowed(member().properties("MemberRole")["Policies"]) == reading
    assert allowed(audit().properties("AuditRole")["Policies"]) == reading | listing | entering


def test_deactivation_roles_may_do_what_the_library_asks_for_and_nothing_else() -> None:
    """Every deactivation role updates the keys of its account's users; the audit account's also enters accounts."""
    entering = {(action, "arn:aws:iam::*:role/KeywatchDeactivate") for action in ENTERING}

    assert {action for action, _ in on_users()} == set(named("iam", DEACTIVATE))
    assert allowed(deactivation_member().properties("MemberRole")["Policies"]) == on_users()
    assert allowed(deactivation().properties("DeactivationRole")["Policies"]) == on_users() | entering


def test_only_the_deactivation_changes_anything_in_iam() -> None:
    """Apart from the deactivation's templates, no policy allows an action that writes to IAM."""
    for make in (audit, member, management):
        actions = {action for each in statements(make().everything()) for action in listed(each["Action"])}
        assert {action for action in actions if re.match(r"iam:(?!Get|List|Generate)", action)} == set()


@pytest.mark.parametrize(
    ("make", "role"),
    [(audit, "AuditRole"), (member, "MemberRole"), (management, "MemberRole")],
    ids=["audit", "member", "management"],
)
def test_tags_are_read_where_that_is_wanted(make: Callable[..., Stack], role: str) -> None:
    """With ReadUserTags the role lists users' tags too, and without it does not."""
    without = allowed(make().properties(role)["Policies"])
    with_tags = allowed(make(ReadUserTags="true").properties(role)["Policies"])

    assert with_tags - without == {(action, "*") for action in TAGS}
    assert without < with_tags


def test_readme_policy_is_part_of_every_role() -> None:
    """What the README asks for is what the roles allow, but for the credential report."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    policy = re.search(r"<!-- policy -->\n```json\n(.*?)```", readme, re.DOTALL)
    assert policy
    assert allowed(member().properties("MemberRole")["Policies"]) - allowed(json.loads(policy[1])) <= {
        (action, "*") for action in REPORT_MODE
    }


def test_management_account_has_the_role_of_the_members() -> None:
    """The role that no stack set brings to the management account is the members'."""
    for tags in ("true", "false"):
        ours = management(ReadUserTags=tags).properties("MemberRole")
        assert ours == member(ReadUserTags=tags).properties("MemberRole")


@pytest.mark.parametrize("tags", ["true", "false"])
@pytest.mark.parametrize("bucket", ["", "keywatch-staging", "b" * 63])
def test_session_policy_says_what_the_role_may(bucket: str, tags: str) -> None:
    """Session policy and role allow the same, whatever is wanted, and the session policy is short enough."""
    stack = audit(StagingBucket=bucket, ReadUserTags=tags, MemberRoleName="r" * 64)
    text = stack.properties("Profile")["SessionPolicy"]
    role = allowed(stack.properties("AuditRole")["Policies"])

    assert allowed(text) == role
    assert len(text) <= LONGEST_SESSION_POLICY
    assert {resource for action, resource in role if action.startswith("s3:")} == (
        {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"} if bucket else set()
    )


def test_session_policy_of_the_deactivation_says_what_its_role_may() -> None:
    """Session policy and role of the deactivation allow the same, and the session policy is short enough."""
    stack = deactivation(MemberRoleName="r" * 64)
    text = stack.properties("Profile")["SessionPolicy"]

    assert allowed(text) == allowed(stack.properties("DeactivationRole")["Policies"])
    assert len(text) <= LONGEST_SESSION_POLICY


@pytest.mark.parametrize(
    ("make", "role", "arn", "common_name"),
    [
        (audit, "AuditRole", AUDIT_ROLE, "keywatch-audit"),
        (deactivation, "DeactivationRole", DEACTIVATION_ROLE, "keywatch-deactivate"),
    ],
    ids=["audit", "deactivation"],
)
def test_role_trusts_one_certificate_of_one_trust_anchor(
    make: Callable[..., Stack], role: str, arn: str, common_name: str
) -> None:
    """Roles Anywhere becomes the role for this trust anchor and this common name; the profile has this role alone."""
    stack = make()
    assert stack.properties(role)["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "rolesanywhere.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {
                "ArnEquals": {"aws:SourceArn": ATTRIBUTES["TrustAnchor.TrustAnchorArn"]},
                "StringEquals": {"aws:PrincipalTag/x509Subject/CN": common_name},
            },
        }
    ]
    assert stack.properties("Profile")["RoleArns"] == [arn]


def test_trust_anchor_is_your_own_authority_or_one_of_aws() -> None:
    """The trust anchor has the certificate that is given, or else the AWS Private CA."""
    arn = "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/11111111-2222-4333-8444-555555555555"
    own = audit().properties("TrustAnchor")
    private = audit(CaCertificate="", PrivateCaArn=arn).properties("TrustAnchor")

    assert own["Source"] == {
        "SourceType": "CERTIFICATE_BUNDLE",
        "SourceData": {"X509CertificateData": "of a test"},
    }
    assert private["Source"] == {"SourceType": "AWS_ACM_PCA", "SourceData": {"AcmPcaArn": arn}}
    assert own["Enabled"] is True


@pytest.mark.parametrize(
    ("make", "arn"), [(member, AUDIT_ROLE), (deactivation_member, DEACTIVATION_ROLE)], ids=["audit", "deactivation"]
)
def test_member_role_trusts_the_role_of_the_audit_account_alone(make: Callable[..., Stack], arn: str) -> None:
    """A member account's role is entered by its like, from within the organisation, and by nobody else."""
    assert make().properties("MemberRole")["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": arn},
            "Action": ENTERING,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        }
    ]


def test_delegation_lets_the_audit_role_list_accounts_and_can_be_left_out() -> None:
    """The delegation policy is for the audit role's account and session; with an existing one no second is made."""
    [statement] = management().properties("Delegation")["Content"]["Statement"]

    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert statement["Action"] == "organizations:ListAccounts"
    assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": AUDIT_ROLE}}
    assert set(management(DelegateListAccounts="false").everything()) == {"MemberRole", "RoleArn"}


def test_permissions_boundary_is_set_where_one_is_given() -> None:
    """Every role has the boundary of that name in its own account, and none without."""
    arn = "arn:aws:iam::111122223333:policy/security/Boundary"
    roles = {
        "AuditRole": [audit],
        "DeactivationRole": [deactivation],
        "MemberRole": [member, management, deactivation_member],
    }
    for make, role in ((make, role) for role, makes in roles.items() for make in makes):
        assert make(PermissionsBoundaryName="security/Boundary").properties(role)["PermissionsBoundary"] == arn
        assert "PermissionsBoundary" not in make().properties(role)


@pytest.mark.parametrize(
    ("spread", "template"),
    [(stack_set, member), (deactivation_stack_set, deactivation_member)],
    ids=["audit", "deactivation"],
)
def test_stack_set_deploys_the_member_template_to_all_but_the_audit_account(
    spread: Callable[..., Stack], template: Callable[..., Stack]
) -> None:
    """The stack set is service-managed, follows new accounts, and gives the template every parameter it has."""
    made = spread().properties("StackSet")
    [instances] = made["StackInstancesGroup"]

    assert made["PermissionModel"] == "SERVICE_MANAGED"
    assert made["AutoDeployment"]["Enabled"] is True
    assert {each["ParameterKey"] for each in made["Parameters"]} == set(template().template["Parameters"])
    assert instances["DeploymentTargets"]["AccountFilterType"] == "DIFFERENCE"
    assert instances["DeploymentTargets"]["Accounts"] == ["111122223333"]


@pytest.mark.parametrize(
    ("make", "role", "conn_id", "session_name"),
    [
        (audit, "AuditRole", "keyvault_certificate_default", "keywatch"),
        (deactivation, "DeactivationRole", "keyvault_certificate_deactivation", "keywatch-deactivate"),
    ],
    ids=["audit", "deactivation"],
)
def test_output_is_the_extras_of_the_connection(
    make: Callable[..., Stack], role: str, conn_id: str, session_name: str
) -> None:
    """The stack's output is JSON that the session factory takes, with the ARNs of what the stack made."""
    extra = json.loads(make().everything()["ConnectionExtra"]["Value"])

    target, certificate = roles_anywhere_of(aws_connection(extra))

    assert certificate == conn_id
    assert (target.trust_anchor_arn, target.profile_arn, target.role_arn) == tuple(
        ATTRIBUTES[name] for name in ("TrustAnchor.TrustAnchorArn", "Profile.ProfileArn", f"{role}.Arn")
    )
    assert (extra["region_name"], target.session_name) == (target.region, session_name)
