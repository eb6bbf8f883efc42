"""What the authorization code flow keeps: requests that wait, codes, consents, subjects, claims, and who is told of a sign-out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _extend_client()
    _extend_others()
    _create_account_claims()
    _create_authorization_code()
    _create_consent()
    _create_interaction()
    _create_logout_request()
    _create_pairwise_subject()
    _create_pushed_request()
    _create_session_client()
    _create_logout_delivery()


def _extend_client() -> None:
    op.add_column("client", sa.Column("requires_pkce", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("client", sa.Column("requires_pushed_requests", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("client", sa.Column("asks_for_consent", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("client", sa.Column("subject_type", sa.Text(), nullable=False, server_default="public"))
    op.add_column("client", sa.Column("sector", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("backchannel_logout_uri", sa.Text(), nullable=True))
    op.add_column(
        "client", sa.Column("backchannel_logout_session_required", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("client", sa.Column("default_max_age", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    op.add_column("client", sa.Column("logo_uri", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("client_uri", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("policy_uri", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("tos_uri", sa.Text(), nullable=True))


def _extend_others() -> None:
    op.add_column("resource", sa.Column("claims", sa.Text(), nullable=True))
    op.add_column("refresh_family", sa.Column("subject", sa.Text(), nullable=True))
    op.add_column("refresh_family", sa.Column("for_issuer", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("refresh_family", sa.Column("claims", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("browser", sa.LargeBinary(), nullable=True))
    op.create_index("ix_session_browser", "session", ["browser"], unique=False)


def _create_account_claims() -> None:
    op.create_table(
        "account_claims",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_account_claims_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", name=op.f("pk_account_claims")),
    )


def _create_authorization_code() -> None:
    op.create_table(
        "authorization_code",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("redirect_uri_sent", sa.Boolean(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("resource_sent", sa.Boolean(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("claims", sa.Text(), nullable=True),
        sa.Column("auth_time", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("consumed_at", sa.BigInteger(), nullable=True),
        sa.Column("family_id", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_authorization_code_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_authorization_code")),
    )
    op.create_index("ix_authorization_code_expires_at", "authorization_code", ["expires_at"], unique=False)
    op.create_index("ix_authorization_code_family_id", "authorization_code", ["family_id"], unique=False)
    op.create_index("ix_authorization_code_sub", "authorization_code", ["sub"], unique=False)


def _create_consent() -> None:
    op.create_table(
        "consent",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_consent_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", "client_id", "resource", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_client_id", "consent", ["client_id"], unique=False)


def _create_interaction() -> None:
    op.create_table(
        "interaction",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("approved_sid", sa.Text(), nullable=True),
        sa.Column("approved_scope", sa.Text(), nullable=True),
        sa.Column("denied", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interaction")),
    )
    op.create_index("ix_interaction_expires_at", "interaction", ["expires_at"], unique=False)


def _create_logout_request() -> None:
    op.create_table(
        "logout_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("hinted_sid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logout_request")),
    )
    op.create_index("ix_logout_request_expires_at", "logout_request", ["expires_at"], unique=False)


def _create_pairwise_subject() -> None:
    op.create_table(
        "pairwise_subject",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_pairwise_subject_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_pairwise_subject")),
        sa.UniqueConstraint("sub", "sector", name=op.f("uq_pairwise_subject_sub_sector")),
    )


def _create_pushed_request() -> None:
    op.create_table(
        "pushed_request",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.client_id"], name=op.f("fk_pushed_request_client_id_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pushed_request")),
    )
    op.create_index("ix_pushed_request_client_id", "pushed_request", ["client_id"], unique=False)
    op.create_index("ix_pushed_request_expires_at", "pushed_request", ["expires_at"], unique=False)


def _create_session_client() -> None:
    op.create_table(
        "session_client",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.client_id"], name=op.f("fk_session_client_client_id_client"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sid"], ["session.sid"], name=op.f("fk_session_client_sid_session"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sid", "client_id", name=op.f("pk_session_client")),
    )
    op.create_index("ix_session_client_client_id", "session_client", ["client_id"], unique=False)


def _create_logout_delivery() -> None:
    op.create_table(
        "logout_delivery",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.client_id"], name=op.f("fk_logout_delivery_client_id_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sid", "client_id", name=op.f("pk_logout_delivery")),
    )
    op.create_index("ix_logout_delivery_client_id", "logout_delivery", ["client_id"], unique=False)
    op.create_index("ix_logout_delivery_due_at", "logout_delivery", ["due_at"], unique=False)
