"""A local cloud in which nobody has an access key for the audit: its certificate is the only way in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from localcloud import LocalCloud, Seed
from localcloud.model import STATE_FILE
from tests.localcloud.azure import Azure
from tests.localcloud.conftest import Aws, Credentials
from tests.localcloud.roles_anywhere import CreateSession, Identity, asked, credentials_of

SEED = Seed(accounts=2, users=8, auditor_key=False)


@pytest.fixture(scope="module")
def keyless() -> Iterator[LocalCloud]:
    """Start such a local cloud."""
    with LocalCloud(seed=SEED) as cloud:
        yield cloud


def test_nobody_has_a_key_for_the_audit(keyless: LocalCloud) -> None:
    """No key is handed out, no user is seeded that would have one, and there are as many users as asked for."""
    state = (keyless.state_dir / STATE_FILE).read_text(encoding="utf-8")

    assert (keyless.aws.access_key_id, keyless.aws.secret_access_key) == (None, None)
    assert len(keyless.users()) == SEED.users
    assert "keywatch-auditor" not in {user.name for user in keyless.users()}
    assert not [key for key in keyless.keys() if key.access_key_id in state]


def test_certificate_leads_everywhere(keyless: LocalCloud) -> None:
    """A session by certificate sees the users of every account."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": keyless.proxy_url}
        session.verify = str(keyless.ca_bundle)
        identity = Identity.in_vault(Azure(keyless, session))
    aws, (own, member) = Aws(keyless), keyless.aws.account_ids
    credentials = credentials_of(CreateSession(keyless, identity, asked(keyless)).send())
    sts = aws.client("sts", credentials)
    given = sts.assume_role(RoleArn=keyless.aws.role_arn(member), RoleSessionName="tests")["Credentials"]
    entered = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    found = {
        account: {user["UserName"] for user in aws.client("iam", signer).list_users()["Users"]}
        for account, signer in ((own, credentials), (member, entered))
    }

    assert {account: {user.name for user in keyless.users(account)} for account in (own, member)} == found
