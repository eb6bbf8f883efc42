"""Refresh tokens: how one is spelt, what presenting one means."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidGrant
from auth_server.protocol.refresh import (
    MAX_REPLAYS,
    PREFIX,
    Family,
    RefreshPolicy,
    RefreshToken,
    Step,
    classify,
    is_live,
    read,
)
from shared import base64url
from tests.models.refresh_family import Meaning, Row, Rules, present
from tests.support.builders import FAMILY_ID, MAC_KEY, NOW_MS, a_client, a_family, a_public_client, a_token

POLICY = RefreshPolicy()
QUIET_MS, GRACE_MS = 30_000, 120_000
KEYS = {0: MAC_KEY, 7: bytes(32)}
CHARACTERS = string.ascii_letters + string.digits + "-_" + "=+/. \n\x00äŁ"


def _means(token: RefreshToken, family: Family, now_ms: int = NOW_MS, policy: RefreshPolicy = POLICY) -> Step:
    return classify(token, family, a_public_client(), policy, now_ms)


# How a token is spelt.


@given(st.integers(0, 2**32 - 1), st.binary(min_size=16, max_size=16), st.sampled_from([0, 7]))
def test_what_is_spelt_is_read_again(seq: int, family_id: bytes, kid: int) -> None:
    token = a_token(seq, family_id=family_id, mac_kid=kid, mac_key=KEYS[kid])

    assert read(token.text, KEYS) == token
    assert (token.seq, token.family_id) == (seq, family_id)


def test_every_prefix_of_a_token_is_refused() -> None:
    text = a_token().text

    for length in range(len(text)):
        with pytest.raises(InvalidGrant):
            read(text[:length], KEYS)


def test_every_edit_of_one_character_is_refused() -> None:
    """A truncated or altered opaque token must not work, wherever it was altered."""
    text = a_token().text
    edits = {text[:at] + c + text[at + 1 :] for at in range(len(text)) for c in CHARACTERS}
    edits |= {text[:at] + c + text[at:] for at in range(len(text) + 1) for c in "A=\n"}
    edits |= {text[:at] + text[at + 1 :] for at in range(len(text))}

    for edited in edits - {text}:
        with pytest.raises(InvalidGrant):
            read(edited, KEYS)


@given(st.text(max_size=120) | st.text(string.ascii_letters + "-_", min_size=92, max_size=92).map(PREFIX.__add__))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrant):
        read(text, KEYS)


@pytest.mark.parametrize("keys", [{}, {0: bytes(32)}, {1: MAC_KEY}], ids=["no key", "another key", "another id"])
def test_a_token_under_a_key_that_is_not_ours_is_refused(keys: dict[int, bytes]) -> None:
    with pytest.raises(InvalidGrant):
        read(a_token().text, keys)


def test_all_that_a_token_says_stands_under_its_tag() -> None:
    raw = base64url.decode(a_token().text.removeprefix(PREFIX).encode())

    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidGrant):
            read(PREFIX + base64url.encode(bytes(changed)), KEYS)


def test_a_token_does_not_show_itself() -> None:
    token = a_token()

    assert token.text not in repr(token)
    assert repr(token.digest) not in repr(token)


# What presenting one means.


@pytest.mark.parametrize(
    "age_ms, seq, means",
    [(QUIET_MS, 3, Step.REPEAT), (QUIET_MS + 1, 3, Step.ROTATE), (0, 3, Step.REPEAT), (0, 0, Step.ROTATE)],
)
def test_the_current_token_rotates_once_it_is_older_than_the_quiet_window(age_ms: int, seq: int, means: Step) -> None:
    assert _means(a_token(seq), a_family(seq), NOW_MS + age_ms) is means


@pytest.mark.parametrize(
    "seen, rotated_ago, issued_ago, means",
    [
        (False, GRACE_MS, 0, Step.REPLAY),
        (False, GRACE_MS + 1, 0, Step.REUSE),
        (True, GRACE_MS, QUIET_MS, Step.REPLAY),
        (True, 0, QUIET_MS + 1, Step.REUSE),
        (True, GRACE_MS + QUIET_MS, QUIET_MS, Step.REPLAY),
    ],
)
def test_the_previous_token_is_replayed_within_its_grace_alone(
    seen: bool, rotated_ago: int, issued_ago: int, means: Step
) -> None:
    family = a_family(3, cur_seen=seen, rotated_at=NOW_MS - rotated_ago, issued_at=NOW_MS - issued_ago)

    assert _means(a_token(2), family) is means


@pytest.mark.parametrize("behind", [2, 3])
def test_an_older_token_is_reuse_at_once(behind: int) -> None:
    assert _means(a_token(3 - behind), a_family(3)) is Step.REUSE


def test_a_token_ahead_of_its_row_tells_that_the_database_was_rolled_back() -> None:
    assert _means(a_token(4), a_family(3)) is Step.AHEAD


def test_another_secret_of_the_right_generation_opens_nothing() -> None:
    assert _means(a_token(3, secret=1), a_family(3)) is Step.REFUSE


def test_another_secret_of_the_previous_generation_is_reuse() -> None:
    assert _means(a_token(2, secret=1), a_family(3)) is Step.REUSE


def test_a_successor_that_was_wiped_cannot_be_replayed() -> None:
    assert _means(a_token(2), a_family(3, has_successor=False)) is Step.REUSE


@pytest.mark.parametrize("count, means", [(MAX_REPLAYS - 1, Step.REPLAY), (MAX_REPLAYS, Step.SLOW_DOWN)])
def test_one_generation_is_replayed_twenty_times_and_then_slowed_down(count: int, means: Step) -> None:
    assert _means(a_token(2), a_family(3, replay_count=count)) is means


@pytest.mark.parametrize("seq", [0, 3])
@pytest.mark.parametrize("age_ms", [0, QUIET_MS + 1])
def test_the_token_of_a_client_that_does_not_rotate_is_kept(seq: int, age_ms: int) -> None:
    assert classify(a_token(seq), a_family(seq), a_client(), POLICY, NOW_MS + age_ms) is Step.KEEP


def test_a_confidential_client_may_retry_for_a_day() -> None:
    rotating = a_client(rotates_refresh_tokens=True)
    family = a_family(3, rotated_at=NOW_MS - 86_400_000, issued_at=NOW_MS - 86_400_000)

    assert classify(a_token(2), family, rotating, POLICY, NOW_MS) is Step.REPLAY
    assert classify(a_token(2), family, rotating, POLICY, NOW_MS + 1) is Step.REUSE


@pytest.mark.parametrize(
    "client, cnf, grace_s",
    [
        (a_public_client(), None, 120),
        (a_public_client(rotates_refresh_tokens=True), '{"jkt":"a-thumbprint"}', 86_400),
        (a_client(rotates_refresh_tokens=True), None, 86_400),
    ],
    ids=["a public client", "a public client's bound token", "a confidential client"],
)
def test_the_grace_is_long_where_the_token_alone_opens_nothing(client: Client, cnf: str | None, grace_s: int) -> None:
    rotated_at = NOW_MS - grace_s * 1000
    family = a_family(3, rotated_at=rotated_at, issued_at=rotated_at, cnf=cnf)

    assert classify(a_token(2), family, client, POLICY, NOW_MS) is Step.REPLAY
    assert classify(a_token(2), family, client, POLICY, NOW_MS + 1) is Step.REUSE
    assert classify(a_token(2), family, client, RefreshPolicy(retry_grace=0), NOW_MS) is Step.REUSE


def test_a_bound_token_rotates_only_where_the_client_is_registered_for_that() -> None:
    bound = a_family(3, cnf='{"jkt":"a-thumbprint"}')

    assert classify(a_token(3), bound, a_public_client(), POLICY, NOW_MS + QUIET_MS + 1) is Step.KEEP
    rotating = a_public_client(rotates_refresh_tokens=True)
    assert classify(a_token(3), bound, rotating, POLICY, NOW_MS + QUIET_MS + 1) is Step.ROTATE


@pytest.mark.parametrize("streak, ends, means", [(1, True, Step.REPLAY), (2, False, Step.REPLAY), (2, True, Step.SUSPICIOUS)])
def test_replays_in_three_generations_on_end_end_the_family_where_the_policy_says_so(
    streak: int, ends: bool, means: Step
) -> None:
    policy = RefreshPolicy(ends_suspicious=ends)

    assert _means(a_token(2), a_family(3, replay_streak=streak), policy=policy) is means
    assert _means(a_token(3), a_family(3, replay_streak=streak), NOW_MS + QUIET_MS + 1, policy) is Step.ROTATE


@pytest.mark.parametrize("seen", [False, True])
def test_under_the_strict_policy_a_replaced_token_is_reuse_whoever_presents_it_and_when(seen: bool) -> None:
    """A grace of 0 means that nothing which was rotated out is accepted again, also within the quiet window."""
    strict = RefreshPolicy(retry_grace=0)

    for client in (a_public_client(), a_client(rotates_refresh_tokens=True)):
        assert classify(a_token(2), a_family(3, cur_seen=seen), client, strict, NOW_MS) is Step.REUSE


@given(
    st.integers(0, 6),
    st.integers(1, 5),
    st.integers(0, 200).map(lambda s: s * 1000),
    st.integers(0, 200).map(lambda s: s * 1000),
    st.booleans(),
    st.integers(0, 1),
)
def test_the_meaning_is_that_of_the_model(
    presented: int, seq: int, rotated_ago: int, issued_later: int, seen: bool, odd: int
) -> None:
    rotated_at = NOW_MS - rotated_ago - odd
    issued_at = min(rotated_at + issued_later, NOW_MS)
    family = a_family(seq, rotated_at=rotated_at, issued_at=issued_at, cur_seen=seen)
    row = Row(seq, rotated_at=rotated_at, issued_at=issued_at, seen=seen)

    meaning, _ = present(row, presented, NOW_MS, Rules(quiet=QUIET_MS, grace=GRACE_MS))

    assert _means(a_token(presented), family) == Step(meaning.value)
    assert meaning is not Meaning.OVER


@pytest.mark.parametrize("bound", ["idle_expires_at", "absolute_expires_at"])
def test_a_family_is_over_from_the_millisecond_its_lifetime_ends(bound: str) -> None:
    family = replace(a_family(), **{bound: NOW_MS})  # type: ignore[arg-type]

    assert is_live(family, NOW_MS - 1)
    assert not is_live(family, NOW_MS)


def test_a_revoked_family_is_over() -> None:
    assert not is_live(a_family(revoked_at=NOW_MS - 1), NOW_MS)


def test_a_family_names_itself_in_base64url() -> None:
    assert base64url.decode(a_family().grant_id.encode()) == FAMILY_ID
