"""Commands over the store: settings read, database found and at the right schema, services built, everything closed at the end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from auth_server.cli.command import Answer, CommandFailed, ExitCode, refused, settings_faults
from auth_server.clients.service import RegistrationRefused
from auth_server.keys.key_file import KeyFileRefused
from auth_server.protocol.errors import ApiError, KeyUnavailable, SchemaTooNew, StoreUnavailable
from auth_server.resources.service import ResourceRefused
from auth_server.roles.service import RoleRefused
from auth_server.services import Services, build_services
from auth_server.settings import PREFIX, Settings, load

Work = Callable[[Services, argparse.Namespace], Awaitable[Answer]]

_SQLITE: Final = "sqlite:///"
_BY_STATUS: Final = {404: ExitCode.NOT_FOUND, 409: ExitCode.EXISTS, 503: ExitCode.UNAVAILABLE}


def over_services(work: Work) -> Callable[[argparse.Namespace], Answer]:
    """Return a command's `run` that gives `work` the services of a database that is ready for them."""

    def run(given: argparse.Namespace) -> Answer:
        return carry_out(load(), lambda services: work(services, given))

    return run


def carry_out(settings: Settings, work: Callable[[Services], Awaitable[Answer]], *, migrated: bool = True) -> Answer:
    """Build the services, let `work` use them, close them; refusals of the domains become failures with an exit code.

    Args:
        migrated: refuse a database that is missing or behind; False for the commands that bring it there.

    Raises:
        CommandFailed: whatever is expected to go wrong.
    """
    try:
        if migrated:
            check_database_file(settings)
        return asyncio.run(_within(settings, work, migrated=migrated))
    except StoreUnavailable as error:
        raise _unavailable(error, settings) from error
    except KeyUnavailable as error:
        raise refused(str(error), error="key_unavailable") from error
    except (RegistrationRefused, ResourceRefused, RoleRefused) as error:
        raise refused(*error.faults) from error
    except ApiError as error:
        code = _BY_STATUS.get(error.status, ExitCode.REFUSED)
        raise CommandFailed(code, error.error, error.description, *error.reasons) from error


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of an SQLite database; None on PostgreSQL."""
    return Path(settings.database_url.removeprefix(_SQLITE)) if settings.is_sqlite else None


def check_database_file(settings: Settings) -> None:
    """Refuse an SQLite database that does not exist, before opening it would make an empty one and a key beside it.

    Raises:
        CommandFailed: with NOT_MIGRATED.
    """
    path = sqlite_file(settings)
    if path is not None and not path.exists():
        raise CommandFailed(
            ExitCode.NOT_MIGRATED,
            "not_migrated",
            f"there is no database at {path}: run auth-server init, or set {PREFIX}DATA_DIR to where it is",
        )


def _unavailable(error: StoreUnavailable, settings: Settings) -> CommandFailed:
    if isinstance(error, SchemaTooNew):
        return CommandFailed(ExitCode.UNAVAILABLE, "unavailable", str(error))
    path = sqlite_file(settings)
    hint = f"is it running, and is {PREFIX}DATABASE_URL right?"
    if path is not None:
        hint = f"is {path} a database of ours, and may this user write to it and to its folder?"
    return CommandFailed(ExitCode.UNAVAILABLE, "unavailable", f"{error}; {hint}")


async def _within(settings: Settings, work: Callable[[Services], Awaitable[Answer]], *, migrated: bool) -> Answer:
    services = _built(settings)
    try:
        if migrated:
            if not services.store.is_at_head():
                raise behind(settings)
            services.store.synchronise_clock()
        return await work(services)
    finally:
        services.close()


def _built(settings: Settings) -> Services:
    try:
        return build_services(settings)
    except KeyFileRefused as error:
        raise settings_faults([str(error)]) from error
    except OSError as error:
        raise settings_faults([f"{error.filename}: {error.strerror}"]) from error
    except ValueError as error:  # a key encryption key, or a database URL; neither sentence holds the value
        raise settings_faults([str(error)]) from error


def behind(settings: Settings) -> CommandFailed:
    """Return the failure of a database that was not migrated, or not far enough."""
    command = "auth-server init" if settings.is_sqlite else "auth-server migrate"
    return CommandFailed(
        ExitCode.NOT_MIGRATED, "not_migrated", f"the database's schema is not the one this version needs: run {command}"
    )
