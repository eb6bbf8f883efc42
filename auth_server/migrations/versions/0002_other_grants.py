"""Other grants: clients' keys and policies, used assertions, waiting devices, clients that register themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("jwks", "jwks_uri", "trusted_issuers", "introspects", "exchange_audiences", "exchange_subject_clients"):
        op.add_column("client", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("client", sa.Column("is_dynamic", sa.Boolean(), nullable=True))
    _create_assertion()
    _create_client_registration()
    _create_initial_access_token()
    _create_device_code()


def _create_assertion() -> None:
    op.create_table(
        "assertion",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("until", _number(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_assertion")),
    )
    op.create_index(op.f("ix_assertion_until"), "assertion", ["until"])


def _create_client_registration() -> None:
    op.create_table(
        "client_registration",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.client_id"], name=op.f("fk_client_registration_client_id_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_registration")),
    )
    op.create_index(op.f("ix_client_registration_used_at"), "client_registration", ["used_at"])


def _create_initial_access_token() -> None:
    op.create_table(
        "initial_access_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", _number(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_initial_access_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_initial_access_token_digest")),
    )


def _create_device_code() -> None:
    op.create_table(
        "device_code",
        sa.Column("device_digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("interval_ms", _number(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("sub", sa.Text(), nullable=True),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("auth_time", _number(), nullable=True),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("amr", sa.Text(), nullable=True),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_device_code_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device_digest", name=op.f("pk_device_code")),
        sa.UniqueConstraint("user_digest", name=op.f("uq_device_code_user_digest")),
    )
    for column in ("client_id", "expires_at", "sub"):
        op.create_index(op.f(f"ix_device_code_{column}"), "device_code", [column])


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
