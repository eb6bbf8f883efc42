"""Every guard of a refresh family stands in the statement itself: what was decided a moment ago may not be true any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from auth_server.store.refresh_tokens import Presented, Replayed
from auth_server.store.transaction import Transaction
from shared import base64url
from tests.support.auth_app import Issuer
from tests.support.builders import digest_of

G_MS, GL_MS = 30_000, 120_000
IDLE = 14 * 86_400
LIFETIME = 90 * 86_400

Act = Callable[[Transaction, Presented], object]


def _rotate(tx: Transaction, presented: Presented) -> bool:
    return tx.refresh_tokens.rotate(presented, new_hash=b"n" * 32, blob=b"blob", quiet_ms=G_MS, idle_ms=IDLE * 1000)


def _keep(tx: Transaction, presented: Presented) -> bool:
    return tx.refresh_tokens.keep(presented, idle_ms=IDLE * 1000)


def _mark_seen(tx: Transaction, presented: Presented) -> bool:
    return tx.refresh_tokens.mark_seen(presented)


def _replay(tx: Transaction, presented: Presented) -> Replayed | None:
    return tx.refresh_tokens.replay(presented, quiet_ms=G_MS, grace_ms=GL_MS)


OF_THE_CURRENT = {"rotate": _rotate, "keep": _keep, "mark_seen": _mark_seen}
each_of_the_current = pytest.mark.parametrize("act", OF_THE_CURRENT.values(), ids=OF_THE_CURRENT.keys())


async def _current(issuer: Issuer) -> Presented:
    """A family whose current token was handed out just now, after one rotation."""
    rotated = (await issuer.refresh(await issuer.family())).json()["refresh_token"]
    return Presented(base64url.decode(rotated[4:].encode())[1:17], "spa", 1, digest_of(rotated))


async def _previous(issuer: Issuer) -> Presented:
    """The token that was replaced just now, of a family like that."""
    first = await issuer.family()
    await issuer.refresh(first)
    return Presented(base64url.decode(first[4:].encode())[1:17], "spa", 0, digest_of(first))


def _does(issuer: Issuer, act: Act, presented: Presented) -> bool:
    return bool(issuer.store.run_blocking(lambda tx: act(tx, presented)))


def _assert_nothing(issuer: Issuer, act: Act, presented: Presented) -> None:
    before = issuer.dump()
    assert not _does(issuer, act, presented)
    assert issuer.dump() == before


WRONG: dict[str, dict[str, object]] = {
    "another family": {"family_id": bytes(16)},
    "another client": {"client_id": "app"},
    "another generation": {"seq": 7},
    "another secret": {"digest": bytes(32)},
}
each_wrong = pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())


@each_of_the_current
async def test_the_current_token_does_it(any_issuer: Issuer, act: Act) -> None:
    presented = await _current(any_issuer)
    await any_issuer.advance(60)

    assert _does(any_issuer, act, presented)


@each_of_the_current
@each_wrong
async def test_no_other_token_does_it(any_issuer: Issuer, act: Act, changes: dict[str, object]) -> None:
    presented = await _current(any_issuer)
    await any_issuer.advance(60)

    _assert_nothing(any_issuer, act, replace(presented, **changes))  # type: ignore[arg-type]


@each_of_the_current
async def test_nothing_is_done_to_a_revoked_family(any_issuer: Issuer, act: Act) -> None:
    presented = await _current(any_issuer)
    any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.revoke(presented.family_id, "test"))
    await any_issuer.advance(60)

    _assert_nothing(any_issuer, act, presented)


@pytest.mark.parametrize("act", [_rotate, _keep])
async def test_nothing_is_prolonged_that_is_idle_too_long(any_issuer: Issuer, act: Act) -> None:
    presented = await _current(any_issuer)
    await any_issuer.advance(IDLE)

    _assert_nothing(any_issuer, act, presented)


async def test_nothing_rotates_within_the_quiet_window(any_issuer: Issuer) -> None:
    """A replay may have handed the current token out anew since it was decided to rotate it."""
    presented = await _current(any_issuer)
    await any_issuer.advance(G_MS / 1000)

    _assert_nothing(any_issuer, _rotate, presented)
    await any_issuer.advance(0.001)
    assert _does(any_issuer, _rotate, presented)


async def test_of_two_rotations_one_is_done(any_issuer: Issuer) -> None:
    presented = await _current(any_issuer)
    await any_issuer.advance(60)

    assert [_does(any_issuer, _rotate, presented), _does(any_issuer, _rotate, presented)] == [True, False]


@each_wrong
async def test_no_other_token_is_given_the_successor(any_issuer: Issuer, changes: dict[str, object]) -> None:
    presented = await _previous(any_issuer)

    _assert_nothing(any_issuer, _replay, replace(presented, **changes))  # type: ignore[arg-type]
    assert _does(any_issuer, _replay, presented)


@pytest.mark.parametrize("seen, seconds", [(False, GL_MS / 1000), (True, G_MS / 1000)])
async def test_the_successor_is_given_until_its_grace_ends(any_issuer: Issuer, seen: bool, seconds: float) -> None:
    first = await any_issuer.family()
    current = (await any_issuer.refresh(first)).json()["refresh_token"]
    if seen:
        await any_issuer.refresh(current)
    presented = Presented(base64url.decode(first[4:].encode())[1:17], "spa", 0, digest_of(first))
    await any_issuer.advance(seconds + 0.001)

    _assert_nothing(any_issuer, _replay, presented)
    any_issuer.clock.set(any_issuer.clock.ms - 1)
    assert _does(any_issuer, _replay, presented)


async def test_the_successor_is_given_to_nobody_once_it_is_over(any_issuer: Issuer) -> None:
    revoked, wiped = await _previous(any_issuer), await _previous(any_issuer)
    any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.revoke(revoked.family_id, "test"))
    _assert_nothing(any_issuer, _replay, revoked)

    any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=0, quiet_ms=0))
    await any_issuer.advance(0.001)
    any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=0, quiet_ms=0))
    _assert_nothing(any_issuer, _replay, wiped)


async def test_a_family_ends_once(any_issuer: Issuer) -> None:
    presented = await _current(any_issuer)

    def end() -> object:
        return any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.revoke(presented.family_id, "test"))

    assert end() == (await any_issuer.sub(), "spa")
    assert end() is None
