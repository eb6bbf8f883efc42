"""Entries of the feed: written with the act itself, and alive exactly as long as any token they could match."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auth_server.revocation.feed import CLIENT_REACH_SECONDS, Feed
from auth_server.store.freshness import TRUSTED_SECONDS
from auth_server.store.revocations import NumberedEntry
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from shared.revocation import RevocationKind
from tests.support.clock import FakeClock

POLICY = KeyPolicy(access_token_lifetime=600, leeway=60, clock_error=30.5)
FEED = Feed(POLICY)

ACTS: dict[RevocationKind, tuple[Callable[[Transaction], None], str, bool]] = {
    RevocationKind.KID: (lambda tx: FEED.revoke_key(tx, "k"), "k", False),
    RevocationKind.GRANT: (lambda tx: FEED.revoke_grant(tx, "g"), "g", False),
    RevocationKind.SID: (lambda tx: FEED.revoke_session(tx, "s"), "s", False),
    RevocationKind.TOKEN: (lambda tx: FEED.revoke_token(tx, "j"), "j", False),
    RevocationKind.SUBJECT: (lambda tx: FEED.revoke_subject(tx, "u"), "u", True),
    RevocationKind.CLIENT: (lambda tx: FEED.revoke_client(tx, "c"), "c", True),
    RevocationKind.ALL: (FEED.revoke_all, "", True),
}


def _entries(store: Store) -> list[NumberedEntry]:
    return store.read_blocking(lambda tx: tx.revocations.since(0, 100))


def test_every_kind_has_an_act() -> None:
    assert ACTS.keys() == set(RevocationKind)


@pytest.mark.parametrize("kind", RevocationKind)
def test_an_entry_lives_as_long_as_any_token_it_could_match(any_store: Store, clock: FakeClock, kind: RevocationKind) -> None:
    act, key, has_bound = ACTS[kind]

    any_store.run_blocking(act)

    (entry,) = _entries(any_store)
    assert (entry.number, entry.at, entry.entry.kind, entry.entry.key) == (1, clock.ms, kind, key)
    # A token of this second, of the longest life, at a resource server whose clock is as late as it may be.
    # A replica may mint a client's own tokens from what it remembers, for a few seconds more.
    reach = CLIENT_REACH_SECONDS if kind is RevocationKind.CLIENT else 0
    assert entry.entry.until == clock.now() + 600 + 60 + 2 * 30.5 + reach
    assert entry.entry.not_before == (clock.now() + reach if has_bound else None)


def test_a_clients_entry_reaches_further_than_any_memory_of_it() -> None:
    assert CLIENT_REACH_SECONDS > TRUSTED_SECONDS


def test_a_bound_covers_what_was_read_while_the_commit_was_on_its_way(any_store: Store, clock: FakeClock) -> None:
    """Read in the next second and before the commit was visible, it is older than the revocation."""
    clock.advance(0.8)

    any_store.run_blocking(lambda tx: FEED.revoke_subject(tx, "u"))

    assert _entries(any_store)[0].entry.not_before == clock.now() + 1


def test_numbers_follow_the_order_of_commits_without_a_gap(any_store: Store) -> None:
    for act, _, _ in ACTS.values():
        any_store.run_blocking(act)
    any_store.run_blocking(lambda tx: [act(tx) for act, _, _ in ACTS.values()])

    assert [entry.number for entry in _entries(any_store)] == list(range(1, 2 * len(ACTS) + 1))
    assert [entry.number for entry in any_store.read_blocking(lambda tx: tx.revocations.since(3, 2))] == [4, 5]
    assert any_store.read_blocking(lambda tx: tx.revocations.head()) == 2 * len(ACTS)


def test_what_is_undone_leaves_no_entry(any_store: Store) -> None:
    def undone(tx: Transaction) -> None:
        FEED.revoke_grant(tx, "g")
        raise LookupError

    with pytest.raises(LookupError):
        any_store.run_blocking(undone)

    assert _entries(any_store) == []
    assert any_store.read_blocking(lambda tx: tx.revocations.head()) == 0


def test_an_entry_is_forgotten_when_its_tokens_have_expired_and_no_sooner(any_store: Store) -> None:
    any_store.run_blocking(lambda tx: FEED.revoke_grant(tx, "g"))
    until = _entries(any_store)[0].entry.until

    assert any_store.run_blocking(lambda tx: tx.revocations.forget(until)) == 0
    assert any_store.run_blocking(lambda tx: tx.revocations.forget(until + 1)) == 1
    assert any_store.read_blocking(lambda tx: tx.revocations.head()) == 1
