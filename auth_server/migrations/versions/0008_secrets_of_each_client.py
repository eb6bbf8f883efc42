"""Two clients may have the same secret: nobody is told that somebody else has it already."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_client_secret_client_id", "client_secret")
    with op.batch_alter_table("client_secret") as table:
        table.drop_constraint("pk_client_secret", type_="primary")
        table.create_primary_key("pk_client_secret", ["client_id", "digest"])
