"""`auth-server backup ...`: the database in one file, and back again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import IO, Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.inputs import add_yes, confirm
from auth_server.cli.opened import carry_out, over_services
from auth_server.cli.plain_text import fields, timestamp, when
from auth_server.services import Services
from auth_server.settings import load
from auth_server.store import archive
from auth_server.store.archive import ArchiveRefused, Header
from auth_server.store.transaction import Transaction

_MODE: Final = 0o600


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    count, size = _written(services, Path(given.output))
    hours = services.settings.key_policy.retire_after / 3600
    notes = (
        "the key encryption keys are not in it: keep them elsewhere, and with them the two journals in AUTH_SERVER_DATA_DIR",
        f"restore it within {hours:.0f} hours if you can: until then the key that signs in it is still published",
    )
    return Answer({"output": given.output, "rows": count, "bytes": size}, f"{count} rows, {size} bytes: {given.output}", notes)


def _written(services: Services, path: Path) -> tuple[int, int]:
    """Write the backup under another name, and give it its own when it is whole; return rows and bytes."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with _new_file(path, draft) as file:
            now_ms = services.store.clock.now_ms()
            count = archive.write(services.store.engines.read, file, issuer=services.settings.issuer, now_ms=now_ms)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        return count, path.stat().st_size
    except OSError as error:
        raise refused(f"{path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _show(given: argparse.Namespace) -> Answer:
    header, rows = _checked(Path(given.file))
    document = {"issuer": header.issuer, "created_at": timestamp(header.created_at), "schema": header.schema, "rows": rows}
    told = [("issuer", header.issuer), ("created", str(timestamp(header.created_at))), ("schema", header.schema)]
    return Answer(
        document | {"database": header.database},
        fields([*told, ("from", header.database), ("rows", str(rows)), ("digest", "fits: it is whole and unchanged")]),
    )


def _restore(given: argparse.Namespace) -> Answer:
    header, rows = _checked(Path(given.file))
    settings = load()
    if header.issuer != settings.issuer:
        raise refused(f"the backup is of {header.issuer}, and AUTH_SERVER_ISSUER is {settings.issuer}: nothing was changed")
    return carry_out(settings, lambda services: _put_in(services, given, header, rows), migrated=False)


async def _put_in(services: Services, given: argparse.Namespace, header: Header, rows: int) -> Answer:
    from auth_server.store.replace import is_empty, replace  # Alembic takes a second to import

    engines = services.store.engines
    if not is_empty(engines):
        confirm(given, "replacing everything in the database", "replace")
    try:
        replace(engines, Path(given.file), header)
    except ArchiveRefused as refusal:
        raise refused(str(refusal), error="backup_refused") from refusal
    services.store.synchronise_clock()

    def note(tx: Transaction) -> None:
        tx.change_directory()
        record(tx, EventName.DATABASE_RESTORED, actor="operator", detail={"backup_at": header.created_at, "rows": rows})

    await services.store.run(note)
    age = when(header.created_at, services.store.clock.now_ms())
    notes = ("nothing is signed until `auth-server restore finish` was run, where AUTH_SERVER_DATA_DIR has the journals",)
    return Answer(
        {"rows": rows, "created_at": timestamp(header.created_at)}, f"{rows} rows as of {age} are in the database", notes
    )


def _checked(path: Path) -> tuple[Header, int]:
    try:
        return archive.check(path)
    except ArchiveRefused as refusal:
        raise refused(f"{path}: {refusal}", error="backup_refused") from refusal


def _new_file(path: Path, draft: Path) -> IO[bytes]:
    if path.exists():
        raise refused(f"{path} exists already; nothing was written")
    return open(draft, "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, _MODE))


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, metavar="FILE", help="a new file; its owner alone may read it")


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `backup create` wrote")


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    add_yes(parser)


COMMANDS: Final = (
    Command(
        "create",
        "write the database to a file, while the server runs",
        "Write everything in the database to one file, as of one moment, while servers go on. Either kind of database takes it in, so it "
        "also moves an issuer from SQLite to PostgreSQL. What is sealed stays sealed: without the key encryption keys nobody signs "
        "with it. It holds password digests and mail addresses, so keep it like the database itself.",
        ("auth-server backup create --output sealwright-2027-01-15.backup",),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "show",
        "check a backup, and say what is in it",
        "Read a whole backup, compare its digest, and say of which issuer and when it was made. Nothing is changed.",
        ("auth-server backup show sealwright-2027-01-15.backup",),
        _show,
        _file,
    ),
    Command(
        "restore",
        "put a backup in the place of the database",
        "Replace everything in the database by a backup, in one transaction, and let nobody sign until `auth-server restore finish` was "
        "run. Stop the servers first. A database that holds something is replaced only by somebody at a terminal who types the word, "
        "or with --yes.",
        (
            "auth-server backup restore sealwright-2027-01-15.backup --yes",
            "AUTH_SERVER_DATABASE_URL=postgresql://... auth-server backup restore sealwright-2027-01-15.backup",
        ),
        _restore,
        _restore_arguments,
    ),
)
