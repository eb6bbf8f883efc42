"""Laws of `keys/lifecycle.py`, for any ring and any time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auth_server.keys.lifecycle import (
    PUBLISHED,
    TRANSITIONS,
    RotationPolicy,
    StepKind,
    due,
    due_when_unconfigured,
    is_overdue,
    is_seasoned,
    may_become,
    must_say_wanted,
    signs_from_ms,
)
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared.key_policy import KeyPolicy

NOW = 1_800_000_000_000
POLICY = RotationPolicy(KeyPolicy(sign_lease=20, view_lease=30, jwks_max_age=30, publish_ahead=61, retire_after=200), 300)
_AGES = st.one_of(
    st.integers(0, 700_000),
    # On, just before and just after each bound.
    st.sampled_from([bound + step for bound in (20_000, 61_000, 200_000, 300_000, 450_000) for step in (-1, 0, 1)]),
)


@st.composite
def keys(draw: st.DrawFn, state: KeyState, number: int) -> SigningKey:
    published_at = NOW - draw(_AGES)
    has_private = state in {KeyState.PENDING, KeyState.ACTIVE} or (state is KeyState.RETIRING and draw(st.booleans()))
    return SigningKey(
        kid=f"{state.value}-{number}",
        ring="default",
        state=state,
        alg="RS256",
        public_jwk={},
        custodian="local",
        private_ref=b"sealed" if has_private else None,
        kek_id="k" if has_private else None,
        created_at=published_at,
        published_at=published_at,
        activated_at=None if state is KeyState.PENDING else NOW - draw(_AGES),
        retired_at=NOW - draw(_AGES) if state is KeyState.RETIRING else None,
        not_after=NOW + draw(st.integers(-5, 5)) if state is KeyState.IMPORTED_VERIFY_ONLY and draw(st.booleans()) else None,
    )


@st.composite
def rings(draw: st.DrawFn) -> RingView:
    states = [KeyState.ACTIVE] * draw(st.sampled_from([1, 1, 1, 0]))
    states += [KeyState.PENDING] * draw(st.integers(0, 1))
    states += [KeyState.RETIRING] * draw(st.integers(0, 3))
    states += [KeyState.COMPROMISED] * draw(st.integers(0, 2))
    states += [KeyState.IMPORTED_VERIFY_ONLY] * draw(st.integers(0, 2))
    members = tuple(draw(keys(state, number)) for number, state in enumerate(states))
    active = next((key.kid for key in members if key.state is KeyState.ACTIVE), None)
    return RingView("default", "RS256", draw(st.integers(0, NOW)), active, members, NOW, wanted_at=NOW - draw(_AGES))


def named(ring: RingView, kid: str | None) -> SigningKey:
    return next(key for key in ring.keys if key.kid == kid)


@given(rings())
def test_every_step_is_a_legal_transition_of_its_key(ring: RingView) -> None:
    for step in due(ring, NOW, POLICY):
        if step.kind is StepKind.PROMOTE:
            assert may_become(named(ring, step.kid).state, KeyState.ACTIVE)
        if step.kind is StepKind.RETIRE:
            assert may_become(named(ring, step.kid).state, KeyState.RETIRED)


@given(rings())
def test_only_a_standby_that_every_healthy_resource_server_knows_is_promoted(ring: RingView) -> None:
    """K4."""
    for step in due(ring, NOW, POLICY):
        if step.kind is StepKind.PROMOTE:
            assert named(ring, step.kid).state is KeyState.PENDING
            assert NOW - named(ring, step.kid).published_at > POLICY.publish_ahead_ms


@given(rings())
def test_a_standby_is_made_exactly_when_there_is_none(ring: RingView) -> None:
    created = [step for step in due(ring, NOW, POLICY) if step.kind is StepKind.CREATE_STANDBY]

    assert len(created) == (ring.pending is None)


@given(rings())
def test_a_private_half_is_erased_only_when_no_replica_can_hold_a_lease_on_it(ring: RingView) -> None:
    """K5, inequality 4."""
    for key in ring.keys:
        erased = any(step.kind is StepKind.ERASE_PRIVATE and step.kid == key.kid for step in due(ring, NOW, POLICY))
        expected = (
            key.state is KeyState.RETIRING
            and key.private_ref is not None
            and key.retired_at is not None
            and NOW - key.retired_at > POLICY.sign_lease_ms
        )
        assert erased == expected


@given(rings())
def test_a_key_is_withdrawn_only_when_its_last_token_has_expired(ring: RingView) -> None:
    """K6."""
    for step in due(ring, NOW, POLICY):
        if step.kind is StepKind.RETIRE:
            key = named(ring, step.kid)
            last = key.retired_at if key.state is KeyState.RETIRING else key.not_after
            assert last is not None
            assert NOW - last > (POLICY.retire_after_ms if key.state is KeyState.RETIRING else 0)


@given(rings())
def test_what_is_published_never_falls_below_the_key_that_signs(ring: RingView) -> None:
    gone = {step.kid for step in due(ring, NOW, POLICY) if step.kind is StepKind.RETIRE}

    assert ring.active is None or ring.active_kid not in gone


@given(rings(), st.integers(0, 10**9))
def test_what_is_due_stays_due(ring: RingView, later: int) -> None:
    """Nobody misses a step by coming late."""
    assert set(due(ring, NOW, POLICY)) <= set(due(ring, NOW + later, POLICY))


@given(rings())
def test_an_overdue_ring_is_one_whose_rotation_is_due_unless_its_standby_is_young(ring: RingView) -> None:
    if is_overdue(ring, NOW, POLICY) and ring.pending is not None and is_seasoned(ring.pending, NOW, POLICY):
        assert any(step.kind is StepKind.PROMOTE for step in due(ring, NOW, POLICY))


@given(rings())
def test_a_ring_that_does_not_sign_yet_signs_as_soon_as_its_first_key_is_known(ring: RingView) -> None:
    starts = signs_from_ms(ring, POLICY)
    promoted = [step for step in due(ring, NOW, POLICY) if step.kind is StepKind.PROMOTE]

    assert (starts is None) == (ring.active is not None or ring.pending is None)
    if starts is not None:
        assert len(promoted) == (starts < NOW)


@given(rings())
def test_an_unconfigured_ring_gets_no_key_and_is_closed_when_nobody_wanted_it_for_long(ring: RingView) -> None:
    steps = due_when_unconfigured(ring, NOW, POLICY)
    closed = {step.kid for step in steps if step.kind is StepKind.CLOSE}
    living = {key.kid for key in (ring.active, ring.pending) if key is not None}

    assert {step.kind for step in steps} <= {StepKind.ERASE_PRIVATE, StepKind.RETIRE, StepKind.CLOSE}
    assert closed == (living if NOW - ring.wanted_at > POLICY.publish_ahead_ms else set())
    for kid in closed:
        key = named(ring, kid)
        assert may_become(key.state, KeyState.RETIRING if key.state is KeyState.ACTIVE else KeyState.RETIRED)


@given(rings())
def test_a_configured_replica_speaks_up_long_before_a_ring_is_closed(ring: RingView) -> None:
    if not must_say_wanted(ring, NOW, POLICY):
        later = NOW + POLICY.publish_ahead_ms * 3 // 4
        assert not any(step.kind is StepKind.CLOSE for step in due_when_unconfigured(ring, later, POLICY))


def test_no_state_goes_backwards_and_compromise_is_final() -> None:
    order = [KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING, KeyState.RETIRED, KeyState.COMPROMISED]
    assert set(TRANSITIONS) == set(KeyState)
    for before, afters in TRANSITIONS.items():
        assert before not in afters
        if before in order:
            assert all(order.index(after) > order.index(before) for after in afters)
        assert before is KeyState.COMPROMISED or KeyState.COMPROMISED in afters
    assert TRANSITIONS[KeyState.COMPROMISED] == frozenset()
    assert KeyState.RETIRED not in PUBLISHED
    assert KeyState.COMPROMISED not in PUBLISHED
