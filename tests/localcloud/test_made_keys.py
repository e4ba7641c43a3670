"""Access keys that a test makes, with an id of its choice."""

from __future__ import annotations

import pytest

from localcloud import LocalCloud, LocalCloudError
from localcloud.aws.key_ids import key_id_of
from tests.localcloud.conftest import Aws


def test_key_has_the_id_that_is_asked_for(cloud: LocalCloud, aws: Aws) -> None:
    """A key with an id of one's choice is listed, used, changed and deleted by it, as any other."""
    account = cloud.aws.account_id
    cloud.create_user(account, "made")
    wanted = key_id_of(account, 1)

    made = cloud.create_key(account, "made", access_key_id=wanted)

    assert made.access_key_id == wanted
    cloud.use_key(wanted, service="s3")
    (listed,) = aws.iam(account).list_access_keys(UserName="made")["AccessKeyMetadata"]
    assert (listed["AccessKeyId"], listed["UserName"]) == (wanted, "made")
    assert aws.iam(account).get_access_key_last_used(AccessKeyId=wanted)["UserName"] == "made"
    assert cloud.delete_key(wanted)
    assert aws.iam(account).list_access_keys(UserName="made")["AccessKeyMetadata"] == []


def test_id_that_a_key_cannot_have_is_refused(cloud: LocalCloud) -> None:
    """An id is of 20 characters, of the account that it encodes, and nobody else's."""
    own, other = cloud.aws.account_ids[:2]
    cloud.create_user(own, "made")
    wanted = key_id_of(own, 1)
    for odd in ("", "AKIA", wanted[:-1], f"{wanted}A", wanted.lower(), key_id_of(other, 1), key_id_of(own, 1, "ASIA")):
        with pytest.raises(LocalCloudError, match=f"{odd} is no id of an access key of account {own}"):
            cloud.create_key(own, "made", access_key_id=odd)
    with pytest.raises(LocalCloudError, match=r"There is an access key .* already"):
        cloud.create_key(own, "made", access_key_id=cloud.aws.access_key_id)
    assert cloud.create_key(own, "made", access_key_id=wanted).access_key_id == wanted
