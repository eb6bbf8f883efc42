"""Deletes clients that registered themselves and that nobody uses."""

from __future__ import annotations

from typing import ClassVar, Final

from auth_server.clients.registrations import SLICE, Registrations
from auth_server.jobs.contract import Job

# A backlog is worked off over several runs rather than in one.
_SLICES_PER_RUN: Final = 10


class CollectClients(Job):
    """Every hour."""

    name: ClassVar[str] = "collect_clients"
    interval: float = 3600.0
    spread: float = 600.0

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations

    async def run(self) -> None:
        for _ in range(_SLICES_PER_RUN):
            if await self._registrations.collect() < SLICE:
                return
