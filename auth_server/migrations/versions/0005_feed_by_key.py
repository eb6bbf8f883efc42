"""Whether a token is named on the feed, found without reading the feed."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_feed_entry_kind_key", "feed_entry", ["kind", "key"], unique=False)
