"""Put everything that lies under an old key encryption key under the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.sealing import KeyEncryptionKeys, SealedValue, row_context
from auth_server.keys.server_secrets import secret_context
from auth_server.store.server_secrets import SealedSecret
from auth_server.store.signals import Stream
from auth_server.store.signing_keys import SigningKey
from auth_server.store.store import Store


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many signing keys and server secrets were moved; the headers of signal streams count among the latter."""

    signing_keys: int
    server_secrets: int


class Rewrap:
    """Re-wraps data keys alone: what they seal is not touched. May be interrupted and run again, and by several at once.

    Only when every replica has the first key in its list; one that has not would find nothing it can open.
    """

    def __init__(self, *, store: Store, key_encryption_keys: KeyEncryptionKeys, custodians: Mapping[str, Custodian]) -> None:
        self._store = store
        self._keks = key_encryption_keys
        self._custodians = custodians

    async def run(self) -> Rewrapped:
        """Move what is not under the first key yet.

        Raises:
            CannotUnseal: something lies under a key that is not in the list; what was moved before that stays moved.
            StoreUnavailable: the database did not answer.
        """
        keys = await self._store.read(lambda tx: tx.signing_keys.every())
        secrets = await self._store.read(lambda tx: tx.server_secrets.every())
        moved_keys = [await self._move_key(key) for key in keys if self._is_old(key.kek_id)]
        moved_secrets = [await self._move_secret(secret) for secret in secrets if self._is_old(secret.kek_id)]
        streams = await self._store.read(lambda tx: tx.signals.sealed())
        moved_secrets += [await self._move_header(stream) for stream in streams if self._is_old(stream.kek_id)]
        moved = Rewrapped(sum(moved_keys), sum(moved_secrets))
        if moved.signing_keys or moved.server_secrets:
            detail: dict[str, str | int | bool] = {"signing_keys": moved.signing_keys, "server_secrets": moved.server_secrets}
            await self._store.run(lambda tx: record(tx, EventName.SEALS_REWRAPPED, actor="operator", detail=detail))
        return moved

    def _is_old(self, kek_id: str | None) -> bool:
        return kek_id is not None and kek_id != self._keks.sealing_id

    async def _move_key(self, key: SigningKey) -> bool:
        custodian = self._custodians.get(key.custodian)
        if not isinstance(custodian, LocalCustodian) or key.kek_id is None:
            return False  # another custodian's reference is no sealed key
        old, sealed = key.kek_id, custodian.rewrap(key)
        return await self._store.run(
            lambda tx: tx.signing_keys.rewrap(key.kid, sealed=sealed.blob, old_kek_id=old, new_kek_id=sealed.kek_id)
        )

    async def _move_secret(self, secret: SealedSecret) -> bool:
        sealed = self._keks.rewrap(SealedValue(secret.sealed, secret.kek_id), secret_context(secret.name, secret.id))
        moved = replace(secret, sealed=sealed.blob, kek_id=sealed.kek_id)
        return await self._store.run(lambda tx: tx.server_secrets.rewrap(moved, old_kek_id=secret.kek_id))

    async def _move_header(self, stream: Stream) -> bool:
        if stream.sealed is None or stream.kek_id is None:
            return False
        old, context = stream.kek_id, row_context(table="signal_stream", column="sealed", row=stream.id)
        new = self._keks.rewrap(SealedValue(stream.sealed, old), context)
        return await self._store.run(
            lambda tx: tx.signals.rewrap(stream.id, sealed=new.blob, old_kek_id=old, new_kek_id=new.kek_id)
        )
