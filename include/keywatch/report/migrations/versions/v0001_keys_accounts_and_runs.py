"""Keys, accounts, runs, daily counts and charts."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

FIGURES: Final = ("keys", "active", "old", "old_active", "unused", "unused_active", "never_used", "never_used_active")
FIGURES_OF_USERS: Final = ("root", "users", "users_with_two_active")
FILTERED: Final = (
    "deleted",
    "status",
    "created",
    "last_used",
    "last_activity",
    "service",
    "region",
    "account_id",
    "user_name",
)
SORTED: Final = {"age": "created", "last_used": "last_used", "user": "user_name", "account": "account_id"}


def upgrade() -> None:
    """Make the tables."""
    _create_runs()
    _create_keys()
    op.create_table(
        "day",
        sa.Column("day", sa.Date, primary_key=True),
        *_figures(),
        sa.Column("accounts_read", sa.Integer, nullable=False),
        sa.Column("accounts_not_read", sa.Integer, nullable=False),
        sa.Column("accounts_skipped", sa.Integer, nullable=False),
    )
    op.create_table(
        "bar",
        sa.Column("chart", sa.String(20), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
    )


def _create_runs() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(250), primary_key=True),
        sa.Column("listed_at", sa.BigInteger, nullable=False),
        sa.Column("published_at", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
    )
    op.create_index("run_by_time", "run", ["listed_at"])
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String),
        *_ending(),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("listed_at", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.BigInteger, nullable=False),
        *_figures(),
    )
    op.create_table(
        "account_run",
        sa.Column("account_id", sa.String(12), primary_key=True),
        sa.Column("listed_at", sa.BigInteger, primary_key=True),
        sa.Column("run_id", sa.String(250), nullable=False),
        *_ending(),
        sa.Column("users", sa.Integer, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
    )


def _create_keys() -> None:
    op.create_table(
        "access_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("key_id", sa.String(27), nullable=False, unique=True),
        sa.Column("access_key_id", sa.String(16)),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("user_name", sa.String, nullable=False),
        sa.Column("user_arn", sa.String, nullable=False),
        sa.Column("status", sa.String(10)),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("last_used", sa.BigInteger, nullable=False),
        sa.Column("last_activity", sa.BigInteger, nullable=False),
        sa.Column("service", sa.String),
        sa.Column("region", sa.String),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("access_key_by_id", "access_key", ["access_key_id"])
    named = sa.text("user_name <> ''")
    op.create_index("access_key_by_name", "access_key", ["user_name"], sqlite_where=named, postgresql_where=named)
    op.create_index("access_key_by_arn", "access_key", ["user_arn", "status", "deleted"])
    for name, column in SORTED.items():
        columns = [column, "id", *(each for each in FILTERED if each != column)]
        op.create_index(f"access_key_by_{name}", "access_key", columns)


def _ending() -> list[sa.Column[str]]:
    return [
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("action", sa.String),
        sa.Column("reason", sa.String),
    ]


def _figures() -> list[sa.Column[int]]:
    names = (*FIGURES, *FIGURES_OF_USERS)
    return [sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in names]
