"""Signing keys and their rings. Every change is a compare-and-set on the ring's epoch; every guard is in SQL, on database time.

`key_ring` holds one row for each ring, and each change of what the ring publishes or signs with raises its epoch in the same commit.
So any number of replicas may decide the same thing at the same moment: the first commit wins, and the others hit no row.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Index,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from auth_server.store.schema import METADATA, Milliseconds, Sealed, now_ms
from auth_server.store.signing_key_values import KeyState, NewKey, RingView, SigningKey

__all__ = ["KEY_RING", "SIGNING_KEY", "KeyState", "NewKey", "RingView", "SigningKey", "SigningKeys"]


SIGNING_KEY: Final = Table(
    "signing_key",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("ring", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("custodian", Text, nullable=False),
    Column("private_ref", Sealed),
    Column("kek_id", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("published_at", Milliseconds, nullable=False),
    Column("activated_at", Milliseconds),
    Column("retired_at", Milliseconds),
    Column("erased_at", Milliseconds),
    Column("tombstoned_at", Milliseconds),
    Column("not_after", Milliseconds),
    Column("reason", Text),
    Index("one_active", "ring", unique=True, sqlite_where=text("state = 'active'"), postgresql_where=text("state = 'active'")),
    Index("one_pending", "ring", unique=True, sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")),
    # The database itself refuses a signing key without its private half, and a dead key that still has one.
    CheckConstraint("state NOT IN ('pending', 'active') OR private_ref IS NOT NULL", name="signs_with_private_half"),
    CheckConstraint("state IN ('pending', 'active', 'retiring') OR private_ref IS NULL", name="dead_has_no_private_half"),
)

KEY_RING: Final = Table(
    "key_ring",
    METADATA,
    Column("ring", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("epoch", Milliseconds, nullable=False),
    # None until the ring's first key has been published for long enough, and again when the ring was closed.
    Column("active_kid", Text),
    Column("wanted_at", Milliseconds, nullable=False),
)


_KEY: Final = SIGNING_KEY.c
_RING: Final = KEY_RING.c

# Larger than any epoch before it, and after a restore too: no restored epoch is ahead of the time.
_LATEST: Final = select(func.max(KEY_RING.alias("every").c.epoch)).scalar_subquery()
_NEXT_EPOCH: Final = case((now_ms() <= _LATEST, _LATEST + 1), else_=now_ms())

_COLUMNS: Final = [column for column in SIGNING_KEY.c if column.name != "ring"]
_VIEWS: Final = (
    select(
        _RING.ring, _RING.alg.label("ring_alg"), _RING.epoch, _RING.active_kid, _RING.wanted_at, now_ms().label("now"), *_COLUMNS
    )
    .select_from(KEY_RING.outerjoin(SIGNING_KEY, and_(_KEY.ring == _RING.ring, _KEY.state != KeyState.RETIRED.value)))
    .order_by(_RING.ring, _KEY.published_at, _KEY.kid)
)
_FIND: Final = select(SIGNING_KEY).where(_KEY.kid == bindparam("kid"))
_EVERY: Final = select(SIGNING_KEY).order_by(_KEY.ring, _KEY.created_at, _KEY.kid)

_EVERY_RING: Final = KEY_RING.alias("every")
_OTHER: Final = KEY_RING.alias("other")
_CREATE_RING: Final = (
    insert(KEY_RING)
    .values(
        ring=bindparam("ring"),
        alg=bindparam("alg"),
        epoch=_NEXT_EPOCH,
        active_kid=case((exists().select_from(_EVERY_RING), null()), else_=bindparam("kid")),
        wanted_at=now_ms(),
    )
    .on_conflict_do_nothing()
    .returning(_RING.active_kid)
)
_INSERT: Final = (
    insert(SIGNING_KEY)
    .values(
        {name: bindparam(name) for name in ("kid", "ring", "state", "alg", "public_jwk", "custodian", "private_ref", "kek_id")}
        | {"created_at": now_ms(), "published_at": now_ms()}
    )
    .on_conflict_do_nothing()
    .returning(_KEY.kid)
)
_ACTIVATED: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state == KeyState.PENDING.value)
    .values(state="active", activated_at=now_ms())
)

_THIS_EPOCH: Final = and_(_RING.ring == bindparam("in_ring"), _RING.epoch == bindparam("seen_epoch"))
_OF_RING: Final = _KEY.ring == bindparam("in_ring")
_PUBLISH: Final = update(KEY_RING).where(_THIS_EPOCH).values(epoch=_NEXT_EPOCH)

_READY: Final = exists().where(
    _KEY.kid == bindparam("new"),
    _OF_RING,
    _KEY.state == KeyState.PENDING.value,
    _KEY.private_ref.is_not(None),
    _KEY.published_at < now_ms() - bindparam("publish_ahead", type_=Milliseconds),
)
_PROMOTE: Final = (
    update(KEY_RING)
    .where(_THIS_EPOCH, _RING.active_kid.is_not_distinct_from(bindparam("old", type_=Text)), _READY)
    .values(epoch=_NEXT_EPOCH, active_kid=bindparam("new"))
)
_STEP_DOWN: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state == KeyState.ACTIVE.value)
    .values(state="retiring", retired_at=now_ms())
)

_ERASE: Final = (
    update(SIGNING_KEY)
    .where(
        _OF_RING,
        _KEY.state == KeyState.RETIRING.value,
        _KEY.private_ref.is_not(None),
        _KEY.retired_at < now_ms() - bindparam("sign_lease", type_=Milliseconds),
    )
    .values(private_ref=None, kek_id=None, erased_at=now_ms())
    .returning(_KEY.kid)
)

_SPENT: Final = and_(
    _OF_RING,
    or_(
        and_(_KEY.state == KeyState.RETIRING.value, _KEY.retired_at < now_ms() - bindparam("retire_after", type_=Milliseconds)),
        and_(_KEY.state == KeyState.IMPORTED_VERIFY_ONLY.value, _KEY.not_after < now_ms()),
    ),
)
_WITHDRAW: Final = update(KEY_RING).where(_THIS_EPOCH, exists().where(_SPENT)).values(epoch=_NEXT_EPOCH)
_RETIRE: Final = (
    update(SIGNING_KEY)
    .where(_SPENT)
    .values(
        state=KeyState.RETIRED.value,
        tombstoned_at=now_ms(),
        private_ref=None,
        kek_id=None,
        # A process that was down for long finds both due at once.
        erased_at=case((_KEY.private_ref.is_not(None), now_ms()), else_=_KEY.erased_at),
    )
    .returning(_KEY.kid)
)

_WANT: Final = update(KEY_RING).where(_RING.ring == bindparam("in_ring"), _RING.wanted_at < now_ms()).values(wanted_at=now_ms())
_CLOSE: Final = (
    update(KEY_RING)
    .where(
        _THIS_EPOCH,
        _RING.wanted_at < now_ms() - bindparam("unwanted_for", type_=Milliseconds),
        # An issuer that nobody could sign for would be worse than a key too many.
        or_(_RING.active_kid.is_(None), exists().where(_OTHER.c.ring != _RING.ring, _OTHER.c.active_kid.is_not(None))),
    )
    .values(epoch=_NEXT_EPOCH, active_kid=None)
)
_DROP_STANDBY: Final = (
    update(SIGNING_KEY)
    .where(_OF_RING, _KEY.state == KeyState.PENDING.value)
    .values(state=KeyState.RETIRED.value, tombstoned_at=now_ms(), erased_at=now_ms(), private_ref=None, kek_id=None)
    .returning(_KEY.kid)
)
_STEP_DOWN_OF_RING: Final = (
    update(SIGNING_KEY)
    .where(_OF_RING, _KEY.state == KeyState.ACTIVE.value)
    .values(state="retiring", retired_at=now_ms())
    .returning(_KEY.kid)
)

_REWRAP: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.kek_id == bindparam("old_kek"), _KEY.private_ref.is_not(None))
    .values(private_ref=bindparam("sealed"), kek_id=bindparam("new_kek"))
)


class SigningKeys:
    """Signing keys within one transaction. A change answers False, or nothing, when another process came first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views(self) -> list[RingView]:
        """Return every ring, each with its keys, as of one instant."""
        rings: dict[str, RingView] = {}
        keys: dict[str, list[SigningKey]] = {}
        for row in self._connection.execute(_VIEWS):
            rings.setdefault(row.ring, RingView(row.ring, row.ring_alg, row.epoch, row.active_kid, (), row.now, row.wanted_at))
            if row.kid is not None:
                keys.setdefault(row.ring, []).append(_key(row))
        return [replace(view, keys=tuple(keys.get(name, ()))) for name, view in rings.items()]

    def view(self, ring: str) -> RingView | None:
        """Return one ring; None before its first key."""
        return next((view for view in self.views() if view.ring == ring), None)

    def find(self, kid: str) -> SigningKey | None:
        """Return a key in whatever state it is."""
        row = self._connection.execute(_FIND, {"kid": kid}).first()
        return None if row is None else _key(row)

    def every(self) -> list[SigningKey]:
        """Return every key there ever was, oldest first."""
        return [_key(row) for row in self._connection.execute(_EVERY)]

    def start_ring(self, first: NewKey) -> bool:
        """Make a ring; False when it is there.

        The first key of a new issuer signs at once: nobody holds an older set that it could be missing from. The first key of any
        ring beside that one is published, and waits for its promotion like every other.
        """
        made = self._connection.execute(_CREATE_RING, {"ring": first.ring, "alg": first.alg, "kid": first.kid}).first()
        if made is None:
            return False
        # By way of PENDING like every key, so that one statement alone makes a key ACTIVE.
        self._insert(first, KeyState.PENDING)
        if made.active_kid is not None:
            self._connection.execute(_ACTIVATED, {"key": first.kid})
        return True

    def want(self, ring: str) -> None:
        """Note that a replica is configured for a ring, so that nobody closes it."""
        self._connection.execute(_WANT, {"in_ring": ring})

    def add_standby(self, key: NewKey, *, epoch: int) -> bool:
        """Publish a standby, if the ring is still at `epoch` and has none."""
        if not self._changed(_PUBLISH, in_ring=key.ring, seen_epoch=epoch):
            return False
        return self._insert(key, KeyState.PENDING)

    def promote(self, new: str, *, old: str | None, ring: str, epoch: int, publish_ahead_ms: int) -> bool:
        """Let the standby sign and the active key retire, if the ring is still at `epoch` and the standby is older than N.

        Args:
            old: the kid that signs now; None in a ring that does not sign yet.
            publish_ahead_ms: N in milliseconds; -1 in an emergency, when any age will do.
        """
        promoted = self._changed(_PROMOTE, in_ring=ring, seen_epoch=epoch, old=old, new=new, publish_ahead=publish_ahead_ms)
        if promoted:
            self._connection.execute(_STEP_DOWN, {"key": old})
            self._connection.execute(_ACTIVATED, {"key": new})
        return promoted

    def erase_private(self, ring: str, *, sign_lease_ms: int) -> list[str]:
        """Erase the private halves that no replica can hold a signing lease on any more; return their kids."""
        return list(self._connection.execute(_ERASE, {"in_ring": ring, "sign_lease": sign_lease_ms}).scalars())

    def retire(self, ring: str, *, epoch: int, retire_after_ms: int) -> list[str]:
        """Withdraw the keys whose last token has expired, if the ring is still at `epoch`; return their kids."""
        if not self._changed(_WITHDRAW, in_ring=ring, seen_epoch=epoch, retire_after=retire_after_ms):
            return []
        return list(self._connection.execute(_RETIRE, {"in_ring": ring, "retire_after": retire_after_ms}).scalars())

    def close_ring(self, ring: str, *, epoch: int, unwanted_for_ms: int) -> list[str]:
        """Let a ring sign no longer that no replica has wanted for that long; return the kids that changed.

        The active key retires like any other. The standby signed nothing, so it is withdrawn at once.
        """
        if not self._changed(_CLOSE, in_ring=ring, seen_epoch=epoch, unwanted_for=unwanted_for_ms):
            return []
        stepped_down = self._connection.execute(_STEP_DOWN_OF_RING, {"in_ring": ring}).scalars()
        return [*stepped_down, *self._connection.execute(_DROP_STANDBY, {"in_ring": ring}).scalars()]

    def rewrap(self, kid: str, *, sealed: bytes, old_kek_id: str, new_kek_id: str) -> bool:
        """Replace the sealed private half, if it is still under `old_kek_id`."""
        return self._changed(_REWRAP, key=kid, sealed=sealed, old_kek=old_kek_id, new_kek=new_kek_id)

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
        return self._connection.execute(_INSERT, row).first() is not None


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
