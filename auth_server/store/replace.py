"""Put a backup in the place of a database: all of it in one transaction, so that a failure leaves what was there.

Alembic costs a second to import and comes in here: import this module late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, case, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.archive import ArchiveRefused, Header, take_in
from auth_server.store.engine import Engines
from auth_server.store.key_incidents import KeyIncidents
from auth_server.store.migrate import configuration, take_turn
from auth_server.store.revocations import FEED_HEAD
from auth_server.store.schema import now_ms

RESTORED: Final = "the database was restored from a backup"
# Whatever is asked about happened before the restore.
_ALWAYS: Final = 2**62
_HOLDINGS: Final = frozenset({"account", "client", "resource", "signing_key", "audit_event"})
_FEED_GOES_ON: Final = update(FEED_HEAD).values(seq=case((FEED_HEAD.c.seq < now_ms(), now_ms()), else_=FEED_HEAD.c.seq))


def is_empty(engines: Engines) -> bool:
    """Say whether a database holds nothing: no tables, or not one account, client, resource or key.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    try:
        with engines.read.connect() as connection:
            found = MetaData()
            found.reflect(connection)
            held = [table for name, table in found.tables.items() if name in _HOLDINGS]
            return not any(connection.execute(select(func.count()).select_from(table)).scalar() for table in held)
    except SQLAlchemyError as error:
        raise StoreUnavailable("the database did not answer") from error


def replace(engines: Engines, path: Path, header: Header) -> None:
    """Replace everything in a database by a checked backup, brought to this program's schema, with signing halted.

    Numbers of the feed begin above every number that was handed out before: readers would pass over lower ones.

    Raises:
        ArchiveRefused: the backup's schema is newer than this program.
        StoreUnavailable: the database cannot be reached or refused something; nothing was changed.
    """
    try:
        with engines.write.begin() as connection:
            take_turn(connection)
            _drop_everything(connection)
            command.upgrade(configuration(connection), header.schema)
            take_in(connection, path)
            command.upgrade(configuration(connection), "head")
            KeyIncidents(connection).raise_halt(RESTORED, known_since=_ALWAYS)
            connection.execute(_FEED_GOES_ON)
    except CommandError as error:
        raise ArchiveRefused(f"the backup's schema {header.schema} is newer than this program") from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the backup could not be put in ({type(error).__name__}); nothing was changed") from error


def _drop_everything(connection: Connection) -> None:
    found = MetaData()
    found.reflect(connection)
    found.drop_all(connection)
