"""Staging on S3, as two workers share it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from s3fs import S3FileSystem
from upath import UPath

from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.credentials.roles_anywhere import RolesAnywhere
from localcloud import LocalCloud
from tests.keywatch.credentials.reach import hsm
from tests.keywatch.reach import transport_to


def s3_staging(cloud: LocalCloud, read_timeout: float = 30.0) -> Callable[[], UPath]:
    """Return what opens one folder of the local cloud's bucket, each time with a client of its own.

    Args:
        cloud: Plays S3.
        read_timeout: Seconds that an answer may take.
    """
    access, folder = cloud.aws, uuid.uuid4().hex
    target = RolesAnywhere(access.trust_anchor_arn, access.profile_arn, access.audit_role_arn, "staging")
    session = CertificateSessions(target, hsm(cloud), transport_to(cloud)).get()

    def open_it() -> UPath:
        S3FileSystem.clear_instance_cache()  # of the try before, with what it had listed
        return UPath(
            f"s3://{access.bucket}/{folder}",
            key=session.access_key_id,
            secret=session.secret_access_key,
            token=session.token,
            client_kwargs={"verify": str(cloud.ca_bundle), "region_name": access.region},
            config_kwargs={"proxies": {"https": cloud.proxy_url}, "read_timeout": read_timeout},
        )

    return open_it
