"""One database for many runs: its tables are put back to how they were before each, which costs far less than another database."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select

from auth_server.store.schema import METADATA
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.databases import Database, PostgresCluster, SqliteTemplate

# All that is written where keys are changed; everything else is left alone.
_TABLES: Final = tuple(
    METADATA.tables[name]
    for name in ("signing_key", "key_ring", "key_halt", "server_secret", "audit_event", "feed_entry", "feed_head")
)

Contents = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass
class KeyDatabase:
    """A database, its store, and a folder for what lies beside it.

    Attributes:
        changes: grows with every change; whoever has read at the same number need not read again.
    """

    database: Database
    folder: Path

    def __post_init__(self) -> None:
        self.clock = self.database.clock
        self.store: Store = self.database.store()
        self.changes = 0
        self._empty = self.contents()

    @property
    def journal(self) -> Path:
        """Where the journal of published key sets is kept: beside the database, as in a data folder."""
        return self.folder / "published-keys.journal"

    def touched(self) -> None:
        """Note that something may have changed."""
        self.changes += 1

    def begin(self) -> None:
        """Make everything as it was in the beginning."""
        self.journal.unlink(missing_ok=True)
        self.clock.restart()
        self.put_back(self._empty)

    def contents(self) -> Contents:
        """Back up."""
        with self.store.engines.read.connect() as connection:
            return {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in _TABLES}

    def put_back(self, contents: Contents) -> None:
        """Restore."""
        with self.store.engines.write.begin() as connection:
            for table in reversed(_TABLES):
                connection.execute(table.delete())
            for table in _TABLES:
                if contents[table.name]:
                    connection.execute(insert(table), list(contents[table.name]))
        self.touched()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    # In memory where there is such a place: what is flushed to the disk thousands of times need not be there tomorrow.
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="key-machine-", dir=memory if memory.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def on_sqlite(template: SqliteTemplate) -> Iterator[KeyDatabase]:
    """Yield a database on SQLite."""
    with _folder() as folder:
        database = template.create(folder / "database", FakeClock())
        yield KeyDatabase(database, folder)
        database.close()


@contextlib.contextmanager
def on_postgres(cluster: PostgresCluster) -> Iterator[KeyDatabase]:
    """Yield a database on PostgreSQL."""
    with _folder() as folder:
        for database in cluster.database(FakeClock()):
            yield KeyDatabase(database, folder)
