"""Reads the CloudFormation templates of include/infra/aws, and works them out as CloudFormation would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.sdk import Connection

PROJECT: Final = Path(__file__).parents[1]
FOLDER: Final = PROJECT / "include/infra/aws"
TEMPLATES: Final = sorted(file.name for file in FOLDER.glob("*.yaml"))

AUDIT_ROLE: Final = "arn:aws:iam::111122223333:role/KeywatchAudit"
DEACTIVATION_ROLE: Final = "arn:aws:iam::111122223333:role/KeywatchDeactivate"
ANYWHERE: Final = "arn:aws:rolesanywhere:eu-central-1:111122223333"
ATTRIBUTES: Final = {
    "TrustAnchor.TrustAnchorArn": f"{ANYWHERE}:trust-anchor/11111111-2222-4333-8444-555555555555",
    "Profile.ProfileArn": f"{ANYWHERE}:profile/66666666-7777-4888-9999-000000000000",
    "AuditRole.Arn": AUDIT_ROLE,
    "DeactivationRole.Arn": DEACTIVATION_ROLE,
    "MemberRole.Arn": "arn:aws:iam::444455556666:role/KeywatchAudit",
}
PSEUDO: Final = {
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
}
NO_VALUE: Final = object()


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their long ones: `!Sub x` as `{Fn::Sub: x}`."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    else:
        assert isinstance(node, yaml.SequenceNode)
        value = loader.construct_sequence(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".")
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _long_form)


class Stack:
    """A template with its functions worked out, as CloudFormation would with these parameters.

    A resource's `Ref` is its logical id.

    Attributes:
        template: As it stands in the file, with long forms.
    """

    def __init__(self, name: str, *, partition: str = "aws", **parameters: str) -> None:
        self.template = yaml.load((FOLDER / name).read_text(encoding="utf-8"), TemplateLoader)  # noqa: S506 - a safe one
        defaults = {key: each["Default"] for key, each in self.template["Parameters"].items() if "Default" in each}
        self._values = {**PSEUDO, **defaults, **parameters, "AWS::Partition": partition, "AWS::NoValue": NO_VALUE}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": lambda name: self._values.get(name, name),
            "Fn::GetAtt": lambda path: ATTRIBUTES[".".join(path)].replace("arn:aws:", f"arn:{partition}:"),
            "Fn::Sub": self._sub,
            "Fn::If": lambda of: self.worked_out(of[1] if self._holds(of[0]) else of[2]),
            "Fn::Equals": lambda of: self.worked_out(of[0]) == self.worked_out(of[1]),
            "Fn::Not": lambda of: not self.worked_out(of[0]),
            "Fn::Select": lambda of: self.worked_out(of[1])[int(of[0])],
            "Fn::Split": lambda of: self.worked_out(of[1]).split(of[0]),
        }

    def properties(self, resource: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a resource will be."""
        return self.worked_out(self.template["Resources"][resource]["Properties"])

    def everything(self) -> dict[str, Any]:
        """Return every resource and output that there will be."""
        resources = self.template["Resources"]
        made = {name for name, each in resources.items() if "Condition" not in each or self._holds(each["Condition"])}
        outputs: dict[str, Any] = self.worked_out(self.template["Outputs"])
        return {name: self.properties(name) for name in made} | outputs

    def worked_out(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Work out the functions in a value."""
        if isinstance(value, list):
            return [each for each in map(self.worked_out, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (name := next(iter(value))) in self._functions:
            return self._functions[name](value[name])
        resolved = {key: self.worked_out(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def _holds(self, condition: str) -> bool:
        return bool(self.worked_out(self.template["Conditions"][condition]))

    def _sub(self, given: Any) -> str:  # noqa: ANN401 - a text, or a text and its own variables
        text, own = (given, {}) if isinstance(given, str) else given

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name in own:
                return str(self.worked_out(own[name]))
            return str(self.worked_out({"Fn::GetAtt": name.split(".")} if "." in name else {"Ref": name}))

        return re.sub(r"\$\{([\w:.]+)\}", value_of, text)


ORGANIZATION: Final = {"OrganizationId": "o-a1b2c3d4e5"}
TRUSTING: Final = {"AuditRoleArn": AUDIT_ROLE, **ORGANIZATION}
TRUSTING_DEACTIVATION: Final = {"DeactivationRoleArn": DEACTIVATION_ROLE, **ORGANIZATION}
SPREADING: Final = {"OrganizationalUnitIds": "r-a1b2", "MemberTemplateUrl": "https://x.example/y"}

audit = partial(Stack, "audit-account.yaml", CaCertificate="of a test", CertificateCommonName="keywatch-audit")
member = partial(Stack, "member-accounts.yaml", **TRUSTING)
management = partial(Stack, "management-account.yaml", **TRUSTING)
stack_set = partial(Stack, "member-accounts-stackset.yaml", **SPREADING, **TRUSTING)
deactivation = partial(Stack, "deactivation-account.yaml", TrustAnchorArn=ATTRIBUTES["TrustAnchor.TrustAnchorArn"])
deactivation_member = partial(Stack, "deactivation-members.yaml", **TRUSTING_DEACTIVATION)
deactivation_stack_set = partial(Stack, "deactivation-members-stackset.yaml", **SPREADING, **TRUSTING_DEACTIVATION)
STACKS: Final = {
    each.args[0]: each
    for each in (
        *(audit, member, management, stack_set),
        *(deactivation, deactivation_member, deactivation_stack_set),
    )
}
"""How each template is worked out with what it demands, by file."""


def listed(value: str | list[str]) -> list[str]:
    """Return the actions or principals of a statement, which stand alone if there is one."""
    return [value] if isinstance(value, str) else value


def statements(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Find every policy statement in what a stack makes, the session policy's included."""
    if isinstance(value, str) and value.startswith('{"Version"'):
        value = json.loads(value)
    if isinstance(value, dict):
        yield from [value] if "Effect" in value else []
        for each in value.values():
            yield from statements(each)
    elif isinstance(value, list):
        for each in value:
            yield from statements(each)


def allowed(policy: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return the actions that a policy allows, each with the resource."""
    return {(action, each["Resource"]) for each in statements(policy) for action in listed(each["Action"])}


def aws_connection(extra: object) -> AwsConnectionWrapper:
    """Make what Airflow's stock hooks read of a connection."""
    return AwsConnectionWrapper(conn=Connection(conn_id="aws_default", conn_type="aws", extra=json.dumps(extra)))
