"""Draft the next migration: `python -m auth_server.migrations "add the device codes"`.

Migrates an empty SQLite file to the newest schema, compares it with the tables in `store/`, and writes the difference to `versions/`.
A draft: read it, and let it move the rows too where a change needs that.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from auth_server.store.engine import open_engines
from auth_server.store.migrate import configuration, upgrade


def draft(message: str) -> None:
    """Write the next file in `versions/`."""
    with tempfile.TemporaryDirectory() as folder:
        engines = open_engines(f"sqlite:///{Path(folder) / 'empty.sqlite3'}")
        upgrade(engines)
        with engines.write.begin() as connection:
            config = configuration(connection)
            number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        engines.dispose()


if __name__ == "__main__":
    draft(sys.argv[1])
