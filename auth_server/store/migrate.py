"""Bring a database to the newest schema. Alembic costs a second to import and comes in here alone: import this module late."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from auth_server.protocol.errors import SchemaTooNew, StoreUnavailable
from auth_server.store.engine import Engines

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"

# Any number does, as long as it stays the same: two `migrate` at once must meet on it.
_ADVISORY_LOCK: Final = 7_325_518_066_741_204


def upgrade(engines: Engines) -> None:
    """Run every migration that the database has not seen; on a database at the newest schema, nothing.

    One transaction for all of them, on both databases, so an interrupted upgrade leaves the schema as it was. Two at once: the second
    waits for the first and then finds nothing to do.

    Raises:
        StoreUnavailable: the database cannot be reached, refused a change, or is ahead of this program; nothing was changed.
    """
    try:
        with engines.write.begin() as connection:
            take_turn(connection)
            command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise SchemaTooNew("the database's schema is newer than this program: a later version was here") from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the schema could not be upgraded ({type(error).__name__})") from error


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for one connection: it has no file, and never sees the URL."""
    made = Config()
    # Alembic's options are %-templates.
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def take_turn(connection: Connection) -> None:
    """Wait until nobody else changes the schema, and let nobody until this transaction ends. It may take its time."""
    if connection.dialect.name == "postgresql":
        # A migration may take longer than a request may: the bounds of `engine.py` do not hold here.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
    # SQLite: the transaction opened with BEGIN IMMEDIATE, which is such a lock already.
