"""What Alembic runs for each command. The connection comes from `store/migrate.py`; there is no ini file and no URL here."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

import auth_server.store.transaction  # noqa: F401 - every aggregate, so that METADATA is complete
from auth_server.store.schema import METADATA, Words


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    # A migration says what the database holds, and goes on saying it when our own types have changed.
    return "sa.Text()" if kind == "type" and isinstance(item, Words) else False


connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=METADATA,
    # SQLite cannot alter most of a table in place: a change makes a new one and moves the rows.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_server_default=True,
    render_item=_render,
)

with context.begin_transaction():
    context.run_migrations()
