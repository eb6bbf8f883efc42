"""A new schema straight from the tables, for databases that live as long as a test: the migrations take a second to import.

Production never comes here. The tests of the migrations hold both ways to the same schema.
"""

from __future__ import annotations

from sqlalchemy import text

import auth_server.store.transaction  # noqa: F401 - every aggregate, so that METADATA is complete
from auth_server.store.engine import Engines
from auth_server.store.schema import HEAD, METADATA


def build_schema(engines: Engines) -> None:
    """Make every table and seed row in an empty database."""
    with engines.write.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(text("INSERT INTO feed_head (id, seq) VALUES (1, 0)"))
        connection.execute(text("INSERT INTO directory_version (id, version) VALUES (1, 0)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})
