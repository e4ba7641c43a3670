"""Keeps who answers for a key, what the policy finds, and what was proposed and done about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns and the tables. A key that is active now was last seen so when it was last seen."""
    op.add_column("access_key", sa.Column("owner", sa.String))
    op.add_column("access_key", sa.Column("owner_source", sa.String(7)))
    op.add_column("access_key", sa.Column("last_active", sa.BigInteger, nullable=False, server_default="0"))
    key = sa.table("access_key", *map(sa.column, ("status", "last_seen", "last_active")))
    op.execute(key.update().where(key.c.status == "Active").values(last_active=key.c.last_seen))
    op.create_index("access_key_by_owner", "access_key", ["owner", "deleted"])
    op.create_table(
        "owner",
        sa.Column("account_id", sa.String(12), primary_key=True),
        sa.Column("user_name", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
    )
    _create_findings()
    _create_proposals()


def _create_findings() -> None:
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.String(27), primary_key=True),
        sa.Column("key_id", sa.String(27), nullable=False),
        sa.Column("rule", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("control", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("proposes", sa.Boolean, nullable=False),
        sa.Column("first_found", sa.BigInteger, nullable=False),
        sa.Column("first_run", sa.String(300), nullable=False),
        sa.Column("last_found", sa.BigInteger, nullable=False),
        sa.Column("last_run", sa.String(300), nullable=False),
        sa.Column("resolved", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("resolved_run", sa.String(300)),
    )
    op.create_index("finding_by_key", "finding", ["key_id"])
    op.create_index("finding_by_rank", "finding", ["resolved", "rank", "first_found", "finding_id"])
    op.create_index("finding_by_run", "finding", ["last_run"])
    op.create_index("finding_by_resolved_run", "finding", ["resolved_run"])
    op.create_table(
        "look",
        sa.Column("run_id", sa.String(300), primary_key=True),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("excused", sa.Integer, nullable=False),
    )
    op.create_index("look_by_time", "look", ["looked_at"])


def _create_proposals() -> None:
    op.create_table(
        "proposal",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("run_id", sa.String(300), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("decided_by", sa.String),
        sa.Column("decided_by_id", sa.String),
        sa.Column("decided", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("proposal_by_time", "proposal", ["created"])
    op.create_table(
        "deactivation",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(27), primary_key=True),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("user_name", sa.String, nullable=False),
        sa.Column("user_arn", sa.String, nullable=False),
        sa.Column("access_key_id", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(63), nullable=False),
        sa.Column("found", sa.String, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("attempted", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("result", sa.String(20)),
        sa.Column("reason", sa.String),
        sa.Column("ended", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("deactivation_by_user", "deactivation", ["user_arn"])
    op.create_index("deactivation_by_key", "deactivation", ["key_id"])
