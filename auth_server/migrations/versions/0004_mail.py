"""Mail: the outbox, what its links stand for, and changes of mail addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_outbox_mail()
    _create_ticket()
    _create_email_change()


def _create_outbox_mail() -> None:
    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
    )
    op.create_index(op.f("ix_outbox_mail_due_at"), "outbox_mail", ["due_at"])


def _create_ticket() -> None:
    op.create_table(
        "ticket",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("interaction", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_ticket_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_ticket")),
    )
    for column in ("expires_at", "sub"):
        op.create_index(op.f(f"ix_ticket_{column}"), "ticket", [column])


def _create_email_change() -> None:
    op.create_table(
        "email_change",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("old_confirmed", sa.Boolean(), nullable=False),
        sa.Column("new_confirmed", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_email_change_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", name=op.f("pk_email_change")),
    )
    op.create_index(op.f("ix_email_change_expires_at"), "email_change", ["expires_at"])
