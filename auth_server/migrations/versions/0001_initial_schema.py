"""The first schema: every table, and the two rows that count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In this order, because foreign keys point backwards.
    _create_account()
    _create_attempt()
    _create_audit_event()
    _create_client()
    _create_directory_version()
    _create_feed_entry()
    _create_feed_head()
    _create_key_halt()
    _create_key_ring()
    _create_rate_bucket()
    _create_resource()
    _create_role()
    _create_server_secret()
    _create_signing_key()
    _create_account_role()
    _create_client_secret()
    _create_password_credential()
    _create_refresh_family()
    _create_resource_scope()
    _create_role_permission()
    _create_session()
    # The feed numbers its entries from this row, and every change of clients, resources and roles raises that one.
    op.execute("INSERT INTO feed_head (id, seq) VALUES (1, 0)")
    op.execute("INSERT INTO directory_version (id, version) VALUES (1, 0)")


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sub", name=op.f("pk_account")),
        sa.UniqueConstraint("username_key", name=op.f("uq_account_username_key")),
    )
    op.create_index(
        "uq_account_verified_email",
        "account",
        ["email_key"],
        unique=True,
        sqlite_where=sa.text("email_verified IS 1"),
        postgresql_where=sa.text("email_verified IS true"),
    )


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("admissions", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.LargeBinary(), nullable=False),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_last_at", "attempt", ["last_at"], unique=False)


def _create_audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_at", "audit_event", ["at"], unique=False)
    op.create_index(
        "ix_audit_event_key",
        "audit_event",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("name LIKE 'key.%'"),
        postgresql_where=sa.text("name LIKE 'key.%'"),
    )
    op.create_index("ix_audit_event_sub", "audit_event", ["sub"], unique=False)


def _create_client() -> None:
    op.create_table(
        "client",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=False),
        sa.Column("grants", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("default_resource", sa.Text(), nullable=True),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False),
        sa.Column("rotates_refresh_tokens", sa.Boolean(), nullable=True),
        sa.Column("signing_alg", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
    )


def _create_directory_version() -> None:
    op.create_table(
        "directory_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_version")),
    )


def _create_feed_entry() -> None:
    op.create_table(
        "feed_entry",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("until", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_feed_entry")),
    )
    op.create_index("ix_feed_entry_until", "feed_entry", ["until"], unique=False)


def _create_feed_head() -> None:
    op.create_table(
        "feed_head",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_head")),
    )


def _create_key_halt() -> None:
    op.create_table(
        "key_halt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("halted_at", sa.BigInteger(), nullable=True),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("signs_from", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_halt")),
    )


def _create_key_ring() -> None:
    op.create_table(
        "key_ring",
        sa.Column("ring", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("active_kid", sa.Text(), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ring", name=op.f("pk_key_ring")),
    )


def _create_rate_bucket() -> None:
    op.create_table(
        "rate_bucket",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("empty_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_bucket")),
    )
    op.create_index("ix_rate_bucket_empty_at", "rate_bucket", ["empty_at"], unique=False)


def _create_resource() -> None:
    op.create_table(
        "resource",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("access_token_lifetime", sa.Integer(), nullable=True),
        sa.Column("signing_alg", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name=op.f("pk_resource")),
    )


def _create_role() -> None:
    op.create_table(
        "role",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_role")),
    )


def _create_server_secret() -> None:
    op.create_table(
        "server_secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kek_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "id", name=op.f("pk_server_secret")),
    )


def _create_signing_key() -> None:
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("ring", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("custodian", sa.Text(), nullable=False),
        sa.Column("private_ref", sa.LargeBinary(), nullable=True),
        sa.Column("kek_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.Column("tombstoned_at", sa.BigInteger(), nullable=True),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'retiring') OR private_ref IS NULL",
            name=op.f("ck_signing_key_dead_has_no_private_half"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('pending', 'active') OR private_ref IS NOT NULL", name=op.f("ck_signing_key_signs_with_private_half")
        ),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
    )
    op.create_index(
        "one_active",
        "signing_key",
        ["ring"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "one_pending",
        "signing_key",
        ["ring"],
        unique=True,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _create_account_role() -> None:
    op.create_table(
        "account_role",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role"], ["role.name"], name=op.f("fk_account_role_role_role"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_account_role_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", "role", name=op.f("pk_account_role")),
    )
    op.create_index("ix_account_role_role", "account_role", ["role"], unique=False)


def _create_client_secret() -> None:
    op.create_table(
        "client_secret",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.client_id"], name=op.f("fk_client_secret_client_id_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_client_secret")),
    )
    op.create_index("ix_client_secret_client_id", "client_secret", ["client_id"], unique=False)


def _create_password_credential() -> None:
    op.create_table(
        "password_credential",
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_password_credential_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", name=op.f("pk_password_credential")),
    )


def _create_refresh_family() -> None:
    op.create_table(
        "refresh_family",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("cnf", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cur_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=True),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("cur_seen", sa.Boolean(), nullable=False),
        sa.Column("replay_blob", sa.LargeBinary(), nullable=True),
        sa.Column("replay_count", sa.Integer(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("auth_time", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_refresh_family_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_family")),
    )
    op.create_index("ix_refresh_family_absolute_expires_at", "refresh_family", ["absolute_expires_at"], unique=False)
    op.create_index("ix_refresh_family_client_id", "refresh_family", ["client_id"], unique=False)
    op.create_index("ix_refresh_family_sid", "refresh_family", ["sid"], unique=False)
    op.create_index("ix_refresh_family_sub", "refresh_family", ["sub"], unique=False)


def _create_resource_scope() -> None:
    op.create_table(
        "resource_scope",
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("requires_permission", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["resource"], ["resource.identifier"], name=op.f("fk_resource_scope_resource_resource"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource", "name", name=op.f("pk_resource_scope")),
    )


def _create_role_permission() -> None:
    op.create_table(
        "role_permission",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role"], ["role.name"], name=op.f("fk_role_permission_role_role"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("role", "permission", name=op.f("pk_role_permission")),
    )


def _create_session() -> None:
    op.create_table(
        "session",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("auth_time", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["account.sub"], name=op.f("fk_session_sub_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_session")),
    )
    op.create_index("ix_session_absolute_expires_at", "session", ["absolute_expires_at"], unique=False)
    op.create_index("ix_session_ended_at", "session", ["ended_at"], unique=False)
    op.create_index("ix_session_sub", "session", ["sub"], unique=False)
