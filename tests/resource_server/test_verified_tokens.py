"""The memory of verified tokens."""

from __future__ import annotations

from resource_server.verified_tokens import VerifiedTokens
from resource_server.verifier.verify import verify
from tests.resource_server.support import NOW, a_key_set, a_policy, a_token

TOKEN = verify(a_token(), a_key_set(), a_policy(), NOW)


def test_it_never_holds_more_than_its_capacity_and_forgets_the_oldest() -> None:
    memory = VerifiedTokens(10, 60)
    for i in range(100):
        memory.add(str(i).encode(), TOKEN, 1)
        assert len(memory) <= 10

    assert memory.find(b"99", 1, NOW) is TOKEN
    assert memory.find(b"0", 1, NOW) is None


def test_what_is_used_survives() -> None:
    memory = VerifiedTokens(10, 60)
    memory.add(b"often", TOKEN, 1)
    for i in range(100):
        memory.add(str(i).encode(), TOKEN, 1)
        assert memory.find(b"often", 1, NOW) is TOKEN


def test_new_keys_forget_everything_and_old_keys_add_nothing() -> None:
    memory = VerifiedTokens(10, 60)
    memory.add(b"a", TOKEN, 1)

    assert memory.find(b"a", 2, NOW) is None
    memory.add(b"b", TOKEN, 2)
    memory.add(b"c", TOKEN, 1)

    assert (memory.find(b"a", 2, NOW), memory.find(b"b", 2, NOW), memory.find(b"c", 2, NOW)) == (None, TOKEN, None)
    assert memory.find(b"b", 1, NOW) is None


def test_times_are_checked_on_every_hit() -> None:
    memory = VerifiedTokens(10, 60)
    memory.add(b"a", TOKEN, 1)

    assert memory.find(b"a", 1, NOW - 60) is TOKEN
    assert memory.find(b"a", 1, NOW - 60.5) is None
    assert memory.find(b"a", 1, NOW + 659.9) is TOKEN
    assert memory.find(b"a", 1, NOW + 660) is None


def test_a_capacity_of_nothing_keeps_nothing() -> None:
    memory = VerifiedTokens(0, 60)
    memory.add(b"a", TOKEN, 1)

    assert len(memory) == 0
