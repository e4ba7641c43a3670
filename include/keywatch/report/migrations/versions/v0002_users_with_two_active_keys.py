"""Marks the keys of users with two active ones, so that a list can be filtered by it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

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
SORTED: Final = {"age": "created", "last_used": "last_used", "user": "user_name", "account": "account_id"}


def upgrade() -> None:
    """Add the mark, set it, and have the sorting indexes hold it."""
    for name in SORTED:
        op.drop_index(f"access_key_by_{name}", "access_key")
    op.add_column("access_key", sa.Column("two_active", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(_marks())
    for name, column in SORTED.items():
        columns = [column, "id", *(each for each in FILTERED if each != column)]
        op.create_index(f"access_key_by_{name}", "access_key", columns)


def _marks() -> sa.Update:
    key = sa.table("access_key", *map(sa.column, ("user_arn", "status", "deleted", "two_active")))
    active = sa.select(key.c.user_arn).where(key.c.status == "Active", key.c.deleted == 0)
    two = active.group_by(key.c.user_arn).having(sa.func.count() > 1)
    return key.update().where(key.c.user_arn.in_(two), key.c.deleted == 0).values(two_active=sa.true())
