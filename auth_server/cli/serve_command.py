"""`auth-server serve`: the server until a stop signal."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.config_file import load_config
from auth_server.cli.serve import CannotServe, serve
from auth_server.settings import load


def _serve(_given: argparse.Namespace) -> Answer:
    settings = load()
    if settings.config is not None:
        load_config(settings.config)  # a fault in the file is told here in words, before anything is opened
    try:
        serve(settings)
    except CannotServe as error:
        raise refused(str(error), error="cannot_serve") from error
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
