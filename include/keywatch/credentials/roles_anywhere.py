"""Where IAM Roles Anywhere trades a certificate's signature for an AWS session, and as whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from keywatch.errors import ConfigurationError

RESOURCE: Final = (
    r"arn:(?P<partition>aws(?:-cn|-us-gov)?):rolesanywhere:(?P<region>[a-z0-9-]+):[0-9]{12}:{kind}/[0-9a-f-]{36}"
)
TRUST_ANCHOR: Final = re.compile(RESOURCE.replace("{kind}", "trust-anchor"))
PROFILE: Final = re.compile(RESOURCE.replace("{kind}", "profile"))
ROLE: Final = re.compile(r"arn:(?P<partition>aws(?:-cn|-us-gov)?):iam::[0-9]{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""As STS takes it (STS API reference, AssumeRole, `RoleSessionName`)."""

SHORTEST: Final = 900
LONGEST: Final = 43_200
"""Seconds that a session may last (IAM Roles Anywhere user guide, "CreateSession")."""

DOMAINS: Final = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
"""Of the partitions whose endpoints are known here (AWS General Reference, "IAM Roles Anywhere endpoints")."""


@dataclass(frozen=True, slots=True)
class RolesAnywhere:
    """The trust anchor, the profile and the role of a session (IAM Roles Anywhere user guide, "Concepts").

    Attributes:
        trust_anchor_arn: Knows the certificate authority that issued the certificate.
        profile_arn: Lists the role, and bounds what its sessions may do.
        role_arn: The role to be.
        session_name: How the session is called in CloudTrail; None leaves that to AWS. The profile must accept one.
        duration: Seconds that a session lasts, 900 to 43,200; profile and role may allow less.
        chain: The certificates between the certificate and the trust anchor's, nearest first.
        fips: Whether to ask the endpoint whose cryptography is validated after FIPS 140.

    Raises:
        ConfigurationError: An ARN, the name or the duration is none, or anchor and profile are in two Regions.
    """

    trust_anchor_arn: str
    profile_arn: str
    role_arn: str
    session_name: str | None = None
    duration: int = 3600
    chain: tuple[x509.Certificate, ...] = ()
    fips: bool = False

    def __post_init__(self) -> None:
        anchor = _matched("trust_anchor_arn", TRUST_ANCHOR, self.trust_anchor_arn)
        profile = _matched("profile_arn", PROFILE, self.profile_arn)
        role = _matched("role_arn", ROLE, self.role_arn)
        if anchor["region"] != profile["region"] or len({each["partition"] for each in (anchor, profile, role)}) > 1:
            raise ConfigurationError(
                "Trust anchor, profile and role of roles_anywhere are not of one Region and partition. Copy their ARNs "
                "again: a profile works with the trust anchors of its own Region."
            )
        if self.session_name is not None:
            _matched("session_name", SESSION_NAME, self.session_name)
        if not SHORTEST <= self.duration <= LONGEST:
            raise ConfigurationError(
                f"duration of roles_anywhere is {self.duration}: give {SHORTEST} to {LONGEST} seconds."
            )

    @property
    def region(self) -> str:
        """The Region of trust anchor and profile, which is the one to ask."""
        return self.trust_anchor_arn.split(":")[3]

    @property
    def host(self) -> str:
        """The endpoint of that Region."""
        service = "rolesanywhere-fips" if self.fips else "rolesanywhere"
        return f"{service}.{self.region}.{DOMAINS[self.trust_anchor_arn.split(':')[1]]}"


def _matched(name: str, pattern: re.Pattern[str], value: object) -> re.Match[str]:
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigurationError(
            f"{name} of roles_anywhere is not usable. Copy it from the outputs of the stack that made it, or from IAM "
            "Roles Anywhere in the AWS console."
        )
    return match
