"""Put the tables that tell of keys back to what they were, as a restore of the whole database would."""

from __future__ import annotations

from typing import Final

from tests.support.databases import Database

_TABLES: Final = ("signing_key", "key_ring", "key_halt", "audit_event", "feed_entry", "feed_head")


def back_up(database: Database) -> None:
    """Remember the tables."""
    for table in _TABLES:
        database.execute(f"CREATE TABLE backup_of_{table} AS SELECT * FROM {table}")


def restore(database: Database) -> None:
    """Put the tables back as they were remembered."""
    for table in _TABLES:
        database.execute(f"DELETE FROM {table}")
        database.execute(f"INSERT INTO {table} SELECT * FROM backup_of_{table}")
