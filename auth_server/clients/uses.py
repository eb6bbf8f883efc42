"""When clients that registered themselves were last used, so that those nobody uses can be collected."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from auth_server.protocol.client import Client
from auth_server.store.store import Store

# Days are what matters in the end; an hour keeps it to one write where there may be thousands of requests.
_SECONDS: Final = 3600.0
_REMEMBERED: Final = 10_000


class ClientUses:
    """Notes uses. An operator's client costs a comparison."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._noted: dict[str, float] = {}

    async def note(self, client: Client) -> None:
        """Note that a client was used.

        Raises:
            StoreUnavailable: it could not be noted; a client in use must not be collected for that.
        """
        if not client.is_dynamic:
            return
        now = self._monotonic()
        if now - self._noted.get(client.client_id, float("-inf")) < _SECONDS:
            return
        await self._store.run(lambda tx: tx.client_registrations.touch(client.client_id))
        if len(self._noted) >= _REMEMBERED:
            del self._noted[next(iter(self._noted))]
        self._noted[client.client_id] = now
