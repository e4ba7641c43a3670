"""The words that the local cloud and its users share: what is seeded, injected, recorded and handed out.

Nothing here imports the simulated services, so that importing `localcloud` stays cheap.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar

from localcloud.azure_model import AzureAccess
from localcloud.identity_model import IdentityAccess

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_FILE = "localcloud.json"
"""Name, inside the state folder, of the file that tells how to reach a running local cloud."""

T = TypeVar("T")


def utc_text(moment: datetime) -> str:
    """Write a moment in UTC as ISO 8601 with Z, to the second if it is a whole one."""
    return moment.isoformat(timespec="auto").replace("+00:00", "Z")


def utc_moment(text: str) -> datetime:
    """Read what `utc_text` wrote.

    Raises:
        ValueError: `text` is not ISO 8601.
    """
    return datetime.fromisoformat(text)


def from_json(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a dataclass from parsed JSON, refusing fields that it does not have.

    Raises:
        ValueError: a field is unknown, missing or out of its range.
    """
    names = {each.name for each in dataclasses.fields(kind) if each.init}  # type: ignore[arg-type]
    unknown = sorted(set(values) - names)
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(names))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


@dataclass(frozen=True)
class Seed:
    """What the local cloud is filled with; the same seed and `now` make the same users and keys.

    Attributes:
        number: the seed of every choice.
        accounts: AWS accounts, of which the first is the auditor's own.
        users: IAM users in all accounts together, the auditor included.
        keys_per_100_users: access keys to aim for, per hundred users (at most 2 per user).
        odd_names: whether to include user names that look like GUIDs, dates and numbers, or are not ASCII.
        root_key: whether the second account (or the only one) has a root access key.
        auditor_key: whether there is an IAM user with an access key for the audit; else it has its certificate alone.
        denied: accounts that deny the audit: in turn, one whose role cannot be assumed, and one whose role must not
            list users.
        suspended: accounts that are suspended; they have no users, as nobody can enter them.
        closing: accounts whose closure is pending; they have no users either.
        organization: whether the accounts are in an organisation, in which the first, a delegated administrator, may
            list them; the second one (or the only one) manages it.
        now: the reference moment, ISO 8601; None is the moment the cloud starts.
        virtual_machines: in all subscriptions together.
        activity_events: in the activity logs of all subscriptions together, over the ten days before `now`.
    """

    number: int = 20240229
    accounts: int = 3
    users: int = 520
    keys_per_100_users: int = 125
    odd_names: bool = True
    root_key: bool = True
    auditor_key: bool = True
    denied: int = 0
    suspended: int = 0
    closing: int = 0
    organization: bool = True
    now: str | None = None
    virtual_machines: int = 40
    activity_events: int = 600

    def __post_init__(self) -> None:
        if min(self.virtual_machines, self.activity_events) < 0:
            raise ValueError("A seed cannot have fewer than no virtual machines and no activity events")
        if self.accounts < 1:
            raise ValueError("A seed needs at least one account, the auditor's own")
        self._check_states()
        if self.users < self.accounts - self.suspended - self.closing:
            raise ValueError("A seed needs at least one user for each account that can be entered")
        if not 0 <= self.keys_per_100_users <= 200:  # noqa: PLR2004
            raise ValueError("IAM allows two access keys for each user: keys_per_100_users is 0 to 200")

    def _check_states(self) -> None:
        left = self.suspended + self.closing
        if min(self.denied, self.suspended, self.closing) < 0 or self.denied + left > self.accounts - 1:
            raise ValueError("A seed's denied, suspended and closing accounts are among its accounts but the first")
        if left > max(0, self.accounts - 2):
            raise ValueError("A seed's first two accounts, the auditor's and the managing one, cannot be left")
        if left and not self.organization:
            raise ValueError("A seed without organization has no suspended or closing accounts")


@dataclass(frozen=True)
class SeededUser:
    """An IAM user as seeded; `create_date` is ISO 8601 UTC."""

    account: str
    name: str
    path: str
    arn: str
    create_date: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeededKey:
    """The truth about one access key; dates are ISO 8601 UTC, the last use is all None if there was none."""

    account: str
    user: str
    path: str
    user_arn: str
    access_key_id: str
    status: str
    create_date: str
    last_used_date: str | None = None
    last_used_region: str | None = None
    last_used_service: str | None = None


@dataclass(frozen=True)
class OrganizationAccount:
    """An account of the organisation, as seeded.

    Attributes:
        id: 12 digits.
        name: such as payments-prod.
        email: of its root user.
        state: as AWS Organizations calls it, such as ACTIVE.
        denied: the action that it denies the audit: sts:AssumeRole or iam:ListUsers; None if it denies none.
        joined_method: INVITED or CREATED.
        joined_date: ISO 8601 UTC.
    """

    id: str
    name: str
    email: str
    state: str
    denied: str | None
    joined_method: str
    joined_date: str


@dataclass(frozen=True)
class AwsAccess:
    """The ways into AWS of the audit and of the deactivation, and the roles to assume in every account.

    Attributes:
        access_key_id: of an IAM user of the first account; None if the seed has no such user.
        secret_access_key: the same.
        account_id: the first account, the auditor's own.
        account_ids: all of them.
        role_name: of the audit role, which every account has.
        region: of trust anchor, profile and bucket.
        trust_anchor_arn: trusts the authority that issues the vault's certificates.
        profile_arn: lists the audit role of the first account alone, and limits its sessions.
        audit_role_arn: that role; it trusts the vault's certificate keywatch-audit.
        deactivation_role_name: of the deactivation role, which every account has.
        deactivation_role_arn: that of the first account; it trusts the vault's certificate keywatch-deactivate.
        deactivation_profile_arn: lists that role alone, and limits its sessions.
        bucket: an S3 bucket of the first account, which the audit role may read and write.
        organization: the accounts of the organisation; empty if there is none.
    """

    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    account_id: str
    account_ids: tuple[str, ...]
    role_name: str
    region: str
    trust_anchor_arn: str
    profile_arn: str
    audit_role_arn: str
    deactivation_role_name: str
    deactivation_role_arn: str
    deactivation_profile_arn: str
    bucket: str
    organization: tuple[OrganizationAccount, ...]

    def role_arn(self, account: str) -> str:
        """Name the audit role of an account."""
        return f"arn:aws:iam::{account}:role/{self.role_name}"


@dataclass(frozen=True)
class Workspace:
    """A Log Analytics workspace: its id (a GUID) and primary key (64 bytes, base64)."""

    id: str
    shared_key: str = field(repr=False)

    @property
    def host(self) -> str:
        """The host name of its Data Collector endpoint."""
        return f"{self.id}.ods.opinsights.azure.com"


@dataclass(frozen=True)
class LogsIngestionAccess:
    """A data collection rule of the first workspace: the URL of its own endpoint, and its immutable id."""

    endpoint: str
    rule_id: str


@dataclass(frozen=True)
class State:
    """What `localcloud.json` tells: how to reach a running local cloud, and the credentials of its services."""

    pid: int
    proxy_url: str
    ca_bundle: str
    control_url: str
    control_token: str = field(repr=False)
    now: str
    aws: AwsAccess
    workspaces: tuple[Workspace, ...]
    logs_ingestion: LogsIngestionAccess
    azure: AzureAccess
    identity: IdentityAccess

    def dump(self) -> str:
        """Write as JSON, secrets included."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str)

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote.

        Raises:
            ValueError: `text` is not such JSON.
        """
        values = json.loads(text)
        values["aws"] = _aws_access(values["aws"])
        values["workspaces"] = tuple(from_json(Workspace, each) for each in values["workspaces"])
        values["logs_ingestion"] = from_json(LogsIngestionAccess, values["logs_ingestion"])
        values["azure"] = AzureAccess.load(values["azure"])
        values["identity"] = IdentityAccess.load(values["identity"])
        return from_json(cls, values)


def _aws_access(values: dict[str, Any]) -> AwsAccess:
    members = tuple(from_json(OrganizationAccount, each) for each in values["organization"])
    return from_json(AwsAccess, values | {"account_ids": tuple(values["account_ids"]), "organization": members})


class FaultKind(StrEnum):
    """What can be made to go wrong."""

    THROTTLE = "throttle"
    """AWS: 400, or 503 of S3, with the code that the service has for it. Azure: 429, with `retry_after` if given."""
    STATUS = "status"
    """Any `status`, with `body` and `content_type`; without a body, what the service says for that status."""
    DENY = "deny"
    """403, or 400 of Organizations, with the code that the service has for it, such as AccessDenied."""
    DROP_BEFORE = "drop_before"
    """The connection closes before anything was processed."""
    DROP_AFTER = "drop_after"
    """Processed and stored, and the connection closes before the answer."""
    REPLACE = "replace"
    """Processed and stored, but answered with `status`, `body` and `content_type`, as by a proxy on the way back."""
    MISLABEL = "mislabel"
    """Processed and stored, and answered as ever, but for the `content_type`."""
    TRUNCATE = "truncate"
    """Processed and stored, and the connection closes in the middle of the answer."""
    TRICKLE = "trickle"
    """Processed and stored, and the answer trickles in over so many `seconds`."""
    DELAY = "delay"
    """Processed and stored, and the answer comes `seconds` later."""
    VANISH = "vanish"
    """`user`, or the key `access_key_id`, is deleted just before the matching call is processed."""
    REFUSE = "refuse"
    """The proxy says that the host refuses the connection."""
    TLS_EXPIRED = "tls_expired"
    """The host presents a certificate that has expired."""
    TLS_UNTRUSTED = "tls_untrusted"
    """The host presents a certificate of a CA that nobody trusts."""


TUNNEL_KINDS = frozenset({FaultKind.REFUSE, FaultKind.TLS_EXPIRED, FaultKind.TLS_UNTRUSTED})
"""What hits a new connection to a host, whatever is asked over it."""


@dataclass(frozen=True)
class Fault:
    """One thing to go wrong, and when.

    A request matches if everything that is given here matches it. The first fault, in the order of injection, that
    matches and is not used up is applied; the faults `delay` and `vanish` let the next one apply as well.

    Attributes:
        kind: what happens.
        host: a suffix of the host name.
        action: an IAM or STS action such as `ListUsers`, `POST /api/logs`, `POST logs` (Logs Ingestion), or one of
            Azure's such as `token`, `managed-identity`, `keys/sign`, `secrets/get`, `events/send`,
            `subscriptions/list`, `virtualMachines/list` or `activityLog/list`.
        account: an AWS account id, a workspace id, a caller's client id, or a managed identity's name.
        log_type: the Data Collector's Log-Type, or the stream without `Custom-`.
        larger_than: only requests with more bytes of body on the wire.
        user: only requests about this user; for `vanish`, the user to delete.
        access_key_id: only requests about this access key; for `vanish`, the key to delete.
        count: how many requests it hits; None is for ever.
        after: how many matching requests pass first.
        status: HTTP status, for `status` and `replace`.
        body: response body, for the same.
        content_type: of `body`; for `mislabel`, of the answer.
        retry_after: seconds, sent as Retry-After.
        seconds: for `delay` and `trickle`.
        detail: what `RequestRecord.detail` tells, such as the id of a subscription.
    """

    kind: FaultKind
    host: str | None = None
    action: str | None = None
    account: str | None = None
    log_type: str | None = None
    user: str | None = None
    access_key_id: str | None = None
    count: int | None = 1
    after: int = 0
    status: int = 500
    body: str | None = None
    content_type: str = "text/plain"
    retry_after: int | None = None
    seconds: float = 0.0
    larger_than: int | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        if (self.count is not None and self.count < 1) or self.after < 0 or self.seconds < 0:
            raise ValueError("A fault hits at least one request, after none or more, with no negative delay")
        if not 200 <= self.status <= 599:  # noqa: PLR2004 - what HTTP knows as a final status
            raise ValueError(f"A fault answers with a status from 200 to 599, not {self.status}")
        if self.kind is FaultKind.VANISH and self.user is None and self.access_key_id is None:
            raise ValueError("A vanish fault needs the user or the access_key_id that is to vanish")


@dataclass(frozen=True)
class RequestRecord:
    """One request that reached the local cloud, without its headers and secrets.

    Attributes:
        time: when it had arrived in full, ISO 8601 UTC.
        host: the host it was for.
        method: HTTP method; CONNECT for a tunnel that was refused.
        path: the path without the query.
        action: as in `Fault.action`.
        account: the caller's AWS account (the role's, once assumed), client id or name, or the workspace id.
        user: the IAM user it asks about, if it names one.
        access_key_id: the access key it asks about, if it names one.
        status: what was answered; None if the connection was closed instead.
        error: the service's error code, if it answered with one.
        fault: the injected faults that applied, joined with +.
        body_bytes: length of the body on the wire.
        body_sha256: hex digest of the body.
        log_type: the Data Collector's Log-Type, or the stream without `Custom-`.
        records: how many records the body held, as far as it could be read.
        record_ids: the values of the field RecordId, or the column RecordId_s, in these records.
        raw_bytes: length of a body that may be packed, once unpacked.
        detail: what else tells requests apart: a token's scope, a key's name and version, a subscription's id.
    """

    time: str
    host: str
    method: str
    path: str
    action: str | None = None
    account: str | None = None
    user: str | None = None
    access_key_id: str | None = None
    status: int | None = None
    error: str | None = None
    fault: str | None = None
    body_bytes: int = 0
    body_sha256: str | None = None
    log_type: str | None = None
    records: int | None = None
    record_ids: tuple[str, ...] = ()
    raw_bytes: int | None = None
    detail: str | None = None
