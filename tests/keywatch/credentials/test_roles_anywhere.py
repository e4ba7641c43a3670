"""Where a certificate is traded for a session: what is usable, and what is refused before anything is signed."""

from __future__ import annotations

from typing import Any

import pytest

from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.errors import ConfigurationError

ID = "0a1b2c3d-1111-2222-3333-444455556666"
GOOD: dict[str, Any] = {
    "trust_anchor_arn": f"arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/{ID}",
    "profile_arn": f"arn:aws:rolesanywhere:eu-central-1:111122223333:profile/{ID}",
    "role_arn": "arn:aws:iam::111122223333:role/security/KeywatchAudit",
}


def test_target_knows_region_and_host() -> None:
    """The trust anchor's Region is asked, at its own endpoint."""
    target = RolesAnywhere(**GOOD)

    assert (target.region, target.host) == ("eu-central-1", "rolesanywhere.eu-central-1.amazonaws.com")


def test_target_of_china_has_another_domain() -> None:
    """A partition with a domain of its own is asked there."""
    china = {name: arn.replace(":aws:", ":aws-cn:").replace("eu-central-1", "cn-north-1") for name, arn in GOOD.items()}

    assert RolesAnywhere(**china).host == "rolesanywhere.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trust_anchor_arn": GOOD["profile_arn"]}, "trust_anchor_arn"),
        ({"profile_arn": GOOD["trust_anchor_arn"]}, "profile_arn"),
        ({"profile_arn": None}, "profile_arn"),
        ({"role_arn": "arn:aws:iam::111122223333:user/alice"}, "role_arn"),
        ({"role_arn": "KeywatchAudit"}, "role_arn"),
        ({"session_name": "two words"}, "session_name"),
        ({"session_name": "x"}, "session_name"),
        ({"duration": 899}, "duration.*899"),
        ({"duration": 43_201}, "duration.*43201"),
        ({"profile_arn": GOOD["profile_arn"].replace("eu-central-1", "eu-west-1")}, "Region"),
        ({"role_arn": GOOD["role_arn"].replace(":aws:", ":aws-cn:")}, "partition"),
        (
            {"trust_anchor_arn": GOOD["trust_anchor_arn"].replace("eu-central-1", "evil.example.com/")},
            "trust_anchor_arn",
        ),
    ],
)
def test_target_that_cannot_be_is_refused(change: dict[str, Any], named: str) -> None:
    """What is not an ARN, a name or a duration of this service is named, and said how to mend."""
    with pytest.raises(ConfigurationError, match=named):
        RolesAnywhere(**(GOOD | change))
