"""Where a resource publishes the key that its tokens are encrypted to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resource", sa.Column("encryption_jwks_uri", sa.Text(), nullable=True))
