"""The table of refresh families: one row each."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, false

from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, Sealed, Words

REFRESH_FAMILY: Final = Table(
    "refresh_family",
    METADATA,
    Column("id", Digest, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), nullable=False),
    Column("subject", Text),
    Column("sid", Text),
    Column("scope", Words, nullable=False),
    Column("resource", Text, nullable=False),
    Column("for_issuer", Boolean, nullable=False, server_default=false()),
    Column("claims", Text),
    Column("cnf", Text),
    Column("seq", Number, nullable=False),
    Column("cur_hash", Digest, nullable=False),
    Column("prev_hash", Digest),
    Column("rotated_at", Milliseconds, nullable=False),
    Column("issued_at", Milliseconds, nullable=False),
    Column("cur_seen", Boolean, nullable=False),
    Column("replay_blob", Sealed),
    Column("replay_count", Integer, nullable=False),
    Column("replay_streak", Integer, nullable=False, server_default="0"),
    Column("idle_expires_at", Milliseconds, nullable=False),
    Column("absolute_expires_at", Milliseconds, nullable=False),
    Column("revoked_at", Milliseconds),
    Column("reason", Text),
    Column("auth_time", Number, nullable=False),
    Column("acr", Text, nullable=False),
    Column("amr", Words, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Index("ix_refresh_family_sub", "sub"),
    Index("ix_refresh_family_sid", "sid"),
    Index("ix_refresh_family_client_id", "client_id"),
    Index("ix_refresh_family_absolute_expires_at", "absolute_expires_at"),
)
