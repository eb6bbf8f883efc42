"""`auth-server migrate`: the database's schema."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode
from auth_server.cli.opened import carry_out, check_database_file
from auth_server.services import Services
from auth_server.settings import load
from auth_server.store.schema import HEAD


def _migrate(given: argparse.Namespace) -> Answer:
    settings = load()
    if given.check:
        check_database_file(settings)
        return carry_out(settings, _check, migrated=False)
    return carry_out(settings, _upgrade, migrated=False)


async def _check(services: Services) -> Answer:
    version = services.store.schema_version()
    if version != HEAD:
        at = "is empty" if version is None else f"is at {version}"
        raise CommandFailed(ExitCode.NOT_MIGRATED, "not_migrated", f"the database {at}, and this version needs {HEAD}")
    return Answer({"schema": version, "head": HEAD, "changed": False}, f"the database is at {HEAD}, as this version needs")


async def _upgrade(services: Services) -> Answer:
    before = services.store.schema_version()
    if before == HEAD:
        return Answer({"schema": HEAD, "before": before, "changed": False}, f"the database is at {HEAD} already")
    from auth_server.store.migrate import upgrade  # Alembic takes a second to import

    upgrade(services.store.engines)
    return Answer(
        {"schema": HEAD, "before": before, "changed": True}, f"the database was {before or 'empty'} and is at {HEAD} now"
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 6 when the schema is not this version's")


COMMANDS: Final = (
    Command(
        "",
        "bring the database to this version's schema",
        "Bring the database to this version's schema, in one transaction. A database that is there already is left alone; two at once "
        "take turns. On PostgreSQL this is a step before the servers of a new version start; on SQLite `serve` does it by itself.",
        ("auth-server migrate --check || auth-server migrate",),
        _migrate,
        _arguments,
    ),
)
