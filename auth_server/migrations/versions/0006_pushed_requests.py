"""Pushed requests of clients that have no row, because they are known by a document. What waits is 90 seconds old at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("pushed_request")
    op.create_table(
        "pushed_request",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pushed_request")),
    )
    op.create_index("ix_pushed_request_expires_at", "pushed_request", ["expires_at"], unique=False)
