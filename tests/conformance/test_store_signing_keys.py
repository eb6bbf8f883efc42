"""The guards of the signing keys' statements, on both databases: they hold even when who calls them is wrong."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from auth_server.store.signing_keys import KeyState, NewKey, RingView
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.databases import Database

N_MS = 10_000


def a_key(kid: str, ring: str = "default") -> NewKey:
    return NewKey(kid, ring, "RS256", {"kty": "RSA"}, "local", b"sealed", "kek")


@pytest.fixture
def ring(any_store: Store) -> Store:
    """A ring with an active key and a standby."""
    any_store.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("first")))
    any_store.run_blocking(lambda tx: tx.signing_keys.add_standby(a_key("standby"), epoch=tx.signing_keys.views()[0].epoch))
    return any_store


def view(store: Store, ring: str = "default") -> RingView:
    found = store.read_blocking(lambda tx: tx.signing_keys.view(ring))
    assert found is not None
    return found


def promote(
    store: Store, new: str = "standby", old: str | None = "first", ring: str = "default", epoch: int | None = None
) -> bool:
    seen = view(store, ring).epoch if epoch is None else epoch
    return store.run_blocking(lambda tx: tx.signing_keys.promote(new, old=old, ring=ring, epoch=seen, publish_ahead_ms=N_MS))


def test_a_ring_starts_once(ring: Store) -> None:
    assert not ring.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("second")))
    assert {key.kid for key in view(ring).keys} == {"first", "standby"}


def test_a_ring_has_one_standby(ring: Store) -> None:
    epoch = view(ring).epoch

    assert not ring.run_blocking(lambda tx: tx.signing_keys.add_standby(a_key("second"), epoch=epoch))
    assert {key.kid for key in view(ring).keys} == {"first", "standby"}


def test_a_change_on_an_old_epoch_changes_nothing(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS)
    before = view(ring)

    assert not promote(ring, epoch=before.epoch - 1)
    assert not ring.run_blocking(lambda tx: tx.signing_keys.add_standby(a_key("second"), epoch=before.epoch - 1))
    assert not ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=before.epoch - 1, retire_after_ms=0))
    assert view(ring) == before


def test_a_young_standby_is_not_promoted_whatever_the_caller_believes(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS / 1000)
    assert not promote(ring)

    clock.advance(0.001)
    assert promote(ring)


def test_only_the_key_that_is_active_steps_down(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS)

    assert not promote(ring, old="somebody else")
    assert not promote(ring, new="nobody")


def burn(store: Store, kid: str, successor: str | None, epoch: int | None = None) -> bool:
    seen = view(store).epoch if epoch is None else epoch
    return store.run_blocking(
        lambda tx: tx.key_incidents.burn(kid, ring="default", epoch=seen, reason="lost", successor=successor)
    )


def test_the_key_that_signs_does_not_die_without_a_successor_that_may(ring: Store, clock: FakeClock) -> None:
    """Some key must sign, and it must be the standby: whatever the caller believes the ring to be."""
    clock.advance(N_MS / 1000 + 1)
    assert promote(ring)
    before = view(ring)  # `standby` signs, `first` retires and still has its private half

    assert not burn(ring, "standby", None)
    assert not burn(ring, "standby", "first")
    assert not burn(ring, "standby", "nobody")
    assert not burn(ring, "first", None, epoch=before.epoch - 1)
    assert view(ring) == before

    assert burn(ring, "first", None)
    assert {key.kid: key.state for key in view(ring).keys} == {"first": KeyState.COMPROMISED, "standby": KeyState.ACTIVE}


def test_a_promotion_moves_both_keys_and_the_epoch(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS)
    before = view(ring)

    assert promote(ring)

    after = view(ring)
    assert {key.kid: key.state for key in after.keys} == {"first": KeyState.RETIRING, "standby": KeyState.ACTIVE}
    assert (after.active_kid, after.active and after.active.activated_at) == ("standby", clock.ms)
    assert after.epoch > before.epoch


def test_the_lease_and_the_last_token_are_waited_for(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS)
    promote(ring)
    clock.advance(20)
    epoch = view(ring).epoch

    assert ring.run_blocking(lambda tx: tx.signing_keys.erase_private("default", sign_lease_ms=20_000)) == []
    assert ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=epoch, retire_after_ms=20_000)) == []
    clock.advance(0.001)
    assert ring.run_blocking(lambda tx: tx.signing_keys.erase_private("default", sign_lease_ms=20_000)) == ["first"]
    assert ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=epoch, retire_after_ms=20_000)) == ["first"]

    assert [key.kid for key in view(ring).keys] == ["standby"]
    gone = ring.read_blocking(lambda tx: tx.signing_keys.find("first"))
    assert gone is not None
    assert (gone.state, gone.private_ref) == (KeyState.RETIRED, None)


def test_retiring_erases_what_nobody_erased(ring: Store, clock: FakeClock) -> None:
    clock.advance(N_MS)
    promote(ring)
    clock.advance(100)
    epoch = view(ring).epoch

    ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=epoch, retire_after_ms=1000))

    gone = ring.read_blocking(lambda tx: tx.signing_keys.find("first"))
    assert gone is not None
    assert (gone.private_ref, gone.kek_id, gone.erased_at) == (None, None, clock.ms)


def test_an_imported_key_leaves_after_its_last_day(any_database: Database, ring: Store, clock: FakeClock) -> None:
    any_database.execute(
        "INSERT INTO signing_key (kid, ring, state, alg, public_jwk, custodian, created_at, published_at, not_after)"
        " VALUES ('peer', 'default', 'imported', 'RS256', '{}', 'local', 0, 0, :not_after)",
        not_after=clock.ms,
    )
    epoch = view(ring).epoch
    assert ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=epoch, retire_after_ms=0)) == []

    clock.advance(0.001)

    assert ring.run_blocking(lambda tx: tx.signing_keys.retire("default", epoch=epoch, retire_after_ms=0)) == ["peer"]


def test_only_the_first_ring_of_an_issuer_signs_at_once(ring: Store, clock: FakeClock) -> None:
    """Others hold a key set by now in which the first key of a second ring is missing."""
    assert ring.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("other", "second")))
    second = view(ring, "second")
    assert (second.active_kid, second.pending and second.pending.kid) == (None, "other")

    clock.advance(N_MS / 1000)
    assert not promote(ring, "other", None, "second")
    clock.advance(0.001)
    assert promote(ring, "other", None, "second")

    assert view(ring, "second").active_kid == "other"
    assert view(ring).active_kid == "first"


def test_the_epoch_of_a_new_ring_is_above_all_others_when_the_clock_went_back(ring: Store, clock: FakeClock) -> None:
    before = view(ring).epoch
    clock.set(clock.ms - 3_600_000)

    ring.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("other", "second")))

    assert view(ring, "second").epoch > before


@pytest.fixture
def two_rings(ring: Store, clock: FakeClock) -> Store:
    """Beside the first ring another one that signs and has a standby."""
    ring.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("other", "second")))
    clock.advance(N_MS)
    promote(ring, "other", None, "second")
    epoch = view(ring, "second").epoch
    ring.run_blocking(lambda tx: tx.signing_keys.add_standby(a_key("next", "second"), epoch=epoch))
    return ring


def close(store: Store, ring: str, epoch: int | None = None) -> list[str]:
    seen = view(store, ring).epoch if epoch is None else epoch
    return store.run_blocking(lambda tx: tx.signing_keys.close_ring(ring, epoch=seen, unwanted_for_ms=N_MS))


def test_a_ring_that_nobody_wants_is_closed_and_its_standby_withdrawn(two_rings: Store, clock: FakeClock) -> None:
    two_rings.run_blocking(lambda tx: tx.signing_keys.want("second"))
    clock.advance(N_MS / 1000)
    assert close(two_rings, "second") == []
    clock.advance(0.001)
    before = view(two_rings, "second")
    assert close(two_rings, "second", before.epoch - 1) == []

    assert close(two_rings, "second") == ["other", "next"]

    after = view(two_rings, "second")
    assert after.active_kid is None
    assert after.epoch > before.epoch
    assert [(key.kid, key.state, key.retired_at) for key in after.keys] == [("other", KeyState.RETIRING, clock.ms)]
    standby = two_rings.read_blocking(lambda tx: tx.signing_keys.find("next"))
    assert standby is not None
    assert (standby.state, standby.private_ref, standby.tombstoned_at) == (KeyState.RETIRED, None, clock.ms)


def test_the_last_ring_that_signs_is_never_closed(two_rings: Store, clock: FakeClock) -> None:
    clock.advance(2 * N_MS)
    assert close(two_rings, "second")

    assert close(two_rings, "default") == []
    assert view(two_rings).active_kid == "first"


def test_a_ring_that_was_closed_starts_again_like_a_second_one(two_rings: Store, clock: FakeClock) -> None:
    clock.advance(2 * N_MS)
    close(two_rings, "second")
    epoch = view(two_rings, "second").epoch

    assert two_rings.run_blocking(lambda tx: tx.signing_keys.add_standby(a_key("anew", "second"), epoch=epoch))
    assert not promote(two_rings, "anew", None, "second")
    clock.advance(N_MS)
    assert promote(two_rings, "anew", None, "second")


def test_one_ring_does_not_touch_another(ring: Store, clock: FakeClock) -> None:
    ring.run_blocking(lambda tx: tx.signing_keys.start_ring(a_key("other", "second")))
    clock.advance(N_MS)
    promote(ring)

    states = {key.kid: key.state for key in ring.read_blocking(lambda tx: tx.signing_keys.every())}
    assert states == {"first": KeyState.RETIRING, "standby": KeyState.ACTIVE, "other": KeyState.PENDING}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signing_key SET private_ref = NULL WHERE state = 'active'",
        "UPDATE signing_key SET private_ref = NULL WHERE state = 'pending'",
        "UPDATE signing_key SET state = 'retired' WHERE state = 'active'",
        "UPDATE signing_key SET state = 'compromised' WHERE state = 'active'",
        "UPDATE signing_key SET state = 'active' WHERE state = 'pending'",
        "UPDATE signing_key SET state = 'pending' WHERE state = 'active'",
    ],
)
def test_the_database_itself_refuses_what_must_never_be(any_database: Database, ring: Store, statement: str) -> None:
    """K3 and K5, whatever code comes to write these tables."""
    with pytest.raises(IntegrityError):
        any_database.execute(statement)


def test_no_text_form_shows_a_sealed_key(ring: Store) -> None:
    assert "sealed" not in repr(view(ring)) + repr(a_key("any"))
