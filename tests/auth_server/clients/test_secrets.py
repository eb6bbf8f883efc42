"""Client secrets: random, kept as digests, compared in equal time."""

from __future__ import annotations

import pytest

from auth_server.clients import secrets
from auth_server.protocol.client import ClientSecret
from auth_server.protocol.secret import Secret
from tests.support.builders import NOW, SECRET

KNOWN = (ClientSecret(secrets.digest(Secret(SECRET))),)


def test_a_secret_made_by_us_has_256_random_bits_and_is_acceptable() -> None:
    made = secrets.generate()

    assert len(made.reveal()) == 43
    assert made != secrets.generate()
    secrets.check_given(made)


def test_what_is_stored_is_not_the_secret() -> None:
    assert SECRET.encode() not in secrets.digest(Secret(SECRET))


@pytest.mark.parametrize("value", ["x" * 31, "x" * 257, "x" * 31 + " ", "x" * 31 + "ä", "x" * 31 + "\n", ""])
def test_a_given_secret_that_could_be_guessed_or_mistyped_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="client secret") as refused:
        secrets.check_given(Secret(value))

    assert "x" * 31 not in str(refused.value)


@pytest.mark.parametrize("value", ["x" * 32, "x" * 256, "!" * 32])
def test_a_given_secret_of_enough_characters_is_accepted(value: str) -> None:
    secrets.check_given(Secret(value))


def test_one_of_several_secrets_is_enough() -> None:
    other = ClientSecret(secrets.digest(Secret("another")))

    assert secrets.is_one_of(SECRET, (other, *KNOWN), NOW)
    assert secrets.is_one_of("another", (other, *KNOWN), NOW)
    assert not secrets.is_one_of("a third", (other, *KNOWN), NOW)


def test_an_old_secret_works_until_the_second_it_ends() -> None:
    ending = (ClientSecret(KNOWN[0].digest, expires_at=NOW),)

    assert secrets.is_one_of(SECRET, ending, NOW - 1)
    assert not secrets.is_one_of(SECRET, ending, NOW)


def test_nothing_matches_no_secret_not_even_what_stands_in_for_one() -> None:
    for presented in ("", SECRET, "stands in for the secret of a client that does not exist"):
        assert not secrets.is_one_of(presented, (), NOW)
