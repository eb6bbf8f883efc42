"""Signing keys when something went wrong: burned, restored from a backup, or brought from another issuer.

Like every change of a ring, each is a compare-and-set on its epoch. A halt is one row for the whole issuer: while it stands, no
replica signs and no key changes but by being burned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, Text, and_, bindparam, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_server.store.schema import METADATA, Milliseconds, Number, now_ms
from auth_server.store.signing_key_values import KeyState, NewKey
from auth_server.store.signing_keys import KEY_RING, SIGNING_KEY

KEY_HALT: Final = Table(
    "key_halt",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=False),
    # Why nobody may sign; None when all may.
    Column("reason", Text),
    Column("halted_at", Milliseconds),
    # When `restore finish` last ran, and from when on the keys that it left may sign.
    Column("restored_at", Milliseconds),
    Column("signs_from", Milliseconds),
)

# The note of a key that is known from what was published alone.
LOST: Final = "published before the restore; its private half is lost"

_KEY: Final = SIGNING_KEY.c
_RING: Final = KEY_RING.c
_HALT: Final = KEY_HALT.c
_DEAD: Final = KeyState.COMPROMISED.value

_LATEST: Final = select(func.max(KEY_RING.alias("every").c.epoch)).scalar_subquery()
_NEXT: Final = case((now_ms() <= _LATEST, _LATEST + 1), else_=now_ms())
_THIS_EPOCH: Final = and_(_RING.ring == bindparam("in_ring"), _RING.epoch == bindparam("seen_epoch"))
_ERASED: Final = {
    "private_ref": None,
    "kek_id": None,
    "erased_at": case((_KEY.private_ref.is_not(None), now_ms()), else_=_KEY.erased_at),
}

# The ring goes on without the key: it is not the one that signs, or its standby takes over in the same commit.
_GO_ON: Final = (
    update(KEY_RING).where(_THIS_EPOCH, _RING.active_kid.is_distinct_from(bindparam("key", type_=Text))).values(epoch=_NEXT)
)
_TAKE_OVER: Final = (
    update(KEY_RING)
    .where(
        _THIS_EPOCH,
        _RING.active_kid == bindparam("key"),
        exists().where(
            _KEY.kid == bindparam("new"),
            _KEY.ring == bindparam("in_ring"),
            _KEY.state == KeyState.PENDING.value,
            _KEY.private_ref.is_not(None),
        ),
    )
    .values(epoch=_NEXT, active_kid=bindparam("new"))
)
_BURN: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state != _DEAD)
    .values(state=_DEAD, tombstoned_at=now_ms(), reason=bindparam("why"), **_ERASED)
)
_ACTIVATE: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state == KeyState.PENDING.value)
    .values(state=KeyState.ACTIVE.value, activated_at=now_ms())
)
_STEP_DOWN: Final = (
    update(SIGNING_KEY)
    .where(_KEY.ring == bindparam("in_ring"), _KEY.state == KeyState.ACTIVE.value, _KEY.kid != bindparam("key"))
    .values(state=KeyState.RETIRING.value, retired_at=now_ms())
)
_WITHDRAW_STANDBY: Final = (
    update(SIGNING_KEY)
    .where(_KEY.ring == bindparam("in_ring"), _KEY.state == KeyState.PENDING.value)
    .values(state=KeyState.RETIRED.value, retired_at=now_ms(), tombstoned_at=now_ms(), **_ERASED)
    .returning(_KEY.kid)
)
_WITHDRAW: Final = (
    update(SIGNING_KEY)
    .where(
        _KEY.kid == bindparam("key"),
        _KEY.state.in_([KeyState.PENDING.value, KeyState.RETIRING.value, KeyState.IMPORTED_VERIFY_ONLY.value]),
    )
    .values(state=KeyState.RETIRED.value, tombstoned_at=now_ms(), **_ERASED)
)
_RETIRING: Final = _KEY.state == KeyState.RETIRING.value
_VERIFY_ON: Final = (
    update(SIGNING_KEY)
    .where(
        _KEY.kid == bindparam("key"),
        or_(_RETIRING, _KEY.state == KeyState.RETIRED.value, _KEY.reason == LOST),
        _KEY.state != _DEAD,
    )
    .values(
        state=case((_RETIRING, _KEY.state), else_=KeyState.IMPORTED_VERIFY_ONLY.value),
        retired_at=case((_RETIRING, now_ms()), else_=_KEY.retired_at),
        not_after=case((_RETIRING, _KEY.not_after), else_=now_ms() + bindparam("for_ms", type_=Milliseconds)),
        tombstoned_at=None,
    )
)
_REPUBLISH: Final = update(SIGNING_KEY).where(_KEY.kid == bindparam("key")).values(published_at=now_ms())
_INSERT: Final = (
    insert(SIGNING_KEY)
    .values(
        {
            name: bindparam(name)
            for name in ("kid", "ring", "state", "alg", "public_jwk", "custodian", "private_ref", "kek_id", "not_after", "reason")
        }
        | {"created_at": now_ms(), "published_at": now_ms()}
        | {"tombstoned_at": case((bindparam("state", type_=Text) == _DEAD, now_ms()), else_=None)}
    )
    .on_conflict_do_nothing()
    .returning(_KEY.kid)
)
_PUBLISH: Final = update(KEY_RING).where(_THIS_EPOCH).values(epoch=_NEXT)

_floor = bindparam("floor", type_=Milliseconds)
_RESUME_RING: Final = (
    update(KEY_RING)
    .where(_THIS_EPOCH)
    .values(epoch=case((_floor < _NEXT, _NEXT), else_=_floor + 1), active_kid=bindparam("new", type_=Text))
)

_FIND_HALT: Final = select(KEY_HALT, now_ms().label("now")).where(_HALT.id == 1)
_START_HALT: Final = insert(KEY_HALT).values(id=1, reason=bindparam("why"), halted_at=now_ms())
_RAISE_HALT: Final = _START_HALT.on_conflict_do_update(
    index_elements=[_HALT.id],
    set_={"reason": _START_HALT.excluded.reason, "halted_at": _START_HALT.excluded.halted_at},
    # What happened before the last restore was finished is known, and settled.
    where=and_(
        _HALT.reason.is_(None),
        or_(_HALT.restored_at.is_(None), _HALT.restored_at < bindparam("known_since", type_=Milliseconds)),
    ),
).returning(_HALT.id)
_STARTED_RESTORE: Final = insert(KEY_HALT).values(
    id=1,
    reason=None,
    halted_at=None,
    restored_at=now_ms(),
    signs_from=case(
        (bindparam("wait_ms", type_=Milliseconds) > 0, now_ms() + bindparam("wait_ms", type_=Milliseconds)), else_=None
    ),
)
_END_HALT: Final = _STARTED_RESTORE.on_conflict_do_update(
    index_elements=[_HALT.id],
    set_={name: _STARTED_RESTORE.excluded[name] for name in ("reason", "halted_at", "restored_at", "signs_from")},
)


@dataclass(frozen=True, slots=True)
class Halt:
    """Whether the issuer may sign. `reason` is why it may not; `signs_from` (milliseconds) is since when it may again."""

    reason: str | None
    restored_at: int | None
    signs_from: int | None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key without a private half: imported to verify, or known only as dead."""

    kid: str
    ring: str
    alg: str
    public_jwk: Mapping[str, str]
    note: str


class KeyIncidents:
    """Burning, importing and restoring within one transaction. A change answers False when another process came first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def burn(self, kid: str, *, ring: str, epoch: int, reason: str, successor: str | None) -> bool:
        """Make a key COMPROMISED, whatever it was, if the ring is still at `epoch`.

        Args:
            successor: the standby that signs from now on; needed when the key is the active one, None otherwise.
        """
        if successor is None:
            changed = self._changed(_GO_ON, in_ring=ring, seen_epoch=epoch, key=kid)
        else:
            changed = self._changed(_TAKE_OVER, in_ring=ring, seen_epoch=epoch, key=kid, new=successor)
        if changed:
            # The burned one first: two keys of a ring are never ACTIVE, not even between two statements.
            self._connection.execute(_BURN, {"key": kid, "why": reason})
            self._connection.execute(_ACTIVATE, {"key": successor})
        return changed

    def begin_import(self, ring: str, *, epoch: int) -> bool:
        """Raise the epoch for keys that are about to be added, if the ring is still at `epoch`."""
        return self._changed(_PUBLISH, in_ring=ring, seen_epoch=epoch)

    def import_public(self, key: PublicKey, *, not_after_ms: int) -> bool:
        """Publish a key that verifies only; False when its kid is known already, also as that of a dead key."""
        return self._insert(key, KeyState.IMPORTED_VERIFY_ONLY, not_after_ms)

    def import_standby(self, key: NewKey, *, note: str) -> bool:
        """Put a key in the place of the standby, which signed nothing and is withdrawn; False when its kid is known already."""
        self._connection.execute(_WITHDRAW_STANDBY, {"in_ring": key.ring})
        return self._insert(key, KeyState.PENDING, None, note)

    def halt(self) -> Halt | None:
        """Return what is known of a halt; None when there never was one."""
        row = self._connection.execute(_FIND_HALT).first()
        return None if row is None else Halt(row.reason, row.restored_at, row.signs_from)

    def raise_halt(self, reason: str, *, known_since: int) -> bool:
        """Let nobody sign until `restore finish`; False when nobody may already, or when a restore explains it.

        Args:
            known_since: how old what gave the alarm is, milliseconds; a restore that was finished later explains it.
        """
        return self._connection.execute(_RAISE_HALT, {"why": reason, "known_since": known_since}).first() is not None

    def resume(self, *, wait_ms: int) -> None:
        """End a halt; signatures are made again in `wait_ms`."""
        self._connection.execute(_END_HALT, {"wait_ms": wait_ms})

    def resume_ring(self, ring: str, *, epoch: int, above: int, active: str | None, made: NewKey | None = None) -> bool:
        """Let `active` sign in a ring that is still at `epoch`, under an epoch above `above` too; whoever signed steps down.

        Args:
            made: the active key when it is a new one; a standby that is left makes room for it.
        """
        if not self._changed(_RESUME_RING, in_ring=ring, seen_epoch=epoch, floor=above, new=active):
            return False
        if made is not None:
            self._connection.execute(_WITHDRAW_STANDBY, {"in_ring": ring})
            self._insert(made, KeyState.PENDING, None)
        self._connection.execute(_STEP_DOWN, {"in_ring": ring, "key": active or ""})
        self._connection.execute(_ACTIVATE, {"key": active})
        return True

    # What follows changes what a ring publishes, in the transaction that raised its epoch by `resume_ring`.

    def entomb(self, key: PublicKey) -> None:
        """Make a key COMPROMISED, also one that this database never saw."""
        if not self._changed(_BURN, key=key.kid, why=key.note):
            self._insert(key, KeyState.COMPROMISED, None)

    def withdraw(self, kid: str) -> None:
        """Make a key RETIRED that the last key set did not have any more; the one that signs stays."""
        self._connection.execute(_WITHDRAW, {"key": kid})

    def republish(self, kid: str) -> None:
        """Let a key's publication begin now: nobody is known to have held it before."""
        self._connection.execute(_REPUBLISH, {"key": kid})

    def verify_on(self, key: PublicKey, *, for_ms: int) -> None:
        """Let a key verify for a while from now: one that this database never saw, or that it holds to be retired since some time.

        A key that signs, or stands by, stays what it is, and so does one that was imported until a time that somebody chose.
        """
        if not self._changed(_VERIFY_ON, key=key.kid, for_ms=for_ms):
            self._insert(key, KeyState.IMPORTED_VERIFY_ONLY, self._connection.execute(select(now_ms())).scalar_one() + for_ms)

    def _changed(self, statement: Any, **values: object) -> bool:
        return bool(self._connection.execute(statement, values).rowcount == 1)

    def _insert(self, key: NewKey | PublicKey, state: KeyState, not_after_ms: int | None, note: str | None = None) -> bool:
        row = {
            "kid": key.kid,
            "ring": key.ring,
            "state": state.value,
            "alg": key.alg,
            "public_jwk": json.dumps(dict(key.public_jwk), separators=(",", ":"), sort_keys=True),
            "custodian": key.custodian if isinstance(key, NewKey) else "none",
            "private_ref": key.private_ref if isinstance(key, NewKey) else None,
            "kek_id": key.kek_id if isinstance(key, NewKey) else None,
            "not_after": not_after_ms,
            "reason": note if isinstance(key, NewKey) else key.note,
        }
        return self._connection.execute(_INSERT, row).first() is not None
