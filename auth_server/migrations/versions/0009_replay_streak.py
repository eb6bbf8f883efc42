"""How many generations of a refresh family on end were asked for again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_family", sa.Column("replay_streak", sa.Integer(), nullable=False, server_default="0"))
