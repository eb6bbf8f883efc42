"""What is told before a key is burned: each state of it, planned or not, with the bounds of this issuer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.cli.key_consequence import Bounds, consequence
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared.key_policy import KeyPolicy

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
POLICY = RotationPolicy(KeyPolicy())
BOUNDS = Bounds.of(KeyPolicy())


def _key(state: KeyState, kid: str, age_ms: int) -> SigningKey:
    published = NOW_MS - age_ms
    return SigningKey(
        kid=kid * 43,
        ring="RS256",
        state=state,
        alg="RS256",
        public_jwk={},
        custodian="local",
        private_ref=b"sealed",
        kek_id="kek",
        created_at=published,
        published_at=published,
        activated_at=None,
        retired_at=None,
    )


ACTIVE = _key(KeyState.ACTIVE, "a", 3 * DAY_MS)
STANDBY = _key(KeyState.PENDING, "p", 2 * DAY_MS)
RING = RingView("RS256", "RS256", 1, ACTIVE.kid, (ACTIVE, STANDBY), NOW_MS)


def rows_of(key: SigningKey, ring: RingView = RING, *, planned: bool = False) -> list[tuple[str, str]]:
    """The rows of what is told: when, and what is true then."""
    told = consequence(key, ring, POLICY, BOUNDS, planned=planned, width=400)
    return [(line[2:14].strip(), line[14:].strip()) for line in told.split("\n\n")[1].splitlines()]


def test_a_burn_kills_first_and_says_when_the_last_one_knows() -> None:
    rows = rows_of(ACTIVE)

    assert [when for when, _ in rows] == ["at once", "at once", "in 15 s", "in 60 s", "in 600 s", "in 24 hours"]
    assert rows[0][1].startswith("the key is dead for ever")
    assert rows[1][1] == "ppppppppppp signs, which was published 2 days ago: every healthy API holds it"


def test_a_planned_burn_lets_the_standby_sign_first_and_every_bound_waits_for_the_lease() -> None:
    rows = rows_of(ACTIVE, planned=True)

    assert [when for when, _ in rows] == ["at once", "in 60 s", "in 75 s", "in 660 s", "in 24 hours"]
    assert rows[0][1].startswith("ppppppppppp signs")
    assert rows[1][1].startswith("nobody signs with it any more; only then the key is dead for ever")


def test_a_standby_that_apis_may_not_hold_is_told_before() -> None:
    young = replace(RING, keys=(ACTIVE, _key(KeyState.PENDING, "p", 60_000)))
    none = replace(RING, keys=(ACTIVE,))

    assert rows_of(ACTIVE, young)[1][1].startswith("ppppppppppp signs, which was published 60 seconds ago, less than")
    assert "answer 503" in rows_of(ACTIVE, young)[1][1]
    assert rows_of(ACTIVE, none)[1][1].startswith("a standby is made, for there is none")


@pytest.mark.parametrize("state", [KeyState.PENDING, KeyState.RETIRED, KeyState.IMPORTED_VERIFY_ONLY])
@pytest.mark.parametrize("planned", [False, True])
def test_a_key_that_signs_nothing_dies_at_once_and_no_other_begins_to_sign(state: KeyState, planned: bool) -> None:
    rows = rows_of(_key(state, "k", DAY_MS), planned=planned)

    assert [when for when, _ in rows] == ["at once", "in 15 s", "in 600 s", "in 24 hours"]


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_the_terminal(planned: bool, width: int) -> None:
    told = consequence(ACTIVE, RING, POLICY, BOUNDS, planned=planned, width=width)

    assert max(map(len, told.splitlines())) <= width
