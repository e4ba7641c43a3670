"""What IAM answers about a population, rendered once: XML of the query protocol, and the credential report.

Source: IAM API reference; IAM user guide, "Credential reports".
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from typing import Final

from tests.benchmarks.http_endpoint import response
from tests.benchmarks.iam_population import ACCOUNT, SampleKey, SampleUser

IAM: Final = "https://iam.amazonaws.com/doc/2010-05-08/"
STS: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
REQUEST: Final = "<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>"
COLUMNS: Final = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
NO_KEY: Final = "false,N/A,N/A,N/A,N/A"


def ok(action: str, result: str, namespace: str = IAM) -> bytes:
    """Render an answer."""
    text = (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{result}</{action}Result>{REQUEST}</{action}Response>'
    )
    return response("200 OK", text.encode("utf-8"))


def refused(status: str, code: str, message: str) -> bytes:
    """Render a refusal."""
    text = (
        f'<ErrorResponse xmlns="{IAM}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>'
        "</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )
    return response(status, text.encode("utf-8"))


def account_summary(users: int) -> bytes:
    """Render `GetAccountSummary`: no root key."""
    entries = {"Users": users, "AccountAccessKeysPresent": 0, "AccountMFAEnabled": 1}
    inner = "".join(f"<entry><key>{name}</key><value>{value}</value></entry>" for name, value in entries.items())
    return ok("GetAccountSummary", f"<SummaryMap>{inner}</SummaryMap>")


def user_member(user: SampleUser) -> str:
    """Render one user of a listing."""
    return (
        f"<member><Path>/engineering/</Path><UserName>{user.name}</UserName><UserId>{user.id}</UserId>"
        f"<Arn>{user.arn}</Arn><CreateDate>{iso(user.created)}</CreateDate></member>"
    )


def users_page(members: list[str], marker: str | None) -> bytes:
    """Render one page of `ListUsers`."""
    more = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else "<IsTruncated>false</IsTruncated>"
    return ok("ListUsers", f"{more}<Users>{''.join(members)}</Users>")


def keys_of(user: SampleUser) -> bytes:
    """Render `ListAccessKeys`."""
    members = "".join(
        f"<member><UserName>{user.name}</UserName><AccessKeyId>{key.id}</AccessKeyId>"
        f"<Status>{'Active' if key.active else 'Inactive'}</Status><CreateDate>{iso(key.created)}</CreateDate></member>"
        for key in user.keys
    )
    return ok(
        "ListAccessKeys",
        f"<IsTruncated>false</IsTruncated><UserName>{user.name}</UserName>"
        f"<AccessKeyMetadata>{members}</AccessKeyMetadata>",
    )


def last_used(user: SampleUser, key: SampleKey) -> bytes:
    """Render `GetAccessKeyLastUsed`."""
    date = f"<LastUsedDate>{iso(key.last_used)}</LastUsedDate>" if key.last_used else ""
    region, service = ("eu-central-1", "s3") if key.last_used else ("N/A", "N/A")
    return ok(
        "GetAccessKeyLastUsed",
        f"<UserName>{user.name}</UserName><AccessKeyLastUsed>{date}<ServiceName>{service}</ServiceName>"
        f"<Region>{region}</Region></AccessKeyLastUsed>",
    )


def credential_report(users: list[SampleUser], generated: datetime) -> bytes:
    """Render `GetCredentialReport`: what was there when the report was made, slots in no particular order."""
    root = f"<root_account>,arn:aws:iam::{ACCOUNT}:root,{offset(generated)},not_supported,N/A,not_supported,"
    lines = [COLUMNS, f"{root}not_supported,true,{NO_KEY},{NO_KEY},false,N/A,false,N/A"]
    lines += [_report_line(user, generated) for user in users if user.created < generated]
    content = base64.b64encode("\n".join(lines).encode("utf-8")).decode("ascii")
    return ok(
        "GetCredentialReport",
        f"<Content>{content}</Content><ReportFormat>text/csv</ReportFormat>"
        f"<GeneratedTime>{iso(generated)}</GeneratedTime>",
    )


def report_state(state: str) -> bytes:
    """Render `GenerateCredentialReport`."""
    return ok("GenerateCredentialReport", f"<State>{state}</State>")


def session(expiration: datetime) -> bytes:
    """Render `AssumeRole`."""
    key_id = "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode("ascii")
    return ok(
        "AssumeRole",
        f"<Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secrets.token_hex(20)}</SecretAccessKey>"
        f"<SessionToken>{secrets.token_hex(200)}</SessionToken><Expiration>{iso(expiration)}</Expiration>"
        f"</Credentials><AssumedRoleUser><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/audit/keywatch</Arn>"
        "<AssumedRoleId>AROA:keywatch</AssumedRoleId></AssumedRoleUser>",
        STS,
    )


def caller() -> bytes:
    """Render `GetCallerIdentity`."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/auditor"
    return ok("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>", STS)


def _report_line(user: SampleUser, generated: datetime) -> str:
    slots = [_slot(key) for key in user.keys if key.created < generated]
    if len(user.name) % 2:
        slots.reverse()
    slots += [NO_KEY] * (2 - len(slots))
    return (
        f"{user.name},{user.arn},{offset(user.created)},false,N/A,N/A,N/A,false,{','.join(slots)},false,N/A,false,N/A"
    )


def _slot(key: SampleKey) -> str:
    """Render a key's five columns; an inactive one looks like none."""
    if not key.active:
        return NO_KEY
    if key.last_used is None:
        return f"true,{offset(key.created)},N/A,N/A,N/A"
    return f"true,{offset(key.created)},{offset(key.last_used)},eu-central-1,s3"


def iso(moment: datetime) -> str:
    """Render a time as the query protocol does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def offset(moment: datetime) -> str:
    """Render a time as the credential report does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
