"""Signing keys and their rings. Every change is a compare-and-set on the ring's epoch; every guard is in SQL, on database time.

`key_ring` holds one row for each ring, and each change of what the ring publishes or signs with raises its epoch in the same commit.
So any number of replicas may decide the same thing at the same moment: the first commit wins, and the others hit no row.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row

from auth_server.store import signing_key_statements as statements
from auth_server.store.signing_key_tables import KEY_RING, SIGNING_KEY
from auth_server.store.signing_key_values import KeyState, NewKey, RingView, SigningKey

__all__ = ["KEY_RING", "SIGNING_KEY", "KeyState", "NewKey", "RingView", "SigningKey", "SigningKeys"]


class SigningKeys:
    """Signing keys within one transaction. A change answers False, or nothing, when another process came first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views(self) -> list[RingView]:
        """Return every ring, each with its keys, as of one instant."""
        rings: dict[str, RingView] = {}
        keys: dict[str, list[SigningKey]] = {}
        for row in self._connection.execute(statements.VIEWS):
            rings.setdefault(row.ring, RingView(row.ring, row.ring_alg, row.epoch, row.active_kid, (), row.now, row.wanted_at))
            if row.kid is not None:
                keys.setdefault(row.ring, []).append(_key(row))
        return [replace(view, keys=tuple(keys.get(name, ()))) for name, view in rings.items()]

    def view(self, ring: str) -> RingView | None:
        """Return one ring; None before its first key."""
        return next((view for view in self.views() if view.ring == ring), None)

    def find(self, kid: str) -> SigningKey | None:
        """Return a key in whatever state it is."""
        row = self._connection.execute(statements.FIND, {"kid": kid}).first()
        return None if row is None else _key(row)

    def every(self) -> list[SigningKey]:
        """Return every key there ever was, oldest first."""
        return [_key(row) for row in self._connection.execute(statements.EVERY)]

    def start_ring(self, first: NewKey) -> bool:
        """Make a ring; False when it is there.

        The first key of a new issuer signs at once: nobody holds an older set that it could be missing from. The first key of any
        ring beside that one is published, and waits for its promotion like every other.
        """
        made = self._connection.execute(statements.CREATE_RING, {"ring": first.ring, "alg": first.alg, "kid": first.kid}).first()
        if made is None:
            return False
        # By way of PENDING like every key, so that one statement alone makes a key ACTIVE.
        self._insert(first, KeyState.PENDING)
        if made.active_kid is not None:
            self._connection.execute(statements.ACTIVATED, {"key": first.kid})
        return True

    def want(self, ring: str) -> None:
        """Note that a replica is configured for a ring, so that nobody closes it."""
        self._connection.execute(statements.WANT, {"in_ring": ring})

    def add_standby(self, key: NewKey, *, epoch: int) -> bool:
        """Publish a standby, if the ring is still at `epoch` and has none."""
        if not self._changed(statements.PUBLISH, in_ring=key.ring, seen_epoch=epoch):
            return False
        return self._insert(key, KeyState.PENDING)

    def promote(self, new: str, *, old: str | None, ring: str, epoch: int, publish_ahead_ms: int) -> bool:
        """Let the standby sign and the active key retire, if the ring is still at `epoch` and the standby is older than N.

        Args:
            old: the kid that signs now; None in a ring that does not sign yet.
            publish_ahead_ms: N in milliseconds; far below zero in an emergency, when any age will do.
        """
        promoted = self._changed(
            statements.PROMOTE, in_ring=ring, seen_epoch=epoch, old=old, new=new, publish_ahead=publish_ahead_ms
        )
        if promoted:
            self._connection.execute(statements.STEP_DOWN, {"key": old})
            self._connection.execute(statements.ACTIVATED, {"key": new})
        return promoted

    def erase_private(self, ring: str, *, sign_lease_ms: int) -> list[str]:
        """Erase the private halves that no replica can hold a signing lease on any more; return their kids."""
        return list(self._connection.execute(statements.ERASE, {"in_ring": ring, "sign_lease": sign_lease_ms}).scalars())

    def retire(self, ring: str, *, epoch: int, retire_after_ms: int) -> list[str]:
        """Withdraw the keys whose last token has expired, if the ring is still at `epoch`; return their kids."""
        if not self._changed(statements.WITHDRAW, in_ring=ring, seen_epoch=epoch, retire_after=retire_after_ms):
            return []
        return list(self._connection.execute(statements.RETIRE, {"in_ring": ring, "retire_after": retire_after_ms}).scalars())

    def close_ring(self, ring: str, *, epoch: int, unwanted_for_ms: int) -> list[str]:
        """Let a ring sign no longer that no replica has wanted for that long; return the kids that changed.

        The active key retires like any other. The standby signed nothing, so it is withdrawn at once.
        """
        if not self._changed(statements.CLOSE, in_ring=ring, seen_epoch=epoch, unwanted_for=unwanted_for_ms):
            return []
        stepped_down = self._connection.execute(statements.STEP_DOWN_OF_RING, {"in_ring": ring}).scalars()
        return [*stepped_down, *self._connection.execute(statements.DROP_STANDBY, {"in_ring": ring}).scalars()]

    def rewrap(self, kid: str, *, sealed: bytes, old_kek_id: str, new_kek_id: str) -> bool:
        """Replace the sealed private half, if it is still under `old_kek_id`."""
        return self._changed(statements.REWRAP, key=kid, sealed=sealed, old_kek=old_kek_id, new_kek=new_kek_id)

    def _changed(self, statement: Any, **values: object) -> bool:
        return bool(self._connection.execute(statement, values).rowcount == 1)

    def _insert(self, key: NewKey, state: KeyState) -> bool:
        row = {
            "kid": key.kid,
            "ring": key.ring,
            "state": state.value,
            "alg": key.alg,
            "public_jwk": json.dumps(dict(key.public_jwk), separators=(",", ":"), sort_keys=True),
            "custodian": key.custodian,
            "private_ref": key.private_ref,
            "kek_id": key.kek_id,
        }
        return self._connection.execute(statements.INSERT, row).first() is not None


def _key(row: Row[Any]) -> SigningKey:
    return SigningKey(
        kid=row.kid,
        ring=row.ring,
        state=KeyState(row.state),
        alg=row.alg,
        public_jwk=MappingProxyType(json.loads(row.public_jwk)),
        custodian=row.custodian,
        private_ref=None if row.private_ref is None else bytes(row.private_ref),
        kek_id=row.kek_id,
        created_at=row.created_at,
        published_at=row.published_at,
        activated_at=row.activated_at,
        retired_at=row.retired_at,
        erased_at=row.erased_at,
        tombstoned_at=row.tombstoned_at,
        not_after=row.not_after,
        reason=row.reason,
    )
