"""The store's tables. Every moment is a number of seconds since 1970, UTC: it sorts alike in every database.

What never happened is 0, and so before all else. A key whose creation no API tells has `UNKNOWN`, so that it is not
taken for an old one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    literal_column,
)

from keywatch.report.ascii_case import LowerAscii

metadata = MetaData()

UNKNOWN: Final = 253_402_300_799
"""The last second of the year 9999."""

runs: Final = Table(
    "run",
    metadata,
    Column("run_id", String(250), primary_key=True),
    Column("listed_at", BigInteger, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("keys", Integer, nullable=False),
    Index("run_by_time", "listed_at"),
)

FIGURES: Final = (
    "keys",
    "active",
    "old",
    "old_active",
    "unused",
    "unused_active",
    "never_used",
    "never_used_active",
    "root",
    "users",
    "users_with_two_active",
)
"""The counts of an account, by the names that `keywatch.report.model.KeyFigures` gives them."""

accounts: Final = Table(
    "account",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("name", String),
    Column("status", String(10), nullable=False),
    Column("action", String),
    Column("reason", String),
    Column("run_id", String(250), nullable=False),
    Column("listed_at", BigInteger, nullable=False),
    Column("read_at", BigInteger, nullable=False),
    *(Column(name, Integer, nullable=False, server_default="0") for name in FIGURES),
)

account_runs: Final = Table(
    "account_run",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("listed_at", BigInteger, primary_key=True),
    Column("run_id", String(250), nullable=False),
    Column("status", String(10), nullable=False),
    Column("action", String),
    Column("reason", String),
    Column("users", Integer, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
)

keys: Final = Table(
    "access_key",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key_id", String(27), nullable=False, unique=True),
    Column("access_key_id", String(16)),
    Column("account_id", String(12), nullable=False),
    Column("user_name", String, nullable=False),
    Column("user_arn", String, nullable=False),
    Column("status", String(10)),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
    Column("last_activity", BigInteger, nullable=False),
    Column("service", String),
    Column("region", String),
    Column("source", String(10), nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False, server_default="0"),
    Column("two_active", Boolean, nullable=False, server_default=false()),
    Column("owner", String),
    Column("owner_source", String(7)),
    Column("last_active", BigInteger, nullable=False, server_default="0"),
)

FILTERED: Final = (
    "deleted",
    "status",
    "two_active",
    "created",
    "last_used",
    "last_activity",
    "service",
    "region",
    "account_id",
    "user_name",
)
"""What a list filters by. An index that sorts has all of it too, so that what does not match is passed over in it."""

SORTED: Final = {"age": "created", "last_used": "last_used", "user": "user_name", "account": "account_id"}

for _name, _column in SORTED.items():
    _filtered = (each for each in FILTERED if each != _column)
    Index(f"access_key_by_{_name}", *(keys.c[each] for each in (_column, "id", *_filtered)))
Index("access_key_by_id", keys.c.access_key_id)
Index("access_key_by_arn", keys.c.user_arn, keys.c.status, keys.c.deleted)
Index("access_key_by_service", keys.c.service, keys.c.deleted)
Index("access_key_by_region", keys.c.region, keys.c.deleted)
Index("access_key_by_owner", keys.c.owner, keys.c.deleted)

owner_address: Final = LowerAscii(keys.c.owner)
"""By which the keys of a person are found, in the order of their age."""

Index("access_key_by_owner_address", owner_address, keys.c.deleted, keys.c.created, keys.c.id)

USUAL: Final = ("Active", "Inactive")
unusual: Final = keys.c.status.not_in([literal_column(f"'{status}'") for status in USUAL])
"""What a list of keys in another state asks too if these are few, so that they are found in the index of just them."""

Index("access_key_by_unusual_status", keys.c.status, sqlite_where=unusual, postgresql_where=unusual)

owners: Final = Table(
    "owner",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("user_name", String, primary_key=True),
    Column("owner", String, nullable=False),
)
"""The table of owners, as it was last imported."""

findings: Final = Table(
    "finding",
    metadata,
    Column("finding_id", String(27), primary_key=True),
    Column("key_id", String(27), nullable=False),
    Column("rule", String(63), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("control", String),
    Column("reason", String, nullable=False),
    Column("proposes", Boolean, nullable=False),
    Column("first_found", BigInteger, nullable=False),
    Column("first_run", String(300), nullable=False),
    Column("last_found", BigInteger, nullable=False),
    Column("last_run", String(300), nullable=False),
    Column("resolved", BigInteger, nullable=False, server_default="0"),
    Column("resolved_run", String(300)),
    Index("finding_by_key", "key_id"),
    Index("finding_by_rank", "resolved", "rank", "first_found", "finding_id"),
    Index("finding_by_run", "last_run"),
    Index("finding_by_resolved_run", "resolved_run"),
)
"""What the policy's rules have found. A finding that was resolved, and is there again, begins anew."""

looks: Final = Table(
    "look",
    metadata,
    Column("run_id", String(300), primary_key=True),
    Column("looked_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("excused", Integer, nullable=False),
    Index("look_by_time", "looked_at"),
)
"""When a run has looked at every key by the policy, at which report's state, and what it counted."""

proposals: Final = Table(
    "proposal",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("run_id", String(300), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("decided_by", String),
    Column("decided_by_id", String),
    Column("decided", BigInteger, nullable=False, server_default="0"),
    Index("proposal_by_time", "created"),
)
"""The proposals to deactivate keys, and what a person said; of these one is open at most."""

deactivations: Final = Table(
    "deactivation",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("key_id", String(27), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("user_name", String, nullable=False),
    Column("user_arn", String, nullable=False),
    Column("access_key_id", String(16), nullable=False),
    Column("rule", String(63), nullable=False),
    Column("found", String, nullable=False),
    Column("owner", String),
    Column("attempted", BigInteger, nullable=False, server_default="0"),
    Column("result", String(20)),
    Column("reason", String),
    Column("ended", BigInteger, nullable=False, server_default="0"),
    Index("deactivation_by_user", "user_arn"),
    Index("deactivation_by_key", "key_id"),
)
"""The keys of the proposals, and what became of each; `found` is why it was proposed, `reason` why it ended so."""

name_blocks: Final = Table(
    "name_block",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("names", String, nullable=False),
    Column("folded", String, nullable=False),
)
"""A hundred user names in each row, one in a line, and the same without letter case.

A name of IAM has no line break in it (IAM API reference, User).
"""

days: Final = Table(
    "day",
    metadata,
    Column("day", Date, primary_key=True),
    *(Column(name, Integer, nullable=False, server_default="0") for name in FIGURES),
    Column("accounts_read", Integer, nullable=False),
    Column("accounts_not_read", Integer, nullable=False),
    Column("accounts_skipped", Integer, nullable=False),
)

bars: Final = Table(
    "bar",
    metadata,
    Column("chart", String(20), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("label", String, nullable=False),
    Column("count", Integer, nullable=False),
)

portal_accounts: Final = Table(
    "portal_account",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("email_folded", String(254), nullable=False, unique=True),
    Column("policynumber", String),
    Column("beneficiary", String),
    Column("owner", String, nullable=False),
    Column("issuer", String),
    Column("subject", String),
    Column("bound", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("issuer", "subject", name="portal_account_by_subject"),
)
"""The people who answer for keys, each bound to one subject of the identity provider at most, and the other way."""

portal_invitations: Final = Table(
    "portal_invitation",
    metadata,
    Column("code_sha256", String(64), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("email", String(254), nullable=False),
    Column("rebind", Boolean, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("issued_by", String, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    Column("revoked", BigInteger, nullable=False, server_default="0"),
    Index("portal_invitation_by_account", "account_id"),
)

portal_changes: Final = Table(
    "portal_change",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("email_folded", String(254), nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("what", String(20), nullable=False),
    Column("before", String),
    Column("after", String),
    Column("issuer", String),
    Column("who", String, nullable=False),
    Column("strength", String, nullable=False),
    Index("portal_change_by_account", "account_id", "id"),
    Index("portal_change_by_email", "email_folded", "id"),
)
"""What was changed of accounts; `who` is a subject of `issuer`, or without one the user of a command."""


def seconds(when: datetime | None) -> int:
    """Write a moment as the store keeps it."""
    return 0 if when is None else int(when.timestamp())


def moment(value: int) -> datetime | None:
    """Read a moment that may never have been."""
    return known_moment(value) if value else None


def known_moment(value: int) -> datetime:
    """Read a moment that is always there."""
    return datetime.fromtimestamp(value, UTC)
