"""Keeps the accounts of key owners and their invitations, and finds keys by an owner in any case of ASCII letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables, and the index."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    owner = sa.text("lower(owner)" if sqlite else 'lower(owner COLLATE "C")')
    op.create_index("access_key_by_owner_address", "access_key", [owner, "deleted", "created", "id"])
    op.create_table(
        "portal_account",
        sa.Column("account_id", sa.String(32), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_folded", sa.String(254), nullable=False, unique=True),
        sa.Column("policynumber", sa.String),
        sa.Column("beneficiary", sa.String),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("issuer", sa.String),
        sa.Column("subject", sa.String),
        sa.Column("bound", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="portal_account_by_subject"),
    )
    op.create_table(
        "portal_invitation",
        sa.Column("code_sha256", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("rebind", sa.Boolean, nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("issued_by", sa.String, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("revoked", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("portal_invitation_by_account", "portal_invitation", ["account_id"])
    op.create_table(
        "portal_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("email_folded", sa.String(254), nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String),
        sa.Column("issuer", sa.String),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("strength", sa.String, nullable=False),
    )
    op.create_index("portal_change_by_account", "portal_change", ["account_id", "id"])
    op.create_index("portal_change_by_email", "portal_change", ["email_folded", "id"])
