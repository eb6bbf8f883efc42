"""`auth-server init`: everything a server needs before its first request."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.config_file import apply_config, load_config
from auth_server.cli.opened import carry_out, sqlite_file
from auth_server.cli.presets import Prepared, add_preset_options, asked_resource, prepare, told
from auth_server.keys.key_file import FILE_NAME
from auth_server.protocol.resource import Resource
from auth_server.services import Services
from auth_server.settings import Settings, load
from auth_server.store.signing_keys import RingView

_OF_ANOTHER: Final = (
    "is AUTH_SERVER_ISSUER the address that this database was made with? An issuer with another one needs a data folder "
    "(AUTH_SERVER_DATA_DIR) or a database (AUTH_SERVER_DATABASE_URL) of its own"
)


def _init(given: argparse.Namespace) -> Answer:
    settings, resource = load(), asked_resource(given)
    if settings.config is not None:
        load_config(settings.config, settings.signing_algorithms)  # a fault in the file is told before anything is made
    expected = _files(settings)
    before = {path for path in expected.values() if path.exists()}

    async def work(services: Services) -> Answer:
        return await _initialise(services, {name: (path, path not in before) for name, path in expected.items()}, resource)

    return carry_out(settings, work, migrated=False)


def _files(settings: Settings) -> dict[str, Path]:
    """Return what lies on the disk, by what it is."""
    database = sqlite_file(settings)
    files = {} if database is None else {"database": database}
    if settings.key_encryption_keys is None:
        files["key encryption keys"] = settings.data_dir / FILE_NAME
    return files


async def _initialise(services: Services, files: dict[str, tuple[Path, bool]], resource: Resource | None) -> Answer:
    if migrated := not services.store.is_at_head():
        from auth_server.store.migrate import upgrade  # Alembic takes a second to import

        upgrade(services.store.engines)
    before = {view.ring for view in await _rings(services)}
    services.store.synchronise_clock()
    await services.rings.initialise()
    await services.load_secrets()
    if closed := await services.keyring.closed_keys():
        raise refused(*closed, _OF_ANOTHER, error="keys_do_not_open")
    if migrated:
        await services.store.run(lambda tx: record(tx, EventName.SERVER_INITIALISED, actor="operator"))
    rings = await _rings(services)
    config = services.settings.config
    created = [] if config is None else await apply_config(services, config)
    rows = [(what, str(path), new) for what, (path, new) in files.items()]
    rows.append(("schema", "this version's", migrated))
    rows += [(f"signing keys, ring {view.ring}", f"{len(view.keys)} keys", view.ring not in before) for view in rings]
    rows += [(item.kind, item.name, True) for item in created]
    prepared = None if resource is None else await prepare(services, resource)
    if prepared is not None:
        rows.append(("resource", prepared.resource.identifier, prepared.is_new))
    document: dict[str, object] = {"steps": [{"what": what, "name": name, "created": new} for what, name, new in rows]}
    next_step = "ready: auth-server serve" if prepared is None else told(prepared, services.settings)
    return Answer(document | _preset(prepared), "\n".join(_line(*row) for row in rows) + f"\n\n{next_step}")


def _preset(prepared: Prepared | None) -> dict[str, object]:
    if prepared is None:
        return {}
    return {"settings": {**prepared.issuer_settings, **prepared.server_settings}, "settings_file": str(prepared.file)}


async def _rings(services: Services) -> list[RingView]:
    return await services.store.read(lambda tx: tx.signing_keys.views())


def _line(what: str, name: str, new: bool) -> str:
    return f"{'created' if new else 'was there':9}  {what}: {name}"


COMMANDS: Final = (
    Command(
        "",
        "make data folder, database and keys ready",
        "Make everything ready that a server needs: data folder, database and its schema, key encryption keys (with SQLite), signing "
        "keys, and what AUTH_SERVER_CONFIG declares. What is there already is left alone, so it may be run again. A preset makes ready "
        "for a purpose, and prints the settings that go with it.",
        (
            "AUTH_SERVER_DATA_DIR=/var/lib/sealwright auth-server init",
            'auth-server init --preset mcp --mcp-server http://localhost:8080/mcp --scope "orders:read=Read your orders"',
        ),
        _init,
        add_preset_options,
    ),
)
