"""Re-wraps what lies under an old key encryption key, as a process that can be killed: settings come from the environment."""

from __future__ import annotations

import asyncio

from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.settings import load
from auth_server.store.engine import open_engines, parse_database_url
from auth_server.store.store import Store


async def _rewrap() -> None:
    settings = load()
    keys = KeyEncryptionKeys.from_texts(settings.key_encryption_keys)
    store = Store(open_engines(parse_database_url(settings.database_url)))
    custodian = LocalCustodian(issuer=settings.issuer, key_encryption_keys=keys)
    print("begins", flush=True)
    await Rewrap(store=store, key_encryption_keys=keys, custodians={custodian.name: custodian}).run()
    store.close()


if __name__ == "__main__":
    asyncio.run(_rewrap())
