"""What changes and reads signing keys and rings. Every change is a compare-and-set on the ring's epoch, on database time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, and_, bindparam, case, exists, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_server.store.schema import Milliseconds, now_ms
from auth_server.store.signing_key_tables import KEY_RING, SIGNING_KEY
from auth_server.store.signing_key_values import KeyState

_KEY: Final = SIGNING_KEY.c
_RING: Final = KEY_RING.c

# Larger than any epoch before it, and after a restore too: no restored epoch is ahead of the time.
_LATEST: Final = select(func.max(KEY_RING.alias("every").c.epoch)).scalar_subquery()
_NEXT_EPOCH: Final = case((now_ms() <= _LATEST, _LATEST + 1), else_=now_ms())

_COLUMNS: Final = [column for column in SIGNING_KEY.c if column.name != "ring"]
VIEWS: Final = (
    select(
        _RING.ring, _RING.alg.label("ring_alg"), _RING.epoch, _RING.active_kid, _RING.wanted_at, now_ms().label("now"), *_COLUMNS
    )
    .select_from(KEY_RING.outerjoin(SIGNING_KEY, and_(_KEY.ring == _RING.ring, _KEY.state != KeyState.RETIRED.value)))
    .order_by(_RING.ring, _KEY.published_at, _KEY.kid)
)
FIND: Final = select(SIGNING_KEY).where(_KEY.kid == bindparam("kid"))
EVERY: Final = select(SIGNING_KEY).order_by(_KEY.ring, _KEY.created_at, _KEY.kid)

_EVERY_RING: Final = KEY_RING.alias("every")
_OTHER: Final = KEY_RING.alias("other")
CREATE_RING: Final = (
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
INSERT: Final = (
    insert(SIGNING_KEY)
    .values(
        {name: bindparam(name) for name in ("kid", "ring", "state", "alg", "public_jwk", "custodian", "private_ref", "kek_id")}
        | {"created_at": now_ms(), "published_at": now_ms()}
    )
    .on_conflict_do_nothing()
    .returning(_KEY.kid)
)
ACTIVATED: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state == KeyState.PENDING.value)
    .values(state="active", activated_at=now_ms())
)

_THIS_EPOCH: Final = and_(_RING.ring == bindparam("in_ring"), _RING.epoch == bindparam("seen_epoch"))
_OF_RING: Final = _KEY.ring == bindparam("in_ring")
PUBLISH: Final = update(KEY_RING).where(_THIS_EPOCH).values(epoch=_NEXT_EPOCH)

_READY: Final = exists().where(
    _KEY.kid == bindparam("new"),
    _OF_RING,
    _KEY.state == KeyState.PENDING.value,
    _KEY.private_ref.is_not(None),
    _KEY.published_at < now_ms() - bindparam("publish_ahead", type_=Milliseconds),
)
PROMOTE: Final = (
    update(KEY_RING)
    .where(_THIS_EPOCH, _RING.active_kid.is_not_distinct_from(bindparam("old", type_=Text)), _READY)
    .values(epoch=_NEXT_EPOCH, active_kid=bindparam("new"))
)
STEP_DOWN: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.state == KeyState.ACTIVE.value)
    .values(state="retiring", retired_at=now_ms())
)

ERASE: Final = (
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
WITHDRAW: Final = update(KEY_RING).where(_THIS_EPOCH, exists().where(_SPENT)).values(epoch=_NEXT_EPOCH)
RETIRE: Final = (
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

WANT: Final = update(KEY_RING).where(_RING.ring == bindparam("in_ring"), _RING.wanted_at < now_ms()).values(wanted_at=now_ms())
CLOSE: Final = (
    update(KEY_RING)
    .where(
        _THIS_EPOCH,
        _RING.wanted_at < now_ms() - bindparam("unwanted_for", type_=Milliseconds),
        # An issuer that nobody could sign for would be worse than a key too many.
        or_(_RING.active_kid.is_(None), exists().where(_OTHER.c.ring != _RING.ring, _OTHER.c.active_kid.is_not(None))),
    )
    .values(epoch=_NEXT_EPOCH, active_kid=None)
)
DROP_STANDBY: Final = (
    update(SIGNING_KEY)
    .where(_OF_RING, _KEY.state == KeyState.PENDING.value)
    .values(state=KeyState.RETIRED.value, tombstoned_at=now_ms(), erased_at=now_ms(), private_ref=None, kek_id=None)
    .returning(_KEY.kid)
)
STEP_DOWN_OF_RING: Final = (
    update(SIGNING_KEY)
    .where(_OF_RING, _KEY.state == KeyState.ACTIVE.value)
    .values(state="retiring", retired_at=now_ms())
    .returning(_KEY.kid)
)

REWRAP: Final = (
    update(SIGNING_KEY)
    .where(_KEY.kid == bindparam("key"), _KEY.kek_id == bindparam("old_kek"), _KEY.private_ref.is_not(None))
    .values(private_ref=bindparam("sealed"), kek_id=bindparam("new_kek"))
)
