"""`auth-server serve`: the server until a stop signal."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.config_file import apply_config, load_config
from auth_server.cli.opened import behind, carry_out
from auth_server.cli.serve import CannotServe, serve
from auth_server.services import Services
from auth_server.settings import load
from auth_server.telemetry.logging import configure


def _serve(_given: argparse.Namespace) -> Answer:
    settings = load()
    if settings.config is not None:
        load_config(settings.config, settings.signing_algorithms)  # told in words before anything is opened
    configure(settings.log_level)
    carry_out(settings, _prepare, migrated=False)
    try:
        serve(settings)
    except CannotServe as error:
        raise refused(str(error), error="cannot_serve") from error
    return Answer({}, "")


async def _prepare(services: Services) -> Answer:
    """Bring the schema up to date, and create what the declarative file declares: before any socket is open, so that a fault ends the
    start with the exit code that every other command has for it.
    """
    settings = services.settings
    if not services.store.is_at_head():
        if not services.store.is_sqlite:
            raise behind(settings)
        from auth_server.store.migrate import upgrade  # Alembic takes a second to import, and is needed once

        upgrade(services.store.engines)
    if settings.config is not None:
        services.store.synchronise_clock()
        await apply_config(services, settings.config)
    return Answer({}, "")


COMMANDS: Final = (
    Command(
        verb="",
        summary="run the server",
        meaning=(
            "Run the server until SIGTERM or Ctrl-C: it says that it is no longer ready, finishes what runs, and ends with 0. On SQLite "
            "it brings the schema up to date by itself; on PostgreSQL run `auth-server migrate` first. AUTH_SERVER_CONFIG names a file "
            "of resources, roles, clients and users that are created where missing. Logs go to standard output, one JSON object a line."
        ),
        examples=("AUTH_SERVER_PORT=9000 AUTH_SERVER_ISSUER=http://localhost:9000 auth-server serve",),
        run=_serve,
    ),
)
