"""Bring a key from elsewhere: the public half of a former issuer, to verify; or a private key, as the standby.

1. A former issuer's public key verifies until its `not_after`, under the kid its tokens carry. Only for an issuer that truly served our
   `iss`: resource servers look a kid up inside the set of the token's `iss`.
2. A private key comes in as PENDING and waits its N like any other; the standby that it replaces signed nothing, and is withdrawn.
3. What was ever here does not come in again, under its kid or under another one: a burned key least of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from auth_server.audit.events import EventName
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.intents import Intent, carry_out
from auth_server.keys.key_documents import ForeignKey
from auth_server.keys.rollback import HOW_TO_GO_ON, RollbackWatch
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.key_incidents import PublicKey
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared import jwk


class ImportRefused(Exception):
    """The key does not come in. The sentence may be shown."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in: kids in the order of the document, the ring, and the standby that made room."""

    kids: tuple[str, ...]
    ring: str
    replaced: str | None = None


class Importing:
    """Imports keys. Any number of replicas may do it at once on one database."""

    def __init__(self, *, store: Store, custodians: Mapping[str, Custodian], watch: RollbackWatch | None = None) -> None:
        self._store = store
        self._custodians = custodians
        self._watch = watch or RollbackWatch(store)

    async def import_public(
        self, keys: Sequence[ForeignKey], *, note: str, not_after_ms: int, actor: str = "operator"
    ) -> Imported:
        """Publish public keys that verify until `not_after_ms` (milliseconds since the epoch), all of them or none.

        Args:
            note: whose they are, for the audit log and the keys' rows.

        Raises:
            ImportRefused: one holds a private half, was here before, or `not_after_ms` is past.
            StoreUnavailable: the database did not answer.
        """
        if any(key.private_members is not None for key in keys):
            raise ImportRefused("the document holds a private key: give the public half alone")
        view, every = await self._look(keys[0].alg)
        if not_after_ms <= view.now_ms:
            raise ImportRefused("the time until which the key verifies is past")
        _check_unknown(keys, every)
        public = [PublicKey(key.kid, view.ring, key.alg, {**key.public_jwk, "kid": key.kid}, note) for key in keys]

        def add(tx: Transaction) -> bool:
            if not tx.key_incidents.begin_import(view.ring, epoch=view.epoch):
                return False
            if not all(tx.key_incidents.import_public(key, not_after_ms=not_after_ms) for key in public):
                raise ImportRefused("two keys of the document have the same kid")
            return True

        await self._change(view, [key.kid for key in keys], actor, note, add)
        return Imported(tuple(key.kid for key in keys), view.ring)

    async def import_private(self, key: ForeignKey, *, note: str = "", actor: str = "operator") -> Imported:
        """Make a private key the standby of its algorithm's ring.

        Raises:
            ImportRefused: it has no private half, or one that is not its own; it was here before; or no ring is for its algorithm.
            KeyUnavailable: it cannot be sealed here.
            StoreUnavailable: the database did not answer.
        """
        if key.private_members is None:
            raise ImportRefused("the document holds no private key")
        view, every = await self._look(key.alg)
        if view.alg != key.alg or view.active is None:
            raise ImportRefused(f"there is no ring that signs with {key.alg}")
        _check_unknown([key], every)
        custodian = self._custodians.get(LocalCustodian.name)
        if not isinstance(custodian, LocalCustodian):
            raise KeyUnavailable("no private key can be kept here")
        # Who cannot open the active key has the wrong key encryption keys: what he sealed would open nowhere else.
        await asyncio.to_thread(self._custodians[view.active.custodian].load, view.active)
        try:
            made = await asyncio.to_thread(custodian.adopt, view.ring, key.alg, key.private_members)
        except ValueError as error:
            raise ImportRefused(str(error)) from error

        def replace(tx: Transaction) -> bool:
            if not tx.key_incidents.begin_import(view.ring, epoch=view.epoch):
                return False
            if not tx.key_incidents.import_standby(made, note=note or "imported"):
                raise ImportRefused("the key was imported at the same moment")
            return True

        await self._change(view, [made.kid], actor, note, replace)
        if view.pending is not None:
            await asyncio.to_thread(self._custodians[view.pending.custodian].destroy, view.pending)
        return Imported((made.kid,), view.ring, None if view.pending is None else view.pending.kid)

    async def _look(self, alg: str) -> tuple[RingView, list[SigningKey]]:
        sight = await self._watch.look()
        if sight.halted:
            raise ImportRefused(f"{sight.halted}; {HOW_TO_GO_ON} first")
        views, every = sight.rings, await self._store.read(lambda tx: tx.signing_keys.every())
        if not views:
            raise ImportRefused("there are no keys here yet: run auth-server init")
        return next((view for view in views if view.alg == alg), views[0]), every

    async def _change(
        self, view: RingView, kids: Iterable[str], actor: str, note: str, apply: Callable[[Transaction], bool]
    ) -> None:
        intents = [Intent(EventName.KEY_IMPORT_INTENDED, view.ring, kid, view.epoch, actor, note) for kid in kids]
        if not await carry_out(self._store, intents, apply):
            raise ImportRefused("somebody else changed the ring at the same moment; look at it and try again")


def _check_unknown(keys: Iterable[ForeignKey], every: Iterable[SigningKey]) -> None:
    here = {}
    for old in every:
        here[old.kid] = old.state
        # A tombstone from a journal may know no more than its kid.
        if "kty" in old.public_jwk:
            here[jwk.thumbprint(old.public_jwk)] = old.state
    for key in keys:
        state = here.get(key.kid, here.get(key.thumbprint))
        if state is KeyState.COMPROMISED:
            raise ImportRefused(f"{key.kid} was burned, and never returns")
        if state is not None:
            raise ImportRefused(f"{key.kid} is or was here already")
