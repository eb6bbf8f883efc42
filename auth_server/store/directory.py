"""The version of the directory: clients, resources and roles, which processes remember between requests.

Every unit of work that changes one of them raises the version in the same commit; every process asks for it a few times a second and
forgets what it remembers when it moved.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Table, select, update

from auth_server.store.schema import METADATA, Number

DIRECTORY_VERSION: Final = Table(
    "directory_version",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("version", Number, nullable=False),
)

_READ: Final = select(DIRECTORY_VERSION.c.version)
_BUMP: Final = update(DIRECTORY_VERSION).values(version=DIRECTORY_VERSION.c.version + 1)


class Directory:
    """The directory's version within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        """Return the version."""
        return int(self._connection.execute(_READ).scalar_one())

    def bump(self) -> None:
        """Raise the version by one."""
        self._connection.execute(_BUMP)
