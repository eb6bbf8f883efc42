"""The pure parts: times in words, and the ring's timeline."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from auth_server.cli.key_timeline import draw, next_due
from auth_server.cli.plain_text import duration, relative, stamp, table, timestamp
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared.key_policy import KeyPolicy

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
POLICY = RotationPolicy(KeyPolicy())


def _key(state: KeyState, kid: str, *, published: int, activated: int | None = None, retired: int | None = None) -> SigningKey:
    return SigningKey(
        kid=kid * 43,
        ring="default",
        state=state,
        alg="RS256",
        public_jwk={},
        custodian="local",
        private_ref=b"sealed" if state is not KeyState.RETIRING else None,
        kek_id="kek",
        created_at=published,
        published_at=published,
        activated_at=activated,
        retired_at=retired,
    )


def _ring(*keys: SigningKey) -> RingView:
    return RingView("default", "RS256", 1, keys[0].kid, keys, NOW_MS)


def test_times_are_told_in_the_largest_unit_that_still_says_something() -> None:
    told = [duration(seconds) for seconds in (1, 59, 119, 120, 7_199, 7_200, 2 * 86_400, 29.4 * 86_400)]

    assert told == ["1 second", "59 seconds", "119 seconds", "2 minutes", "120 minutes", "2 hours", "2 days", "29 days"]


def test_the_past_the_present_and_the_future_differ() -> None:
    assert [relative(NOW_MS + ms, NOW_MS) for ms in (-5_000, 400, 5_000)] == ["5 seconds ago", "now", "in 5 seconds"]


def test_a_time_is_told_in_utc() -> None:
    assert stamp(NOW_MS) == "2027-01-15 08:00:00Z"
    assert timestamp(NOW_MS + 7) == "2027-01-15T08:00:00.007Z"


def test_columns_are_aligned_and_nothing_in_them_can_move_the_cursor() -> None:
    lines = table(("A", "B"), [("longer", "x"), ("\x1b[2J", "y")]).splitlines()

    assert [line.index(end) for line, end in zip(lines, "Bxy", strict=True)] == [lines[0].index("B")] * 3
    assert "\x1b" not in lines[2]


def test_the_hand_over_waits_for_the_later_of_the_two_bounds() -> None:
    active = _key(KeyState.ACTIVE, "a", published=NOW_MS - 30 * DAY_MS, activated=NOW_MS - 29 * DAY_MS)
    old, young = (_key(KeyState.PENDING, "p", published=NOW_MS - ms) for ms in (29 * DAY_MS, 1000))

    told = [next_due(active, _ring(active, standby), POLICY) for standby in (old, young)]

    assert [due.words(NOW_MS) for due in told if due] == ["hands over in 24 hours", "hands over in 24 hours"]
    overdue = _key(KeyState.ACTIVE, "a", published=0, activated=0)
    due = next_due(overdue, _ring(overdue, young), POLICY)
    assert due is not None
    assert due.at_ms == young.published_at + DAY_MS


def test_the_first_key_of_a_further_ring_signs_after_n_and_is_drawn_so() -> None:
    first = _key(KeyState.PENDING, "p", published=NOW_MS - DAY_MS // 4)
    ring = replace(_ring(first), active_kid=None)

    due = next_due(first, ring, POLICY)

    assert due is not None
    assert due.words(NOW_MS) == "signs in 18 hours"
    line = draw(ring, POLICY).splitlines()[0]
    assert line.index("=") > line.index("|")


def test_each_part_of_a_life_is_drawn_in_its_place() -> None:
    """Published, signing, verifying, gone: what is past and what is due, on one scale."""
    policy = RotationPolicy(KeyPolicy(retire_after=DAY_MS / 1000), rotation_period=2 * DAY_MS / 1000)
    retiring = _key(KeyState.RETIRING, "r", published=NOW_MS - 4 * DAY_MS, activated=NOW_MS - 3 * DAY_MS, retired=NOW_MS - DAY_MS)
    active = _key(KeyState.ACTIVE, "a", published=NOW_MS - 3 * DAY_MS, activated=NOW_MS - DAY_MS)
    standby = _key(KeyState.PENDING, "p", published=NOW_MS - DAY_MS)

    drawn = draw(_ring(retiring, active, standby), policy, width=85)

    assert drawn.splitlines() == [
        "pending   ppppppppppp                        ........|......===============-------x",
        "active    aaaaaaaaaaa         ...............========|======-------x",
        "retiring  rrrrrrrrrrr  .......===============--------|",
        "                       4 days ago                    now                  in 4 days",
    ]


def test_a_retiring_key_is_withdrawn_after_v() -> None:
    retiring = _key(KeyState.RETIRING, "r", published=0, activated=0, retired=NOW_MS - DAY_MS // 2)

    due = next_due(retiring, _ring(retiring), POLICY)

    assert due is not None
    assert due.words(NOW_MS) == "is withdrawn in 12 hours"


def test_a_dead_key_has_nothing_ahead() -> None:
    dead = _key(KeyState.COMPROMISED, "c", published=0)

    assert next_due(dead, _ring(dead), POLICY) is None


@given(
    st.integers(0, 400 * DAY_MS),
    st.integers(0, 400 * DAY_MS),
    st.integers(0, 2 * DAY_MS),
    st.sampled_from([KeyState.RETIRING, None]),
    st.integers(60, 140),
)
def test_any_ring_is_drawn_within_the_terminal(
    active_age: int, standby_age: int, retired_ago: int, third: KeyState | None, width: int
) -> None:
    keys = [
        _key(KeyState.ACTIVE, "a", published=NOW_MS - active_age - DAY_MS, activated=NOW_MS - active_age),
        _key(KeyState.PENDING, "p", published=NOW_MS - standby_age),
    ]
    if third is not None:
        retired = NOW_MS - retired_ago
        keys.append(_key(third, "r", published=retired - 40 * DAY_MS, activated=retired - 30 * DAY_MS, retired=retired))

    lines = draw(_ring(*keys), POLICY, width=width).splitlines()

    assert max(map(len, lines)) <= width
    columns = {line.index("|") for line in lines[:-1]}
    assert len(columns) == 1
    assert lines[-1].index("now") == columns.pop()
