"""Token status lists: blocks of indexes, and the tokens that have one. Empty unless they are switched on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "status_list",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("blocks", number, nullable=False),
        sa.Column("until", number, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_list")),
    )
    op.create_table(
        "status_token",
        sa.Column("list_id", sa.Text(), nullable=False),
        sa.Column("idx", number, autoincrement=False, nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("iat", number, nullable=False),
        sa.Column("until", number, nullable=False),
        sa.PrimaryKeyConstraint("list_id", "idx", name=op.f("pk_status_token")),
    )
    op.create_index("ix_status_token_until", "status_token", ["until"], unique=False)
