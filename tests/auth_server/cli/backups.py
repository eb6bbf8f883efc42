"""A backup of an operator's server, and what a server holds and can do."""

from __future__ import annotations

from sqlalchemy import select

from auth_server.protocol.errors import KeyUnavailable
from auth_server.services import Services
from auth_server.store.schema import METADATA
from tests.auth_server.cli.conftest import Operator


async def rows_of(services: Services) -> dict[str, list[tuple[object, ...]]]:
    """Return the whole database, by table."""
    with services.store.engines.read.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in METADATA.tables.items()
        }


async def signs(services: Services) -> bool:
    """Say whether the server signs."""
    try:
        await services.keyring.sign({"sub": "alice"}, "at+jwt")
    except KeyUnavailable:
        return False
    return True


def backed_up(operator: Operator, name: str = "one.backup") -> str:
    """Make a backup; return where it is."""
    return str(operator.done("backup", "create", "--output", str(operator.folder / name))["output"])
