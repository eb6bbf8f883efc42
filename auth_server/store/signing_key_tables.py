"""The tables of signing keys and of their rings."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text

from auth_server.store.schema import METADATA, Milliseconds, Sealed

SIGNING_KEY: Final = Table(
    "signing_key",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("ring", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("custodian", Text, nullable=False),
    Column("private_ref", Sealed),
    Column("kek_id", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("published_at", Milliseconds, nullable=False),
    Column("activated_at", Milliseconds),
    Column("retired_at", Milliseconds),
    Column("erased_at", Milliseconds),
    Column("tombstoned_at", Milliseconds),
    Column("not_after", Milliseconds),
    Column("reason", Text),
    Index("one_active", "ring", unique=True, sqlite_where=text("state = 'active'"), postgresql_where=text("state = 'active'")),
    Index("one_pending", "ring", unique=True, sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")),
    # The database itself refuses a signing key without its private half, and a dead key that still has one.
    CheckConstraint("state NOT IN ('pending', 'active') OR private_ref IS NOT NULL", name="signs_with_private_half"),
    CheckConstraint("state IN ('pending', 'active', 'retiring') OR private_ref IS NULL", name="dead_has_no_private_half"),
)

KEY_RING: Final = Table(
    "key_ring",
    METADATA,
    Column("ring", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("epoch", Milliseconds, nullable=False),
    # None until the ring's first key has been published for long enough, and again when the ring was closed.
    Column("active_kid", Text),
    Column("wanted_at", Milliseconds, nullable=False),
)
