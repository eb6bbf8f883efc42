"""Brings the rings of signing keys through their life, and this process's view of them up to date."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from auth_server.jobs.contract import Job
from auth_server.keys.keyring import Keyring
from auth_server.keys.rings import Rings
from shared.key_policy import KeyPolicy

_LOG: Final = logging.getLogger(__name__)
_INTERVAL: Final = 10.0
_SPREAD: Final = 0.3
# Readings of the ring for each signing lease: a few may fail before the lease is over.
_PER_LEASE: Final = 6


class RotateKeys(Job):
    """Every 10 ± 3 seconds, more often where the signing lease is short."""

    name: ClassVar[str] = "rotate_keys"

    def __init__(self, *, rings: Rings, keyring: Keyring, timings: KeyPolicy) -> None:
        self.interval = min(_INTERVAL, timings.sign_lease / _PER_LEASE)
        self.spread = self.interval * _SPREAD
        self._rings = rings
        self._keyring = keyring
        # What the start told already.
        self._warned = keyring.warnings()

    async def run(self) -> None:
        try:
            await self._rings.tick()
        finally:
            # Whatever became of the rotation: without a young view this process stops signing.
            await self._keyring.refresh()
            self._warn()

    def _warn(self) -> None:
        warnings = self._keyring.warnings()
        for warning in warnings:
            if warning not in self._warned:
                _LOG.warning("%s", warning)
        self._warned = warnings
