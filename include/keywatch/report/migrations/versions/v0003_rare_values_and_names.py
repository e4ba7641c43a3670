"""Finds keys of a rare service, region or status in an index of these, and user names a hundred in a row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAMES_AT_ONCE = 100


def upgrade() -> None:
    """Make the indexes and the rows of names, and let the index of names go."""
    op.drop_index("access_key_by_name", "access_key")
    for column in ("service", "region"):
        op.create_index(f"access_key_by_{column}", "access_key", [column, "deleted"])
    unusual = sa.text("status NOT IN ('Active', 'Inactive')")
    index = "access_key_by_unusual_status"
    op.create_index(index, "access_key", ["status"], sqlite_where=unusual, postgresql_where=unusual)
    blocks = op.create_table(
        "name_block",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("names", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False),
    )
    name = sa.column("user_name", sa.String)
    names = sa.select(name).distinct().select_from(sa.table("access_key")).order_by(name)
    found = op.get_bind().execute(names, execution_options={"yield_per": NAMES_AT_ONCE}).scalars().partitions()
    for number, some in enumerate(found):
        joined = "\n".join(some)
        op.bulk_insert(blocks, [{"number": number, "names": joined, "folded": joined.casefold()}])
